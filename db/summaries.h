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

/* What is summed of a connection, both directions together. */
struct summed {
	int64_t first_ns, bytes, retransmitted, missing, rst_in_window, rst_out_of_window,
		time_wait_restarts;
};

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
/* Its outcome alone is another now. first_ns: of its row, as the clock may have been set since. */
bool summaries_move(struct summaries *summaries, const struct verdict *verdict, int64_t first_ns,
		    int64_t from, int64_t to, struct error *err);
/* What summaries_add has counted of a connection, findings left out, is counted no more. */
bool summaries_subtract(struct summaries *summaries, const struct summed *was, int64_t outcome_id,
			struct error *err);
/* Nor is one of its findings; first: of that code and severity. */
bool summaries_subtract_finding(struct summaries *summaries, int64_t first_ns, int code,
				int severity, bool first, int64_t occurrences, struct error *err);
/* Adds what was counted to the tables. */
bool summaries_flush(struct summaries *summaries, struct error *err);

/* From the rows, which must still be there, with nothing unflushed: takes all of temp.expired out of the tables;
 * counts all connections there are into empty tables. */
bool summaries_subtract_expired(sqlite3 *db, struct error *err);
bool summaries_count_all(sqlite3 *db, struct error *err);

#endif
