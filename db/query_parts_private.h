/* What query_parts.c and query_plan.c share. Nobody else includes this. */
#ifndef LASTACK_DB_QUERY_PARTS_PRIVATE_H
#define LASTACK_DB_QUERY_PARTS_PRIVATE_H

#include "db/block_search.h"
#include "db/query_parts.h"

/* A search for the connections that can fit. */
struct looking {
	sqlite3 *db;
	const struct query_filter *filter;
	const struct filter_ranges *ranges;
	struct block_search search;
};

struct part {
	bool (*asked)(const struct query_filter *f);
	/* SELECT of the ids that fit, through an index; an id may come twice; NULL: no index helps */
	void (*ids)(sqlite3_str *sql, const struct query_filter *f);
	/* leaves in fits those that fit; NULL: blocks do not tell */
	bool (*blocks)(struct looking *l, struct place_set *fits, struct error *err);
	/* a condition on a row of connections that uses no index of that table */
	void (*row)(sqlite3_str *sql, const struct query_filter *f);
};

/* Each has one bit in a plan. */
extern const struct part query_parts[];
extern const size_t query_part_count;

#endif
