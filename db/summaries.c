#include "db/summaries.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "db/schema.h"
#include "db/sql_error.h"

#define HOUR_NS INT64_C(3600000000000)
/* the same in SQL, rounded down for times before 1970, too */
#define HOUR                                                                          \
	"(c.first_ns - (c.first_ns % 3600000000000 + 3600000000000) % 3600000000000)" \
	" / 3600000000000 AS hour"

enum {
	CONNECTIONS,
	BYTES,
	RETRANSMITTED,
	MISSING,
	RST_IN_WINDOW,
	RST_OUT_OF_WINDOW,
	TIME_WAIT_RESTARTS,
	SUMS
};
enum { FINDING_CONNECTIONS, FINDING_OCCURRENCES, FINDING_SUMS };

/* Of an outcome, or of a code with a severity. */
struct sum {
	int64_t hour, of; /* outcome id; code * SEVERITIES + severity, below 0: -1 less that */
	int64_t value[SUMS];
	bool used;
};

enum { PLACES = 8192, FILLED = PLACES / 2, RECENT = 64 };

struct summaries {
	sqlite3 *db;
	int64_t recording_id;
	uint8_t key[SIPHASH_KEY_BYTES]; /* hours come from captures */
	int64_t moved_hour; /* rows from here on may have come to nothing; INT64_MAX: none */
	size_t count;
	struct sum sum[PLACES]; /* hash table, open addressing */
	struct sum
		*recent[RECENT]; /* by the lowest bits of `of`: mostly the same few of one hour */
};

#define ADD_SUMS                                                               \
	" ON CONFLICT(recording_id, hour, outcome_id) DO UPDATE SET"           \
	" connections = connections + excluded.connections,"                   \
	" bytes = bytes + excluded.bytes,"                                     \
	" retransmitted = retransmitted + excluded.retransmitted,"             \
	" missing = missing + excluded.missing,"                               \
	" rst_in_window = rst_in_window + excluded.rst_in_window,"             \
	" rst_out_of_window = rst_out_of_window + excluded.rst_out_of_window," \
	" time_wait_restarts = time_wait_restarts + excluded.time_wait_restarts"

#define ADD_FINDINGS                                                        \
	" ON CONFLICT(recording_id, hour, code_id, severity) DO UPDATE SET" \
	" connections = connections + excluded.connections,"                \
	" occurrences = occurrences + excluded.occurrences"

#define INTO_SUMMARIES                                                \
	"INSERT INTO summaries(recording_id, hour, outcome_id, "      \
	"connections, bytes, retransmitted, missing, rst_in_window, " \
	"rst_out_of_window, time_wait_restarts)"

#define INTO_FINDINGS                                                 \
	"INSERT INTO finding_summaries(recording_id, hour, code_id, " \
	"severity, connections, occurrences)"

static const char sums_sql[] = INTO_SUMMARIES " VALUES(?,?,?,?,?,?,?,?,?,?)" ADD_SUMS;

static const char findings_sql[] = INTO_FINDINGS " VALUES(?,?,?,?,?,?)" ADD_FINDINGS;

struct summaries *summaries_new(sqlite3 *db, struct error *err)
{
	struct summaries *s = calloc(1, sizeof(*s));

	if (!s) {
		error_set(err, "out of memory");
		return NULL;
	}
	s->db = db;
	sqlite3_randomness(sizeof(s->key), s->key);
	return s;
}

void summaries_free(struct summaries *s)
{
	free(s);
}

void summaries_forget(struct summaries *s)
{
	if (s->count > 0) {
		memset(s->sum, 0, sizeof(s->sum));
		memset(s->recent, 0, sizeof(s->recent));
	}
	s->count = 0;
	s->moved_hour = INT64_MAX;
}

void summaries_begin(struct summaries *s, int64_t recording_id)
{
	s->recording_id = recording_id;
	summaries_forget(s);
}

static struct sum *look_up(struct summaries *s, int64_t hour, int64_t of)
{
	int64_t key[2] = {hour, of};
	size_t at = (size_t)siphash(s->key, key, sizeof(key)) % PLACES;

	while (s->sum[at].used && (s->sum[at].hour != hour || s->sum[at].of != of))
		at = (at + 1) % PLACES;
	if (!s->sum[at].used) {
		s->sum[at] = (struct sum){.hour = hour, .of = of, .used = true};
		s->count++;
	}
	return &s->sum[at];
}

static struct sum *sum_of(struct summaries *s, int64_t hour, int64_t of)
{
	struct sum **recent = &s->recent[(uint64_t)of % RECENT];

