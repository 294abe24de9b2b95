/* The readable table of connections: the columns of the view `teardowns` that fit a line. */
#ifndef LASTACK_REPORT_TEARDOWNS_H
#define LASTACK_REPORT_TEARDOWNS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sqlite3.h>

#include "base/error.h"
#include "report/style.h"

/* As rows_write, for a statement that has the view's columns under their names. Times are UTC: of
 * day where all the first rows are of one day, which the title then names, else in full. */
bool teardowns_write_table(FILE *out, sqlite3_stmt *statement, uint64_t limit,
			   const struct style *style, uint64_t *written, bool *cut,
			   struct error *err);

#endif
