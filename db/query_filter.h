/* A filter's values: checked, and bound to the statements that query_parts.c makes of it. */
#ifndef LASTACK_DB_QUERY_FILTER_H
#define LASTACK_DB_QUERY_FILTER_H

#include "db/address.h"
#include "db/query.h"

/* What is bound beside the filter's own values. */
struct filter_ranges {
	struct address_range host, client, server;
};

/* False with err that quotes a value which is none of its kind. */
bool filter_check(const struct query_filter *filter, struct filter_ranges *ranges,
		  struct error *err);
/* Nothing is found where nobody looked: that shall not pass for an answer. False with err. */
bool filter_was_searched_for(sqlite3 *db, const struct query_filter *filter, struct error *err);
/* Appends " AND ..." for each column of `outcomes` that one value is asked of. */
void filter_outcomes(sqlite3_str *sql, const struct query_filter *filter);
/* The number of a severity's name; SEVERITIES where it is none. */
int filter_severity(const char *name);
/* Parameters that the statement does not have are passed over. False where there is no memory. */
bool filter_bind(sqlite3_stmt *statement, const struct query_filter *filter,
		 const struct filter_ranges *ranges);

#endif
