/* Capture duplicates (semantics section 1): every clause of the rule, the window, and the engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/duplicates.h"
#include "analyzer/flow_table.h"
#include "tests/engine_scene.h"

/* The window of duplicates.h holds at least this, and forgets what lies twice as far back. */
enum { WINDOW = 8192 };

#define T0 INT64_C(1700000000000000000)
#define MS INT64_C(1000000)
#define US INT64_C(1000)

static const uint64_t way = 0x1234567887654321;

/* With identification and payload. */
static struct segment plain(void)
{
	return (struct segment){.ts_ns = T0,
				.ttl = 64,
				.ip_id = 7,
				.seq = 1000,
				.ack = 2000,
				.window = 500,
				.checksum = 0xabcd,
				.flags = TCP_ACK | TCP_PSH,
				.payload_len = 100};
}

/* IPv6, or IPv4 without identification. */
static struct segment without_id(void)
{
	struct segment s = plain();

	s.ip_id = 0;
	return s;
}

static bool found_after(const struct segment *first, uint64_t first_way,
			const struct segment *second, uint64_t second_way)
{
	struct duplicates *d = duplicates_new();
	struct flow flow = {0}, *of = NULL;
	uint64_t serial = 0;
	bool found;

	assert_non_null(d);
	assert_false(duplicates_find(d, duplicates_hash(first_way, first), first_way, first, &of,
				     &serial));
	duplicates_add(d, duplicates_hash(first_way, first), first_way, first, &flow, 42);
	found = duplicates_find(d, duplicates_hash(second_way, second), second_way, second, &of,
				&serial);
	if (found) {
		assert_ptr_equal(of, &flow);
		assert_int_equal(serial, 42);
	}
	duplicates_free(d);
	return found;
}

static bool repeats(const struct segment *first, const struct segment *second)
{
	return found_after(first, way, second, way);
}

static void same_segment_is_a_duplicate(void **state)
{
	struct segment s = plain();

	(void)state;
	assert_true(repeats(&s, &s));
	assert_false(found_after(&s, way, &s, way ^ 1)); /* the other direction */
}

static void every_field_of_the_content_counts(void **state)
{
	const struct segment first = plain();
	struct segment s;

	(void)state;
	s = first;
	s.checksum++;
	assert_false(repeats(&first, &s));
	s = first;
	s.seq++;
	assert_false(repeats(&first, &s));
	s = first;
	s.ack++;
	assert_false(repeats(&first, &s));
	s = first;
	s.flags ^= TCP_PSH;
	assert_false(repeats(&first, &s));
	s = first;
	s.window++;
	assert_false(repeats(&first, &s));
	s = first;
	s.payload_len++;
	assert_false(repeats(&first, &s));
}

static void identification_decides_where_there_is_one(void **state)
{
	const struct segment first = plain(), no_id = without_id();
	struct segment s = first;

	(void)state;
	s.ip_id++;
	assert_false(repeats(&first, &s));
	assert_false(repeats(&first, &no_id));
	assert_false(repeats(&no_id, &first));
	/* the same one: whatever else the taps changed, and without payload */
	s = first;
	s.ttl--;
	s.vlan_tags = 10;
	s.interface = 3;
	assert_true(repeats(&first, &s));
	s.ts_ns += MS;
	assert_true(repeats(&first, &s));
}

static void within_a_millisecond(void **state)
{
	const struct segment first = plain();
	struct segment s = first;

	(void)state;
	s.ts_ns = T0 + MS;
	assert_true(repeats(&first, &s));
	s.ts_ns = T0 + MS + 1;
	assert_false(repeats(&first, &s));
	/* time may go backwards */
	s.ts_ns = T0 - MS;
	assert_true(repeats(&first, &s));
	s.ts_ns = T0 - MS - 1;
	assert_false(repeats(&first, &s));
}

static void without_identification_another_tap_must_show(void **state)
{
	struct segment first = without_id(), s;

	(void)state;
	first.payload_len = 0;
	first.flags = TCP_ACK;
	s = first;
	assert_false(repeats(&first, &s)); /* a repeated bare ACK */
	s.ttl--;
	assert_true(repeats(&first, &s));
	s = first;
	s.vlan_tags = 10;
	assert_true(repeats(&first, &s));
	s = first;
	s.interface = 1;
	assert_true(repeats(&first, &s));
	s.ts_ns = T0 + MS;
	assert_true(repeats(&first, &s));
	s.ts_ns = T0 + MS + 1;
	assert_false(repeats(&first, &s));
}

