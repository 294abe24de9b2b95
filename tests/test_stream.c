/* analyzer/stream.h, stream_history.h and stream_pool.h: by example, and at random against a plain map
 * of which bytes were captured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/stream.h"

enum { SPAN = 4000, STEPS = 120, RUNS = 4000, MILLISECOND = 1000000 };

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

/* --- a stream and what came out of it --- */

struct outcome {
	uint8_t bytes[SPAN]; /* 0 where nothing was delivered */
	bool gap[SPAN];
	uint64_t next, deliveries;
	const uint8_t *expected_pointer; /* an in-order delivery is not copied; NULL: any */
	const bool *captured;            /* what has come so far; NULL: not looked at */
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(1 + offset % 251);
}

static bool take(void *context, const struct stream_data *data, struct error *err)
{
	struct outcome *out = context;

	(void)err;
	assert_int_equal(data->offset, out->next); /* in order, each number once */
	assert_true(data->length > 0);
	if (out->next + data->length > SPAN)
		fail_msg("delivered up to %llu", (unsigned long long)(out->next + data->length));
	for (uint64_t i = 0; i < data->length; i++) {
		uint64_t at = data->offset + i;

		out->gap[at] = !data->bytes;
		out->bytes[at] = data->bytes ? data->bytes[i] : 0;
		if (out->captured && !data->bytes)
			assert_false(out->captured[at]); /* what came is never told missing */
	}
	if (out->expected_pointer)
		assert_ptr_equal(data->bytes, out->expected_pointer);
	out->next += data->length;
	out->deliveries++;
	return true;
}

struct bench {
	struct stream_pool pool;
	struct stream stream;
	struct outcome out;
	uint32_t isn;
	int64_t now_ns;
};

static void bench_open(struct bench *b, size_t memory, enum overlap_policy overlap, uint32_t isn)
{
	memset(b, 0, sizeof(*b));
	pool_init(&b->pool, memory);
	b->isn = isn;
	stream_init(&b->stream, &b->pool, (struct stream_sink){.data = take, .context = &b->out},
		    SIDE_INITIATOR, overlap, isn + 1, true);
}

static void bench_close(struct bench *b)
{
	stream_free(&b->stream);
	assert_int_equal(b->pool.used, 0);
	assert_null(pool_largest(&b->pool));
}

static struct moment moment_of(const struct bench *b)
{
	return (struct moment){.ts_ns = b->now_ns, .packet = 1, .ordinal = 1};
}

/* Bytes from edge on are outside the window. */
static struct stream_added add_with_edge(struct bench *b, uint32_t offset, uint32_t length,
					 bool other, uint32_t edge)
{
	uint8_t bytes[SPAN];
	struct stream_arrival a = {.bytes = bytes,
				   .captured = length,
				   .length = length,
				   .seq = b->isn + 1 + offset,
				   .window_known = edge < SPAN,
				   .window_right = b->isn + 1 + edge,
				   .at = moment_of(b)};
	struct stream_added added;
	struct error err;

	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(byte_at(offset + i) ^ (other ? 0x80 : 0));
	assert_true(stream_add(&b->stream, &a, &added, &err));
	return added;
}

static struct stream_added add(struct bench *b, uint32_t offset, uint32_t length, bool other)
{
	return add_with_edge(b, offset, length, other, SPAN);
}

static void acknowledge(struct bench *b, uint32_t offset)
{
	struct moment at = moment_of(b);
	struct error err;

	assert_true(stream_acked(&b->stream, b->isn + 1 + offset, &at, b->now_ns, &err));
}

static void finish(struct bench *b)
{
	struct moment at = moment_of(b);
	struct error err;

	assert_true(stream_finish(&b->stream, &at, &err));
}

/* --- examples --- */

static void in_order_bytes_are_not_copied(void **state)
{
	struct bench b;
	uint8_t bytes[100] = {0};
	struct stream_arrival a = {.bytes = bytes, .captured = 100, .length = 100, .seq = 8};
	struct stream_added added;
	struct error err;

	(void)state;
	bench_open(&b, 1 << 20, OVERLAP_FIRST, 7);
	b.out.expected_pointer = bytes;
	assert_true(stream_add(&b.stream, &a, &added, &err));
	assert_int_equal(b.out.next, 100);
	bench_close(&b);
}

static void a_hole_filled_is_delivered_at_once(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 1 << 20, OVERLAP_FIRST, 7);
	add(&b, 100, 100, false);
	assert_int_equal(b.out.next, 0);
	assert_true(b.pool.used >= 100);
	add(&b, 0, 100, false);
	assert_int_equal(b.out.next, 200);
	assert_int_equal(b.stream.gaps, 0);
	bench_close(&b);
}

