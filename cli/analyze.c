/* lastack analyze: captures in, rows and a report out. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/analyze_options.h"
#include "cli/command.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "db/store.h"
#include "report/report.h"
#include "report/summary.h"
#include "streams/dpi.h"

/* The run over all recordings. */
struct analysis {
	const struct analyze_options *options;
	struct engine_config engine;
	struct store *store; /* opened with the first recording that can be read */
	struct progress progress;
	int64_t *recordings; /* stored in this run */
	size_t recording_count;
	bool incomplete; /* part of the input could not be read */
	bool matched;    /* --fail-on */
};

static bool matches(const struct fail_on *fail_on, const struct finding *finding)
{
	if (fail_on->code != FINDING_CODES)
		return finding->code == fail_on->code;
	return finding->severity >= fail_on->at_least;
}

static void look_at_verdict(void *context, const struct verdict *verdict)
{
	struct analysis *analysis = context;
	const struct fail_on *fail_on = &analysis->options->fail_on;

	if (!fail_on->asked || analysis->matched)
		return;
	for (size_t i = 0; i < verdict->finding_count; i++)
		analysis->matched = analysis->matched || matches(fail_on, &verdict->findings[i]);
}

static void look_at_progress(void *context, const struct pipeline_progress *now)
{
	struct analysis *analysis = context;

	progress_tell(&analysis->progress, now);
}

static bool any_opened(const struct feed *feed)
{
	for (size_t i = 0; i < feed_file_count(feed); i++) {
		if (feed_file(feed, i)->opened)
			return true;
	}
	return false;
}

static void complain_link_types(const struct feed_file *file)
{
	for (size_t i = 0; i < file->linktype_count; i++) {
		complain("%s: packets of link type %u (%s) are not decoded; nothing of it is "
			 "analysed",
			 file->path, file->linktypes[i], decode_linktype_name(file->linktypes[i]));
	}
}

/* What could not be read of the recording's files. */
static void tell_problems(struct analysis *analysis, const struct feed *feed)
{
	progress_clear(&analysis->progress);
	for (size_t i = 0; i < feed_file_count(feed); i++) {
		const struct feed_file *file = feed_file(feed, i);

		if (file->problem)
			complain("%s", file->problem);
		if (file->opened && !pipeline_file_decodable(file))
			complain_link_types(file);
		else if (!file->problem && file->opened)
			continue;
		analysis->incomplete = true;
	}
}

static bool remember_recording(struct analysis *analysis, int64_t id, struct error *err)
{
	size_t count = analysis->recording_count;
	int64_t *ids = realloc(analysis->recordings, (count + 1) * sizeof(*ids));

	if (!ids)
		return error_set(err, "out of memory");
	analysis->recordings = ids;
	ids[count] = id;
	analysis->recording_count = count + 1;
	return true;
}

static struct pipeline pipeline_of(struct analysis *analysis, struct feed *feed,
				   const struct operands *captures)
{
	const struct analyze_options *options = analysis->options;
	bool replace = true;

	for (size_t i = 0; i < captures->count; i++)
		replace = replace && strcmp(captures->items[i], "-") != 0;
	return (struct pipeline){
		.feed = feed,
		.store = analysis->store,
		.recording = {.filter = options->filter,
			      .joined = options->join,
			      .replace = replace,
			      .msl_ns = options->msl_ns,
			      .idle_timeout_ns = options->idle_timeout_ns,
			      .stuck_ns = options->stuck_ns,
			      .keep_duplicates = options->keep_duplicates,
			      .verify_checksums = options->verify_checksums},
		.engine = analysis->engine,
		.watch = {.context = analysis,
			  .progress = look_at_progress,
			  .verdict = look_at_verdict},
	};
}

