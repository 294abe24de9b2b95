/* The engine from outside: what it tells, when, in which order, with which ladder and findings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/record.h"
#include "tests/engine_scene.h"
#include "tests/verdict_checks.h"

#define T0 INT64_C(1700000000000000000)
#define MS INT64_C(1000000)

static void open_plain(struct scene *scene)
{
	struct engine_config config = engine_defaults();

	scene_open(scene, &config);
}

static bool is_about(const struct told *told, const struct ends *ends)
{
	return memcmp(&told->verdict.dir[SIDE_INITIATOR].address, &ends->address[SIDE_INITIATOR],
		      sizeof(struct ip_address)) == 0;
}

/* ---- telling ---- */

/* Each connection is told once, whether it is forgotten on the way or at the end. */
static void each_connection_is_told_once(void **state)
{
	enum { CONNECTIONS = 3000 };
	static uint32_t times[CONNECTIONS];
	struct scene scene;

	(void)state;
	memset(times, 0, sizeof(times));
	open_plain(&scene);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct ends ends = ends_of(i);
		int64_t ts_ns = T0 + (int64_t)i * SECOND_NS;

		switch (i % 3) {
		case 0:
			ts_ns = scene_handshake(&scene, &ends, ts_ns);
			(void)scene_close_clean(&scene, &ends, ts_ns);
			break;
		case 1:
			scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, ts_ns);
			break;
		default:
			(void)scene_handshake(&scene, &ends, ts_ns);
		}
	}
	assert_in_range(scene.told_count, CONNECTIONS / 2, CONNECTIONS - 1);
	scene_finish(&scene);
	assert_int_equal(scene.told_count, CONNECTIONS);
	assert_int_equal(engine_counts(scene.engine)->connections, CONNECTIONS);
	assert_int_equal(scene.told_packets, scene.packet);
	assert_int_equal(engine_counts(scene.engine)->segments, scene.packet);
	for (size_t i = 0; i < scene.told_count; i++) {
		const uint8_t *bytes = scene.told[i].verdict.dir[SIDE_INITIATOR].address.bytes;
		uint32_t number = (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];

		assert_in_range(number, 0, CONNECTIONS - 1);
		assert_int_equal(times[number]++, 0);
		assert_null(verdict_fault(&scene.told[i], 1000));
	}
	scene_finish(&scene); /* nothing is left */
	assert_int_equal(scene.told_count, CONNECTIONS);
	scene_close(&scene);
}

static void rest_is_told_oldest_first(void **state)
{
	struct scene scene;

	(void)state;
	open_plain(&scene);
	for (uint32_t i = 0; i < 30; i++) {
		struct ends ends = ends_of(i);
		int64_t ts_ns = T0 + i * SECOND_NS;

		if (i % 3 == 0)
			scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, ts_ns);
		else
			ts_ns = scene_handshake(&scene, &ends, ts_ns);
		if (i % 3 == 1)
			(void)scene_close_clean(&scene, &ends, ts_ns);
	}
	scene_finish(&scene);
	assert_int_equal(scene.told_count, 30);
	for (uint32_t i = 0; i < 30; i++) {
		struct ends ends = ends_of(i);

		assert_true(is_about(&scene.told[i], &ends));
	}
	scene_close(&scene);
}

/* ---- forgetting by time ---- */

#define TWO_MSL_NS (240 * SECOND_NS)

