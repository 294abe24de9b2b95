/* Making the schema, and bringing an older one up to date. The tables are in schema_tables.c. */
#include "db/schema.h"

#include "analyzer/finding.h"
#include "db/alert_rows.h"
#include "db/blocks.h"
#include "db/row_step.h"
#include "db/schema_tables.h"
#include "db/sql_error.h"
#include "db/summaries.h"

/* What became of the tables of older versions. Tables that a version brought are made after its steps.
 * A new database has none of this behind it: SQLite reads the whole schema again for every ALTER. */
struct schema_step {
	int version;
	const char *sql;
};

static const struct schema_step schema_steps[] = {
	{2, "DROP TABLE applications"}, /* version 1 knew none: it is empty */
	{2, "ALTER TABLE outcomes ADD COLUMN rst_form TEXT"},
	{2, "ALTER TABLE outcomes ADD COLUMN open_stage TEXT"},
	{2, "ALTER TABLE resets ADD COLUMN ttl INTEGER"},
	{2, "ALTER TABLE resets ADD COLUMN sender_ttl INTEGER"},
	{2, "ALTER TABLE resets ADD COLUMN idle_ns INTEGER"},
	{3, "ALTER TABLE recordings ADD COLUMN live INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE recordings ADD COLUMN finished INTEGER NOT NULL DEFAULT 1"},
	{3, "ALTER TABLE recordings ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE recordings ADD COLUMN started_ns INTEGER"},
	{3, "ALTER TABLE recordings ADD COLUMN updated_ns INTEGER"},
	{3, "ALTER TABLE recordings ADD COLUMN rows_lost INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE recordings ADD COLUMN rows_expired INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE recordings ADD COLUMN clock_steps INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE captures ADD COLUMN drops_kernel INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE captures ADD COLUMN drops_interface INTEGER NOT NULL DEFAULT 0"},
	{3, "ALTER TABLE captures ADD COLUMN drops_own INTEGER NOT NULL DEFAULT 0"},
	{4, "ALTER TABLE finding_rows ADD COLUMN detail_id INTEGER REFERENCES finding_details(id)"},
	/* what it held is of a run that is over */
	{5, "DROP TABLE IF EXISTS open_connections"},
	/* blocks take the place of the indexes of connections */
	{6, "DROP INDEX IF EXISTS connections_first"},
	{6, "DROP INDEX IF EXISTS connections_outcome"},
	{6, "DROP INDEX IF EXISTS connections_initiator"},
	{6, "DROP INDEX IF EXISTS connections_responder"},
	{6, "DROP INDEX IF EXISTS connections_path"},
	{6, "DROP INDEX IF EXISTS connections_application"},
	{7, "ALTER TABLE dwells ADD COLUMN end_back_ns INTEGER"},
};

/* What fills a version's tables, once they are there. Up to version 3 the columns of connections were in
 * another order. */
static const struct schema_step schema_fills[] = {
	{7, "INSERT INTO histories(text) SELECT history FROM connections GROUP BY history"
	    " ORDER BY min(id)"},
	{7, "INSERT INTO fins SELECT id, half_close_bytes, coalesce(fin_shift_initiator, 0),"
	    " coalesce(fin_shift_responder, 0) FROM connections WHERE half_close_bytes <> 0 OR"
	    " fin_shift_initiator <> 0 OR fin_shift_responder <> 0"},
	{7, "UPDATE dwells SET end_back_ns = (SELECT end_back_ns FROM connections WHERE id ="
	    " connection_id)"},
	{7, "INSERT INTO dwells(connection_id, end_back_ns) SELECT c.id, c.end_back_ns"
	    " FROM connections AS c LEFT JOIN outcomes AS o ON o.id = c.outcome_id"
	    " LEFT JOIN resets AS s ON s.connection_id = c.id"
	    " WHERE c.id NOT IN (SELECT connection_id FROM dwells)"
	    " AND c.end_back_ns IS NOT CASE WHEN o.timeline = 0 THEN s.rst_back_ns"
	    " WHEN o.closer = 'responder' THEN c.fin_back_ns_initiator"
	    " ELSE c.fin_back_ns_responder END"},
	{7, "CREATE TABLE connections_7" SCHEMA_CONNECTION_COLUMNS},
	{7, "INSERT INTO connections_7(id, outcome_id, first_ns, duration_ns, initiator_id,"
	    " responder_id, ports, fin_back_ns_initiator, fin_back_ns_responder,"
	    " application_id, path_id, capture_id, bytes_initiator,"
	    " bytes_responder, first_packet, history_id, packets_initiator, packets_responder,"
	    " isns, fin_payloads, fin_acked_ns_initiator, fin_acked_ns_responder,"
	    " handshake_rtt_ns, time_wait_observed_ns)"
	    " SELECT c.id, outcome_id, first_ns, duration_ns, initiator_id,"
	    " responder_id, responder_port << 16 | initiator_port, fin_back_ns_initiator, "
	    "fin_back_ns_responder,"
	    " application_id, path_id, capture_id, bytes_initiator,"
	    " bytes_responder, first_packet, h.id, packets_initiator, packets_responder,"
	    " isn_initiator << 32 | (isn_responder & 4294967295),"
	    " coalesce(fin_payload_initiator, 0) << 32 | coalesce(fin_payload_responder, 0),"
	    " fin_acked_ns_initiator, fin_acked_ns_responder,"
	    " handshake_rtt_ns, time_wait_observed_ns"
	    " FROM connections AS c CROSS JOIN histories AS h ON h.text = c.history"
	    " ORDER BY c.id"},
	{7, "CREATE TEMP TABLE own_indexes AS SELECT sql FROM sqlite_schema WHERE type = 'index'"
	    " AND tbl_name = 'connections' AND sql IS NOT NULL"},
	{7, "DROP TABLE connections"},
	{7, "ALTER TABLE connections_7 RENAME TO connections"},
};

