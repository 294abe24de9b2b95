/* One line on a terminal that tells how far the reading is. */
#ifndef LASTACK_CLI_PROGRESS_H
#define LASTACK_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/pipeline.h"
#include "source/feed.h"

struct progress {
	const struct feed *feed;     /* set for each recording */
	bool shown;                  /* standard error is a terminal and nobody asked for quiet */
	bool dirty;                  /* a line stands there */
	int64_t started_ns, told_ns; /* monotonic clock */
};

void progress_start(struct progress *progress, const struct feed *feed);
/* Fits struct pipeline_watch; context is the struct progress. At most ten times a second. */
void progress_tell(void *context, const struct pipeline_progress *now);
/* Wipes the line, before anything else is printed. */
void progress_clear(struct progress *progress);

#endif
