/* The steady axis of a live run, with clocks that show what the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/clock.h"

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)
#define DAY0   (INT64_C(1700000000) * SECOND)

/* A machine that has been up for an hour at DAY0; passed: since then, step: what its clock was set by. */
static struct clock_pair at(int64_t passed, int64_t step)
{
	return (struct clock_pair){.real_ns = DAY0 + passed + step,
				   .boot_ns = 3600 * SECOND + passed};
}

static void without_a_step_time_is_the_packets_own(void **state)
{
	struct clock_axis axis = clock_start(at(0, 0));

	(void)state;
	for (int64_t t = 0; t < 100 * SECOND; t += 7 * MS) {
		assert_false(clock_look(&axis, at(t, 0)));
		assert_int_equal(clock_packet(&axis, DAY0 + t - 40 * MS, at(t, 0)),
				 DAY0 + t - 40 * MS);
		assert_int_equal(clock_steady(&axis, at(t, 0)), DAY0 + t);
	}
	assert_int_equal(clock_correction(&axis), 0);
}

/* Packets stamped before and after a step of by ns, read up to late ns later. */
static void step(int64_t by, int64_t late)
{
	struct clock_axis axis = clock_start(at(0, 0));
	int64_t step_at = 60 * SECOND, previous = 0;

	for (int64_t t = 50 * SECOND; t < 75 * SECOND; t += 10 * MS) {
		int64_t stamped = t - late; /* when it came */
		int64_t set = t >= step_at ? by : 0, then = stamped >= step_at ? by : 0;
		int64_t steady;

		clock_look(&axis, at(t, set));
		steady = clock_packet(&axis, DAY0 + stamped + then, at(t, set));
		assert_int_equal(steady, DAY0 + stamped);
		assert_true(steady > previous);
		previous = steady;
	}
	assert_int_equal(axis.steps, 1);
	assert_int_equal(clock_correction(&axis), by);
	assert_int_equal(clock_steady(&axis, at(75 * SECOND, by)), DAY0 + 75 * SECOND);
}

static void steps_are_taken_out(void **state)
{
	static const int64_t by[] = {3600 * SECOND, -3600 * SECOND, 86400 * SECOND, -86400 * SECOND,
				     SECOND,        -SECOND,        2 * SECOND,     600 * MS};

	(void)state;
	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		step(by[i], 0);
		step(by[i], 30 * MS);
		step(by[i], 90 * MS);
	}
}

static void small_adjustments_are_none(void **state)
{
	struct clock_axis axis = clock_start(at(0, 0));

	(void)state;
	assert_false(clock_look(&axis, at(SECOND, 300 * MS)));
	assert_false(clock_look(&axis, at(2 * SECOND, -300 * MS)));
	assert_int_equal(axis.steps, 0);
	/* but they do not pile up unseen */
	assert_true(clock_look(&axis, at(3 * SECOND, 600 * MS)));
}

static void there_and_back_again(void **state)
{
	struct clock_axis axis = clock_start(at(0, 0));

	(void)state;
	assert_true(clock_look(&axis, at(10 * SECOND, 3600 * SECOND)));
	assert_int_equal(clock_correction(&axis), 3600 * SECOND);
	assert_true(clock_look(&axis, at(40 * SECOND, 0)));
	assert_int_equal(clock_correction(&axis), 0);
	assert_int_equal(clock_packet(&axis, DAY0 + 50 * SECOND, at(50 * SECOND, 0)),
			 DAY0 + 50 * SECOND);
}

/* Both clocks go on while the machine sleeps: time has passed, and nothing was set. */
static void a_suspend_is_time_that_passes(void **state)
{
	struct clock_axis axis = clock_start(at(0, 0));

	(void)state;
	assert_false(clock_look(&axis, at(8 * 3600 * SECOND, 0)));
	assert_int_equal(clock_steady(&axis, at(8 * 3600 * SECOND, 0)), DAY0 + 8 * 3600 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_step_time_is_the_packets_own),
		cmocka_unit_test(steps_are_taken_out),
		cmocka_unit_test(small_adjustments_are_none),
		cmocka_unit_test(there_and_back_again),
		cmocka_unit_test(a_suspend_is_time_that_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
