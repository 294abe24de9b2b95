/* analyzer/regular.h: the short way gives bit by bit what the long way gives, and knows when to stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/intake.h"
#include "analyzer/kept.h"
#include "analyzer/regular.h"
#include "tests/random_segments.h"
#include "tests/reader.h"
#include "tests/verdict_checks.h"

#define TWO_MSL_NS INT64_C(240000000000)

enum { CONVERSATIONS = 30000, STEPS_MAX = 40, CLEAN_BYTES_MAX = 120 };

/* One conversation, watched both ways. */
struct watch {
	uint32_t random;
	struct connection full;
	struct regular regular;
	uint64_t ordinal, packet;
	int64_t now_ns;
	/* what the two ends are at */
	uint32_t nxt[SIDES], acked[SIDES];
	bool fin[SIDES];
	uint8_t wscale[SIDES];
	uint64_t vlan_tags[SIDES];
	uint32_t taken, sent;
	struct engines *engines;
	struct ends ends;
};

static uint32_t below(struct watch *w, uint32_t bound)
{
	return random_next(&w->random) % bound;
}

static bool chance(struct watch *w, uint32_t of_1000)
{
	return below(w, 1000) < of_1000;
}

static void begin(struct watch *w, uint32_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random = seed * 2654435761u + 1;
	w->full.first_ns = INT64_MAX;
	w->full.last_ns = INT64_MIN;
	w->full.previous_ns = w->full.syn_ns = w->full.handshake_rtt_ns = NONE_NS;
	w->full.dir[0].wscale = w->full.dir[1].wscale = WSCALE_NONE;
	w->packet = chance(w, 20) ? UINT32_MAX - 5 : below(w, 1000);
	w->ordinal = chance(w, 20) ? UINT32_MAX - 5 : below(w, 1000);
	w->now_ns = INT64_C(1700000000000000000) + below(w, 1000);
	for (int side = 0; side < SIDES; side++) {
		w->nxt[side] = chance(w, 300) ? 0u - below(w, 3000) : random_next(&w->random);
		w->wscale[side] = chance(w, 300) ? WSCALE_NONE : (uint8_t)below(w, 15);
		w->vlan_tags[side] = below(w, 2) * below(w, 12);
	}
}

static void let_time_pass(struct watch *w)
{
	w->now_ns += chance(w, 30) ? INT64_C(1000000000) - 1 + below(w, 3) : below(w, 200000);
	if (chance(w, 3))
		w->now_ns -= 300000;
	w->ordinal++;
	w->packet += 1 + below(w, 2);
}

static struct segment plain(struct watch *w, enum side from, uint8_t flags, uint32_t payload_len)
{
	let_time_pass(w);
	return (struct segment){
		.ts_ns = w->now_ns,
		.packet = w->packet,
		.vlan_tags = w->vlan_tags[from],
		.ttl = (uint8_t)(from == SIDE_INITIATOR ? 64 : 57 + below(w, 2)),
		.seq = w->nxt[from],
		.ack = (flags & TCP_ACK) ? w->nxt[!from] : 0,
		.window = (uint16_t)(1 + below(w, 65535)),
		.flags = flags,
		.payload_len = payload_len,
		.has_timestamp = !chance(w, 200),
		.ts_val = random_next(&w->random),
		.wscale = (flags & TCP_SYN) ? w->wscale[from] : WSCALE_NONE,
	};
}

/* Everything that can go otherwise than planned, seldom. */
static void disturb(struct watch *w, struct segment *s)
{
	static const uint8_t flags[] = {TCP_SYN, TCP_FIN, TCP_RST, TCP_ACK, TCP_PSH, TCP_URG};

	if (!chance(w, 25))
		return;
	switch (below(w, 8)) {
	case 0:
		s->seq += below(w, 5) - 2;
		break;
	case 1:
		s->ack += below(w, 5) - 2;
		break;
	case 2:
		s->window = (uint16_t)below(w, 2);
		break;
	case 3:
		s->payload_len = below(w, 3);
		break;
	case 4:
		s->file = 1;
		break;
	default:
		s->flags ^= flags[below(w, sizeof(flags))];
		break;
	}
}

