/* The rows of a recording and its captures; dropping those of an earlier one. */
#include <stdlib.h>
#include <string.h>

#include "db/schema.h"
#include "db/store_private.h"

/* Statements that run a few times a recording: prepared, bound, stepped and finalized. */
static sqlite3_stmt *prepare(struct store *store, const char *sql, struct error *err)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(store->file.db, sql, -1, &s, NULL) == SQLITE_OK)
		return s;
	store_failed(store, err);
	return NULL;
}

/* Steps a statement without results; resets it for the next row. */
static bool run(struct store *store, sqlite3_stmt *s, struct error *err)
{
	int step = sqlite3_step(s);

	sqlite3_reset(s);
	return step == SQLITE_DONE || store_failed(store, err);
}

/* Runs sql with up to two numbers bound. */
static bool run_with(struct store *store, const char *sql, int64_t first, int64_t second,
		     struct error *err)
{
	sqlite3_stmt *s = prepare(store, sql, err);
	bool ok;

	if (!s)
		return false;
	sqlite3_bind_int64(s, 1, first);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int64(s, 2, second);
	ok = run(store, s, err);
	sqlite3_finalize(s);
	return ok;
}

/* One number; 0 where it is NULL. */
static bool number_of(struct store *store, const char *sql, int64_t *value, struct error *err)
{
	sqlite3_stmt *s = prepare(store, sql, err);
	bool ok;

	if (!s)
		return false;
	ok = sqlite3_step(s) == SQLITE_ROW;
	if (ok)
		*value = sqlite3_column_int64(s, 0);
	else
		store_failed(store, err);
	sqlite3_finalize(s);
	return ok;
}

/* What makes two files the same: their real path, or the name of what could not be opened. NULL:
 * standard input and pipes, which are never the same. */
static const char *file_identity(const struct feed_file *file)
{
	if (file->real_path)
		return file->real_path;
	return file->opened || strcmp(file->path, "-") == 0 ? NULL : file->path;
}

