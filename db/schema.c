/* Tables and indexes.
 *
 * A connection is one row of connections: only what nearly every connection has, times as distances
 * from its own first or last segment, so that most of it takes one to four bytes. What repeats is in
 * dictionaries (hosts, paths, outcomes), what is rare in side tables with the connection's key. */
#include "db/schema.h"

#include <stddef.h>

#include "analyzer/finding.h"
#include "db/summaries.h"

static const char *const table_sql[] = {
	"CREATE TABLE recordings("
	" id INTEGER PRIMARY KEY,"
	" identity TEXT UNIQUE,"
	" joined INTEGER NOT NULL,"
	" filter TEXT,"
	" msl_ns INTEGER NOT NULL,"
	" idle_timeout_ns INTEGER NOT NULL,"
	" stuck_ns INTEGER NOT NULL,"
	" keep_duplicates INTEGER NOT NULL,"
	" verify_checksums INTEGER NOT NULL,"
	" watched_until_ns INTEGER,"
	" first_connection INTEGER,"
	" last_connection INTEGER,"
	" segments INTEGER NOT NULL DEFAULT 0,"
	" duplicates INTEGER NOT NULL DEFAULT 0,"
	" connections INTEGER NOT NULL DEFAULT 0,"
	" evicted INTEGER NOT NULL DEFAULT 0,"
	" evicted_unanswered INTEGER NOT NULL DEFAULT 0,"
	" evicted_ended INTEGER NOT NULL DEFAULT 0,"
	" evicted_alive INTEGER NOT NULL DEFAULT 0,"
	" peak_connections INTEGER NOT NULL DEFAULT 0,"
	" peak_memory INTEGER NOT NULL DEFAULT 0,"
	" fragments INTEGER NOT NULL DEFAULT 0,"
	" datagrams_reassembled INTEGER NOT NULL DEFAULT 0,"
	" fragments_expired INTEGER NOT NULL DEFAULT 0,"
	" tunnelled INTEGER NOT NULL DEFAULT 0,"
	" bad_options INTEGER NOT NULL DEFAULT 0"
	") STRICT",

	"CREATE TABLE captures("
	" id INTEGER PRIMARY KEY,"
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" path TEXT NOT NULL,"
	" real_path TEXT,"
	" format TEXT,"
	" problem TEXT,"
	" opened INTEGER NOT NULL,"
	" is_capture INTEGER NOT NULL,"
	" file_bytes INTEGER,"
	" modified_ns INTEGER,"
	" interfaces INTEGER NOT NULL,"
	" packets INTEGER NOT NULL,"
	" packets_filtered_out INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"
	" wire_bytes INTEGER NOT NULL,"
	" backwards INTEGER NOT NULL,"
	" first_ns INTEGER,"
	" last_ns INTEGER,"
	" UNIQUE(recording_id, position)"
	") STRICT",

	"CREATE TABLE capture_linktypes("
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	" linktype INTEGER NOT NULL,"
	" name TEXT NOT NULL,"
	" PRIMARY KEY(capture_id, linktype)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE decode_counts("
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" reason TEXT NOT NULL,"
	" packets INTEGER NOT NULL,"
	" PRIMARY KEY(recording_id, reason)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE hosts("
	" id INTEGER PRIMARY KEY,"
	" address TEXT NOT NULL,"
	" version INTEGER NOT NULL CHECK(version IN (4, 6)),"
	" key BLOB NOT NULL CHECK(length(key) = 16),"
	" UNIQUE(key, version)"
	") STRICT",

	"CREATE TABLE paths("
	" id INTEGER PRIMARY KEY,"
	" key TEXT NOT NULL UNIQUE,"
	" vlan INTEGER,"
	" vlans_initiator TEXT,"
	" vlans_responder TEXT,"
	" tunnel TEXT"
	") STRICT",

	"CREATE TABLE outcomes("
	" id INTEGER PRIMARY KEY,"
	" key INTEGER NOT NULL UNIQUE,"
	" teardown TEXT NOT NULL,"
	" complete INTEGER NOT NULL,"
	" closer TEXT NOT NULL,"
	" end_reason TEXT NOT NULL,"
	" clean INTEGER NOT NULL,"
	" midstream INTEGER NOT NULL,"
	" fin_check_initiator TEXT NOT NULL,"
	" fin_check_responder TEXT NOT NULL,"
	" time_wait_holder TEXT NOT NULL,"
	" time_wait_check TEXT NOT NULL,"
	" reuse_by TEXT,"
	" reuse_rule TEXT,"
	" reuse_answer TEXT,"
	" rst_by TEXT,"
	" rst_stage TEXT,"
	" rst_cause TEXT,"
	" rst_injected INTEGER NOT NULL,"
	" conn_state TEXT NOT NULL,"
	" seen_initiator INTEGER NOT NULL,"
	" seen_responder INTEGER NOT NULL,"
	" isn_known_initiator INTEGER NOT NULL,"
	" isn_known_responder INTEGER NOT NULL,"
	" timeline INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE connections("
	" id INTEGER PRIMARY KEY,"
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	" first_packet INTEGER NOT NULL,"
	" first_ns INTEGER NOT NULL,"
	" duration_ns INTEGER NOT NULL,"
	" initiator_id INTEGER NOT NULL REFERENCES hosts(id),"
	" initiator_port INTEGER NOT NULL,"
	" responder_id INTEGER NOT NULL REFERENCES hosts(id),"
	" responder_port INTEGER NOT NULL,"
	" path_id INTEGER REFERENCES paths(id),"
	" outcome_id INTEGER NOT NULL REFERENCES outcomes(id),"
	" application_id INTEGER REFERENCES applications(id),"
	" history TEXT NOT NULL,"
	" packets_initiator INTEGER NOT NULL,"
	" packets_responder INTEGER NOT NULL,"
	" bytes_initiator INTEGER NOT NULL,"
	" bytes_responder INTEGER NOT NULL,"
	" isn_initiator INTEGER NOT NULL,"
	" isn_responder INTEGER NOT NULL,"
	" fin_shift_initiator INTEGER,"
	" fin_shift_responder INTEGER,"
	" fin_payload_initiator INTEGER,"
	" fin_payload_responder INTEGER,"
	" fin_back_ns_initiator INTEGER,"
	" fin_back_ns_responder INTEGER,"
	" fin_acked_ns_initiator INTEGER,"
	" fin_acked_ns_responder INTEGER,"
	" half_close_bytes INTEGER NOT NULL,"
	" handshake_rtt_ns INTEGER,"
	" end_back_ns INTEGER,"
	" time_wait_observed_ns INTEGER"
	") STRICT",

	"CREATE TABLE losses("
	" connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	" duplicates INTEGER NOT NULL,"
	" retransmitted_initiator INTEGER NOT NULL,"
	" retransmitted_responder INTEGER NOT NULL,"
	" missing_initiator INTEGER NOT NULL,"
	" missing_responder INTEGER NOT NULL,"
	" fin_retransmissions_initiator INTEGER NOT NULL,"
	" fin_retransmissions_responder INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE resets("
	" connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	" rst_back_ns INTEGER,"
	" silence_ns INTEGER,"
	" in_window INTEGER NOT NULL,"
	" out_of_window INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE reuses("
	" connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	" delay_ns INTEGER,"
	" restarts INTEGER NOT NULL"
	") STRICT",

	"CREATE TABLE dwells("
	" connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	" time_wait_entry_ns INTEGER,"
	" close_wait_ns INTEGER,"
	" fin_wait_1_ns INTEGER,"
	" fin_wait_2_ns INTEGER,"
	" last_ack_ns INTEGER,"
	" closing_ns INTEGER"
	") STRICT",

	"CREATE TABLE states("
	" connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" side INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" entry_ns INTEGER NOT NULL,"
	" dwell_ns INTEGER,"
	" PRIMARY KEY(connection_id, position)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE ladders("
	" connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	" segments BLOB NOT NULL"
	") STRICT",

	"CREATE TABLE finding_codes("
	" id INTEGER PRIMARY KEY,"
	" code TEXT NOT NULL UNIQUE,"
	" severity TEXT NOT NULL,"
	" title TEXT NOT NULL,"
	" advice TEXT NOT NULL,"
	" basis TEXT NOT NULL"
	") STRICT",

	"CREATE TABLE finding_rows("
	" connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" code_id INTEGER NOT NULL REFERENCES finding_codes(id),"
	" severity INTEGER NOT NULL,"
	" side INTEGER,"
	" ts_ns INTEGER NOT NULL,"
	" packet INTEGER,"
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	" count INTEGER NOT NULL,"
	" detail TEXT NOT NULL,"
	" PRIMARY KEY(connection_id, position)"
	") STRICT, WITHOUT ROWID",
};