static void a_gap_waits_for_the_grace_time(void **state)
{
	struct bench b;
	struct error err;

	(void)state;
	bench_open(&b, 1 << 20, OVERLAP_FIRST, 7);
	add(&b, 100, 100, false);
	acknowledge(&b, 200);
	assert_true(stream_time(&b.stream, STREAM_GRACE_NS - 1, &err));
	assert_int_equal(b.out.next, 0);
	assert_true(stream_time(&b.stream, STREAM_GRACE_NS, &err));
	assert_int_equal(b.out.next, 200);
	assert_int_equal(b.stream.gaps, 1);
	assert_int_equal(b.stream.gap_bytes, 100);
	bench_close(&b);
}

static void bytes_cut_off_behind_the_headers_are_a_gap_at_the_end(void **state)
{
	struct stream_arrival a = {.length = 100, .seq = 108};
	struct stream_added added;
	struct bench b;
	struct error err;

	(void)state;
	bench_open(&b, 1 << 20, OVERLAP_FIRST, 7);
	assert_false(stream_may_hold(&b.stream, &a)); /* nobody has to give way for it */
	assert_true(stream_add(&b.stream, &a, &added, &err));
	assert_int_equal(b.pool.used, 0);
	assert_int_equal(b.out.next, 0);
	finish(&b);
	assert_int_equal(b.out.next, 200);
	assert_int_equal(b.stream.gap_bytes, 200);
	bench_close(&b);
}

static void a_conflict_names_both_lengths(void **state)
{
	struct bench b;
	struct stream_added added;

	(void)state;
	bench_open(&b, 1 << 20, OVERLAP_FIRST, 4294967200u);
	assert_false(add(&b, 0, 300, false).conflict);
	assert_false(add(&b, 100, 50, false).conflict);
	assert_false(add(&b, 400, 100, false).conflict);
	added = add(&b, 200, 30, true); /* delivered already */
	assert_true(added.conflict);
	assert_int_equal(added.conflict_at, 4294967200u + 1 + 200);
	assert_int_equal(added.earlier_length, 300);
	assert_int_equal(added.differ, 30);
	added = add(&b, 450, 100, true); /* waits */
	assert_true(added.conflict);
	assert_int_equal(added.conflict_at, (uint32_t)(4294967200u + 1 + 450));
	assert_int_equal(added.earlier_length, 100);
	assert_int_equal(added.differ, 50);
	finish(&b);
	bench_close(&b);
}

static void history_is_bounded_and_the_latest(void **state)
{
	struct stream_history h = {0};
	uint8_t bytes[3 * HISTORY_MAX];
	uint64_t first;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 % 253);
	for (uint64_t at = 0; at < sizeof(bytes); at += 1000) {
		uint64_t count = sizeof(bytes) - at < 1000 ? sizeof(bytes) - at : 1000;

		history_add(&h, at, bytes + at, count);
		assert_true(h.capacity <= HISTORY_MAX);
		assert_int_equal(
			history_differences(&h, h.left, bytes + h.left, h.right - h.left, &first),
			0);
	}
	assert_int_equal(h.right - h.left, HISTORY_MAX);
	bytes[sizeof(bytes) - 10] ^= 1;
	assert_int_equal(history_differences(&h, 0, bytes, sizeof(bytes), &first), 1);
	assert_int_equal(first, sizeof(bytes) - 10);
	history_add(&h, sizeof(bytes) + 5, bytes, 10); /* behind a gap */
	assert_int_equal(h.right - h.left, 10);
	history_free(&h);
}

static void the_pool_lets_the_largest_give_way(void **state)
{
	struct stream_pool pool;
	struct pool_holder small[3] = {0}, large = {0}, copies = {.kind = POOL_HISTORY};

	(void)state;
	pool_init(&pool, 100000);
	for (int i = 0; i < 3; i++) {
		small[i].kind = POOL_WAITING;
		pool_hold(&pool, &small[i], 1000);
	}
	large.kind = POOL_WAITING;
	pool_hold(&pool, &copies, 10);
	assert_ptr_equal(pool_largest(&pool), &copies); /* the least of them goes first */
	pool_hold(&pool, &copies, 0);
	assert_ptr_equal(pool_largest(&pool), &small[0]); /* of equals the first */
	pool_hold(&pool, &large, 50000);
	assert_ptr_equal(pool_largest(&pool), &large);
	assert_int_equal(pool.used, 53000);
	assert_false(pool_fits(&pool, 47001));
	pool_hold(&pool, &large, 0);
	pool_hold(&pool, &small[0], 0);
	assert_ptr_equal(pool_largest(&pool), &small[1]);
	pool_hold(&pool, &small[1], 0);
	pool_hold(&pool, &small[2], 0);
	assert_null(pool_largest(&pool));
	assert_int_equal(pool.used, 0);
	assert_int_equal(pool.peak, 53000);
}

