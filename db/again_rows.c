/* The rows of a connection that is told again: what stood there before goes, cheaply, as on a busy interface
 * half of all connections may be. Most have no rows but the one in `connections`, and which tables an earlier
 * telling wrote to is remembered of the latest connections: the others need not be looked at. */
#include <stdlib.h>
#include <string.h>

#include "db/store_private.h"

/* Connections of which it is remembered, by number; 4 MiB. */
enum { KNOWN = 2 * 1024 * 1024 };

/* Bits of enum store_statement. */
#define BIT(statement) (1U << (statement))
#define SUMMED         (BIT(ADD_LOSSES) | BIT(ADD_RESETS) | BIT(ADD_REUSES))
#define ALL            UINT16_MAX

static const char *const drop_sql[STORE_STATEMENTS] = {
	[ADD_FINS] = "DELETE FROM fins WHERE connection_id = ?1",
	[ADD_LOSSES] = "DELETE FROM losses WHERE connection_id = ?1",
	[ADD_RESETS] = "DELETE FROM resets WHERE connection_id = ?1",
	[ADD_SILENCE] = "DELETE FROM silences WHERE connection_id = ?1",
	[ADD_REUSES] = "DELETE FROM reuses WHERE connection_id = ?1",
	[ADD_DWELLS] = "DELETE FROM dwells WHERE connection_id = ?1",
	[ADD_STATE] = "DELETE FROM states WHERE connection_id = ?1",
	[ADD_LADDER] = "DELETE FROM ladders WHERE connection_id = ?1",
	[ADD_FINDING] = "DELETE FROM finding_rows WHERE connection_id = ?1",
	[ADD_MARK_HIT] = "DELETE FROM mark_hits WHERE connection_id = ?1",
};

static const char drop_row_sql[] = "DELETE FROM connections WHERE id = ?1";

static const char row_sql[] =
	"SELECT first_ns, outcome_id, bytes_initiator + bytes_responder FROM connections"
	" WHERE id = ?1";

static const char sums_sql[] =
	"SELECT coalesce(l.retransmitted_initiator + l.retransmitted_responder, 0),"
	" coalesce(l.missing_initiator + l.missing_responder, 0), coalesce(r.in_window, 0),"
	" coalesce(r.out_of_window, 0), coalesce(u.restarts, 0)"
	" FROM (SELECT ?1 AS id) AS c LEFT JOIN losses AS l ON l.connection_id = c.id"
	" LEFT JOIN resets AS r ON r.connection_id = c.id"
	" LEFT JOIN reuses AS u ON u.connection_id = c.id";

static const char findings_sql[] =
	"SELECT code_id, severity, count FROM finding_rows WHERE connection_id = ?1";

struct again {
	sqlite3_stmt *drop[STORE_STATEMENTS], *drop_row, *row, *sums, *findings;
	uint64_t highest;        /* number that was noted */
	uint16_t no_rows[KNOWN]; /* by number: bits of the statements that added no row */
};

static bool prepare(struct store *store, const char *sql, sqlite3_stmt **s, struct error *err)
{
	return !sql ||
	       sqlite3_prepare_v3(store->file.db, sql, -1, SQLITE_PREPARE_PERSISTENT, s, NULL) ==
		       SQLITE_OK ||
	       store_failed(store, err);
}

static bool set_up(struct store *store, struct error *err)
{
	struct again *a = store->again = calloc(1, sizeof(*a));

	if (!a)
		return error_set(err, "out of memory");
	for (int i = 0; i < STORE_STATEMENTS; i++)
		if (!prepare(store, drop_sql[i], &a->drop[i], err))
			return false;
	return prepare(store, drop_row_sql, &a->drop_row, err) &&
	       prepare(store, row_sql, &a->row, err) && prepare(store, sums_sql, &a->sums, err) &&
	       prepare(store, findings_sql, &a->findings, err);
}

void again_free(struct again *a)
{
	if (!a)
		return;
	for (int i = 0; i < STORE_STATEMENTS; i++)
		sqlite3_finalize(a->drop[i]);
	sqlite3_finalize(a->drop_row);
	sqlite3_finalize(a->row);
	sqlite3_finalize(a->sums);
	sqlite3_finalize(a->findings);
	free(a);
}

bool again_expected(struct store *store, struct error *err)
{
	return store->again || set_up(store, err);
}

static bool is_known(const struct again *a, uint64_t number)
{
	return number <= a->highest && a->highest - number < KNOWN;
}

