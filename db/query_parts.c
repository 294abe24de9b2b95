#include "db/query_parts_private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "db/schema.h"
#include "db/sql_error.h"

/* Leaves in fits those whose value is one of the statement's rows; sql is finished. */
static bool look_up(struct looking *l, enum block_kind kind, sqlite3_str *sql,
		    struct place_set *fits, struct error *err)
{
	char *text = sqlite3_str_finish(sql);
	struct id_set set = {0};
	sqlite3_stmt *rows = NULL;
	bool good;

	if (!text)
		return error_set(err, "out of memory");
	good = sqlite3_prepare_v2(l->db, text, -1, &rows, NULL) == SQLITE_OK &&
	       filter_bind(rows, l->filter, l->ranges);
	sqlite3_free(text);
	if (!good) {
		sqlite3_finalize(rows);
		return sql_error(l->db, err);
	}
	good = id_set_read(&set, rows, err) &&
	       block_search_values(&l->search, kind, &set, fits, err);
	id_set_free(&set);
	return good;
}

/* ---- verdicts: rows of outcomes ---- */

static bool outcomes_asked(const struct query_filter *f)
{
	return f->incomplete || f->complete || f->midstream || f->injected || f->teardown ||
	       f->closer || f->end_reason || f->time_wait || f->rst_by || f->rst_stage ||
	       f->rst_cause || f->conn_state;
}

static void append_outcomes(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "SELECT id FROM outcomes WHERE 1");
	filter_outcomes(sql, f);
	sqlite3_str_appendf(sql, "%s%s%s%s", f->incomplete ? " AND complete = 0" : "",
			    f->complete ? " AND complete = 1" : "",
			    f->midstream ? " AND midstream = 1" : "",
			    f->injected ? " AND rst_injected = 1" : "");
}

static bool outcomes_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	sqlite3_str *sql = sqlite3_str_new(l->db);

	append_outcomes(sql, l->filter);
	return look_up(l, BLOCK_OUTCOMES, sql, fits, err);
}

static void outcomes_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "+outcome_id IN (");
	append_outcomes(sql, f);
	sqlite3_str_appendall(sql, ")");
}

/* ---- findings ---- */

static bool finding_asked(const struct query_filter *f)
{
	return f->finding != NULL;
}

static void finding_ids(sqlite3_str *sql, const struct query_filter *f)
{
	bool indexed = finding_code_of(f->finding) != FINDING_DPI_RISK;

	sqlite3_str_appendf(sql,
			    "SELECT connection_id FROM finding_rows WHERE code_id = :finding%s",
			    indexed ? " AND " SCHEMA_FINDINGS_INDEXED : "");
}

static void finding_row(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql, "EXISTS(SELECT 1 FROM finding_rows WHERE connection_id ="
				   " connections.id AND +code_id = :finding)");
}

static bool severity_asked(const struct query_filter *f)
{
	return f->severity != NULL;
}

/* As a number, so that SQLite sees that the index of what is above info has it all. */
static void severity_ids(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendf(sql, "SELECT connection_id FROM finding_rows WHERE severity >= %d%s",
			    filter_severity(f->severity),
			    filter_severity(f->severity) > 0 ? " AND severity > 0" : "");
}

static void severity_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendf(sql,
			    "EXISTS(SELECT 1 FROM finding_rows WHERE connection_id ="
			    " connections.id AND +severity >= %d)",
			    filter_severity(f->severity));
}

/* ---- ends ---- */

/* Where one is asked for: at which end, in which range (NULL: any), with which port (NULL: any). */
struct end {
	const char *end, *range, *port;
	uint16_t number; /* of the port */
};

static bool end_blocks(struct looking *l, const struct end *e, struct place_set *fits,
		       struct error *err)
{
	bool initiator = strcmp(e->end, "initiator") == 0;
	sqlite3_str *sql;

	if (e->port &&
	    !block_search_value(&l->search,
				initiator ? BLOCK_INITIATOR_PORTS : BLOCK_RESPONDER_PORTS,
				e->number, fits, err))
		return false;
	if (!e->range)
		return true;
	sql = sqlite3_str_new(l->db);
	sqlite3_str_appendf(sql,
			    "SELECT id FROM hosts WHERE key BETWEEN :%s_low AND :%s_high"
			    " AND version = :%s_version",
			    e->range, e->range, e->range);
	return look_up(l, initiator ? BLOCK_INITIATORS : BLOCK_RESPONDERS, sql, fits, err);
}

