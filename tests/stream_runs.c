#include "tests/stream_runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/engine_state.h"

#define START_NS INT64_C(1000000000)

enum { MILLISECOND = 1000000, SEVERAL = 20 };

static const struct link_mode usual = {
	.fins = true,
	.syn_data = true,
	.keep_alives = true,
	.tap_loss = 8,
	.link_loss = 10,
	.reordering = 30,
	.duplicates = 3,
	.conversations = 1,
	.steps = 250,
	.runs = 100,
};

/* What makes a mode of the usual one. */
static void lossless(struct link_mode *m)
{
	m->tap_loss = 0;
}

static void first_copies(struct link_mode *m)
{
	m->conflicts = true;
}

static void last_copies(struct link_mode *m)
{
	m->conflicts = true;
	m->overlap = OVERLAP_LAST;
}

static void data_after_fins(struct link_mode *m)
{
	m->short_frames = true;
	m->after_fin = true;
}

static void resets(struct link_mode *m)
{
	m->short_frames = true;
	m->resets = true;
	m->tap_loss = 20;
	m->conversations = SEVERAL; /* so that time passes between segments of one */
	m->steps = 250 * SEVERAL;
	m->runs = 10;
}

static void resets_last_copies(struct link_mode *m)
{
	resets(m);
	last_copies(m);
}

static void windows(struct link_mode *m)
{
	m->short_frames = true;
	m->windows = true;
	m->fins = false;
}

static void windows_last_copies(struct link_mode *m)
{
	windows(m);
	last_copies(m);
}

static void short_frames(struct link_mode *m)
{
	m->short_frames = true;
	m->keep_alives = false;
}

static void midstream(struct link_mode *m)
{
	m->short_frames = true;
	m->midstream = true;
	m->keep_alives = false;
}

/* Flows are packed away and come back. */
static void many(struct link_mode *m)
{
	m->resets = true;
	m->conversations = 300;
	m->steps = 30000;
	m->runs = 1;
}

static void little_memory(struct link_mode *m)
{
	m->loose = m->conflicts = m->resets = m->windows = m->after_fin = true;
	m->conversations = 40;
	m->steps = 3000;
	m->memory = 6000;
	m->runs = 5;
}

static void evictions(struct link_mode *m)
{
	little_memory(m);
	m->changing_wishes = true;
	m->keep_alives = false;
	m->tap_loss = 15;
	m->conversations = 400;
	m->steps = 8000;
	m->memory = 12000;
	m->max_flows = 6;
	m->runs = 2;
}

static const struct {
	const char *name;
	void (*change)(struct link_mode *m);
} modes[] = {
	{"usual", NULL},
	{"lossless", lossless},
	{"first_copies", first_copies},
	{"last_copies", last_copies},
	{"data_after_fins", data_after_fins},
	{"resets", resets},
	{"resets_last_copies", resets_last_copies},
	{"windows", windows},
	{"windows_last_copies", windows_last_copies},
	{"short_frames", short_frames},
	{"midstream", midstream},
	{"many", many},
	{"little_memory", little_memory},
	{"evictions", evictions},
};

size_t run_modes(void)
{
	return sizeof(modes) / sizeof(modes[0]);
}

const char *run_mode_name(size_t index)
{
	return modes[index].name;
}

struct link_mode run_mode(size_t index)
{
	struct link_mode mode = usual;

	if (modes[index].change)
		modes[index].change(&mode);
	return mode;
}

/* --- what fails --- */

static uint32_t number_of(const struct run *r, const struct conversation *c)
{
	uint32_t number = 0;

	while (r->link.conversations[number] != c)
		number++;
	return number;
}

static void check(struct run *r, const struct conversation *c, const char *fault)
{
	if (fault)
		fail_msg("mode %s seed %u, conversation %u, side %d, offset %lld: %s", r->name,
			 r->seed, number_of(r, c), c->model.fault_side,
			 (long long)c->model.fault_at, fault);
}

static void show(const struct run *r, const struct conversation *c, const struct model_segment *s)
{
	if (r->telling)
		printf("# %u: %.3f %c %s%s%s. %lld:%lld captured %u ack %lld win %u\n",
		       number_of(r, c), (double)r->now_ns / START_NS,
		       s->from == SIDE_INITIATOR ? '>' : '<', s->flags & TCP_SYN ? "S" : "",
		       s->flags & TCP_FIN ? "F" : "", s->flags & TCP_RST ? "R" : "",
		       (long long)s->offset, (long long)s->offset + s->length, s->captured,
		       (long long)s->ack, s->window);
}

/* --- the reader --- */

static struct conversation *conversation_at(const struct run *r, const struct ip_address *a)
{
	uint32_t number = (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 | a->bytes[3];

	assert_true(number < r->mode->conversations);
	return r->link.conversations[number];
}

static bool open_reading(void *context, const struct stream_origin *origin, struct reading *reading,
			 struct error *err)
{
	struct run *r = context;
	struct conversation *c = conversation_at(r, &origin->address[SIDE_INITIATOR]);

	(void)err;
	assert_int_equal(origin->port[SIDE_INITIATOR], c->ends.port[SIDE_INITIATOR]);
	assert_false(c->open);
	assert_true(!c->opened || r->mode->loose);
	c->open = c->opened = true;
	for (int side = 0; side < SIDES; side++) {
		c->model.side[side].told = c->ignored[side] = false; /* a new stream */
		reading->wants[side] = true;
	}
	reading->state = c;
	reading->wants_segments = link_chance(&r->link, 50);
	return true;
}

static bool hear_segment(void *context, struct reading *reading, enum side from,
			 const struct segment *segment, enum segment_kind kind, struct error *err)
{
	const struct conversation *c = reading->state;

	(void)context;
	(void)from;
	(void)segment;
	(void)kind;
	(void)err;
	assert_true(reading->wants_segments && c->open);
	return true;
}

static bool take_data(void *context, struct reading *reading, const struct stream_data *data,
		      struct error *err)
{
	struct run *r = context;
	struct conversation *c = reading->state;
	int64_t offset = (int32_t)(data->seq - (c->talker[data->side].isn + 1));

