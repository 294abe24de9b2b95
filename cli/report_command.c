/* lastack report: the teardown report of all recordings in a database. */
#include <stddef.h>

#include "cli/command.h"
#include "cli/database.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "db/store.h"
#include "report/report.h"
#include "report/summary.h"

enum report_format { REPORT_TEXT, REPORT_JSON };

struct report_options {
	const char *database;
	int format; /* enum report_format */
	bool quiet;
};

static const char *const formats[] = {"text", "json", NULL};

static const struct option_spec specs[] = {
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = offsetof(struct report_options, database),
	 .help = "database to read (lastack.db), as the operand does"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = offsetof(struct report_options, format),
	 .help = "text, or json (the same as one document)"},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct report_options, quiet),
	 .help = "accepted everywhere; there is nothing to silence here"},
};

static const struct option_table table = {
	.command = "lastack report", .specs = specs, .count = sizeof(specs) / sizeof(specs[0])};

static void usage(FILE *out)
{
	fputs("Usage: lastack report [OPTION...] [DATABASE]\n"
	      "\n"
	      "Prints the teardown report of all recordings that a database holds.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&table, out);
	fputs("\n"
	      "Example:\n"
	      "  lastack report --format json office.db\n",
	      out);
}

static enum exit_code run(const struct report_options *options, struct error *err)
{
	struct report_origin origin = {.database = options->database, .version = LASTACK_VERSION};
	struct style style = terminal_style(stdout);
	struct store *store = store_open(options->database, STORE_READ, err);
	struct summary *summary;

	if (!store)
		return EXIT_FAILED;
	summary = summary_read(store_handle(store), NULL, 0, err);
	if (summary && options->format == REPORT_JSON)
		report_json(stdout, summary, &origin);
	else if (summary)
		report_text(stdout, &style, summary, &origin);
	summary_free(summary);
	store_close(store);
	return summary ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code command_report(int argc, char **argv)
{
	struct report_options options = {.format = REPORT_TEXT};
	struct operands operands;
	struct error err = {""};
	enum options_result result = options_parse(&table, argc, argv, &options, &operands, &err);
	enum exit_code code = EXIT_USAGE;

	if (result == OPTIONS_HELP) {
		usage(stdout);
		return EXIT_DONE;
	}
	if (result == OPTIONS_DONE && database_choose(&operands, &options.database, &err))
		code = run(&options, &err);
	if (err.text[0] != '\0')
		complain("report: %s", err.text);
	return code;
}
