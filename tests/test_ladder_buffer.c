/* analyzer/ladder.h: which segments are kept for a connection's ladder, and where gaps are marked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/ladder.h"

enum {
	ROOM = LADDER_HEAD + LADDER_MAX,
	FIXED = LADDER_HEAD + LADDER_MAX / 2, /* these stay once a teardown has begun */
	NEVER = 100000,
};

/* What the buffer should hold, as a plain list. */
struct model {
	struct ladder_segment kept[ROOM + 1];
	size_t count;
	bool teardown;
};

static void model_drop(struct model *m, size_t at)
{
	bool marked = m->kept[at].after_gap;

	m->count--;
	memmove(&m->kept[at], &m->kept[at + 1], (m->count - at) * sizeof(m->kept[0]));
	if (marked && at < m->count)
		m->kept[at].after_gap = true;
}

static void model_add(struct model *m, const struct ladder_segment *segment, bool begins)
{
	size_t bound, oldest;

	m->teardown |= begins;
	bound = m->teardown ? ROOM : LADDER_HEAD + LADDER_BEFORE;
	oldest = m->teardown ? FIXED : LADDER_HEAD;
	m->kept[m->count++] = *segment;
	if (m->count > bound) {
		model_drop(m, oldest);
		m->kept[oldest].after_gap = true;
	}
}

static struct ladder_segment numbered(uint64_t packet)
{
	return (struct ladder_segment){.packet = packet, .ts_ns = (int64_t)packet * 1000};
}

static void offer(struct ladder *l, uint64_t packet, bool begins)
{
	struct ladder_segment *place = ladder_place(l, begins);

	assert_non_null(place);
	*place = numbered(packet);
	assert_in_range(ladder_memory(l), 1, ROOM * sizeof(*place));
}

static void assert_holds(const struct ladder *l, const struct model *m)
{
	struct ladder_segment out[ROOM];
	size_t count = ladder_copy(l, out);

	assert_int_equal(count, m->count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(out[i].packet, m->kept[i].packet);
		assert_true(out[i].ts_ns == m->kept[i].ts_ns);
		assert_int_equal(out[i].after_gap, m->kept[i].after_gap);
	}
}

/* Packets 1 to last; the teardown begins with packet begin. */
static void play(uint64_t last, uint64_t begin)
{
	struct ladder l = {0};
	struct model m = {0};

	for (uint64_t packet = 1; packet <= last; packet++) {
		struct ladder_segment segment = numbered(packet);

		offer(&l, packet, packet >= begin);
		model_add(&m, &segment, packet >= begin);
		assert_holds(&l, &m);
	}
	assert_int_equal(l.count, last);
	ladder_free(&l);
	assert_int_equal(ladder_memory(&l), 0);
}

static void empty_holds_nothing(void **state)
{
	struct ladder l = {0};
	struct ladder_segment out[ROOM];

	(void)state;
	assert_int_equal(ladder_copy(&l, out), 0);
	ladder_take_back(&l, 0, 1);
	assert_int_equal(ladder_memory(&l), 0);
	ladder_free(&l);
}

static void head_and_latest_before_a_teardown(void **state)
{
	static const uint64_t expected[] = {1, 2, 3, 4, 95, 96, 97, 98, 99, 100};
	struct ladder l = {0};
	struct ladder_segment out[ROOM];

	(void)state;
	for (uint64_t packet = 1; packet <= 100; packet++)
		offer(&l, packet, false);
	assert_int_equal(ladder_copy(&l, out), LADDER_HEAD + LADDER_BEFORE);
	for (size_t i = 0; i < LADDER_HEAD + LADDER_BEFORE; i++) {
		assert_int_equal(out[i].packet, expected[i]);
		assert_int_equal(out[i].after_gap, i == LADDER_HEAD);
	}
	ladder_free(&l);
}

/* The whole teardown stays while there is room; the gap before its last data is marked still. */
static void teardown_is_kept_whole(void **state)
{
	struct ladder l = {0};
	struct ladder_segment out[ROOM];
	size_t count;

	(void)state;
	for (uint64_t packet = 1; packet <= 100; packet++)
		offer(&l, packet, false);
	for (uint64_t packet = 101; packet <= 110; packet++)
		offer(&l, packet, packet == 101);
	count = ladder_copy(&l, out);
	assert_int_equal(count, LADDER_HEAD + LADDER_BEFORE + 10);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(out[i].packet, i < LADDER_HEAD ? i + 1 : 91 + i);
		assert_int_equal(out[i].after_gap, i == LADDER_HEAD);
	}
	ladder_free(&l);
}

static void long_teardown_turns_over(void **state)
{
	struct ladder l = {0};
	struct ladder_segment out[ROOM];

	(void)state;
	for (uint64_t packet = 1; packet <= 1000; packet++)
		offer(&l, packet, packet == 4);
	assert_int_equal(ladder_copy(&l, out), ROOM);
	assert_int_equal(ladder_memory(&l), ROOM * sizeof(out[0]));
	for (size_t i = 0; i < ROOM; i++) {
		assert_int_equal(out[i].packet, i < FIXED ? i + 1 : 1000 - ROOM + i + 1);
		assert_int_equal(out[i].after_gap, i == FIXED);
	}
	ladder_free(&l);
}

