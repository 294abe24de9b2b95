/* analyzer/ranges.h: by example, and at random against a plain map of a window of sequence space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/ranges.h"
#include "analyzer/sequence.h"

enum { WINDOW = 3000 };

/* What a number of the window is. Places count from the window's first number. */
enum mark { OUTSIDE, CAPTURED, HOLE, GIVEN_UP };

struct model {
	enum mark mark[WINDOW];
	uint32_t order[WINDOW]; /* of a HOLE: when it was opened, from 1 */
	uint32_t opened;
	uint32_t base, end;
	uint64_t given_up;
	bool started, fixed;
};

static uint32_t random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static uint32_t below(uint32_t *random, uint32_t bound)
{
	return random_next(random) % bound;
}

static bool starts_hole(const struct model *m, uint32_t i)
{
	return m->mark[i] == HOLE &&
	       (i == 0 || m->mark[i - 1] != HOLE || m->order[i - 1] != m->order[i]);
}

static uint32_t model_holes(const struct model *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < WINDOW; i++)
		count += starts_hole(m, i);
	return count;
}

/* The hole opened first, and of its pieces the lowest, is missing for good. */
static void model_give_up(struct model *m)
{
	uint32_t first = WINDOW, order;

	for (uint32_t i = 0; i < WINDOW; i++)
		if (m->mark[i] == HOLE && (first == WINDOW || m->order[i] < m->order[first]))
			first = i;
	order = m->order[first];
	for (uint32_t i = first; i < WINDOW && m->mark[i] == HOLE && m->order[i] == order; i++) {
		m->mark[i] = GIVEN_UP;
		m->given_up++;
	}
}

static bool model_keep_bound(struct model *m)
{
	if (model_holes(m) <= RANGES_HOLES_MAX)
		return false;
	model_give_up(m);
	return true;
}

/* Opens [left, right) as a new hole; true where one had to be given up. */
static bool model_open(struct model *m, uint32_t left, uint32_t right)
{
	m->opened++;
	for (uint32_t i = left; i < right; i++) {
		m->mark[i] = HOLE;
		m->order[i] = m->opened;
	}
	return model_keep_bound(m);
}

static bool model_reach(struct model *m, uint32_t right)
{
	uint32_t end = m->end;

	if (right <= end)
		return false;
	m->end = right;
	return model_open(m, end, right);
}

static struct ranges_added model_add(struct model *m, uint32_t left, uint32_t right)
{
	struct ranges_added added = {0};
	bool gave_up = false;

	if (left == right)
		return added;
	if (!m->started) {
		m->started = true;
		m->base = m->end = left;
	}
	if (left < m->base && m->fixed) {
		added.repeats = right >= m->base;
		if (right <= m->base)
			return added;
		left = m->base;
	} else if (left < m->base) {
		gave_up = model_open(m, left, m->base);
		m->base = left;
	}
	if (left > m->end)
		gave_up |= model_reach(m, left);
	for (uint32_t i = left; i < right; i++) {
		added.fresh += m->mark[i] == HOLE || i >= m->end;
		added.filled |= m->mark[i] == HOLE;
		added.repeats |= m->mark[i] == CAPTURED || m->mark[i] == GIVEN_UP;
		if (m->mark[i] != GIVEN_UP)
			m->mark[i] = CAPTURED;
	}
	if (right > m->end)
		m->end = right;
	gave_up |= model_keep_bound(m);
	added.result = gave_up ? RANGES_GAVE_UP : RANGES_OK;
	return added;
}

static uint64_t model_missing(const struct model *m, uint32_t limit)
{
	uint64_t missing = m->given_up;

	if (!m->started)
		return 0;
	for (uint32_t i = 0; i < limit; i++)
		missing += m->mark[i] == HOLE || i >= m->end;
	return missing;
}

/* The holes stand in order, at their places, and nowhere else. */
static void compare_holes(const struct ranges *r, const struct model *m, uint32_t origin)
{
	uint32_t next = 0, count = r->holes ? r->holes->count : 0;

	assert_int_equal(count, model_holes(m));
	assert_in_range(count, 0, RANGES_HOLES_MAX);
	for (uint32_t i = 0; i < WINDOW; i++) {
		uint32_t right = i;

		if (!starts_hole(m, i))
			continue;
		while (right < WINDOW && m->mark[right] == HOLE && m->order[right] == m->order[i])
			right++;
		assert_int_equal(r->holes->hole[next].left, (uint32_t)(origin + i));
		assert_int_equal(r->holes->hole[next].right, (uint32_t)(origin + right));
		next++;
	}
}

