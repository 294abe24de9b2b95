/* The short way of regular connections (analyzer/regular.h) in the engine: whoever goes it, and whoever judges,
 * the same is told and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/connection.h"
#include "tests/engine_scene.h"
#include "tests/random_segments.h"
#include "tests/reader.h"
#include "tests/talk.h"
#include "tests/verdict_checks.h"

#define TWO_MSL_NS INT64_C(240000000000)

/* ---- few tuples, used again and again ---- */

enum { RUNS = 12, CONNECTIONS = 1500, AT_ONCE = 4, TUPLES = 9 };

/* One conversation of a run. */
struct speaker {
	struct talk talk;
	struct engines *engines;
	struct ends ends;
};

struct engines {
	struct scene with, without;
	int64_t now_ns;
	bool read; /* somebody reads the streams */
	struct reader readers[2];
};

/* What there is to read, most of the time captured. */
static void put_payload(struct talk *w, struct segment *s)
{
	static uint8_t bytes[8192];

	if (bytes[0] == 0)
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(i % 251 + 1);
	s->urgent = s->flags & TCP_URG ? (uint16_t)talk_below(w, 3) : 0;
	if (s->payload_len == 0)
		return;
	s->payload = bytes + talk_below(w, 251);
	s->payload_captured = s->payload_len < 4096 ? s->payload_len : 4096;
	if (talk_chance(w, 20))
		s->payload_captured = talk_below(w, s->payload_captured + 1);
}

static bool to_both(void *context, struct talk *w, enum side from, struct segment *s)
{
	struct speaker *speaker = context;
	struct engines *engines = speaker->engines;
	enum side to = from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct segment copy;

	engines->now_ns += w->now_ns;
	w->now_ns = 0;
	s->ip_version = speaker->ends.ip_version;
	s->src = speaker->ends.address[from];
	s->sport = speaker->ends.port[from];
	s->dst = speaker->ends.address[to];
	s->dport = speaker->ends.port[to];
	s->checksum = (uint16_t)random_next(&w->random);
	if (engines->read)
		put_payload(w, s);
	copy = *s;
	assert_true(scene_feed(&engines->with, s, engines->now_ns));
	assert_true(scene_feed(&engines->without, &copy, engines->now_ns));
	return true;
}

static void begin_again(struct speaker *x, struct engines *engines, uint32_t seed)
{
	talk_begin(&x->talk, seed);
	x->engines = engines;
	x->talk.now_ns = 0;
	x->ends = ends_of(talk_below(&x->talk, TUPLES));
	if (talk_chance(&x->talk, 10))
		x->talk.now_ns = TWO_MSL_NS / 2 + talk_below(&x->talk, 10) * SECOND_NS;
}

static int by_first_packet(const void *one, const void *other)
{
	uint64_t x = ((const struct told *)one)->verdict.first_packet;
	uint64_t y = ((const struct told *)other)->verdict.first_packet;

	return x < y ? -1 : x > y;
}

static void compare_told(struct engines *engines, uint32_t seed, uint32_t *classes)
{
	struct scene *x = &engines->with, *y = &engines->without;

	assert_int_equal(x->told_count, y->told_count);
	qsort(x->told, x->told_count, sizeof(x->told[0]), by_first_packet);
	qsort(y->told, y->told_count, sizeof(y->told[0]), by_first_packet);
	for (size_t i = 0; i < x->told_count; i++) {
		const char *difference = verdict_difference(&x->told[i], &y->told[i]);

		classes[x->told[i].verdict.time_wait_check]++;
		if (difference)
			fail_msg("run %u, connection of packet %llu: %s", seed,
				 (unsigned long long)x->told[i].verdict.first_packet, difference);
	}
}

static void compare_read(struct engines *engines, uint32_t seed)
{
	struct reader *x = &engines->readers[0], *y = &engines->readers[1];
	uint64_t pieces = 0, gaps = 0;

	assert_int_equal(x->count, y->count);
	reader_sort(x);
	reader_sort(y);
	for (size_t i = 0; i < x->count; i++) {
		pieces += x->digest[i].pieces;
		gaps += x->digest[i].gaps;
		if (memcmp(&x->digest[i], &y->digest[i], sizeof(x->digest[i])) != 0)
			fail_msg("run %u: the streams of packet %llu's connection differ", seed,
				 (unsigned long long)x->digest[i].first_packet);
	}
	assert_in_range(pieces, CONNECTIONS / 2, UINT64_MAX);
	assert_in_range(gaps, 1, UINT64_MAX);
	reader_free(x);
	reader_free(y);
}

