/* The database: recordings, captures, connections, findings, ladders, in SQLite.
 *
 * docs/database.md documents the schema; `teardowns` and `findings` are the contract. One recording
 * (a capture file, or a set of joined ones) is one transaction: wholly in, or not at all. */
#ifndef LASTACK_DB_STORE_H
#define LASTACK_DB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/engine.h"
#include "analyzer/verdict.h"
#include "base/error.h"
#include "parsers/decode.h"
#include "source/feed.h"

struct store;

enum store_mode {
	STORE_WRITE, /* creates the database where there is none; migrates or refuses older ones */
	STORE_READ,  /* must exist and be lastack's */
};

/* Once, before the program has threads: SQLite then counts no memory. Nobody asks it how much it holds, and
 * the counting takes a mutex for each piece. */
void store_setup(void);

/* NULL with err (which names the file): not lastack's (left untouched), newer or unreadable, locked. */
struct store *store_open(const char *path, enum store_mode mode, struct error *err);
void store_close(struct store *store);      /* rolls back what is not committed; NULL is fine */
sqlite3 *store_handle(struct store *store); /* for report and query, which only read */
/* What is read from now on is of one moment, up to store_release(). *held: whether it is this call's doing; false
 * inside a transaction. */
bool store_hold(struct store *store, bool *held, struct error *err);
void store_release(struct store *store, bool held);
/* Whether the last failure was the database's, the disk's or for want of memory, and not a statement's. ours: the
 * statement is none of the user's, so that a table that it does not find is the database's fault, too. */
bool store_at_fault(struct store *store, bool ours);

/* For statements of the user's, which may take as long as they like: all others end where there is more to read than a
 * file of that size can hold. */
void store_allow_all_steps(struct store *store);
/* Puts the database's name in front of an error that is to be named. */
void store_name_error(struct store *store, bool ours, struct error *err);

/* A string that the streams of a recording were searched for. */
struct recording_mark {
	const char *text; /* as the user wrote it */
	const uint8_t *bytes;
	size_t length;
};

/* What a recording was analysed with. */
struct recording {
	const char *filter; /* NULL: none */
	bool joined;
	bool replace; /* false: standard input and interfaces always append */
	int64_t msl_ns, idle_timeout_ns, stuck_ns;
	bool keep_duplicates, verify_checksums;
	const struct recording_mark *marks; /* mark_hit.mark counts them from 0 */
	size_t mark_count;
	const struct feed *feed; /* its files; counts may still grow until store_commit */
};

/* Opens the transaction, drops the rows of an earlier recording of the same real path (or of the
 * same joined set), and inserts the recording and its captures. */
bool store_begin(struct store *store, const struct recording *recording, int64_t *recording_id,
		 struct error *err);
/* Copies the verdict; a thread of the store's writes it. From store_begin() on nothing else may use the
 * database until store_commit() or store_rollback() is done. A failure may be told by a later call.
 * verdict->number gives the connection its id, 0: the next one; again: its earlier rows are replaced. */
bool store_verdict(struct store *store, const struct verdict *verdict, struct error *err);
/* The same of a connection that the store's thread judges first. */
bool store_closed(struct store *store, const struct closed *closed, struct error *err);
/* Writes the final counts of files, decoder and engine, and commits. */
bool store_commit(struct store *store, const struct recording *recording,
		  const struct decode_counts *decoded, const struct engine_counts *engine,
		  struct error *err);
void store_rollback(struct store *store);

#endif