	if (!*recent || (*recent)->hour != hour || (*recent)->of != of)
		*recent = look_up(s, hour, of);
	return *recent;
}

static int64_t hour_of(int64_t ns)
{
	return ns / HOUR_NS - (ns % HOUR_NS < 0);
}

/* All findings of one code and severity count the connection once. */
static void add_findings(struct summaries *s, const struct verdict *v)
{
	for (size_t i = 0; i < v->finding_count; i++) {
		const struct finding *f = &v->findings[i];
		struct sum *sum = sum_of(s, hour_of(v->first_ns),
					 -1 - (f->code * SEVERITIES + f->severity));
		bool told = false;

		for (size_t n = 0; n < i; n++)
			told |= v->findings[n].code == f->code &&
				v->findings[n].severity == f->severity;
		sum->value[FINDING_CONNECTIONS] += !told;
		sum->value[FINDING_OCCURRENCES] += (int64_t)f->count;
	}
}

static void add_outcome(struct summaries *s, const struct verdict *v, int64_t hour,
			int64_t outcome_id, int sign)
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];
	struct sum *sum = sum_of(s, hour, outcome_id);

	sum->value[CONNECTIONS] += sign;
	sum->value[BYTES] += sign * (int64_t)(i->bytes + r->bytes);
	sum->value[RETRANSMITTED] += sign * (int64_t)(i->retransmitted + r->retransmitted);
	sum->value[MISSING] += sign * (int64_t)(i->missing + r->missing);
	sum->value[RST_IN_WINDOW] += sign * (int64_t)v->rst_in_window;
	sum->value[RST_OUT_OF_WINDOW] += sign * (int64_t)v->rst_out_of_window;
	sum->value[TIME_WAIT_RESTARTS] += sign * (int64_t)v->time_wait_restarts;
}

static void note_moved(struct summaries *s, int64_t hour)
{
	if (hour < s->moved_hour)
		s->moved_hour = hour;
}

bool summaries_move(struct summaries *s, const struct verdict *v, int64_t first_ns, int64_t from,
		    int64_t to, struct error *err)
{
	int64_t hour = hour_of(first_ns);

	if (s->count + 2 >= FILLED && !summaries_flush(s, err))
		return false;
	add_outcome(s, v, hour, from, -1);
	add_outcome(s, v, hour, to, 1);
	note_moved(s, hour);
	return true;
}

bool summaries_add(struct summaries *s, const struct verdict *v, int64_t outcome_id,
		   struct error *err)
{
	if (s->count + 1 + v->finding_count >= FILLED && !summaries_flush(s, err))
		return false;
	add_outcome(s, v, hour_of(v->first_ns), outcome_id, 1);
	if (v->finding_count > 0)
		add_findings(s, v);
	return true;
}

bool summaries_subtract(struct summaries *s, const struct summed *was, int64_t outcome_id,
			struct error *err)
{
	struct sum *sum;

	if (s->count + 1 >= FILLED && !summaries_flush(s, err))
		return false;
	sum = sum_of(s, hour_of(was->first_ns), outcome_id);
	sum->value[CONNECTIONS]--;
	sum->value[BYTES] -= was->bytes;
	sum->value[RETRANSMITTED] -= was->retransmitted;
	sum->value[MISSING] -= was->missing;
	sum->value[RST_IN_WINDOW] -= was->rst_in_window;
	sum->value[RST_OUT_OF_WINDOW] -= was->rst_out_of_window;
	sum->value[TIME_WAIT_RESTARTS] -= was->time_wait_restarts;
	note_moved(s, hour_of(was->first_ns));
	return true;
}

bool summaries_subtract_finding(struct summaries *s, int64_t first_ns, int code, int severity,
				bool first, int64_t occurrences, struct error *err)
{
	struct sum *sum;

	if (s->count + 1 >= FILLED && !summaries_flush(s, err))
		return false;
	sum = sum_of(s, hour_of(first_ns), -1 - (code * SEVERITIES + severity));
	sum->value[FINDING_CONNECTIONS] -= first;
	sum->value[FINDING_OCCURRENCES] -= occurrences;
	note_moved(s, hour_of(first_ns));
	return true;
}

static void bind_sum(const struct summaries *s, sqlite3_stmt *statement, const struct sum *sum)
{
	int column = 1, sums = sum->of < 0 ? FINDING_SUMS : SUMS;
	int64_t code = -1 - sum->of;

	sqlite3_bind_int64(statement, column++, s->recording_id);
	sqlite3_bind_int64(statement, column++, sum->hour);
	if (sum->of < 0) {
		sqlite3_bind_int64(statement, column++, code / SEVERITIES);
		sqlite3_bind_int64(statement, column++, code % SEVERITIES);
	} else {
		sqlite3_bind_int64(statement, column++, sum->of);
	}
	for (int i = 0; i < sums; i++)
		sqlite3_bind_int64(statement, column++, sum->value[i]);
}

