/* The decoder's ICMP and ICMPv6 errors about TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/packet_builder.h"

enum { RAW = 101, NO_ERROR = -1 };

/* The quoted packet went from .1 to .2; the error comes from .9. */
static void build_error(struct build *b, int version, uint8_t type, uint8_t code, uint32_t rest)
{
	build_be32(b, rest);
	build_be16(b, 0);
	build_push(b, (uint8_t[]){type, code}, 2);
	if (version == 4) {
		build_ip4(b, 1);
		build_at(b, 15)[0] = 9;
	} else {
		build_ip6(b, 58);
		build_at(b, 23)[0] = 9;
	}
}

static void expect_icmp(const struct decoded *d, int version, int kind)
{
	const struct icmp_error *icmp = &d->icmp;
	size_t length = version == 4 ? 4 : 16;

	assert_int_equal(d->reason, DECODED_ICMP_ERROR);
	assert_int_equal(icmp->kind, kind);
	assert_int_equal(icmp->ip_version, version);
	assert_int_equal(icmp->from.bytes[length - 1], 9);
	assert_int_equal(icmp->src.bytes[length - 1], 1);
	assert_int_equal(icmp->dst.bytes[length - 1], 2);
	for (size_t i = length; i < 16; i++)
		assert_int_equal(icmp->from.bytes[i] | icmp->src.bytes[i] | icmp->dst.bytes[i], 0);
	assert_int_equal(icmp->sport, BUILD_SPORT);
	assert_int_equal(icmp->dport, BUILD_DPORT);
	assert_int_equal(icmp->seq, BUILD_SEQ);
	assert_int_equal(icmp->ts_ns, 1000);
	assert_int_equal(icmp->packet, 77);
	assert_int_equal(icmp->file, 3);
	assert_true(icmp->ts_confirmed);
	assert_int_equal(icmp->tunnel.depth, 0);
}

static void test_kinds(void **state)
{
	static const struct {
		int version;
		uint8_t type, first, last; /* codes */
		int kind;
	} cases[] = {
		{4, 3, 0, 3, ICMP_UNREACHABLE},   {4, 3, 4, 4, ICMP_TOO_BIG},
		{4, 3, 5, 8, ICMP_UNREACHABLE},   {4, 3, 9, 10, ICMP_PROHIBITED},
		{4, 3, 11, 12, ICMP_UNREACHABLE}, {4, 3, 13, 15, ICMP_PROHIBITED},
		{4, 4, 0, 0, ICMP_SOURCE_QUENCH}, {4, 11, 0, 1, ICMP_TIME_EXCEEDED},
		{4, 12, 0, 2, ICMP_PARAMETER},    {4, 5, 0, 3, NO_ERROR},
		{4, 0, 0, 0, NO_ERROR},           {4, 8, 0, 0, NO_ERROR},
		{4, 13, 0, 0, NO_ERROR},          {6, 1, 0, 0, ICMP_UNREACHABLE},
		{6, 1, 1, 1, ICMP_PROHIBITED},    {6, 1, 2, 4, ICMP_UNREACHABLE},
		{6, 1, 5, 6, ICMP_PROHIBITED},    {6, 2, 0, 0, ICMP_TOO_BIG},
		{6, 3, 0, 1, ICMP_TIME_EXCEEDED}, {6, 4, 0, 2, ICMP_PARAMETER},
		{6, 128, 0, 0, NO_ERROR},         {6, 135, 0, 0, NO_ERROR},
		{6, 137, 0, 0, NO_ERROR},
	};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint8_t code = cases[i].first; code <= cases[i].last; code++) {
			build_segment(b, cases[i].version, 0);
			build_error(b, cases[i].version, cases[i].type, code, 0x00010578);
			decode_build(b, RAW, &d);
			if (cases[i].kind == NO_ERROR) {
				assert_int_equal(d.reason, SKIP_ICMP);
				continue;
			}
			expect_icmp(&d, cases[i].version, cases[i].kind);
			assert_int_equal(d.icmp.type, cases[i].type);
			assert_int_equal(d.icmp.code, code);
			if (cases[i].kind != ICMP_TOO_BIG)
				assert_int_equal(d.icmp.mtu, 0);
			else
				assert_int_equal(d.icmp.mtu,
						 cases[i].version == 4 ? 0x578 : 0x10578);
		}
	}
	build_free(b);
}

