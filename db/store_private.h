/* What the files of the store share. Nobody else includes this. */
#ifndef LASTACK_DB_STORE_PRIVATE_H
#define LASTACK_DB_STORE_PRIVATE_H

#include "db/blocks.h"
#include "db/database_file.h"
#include "db/dictionary.h"
#include "db/finding_feed.h"
#include "db/row_feed.h"
#include "db/store.h"
#include "db/summaries.h"
#include "db/writer.h"

enum store_statement {
	FIND_OUTCOME,
	SETTLE_CONNECTION,
	ADD_FINS,
	ADD_LOSSES,
	ADD_RESETS,
	ADD_SILENCE,
	ADD_REUSES,
	ADD_DWELLS,
	ADD_STATE,
	ADD_LADDER,
	ADD_FINDING, /* through the feed */
	ADD_MARK_HIT,
	STORE_STATEMENTS
};

struct store {
	struct database_file file;
	struct writer *writer; /* while a recording is open; what follows is its thread's then */
	struct dictionaries *dictionaries;
	struct summaries *summaries;
	struct again *again; /* owned; NULL until it is needed */
	struct row_feed *feed;
	struct finding_feed *findings;
	struct blocks *blocks;
	sqlite3_stmt *statement[STORE_STATEMENTS];
	unsigned added;     /* bits of the statements that the last connection needed */
	uint8_t *ladder;    /* owned; packing room */
	size_t ladder_room; /* bytes */
	bool fresh;         /* connections was empty when the recording began */
	bool replaced;      /* an earlier recording's rows were dropped */
	/* the recording in the open transaction */
	int64_t recording_id, capture_base; /* captures have capture_base + index of the file */
	int64_t first_connection, next_connection;
	int64_t msl_ns;
	int64_t *mark_ids; /* owned; of the strings it is searched for, in their order */
	/* The end of TIME_WAIT watching, as the first unverified TIME_WAIT showed it: what ends there
	 * too need not be stored a connection. NONE_NS: none so far. */
	int64_t watched_until_ns;
};

/* recording_rows.c: rows of recordings and captures */
bool recording_add(struct store *store, const struct recording *recording, struct error *err);
bool recording_drop_earlier(struct store *store, const struct recording *recording,
			    struct error *err);
bool recording_finish(struct store *store, const struct recording *recording,
		      const struct decode_counts *decoded, const struct engine_counts *engine,
		      struct error *err);
/* Drops dictionary rows that nothing refers to any more. */
bool recording_drop_orphans(struct store *store, struct error *err);

/* mark_rows.c: the strings the recording is searched for */
bool marks_add(struct store *store, const struct recording *recording, struct error *err);

/* again_rows.c: a connection that is told again */

/* Such connections will come: what is written is remembered from now on. */
bool again_expected(struct store *store, struct error *err);
/* The rows of its earlier telling go, if there are any, and are no longer counted. */
bool again_drop(struct store *store, uint64_t number, int64_t id, struct error *err);
/* Which statements wrote its rows; again may be NULL. */
void again_note(struct again *again, uint64_t number, unsigned added);
/* What was noted may not be so: the transaction is rolled back. */
void again_forget(struct again *again);
void again_free(struct again *again);

/* connection_rows.c: rows of one verdict */
bool connection_prepare(struct store *store, struct error *err);
bool connection_add(struct store *store, const struct verdict *verdict, struct error *err);
/* The same, but the row itself goes to the table with others: at connection_flush at the latest. */
bool connection_put(struct store *store, const struct verdict *verdict, struct error *err);
/* Before a commit: writes what waits, rows and the blocks they are in. */
bool connection_flush(struct store *store, struct error *err);
/* Of a verdict that is told again, settled: its row is there already. */
bool connection_settle(struct store *store, const struct verdict *verdict, struct error *err);

/* side_rows.c: what is rare of a verdict, and only where there is something to tell */
bool side_rows_add(struct store *store, const struct verdict *verdict, bool regular, int64_t id,
		   struct error *err);

/* Runs a prepared statement, its values bound, and notes in `added` that it was needed. */
bool store_run(struct store *store, enum store_statement which, struct error *err);
/* NONE_NS is NULL. */
static inline void bind_ns(sqlite3_stmt *s, int column, int64_t ns)
{
	if (ns == NONE_NS)
		sqlite3_bind_null(s, column);
	else
		sqlite3_bind_int64(s, column, ns);
}

/* Turns what SQLite says into a sentence with the file's name; returns false. */
bool store_failed(struct store *store, struct error *err);

#endif
