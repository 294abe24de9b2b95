/* The views: `teardowns` and `findings` are the contract's, `timeline` and `found` are for people.
 *
 * Every joined table is LEFT JOINed by its key: SQLite then leaves out what a query without
 * aggregates does not ask for, and still turns the join round where it filters by such a column. */
#include "db/schema.h"

#include <stddef.h>
#include <string.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"
#include "db/sql_error.h"

/* c: connections, o: outcomes. Of the end that closed first (X), and of its peer (Y). */
#define OF_CLOSER(column)                                                                         \
	"CASE o.closer WHEN 'responder' THEN c." column "_responder ELSE c." column "_initiator " \
	"END"
#define OF_PEER(column)                                                                           \
	"CASE o.closer WHEN 'responder' THEN c." column "_initiator ELSE c." column "_responder " \
	"END"

/* A FIN's covering ACK (or the FIN itself, uncovered) came fin_back_ns before the last segment. */
#define LAST_NS      "c.first_ns + c.duration_ns"
#define FIN_NS(side) LAST_NS " - c.fin_back_ns_" side " - coalesce(c.fin_acked_ns_" side ", 0)"
/* One of two numbers in one: the initiator's is the upper half. */
#define HALF_initiator(column) "(" column " >> 32 & 4294967295)"
#define HALF_responder(column) "(" column " & 4294967295)"