static void run_both(uint32_t seed, uint32_t *checks)
{
	struct engine_config config = engine_defaults();
	struct engines engines = {.now_ns = SECOND_NS, .read = seed % 2};
	struct speaker open[AT_ONCE] = {0};
	uint32_t random = seed, begun = 0;

	config.ladders = (enum ladder_policy)(seed % 3);
	scene_open(&engines.with, &config);
	config.no_short_way = true;
	scene_open(&engines.without, &config);
	if (engines.read) {
		engines.readers[0].early = seed % 4 == 1;
		engines.readers[1].early = seed % 8 == 1;
		reader_attach(&engines.readers[0], engines.with.engine);
		reader_attach(&engines.readers[1], engines.without.engine);
	}
	while (begun < CONNECTIONS) {
		struct speaker *x = &open[random_next(&random) % AT_ONCE];

		if (!x->engines || random_next(&random) % 12 == 0)
			begin_again(x, &engines, seed * CONNECTIONS + begun++);
		talk_goes_on(&x->talk, to_both, x);
	}
	scene_finish(&engines.with);
	scene_finish(&engines.without);
	compare_told(&engines, seed, checks);
	if (engines.read)
		compare_read(&engines, seed);
	scene_close(&engines.with);
	scene_close(&engines.without);
}

static void the_engine_says_the_same(void **state)
{
	uint32_t checks[TIME_WAIT_CHECKS] = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++)
		run_both(seed, checks);
	for (int i = 0; i < TIME_WAIT_CHECKS; i++)
		if (i != TIME_WAIT_ASSASSINATED && i != TIME_WAIT_CUT_SHORT)
			assert_in_range(checks[i], 1, UINT32_MAX);
}

/* ---- judged by who takes it: regular ones alone, tuples used again ---- */

enum { CLOSED = 2500, CLOSED_TUPLES = 700 };

/* A request, an answer, and a close by either end in four segments or three. */
static void one_closes(struct scene *scene, uint32_t number, int64_t ts_ns)
{
	uint32_t random = number * 2654435761u + 1, isn[SIDES] = {number * 100000, ~number};
	uint32_t tuple = number % CLOSED_TUPLES;
	struct ends ends = ends_of(tuple);
	enum side x = (enum side)(random_next(&random) % SIDES), y = peer_of(x);
	uint32_t request = random_next(&random) % 3000, at[SIDES];
	bool merged = random_next(&random) % 2;
	const struct {
		enum side from;
		uint8_t flags;
		uint32_t payload;
	} steps[] = {
		{SIDE_INITIATOR, TCP_SYN, 0},
		{SIDE_RESPONDER, TCP_SYN | TCP_ACK, 0},
		{SIDE_INITIATOR, TCP_ACK, 0},
		{SIDE_INITIATOR, TCP_ACK | TCP_PSH, request},
		{SIDE_RESPONDER, TCP_ACK, request / 2},
		{SIDE_INITIATOR, TCP_ACK, 0},
		{x, TCP_ACK | TCP_FIN, number % 5},
		{y, merged ? TCP_ACK | TCP_FIN : TCP_ACK, 0},
		{y, TCP_ACK | TCP_FIN, 0},
		{x, TCP_ACK, 0},
	};

	at[SIDE_INITIATOR] = isn[SIDE_INITIATOR];
	at[SIDE_RESPONDER] = isn[SIDE_RESPONDER];
	ends.ip_version = tuple % 3 == 0 ? 6 : 4;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum side from = steps[i].from;
		struct segment s = segment_of(&ends, from, steps[i].flags, at[from],
					      i == 0 ? 0 : at[peer_of(from)], steps[i].payload);

		if (merged && i == 8)
			continue;
		if (tuple % 7 == 0)
			s.tunnel = (struct tunnel){1, {{TUNNEL_VXLAN, tuple}}};
		s.vlan_tags = tuple % 11;
		s.ip_id = (uint16_t)random_next(&random);
		at[from] += steps[i].payload + !!(s.flags & (TCP_SYN | TCP_FIN));
		ts_ns += random_next(&random) % 3000000;
		assert_true(scene_feed(scene, &s, ts_ns));
	}
}

static void who_takes_closed_ones_judges_the_same(void **state)
{
	static const int64_t between_ns[] = {SECOND_NS / 100, SECOND_NS / 10, SECOND_NS};
	uint32_t checks[TIME_WAIT_CHECKS] = {0};
	uint64_t judged = 0;

	(void)state;
	for (uint32_t seed = 0; seed < 3; seed++) {
		struct engine_config config = engine_defaults();
		struct engines engines = {.now_ns = SECOND_NS};

		scene_open_judging(&engines.with, &config);
		scene_open(&engines.without, &config);
		for (uint32_t i = 0; i < CLOSED; i++) {
			one_closes(&engines.with, i, SECOND_NS + i * between_ns[seed]);
			one_closes(&engines.without, i, SECOND_NS + i * between_ns[seed]);
		}
		scene_finish(&engines.with);
		scene_finish(&engines.without);
		compare_told(&engines, seed, checks);
		judged += engines.with.judged;
		scene_close(&engines.with);
		scene_close(&engines.without);
	}
	/* all but those that ended last, which the engine has not made small yet */
	assert_in_range(judged, 3 * CLOSED / 2, 3 * CLOSED);
	assert_in_range(checks[TIME_WAIT_HELD], 1, UINT32_MAX);
	assert_in_range(checks[TIME_WAIT_REUSED_OK], 1, UINT32_MAX);
	assert_in_range(checks[TIME_WAIT_UNVERIFIED], 1, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_engine_says_the_same),
		cmocka_unit_test(who_takes_closed_ones_judges_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
