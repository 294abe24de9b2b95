/* What a report counts over all connections, kept while they are written: tables summaries and
 * finding_summaries, docs/database.md. Rows are sums by recording and hour of the first segment, so that
 * connections can be added and taken away in batches. */
#ifndef LASTACK_DB_SUMMARIES_H
#define LASTACK_DB_SUMMARIES_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/verdict.h"
#include "base/error.h"

struct summaries;

/* Belongs to one thread at a time, as db. NULL with err. */
struct summaries *summaries_new(sqlite3 *db, struct error *err);
void summaries_free(struct summaries *summaries); /* NULL is fine */

/* A recording begins: forgets what was not flushed. */
void summaries_begin(struct summaries *summaries, int64_t recording_id);
/* Counts a connection whose rows are written. */
bool summaries_add(struct summaries *summaries, const struct verdict *verdict, int64_t outcome_id,
		   struct error *err);
/* Adds what was counted to the tables. */
bool summaries_flush(struct summaries *summaries, struct error *err);

/* Takes connections first to last of a recording out of the tables; their rows must still be there, and
 * nothing be unflushed. */
bool summaries_subtract(sqlite3 *db, int64_t recording_id, int64_t first, int64_t last,
			struct error *err);
/* The same the other way round, from the rows. */
bool summaries_count(sqlite3 *db, int64_t recording_id, int64_t first, int64_t last,
		     struct error *err);

#endif