/* Runs the pipeline with those who read the streams along. */
static enum pipeline_result run_pipeline(struct analysis *analysis, struct pipeline *pipeline,
					 int64_t *id, struct error *err)
{
	struct dpi_config config = dpi_defaults();
	enum pipeline_result result;
	struct dpi *dpi = NULL;

	memcpy(config.hash_key, pipeline->engine.hash_key, sizeof(config.hash_key));
	if (!analysis->options->no_dpi && dpi_version()) {
		dpi = dpi_new(&config, err);
		if (!dpi)
			return PIPELINE_FAILED;
		pipeline->consumers[pipeline->consumer_count++] = dpi_consumer(dpi);
	}
	result = pipeline_run(pipeline, id, err);
	dpi_free(dpi);
	return result;
}

/* EXIT_DONE: go on with the next recording; else err says why not, where anything is to say. */
static enum exit_code analyze_recording(struct analysis *analysis, const struct operands *captures,
					struct error *err)
{
	const struct analyze_options *options = analysis->options;
	struct feed_config config = {
		.paths = captures->items, .path_count = captures->count, .filter = options->filter};
	struct feed *feed = feed_open(&config, err);
	enum exit_code code = EXIT_DONE;
	bool matched = analysis->matched;
	struct pipeline pipeline;
	int64_t id;

	if (!feed) /* before anything was read: the filter */
		return options->filter ? EXIT_USAGE : EXIT_FAILED;
	if (!any_opened(feed)) {
		tell_problems(analysis, feed);
		feed_close(feed);
		return EXIT_DONE;
	}
	if (!analysis->store)
		analysis->store = store_open(options->database, STORE_WRITE, err);
	if (!analysis->store) {
		feed_close(feed);
		return EXIT_FAILED;
	}
	pipeline = pipeline_of(analysis, feed, captures);
	progress_start(&analysis->progress, feed);
	switch (run_pipeline(analysis, &pipeline, &id, err)) {
	case PIPELINE_STORED:
		tell_problems(analysis, feed);
		code = remember_recording(analysis, id, err) ? EXIT_DONE : EXIT_FAILED;
		break;
	case PIPELINE_UNDECODED:
		tell_problems(analysis, feed);
		analysis->matched = matched;
		break;
	case PIPELINE_INTERRUPTED:
	case PIPELINE_FAILED:
		progress_clear(&analysis->progress);
		code = EXIT_FAILED;
		break;
	}
	feed_close(feed);
	return code;
}

/* The real path of a regular file; NULL for standard input, pipes and what is not there. */
static char *regular_path(const char *name)
{
	struct stat status;

	if (stat(name, &status) != 0 || !S_ISREG(status.st_mode))
		return NULL;
	return realpath(name, NULL);
}

/* Leaves out captures that are named twice: analysing one again would only replace its rows, and in a
 * joined recording it would double every packet. NULL without memory. */
static const char **without_repeats(const struct analyze_options *options,
				    struct operands *captures)
{
	const char **items = calloc(captures->count, sizeof(*items));
	char **paths = calloc(captures->count, sizeof(*paths));
	size_t count = 0;

	for (size_t i = 0; items && paths && i < captures->count; i++) {
		char *path = regular_path(captures->items[i]);
		bool before = false;

		for (size_t k = 0; path && k < count && !before; k++)
			before = paths[k] && strcmp(path, paths[k]) == 0;
		if (before) {
			if (!options->quiet)
				complain("%s: named twice; analysed once", captures->items[i]);
			free(path);
			continue;
		}
		paths[count] = path;
		items[count++] = captures->items[i];
	}
	if (!paths) {
		free(items);
		return NULL;
	}
	for (size_t k = 0; k < count; k++)
		free(paths[k]);
	free(paths);
	*captures = (struct operands){.items = items, .count = count};
	return items;
}

static enum exit_code analyze_all(struct analysis *analysis, const struct operands *captures,
				  struct error *err)
{
	enum exit_code code = EXIT_DONE;
	size_t step = analysis->options->join ? captures->count : 1;

