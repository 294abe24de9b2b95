#include "tests/dpi_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct dpi *dpi_with(struct dpi_config config)
{
	struct error err = {{0}};
	struct dpi *dpi = dpi_new(&config, &err);

	if (!dpi)
		fail_msg("%s", err.text);
	return dpi;
}

void dpi_open(struct dpi_scene *s, struct dpi *dpi, uint16_t port, bool midstream)
{
	dpi_open_between(s, dpi, 40000, port, midstream);
}

void dpi_open_between(struct dpi_scene *s, struct dpi *dpi, uint16_t from_port, uint16_t port,
		      bool midstream)
{
	struct stream_origin origin = {
		.ip_version = 4,
		.address = {{{10, 0, 0, 1}}, {{10, 0, 0, 2}}},
		.port = {from_port, port},
		.first_ns = INT64_C(1700000000000000000),
		.first_packet = 1,
		.midstream = midstream,
	};

	dpi_open_of(s, dpi, &origin);
}

void dpi_open_of(struct dpi_scene *s, struct dpi *dpi, const struct stream_origin *origin)
{
	struct error err = {{0}};

	*s = (struct dpi_scene){
		.dpi = dpi, .consumer = dpi_consumer(dpi), .packet = 3, .isn = {1000, 4294967290U}};
	assert_true(s->consumer.open(s->consumer.context, origin, &s->reading, &err));
	assert_true(s->reading.wants[0] && s->reading.wants[1]);
	assert_false(s->reading.wants_segments);
}

void dpi_deliver(struct dpi_scene *s, enum side side, const void *bytes, size_t length)
{
	struct stream_data data = {
		.side = side,
		.offset = s->offset[side],
		.bytes = bytes,
		.length = length,
		.seq = s->isn[side] + 1 + (uint32_t)s->offset[side],
		.at = {.ts_ns = INT64_C(1700000000000000000) + (int64_t)s->packet * 1000000,
		       .packet = ++s->packet},
		.ack = s->isn[!side] + 1 + (uint32_t)s->offset[!side],
		.flags = TCP_ACK,
	};
	struct error err = {{0}};

	s->offset[side] += length;
	if (s->reading.wants[side])
		assert_true(s->consumer.data(s->consumer.context, &s->reading, &data, &err));
}

void dpi_deliver_text(struct dpi_scene *s, enum side side, const char *text)
{
	dpi_deliver(s, side, text, strlen(text));
}

const struct application *dpi_finish(struct dpi_scene *s)
{
	struct error err = {{0}};

	assert_true(s->consumer.finish(s->consumer.context, &s->reading, &s->epilogue, &err));
	return s->epilogue.application;
}

void dpi_close(struct dpi_scene *s)
{
	struct error err = {{0}};
	struct verdict verdict = {0};

	assert_true(s->consumer.close(s->consumer.context, &s->reading, &verdict, &err));
	assert_null(s->reading.state);
}

void dpi_expect(const struct application *a, const char *name, bool guessed,
		const char *server_name)
{
	assert_non_null(a);
	assert_string_equal(a->name, name);
	if (a->guessed != guessed)
		fail_msg("%s: guessed is %d", name, a->guessed);
	if (server_name)
		assert_string_equal(a->server_name, server_name);
	else
		assert_null(a->server_name);
}

void dpi_end(struct dpi_scene *s, const char *name, bool guessed, const char *server_name)
{
	dpi_expect(dpi_finish(s), name, guessed, server_name);
	dpi_close(s);
	assert_int_equal(dpi_counts(s->dpi)->undecided, 0);
	assert_int_equal(dpi_counts(s->dpi)->bytes, 0);
}
