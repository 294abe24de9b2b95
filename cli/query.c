/* lastack query: connections of a database, filtered or grouped, or the answer to a statement. */
#include "cli/query_options.h"

#include "cli/command.h"
#include "cli/confine.h"
#include "cli/database.h"
#include "cli/terminal.h"
#include "report/groups.h"
#include "report/rows.h"
#include "report/teardowns.h"

enum { TABLE_LIMIT = 100 };

static bool write_rows(sqlite3_stmt *statement, const struct query_options *options, uint64_t limit,
		       struct error *err)
{
	struct style style = terminal_style(stdout);
	uint64_t written;
	bool cut, good;

	if (options->format != ROWS_TABLE || options->sql || options->open)
		good = rows_write(stdout, statement, (enum rows_format)options->format, limit,
				  &style, &written, &cut, err);
	else if (options->by >= 0)
		good = groups_write_table(stdout, statement, limit, &style, &written, &cut, err);
	else
		good = teardowns_write_table(stdout, statement, limit, &style, &written, &cut, err);
	if (!good || !output_flush(err))
		return false;
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
	struct store *store;
	sqlite3_stmt *statement;
	enum exit_code code = EXIT_FAILED;

	if (!options->no_sandbox)
		confine_reader(options->database, NULL, NULL);
	store = store_open(options->database, STORE_READ, err);
	if (!store)
		return EXIT_FAILED;
	if (limit == UNSET_COUNT)
		limit = options->format == ROWS_TABLE ? TABLE_LIMIT : 0;
	statement = query_options_prepare(store, options, limit, err);
	if (!statement)
		code = store_at_fault(store, !options->sql)
			       ? EXIT_FAILED
			       : EXIT_USAGE; /* a value or the statement is wrong */
	else if (write_rows(statement, options, limit, err))
		code = EXIT_DONE;
	store_name_error(store, !options->sql, err);
	sqlite3_finalize(statement);
	store_close(store);
	return code;
}

enum exit_code command_query(int argc, char **argv)
{
	struct query_options options;
	struct operands operands;
	struct error err = {""};
	enum options_result result = query_options_parse(argc, argv, &options, &operands, &err);
	enum exit_code code = EXIT_USAGE;

	if (result == OPTIONS_HELP) {
		query_usage(stdout);
		return EXIT_DONE;
	}
	if (result == OPTIONS_DONE && database_choose(&operands, &options.database, &err))
		code = run(&options, &err);
	if (err.text[0] != '\0')
		complain("query: %s", err.text);
	return exit_code_for(code, &err);
}