/* NULL without a FIN. */
#define OF_FIN(side, value) "CASE WHEN c.fin_back_ns_" #side " IS NOT NULL THEN " value " END"
#define FIN_SEQ(side)                                                  \
	OF_FIN(side, "(" HALF_##side("c.isns") " + 1 + c.bytes_" #side \
					       " + coalesce(f.shift_" #side ", 0)) & 4294967295")
#define FIN_PAYLOAD(side) OF_FIN(side, HALF_##side("c.fin_payloads"))

/* A regular close (outcomes.timeline = 1) tells its dwells by its times; regular.c is the same in C. */
#define REGULAR(stored, worked_out) "CASE o.timeline WHEN 0 THEN " stored " ELSE " worked_out " END"
#define FOUR_WAY(value)             "CASE o.teardown WHEN 'four_way' THEN " value " END"
#define BETWEEN_ACKS                OF_CLOSER("fin_back_ns") " - " OF_PEER("fin_back_ns")
#define CLOSE_WAIT                  FOUR_WAY(BETWEEN_ACKS " - " OF_PEER("fin_acked_ns"))
#define FIN_WAIT_1                \
	OF_CLOSER("fin_acked_ns") \
	" + CASE o.teardown WHEN 'three_segment' THEN " BETWEEN_ACKS " ELSE 0 END"
#define REGULAR_ENTRY   LAST_NS " - " OF_PEER("fin_back_ns")
#define TIME_WAIT_ENTRY REGULAR("d.time_wait_entry_ns", REGULAR_ENTRY)
#define TIME_WAIT_OBSERVED(entry)                                                                \
	"coalesce(c.time_wait_observed_ns, CASE o.time_wait_check WHEN 'held' THEN 2 * r.msl_ns" \
	" WHEN 'unverified' THEN r.watched_until_ns - (" entry ")"                               \
	" WHEN 'reused_ok' THEN u.delay_ns WHEN 'reused_early' THEN u.delay_ns END)"

/* Without dwells, the reset or the last covering ACK was the end. */
#define END                                                                       \
	"CASE WHEN d.connection_id IS NOT NULL THEN " LAST_NS " - d.end_back_ns " \
	"ELSE " REGULAR(LAST_NS " - s.rst_back_ns", REGULAR_ENTRY) " END"

/* Without a row of its own, a reuse came when TIME_WAIT was no longer watched. */
#define REUSE_DELAY                                                \
	"CASE WHEN u.connection_id IS NOT NULL THEN u.delay_ns"    \
	" WHEN o.time_wait_check IN ('reused_ok', 'reused_early')" \
	" THEN c.time_wait_observed_ns END"

struct view_column {
	const char *name, *expression;
};

/* The contract's columns, in its order; later ones are appended. */
static const struct view_column teardown_columns[] = {
	{"connection_id", "c.id"},
	{"capture", "p.path"},
	{"initiator_ip", "hi.address"},
	{"initiator_port", "c.ports & 65535"},
	{"responder_ip", "hr.address"},
	{"responder_port", "c.ports >> 16"},
	{"vlan", "w.vlan"},
	{"midstream", "o.midstream"},
	{"first_ns", "c.first_ns"},
	{"last_ns", LAST_NS},
	{"packets_initiator", "c.packets_initiator"},
	{"packets_responder", "c.packets_responder"},
	{"duplicates", "coalesce(l.duplicates, 0)"},
	{"bytes_initiator", "c.bytes_initiator"},
	{"bytes_responder", "c.bytes_responder"},
	{"retransmitted_initiator", "coalesce(l.retransmitted_initiator, 0)"},
	{"retransmitted_responder", "coalesce(l.retransmitted_responder, 0)"},
	{"missing_initiator", "coalesce(l.missing_initiator, 0)"},
	{"missing_responder", "coalesce(l.missing_responder, 0)"},
	{"teardown", "o.teardown"},
	{"complete", "o.complete"},
	{"closer", "o.closer"},
	{"end_reason", "o.end_reason"},
	{"half_close_bytes", "coalesce(f.half_close_bytes, 0)"},
	{"fin_check_initiator", "o.fin_check_initiator"},
	{"fin_check_responder", "o.fin_check_responder"},
	{"fin_seq_initiator", FIN_SEQ(initiator)},
	{"fin_seq_responder", FIN_SEQ(responder)},
	{"fin_payload_initiator", FIN_PAYLOAD(initiator)},
	{"fin_payload_responder", FIN_PAYLOAD(responder)},
	{"fin_retransmissions_initiator", "coalesce(l.fin_retransmissions_initiator, 0)"},
	{"fin_retransmissions_responder", "coalesce(l.fin_retransmissions_responder, 0)"},
	{"fin_acked_after_ns_initiator", "c.fin_acked_ns_initiator"},
	{"fin_acked_after_ns_responder", "c.fin_acked_ns_responder"},
	{"time_wait_holder", "o.time_wait_holder"},
	{"time_wait_check", "o.time_wait_check"},
	{"time_wait_entry_ns", TIME_WAIT_ENTRY},
	{"time_wait_observed_ns", TIME_WAIT_OBSERVED(TIME_WAIT_ENTRY)},
	{"time_wait_restarts", "coalesce(u.restarts, 0)"},
	{"reuse_delay_ns", REUSE_DELAY},
	{"reuse_by", "o.reuse_by"},
	{"reuse_rule", "o.reuse_rule"},
	{"reuse_answer", "o.reuse_answer"},
	{"close_wait_ns", REGULAR("d.close_wait_ns", CLOSE_WAIT)},
	{"fin_wait_1_ns", REGULAR("d.fin_wait_1_ns", FIN_WAIT_1)},
	{"fin_wait_2_ns", REGULAR("d.fin_wait_2_ns", FOUR_WAY(BETWEEN_ACKS))},
	{"last_ack_ns", REGULAR("d.last_ack_ns", OF_PEER("fin_acked_ns"))},
	{"rst_by", "o.rst_by"},
	{"rst_stage", "o.rst_stage"},
	{"rst_cause", "o.rst_cause"},
	{"rst_silence_ns", "s.silence_ns"},
	{"rst_injected", "o.rst_injected"},
	{"rst_in_window", "coalesce(s.in_window, 0)"},
	{"rst_out_of_window", "coalesce(s.out_of_window, 0)"},
	{"application", "a.name"},
	{"application_category", "a.category"},
	{"conn_state", "o.conn_state"},
	{"history", "z.text"},
	{"tunnel", "w.tunnel"},
	{"handshake_rtt_ns", "c.handshake_rtt_ns"},
	{"fin_ns_initiator", FIN_NS("initiator")},
	{"fin_ns_responder", FIN_NS("responder")},
	{"rst_ns", LAST_NS " - s.rst_back_ns"},
	{"end_ns", END},
	{"closing_ns", "d.closing_ns"},
	{"application_guessed", "a.guessed"},
	{"server_name", "a.server_name"},
	{"fin_silence_ns", "q.fin_ms * 1000000"},
	{"rst_form", "o.rst_form"},
	{"rst_ttl", "s.ttl"},
	{"rst_sender_ttl", "s.sender_ttl"},
	{"rst_idle_ns",
	 "coalesce(s.idle_ns, CASE WHEN s.silence_ns >= 1000000000 THEN s.silence_ns END)"},
};

static const char teardowns_from[] = "FROM connections AS c\n"
				     " LEFT JOIN outcomes AS o ON o.id = c.outcome_id\n"
				     " LEFT JOIN captures AS p ON p.id = c.capture_id\n"
				     " LEFT JOIN recordings AS r ON r.id = p.recording_id\n"
				     " LEFT JOIN hosts AS hi ON hi.id = c.initiator_id\n"
				     " LEFT JOIN hosts AS hr ON hr.id = c.responder_id\n"
				     " LEFT JOIN paths AS w ON w.id = c.path_id\n"
				     " LEFT JOIN applications AS a ON a.id = c.application_id\n"
				     " LEFT JOIN histories AS z ON z.id = c.history_id\n"
				     " LEFT JOIN fins AS f ON f.connection_id = c.id\n"
				     " LEFT JOIN losses AS l ON l.connection_id = c.id\n"
				     " LEFT JOIN resets AS s ON s.connection_id = c.id\n"
				     " LEFT JOIN silences AS q ON q.connection_id = c.id\n"
				     " LEFT JOIN reuses AS u ON u.connection_id = c.id\n"
				     " LEFT JOIN dwells AS d ON d.connection_id = c.id;\n";

/* The times of a regular close: X closed first, Y is its peer; f: FIN, a: its covering ACK. */
static const struct view_column close_columns[] = {
	{"connection_id", "c.id"},
	{"teardown", "o.teardown"},
	{"x", "CASE o.closer WHEN 'responder' THEN 1 ELSE 0 END"},
	{"y", "CASE o.closer WHEN 'responder' THEN 0 ELSE 1 END"},
	{"fx", LAST_NS " - " OF_CLOSER("fin_back_ns") " - " OF_CLOSER("fin_acked_ns")},
	{"ax", LAST_NS " - " OF_CLOSER("fin_back_ns")},
	{"fy", LAST_NS " - " OF_PEER("fin_back_ns") " - " OF_PEER("fin_acked_ns")},
	{"ay", REGULAR_ENTRY},
	{"time_wait_ns", TIME_WAIT_OBSERVED(REGULAR_ENTRY)},
};

static const char closes_from[] = "FROM connections AS c\n"
				  " JOIN outcomes AS o ON o.id = c.outcome_id\n"
				  " JOIN captures AS p ON p.id = c.capture_id\n"
				  " JOIN recordings AS r ON r.id = p.recording_id\n"
				  " LEFT JOIN reuses AS u ON u.connection_id = c.id\n"
				  "WHERE o.timeline = 1;\n";

static void append_columns(sqlite3_str *sql, const char *name, const struct view_column *columns,
			   size_t count, const char *from)
{
	sqlite3_str_appendf(sql, "%s AS SELECT\n", name);
	for (size_t i = 0; i < count; i++)
		sqlite3_str_appendf(sql, "%s %s AS %s", i > 0 ? ",\n" : "", columns[i].expression,
				    columns[i].name);
	sqlite3_str_appendf(sql, "\n%s", from);
}

/* Appends CASE column WHEN 0 THEN 'name of 0' ... END. */
static void append_case(sqlite3_str *sql, const char *column, int count,
			const char *(*name)(int value))
{
	sqlite3_str_appendf(sql, "CASE %s", column);
	for (int value = 0; value < count; value++)
		sqlite3_str_appendf(sql, " WHEN %d THEN %Q", value, name(value));
	sqlite3_str_appendall(sql, " END");
}

static const char *name_of_severity(int value)
{
	return severity_name((enum severity)value);
}

static const char *name_of_state(int value)
{
	return endpoint_state_name((enum endpoint_state)value);
}

static const char *name_of_side(int value)
{
	return side_name((enum side)value);
}

static void append_findings(sqlite3_str *sql)
{
	sqlite3_str_appendall(sql, "findings AS SELECT\n"
				   " f.connection_id AS connection_id,\n"
				   " k.code AS code,\n ");
	append_case(sql, "f.severity", SEVERITIES, name_of_severity);
	sqlite3_str_appendall(sql, " AS severity,\n ");
	append_case(sql, "f.side", SIDES, name_of_side);
	sqlite3_str_appendall(sql, " AS side,\n"
				   " f.ts_ns AS ts_ns,\n"
				   " f.packet AS packet,\n"
				   " f.count AS count,\n"
				   " coalesce(d.text, f.detail) AS detail\n"
				   "FROM finding_rows AS f\n"
				   " LEFT JOIN finding_codes AS k ON k.id = f.code_id\n"
				   " LEFT JOIN finding_details AS d ON d.id = f.detail_id;\n");
}

static void append_found(sqlite3_str *sql)
{
	sqlite3_str_appendall(sql, "found AS SELECT\n"
				   " h.connection_id AS connection_id,\n"
				   " m.text AS mark,\n ");
	append_case(sql, "h.side", SIDES, name_of_side);
	sqlite3_str_appendall(sql, " AS side,\n"
				   " h.stream_offset AS stream_offset,\n"
				   " h.ts_ns AS ts_ns,\n"
				   " h.packet AS packet,\n"
				   " h.count AS count\n"
				   "FROM mark_hits AS h\n"
				   " LEFT JOIN marks AS m ON m.id = h.mark_id;\n");
}

/* One state of the regular close: where it has a place in the order of sides and times. */
struct regular_state {
	const char *side; /* column of regular_closes */
	int place;        /* among the side's states */
	enum endpoint_state state;
	const char *entry, *dwell, *condition;
};

static const struct regular_state regular_states[] = {
	{"x", 0, STATE_FIN_WAIT_1, "fx", "CASE teardown WHEN 'four_way' THEN ax ELSE ay END - fx",
	 "1"},
	{"x", 1, STATE_FIN_WAIT_2, "ax", "ay - ax", "teardown = 'four_way'"},
	{"x", 2, STATE_TIME_WAIT, "ay", "time_wait_ns", "1"},
	{"y", 0, STATE_CLOSE_WAIT, "ax", "fy - ax", "teardown = 'four_way'"},
	{"y", 1, STATE_LAST_ACK, "fy", "ay - fy", "1"},
	{"y", 2, STATE_CLOSED, "ay", "NULL", "1"},
};

static void append_timeline(sqlite3_str *sql)
{
	sqlite3_str_appendall(sql, "timeline AS SELECT\n connection_id,\n ");
	append_case(sql, "side", SIDES, name_of_side);
	sqlite3_str_appendall(sql, " AS side,\n ");
	append_case(sql, "state", ENDPOINT_STATES, name_of_state);
	sqlite3_str_appendall(sql, " AS state,\n entry_ns,\n dwell_ns,\n position\n"
				   "FROM (SELECT connection_id, side, state, entry_ns, dwell_ns,"
				   " position FROM states\n");
	for (size_t i = 0; i < sizeof(regular_states) / sizeof(regular_states[0]); i++) {
		const struct regular_state *s = &regular_states[i];

		sqlite3_str_appendf(sql,
				    " UNION ALL SELECT connection_id, %s, %d, %s, %s, %s * 5 + %d"
				    " FROM regular_closes WHERE %s\n",
				    s->side, (int)s->state, s->entry, s->dwell, s->side, s->place,
				    s->condition);
	}
	sqlite3_str_appendall(sql, ");\n");
}

bool schema_drop_views(sqlite3 *db, struct error *err)
{
	return schema_run(db,
			  "DROP VIEW teardowns; DROP VIEW findings; DROP VIEW timeline;"
			  "DROP VIEW regular_closes; DROP VIEW IF EXISTS found;",
			  err);
}

static void append_teardowns(sqlite3_str *sql)
{
	append_columns(sql, "teardowns", teardown_columns,
		       sizeof(teardown_columns) / sizeof(teardown_columns[0]), teardowns_from);
}

static void append_regular_closes(sqlite3_str *sql)
{
	append_columns(sql, "regular_closes", close_columns,
		       sizeof(close_columns) / sizeof(close_columns[0]), closes_from);
}

static const struct {
	const char *name;
	void (*append)(sqlite3_str *sql); /* name AS SELECT ...;\n */
} views[] = {
	{"teardowns", append_teardowns}, {"regular_closes", append_regular_closes},
	{"findings", append_findings},   {"found", append_found},
	{"timeline", append_timeline},
};

enum { VIEWS = sizeof(views) / sizeof(views[0]) };

static void append_view(sqlite3_str *sql, size_t view, bool temporary)
{
	sqlite3_str_appendall(sql, temporary ? "CREATE TEMP VIEW " : "CREATE VIEW ");
	views[view].append(sql);
}

bool schema_create_views(sqlite3 *db, struct error *err)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	char *text;
	bool ok;

	for (size_t i = 0; i < VIEWS; i++)
		append_view(sql, i, false);
	text = sqlite3_str_finish(sql);
	if (!text)
		return error_set(err, "out of memory");
	ok = schema_run(db, text, err);
	sqlite3_free(text);
	return ok;
}

