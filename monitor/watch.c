#include "monitor/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "monitor/alert_command.h"
#include "monitor/lines.h"
#include "monitor/metrics.h"
#include "monitor/owners.h"
#include "monitor/view.h"

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

enum {
	DRAW_MS = 250,
	OWNERS_S = 10,
	COMMAND_LIMIT_S = 60,
	LAST_COMMANDS_S = 5, /* at the end of the run */
	TIME_WAITS_BUSY = 1000,
	TOLD_AGAIN_S = 600, /* the same sockets, as lines */
};

struct watch {
	struct watch_config config;
	bool begun;
	struct view *view; /* NULL: lines */
	struct lines lines;
	struct metrics_server *metrics;
	struct alert_commands commands;
	struct owners *owners;
	bool owners_failed; /* at the last look, and it was told */
	/* clock that is not set */
	int64_t now_ns, drawn_ns, owners_ns;
	int64_t summary_ns, summarized_ns; /* when the last was due, when it was told */
	struct {
		pid_t pid;
		unsigned kind;
		int64_t ns; /* when it was told */
	} told[OWNERS_ROWS];
	size_t told_next;
	uint64_t command_event; /* number of the next event that a command may want, with a view */
};

static int64_t clock_now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

void watch_begin(struct watch *watch)
{
	const struct watch_config *config = &watch->config;

	watch->begun = true;
	watch->now_ns = watch->summary_ns = watch->summarized_ns = clock_now(CLOCK_MONOTONIC);
	if (config->view)
		watch->view = view_open(config->board, config->conditions, config->condition_count,
					config->database, &config->style, NULL);
	lines_open(&watch->lines, stdout, config->board, config->conditions,
		   config->condition_count, config->json, config->style.unicode);
}

struct watch *watch_open(const struct watch_config *config, struct error *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	bool good = true;

	if (!watch) {
		error_set(err, "no memory to watch");
		return NULL;
	}
	watch->config = *config;
	watch->command_event = 1;
	if (config->alert_command)
		good = alert_commands_open(&watch->commands, config->alert_command,
					   COMMAND_LIMIT_S * NS_PER_S, config->view, err);
	if (good && config->metrics)
		good = (watch->metrics = metrics_open(config->board, config->metrics, err)) != NULL;
	if (good && config->owners)
		good = (watch->owners = owners_open(config->stuck_ns, TIME_WAITS_BUSY, err)) !=
		       NULL;
	if (!good) {
		metrics_close(watch->metrics);
		owners_close(watch->owners);
		free(watch);
		return NULL;
	}
	return watch;
}

bool watch_remark(struct watch *watch, const char *text)
{
	if (watch->view)
		view_say(watch->view, text);
	return watch->view != NULL;
}

void watch_forked(const struct watch *watch)
{
	if (watch->metrics)
		metrics_forked(watch->metrics);
	if (watch->owners)
		owners_forked(watch->owners);
}

uint16_t watch_metrics_port(const struct watch *watch)
{
	return watch->metrics ? metrics_port(watch->metrics) : 0;
}

static void tell_trouble(struct watch *watch, const char *text)
{
	if (watch->view)
		view_say(watch->view, text);
	else if (!watch->config.quiet)
		lines_trouble(&watch->lines, clock_now(CLOCK_REALTIME), text);
}

/* Starts the command for each alert. */
static void serve_alerts(struct watch *watch)
{
	uint64_t newest = atomic_load(&watch->config.board->last_event);
	struct board_event event;

	if (newest >= watch->command_event && newest - watch->command_event >= BOARD_EVENTS)
		watch->command_event = newest + 1 - BOARD_EVENTS;
	for (; watch->command_event <= newest; watch->command_event++) {
		struct error err = {""};

		if (!board_event(watch->config.board, watch->command_event, &event) ||
		    event.kind != BOARD_ALERT || event.alert >= watch->config.condition_count)
			continue;
		if (!alert_commands_run(&watch->commands, &watch->config.conditions[event.alert],
					&event, watch->now_ns, &err))
			tell_trouble(watch, err.text);
	}
	alert_commands_tick(&watch->commands, watch->now_ns);
}

