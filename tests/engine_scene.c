#include "tests/engine_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/closed.h"

#define STEP_NS INT64_C(1000000)

static const char refusal[] = "the sink refuses";

struct ends ends_of(uint32_t number)
{
	return (struct ends){
		.ip_version = 4,
		.address = {{{10, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
			      (uint8_t)number}},
			    {{192, 0, 2, 1}}},
		.port = {40000, 80},
	};
}

static void *copy_of(const void *items, size_t count, size_t size)
{
	void *copy;

	if (count == 0)
		return NULL;
	copy = malloc(count * size);
	assert_non_null(copy);
	return memcpy(copy, items, count * size);
}

static void free_told(struct told *t)
{
	free(t->findings);
	free(t->timeline);
	free(t->ladder);
}

/* Where an earlier verdict on the connection stands, which the new one replaces. */
static struct told *told_before(struct scene *scene, uint64_t number)
{
	struct told *t = scene->told;

	while (t < scene->told + scene->told_count && t->verdict.number != number)
		t++;
	assert_true(t < scene->told + scene->told_count);
	return t;
}

static struct told *new_place(struct scene *scene)
{
	if (scene->told_count == scene->told_capacity) {
		scene->told_capacity = scene->told_capacity ? scene->told_capacity * 2 : 16;
		scene->told = realloc(scene->told, scene->told_capacity * sizeof(*scene->told));
		assert_non_null(scene->told);
	}
	return &scene->told[scene->told_count++];
}

static void keep(struct scene *scene, const struct verdict *v)
{
	struct told *t = v->again ? told_before(scene, v->number) : new_place(scene);

	if (v->again)
		free_told(t);
	t->verdict = *v;
	t->findings = copy_of(v->findings, v->finding_count, sizeof(*v->findings));
	t->timeline = copy_of(v->timeline, v->timeline_count, sizeof(*v->timeline));
	t->ladder = copy_of(v->ladder, v->ladder_count, sizeof(*v->ladder));
	assert_true(strlen(v->history) < sizeof(t->history));
	memset(t->history, 0, sizeof(t->history));
	memcpy(t->history, v->history, strlen(v->history));
	t->verdict.findings = t->findings;
	t->verdict.timeline = t->timeline;
	t->verdict.ladder = t->ladder;
	t->verdict.history = NULL; /* told moves when it grows: see history */
}

static uint64_t packets_of(const struct verdict *v)
{
	return v->dir[SIDE_INITIATOR].packets + v->dir[SIDE_RESPONDER].packets;
}

static bool take_verdict(void *context, const struct verdict *v, struct error *err)
{
	struct scene *scene = context;

	if (scene->refuses)
		return error_set(err, "%s", refusal);
	if (v->again) {
		const struct verdict *before = &told_before(scene, v->number)->verdict;

		scene->told_ever--;
		scene->told_packets -= packets_of(before);
		scene->told_duplicates -= before->duplicates;
	}
	scene->told_ever++;
	scene->told_packets += packets_of(v);
	scene->told_duplicates += v->duplicates;
	if (!scene->forgetful)
		keep(scene, v);
	return true;
}

/* From a copy, as another thread would. */
static bool take_closed(void *context, const struct closed *closed, struct error *err)
{
	struct scene *scene = context;
	size_t size = closed_size(closed);
	struct closed_bench *bench = malloc(sizeof(*bench));
	struct closed *copy = malloc(size);
	struct verdict verdict;
	bool ok;

	assert_non_null(bench);
	assert_non_null(copy);
	memset(bench, 0xa5, sizeof(*bench));
	memcpy(copy, closed, size);
	closed_judge(copy, bench, &verdict);
	assert_false(verdict.again);
	scene->judged++;
	ok = take_verdict(context, &verdict, err);
	free(copy);
	free(bench);
	return ok;
}

static void open_scene(struct scene *scene, const struct engine_config *config,
		       const struct engine_sink *sink)
{
	struct error err = {""};

	*scene = (struct scene){0};
	scene->engine = engine_new(config, *sink, &err);
	assert_non_null(scene->engine);
}

void scene_open(struct scene *scene, const struct engine_config *config)
{
	struct engine_sink sink = {.verdict = take_verdict, .context = scene};

	open_scene(scene, config, &sink);
}