static void compare(const struct ranges *r, const struct model *m, uint32_t origin,
		    uint32_t *random)
{
	assert_int_equal(r->started, m->started);
	if (!m->started)
		return;
	assert_int_equal(r->base, (uint32_t)(origin + m->base));
	assert_int_equal(r->end, (uint32_t)(origin + m->end));
	compare_holes(r, m, origin);
	for (int i = 0; i < 3; i++) {
		uint32_t limit = below(random, WINDOW);
		uint64_t missing = model_missing(m, limit);

		assert_int_equal(ranges_missing(r, origin + limit), missing);
		assert_int_equal(ranges_gap_below(r, origin + limit), missing > 0);
	}
}

static void random_step(struct ranges *r, struct model *m, uint32_t origin, uint32_t *random)
{
	/* most pieces lie about the end, as segments do; some anywhere */
	uint32_t around = below(random, 4) == 0 ? below(random, WINDOW)
						: m->end + below(random, 60);
	uint32_t left = around > 30 ? around - 30 : 0, count = below(random, 25);

	if (left >= WINDOW - 25)
		left = below(random, WINDOW - 25);
	if (below(random, 8) == 0 && m->started) {
		enum ranges_result result = ranges_reach(r, origin + left);

		assert_int_equal(result, model_reach(m, left) ? RANGES_GAVE_UP : RANGES_OK);
	} else {
		struct ranges_added expected = model_add(m, left, left + count);
		struct ranges_added added = ranges_add(r, origin + left, count);

		assert_int_equal(added.fresh, expected.fresh);
		assert_int_equal(added.repeats, expected.repeats);
		assert_int_equal(added.filled, expected.filled);
		assert_int_equal(added.result, expected.result);
	}
}

/* Returns how many numbers were given up at the bound. */
static uint64_t random_round(uint32_t origin, uint32_t seed)
{
	static struct model m;
	struct ranges r = {0};
	uint32_t random = seed;

	memset(&m, 0, sizeof(m));
	if (seed % 2 == 0) { /* as after a SYN */
		m.base = m.end = seed % 3 == 0 ? 0 : 200;
		m.started = m.fixed = true;
		ranges_start(&r, origin + m.base, true);
	}
	for (int step = 0; step < 300; step++) {
		random_step(&r, &m, origin, &random);
		compare(&r, &m, origin, &random);
	}
	assert_int_equal(ranges_memory(&r), r.holes ? sizeof(*r.holes) : 0);
	ranges_free(&r);
	assert_null(r.holes);
	return m.given_up;
}

static void random_pieces_agree_with_a_map(void **state)
{
	static const uint32_t origins[] = {
		0, 1000000, UINT32_MAX - WINDOW / 2, UINT32_MAX - 200, INT32_MAX - WINDOW / 2,
	};
	uint64_t given_up = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++)
		given_up += random_round(origins[seed % 5], seed);
	assert_true(given_up > 1000); /* the bound was part of it */
}

static void nothing_starts_nothing(void **state)
{
	struct ranges r = {0};
	struct ranges_added added = ranges_add(&r, 100, 0);

	(void)state;
	assert_int_equal(added.fresh, 0);
	assert_false(added.repeats);
	assert_false(r.started);
	assert_int_equal(ranges_missing(&r, 5000), 0);
	assert_false(ranges_gap_below(&r, 5000));
	assert_int_equal(ranges_memory(&r), 0);
}

static void syns_number_is_no_payload(void **state)
{
	struct ranges r = {0};
	struct ranges_added added;

	(void)state;
	ranges_start(&r, 0, true); /* the SYN is at 2^32 - 1 */
	added = ranges_add(&r, UINT32_MAX, 1);
	assert_true(added.repeats);
	assert_int_equal(added.fresh, 0);
	added = ranges_add(&r, UINT32_MAX - 1, 1); /* below it: foreign, not even a repetition */
	assert_false(added.repeats);
	assert_int_equal(added.fresh, 0);
	added = ranges_add(&r, UINT32_MAX - 3, 14);
	assert_true(added.repeats);
	assert_int_equal(added.fresh, 10);
	assert_int_equal(r.base, 0);
	assert_int_equal(r.end, 10);
	assert_null(r.holes);
}

static void oldest_hole_is_given_up(void **state)
{
	struct ranges r = {0};
	struct ranges_added added;
	const uint32_t start = UINT32_MAX - 300; /* the holes lie across the wrap */

	(void)state;
	for (uint32_t i = 0; i <= RANGES_HOLES_MAX; i++) {
		added = ranges_add(&r, start + i * 20, 10);
		assert_int_equal(added.result, RANGES_OK);
	}
	assert_int_equal(r.holes->count, RANGES_HOLES_MAX);
	added = ranges_add(&r, start + (RANGES_HOLES_MAX + 1) * 20, 10);
	assert_int_equal(added.result, RANGES_GAVE_UP);
	assert_int_equal(r.holes->count, RANGES_HOLES_MAX);
	assert_int_equal(r.holes->given_up, 10);
	/* missing for good, and what fills it later was captured before */
	added = ranges_add(&r, start + 10, 10);
	assert_int_equal(added.fresh, 0);
	assert_true(added.repeats);
	assert_false(added.filled);
	assert_int_equal(ranges_missing(&r, start + 30), 10);
	/* the second one can still be filled */
	added = ranges_add(&r, start + 30, 10);
	assert_int_equal(added.fresh, 10);
	assert_true(added.filled);
	assert_false(added.repeats);
	ranges_free(&r);
}

