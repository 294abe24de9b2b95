/* analyzer/closed.h where streams were read: what is handed over says what the engine would have said. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/application_block.h"
#include "analyzer/closed.h"
#include "analyzer/engine_state.h"
#include "tests/engine_scene.h"

enum { CONNECTIONS = 1200, TUPLES = 400, SAID_MAX = 4096, LONG_NAME = 1100 };

static_assert((int)TUPLES > (int)ENDED_RING, "a tuple is used again when its connection is small");

/* ---- a block ---- */

static const char *const risks[] = {"Known protocol on a non-standard port", "Unsafe protocol"};

static const struct application applications[] = {
	{.name = "TLS",
	 .category = "Web",
	 .server_name = "a.example",
	 .risks = risks,
	 .risk_count = 2},
	{.name = "HTTP", .category = "Web", .risks = risks + 1, .risk_count = 1},
	{.name = "SSH", .guessed = true, .server_name = ""},
	{.risks = risks, .risk_count = 1},
	{.name = "IRC"},
};

static void expect_same_text(const char *one, const char *other)
{
	assert_int_equal(one == NULL, other == NULL);
	if (one)
		assert_string_equal(one, other);
}

static void a_block_holds_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(applications) / sizeof(applications[0]); i++) {
		const struct application *a = &applications[i];
		size_t size = application_block_size(a);
		void *block = malloc(size), *moved = malloc(size);
		struct application b;

		assert_non_null(block);
		assert_non_null(moved);
		application_block_write(a, block);
		memcpy(moved, block, size);
		memset(block, 0xa5, size);
		free(block);
		memset(&b, 0xa5, sizeof(b));
		application_block_open(moved, &b);
		expect_same_text(a->name, b.name);
		expect_same_text(a->category, b.category);
		expect_same_text(a->server_name, b.server_name);
		assert_int_equal(a->guessed, b.guessed);
		assert_int_equal(a->risk_count, b.risk_count);
		for (size_t k = 0; k < a->risk_count; k++)
			assert_ptr_equal(a->risks[k], b.risks[k]);
		free(moved);
	}
}

/* ---- who reads ---- */

/* What is found in one connection, by its first packet. */
struct finder {
	uint64_t opened, finished, closed;
	uint64_t refuse_at; /* finish fails the so-manieth time; 0: never */
	bool late;
};

static char long_name[LONG_NAME + 1];
static const struct application too_long = {.name = "HTTP", .server_name = long_name};
static const struct mark_hit hit = {.side = SIDE_RESPONDER, .offset = 3, .count = 1};

static bool on_open(void *context, const struct stream_origin *origin, struct reading *reading,
		    struct error *err)
{
	uint64_t *first = malloc(sizeof(*first));

	(void)err;
	assert_non_null(first);
	*first = origin->first_packet;
	((struct finder *)context)->opened++;
	reading->state = first;
	reading->wants[SIDE_INITIATOR] = true;
	return true;
}

static bool on_finish(void *context, struct reading *reading, struct epilogue *epilogue,
		      struct error *err)
{
	const size_t kinds = sizeof(applications) / sizeof(applications[0]);
	struct finder *f = context;
	uint64_t first = *(uint64_t *)reading->state;

	if (++f->finished == f->refuse_at)
		return error_set(err, "the reader refuses");
	epilogue->application_at = (struct moment){.ts_ns = (int64_t)first, .packet = first + 1};
	if (first % 8 < kinds) {
		epilogue->application = &applications[first % 8];
	} else if (first % 8 == kinds) {
		epilogue->application = &too_long;
	} else if (first % 8 == kinds + 1) {
		epilogue->marks = &hit;
		epilogue->mark_count = 1;
	}
	return true;
}

static bool on_close(void *context, struct reading *reading, const struct verdict *verdict,
		     struct error *err)
{
	struct finder *f = context;

	(void)err;
	assert_true(verdict || !f->late || f->refuse_at);
	free(reading->state);
	f->closed++;
	return true;
}

/* ---- who takes what is told ---- */

struct listener {
	struct scene scene;
	struct finder finder;
	char *said[CONNECTIONS + 1]; /* by number; owned */
	uint64_t told, judged, taken, again;
	uint64_t refuse_at; /* the so-manieth one handed over; 0: none */
};