/* The same process again only after a while. */
static bool told_lately(struct watch *watch, const struct owner_row *row)
{
	for (size_t i = 0; i < OWNERS_ROWS; i++)
		if (watch->told[i].ns != 0 && watch->told[i].pid == row->pid &&
		    watch->told[i].kind == row->kind &&
		    watch->now_ns - watch->told[i].ns < TOLD_AGAIN_S * NS_PER_S)
			return true;
	watch->told[watch->told_next].pid = row->pid;
	watch->told[watch->told_next].kind = row->kind;
	watch->told[watch->told_next].ns = watch->now_ns;
	watch->told_next = (watch->told_next + 1) % OWNERS_ROWS;
	return false;
}

static void look_at_owners(struct watch *watch)
{
	char sentences[OWNERS_ROWS][OWNER_SENTENCE_SIZE];
	const char *notes[OWNERS_ROWS];
	struct owner_row rows[OWNERS_ROWS];
	struct error err = {""};
	size_t count = owners_look(watch->owners, watch->now_ns, rows, &err);

	for (size_t i = 0; i < count; i++) {
		notes[i] = owner_sentence(&rows[i], sentences[i]);
		if (!watch->view && !watch->config.quiet && !told_lately(watch, &rows[i]))
			lines_note(&watch->lines, clock_now(CLOCK_REALTIME), notes[i]);
	}
	if (err.text[0] != '\0') {
		notes[count++] = err.text;
		if (!watch->view && !watch->owners_failed)
			tell_trouble(watch, err.text);
	}
	watch->owners_failed = err.text[0] != '\0';
	if (watch->view)
		view_note(watch->view, notes, count);
}

/* On time from the first one on, unless the machine slept. */
static void tell_summary(struct watch *watch)
{
	lines_summary(&watch->lines, clock_now(CLOCK_REALTIME),
		      watch->now_ns - watch->summarized_ns);
	watch->summarized_ns = watch->now_ns;
	watch->summary_ns += watch->config.interval_ns;
	if (watch->now_ns - watch->summary_ns >= watch->config.interval_ns)
		watch->summary_ns = watch->now_ns;
}

static void show(struct watch *watch)
{
	if (watch->view) {
		if (watch->now_ns - watch->drawn_ns < DRAW_MS * NS_PER_MS)
			return;
		view_draw(watch->view, clock_now(CLOCK_REALTIME));
		watch->drawn_ns = watch->now_ns;
		return;
	}
	if (watch->config.quiet)
		return;
	lines_events(&watch->lines);
	if (watch->config.interval_ns > 0 &&
	    watch->now_ns - watch->summary_ns >= watch->config.interval_ns)
		tell_summary(watch);
}

int watch_wait_for(const struct watch *watch, struct pollfd *fds, int room)
{
	int count = 0;

	if (watch->view && count < room)
		fds[count++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	if (watch->metrics && count < room)
		fds[count++] = (struct pollfd){.fd = metrics_descriptor(watch->metrics),
					       .events = POLLIN};
	return count;
}

enum watch_result watch_turn(struct watch *watch, struct error *err)
{
	watch->now_ns = clock_now(CLOCK_MONOTONIC);
	/* also without input: the size may have changed */
	if (watch->view && !view_keys(watch->view, clock_now(CLOCK_REALTIME)))
		return WATCH_LEAVE;
	if (watch->metrics)
		metrics_serve(watch->metrics);
	if (watch->config.alert_command)
		serve_alerts(watch);
	if (watch->owners &&
	    (watch->owners_ns == 0 || watch->now_ns - watch->owners_ns >= OWNERS_S * NS_PER_S)) {
		look_at_owners(watch);
		watch->owners_ns = watch->now_ns;
	}
	show(watch);
	return watch->view || lines_flush(&watch->lines, err) ? WATCH_GOES_ON : WATCH_BROKEN;
}

void watch_leave(struct watch *watch)
{
	view_close(watch->view);
	watch->view = NULL;
	watch->config.quiet = true;
}

void watch_close(struct watch *watch, struct error *err)
{
	if (!watch)
		return;
	view_close(watch->view);
	if (watch->config.alert_command) {
		serve_alerts(watch);
		alert_commands_close(&watch->commands, LAST_COMMANDS_S * NS_PER_S);
	}
	if (watch->begun && !watch->view && !watch->config.quiet) {
		lines_events(&watch->lines);
		watch->now_ns = clock_now(CLOCK_MONOTONIC);
		if (watch->config.interval_ns > 0)
			tell_summary(watch);
		lines_flush(&watch->lines, err);
	}
	metrics_close(watch->metrics);
	owners_close(watch->owners);
	free(watch);
}
