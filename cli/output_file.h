/* Files that a command writes beside the database: never over another one, never half. */
#ifndef LASTACK_CLI_OUTPUT_FILE_H
#define LASTACK_CLI_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct output_file {
	FILE *stream;
	const char *path; /* borrowed, as given; "-": standard output */
	char *temporary;  /* owned; NULL: written in place (standard output, a device, a pipe) */
};

/* A file for its owner alone (mode 0600), under a name of its own until it is whole.
 * False with err: the path exists already, or cannot be written. */
bool output_file_open(const char *path, struct output_file *file, struct error *err);
/* Gives the file its name, if all could be written; else it is gone. The stream is closed. */
bool output_file_commit(struct output_file *file, struct error *err);
void output_file_drop(struct output_file *file);

#endif
