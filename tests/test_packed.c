/* analyzer/packed.h: what is packed comes back as it was, and is small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/intake.h"
#include "analyzer/packed.h"

enum { CLEAN_BYTES_MAX = 160 };

#define TWO_MSL_NS INT64_C(240000000000)

static uint32_t random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

/* Every density of bytes that are not zero, from hardly any to all. */
static void random_bytes(void *at, size_t count, uint32_t in_256, uint32_t *random)
{
	uint8_t *bytes = at;

	for (size_t i = 0; i < count; i++) {
		uint32_t r = random_next(random);

		bytes[i] = (r & 0xff) < in_256 ? (uint8_t)(r >> 8) : 0;
	}
}

/* Any values in any field; the parts that are owned are real ones. */
static struct connection *random_connection(uint32_t in_256, bool teardown, uint16_t ladder,
					    uint32_t *random)
{
	struct connection *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	random_bytes(c, sizeof(*c), in_256, random);
	c->teardown = NULL;
	c->notes = NULL;
	for (int side = 0; side < SIDES; side++)
		c->dir[side].captured.holes = NULL;
	c->ladder.segment = NULL;
	c->ladder.kept = ladder;
	c->ladder.capacity = ladder;
	if (teardown) {
		assert_non_null(connection_teardown(c));
		random_bytes(c->teardown, sizeof(*c->teardown), in_256, random);
	}
	if (ladder > 0) {
		c->ladder.segment = calloc(ladder, sizeof(*c->ladder.segment));
		assert_non_null(c->ladder.segment);
		random_bytes(c->ladder.segment, ladder * sizeof(*c->ladder.segment), in_256,
			     random);
	}
	return c;
}

static void assert_same(const struct connection *c, const struct connection *back)
{
	struct connection x = *c, y = *back;

	assert_int_equal(c->teardown != NULL, back->teardown != NULL);
	if (c->teardown)
		assert_memory_equal(c->teardown, back->teardown, sizeof(*c->teardown));
	if (c->ladder.kept > 0)
		assert_memory_equal(c->ladder.segment, back->ladder.segment,
				    c->ladder.kept * sizeof(*c->ladder.segment));
	assert_null(back->notes);
	assert_in_range(back->ladder.capacity, back->ladder.kept, LADDER_HEAD + LADDER_MAX);
	x.teardown = y.teardown = NULL;
	x.ladder.segment = y.ladder.segment = NULL;
	x.ladder.capacity = y.ladder.capacity = 0;
	assert_memory_equal(&x, &y, sizeof(x));
}

static size_t round_trip(const struct connection *c)
{
	struct packed *p = packed_of(c);
	struct connection *back;
	size_t bytes;

	assert_non_null(p);
	bytes = packed_memory(p);
	back = packed_open(p);
	assert_non_null(back);
	assert_same(c, back);
	assert_int_equal(packed_memory(p), bytes); /* still valid */
	free(p);
	connection_free(back);
	return bytes;
}

static void random_connections_come_back(void **state)
{
	static const uint32_t densities[] = {0, 1, 16, 128, 250, 256};
	uint32_t random = 20240601;

	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		uint16_t ladder = (uint16_t)(random_next(&random) % (LADDER_HEAD + LADDER_MAX + 1));
		struct connection *c = random_connection(densities[round % 6], round & 1,
							 (round & 2) ? ladder : 0, &random);
		struct connection before = *c;

		(void)round_trip(c);
		assert_memory_equal(&before, c, sizeof(before)); /* nothing was taken from it */
		connection_free(c);
	}
}

static void largest_connection_comes_back(void **state)
{
	uint32_t random = 1;
	struct connection *c = random_connection(256, true, LADDER_HEAD + LADDER_MAX, &random);
	size_t whole = sizeof(*c) + sizeof(*c->teardown) +
		       c->ladder.kept * sizeof(*c->ladder.segment);

	(void)state;
	memset(c->teardown, 0xff, sizeof(*c->teardown)); /* no byte to leave out */
	memset(c->ladder.segment, 0xff, c->ladder.kept * sizeof(*c->ladder.segment));
	assert_in_range(round_trip(c), 0, whole + whole / 4);
	connection_free(c);
}

static void empty_connection_is_next_to_nothing(void **state)
{
	struct connection c = {0};

	(void)state;
	assert_in_range(round_trip(&c), 1, 40);
}

/* ---- connections as the engine has them ---- */

struct script {
	struct connection c;
	uint64_t ordinal;
	bool ladder;
};

static void start(struct script *script, bool ladder)
{
	*script = (struct script){.ladder = ladder};
	script->c.first_ns = INT64_MAX;
	script->c.last_ns = INT64_MIN;
	script->c.previous_ns = script->c.syn_ns = script->c.handshake_rtt_ns = NONE_NS;
	script->c.dir[0].wscale = script->c.dir[1].wscale = WSCALE_NONE;
}