static void silence_is_measured_from_the_last_segment(void **state)
{
	struct ends attempt = ends_of(1), ended = ends_of(2), half = ends_of(3), alive = ends_of(4);
	int64_t last[3], ts_ns;
	struct scene scene;

	(void)state;
	open_plain(&scene);
	scene_send(&scene, &attempt, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0);
	last[0] = T0;
	ts_ns = scene_handshake(&scene, &ended, T0 + SECOND_NS);
	last[1] = scene_close_clean(&scene, &ended, ts_ns);
	scene_send(&scene, &half, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0 + 2 * SECOND_NS);
	last[2] = T0 + 3 * SECOND_NS;
	scene_send(&scene, &half, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 1, 2, 0, last[2]);
	(void)scene_handshake(&scene, &alive, T0 + 4 * SECOND_NS);
	for (size_t i = 0; i < 3; i++) {
		scene_clock(&scene, last[i] + TWO_MSL_NS - 1);
		assert_int_equal(scene.told_count, i);
		scene_clock(&scene, last[i] + TWO_MSL_NS);
		assert_int_equal(scene.told_count, i + 1);
	}
	assert_true(is_about(&scene.told[0], &attempt));
	assert_int_equal(scene.told[0].verdict.end_reason, END_IDLE_TIMEOUT);
	assert_true(is_about(&scene.told[1], &ended));
	assert_int_equal(scene.told[1].verdict.end_reason, END_CLOSED);
	assert_int_equal(scene.told[1].verdict.time_wait_check, TIME_WAIT_HELD);
	assert_true(is_about(&scene.told[2], &half));
	scene_clock(&scene, T0 + 1000000 * SECOND_NS);
	assert_int_equal(scene.told_count, 3); /* what lives is not forgotten */
	scene_finish(&scene);
	assert_int_equal(scene.told[3].verdict.end_reason, END_CAPTURE_END);
	scene_close(&scene);
}

static void idle_timeout_ends_what_lives(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	int64_t ts_ns;

	(void)state;
	config.idle_timeout_ns = 50 * SECOND_NS;
	scene_open(&scene, &config);
	ts_ns = scene_handshake(&scene, &ends, T0);
	scene_clock(&scene, ts_ns + 50 * SECOND_NS - 1);
	assert_int_equal(scene.told_count, 0);
	scene_clock(&scene, ts_ns + 50 * SECOND_NS);
	assert_int_equal(scene.told_count, 1);
	assert_int_equal(scene.told[0].verdict.end_reason, END_IDLE_TIMEOUT);
	scene_close(&scene);
}

static void unconfirmed_time_forgets_nothing(void **state)
{
	struct ends ends = ends_of(1);
	struct error err = {""};
	struct scene scene;

	(void)state;
	open_plain(&scene);
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0);
	assert_true(engine_time(scene.engine, T0 + 10 * TWO_MSL_NS, false, &err));
	assert_int_equal(scene.told_count, 0);
	scene_clock(&scene, T0 + SECOND_NS); /* and backwards */
	assert_int_equal(scene.told_count, 0);
	scene_close(&scene);
}

/* The sources keep times within these bounds; no difference or sum overflows on them. */
static void extreme_times_do_no_harm(void **state)
{
	static const int64_t times[] = {-RECORD_TS_MAX,    RECORD_TS_MAX,      0, -1,
					RECORD_TS_MAX - 1, -RECORD_TS_MAX + 1, 1};
	enum { TIMES = sizeof(times) / sizeof(times[0]) };
	static const uint8_t flags[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_FIN | TCP_ACK,
					TCP_RST | TCP_ACK};

	(void)state;
	for (uint32_t start = 0; start < TIMES * 5; start++) {
		struct scene scene;
		struct engine_config config = engine_defaults();
		struct ends ends = ends_of(start);

		config.idle_timeout_ns = (start & 1) ? 7440 * SECOND_NS : 0;
		config.ladders = LADDERS_ALL;
		scene_open(&scene, &config);
		for (uint32_t i = 0; i < 30; i++) {
			uint32_t n = start * 7 + i * (start % 5 + 1);
			enum side from = (enum side)(n % 2);
			uint32_t seq = from == SIDE_INITIATOR ? 1000 + i : 5000 + i;
			uint32_t ack = from == SIDE_INITIATOR ? 5000 + i : 1000 + i;

			scene_send(&scene, &ends, from, flags[(n / 2) % 5], seq, ack, n % 3,
				   times[(start + i * (1 + start % 3)) % TIMES]);
		}
		scene_finish(&scene);
		assert_int_equal(scene.told_packets, 30);
		for (size_t i = 0; i < scene.told_count; i++) {
			assert_true(scene.told[i].verdict.first_ns >= -RECORD_TS_MAX);
			assert_true(scene.told[i].verdict.last_ns <= RECORD_TS_MAX);
			assert_true(scene.told[i].verdict.first_ns <=
				    scene.told[i].verdict.last_ns);
		}
		scene_close(&scene);
	}
}

/* ---- ICMP ---- */

static struct icmp_error icmp_about(const struct ends *ends, enum side sender, enum icmp_kind kind)
{
	enum side other = sender == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;

