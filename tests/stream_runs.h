/* Runs of random conversations (tests/conversation.h) through the engine: what a reader is told is held against
 * the byte map (tests/stream_model.h). What differs fails the cmocka test, with mode and seed. */
#ifndef LASTACK_TESTS_STREAM_RUNS_H
#define LASTACK_TESTS_STREAM_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/conversation.h"

/* One run: a seed of a mode. */
struct run {
	const struct link_mode *mode;
	const char *name;
	uint32_t seed;
	bool telling; /* prints what was captured and told */
	/* Before each step: what chance does next; false ends the conversations. NULL: the seed says it all. */
	bool (*decide)(void *context, uint32_t *random);
	void *context;
	/* as it goes on */
	bool finishing;
	struct link link;
	struct scene scene;
	int64_t now_ns;
	uint64_t bytes, gap_bytes; /* told */
};

size_t run_modes(void);
const char *run_mode_name(size_t index);
struct link_mode run_mode(size_t index);
/* Plays it from its begin; counts are added to. */
void run_play(struct run *r);

#endif
