/* analyzer/streams.h through the engine: who is told what and when, and the memory of many streams. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine_scene.h"

enum { MILLISECOND = 1000000, PAYLOAD = 1000 };

/* What a reader was told, over all connections. */
struct reader {
	uint64_t opened, closed, closed_without_verdict, finished, ended;
	uint64_t bytes, gaps, gap_bytes;
	uint64_t segments[3]; /* by enum segment_kind */
	uint64_t enough;      /* bytes of a connection after which it wants no more; 0: never */
	bool segments_wanted, data_unwanted;
	bool fails; /* at the first data */
	bool early; /* for struct consumer */
};

static bool open_reading(void *context, const struct stream_origin *origin, struct reading *reading,
			 struct error *err)
{
	struct reader *r = context;

	(void)err;
	assert_true(origin->port[SIDE_INITIATOR] != 0);
	r->opened++;
	reading->state = calloc(1, sizeof(uint64_t));
	assert_non_null(reading->state);
	reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = !r->data_unwanted;
	reading->wants_segments = r->segments_wanted;
	return true;
}

static bool take_data(void *context, struct reading *reading, const struct stream_data *data,
		      struct error *err)
{
	struct reader *r = context;
	uint64_t *seen = reading->state;

	assert_true(reading->wants[data->side]);
	if (r->fails)
		return error_set(err, "the reader is full");
	if (!data->bytes) {
		r->gaps++;
		r->gap_bytes += data->length;
		return true;
	}
	r->bytes += data->length;
	*seen += data->length;
	if (r->enough && *seen >= r->enough)
		reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = false;
	return true;
}

static bool take_segment(void *context, struct reading *reading, enum side from,
			 const struct segment *segment, enum segment_kind kind, struct error *err)
{
	struct reader *r = context;

	(void)reading;
	(void)from;
	(void)segment;
	(void)err;
	r->segments[kind]++;
	return true;
}

static bool hear_end(void *context, struct reading *reading, struct error *err)
{
	(void)reading;
	(void)err;
	((struct reader *)context)->ended++;
	return true;
}

static bool finish_reading(void *context, struct reading *reading, struct epilogue *epilogue,
			   struct error *err)
{
	(void)reading;
	(void)epilogue;
	(void)err;
	((struct reader *)context)->finished++;
	return true;
}

static bool close_reading(void *context, struct reading *reading, const struct verdict *verdict,
			  struct error *err)
{
	struct reader *r = context;

	(void)err;
	r->closed++;
	r->closed_without_verdict += !verdict;
	free(reading->state);
	return true;
}

static void read_along(struct scene *scene, struct reader *r)
{
	const struct consumer consumer = {.context = r,
					  .open = open_reading,
					  .segment = take_segment,
					  .data = take_data,
					  .ended = hear_end,
					  .finish = finish_reading,
					  .close = close_reading,
					  .early = r->early};

	engine_consume(scene->engine, &consumer);
}

static void scene_with(struct scene *scene, struct reader *r, size_t stream_memory)
{
	struct engine_config config = engine_defaults();

	if (stream_memory)
		config.stream_memory = stream_memory;
	scene_open(scene, &config);
	read_along(scene, r);
}

/* A segment with real bytes behind it. */
static void send_bytes(struct scene *scene, const struct ends *ends, enum side from, uint32_t seq,
		       uint32_t ack, uint32_t length, int64_t ts_ns)
{
	static const uint8_t bytes[1 << 16];
	struct segment s = segment_of(ends, from, TCP_ACK, seq, ack, length);

	s.payload = bytes;
	s.payload_captured = length;
	assert_true(scene_feed(scene, &s, ts_ns));
}

