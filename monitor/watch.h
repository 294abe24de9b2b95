/* The people's side of a live run: screen or lines, metrics, alert commands, the host's sockets. It only
 * reads the board (and, for one connection's ladder, the database), and may run in a process that has no
 * part in the capture.
 *
 *   watch = watch_open(&config, &err);
 *   watch_begin(watch);
 *   do {
 *           count = watch_wait_for(watch, fds, room);
 *           poll(fds, count, a tenth of a second);
 *           result = watch_turn(watch, &err);
 *   } while (result == WATCH_GOES_ON);
 *   watch_close(watch, &err);
 */
#ifndef LASTACK_MONITOR_WATCH_H
#define LASTACK_MONITOR_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "monitor/alert.h"
#include "monitor/board.h"
#include "report/style.h"

struct watch_config {
	const struct board *board;
	const char *database; /* for ladders; NULL: there is none to read */
	struct style style;   /* of standard output */
	bool view;            /* full screen, where the terminal can; else lines */
	bool quiet;           /* no lines either */
	bool json;            /* lines as JSON */
	int64_t interval_ns;  /* of summary lines; 0: none */
	const char *metrics;  /* ADDRESS:PORT, or NULL */
	const struct alert_condition *conditions; /* of the run; borrowed */
	size_t condition_count;
	const char *alert_command; /* program, or NULL */
	bool owners;               /* tell whose sockets hang */
	int64_t stuck_ns;          /* after which a CLOSE_WAIT of the host does */
};

enum watch_result {
	WATCH_GOES_ON,
	WATCH_LEAVE, /* the user wants to leave, or the terminal is gone */
	WATCH_BROKEN /* lines cannot be written any more, with err */
};

enum { WATCH_FDS = 2 };

struct watch;

/* Does not touch the terminal yet. NULL with err: an address that is none or in use, a command that cannot be run, and what else the user
 * has to know before the run begins. */
struct watch *watch_open(const struct watch_config *config, struct error *err);
/* The run has begun: takes the terminal; one that cannot show the view gets lines. */
void watch_begin(struct watch *watch);
/* Gives the terminal back, and nothing else: the program ends at once. */
void watch_leave(struct watch *watch);
/* What to poll for; returns how many there are, at most WATCH_FDS. */
int watch_wait_for(const struct watch *watch, struct pollfd *fds, int room);
/* Does what is due, without waiting: ten times a second, and when one of those is ready or a signal ended the
 * wait. */
enum watch_result watch_turn(struct watch *watch, struct error *err);
/* A sentence about the run: shown on the screen. False, and nothing done: there is none. */
bool watch_remark(struct watch *watch, const char *text);
/* In a process that was forked from this one: closes what it shall not hold, and nothing else. */
void watch_forked(const struct watch *watch);
/* Gives the terminal back, tells the last events and the last summary: err where they could not be written.
 * NULL is fine. */
void watch_close(struct watch *watch, struct error *err);

uint16_t watch_metrics_port(const struct watch *watch); /* 0: none served */

#endif
