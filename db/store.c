/* The store: one transaction a recording. */
#include "db/store.h"

#include <stdlib.h>

#include "db/community_id.h"
#include "db/schema.h"
#include "db/store_private.h"

/* How long a commit waits for readers: the whole analysis hangs on it. */
enum { BEGIN_TIMEOUT_MS = 5000, COMMIT_TIMEOUT_MS = 30000 };

void store_setup(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct store *store_open(const char *path, enum store_mode mode, struct error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	bool good = true;

	if (!store) {
		error_set(err, "out of memory");
		return NULL;
	}
	if (!database_file_open(path, mode, &store->file, err)) {
		free(store);
		return NULL;
	}
	if (mode == STORE_WRITE) {
		store->dictionaries = dictionaries_new(store->file.db, err);
		store->summaries = summaries_new(store->file.db, err);
		store->feed = row_feed_new(store->file.db, err);
		store->findings = finding_feed_new(store->file.db, err);
		store->blocks = blocks_new(store->file.db, err);
	}
	if (!community_id_register(store->file.db))
		good = error_set(err, "out of memory");
	if (mode == STORE_WRITE && (!store->dictionaries || !store->summaries || !store->feed ||
				    !store->findings || !store->blocks))
		good = false;
	if (!good) {
		store_close(store);
		return NULL;
	}
	return store;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_rollback(store);
	dictionaries_free(store->dictionaries);
	summaries_free(store->summaries);
	again_free(store->again);
	row_feed_free(store->feed);
	finding_feed_free(store->findings);
	blocks_free(store->blocks);
	for (int i = 0; i < STORE_STATEMENTS; i++)
		sqlite3_finalize(store->statement[i]);
	database_file_close(&store->file);
	free(store->ladder);
	free(store->mark_ids);
	free(store);
}

sqlite3 *store_handle(struct store *store)
{
	return store->file.db;
}

bool store_at_fault(struct store *store, bool ours)
{
	switch (sqlite3_errcode(store->file.db) & 0xff) {
	case SQLITE_ERROR: /* of syntax, or no such table */
		return ours;
	case SQLITE_OK:
	case SQLITE_AUTH:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
	case SQLITE_MISUSE:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return false;
	default:
		return true;
	}
}

bool store_failed(struct store *store, struct error *err)
{
	return database_file_error(&store->file, err);
}

void store_allow_all_steps(struct store *store)
{
	database_file_allow_all_steps(&store->file);
}

void store_name_error(struct store *store, bool ours, struct error *err)
{
	if (!error_is_unnamed(err))
		return;
	if (database_file_is_endless(&store->file) ||
	    (store_at_fault(store, ours) && strstr(err->text, sqlite3_errmsg(store->file.db))))
		store_failed(store, err);
	else
		error_prefix(err, "%s", store->file.path);
}

void store_rollback(struct store *store)
{
	writer_abandon(store->writer);
	store->writer = NULL;
	if (store->summaries)
		summaries_forget(store->summaries);
	again_forget(store->again);
	if (store->feed)
		row_feed_forget(store->feed);
	if (store->findings)
		finding_feed_forget(store->findings);
	if (store->blocks)
		blocks_forget(store->blocks);
	if (!sqlite3_get_autocommit(store->file.db))
		sqlite3_exec(store->file.db, "ROLLBACK", NULL, NULL, NULL);
}

bool store_hold(struct store *store, bool *held, struct error *err)
{
	*held = sqlite3_get_autocommit(store->file.db) != 0;
	return !*held || schema_run(store->file.db, "BEGIN", err) || store_failed(store, err);
}

void store_release(struct store *store, bool held)
{
	if (held)
		sqlite3_exec(store->file.db, "COMMIT", NULL, NULL, NULL);
}

static bool execute(struct store *store, const char *sql, struct error *err)
{
	return schema_run(store->file.db, sql, err) || store_failed(store, err);
}

/* Another run may have made the schema while this one waited for the lock. */
static bool ensure_schema(struct store *store, struct error *err)
{
	sqlite3_stmt *s;
	int tables;

	if (sqlite3_prepare_v2(store->file.db, "SELECT count(*) FROM sqlite_schema", -1, &s,
			       NULL) != SQLITE_OK)
		return store_failed(store, err);
	tables = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;
	sqlite3_finalize(s);
	if (tables < 0)
		return store_failed(store, err);
	return tables > 0 || schema_create(store->file.db, err) || store_failed(store, err);
}

static bool check_fresh(struct store *store, struct error *err)
{
	sqlite3_stmt *s;
	int step;

	if (sqlite3_prepare_v2(store->file.db, "SELECT 1 FROM connections LIMIT 1", -1, &s, NULL) !=
	    SQLITE_OK)
		return store_failed(store, err);
	step = sqlite3_step(s);
	sqlite3_finalize(s);
	store->fresh = step == SQLITE_DONE;
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		return store_failed(store, err);
	return !store->fresh || schema_drop_indexes(store->file.db, err) ||
	       store_failed(store, err);
}

static bool begin(struct store *store, const struct recording *recording, struct error *err)
{
	if (!ensure_schema(store, err))
		return false;
	if (!schema_add_finding_codes(store->file.db, err))
		return store_failed(store, err);
	if (!recording_drop_earlier(store, recording, err) || !check_fresh(store, err) ||
	    !recording_add(store, recording, err) || !marks_add(store, recording, err))
		return false;
	if (!dictionaries_begin(store->dictionaries, err))
		return store_failed(store, err);
	summaries_begin(store->summaries, store->recording_id);
	blocks_forget(store->blocks);
	return connection_prepare(store, err);
}

static bool write_verdict(void *context, const struct verdict *verdict, struct error *err)
{
	return connection_put(context, verdict, err);
}

static bool start_writing(struct store *store, struct error *err)
{
	store->writer = writer_start(write_verdict, store, err);
	return store->writer != NULL;
}

bool store_begin(struct store *store, const struct recording *recording, int64_t *recording_id,
		 struct error *err)
{
	if (!execute(store, "BEGIN IMMEDIATE", err))
		return false;
	if (!database_file_in_place(&store->file)) {
		store_rollback(store);
		return error_set(err, "%s: was moved or removed meanwhile", store->file.path);
	}
	if (!begin(store, recording, err) || !start_writing(store, err)) {
		store_rollback(store);
		return false;
	}
	*recording_id = store->recording_id;
	return true;
}

bool store_verdict(struct store *store, const struct verdict *verdict, struct error *err)
{
	return writer_put(store->writer, verdict, err);
}

bool store_closed(struct store *store, const struct closed *closed, struct error *err)
{
	return writer_put_closed(store->writer, closed, err);
}

static bool finish_writing(struct store *store, struct error *err)
{
	struct writer *writer = store->writer;

	store->writer = NULL;
	return writer_finish(writer, err);
}

static bool finish(struct store *store, const struct recording *recording,
		   const struct decode_counts *decoded, const struct engine_counts *engine,
		   struct error *err)
{
	bool ok;

	if (!finish_writing(store, err) || !connection_flush(store, err) ||
	    !recording_finish(store, recording, decoded, engine, err))
		return false;
	if (!summaries_flush(store->summaries, err) || !schema_create_indexes(store->file.db, err))
		return store_failed(store, err);
	if (store->replaced && !store->fresh && !recording_drop_orphans(store, err))
		return false;
	sqlite3_busy_timeout(store->file.db, COMMIT_TIMEOUT_MS);
	ok = execute(store, "COMMIT", err);
	sqlite3_busy_timeout(store->file.db, BEGIN_TIMEOUT_MS);
	return ok;
}

bool store_commit(struct store *store, const struct recording *recording,
		  const struct decode_counts *decoded, const struct engine_counts *engine,
		  struct error *err)
{
	if (!finish(store, recording, decoded, engine, err)) {
		store_rollback(store);
		return false;
	}
	store->file.created = false;
	return true;
}
