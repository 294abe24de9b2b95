/* Properties of the engine under random segments: what must hold of every verdict, and what must not
 * change it. A failure tells the seed, from which the same segments can be made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/random_segments.h"
#include "tests/verdict_checks.h"

enum { SEEDS = 3000, FEW_SEEDS = 250 };

static struct engine_config plain_config(void)
{
	struct engine_config config = engine_defaults();

	config.ladders = LADDERS_ALL;
	return config;
}

static int by_first_packet(const void *one, const void *other)
{
	uint64_t x = ((const struct told *)one)->verdict.first_packet;
	uint64_t y = ((const struct told *)other)->verdict.first_packet;

	return x < y ? -1 : x > y;
}

static void in_order(struct scene *scene)
{
	qsort(scene->told, scene->told_count, sizeof(scene->told[0]), by_first_packet);
}

static void watch(const struct random_segments *segments, const struct engine_config *config,
		  struct scene *scene)
{
	scene_open(scene, config);
	random_play(segments, scene, NULL);
	scene_finish(scene);
	in_order(scene);
}

/* ---- what must hold of every verdict ---- */

static void check_verdicts(const struct scene *scene, const struct random_segments *segments,
			   uint32_t seed)
{
	const struct engine_counts *counts = engine_counts(scene->engine);

	assert_int_equal(counts->segments + counts->duplicates, segments->count);
	assert_int_equal(scene->told_packets, counts->segments);
	assert_int_equal(counts->connections, scene->told_count);
	assert_true(scene->told_duplicates <= counts->duplicates);
	assert_int_equal(counts->evicted, 0);
	for (size_t i = 0; i < scene->told_count; i++) {
		const char *fault = verdict_fault(&scene->told[i], RANDOM_SPAN);

		if (fault)
			fail_msg("seed %u, connection of packet %llu: not %s", seed,
				 (unsigned long long)scene->told[i].verdict.first_packet, fault);
		if (i > 0) /* each was told once */
			assert_true(scene->told[i].verdict.first_packet >
				    scene->told[i - 1].verdict.first_packet);
	}
}

static void verdicts_make_sense(void **state)
{
	static struct random_segments segments;
	struct engine_config config = plain_config();

	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct scene scene;

		config.idle_timeout_ns = seed % 4 == 0 ? 100 * SECOND_NS : 0;
		config.keep_duplicates = seed % 5 == 0;
		random_segments(&segments, seed);
		watch(&segments, &config, &scene);
		check_verdicts(&scene, &segments, seed);
		scene_close(&scene);
	}
}

/* The generator would prove nothing if it never got there. */
static void every_kind_of_verdict_occurs(void **state)
{
	static struct random_segments segments;
	struct engine_config config = plain_config();
	uint32_t teardowns[TEARDOWNS] = {0}, checks[TIME_WAIT_CHECKS] = {0};
	uint32_t causes[RST_CAUSES] = {0}, fins[FIN_CHECKS] = {0}, reasons[END_REASONS] = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct scene scene;

		random_segments(&segments, seed);
		watch(&segments, &config, &scene);
		for (size_t i = 0; i < scene.told_count; i++) {
			const struct verdict *v = &scene.told[i].verdict;

			teardowns[v->teardown]++;
			checks[v->time_wait_check]++;
			causes[v->rst_cause]++;
			fins[v->dir[SIDE_INITIATOR].fin_check]++;
			reasons[v->end_reason]++;
		}
		scene_close(&scene);
	}
	for (int i = 0; i < TEARDOWNS; i++)
		assert_in_range(teardowns[i], 5, UINT32_MAX);
	for (int i = 0; i < TIME_WAIT_CHECKS; i++)
		assert_in_range(checks[i], 1, UINT32_MAX);
	for (int i = 0; i < FIN_CHECKS; i++)
		assert_in_range(fins[i], 20, UINT32_MAX);
	for (int i = 0; i < RST_CAUSES; i++)
		if (i != RST_CAUSE_RETRANSMISSION_FAILURE && i != RST_CAUSE_KEEPALIVE_FAILURE)
			assert_in_range(causes[i], 1, UINT32_MAX);
	for (int i = 0; i < END_REASONS; i++)
		if (i != END_EVICTED)
			assert_in_range(reasons[i], 5, UINT32_MAX);
}

/* ---- what must not change a verdict ---- */

/* A change of the segments or the run, and how to see past it in a verdict. */
struct change {
	const char *name;
	void (*first)(struct random_segments *segments); /* of both runs */
	bool (*comparable)(const struct scene *scene, const struct random_segments *segments);
	void (*segments)(struct random_segments *segments, uint32_t seed);
	void (*config)(struct engine_config *config);
	void (*verdict)(struct told *told, const struct random_segments *segments, uint32_t seed);
	void (*between)(struct scene *scene, const struct segment *last);
};

