/* Reading connections back.
 *
 * A filtered query first finds the ids on the narrow table and its indexes, cut to the limit, and
 * only then works out the view's columns for those. */
#include "db/query.h"

#include <string.h>

#include "db/address.h"
#include "db/readonly.h"

static bool known_teardown(const char *name)
{
	for (int value = 0; value < TEARDOWNS; value++)
		if (strcmp(name, teardown_name((enum teardown)value)) == 0)
			return true;
	return false;
}

static bool known_closer(const char *name)
{
	for (int value = 0; value <= SIDE_NONE; value++)
		if (strcmp(name, side_name((enum side)value)) == 0)
			return true;
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
		sqlite3_snprintf((int)(sizeof(names) - used), names + used, "%s%s",
				 i > 0 ? ", " : "", name(i));
		used += strlen(names + used);
	}
	return error_set(err, "\"%s\" is no %s; one of: %s", value, what, names);
}

static const char *teardown_at(int value)
{
	return teardown_name((enum teardown)value);
}

static const char *closer_at(int value)
{
	return side_name((enum side)value);
}

static bool filter_check(const struct query_filter *f, struct address_range *range,
			 struct error *err)
{
	if (f->teardown && !known_teardown(f->teardown))
		return refuse_name(err, "teardown", f->teardown, TEARDOWNS, teardown_at);
	if (f->closer && !known_closer(f->closer))
		return refuse_name(err, "closer", f->closer, SIDE_NONE + 1, closer_at);
	if (f->finding && finding_code_of(f->finding) == FINDING_CODES)
		return error_set(err,
				 "\"%s\" is no finding; the table finding_codes lists them all",
				 f->finding);
	if (f->host && !address_range_parse(f->host, range))
		return error_set(err,
				 "\"%s\" is neither an address nor a prefix like 10.0.0.0/8 or "
				 "2001:db8::/32",
				 f->host);
	return true;
}

/* Ids of connections with this end at the host, the port, or both. Without a host, all hosts are
 * gone through: the index leads with them, and there are far fewer hosts than connections. */
static void append_end(sqlite3_str *sql, const struct query_filter *f, const char *end)
{
	sqlite3_str_appendf(
		sql, "SELECT id FROM connections WHERE %s_id IN (SELECT id FROM hosts%s)", end,
		f->host ? " WHERE key BETWEEN :low AND :high AND version = :version" : "");
	if (f->has_port)
		sqlite3_str_appendf(sql, " AND %s_port = :port", end);
}

/* Part of a connection's application; a name like FTP_CONTROL is no pattern. */
static void append_application(sqlite3_str *sql, const struct query_filter *f)
{
	sqlite3_str_appendall(sql, " AND application_id IN (SELECT id FROM applications WHERE 1");
	if (f->application)
		sqlite3_str_appendall(sql, " AND instr('.' || lower(name) || '.',"
					   " '.' || lower(:application) || '.') > 0");
	if (f->server_name)
		sqlite3_str_appendall(sql,
				      " AND instr(lower(server_name), lower(:server_name)) > 0");
	sqlite3_str_appendall(sql, ")");
}

static void append_conditions(sqlite3_str *sql, const struct query_filter *f)
{
	if (f->teardown || f->closer) {
		sqlite3_str_appendall(sql, " AND outcome_id IN (SELECT id FROM outcomes WHERE 1");
		if (f->teardown)
			sqlite3_str_appendall(sql, " AND teardown = :teardown");
		if (f->closer)
			sqlite3_str_appendall(sql, " AND closer = :closer");
		sqlite3_str_appendall(sql, ")");
	}
	if (f->finding)
		sqlite3_str_appendall(sql, " AND id IN (SELECT connection_id FROM finding_rows"
					   " WHERE code_id = :finding)");
	if (f->host || f->has_port) {
		sqlite3_str_appendall(sql, " AND id IN (");
		append_end(sql, f, "initiator");
		sqlite3_str_appendall(sql, " UNION ");
		append_end(sql, f, "responder");
		sqlite3_str_appendall(sql, ")");
	}
	if (f->application || f->server_name)
		append_application(sql, f);
	if (f->contains)
		sqlite3_str_appendall(sql, " AND id IN (SELECT connection_id FROM mark_hits WHERE"
					   " mark_id IN (SELECT id FROM marks WHERE"
					   " bytes = :contains))");
	if (f->has_since)
		sqlite3_str_appendall(sql, " AND first_ns >= :since");
	if (f->has_until)
		sqlite3_str_appendall(sql, " AND first_ns < :until");
}

