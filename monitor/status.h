/* What the other processes tell the first: lines in a pipe, and how they end. */
#ifndef LASTACK_MONITOR_STATUS_H
#define LASTACK_MONITOR_STATUS_H

#include <stddef.h>

enum { STATUS_LINE_SIZE = 1400, STATUS_END_SIZE = 1060 };

/* The first byte of a line. Standard error leads into the pipe, too: what libraries print begins with none of
 * these, but with a letter. */
enum status_kind {
	STATUS_CAPTURE_READY = 1, /* of the interface */
	STATUS_ANALYSIS_READY,
	STATUS_REMARK,
	STATUS_FAILURE, /* why the process ends */
};

/* Writes a line, or nothing where it is too long. */
void status_say(int pipe, enum status_kind kind, const char *text);

/* Lines that come in pieces. All zero to begin with. */
struct status_lines {
	char text[STATUS_LINE_SIZE];
	size_t used;
};

/* Reads what is there, once; take gets each line that is complete, with its kind. */
void status_read(struct status_lines *lines, int pipe,
		 void (*take)(void *context, const char *line), void *context);

/* "(signal 9)", "(status 1): out of memory"; status as of waitpid(), reason may be "". Returns out. */
const char *status_end_text(int status, const char *reason, char out[STATUS_END_SIZE]);

#endif