static void end_row(sqlite3_str *sql, const struct end *e)
{
	if (e->port)
		sqlite3_str_appendf(sql, "(%s) = :%s%s",
				    strcmp(e->end, "initiator") == 0 ? "ports & 65535"
								     : "ports >> 16",
				    e->port, e->range ? " AND " : "");
	if (e->range)
		sqlite3_str_appendf(sql,
				    "EXISTS(SELECT 1 FROM hosts WHERE id = %s_id AND +key BETWEEN"
				    " :%s_low AND :%s_high AND +version = :%s_version)",
				    e->end, e->range, e->range, e->range);
}

static bool either_asked(const struct query_filter *f)
{
	return f->host || f->has_port;
}

static struct end either_end(const struct query_filter *f, const char *end)
{
	return (struct end){end, f->host ? "host" : NULL, f->has_port ? "port" : NULL, f->port};
}

static bool either_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	struct end responder = either_end(l->filter, "responder"),
		   initiator = either_end(l->filter, "initiator");
	struct place_set *other = block_search_copy(&l->search, err);
	bool good;

	if (!other)
		return false;
	memcpy(other, fits, l->search.count * sizeof(*other));
	good = end_blocks(l, &responder, fits, err) && end_blocks(l, &initiator, other, err);
	for (size_t i = 0; i < l->search.count; i++)
		for (size_t word = 0; word < BLOCK_SIZE / 64; word++)
			fits[i].word[word] |= other[i].word[word];
	free(other);
	return good;
}

static void either_row(sqlite3_str *sql, const struct query_filter *f)
{
	struct end responder = either_end(f, "responder"), initiator = either_end(f, "initiator");

	sqlite3_str_appendall(sql, "(");
	end_row(sql, &responder);
	sqlite3_str_appendall(sql, " OR ");
	end_row(sql, &initiator);
	sqlite3_str_appendall(sql, ")");
}

static const struct end client_end = {"initiator", "client", NULL, 0};

static bool client_asked(const struct query_filter *f)
{
	return f->client != NULL;
}

static bool client_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	return end_blocks(l, &client_end, fits, err);
}

static void client_row(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	end_row(sql, &client_end);
}

static bool server_asked(const struct query_filter *f)
{
	return f->server || f->has_server_port;
}

static struct end server_end(const struct query_filter *f)
{
	return (struct end){"responder", f->server ? "server" : NULL,
			    f->has_server_port ? "server_port" : NULL, f->server_port};
}

static bool server_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	struct end end = server_end(l->filter);

	return end_blocks(l, &end, fits, err);
}

static void server_row(sqlite3_str *sql, const struct query_filter *f)
{
	struct end end = server_end(f);

	end_row(sql, &end);
}

/* ---- applications, paths, marks, captures ---- */

static bool application_asked(const struct query_filter *f)
{
	return f->application || f->server_name;
}

/* Part of a connection's application; a name like FTP_CONTROL is no pattern. */
static void append_applications(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "SELECT id FROM applications WHERE 1");
	if (f->application)
		sqlite3_str_appendall(sql, " AND (instr('.' || lower(name) || '.',"
					   " '.' || lower(:application) || '.') > 0"
					   " OR lower(category) = lower(:application))");
	if (f->server_name)
		sqlite3_str_appendall(sql,
				      " AND instr(lower(server_name), lower(:server_name)) > 0");
}

static bool application_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	sqlite3_str *sql = sqlite3_str_new(l->db);

	append_applications(sql, l->filter);
	return look_up(l, BLOCK_APPLICATIONS, sql, fits, err);
}

static void application_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "+application_id IN (");
	append_applications(sql, f);
	sqlite3_str_appendall(sql, ")");
}

static bool path_asked(const struct query_filter *f)
{
	return f->has_vlan || f->tunnel;
}

static void append_paths(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "SELECT id FROM paths WHERE 1");
	if (f->has_vlan)
		sqlite3_str_appendall(sql, " AND vlan = :vlan");
	if (f->tunnel)
		sqlite3_str_appendall(sql,
				      " AND tunnel IS NOT NULL AND instr(tunnel, :tunnel) > 0");
}

static bool path_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	sqlite3_str *sql = sqlite3_str_new(l->db);

	append_paths(sql, l->filter);
	return look_up(l, BLOCK_PATHS, sql, fits, err);
}

static void path_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "+path_id IN (");
	append_paths(sql, f);
	sqlite3_str_appendall(sql, ")");
}

static bool contains_asked(const struct query_filter *f)
{
	return f->contains != NULL;
}

static void contains_ids(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql, "SELECT connection_id FROM mark_hits WHERE mark_id IN (SELECT id"
				   " FROM marks WHERE bytes = :contains)");
}

static void contains_row(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql, "EXISTS(SELECT 1 FROM mark_hits WHERE connection_id ="
				   " connections.id AND +mark_id IN (SELECT id FROM marks WHERE"
				   " bytes = :contains))");
}

