/* The process that parses: rings in, database out. It has no socket and starts no program. */
#ifndef LASTACK_MONITOR_ANALYSIS_H
#define LASTACK_MONITOR_ANALYSIS_H

#include "monitor/board.h"
#include "monitor/clock.h"
#include "monitor/config.h"
#include "monitor/ring.h"

struct analysis_setup {
	const struct monitor_config *config;
	struct ring *const *rings; /* one an interface */
	int wake;                  /* the rings' eventfd */
	struct board *board;
	struct clock_axis axis; /* the capture processes' */
	int control; /* commands come from here, a byte each; its end is ANALYSIS_FINISH */
	int status;  /* pipe, see monitor/status.h */
	bool again;  /* an earlier one ended early: it goes on with its counters and alerts */
};

/* Commands. */
enum { ANALYSIS_FINISH = 'q', ANALYSIS_REOPEN = 'h' };

/* Returns the process's exit status: 0, or 1 after a STATUS_FAILURE. */
int analysis_run(const struct analysis_setup *setup);

#endif