static void compare(struct watch *w)
{
	static struct connection c; /* static: what is not set here is zero there, too */
	static struct teardown_part t;

	regular_expand(&w->regular,
		       &(struct regular_beside){.vlan_tags = {w->vlan_tags[0], w->vlan_tags[1]}},
		       &c, &t);
	assert_int_equal(c.teardown != NULL, w->full.teardown != NULL);
	if (c.teardown)
		assert_memory_equal(c.teardown, w->full.teardown, sizeof(t));
	assert_int_equal(c.ladder.kept, w->full.ladder.kept);
	assert_memory_equal(c.ladder.segment, w->full.ladder.segment,
			    c.ladder.kept * sizeof(*c.ladder.segment));
	c.teardown = w->full.teardown;
	c.ladder.segment = w->full.ladder.segment;
	assert_memory_equal(&c, &w->full, sizeof(c));
}

/* Where segments go. */
typedef bool sends_to(struct watch *w, enum side from, struct segment *s);

/* Both ways; false where the regular one ends: then it must not have moved. */
static bool both_ways(struct watch *w, enum side from, struct segment *s)
{
	struct moment at;
	bool taken;

	at = (struct moment){
		.ts_ns = s->ts_ns, .packet = s->packet, .ordinal = w->ordinal, .file = s->file};
	if (w->taken == 0)
		taken = regular_start(&w->regular, s, &at, true);
	else
		taken = regular_take(&w->regular, from, s, &at, true);
	if (taken && w->taken++ == 0) {
		w->full.first_packet = s->packet;
		w->full.first_file = s->file;
	}
	if (taken)
		assert_true(intake(&w->full, from, s, &at, TWO_MSL_NS, true));
	if (w->taken > 0)
		compare(w);
	return taken;
}

static bool sends(struct watch *w, enum side from, struct segment *s, sends_to *to)
{
	bool regular;

	disturb(w, s);
	regular = to(w, from, s);
	w->nxt[from] = s->seq + segment_length(s);
	w->acked[from] = s->ack;
	w->fin[from] |= (s->flags & TCP_FIN) != 0;
	w->sent++;
	return regular;
}

static bool shakes_hands(struct watch *w, sends_to *to)
{
	enum side from = w->sent == 1 ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct segment s = plain(
		w, from, (uint8_t)((w->sent < 2 ? TCP_SYN : 0) | (w->sent > 0 ? TCP_ACK : 0)), 0);

	return sends(w, from, &s, to);
}

static bool goes_on(struct watch *w, sends_to *to)
{
	enum side from = (enum side)below(w, 2);
	uint8_t flags = TCP_ACK | (chance(w, 300) ? TCP_PSH : 0);
	uint32_t payload = 0;
	struct segment s;

	if (w->sent < 3)
		return shakes_hands(w, to);
	if (!w->fin[from]) {
		payload = chance(w, 500) ? 1 + below(w, 3000) : 0;
		flags |= chance(w, 120) ? TCP_FIN : 0;
	}
	if (chance(w, 5))
		payload = UINT32_C(1) << (28 + below(w, 3));
	s = plain(w, from, flags, payload);
	if (chance(w, 200)) /* an ACK that crosses what the peer sends */
		s.ack = w->acked[from] ? w->acked[from] : s.ack;
	return sends(w, from, &s, to);
}

static void release(struct watch *w)
{
	struct connection *c = malloc(sizeof(*c));

	assert_non_null(c);
	*c = w->full;
	connection_free(c);
	ladder_free(&w->regular.ladder);
}

/* ---- made small ---- */

/* Any value in any field, few of them far from 0 to all of them. */
static void random_end(struct watch *w, struct regular_end *e, uint32_t of_1000)
{
	uint32_t *number[] = {&e->isn,
			      &e->snd_nxt,
			      &e->acks[0],
			      &e->acks[1],
			      &e->acks[2],
			      &e->acks[3],
			      &e->window_right,
			      &e->window_max,
			      &e->ts_last,
			      &e->packets,
			      &e->half_close,
			      &e->fin_payload,
			      &e->fin_ack,
			      &e->fin_at.packet,
			      &e->fin_at.ordinal,
			      &e->covered.packet,
			      &e->covered.ordinal};
	int64_t *time[] = {&e->data_ns, &e->fin_silence, &e->fin_at.ts_ns, &e->covered.ts_ns};

	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		*number[i] = chance(w, of_1000) ? random_next(&w->random) >> below(w, 32) : 0;
	for (size_t i = 0; i < sizeof(time) / sizeof(time[0]); i++)
		*time[i] = chance(w, of_1000) ? (int64_t)((uint64_t)random_next(&w->random) << 32 |
							  random_next(&w->random)) >>
							below(w, 64)
					      : 0;
	e->window = (uint16_t)random_next(&w->random);
	e->wscale = chance(w, 300) ? WSCALE_NONE : (uint8_t)below(w, 15);
	e->ttl_first = (uint8_t)random_next(&w->random);
	e->ttl_last = (uint8_t)random_next(&w->random);
	e->ack_count = (uint8_t)below(w, RECENT_ACKS + 1);
	e->timestamps = chance(w, 500);
	e->plain = chance(w, 500);
	e->bare_ack = chance(w, 500);
	e->data_alone = chance(w, 500);
	e->data = chance(w, 500);
	e->since_gap = chance(w, 500);
	e->ack_max_by_fin = chance(w, 500);
	e->covered_by_fin = chance(w, 500);
	e->fin = true;
}