static bool any_condition(const struct query_filter *f)
{
	return f->teardown || f->closer || f->finding || f->host || f->has_port || f->application ||
	       f->server_name || f->contains || f->has_since || f->has_until;
}

static char *filter_sql(const struct query_filter *f)
{
	sqlite3_str *sql = sqlite3_str_new(NULL);

	sqlite3_str_appendall(sql, "SELECT * FROM teardowns");
	if (f->limit > 0 || any_condition(f)) {
		sqlite3_str_appendall(
			sql, " WHERE connection_id IN (SELECT id FROM connections WHERE 1");
		append_conditions(sql, f);
		if (f->limit > 0)
			sqlite3_str_appendall(sql, " ORDER BY first_ns, id LIMIT :limit");
		sqlite3_str_appendall(sql, ")");
	}
	sqlite3_str_appendall(sql, " ORDER BY first_ns, connection_id");
	return sqlite3_str_finish(sql);
}

static void bind_number(sqlite3_stmt *s, const char *name, int64_t value)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		sqlite3_bind_int64(s, index, value);
}

static void bind_name(sqlite3_stmt *s, const char *name, const char *value)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		sqlite3_bind_text(s, index, value, -1, SQLITE_TRANSIENT);
}

static void bind_bytes(sqlite3_stmt *s, const char *name, const uint8_t *bytes, size_t length)
{
	int index = sqlite3_bind_parameter_index(s, name);

	if (index > 0)
		sqlite3_bind_blob64(s, index, bytes, length, SQLITE_TRANSIENT);
}

static void bind_key(sqlite3_stmt *s, const char *name, const uint8_t key[ADDRESS_KEY_SIZE])
{
	bind_bytes(s, name, key, ADDRESS_KEY_SIZE);
}

/* Parameters that the statement does not have are passed over. */
static void bind_filter(sqlite3_stmt *s, const struct query_filter *f,
			const struct address_range *range)
{
	bind_name(s, ":teardown", f->teardown);
	bind_name(s, ":closer", f->closer);
	if (f->finding)
		bind_number(s, ":finding", finding_code_of(f->finding));
	bind_key(s, ":low", range->low);
	bind_key(s, ":high", range->high);
	bind_number(s, ":version", range->version);
	bind_number(s, ":port", f->port);
	bind_name(s, ":application", f->application);
	bind_name(s, ":server_name", f->server_name);
	bind_bytes(s, ":contains", f->contains_bytes, f->contains_length);
	bind_number(s, ":since", f->since_ns);
	bind_number(s, ":until", f->until_ns);
	bind_number(s, ":limit", f->limit > INT64_MAX ? INT64_MAX : (int64_t)f->limit);
}

/* Nothing is found where nobody looked: that shall not pass for an answer. */
static bool was_searched_for(sqlite3 *db, const struct query_filter *f, struct error *err)
{
	sqlite3_stmt *s;
	int step;

	if (!f->contains)
		return true;
	if (sqlite3_prepare_v2(db,
			       "SELECT 1 FROM recording_marks WHERE mark_id ="
			       " (SELECT id FROM marks WHERE bytes = :contains)",
			       -1, &s, NULL) != SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	bind_bytes(s, ":contains", f->contains_bytes, f->contains_length);
	step = sqlite3_step(s);
	sqlite3_finalize(s);
	return step == SQLITE_ROW ||
	       error_set(err,
			 "no recording in this database was searched for \"%s\"; analyze the "
			 "captures again with --mark '%s'",
			 f->contains, f->contains);
}

sqlite3_stmt *query_prepare(struct store *store, const struct query_filter *filter,
			    struct error *err)
{
	sqlite3 *db = store_handle(store);
	struct address_range range = {0};
	sqlite3_stmt *s = NULL;
	char *sql;

	if (!filter_check(filter, &range, err) || !was_searched_for(db, filter, err))
		return NULL;
	sql = filter_sql(filter);
	if (!sql) {
		error_set(err, "out of memory");
		return NULL;
	}
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK)
		bind_filter(s, filter, &range);
	else
		error_set(err, "%s", sqlite3_errmsg(db));
	sqlite3_free(sql);
	return s;
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

		error_set(err, "%sSQLite: %s",
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
