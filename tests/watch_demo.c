/* What people see of a run, over a board that another process plays: for tests, and to look at.
 *
 *   watch_demo [view] [json] [quiet] [owners] [trouble] [flood] [metrics=ADDRESS] [interval=SECONDS]
 *              [seconds=N] [condition=TEXT] [command=PATH] [db=FILE] [stuck=SECONDS] */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "board_scene.h"
#include "monitor/watch.h"

struct demo {
	struct watch_config config;
	bool trouble, flood;
	unsigned seconds;
	struct alert_condition condition;
};

static const char *value_of(const char *argument, const char *name)
{
	size_t length = strlen(name);

	return strncmp(argument, name, length) == 0 ? argument + length : NULL;
}

static bool take(struct demo *demo, const char *argument, struct error *err)
{
	const char *value;

	demo->config.view |= strcmp(argument, "view") == 0;
	demo->config.json |= strcmp(argument, "json") == 0;
	demo->config.quiet |= strcmp(argument, "quiet") == 0;
	demo->config.owners |= strcmp(argument, "owners") == 0;
	demo->trouble |= strcmp(argument, "trouble") == 0;
	demo->flood |= strcmp(argument, "flood") == 0;
	if ((value = value_of(argument, "metrics=")))
		demo->config.metrics = value;
	if ((value = value_of(argument, "interval=")))
		demo->config.interval_ns = (int64_t)(atof(value) * 1e9);
	if ((value = value_of(argument, "stuck=")))
		demo->config.stuck_ns = (int64_t)(atof(value) * 1e9);
	if ((value = value_of(argument, "seconds=")))
		demo->seconds = (unsigned)atoi(value);
	if ((value = value_of(argument, "command=")))
		demo->config.alert_command = value;
	if ((value = value_of(argument, "db=")))
		demo->config.database = value;
	if ((value = value_of(argument, "condition="))) {
		demo->config.conditions = &demo->condition;
		demo->config.condition_count = 1;
		return alert_parse(value, &demo->condition, err);
	}
	return true;
}

static void make_trouble(struct board_scene *scene)
{
	struct board_event event = board_scene_event(scene, BOARD_ALERT);
	struct board *board = scene->board;

	board->interfaces[1].up = 0;
	board->interfaces[0].drops[BOARD_DROP_KERNEL] += 1234;
	board->store_state = BOARD_STORE_FULL;
	board->backlog = 4711;
	board_put_trouble(board, "no room left for /var/lib/lastack/live.db: rows wait in memory");
	if (scene->second % 20 != 2 && scene->second % 20 != 12)
		return;
	event.alert_state = scene->second % 20 == 2 ? ALERT_BEGAN : ALERT_ENDED;
	event.alert_matching = 8;
	event.alert_connections = 64;
	event.severity = SEVERITY_ERROR;
	snprintf(event.detail, sizeof(event.detail), "Alert: 12.5 %%, 8 of 64 connections\033[2J");
	board_tell(board, &event);
}

/* The other process: a tenth of a second for each of the board's. */
static void play(const struct demo *demo, struct board_scene *scene)
{
	for (unsigned i = 0; i < 10 * demo->seconds; i++) {
		board_scene_play(scene);
		if (demo->trouble)
			make_trouble(scene);
		for (int n = 0; demo->flood && n < 50000; n++) {
			struct board_event event = board_scene_event(scene, BOARD_FINDING);

			event.code = FINDING_CLOSE_WAIT_STUCK;
			board_tell(scene->board, &event);
		}
		usleep(100000);
	}
}

int main(int argc, char **argv)
{
	struct demo demo = {.seconds = 5,
			    .config = {.interval_ns = 1000000000, .stuck_ns = 60000000000}};
	const char *no_color = getenv("NO_COLOR");
	enum watch_result result = WATCH_GOES_ON;
	struct board_scene scene;
	struct error err = {""};
	struct watch *watch;
	struct pollfd fds[1 + WATCH_FDS];
	int ends[2];

	setlocale(LC_CTYPE, "");
	demo.config.style.unicode = strstr(setlocale(LC_CTYPE, NULL), "UTF-8") != NULL;
	demo.config.style.color = !(no_color && *no_color);
	demo.config.style.width = 80;
	for (int i = 1; i < argc; i++)
		if (!take(&demo, argv[i], &err)) {
			fprintf(stderr, "%s\n", err.text);
			return 2;
		}
	board_scene_open(&scene);
	if (pipe(ends) != 0)
		return 1;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		play(&demo, &scene);
		_exit(0);
	}
	close(ends[1]);
	demo.config.board = scene.board;
	watch = watch_open(&demo.config, &err);
	if (!watch) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (watch_metrics_port(watch) != 0)
		fprintf(stderr, "port %u\n", watch_metrics_port(watch));
	watch_begin(watch);
	do {
		int count;

		fds[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
		count = watch_wait_for(watch, fds + 1, WATCH_FDS);
		if (poll(fds, (nfds_t)(1 + count), 100) < 0)
			fds[0].revents = 0;
		result = watch_turn(watch, &err);
	} while (result == WATCH_GOES_ON && fds[0].revents == 0);
	watch_close(watch, result == WATCH_BROKEN ? NULL : &err);
	board_free(scene.board);
	fprintf(stderr, "%s\n",
		err.text[0] != '\0'     ? err.text
		: result == WATCH_LEAVE ? "left"
					: "ended");
	return 0;
}
