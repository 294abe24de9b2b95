#include "db/alert_rows.h"

#include "analyzer/verdict.h"
#include "db/address.h"
#include "db/schema.h"
#include "db/sql_error.h"

static const char table_sql[] =
	"CREATE TABLE alerts("
	" id INTEGER PRIMARY KEY,"
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" condition TEXT NOT NULL,"
	" began_ns INTEGER NOT NULL,"
	" ended_ns INTEGER,"
	" value REAL NOT NULL,"
	" matching INTEGER NOT NULL,"
	" connections INTEGER NOT NULL,"
	" initiator_ip TEXT,"
	" initiator_port INTEGER,"
	" responder_ip TEXT,"
	" responder_port INTEGER,"
	" UNIQUE(recording_id, condition, began_ns)"
	") STRICT";

static const char put_sql[] =
	"INSERT INTO alerts(recording_id, condition, began_ns, ended_ns, value, matching,"
	" connections, initiator_ip, initiator_port, responder_ip, responder_port)"
	" VALUES(?,?,?,?,?,?,?,?,?,?,?)"
	" ON CONFLICT(recording_id, condition, began_ns) DO UPDATE SET ended_ns = "
	"excluded.ended_ns";

bool alert_rows_create(sqlite3 *db, struct error *err)
{
	return schema_run(db, table_sql, err);
}

/* NULLs where no connection matched. */
static void bind_ends(sqlite3_stmt *s, const struct alert_row *row)
{
	char address[ADDRESS_TEXT_MAX];

	if (row->ip_version == 0)
		return;
	address_text(&row->initiator, row->ip_version, address);
	sqlite3_bind_text(s, 8, address, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(s, 9, row->initiator_port);
	address_text(&row->responder, row->ip_version, address);
	sqlite3_bind_text(s, 10, address, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(s, 11, row->responder_port);
}

/* The row of an alert that is over, be it of an earlier recording: the process that wrote it may have died. */
static bool end_earlier(sqlite3 *db, const struct alert_row *row, bool *ended, struct error *err)
{
	static const char sql[] = "UPDATE alerts SET ended_ns = ?3 WHERE condition = ?1 AND"
				  " began_ns = ?2 AND ended_ns IS NULL";
	sqlite3_stmt *s;
	bool good;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return sql_error(db, err);
	sqlite3_bind_text(s, 1, row->condition, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, row->began_ns);
	sqlite3_bind_int64(s, 3, row->ended_ns);
	good = sqlite3_step(s) == SQLITE_DONE || sql_error(db, err);
	*ended = good && sqlite3_changes(db) > 0;
	sqlite3_finalize(s);
	return good;
}

bool alert_rows_put(sqlite3 *db, int64_t recording_id, const struct alert_row *row,
		    struct error *err)
{
	sqlite3_stmt *s;
	bool good, ended = false;

	if (row->ended_ns != NONE_NS && (!end_earlier(db, row, &ended, err) || ended))
		return ended;
	if (sqlite3_prepare_v2(db, put_sql, -1, &s, NULL) != SQLITE_OK)
		return sql_error(db, err);
	sqlite3_bind_int64(s, 1, recording_id);
	sqlite3_bind_text(s, 2, row->condition, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, row->began_ns);
	if (row->ended_ns != NONE_NS)
		sqlite3_bind_int64(s, 4, row->ended_ns);
	sqlite3_bind_double(s, 5, row->value);
	sqlite3_bind_int64(s, 6, (int64_t)row->matching);
	sqlite3_bind_int64(s, 7, (int64_t)row->connections);
	bind_ends(s, row);
	good = sqlite3_step(s) == SQLITE_DONE || sql_error(db, err);
	sqlite3_finalize(s);
	return good;
}
