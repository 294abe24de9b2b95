/* lastack extract: the streams of connections into files, or their packets into a pcap file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/captures.h"
#include "cli/command.h"
#include "cli/confine.h"
#include "cli/extract_options.h"
#include "cli/extract_pcap.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/values.h"
#include "db/query.h"
#include "db/store.h"
#include "db/wanted.h"
#include "report/format.h"
#include "streams/read_all.h"
#include "streams/packet_list.h"
#include "streams/pcap_out.h"
#include "streams/stream_files.h"

struct extraction {
	const struct extract_options *options;
	struct engine_config engine;
	struct filter *filter;       /* NULL: none */
	struct selection *selection; /* NULL: all connections */
	struct stream_files *files;  /* with --streams */
	struct packet_list *lists;   /* with --pcap: one a recording */
	size_t list_count;
	struct progress progress;
	bool readable;   /* something could be read */
	bool incomplete; /* something could not */
	bool missing;    /* a connection that was named is not there */
};

static bool new_selection(struct extraction *x, struct error *err)
{
	selection_free(x->selection);
	x->selection = selection_new(x->engine.hash_key);
	return x->selection || error_set(err, "out of memory");
}

/* The connections that the filters let through. */
static bool select_rows(struct extraction *x, struct store *store, struct error *err)
{
	bool keeps_ids = x->options->selection == EXTRACT_QUERY, ok;
	sqlite3_stmt *rows;

	if (!new_selection(x, err))
		return false;
	rows = query_options_prepare(store, &x->options->filter, 0, err);
	ok = rows && wanted_rows(rows, keeps_ids, x->selection, err);
	sqlite3_finalize(rows);
	return ok;
}

static bool select_connections(struct extraction *x, struct store *store, struct error *err)
{
	const struct option_texts *texts = &x->options->connections;

	if (!new_selection(x, err))
		return false;
	for (size_t i = 0; i < texts->count; i++) {
		uint64_t id = 0;
		bool there = false;

		if (value_count(texts->items[i], &id, err) && id <= INT64_MAX &&
		    !wanted_connection(store, (int64_t)id, x->selection, &there, err))
			return false;
		if (!there) {
			complain("extract: %s has no connection %s", x->options->database,
				 texts->items[i]);
			x->missing = true;
		}
	}
	return true;
}

static bool select_from_database(struct extraction *x, struct error *err)
{
	struct store *store = store_open(x->options->database, STORE_READ, err);
	bool ok = store &&
		  (x->options->selection == EXTRACT_CONNECTIONS ? select_connections(x, store, err)
								: select_rows(x, store, err));

	if (store)
		store_name_error(store, true, err);
	store_close(store);
	return ok;
}

static struct feed *open_captures(const struct extraction *x, const struct operands *captures,
				  struct error *err)
{
	struct feed_config config = {.paths = captures->items,
				     .path_count = captures->count,
				     .filter = x->options->analysis.filter,
				     .compiled = x->filter};

	return feed_open(&config, err);
}

/* Analyses a recording into a database of its own in memory, and selects from that. */
static bool select_by_first_pass(struct extraction *x, const struct operands *captures,
				 struct error *err)
{
	struct store *store = store_open(":memory:", STORE_WRITE, err);
	struct pipeline pipeline = {
		.store = store,
		.feed = store ? open_captures(x, captures, err) : NULL,
		.recording = run_recording(&x->options->analysis, false),
		.engine = x->engine,
		/* some findings are made only where streams are read */
		.consumers = {read_all_consumer()},
		.consumer_count = x->options->filter.finding || x->options->filter.severity >= 0,
		.watch = {.context = &x->progress, .progress = progress_tell},
	};
	enum pipeline_result result = PIPELINE_FAILED;
	int64_t id;
	bool ok = false;

	if (pipeline.feed) {
		progress_start(&x->progress, pipeline.feed);
		result = pipeline_run(&pipeline, &id, err);
	}
	/* what could not be read is told by the second pass */
	if (result == PIPELINE_STORED)
		ok = select_rows(x, store, err);
	else if (result == PIPELINE_UNDECODED)
		ok = new_selection(x, err);
	progress_clear(&x->progress);
	feed_close(pipeline.feed);
	store_close(store);
	return ok;
}

