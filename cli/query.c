/* lastack query: connections of a database, filtered, or the answer to a statement. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/options.h"
#include "cli/query_options.h"
#include "cli/terminal.h"
#include "cli/values.h"
#include "db/query.h"
#include "report/rows.h"
#include "report/teardowns.h"

enum { TABLE_LIMIT = 100 };

/* in the order of enum rows_format */
static const char *const formats[] = {"table", "json", "csv", NULL};

static const char *const teardowns[] = {"stray",
					"refused",
					"unanswered",
					"handshake_aborted",
					"handshake_incomplete",
					"rst_abort",
					"rst_after_fin",
					"four_way",
					"three_segment",
					"simultaneous",
					"half_closed",
					"fin_unanswered",
					"open",
					NULL};
static const char *const closers[] = {"initiator", "responder", "both", "none", NULL};

#define FIELD(name) offsetof(struct query_options, name)

static const struct option_spec specs[] = {
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = FIELD(database),
	 .help = "database to read (lastack.db), as the operand does"},
	{.name = "teardown",
	 .kind = OPTION_CHOICE,
	 .value = "CLASS",
	 .choices = teardowns,
	 .offset = FIELD(teardown),
	 .help = "ended this way: four_way, three_segment, simultaneous, rst_abort, rst_after_fin, "
		 "half_closed, fin_unanswered, open, refused, unanswered, handshake_aborted, "
		 "handshake_incomplete, stray"},
	{.name = "closer",
	 .kind = OPTION_CHOICE,
	 .value = "END",
	 .choices = closers,
	 .offset = FIELD(closer),
	 .help = "closed first by: initiator, responder, both, none"},
	{.name = "finding",
	 .kind = OPTION_TEXT,
	 .value = "CODE",
	 .offset = FIELD(finding),
	 .help = "has this finding, such as close-wait-stuck"},
	{.name = "host",
	 .kind = OPTION_TEXT,
	 .value = "ADDRESS",
	 .offset = FIELD(host),
	 .help = "either end has this address, or is in this prefix (10.0.0.0/8, 2001:db8::/32)"},
	{.name = "port",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(port),
	 .low = 0,
	 .high = 65535,
	 .help = "either end has this port; with --host, that end"},
	{.name = "application",
	 .kind = OPTION_TEXT,
	 .value = "NAME",
	 .offset = FIELD(application),
	 .help = "nDPI's name of it, whole or one part: TLS, Google, TLS.Google"},
	{.name = "server-name",
	 .kind = OPTION_TEXT,
	 .value = "TEXT",
	 .offset = FIELD(server_name),
	 .help = "the name asked for in TLS (SNI) or HTTP contains this"},
	{.name = "contains",
	 .kind = OPTION_TEXT,
	 .value = "TEXT",
	 .offset = FIELD(contains),
	 .help = "one of its streams contains this, or the bytes hex:0a0b0c; 'analyze --mark' must "
		 "have looked for it"},
	{.name = "since",
	 .kind = OPTION_TIME,
	 .value = "TIME",
	 .offset = FIELD(since_ns),
	 .help = "first segment at or after: 2024-05-01T10:00:00Z (UTC without a zone), or seconds "
		 "since 1970"},
	{.name = "until",
	 .kind = OPTION_TIME,
	 .value = "TIME",
	 .offset = FIELD(until_ns),
	 .help = "first segment before"},
	{.name = "limit",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(limit),
	 .help = "at most so many rows, the earliest (table: 100, else all; 0: all)"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = FIELD(format),
	 .help = "table (a readable choice of columns), json (one object a line), csv; these two "
		 "have all columns, times in nanoseconds"},
	{.name = "sql",
	 .kind = OPTION_TEXT,
	 .value = "STATEMENT",
	 .offset = FIELD(sql),
	 .help = "the rows of a statement of your own that only reads, instead of the filters"},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = FIELD(quiet),
	 .help = "no remarks, only rows and errors"},
};

const struct option_table query_option_table = {
	.command = "lastack query", .specs = specs, .count = sizeof(specs) / sizeof(specs[0])};