static void sends(struct script *script, enum side from, uint8_t flags, uint32_t seq, uint32_t ack,
		  uint32_t payload_len)
{
	struct segment s = {.ts_ns = INT64_C(1700000000123456789) +
				     (int64_t)script->ordinal * 1234567,
			    .packet = 1234567 + script->ordinal,
			    .flags = flags,
			    .seq = seq,
			    .ack = ack,
			    .payload_len = payload_len,
			    .window = 502,
			    .ttl = from == SIDE_INITIATOR ? 64 : 57,
			    .has_timestamp = true,
			    .ts_val = 0x12345678 + (uint32_t)script->ordinal,
			    .wscale = (flags & TCP_SYN) ? 7 : WSCALE_NONE};
	struct moment at = {.ts_ns = s.ts_ns, .packet = s.packet, .ordinal = ++script->ordinal};

	if (script->ordinal == 1)
		script->c.first_packet = s.packet;
	assert_true(intake(&script->c, from, &s, &at, TWO_MSL_NS, script->ladder));
}

/* A request, an answer, a four_way close. */
static void play_clean(struct script *script)
{
	const uint32_t i = 0x9abcdef0, r = 0x87654321;

	sends(script, SIDE_INITIATOR, TCP_SYN, i, 0, 0);
	sends(script, SIDE_RESPONDER, TCP_SYN | TCP_ACK, r, i + 1, 0);
	sends(script, SIDE_INITIATOR, TCP_ACK, i + 1, r + 1, 0);
	sends(script, SIDE_INITIATOR, TCP_ACK | TCP_PSH, i + 1, r + 1, 517);
	for (uint32_t n = 0; n < 20; n++)
		sends(script, SIDE_RESPONDER, TCP_ACK, r + 1 + n * 1448, i + 518, 1448);
	sends(script, SIDE_INITIATOR, TCP_ACK, i + 518, r + 28961, 0);
	sends(script, SIDE_INITIATOR, TCP_FIN | TCP_ACK, i + 518, r + 28961, 0);
	sends(script, SIDE_RESPONDER, TCP_ACK, r + 28961, i + 519, 0);
	sends(script, SIDE_RESPONDER, TCP_FIN | TCP_ACK, r + 28961, i + 519, 0);
	sends(script, SIDE_INITIATOR, TCP_ACK, i + 519, r + 28962, 0);
}

static void release(struct script *script)
{
	struct connection *c = malloc(sizeof(*c));

	assert_non_null(c);
	*c = script->c;
	connection_free(c);
}

static void clean_connection_is_small(void **state)
{
	struct script script;

	(void)state;
	start(&script, false);
	play_clean(&script);
	assert_true(connection_closed(&script.c));
	assert_null(script.c.notes);
	assert_in_range(round_trip(&script.c), 1, CLEAN_BYTES_MAX);
	assert_true(connection_memory(&script.c) > 2 * CLEAN_BYTES_MAX);
	release(&script);
}

static void ladder_comes_back(void **state)
{
	struct script script;
	struct ladder_segment before[LADDER_HEAD + LADDER_MAX], after[LADDER_HEAD + LADDER_MAX];
	struct packed *p;
	struct connection *back;
	struct ladder_segment *next;
	size_t count;

	(void)state;
	start(&script, true);
	play_clean(&script);
	count = ladder_copy(&script.c.ladder, before);
	p = packed_of(&script.c);
	assert_non_null(p);
	back = packed_open(p);
	assert_non_null(back);
	assert_int_equal(ladder_copy(&back->ladder, after), count);
	assert_memory_equal(before, after, count * sizeof(before[0]));
	/* and goes on */
	next = ladder_place(&back->ladder, false);
	assert_non_null(next);
	*next = (struct ladder_segment){.packet = 99};
	assert_int_equal(ladder_copy(&back->ladder, after), count + 1);
	assert_int_equal(after[count].packet, 99);
	free(p);
	connection_free(back);
	release(&script);
}

/* What is rare in an ended connection keeps it live. */
static void holes_and_notes_are_not_packed(void **state)
{
	struct script script;

	(void)state;
	start(&script, false);
	play_clean(&script);
	assert_non_null(connection_notes(&script.c));
	assert_null(packed_of(&script.c));
	release(&script);

	for (int side = 0; side < SIDES; side++) {
		struct ranges *captured;

		start(&script, false);
		play_clean(&script);
		captured = &script.c.dir[side].captured;
		assert_int_equal(ranges_reach(captured, captured->end + 10), RANGES_OK);
		assert_null(packed_of(&script.c));
		release(&script);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_connection_is_next_to_nothing),
		cmocka_unit_test(random_connections_come_back),
		cmocka_unit_test(largest_connection_comes_back),
		cmocka_unit_test(clean_connection_is_small),
		cmocka_unit_test(ladder_comes_back),
		cmocka_unit_test(holes_and_notes_are_not_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
