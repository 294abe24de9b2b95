/* Which way a filter's rows are gone through. */
#include <stdlib.h>

#include "db/query_parts_private.h"
#include "db/sql_error.h"

/* Looking up a row by its id takes a microsecond or two: so many are no matter, and more than that are
 * met often enough among the earliest ones. */
enum { RARE_MAX = 20000, EARLIEST_MIN = 1000, EARLIEST_MAX = 64000 };

bool query_plan_bind(const struct query_plan *plan, sqlite3_stmt *statement)
{
	int place = sqlite3_bind_parameter_index(statement, ":chosen");

	return place == 0 ||
	       sqlite3_bind_text(statement, place, plan->chosen, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

void query_plan_free(struct query_plan *plan)
{
	sqlite3_free(plan->chosen);
	plan->chosen = NULL;
}

/* A count; sql is finished. */
static bool count_of(const struct looking *l, const struct query_plan *plan, sqlite3_str *sql,
		     uint64_t *count, struct error *err)
{
	char *text = sqlite3_str_finish(sql);
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;

	if (!text)
		return error_set(err, "out of memory");
	if (sqlite3_prepare_v2(l->db, text, -1, &s, NULL) == SQLITE_OK &&
	    filter_bind(s, l->filter, l->ranges) && query_plan_bind(plan, s))
		step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		*count = (uint64_t)sqlite3_column_int64(s, 0);
	else
		sql_error(l->db, err);
	sqlite3_finalize(s);
	sqlite3_free(text);
	return step == SQLITE_ROW;
}

static bool is_rare(const struct looking *l, const struct part *part, bool *rare, struct error *err)
{
	uint64_t most = l->filter->rare_max > 0 ? l->filter->rare_max : RARE_MAX, count;
	static const struct query_plan none = {.way = QUERY_BY_IDS};
	sqlite3_str *sql = sqlite3_str_new(l->db);

	sqlite3_str_appendall(sql, "SELECT count(*) FROM (");
	part->ids(sql, l->filter);
	sqlite3_str_appendf(sql, " LIMIT %llu)", (unsigned long long)most);
	if (!count_of(l, &none, sql, &count, err))
		return false;
	*rare = count < most;
	return true;
}

static bool find_rare(const struct looking *l, struct query_plan *plan, struct error *err)
{
	for (size_t i = 0; i < query_part_count; i++) {
		bool rare = false;

		if (query_parts[i].ids && query_parts[i].asked(l->filter) &&
		    !is_rare(l, &query_parts[i], &rare, err))
			return false;
		plan->rare |= (uint32_t)rare << i;
	}
	if (plan->rare != 0)
		plan->way = QUERY_BY_IDS;
	return true;
}

/* By when their connections began and how long they lasted. */
static bool times_fit(const struct query_filter *f, const struct block_range *b)
{
	return (!f->has_since || b->first_max_ns >= f->since_ns) &&
	       (!f->has_until || b->first_ns < f->until_ns) &&
	       (!f->has_min_duration || b->duration_max_ns >= f->min_duration_ns) &&
	       (!f->has_max_duration || b->duration_min_ns <= f->max_duration_ns);
}

static bool find_blocks(struct looking *l, struct error *err)
{
	struct block_search *search = &l->search;

	if (!block_search_open(search, l->db, err))
		return false;
	for (size_t i = 0; i < search->count; i++)
		if (!times_fit(l->filter, &search->block[i]))
			block_search_drop(search, i);
	for (size_t i = 0; i < query_part_count; i++)
		if (query_parts[i].blocks && query_parts[i].asked(l->filter) &&
		    !query_parts[i].blocks(l, search->fits, err))
			return false;
	return true;
}

/* Do the earliest so many hold enough, or all there are? If so, the plan names them. */
static bool try_earliest(const struct looking *l, struct query_plan *plan, size_t room,
			 bool *enough, struct error *err)
{
	struct block_start *starts = malloc((room + 1) * sizeof(*starts));
	uint64_t found = 0;
	size_t count;
	bool all, good;
	sqlite3_str *sql;

	if (!starts)
		return error_set(err, "out of memory");
	good = block_search_earliest(&l->search, starts, room, &count, &all, err);
	query_plan_free(plan);
	plan->way = QUERY_EARLIEST;
	if (good)
		good = (plan->chosen = block_search_ids(starts, count)) ||
		       error_set(err, "out of memory");
	free(starts);
	*enough = good && all;
	if (!good || all)
		return good;
	sql = sqlite3_str_new(l->db);
	sqlite3_str_appendall(sql, "SELECT count(*) FROM (SELECT 1 ");
	query_plan_from(sql, l->filter, plan);
	sqlite3_str_appendall(sql, " LIMIT :limit)");
	if (!count_of(l, plan, sql, &found, err))
		return false;
	*enough = found >= l->filter->limit;
	return true;
}

/* No more than can fit need be looked at, and at first four times as many as are asked for. */
static bool find_earliest(const struct looking *l, struct query_plan *plan, size_t fitting,
			  bool *enough, struct error *err)
{
	uint64_t limit = l->filter->limit, most = EARLIEST_MAX;
	size_t room = fitting;

	if (l->filter->rare_max > 0)
		most = l->filter->rare_max;
	*enough = false;
	if (limit > 0 && limit <= EARLIEST_MAX / 4)
		for (room = EARLIEST_MIN; room < 4 * limit; room *= 4)
			;
	for (; !*enough && room <= most; room *= 4)
		if (!try_earliest(l, plan, room < fitting ? room : fitting, enough, err))
			return false;
	return true;
}

static bool plan_by_blocks(struct looking *l, struct query_plan *plan, struct error *err)
{
	size_t fitting, blocks;
	bool enough = false;

	if (!find_blocks(l, err))
		return false;
	fitting = block_search_fitting(&l->search, &blocks);
	if (l->filter->limit == 0 && fitting == block_search_all(&l->search))
		return true;
	if (!find_earliest(l, plan, fitting, &enough, err) || enough)
		return enough;
	query_plan_free(plan);
	plan->way = QUERY_BY_SCAN;
	if (blocks == l->search.count)
		return true;
	plan->way = QUERY_BY_BLOCKS;
	plan->chosen = block_search_blocks(&l->search);
	return plan->chosen || error_set(err, "out of memory");
}

bool query_plan_make(sqlite3 *db, const struct query_filter *f, const struct filter_ranges *ranges,
		     struct query_plan *plan, struct error *err)
{
	struct looking l = {.db = db, .filter = f, .ranges = ranges};
	bool good;

	*plan = (struct query_plan){.way = QUERY_BY_SCAN};
	if (!find_rare(&l, plan, err))
		return false;
	if (plan->rare != 0)
		return true;
	good = plan_by_blocks(&l, plan, err);
	block_search_close(&l.search);
	return good;
}
