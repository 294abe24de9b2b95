/* The full-screen view over a board that plays by itself, to look at: board_demo [SECONDS [TROUBLE]].
 * TROUBLE: drops, a full disk, an alert and an interface that is down. */
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "board_scene.h"
#include "monitor/view.h"

static const struct alert_condition condition = {
	.text = "share(rst_abort) > 5% over 1m", .measure = ALERT_SHARE, .window_ns = 60000000000};

static void trouble(struct board_scene *scene)
{
	struct board_event event = board_scene_event(scene, BOARD_ALERT);
	struct board *board = scene->board;

	board->interfaces[1].up = 0;
	board->interfaces[0].drops[BOARD_DROP_KERNEL] += 1234;
	board->store_state = BOARD_STORE_FULL;
	board->backlog = 4711;
	board_put_trouble(board, "no room left for /var/lib/lastack/live.db: rows wait in memory");
	event.alert_state = ALERT_BEGAN;
	event.alert_matching = 8;
	event.alert_connections = 64;
	event.severity = SEVERITY_ERROR;
	snprintf(event.detail, sizeof(event.detail), "Alert: 12.5 %%, 8 of 64 connections: %s",
		 condition.text);
	if (scene->second % 30 == 5)
		board_tell(board, &event);
}

int main(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	struct style style = {.color = !(no_color && *no_color), .width = 80};
	long seconds = argc > 1 ? atol(argv[1]) : 600;
	struct board_scene scene;
	struct error err = {""};
	struct view *view;
	bool go = true;

	style.unicode = setlocale(LC_CTYPE, "") && strstr(setlocale(LC_CTYPE, NULL), "UTF-8");
	board_scene_open(&scene);
	for (int i = 0; i < 30; i++)
		board_scene_play(&scene);
	view = view_open(scene.board, &condition, 1, getenv("DEMO_DB"), &style, &err);
	if (!view) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	while (go && seconds-- > 0) {
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

		board_scene_play(&scene);
		if (argc > 2)
			trouble(&scene);
		view_draw(view, scene.now_ns);
		for (int i = 0; go && i < 10; i++)
			if (poll(&input, 1, 100) != 0)
				go = view_keys(view, scene.now_ns);
	}
	view_close(view);
	board_free(scene.board);
	return 0;
}