static int compare_paths(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* A single file is known by its real path; a joined set by "joined", then the sorted paths, each with
 * its length in front: a path may hold any separator. *identity: NULL where the recording always
 * appends, else from sqlite3_malloc. */
static bool identity_of(const struct recording *recording, char **identity, struct error *err)
{
	size_t count = feed_file_count(recording->feed);
	const char **paths;
	sqlite3_str *text;

	*identity = NULL;
	if (!recording->replace || count == 0)
		return true;
	paths = calloc(count, sizeof(*paths));
	if (!paths)
		return error_set(err, "out of memory");
	for (size_t i = 0; i < count; i++) {
		paths[i] = file_identity(feed_file(recording->feed, i));
		if (!paths[i]) {
			free(paths);
			return true;
		}
	}
	qsort(paths, count, sizeof(*paths), compare_paths);
	text = sqlite3_str_new(NULL);
	if (count == 1)
		sqlite3_str_appendall(text, paths[0]);
	else
		sqlite3_str_appendall(text, "joined");
	for (size_t i = 0; count > 1 && i < count; i++)
		sqlite3_str_appendf(text, " %d:%s", (int)strlen(paths[i]), paths[i]);
	free(paths);
	*identity = sqlite3_str_finish(text);
	return *identity != NULL || error_set(err, "out of memory");
}

/* An earlier recording's connections have consecutive ids, so its rows go by ranges: far faster than
 * a cascade, which looks into every child table for every row. Children first. */
static const char *const drop_range_sql[] = {
	"DELETE FROM mark_hits WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM finding_rows WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM ladders WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM states WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM dwells WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM reuses WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM resets WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM silences WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM fins WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM losses WHERE connection_id BETWEEN ? AND ?",
	"DELETE FROM connections WHERE id BETWEEN ? AND ?",
};

/* The same where the recording is all there is: SQLite drops whole tables without visiting rows. */
static const char drop_all_sql[] =
	"DELETE FROM mark_hits; DELETE FROM finding_rows; DELETE FROM ladders; DELETE FROM states; "
	"DELETE FROM dwells;"
	"DELETE FROM reuses; DELETE FROM resets; DELETE FROM silences; DELETE FROM losses;"
	"DELETE FROM fins; DELETE FROM connections;"
	"DELETE FROM summaries; DELETE FROM finding_summaries;"
	"DELETE FROM block_values; DELETE FROM blocks;"
	"DELETE FROM finding_details;"
	"DELETE FROM hosts; DELETE FROM paths; DELETE FROM outcomes; DELETE FROM applications;"
	"DELETE FROM histories;";

static const char drop_linktypes_sql[] = "DELETE FROM capture_linktypes WHERE capture_id IN"
					 " (SELECT id FROM captures WHERE recording_id = ?)";

static const char *const drop_recording_sql[] = {
	drop_linktypes_sql,
	"DELETE FROM captures WHERE recording_id = ?",
	"DELETE FROM decode_counts WHERE recording_id = ?",
	"DELETE FROM recording_marks WHERE recording_id = ?",
	"DELETE FROM summaries WHERE recording_id = ?",
	"DELETE FROM finding_summaries WHERE recording_id = ?",
	"DELETE FROM marks WHERE id NOT IN (SELECT mark_id FROM recording_marks)",
	"DELETE FROM recordings WHERE id = ?",
};

static bool drop_connections(struct store *store, int64_t first, int64_t last, struct error *err)
{
	int64_t others;
	char sql[128];

	sqlite3_snprintf(sizeof(sql), sql,
			 "SELECT EXISTS(SELECT 1 FROM connections WHERE id < %lld OR id > %lld)",
			 (long long)first, (long long)last);
	if (!number_of(store, sql, &others, err))
		return false;
	if (!others)
		return schema_run(store->file.db, drop_all_sql, err) || store_failed(store, err);
	for (size_t i = 0; i < sizeof(drop_range_sql) / sizeof(drop_range_sql[0]); i++)
		if (!run_with(store, drop_range_sql[i], first, last, err))
			return false;
	return blocks_drop_empty(store->file.db, first, last, err) || store_failed(store, err);
}

static bool drop_recording(struct store *store, int64_t id, int64_t first, int64_t last,
			   struct error *err)
{
	if (last >= first && !drop_connections(store, first, last, err))
		return false;
	for (size_t i = 0; i < sizeof(drop_recording_sql) / sizeof(drop_recording_sql[0]); i++)
		if (!run_with(store, drop_recording_sql[i], id, 0, err))
			return false;
	store->replaced = true;
	return true;
}

bool recording_drop_earlier(struct store *store, const struct recording *recording,
			    struct error *err)
{
	sqlite3_stmt *s;
	char *identity;
	int64_t id = 0, first = 0, last = -1;
	bool found;

	store->replaced = false;
	if (!identity_of(recording, &identity, err))
		return false;
	if (!identity)
		return true;
	s = prepare(store,
		    "SELECT id, coalesce(first_connection, 0), coalesce(last_connection, -1)"
		    " FROM recordings WHERE identity = ?",
		    err);
	if (!s) {
		sqlite3_free(identity);
		return false;
	}
	sqlite3_bind_text(s, 1, identity, -1, SQLITE_STATIC);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		id = sqlite3_column_int64(s, 0);
		first = sqlite3_column_int64(s, 1);
		last = sqlite3_column_int64(s, 2);
	}
	sqlite3_finalize(s);
	sqlite3_free(identity);
	return !found || drop_recording(store, id, first, last, err);
}

bool recording_drop_orphans(struct store *store, struct error *err)
{
	static const char sql[] =
		"DELETE FROM hosts WHERE id NOT IN (SELECT initiator_id FROM connections"
		" UNION SELECT responder_id FROM connections);"
		"DELETE FROM outcomes WHERE id NOT IN (SELECT outcome_id FROM connections);"
		"DELETE FROM paths WHERE id NOT IN"
		" (SELECT path_id FROM connections WHERE path_id IS NOT NULL);"
		"DELETE FROM applications WHERE id NOT IN"
		" (SELECT application_id FROM connections WHERE application_id IS NOT NULL);"
		"DELETE FROM histories WHERE id NOT IN (SELECT history_id FROM connections);"
		"DELETE FROM finding_details WHERE id NOT IN"
		" (SELECT detail_id FROM finding_rows WHERE detail_id IS NOT NULL);";

	return schema_run(store->file.db, sql, err) || store_failed(store, err);
}