static void random_closed(struct watch *w, struct regular *r, uint32_t of_1000)
{
	static const char letters[] = "SADFsadf";

	memset(r, 0, sizeof(*r));
	for (int side = 0; side < SIDES; side++)
		random_end(w, &r->end[side], of_1000);
	regular_agree_on_scaling(r);
	r->first_ns = (int64_t)random_next(&w->random) << 31;
	r->last_ns = (int64_t)random_next(&w->random) << below(w, 31);
	r->gap_ns = chance(w, of_1000) ? INT64_MAX - below(w, 5) : 0;
	r->handshake_rtt_ns = random_next(&w->random);
	r->first_packet = random_next(&w->random);
	r->file = chance(w, of_1000) ? random_next(&w->random) : 0;
	r->data_segments = random_next(&w->random) >> below(w, 32);
	r->stage = REGULAR_CLOSED;
	r->letters = (uint8_t)below(w, REGULAR_LETTERS + 1);
	for (uint8_t i = 0; i < r->letters; i++)
		r->history[i] = letters[below(w, 8)];
	r->ladder.given_up = true;
	if (chance(w, 500))
		r->reuse = (struct time_wait_reuse){.by = REUSE_BY_PEER,
						    .rule = (uint8_t)below(w, REUSE_RULES),
						    .answer = (uint8_t)below(w, REUSE_ANSWERS),
						    .clocks = (uint8_t)below(w, 4)};
}

static void same_time_wait(const struct time_wait_state *one, const struct time_wait_state *other)
{
	assert_int_equal(one->timestamps, other->timestamps);
	assert_int_equal(one->ts_last, other->ts_last);
	assert_int_equal(one->fin_seq, other->fin_seq);
	for (int side = 0; side < SIDES; side++) {
		assert_int_equal(one->entered[side], other->entered[side]);
		assert_int_equal(one->clock_ns[side], other->clock_ns[side]);
	}
}

static void round_trip(const struct regular *r)
{
	struct kept *kept = kept_of(r);
	static struct regular back;

	assert_non_null(kept);
	assert_in_range(kept_memory(kept), 1, KEPT_MAX);
	kept_open(kept, &back);
	assert_memory_equal(r, &back, sizeof(back));
	for (int side = 0; side < SIDES; side++) {
		struct time_wait_state of_regular = regular_time_wait(r, (enum side)side),
				       of_kept = kept_time_wait(kept, (enum side)side);

		same_time_wait(&of_regular, &of_kept);
	}
	free(kept);
}

static void anything_kept_comes_back(void **state)
{
	static struct watch w = {.random = 7};
	static struct regular r;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		random_closed(&w, &r, i % 1001);
		round_trip(&r);
	}
}

static void closed_ones_come_back(struct watch *w)
{
	struct regular r = w->regular;

	r.ladder = (struct ladder){.given_up = true};
	round_trip(&r);
}

static void a_clean_one_is_small(void **state)
{
	struct watch w;
	struct regular r;
	struct kept *kept;
	static const struct {
		enum side from;
		uint8_t flags;
		uint32_t payload;
	} steps[] = {{0, TCP_SYN, 0}, {1, TCP_SYN | TCP_ACK, 0},
		     {0, TCP_ACK, 0}, {0, TCP_ACK | TCP_PSH, 517},
		     {1, TCP_ACK, 0}, {1, TCP_ACK, 28960},
		     {0, TCP_ACK, 0}, {0, TCP_FIN | TCP_ACK, 0},
		     {1, TCP_ACK, 0}, {1, TCP_FIN | TCP_ACK, 0},
		     {0, TCP_ACK, 0}};

	(void)state;
	begin(&w, 3);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct segment s = plain(&w, steps[i].from, steps[i].flags, steps[i].payload);

		s.window = 502;
		assert_true(both_ways(&w, steps[i].from, &s));
		w.nxt[steps[i].from] += segment_length(&s);
	}
	r = w.regular;
	r.ladder = (struct ladder){.given_up = true};
	kept = kept_of(&r);
	assert_non_null(kept);
	assert_in_range(kept_memory(kept), 1, CLEAN_BYTES_MAX);
	free(kept);
	release(&w);
}

