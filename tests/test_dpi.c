/* streams/dpi.h: what nDPI makes of bytes, whatever their pieces, and that nothing is kept too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/engine.h"
#include "streams/application_table.h"
#include "streams/dpi.h"
#include "streams/dpi_packet.h"
#include "tests/dpi_scene.h"

enum { ROOM = 512 };

static void put(uint8_t *room, size_t *at, const void *bytes, size_t length)
{
	assert_true(*at + length <= ROOM);
	memcpy(room + *at, bytes, length);
	*at += length;
}

/* RFC 8446, 4.1.2, with the extensions server_name (RFC 6066, 3) and supported_groups. */
static size_t client_hello(const char *name, uint8_t room[ROOM])
{
	static const uint8_t record[] = {0x16, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
	static const uint8_t ciphers[] = {0, 0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0};
	static const uint8_t groups[] = {0, 10, 0, 4, 0, 2, 0, 29};
	uint8_t length = (uint8_t)strlen(name), random[32];
	uint8_t extensions[] = {0, (uint8_t)(length + 9 + sizeof(groups))};
	uint8_t sni[] = {0, 0, 0, (uint8_t)(length + 5), 0, (uint8_t)(length + 3), 0, 0, length};
	size_t at = 0;

	memset(random, 0x5a, sizeof(random));
	put(room, &at, record, sizeof(record));
	put(room, &at, random, sizeof(random));
	put(room, &at, ciphers, sizeof(ciphers));
	put(room, &at, extensions, sizeof(extensions));
	put(room, &at, sni, sizeof(sni));
	put(room, &at, name, length);
	put(room, &at, groups, sizeof(groups));
	room[4] = (uint8_t)(at - 5);
	room[8] = (uint8_t)(at - 9);
	return at;
}

static void test_tls_server_name(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	uint8_t hello[ROOM];
	size_t length = client_hello("www.Google.com", hello);
	struct dpi_scene s;

	(void)state;
	dpi_open(&s, dpi, 443, false);
	dpi_deliver(&s, SIDE_INITIATOR, hello, length);
	assert_string_equal(dpi_finish(&s)->category, "Web");
	assert_int_equal(s.epilogue.application_at.packet, 4);
	dpi_end(&s, "TLS.Google", false, "www.google.com");
	dpi_free(dpi);
}

/* What the reassembler puts in order may come in any pieces. */
static void test_split_client_hello(void **state)
{
	static const size_t sizes[] = {1, 2, 5, 6, 40, 100};
	struct dpi *dpi = dpi_with(dpi_defaults());
	uint8_t hello[ROOM];
	size_t length = client_hello("mail.example.org", hello);

	(void)state;
	for (size_t i = 3; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct dpi_scene s;

		dpi_open(&s, dpi, 443, false);
		for (size_t at = 0; at < length; at += sizes[i])
			dpi_deliver(&s, SIDE_INITIATOR, hello + at,
				    length - at < sizes[i] ? length - at : sizes[i]);
		dpi_end(&s, "TLS", false, "mail.example.org");
	}
	dpi_free(dpi);
}

static void test_http(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene s;

	(void)state;
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(&s, SIDE_INITIATOR,
			 "GET / HTTP/1.1\r\nHost: Shop.Example.ORG\r\nUser-Agent: x\r\n\r\n");
	assert_int_equal(dpi_counts(dpi)->undecided, 1); /* the answer's status is wanted, too */
	dpi_deliver_text(
		&s, SIDE_RESPONDER,
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(dpi_counts(dpi)->undecided, 0); /* freed as soon as it is settled */
	assert_false(s.reading.wants[0] || s.reading.wants[1]);
	dpi_end(&s, "HTTP", false, "shop.example.org");
	dpi_free(dpi);
}

static void test_server_name_is_printable(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	const struct application *a;
	struct dpi_scene s;

	(void)state;
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(
		&s, SIDE_INITIATOR,
		"GET / HTTP/1.1\r\nHost: a\x1b[2Jb\xff\x01'\"c.example\r\nUser-Agent: x\r\n\r\n");
	dpi_deliver_text(&s, SIDE_RESPONDER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	a = dpi_finish(&s);
	assert_non_null(a->server_name);
	for (const char *c = a->server_name; *c != '\0'; c++)
		assert_true(*c > ' ' && *c <= '~');
	dpi_close(&s);
	dpi_free(dpi);
}

/* Bytes of no protocol: after as many pieces as nDPI wants, the port decides, and it says so. */
static void test_guess(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	uint8_t noise[64];
	struct dpi_scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 37 + 11);
	dpi_open(&s, dpi, 5432, false);
	for (int i = 0; i < 100; i++) {
		noise[0] = (uint8_t)(i * 91);
		dpi_deliver(&s, i & 1 ? SIDE_RESPONDER : SIDE_INITIATOR, noise, sizeof(noise));
	}
	assert_false(s.reading.wants[0] || s.reading.wants[1]);
	assert_int_equal(dpi_counts(dpi)->undecided, 0);
	dpi_end(&s, "PostgreSQL", true, NULL);
	assert_int_equal(dpi_counts(dpi)->guessed, 1);
	dpi_free(dpi);
}

/* As ndpiReader does: the port alone. */
static void test_no_payload(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene s;

	(void)state;
	dpi_open(&s, dpi, 22, false);
	dpi_end(&s, "SSH", true, NULL);
	assert_int_equal(s.epilogue.application_at.packet, 1);
	dpi_open(&s, dpi, 22, true);
	dpi_end(&s, "SSH", true, NULL);
	dpi_open(&s, dpi, 40001, false);
	assert_null(dpi_finish(&s));
	dpi_close(&s);
	assert_int_equal(dpi_counts(dpi)->unknown, 1);
	dpi_free(dpi);
}

static void test_one_side_midstream_and_gaps(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	uint8_t hello[ROOM];
	size_t length = client_hello("a.example", hello);
	struct dpi_scene s;

	(void)state;
	/* the answers alone */
	dpi_open(&s, dpi, 40001, false);
	dpi_deliver_text(&s, SIDE_RESPONDER, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n");
	dpi_end(&s, "SSH", false, NULL);
	/* no handshake */
	dpi_open(&s, dpi, 40001, true);
	dpi_deliver(&s, SIDE_INITIATOR, hello, length);
	dpi_end(&s, "TLS", false, "a.example");
	/* a gap first, of any size */
	for (uint64_t gap = 1; gap < UINT64_C(1) << 34; gap <<= 5) {
		dpi_open(&s, dpi, 443, false);
		dpi_deliver(&s, SIDE_RESPONDER, NULL, gap);
		dpi_deliver(&s, SIDE_INITIATOR, NULL, gap);
		dpi_deliver(&s, SIDE_INITIATOR, hello, length);
		dpi_end(&s, "TLS", false, "a.example");
	}
	/* nothing but a gap */
	dpi_open(&s, dpi, 25, false);
	dpi_deliver(&s, SIDE_INITIATOR, NULL, 5000);
	dpi_end(&s, "SMTP", true, NULL);
	dpi_free(dpi);
}

static void test_large_piece(void **state)
{
	enum { LARGE = 300000 };
	struct dpi *dpi = dpi_with(dpi_defaults());
	char *piece = malloc(LARGE);
	struct dpi_scene s;

	(void)state;
	memset(piece, 'x', LARGE);
	memcpy(piece, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", 45);
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(&s, SIDE_INITIATOR, "GET /x HTTP/1.1\r\nHost: big.example\r\n\r\n");
	dpi_deliver(&s, SIDE_RESPONDER, piece, LARGE);
	dpi_end(&s, "HTTP", false, "big.example");
	dpi_open(&s, dpi, 40001, false);
	memset(piece, 0, LARGE);
	dpi_deliver(&s, SIDE_RESPONDER, piece, LARGE);
	dpi_finish(&s);
	dpi_close(&s);
	free(piece);
	dpi_free(dpi);
}

/* Beyond the bound the oldest connection is guessed; the others go on. */
static void test_memory_of_the_undecided(void **state)
{
	enum { CONNECTIONS = 200 };
	struct dpi_config config = dpi_defaults();
	struct dpi_scene *s = calloc(CONNECTIONS, sizeof(*s));
	struct dpi *dpi;

	(void)state;
	config.max_memory = 50000;
	dpi = dpi_with(config);
	for (int i = 0; i < CONNECTIONS; i++) {
		uint8_t said = (uint8_t)i; /* no two the same: that would be known */

		dpi_open(&s[i], dpi, 5432, false);
		dpi_deliver(&s[i], SIDE_INITIATOR, &said, 1);
		assert_true(dpi_counts(dpi)->bytes <= config.max_memory);
		assert_true(dpi_counts(dpi)->undecided >= 1);
	}
	assert_true(dpi_counts(dpi)->guessed_early > CONNECTIONS / 2);
	assert_true(dpi_counts(dpi)->peak_bytes < config.max_memory + 5000);
	/* one that was guessed early is told nothing more */
	dpi_deliver_text(&s[0], SIDE_RESPONDER, "!");
	assert_false(s[0].reading.wants[0] || s[0].reading.wants[1]);
	for (int i = 0; i < CONNECTIONS; i++) {
		dpi_expect(dpi_finish(&s[i]), "PostgreSQL", true, NULL);
		dpi_close(&s[i]);
	}
	assert_int_equal(dpi_counts(dpi)->bytes, 0);
	free(s);
	dpi_free(dpi);
}

static void test_equal_results_are_one(void **state)
{
	enum { CONNECTIONS = 300 };
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene *s = calloc(CONNECTIONS, sizeof(*s));

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++) {
		dpi_open(&s[i], dpi, 22, false);
		dpi_finish(&s[i]);
		assert_ptr_equal(s[i].epilogue.application, s[0].epilogue.application);
	}
	assert_int_equal(dpi_counts(dpi)->results, 1);
	for (int i = 0; i < CONNECTIONS; i++)
		dpi_close(&s[i]);
	free(s);
	dpi_free(dpi);
}

/* Closed without a verdict, or never closed: nothing leaks. */
static void test_left_open(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct error err = {{0}};
	struct dpi_scene s;

	(void)state;
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(&s, SIDE_INITIATOR, "GET / HT");
	assert_int_equal(dpi_counts(dpi)->undecided, 1);
	assert_true(s.consumer.close(s.consumer.context, &s.reading, NULL, &err));
	assert_int_equal(dpi_counts(dpi)->undecided, 0);
	dpi_free(dpi);
}

static uint32_t random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

/* Starts of protocols, damaged and mixed: whatever nDPI does with them, it ends, inside its bounds. */
static void test_hostile_bytes(void **state)
{
	static const char *const starts[] = {
		"GET / HTTP/1.1\r\nHost: ",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"SSH-2.0-x\r\n",
		"\x16\x03\x03\xff\xff\x0b\x00\xff\xff",
		"220 x ESMTP\r\n",
		"\xffSMBr",
		"HTTP/1.1 200 OK\r\nServer: ",
		"\023BitTorrent protocol",
		"",
	};
	struct dpi *dpi = dpi_with(dpi_defaults());
	uint32_t random = 4711;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct dpi_scene s;

		dpi_open(&s, dpi, (uint16_t)random_next(&random), random_next(&random) & 1);
		for (uint32_t n = random_next(&random) % 40; n > 0; n--) {
			const char *text = starts[random_next(&random) % 9];
			uint8_t bytes[2000];
			size_t length = 1 + random_next(&random) % (sizeof(bytes) - 1);

			for (size_t at = 0; at < length; at++)
				bytes[at] = (uint8_t)random_next(&random);
			memcpy(bytes, text, strlen(text) < length ? strlen(text) : length);
			dpi_deliver(&s, random_next(&random) & 1, n % 11 == 5 ? NULL : bytes,
				    length);
		}
		dpi_finish(&s);
		dpi_close(&s);
	}
	assert_int_equal(dpi_counts(dpi)->undecided, 0);
	assert_int_equal(dpi_counts(dpi)->bytes, 0);
	dpi_free(dpi);
}

static void test_results_are_bounded(void **state)
{
	static const uint8_t key[16];
	static const char *const risks[] = {"one", "two"};
	struct application_table *table = application_table_new(4000, key);
	const struct application *taken[400];
	size_t whole = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		char name[32];
		struct application a = {.name = "TLS",
					.category = "Web",
					.server_name = name,
					.risks = risks,
					.risk_count = 1 + (i & 1)};

		snprintf(name, sizeof(name), "host-%d.example", i);
		taken[i] = application_take(table, &a);
		assert_non_null(taken[i]);
		assert_string_equal(taken[i]->name, "TLS");
		if (!taken[i]->server_name)
			continue;
		assert_string_equal(taken[i]->server_name, name);
		assert_int_equal(taken[i]->risk_count, a.risk_count);
		assert_string_equal(taken[i]->risks[0], "one");
		whole++;
	}
	assert_true(whole > 10 && whole < 40);
	assert_int_equal(application_table_shortened(table), 400 - whole);
	assert_true(application_table_bytes(table) < 4000 + 3 * 200);
	for (int i = 0; i < 400; i++)
		application_drop(table, taken[i]);
	assert_int_equal(application_table_count(table), 0);
	assert_int_equal(application_table_bytes(table), 0);
	application_table_free(table);
}

/* Many different ones: the table grows, and each is found again. */
static void test_results_are_told_apart(void **state)
{
	enum { COUNT = 1000 };
	static const uint8_t key[16];
	struct application_table *table = application_table_new(SIZE_MAX, key);
	const struct application *taken[COUNT];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < COUNT; i++) {
			char name[16];
			struct application a = {.name = name, .guessed = i & 1};
			const struct application *got;

			snprintf(name, sizeof(name), "%d", i / 2);
			got = application_take(table, &a);
			if (round == 1)
				assert_ptr_equal(got, taken[i]);
			taken[i] = got;
		}
	assert_int_equal(application_table_count(table), COUNT);
	for (int i = 0; i < COUNT; i++) {
		application_drop(table, taken[i]);
		application_drop(table, taken[i]);
	}
	assert_int_equal(application_table_count(table), 0);
	application_table_free(table);
}