static void split_hole_keeps_its_age(void **state)
{
	struct ranges r = {0};

	(void)state;
	(void)ranges_add(&r, 0, 10);
	(void)ranges_add(&r, 100, 10); /* the oldest hole, in two pieces */
	(void)ranges_add(&r, 50, 10);
	for (uint32_t i = 1; i <= RANGES_HOLES_MAX - 1; i++)
		(void)ranges_add(&r, 100 + i * 20, 10);
	assert_int_equal(r.holes->given_up, 40); /* its lower piece */
	(void)ranges_add(&r, 2000, 10);
	assert_int_equal(r.holes->given_up, 80);
	assert_int_equal(r.holes->hole[0].left, 110);
	ranges_free(&r);
}

/* Numbers wrap twice over: all are fresh, none is missing, and what fell behind is foreign. */
static void base_follows_a_long_stream(void **state)
{
	enum { PIECE = 1 << 24, PIECES = 600 };
	struct ranges r = {0};
	struct ranges_added added;
	const uint32_t start = 12345;

	(void)state;
	ranges_start(&r, start, true);
	for (uint32_t i = 0; i < PIECES; i++) {
		added = ranges_add(&r, start + i * PIECE, PIECE);
		assert_int_equal(added.fresh, PIECE);
		assert_false(added.repeats);
		assert_false(added.filled);
		assert_int_equal(ranges_missing(&r, start + (i + 1) * PIECE), 0);
		ranges_trail(&r, r.end);
		assert_true(r.end - r.base <= RANGES_SPAN);
	}
	assert_null(r.holes);
	added = ranges_add(&r, r.end - 100, 100);
	assert_true(added.repeats);
	assert_int_equal(added.fresh, 0);
	added = ranges_add(&r, r.base - 200, 100);
	assert_false(added.repeats);
	assert_int_equal(added.fresh, 0);
}

/* A hole that falls behind stays missing, once. */
static void hole_far_behind_is_given_up(void **state)
{
	enum { PIECE = 1 << 24 };
	struct ranges r = {0};
	const uint32_t start = UINT32_MAX - 5;
	uint32_t end;

	(void)state;
	ranges_start(&r, start, true);
	(void)ranges_add(&r, start, 100);
	(void)ranges_add(&r, start + 110, 100);
	end = start + 210;
	for (uint32_t i = 0; i < 300; i++, end += PIECE) {
		assert_int_equal(ranges_add(&r, end, PIECE).fresh, PIECE);
		assert_int_equal(ranges_missing(&r, end + PIECE), 10);
		ranges_trail(&r, r.end);
		assert_int_equal(ranges_missing(&r, end + PIECE), 10);
	}
	assert_int_equal(r.holes->count, 0);
	assert_int_equal(r.holes->given_up, 10);
	ranges_free(&r);
}

/* Within the span nothing changes, whatever is reached. */
static void trail_leaves_the_span_alone(void **state)
{
	struct ranges r = {0};

	(void)state;
	ranges_trail(&r, 5000000);
	assert_false(r.started);
	(void)ranges_add(&r, UINT32_MAX - 99, 100);
	(void)ranges_add(&r, 50, 100);
	ranges_trail(&r, UINT32_MAX - 5000); /* before the base */
	ranges_trail(&r, UINT32_MAX - 99 + RANGES_SPAN);
	assert_int_equal(r.base, UINT32_MAX - 99);
	assert_false(r.fixed_base);
	assert_int_equal(r.holes->count, 1);
	assert_int_equal(ranges_missing(&r, 150), 50);
	ranges_trail(&r, 20 + RANGES_SPAN); /* into the hole */
	assert_int_equal(r.base, 20);
	assert_int_equal(r.holes->hole[0].left, 20);
	assert_int_equal(ranges_missing(&r, 150), 50);
	ranges_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_starts_nothing),
		cmocka_unit_test(syns_number_is_no_payload),
		cmocka_unit_test(oldest_hole_is_given_up),
		cmocka_unit_test(split_hole_keeps_its_age),
		cmocka_unit_test(base_follows_a_long_stream),
		cmocka_unit_test(hole_far_behind_is_given_up),
		cmocka_unit_test(trail_leaves_the_span_alone),
		cmocka_unit_test(random_pieces_agree_with_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
