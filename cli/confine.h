/* Before the commands read what strangers wrote: what they may need of files and names is taken or
 * allowed, the rest is given up (guard/sandbox.h). */
#ifndef LASTACK_CLI_CONFINE_H
#define LASTACK_CLI_CONFINE_H

#include "base/error.h"
#include "cli/options.h"
#include "source/filter.h"

/* The filter for all captures, its names looked up for every link type that is decoded. *filter is NULL
 * where no expression is given. False with err where it is not valid. */
bool confine_filter(const char *expression, struct filter **filter, struct error *err);

/* analyze: reads the captures, fills the database. */
void confine_analyze(const struct operands *captures, const char *database);

/* extract: reads the captures and the database (NULL: none), writes into the folder, which is there, or
 * to the file (NULL). */
void confine_extract(const struct operands *captures, const char *database, const char *folder,
		     const char *file);

/* query, report, show: read one or two databases (second may be NULL), and may write a file (NULL). */
void confine_reader(const char *database, const char *second, const char *file);

#endif