static void test_packets(void **state)
{
	static const uint8_t ip4[] = {0x45, 0, 0, 43, 0,   0,   0,   0, 64,   6,    0,    0,
				      10,   0, 0, 2,  10,  0,   0,   1, 0,    80,   0x9c, 0x40,
				      1,    2, 3, 4,  5,   6,   7,   8, 0x50, 0x18, 0xff, 0xff,
				      0,    0, 0, 0,  'a', 'b', 'c', 0, 0};
	static const uint8_t ip6[] = {0x60, 0, 0, 0, 0, 23, 6, 64, 10};
	struct dpi_ends ends = {.address = {{{10, 0, 0, 1}}, {{10, 0, 0, 2}}},
				.port = {40000, 80},
				.ip_version = 4};
	struct dpi_packet packet = {.from = SIDE_RESPONDER,
				    .seq = 0x01020304,
				    .ack = 0x05060708,
				    .flags = TCP_ACK | TCP_PSH,
				    .payload = (const uint8_t *)"abc",
				    .length = 3};
	uint8_t *room = malloc(DPI_PACKET_ROOM);

	(void)state;
	memset(room, 0xaa, DPI_PACKET_ROOM);
	assert_int_equal(dpi_packet_write(&ends, &packet, room), 43);
	assert_memory_equal(room, ip4, sizeof(ip4));
	ends.ip_version = 6;
	assert_int_equal(dpi_packet_write(&ends, &packet, room), 63);
	assert_memory_equal(room, ip6, sizeof(ip6));
	packet.payload = calloc(1, DPI_PAYLOAD_MAX);
	packet.length = DPI_PAYLOAD_MAX;
	assert_int_equal(dpi_packet_write(&ends, &packet, room), 65535);
	free((void *)(uintptr_t)packet.payload);
	free(room);
}

