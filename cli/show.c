/* lastack show: one connection: verdict in words, states, findings, ladder; or its picture. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/confine.h"
#include "cli/database.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/terminal.h"
#include "db/store.h"
#include "db/tuple.h"
#include "report/ladder_notation.h"
#include "report/ladder_svg.h"
#include "report/show.h"

enum show_format { SHOW_TEXT, SHOW_JSON };

struct show_options {
	const char *database, *svg;
	const char *connection; /* the operand */
	int format;             /* enum show_format; -1: not given */
	bool ladder, no_sandbox, quiet;
};

static const char *const formats[] = {"text", "json", NULL};

static const struct option_spec specs[] = {
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = offsetof(struct show_options, database),
	 .help = "database to read (lastack.db), as the operand before the connection does"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = offsetof(struct show_options, format),
	 .help = "text, or json (one object a connection, each in a line)"},
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = offsetof(struct show_options, svg),
	 .help = "save the ladder as a picture instead; - is standard output, and a file that "
		 "exists is left as it is"},
	{.name = "ladder",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, ladder),
	 .help = "print the ladder in the notation of test cases instead"},
	{.name = "no-sandbox",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, no_sandbox),
	 .help = "keep all rights while reading what may be hostile: for debuggers, valgrind and "
		 "the like"},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, quiet),
	 .help = "no remarks, only errors"},
};

static const struct option_table table = {
	.command = "lastack show", .specs = specs, .count = sizeof(specs) / sizeof(specs[0])};

