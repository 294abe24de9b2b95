#include "db/query_parts.h"

#include <stddef.h>
#include <string.h>

/* Looking up a row by its id takes a microsecond or two: so many are no matter, and more than that are
 * met often enough on a walk in order of time. */
enum { RARE_MAX = 20000, SAMPLE = 50000 };

struct part {
	bool (*asked)(const struct query_filter *f);
	/* SELECT of the ids that fit, through an index; an id may come twice */
	void (*ids)(sqlite3_str *sql, const struct query_filter *f);
	/* a condition on a row of connections that uses no index of that table */
	void (*row)(sqlite3_str *sql, const struct query_filter *f);
};

/* ---- verdicts: rows of outcomes ---- */

static bool outcomes_asked(const struct query_filter *f)
{
	return f->incomplete || f->complete || f->midstream || f->injected || f->teardown ||
	       f->closer || f->end_reason || f->time_wait || f->rst_by || f->rst_stage ||
	       f->rst_cause || f->conn_state;
}

static void append_outcomes(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "(SELECT id FROM outcomes WHERE 1");
	filter_outcomes(sql, f);
	sqlite3_str_appendf(sql, "%s%s%s%s)", f->incomplete ? " AND complete = 0" : "",
			    f->complete ? " AND complete = 1" : "",
			    f->midstream ? " AND midstream = 1" : "",
			    f->injected ? " AND rst_injected = 1" : "");
}

static void outcomes_ids(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "SELECT id FROM connections WHERE outcome_id IN ");
	append_outcomes(sql, f);
}

static void outcomes_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "+outcome_id IN ");
	append_outcomes(sql, f);
}

/* ---- findings ---- */

static bool finding_asked(const struct query_filter *f)
{
	return f->finding != NULL;
}

static void finding_ids(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql,
			      "SELECT connection_id FROM finding_rows WHERE code_id = :finding");
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
};

/* Without a range, all hosts are gone through: the index leads with them, and there are far fewer hosts
 * than connections. */
static void end_ids(sqlite3_str *sql, const struct end *e)
{
	sqlite3_str_appendf(sql, "SELECT id FROM connections WHERE %s_id IN (SELECT id FROM hosts",
			    e->end);
	if (e->range)
		sqlite3_str_appendf(sql,
				    " WHERE key BETWEEN :%s_low AND :%s_high"
				    " AND version = :%s_version",
				    e->range, e->range, e->range);
	sqlite3_str_appendall(sql, ")");
	if (e->port)
		sqlite3_str_appendf(sql, " AND %s_port = :%s", e->end, e->port);
}

static void end_row(sqlite3_str *sql, const struct end *e)
{
	if (e->port)
		sqlite3_str_appendf(sql, "+%s_port = :%s%s", e->end, e->port,
				    e->range ? " AND " : "");
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
	return (struct end){end, f->host ? "host" : NULL, f->has_port ? "port" : NULL};
}

static void either_ids(sqlite3_str *sql, const struct query_filter *f)
{
	struct end responder = either_end(f, "responder"), initiator = either_end(f, "initiator");

	end_ids(sql, &responder);
	sqlite3_str_appendall(sql, " UNION ALL ");
	end_ids(sql, &initiator);
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

static const struct end client_end = {"initiator", "client", NULL};

static bool client_asked(const struct query_filter *f)
{
	return f->client != NULL;
}

static void client_ids(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	end_ids(sql, &client_end);
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
			    f->has_server_port ? "server_port" : NULL};
}

static void server_ids(sqlite3_str *sql, const struct query_filter *f)
{
	struct end end = server_end(f);

	end_ids(sql, &end);
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
	sqlite3_str_appendall(sql, "application_id IN (SELECT id FROM applications WHERE 1");
	if (f->application)
		sqlite3_str_appendall(sql, " AND (instr('.' || lower(name) || '.',"
					   " '.' || lower(:application) || '.') > 0"
					   " OR lower(category) = lower(:application))");
	if (f->server_name)
		sqlite3_str_appendall(sql,
				      " AND instr(lower(server_name), lower(:server_name)) > 0");
	sqlite3_str_appendall(sql, ")");
}