/* Every length around the bounds, with every place where the teardown may begin. */
static void every_length_and_beginning(void **state)
{
	static const uint64_t begins[] = {1, 2, 4, 5, 9, 10, 11, 12, 16, 17, 40, 60, NEVER};

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		play(130, begins[i]);
}

static void given_up_holds_nothing_any_more(void **state)
{
	struct ladder l = {0};
	struct ladder_segment out[ROOM];

	(void)state;
	for (uint64_t packet = 1; packet <= 20; packet++)
		offer(&l, packet, packet == 10);
	ladder_give_up(&l);
	for (uint64_t packet = 21; packet <= 40; packet++)
		assert_null(ladder_place(&l, true));
	ladder_take_back(&l, 0, 30);
	assert_int_equal(ladder_copy(&l, out), 0);
	assert_int_equal(ladder_memory(&l), 0);
	ladder_free(&l);
}

/* ---- taking back ---- */

static uint32_t random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static void model_take_back(struct model *m, uint64_t packet)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->kept[i].packet == packet) {
			model_drop(m, i);
			return;
		}
}

static void taken_back_is_gone(void **state)
{
	struct ladder l = {0};
	struct ladder_segment out[ROOM];

	(void)state;
	for (uint64_t packet = 1; packet <= 6; packet++)
		offer(&l, packet, false);
	ladder_take_back(&l, 1, 3); /* of another file */
	ladder_take_back(&l, 0, 77);
	assert_int_equal(ladder_copy(&l, out), 6);
	ladder_take_back(&l, 0, 3);
	assert_int_equal(ladder_copy(&l, out), 5);
	assert_int_equal(out[1].packet, 2);
	assert_int_equal(out[2].packet, 4);
	assert_false(out[2].after_gap); /* nothing of this connection is missing there */
	ladder_take_back(&l, 0, 3);
	assert_int_equal(ladder_copy(&l, out), 5);
	ladder_free(&l);
}

/* The segment that carried the mark of a gap is taken back: the gap is there still. */
static void gap_outlives_its_bearer(void **state)
{
	struct ladder l = {0};
	struct ladder_segment out[ROOM];

	(void)state;
	for (uint64_t packet = 1; packet <= 20; packet++)
		offer(&l, packet, false);
	ladder_take_back(&l, 0, 15);
	assert_int_equal(ladder_copy(&l, out), LADDER_HEAD + LADDER_BEFORE - 1);
	assert_int_equal(out[LADDER_HEAD].packet, 16);
	assert_true(out[LADDER_HEAD].after_gap);
	ladder_free(&l);
}

/* Mixed at random, order and bound hold, and what is kept was offered and not taken back. */
static void random_mixture_keeps_order(void **state)
{
	uint32_t random = 99;

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint64_t begin = random_next(&random) % 80, taken[200] = {0};
		struct ladder l = {0};
		struct ladder_segment out[ROOM];

		for (uint64_t packet = 1; packet < 150; packet++) {
			size_t count;

			offer(&l, packet, packet == begin);
			if (random_next(&random) % 6 == 0) {
				uint64_t back = packet - random_next(&random) % 3 % packet;

				ladder_take_back(&l, 0, back);
				taken[back] = 1;
			}
			count = ladder_copy(&l, out);
			assert_in_range(count, 0, ROOM);
			for (size_t i = 0; i < count; i++) {
				assert_in_range(out[i].packet, 1, packet);
				assert_false(taken[out[i].packet]);
				if (i > 0)
					assert_true(out[i].packet > out[i - 1].packet);
			}
		}
		ladder_free(&l);
	}
}

/* While nothing was left out, taking back is exact. */
static void taking_back_without_gaps_is_exact(void **state)
{
	uint32_t random = 5;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct ladder l = {0};
		struct model m = {0};

		for (uint64_t packet = 1; packet <= 40; packet++) {
			struct ladder_segment segment = numbered(packet);

			offer(&l, packet, packet == 1);
			model_add(&m, &segment, packet == 1);
			if (random_next(&random) % 3 == 0) {
				uint64_t back = random_next(&random) % packet + 1;

				ladder_take_back(&l, 0, back);
				model_take_back(&m, back);
			}
			assert_holds(&l, &m);
		}
		ladder_free(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_holds_nothing),
		cmocka_unit_test(head_and_latest_before_a_teardown),
		cmocka_unit_test(teardown_is_kept_whole),
		cmocka_unit_test(long_teardown_turns_over),
		cmocka_unit_test(every_length_and_beginning),
		cmocka_unit_test(given_up_holds_nothing_any_more),
		cmocka_unit_test(taken_back_is_gone),
		cmocka_unit_test(gap_outlives_its_bearer),
		cmocka_unit_test(random_mixture_keeps_order),
		cmocka_unit_test(taking_back_without_gaps_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
