/* Reading connections back.
 *
 * A filtered query first finds the ids on the narrow table and its indexes, cut to the limit, and
 * only then works out the view's columns for those. */
#include "db/query.h"

#include <string.h>

#include "db/query_filter.h"
#include "db/query_parts.h"
#include "db/readonly.h"
#include "db/sql_error.h"

#define COMMUNITY_ID                                               \
	"community_id(initiator_ip, initiator_port, responder_ip," \
	" responder_port) AS community_id"

/* All rows: only their order is sorted out, not what they tell. The loop of a CROSS JOIN goes as its left
 * side does. */
static const char all_sql[] =
	"SELECT t.*, " COMMUNITY_ID " FROM (SELECT id AS number FROM connections"
	" ORDER BY first_ns, id LIMIT -1) CROSS JOIN teardowns AS t ON t.connection_id = number";

static char *filter_sql(const struct query_filter *f, const struct query_plan *plan)
{
	sqlite3_str *sql = sqlite3_str_new(NULL), *from = sqlite3_str_new(NULL);
	static const struct query_plan scan = {.way = QUERY_BY_SCAN};
	int unfiltered;

	query_plan_from(from, &(struct query_filter){0}, &scan);
	unfiltered = sqlite3_str_length(from);
	sqlite3_str_reset(from);
	query_plan_from(from, f, plan);
	query_plan_order(from, f, plan);
	if (plan->way == QUERY_BY_SCAN && sqlite3_str_length(from) == unfiltered)
		sqlite3_str_appendall(sql, all_sql);
	else
		sqlite3_str_appendf(sql,
				    "SELECT *, " COMMUNITY_ID
				    " FROM teardowns WHERE connection_id IN (SELECT id %s)"
				    " ORDER BY first_ns, connection_id",
				    sqlite3_str_value(from));
	sqlite3_free(sqlite3_str_finish(from));
	return sqlite3_str_finish(sql);
}

/* What a group is named and made of: over c (connections) and o (outcomes). */
static const struct {
	const char *name, *value, *join, *condition;
} groups[QUERY_GROUPS] = {
	[GROUP_HOST] = {"host", "h.address",
			" JOIN hosts AS h ON h.id IN (c.initiator_id, c.responder_id)", ""},
	[GROUP_CLIENT] = {"client", "h.address", " JOIN hosts AS h ON h.id = c.initiator_id", ""},
	[GROUP_SERVER] = {"server",
			  "CASE h.version WHEN 6 THEN '[' || h.address || ']' ELSE h.address END"
			  " || ':' || (c.ports >> 16)",
			  " JOIN hosts AS h ON h.id = c.responder_id", ""},
	[GROUP_APPLICATION] = {"application", "a.name",
			       " LEFT JOIN applications AS a ON a.id = c.application_id", ""},
	[GROUP_TEARDOWN] = {"teardown", "o.teardown", "", ""},
	[GROUP_CLOSER] = {"closer", "o.closer", "", ""},
	[GROUP_CAUSE] = {"cause", "o.rst_cause", "", " AND o.rst_cause IS NOT NULL"},
	[GROUP_STATE] = {"state", "o.conn_state", "", ""},
	[GROUP_HOUR] = {"hour",
			"strftime('%Y-%m-%dT%H:00:00Z', (c.first_ns - (c.first_ns % 1000000000 +"
			" 1000000000) % 1000000000) / 1000000000, 'unixepoch')",
			"", ""},
};

/* The duration at or below which percent of the group's lie: nearest rank. */
#define QUANTILE(percent)                                                                  \
	" max(CASE WHEN place = (size * " #percent " + 99) / 100 THEN duration_ns END) AS" \
	" duration_p" #percent "_ns,"

static char *groups_sql(const struct query_filter *f, const struct query_plan *plan,
			enum query_group group)
{
	sqlite3_str *sql = sqlite3_str_new(NULL);

