/* Who reads the streams of an analysis along: the naming of applications, the search for strings. */
#ifndef LASTACK_CLI_READERS_H
#define LASTACK_CLI_READERS_H

#include <stdbool.h>

#include "base/error.h"
#include "cli/analyze_options.h"
#include "cli/pipeline.h"
#include "streams/marks.h"

struct readers {
	struct dpi *dpi;                           /* owned; NULL: not wanted */
	struct marks *marks;                       /* owned; NULL: none */
	struct recording_mark recorded[MARKS_MAX]; /* what the recording is told of them */
};

/* Makes those that were asked for and adds them to the pipeline, whose recording is told the strings.
 * False with err: readers_close is still to be called. */
bool readers_open(struct readers *readers, const struct analyze_options *options,
		  struct pipeline *pipeline, struct error *err);
void readers_close(struct readers *readers);

#endif
