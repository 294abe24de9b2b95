/* A filter as SQL, part by part, each in two forms: the ids that fit, found through an index, and a
 * condition on the row at hand. Where few connections fit, the first is quick; where many do, walking in
 * order of time and looking at each row meets the first hundred soon. */
#ifndef LASTACK_DB_QUERY_PARTS_H
#define LASTACK_DB_QUERY_PARTS_H

#include "db/query.h"
#include "db/query_filter.h"

/* How the rows of connections are gone through. */
enum query_way {
	QUERY_BY_IDS,  /* at least one part fits few: through its index, then sorted */
	QUERY_IN_TIME, /* all fit many: from the earliest on, until the limit is reached */
	QUERY_BY_SCAN, /* they fit many, or cannot be counted, but not early ones: all rows, sorted */
};

struct query_plan {
	enum query_way way;
	uint32_t rare; /* bit of each part that is looked up by its index */
};

/* Counts, up to a bound, what each part fits; false with err where SQLite fails. */
bool query_plan_make(sqlite3 *db, const struct query_filter *filter,
		     const struct filter_ranges *ranges, struct query_plan *plan,
		     struct error *err);
/* Appends "FROM connections WHERE ..." */
void query_plan_from(sqlite3_str *sql, const struct query_filter *filter,
		     const struct query_plan *plan);
/* Appends "ORDER BY ... LIMIT :limit", nothing without a limit. */
void query_plan_order(sqlite3_str *sql, const struct query_filter *filter,
		      const struct query_plan *plan);

#endif