static void bind_text(sqlite3_stmt *s, int column, const char *text)
{
	sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

static void bind_count(sqlite3_stmt *s, int column, uint64_t count)
{
	sqlite3_bind_int64(s, column, (int64_t)count);
}

/* The order of the parameters in both statements below. */
static void bind_capture(sqlite3_stmt *s, const struct feed_file *f, bool from_disk)
{
	bind_text(s, 3, f->path);
	bind_text(s, 4, f->real_path);
	bind_text(s, 5, f->format);
	bind_text(s, 6, f->problem);
	sqlite3_bind_int(s, 7, f->opened);
	sqlite3_bind_int(s, 8, !f->foreign);
	if (from_disk) {
		bind_count(s, 9, f->file_bytes);
		bind_count(s, 10, f->modified_ns);
	} else {
		sqlite3_bind_null(s, 9);
		sqlite3_bind_null(s, 10);
	}
	bind_count(s, 11, f->interfaces);
	bind_count(s, 12, f->packets);
	bind_count(s, 13, f->packets_filtered_out);
	bind_count(s, 14, f->bytes);
	bind_count(s, 15, f->wire_bytes);
	bind_count(s, 16, f->backwards);
	if (f->packets > 0) {
		sqlite3_bind_int64(s, 17, f->first_ns);
		sqlite3_bind_int64(s, 18, f->last_ns);
	} else {
		sqlite3_bind_null(s, 17);
		sqlite3_bind_null(s, 18);
	}
}

/* The first time with what is known so far (rows of connections refer to it), then again with the
 * final counts. */
static bool put_captures(struct store *store, const struct recording *recording, struct error *err)
{
	static const char sql[] =
		"INSERT INTO captures(id, recording_id, position, path, real_path, format, problem,"
		" opened, is_capture, file_bytes, modified_ns, interfaces, packets,"
		" packets_filtered_out, bytes, wire_bytes, backwards, first_ns, last_ns)"
		" VALUES(?1,?2,?19,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)"
		" ON CONFLICT(id) DO UPDATE SET (path, real_path, format, problem, opened, "
		"is_capture,"
		" file_bytes, modified_ns, interfaces, packets, packets_filtered_out, bytes, "
		"wire_bytes,"
		" backwards, first_ns, last_ns)"
		" = (?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)";
	sqlite3_stmt *s = prepare(store, sql, err);
	bool ok = s != NULL;

	for (size_t i = 0; ok && i < feed_file_count(recording->feed); i++) {
		const struct feed_file *f = feed_file(recording->feed, i);

		sqlite3_bind_int64(s, 1, store->capture_base + (int64_t)i);
		sqlite3_bind_int64(s, 2, store->recording_id);
		sqlite3_bind_int64(s, 19, (int64_t)i);
		bind_capture(s, f, f->real_path != NULL);
		ok = run(store, s, err);
	}
	sqlite3_finalize(s);
	return ok;
}

static bool add_linktypes(struct store *store, const struct recording *recording, struct error *err)
{
	sqlite3_stmt *s = prepare(store,
				  "INSERT OR REPLACE INTO capture_linktypes(capture_id, linktype, "
				  "name) VALUES(?,?,?)",
				  err);
	bool ok = s != NULL;

	for (size_t i = 0; ok && i < feed_file_count(recording->feed); i++) {
		const struct feed_file *f = feed_file(recording->feed, i);

		for (size_t n = 0; ok && n < f->linktype_count; n++) {
			sqlite3_bind_int64(s, 1, store->capture_base + (int64_t)i);
			sqlite3_bind_int64(s, 2, f->linktypes[n]);
			bind_text(s, 3, decode_linktype_name(f->linktypes[n]));
			ok = run(store, s, err);
		}
	}
	sqlite3_finalize(s);
	return ok;
}

static bool add_reasons(struct store *store, const struct decode_counts *decoded, struct error *err)
{
	sqlite3_stmt *s = prepare(store,
				  "INSERT OR REPLACE INTO decode_counts(recording_id, reason, "
				  "packets) VALUES(?,?,?)",
				  err);
	bool ok = s != NULL;

	for (int reason = 0; ok && reason < DECODE_REASONS; reason++) {
		if (decoded->reason[reason] == 0)
			continue;
		sqlite3_bind_int64(s, 1, store->recording_id);
		bind_text(s, 2, decode_reason_key((enum decode_reason)reason));
		bind_count(s, 3, decoded->reason[reason]);
		ok = run(store, s, err);
	}
	sqlite3_finalize(s);
	return ok;
}

static bool insert_recording(struct store *store, const struct recording *recording,
			     const char *identity, struct error *err)
{
	sqlite3_stmt *s = prepare(store,
				  "INSERT INTO recordings(id, identity, joined, filter, msl_ns,"
				  " idle_timeout_ns, stuck_ns, keep_duplicates, verify_checksums)"
				  " VALUES(?,?,?,?,?,?,?,?,?)",
				  err);
	bool ok;

	if (!s)
		return false;
	sqlite3_bind_int64(s, 1, store->recording_id);
	bind_text(s, 2, identity);
	sqlite3_bind_int(s, 3, recording->joined);
	bind_text(s, 4, recording->filter);
	sqlite3_bind_int64(s, 5, recording->msl_ns);
	sqlite3_bind_int64(s, 6, recording->idle_timeout_ns);
	sqlite3_bind_int64(s, 7, recording->stuck_ns);
	sqlite3_bind_int(s, 8, recording->keep_duplicates);
	sqlite3_bind_int(s, 9, recording->verify_checksums);
	ok = run(store, s, err);
	sqlite3_finalize(s);
	return ok;
}

/* A live run that is going on has reserved ids up to its last_connection. */
static const char next_connection_sql[] =
	"SELECT max(coalesce((SELECT max(id) FROM connections), 0),"
	" coalesce((SELECT max(last_connection) FROM recordings WHERE live AND NOT finished), 0)) "
	"+ 1";

bool recording_add(struct store *store, const struct recording *recording, struct error *err)
{
	char *identity;
	bool ok;

	if (!number_of(store, "SELECT max(id) + 1 FROM recordings", &store->recording_id, err) ||
	    !number_of(store, "SELECT max(id) + 1 FROM captures", &store->capture_base, err) ||
	    !number_of(store, next_connection_sql, &store->first_connection, err) ||
	    !identity_of(recording, &identity, err))
		return false;
	if (store->recording_id == 0)
		store->recording_id = 1;
	if (store->capture_base == 0)
		store->capture_base = 1;
	if (store->first_connection == 0)
		store->first_connection = 1;
	store->next_connection = store->first_connection;
	store->msl_ns = recording->msl_ns;
	store->watched_until_ns = NONE_NS;
	ok = insert_recording(store, recording, identity, err) &&
	     put_captures(store, recording, err);
	sqlite3_free(identity);
	return ok;
}

bool recording_finish(struct store *store, const struct recording *recording,
		      const struct decode_counts *d, const struct engine_counts *e,
		      struct error *err)
{
	const uint64_t counts[] = {
		e->segments,
		e->duplicates,
		e->connections,
		e->evicted,
		e->evicted_unanswered,
		e->evicted_ended,
		e->evicted_alive,
		e->peak_connections,
		e->peak_memory,
		d->fragments,
		d->datagrams_reassembled,
		d->fragments_expired,
		d->tunnelled,
		d->bad_options,
	};
	int column = 1;
	sqlite3_stmt *s;
	bool ok;

	if (!put_captures(store, recording, err) || !add_linktypes(store, recording, err) ||
	    !add_reasons(store, d, err))
		return false;
	s = prepare(
		store,
		"UPDATE recordings SET (segments, duplicates, connections, evicted,"
		" evicted_unanswered, evicted_ended, evicted_alive, peak_connections, peak_memory,"
		" fragments, datagrams_reassembled, fragments_expired, tunnelled, bad_options,"
		" watched_until_ns, first_connection, last_connection)"
		" = (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE id = ?",
		err);
	if (!s)
		return false;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		bind_count(s, column++, counts[i]);
	if (store->watched_until_ns != NONE_NS)
		sqlite3_bind_int64(s, column, store->watched_until_ns);
	if (store->next_connection > store->first_connection) {
		sqlite3_bind_int64(s, column + 1, store->first_connection);
		sqlite3_bind_int64(s, column + 2, store->next_connection - 1);
	}
	sqlite3_bind_int64(s, column + 3, store->recording_id);
	ok = run(store, s, err);
	sqlite3_finalize(s);
	return ok;
}
