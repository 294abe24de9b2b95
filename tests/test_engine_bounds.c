/* The bounds of the engine: who is given up first, memory under attack, rows of findings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cmocka.h>

#include "tests/engine_scene.h"
#include "tests/verdict_checks.h"

#define T0 INT64_C(1700000000000000000)
#define MS INT64_C(1000000)

enum { MIB = 1 << 20 };

static bool is_about(const struct told *told, const struct ends *ends)
{
	return memcmp(&told->verdict.dir[SIDE_INITIATOR].address, &ends->address[SIDE_INITIATOR],
		      sizeof(struct ip_address)) == 0;
}

/* ---- who is given up first ---- */

/* In the order in which they came, which is not the order in which they go. */
enum kind { ALIVE_OLD, HALF, ENDED_OLD, ALIVE_NEW, ATTEMPT_OLD, ENDED_NEW, ATTEMPT_NEW, KINDS };

/* Never-answered attempts, then the ended ones that would be forgotten soonest, then the longest
 * silent, whether the handshake is done or not. */
static const enum kind order_of_giving_up[KINDS] = {
	ATTEMPT_OLD, ATTEMPT_NEW, ENDED_OLD, ENDED_NEW, ALIVE_OLD, HALF, ALIVE_NEW,
};

static void start_kind(struct scene *scene, enum kind kind, int64_t ts_ns)
{
	struct ends ends = ends_of(kind);

	switch (kind) {
	case ATTEMPT_OLD:
	case ATTEMPT_NEW:
		scene_send(scene, &ends, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, ts_ns);
		break;
	case HALF:
		scene_send(scene, &ends, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, ts_ns);
		scene_send(scene, &ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 1, 2, 0, ts_ns + MS);
		break;
	case ENDED_OLD:
		ts_ns = scene_handshake(scene, &ends, ts_ns);
		(void)scene_close_clean(scene, &ends, ts_ns);
		break;
	case ENDED_NEW:
		ts_ns = scene_handshake(scene, &ends, ts_ns);
		scene_send(scene, &ends, SIDE_INITIATOR, TCP_RST, 1001, 0, 0, ts_ns + MS);
		break;
	default:
		(void)scene_handshake(scene, &ends, ts_ns);
	}
}

static void check_giving_up(struct scene *scene)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct ends ends = ends_of(order_of_giving_up[i]);
		const struct told *told = &scene->told[i];

		assert_true(is_about(told, &ends));
		switch (order_of_giving_up[i]) {
		case ENDED_OLD:
			assert_int_equal(told->verdict.end_reason, END_CLOSED);
			break;
		case ENDED_NEW:
			assert_int_equal(told->verdict.end_reason, END_RESET);
			break;
		default:
			assert_int_equal(told->verdict.end_reason, END_EVICTED);
		}
		assert_null(verdict_fault(told, 1000));
	}
	assert_int_equal(engine_counts(scene->engine)->evicted, KINDS);
	assert_int_equal(engine_counts(scene->engine)->evicted_unanswered, 2);
	assert_int_equal(engine_counts(scene->engine)->evicted_ended, 2);
	assert_int_equal(engine_counts(scene->engine)->evicted_alive, 3);
}

static void least_valuable_goes_first(void **state)
{
	struct engine_config config = engine_defaults();
	struct scene scene;

	(void)state;
	config.max_flows = KINDS;
	scene_open(&scene, &config);
	for (int kind = 0; kind < KINDS; kind++)
		start_kind(&scene, (enum kind)kind, T0 + kind * SECOND_NS);
	assert_int_equal(scene.told_count, 0);
	/* newer ones, all alive, press them out one by one */
	for (uint32_t i = 0; i < KINDS; i++) {
		struct ends ends = ends_of(100 + i);
		size_t before = scene.told_count;

		(void)scene_handshake(&scene, &ends, T0 + (20 + i) * SECOND_NS);
		assert_int_equal(scene.told_count, before + 1);
	}
	check_giving_up(&scene);
	assert_in_range(engine_counts(scene.engine)->peak_connections, KINDS, KINDS + 1);
	scene_close(&scene);
}