static void usage(FILE *out)
{
	fputs("Usage: lastack show [OPTION...] [DATABASE] CONNECTION\n"
	      "\n"
	      "Shows one connection: how it ended, in plain words, the states of both ends,\n"
	      "findings with what to do, and the ladder of its segments. CONNECTION is an id,\n"
	      "or ADDRESS:PORT-ADDRESS:PORT for all connections between these two ends.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&table, out);
	fputs("\n"
	      "Examples:\n"
	      "  lastack show 64\n"
	      "  lastack show office.db 192.0.2.1:40000-192.0.2.2:80\n"
	      "  lastack show --svg stuck.svg 64\n",
	      out);
}

/* The last operand is the connection, what stands before it the database. */
static bool choose_operands(struct operands *operands, struct show_options *options,
			    struct error *err)
{
	if (operands->count == 0)
		return error_set(err, "no connection is given: an id, or "
				      "ADDRESS:PORT-ADDRESS:PORT");
	options->connection = operands->items[operands->count - 1];
	operands->count--;
	return database_choose(operands, &options->database, err);
}

static bool check(const struct show_options *options, struct error *err)
{
	const char *given[3] = {NULL};
	size_t count = 0;

	if (options->format == SHOW_JSON)
		given[count++] = "--format json";
	if (options->svg)
		given[count++] = "--svg";
	if (options->ladder)
		given[count++] = "--ladder";
	return count < 2 ||
	       error_set(err, "%s and %s exclude each other: give one", given[0], given[1]);
}

/* Ids as the operand names them; *misuse tells a malformed one from one that is not there. */
static bool find(struct store *store, const char *text, int64_t **ids, size_t *count, bool *misuse,
		 struct error *err)
{
	struct tuple tuple;
	char *end;

	*misuse = false;
	if (isdigit((unsigned char)*text) && text[strspn(text, "0123456789")] == '\0') {
		errno = 0;
		*ids = malloc(sizeof(**ids));
		if (!*ids)
			return error_set(err, "out of memory");
		**ids = strtoll(text, &end, 10);
		*count = 1;
		return errno == 0 || error_set(err, "there is no connection %s", text);
	}
	*misuse = !tuple_parse(text, &tuple, err);
	if (*misuse || !tuple_find(store, &tuple, ids, count, err))
		return false;
	return *count > 0 ||
	       error_set(err,
			 "there is no connection between the ends of '%s'; 'lastack query "
			 "--host ADDRESS --port N' lists what there is",
			 text);
}

static bool tell_notation(struct store *store, const struct ladder_view *view, struct error *err)
{
	struct ladder_view *next = NULL;
	int64_t id;

	if (view->step_count == 0)
		return error_set(err,
				 "the segments of connection %" PRId64
				 " were not stored; 'lastack analyze --ladders all' keeps them",
				 view->id);
	if (!tuple_next(store, view->id, &id, err))
		return false;
	if (id > 0) {
		next = ladder_view_read(store, id, err);
		if (!next)
			return false;
	}
	ladder_notation(stdout, view, next && next->step_count > 0 ? next : NULL);
	ladder_view_free(next);
	return true;
}

static bool tell_picture(const struct show_options *options, const struct ladder_view *view,
			 struct error *err)
{
	struct output_file file;

	if (view->step_count == 0)
		return error_set(err,
				 "there is nothing to draw: the segments of connection %" PRId64
				 " were not stored; 'lastack analyze --ladders all' keeps them",
				 view->id);
	if (!output_file_open(options->svg, &file, err))
		return false;
	if (!ladder_svg(file.stream, view, true, err)) {
		output_file_drop(&file);
		return false;
	}
	if (!output_file_commit(&file, err))
		return false;
	if (!options->quiet && strcmp(options->svg, "-") != 0)
		complain("the ladder of connection %" PRId64 " is in %s", view->id, options->svg);
	return true;
}

static bool tell(struct store *store, const struct show_options *options, int64_t id,
		 struct error *err)
{
	struct ladder_view *view = ladder_view_read(store, id, err);
	struct style style = terminal_style(stdout);
	bool good = true;

	if (!view)
		return false;
	if (options->svg)
		good = tell_picture(options, view, err);
	else if (options->ladder)
		good = tell_notation(store, view, err);
	else if (options->format == SHOW_JSON)
		show_json(stdout, view);
	else
		show_text(stdout, &style, view);
	ladder_view_free(view);
	return good;
}

/* Several incarnations make several texts, but one picture shows one. */
static bool check_count(const struct show_options *options, const int64_t *ids, size_t count,
			struct error *err)
{
	char list[160] = "";
	size_t used = 0;

	if (count <= 1 || (!options->svg && !options->ladder))
		return true;
	for (size_t i = 0; i < count && used < sizeof(list) - 24; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%" PRId64,
					 i > 0 ? ", " : "", ids[i]);
	return error_set(err, "%zu connections were between these ends; name one by its id: %s",
			 count, list);
}

static enum exit_code run(const struct show_options *options, struct error *err)
{
	struct store *store;
	enum exit_code code = EXIT_FAILED;
	int64_t *ids = NULL;
	size_t count = 0;
	bool misuse;

	if (!options->no_sandbox)
		confine_reader(options->database, NULL, options->svg);
	store = store_open(options->database, STORE_READ, err);
	if (!store)
		return EXIT_FAILED;
	if (!find(store, options->connection, &ids, &count, &misuse, err)) {
		code = misuse ? EXIT_USAGE : EXIT_FAILED;
	} else if (!check_count(options, ids, count, err)) {
		code = EXIT_USAGE;
	} else {
		code = EXIT_DONE;
		for (size_t i = 0; i < count && code == EXIT_DONE; i++) {
			if (i > 0 && options->format != SHOW_JSON)
				putchar('\n');
			if (!tell(store, options, ids[i], err))
				code = EXIT_FAILED;
		}
	}
	store_name_error(store, true, err);
	free(ids);
	store_close(store);
	return code;
}

enum exit_code command_show(int argc, char **argv)
{
	struct show_options options = {.format = SHOW_TEXT};
	struct operands operands;
	struct error err = {""};
	enum options_result result = options_parse(&table, argc, argv, &options, &operands, &err);
	enum exit_code code = EXIT_USAGE;

	if (result == OPTIONS_HELP) {
		usage(stdout);
		return EXIT_DONE;
	}
	if (result == OPTIONS_DONE && choose_operands(&operands, &options, &err) &&
	    check(&options, &err))
		code = run(&options, &err);
	if (err.text[0] != '\0')
		complain("show: %s", err.text);
	return exit_code_for(code, &err);
}