	return (struct icmp_error){.ts_ns = T0 + SECOND_NS,
				   .packet = 77,
				   .ts_confirmed = true,
				   .kind = kind,
				   .type = 3,
				   .code = 13,
				   .ip_version = ends->ip_version,
				   .src = ends->address[sender],
				   .dst = ends->address[other],
				   .sport = ends->port[sender],
				   .dport = ends->port[other],
				   .mtu = 1400};
}

static void give_icmp(struct scene *scene, const struct icmp_error *icmp)
{
	struct error err = {""};

	assert_true(engine_icmp(scene->engine, icmp, &err));
}

static void icmp_is_tied_to_its_connection(void **state)
{
	static const struct {
		enum icmp_kind kind;
		enum finding_code code;
	} kinds[] = {
		{ICMP_UNREACHABLE, FINDING_ICMP_UNREACHABLE},
		{ICMP_PROHIBITED, FINDING_ICMP_PROHIBITED},
		{ICMP_TOO_BIG, FINDING_ICMP_TOO_BIG},
		{ICMP_TIME_EXCEEDED, FINDING_ICMP_TIME_EXCEEDED},
		{ICMP_PARAMETER, FINDING_ICMP_OTHER},
		{ICMP_SOURCE_QUENCH, FINDING_ICMP_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (int side = 0; side < SIDES; side++) {
			struct ends ends = ends_of(1), other = ends_of(2);
			struct icmp_error icmp = icmp_about(&ends, (enum side)side, kinds[i].kind);
			struct scene scene;
			const struct finding *f;

			open_plain(&scene);
			(void)scene_handshake(&scene, &ends, T0);
			(void)scene_handshake(&scene, &other, T0);
			give_icmp(&scene, &icmp);
			scene_finish(&scene);
			assert_int_equal(scene.told[0].verdict.finding_count, 1);
			assert_int_equal(scene.told[1].verdict.finding_count, 0);
			f = &scene.told[0].findings[0];
			assert_int_equal(f->code, kinds[i].code);
			assert_int_equal(f->side, side); /* who sent what the error quotes */
			assert_int_equal(f->packet, 77);
			assert_true(f->ts_ns == T0 + SECOND_NS);
			assert_int_equal(f->count, 1);
			assert_non_null(strstr(f->detail,
					       side == SIDE_INITIATOR ? "initiator" : "responder"));
			if (kinds[i].kind == ICMP_TOO_BIG) {
				assert_non_null(strstr(f->detail, "1400"));
			} else {
				assert_non_null(strstr(f->detail, "type 3"));
				assert_non_null(strstr(f->detail, "code 13"));
			}
			/* an error is no segment of the connection */
			assert_int_equal(scene.told[0].verdict.dir[side].packets,
					 side == SIDE_INITIATOR ? 2 : 1);
			assert_true(scene.told[0].verdict.last_ns < T0 + SECOND_NS);
			scene_close(&scene);
		}
	}
}

static void icmp_about_nothing_known_is_dropped(void **state)
{
	struct ends ends = ends_of(1), other = ends_of(2);
	struct icmp_error icmp = icmp_about(&other, SIDE_INITIATOR, ICMP_UNREACHABLE);
	struct scene scene;

	(void)state;
	open_plain(&scene);
	(void)scene_handshake(&scene, &ends, T0);
	give_icmp(&scene, &icmp);
	icmp = icmp_about(&ends, SIDE_INITIATOR, ICMP_UNREACHABLE);
	icmp.tunnel = (struct tunnel){1, {{TUNNEL_GRE, 1}}};
	give_icmp(&scene, &icmp);
	icmp = icmp_about(&ends, SIDE_INITIATOR, ICMP_UNREACHABLE);
	icmp.dport++;
	give_icmp(&scene, &icmp);
	scene_finish(&scene);
	assert_int_equal(scene.told_count, 1);
	assert_int_equal(scene.told[0].verdict.finding_count, 0);
	scene_close(&scene);
}

static void icmp_about_an_ended_connection(void **state)
{
	struct ends ends = ends_of(0);
	struct icmp_error icmp = icmp_about(&ends, SIDE_RESPONDER, ICMP_UNREACHABLE);
	struct scene scene;
	int64_t ts_ns;

	(void)state;
	open_plain(&scene);
	for (uint32_t i = 0; i < 600; i++) { /* so many that the first is packed */
		struct ends one = ends_of(i);

		ts_ns = scene_handshake(&scene, &one, T0 + i * MS);
		(void)scene_close_clean(&scene, &one, ts_ns);
	}
	give_icmp(&scene, &icmp);
	scene_finish(&scene);
	assert_int_equal(finding_rows(&scene.told[0].verdict, FINDING_ICMP_UNREACHABLE), 1);
	assert_int_equal(scene.told[0].findings[0].side, SIDE_RESPONDER);
	assert_false(scene.told[0].verdict.clean);
	assert_int_equal(scene.told[0].verdict.teardown, TEARDOWN_FOUR_WAY);
	scene_close(&scene);
}

/* ---- told early ---- */

/* Enough connections that end to have those before them packed. */
static int64_t play_others(struct scene *scene, uint32_t first, int64_t ts_ns)
{
	for (uint32_t i = 0; i < 300; i++) {
		struct ends other = ends_of(first + i);
		int64_t shaken_ns = scene_handshake(scene, &other, ts_ns += MS);

		(void)scene_close_clean(scene, &other, shaken_ns);
	}
	return ts_ns;
}

/* A tuple that is used again: the first incarnation is told without waiting for 2MSL. What still comes
 * for it is told in its place. */
static void followed_connection_is_told_early(void **state)
{
	struct ends ends = ends_of(0);
	struct scene scene;
	int64_t ts_ns;
	uint64_t packets;

	(void)state;
	open_plain(&scene);
	ts_ns = scene_handshake(&scene, &ends, T0);
	ts_ns = scene_close_clean(&scene, &ends, ts_ns) + SECOND_NS;
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 700000, 0, 0, ts_ns);
	ts_ns = play_others(&scene, 1000, ts_ns);
	assert_int_equal(scene.told_count, 0); /* its answer is not seen yet */
	scene_send(&scene, &ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 800000, 700001, 0, ts_ns);
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_ACK, 700001, 800001, 0, ts_ns);
	ts_ns = play_others(&scene, 2000, ts_ns);
	assert_int_equal(scene.told_count, 1);
	assert_int_equal(scene.told[0].verdict.time_wait_check, TIME_WAIT_REUSED_OK);
	packets = scene.told[0].verdict.dir[SIDE_RESPONDER].packets;

	/* exact in the first incarnation, far outside the second one's window */
	scene_send(&scene, &ends, SIDE_RESPONDER, TCP_RST,
		   scene.told[0].verdict.dir[SIDE_RESPONDER].fin_seq + 1, 0, 0, ts_ns + MS);
	scene_finish(&scene);
	assert_true(scene.told[0].verdict.again);
	assert_int_equal(scene.told[0].verdict.number, 1);
	assert_int_equal(scene.told[0].verdict.dir[SIDE_RESPONDER].packets, packets + 1);
	assert_int_equal(scene.told_ever, 602);
	scene_close(&scene);
}

