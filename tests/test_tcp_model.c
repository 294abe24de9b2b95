/* Model checking: two ends that follow RFC 9293 open, use and end connections at random over a bad
 * link; the engine sees what passed a tap and must say what is true (tcp_truth.h). Where the tap itself
 * misses segments it may know less, and must not say otherwise.
 *
 *     test_tcp_model                      some thousands of worlds, as in the suite
 *     test_tcp_model CONNECTIONS [SEED]   at least so many connections, with a table of what they were
 *
 * A failure tells the seed, and prints what the tap saw. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine_scene.h"
#include "tests/tcp_truth.h"

#define T0 INT64_C(1700000000000000000)
#define US INT64_C(1000)

enum { WORLDS = 6000 };

struct tally {
	uint64_t worlds, overflown, beyond, connections, segments, unseen;
	uint64_t teardowns[TEARDOWNS], checks[TIME_WAIT_CHECKS], reasons[END_REASONS];
	uint64_t undecidable;
};

/* ---- the engine beside the tap ---- */

static void feed(struct scene *scene, const struct model_tapped *e, uint32_t place)
{
	static const struct ends ends = {.ip_version = 4,
					 .address = {{{10, 0, 0, 1}}, {{10, 0, 0, 2}}},
					 .port = {40000, 80}};
	const struct model_tcp *m = &e->tcp;
	struct segment s = segment_of(&ends, (enum side)m->from, m->flags, m->seq, m->ack, m->len);

	s.window = m->window;
	s.wscale = m->wscale;
	s.has_timestamp = m->has_timestamp;
	s.ts_val = m->timestamp;
	s.ip_id = m->ip_id;
	s.checksum = (uint16_t)(m->ip_id * 31);
	scene->packet = place;
	(void)scene_feed(scene, &s, T0 + e->at * US);
}

static int by_first_packet(const void *one, const void *other)
{
	uint64_t x = ((const struct told *)one)->verdict.first_packet;
	uint64_t y = ((const struct told *)other)->verdict.first_packet;

	return x < y ? -1 : x > y;
}

static void watch(const struct tcp_world *w, const bool *missed, int64_t until, struct scene *scene)
{
	struct engine_config config = engine_defaults();

	config.msl_ns = w->two_msl / 2 * US;
	config.ladders = LADDERS_NONE;
	scene_open(scene, &config);
	for (uint32_t i = 0; i < w->log_count; i++)
		if (!missed || !missed[i])
			feed(scene, &w->log[i], i);
	(void)scene_clock(scene, T0 + until * US);
	scene_finish(scene);
	if (scene->told_count > 0)
		qsort(scene->told, scene->told_count, sizeof(scene->told[0]), by_first_packet);
}

/* ---- failures ---- */

static void print_log(const struct tcp_world *w, const bool *missed)
{
	for (uint32_t i = 0; i < w->log_count; i++) {
		const struct model_tcp *s = &w->log[i].tcp;

		print_message(
			"%s%5u %14.6f %u> %s%s%s%s seq %u ack %u len %u win %u life %u off %" PRId64
			"%s\n",
			missed && missed[i] ? "missed" : "", i + 1, (double)w->log[i].at / 1e6,
			s->from, s->flags & MODEL_SYN ? "S" : "", s->flags & MODEL_FIN ? "F" : "",
			s->flags & MODEL_RST ? "R" : "", s->flags & MODEL_ACK ? "." : "", s->seq,
			s->ack, s->len, s->window, s->life, s->off, s->covers_fin ? " covers" : "");
	}
}

#define CHECK(name, here, there)                             \
	do {                                                 \
		if ((uint64_t)(here) != (uint64_t)(there)) { \
			*expected = (uint64_t)(there);       \
			*got = (uint64_t)(here);             \
			return name;                         \
		}                                            \
	} while (0)