/* One that is older than all that is remembered would take the place of one that is. */
void again_note(struct again *a, uint64_t number, unsigned added)
{
	if (!a || number == 0)
		return;
	if (number > a->highest)
		a->highest = number;
	if (is_known(a, number))
		a->no_rows[number % KNOWN] = (uint16_t)~added;
}

void again_forget(struct again *a)
{
	if (a)
		memset(a->no_rows, 0, sizeof(a->no_rows));
}

static unsigned added_of(const struct again *a, uint64_t number)
{
	return is_known(a, number) ? ALL & ~a->no_rows[number % KNOWN] : ALL;
}

/* Steps a statement of one parameter; the caller resets it. */
static int step(sqlite3_stmt *s, int64_t id)
{
	sqlite3_bind_int64(s, 1, id);
	return sqlite3_step(s);
}

/* *outcome: 0 where there is none. */
static bool find_row(struct store *store, int64_t id, struct summed *was, int64_t *outcome,
		     struct error *err)
{
	sqlite3_stmt *s = store->again->row;
	int result = step(s, id);

	was->first_ns = sqlite3_column_int64(s, 0);
	*outcome = result == SQLITE_ROW ? sqlite3_column_int64(s, 1) : 0;
	was->bytes = sqlite3_column_int64(s, 2);
	sqlite3_reset(s);
	return result == SQLITE_ROW || result == SQLITE_DONE || store_failed(store, err);
}

static bool find_sums(struct store *store, int64_t id, struct summed *was, struct error *err)
{
	sqlite3_stmt *s = store->again->sums;
	int result = step(s, id);

	was->retransmitted = sqlite3_column_int64(s, 0);
	was->missing = sqlite3_column_int64(s, 1);
	was->rst_in_window = sqlite3_column_int64(s, 2);
	was->rst_out_of_window = sqlite3_column_int64(s, 3);
	was->time_wait_restarts = sqlite3_column_int64(s, 4);
	sqlite3_reset(s);
	return result == SQLITE_ROW || store_failed(store, err);
}

static bool uncount_finding(struct store *store, int64_t first_ns, uint8_t counted[FINDING_CODES],
			    struct error *err)
{
	sqlite3_stmt *s = store->again->findings;
	int code = sqlite3_column_int(s, 0), severity = sqlite3_column_int(s, 1);
	bool first;

	if (code < 0 || code >= FINDING_CODES || severity < 0 || severity >= SEVERITIES)
		return true; /* none of ours */
	first = !(counted[code] >> severity & 1);
	counted[code] |= (uint8_t)(1U << severity);
	return summaries_subtract_finding(store->summaries, first_ns, code, severity, first,
					  sqlite3_column_int64(s, 2), err);
}

static bool uncount_findings(struct store *store, int64_t id, int64_t first_ns, struct error *err)
{
	uint8_t counted[FINDING_CODES] = {0}; /* a bit a severity */
	sqlite3_stmt *s = store->again->findings;
	int result = step(s, id);
	bool ok = true;

	_Static_assert(SEVERITIES <= 8, "a bit each");
	for (; ok && result == SQLITE_ROW; result = sqlite3_step(s))
		ok = uncount_finding(store, first_ns, counted, err);
	sqlite3_reset(s);
	return (ok && result == SQLITE_DONE) || store_failed(store, err);
}

static bool drop(struct store *store, sqlite3_stmt *s, int64_t id, struct error *err)
{
	int result = step(s, id);

	sqlite3_reset(s);
	return result == SQLITE_DONE || store_failed(store, err);
}

bool again_drop(struct store *store, uint64_t number, int64_t id, struct error *err)
{
	struct summed was = {0};
	int64_t outcome;
	unsigned added;

	if (!again_expected(store, err) || !find_row(store, id, &was, &outcome, err))
		return false;
	if (outcome == 0)
		return true;
	added = added_of(store->again, number);
	if ((added & SUMMED) != 0 && !find_sums(store, id, &was, err))
		return false;
	if (!summaries_subtract(store->summaries, &was, outcome, err))
		return store_failed(store, err);
	if ((added & BIT(ADD_FINDING)) != 0 && !uncount_findings(store, id, was.first_ns, err))
		return false;
	for (int from = 0; from < STORE_STATEMENTS; from++)
		if (drop_sql[from] && (added & BIT(from)) != 0 &&
		    !drop(store, store->again->drop[from], id, err))
			return false;
	return drop(store, store->again->drop_row, id, err);
}