static void the_short_way_leads_to_the_same_place(void **state)
{
	uint32_t closed = 0, half_closed = 0, left = 0, crossed = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= CONVERSATIONS; seed++) {
		struct watch w;
		bool regular = true;

		begin(&w, seed);
		for (int i = 0; regular && i < STEPS_MAX; i++)
			regular = goes_on(&w, both_ways);
		closed += w.regular.stage == REGULAR_CLOSED;
		half_closed += w.regular.end[0].half_close + w.regular.end[1].half_close > 0;
		crossed += w.regular.end[0].fin && w.regular.end[1].fin &&
			   !w.regular.end[0].covered_by_fin && !w.regular.end[1].covered_by_fin;
		left += !regular && w.regular.stage != REGULAR_CLOSED;
		if (w.regular.stage == REGULAR_CLOSED)
			closed_ones_come_back(&w);
		release(&w);
	}
	/* the conversations would prove nothing if they never got there */
	assert_in_range(closed, CONVERSATIONS / 10, CONVERSATIONS);
	assert_in_range(left, CONVERSATIONS / 10, CONVERSATIONS);
	assert_in_range(half_closed, CONVERSATIONS / 50, CONVERSATIONS);
	assert_in_range(crossed, CONVERSATIONS / 100, CONVERSATIONS);
}

/* ---- the same in the engine: few tuples, used again and again ---- */

enum { RUNS = 12, CONNECTIONS = 1500, AT_ONCE = 4, TUPLES = 9 };

struct engines {
	struct scene with, without;
	int64_t now_ns;
	bool read; /* somebody reads the streams */
	struct reader readers[2];
};

/* What there is to read, most of the time captured. */
static void put_payload(struct watch *w, struct segment *s)
{
	static uint8_t bytes[8192];

	if (bytes[0] == 0)
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(i % 251 + 1);
	s->urgent = s->flags & TCP_URG ? (uint16_t)below(w, 3) : 0;
	if (s->payload_len == 0)
		return;
	s->payload = bytes + below(w, 251);
	s->payload_captured = s->payload_len < 4096 ? s->payload_len : 4096;
	if (chance(w, 20))
		s->payload_captured = below(w, s->payload_captured + 1);
}

static bool to_both(struct watch *w, enum side from, struct segment *s)
{
	struct engines *engines = w->engines;
	enum side to = from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct segment copy;

	engines->now_ns += w->now_ns;
	w->now_ns = 0;
	s->ip_version = w->ends.ip_version;
	s->src = w->ends.address[from];
	s->sport = w->ends.port[from];
	s->dst = w->ends.address[to];
	s->dport = w->ends.port[to];
	s->checksum = (uint16_t)random_next(&w->random);
	if (engines->read)
		put_payload(w, s);
	copy = *s;
	assert_true(scene_feed(&engines->with, s, engines->now_ns));
	assert_true(scene_feed(&engines->without, &copy, engines->now_ns));
	return true;
}

static void begin_again(struct watch *w, struct engines *engines, uint32_t seed)
{
	begin(w, seed);
	w->engines = engines;
	w->now_ns = 0;
	w->ends = ends_of(below(w, TUPLES));
	if (chance(w, 10))
		w->now_ns = TWO_MSL_NS / 2 + below(w, 10) * SECOND_NS;
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
	struct watch open[AT_ONCE] = {0};
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
		struct watch *w = &open[random_next(&random) % AT_ONCE];

		if (!w->engines || random_next(&random) % 12 == 0)
			begin_again(w, &engines, seed * CONNECTIONS + begun++);
		goes_on(w, to_both);
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
		cmocka_unit_test(the_short_way_leads_to_the_same_place),
		cmocka_unit_test(anything_kept_comes_back),
		cmocka_unit_test(a_clean_one_is_small),
		cmocka_unit_test(the_engine_says_the_same),
		cmocka_unit_test(who_takes_closed_ones_judges_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
