/* docs/streams.md against the engine: random conversations over a link and a tap that lose, reorder and
 * repeat segments; what a reader is told is held against a byte map (tests/stream_model.h).
 *
 *     test_streams_model [MODE [RUNS [FIRST_SEED]]]
 *
 * plays more of one mode. A failure tells mode and seed; with RUNS 1 and that seed it also prints what was
 * captured and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/stream_runs.h"

static void play_seeds(size_t index, uint32_t first, uint32_t runs, bool telling)
{
	static struct run r;
	const struct link_mode mode = run_mode(index);

	r = (struct run){.mode = &mode, .name = run_mode_name(index), .telling = telling};
	for (uint32_t i = 0; i < runs; i++) {
		r.seed = first + i;
		run_play(&r);
	}
	assert_true(r.bytes > 0);
	assert_true(r.gap_bytes > 0);
}

static void play_mode(void **state)
{
	size_t index = *(const size_t *)*state;

	play_seeds(index, 1, run_mode(index).runs, false);
}

/* More of one mode; the suite gives no arguments. */
static size_t asked_mode;
static uint32_t asked_runs = 1000, asked_first = 1;

static void play_asked(void **state)
{
	(void)state;
	play_seeds(asked_mode, asked_first, asked_runs, asked_runs == 1);
}

int main(int argc, char **argv)
{
	enum { MODES_MAX = 32 };
	const struct CMUnitTest asked[] = {cmocka_unit_test(play_asked)};
	struct CMUnitTest tests[MODES_MAX] = {{0}};
	size_t index[MODES_MAX];

	for (size_t i = 0; i < run_modes(); i++) {
		index[i] = i;
		tests[i] = (struct CMUnitTest){.name = run_mode_name(i),
					       .test_func = play_mode,
					       .initial_state = &index[i]};
		if (argc > 1 && strcmp(argv[1], run_mode_name(i)) == 0)
			asked_mode = i;
	}
	if (argc > 2)
		asked_runs = (uint32_t)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		asked_first = (uint32_t)strtoul(argv[3], NULL, 10);
	return argc > 1 ? cmocka_run_group_tests(asked, NULL, NULL)
			: _cmocka_run_group_tests("tests", tests, run_modes(), NULL, NULL);
}
