/* lastack report: the teardown report of all recordings in a database. */
#include <stddef.h>

#include "cli/command.h"
#include "cli/confine.h"
#include "cli/database.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "db/store.h"
#include "report/compare.h"
#include "report/html.h"
#include "report/report.h"
#include "report/summary.h"

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML };

struct report_options {
	const char *database, *against;
	int format; /* enum report_format */
	bool no_sandbox, quiet;
};

static const char *const formats[] = {"text", "json", "md", "html", NULL};

static const struct option_spec specs[] = {
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = offsetof(struct report_options, database),
	 .help = "database to read (lastack.db), as the operand does"},
	{.name = "against",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = offsetof(struct report_options, against),
	 .help = "compare: what changed since this other database"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = offsetof(struct report_options, format),
	 .help = "text; json (the same as one document); md (Markdown, for tickets); html (a page "
		 "for a browser)"},
	{.name = "no-sandbox",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct report_options, no_sandbox),
	 .help = "keep all rights while reading what may be hostile: for debuggers, valgrind and "
		 "the like"},
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
	      "Examples:\n"
	      "  lastack report --format json office.db\n"
	      "  lastack report --format html office.db > office.html\n"
	      "  lastack report after.db --against before.db\n",
	      out);
}

/* One database, read: what a report or one side of a comparison is made of. */
struct read_database {
	struct store *store;
	struct summary *summary;
	struct diagnoses *diagnoses;
};

static bool database_read(struct read_database *reading, const char *database, struct error *err)
{
	reading->store = store_open(database, STORE_READ, err);
	if (!reading->store)
		return false;
	reading->summary = summary_read(store_handle(reading->store), NULL, 0, err);
	if (reading->summary)
		reading->diagnoses = diagnoses_read(store_handle(reading->store), NULL, 0, err);
	store_name_error(reading->store, true, err);
	return reading->diagnoses != NULL;
}

static void read_database_free(struct read_database *reading)
{
	diagnoses_free(reading->diagnoses);
	summary_free(reading->summary);
	store_close(reading->store);
}

static bool write_report(const struct report_options *options, const struct read_database *reading,
			 struct error *err)
{
	struct report_origin origin = {.database = options->database, .version = LASTACK_VERSION};
	struct style style = terminal_style(stdout);

	switch ((enum report_format)options->format) {
	case REPORT_TEXT:
		report_text(stdout, &style, reading->summary, reading->diagnoses, &origin);
		break;
	case REPORT_JSON:
		report_json(stdout, reading->summary, reading->diagnoses, &origin);
		break;
	case REPORT_MARKDOWN:
		report_markdown(stdout, reading->summary, reading->diagnoses, &origin);
		break;
	case REPORT_HTML:
		return report_html(stdout, reading->store, reading->summary, reading->diagnoses,
				   &origin, err);
	}
	return true;
}

static bool write_comparison(const struct report_options *options, const struct read_database *now,
			     const struct read_database *earlier, struct error *err)
{
	struct style style = terminal_style(stdout);
	struct compared before = {options->against, earlier->summary, earlier->diagnoses};
	struct compared after = {options->database, now->summary, now->diagnoses};
	struct comparison *comparison = comparison_make(&before, &after, err);

	if (!comparison)
		return false;
	switch ((enum report_format)options->format) {
	case REPORT_TEXT:
		comparison_text(stdout, &style, comparison);
		break;
	case REPORT_JSON:
		comparison_json(stdout, comparison, LASTACK_VERSION);
		break;
	case REPORT_MARKDOWN:
		comparison_markdown(stdout, comparison);
		break;
	case REPORT_HTML:
		break; /* refused by check */
	}
	comparison_free(comparison);
	return true;
}

static enum exit_code run(const struct report_options *options, struct error *err)
{
	struct read_database now = {0}, before = {0};
	bool good;

	if (!options->no_sandbox)
		confine_reader(options->database, options->against, NULL);
	good = database_read(&now, options->database, err);

	if (good && !options->against) {
		good = write_report(options, &now, err);
		store_name_error(now.store, true, err);
	} else if (good)
		good = database_read(&before, options->against, err) &&
		       write_comparison(options, &now, &before, err);
	read_database_free(&before);
	read_database_free(&now);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static bool check(const struct report_options *options, struct error *err)
{
	return !options->against || options->format != REPORT_HTML ||
	       error_set(err, "--against has no html; give --format text, json or md");
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
	if (result == OPTIONS_DONE && database_choose(&operands, &options.database, &err) &&
	    check(&options, &err))
		code = run(&options, &err);
	if (err.text[0] != '\0')
		complain("report: %s", err.text);
	return exit_code_for(code, &err);
}