void scene_open_judging(struct scene *scene, const struct engine_config *config)
{
	struct engine_sink sink = {
		.verdict = take_verdict, .context = scene, .closed = take_closed};

	open_scene(scene, config, &sink);
}

static bool came_through(const struct scene *scene, bool ok, const struct error *err)
{
	if (ok) {
		assert_string_equal(err->text, "");
	} else {
		assert_true(scene->refuses);
		assert_string_equal(err->text, refusal);
	}
	return ok;
}

void scene_finish(struct scene *scene)
{
	struct error err = {""};

	assert_true(engine_finish(scene->engine, &err));
	assert_string_equal(err.text, "");
}

void scene_close(struct scene *scene)
{
	engine_free(scene->engine);
	for (size_t i = 0; i < scene->told_count; i++)
		free_told(&scene->told[i]);
	free(scene->told);
	*scene = (struct scene){0};
}

struct segment segment_of(const struct ends *ends, enum side from, uint8_t flags, uint32_t seq,
			  uint32_t ack, uint32_t payload_len)
{
	enum side to = from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;

	return (struct segment){
		.ip_version = ends->ip_version,
		.src = ends->address[from],
		.dst = ends->address[to],
		.sport = ends->port[from],
		.dport = ends->port[to],
		.ttl = 64,
		.seq = seq,
		.ack = ack,
		.window = 64240,
		.flags = flags,
		.payload_len = payload_len,
		.wscale = WSCALE_NONE,
	};
}

bool scene_feed(struct scene *scene, struct segment *segment, int64_t ts_ns)
{
	struct error err = {""};

	segment->ts_ns = ts_ns;
	segment->ts_confirmed = true;
	segment->packet = ++scene->packet;
	if (!came_through(scene, engine_time(scene->engine, ts_ns, true, &err), &err))
		return false;
	return came_through(scene, engine_segment(scene->engine, segment, &err), &err);
}

bool scene_send(struct scene *scene, const struct ends *ends, enum side from, uint8_t flags,
		uint32_t seq, uint32_t ack, uint32_t payload_len, int64_t ts_ns)
{
	struct segment segment = segment_of(ends, from, flags, seq, ack, payload_len);

	return scene_feed(scene, &segment, ts_ns);
}

bool scene_clock(struct scene *scene, int64_t ts_ns)
{
	struct error err = {""};

	scene->packet++;
	return came_through(scene, engine_time(scene->engine, ts_ns, true, &err), &err);
}

int64_t scene_handshake(struct scene *scene, const struct ends *ends, int64_t ts_ns)
{
	scene_send(scene, ends, SIDE_INITIATOR, TCP_SYN, 1000, 0, 0, ts_ns);
	scene_send(scene, ends, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 5000, 1001, 0, ts_ns + STEP_NS);
	scene_send(scene, ends, SIDE_INITIATOR, TCP_ACK, 1001, 5001, 0, ts_ns + 2 * STEP_NS);
	return ts_ns + 2 * STEP_NS;
}

int64_t scene_close_clean(struct scene *scene, const struct ends *ends, int64_t ts_ns)
{
	scene_send(scene, ends, SIDE_INITIATOR, TCP_FIN | TCP_ACK, 1001, 5001, 0, ts_ns + STEP_NS);
	scene_send(scene, ends, SIDE_RESPONDER, TCP_ACK, 5001, 1002, 0, ts_ns + 2 * STEP_NS);
	scene_send(scene, ends, SIDE_RESPONDER, TCP_FIN | TCP_ACK, 5001, 1002, 0,
		   ts_ns + 3 * STEP_NS);
	scene_send(scene, ends, SIDE_INITIATOR, TCP_ACK, 1002, 5002, 0, ts_ns + 4 * STEP_NS);
	return ts_ns + 4 * STEP_NS;
}

size_t finding_rows(const struct verdict *v, enum finding_code code)
{
	size_t rows = 0;

	for (size_t i = 0; i < v->finding_count; i++)
		rows += v->findings[i].code == code;
	return rows;
}

uint64_t finding_times(const struct verdict *v, enum finding_code code)
{
	uint64_t times = 0;

	for (size_t i = 0; i < v->finding_count; i++)
		if (v->findings[i].code == code)
			times += v->findings[i].count;
	return times;
}
