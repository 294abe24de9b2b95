/* lastack analyze: captures in, rows and a report out. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/analyze_options.h"
#include "cli/captures.h"
#include "cli/command.h"
#include "cli/confine.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "cli/readers.h"
#include "cli/run_setup.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "db/store.h"
#include "report/report.h"
#include "report/summary.h"

/* The run over all recordings. */
struct analysis {
	const struct analyze_options *options;
	struct engine_config engine;
	struct filter *filter; /* NULL: none */
	struct store *store;   /* opened with the first recording that can be read */
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

	if (analysis->matched)
		return;
	for (size_t i = 0; i < verdict->finding_count; i++)
		analysis->matched = analysis->matched || matches(fail_on, &verdict->findings[i]);
}

static void look_at_progress(void *context, const struct pipeline_progress *now)
{
	struct analysis *analysis = context;

	progress_tell(&analysis->progress, now);
}

static void tell_problems(struct analysis *analysis, const struct feed *feed)
{
	progress_clear(&analysis->progress);
	if (captures_tell_problems(feed))
		analysis->incomplete = true;
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
		.recording = run_recording(options, replace),
		.engine = analysis->engine,
		.watch = {.context = analysis,
			  .progress = look_at_progress,
			  .verdict = options->fail_on.asked ? look_at_verdict : NULL},
	};
}

/* Runs the pipeline with those who read the streams along. */
static enum pipeline_result run_pipeline(struct analysis *analysis, struct pipeline *pipeline,
					 int64_t *id, struct error *err)
{
	enum pipeline_result result = PIPELINE_FAILED;
	struct readers readers;

	if (readers_open(&readers, analysis->options, pipeline, err))
		result = pipeline_run(pipeline, id, err);
	readers_close(&readers);
	return result;
}

/* EXIT_DONE: go on with the next recording; else err says why not, where anything is to say. */
static enum exit_code analyze_recording(struct analysis *analysis, const struct operands *captures,
					struct error *err)
{
	const struct analyze_options *options = analysis->options;
	struct feed_config config = {.paths = captures->items,
				     .path_count = captures->count,
				     .filter = options->filter,
				     .compiled = analysis->filter};
	struct feed *feed = feed_open(&config, err);
	enum exit_code code = EXIT_DONE;
	bool matched = analysis->matched;
	struct pipeline pipeline;
	int64_t id;

	if (!feed)
		return EXIT_FAILED;
	if (!captures_any_opened(feed)) {
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
	struct diagnoses *diagnoses = NULL;
	struct summary *summary;

	if (analysis->options->format == ANALYZE_NONE)
		return true;
	summary = summary_read(store_handle(analysis->store), analysis->recordings,
			       analysis->recording_count, err);
	if (summary)
		diagnoses = diagnoses_read(store_handle(analysis->store), analysis->recordings,
					   analysis->recording_count, err);
	if (diagnoses && analysis->options->format == ANALYZE_JSON)
		report_json(stdout, summary, diagnoses, &origin);
	else if (diagnoses)
		report_text(stdout, &style, summary, diagnoses, &origin);
	summary_free(summary);
	diagnoses_free(diagnoses);
	return diagnoses != NULL;
}

static enum exit_code run(struct analysis *analysis, const struct operands *captures,
			  struct error *err)
{
	enum exit_code code;

	if (analysis->options->join)
		captures_allow_many();
	if (!confine_filter(analysis->options->filter, &analysis->filter, err))
		return EXIT_USAGE;
	if (!analysis->options->no_sandbox)
		confine_analyze(captures, analysis->options->database);
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
		analyze_options_free(&options);
		return EXIT_DONE;
	case OPTIONS_MISUSE:
		complain("analyze: %s", err.text);
		analyze_options_free(&options);
		return exit_code_for(EXIT_USAGE, &err);
	case OPTIONS_DONE:
		break;
	}
	analysis.progress.shown = !options.quiet && isatty(STDERR_FILENO) == 1;
	items = captures_without_repeats(&captures, options.quiet);
	if (!items)
		code = error_set(&err, "out of memory") ? EXIT_DONE : EXIT_FAILED;
	else if (run_engine(&options, &analysis.engine, &err))
		code = run(&analysis, &captures, &err);
	else
		code = EXIT_FAILED;
	if (analysis.store)
		store_name_error(analysis.store, true, &err);
	if (err.text[0] != '\0')
		complain("%s", err.text);
	store_close(analysis.store);
	filter_free(analysis.filter);
	free(analysis.recordings);
	free(items);
	analyze_options_free(&options);
	return exit_code_for(code, &err);
}