/* Eight bytes of TCP are enough; the quoted length does not matter, as quotes are cut. */
static void test_short_quote(void **state)
{
	struct build *b = build_new();
	struct decoder *decoder = decoder_for_tests();
	struct decoded d;

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		size_t header = version == 4 ? 20 : 40;

		for (size_t tcp = 0; tcp <= 8; tcp++) {
			uint8_t quote[48];

			build_segment(b, version, 1400);
			memcpy(quote, build_bytes(b), header + tcp);
			build_clear(b);
			build_push(b, quote, header + tcp);
			build_error(b, version, version == 4 ? 3 : 1, version == 4 ? 3 : 4, 0);
			if (tcp < 8)
				assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);
		}
		decode_build(b, RAW, &d);
		expect_icmp(&d, version, ICMP_UNREACHABLE);
		for (size_t held = 0; held < build_length(b); held++) {
			decode_bytes(decoder, RAW, build_bytes(b), held, build_length(b), &d);
			assert_int_equal(d.reason, SKIP_TRUNCATED_IP);
			decode_bytes(decoder, RAW, build_bytes(b), held, held, &d);
			assert_int_not_equal(d.reason, DECODED_ICMP_ERROR);
			assert_int_not_equal(d.reason, SKIP_TRUNCATED_IP);
		}
	}
	decoder_free(decoder);
	build_free(b);
}

static void test_quoted_headers(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_tcp(b);
	build_ip4_options(b, 6, "\x94\x04\0\0", 4);
	build_error(b, 4, 11, 0, 0);
	decode_build(b, RAW, &d);
	expect_icmp(&d, 4, ICMP_TIME_EXCEEDED);

	build_clear(b);
	build_tcp(b);
	build_push(b, "\x06\0\x01\x04\0\0\0\0", 8);
	build_push(b, "\x3c\0\0\x01\0\0\0\x07", 8); /* first fragment */
	build_push(b, "\x2c\0\x05\x02\0\0\x01\0", 8);
	build_ip6(b, 0);
	build_error(b, 6, 3, 0, 0);
	decode_build(b, RAW, &d);
	expect_icmp(&d, 6, ICMP_TIME_EXCEEDED);
	build_free(b);
}

/* Quotes of other protocols, of later fragments, and what is no IP packet. */
static void test_other_quotes(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_payload(b, 20);
	build_ip4(b, 17);
	build_error(b, 4, 3, 3, 0);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);

	build_clear(b);
	build_tcp(b);
	build_ip4_fragment(b, 6, 1, 1480, 0);
	build_error(b, 4, 3, 1, 0);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);

	build_clear(b);
	build_tcp(b);
	build_ip4_fragment(b, 6, 1, 0, 1);
	build_error(b, 4, 3, 1, 0);
	decode_build(b, RAW, &d);
	expect_icmp(&d, 4, ICMP_UNREACHABLE);

	build_clear(b);
	build_tcp(b);
	build_ip6_fragment(b, 6, 1, 1232, 0);
	build_error(b, 6, 1, 0, 0);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);

	build_clear(b);
	build_payload(b, 20);
	build_ip6(b, 17);
	build_error(b, 6, 1, 4, 0);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);

	build_segment(b, 4, 0);
	build_at(b, 0)[0] = 0x41;
	build_error(b, 4, 3, 1, 0);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);

	build_segment(b, 4, 40);
	build_error(b, 6, 1, 0, 0);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_ICMP);
	build_free(b);
}

static void test_in_tunnel(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_segment(b, 4, 0);
	build_error(b, 4, 3, 1, 0);
	build_push(b, "\x20\0\x08\0\0\0\0\x05", 8);
	build_ip4(b, 47);
	assert_int_equal(decode_build(b, RAW, &d), DECODED_ICMP_ERROR);
	assert_int_equal(d.icmp.tunnel.depth, 1);
	assert_int_equal(d.icmp.tunnel.hop[0].kind, TUNNEL_GRE);
	assert_int_equal(d.icmp.tunnel.hop[0].id, 5);
	build_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),          cmocka_unit_test(test_short_quote),
		cmocka_unit_test(test_quoted_headers), cmocka_unit_test(test_other_quotes),
		cmocka_unit_test(test_in_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
