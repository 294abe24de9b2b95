/* The decoder's IPv4 and IPv6: lengths, options, extension headers, checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/packet_builder.h"

enum { PAYLOAD = 9, RAW = 101 };

#define BYTES(literal) (literal), sizeof(literal) - 1

static void test_ip4_header(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_segment(b, 4, PAYLOAD);
	decode_build(b, RAW, &d);
	expect_segment(&d, 4, PAYLOAD);
	assert_int_equal(d.segment.ip_id, 0x1234);
	build_segment(b, 6, PAYLOAD);
	decode_build(b, RAW, &d);
	expect_segment(&d, 6, PAYLOAD);
	assert_int_equal(d.segment.ip_id, 0);
	build_free(b);
}

static void test_ip4_options(void **state)
{
	static const struct {
		const char *options;
		size_t length;
	} cases[] = {
		{BYTES("\x01\x01\x01\0")},
		{BYTES("\x94\x04\0\0")},               /* router alert */
		{BYTES("\x07\x07\x04\x0a\0\0\x09\0")}, /* record route */
		{BYTES("\x07\xff\x04\x0a\0\0\x09\0")}, /* too long */
		{BYTES("\x07\0\x04\x0a\0\0\x09\0")},   /* too short */
		{BYTES("\x01\x01\x01\x83")},           /* no length */
		{BYTES("\x83\x07\x08\x0a\0\0\x09\0")}, /* route travelled */
		{BYTES("\x83\x03\x04\0")},             /* route without hops */
		{BYTES("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
		       "\1\1\1")},
	};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_clear(b);
		build_payload(b, PAYLOAD);
		build_tcp(b);
		build_ip4_options(b, 6, cases[i].options, cases[i].length);
		decode_build(b, RAW, &d);
		expect_segment(&d, 4, PAYLOAD);
		expect_every_length(b, RAW, 0, PAYLOAD, 0, NULL);
	}
	build_free(b);
}

/* A source route names the real destination last. */
static void test_ip4_source_route(void **state)
{
	static const uint8_t final[4] = {10, 9, 9, 9};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_payload(b, PAYLOAD);
	build_tcp(b);
	build_ip4_options(b, 6, BYTES("\x01\x83\x0b\x04\x0a\0\0\x03\x0a\x09\x09\x09"));
	assert_int_equal(decode_build(b, RAW, &d), DECODED_SEGMENT);
	assert_memory_equal(d.segment.dst.bytes, final, 4);
	build_free(b);
}

static void test_ip4_lengths(void **state)
{
	struct build *b = build_new();
	struct decoded d;
	struct decoder *decoder = decoder_for_tests();

	(void)state;
	build_segment(b, 4, PAYLOAD);
	build_at(b, 3)[0]++;
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BEYOND_FRAME);
	/* The same cut by the capture: the wire length counts, not the captured one. */
	decode_bytes(decoder, RAW, build_bytes(b), 40, build_length(b), &d);
	assert_int_equal(d.reason, SKIP_BEYOND_FRAME);
	decode_bytes(decoder, RAW, build_bytes(b), 40, build_length(b) + 1, &d);
	expect_segment(&d, 4, PAYLOAD + 1);
	assert_int_equal(d.segment.payload_captured, 0);

	build_segment(b, 4, PAYLOAD);
	build_at(b, 3)[0] = 19; /* total length below the header's */
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BAD_IP);
	build_at(b, 3)[0] = 39;
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BAD_TCP);
	build_at(b, 3)[0] = 40;
	decode_build(b, RAW, &d);
	expect_segment(&d, 4, 0);
	build_segment(b, 4, PAYLOAD);
	build_at(b, 0)[0] = 0x44; /* header of 16 bytes */
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BAD_IP);
	build_at(b, 0)[0] = 0x55;
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BAD_IP);
	decoder_free(decoder);
	build_free(b);
}

/* Length 0 from segmentation offload: up to the end of the frame. */
static void test_offload_lengths(void **state)
{
	struct build *b = build_new();
	struct decoded d;
	struct decoder *decoder = decoder_for_tests();

	(void)state;
	build_segment(b, 4, 70000);
	memset(build_at(b, 2), 0, 2);
	decode_build(b, RAW, &d);
	expect_segment(&d, 4, 70000);
	decode_bytes(decoder, RAW, build_bytes(b), 100, build_length(b), &d);
	expect_segment(&d, 4, 70000);
	assert_int_equal(d.segment.payload_captured, 60);

	build_segment(b, 6, 70000);
	memset(build_at(b, 4), 0, 2);
	decode_build(b, RAW, &d);
	expect_segment(&d, 6, 70000);
	decoder_free(decoder);
	build_free(b);
}