/* New in version 2. */
static const char *const table_sql_2[] = {
	"CREATE TABLE applications("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL,"
	" category TEXT,"
	" guessed INTEGER NOT NULL,"
	" server_name TEXT,"
	" UNIQUE(name, category, guessed, server_name)"
	") STRICT",

	"CREATE TABLE silences("
	" connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	" fin_ms INTEGER NOT NULL"
	") STRICT",

	"ALTER TABLE outcomes ADD COLUMN rst_form TEXT",
	"ALTER TABLE outcomes ADD COLUMN open_stage TEXT",
	"ALTER TABLE resets ADD COLUMN ttl INTEGER",
	"ALTER TABLE resets ADD COLUMN sender_ttl INTEGER",
	"ALTER TABLE resets ADD COLUMN idle_ns INTEGER",

	"CREATE TABLE marks("
	" id INTEGER PRIMARY KEY,"
	" text TEXT NOT NULL,"
	" bytes BLOB NOT NULL UNIQUE"
	") STRICT",

	"CREATE TABLE recording_marks("
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" mark_id INTEGER NOT NULL REFERENCES marks(id),"
	" PRIMARY KEY(recording_id, mark_id)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE mark_hits("
	" connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" mark_id INTEGER NOT NULL REFERENCES marks(id),"
	" side INTEGER NOT NULL,"
	" stream_offset INTEGER NOT NULL,"
	" ts_ns INTEGER NOT NULL,"
	" packet INTEGER NOT NULL,"
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	" count INTEGER NOT NULL,"
	" PRIMARY KEY(connection_id, position)"
	") STRICT, WITHOUT ROWID",
};