static void least_valuable_goes_first_by_memory(void **state)
{
	struct engine_config config = engine_defaults();
	struct scene scene;
	size_t small;

	(void)state;
	/* what the fixed parts and this many connections take */
	config.keep_duplicates = true;
	scene_open(&scene, &config);
	for (int kind = 0; kind < KINDS; kind++)
		start_kind(&scene, (enum kind)kind, T0 + kind * SECOND_NS);
	small = engine_counts(scene.engine)->peak_memory;
	scene_close(&scene);

	config.max_memory = small;
	scene_open(&scene, &config);
	for (int kind = 0; kind < KINDS; kind++)
		start_kind(&scene, (enum kind)kind, T0 + kind * SECOND_NS);
	assert_int_equal(scene.told_count, 0);
	for (uint32_t i = 0; scene.told_count < KINDS; i++) {
		struct ends ends = ends_of(100 + i);

		assert_in_range(i, 0, 100);
		(void)scene_handshake(&scene, &ends, T0 + (20 + i) * SECOND_NS);
	}
	check_giving_up(&scene);
	scene_close(&scene);
}

/* Activity counts, not age. */
static void active_one_stays(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends first = ends_of(0), second = ends_of(1), third = ends_of(2);
	struct scene scene;

	(void)state;
	config.max_flows = 2;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &first, T0);
	(void)scene_handshake(&scene, &second, T0 + SECOND_NS);
	scene_send(&scene, &first, SIDE_RESPONDER, TCP_ACK, 5001, 1001, 1, T0 + 2 * SECOND_NS);
	(void)scene_handshake(&scene, &third, T0 + 3 * SECOND_NS);
	assert_int_equal(scene.told_count, 1);
	assert_true(is_about(&scene.told[0], &second));
	scene_close(&scene);
}

/* ---- memory ---- */

static size_t heap_in_use(void)
{
#ifdef __GLIBC__
	return mallinfo2().uordblks + mallinfo2().hblkhd;
#else
	return 0;
#endif
}

/* The account, and the heap itself, which rounds blocks up. */
static void check_memory(const struct scene *scene, size_t bound, size_t heap_before,
			 size_t *heap_peak)
{
	size_t heap = heap_in_use() - heap_before;

	if (heap > *heap_peak && heap_before > 0)
		*heap_peak = heap;
	/* one segment may overstep the bound before it is restored */
	assert_true(engine_counts(scene->engine)->peak_memory <= bound + 64 * 1024);
}

static void flood_of_syns_stays_in_bounds(void **state)
{
	enum { TUPLES = 300000, BOUND = 8 * MIB };
	struct engine_config config = engine_defaults();
	size_t heap = heap_in_use(), peak = 0;
	const struct engine_counts *counts;
	struct ends alive = ends_of(TUPLES);
	struct scene scene;

	(void)state;
	config.max_memory = BOUND;
	scene_open(&scene, &config);
	scene.forgetful = true;
	(void)scene_handshake(&scene, &alive, T0);
	for (uint32_t i = 0; i < TUPLES; i++) {
		struct ends ends = ends_of(i);

		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, i * 7919, 0, 0,
			   T0 + SECOND_NS + (int64_t)i * 1000);
		if (i % 1000 == 0)
			check_memory(&scene, BOUND, heap, &peak);
	}
	check_memory(&scene, BOUND, heap, &peak);
	assert_true(peak < BOUND + BOUND / 4);
	counts = engine_counts(scene.engine);
	assert_int_equal(counts->evicted, counts->evicted_unanswered);
	assert_in_range(counts->evicted, TUPLES - 20000, TUPLES - 1000);
	/* the attack does not press out what lives */
	scene_send(&scene, &alive, SIDE_RESPONDER, TCP_ACK, 5001, 1001, 10, T0 + 2 * SECOND_NS);
	scene.forgetful = false;
	scene_finish(&scene);
	assert_int_equal(scene.told_ever, TUPLES + 1);
	assert_int_equal(scene.told_packets, TUPLES + 4);
	for (size_t i = 0; i < scene.told_count; i++)
		if (is_about(&scene.told[i], &alive))
			assert_int_equal(scene.told[i].verdict.dir[SIDE_RESPONDER].packets, 2);
	scene_close(&scene);
}