static void test_ip6_jumbogram(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (int lie = 0; lie < 2; lie++) {
		build_clear(b);
		build_payload(b, 70000);
		build_tcp(b);
		build_be32(b, (uint32_t)(8 + build_length(b) + (lie ? 1 : 0)));
		build_push(b, "\x06\0\xc2\x04", 4);
		build_ip6(b, 0);
		memset(build_at(b, 4), 0, 2);
		build_ethernet(b, 0x86dd);
		decode_build(b, 1, &d);
		if (lie)
			assert_int_equal(d.reason, SKIP_BEYOND_FRAME);
		else
			expect_segment(&d, 6, 70000);
	}
	build_free(b);
}

/* Each header in front of TCP; the first byte is set to the next header. */
static const struct extension {
	uint8_t protocol;
	const char *bytes;
	size_t length;
} extensions[] = {
	{0, BYTES("\0\0\x05\x02\0\0\x01\0")},                 /* hop by hop: router alert */
	{0, BYTES("\0\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0")}, /* padding */
	{43, BYTES("\0\0\0\0\0\0\0\0")},                      /* routing, no segments */
	{43, BYTES("\0\x02\0\0\0\0\0\0\1\2\3\4\5\6\7\x8\1\2\3\4\5\6\7\x8")}, /* travelled */
	{44, BYTES("\0\0\0\0\0\0\0\x07")},                                   /* atomic fragment */
	{51, BYTES("\0\x04\0\0\0\0\0\1\0\0\0\1\1\2\3\4\5\6\7\x8\x9\xa\xb\xc")},
	{60, BYTES("\0\0\x01\x04\0\0\0\0")},
	{60, BYTES("\0\0\x01\xff\0\0\0\0")}, /* option too long */
	{135, BYTES("\0\0\0\0\0\0\0\0")},    /* mobility */
	{139, BYTES("\0\0\0\0\0\0\0\0")},    /* HIP */
	{140, BYTES("\0\0\0\0\0\0\0\0")},    /* shim6 */
};
enum { EXTENSIONS = sizeof(extensions) / sizeof(extensions[0]) };

static void push_extension(struct build *b, const struct extension *e, uint8_t next)
{
	build_push(b, e->bytes, e->length);
	build_at(b, 0)[0] = next;
}

static void test_ip6_extensions(void **state)
{
	struct build *b = build_new();
	struct decoded d;
	uint8_t next = 6;

	(void)state;
	for (size_t i = 0; i < EXTENSIONS; i++) {
		build_clear(b);
		build_payload(b, PAYLOAD);
		build_tcp(b);
		push_extension(b, &extensions[i], 6);
		build_ip6(b, extensions[i].protocol);
		decode_build(b, RAW, &d);
		expect_segment(&d, 6, PAYLOAD);
		expect_every_length(b, RAW, 0, PAYLOAD, 0, NULL);
	}

	build_clear(b);
	build_payload(b, PAYLOAD);
	build_tcp(b);
	for (size_t i = EXTENSIONS; i-- > 0; next = extensions[i].protocol)
		push_extension(b, &extensions[i], next);
	build_ip6(b, next);
	decode_build(b, RAW, &d);
	expect_segment(&d, 6, PAYLOAD);
	expect_every_length(b, RAW, 0, PAYLOAD, 0, NULL);
	build_free(b);
}

/* In IPv4 the authentication header alone is looked through. */
static void test_ip4_authentication(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < EXTENSIONS; i++) {
		build_clear(b);
		build_payload(b, PAYLOAD);
		build_tcp(b);
		push_extension(b, &extensions[i], 6);
		build_ip4(b, extensions[i].protocol);
		if (extensions[i].protocol != 51) {
			assert_int_equal(decode_build(b, RAW, &d), SKIP_OTHER_IP);
			continue;
		}
		decode_build(b, RAW, &d);
		expect_segment(&d, 4, PAYLOAD);
		expect_every_length(b, RAW, 0, PAYLOAD, 0, NULL);
	}
	build_free(b);
}

/* With segments left the header names the real destination; so does a home address the source. */
static void test_ip6_real_addresses(void **state)
{
	static const uint8_t first[16] = {0xfd, [15] = 1}, last[16] = {0xfd, [15] = 2};
	static const struct {
		uint8_t type, left;
		const uint8_t *expected; /* NULL: the IPv6 header's */
	} cases[] = {{0, 1, last}, {2, 1, last}, {4, 1, first},
		     {4, 0, NULL}, {0, 3, NULL}, {9, 1, NULL}};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_clear(b);
		build_payload(b, PAYLOAD);
		build_tcp(b);
		build_push(b, last, 16);
		build_push(b, first, 16);
		build_be32(b, 0);
		build_push(b, (uint8_t[]){6, 4, cases[i].type, cases[i].left}, 4);
		build_ip6(b, 43);
		decode_build(b, RAW, &d);
		if (cases[i].expected)
			assert_memory_equal(d.segment.dst.bytes, cases[i].expected, 16);
		else
			expect_segment(&d, 6, PAYLOAD);
	}

	build_clear(b);
	build_payload(b, PAYLOAD);
	build_tcp(b);
	build_push(b, first, 16);
	build_push(b, "\x06\x02\x01\x02\0\0\xc9\x10", 8);
	build_ip6(b, 60);
	assert_int_equal(decode_build(b, RAW, &d), DECODED_SEGMENT);
	assert_memory_equal(d.segment.src.bytes, first, 16);
	build_free(b);
}