	for (size_t i = 0; i < captures->count && code == EXIT_DONE; i += step) {
		struct operands part = {.items = captures->items + i, .count = step};

		if (signals_pending() != 0)
			return EXIT_FAILED;
		code = analyze_recording(analysis, &part, err);
	}
	return code;
}

static bool print_report(struct analysis *analysis, struct error *err)
{
	struct report_origin origin = {.database = analysis->options->database,
				       .version = LASTACK_VERSION};
	struct style style = terminal_style(stdout);
	struct summary *summary;

	if (analysis->options->format == ANALYZE_NONE)
		return true;
	summary = summary_read(store_handle(analysis->store), analysis->recordings,
			       analysis->recording_count, err);
	if (!summary)
		return false;
	if (analysis->options->format == ANALYZE_JSON)
		report_json(stdout, summary, &origin);
	else
		report_text(stdout, &style, summary, &origin);
	summary_free(summary);
	return true;
}

/* A key of its own for each run, so that nobody can aim at the hash tables. */
static bool choose_hash_key(uint64_t seed, uint8_t key[16], struct error *err)
{
	if (seed == HASH_SEED_RANDOM)
		return getrandom(key, 16, 0) == 16 ||
		       error_set(err, "the system gives no random numbers; try --hash-seed 1");
	for (size_t i = 0; i < 16; i++)
		key[i] = (uint8_t)(seed >> (8 * (i % 8)));
	return true;
}

static struct engine_config engine_of(const struct analyze_options *options)
{
	struct engine_config engine = engine_defaults();

	engine.msl_ns = options->msl_ns;
	engine.idle_timeout_ns = options->idle_timeout_ns;
	engine.stuck_ns = options->stuck_ns;
	engine.max_flows = options->max_flows;
	engine.max_memory = options->max_memory;
	engine.keep_duplicates = options->keep_duplicates;
	engine.ladders = (enum ladder_policy)options->ladders;
	return engine;
}

/* Joined captures are read at the same time, and there may be thousands of them. */
static void allow_many_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static enum exit_code run(struct analysis *analysis, const struct operands *captures,
			  struct error *err)
{
	enum exit_code code;

	if (analysis->options->join)
		allow_many_files();
	signals_catch();
	code = analyze_all(analysis, captures, err);
	if (signals_pending() != 0) {
		store_close(analysis->store);
		analysis->store = NULL;
		progress_clear(&analysis->progress);
	}
	signals_release();
	if (code != EXIT_DONE)
		return code;
	if (analysis->recording_count == 0) /* nothing could be read, as was told */
		return EXIT_FAILED;
	if (!print_report(analysis, err))
		return EXIT_FAILED;
	if (analysis->matched)
		return EXIT_MATCHED;
	return analysis->incomplete ? EXIT_PARTLY : EXIT_DONE;
}

enum exit_code command_analyze(int argc, char **argv)
{
	struct analyze_options options;
	struct operands captures;
	struct error err = {""};
	struct analysis analysis = {.options = &options};
	const char **items;
	enum exit_code code;

	switch (analyze_options_parse(argc, argv, &options, &captures, &err)) {
	case OPTIONS_HELP:
		analyze_usage(stdout);
		return EXIT_DONE;
	case OPTIONS_MISUSE:
		complain("analyze: %s", err.text);
		return EXIT_USAGE;
	case OPTIONS_DONE:
		break;
	}
	analysis.engine = engine_of(&options);
	analysis.progress.shown = !options.quiet && isatty(STDERR_FILENO) == 1;
	items = without_repeats(&options, &captures);
	if (!items)
		code = error_set(&err, "out of memory") ? EXIT_DONE : EXIT_FAILED;
	else if (choose_hash_key(options.hash_seed, analysis.engine.hash_key, &err))
		code = run(&analysis, &captures, &err);
	else
		code = EXIT_FAILED;
	if (err.text[0] != '\0')
		complain("%s", err.text);
	store_close(analysis.store);
	free(analysis.recordings);
	free(items);
	return code;
}