static bool read_recording(struct extraction *x, struct feed *feed, size_t first_capture,
			   struct error *err)
{
	struct pipeline pipeline = {
		.feed = feed,
		.recording = run_recording(&x->options->analysis, false),
		.engine = x->engine,
		.consumer_count = 1,
		.watch = {.context = &x->progress, .progress = progress_tell},
	};
	enum pipeline_result result;

	if (x->files) {
		stream_files_begin(x->files, feed, (uint32_t)first_capture, x->selection);
		pipeline.consumers[0] = stream_files_consumer(x->files);
	} else {
		struct packet_list *list = &x->lists[x->list_count++];

		list->selection = x->selection;
		pipeline.consumers[0] = packet_list_consumer(list);
	}
	progress_start(&x->progress, feed);
	result = pipeline_run(&pipeline, NULL, err);
	progress_clear(&x->progress);
	if (result != PIPELINE_STORED && result != PIPELINE_UNDECODED)
		return false;
	x->readable = x->readable || result == PIPELINE_STORED;
	return true;
}

static enum exit_code extract_recording(struct extraction *x, const struct operands *captures,
					size_t first_capture, struct error *err)
{
	enum exit_code code = EXIT_DONE;
	struct feed *feed;

	if (x->options->selection == EXTRACT_FIRST_PASS && !select_by_first_pass(x, captures, err))
		return EXIT_FAILED;
	feed = open_captures(x, captures, err);
	if (!feed)
		return EXIT_FAILED;
	if (!captures_any_opened(feed))
		x->list_count += x->lists != NULL; /* its list stays empty */
	else if (!read_recording(x, feed, first_capture, err))
		code = EXIT_FAILED;
	if (code == EXIT_DONE && captures_tell_problems(feed))
		x->incomplete = true;
	feed_close(feed);
	return code;
}

static enum exit_code extract_recordings(struct extraction *x, const struct operands *captures,
					 struct error *err)
{
	size_t step = x->options->analysis.join ? captures->count : 1;
	enum exit_code code = EXIT_DONE;

	for (size_t i = 0; i < captures->count && code == EXIT_DONE; i += step) {
		struct operands part = {.items = captures->items + i, .count = step};

		if (signals_pending() != 0)
			return EXIT_FAILED;
		code = extract_recording(x, &part, captures->count > 1 ? i + 1 : 0, err);
	}
	return code;
}

/* Connections that were named, are in the database, and did not turn up. */
static void tell_missing(struct extraction *x)
{
	if (x->options->selection != EXTRACT_CONNECTIONS)
		return;
	for (size_t i = 0; i < selection_count(x->selection); i++) {
		const struct wanted *wanted = selection_at(x->selection, i);

		if (wanted->found)
			continue;
		complain("extract: connection %" PRId64 " is not in the captures given",
			 wanted->id);
		x->missing = true;
	}
}

static void tell_nothing(const struct extraction *x)
{
	if (!x->options->quiet && !x->missing)
		complain(x->options->selection == EXTRACT_ALL
				 ? "there are no connections; nothing is written"
				 : "no connection matches; nothing is written");
}

static bool finish_streams(struct extraction *x, struct error *err)
{
	const struct stream_files_counts *counts = stream_files_counts(x->files);
	char files[FORMAT_SIZE], bytes[FORMAT_SIZE], connections[FORMAT_SIZE], gaps[FORMAT_SIZE];

	if (!stream_files_finish(x->files, err))
		return false;
	if (counts->connections == 0)
		tell_nothing(x);
	if (x->options->quiet || counts->connections == 0)
		return true;
	complain("%s: %s files with %s of %s connections%s%s", x->options->streams,
		 format_count(files, counts->files), format_bytes(bytes, counts->bytes),
		 format_count(connections, counts->connections), counts->gaps ? "; gaps: " : "",
		 counts->gaps ? format_count(gaps, counts->gaps) : "");
	return true;
}

