/* The readable table of groups of connections. */
#ifndef LASTACK_REPORT_GROUPS_H
#define LASTACK_REPORT_GROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sqlite3.h>

#include "base/error.h"
#include "report/style.h"

/* As rows_write, for a statement of query_prepare_groups: counts with separators, sizes and durations
 * with units. */
bool groups_write_table(FILE *out, sqlite3_stmt *statement, uint64_t limit,
			const struct style *style, uint64_t *written, bool *cut, struct error *err);

#endif