/* A segment of the connection between the two ends of dpi_open(). */
static void capture(struct engine *engine, uint64_t number, enum side from, uint32_t seq,
		    uint32_t ack, uint8_t flags, const uint8_t *payload, uint32_t length)
{
	static const struct ip_address address[SIDES] = {{{10, 0, 0, 1}}, {{10, 0, 0, 2}}};
	static const uint16_t port[SIDES] = {40000, 443};
	struct segment segment = {
		.ts_ns = INT64_C(1700000000000000000) + (int64_t)number * 1000000,
		.ts_confirmed = true,
		.packet = number,
		.ip_version = 4,
		.src = address[from],
		.dst = address[!from],
		.sport = port[from],
		.dport = port[!from],
		.ttl = 64,
		.ip_id = (uint16_t)number,
		.seq = seq,
		.ack = ack,
		.window = 60000,
		.flags = flags,
		.payload_len = length,
		.payload = payload,
		.payload_captured = length,
		.wscale = WSCALE_NONE,
	};
	struct error err = {{0}};

	assert_true(engine_time(engine, segment.ts_ns, true, &err));
	assert_true(engine_segment(engine, &segment, &err));
}

static bool see_verdict(void *context, const struct verdict *v, struct error *err)
{
	int *verdicts = context;

	(void)err;
	dpi_expect(v->application, "TLS", false, "late.example");
	assert_int_equal(v->application->risk_count > 0, v->finding_count > 0);
	for (size_t i = 0; i < v->finding_count; i++) {
		assert_int_equal(v->findings[i].code, FINDING_DPI_RISK);
		assert_int_equal(v->findings[i].side, SIDE_NONE);
		assert_int_equal(v->findings[i].packet, 4); /* brought the last piece */
	}
	++*verdicts;
	return true;
}

