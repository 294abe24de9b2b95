#include "db/retention.h"

#include <stddef.h>

#include "db/block_search.h"
#include "db/schema.h"
#include "db/sql_error.h"
#include "db/summaries.h"

enum { STEP_MIN = 500, STEP_MAX = 20000, PAGES_STEP = 2000, BLOCKS_MORE = 8 };
/* Hosts that go in a step, and that are looked at: each step begins with a look at all blocks. */
enum { HOSTS_STEP = 2000, HOSTS_LOOKED = 100000 };
/* Hosts and the other dictionaries are looked at when this many connections have gone, and about a tenth of those
 * there are: that many bytes each. So the looking, which visits all rows, costs little of what deleting does. */
enum { ORPHANS_EVERY = 20000, ORPHANS_BYTES = 1500 };

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t value = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return value;
}

int64_t retention_bytes(sqlite3 *db)
{
	int64_t pages = number(db, "PRAGMA page_count"),
		spare = number(db, "PRAGMA freelist_count");

	return (pages - spare) * number(db, "PRAGMA page_size");
}

/* Of the blocks in which something has ended longest ago, those rows that began longest ago, and ended before
 * :before. So many blocks hold :count rows, if not all of them fit. */
static bool choose(sqlite3 *db, int64_t before_ns, uint64_t count, struct error *err)
{
	char sql[1024];

	sqlite3_snprintf(
		sizeof(sql), sql,
		"CREATE TEMP TABLE IF NOT EXISTS expired(id INTEGER PRIMARY KEY);"
		"CREATE TEMP TABLE IF NOT EXISTS touched(id INTEGER PRIMARY KEY, last_ns INTEGER);"
		"DELETE FROM temp.expired;"
		"DELETE FROM temp.touched;"
		"INSERT INTO temp.touched(id) SELECT id FROM blocks WHERE last_ns < %lld"
		" ORDER BY last_ns, id LIMIT %llu;"
		"INSERT INTO temp.expired SELECT c.id FROM temp.touched AS t"
		" CROSS JOIN connections AS c ON c.id BETWEEN t.id * %d AND t.id * %d + %d"
		" WHERE c.first_ns < %lld AND c.first_ns + c.duration_ns < %lld"
		" ORDER BY c.first_ns LIMIT %llu",
		(long long)before_ns, (unsigned long long)count / BLOCK_SIZE + BLOCKS_MORE,
		BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE - 1, (long long)before_ns, (long long)before_ns,
		(unsigned long long)count);
	return schema_run(db, sql, err);
}

/* What is left in the blocks that were looked at: nothing, or what ends later. A connection that was told again
 * may end later than its block says; that block, too, must not stay in front of all others. */
static bool settle_blocks(sqlite3 *db, struct error *err)
{
	char sql[768];

	_Static_assert(BLOCK_KINDS == 8, "all kinds are named below");
	sqlite3_snprintf(
		sizeof(sql), sql,
		"UPDATE temp.touched SET last_ns = (SELECT min(first_ns + duration_ns) FROM"
		" connections AS c WHERE c.id BETWEEN touched.id * %d AND touched.id * %d + %d);"
		"UPDATE blocks SET last_ns = t.last_ns FROM temp.touched AS t"
		" WHERE blocks.id = t.id AND t.last_ns IS NOT NULL;"
		"DELETE FROM blocks WHERE id IN"
		" (SELECT id FROM temp.touched WHERE last_ns IS NULL);"
		"DELETE FROM block_values WHERE kind IN (0, 1, 2, 3, 4, 5, 6, 7) AND block_id IN"
		" (SELECT id FROM temp.touched WHERE last_ns IS NULL)",
		BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE - 1);
	return schema_run(db, sql, err);
}

/* Children first; a connection is one row in each at most, or a few. */
static const char delete_sql[] = "DELETE FROM mark_hits WHERE connection_id IN temp.expired;"
				 "DELETE FROM finding_rows WHERE connection_id IN temp.expired;"
				 "DELETE FROM ladders WHERE connection_id IN temp.expired;"
				 "DELETE FROM states WHERE connection_id IN temp.expired;"
				 "DELETE FROM dwells WHERE connection_id IN temp.expired;"
				 "DELETE FROM reuses WHERE connection_id IN temp.expired;"
				 "DELETE FROM resets WHERE connection_id IN temp.expired;"
				 "DELETE FROM silences WHERE connection_id IN temp.expired;"
				 "DELETE FROM fins WHERE connection_id IN temp.expired;"
				 "DELETE FROM losses WHERE connection_id IN temp.expired;"
				 "DELETE FROM connections WHERE id IN temp.expired;";

static bool expire(struct retention *r, sqlite3 *db, int64_t before_ns, uint64_t count,
		   struct error *err)
{
	int64_t gone;

	if (!choose(db, before_ns, count, err) || !summaries_subtract_expired(db, err) ||
	    !schema_run(db, delete_sql, err))
		return false;
	gone = sqlite3_changes64(db); /* of the last statement */
	if (!settle_blocks(db, err))
		return false;
	r->expired += (uint64_t)gone;
	r->since_orphans += (uint64_t)gone;
	return true;
}

static bool orphans_due(const struct retention *r, sqlite3 *db)
{
	return r->since_orphans >= ORPHANS_EVERY &&
	       r->since_orphans >= (uint64_t)retention_bytes(db) / ORPHANS_BYTES;
}

static bool named_hosts(struct id_set *named, sqlite3 *db, struct error *err)
{
	struct block_search search;
	bool good = block_search_open(&search, db, err) &&
		    block_search_named(&search, BLOCK_INITIATORS, named, err) &&
		    block_search_named(&search, BLOCK_RESPONDERS, named, err);

	block_search_close(&search);
	return good;
}