static void application_ids(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql,
			      "SELECT id FROM connections WHERE application_id IS NOT NULL AND ");
	append_applications(sql, f);
}

static void application_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "+");
	append_applications(sql, f);
}

static bool path_asked(const struct query_filter *f)
{
	return f->has_vlan || f->tunnel;
}

static void append_paths(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "path_id IN (SELECT id FROM paths WHERE 1");
	if (f->has_vlan)
		sqlite3_str_appendall(sql, " AND vlan = :vlan");
	if (f->tunnel)
		sqlite3_str_appendall(sql,
				      " AND tunnel IS NOT NULL AND instr(tunnel, :tunnel) > 0");
	sqlite3_str_appendall(sql, ")");
}

static void path_ids(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "SELECT id FROM connections WHERE path_id IS NOT NULL AND ");
	append_paths(sql, f);
}

static void path_row(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, "+");
	append_paths(sql, f);
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

/* A recording's connections have consecutive ids. The plus keeps SQLite from making an index for this. */
static void capture_ids(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql, "SELECT c.id FROM captures AS p CROSS JOIN recordings AS r ON"
				   " r.id = p.recording_id CROSS JOIN connections AS c ON c.id"
				   " BETWEEN r.first_connection AND r.last_connection WHERE"
				   " p.path = :capture AND +c.capture_id = p.id");
}

static void capture_row(sqlite3_str *sql, const struct query_filter *f)
{
	(void)f;
	sqlite3_str_appendall(sql, "capture_id IN (SELECT id FROM captures WHERE path = :capture)");
}