/* Both directions full of holes, with notes of doubtful ACKs, and all of them alive. */
static void connections_full_of_holes_stay_in_bounds(void **state)
{
	enum { CONNECTIONS = 20000, BOUND = 6 * MIB };
	struct engine_config config = engine_defaults();
	size_t heap = heap_in_use(), peak = 0;
	struct scene scene;

	(void)state;
	config.max_memory = BOUND;
	scene_open(&scene, &config);
	scene.forgetful = true;
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct ends ends = ends_of(i);
		int64_t ts_ns = T0 + (int64_t)i * MS;

		(void)scene_handshake(&scene, &ends, ts_ns);
		for (uint32_t n = 1; n <= 34; n++)
			scene_send(&scene, &ends, (enum side)(n % 2), TCP_ACK,
				   (n % 2 ? 5001 : 1001) + n * 100,
				   n == 34 ? 3000000000 : (n % 2 ? 1001 : 5001), 10,
				   ts_ns + 3 * MS);
		if (i % 100 == 0)
			check_memory(&scene, BOUND, heap, &peak);
	}
	check_memory(&scene, BOUND, heap, &peak);
	assert_true(peak < BOUND + BOUND / 4);
	assert_int_equal(engine_counts(scene.engine)->evicted,
			 engine_counts(scene.engine)->evicted_alive);
	assert_in_range(scene.told_ever, CONNECTIONS / 2, CONNECTIONS - 1);
	scene_finish(&scene);
	assert_int_equal(scene.told_ever, CONNECTIONS);
	assert_int_equal(scene.told_packets, scene.packet);
	scene_close(&scene);
}

/* Connections that end are remembered in little room. */
static void ended_connections_are_small(void **state)
{
	enum { CONNECTIONS = 20000 };
	struct engine_config config = engine_defaults();
	struct scene scene;
	uint64_t bytes;

	(void)state;
	config.keep_duplicates = true;
	scene_open(&scene, &config);
	scene.forgetful = true;
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct ends ends = ends_of(i);
		int64_t ts_ns = scene_handshake(&scene, &ends, T0 + (int64_t)i * MS);

		(void)scene_close_clean(&scene, &ends, ts_ns);
	}
	assert_int_equal(scene.told_ever, 0);
	bytes = engine_counts(scene.engine)->peak_memory / CONNECTIONS;
	assert_in_range(bytes, 100, 700);
	assert_in_range(engine_connection_size(), 256, 640);
	scene_close(&scene);
}

/* Twenty gigabytes: the numbers wrap four times, every byte counts once. */
static void stream_longer_than_the_sequence_space(void **state)
{
	enum { SEGMENTS = 300000, LENGTH = 65000 };
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	uint32_t seq = 1001, end = 1001 + SEGMENTS * (uint32_t)LENGTH;
	int64_t ts_ns;
	struct scene scene;
	const struct verdict *v;

	(void)state;
	scene_open(&scene, &config);
	ts_ns = scene_handshake(&scene, &ends, T0);
	for (int i = 1; i <= SEGMENTS; i++, seq += LENGTH) {
		ts_ns += MS;
		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_ACK, seq, 5001, LENGTH, ts_ns);
		if (i % 10 == 0)
			scene_send(&scene, &ends, SIDE_RESPONDER, TCP_ACK, 5001, seq + LENGTH, 0,
				   ts_ns);
	}
	assert_int_equal(seq, end);
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_FIN | TCP_ACK, end, 5001, 0, ts_ns + MS);
	scene_send(&scene, &ends, SIDE_RESPONDER, TCP_FIN | TCP_ACK, 5001, end + 1, 0,
		   ts_ns + 2 * MS);
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_ACK, end + 1, 5002, 0, ts_ns + 3 * MS);
	scene_finish(&scene);
	v = &scene.told[0].verdict;
	assert_int_equal(scene.told_count, 1);
	assert_true(v->clean);
	assert_int_equal(v->teardown, TEARDOWN_THREE_SEGMENT);
	assert_int_equal(v->dir[SIDE_INITIATOR].bytes, (uint64_t)SEGMENTS * LENGTH);
	assert_int_equal(v->dir[SIDE_INITIATOR].retransmitted, 0);
	assert_int_equal(v->dir[SIDE_INITIATOR].missing, 0);
	assert_int_equal(v->finding_count, 0);
	scene_close(&scene);
}

/* ---- findings: at most four rows of a code and side ---- */

static const struct verdict *told_of(struct scene *scene)
{
	scene_finish(scene);
	assert_int_equal(scene->told_count, 1);
	return &scene->told[0].verdict;
}

static void assert_folded(const struct verdict *v, enum finding_code code, enum side side,
			  uint64_t times)
{
	uint64_t row = 0;

	for (size_t i = 0; i < v->finding_count; i++) {
		if (v->findings[i].code != code)
			continue;
		assert_int_equal(v->findings[i].side, side);
		assert_int_equal(v->findings[i].count, ++row < 4 ? 1 : times - 3);
	}
	assert_int_equal(row, 4);
}