/* Which of the random tuples a verdict is about, and which of its ends the initiator is. */
static uint32_t tuple_of(const struct verdict *v, enum side *initiator)
{
	for (uint32_t tuple = 0; tuple < RANDOM_TUPLES; tuple++) {
		struct ends ends = random_ends(tuple);

		for (int side = 0; side < SIDES; side++)
			if (memcmp(&v->dir[0].address, &ends.address[side], 16) == 0 &&
			    memcmp(&v->dir[1].address, &ends.address[!side], 16) == 0 &&
			    v->dir[0].port == ends.port[side]) {
				*initiator = (enum side)side;
				return tuple;
			}
	}
	fail_msg("a verdict about no tuple of the segments");
	return 0;
}

/* Sequence numbers: a constant for each direction. */
static uint32_t offset_of(uint32_t seed, uint32_t tuple, enum side from)
{
	uint32_t random = seed * 747796405u + tuple * 2891336453u + from * 277803737u + 1;

	(void)random_next(&random);
	return random_next(&random);
}

static void move_numbers(struct random_segments *segments, uint32_t seed)
{
	for (size_t i = 0; i < segments->count; i++) {
		struct segment *s = &segments->segment[i];
		enum side from = (enum side)segments->from[i];

		s->seq += offset_of(seed, segments->tuple[i], from);
		if (s->flags & TCP_ACK)
			s->ack += offset_of(seed, segments->tuple[i],
					    from == SIDE_INITIATOR ? SIDE_RESPONDER
								   : SIDE_INITIATOR);
	}
}

static void move_numbers_back(struct told *t, const struct random_segments *segments, uint32_t seed)
{
	enum side initiator = SIDE_NONE;
	uint32_t tuple = tuple_of(&t->verdict, &initiator);

	(void)segments;
	for (int side = 0; side < SIDES; side++) {
		struct verdict_direction *d = &t->verdict.dir[side];
		uint32_t offset = offset_of(seed, tuple, (enum side)(side ^ (int)initiator));

		d->isn -= offset;
		if (d->fin_check != FIN_NONE)
			d->fin_seq -= offset;
	}
	for (size_t i = 0; i < t->verdict.ladder_count; i++) {
		struct ladder_segment *s = &t->ladder[i];

		s->seq -= offset_of(seed, tuple, (enum side)(s->from ^ (int)initiator));
		if (s->flags & TCP_ACK)
			s->ack -= offset_of(seed, tuple, (enum side)(!s->from ^ (int)initiator));
	}
}

#define LATER_NS INT64_C(-1600000000123456789)

static void move_times(struct random_segments *segments, uint32_t seed)
{
	(void)seed;
	for (size_t i = 0; i < segments->count; i++)
		segments->segment[i].ts_ns += LATER_NS;
}

static void move_time_back(int64_t *ns)
{
	if (*ns != NONE_NS)
		*ns -= LATER_NS;
}

static void move_times_back(struct told *t, const struct random_segments *segments, uint32_t seed)
{
	struct verdict *v = &t->verdict;

	(void)segments;
	(void)seed;
	move_time_back(&v->first_ns);
	move_time_back(&v->last_ns);
	move_time_back(&v->end_ns);
	move_time_back(&v->rst_ns);
	move_time_back(&v->time_wait_entry_ns);
	for (int side = 0; side < SIDES; side++)
		move_time_back(&v->dir[side].fin_ns);
	for (size_t i = 0; i < v->finding_count; i++)
		move_time_back(&t->findings[i].ts_ns);
	for (size_t i = 0; i < v->timeline_count; i++)
		move_time_back(&t->timeline[i].entry_ns);
	for (size_t i = 0; i < v->ladder_count; i++)
		move_time_back(&t->ladder[i].ts_ns);
}

/* The ends change their addresses and ports with each other. */
static void swap_ends(struct random_segments *segments, uint32_t seed)
{
	(void)seed;
	for (size_t i = 0; i < segments->count; i++) {
		struct segment *s = &segments->segment[i];
		struct ip_address address = s->src;
		uint16_t port = s->sport;

		s->src = s->dst;
		s->dst = address;
		s->sport = s->dport;
		s->dport = port;
	}
}

static void mirror_side(uint8_t *side)
{
	if (*side < SIDES)
		*side = !*side;
}

static void mirror(enum side *side)
{
	if (*side == SIDE_INITIATOR || *side == SIDE_RESPONDER)
		*side = *side == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
}

static void swap_addresses(struct verdict *v)
{
	struct ip_address address = v->dir[0].address;
	uint16_t port = v->dir[0].port;

	v->dir[0].address = v->dir[1].address;
	v->dir[0].port = v->dir[1].port;
	v->dir[1].address = address;
	v->dir[1].port = port;
}

