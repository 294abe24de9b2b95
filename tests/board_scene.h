/* A board as a run of an hour would fill it, by numbers of our own: the same each time. */
#ifndef LASTACK_TESTS_BOARD_SCENE_H
#define LASTACK_TESTS_BOARD_SCENE_H

#include "monitor/board.h"

#define BOARD_SCENE_START (INT64_C(1767603600) * 1000000000) /* 2026-01-05T09:00:00Z */

struct board_scene {
	struct board *board;
	uint64_t random; /* state */
	int64_t now_ns;
	uint64_t second; /* how many were played */
	uint64_t bad[12], all[12];
};

/* The caller frees scene->board. */
void board_scene_open(struct board_scene *scene);
/* One second more: packets, ends, findings, servers. */
void board_scene_play(struct board_scene *scene);
/* A reset of 10.0.0.9:51000 by 192.0.2.80:443; the other fields as they are told. */
struct board_event board_scene_event(const struct board_scene *scene, enum board_event_kind kind);

#endif