static const struct part parts[] = {
	{outcomes_asked, outcomes_ids, outcomes_row},
	{finding_asked, finding_ids, finding_row},
	{severity_asked, severity_ids, severity_row},
	{either_asked, either_ids, either_row},
	{client_asked, client_ids, client_row},
	{server_asked, server_ids, server_row},
	{application_asked, application_ids, application_row},
	{path_asked, path_ids, path_row},
	{contains_asked, contains_ids, contains_row},
	{capture_asked, capture_ids, capture_row},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
_Static_assert(PARTS <= 32, "a plan has one bit for each part");

/* The conditions that no index serves, and the times. */
static void append_rest(sqlite3_str *sql, const struct query_filter *f, const char *first_ns)
{
	if (f->community_id)
		sqlite3_str_appendall(sql,
				      " AND community_id((SELECT address FROM hosts WHERE id ="
				      " initiator_id), initiator_port, (SELECT address FROM hosts"
				      " WHERE id = responder_id), responder_port) ="
				      " :community_id");
	if (f->has_since)
		sqlite3_str_appendf(sql, " AND %s >= :since", first_ns);
	if (f->has_until)
		sqlite3_str_appendf(sql, " AND %s < :until", first_ns);
	if (f->has_min_duration)
		sqlite3_str_appendall(sql, " AND duration_ns >= :min_duration");
	if (f->has_max_duration)
		sqlite3_str_appendall(sql, " AND duration_ns <= :max_duration");
}

void query_plan_from(sqlite3_str *sql, const struct query_filter *f, const struct query_plan *plan)
{
	static const char *const from[] = {
		[QUERY_BY_IDS] = "connections",
		[QUERY_IN_TIME] = "connections INDEXED BY connections_first",
		[QUERY_BY_SCAN] = "connections NOT INDEXED",
	};

	sqlite3_str_appendf(sql, "FROM %s WHERE 1", from[plan->way]);
	for (size_t i = 0; i < PARTS; i++) {
		if (!parts[i].asked(f))
			continue;
		if (plan->rare >> i & 1) {
			sqlite3_str_appendall(sql, " AND id IN (");
			parts[i].ids(sql, f);
			sqlite3_str_appendall(sql, ")");
		} else {
			sqlite3_str_appendall(sql, " AND ");
			parts[i].row(sql, f);
		}
	}
	append_rest(sql, f, plan->way == QUERY_BY_IDS ? "+first_ns" : "first_ns");
}

void query_plan_order(sqlite3_str *sql, const struct query_filter *f, const struct query_plan *plan)
{
	if (f->limit > 0)
		sqlite3_str_appendf(sql, " ORDER BY %sfirst_ns, id LIMIT :limit",
				    plan->way == QUERY_IN_TIME ? "" : "+");
}

/* ---- which way ---- */

/* One number; -1 where the statement gives none; false with err. */
static bool number_of(sqlite3 *db, const struct query_filter *f, const struct filter_ranges *ranges,
		      sqlite3_str *sql, int64_t edge, int64_t *number, struct error *err)
{
	char *text = sqlite3_str_finish(sql);
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR, place;

	*number = -1;
	if (!text)
		return error_set(err, "out of memory");
	if (sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK) {
		filter_bind(s, f, ranges);
		place = sqlite3_bind_parameter_index(s, ":edge");
		if (place > 0)
			sqlite3_bind_int64(s, place, edge);
		step = sqlite3_step(s);
	}
	if (step == SQLITE_ROW)
		*number = sqlite3_column_int64(s, 0);
	else if (step != SQLITE_DONE)
		error_set(err, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(s);
	sqlite3_free(text);
	return step == SQLITE_ROW || step == SQLITE_DONE;
}

static bool is_rare(sqlite3 *db, const struct query_filter *f, const struct filter_ranges *ranges,
		    const struct part *part, bool *rare, struct error *err)
{
	uint64_t most = f->rare_max > 0 ? f->rare_max : RARE_MAX;
	sqlite3_str *sql = sqlite3_str_new(db);
	int64_t count;

	sqlite3_str_appendall(sql, "SELECT count(*) FROM (");
	part->ids(sql, f);
	sqlite3_str_appendf(sql, " LIMIT %llu)", (unsigned long long)most);
	if (!number_of(db, f, ranges, sql, 0, &count, err))
		return false;
	*rare = (uint64_t)count < most;
	return true;
}

/* Do the earliest ones hold enough? Otherwise a walk may go on for long, and sorting is better. */
static bool is_met_early(sqlite3 *db, const struct query_filter *f,
			 const struct filter_ranges *ranges, bool *early, struct error *err)
{
	const struct query_filter times = {.has_since = f->has_since, .has_until = f->has_until};
	const struct query_plan walk = {.way = QUERY_IN_TIME};
	sqlite3_str *sql = sqlite3_str_new(db);
	int64_t edge, count;

	sqlite3_str_appendall(sql, "SELECT first_ns ");
	query_plan_from(sql, &times, &walk);
	sqlite3_str_appendf(sql, " ORDER BY first_ns LIMIT 1 OFFSET %d", SAMPLE);
	if (!number_of(db, f, ranges, sql, 0, &edge, err))
		return false;
	*early = edge == -1;
	if (*early)
		return true;
	sql = sqlite3_str_new(db);
	sqlite3_str_appendall(sql, "SELECT count(*) FROM (SELECT 1 ");
	query_plan_from(sql, f, &walk);
	sqlite3_str_appendall(sql, " AND first_ns <= :edge LIMIT :limit)");
	if (!number_of(db, f, ranges, sql, edge, &count, err))
		return false;
	*early = (uint64_t)count >= f->limit;
	return true;
}

bool query_plan_make(sqlite3 *db, const struct query_filter *f, const struct filter_ranges *ranges,
		     struct query_plan *plan, struct error *err)
{
	bool early = false;

	*plan = (struct query_plan){.way = QUERY_BY_SCAN};
	for (size_t i = 0; i < PARTS; i++) {
		bool rare = false;

		if (parts[i].asked(f) && !is_rare(db, f, ranges, &parts[i], &rare, err))
			return false;
		plan->rare |= (uint32_t)rare << i;
	}
	if (plan->rare != 0)
		plan->way = QUERY_BY_IDS;
	else if (f->limit > 0 && !is_met_early(db, f, ranges, &early, err))
		return false;
	else if (early || f->has_since || f->has_until)
		plan->way = QUERY_IN_TIME;
	return true;
}