/* --- at random --- */

struct model {
	bool captured[SPAN]; /* inside the window */
	uint32_t sent;       /* highest offset sent */
	uint32_t random;
	bool conflicts; /* copies may differ */
	bool windows;   /* segments may reach beyond the window */
};

static void random_segment(struct bench *b, struct model *m)
{
	uint32_t length = 1 + below(&m->random, 300);
	uint32_t next = (uint32_t)b->out.next, edge = SPAN;
	uint32_t offset = below(&m->random, 4) ? next + below(&m->random, 600)
					       : below(&m->random, SPAN - 400);

	if (below(&m->random, 3) == 0) /* in order */
		offset = next;
	if (m->windows && below(&m->random, 3) == 0)
		edge = next + below(&m->random, 500);
	if (offset + length > SPAN - 1)
		return;
	/* a single byte below the next one is a keep-alive and not told */
	for (uint32_t i = offset; i < offset + length && i < edge; i++)
		m->captured[i] |= i >= next;
	if (offset + length > m->sent)
		m->sent = offset + length;
	add_with_edge(b, offset, length, m->conflicts && below(&m->random, 8) == 0, edge);
}

static void random_step(struct bench *b, struct model *m)
{
	struct error err;

	b->now_ns += below(&m->random, 40) * MILLISECOND;
	if (below(&m->random, 4) == 0)
		acknowledge(b, below(&m->random, m->sent + 1));
	else
		random_segment(b, m);
	assert_true(stream_time(&b->stream, b->now_ns, &err));
	assert_true(b->pool.used <= b->pool.limit);
}

/* Whatever comes in whatever order: each number once and in order, every captured byte delivered, gaps
 * only where nothing was captured (unless memory ran out), and memory inside its bound. */
static void play(uint32_t seed, size_t memory, struct model m, enum overlap_policy overlap)
{
	static struct bench b;

	m.random = seed;
	bench_open(&b, memory, overlap, random_next(&m.random));
	b.out.captured = memory > SPAN * 100 ? m.captured : NULL;
	for (int i = 0; i < STEPS; i++)
		random_step(&b, &m);
	finish(&b);
	assert_true(b.out.next >= (m.windows ? b.stream.acked.offset : (uint64_t)m.sent) ||
		    !b.out.captured);
	for (uint32_t at = 0; at < b.out.next; at++) {
		uint8_t byte = b.out.bytes[at];

		if (b.out.gap[at])
			continue;
		assert_true(byte == byte_at(at) || (m.conflicts && byte == (byte_at(at) ^ 0x80)));
	}
	for (uint32_t at = 0; b.out.captured && at < SPAN; at++)
		if (m.captured[at])
			assert_true(at < b.out.next && !b.out.gap[at]);
	bench_close(&b);
}

static void random_streams(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++)
		play(seed * 2654435761u, 1 << 20, (struct model){0}, OVERLAP_FIRST);
}

static void random_streams_with_conflicts(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++)
		play(seed * 2246822519u, 1 << 20, (struct model){.conflicts = true},
		     seed % 2 ? OVERLAP_FIRST : OVERLAP_LAST);
}

static void random_streams_beyond_windows(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++)
		play(seed * 668265263u, 1 << 20, (struct model){.windows = true}, OVERLAP_LAST);
}

static void random_streams_without_memory(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++)
		play(seed * 3266489917u, seed % 3000,
		     (struct model){.conflicts = true, .windows = seed % 2}, OVERLAP_FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_bytes_are_not_copied),
		cmocka_unit_test(a_hole_filled_is_delivered_at_once),
		cmocka_unit_test(a_gap_waits_for_the_grace_time),
		cmocka_unit_test(bytes_cut_off_behind_the_headers_are_a_gap_at_the_end),
		cmocka_unit_test(a_conflict_names_both_lengths),
		cmocka_unit_test(history_is_bounded_and_the_latest),
		cmocka_unit_test(the_pool_lets_the_largest_give_way),
		cmocka_unit_test(random_streams),
		cmocka_unit_test(random_streams_with_conflicts),
		cmocka_unit_test(random_streams_beyond_windows),
		cmocka_unit_test(random_streams_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
