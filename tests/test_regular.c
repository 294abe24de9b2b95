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
#include "tests/talk.h"

#define TWO_MSL_NS INT64_C(240000000000)

enum { CONVERSATIONS = 30000, STEPS_MAX = 40, CLEAN_BYTES_MAX = 120 };

/* One conversation, watched both ways. */
struct watch {
	struct talk talk;
	struct connection full;
	struct regular regular;
	uint32_t taken;
};

static void begin(struct watch *w, uint32_t seed)
{
	memset(w, 0, sizeof(*w));
	talk_begin(&w->talk, seed);
	w->full.first_ns = INT64_MAX;
	w->full.last_ns = INT64_MIN;
	w->full.previous_ns = w->full.syn_ns = w->full.handshake_rtt_ns = NONE_NS;
	w->full.dir[0].wscale = w->full.dir[1].wscale = WSCALE_NONE;
}

static void compare(struct watch *w)
{
	static struct connection c; /* static: what is not set here is zero there, too */
	static struct teardown_part t;

	regular_expand(
		&w->regular,
		&(struct regular_beside){.vlan_tags = {w->talk.vlan_tags[0], w->talk.vlan_tags[1]}},
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

/* Both ways; false where the regular one ends: then it must not have moved. */
static bool both_ways(void *context, struct talk *talk, enum side from, struct segment *s)
{
	struct watch *w = context;
	struct moment at;
	bool taken;

	at = (struct moment){
		.ts_ns = s->ts_ns, .packet = s->packet, .ordinal = talk->ordinal, .file = s->file};
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
static void random_end(struct talk *w, struct regular_end *e, uint32_t of_1000)
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
		*number[i] = talk_chance(w, of_1000) ? random_next(&w->random) >> talk_below(w, 32)
						     : 0;
	for (size_t i = 0; i < sizeof(time) / sizeof(time[0]); i++)
		*time[i] = talk_chance(w, of_1000)
				   ? (int64_t)((uint64_t)random_next(&w->random) << 32 |
					       random_next(&w->random)) >>
					     talk_below(w, 64)
				   : 0;
	e->window = (uint16_t)random_next(&w->random);
	e->wscale = talk_chance(w, 300) ? WSCALE_NONE : (uint8_t)talk_below(w, 15);
	e->ttl_first = (uint8_t)random_next(&w->random);
	e->ttl_last = (uint8_t)random_next(&w->random);
	e->ack_count = (uint8_t)talk_below(w, RECENT_ACKS + 1);
	e->timestamps = talk_chance(w, 500);
	e->plain = talk_chance(w, 500);
	e->bare_ack = talk_chance(w, 500);
	e->data_alone = talk_chance(w, 500);
	e->data = talk_chance(w, 500);
	e->since_gap = talk_chance(w, 500);
	e->ack_max_by_fin = talk_chance(w, 500);
	e->covered_by_fin = talk_chance(w, 500);
	e->fin = true;
}

static void random_closed(struct talk *w, struct regular *r, uint32_t of_1000)
{
	static const char letters[] = "SADFsadf";

	memset(r, 0, sizeof(*r));
	for (int side = 0; side < SIDES; side++)
		random_end(w, &r->end[side], of_1000);
	regular_agree_on_scaling(r);
	r->first_ns = (int64_t)random_next(&w->random) << 31;
	r->last_ns = (int64_t)random_next(&w->random) << talk_below(w, 31);
	r->gap_ns = talk_chance(w, of_1000) ? INT64_MAX - talk_below(w, 5) : 0;
	r->handshake_rtt_ns = random_next(&w->random);
	r->first_packet = random_next(&w->random);
	r->file = talk_chance(w, of_1000) ? random_next(&w->random) : 0;
	r->data_segments = random_next(&w->random) >> talk_below(w, 32);
	r->stage = REGULAR_CLOSED;
	r->letters = (uint8_t)talk_below(w, REGULAR_LETTERS + 1);
	for (uint8_t i = 0; i < r->letters; i++)
		r->history[i] = letters[talk_below(w, 8)];
	r->ladder.given_up = true;
	if (talk_chance(w, 500))
		r->reuse = (struct time_wait_reuse){.by = REUSE_BY_PEER,
						    .rule = (uint8_t)talk_below(w, REUSE_RULES),
						    .answer = (uint8_t)talk_below(w, REUSE_ANSWERS),
						    .clocks = (uint8_t)talk_below(w, 4)};
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
	static struct talk w = {.random = 7};
	static struct regular r;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		random_closed(&w, &r, i % 1001);
		round_trip(&r);
	}
}

static void closed_ones_come_back(const struct watch *w)
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
		struct segment s = talk_plain(&w.talk, steps[i].from, steps[i].flags,
					      steps[i].payload);

		s.window = 502;
		assert_true(both_ways(&w, &w.talk, steps[i].from, &s));
		w.talk.nxt[steps[i].from] += segment_length(&s);
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
			regular = talk_goes_on(&w.talk, both_ways, &w);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_way_leads_to_the_same_place),
		cmocka_unit_test(anything_kept_comes_back),
		cmocka_unit_test(a_clean_one_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
