/* A text table that streams: widths follow the first rows, later ones may stand out. */
#ifndef LASTACK_REPORT_TABLE_H
#define LASTACK_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "report/style.h"

struct table;

struct table_column {
	const char *title;
	bool right; /* aligned to the right */
};

/* Columns are borrowed until table_free. NULL with err: no memory. */
struct table *table_new(FILE *out, const struct style *style, const struct table_column *columns,
			size_t count, struct error *err);
/* Cells are copied, one a column; NULL is shown as "-". */
bool table_row(struct table *table, const char *const *cells, struct error *err);
/* Writes what is still held back. Without any row nothing is written. */
void table_finish(struct table *table);
void table_free(struct table *table); /* NULL is fine */

#endif
