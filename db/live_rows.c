/* The rows that only live runs have, and the file they go to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "db/live_private.h"
#include "db/schema.h"

enum { BUSY_MS = 500 };

static sqlite3_stmt *prepare(struct store *store, const char *sql, struct error *err)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(store->file.db, sql, -1, &s, NULL) == SQLITE_OK)
		return s;
	store_failed(store, err);
	return NULL;
}

static bool run(struct store *store, const char *sql, struct error *err)
{
	return schema_run(store->file.db, sql, err) || store_failed(store, err);
}

static int64_t number(struct store *store, const char *sql)
{
	sqlite3_stmt *s = prepare(store, sql, NULL);
	int64_t value = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;

	sqlite3_finalize(s);
	return value;
}

/* A new database gets its schema in a transaction of the usual kind, so that the file says whose it is before
 * the first row: afterwards all goes to the log first. */
static bool make_schema(struct store *store, struct error *err)
{
	if (number(store, "SELECT count(*) FROM sqlite_schema") > 0)
		return true;
	/* only before the first table, and by hand only: deleting is meant to give space back. By itself it would
	 * write a header that is nobody's, as would BEGIN IMMEDIATE before it one that knows nothing of it. */
	if (!run(store, "BEGIN; PRAGMA auto_vacuum = INCREMENTAL", err)) {
		store_rollback(store);
		return false;
	}
	if (number(store, "SELECT count(*) FROM sqlite_schema") == 0 &&
	    !schema_create(store->file.db, err)) {
		store_failed(store, err);
		store_rollback(store);
		return false;
	}
	if (run(store, "COMMIT", err))
		return true;
	store_rollback(store);
	return false;
}

/* Write-ahead log: readers and the writer do not wait for each other. NORMAL: a power cut may take the last
 * batches, but never the database. */
static bool set_up(struct store *store, struct error *err)
{
	static const char sql[] = "PRAGMA journal_mode = WAL;"
				  "PRAGMA synchronous = NORMAL;"
				  "PRAGMA wal_autocheckpoint = 2000;"
				  "PRAGMA journal_size_limit = 67108864;"
				  "PRAGMA cache_size = -32768;";

	sqlite3_busy_timeout(store->file.db, BUSY_MS);
	return run(store, sql, err);
}

