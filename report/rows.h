/* Rows of a statement for people (a table) or machines (JSON lines, CSV). */
#ifndef LASTACK_REPORT_ROWS_H
#define LASTACK_REPORT_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sqlite3.h>

#include "base/error.h"
#include "report/style.h"

enum rows_format { ROWS_TABLE, ROWS_JSON, ROWS_CSV };

/* Steps statement to its end or to limit rows (0: all) and writes them.
 *
 * ROWS_JSON: one object a line, every column under its name, numbers as they are stored, NULL as
 * null, blobs as hexadecimal text. ROWS_CSV: RFC 4180 with a line of names; NULL is nothing, an
 * empty text is "". ROWS_TABLE: every column, aligned by the first 1,000 rows; statements over
 * the columns of `teardowns` are better told by teardowns_write_table (report/teardowns.h).
 *
 * *written is the number of rows; *cut is true where rows beyond the limit exist. False with err
 * where SQLite fails on the way. The statement is the caller's. */
bool rows_write(FILE *out, sqlite3_stmt *statement, enum rows_format format, uint64_t limit,
		const struct style *style, uint64_t *written, bool *cut, struct error *err);

#endif