	(void)err;
	assert_true(reading->wants[data->side]);
	if (r->telling)
		printf("# %u: told %c %s %lld:%lld\n", number_of(r, c),
		       data->side == SIDE_INITIATOR ? '>' : '<', data->bytes ? "bytes" : "gap",
		       (long long)offset, (long long)(offset + (int64_t)data->length));
	check(r, c,
	      model_told(&c->model, data->side, offset, data->offset, data->bytes, data->length,
			 r->finishing));
	*(data->bytes ? &r->bytes : &r->gap_bytes) += data->length;
	if (r->mode->changing_wishes && link_chance(&r->link, 3))
		reading->wants[link_below(&r->link, SIDES)] = false;
	for (int side = 0; side < SIDES; side++)
		c->ignored[side] = !reading->wants[side];
	return true;
}

static bool close_reading(void *context, struct reading *reading, const struct verdict *verdict,
			  struct error *err)
{
	struct conversation *c = reading->state;

	(void)context;
	(void)verdict;
	(void)err;
	assert_true(c->open);
	c->open = false;
	return true;
}

/* --- the tap's end --- */

static int64_t pause_after(struct run *r)
{
	uint32_t longest = link_below(&r->link, 10) ? 10 : 300;

	return (int64_t)link_below(&r->link, longest * MILLISECOND);
}

/* The payload in a block of its own length, so that a read behind it is seen. */
static void feed(struct run *r, const struct conversation *c, const struct model_segment *s)
{
	enum side to = s->from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	uint32_t seq = c->talker[s->from].isn + (s->flags & TCP_SYN ? 0 : 1) + (uint32_t)s->offset;
	uint32_t ack = s->flags & TCP_ACK ? c->talker[to].isn + 1 + (uint32_t)s->ack : 0;
	struct segment segment = segment_of(&c->ends, s->from, s->flags, seq, ack, s->length);
	uint8_t *payload = s->captured ? malloc(s->captured) : NULL;

	if (payload)
		memcpy(payload, s->bytes, s->captured);
	segment.payload = payload;
	segment.payload_captured = s->captured;
	segment.window = (uint16_t)s->window;
	segment.wscale = s->flags & TCP_SYN ? c->model.shift : WSCALE_NONE;
	segment.ip_id = s->ip_id;
	assert_true(scene_feed(&r->scene, &segment, r->now_ns));
	free(payload);
}

static void take_captured(void *context, struct conversation *c, const struct model_segment *s)
{
	struct run *r = context;
	const struct stream_pool *pool = &r->scene.engine->streams.pool;

	r->now_ns += pause_after(r);
	show(r, c, s);
	model_take(&c->model, s, r->now_ns);
	feed(r, c, s);
	assert_true(pool->used <= pool->limit);
	for (int side = 0; side < SIDES; side++)
		if (!c->ignored[side])
			check(r, c, model_settled(&c->model, (enum side)side));
}

/* --- runs --- */

static struct model_findings findings_of(const struct verdict *v)
{
	struct model_findings all = {0};

	for (size_t i = 0; i < v->finding_count; i++) {
		const struct finding *f = &v->findings[i];

		all.limit |= f->code == FINDING_TRACKING_LIMIT;
		if (f->code == FINDING_OVERLAP_CONFLICT)
			all.conflict[f->side] = true;
		if (f->code == FINDING_DATA_BEYOND_WINDOW)
			all.beyond_window[f->side] = true;
		if (f->code == FINDING_DATA_AFTER_RST)
			all.after_reset[f->side] = true;
	}
	return all;
}

static void finish(struct run *r)
{
	link_flush(&r->link);
	r->finishing = true;
	scene_finish(&r->scene);
	assert_int_equal(r->scene.engine->streams.pool.used, 0);
	for (size_t i = 0; i < r->scene.told_count; i++) {
		const struct verdict *v = &r->scene.told[i].verdict;
		struct conversation *c = conversation_at(r, &v->dir[SIDE_INITIATOR].address);
		struct model_findings findings = findings_of(v);

		for (int side = 0; side < SIDES; side++)
			if (!c->ignored[side])
				check(r, c, model_finished(&c->model, (enum side)side, &findings));
	}
}

void run_play(struct run *r)
{
	struct engine_config config = engine_defaults();
	const struct consumer reader = {.context = r,
					.open = open_reading,
					.segment = hear_segment,
					.data = take_data,
					.close = close_reading};

	r->now_ns = START_NS;
	r->finishing = false;
	link_open(&r->link, r->mode, r->seed);
	r->link.captured = take_captured;
	r->link.context = r;
	config.overlap = r->mode->overlap;
	config.msl_ns *= 1000; /* nothing is judged before the end */
	config.max_flows = r->mode->max_flows;
	if (r->mode->memory)
		config.stream_memory = r->mode->memory;
	scene_open(&r->scene, &config);
	engine_consume(r->scene.engine, &reader);
	for (uint32_t i = 0; i < r->mode->steps; i++) {
		if (r->decide && !r->decide(r->context, &r->link.random))
			break;
		link_step(&r->link, i);
	}
	if (!r->mode->loose || r->seed % 4) /* else the run fails before its end */
		finish(r);
	scene_close(&r->scene);
	for (uint32_t i = 0; i < r->mode->conversations; i++)
		assert_false(r->link.conversations[i]->open);
	link_close(&r->link);
}
