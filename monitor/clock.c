#include "monitor/clock.h"

#include <time.h>

/* Two readings this close belong together. */
#define TOGETHER_NS INT64_C(1000000)
/* A packet waits at most this long before it is read. */
#define WAIT_NS INT64_C(10000000000)

enum { TRIES = 10 };

static int64_t read_clock(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct clock_pair clock_read(void)
{
	struct clock_pair pair = {0};

	for (int i = 0; i < TRIES; i++) {
		int64_t before = read_clock(CLOCK_BOOTTIME), after;

		pair.real_ns = read_clock(CLOCK_REALTIME);
		after = read_clock(CLOCK_BOOTTIME);
		pair.boot_ns = before + (after - before) / 2;
		if (after - before < TOGETHER_NS)
			break;
	}
	return pair;
}

struct clock_axis clock_start(struct clock_pair now)
{
	int64_t ahead_ns = now.real_ns - now.boot_ns;

	return (struct clock_axis){
		.origin_ns = ahead_ns,
		.ahead_ns = ahead_ns,
		.before_ns = ahead_ns,
		.step_ns = INT64_MIN,
	};
}

bool clock_look(struct clock_axis *axis, struct clock_pair now)
{
	int64_t ahead_ns = now.real_ns - now.boot_ns, by_ns = ahead_ns - axis->ahead_ns;

	if (by_ns < CLOCK_STEP_NS && by_ns > -CLOCK_STEP_NS)
		return false;
	axis->before_ns = axis->ahead_ns;
	axis->ahead_ns = ahead_ns;
	axis->step_ns = clock_steady(axis, now);
	axis->steps++;
	return true;
}

/* Around a step there are packets stamped before it and after it. One stamped after a step forward would
 * lie beyond the step if it were taken for an earlier one; one stamped before a step back would lie
 * in the future if it were taken for a later one. */
static bool stamped_before(const struct clock_axis *axis, int64_t before_ns, int64_t after_ns,
			   int64_t now_ns)
{
	if (axis->steps == 0 || now_ns - axis->step_ns > WAIT_NS || before_ns > axis->step_ns)
		return false;
	return axis->ahead_ns > axis->before_ns || after_ns > now_ns;
}

int64_t clock_packet(const struct clock_axis *axis, int64_t real_ns, struct clock_pair now)
{
	int64_t after_ns = real_ns - axis->ahead_ns + axis->origin_ns;
	int64_t before_ns = real_ns - axis->before_ns + axis->origin_ns;

	if (stamped_before(axis, before_ns, after_ns, clock_steady(axis, now)))
		return before_ns;
	return after_ns;
}

int64_t clock_steady(const struct clock_axis *axis, struct clock_pair now)
{
	return now.boot_ns + axis->origin_ns;
}

int64_t clock_correction(const struct clock_axis *axis)
{
	return axis->ahead_ns - axis->origin_ns;
}