/* New in version 4. What a report visits of each connection comes first in its row: SQLite steps over
 * every column that stands before the one it is asked for. */
static const char *const table_sql_4[] = {
	"CREATE TABLE summaries("
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" hour INTEGER NOT NULL,"
	" outcome_id INTEGER NOT NULL REFERENCES outcomes(id),"
	" connections INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"
	" retransmitted INTEGER NOT NULL,"
	" missing INTEGER NOT NULL,"
	" rst_in_window INTEGER NOT NULL,"
	" rst_out_of_window INTEGER NOT NULL,"
	" time_wait_restarts INTEGER NOT NULL,"
	" PRIMARY KEY(recording_id, hour, outcome_id)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE finding_summaries("
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" hour INTEGER NOT NULL,"
	" code_id INTEGER NOT NULL REFERENCES finding_codes(id),"
	" severity INTEGER NOT NULL,"
	" connections INTEGER NOT NULL,"
	" occurrences INTEGER NOT NULL,"
	" PRIMARY KEY(recording_id, hour, code_id, severity)"
	") STRICT, WITHOUT ROWID",

	"CREATE TABLE finding_details("
	" id INTEGER PRIMARY KEY,"
	" text TEXT NOT NULL UNIQUE"
	") STRICT",

	"ALTER TABLE finding_rows ADD COLUMN detail_id INTEGER REFERENCES finding_details(id)",

	"CREATE TABLE connections_4("
	" id INTEGER PRIMARY KEY,"
	" outcome_id INTEGER NOT NULL REFERENCES outcomes(id),"
	" first_ns INTEGER NOT NULL,"
	" duration_ns INTEGER NOT NULL,"
	" initiator_id INTEGER NOT NULL REFERENCES hosts(id),"
	" responder_id INTEGER NOT NULL REFERENCES hosts(id),"
	" responder_port INTEGER NOT NULL,"
	" fin_back_ns_initiator INTEGER,"
	" fin_back_ns_responder INTEGER,"
	" application_id INTEGER REFERENCES applications(id),"
	" path_id INTEGER REFERENCES paths(id),"
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	" initiator_port INTEGER NOT NULL,"
	" bytes_initiator INTEGER NOT NULL,"
	" bytes_responder INTEGER NOT NULL,"
	" first_packet INTEGER NOT NULL,"
	" history TEXT NOT NULL,"
	" packets_initiator INTEGER NOT NULL,"
	" packets_responder INTEGER NOT NULL,"
	" isn_initiator INTEGER NOT NULL,"
	" isn_responder INTEGER NOT NULL,"
	" fin_shift_initiator INTEGER,"
	" fin_shift_responder INTEGER,"
	" fin_payload_initiator INTEGER,"
	" fin_payload_responder INTEGER,"
	" fin_acked_ns_initiator INTEGER,"
	" fin_acked_ns_responder INTEGER,"
	" half_close_bytes INTEGER NOT NULL,"
	" handshake_rtt_ns INTEGER,"
	" end_back_ns INTEGER,"
	" time_wait_observed_ns INTEGER"
	") STRICT",

	"INSERT INTO connections_4(id, outcome_id, first_ns, duration_ns, "
	"initiator_id, responder_id, responder_port, fin_back_ns_initiator, "
	"fin_back_ns_responder, application_id, path_id, capture_id, initiator_port, "
	"bytes_initiator, bytes_responder, first_packet, history, packets_initiator, "
	"packets_responder, isn_initiator, isn_responder, fin_shift_initiator, "
	"fin_shift_responder, fin_payload_initiator, fin_payload_responder, "
	"fin_acked_ns_initiator, fin_acked_ns_responder, half_close_bytes, "
	"handshake_rtt_ns, end_back_ns, time_wait_observed_ns)"
	" SELECT id, outcome_id, first_ns, duration_ns, initiator_id, responder_id, "
	"responder_port, fin_back_ns_initiator, fin_back_ns_responder, application_id, "
	"path_id, capture_id, initiator_port, bytes_initiator, bytes_responder, "
	"first_packet, history, packets_initiator, packets_responder, isn_initiator, "
	"isn_responder, fin_shift_initiator, fin_shift_responder, "
	"fin_payload_initiator, fin_payload_responder, fin_acked_ns_initiator, "
	"fin_acked_ns_responder, half_close_bytes, handshake_rtt_ns, end_back_ns, "
	"time_wait_observed_ns"
	" FROM connections",
	"DROP TABLE connections",
	"ALTER TABLE connections_4 RENAME TO connections",
};

