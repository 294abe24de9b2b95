/* What a live run tells where nobody looks at a screen: a line a finding, alert and trouble, and a summary
 * line every interval; as text or as JSON (one object a line, docs/monitor.md names the members). */
#ifndef LASTACK_MONITOR_LINES_H
#define LASTACK_MONITOR_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "monitor/alert.h"
#include "monitor/board.h"
#include "monitor/snapshot.h"

struct lines {
	FILE *out;
	const struct board *board;
	const struct alert_condition *conditions; /* of the run; borrowed */
	size_t condition_count;
	bool json, unicode;
	uint64_t next;             /* number of the event to read */
	uint64_t missed, findings; /* since the last summary */
	struct snapshot then;      /* at the last summary */
};

void lines_open(struct lines *lines, FILE *out, const struct board *board,
		const struct alert_condition *conditions, size_t condition_count, bool json,
		bool unicode);
/* Tells the events since the last call. */
void lines_events(struct lines *lines);
/* Tells what the time since the last summary (or the opening) brought; elapsed_ns: its length by a clock
 * that is not set. */
void lines_summary(struct lines *lines, int64_t now_ns, int64_t elapsed_ns);
/* A sentence about the host's own sockets. */
void lines_note(struct lines *lines, int64_t now_ns, const char *text);
/* Something that went wrong on this side, as the board tells of the other. */
void lines_trouble(struct lines *lines, int64_t now_ns, const char *text);
/* Flushes; false with err where the output is gone. */
bool lines_flush(struct lines *lines, struct error *err);

#endif
