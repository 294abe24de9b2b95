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
/* The transaction is rolled back. */
void summaries_forget(struct summaries *summaries);
/* Counts a connection whose rows are written. */
bool summaries_add(struct summaries *summaries, const struct verdict *verdict, int64_t outcome_id,
		   struct error *err);
/* Its outcome alone is another now. */
bool summaries_move(struct summaries *summaries, const struct verdict *verdict, int64_t from,
		    int64_t to, struct error *err);
/* Adds what was counted to the tables. */
bool summaries_flush(struct summaries *summaries, struct error *err);

/* From the rows, which must still be there, with nothing unflushed: takes a connection out of the tables; all
 * of temp.expired; counts all connections there are into empty tables. */
bool summaries_subtract_one(sqlite3 *db, int64_t id, struct error *err);
bool summaries_subtract_expired(sqlite3 *db, struct error *err);
bool summaries_count_all(sqlite3 *db, struct error *err);

#endif