/* Of a midstream connection the higher port is the initiator: it is another end now. */
static void swap_ends_back(struct told *t, const struct random_segments *segments, uint32_t seed)
{
	struct verdict *v = &t->verdict;
	struct verdict_direction first = v->dir[0];
	struct state_entry timeline[TIMELINE_MAX];
	size_t count = 0;

	(void)segments;
	(void)seed;
	swap_addresses(v);
	if (!v->midstream || first.port == v->dir[0].port)
		return;
	first = v->dir[0];
	v->dir[0] = v->dir[1];
	v->dir[1] = first;
	mirror(&v->closer);
	mirror(&v->rst_by);
	mirror(&v->time_wait_holder);
	for (size_t i = 0; i < v->finding_count; i++)
		mirror_side(&t->findings[i].side);
	for (size_t i = 0; i < v->ladder_count; i++)
		mirror_side(&t->ladder[i].from);
	for (int side = SIDE_RESPONDER; side >= SIDE_INITIATOR; side--)
		for (size_t i = 0; i < v->timeline_count; i++)
			if (t->timeline[i].side == side)
				timeline[count++] = t->timeline[i];
	for (size_t i = 0; i < count; i++) {
		t->timeline[i] = timeline[i];
		mirror_side(&t->timeline[i].side);
	}
}

static void tag(struct random_segments *segments, uint32_t seed)
{
	(void)seed;
	for (size_t i = 0; i < segments->count; i++)
		segments->segment[i].vlan_tags = segments->segment[i].vlan_tags << 12 | 77;
}

static void untag(struct told *t, const struct random_segments *segments, uint32_t seed)
{
	(void)segments;
	(void)seed;
	for (int side = 0; side < SIDES; side++)
		t->verdict.dir[side].vlan_tags >>= 12;
}

static void tunnel(struct random_segments *segments, uint32_t seed)
{
	for (size_t i = 0; i < segments->count; i++)
		segments->segment[i].tunnel = (struct tunnel){1, {{TUNNEL_VXLAN, seed}}};
}

static void other_hash_key(struct engine_config *config)
{
	memset(config->hash_key, 0xa5, sizeof(config->hash_key));
}

static void in_full(struct engine_config *config)
{
	config->no_short_way = true;
}

/* The packet numbers of what a change puts in between begin here. */
#define ELSEWHERE UINT64_C(1000000)

/* Hundreds of connections begin and end elsewhere: what has ended here is packed. */
static void many_others(struct scene *scene, const struct segment *last)
{
	struct error err = {""};

	if (last->packet % 4 != 0)
		return;
	for (int i = 0; i < 300; i++) {
		uint32_t number = (uint32_t)++scene->packet;
		struct ends ends = ends_of(1000 + number);
		struct segment syn = segment_of(&ends, SIDE_INITIATOR, TCP_SYN, number, 0, 0);
		struct segment rst = segment_of(&ends, SIDE_RESPONDER, TCP_RST | TCP_ACK, 0,
						number + 1, 0);

		syn.ts_ns = rst.ts_ns = last->ts_ns;
		syn.packet = rst.packet = ELSEWHERE + number;
		assert_true(engine_segment(scene->engine, &syn, &err));
		assert_true(engine_segment(scene->engine, &rst, &err));
	}
}

/* Every segment comes twice, from two taps. */
static void twice(struct scene *scene, const struct segment *last)
{
	struct segment copy = *last;
	struct error err = {""};

	copy.ttl--;
	copy.interface = 1;
	copy.packet = ELSEWHERE + last->packet;
	assert_true(engine_segment(scene->engine, &copy, &err));
}

static void run_changed(const struct change *change, const struct random_segments *segments,
			uint32_t seed, struct scene *scene)
{
	static struct random_segments changed;
	struct engine_config config = plain_config();

	changed = *segments;
	if (change->segments)
		change->segments(&changed, seed);
	if (change->config)
		change->config(&config);
	scene_open(scene, &config);
	random_play(&changed, scene, change->between);
	scene_finish(scene);
	for (size_t i = 0; i < scene->told_count; i++)
		if (change->verdict)
			change->verdict(&scene->told[i], segments, seed);
	in_order(scene);
}

static void compare_runs(const struct change *change, const struct scene *one,
			 const struct scene *other, uint32_t seed)
{
	size_t here = 0;

	while (here < other->told_count && other->told[here].verdict.first_packet < ELSEWHERE)
		here++;
	for (size_t i = 0; i < one->told_count && i < here; i++) {
		struct told told = one->told[i];
		const char *difference;

		if (change->between == twice) /* each segment's copy, and each copy's */
			told.verdict.duplicates = 2 * told.verdict.duplicates +
						  told.verdict.dir[0].packets +
						  told.verdict.dir[1].packets;
		difference = verdict_difference(&told, &other->told[i]);
		if (difference)
			fail_msg("%s, seed %u, connection of packet %llu: %s", change->name, seed,
				 (unsigned long long)told.verdict.first_packet, difference);
	}
	if (here != one->told_count)
		fail_msg("%s, seed %u: %zu connections instead of %zu", change->name, seed, here,
			 one->told_count);
}