static void every_connection_is_opened_and_closed_once(void **state)
{
	struct scene scene;
	struct reader r = {0};

	(void)state;
	scene_with(&scene, &r, 0);
	for (uint32_t i = 0; i < 100; i++) {
		struct ends ends = ends_of(i);
		int64_t at = scene_handshake(&scene, &ends, i * SECOND_NS);

		send_bytes(&scene, &ends, SIDE_INITIATOR, 1001, 5001, PAYLOAD, at + MILLISECOND);
	}
	assert_int_equal(r.opened, 100);
	assert_int_equal(r.closed, 0);
	scene_finish(&scene);
	assert_int_equal(r.closed, 100);
	assert_int_equal(r.finished, 100);
	assert_int_equal(r.closed_without_verdict, 0);
	assert_int_equal(r.bytes, 100 * PAYLOAD);
	scene_close(&scene);
}

static void a_run_that_stops_closes_without_verdict(void **state)
{
	struct scene scene;
	struct reader r = {0};

	(void)state;
	scene_with(&scene, &r, 0);
	for (uint32_t i = 0; i < 10; i++) {
		struct ends ends = ends_of(i);

		scene_handshake(&scene, &ends, i * SECOND_NS);
	}
	scene_close(&scene);
	assert_int_equal(r.closed, 10);
	assert_int_equal(r.closed_without_verdict, 10);
}

static void a_failing_reader_stops_the_run(void **state)
{
	struct scene scene;
	struct reader r = {.fails = true};
	struct ends ends = ends_of(1);
	struct error err = {""};
	static const uint8_t byte;
	struct segment s = segment_of(&ends, SIDE_INITIATOR, TCP_ACK, 1001, 5001, 1);

	(void)state;
	scene_with(&scene, &r, 0);
	scene_handshake(&scene, &ends, 0);
	s.payload = &byte;
	s.payload_captured = 1;
	s.ts_ns = SECOND_NS;
	assert_false(engine_segment(scene.engine, &s, &err));
	assert_string_equal(err.text, "the reader is full");
	scene_close(&scene);
	assert_int_equal(r.closed, r.opened);
}

static void the_end_is_told_when_both_fins_are_delivered(void **state)
{
	struct scene scene;
	struct reader r = {0};
	struct ends ends = ends_of(1);
	int64_t at;

	(void)state;
	scene_with(&scene, &r, 0);
	at = scene_handshake(&scene, &ends, 0);
	assert_int_equal(r.ended, 0);
	scene_close_clean(&scene, &ends, at + MILLISECOND);
	assert_int_equal(r.ended, 1);
	scene_finish(&scene);
	assert_int_equal(r.ended, 1);
	scene_close(&scene);
}

static void the_end_is_told_at_a_reset(void **state)
{
	struct scene scene;
	struct reader r = {0};
	struct ends ends = ends_of(1);
	int64_t at;

	(void)state;
	scene_with(&scene, &r, 0);
	at = scene_handshake(&scene, &ends, 0);
	scene_send(&scene, &ends, SIDE_RESPONDER, TCP_RST | TCP_ACK, 5001, 1001, 0,
		   at + MILLISECOND);
	assert_int_equal(r.ended, 1);
	scene_close(&scene);
}

/* Where nobody wants a direction, or wants it no more, nothing is kept. */
static void unread_directions_hold_nothing(void **state)
{
	struct reader readers[] = {{.data_unwanted = true}, {.enough = 1}};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct scene scene;
		struct ends ends = ends_of(1);
		int64_t at;

		scene_with(&scene, &readers[k], 0);
		at = scene_handshake(&scene, &ends, 0);
		if (k == 1) /* it has seen enough */
			send_bytes(&scene, &ends, SIDE_INITIATOR, 1001, 5001, 1, ++at);
		for (uint32_t i = 1; i <= 50; i++)
			send_bytes(&scene, &ends, SIDE_INITIATOR, 1001 + i * 2000, 5001, PAYLOAD,
				   ++at);
		assert_int_equal(readers[k].bytes, k);
		assert_true(engine_counts(scene.engine)->peak_stream_memory <= (k ? 2048 : 0));
		scene_finish(&scene);
		scene_close(&scene);
	}
}