static void without_identification_payload_or_syn_within_20_us(void **state)
{
	struct segment first = without_id(), s;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		first.payload_len = kind == 0 ? 1 : 0;
		first.flags = kind == 0 ? TCP_ACK : kind == 1 ? TCP_SYN : TCP_SYN | TCP_ACK;
		s = first;
		assert_true(repeats(&first, &s));
		s.ts_ns = T0 + 20 * US;
		assert_true(repeats(&first, &s));
		s.ts_ns = T0 + 20 * US + 1;
		assert_false(repeats(&first, &s));
		s.ts_ns = T0 - 20 * US;
		assert_true(repeats(&first, &s));
		s.ts_ns = T0 - 20 * US - 1;
		assert_false(repeats(&first, &s));
	}
	first.payload_len = 0;
	first.flags = TCP_FIN | TCP_ACK; /* neither payload nor SYN */
	assert_false(repeats(&first, &first));
	first.flags = TCP_RST;
	assert_false(repeats(&first, &first));
}

/* Any of the last eight of a direction is known, whatever their VLAN. */
static void last_eight_are_known(void **state)
{
	struct duplicates *d = duplicates_new();
	struct flow flow = {0}, *of;
	uint64_t serial;

	(void)state;
	assert_non_null(d);
	for (uint32_t i = 0; i < 8; i++) {
		struct segment s = plain();

		s.seq += i * 100;
		s.ip_id = (uint16_t)(100 + i);
		s.vlan_tags = i;
		duplicates_add(d, duplicates_hash(way, &s), way, &s, &flow, i);
	}
	for (uint32_t i = 0; i < 8; i++) {
		struct segment s = plain();

		s.seq += i * 100;
		s.ip_id = (uint16_t)(100 + i);
		s.vlan_tags = 99;
		assert_true(duplicates_find(d, duplicates_hash(way, &s), way, &s, &of, &serial));
		assert_int_equal(serial, i);
	}
	duplicates_free(d);
}

/* Of several equal ones the latest that fits is told, and an earlier one where the latest does not. */
static void latest_that_fits_is_told(void **state)
{
	struct duplicates *d = duplicates_new();
	struct segment s = plain(), late;
	struct flow one = {0}, two = {0}, *of;
	uint64_t serial;

	(void)state;
	assert_non_null(d);
	duplicates_add(d, duplicates_hash(way, &s), way, &s, &one, 1);
	late = s;
	late.ts_ns = T0 + 5 * MS;
	late.ip_id++;
	duplicates_add(d, duplicates_hash(way, &late), way, &late, &two, 2);
	assert_true(duplicates_find(d, duplicates_hash(way, &late), way, &late, &of, &serial));
	assert_ptr_equal(of, &two);
	assert_true(duplicates_find(d, duplicates_hash(way, &s), way, &s, &of, &serial));
	assert_ptr_equal(of, &one);
	duplicates_free(d);
}

static uint32_t random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

/* Few enough contents that many meet, and times that jump about. */
static struct segment random_segment(uint32_t *random, int64_t around_ns)
{
	struct segment s = plain();

	s.seq = random_next(random) % 40;
	s.ack = random_next(random) % 3;
	s.checksum = (uint16_t)(random_next(random) % 2);
	s.ip_id = (uint16_t)(random_next(random) % 3);
	s.ttl = (uint8_t)(64 - random_next(random) % 2);
	s.payload_len = random_next(random) % 2;
	s.ts_ns = around_ns + (int64_t)(random_next(random) % 3000) * US - 1500 * US;
	return s;
}

/* The rule once more, read off the page. */
static bool is_repetition(const struct segment *e, const struct segment *s)
{
	int64_t apart = e->ts_ns > s->ts_ns ? e->ts_ns - s->ts_ns : s->ts_ns - e->ts_ns;

	if (e->seq != s->seq || e->ack != s->ack || e->checksum != s->checksum ||
	    e->flags != s->flags || e->window != s->window || e->payload_len != s->payload_len ||
	    apart > MS || e->ip_id != s->ip_id)
		return false;
	return s->ip_id != 0 || e->ttl != s->ttl || (s->payload_len > 0 && apart <= 20 * US);
}

/* Round the window several times: what is found is the latest that fits of those inside it. */
static void window_turns_over(void **state)
{
	enum { SEGMENTS = 5 * WINDOW };
	static struct segment all[SEGMENTS];
	static uint64_t ways[SEGMENTS];
	struct duplicates *d = duplicates_new();
	struct flow flow = {0}, *of;
	uint32_t random = 4711, hits = 0;

	(void)state;
	assert_non_null(d);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		uint64_t serial = UINT64_MAX;
		bool found;

		ways[i] = random_next(&random) % 4;
		/* a millisecond holds far fewer segments than the window */
		all[i] = random_segment(&random, T0 + (int64_t)i * 2 * US);
		found = duplicates_find(d, duplicates_hash(ways[i], &all[i]), ways[i], &all[i], &of,
					&serial);
		if (found) {
			hits++;
			assert_true(serial < i);
			assert_int_equal(ways[serial], ways[i]);
			assert_true(is_repetition(&all[serial], &all[i]));
		}
		for (uint32_t back = found        ? (uint32_t)serial + 1
				     : i < WINDOW ? 0
						  : i - WINDOW + 1;
		     back < i; back++)
			assert_false(ways[back] == ways[i] && is_repetition(&all[back], &all[i]));
		duplicates_add(d, duplicates_hash(ways[i], &all[i]), ways[i], &all[i], &flow, i);
	}
	assert_in_range(hits, SEGMENTS / 100, SEGMENTS - SEGMENTS / 100);
	duplicates_free(d);
}

