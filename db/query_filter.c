#include "db/query_filter.h"

#include <stddef.h>
#include <string.h>

#include "db/sql_error.h"

/* Filters by a column of the dictionary of outcomes: one value of an enumeration each. */
#define NAMES(function, type)                       \
	static const char *function##_at(int value) \
	{                                           \
		return function((enum type)value);  \
	}
NAMES(teardown_name, teardown)
NAMES(side_name, side)
NAMES(end_reason_name, end_reason)
NAMES(time_wait_check_name, time_wait_check)
NAMES(rst_stage_name, rst_stage)
NAMES(rst_cause_name, rst_cause)
NAMES(conn_state_name, conn_state)
NAMES(severity_name, severity)

#define FIELD(name) offsetof(struct query_filter, name)

static const struct outcome_filter {
	size_t field;
	const char *what, *column, *parameter;
	int count;
	const char *(*name)(int value);
} outcome_filters[] = {
	{FIELD(teardown), "teardown", "teardown", ":teardown", TEARDOWNS, teardown_name_at},
	{FIELD(closer), "closer", "closer", ":closer", SIDE_NONE + 1, side_name_at},
	{FIELD(end_reason), "end reason", "end_reason", ":end_reason", END_REASONS,
	 end_reason_name_at},
	{FIELD(time_wait), "TIME_WAIT check", "time_wait_check", ":time_wait", TIME_WAIT_CHECKS,
	 time_wait_check_name_at},
	{FIELD(rst_by), "end", "rst_by", ":rst_by", SIDES, side_name_at},
	{FIELD(rst_stage), "reset stage", "rst_stage", ":rst_stage", RST_STAGES, rst_stage_name_at},
	{FIELD(rst_cause), "reset cause", "rst_cause", ":rst_cause", RST_CAUSES, rst_cause_name_at},
	{FIELD(conn_state), "conn_state", "conn_state", ":conn_state", CONN_STATES,
	 conn_state_name_at},
};

enum { OUTCOME_FILTERS = sizeof(outcome_filters) / sizeof(outcome_filters[0]) };

static const char *value_of(const struct query_filter *f, const struct outcome_filter *o)
{
	const char *value;

	memcpy(&value, (const char *)f + o->field, sizeof(value));
	return value;
}

static bool known(const char *value, int count, const char *(*name)(int value))
{
	for (int i = 0; i < count; i++) {
		const char *candidate = name(i);

		if (candidate && strcmp(candidate, value) == 0)
			return true;
	}
	return false;
}

/* Puts the names of an enumeration behind an error: "...; one of: a, b". */
static bool refuse_name(struct error *err, const char *what, const char *value, int count,
			const char *(*name)(int value))
{
	char names[512];
	size_t used = 0;

	names[0] = '\0';
	for (int i = 0; i < count && used < sizeof(names); i++) {
		if (!name(i))
			continue;
		sqlite3_snprintf((int)(sizeof(names) - used), names + used, "%s%s",
				 used > 0 ? ", " : "", name(i));
		used += strlen(names + used);
	}
	return error_set(err, "\"%s\" is no %s; one of: %s", value, what, names);
}

static bool check_range(const char *text, struct address_range *range, struct error *err)
{
	if (!text || address_range_parse(text, range))
		return true;
	return error_set(err,
			 "\"%s\" is neither an address nor a prefix like 10.0.0.0/8 or "
			 "2001:db8::/32",
			 text);
}

bool filter_check(const struct query_filter *f, struct filter_ranges *ranges, struct error *err)
{
	for (size_t i = 0; i < OUTCOME_FILTERS; i++) {
		const struct outcome_filter *o = &outcome_filters[i];
		const char *value = value_of(f, o);

		if (value && !known(value, o->count, o->name))
			return refuse_name(err, o->what, value, o->count, o->name);
	}
	if (f->severity && !known(f->severity, SEVERITIES, severity_name_at))
		return refuse_name(err, "severity", f->severity, SEVERITIES, severity_name_at);
	if (f->finding && finding_code_of(f->finding) == FINDING_CODES)
		return error_set(err,
				 "\"%s\" is no finding; the table finding_codes lists them all",
				 f->finding);
	return check_range(f->host, &ranges->host, err) &&
	       check_range(f->client, &ranges->client, err) &&
	       check_range(f->server, &ranges->server, err);
}