static void resets_are_folded(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	const struct verdict *v;

	(void)state;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &ends, T0);
	for (uint32_t i = 0; i < 10; i++)
		scene_send(&scene, &ends, SIDE_RESPONDER, TCP_RST, 2000000000 + i, 0, 0,
			   T0 + SECOND_NS + i);
	v = told_of(&scene);
	assert_int_equal(v->rst_out_of_window, 10);
	assert_folded(v, FINDING_RST_OUT_OF_WINDOW, SIDE_RESPONDER, 10);
	scene_close(&scene);
}

/* The last row holds the rest up to the end, not what came behind it. */
static void resets_behind_the_end_are_not_folded_in(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	const struct verdict *v;

	(void)state;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &ends, T0);
	for (uint32_t i = 0; i < 12; i++)
		scene_send(&scene, &ends, SIDE_RESPONDER, TCP_RST, i == 6 ? 5001 : 2000000000 + i,
			   0, 0, T0 + SECOND_NS + i);
	v = told_of(&scene);
	assert_int_equal(v->teardown, TEARDOWN_RST_ABORT);
	assert_int_equal(v->rst_out_of_window, 6);
	assert_folded(v, FINDING_RST_OUT_OF_WINDOW, SIDE_RESPONDER, 6);
	scene_close(&scene);
}

static void stray_syns_are_folded(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	const struct verdict *v;

	(void)state;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &ends, T0);
	for (uint32_t i = 0; i < 10; i++)
		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 70000 + i * 10, 0, 0,
			   T0 + SECOND_NS + i);
	v = told_of(&scene);
	assert_folded(v, FINDING_STRAY_SYN, SIDE_INITIATOR, 10);
	assert_int_equal(v->dir[SIDE_INITIATOR].packets, 12);
	assert_int_equal(finding_rows(v, FINDING_TRACKING_LIMIT), 1);
	scene_close(&scene);
}

static void violations_are_folded(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	const struct verdict *v;
	int64_t ts_ns;

	(void)state;
	scene_open(&scene, &config);
	ts_ns = scene_handshake(&scene, &ends, T0);
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_FIN | TCP_ACK, 1001, 5001, 0, ts_ns + MS);
	for (uint32_t i = 0; i < 10; i++)
		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_ACK, 1002 + i * 10, 5001, 10,
			   ts_ns + 2 * MS + i);
	v = told_of(&scene);
	assert_folded(v, FINDING_DATA_AFTER_FIN, SIDE_INITIATOR, 10);
	assert_int_equal(v->dir[SIDE_INITIATOR].fin_check, FIN_VIOLATED);
	scene_close(&scene);
}

/* Each side has rows of its own. */
static void icmp_errors_are_folded_by_side(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct error err = {""};
	struct scene scene;
	const struct verdict *v;

	(void)state;
	scene_open(&scene, &config);
	(void)scene_handshake(&scene, &ends, T0);
	for (uint32_t i = 0; i < 20; i++) {
		int side = i % 2;
		struct icmp_error icmp = {.ts_ns = T0 + SECOND_NS + i,
					  .packet = 100 + i,
					  .kind = ICMP_TOO_BIG,
					  .ip_version = 4,
					  .src = ends.address[side],
					  .dst = ends.address[!side],
					  .sport = ends.port[side],
					  .dport = ends.port[!side]};

		assert_true(engine_icmp(scene.engine, &icmp, &err));
	}
	v = told_of(&scene);
	assert_int_equal(v->finding_count, 8);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(v->findings[i].side, i % 2);
		assert_int_equal(v->findings[i].packet, 100 + i);
		assert_int_equal(v->findings[i].count, i < 6 ? 1 : 7);
	}
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_valuable_goes_first),
		cmocka_unit_test(least_valuable_goes_first_by_memory),
		cmocka_unit_test(active_one_stays),
		cmocka_unit_test(flood_of_syns_stays_in_bounds),
		cmocka_unit_test(connections_full_of_holes_stay_in_bounds),
		cmocka_unit_test(ended_connections_are_small),
		cmocka_unit_test(stream_longer_than_the_sequence_space),
		cmocka_unit_test(resets_are_folded),
		cmocka_unit_test(resets_behind_the_end_are_not_folded_in),
		cmocka_unit_test(stray_syns_are_folded),
		cmocka_unit_test(violations_are_folded),
		cmocka_unit_test(icmp_errors_are_folded_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