static const char *const index_names[] = {
	"connections_first",     "connections_outcome", "connections_initiator",
	"connections_responder", "findings_code",       "hosts_address",
	"mark_hits_mark",        "connections_path",    "connections_application",
	"findings_worse",
};

static const char index_sql[] =
	"CREATE INDEX IF NOT EXISTS connections_first ON connections(first_ns);"
	"CREATE INDEX IF NOT EXISTS connections_outcome ON connections(outcome_id);"
	"CREATE INDEX IF NOT EXISTS connections_initiator"
	" ON connections(initiator_id, initiator_port);"
	"CREATE INDEX IF NOT EXISTS connections_responder"
	" ON connections(responder_id, responder_port);"
	"CREATE INDEX IF NOT EXISTS findings_code ON finding_rows(code_id);"
	"CREATE INDEX IF NOT EXISTS hosts_address ON hosts(address);"
	"CREATE INDEX IF NOT EXISTS mark_hits_mark ON mark_hits(mark_id);"
	"CREATE INDEX IF NOT EXISTS connections_path ON connections(path_id)"
	" WHERE path_id IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS connections_application ON connections(application_id)"
	" WHERE application_id IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS findings_worse ON finding_rows(severity) WHERE severity > 0;";

bool schema_run(sqlite3 *db, const char *sql, struct error *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	return true;
}