static const char *const index_names[] = {
	"findings_code",
	"hosts_address",
	"mark_hits_mark",
	"findings_worse",
};

static const char index_sql[] =
	"CREATE INDEX IF NOT EXISTS findings_code ON finding_rows(code_id)"
	" WHERE " SCHEMA_FINDINGS_INDEXED ";"
	"CREATE INDEX IF NOT EXISTS hosts_address ON hosts(address);"
	"CREATE INDEX IF NOT EXISTS mark_hits_mark ON mark_hits(mark_id);"
	"CREATE INDEX IF NOT EXISTS findings_worse ON finding_rows(severity) WHERE severity > 0;";

bool schema_run(sqlite3 *db, const char *sql, struct error *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_error(db, err);
	return true;
}

static bool pragma_set(sqlite3 *db, const char *name, int value, struct error *err)
{
	char sql[64];

	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA %s = %d", name, value);
	return schema_run(db, sql, err);
}

enum { ALERTS_SINCE = 3, SUMMARIES_SINCE = 4, BLOCKS_SINCE = 6 };

/* Those that came with one version. */
static bool create_tables(sqlite3 *db, int version, struct error *err)
{
	for (size_t i = 0; i < schema_table_count; i++)
		if (schema_tables[i].since == version && !schema_run(db, schema_tables[i].sql, err))
			return false;
	return version != ALERTS_SINCE || alert_rows_create(db, err);
}

static bool take_steps(sqlite3 *db, const struct schema_step *steps, size_t count, int version,
		       struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].version == version && !schema_run(db, steps[i].sql, err))
			return false;
	return true;
}

static bool raise_version(sqlite3 *db, int version, struct error *err)
{
	return take_steps(db, schema_steps, sizeof(schema_steps) / sizeof(schema_steps[0]), version,
			  err) &&
	       create_tables(db, version, err) &&
	       take_steps(db, schema_fills, sizeof(schema_fills) / sizeof(schema_fills[0]), version,
			  err);
}

bool schema_create(sqlite3 *db, struct error *err)
{
	for (int version = SCHEMA_VERSION_OLDEST; version <= SCHEMA_VERSION; version++)
		if (!create_tables(db, version, err))
			return false;
	return schema_create_views(db, err) &&
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

/* Those that somebody else made of the table that is gone, but for what names columns that are, too, or a function
 * or an order that only its maker's program has. */
static bool make_own_indexes(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *own, *make;
	int step = SQLITE_DONE;

	if (sqlite3_prepare_v2(db, "SELECT sql FROM temp.own_indexes", -1, &own, NULL) != SQLITE_OK)
		return sql_error(db, err);
	while ((step = row_step(own)) == SQLITE_ROW) {
		step = sqlite3_prepare_v2(db, (const char *)sqlite3_column_text(own, 0), -1, &make,
					  NULL);
		if ((step & 0xff) == SQLITE_ERROR) /* no such column, or the like */
			continue;
		if (step == SQLITE_OK)
			step = sqlite3_step(make);
		sqlite3_finalize(make);
		if (step != SQLITE_DONE)
			break;
	}
	if (step != SQLITE_DONE)
		sql_error(db, err);
	sqlite3_finalize(own);
	return step == SQLITE_DONE && schema_run(db, "DROP TABLE temp.own_indexes", err);
}

bool schema_migrate(sqlite3 *db, struct error *err)
{
	int before = version_of(db);

	/* Renaming a table would look at views that others made of ours, which are gone for now. */
	if (!pragma_set(db, "legacy_alter_table", 1, err) || !schema_drop_views(db, err))
		return false;
	for (int version = before + 1; version <= SCHEMA_VERSION; version++)
		if (!raise_version(db, version, err))
			return false;
	return schema_create_views(db, err) && schema_create_indexes(db, err) &&
	       make_own_indexes(db, err) &&
	       (before >= SUMMARIES_SINCE || summaries_count_all(db, err)) &&
	       (before >= BLOCKS_SINCE || blocks_fill(db, err)) &&
	       pragma_set(db, "user_version", SCHEMA_VERSION, err) &&
	       pragma_set(db, "legacy_alter_table", 0, err);
}

bool schema_add_finding_codes(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *insert;
	bool ok = true;

	if (sqlite3_prepare_v2(db,
			       "INSERT OR IGNORE INTO finding_codes(id, code, severity, title, "
			       "advice, basis) VALUES(?,?,?,?,?,?)",
			       -1, &insert, NULL) != SQLITE_OK)
		return sql_error(db, err);
	for (int code = 0; ok && code < FINDING_CODES; code++) {
		const struct finding_kind *kind = finding_kind((enum finding_code)code);

		sqlite3_bind_int(insert, 1, code);
		sqlite3_bind_text(insert, 2, kind->code, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 3, severity_name(kind->severity), -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 4, kind->title, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 5, kind->advice, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 6, kind->basis, -1, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			ok = sql_error(db, err);
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
