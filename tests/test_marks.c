/* streams/marks.h: random streams in random pieces, against a plain look at the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streams/marks.h"

enum { LENGTH = 600, RUNS = 3000, MARKS = 4 };

static uint32_t below(uint32_t *random, uint32_t bound)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random % bound;
}

static uint64_t occurrences(const uint8_t *bytes, size_t length, const struct mark *mark)
{
	uint64_t count = 0;

	for (size_t i = 0; i + mark->length <= length; i++)
		count += memcmp(bytes + i, mark->bytes, mark->length) == 0;
	return count;
}

static void give(struct consumer *c, struct reading *r, enum side side, uint64_t offset,
		 const uint8_t *bytes, uint64_t length)
{
	struct stream_data data = {
		.side = side, .offset = offset, .bytes = bytes, .length = length};
	struct error err;

	assert_true(c->data(c->context, r, &data, &err));
}

/* Words of two letters, so that they occur often and overlap. */
static void random_word(uint32_t *random, uint8_t *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		word[i] = (uint8_t)('a' + below(random, 2));
}

static void random_pieces(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++) {
		uint32_t random = seed * 2654435761u;
		uint8_t stream[LENGTH], word[MARKS][MARK_BYTES_MAX];
		struct mark mark[MARKS];
		uint64_t found[MARKS] = {0}, gap_at = below(&random, LENGTH);
		struct reading r = {0};
		struct epilogue e = {0};
		struct error err;
		struct marks *m;
		struct consumer c;

		random_word(&random, stream, LENGTH);
		for (size_t i = 0; i < MARKS; i++) {
			mark[i] = (struct mark){word[i], 1 + below(&random, i == 0 ? 200 : 8)};
			random_word(&random, word[i], mark[i].length);
			if (i == 0) /* one that is there */
				memcpy(word[0], stream + 300, mark[0].length);
		}
		m = marks_new(mark, MARKS, &err);
		c = marks_consumer(m);
		assert_true(c.open(c.context, NULL, &r, &err));
		for (uint64_t at = 0; at < LENGTH;) {
			uint64_t length = 1 + below(&random, 40);
			uint64_t to = at < gap_at ? gap_at : LENGTH;

			if (length > to - at)
				length = to - at;
			if (at == gap_at)
				give(&c, &r, SIDE_RESPONDER, at, NULL, 1);
			give(&c, &r, SIDE_RESPONDER, at, stream + at, length);
			at += length;
		}
		assert_true(c.finish(c.context, &r, &e, &err));
		for (size_t i = 0; i < e.mark_count; i++) {
			const struct mark_hit *h = &e.marks[i];

			assert_int_equal(h->side, SIDE_RESPONDER);
			assert_memory_equal(stream + h->offset, mark[h->mark].bytes,
					    mark[h->mark].length);
			found[h->mark] += h->count;
		}
		for (size_t i = 0; i < MARKS; i++)
			assert_int_equal(found[i], occurrences(stream, gap_at, &mark[i]) +
							   occurrences(stream + gap_at,
								       LENGTH - gap_at, &mark[i]));
		assert_true(e.mark_count <= MARKS * MARK_ROWS);
		assert_true(c.close(c.context, &r, NULL, &err));
		marks_free(m);
	}
}

static void sides_are_searched_apart(void **state)
{
	const struct mark mark = {(const uint8_t *)"request-id", 10};
	struct error err;
	struct marks *m = marks_new(&mark, 1, &err);
	struct consumer c = marks_consumer(m);
	struct reading r = {0};
	struct epilogue e = {0};

	(void)state;
	assert_true(c.open(c.context, NULL, &r, &err));
	give(&c, &r, SIDE_INITIATOR, 0, (const uint8_t *)"xxrequ", 6);
	give(&c, &r, SIDE_RESPONDER, 0, (const uint8_t *)"est-id", 6);
	give(&c, &r, SIDE_INITIATOR, 6, (const uint8_t *)"est-id", 6);
	assert_true(c.finish(c.context, &r, &e, &err));
	assert_int_equal(e.mark_count, 1);
	assert_int_equal(e.marks[0].side, SIDE_INITIATOR);
	assert_int_equal(e.marks[0].offset, 2);
	assert_true(c.close(c.context, &r, NULL, &err));
	marks_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_pieces),
		cmocka_unit_test(sides_are_searched_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