static void check_change(const struct change *change, uint32_t seeds)
{
	static struct random_segments segments;
	struct engine_config config = plain_config();
	uint32_t compared = 0;

	for (uint32_t seed = 1; seed <= seeds; seed++) {
		struct scene one, other;

		random_segments(&segments, seed);
		if (change->first)
			change->first(&segments);
		watch(&segments, &config, &one);
		run_changed(change, &segments, seed, &other);
		if (!change->comparable || (change->comparable(&one, &segments) &&
					    change->comparable(&other, &segments))) {
			compare_runs(change, &one, &other, seed);
			compared++;
		}
		scene_close(&one);
		scene_close(&other);
	}
	assert_in_range(compared, seeds / 5, seeds);
}

static void numbers_may_lie_anywhere(void **state)
{
	const struct change change = {
		.name = "numbers moved", .segments = move_numbers, .verdict = move_numbers_back};

	(void)state;
	check_change(&change, SEEDS);
}

static void times_may_lie_anywhere(void **state)
{
	const struct change change = {
		.name = "times moved", .segments = move_times, .verdict = move_times_back};

	(void)state;
	check_change(&change, SEEDS);
}

/* Who the initiator is follows from SYNs alone. */
static bool all_begin_with_syn(const struct scene *scene, const struct random_segments *segments)
{
	for (size_t i = 0; i < scene->told_count; i++) {
		uint64_t first = scene->told[i].verdict.first_packet;

		if ((segments->segment[first - 1].flags & (TCP_SYN | TCP_RST)) != TCP_SYN)
			return false;
	}
	return true;
}

static void ends_may_change_addresses(void **state)
{
	const struct change change = {.name = "ends swapped",
				      .comparable = all_begin_with_syn,
				      .segments = swap_ends,
				      .verdict = swap_ends_back};

	(void)state;
	check_change(&change, SEEDS);
}

static void without_syns(struct random_segments *segments)
{
	for (size_t i = 0; i < segments->count; i++)
		segments->segment[i].flags &= (uint8_t)~TCP_SYN;
}

/* Where both ends are in the same state at once, the columns show the initiator. */
static bool none_simultaneous(const struct scene *scene, const struct random_segments *segments)
{
	(void)segments;
	for (size_t i = 0; i < scene->told_count; i++)
		if (scene->told[i].verdict.teardown == TEARDOWN_SIMULTANEOUS)
			return false;
	return true;
}

static void ends_of_midstream_are_alike(void **state)
{
	const struct change change = {.name = "ends swapped, midstream",
				      .first = without_syns,
				      .comparable = none_simultaneous,
				      .segments = swap_ends,
				      .verdict = swap_ends_back};

	(void)state;
	check_change(&change, SEEDS);
}

static void everything_may_be_tagged(void **state)
{
	const struct change change = {.name = "tagged", .segments = tag, .verdict = untag};

	(void)state;
	check_change(&change, SEEDS);
}

static void everything_may_be_tunnelled(void **state)
{
	const struct change change = {
		.name = "tunnelled", .segments = tunnel, .config = other_hash_key};

	(void)state;
	check_change(&change, SEEDS);
}

static void ended_ones_may_be_packed(void **state)
{
	const struct change change = {.name = "among others", .between = many_others};

	(void)state;
	check_change(&change, FEW_SEEDS);
}

static void everything_may_come_twice(void **state)
{
	const struct change change = {.name = "twice", .between = twice};

	(void)state;
	check_change(&change, SEEDS);
}

static void every_connection_may_be_watched_in_full(void **state)
{
	const struct change change = {.name = "the long way", .config = in_full};

	(void)state;
	check_change(&change, SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_verdict_occurs),
		cmocka_unit_test(verdicts_make_sense),
		cmocka_unit_test(numbers_may_lie_anywhere),
		cmocka_unit_test(times_may_lie_anywhere),
		cmocka_unit_test(ends_may_change_addresses),
		cmocka_unit_test(ends_of_midstream_are_alike),
		cmocka_unit_test(everything_may_be_tagged),
		cmocka_unit_test(everything_may_be_tunnelled),
		cmocka_unit_test(every_connection_may_be_watched_in_full),
		cmocka_unit_test(ended_ones_may_be_packed),
		cmocka_unit_test(everything_may_come_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