/* The rule for fin-not-consumed rests on what is missing: on ACKs that the tap did not see. A FIN that was lost behind the tap, and a peer that acknowledges what came before it again: the tap
 * cannot tell that from a peer that does not consume FINs, and docs/teardowns.md takes it for that. */
static bool lost_behind_the_tap(const struct verdict *v, const struct truth *t, int side)
{
	return v->dir[side].fin_check == FIN_VIOLATED && t->fin_check[side] == FIN_UNVERIFIED &&
	       finding_rows(v, FINDING_FIN_NOT_CONSUMED) > 0;
}

/* The first column that is not as it must be. */
static const char *difference(const struct verdict *v, const struct truth *t, uint64_t *got,
			      uint64_t *expected)
{
	CHECK("first_packet", v->first_packet, t->row->begins + 1);
	CHECK("midstream", v->midstream, false);
	CHECK("teardown", v->teardown, t->teardown);
	CHECK("complete", v->complete, t->complete);
	CHECK("closer", v->closer, t->closer);
	CHECK("end_reason", v->end_reason, t->end_reason);
	CHECK("rst_by", v->rst_by, t->rst_by);
	CHECK("half_close_bytes", v->half_close_bytes, t->half_close_bytes);
	for (int side = 0; side < SIDES; side++) {
		const struct true_side *d = &t->row->side[side ^ t->row->initiator];
		const struct verdict_direction *vd = &v->dir[side];

		if (!lost_behind_the_tap(v, t, side))
			CHECK("fin_check", vd->fin_check, t->fin_check[side]);
		CHECK("bytes", vd->bytes, d->bytes);
		CHECK("missing", vd->missing, 0);
		CHECK("retransmitted", vd->retransmitted, d->retransmitted);
		if (t->fin_check[side] == FIN_NONE)
			continue;
		CHECK("fin_seq", vd->fin_seq, d->fin.number);
		CHECK("fin_retransmissions", vd->fin_retransmissions, d->fin.copies);
	}
	CHECK("time_wait_holder", v->time_wait_holder, t->holder);
	CHECK("time_wait_check", v->time_wait_check, t->time_wait_check);
	return NULL;
}

static int64_t end_of(struct tcp_world *w)
{
	return w->now + (world_below(w, 2) ? 0 : 300 * INT64_C(1000000));
}

static void compare(struct tcp_world *w, struct truths *t, uint32_t seed, struct tally *tally)
{
	int64_t until = end_of(w);
	struct scene scene;

	watch(w, NULL, until, &scene);
	for (uint32_t i = 0; i < t->count && i < scene.told_count; i++) {
		struct truth truth = truth_of(t, i, w, until);
		uint64_t got = 0, expected = 0;
		const char *what = difference(&scene.told[i].verdict, &truth, &got, &expected);

		tally->teardowns[truth.teardown]++;
		tally->checks[truth.time_wait_check]++;
		tally->reasons[truth.end_reason]++;
		for (int side = 0; side < SIDES; side++)
			tally->undecidable += lost_behind_the_tap(&scene.told[i].verdict, &truth,
								  side);
		if (what) {
			print_log(w, NULL);
			fail_msg("seed %u, connection %u: %s is %" PRIu64 ", true is %" PRIu64,
				 seed, i, what, got, expected);
		}
	}
	if (scene.told_count != t->count) {
		print_log(w, NULL);
		fail_msg("seed %u: %zu connections, truly %u", seed, scene.told_count, t->count);
	}
	tally->connections += t->count;
	tally->segments += w->log_count;
	scene_close(&scene);
}

/* ---- a tap that misses segments ---- */

/* SYNs of later lives it sees: without them the next use of the tuple is the last one's late segments. */
static void miss_some(struct tcp_world *w, bool *missed, struct tally *tally)
{
	static const uint32_t losses[] = {5, 30, 100, 300, 600};
	uint32_t loss = losses[world_below(w, 5)];

	for (uint32_t i = 0; i < w->log_count; i++) {
		const struct model_tcp *s = &w->log[i].tcp;

		missed[i] = world_below(w, 1000) < loss && !(s->life > 1 && (s->flags & MODEL_SYN));
		tally->unseen += missed[i];
	}
}