/* Hosts that are not named, after orphan_after, which moves; *more: there are some behind it. */
static bool find_unnamed(struct retention *r, sqlite3 *db, const struct id_set *named,
			 int64_t unnamed[HOSTS_STEP], size_t *count, bool *more, struct error *err)
{
	sqlite3_stmt *hosts;
	int step = SQLITE_ROW, looked = 0;

	if (sqlite3_prepare_v2(db, "SELECT id FROM hosts WHERE id > ?1 ORDER BY id", -1, &hosts,
			       NULL) != SQLITE_OK)
		return sql_error(db, err);
	sqlite3_bind_int64(hosts, 1, r->orphan_after);
	for (*count = 0; *count < HOSTS_STEP && looked < HOSTS_LOOKED; looked++) {
		step = sqlite3_step(hosts);
		if (step != SQLITE_ROW)
			break;
		unnamed[*count] = sqlite3_column_int64(hosts, 0);
		r->orphan_after = unnamed[*count];
		*count += !id_set_has(named, unnamed[*count]);
	}
	*more = step == SQLITE_ROW;
	sqlite3_finalize(hosts);
	return step == SQLITE_ROW || step == SQLITE_DONE || sql_error(db, err);
}

/* Those that no block names, some thousand at most. */
static bool drop_hosts(struct retention *r, sqlite3 *db, bool *more, struct error *err)
{
	struct id_set named = {0};
	int64_t unnamed[HOSTS_STEP];
	size_t count = 0;
	sqlite3_stmt *drop = NULL;
	bool good = named_hosts(&named, db, err) &&
		    find_unnamed(r, db, &named, unnamed, &count, more, err);

	if (good &&
	    sqlite3_prepare_v2(db, "DELETE FROM hosts WHERE id = ?1", -1, &drop, NULL) != SQLITE_OK)
		good = sql_error(db, err);
	for (size_t i = 0; good && i < count; i++) {
		sqlite3_bind_int64(drop, 1, unnamed[i]);
		good = sqlite3_step(drop) == SQLITE_DONE || sql_error(db, err);
		sqlite3_reset(drop);
	}
	r->hosts_changed = r->hosts_changed || count > 0;
	sqlite3_finalize(drop);
	id_set_free(&named);
	return good;
}

/* Hosts that no connection names any more, some of them a step; the other dictionaries are small, but for
 * server names and histories. Details of findings stay: they are nDPI's few sentences. */
static bool drop_orphans(struct retention *r, sqlite3 *db, struct error *err)
{
	static const char others[] =
		"DELETE FROM applications WHERE id NOT IN"
		" (SELECT application_id FROM connections WHERE application_id IS NOT NULL);"
		"DELETE FROM histories WHERE id NOT IN (SELECT history_id FROM connections);"
		"DELETE FROM recordings WHERE live AND (finished OR interrupted) AND NOT EXISTS"
		" (SELECT 1 FROM connections WHERE id BETWEEN first_connection AND last_connection)"
		" AND id < (SELECT max(id) FROM recordings);"
		"DELETE FROM capture_linktypes WHERE capture_id IN (SELECT id FROM captures"
		" WHERE recording_id NOT IN (SELECT id FROM recordings));"
		"DELETE FROM captures WHERE recording_id NOT IN (SELECT id FROM recordings);"
		"DELETE FROM decode_counts WHERE recording_id NOT IN (SELECT id FROM recordings);"
		"DELETE FROM alerts WHERE recording_id NOT IN (SELECT id FROM recordings);"
		"DELETE FROM recording_marks WHERE recording_id NOT IN (SELECT id FROM recordings);"
		"DELETE FROM marks WHERE id NOT IN (SELECT mark_id FROM recording_marks);";
	bool more = false;

	if (!r->orphans && !orphans_due(r, db))
		return true;
	if (!r->orphans) {
		r->orphans = true;
		r->since_orphans = 0;
		r->orphan_after = 0;
	}
	if (!drop_hosts(r, db, &more, err))
		return false;
	if (more)
		return true;
	r->orphans = false;
	r->hosts_changed = true;
	return schema_run(db, others, err);
}

bool retention_step(struct retention *r, sqlite3 *db, int64_t now_ns, uint64_t rows,
		    struct error *err)
{
	uint64_t count = 2 * rows;

	if (count < STEP_MIN)
		count = STEP_MIN;
	if (count > STEP_MAX)
		count = STEP_MAX;
	if (r->keep_ns > 0 && !expire(r, db, now_ns - r->keep_ns, count, err))
		return false;
	if (r->keep_bytes > 0 && retention_bytes(db) > (int64_t)r->keep_bytes &&
	    !expire(r, db, INT64_MAX, count, err))
		return false;
	return drop_orphans(r, db, err);
}

static bool spare_pages(sqlite3 *db)
{
	return number(db, "PRAGMA auto_vacuum") == 2 && number(db, "PRAGMA freelist_count") >= 64;
}

bool retention_due(const struct retention *r, sqlite3 *db, int64_t now_ns)
{
	char sql[200];

	if (r->orphans || spare_pages(db) ||
	    (r->keep_bytes > 0 && retention_bytes(db) > (int64_t)r->keep_bytes))
		return true;
	if (r->keep_ns == 0)
		return false;
	sqlite3_snprintf(sizeof(sql), sql,
			 "SELECT EXISTS(SELECT 1 FROM blocks WHERE last_ns < %lld)",
			 (long long)(now_ns - r->keep_ns));
	return number(db, sql) == 1;
}

bool retention_shrink(sqlite3 *db, struct error *err)
{
	char sql[64];

	if (!spare_pages(db))
		return true;
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", PAGES_STEP);
	return schema_run(db, sql, err);
}
