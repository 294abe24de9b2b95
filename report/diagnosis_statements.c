/* Statements of a diagnosis and their rows: what fails is told once, and gives the diagnoses up. */
#include <stdlib.h>
#include <string.h>

#include "db/row_step.h"
#include "report/diagnosis_private.h"

bool walk_failed(struct diagnosis_walk *w)
{
	return error_unnamed(w->err, "reading the report: %s", sqlite3_errmsg(w->db));
}

bool walk_no_memory(struct diagnosis_walk *w)
{
	return error_set(w->err, "reading the report: out of memory");
}

bool walk_row(struct diagnosis_walk *w, sqlite3_stmt *s)
{
	int step = row_step(s);

	if (step != SQLITE_ROW && step != SQLITE_DONE && !w->broken) {
		w->broken = true;
		walk_failed(w);
	}
	return step == SQLITE_ROW;
}

char *walk_text(struct diagnosis_walk *w, sqlite3_stmt *s, int column)
{
	bool absent = sqlite3_column_type(s, column) == SQLITE_NULL; /* in a damaged database */
	const char *text = absent ? "?" : (const char *)sqlite3_column_text(s, column);
	char *copy = text ? strdup(text) : NULL;

	if (!copy && !w->broken) {
		w->broken = true;
		walk_no_memory(w);
	}
	return copy;
}

sqlite3_stmt *walk_prepare(struct diagnosis_walk *w, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(w->db, sql, -1, &s, NULL) != SQLITE_OK) {
		walk_failed(w);
		return NULL;
	}
	return s;
}

static const char *const kept_sql[WALK_STATEMENTS] = {
	[WALK_ADDRESS] = "SELECT address FROM hosts WHERE id = ?1",
	[WALK_HOST] = "SELECT key, address, version FROM hosts WHERE id = ?1",
	[WALK_APPLICATION] = "SELECT name FROM applications WHERE id = ?1",
	[WALK_EXAMPLE] =
		"SELECT first_ns, last_ns, initiator_ip, initiator_port, responder_ip,"
		" responder_port, capture,"
		" teardown, closer, rst_by, rst_cause, rst_stage, rst_ttl, rst_sender_ttl,"
		" rst_silence_ns,"
		" rst_idle_ns, fin_silence_ns, reuse_delay_ns, reuse_rule, packets_initiator,"
		" (SELECT first_packet FROM connections WHERE id = connection_id)"
		" FROM teardowns WHERE connection_id = ?1",
	[WALK_LADDER] = "SELECT c.first_ns, c.first_packet, l.segments"
			" FROM connections AS c JOIN ladders AS l"
			" ON l.connection_id = c.id WHERE c.id = ?1",
	[WALK_FINDINGS] =
		"SELECT f.code_id, f.ts_ns, f.packet,"
		" coalesce((SELECT text FROM finding_details WHERE id = f.detail_id), f.detail),"
		" p.path"
		" FROM finding_rows AS f JOIN captures AS p"
		" ON p.id = f.capture_id WHERE f.connection_id = ?1"
		" ORDER BY f.position",
};

sqlite3_stmt *walk_statement(struct diagnosis_walk *w, enum walk_statement which, int64_t id)
{
	if (!w->kept[which])
		w->kept[which] = walk_prepare(w, kept_sql[which]);
	if (w->kept[which])
		sqlite3_bind_int64(w->kept[which], 1, id);
	return w->kept[which];
}

void walk_statements_free(struct diagnosis_walk *w)
{
	for (int i = 0; i < WALK_STATEMENTS; i++)
		sqlite3_finalize(w->kept[i]);
}

bool walk_take(struct diagnosis_walk *w, sqlite3_stmt *rows, row_taker *take, void *context)
{
	bool good = true;
	int step = SQLITE_ROW;

	while (good && (step = sqlite3_step(rows)) == SQLITE_ROW)
		good = take(context, rows);
	if (good && step != SQLITE_DONE)
		good = walk_failed(w);
	sqlite3_reset(rows);
	return good;
}

bool walk_grow(struct diagnosis_walk *w, void **items, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room == 0 ? 256 : 2 * *room;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*items, wanted * size);
	if (!grown)
		return walk_no_memory(w);
	*items = grown;
	*room = wanted;
	return true;
}
