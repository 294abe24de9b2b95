/* The first process of a live run: starts the others and starts them anew, listens to signals, and lets those
 * work who talk to people.
 *
 * SIGINT and SIGTERM finish what is buffered, a second one leaves at once; SIGHUP reopens interfaces and
 * database. The other processes are deaf to signals of the terminal. */
#ifndef LASTACK_MONITOR_FRONT_H
#define LASTACK_MONITOR_FRONT_H

#include <poll.h>
#include <stdbool.h>

#include "base/error.h"
#include "monitor/board.h"
#include "monitor/config.h"

enum { FRONT_FDS = 16 };

/* Who talks to people, in the front's one thread; each may be NULL. */
struct front_hooks {
	void *context;
	/* In each other process, right after it was forked: what the front alone shall hold is closed. */
	void (*forked)(void *context);
	/* Everything is open, packets come. False with err: the run ends. */
	bool (*ready)(void *context, struct error *err);
	/* What else to wait for; returns how many were filled in. */
	int (*wait_for)(void *context, struct pollfd *fds, int room);
	/* Ten times a second, and whenever one of those is ready. False: the user wants to leave. */
	bool (*turn)(void *context, const struct pollfd *fds, int count);
	/* The program ends at once: the terminal is given back. */
	void (*leaving)(void *context);
	/* A sentence about the run. */
	void (*remark)(void *context, const char *text);
};

/* Until a signal, the user or the end of all replayed files. False with err where the run failed. A second
 * signal ends the program here. */
bool front_run(const struct monitor_config *config, struct board *board,
	       const struct front_hooks *hooks, struct error *err);

#endif
