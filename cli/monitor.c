/* lastack monitor: interfaces in, rows out, for as long as it is let. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/monitor_options.h"
#include "cli/run_setup.h"
#include "cli/terminal.h"
#include "monitor/board.h"
#include "monitor/front.h"
#include "monitor/watch.h"
#include "source/live.h"

/* Who talks to people. */
struct telling {
	const struct monitor_options *options;
	const struct board *board;
	struct watch *watch; /* NULL once the user has left */
	struct error broken; /* why nothing can be told any more */
};

/* On a terminal people look at a screen, unless they want lines. */
static bool wants_view(const struct monitor_options *options)
{
	return !options->no_view && !options->analyze.quiet && options->format == MONITOR_TEXT &&
	       isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool open_watch(struct telling *telling, const struct monitor_config *config,
		       struct error *err)
{
	const struct monitor_options *o = telling->options;
	struct watch_config watch = {
		.board = telling->board,
		.database = strcmp(config->database, ":memory:") == 0 ? NULL : config->database,
		.style = terminal_style(stdout),
		.view = wants_view(o),
		.quiet = o->analyze.quiet && o->format == MONITOR_TEXT,
		.json = o->format == MONITOR_JSON,
		.interval_ns = o->interval_ns,
		.metrics = o->metrics,
		.conditions = config->condition,
		.condition_count = config->condition_count,
		.alert_command = o->alert_command,
		.owners = o->owners,
		.stuck_ns = config->recording.stuck_ns,
	};

	telling->watch = watch_open(&watch, err);
	return telling->watch != NULL;
}

static void remark(void *context, const char *text)
{
	const struct telling *telling = context;

	if (!telling->options->analyze.quiet &&
	    !(telling->watch && watch_remark(telling->watch, text)))
		complain("%s", text);
}

static bool ready(void *context, struct error *err)
{
	const struct telling *telling = context;

	(void)err;
	if (!telling->options->analyze.quiet) {
		complain("watching %s%s; rows go to %s", telling->options->interfaces.items[0],
			 telling->options->interfaces.count > 1 ? " and others" : "",
			 telling->options->analyze.database);
		if (telling->options->metrics)
			complain("metrics are served at port %u",
				 watch_metrics_port(telling->watch));
	}
	watch_begin(telling->watch);
	return true;
}

static int wait_for(void *context, struct pollfd *fds, int room)
{
	const struct telling *telling = context;

	return telling->watch ? watch_wait_for(telling->watch, fds, room) : 0;
}

static bool turn(void *context, const struct pollfd *fds, int count)
{
	struct telling *telling = context;
	enum watch_result result;

	(void)fds;
	(void)count;
	if (!telling->watch)
		return false;
	result = watch_turn(telling->watch, &telling->broken);
	if (result == WATCH_GOES_ON)
		return true;
	watch_close(telling->watch, NULL); /* it is known by now */
	telling->watch = NULL;
	return false;
}

static void forked(void *context)
{
	const struct telling *telling = context;

	if (telling->watch)
		watch_forked(telling->watch);
}

static void leaving(void *context)
{
	const struct telling *telling = context;

	if (telling->watch)
		watch_leave(telling->watch);
}

static void tell_end(const struct telling *telling)
{
	const struct board *b = telling->board;
	uint64_t drops[BOARD_DROPS] = {0};

	for (uint32_t i = 0; i < b->interface_count; i++)
		for (int d = 0; d < BOARD_DROPS; d++)
			drops[d] += b->interfaces[i].drops[d];
	complain("%" PRIu64 " packets, %" PRIu64 " connections; lost: %" PRIu64
		 " in the kernel, %" PRIu64 " at the interface, %" PRIu64
		 " here; rows lost: %" PRIu64,
		 b->packets, b->connections, drops[BOARD_DROP_KERNEL], drops[BOARD_DROP_INTERFACE],
		 drops[BOARD_DROP_OWN], b->rows_lost);
}

static bool configure(const struct monitor_options *o, struct monitor_config *config,
		      struct error *err)
{
	*config = (struct monitor_config){
		.interface_count = o->interfaces.count,
		.filter = o->analyze.filter,
		.snaplen = (uint32_t)o->snaplen,
		.buffer = o->buffer,
		.promiscuous = o->promiscuous,
		.workers = o->workers,
		.dpi = o->dpi,
		.recording = run_recording(&o->analyze, false),
		.database = o->analyze.database,
		.backlog = o->backlog,
		.batch_rows = 20000,
		.keep_ns = o->keep_ns,
		.keep_bytes = o->keep_size,
		.user = o->user,
		.sandbox = !o->analyze.no_sandbox,
		.runs_programs = o->alert_command != NULL,
		.looks_at_processes = o->owners,
	};
	for (size_t i = 0; i < o->interfaces.count; i++)
		config->interface[i] = o->interfaces.items[i];
	for (size_t i = 0; i < o->alerts.count; i++)
		if (!alert_parse(o->alerts.items[i], &config->condition[config->condition_count++],
				 err))
			return false;
	if (!run_engine(&o->analyze, &config->engine, err))
		return false;
	config->engine.early_ns = INT64_C(500000000); /* most late retransmissions have come */
	return true;
}

static enum exit_code run(const struct monitor_options *options, struct error *err)
{
	struct telling telling = {.options = options};
	struct front_hooks hooks = {.context = &telling,
				    .forked = forked,
				    .ready = ready,
				    .wait_for = wait_for,
				    .turn = turn,
				    .leaving = leaving,
				    .remark = remark};
	struct monitor_config config;
	struct board *board;
	bool ok;

	if (!configure(options, &config, err))
		return EXIT_FAILED;
	board = board_new(err);
	if (!board)
		return EXIT_FAILED;
	telling.board = board;
	ok = open_watch(&telling, &config, err) && front_run(&config, board, &hooks, err);
	watch_close(telling.watch, &telling.broken);
	if (telling.broken.text[0] != '\0') {
		clearerr(stdout); /* it is told by this */
		ok = ok && error_set(err, "%s", telling.broken.text);
	}
	if (ok && !options->analyze.quiet)
		tell_end(&telling);
	board_free(board);
	return ok ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code command_monitor(int argc, char **argv)
{
	struct monitor_options options;
	struct error err = {""};
	enum options_result result = monitor_options_parse(argc, argv, &options, &err);
	enum exit_code code = EXIT_USAGE;

	if (result == OPTIONS_HELP) {
		monitor_usage(stdout);
		code = EXIT_DONE;
	} else if (result == OPTIONS_DONE && options.list) {
		code = live_list(stdout, &err) ? EXIT_DONE : EXIT_FAILED;
	} else if (result == OPTIONS_DONE) {
		code = run(&options, &err);
	}
	if (err.text[0] != '\0')
		complain("monitor: %s", err.text);
	monitor_options_free(&options);
	return exit_code_for(code, &err);
}