static bool was_sent(const struct tcp_world *w, uint32_t life, uint32_t host, uint8_t flag)
{
	for (uint32_t i = 0; i < w->log_count; i++)
		if (w->log[i].tcp.life == life && w->log[i].tcp.from == host &&
		    (w->log[i].tcp.flags & flag))
			return true;
	return false;
}

static bool ends_by_reset(const struct verdict *v)
{
	return v->end_reason == END_RESET;
}

/* Of one direction: what it must not say. */
static const char *side_contradicts(const struct verdict *v, int side, const struct true_row *r,
				    uint32_t host)
{
	const struct verdict_direction *vd = &v->dir[side];
	const struct true_side *d = &r->side[host];
	uint64_t numbers = d->bytes + 2; /* SYN and FIN, where they were missed */

	if (vd->fin_check == FIN_VIOLATED && !finding_rows(v, FINDING_FIN_NOT_CONSUMED))
		return "violated";
	if (vd->fin_check == FIN_OK && d->fin.covered < 0)
		return "fin_check ok of a FIN never covered";
	if (vd->fin_check != FIN_NONE && d->fin.at < 0)
		return "a FIN that never was";
	if (vd->fin_check != FIN_NONE && vd->fin_seq != d->fin.number)
		return "fin_seq";
	if (vd->bytes > d->bytes)
		return "more bytes than there were";
	if (vd->bytes + vd->missing > numbers)
		return "more missing than there was";
	return NULL;
}

static uint32_t host_of(const struct verdict *v, int side)
{
	return v->dir[side].address.bytes[3] == 2;
}

static const char *contradicts(const struct verdict *v, const struct true_row *r,
			       const struct tcp_world *w)
{
	const char *what = NULL;

	for (int side = 0; side < SIDES && !what; side++)
		what = side_contradicts(v, side, r, host_of(v, side));
	if (what)
		return what;
	if (v->end_reason == END_CLOSED && r->both_covered < 0)
		return "closed";
	if (ends_by_reset(v) && !was_sent(w, r->life, host_of(v, (int)v->rst_by), MODEL_RST))
		return "reset by an end that sent none";
	if (v->closer < SIDES &&
	    !was_sent(w, r->life, host_of(v, (int)v->closer), MODEL_FIN | MODEL_RST))
		return "closer";
	if (v->time_wait_check >= TIME_WAIT_REUSED_OK && w->lives == 1 &&
	    v->time_wait_check != TIME_WAIT_ASSASSINATED &&
	    v->time_wait_check != TIME_WAIT_CUT_SHORT)
		return "reused";
	return NULL;
}

static bool one_initiator(const struct tcp_world *w)
{
	for (uint32_t i = 0; i < w->log_count; i++)
		if ((w->log[i].tcp.flags & (MODEL_SYN | MODEL_ACK)) == MODEL_SYN &&
		    w->log[i].tcp.from != 0)
			return false;
	return true;
}

static void check_lossy(struct tcp_world *w, struct truths *t, uint32_t seed, struct tally *tally)
{
	static bool missed[WORLD_LOG_MAX];
	int64_t until = end_of(w);
	struct scene scene;

	if (!one_initiator(w)) { /* half of a simultaneous open is another open */
		tally->beyond++;
		return;
	}
	miss_some(w, missed, tally);
	watch(w, missed, until, &scene);
	for (size_t i = 0; i < scene.told_count; i++) {
		const struct verdict *v = &scene.told[i].verdict;
		const struct true_row *r = &t->rows[w->log[v->first_packet - 1].tcp.life];
		const char *what = contradicts(v, r, w);

		tally->connections++;
		tally->teardowns[v->teardown]++;
		tally->checks[v->time_wait_check]++;
		tally->reasons[v->end_reason]++;
		tally->undecidable += finding_rows(v, FINDING_FIN_NOT_CONSUMED) > 0;
		if (what) {
			print_log(w, missed);
			fail_msg("seed %u, connection of packet %" PRIu64 ": %s", seed,
				 v->first_packet, what);
		}
	}
	tally->segments += w->log_count;
	scene_close(&scene);
}