/* However full of equal segments, the window forgets. */
static void what_fell_out_is_forgotten(void **state)
{
	struct duplicates *d = duplicates_new();
	struct segment s = plain(), other = plain();
	struct flow flow = {0}, *of;
	uint64_t serial;

	(void)state;
	assert_non_null(d);
	duplicates_add(d, duplicates_hash(way, &s), way, &s, &flow, 1);
	for (uint32_t i = 0; i < 2 * WINDOW; i++) {
		other.seq = 5000 + i;
		duplicates_add(d, duplicates_hash(way, &other), way, &other, &flow, 2);
	}
	assert_false(duplicates_find(d, duplicates_hash(way, &s), way, &s, &of, &serial));
	assert_true(duplicates_find(d, duplicates_hash(way, &other), way, &other, &of, &serial));
	duplicates_free(d);
}

/* ---- in the engine ---- */

static void engine_counts_them_and_judges_no_further(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	struct segment s;
	const struct verdict *v;

	(void)state;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &ends, T0);
	s = segment_of(&ends, SIDE_INITIATOR, TCP_ACK | TCP_PSH, 1001, 5001, 100);
	s.ip_id = 77;
	scene_feed(&scene, &s, T0 + 10 * MS);
	scene_feed(&scene, &s, T0 + 11 * MS); /* the copy moves no time */
	s.ttl -= 10;
	s.vlan_tags = 30; /* from another tap: still of this connection */
	scene_feed(&scene, &s, T0 + 9 * MS);
	scene_finish(&scene);
	assert_int_equal(scene.told_count, 1);
	v = &scene.told[0].verdict;
	assert_int_equal(v->duplicates, 2);
	assert_int_equal(v->dir[SIDE_INITIATOR].packets, 3);
	assert_int_equal(v->dir[SIDE_INITIATOR].bytes, 100);
	assert_int_equal(v->dir[SIDE_INITIATOR].retransmitted, 0);
	assert_true(v->last_ns == T0 + 10 * MS);
	assert_int_equal(engine_counts(scene.engine)->duplicates, 2);
	assert_int_equal(engine_counts(scene.engine)->segments, 4);
	scene_close(&scene);
}

static void engine_keeps_them_when_asked(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	struct segment s;

	(void)state;
	config.keep_duplicates = true;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &ends, T0);
	s = segment_of(&ends, SIDE_INITIATOR, TCP_ACK | TCP_PSH, 1001, 5001, 100);
	s.ip_id = 77;
	scene_feed(&scene, &s, T0 + 10 * MS);
	scene_feed(&scene, &s, T0 + 10 * MS);
	scene_finish(&scene);
	assert_int_equal(scene.told[0].verdict.duplicates, 0);
	assert_int_equal(scene.told[0].verdict.dir[SIDE_INITIATOR].packets, 4);
	assert_int_equal(scene.told[0].verdict.dir[SIDE_INITIATOR].retransmitted, 1);
	scene_close(&scene);
}

/* A copy whose connection has been told already is counted, and opens none. */
static void duplicate_of_a_forgotten_connection(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends one = ends_of(1), two = ends_of(2);
	struct scene scene;
	struct segment s = segment_of(&one, SIDE_INITIATOR, TCP_SYN, 1000, 0, 0);

	(void)state;
	config.max_flows = 1;
	scene_open(&scene, &config);
	s.ip_id = 5;
	scene_feed(&scene, &s, T0);
	scene_send(&scene, &two, SIDE_INITIATOR, TCP_SYN, 9000, 0, 0, T0 + 10 * US);
	assert_int_equal(scene.told_count, 1); /* the first, evicted; its slot is taken again */
	scene_feed(&scene, &s, T0 + 20 * US);
	scene_finish(&scene);
	assert_int_equal(scene.told_count, 2);
	assert_int_equal(engine_counts(scene.engine)->duplicates, 1);
	assert_int_equal(scene.told[1].verdict.duplicates, 0);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_segment_is_a_duplicate),
		cmocka_unit_test(every_field_of_the_content_counts),
		cmocka_unit_test(identification_decides_where_there_is_one),
		cmocka_unit_test(within_a_millisecond),
		cmocka_unit_test(without_identification_another_tap_must_show),
		cmocka_unit_test(without_identification_payload_or_syn_within_20_us),
		cmocka_unit_test(last_eight_are_known),
		cmocka_unit_test(latest_that_fits_is_told),
		cmocka_unit_test(window_turns_over),
		cmocka_unit_test(what_fell_out_is_forgotten),
		cmocka_unit_test(engine_counts_them_and_judges_no_further),
		cmocka_unit_test(engine_keeps_them_when_asked),
		cmocka_unit_test(duplicate_of_a_forgotten_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
