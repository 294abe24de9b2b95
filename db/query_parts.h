/* A filter as SQL, part by part: a condition on the row at hand, and what narrows the rows down before. Findings
 * and strings have indexes, which give the ids that fit; all else is looked up in the lists of blocks. Where few
 * connections can fit, all of them are looked at; where many can, the earliest ones, more and more, until they
 * hold as many as are asked for. */
#ifndef LASTACK_DB_QUERY_PARTS_H
#define LASTACK_DB_QUERY_PARTS_H

#include "db/query.h"
#include "db/query_filter.h"

/* How the rows of connections are gone through. */
enum query_way {
	QUERY_BY_IDS,    /* at least one part fits few: through its index, then sorted */
	QUERY_EARLIEST,  /* those among the earliest ones, which hold as many as are asked for */
	QUERY_BY_BLOCKS, /* all of the blocks that can hold some, sorted */
	QUERY_BY_SCAN,   /* all, sorted */
};

struct query_plan {
	enum query_way way;
	uint32_t rare; /* bit of each part that is looked up by its index */
	char *chosen;  /* owned; a JSON array of ids or blocks; NULL: none are named */
};

/* False with err where SQLite fails; the plan is freed with query_plan_free either way. */
bool query_plan_make(sqlite3 *db, const struct query_filter *filter,
		     const struct filter_ranges *ranges, struct query_plan *plan,
		     struct error *err);
void query_plan_free(struct query_plan *plan);
/* Binds what the plan names, to a statement made of it; false where there is no memory. */
bool query_plan_bind(const struct query_plan *plan, sqlite3_stmt *statement);
/* Appends "FROM connections WHERE ..." */
void query_plan_from(sqlite3_str *sql, const struct query_filter *filter,
		     const struct query_plan *plan);
/* Appends "ORDER BY ... LIMIT :limit", nothing without a limit. */
void query_plan_order(sqlite3_str *sql, const struct query_filter *filter,
		      const struct query_plan *plan);

#endif