typedef void world_check(struct tcp_world *w, struct truths *t, uint32_t seed, struct tally *tally);

static void one_world(uint32_t seed, struct tally *tally, world_check *check)
{
	static struct tcp_world w;
	static struct truths t;

	world_run(&w, seed);
	tally->worlds++;
	if (w.overflown) {
		tally->overflown++;
		return;
	}
	truths_find(&t, &w);
	if (t.beyond)
		tally->beyond++;
	else
		check(&w, &t, seed, tally);
}

static void lossless_tap_agrees(void **state)
{
	struct tally tally = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= WORLDS; seed++)
		one_world(seed, &tally, compare);
	for (int i = 0; i < TEARDOWNS; i++)
		if (i != TEARDOWN_STRAY)
			assert_in_range(tally.teardowns[i], 5, UINT32_MAX);
	for (int i = 0; i < TIME_WAIT_CHECKS; i++)
		assert_in_range(tally.checks[i], 1, UINT32_MAX);
	assert_in_range(tally.overflown + tally.beyond, 0, WORLDS / 20);
	assert_in_range(tally.undecidable, 0, tally.connections / 200);
}

static void lossy_tap_never_contradicts(void **state)
{
	struct tally tally = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= WORLDS; seed++)
		one_world(seed, &tally, check_lossy);
	assert_in_range(tally.unseen, tally.segments / 20, tally.segments);
	assert_in_range(tally.undecidable, 0, tally.connections / 200);
}

static void print_tally(const struct tally *t)
{
	printf("%" PRIu64 " worlds, %" PRIu64 " connections, %" PRIu64 " segments; %" PRIu64
	       " worlds too large, %" PRIu64 " with segments for forgotten rows, %" PRIu64
	       " FINs that look not consumed\n",
	       t->worlds, t->connections, t->segments, t->overflown, t->beyond, t->undecidable);
	for (int i = 0; i < TEARDOWNS; i++)
		printf("%-22s %10" PRIu64 "\n", teardown_name((enum teardown)i), t->teardowns[i]);
	for (int i = 0; i < TIME_WAIT_CHECKS; i++)
		printf("%-22s %10" PRIu64 "\n", time_wait_check_name((enum time_wait_check)i),
		       t->checks[i]);
	for (int i = 0; i < END_REASONS; i++)
		printf("%-22s %10" PRIu64 "\n", end_reason_name((enum end_reason)i), t->reasons[i]);
}

static uint64_t wanted;
static uint32_t first_seed = 1;

static void as_many_as_wanted(void **state)
{
	struct tally tally = {0};

	(void)state;
	for (uint32_t seed = first_seed; tally.connections < wanted; seed++)
		one_world(seed, &tally, compare);
	print_tally(&tally);
}

static void as_many_at_a_lossy_tap(void **state)
{
	struct tally tally = {0};

	(void)state;
	for (uint32_t seed = first_seed; tally.connections < wanted; seed++)
		one_world(seed, &tally, check_lossy);
	print_tally(&tally);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lossless_tap_agrees),
		cmocka_unit_test(lossy_tap_never_contradicts),
	};
	const struct CMUnitTest longer[] = {cmocka_unit_test(as_many_as_wanted),
					    cmocka_unit_test(as_many_at_a_lossy_tap)};

	if (argc < 2)
		return cmocka_run_group_tests(tests, NULL, NULL);
	wanted = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first_seed = (uint32_t)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(longer, NULL, NULL);
}
