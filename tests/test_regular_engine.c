/* The short way of regular connections (analyzer/regular.h) in the engine: whoever goes it, and whoever judges,
 * the same is told and read. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/engine_state.h"
#include "tests/engine_scene.h"
#include "tests/random_segments.h"
#include "tests/reader.h"
#include "tests/talk.h"
#include "tests/verdict_checks.h"

#define TWO_MSL_NS INT64_C(240000000000)

/* ---- few tuples, used again and again ---- */

enum { RUNS = 12, CONNECTIONS = 1500, AT_ONCE = 4, TUPLES = 9 };
enum { PAYLOAD_MAX = 4096, BYTES_PERIOD = 251 };

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

/* PAYLOAD_MAX bytes, none like those about it. */
static const uint8_t *some_bytes(uint32_t at)
{
	static uint8_t bytes[PAYLOAD_MAX + BYTES_PERIOD];

	if (bytes[0] == 0)
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(i % BYTES_PERIOD + 1);
	return bytes + at % BYTES_PERIOD;
}

/* What there is to read, most of the time captured. */
static void put_payload(struct talk *w, struct segment *s)
{
	s->urgent = s->flags & TCP_URG ? (uint16_t)talk_below(w, 3) : 0;
	if (s->payload_len == 0)
		return;
	s->payload = some_bytes(talk_below(w, BYTES_PERIOD));
	s->payload_captured = s->payload_len < PAYLOAD_MAX ? s->payload_len : PAYLOAD_MAX;
	if (talk_chance(w, 20))
		s->payload_captured = talk_below(w, s->payload_captured + 1);
}

static void feed_both(struct engines *engines, const struct segment *segment)
{
	struct segment one = *segment, other = *segment;

	assert_true(scene_feed(&engines->with, &one, engines->now_ns));
	assert_true(scene_feed(&engines->without, &other, engines->now_ns));
}

static void icmp_both(struct engines *engines, const struct segment *about, uint32_t kind)
{
	struct icmp_error icmp = {
		.ts_ns = engines->now_ns,
		.packet = engines->with.packet,
		.ts_confirmed = true,
		.kind = (enum icmp_kind)kind,
		.type = 3,
		.code = 1,
		.ip_version = about->ip_version,
		.from = {{192, 0, 2, 99}},
		.src = about->src,
		.dst = about->dst,
		.sport = about->sport,
		.dport = about->dport,
		.seq = about->seq,
	};
	struct error err = {""};

	assert_true(engine_icmp(engines->with.engine, &icmp, &err));
	assert_true(engine_icmp(engines->without.engine, &icmp, &err));
}

/* What comes beside: a capture duplicate, an error about the segment. */
static void feed_beside(struct engines *engines, struct talk *w, const struct segment *s)
{
	if (talk_chance(w, 5)) {
		engines->now_ns += 1000;
		feed_both(engines, s);
	}
	if (talk_chance(w, 3))
		icmp_both(engines, s, talk_below(w, ICMP_SOURCE_QUENCH + 1));
}

static bool to_both(void *context, struct talk *w, enum side from, struct segment *s)
{
	struct speaker *speaker = context;
	struct engines *engines = speaker->engines;
	enum side to = from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;

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
	feed_both(engines, s);
	feed_beside(engines, w, s);
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

static void add_counts(const struct engines *engines, struct engine_counts *sum)
{
	const struct engine_counts *x = engine_counts(engines->with.engine),
				   *y = engine_counts(engines->without.engine);

	assert_int_equal(x->stream_holes_given_up, y->stream_holes_given_up);
	assert_int_equal(x->peak_stream_memory, y->peak_stream_memory);
	assert_int_equal(x->duplicates, y->duplicates);
	sum->stream_holes_given_up += x->stream_holes_given_up;
	sum->duplicates += x->duplicates;
}

/* Every other run is read: with each memory under each policy. */
static struct engine_config config_of(uint32_t seed)
{
	static const size_t memory[] = {64 << 20, 3000, 20000};
	struct engine_config config = engine_defaults();

	config.ladders = (enum ladder_policy)(seed % 3);
	config.stream_memory = memory[seed / 2 % 3];
	config.overlap = seed / 6 % 2 ? OVERLAP_LAST : OVERLAP_FIRST;
	return config;
}

static void open_both(struct engines *engines, uint32_t seed)
{
	struct engine_config config = config_of(seed);

	scene_open(&engines->with, &config);
	config.no_short_way = true;
	scene_open(&engines->without, &config);
	if (!engines->read)
		return;
	engines->readers[0].early = seed % 4 == 1;
	engines->readers[1].early = seed % 8 == 1;
	reader_attach(&engines->readers[0], engines->with.engine);
	reader_attach(&engines->readers[1], engines->without.engine);
}

static void close_both(struct engines *engines, uint32_t seed, uint32_t *checks,
		       struct engine_counts *sum)
{
	scene_finish(&engines->with);
	scene_finish(&engines->without);
	add_counts(engines, sum);
	compare_told(engines, seed, checks);
	if (engines->read)
		compare_read(engines, seed);
	scene_close(&engines->with);
	scene_close(&engines->without);
}

static void run_both(uint32_t seed, uint32_t *checks, struct engine_counts *sum)
{
	struct engines engines = {.now_ns = SECOND_NS, .read = seed % 2};
	struct speaker open[AT_ONCE] = {0};
	uint32_t random = seed, begun = 0;

	open_both(&engines, seed);
	while (begun < CONNECTIONS) {
		struct speaker *x = &open[random_next(&random) % AT_ONCE];

		if (!x->engines || random_next(&random) % 12 == 0)
			begin_again(x, &engines, seed * CONNECTIONS + begun++);
		talk_goes_on(&x->talk, to_both, x);
	}
	close_both(&engines, seed, checks, sum);
}

static void the_engine_says_the_same(void **state)
{
	uint32_t checks[TIME_WAIT_CHECKS] = {0};
	struct engine_counts sum = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= RUNS; seed++)
		run_both(seed, checks, &sum);
	for (int i = 0; i < TIME_WAIT_CHECKS; i++)
		if (i != TIME_WAIT_ASSASSINATED && i != TIME_WAIT_CUT_SHORT)
			assert_in_range(checks[i], 1, UINT32_MAX);
	assert_in_range(sum.stream_holes_given_up, 1, UINT64_MAX);
	assert_in_range(sum.duplicates, 1, UINT64_MAX);
}