static void say_application(char *text, size_t size, const struct application *a)
{
	size_t at = (size_t)snprintf(text, size, " %s %s %s %d:", a->name ? a->name : "-",
				     a->category ? a->category : "-",
				     a->server_name ? a->server_name : "-", a->guessed);

	for (size_t i = 0; i < a->risk_count; i++)
		at += (size_t)snprintf(text + at, size - at, " %s,", a->risks[i]);
	assert_true(at < size);
}

static bool take_verdict(void *context, const struct verdict *v, struct error *err)
{
	struct listener *l = context;
	char *said = calloc(1, SAID_MAX);
	size_t at;

	(void)err;
	assert_non_null(said);
	assert_in_range(v->number, 1, CONNECTIONS);
	assert_int_equal(l->said[v->number] != NULL, v->again);
	if (!v->again) /* in the order of their numbers, whoever judges */
		assert_int_equal(v->number, ++l->told);
	l->again += v->again;
	at = (size_t)snprintf(said, SAID_MAX, "%llu %d %d %lld %zu",
			      (unsigned long long)v->first_packet, v->teardown, v->end_reason,
			      (long long)v->end_ns, v->mark_count);
	for (size_t i = 0; i < v->finding_count; i++)
		at += (size_t)snprintf(said + at, SAID_MAX - at, " %d@%lld/%llu",
				       v->findings[i].code, (long long)v->findings[i].ts_ns,
				       (unsigned long long)v->findings[i].packet);
	if (v->application)
		say_application(said + at, SAID_MAX - at, v->application);
	free(l->said[v->number]);
	l->said[v->number] = said;
	return true;
}

/* From a copy, as another thread would. */
static bool take_closed(void *context, const struct closed *closed, struct error *err)
{
	struct listener *l = context;
	size_t size = closed_size(closed);
	struct closed_bench *bench = malloc(sizeof(*bench));
	struct closed *copy = malloc(size);
	struct verdict v;
	bool ok;

	if (++l->taken == l->refuse_at) {
		free(bench);
		free(copy);
		return error_set(err, "the sink refuses");
	}
	assert_non_null(bench);
	assert_non_null(copy);
	assert_true(size <= CLOSED_MAX);
	memset(bench, 0xa5, sizeof(*bench));
	memcpy(copy, closed, size);
	closed_judge(copy, bench, &v);
	l->judged++;
	ok = take_verdict(l, &v, err);
	free(copy);
	free(bench);
	return ok;
}

static void listen_to(struct listener *l, bool judging)
{
	const struct engine_config config = engine_defaults();
	const struct consumer consumer = {.context = &l->finder,
					  .open = on_open,
					  .finish = on_finish,
					  .close = on_close,
					  .early = !l->finder.late};
	struct engine_sink sink = {.verdict = take_verdict, .context = l};
	struct error err = {""};

	memset(long_name, 'x', LONG_NAME);
	sink.closed = judging ? take_closed : NULL;
	l->scene.engine = engine_new(&config, sink, &err);
	assert_non_null(l->scene.engine);
	engine_consume(l->scene.engine, &consumer);
}

static bool feed(struct listener *l, const struct ends *ends, enum side from, uint8_t flags,
		 uint32_t seq, uint32_t ack, uint32_t payload, int64_t ts_ns, struct error *err)
{
	static const uint8_t bytes[64];
	struct segment s = segment_of(ends, from, flags, seq, ack, payload);

	s.ts_ns = ts_ns;
	s.ts_confirmed = true;
	s.packet = ++l->scene.packet;
	s.payload = payload ? bytes : NULL;
	s.payload_captured = payload;
	return engine_time(l->scene.engine, ts_ns, true, err) &&
	       engine_segment(l->scene.engine, &s, err);
}

/* Numbers of connection i. */
static uint32_t isn_of(uint32_t i, enum side side)
{
	return side == SIDE_INITIATOR ? 1000 + i * 100000 : 5000 + i * 70000;
}

/* Every ninth meets a segment of others: the same tuple's connection before, which was told when this one was
 * answered, gets a reset, and one that is small and not told yet a copy of its FIN. */
static bool disturb(struct listener *l, uint32_t i, int64_t at, struct error *err)
{
	struct ends ends = ends_of(i % TUPLES), other = ends_of((i - 300) % TUPLES);

	if (i < TUPLES || i % 9 != 8)
		return true;
	return feed(l, &ends, SIDE_INITIATOR, TCP_RST, isn_of(i - TUPLES, SIDE_INITIATOR) + 52, 0,
		    0, at, err) &&
	       feed(l, &other, SIDE_RESPONDER, TCP_ACK | TCP_FIN,
		    isn_of(i - 300, SIDE_RESPONDER) + 1, isn_of(i - 300, SIDE_INITIATOR) + 51, 0,
		    at, err);
}