static void test_ip6_lengths(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_segment(b, 6, PAYLOAD);
	build_at(b, 5)[0]++;
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BEYOND_FRAME);
	build_at(b, 5)[0] = 19;
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BAD_TCP);
	build_at(b, 0)[0] = 0x40;
	build_ethernet(b, 0x86dd);
	assert_int_equal(decode_build(b, 1, &d), SKIP_BAD_IP);

	/* An extension header longer than the packet. */
	build_clear(b);
	build_push(b, "\x06\xff\0\0\0\0\0\0", 8);
	build_ip6(b, 60);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_BAD_IP);
	build_free(b);
}

static void test_other_protocols(void **state)
{
	static const struct {
		uint8_t protocol;
		enum decode_reason in_ip4, in_ip6;
	} cases[] = {
		{1, SKIP_ICMP, SKIP_OTHER_IP},
		{2, SKIP_OTHER_IP, SKIP_OTHER_IP},
		{17, SKIP_UDP, SKIP_UDP},
		{50, SKIP_ENCRYPTED, SKIP_ENCRYPTED},
		{58, SKIP_OTHER_IP, SKIP_ICMP},
		{59, SKIP_OTHER_IP, SKIP_OTHER_IP},
		{132, SKIP_SCTP, SKIP_SCTP},
		{136, SKIP_OTHER_IP, SKIP_OTHER_IP},
		{255, SKIP_OTHER_IP, SKIP_OTHER_IP},
	};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_clear(b);
		build_payload(b, 40);
		build_ip4(b, cases[i].protocol);
		assert_int_equal(decode_build(b, RAW, &d), cases[i].in_ip4);
		build_clear(b);
		build_payload(b, 40);
		build_ip6(b, cases[i].protocol);
		assert_int_equal(decode_build(b, RAW, &d), cases[i].in_ip6);
	}
	build_free(b);
}

static enum decode_reason decode_verified(const struct build *b, size_t caplen, struct decoded *d)
{
	struct decoder_config config = {.verify_checksums = true};
	struct decoder *decoder = decoder_new(&config, NULL);

	assert_non_null(decoder);
	decode_bytes(decoder, RAW, build_bytes(b), caplen, build_length(b), d);
	decoder_free(decoder);
	return d->reason;
}

static void test_checksums(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		for (size_t payload = 8; payload <= 11; payload++) {
			size_t whole;

			build_segment(b, version, payload);
			whole = build_length(b);
			assert_int_equal(decode_verified(b, whole, &d), SKIP_BAD_CHECKSUM);
			build_tcp_checksum(b);
			decode_verified(b, whole, &d);
			expect_segment(&d, version, (uint32_t)payload);
			build_at(b, whole - payload - 1)[0] ^= 1; /* urgent pointer */
			assert_int_equal(decode_verified(b, whole, &d), SKIP_BAD_CHECKSUM);
			/* Cut by the capture it cannot be checked. */
			assert_int_equal(decode_verified(b, whole - 1, &d), DECODED_SEGMENT);
			assert_int_equal(decode_build(b, RAW, &d), DECODED_SEGMENT);
		}
	}
	build_segment(b, 4, PAYLOAD);
	build_tcp_checksum(b);
	build_at(b, 8)[0]--; /* TTL */
	assert_int_equal(decode_verified(b, build_length(b), &d), SKIP_BAD_CHECKSUM);
	assert_int_equal(decode_verified(b, 40, &d), SKIP_BAD_CHECKSUM);

	/* Offload: the checksum is not there yet. */
	build_segment(b, 6, PAYLOAD);
	memset(build_at(b, 4), 0, 2);
	decode_verified(b, build_length(b), &d);
	expect_segment(&d, 6, PAYLOAD);
	build_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip4_header),
		cmocka_unit_test(test_ip4_options),
		cmocka_unit_test(test_ip4_source_route),
		cmocka_unit_test(test_ip4_lengths),
		cmocka_unit_test(test_offload_lengths),
		cmocka_unit_test(test_ip6_jumbogram),
		cmocka_unit_test(test_ip6_extensions),
		cmocka_unit_test(test_ip4_authentication),
		cmocka_unit_test(test_ip6_real_addresses),
		cmocka_unit_test(test_ip6_lengths),
		cmocka_unit_test(test_other_protocols),
		cmocka_unit_test(test_checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