/* Through the engine: the second half of the ClientHello comes first, and a part of it twice. */
static void test_out_of_order(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct engine_config config = engine_defaults();
	struct consumer consumer = dpi_consumer(dpi);
	struct error err = {{0}};
	int verdicts = 0;
	struct engine_sink sink = {.verdict = see_verdict, .context = &verdicts};
	struct engine *engine = engine_new(&config, sink, &err);
	uint8_t hello[ROOM];
	uint32_t length = (uint32_t)client_hello("late.example", hello);

	(void)state;
	engine_consume(engine, &consumer);
	capture(engine, 1, SIDE_INITIATOR, 1000, 0, TCP_SYN, NULL, 0);
	capture(engine, 2, SIDE_RESPONDER, 5000, 1001, TCP_SYN | TCP_ACK, NULL, 0);
	capture(engine, 3, SIDE_INITIATOR, 1001, 5001, TCP_ACK, NULL, 0);
	capture(engine, 4, SIDE_INITIATOR, 1041, 5001, TCP_ACK, hello + 40, length - 40);
	capture(engine, 5, SIDE_INITIATOR, 1051, 5001, TCP_ACK, hello + 50, length - 50);
	capture(engine, 6, SIDE_INITIATOR, 1001, 5001, TCP_ACK, hello, 60);
	capture(engine, 7, SIDE_RESPONDER, 5001, 1001 + length, TCP_ACK, NULL, 0);
	assert_true(engine_finish(engine, &err));
	assert_int_equal(verdicts, 1);
	engine_free(engine);
	assert_int_equal(dpi_counts(dpi)->undecided, 0);
	dpi_free(dpi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls_server_name),
		cmocka_unit_test(test_split_client_hello),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_server_name_is_printable),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_no_payload),
		cmocka_unit_test(test_one_side_midstream_and_gaps),
		cmocka_unit_test(test_large_piece),
		cmocka_unit_test(test_memory_of_the_undecided),
		cmocka_unit_test(test_equal_results_are_one),
		cmocka_unit_test(test_left_open),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_results_are_bounded),
		cmocka_unit_test(test_results_are_told_apart),
		cmocka_unit_test(test_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