/* ---- judged by who takes it: regular ones alone, tuples used again ---- */

enum { CLOSED = 2500, CLOSED_TUPLES = 700, LATE_AFTER = 500 };

static_assert((int)LATE_AFTER > (int)ENDED_RING && (int)LATE_AFTER < (int)CLOSED_TUPLES,
	      "what comes late finds a connection made small, and its tuple not used again");

static struct ends ends_of_closed(uint32_t number)
{
	struct ends ends = ends_of(number % CLOSED_TUPLES);

	ends.ip_version = number % CLOSED_TUPLES % 3 == 0 ? 6 : 4;
	return ends;
}

/* What a segment of it has beside numbers and flags. */
static void lower_layers(struct segment *s, uint32_t number, uint32_t ip_id, bool read)
{
	uint32_t tuple = number % CLOSED_TUPLES;

	if (tuple % 7 == 0)
		s->tunnel = (struct tunnel){1, {{TUNNEL_VXLAN, tuple}}};
	s->vlan_tags = tuple % 11;
	s->ip_id = (uint16_t)ip_id;
	if (!read || s->payload_len == 0)
		return;
	s->payload = some_bytes(s->seq);
	s->payload_captured = number % 9 == 0 ? s->payload_len / 2 : s->payload_len;
}

/* A request, an answer, and a close by either end in four segments or three. */
static void one_closes(struct scene *scene, uint32_t number, int64_t ts_ns, bool read)
{
	uint32_t random = number * 2654435761u + 1, isn[SIDES] = {number * 100000, ~number};
	struct ends ends = ends_of_closed(number);
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
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum side from = steps[i].from;
		struct segment s = segment_of(&ends, from, steps[i].flags, at[from],
					      i == 0 ? 0 : at[peer_of(from)], steps[i].payload);

		if (merged && i == 8)
			continue;
		lower_layers(&s, number, random_next(&random), read);
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
			one_closes(&engines.with, i, SECOND_NS + i * between_ns[seed], false);
			one_closes(&engines.without, i, SECOND_NS + i * between_ns[seed], false);
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

/* ---- the same where it is read, and where segments come late ---- */

enum { LATE_RUNS = 12, LATE_DATA = 700 };

/* The connection a segment is about to come to is a kept one, and somebody reads it. */
static bool comes_to_kept(const struct scene *scene, const struct segment *s)
{
	struct flow_table *table = scene->engine->table;
	enum way way;
	bool bound;
	struct flow_key key = flow_key_of(&s->src, s->sport, &s->dst, s->dport, s->ip_version,
					  &way);
	const struct flow *f = flow_find(table, flow_hash(table, &key, &s->tunnel), &key,
					 &s->tunnel, way, s->vlan_tags, &bound);

	return f && f->form == FORM_KEPT && f->streams;
}

/* Data, FIN, RST, or an ACK of a connection long closed; true where that was a kept one. */
static bool one_comes_late(struct engines *engines, uint32_t number, uint32_t what)
{
	static const uint8_t flags[] = {TCP_ACK, TCP_ACK | TCP_FIN, TCP_RST | TCP_ACK, TCP_RST};
	struct ends ends = ends_of_closed(number);
	bool kept;
	struct segment s = segment_of(&ends, (enum side)(what % SIDES), flags[what / 2 % 4],
				      number * 100000 + 1, ~number + 1,
				      what / 8 % 3 ? LATE_DATA : 0);

	if (what % SIDES == SIDE_RESPONDER) {
		s.seq = ~number + 1;
		s.ack = number * 100000 + 1;
	}
	lower_layers(&s, number, what, true);
	kept = comes_to_kept(&engines->with, &s);
	feed_both(engines, &s);
	return kept;
}

static void kept_ones_are_read_the_same(void **state)
{
	static const int64_t between_ns[] = {SECOND_NS / 100, SECOND_NS / 10};
	uint32_t checks[TIME_WAIT_CHECKS] = {0};
	struct engine_counts sum = {0};
	uint64_t met[4] = {0}; /* by flags */

	(void)state;
	for (uint32_t run = 0; run < LATE_RUNS; run++) {
		struct engines engines = {.read = true};
		int64_t step_ns = between_ns[run % 2];

		open_both(&engines, run);
		for (uint32_t i = 0; i < CLOSED / 2; i++) {
			engines.now_ns = SECOND_NS + i * step_ns;
			one_closes(&engines.with, i, engines.now_ns, true);
			one_closes(&engines.without, i, engines.now_ns, true);
			engines.now_ns += 40 * SECOND_NS / 1000;
			if (i >= LATE_AFTER + 100 && i % 3 == 0) /* some twice */
				met[i / 2 % 4] += one_comes_late(
					&engines, i - LATE_AFTER - (i % 4 ? 0 : 3), i);
		}
		close_both(&engines, run, checks, &sum);
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(met[i], 100, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_engine_says_the_same),
		cmocka_unit_test(who_takes_closed_ones_judges_the_same),
		cmocka_unit_test(kept_ones_are_read_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