/* One monitor a database: two would take each other's recording for an interrupted one. */
static bool lock_file(struct live_file *file, const char *path, struct error *err)
{
	if (file->store->file.memory)
		return true;
	file->lock = open(path, O_RDONLY | O_CLOEXEC);
	if (file->lock < 0)
		return error_set(err, "%s: %s", path, strerror(errno));
	if (flock(file->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return error_set(err,
				 "%s: another lastack monitor writes to it; name another "
				 "database with --db",
				 path);
	return true;
}

bool live_file_open(struct live_file *file, const struct live_store_config *config,
		    struct error *err)
{
	*file = (struct live_file){.lock = -1, .recording = config->recording, .data_version = -1};
	file->store = store_open(config->path, STORE_WRITE, err);
	if (file->store)
		file->feed = feed_of_interfaces(config->interfaces, config->interface_count, err);
	file->recording.feed = file->feed;
	if (!file->feed || !lock_file(file, config->path, err) || !make_schema(file->store, err) ||
	    !set_up(file->store, err)) {
		live_file_close(file);
		return false;
	}
	file->logs = true;
	file->store->file.created = false;
	return true;
}

void live_file_close(struct live_file *file)
{
	/* without a log left behind, also who may only read the folder can read it; fails where somebody
	 * reads now. A file without a table would get a header by it that is nobody's. */
	if (file->logs && sqlite3_get_autocommit(file->store->file.db))
		sqlite3_exec(file->store->file.db, "PRAGMA journal_mode = DELETE", NULL, NULL,
			     NULL);
	store_close(file->store);
	if (file->lock >= 0)
		close(file->lock);
	feed_close(file->feed);
	*file = (struct live_file){.lock = -1};
}

bool live_rows_dictionaries(struct live_file *file, bool all, struct error *err)
{
	int64_t version = number(file->store, "PRAGMA data_version");

	if (!all && version == file->data_version && version >= 0)
		return true;
	file->data_version = version;
	return dictionaries_begin(file->store->dictionaries, err) || store_failed(file->store, err);
}

bool live_rows_begin(struct live_file *file, int64_t now_ns, struct error *err)
{
	struct store *store = file->store;
	char sql[300];

	if (!schema_add_finding_codes(store->file.db, err) ||
	    !schema_create_indexes(store->file.db, err))
		return store_failed(store, err);
	if (!recording_add(store, &file->recording, err) ||
	    !marks_add(store, &file->recording, err) || !connection_prepare(store, err) ||
	    !again_expected(store, err) || !live_rows_dictionaries(file, true, err))
		return false;
	summaries_begin(store->summaries, store->recording_id);
	file->first_id = store->first_connection;
	store->first_connection -= (int64_t)file->number_base;
	sqlite3_snprintf(sizeof(sql), sql,
			 "UPDATE recordings SET live = 1, finished = 0, started_ns = %lld,"
			 " updated_ns = %lld, first_connection = %lld, last_connection = %lld"
			 " WHERE id = %lld",
			 (long long)now_ns, (long long)now_ns, (long long)file->first_id,
			 (long long)(file->first_id + LIVE_IDS - 1),
			 (long long)store->recording_id);
	return run(store, sql, err);
}

static void tell_interrupted(sqlite3_stmt *s, const struct live_store_config *config)
{
	char text[400], when[2][32] = {"", ""};

	for (int i = 0; i < 2; i++) {
		time_t t = (time_t)(sqlite3_column_int64(s, 2 + i) / 1000000000);
		struct tm tm;

		if (localtime_r(&t, &tm))
			strftime(when[i], sizeof(when[i]), "%Y-%m-%d %H:%M:%S", &tm);
	}
	snprintf(text, sizeof(text),
		 "%s: the run of %s on %s was interrupted: the last commit was at %s, %lld "
		 "connection%s had been stored, %lld open one%s been listed and %s marked so",
		 config->path, when[0], (const char *)sqlite3_column_text(s, 1), when[1],
		 (long long)sqlite3_column_int64(s, 4), sqlite3_column_int64(s, 4) == 1 ? "" : "s",
		 (long long)sqlite3_column_int64(s, 5),
		 sqlite3_column_int64(s, 5) == 1 ? " had" : "s had",
		 sqlite3_column_int64(s, 5) == 1 ? "is" : "are");
	config->remark(config->context, text);
}

bool live_rows_interrupted(struct live_file *file, const struct live_store_config *config,
			   struct error *err)
{
	static const char find[] =
		"SELECT r.id, (SELECT group_concat(path, ', ') FROM captures WHERE recording_id = "
		"r.id),"
		" r.started_ns, r.updated_ns,"
		" (SELECT count(*) FROM connections WHERE id BETWEEN r.first_connection AND"
		" r.last_connection),"
		" (SELECT count(*) FROM open_connections WHERE recording_id = r.id)"
		" FROM recordings AS r WHERE r.live AND NOT r.finished AND NOT r.interrupted";
	static const char mark[] =
		"UPDATE recordings SET interrupted = 1, (first_connection, last_connection, "
		"connections) ="
		" (SELECT min(id), max(id), count(*) FROM connections WHERE id BETWEEN"
		" recordings.first_connection AND recordings.last_connection)"
		" WHERE live AND NOT finished AND NOT interrupted";
	sqlite3_stmt *s = prepare(file->store, find, err);

	if (!s)
		return false;
	while (sqlite3_step(s) == SQLITE_ROW)
		tell_interrupted(s, config);
	sqlite3_finalize(s);
	return run(file->store, mark, err);
}

static bool update_drops(struct live_file *file, const struct live_counts *counts,
			 struct error *err)
{
	struct store *store = file->store;
	sqlite3_stmt *s = prepare(store,
				  "UPDATE captures SET (drops_kernel, drops_interface, drops_own)"
				  " = (?2, ?3, ?4) WHERE id = ?1",
				  err);
	bool ok = s != NULL;

	for (size_t i = 0; ok && i < feed_file_count(file->feed); i++) {
		sqlite3_bind_int64(s, 1, store->capture_base + (int64_t)i);
		for (int d = 0; d < LIVE_DROPS; d++)
			sqlite3_bind_int64(s, 2 + d, (int64_t)counts->drops[i][d]);
		ok = sqlite3_step(s) == SQLITE_DONE || store_failed(store, err);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	return ok;
}

bool live_rows_update(struct live_file *file, const struct live_counts *counts, uint64_t rows_lost,
		      uint64_t rows_expired, int64_t now_ns, bool finished, struct error *err)
{
	struct store *store = file->store;
	char sql[400];

	for (size_t i = 0; i < feed_file_count(file->feed); i++)
		if (!feed_tell(file->feed, i, &counts->interface[i], err))
			return false;
	if (!connection_flush(store, err))
		return false;
	if (!summaries_flush(store->summaries, err))
		return store_failed(store, err);
	if (!recording_finish(store, &file->recording, &counts->decoded, &counts->engine, err) ||
	    !update_drops(file, counts, err))
		return false;
	sqlite3_snprintf(
		sizeof(sql), sql,
		"UPDATE recordings SET updated_ns = %lld, finished = %d, rows_lost = %lld,"
		" rows_expired = %lld, clock_steps = %lld, first_connection = %lld,"
		" last_connection = %lld WHERE id = %lld",
		(long long)now_ns, finished, (long long)(rows_lost - file->lost_before),
		(long long)(rows_expired - file->expired_before), (long long)counts->clock_steps,
		(long long)file->first_id,
		(long long)(finished ? store->next_connection - 1 : file->first_id + LIVE_IDS - 1),
		(long long)store->recording_id);
	if (!run(store, sql, err))
		return false;
	if (!finished)
		return true;
	sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM open_connections WHERE recording_id = %lld",
			 (long long)store->recording_id);
	return run(store, sql, err);
}