static bool capture_asked(const struct query_filter *f)
{
	return f->capture != NULL;
}

/* A recording's connections have consecutive ids. */
static bool capture_blocks(struct looking *l, struct place_set *fits, struct error *err)
{
	static const char sql[] = "SELECT first_connection, last_connection FROM recordings"
				  " WHERE first_connection IS NOT NULL AND id IN"
				  " (SELECT recording_id FROM captures WHERE path = :capture)";
	bool *marked = calloc(l->search.count + 1, sizeof(*marked));
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;

	if (!marked)
		return error_set(err, "out of memory");
	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) == SQLITE_OK &&
	    filter_bind(s, l->filter, l->ranges)) {
		while ((step = sqlite3_step(s)) == SQLITE_ROW)
			for (size_t i = 0; i < l->search.count; i++)
				marked[i] |= l->search.block[i].id >=
						     block_of(sqlite3_column_int64(s, 0)) &&
					     l->search.block[i].id <=
						     block_of(sqlite3_column_int64(s, 1));
	}
	for (size_t i = 0; i < l->search.count; i++)
		if (!marked[i])
			fits[i] = (struct place_set){{0}};
	sqlite3_finalize(s);
	free(marked);
	return step == SQLITE_DONE || sql_error(l->db, err);
}

static void capture_row(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql, "capture_id IN (SELECT id FROM captures WHERE path = :capture)");
}

const struct part query_parts[] = {
	{outcomes_asked, NULL, outcomes_blocks, outcomes_row},
	{finding_asked, finding_ids, NULL, finding_row},
	{severity_asked, severity_ids, NULL, severity_row},
	{either_asked, NULL, either_blocks, either_row},
	{client_asked, NULL, client_blocks, client_row},
	{server_asked, NULL, server_blocks, server_row},
	{application_asked, NULL, application_blocks, application_row},
	{path_asked, NULL, path_blocks, path_row},
	{contains_asked, contains_ids, NULL, contains_row},
	{capture_asked, NULL, capture_blocks, capture_row},
};

enum { PARTS = sizeof(query_parts) / sizeof(query_parts[0]) };
_Static_assert(PARTS <= 32, "a plan has one bit for each part");

const size_t query_part_count = PARTS;

/* The conditions that no list serves, and the times. */
static void append_rest(sqlite3_str *sql, const struct query_filter *f)
{
	if (f->community_id)
		sqlite3_str_appendall(sql,
				      " AND community_id((SELECT address FROM hosts WHERE id ="
				      " initiator_id), ports & 65535, (SELECT address FROM hosts"
				      " WHERE id = responder_id), ports >> 16) ="
				      " :community_id");
	if (f->has_since)
		sqlite3_str_appendall(sql, " AND first_ns >= :since");
	if (f->has_until)
		sqlite3_str_appendall(sql, " AND first_ns < :until");
	if (f->has_min_duration)
		sqlite3_str_appendall(sql, " AND duration_ns >= :min_duration");
	if (f->has_max_duration)
		sqlite3_str_appendall(sql, " AND duration_ns <= :max_duration");
}

void query_plan_from(sqlite3_str *sql, const struct query_filter *f, const struct query_plan *plan)
{
	switch (plan->way) {
	case QUERY_BY_IDS:
		sqlite3_str_appendall(sql, "FROM connections WHERE 1");
		break;
	case QUERY_EARLIEST:
		sqlite3_str_appendall(sql, "FROM connections WHERE id IN"
					   " (SELECT value FROM json_each(:chosen))");
		break;
	case QUERY_BY_BLOCKS:
		sqlite3_str_appendf(sql,
				    "FROM (SELECT value AS block FROM json_each(:chosen))"
				    " CROSS JOIN connections ON connections.id BETWEEN block * %d"
				    " AND block * %d + %d WHERE 1",
				    BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE - 1);
		break;
	case QUERY_BY_SCAN:
		sqlite3_str_appendall(sql, "FROM connections NOT INDEXED WHERE 1");
		break;
	}
	for (size_t i = 0; i < PARTS; i++) {
		if (!query_parts[i].asked(f))
			continue;
		if (plan->rare >> i & 1) {
			sqlite3_str_appendall(sql, " AND id IN (");
			query_parts[i].ids(sql, f);
			sqlite3_str_appendall(sql, ")");
		} else {
			sqlite3_str_appendall(sql, " AND ");
			query_parts[i].row(sql, f);
		}
	}
	append_rest(sql, f);
}

void query_plan_order(sqlite3_str *sql, const struct query_filter *f, const struct query_plan *plan)
{
	(void)plan;
	if (f->limit > 0)
		sqlite3_str_appendall(sql, " ORDER BY first_ns, id LIMIT :limit");
}