void filter_outcomes(sqlite3_str *sql, const struct query_filter *f)
{
	for (size_t i = 0; i < OUTCOME_FILTERS; i++)
		if (value_of(f, &outcome_filters[i]))
			sqlite3_str_appendf(sql, " AND %s = %s", outcome_filters[i].column,
					    outcome_filters[i].parameter);
}

static void bind_number(sqlite3_stmt *s, const char *name, int64_t value)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		sqlite3_bind_int64(s, index, value);
}

/* Each is false where there is no memory; a parameter that is not in the statement is none to bind. */
static bool bind_name(sqlite3_stmt *s, const char *name, const char *value)
{
	int index = sqlite3_bind_parameter_index(s, name);

	return index == 0 || sqlite3_bind_text(s, index, value, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

static bool bind_bytes(sqlite3_stmt *s, const char *name, const uint8_t *bytes, size_t length)
{
	int index = sqlite3_bind_parameter_index(s, name);

	return index == 0 ||
	       sqlite3_bind_blob64(s, index, bytes, length, SQLITE_TRANSIENT) == SQLITE_OK;
}

int filter_severity(const char *name)
{
	for (int i = 0; i < SEVERITIES; i++)
		if (strcmp(severity_name((enum severity)i), name) == 0)
			return i;
	return SEVERITIES;
}

static bool bind_range(sqlite3_stmt *s, const char *what, const struct address_range *range)
{
	char low[32], high[32], version[32];

	sqlite3_snprintf(sizeof(low), low, ":%s_low", what);
	sqlite3_snprintf(sizeof(high), high, ":%s_high", what);
	sqlite3_snprintf(sizeof(version), version, ":%s_version", what);
	bind_number(s, version, range->version);
	return bind_bytes(s, low, range->low, ADDRESS_KEY_SIZE) &&
	       bind_bytes(s, high, range->high, ADDRESS_KEY_SIZE);
}

bool filter_bind(sqlite3_stmt *s, const struct query_filter *f, const struct filter_ranges *ranges)
{
	for (size_t i = 0; i < OUTCOME_FILTERS; i++)
		if (!bind_name(s, outcome_filters[i].parameter, value_of(f, &outcome_filters[i])))
			return false;
	if (f->finding)
		bind_number(s, ":finding", finding_code_of(f->finding));
	bind_number(s, ":port", f->port);
	bind_number(s, ":server_port", f->server_port);
	bind_number(s, ":vlan", f->vlan);
	bind_number(s, ":since", f->since_ns);
	bind_number(s, ":until", f->until_ns);
	bind_number(s, ":min_duration", f->min_duration_ns);
	bind_number(s, ":max_duration", f->max_duration_ns);
	bind_number(s, ":limit", f->limit > INT64_MAX ? INT64_MAX : (int64_t)f->limit);
	return bind_range(s, "host", &ranges->host) && bind_range(s, "client", &ranges->client) &&
	       bind_range(s, "server", &ranges->server) &&
	       bind_name(s, ":application", f->application) &&
	       bind_name(s, ":server_name", f->server_name) &&
	       bind_bytes(s, ":contains", f->contains_bytes, f->contains_length) &&
	       bind_name(s, ":capture", f->capture) && bind_name(s, ":tunnel", f->tunnel) &&
	       bind_name(s, ":community_id", f->community_id);
}

bool filter_was_searched_for(sqlite3 *db, const struct query_filter *f, struct error *err)
{
	sqlite3_stmt *s;
	int step;

	if (!f->contains)
		return true;
	if (sqlite3_prepare_v2(db,
			       "SELECT 1 FROM recording_marks WHERE mark_id ="
			       " (SELECT id FROM marks WHERE bytes = :contains)",
			       -1, &s, NULL) != SQLITE_OK)
		return sql_error(db, err);
	step = bind_bytes(s, ":contains", f->contains_bytes, f->contains_length) ? sqlite3_step(s)
										 : SQLITE_NOMEM;
	sqlite3_finalize(s);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return sql_error(db, err);
	return step == SQLITE_ROW ||
	       error_set(err,
			 "no recording in this database was searched for \"%s\"; analyze the "
			 "captures again with --mark '%s'",
			 f->contains, f->contains);
}