/* ---- a sink that fails ---- */

static void sink_failure_stops_a_segment(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends one = ends_of(1), two = ends_of(2);
	struct scene scene;

	(void)state;
	config.max_flows = 1;
	scene_open(&scene, &config);
	scene_send(&scene, &one, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0);
	scene.refuses = true;
	assert_false(scene_send(&scene, &two, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0));
	scene_close(&scene);
}

static void sink_failure_stops_the_clock(void **state)
{
	struct ends one = ends_of(1), two = ends_of(2);
	struct scene scene;

	(void)state;
	open_plain(&scene);
	scene_send(&scene, &one, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0);
	scene_send(&scene, &two, SIDE_INITIATOR, TCP_SYN, 1, 0, 0, T0);
	scene.refuses = true;
	assert_false(scene_clock(&scene, T0 + TWO_MSL_NS));
	/* told once: what the sink did not take does not come again */
	scene.refuses = false;
	assert_true(scene_clock(&scene, T0 + 2 * TWO_MSL_NS));
	assert_int_equal(scene.told_count, 1);
	scene_close(&scene);
}

static void sink_failure_stops_the_end(void **state)
{
	struct ends one = ends_of(1), two = ends_of(2);
	struct error err = {""};
	struct scene scene;

	(void)state;
	open_plain(&scene);
	(void)scene_handshake(&scene, &one, T0);
	(void)scene_handshake(&scene, &two, T0);
	scene.refuses = true;
	assert_false(engine_finish(scene.engine, &err));
	assert_string_not_equal(err.text, "");
	assert_int_equal(scene.told_ever, 0);
	scene_close(&scene);
}