static bool pragma_set(sqlite3 *db, const char *name, int value, struct error *err)
{
	char sql[64];

	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA %s = %d", name, value);
	return schema_run(db, sql, err);
}

static bool create_tables(sqlite3 *db, const char *const *sql, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (!schema_run(db, sql[i], err))
			return false;
	return true;
}

static bool create_tables_2(sqlite3 *db, struct error *err)
{
	return create_tables(db, table_sql_2, sizeof(table_sql_2) / sizeof(table_sql_2[0]), err);
}

static bool create_tables_4(sqlite3 *db, struct error *err)
{
	return create_tables(db, table_sql_4, sizeof(table_sql_4) / sizeof(table_sql_4[0]), err);
}

bool schema_create(sqlite3 *db, struct error *err)
{
	return create_tables(db, table_sql, sizeof(table_sql) / sizeof(table_sql[0]), err) &&
	       create_tables_2(db, err) && schema_create_live(db, err) &&
	       create_tables_4(db, err) && schema_create_views(db, err) &&
	       pragma_set(db, "application_id", SCHEMA_APPLICATION_ID, err) &&
	       pragma_set(db, "user_version", SCHEMA_VERSION, err);
}

/* PRAGMA user_version; -1 where it cannot be read. */
static int version_of(sqlite3 *db)
{
	sqlite3_stmt *s;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return version;
}

/* Version 1 knew no applications: its table of them is empty. */
bool schema_migrate(sqlite3 *db, struct error *err)
{
	int version = version_of(db);

	if (!schema_drop_views(db, err))
		return false;
	if (version < 2 &&
	    (!schema_run(db, "DROP TABLE applications", err) || !create_tables_2(db, err)))
		return false;
	if (version < 3 && !schema_create_live(db, err))
		return false;
	return create_tables_4(db, err) && schema_create_views(db, err) &&
	       schema_create_indexes(db, err) && summaries_count_all(db, err) &&
	       pragma_set(db, "user_version", SCHEMA_VERSION, err);
}

bool schema_add_finding_codes(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *insert;
	bool ok = true;

	if (sqlite3_prepare_v2(db, "INSERT OR IGNORE INTO finding_codes VALUES(?,?,?,?,?,?)", -1,
			       &insert, NULL) != SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	for (int code = 0; ok && code < FINDING_CODES; code++) {
		const struct finding_kind *kind = finding_kind((enum finding_code)code);

		sqlite3_bind_int(insert, 1, code);
		sqlite3_bind_text(insert, 2, kind->code, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 3, severity_name(kind->severity), -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 4, kind->title, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 5, kind->advice, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 6, kind->basis, -1, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			ok = error_set(err, "%s", sqlite3_errmsg(db));
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	return ok;
}

bool schema_create_indexes(sqlite3 *db, struct error *err)
{
	return schema_run(db, index_sql, err);
}

bool schema_drop_indexes(sqlite3 *db, struct error *err)
{
	char sql[80];

	for (size_t i = 0; i < sizeof(index_names) / sizeof(index_names[0]); i++) {
		sqlite3_snprintf(sizeof(sql), sql, "DROP INDEX IF EXISTS %s", index_names[i]);
		if (!schema_run(db, sql, err))
			return false;
	}
	return true;
}