static void usage(FILE *out)
{
	fputs("Usage: lastack query [OPTION...] [DATABASE]\n"
	      "\n"
	      "Lists connections, the earliest first. All filters given must hold.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&query_option_table, out);
	fputs("\n"
	      "Examples:\n"
	      "  lastack query --teardown rst_abort --host 10.0.0.0/8\n"
	      "  lastack query --finding close-wait-stuck --format csv > stuck.csv\n"
	      "  lastack query --sql 'SELECT closer, count(*) FROM teardowns GROUP BY 1'\n",
	      out);
}

static bool check_finding(const char *code, struct error *err)
{
	const char *names[FINDING_CODES + 1] = {NULL};
	const char *meant;

	if (!code || finding_code_of(code) != FINDING_CODES)
		return true;
	for (int i = 0; i < FINDING_CODES; i++)
		names[i] = finding_kind((enum finding_code)i)->code;
	meant = options_suggest(code, names);
	return error_set(err, "--finding: '%s' is no finding's code; %s%s%s", code,
			 meant ? "did you mean '" : "one is ", meant ? meant : names[0],
			 meant ? "'?" : "");
}

bool query_options_filtered(const struct query_options *options)
{
	return options->teardown >= 0 || options->closer >= 0 || options->finding ||
	       options->host || options->application || options->server_name || options->contains ||
	       options->port != UNSET_COUNT || options->since_ns != UNSET_NS ||
	       options->until_ns != UNSET_NS;
}

bool query_options_check(const struct query_options *options, struct error *err)
{
	if (options->sql && query_options_filtered(options))
		return error_set(err,
				 "--sql takes no filters beside it; put them into the statement");
	return check_finding(options->finding, err);
}

sqlite3_stmt *query_options_prepare(struct store *store, const struct query_options *options,
				    uint64_t limit, struct error *err)
{
	sqlite3_stmt *statement;
	uint8_t *bytes = NULL;
	struct query_filter filter = {
		.teardown = options->teardown < 0 ? NULL : teardowns[options->teardown],
		.closer = options->closer < 0 ? NULL : closers[options->closer],
		.finding = options->finding,
		.host = options->host,
		.application = options->application,
		.server_name = options->server_name,
		.contains = options->contains,
		.has_port = options->port != UNSET_COUNT,
		.port = (uint16_t)options->port,
		.has_since = options->since_ns != UNSET_NS,
		.has_until = options->until_ns != UNSET_NS,
		.since_ns = options->since_ns,
		.until_ns = options->until_ns,
		/* one more, to see whether the limit cuts */
		.limit = limit == 0 || limit >= INT64_MAX ? 0 : limit + 1,
	};

	if (options->sql)
		return query_prepare_sql(store, options->sql, err);
	if (options->contains &&
	    !value_bytes(options->contains, &bytes, &filter.contains_length, err)) {
		error_prefix(err, "--contains");
		return NULL;
	}
	filter.contains_bytes = bytes;
	statement = query_prepare(store, &filter, err);
	free(bytes);
	return statement;
}

static bool write_rows(sqlite3_stmt *statement, const struct query_options *options, uint64_t limit,
		       struct error *err)
{
	struct style style = terminal_style(stdout);
	uint64_t written;
	bool cut, good;

	if (options->format == ROWS_TABLE && !options->sql)
		good = teardowns_write_table(stdout, statement, limit, &style, &written, &cut, err);
	else
		good = rows_write(stdout, statement, (enum rows_format)options->format, limit,
				  &style, &written, &cut, err);
	if (!good)
		return false;
	fflush(stdout);
	if (options->quiet)
		return true;
	if (cut)
		complain("more than %llu row%s match; --limit 0 shows all",
			 (unsigned long long)written, written == 1 ? "" : "s");
	else if (written == 0 && options->format == ROWS_TABLE)
		complain(options->sql ? "the statement gives no rows" : "no connection matches");
	return true;
}

static enum exit_code run(const struct query_options *options, struct error *err)
{
	uint64_t limit = options->limit;
	struct store *store = store_open(options->database, STORE_READ, err);
	sqlite3_stmt *statement;
	enum exit_code code = EXIT_FAILED;

	if (!store)
		return EXIT_FAILED;
	if (limit == UNSET_COUNT)
		limit = options->format == ROWS_TABLE ? TABLE_LIMIT : 0;
	statement = query_options_prepare(store, options, limit, err);
	if (!statement)
		code = EXIT_USAGE; /* a value or the statement is wrong */
	else if (write_rows(statement, options, limit, err))
		code = EXIT_DONE;
	sqlite3_finalize(statement);
	store_close(store);
	return code;
}

struct query_options query_options_defaults(void)
{
	return (struct query_options){.teardown = -1,
				      .closer = -1,
				      .port = UNSET_COUNT,
				      .limit = UNSET_COUNT,
				      .since_ns = UNSET_NS,
				      .until_ns = UNSET_NS};
}

enum exit_code command_query(int argc, char **argv)
{
	struct query_options options = query_options_defaults();
	struct operands operands;
	struct error err = {""};
	enum options_result result = options_parse(&query_option_table, argc, argv, &options,
						   &operands, &err);
	enum exit_code code = EXIT_USAGE;

	if (result == OPTIONS_HELP) {
		usage(stdout);
		return EXIT_DONE;
	}
	if (result == OPTIONS_DONE && database_choose(&operands, &options.database, &err) &&
	    query_options_check(&options, &err))
		code = run(&options, &err);
	if (err.text[0] != '\0')
		complain("query: %s", err.text);
	return code;
}