	sqlite3_str_appendf(
		sql,
		"WITH chosen AS (SELECT %s AS value, c.id AS id, c.duration_ns AS duration_ns,"
		" o.complete AS complete, o.rst_by IS NOT NULL AS reset,"
		" c.bytes_initiator + c.bytes_responder AS bytes"
		" FROM connections AS c JOIN outcomes AS o ON o.id = c.outcome_id%s"
		" WHERE c.id IN (SELECT id ",
		groups[group].value, groups[group].join);
	query_plan_from(sql, f, plan);
	sqlite3_str_appendf(
		sql,
		")%s), worse AS (SELECT DISTINCT connection_id FROM finding_rows WHERE severity > "
		"0),"
		" ranked AS (SELECT *, row_number() OVER (PARTITION BY value ORDER BY duration_ns)"
		" AS place, count(*) OVER (PARTITION BY value) AS size,"
		" id IN (SELECT connection_id FROM worse) AS found FROM chosen)"
		" SELECT value AS %s, count(*) AS connections, sum(complete) AS complete,"
		" sum(reset) AS resets, sum(found) AS findings, sum(bytes) AS bytes," QUANTILE(50)
			QUANTILE(90) QUANTILE(99) " max(duration_ns) AS duration_max_ns"
						  " FROM ranked GROUP BY value ORDER BY %s",
		groups[group].condition, groups[group].name,
		group == GROUP_HOUR ? "value" : "connections DESC, value");
	if (f->limit > 0)
		sqlite3_str_appendall(sql, " LIMIT :limit");
	return sqlite3_str_finish(sql);
}

static sqlite3_stmt *prepare(struct store *store, const struct query_filter *filter, char *sql,
			     const struct filter_ranges *ranges, struct query_plan *plan,
			     struct error *err)
{
	sqlite3_stmt *s = NULL;

	if (!sql) {
		error_set(err, "out of memory");
	} else if (sqlite3_prepare_v2(store_handle(store), sql, -1, &s, NULL) != SQLITE_OK ||
		   !filter_bind(s, filter, ranges) || !query_plan_bind(plan, s)) {
		sql_error(store_handle(store), err);
		sqlite3_finalize(s);
		s = NULL;
	}
	sqlite3_free(sql);
	query_plan_free(plan);
	return s;
}

/* The plan is freed where it fails. What blocks tell is of the same moment as the rows they tell of, and the
 * statement comes to see those rows: the database is held until it is closed. */
static bool make_plan(struct store *store, const struct query_filter *filter,
		      struct filter_ranges *ranges, struct query_plan *plan, struct error *err)
{
	bool held;

	if (!filter_check(filter, ranges, err) || !store_hold(store, &held, err) ||
	    !filter_was_searched_for(store_handle(store), filter, err))
		return false;
	if (query_plan_make(store_handle(store), filter, ranges, plan, err))
		return true;
	query_plan_free(plan);
	return false;
}

sqlite3_stmt *query_prepare(struct store *store, const struct query_filter *filter,
			    struct error *err)
{
	struct filter_ranges ranges = {0};
	struct query_plan plan;

	if (!make_plan(store, filter, &ranges, &plan, err))
		return NULL;
	return prepare(store, filter, filter_sql(filter, &plan), &ranges, &plan, err);
}

sqlite3_stmt *query_prepare_groups(struct store *store, const struct query_filter *filter,
				   enum query_group group, struct error *err)
{
	struct query_filter all = *filter; /* the limit is one of groups */
	struct filter_ranges ranges = {0};
	struct query_plan plan;

	all.limit = 0;
	if (!make_plan(store, &all, &ranges, &plan, err))
		return NULL;
	return prepare(store, filter, groups_sql(filter, &plan, group), &ranges, &plan, err);
}

/* True where nothing but spaces, comments and semicolons follows. */
static bool tail_is_blank(sqlite3 *db, const char *tail)
{
	while (tail && *tail != '\0') {
		const char *next = NULL;
		sqlite3_stmt *s = NULL;
		int result = sqlite3_prepare_v2(db, tail, -1, &s, &next);

		sqlite3_finalize(s);
		if (result != SQLITE_OK || s)
			return false;
		tail = next;
	}
	return true;
}

sqlite3_stmt *query_prepare_sql(struct store *store, const char *sql, struct error *err)
{
	sqlite3 *db = store_handle(store);
	const char *tail = NULL;
	sqlite3_stmt *s = NULL;

	readonly_enforce(db);
	if (sqlite3_prepare_v2(db, sql, -1, &s, &tail) != SQLITE_OK) {
		const char *message = sqlite3_errmsg(db);
		bool refused = strncmp(message, "not authorized", strlen("not authorized")) == 0;

		error_unnamed(err, "%sSQLite: %s",
			      refused ? "only statements that read are allowed; " : "", message);
		return NULL;
	}
	if (!s)
		error_set(err, "there is no statement");
	else if (!sqlite3_stmt_readonly(s))
		error_set(err, "only statements that read are allowed");
	else if (!tail_is_blank(db, tail))
		error_set(err, "only one statement is allowed");
	else
		return s;
	sqlite3_finalize(s);
	return NULL;
}