static void segments_are_told_with_what_became_of_them(void **state)
{
	struct scene scene;
	struct reader r = {.segments_wanted = true, .data_unwanted = true};
	struct ends ends = ends_of(1);
	struct segment s;
	int64_t at;

	(void)state;
	scene_with(&scene, &r, 0);
	at = scene_handshake(&scene, &ends, 0);
	assert_int_equal(r.segments[SEGMENT_TAKEN], 3);
	s = segment_of(&ends, SIDE_INITIATOR, TCP_ACK, 1001, 5001, 0);
	s.ip_id = 7;
	assert_true(scene_feed(&scene, &s, at + MILLISECOND));
	assert_true(scene_feed(&scene, &s, at + MILLISECOND)); /* captured twice */
	assert_int_equal(r.segments[SEGMENT_TAKEN], 4);
	assert_int_equal(r.segments[SEGMENT_DUPLICATE], 1);
	/* a stray SYN counts here, until it turns out to start another connection */
	scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 900000, 0, 0, at + SECOND_NS);
	assert_int_equal(r.segments[SEGMENT_TAKEN], 5);
	scene_send(&scene, &ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 800000, 900001, 0,
		   at + 2 * SECOND_NS);
	assert_int_equal(r.segments[SEGMENT_MOVED_AWAY], 1);
	assert_int_equal(r.segments[SEGMENT_TAKEN], 7);
	assert_int_equal(r.opened, 2);
	scene_finish(&scene);
	scene_close(&scene);
}

/* 100,000 connections, each with a hole and data behind it. */
static void many_holes_stay_in_bounds(void **state)
{
	enum { CONNECTIONS = 100000, BOUND = 8 << 20 };
	struct scene scene = {.forgetful = true};
	struct reader r = {0};
	const struct engine_counts *counts;
	size_t before = mallinfo2().uordblks, heap;

	(void)state;
	scene_with(&scene, &r, BOUND);
	scene.forgetful = true;
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct ends ends = ends_of(i);
		int64_t at = (int64_t)i * 10000;

		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_SYN, 1000, 0, 0, at);
		scene_send(&scene, &ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 5000, 1001, 0, at + 1);
		send_bytes(&scene, &ends, SIDE_INITIATOR, 1101, 5001, PAYLOAD, at + 2);
	}
	counts = engine_counts(scene.engine);
	heap = mallinfo2().uordblks - before;
	assert_true(counts->peak_stream_memory <= BOUND);
	assert_true(counts->peak_stream_memory > BOUND / 2); /* it was used */
	assert_int_equal(counts->stream_holes_given_up, r.gaps);
	/* a tenth for malloc's own needs; the payload alone would be 100 MB more. Sanitizers' allocator
	 * tells nothing. */
	if (heap > 0)
		assert_true(heap <= (counts->peak_memory + BOUND) / 10 * 11);
	scene_finish(&scene);
	assert_int_equal(r.bytes, (uint64_t)CONNECTIONS * PAYLOAD); /* nothing captured is lost */
	assert_int_equal(r.gap_bytes, (uint64_t)CONNECTIONS * 100);
	scene_close(&scene);
}

/* One that hoards gives way before a hundred with a little each. */
static void those_with_little_are_spared(void **state)
{
	enum { SMALL = 100 };
	struct scene scene;
	struct reader r = {0};
	struct ends hoarder = ends_of(5000);
	int64_t at = 0;

	(void)state;
	scene_with(&scene, &r, 600000);
	for (uint32_t i = 0; i < SMALL; i++) {
		struct ends ends = ends_of(i);

		at = scene_handshake(&scene, &ends, at);
		send_bytes(&scene, &ends, SIDE_INITIATOR, 1011, 5001, PAYLOAD, ++at);
	}
	at = scene_handshake(&scene, &hoarder, at);
	for (uint32_t i = 0; i < 60; i++)
		send_bytes(&scene, &hoarder, SIDE_INITIATOR, 1101 + i * 10000, 5001, 10000, ++at);
	assert_true(r.gaps > 0);
	for (uint32_t i = 0; i < SMALL; i++) { /* each still waits for its hole */
		struct ends ends = ends_of(i);

		send_bytes(&scene, &ends, SIDE_INITIATOR, 1001, 5001, 10, ++at);
	}
	scene_finish(&scene);
	for (size_t i = 0; i < scene.told_count; i++) {
		const struct verdict *v = &scene.told[i].verdict;
		bool small = v->dir[SIDE_INITIATOR].bytes == PAYLOAD + 10;

		assert_int_equal(finding_rows(v, FINDING_TRACKING_LIMIT), small ? 0 : 1);
	}
	scene_close(&scene);
}