/* Those of outcomes, or those of findings. */
static bool write_sums(struct summaries *s, bool findings, struct error *err)
{
	sqlite3_stmt *statement;
	bool good = sqlite3_prepare_v2(s->db, findings ? findings_sql : sums_sql, -1, &statement,
				       NULL) == SQLITE_OK;

	for (size_t i = 0; good && i < PLACES; i++) {
		const struct sum *sum = &s->sum[i];

		if (!sum->used || (sum->of < 0) != findings)
			continue;
		bind_sum(s, statement, sum);
		good = sqlite3_step(statement) == SQLITE_DONE;
		sqlite3_reset(statement);
	}
	if (!good)
		sql_error(s->db, err);
	sqlite3_finalize(statement);
	return good;
}

/* What connections moved away from; not all hours are looked at. */
static bool drop_empty(const struct summaries *s, struct error *err)
{
	char sql[256];

	sqlite3_snprintf(sizeof(sql), sql,
			 "DELETE FROM summaries WHERE recording_id = %lld AND hour >= %lld"
			 " AND connections = 0;"
			 "DELETE FROM finding_summaries WHERE recording_id = %lld AND hour >= %lld"
			 " AND connections = 0",
			 (long long)s->recording_id, (long long)s->moved_hour,
			 (long long)s->recording_id, (long long)s->moved_hour);
	return schema_run(s->db, sql, err);
}

bool summaries_flush(struct summaries *s, struct error *err)
{
	if (s->count > 0 && (!write_sums(s, false, err) || !write_sums(s, true, err)))
		return false;
	if (s->moved_hour != INT64_MAX && !drop_empty(s, err))
		return false;
	summaries_forget(s);
	return true;
}

/* ---- from the rows ---- */

/* Sums over the connections c that fit, times a sign. */
#define COUNT_OUTCOMES(where, sign)                                                       \
	INTO_SUMMARIES " SELECT p.recording_id, " HOUR ", c.outcome_id,"                  \
		       " " sign " * count(*),"                                            \
		       " " sign " * sum(c.bytes_initiator + c.bytes_responder),"          \
		       " " sign " * coalesce(sum(l.retransmitted_initiator"               \
		       " + l.retransmitted_responder), 0),"                               \
		       " " sign " * coalesce(sum(l.missing_initiator"                     \
		       " + l.missing_responder), 0),"                                     \
		       " " sign " * coalesce(sum(s.in_window), 0),"                       \
		       " " sign " * coalesce(sum(s.out_of_window), 0),"                   \
		       " " sign " * coalesce(sum(u.restarts), 0)"                         \
		       " FROM connections AS c JOIN captures AS p ON p.id = c.capture_id" \
		       " LEFT JOIN losses AS l ON l.connection_id = c.id"                 \
		       " LEFT JOIN resets AS s ON s.connection_id = c.id"                 \
		       " LEFT JOIN reuses AS u ON u.connection_id = c.id"                 \
		       " WHERE c.id " where " GROUP BY 1, 2, 3" ADD_SUMS ";"

#define COUNT_FINDINGS(where, sign)                                                             \
	INTO_FINDINGS " SELECT p.recording_id, " HOUR ","                                       \
		      " f.code_id, f.severity, " sign " * count(DISTINCT f.connection_id),"     \
		      " " sign " * sum(f.count)"                                                \
		      " FROM finding_rows AS f JOIN connections AS c ON c.id = f.connection_id" \
		      " JOIN captures AS p ON p.id = c.capture_id"                              \
		      " WHERE f.connection_id " where " GROUP BY 1, 2, 3, 4" ADD_FINDINGS ";"

#define DROP_EMPTY                                     \
	"DELETE FROM summaries WHERE connections = 0;" \
	"DELETE FROM finding_summaries WHERE connections = 0;"

bool summaries_subtract_expired(sqlite3 *db, struct error *err)
{
	static const char sql[] = COUNT_OUTCOMES("IN temp.expired", "-1")
		COUNT_FINDINGS("IN temp.expired", "-1") DROP_EMPTY;

	return schema_run(db, sql, err);
}

bool summaries_count_all(sqlite3 *db, struct error *err)
{
	static const char sql[] = COUNT_OUTCOMES("IS NOT NULL", "1")
		COUNT_FINDINGS("IS NOT NULL", "1");

	return schema_run(db, sql, err);
}