/* SQLite keeps a view's statement as it was given, but for what ends it. */
static bool same_view(sqlite3_stmt *look, const char *name, const char *text)
{
	size_t length = strlen(text) - strlen(";\n");
	bool same;

	sqlite3_bind_text(look, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(look, 2, text, (int)length, SQLITE_STATIC);
	same = sqlite3_step(look) == SQLITE_ROW;
	sqlite3_reset(look);
	sqlite3_clear_bindings(look);
	return same;
}

static bool own_view(sqlite3 *db, sqlite3_stmt *look, size_t view, struct error *err)
{
	bool ok = false;

	for (int temporary = 0; !ok && temporary < 2; temporary++) {
		sqlite3_str *sql = sqlite3_str_new(db);
		char *text;

		append_view(sql, view, temporary);
		text = sqlite3_str_finish(sql);
		if (!text)
			return error_set(err, "out of memory");
		ok = temporary ? schema_run(db, text, err)
			       : same_view(look, views[view].name, text);
		sqlite3_free(text);
	}
	return ok;
}

bool schema_own_views(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *look;
	bool ok = true;

	if (sqlite3_prepare_v2(db,
			       "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?1"
			       " COLLATE NOCASE AND sql = ?2",
			       -1, &look, NULL) != SQLITE_OK)
		return sql_error(db, err);
	for (size_t i = 0; ok && i < VIEWS; i++)
		ok = own_view(db, look, i, err);
	sqlite3_finalize(look);
	return ok;
}
