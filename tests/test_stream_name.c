/* Names of stream files: they sort, tell, and stay names whatever a capture holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "streams/stream_name.h"

static void set_end(struct verdict *v, enum side side, const uint8_t *bytes, uint16_t port)
{
	memset(&v->dir[side].address, 0, sizeof(v->dir[side].address));
	memcpy(v->dir[side].address.bytes, bytes, v->ip_version == 4 ? 4 : 16);
	v->dir[side].port = port;
}

static struct verdict verdict4(void)
{
	struct verdict v = {
		.ip_version = 4, .first_packet = 17, .first_ns = INT64_C(1767603600003837000)};

	set_end(&v, SIDE_INITIATOR, (const uint8_t[]){192, 0, 2, 1}, 40000);
	set_end(&v, SIDE_RESPONDER, (const uint8_t[]){192, 0, 2, 2}, 80);
	return v;
}

static void expect_name(const struct stream_name *name, const char *wanted)
{
	char text[STREAM_NAME_MAX];

	stream_name_text(name, text);
	assert_string_equal(text, wanted);
}

static void test_ip4(void **state)
{
	struct verdict v = verdict4();

	(void)state;
	expect_name(&(struct stream_name){.verdict = &v, .from = SIDE_INITIATOR},
		    "20260105T090000.003837000Z-p17-192.0.2.1.40000-192.0.2.2.80.stream");
	expect_name(&(struct stream_name){.verdict = &v, .from = SIDE_RESPONDER, .capture = 2},
		    "20260105T090000.003837000Z-c2-p17-192.0.2.2.80-192.0.2.1.40000.stream");
	expect_name(
		&(struct stream_name){
			.verdict = &v, .from = SIDE_INITIATOR, .part = true, .offset = 4096},
		"20260105T090000.003837000Z-p17-192.0.2.1.40000-192.0.2.2.80"
		"-at000000004096.stream");
}

static void test_ip6(void **state)
{
	struct verdict v = {.ip_version = 6, .first_packet = 1, .first_ns = 0};

	(void)state;
	set_end(&v, SIDE_INITIATOR, (const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, [15] = 1}, 65535);
	set_end(&v, SIDE_RESPONDER, (const uint8_t[16]){[10] = 0xff, 0xff, 192, 0, 2, 1}, 0);
	expect_name(&(struct stream_name){.verdict = &v, .from = SIDE_INITIATOR},
		    "19700101T000000.000000000Z-p1-2001_db8__1.65535-__ffff_192.0.2.1.0.stream");
}

/* The longest name there can be has room, and is one that file systems take (255 bytes). */
static void test_longest(void **state)
{
	struct verdict v = {.ip_version = 6, .first_packet = UINT64_MAX, .first_ns = INT64_MAX};
	struct stream_name name = {.verdict = &v,
				   .from = SIDE_INITIATOR,
				   .capture = UINT32_MAX,
				   .part = true,
				   .offset = UINT64_MAX};
	uint8_t ones[16];
	char text[STREAM_NAME_MAX];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	set_end(&v, SIDE_INITIATOR, ones, 65535);
	set_end(&v, SIDE_RESPONDER, ones, 65535);
	stream_name_text(&name, text);
	assert_true(strlen(text) < STREAM_NAME_MAX - 1);
	assert_string_equal(text + strlen(text) - 7, ".stream");
	assert_null(strchr(text, '/'));
}

/* Any time has a name; before 1970, too, the fraction counts up. */
static void test_times(void **state)
{
	char text[INSTANT_TEXT_MAX];

	(void)state;
	instant_text(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
	instant_text(INT64_C(-1000000000), text);
	assert_string_equal(text, "1969-12-31T23:59:59.000000000Z");
	instant_text(INT64_MIN, text);
	assert_string_equal(text, "1677-09-21T00:12:43.145224192Z");
	instant_text(INT64_MAX, text);
	assert_string_equal(text, "2262-04-11T23:47:16.854775807Z");
}

static void test_endpoints(void **state)
{
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	stream_endpoint_text(&(struct ip_address){.bytes = {192, 0, 2, 1}}, 4, 80, text);
	assert_string_equal(text, "192.0.2.1:80");
	stream_endpoint_text(&(struct ip_address){.bytes = {0x20, 0x01, [15] = 1}}, 6, 80, text);
	assert_string_equal(text, "[2001::1]:80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip4),       cmocka_unit_test(test_ip6),
		cmocka_unit_test(test_longest),   cmocka_unit_test(test_times),
		cmocka_unit_test(test_endpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