/* What one direction brings makes the other give way, and with what that delivers its reader has had enough of
 * both: the segment at hand is nobody's any more. */
static void enough_while_room_is_made(void **state)
{
	struct scene scene;
	struct reader r = {.enough = 5};
	struct ends ends = ends_of(1);
	int64_t at;

	(void)state;
	scene_with(&scene, &r, 20000);
	at = scene_handshake(&scene, &ends, 0);
	send_bytes(&scene, &ends, SIDE_INITIATOR, 1101, 5001, 10, ++at);
	for (uint32_t i = 0; i < 2; i++)
		send_bytes(&scene, &ends, SIDE_RESPONDER, 5011 + i * 8000, 1001, 8000, ++at);
	assert_int_equal(r.bytes, 0);
	send_bytes(&scene, &ends, SIDE_INITIATOR, 1201, 5001, 8000, ++at);
	assert_int_equal(r.bytes, 8000);
	send_bytes(&scene, &ends, SIDE_INITIATOR, 1001, 5001, 100, ++at);
	assert_int_equal(r.bytes, 8000);
	assert_int_equal(engine_counts(scene.engine)->stream_holes_given_up, 1);
	scene_finish(&scene);
	scene_close(&scene);
}

/* Live: with a reader that has had enough a connection is told soon after its end, else when it is forgotten. */
static void who_has_had_enough_keeps_nobody_waiting(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct engine_config config = engine_defaults();
		struct scene scene;
		struct reader r = {.enough = 1, .early = early};
		struct ends ends = ends_of(1);
		struct error err = {""};
		int64_t at;

		config.early_ns = SECOND_NS;
		scene_open(&scene, &config);
		read_along(&scene, &r);
		at = scene_handshake(&scene, &ends, SECOND_NS);
		send_bytes(&scene, &ends, SIDE_RESPONDER, 5001, 1001, 10, ++at);
		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_FIN | TCP_ACK, 1001, 5011, 0, ++at);
		scene_send(&scene, &ends, SIDE_RESPONDER, TCP_ACK, 5011, 1002, 0, ++at);
		scene_send(&scene, &ends, SIDE_RESPONDER, TCP_FIN | TCP_ACK, 5011, 1002, 0, ++at);
		scene_send(&scene, &ends, SIDE_INITIATOR, TCP_ACK, 1002, 5012, 0, ++at);
		assert_true(engine_tick(scene.engine, at + 5 * SECOND_NS, &err));
		assert_int_equal(scene.told_count, early);
		assert_int_equal(r.closed, 0);
		assert_true(engine_tick(scene.engine, at + 300 * SECOND_NS, &err));
		assert_int_equal(r.closed, 1);
		scene_finish(&scene);
		assert_int_equal(scene.told[0].verdict.teardown, TEARDOWN_FOUR_WAY);
		scene_close(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_connection_is_opened_and_closed_once),
		cmocka_unit_test(a_run_that_stops_closes_without_verdict),
		cmocka_unit_test(a_failing_reader_stops_the_run),
		cmocka_unit_test(the_end_is_told_when_both_fins_are_delivered),
		cmocka_unit_test(the_end_is_told_at_a_reset),
		cmocka_unit_test(unread_directions_hold_nothing),
		cmocka_unit_test(segments_are_told_with_what_became_of_them),
		cmocka_unit_test(many_holes_stay_in_bounds),
		cmocka_unit_test(those_with_little_are_spared),
		cmocka_unit_test(enough_while_room_is_made),
		cmocka_unit_test(who_has_had_enough_keeps_nobody_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
