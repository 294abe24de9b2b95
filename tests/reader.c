#include "tests/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ENOUGH = 3 };

/* FNV-1a. */
static void add(struct read_digest *d, const void *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		d->digest = (d->digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
}

static void add_number(struct read_digest *d, uint64_t number)
{
	add(d, &number, sizeof(number));
}

static void add_moment(struct read_digest *d, const struct moment *at)
{
	add_number(d, (uint64_t)at->ts_ns);
	add_number(d, at->packet);
	add_number(d, at->ordinal);
	add_number(d, at->file);
}

static bool on_open(void *context, const struct stream_origin *origin, struct reading *reading,
		    struct error *err)
{
	struct read_digest *d = calloc(1, sizeof(*d));

	(void)context;
	(void)err;
	assert_non_null(d);
	d->first_packet = origin->first_packet;
	for (int side = 0; side < SIDES; side++) {
		reading->wants[side] = true;
		add(d, &origin->address[side], sizeof(origin->address[side]));
		add_number(d, origin->port[side]);
	}
	add_number(d, (uint64_t)origin->first_ns);
	add_number(d, origin->file + origin->ip_version * 2u + origin->midstream);
	reading->wants_segments = origin->first_packet % 4 == 0;
	reading->state = d;
	return true;
}

static bool on_segment(void *context, struct reading *reading, enum side from,
		       const struct segment *segment, enum segment_kind kind, struct error *err)
{
	(void)context;
	(void)err;
	add_number(reading->state, (uint64_t)from * 8 + kind);
	add_number(reading->state, segment->packet);
	return true;
}

static bool on_icmp(void *context, struct reading *reading, const struct icmp_error *icmp,
		    struct error *err)
{
	(void)context;
	(void)err;
	add_number(reading->state, 'i' + icmp->kind);
	add_number(reading->state, icmp->packet);
	return true;
}

static bool on_data(void *context, struct reading *reading, const struct stream_data *data,
		    struct error *err)
{
	struct read_digest *d = reading->state;

	(void)context;
	(void)err;
	add_number(d, data->side);
	add_number(d, data->offset);
	add_number(d, data->length);
	add_number(d, (uint64_t)data->seq << 32 | data->ack);
	add_number(d, data->flags);
	add_moment(d, &data->at);
	if (data->bytes)
		add(d, data->bytes, data->length);
	d->pieces += data->bytes != NULL;
	d->gaps += data->bytes == NULL;
	if (d->first_packet % 3 == 0 && d->pieces >= ENOUGH)
		reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = false;
	return true;
}

static bool on_ended(void *context, struct reading *reading, struct error *err)
{
	(void)context;
	(void)err;
	add_number(reading->state, 'e');
	return true;
}

static bool on_close(void *context, struct reading *reading, const struct verdict *verdict,
		     struct error *err)
{
	struct reader *r = context;

	(void)err;
	assert_true(verdict || r->early);
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? 2 * r->capacity : 64;
		r->digest = realloc(r->digest, r->capacity * sizeof(r->digest[0]));
		assert_non_null(r->digest);
	}
	r->digest[r->count++] = *(struct read_digest *)reading->state;
	free(reading->state);
	return true;
}

void reader_attach(struct reader *reader, struct engine *engine)
{
	const struct consumer consumer = {.context = reader,
					  .open = on_open,
					  .segment = on_segment,
					  .icmp = on_icmp,
					  .data = on_data,
					  .ended = on_ended,
					  .close = on_close,
					  .early = reader->early};

	engine_consume(engine, &consumer);
}

static int by_first_packet(const void *one, const void *other)
{
	uint64_t x = ((const struct read_digest *)one)->first_packet;
	uint64_t y = ((const struct read_digest *)other)->first_packet;

	return x < y ? -1 : x > y;
}

void reader_sort(struct reader *reader)
{
	qsort(reader->digest, reader->count, sizeof(reader->digest[0]), by_first_packet);
}

void reader_free(struct reader *reader)
{
	free(reader->digest);
}
