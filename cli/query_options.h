/* What `lastack query` was asked for; its filters select for other commands, too. */
#ifndef LASTACK_CLI_QUERY_OPTIONS_H
#define LASTACK_CLI_QUERY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/options.h"
#include "db/query.h"

struct query_options {
	const char *database, *finding, *host, *client, *server, *application, *capture, *tunnel;
	const char *server_name, *contains;
	const char *community_id, *sql;
	/* choices; -1: any */
	int teardown, closer, end_reason, cause, stage, reset_by, state, time_wait, severity, by;
	int format;                                 /* enum rows_format */
	uint64_t port, server_port, vlan, limit;    /* UNSET_COUNT: not given */
	int64_t since_ns, until_ns, min_ns, max_ns; /* UNSET_NS: not given */
	bool incomplete, complete, midstream, injected, no_sandbox, quiet;
	bool open; /* those that a live run watches, instead */
};

#define UNSET_NS    INT64_MIN
#define UNSET_COUNT UINT64_MAX

extern const struct option_table query_option_table;

struct query_options query_options_defaults(void);
/* As options_parse, with query_options_check. */
enum options_result query_options_parse(int argc, char **argv, struct query_options *options,
					struct operands *operands, struct error *err);
void query_usage(FILE *out);
/* True where a filter is given, the limit aside. */
bool query_options_filtered(const struct query_options *options);
/* The finding's code, and what cannot stand together. */
bool query_options_check(const struct query_options *options, struct error *err);
/* The rows that are asked for, at most limit + 1 (0: all). NULL with err: a value or the statement is
 * wrong. The caller finalizes it. */
sqlite3_stmt *query_options_prepare(struct store *store, const struct query_options *options,
				    uint64_t limit, struct error *err);

#endif