/* A request and a close. */
static bool one_converses(struct listener *l, uint32_t i, int64_t at, struct error *err)
{
	struct ends ends = ends_of(i % TUPLES);
	uint32_t x = isn_of(i, SIDE_INITIATOR), y = isn_of(i, SIDE_RESPONDER);

	return feed(l, &ends, SIDE_INITIATOR, TCP_SYN, x, 0, 0, at, err) &&
	       feed(l, &ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, y, x + 1, 0, at + 1, err) &&
	       disturb(l, i, at + 2, err) &&
	       feed(l, &ends, SIDE_INITIATOR, TCP_ACK, x + 1, y + 1, 0, at + 3, err) &&
	       feed(l, &ends, SIDE_INITIATOR, TCP_ACK | TCP_PSH, x + 1, y + 1, 50, at + 4, err) &&
	       feed(l, &ends, SIDE_RESPONDER, TCP_ACK | TCP_FIN, y + 1, x + 51, 0, at + 5, err) &&
	       feed(l, &ends, SIDE_INITIATOR, TCP_ACK | TCP_FIN, x + 51, y + 2, 0, at + 6, err) &&
	       feed(l, &ends, SIDE_RESPONDER, TCP_ACK, y + 2, x + 52, 0, at + 7, err);
}

/* All of them, to the end of the capture. False: refused. */
static bool converse(struct listener *l, struct error *err)
{
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		if (!one_converses(l, i, SECOND_NS + i * (SECOND_NS / 10), err))
			return false;
	return engine_finish(l->scene.engine, err);
}

static void stop(struct listener *l)
{
	engine_free(l->scene.engine);
	assert_int_equal(l->finder.opened, l->finder.closed);
	for (size_t i = 0; i <= CONNECTIONS; i++)
		free(l->said[i]);
	free(l);
}

static struct listener *listener_new(void)
{
	struct listener *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	return l;
}

/* In runs of their own, as numbers follow from the order. */
static void run_both(bool late, uint64_t *judged)
{
	struct listener *with = listener_new(), *without = listener_new();
	struct error err = {""};
	uint64_t long_ones = 0;

	with->finder.late = without->finder.late = late;
	listen_to(with, true);
	listen_to(without, false);
	assert_true(converse(with, &err));
	assert_true(converse(without, &err));
	assert_int_equal(with->told, CONNECTIONS);
	assert_int_equal(without->told, CONNECTIONS);
	if (!late)
		assert_in_range(with->again, 1, CONNECTIONS);
	assert_int_equal(with->again, without->again);
	assert_int_equal(without->judged, 0);
	for (size_t i = 1; i <= CONNECTIONS; i++) {
		assert_string_equal(with->said[i], without->said[i]);
		long_ones += strlen(with->said[i]) > LONG_NAME;
	}
	assert_in_range(long_ones, CONNECTIONS / 16, CONNECTIONS);
	*judged = with->judged;
	stop(with);
	stop(without);
}

static void what_was_found_goes_along(void **state)
{
	uint64_t judged;

	(void)state;
	run_both(false, &judged);
	/* but for those that ended last, with marks, or with a name that is too long */
	assert_in_range(judged, CONNECTIONS / 2, CONNECTIONS * 3 / 4);
}

static void who_waits_for_the_verdict_gets_it(void **state)
{
	uint64_t judged;

	(void)state;
	run_both(true, &judged);
	assert_int_equal(judged, 0);
}

static void refusals_end_the_run(void **state)
{
	(void)state;
	for (uint64_t at = 1; at < CONNECTIONS / 2; at += at < 4 ? 1 : 97) {
		struct listener *sink = listener_new(), *reader = listener_new();
		struct error err = {""};

		sink->refuse_at = at;
		listen_to(sink, true);
		assert_false(converse(sink, &err));
		assert_string_equal(err.text, "the sink refuses");
		stop(sink);
		err = (struct error){""};
		reader->finder.refuse_at = at;
		listen_to(reader, true);
		assert_false(converse(reader, &err));
		assert_string_equal(err.text, "the reader refuses");
		stop(reader);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_holds_all),
		cmocka_unit_test(what_was_found_goes_along),
		cmocka_unit_test(who_waits_for_the_verdict_gets_it),
		cmocka_unit_test(refusals_end_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