/* ---- ladders ---- */

static void play_clean_and_unclean(enum ladder_policy policy, size_t ladders[2])
{
	struct engine_config config = engine_defaults();
	struct ends clean = ends_of(1), reset = ends_of(2);
	struct scene scene;
	int64_t ts_ns;

	config.ladders = policy;
	scene_open(&scene, &config);
	ts_ns = scene_handshake(&scene, &clean, T0);
	(void)scene_close_clean(&scene, &clean, ts_ns);
	ts_ns = scene_handshake(&scene, &reset, T0 + SECOND_NS);
	scene_send(&scene, &reset, SIDE_RESPONDER, TCP_RST | TCP_ACK, 5001, 1001, 0, ts_ns + MS);
	scene_finish(&scene);
	assert_true(scene.told[0].verdict.clean);
	assert_false(scene.told[1].verdict.clean);
	for (int i = 0; i < 2; i++) {
		ladders[i] = scene.told[i].verdict.ladder_count;
		for (size_t k = 0; k < ladders[i]; k++)
			assert_int_equal(scene.told[i].ladder[k].packet,
					 scene.told[i].verdict.first_packet + k);
	}
	scene_close(&scene);
}

static void ladders_follow_the_policy(void **state)
{
	size_t ladders[2];

	(void)state;
	play_clean_and_unclean(LADDERS_ALL, ladders);
	assert_int_equal(ladders[0], 7);
	assert_int_equal(ladders[1], 4);
	play_clean_and_unclean(LADDERS_UNCLEAN, ladders);
	assert_int_equal(ladders[0], 0);
	assert_int_equal(ladders[1], 4);
	play_clean_and_unclean(LADDERS_NONE, ladders);
	assert_int_equal(ladders[0], 0);
	assert_int_equal(ladders[1], 0);
}

static void ladder_segment_is_as_captured(void **state)
{
	struct engine_config config = engine_defaults();
	struct ends ends = ends_of(1);
	struct scene scene;
	struct segment s = segment_of(&ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 5000, 1001, 3);
	const struct ladder_segment *l;

	(void)state;
	config.ladders = LADDERS_ALL;
	scene_open(&scene, &config);
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 1000, 0, 0, T0);
	s.window = 321;
	s.ttl = 57;
	s.file = 2;
	scene_feed(&scene, &s, T0 + MS);
	scene_finish(&scene);
	assert_int_equal(scene.told[0].verdict.ladder_count, 2);
	l = &scene.told[0].ladder[1];
	assert_true(l->ts_ns == T0 + MS);
	assert_int_equal(l->packet, 2);
	assert_int_equal(l->file, 2);
	assert_int_equal(l->seq, 5000);
	assert_int_equal(l->ack, 1001);
	assert_int_equal(l->payload_len, 3);
	assert_int_equal(l->window, 321);
	assert_int_equal(l->flags, TCP_SYN | TCP_ACK);
	assert_int_equal(l->from, SIDE_RESPONDER);
	assert_int_equal(l->ttl, 57);
	assert_false(l->after_gap);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_connection_is_told_once),
		cmocka_unit_test(rest_is_told_oldest_first),
		cmocka_unit_test(silence_is_measured_from_the_last_segment),
		cmocka_unit_test(idle_timeout_ends_what_lives),
		cmocka_unit_test(unconfirmed_time_forgets_nothing),
		cmocka_unit_test(extreme_times_do_no_harm),
		cmocka_unit_test(icmp_is_tied_to_its_connection),
		cmocka_unit_test(icmp_about_nothing_known_is_dropped),
		cmocka_unit_test(icmp_about_an_ended_connection),
		cmocka_unit_test(followed_connection_is_told_early),
		cmocka_unit_test(sink_failure_stops_a_segment),
		cmocka_unit_test(sink_failure_stops_the_clock),
		cmocka_unit_test(sink_failure_stops_the_end),
		cmocka_unit_test(ladders_follow_the_policy),
		cmocka_unit_test(ladder_segment_is_as_captured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
