/* What `lastack query` was asked for; its filters select for other commands, too. */
#ifndef LASTACK_CLI_QUERY_OPTIONS_H
#define LASTACK_CLI_QUERY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "cli/options.h"
#include "db/store.h"

#define UNSET_NS    INT64_MIN
#define UNSET_COUNT UINT64_MAX

struct query_options {
	const char *database, *finding, *host, *sql, *application, *server_name, *contains;
	int teardown, closer; /* -1: any */
	int format;           /* enum rows_format */
	uint64_t port, limit; /* UNSET_COUNT: not given */
	int64_t since_ns, until_ns;
	bool quiet;
};

extern const struct option_table query_option_table;

struct query_options query_options_defaults(void);
/* True where a filter is given, the limit aside. */
bool query_options_filtered(const struct query_options *options);
bool query_options_check(const struct query_options *options, struct error *err);
/* The rows that are asked for, at most limit + 1 (0: all). NULL with err: a value or the statement is
 * wrong. The caller finalizes it. */
sqlite3_stmt *query_options_prepare(struct store *store, const struct query_options *options,
				    uint64_t limit, struct error *err);

#endif