static enum exit_code write_out(struct extraction *x, const struct operands *captures,
				struct error *err)
{
	uint64_t written = 0;

	if (x->files)
		return finish_streams(x, err) ? EXIT_DONE : EXIT_FAILED;
	if (!extract_pcap(x->options, captures, x->lists, &written, err))
		return EXIT_FAILED;
	if (written == 0)
		tell_nothing(x);
	return EXIT_DONE;
}

static bool prepare(struct extraction *x, const struct operands *captures, struct error *err)
{
	const struct extract_options *options = x->options;
	struct stream_files_config config = {.folder = options->streams,
					     .overwrite = options->overwrite,
					     .gaps = (enum gaps_mode)options->gaps};

	if (!run_engine(&options->analysis, &x->engine, err))
		return false;
	x->engine.ladders = LADDERS_NONE;
	if (!confine_filter(options->analysis.filter, &x->filter, err))
		return false;
	if (options->streams) {
		x->files = stream_files_new(&config, err);
		return x->files != NULL;
	}
	if (!pcap_out_check(options->pcap, options->overwrite, err))
		return false;
	x->lists = calloc(captures->count, sizeof(*x->lists));
	return x->lists || error_set(err, "out of memory");
}

/* From here on nothing is opened but what the options name. */
static bool confine_and_select(struct extraction *x, const struct operands *captures,
			       struct error *err)
{
	const struct extract_options *options = x->options;
	bool from_database = options->selection == EXTRACT_CONNECTIONS ||
			     options->selection == EXTRACT_QUERY;

	if (!options->analysis.no_sandbox)
		confine_extract(captures, from_database ? options->database : NULL,
				options->streams, options->pcap);
	return !from_database || select_from_database(x, err);
}

static enum exit_code run(struct extraction *x, const struct operands *captures, struct error *err)
{
	enum exit_code code = EXIT_FAILED;

	if (x->options->analysis.join)
		captures_allow_many();
	signals_catch();
	if (prepare(x, captures, err) && confine_and_select(x, captures, err))
		code = extract_recordings(x, captures, err);
	if (code == EXIT_DONE && !x->readable)
		code = EXIT_FAILED; /* as was told */
	if (code == EXIT_DONE)
		code = write_out(x, captures, err);
	if (code == EXIT_DONE)
		tell_missing(x);
	return code;
}

static void extraction_free(struct extraction *x)
{
	stream_files_free(x->files);
	for (size_t i = 0; i < x->list_count; i++)
		packet_set_free(&x->lists[i].set);
	free(x->lists);
	selection_free(x->selection);
	filter_free(x->filter);
}

enum exit_code command_extract(int argc, char **argv)
{
	struct extract_options options;
	struct extraction x = {.options = &options};
	struct operands captures;
	struct error err = {""};
	const char **items = NULL;
	enum exit_code code = EXIT_FAILED;
	enum options_result result = extract_options_parse(argc, argv, &options, &captures, &err);

	if (result == OPTIONS_HELP)
		extract_usage(stdout);
	if (result == OPTIONS_MISUSE)
		complain("extract: %s", err.text);
	if (result != OPTIONS_DONE) {
		extract_options_free(&options);
		return result == OPTIONS_HELP ? EXIT_DONE : exit_code_for(EXIT_USAGE, &err);
	}
	x.progress.shown = !options.quiet && isatty(STDERR_FILENO) == 1;
	items = captures_without_repeats(&captures, options.quiet);
	if (items)
		code = run(&x, &captures, &err);
	else
		error_set(&err, "out of memory");
	/* what is not finished is taken back before a signal may end the program */
	extraction_free(&x);
	progress_clear(&x.progress);
	signals_release();
	if (err.text[0] != '\0')
		complain("extract: %s", err.text);
	extract_options_free(&options);
	free(items);
	if (code != EXIT_DONE)
		return code;
	if (x.missing)
		return EXIT_FAILED;
	return x.incomplete ? EXIT_PARTLY : EXIT_DONE;
}
