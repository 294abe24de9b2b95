/* The decoder's tunnels: each kind, nested ones, the bound, what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/packet_builder.h"

enum { PAYLOAD = 9, RAW = 101 };

#define BYTES(literal) (literal), sizeof(literal) - 1
#define MACS           "\x02\0\0\0\0\x02\x02\0\0\0\0\x01"

/* UDP that is cut before the tunnel's own header is UDP. */
static const enum decode_reason udp_too[] = {SKIP_UDP, SKIP_LINKTYPE};

static const struct tunnel_case {
	const char *name;
	int inner, outer; /* IP versions */
	const char *header;
	size_t length;
	uint16_t protocol; /* of the outer IP; above 255: a UDP port */
	enum tunnel_kind kind;
	uint32_t id;
} tunnel_cases[] = {
	{"ipip", 4, 4, BYTES(""), 4, TUNNEL_IPIP, 0},
	{"6in4", 6, 4, BYTES(""), 41, TUNNEL_6IN4, 0},
	{"4in6", 4, 6, BYTES(""), 4, TUNNEL_4IN6, 0},
	{"6in6", 6, 6, BYTES(""), 41, TUNNEL_6IN6, 0},
	{"gre", 4, 4, BYTES("\0\0\x08\0"), 47, TUNNEL_GRE, 0},
	{"gre ip6", 6, 6, BYTES("\0\0\x86\xdd"), 47, TUNNEL_GRE, 0},
	{"gre key", 4, 4, BYTES("\x20\0\x08\0\x12\x34\x56\x78"), 47, TUNNEL_GRE, 0x12345678},
	{"gre checksum", 4, 4, BYTES("\x80\0\x08\0\xff\xff\0\0"), 47, TUNNEL_GRE, 0},
	{"gre sequence", 4, 6, BYTES("\x10\0\x08\0\0\0\0\x01"), 47, TUNNEL_GRE, 0},
	{"gre all", 4, 4, BYTES("\xb0\0\x08\0\xff\xff\0\0\0\0\0\x07\0\0\0\x01"), 47, TUNNEL_GRE, 7},
	{"gre routing", 4, 4, BYTES("\x40\0\x08\0\xff\xff\0\0\x08\0\x04\x04\1\2\3\4\0\0\0\0"), 47,
	 TUNNEL_GRE, 0},
	{"gre bridging", 4, 4, BYTES("\0\0\x65\x58" MACS "\x08\0"), 47, TUNNEL_GRE, 0},
	{"gre mpls", 4, 4, BYTES("\0\0\x88\x47\0\x01\x01\x40"), 47, TUNNEL_GRE, 0},
	{"pptp", 4, 4, BYTES("\x30\x01\x88\x0b\0\x33\x00\x17\0\0\0\x01\0\x21"), 47, TUNNEL_GRE, 0},
	{"pptp ack", 4, 4, BYTES("\x30\x81\x88\x0b\0\x35\0\x17\0\0\0\x01\0\0\0\x02\xff\x03\0\x21"),
	 47, TUNNEL_GRE, 0},
	{"erspan 1", 4, 4, BYTES("\0\0\x88\xbe" MACS "\x08\0"), 47, TUNNEL_GRE, 0},
	{"erspan 2", 4, 4, BYTES("\x10\0\x88\xbe\0\0\0\x01\x10\x01\0\x64\0\0\0\0" MACS "\x08\0"),
	 47, TUNNEL_GRE, 0},
	{"erspan 3", 4, 4,
	 BYTES("\x10\0\x22\xeb\0\0\0\x01\x20\x01\0\x64\0\0\0\0\0\0\0\0" MACS "\x08\0"), 47,
	 TUNNEL_GRE, 0},
	{"erspan 3 ip", 4, 4,
	 BYTES("\x10\0\x22\xeb\0\0\0\x01\x20\x01\0\x64\0\0\0\0\0\0\x08\x01"
	       "\0\0\0\0\0\0\0\0"),
	 47, TUNNEL_GRE, 0},
	{"vxlan", 4, 4, BYTES("\x08\0\0\0\0\x30\x39\0" MACS "\x08\0"), 4789, TUNNEL_VXLAN, 12345},
	{"vxlan linux port", 6, 6, BYTES("\x08\0\0\0\xff\xff\xff\0" MACS "\x86\xdd"), 8472,
	 TUNNEL_VXLAN, 0xffffff},
	{"vxlan group policy", 4, 4, BYTES("\x88\0\0\x01\0\0\x01\0" MACS "\x08\0"), 4789,
	 TUNNEL_VXLAN, 1},
	{"vxlan-gpe", 4, 4, BYTES("\x0c\0\0\x03\0\0\x01\0" MACS "\x08\0"), 4790, TUNNEL_VXLAN, 1},
	{"vxlan-gpe ip4", 4, 4, BYTES("\x0c\0\0\x01\0\0\x01\0"), 4790, TUNNEL_VXLAN, 1},
	{"vxlan-gpe ip6", 6, 4, BYTES("\x0c\0\0\x02\0\0\x01\0"), 4790, TUNNEL_VXLAN, 1},
	{"geneve", 4, 4, BYTES("\0\0\x65\x58\0\x30\x39\0" MACS "\x08\0"), 6081, TUNNEL_GENEVE,
	 12345},
	{"geneve ip4", 4, 6, BYTES("\0\0\x08\0\0\0\x01\0"), 6081, TUNNEL_GENEVE, 1},
	{"geneve ip6 options", 6, 4, BYTES("\x02\0\x86\xdd\0\0\x01\0\x01\x02\x80\x01\1\2\3\4"),
	 6081, TUNNEL_GENEVE, 1},
};

static void build_outer(struct build *b, int version, uint16_t protocol)
{
	if (protocol > 255) {
		build_udp(b, protocol);
		protocol = 17;
	}
	if (version == 4)
		build_ip4(b, (uint8_t)protocol);
	else
		build_ip6(b, (uint8_t)protocol);
}

static void test_tunnels(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(tunnel_cases) / sizeof(tunnel_cases[0]); i++) {
		const struct tunnel_case *c = &tunnel_cases[i];
		struct tunnel expected;

		build_segment(b, c->inner, PAYLOAD);
		build_push(b, c->header, c->length);
		build_outer(b, c->outer, c->protocol);
		if (decode_build(b, RAW, &d) != DECODED_SEGMENT)
			fail_msg("%s: %s", c->name, decode_reason_key(d.reason));
		expect_segment(&d, c->inner, PAYLOAD);
		memset(&expected, 0, sizeof(expected));
		expected.depth = 1;
		expected.hop[0] = (struct tunnel_hop){c->kind, c->id};
		assert_memory_equal(&d.segment.tunnel, &expected, sizeof(expected));
		expect_every_length(b, RAW, 0, PAYLOAD, 0, c->protocol > 255 ? udp_too : NULL);
	}
	build_free(b);
}

/* Tags outside the tunnel say nothing about the connection inside. */
static void test_vlan_tags(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (int tagged = 0; tagged < 2; tagged++) {
		build_segment(b, 4, PAYLOAD);
		if (tagged)
			build_vlan(b, 7, 0x0800);
		build_ethernet(b, tagged ? 0x8100 : 0x0800);
		build_push(b, "\x08\0\0\0\0\0\x01\0", 8);
		build_outer(b, 4, 4789);
		build_vlan(b, 5, 0x0800);
		build_ethernet(b, 0x8100);
		decode_build(b, 1, &d);
		expect_segment(&d, 4, PAYLOAD);
		assert_int_equal(d.segment.vlan_tags, tagged ? 7 : 0);
	}
	build_free(b);
}

/* GRE in VXLAN in IPIP in 6in4, and one more. */
static void test_nesting(void **state)
{
	struct build *b = build_new();
	struct decoder *decoder = decoder_for_tests();
	struct decoded d;
	struct tunnel expected;

	(void)state;
	build_segment(b, 4, PAYLOAD);
	build_push(b, "\x20\0\x08\0\0\0\0\x09", 8);
	build_ip6(b, 47);
	build_ethernet(b, 0x86dd);
	build_push(b, "\x08\0\0\0\0\0\x08\0", 8);
	build_outer(b, 4, 4789);
	build_ip4(b, 4);
	build_ip6(b, 4);
	expect_every_length(b, RAW, 0, PAYLOAD, 0, udp_too);
	decode_bytes(decoder, RAW, build_bytes(b), build_length(b), build_length(b), &d);
	expect_segment(&d, 4, PAYLOAD);
	memset(&expected, 0, sizeof(expected));
	expected.depth = 4;
	expected.hop[0].kind = TUNNEL_4IN6;
	expected.hop[1].kind = TUNNEL_IPIP;
	expected.hop[2] = (struct tunnel_hop){TUNNEL_VXLAN, 8};
	expected.hop[3] = (struct tunnel_hop){TUNNEL_GRE, 9};
	assert_memory_equal(&d.segment.tunnel, &expected, sizeof(expected));

	build_ip4(b, 41);
	decode_bytes(decoder, RAW, build_bytes(b), build_length(b), build_length(b), &d);
	assert_int_equal(d.reason, SKIP_TUNNEL_DEPTH);

	/* The chain of one packet is not the next one's. */
	build_segment(b, 4, PAYLOAD);
	decode_bytes(decoder, RAW, build_bytes(b), build_length(b), build_length(b), &d);
	expect_segment(&d, 4, PAYLOAD);
	memset(&expected, 0, sizeof(expected));
	assert_memory_equal(&d.segment.tunnel, &expected, sizeof(expected));
	assert_int_equal(decoder_counts(decoder)->tunnelled, 1);
	decoder_free(decoder);
	build_free(b);
}

static void test_no_tunnel(void **state)
{
	static const struct {
		uint16_t protocol;
		enum decode_reason reason;
		const char *bytes;
		size_t length;
	} cases[] = {
		{53, SKIP_OTHER_IP, BYTES("")},
		{4790, SKIP_UDP, BYTES("\x0c\0\0\x04\0\0\x01\0\0\0\0\0\0\0")},
		{4789, SKIP_UDP, BYTES("\0\0\0\0\0\0\x01\0" MACS "\x08\0")}, /* no I flag */
		{4789, SKIP_UDP, BYTES("\x08\0\0\0\0\0\x01\0" MACS)},        /* no whole frame */
		{4789, SKIP_UDP, BYTES("\x08\0")},
		{6081, SKIP_UDP, BYTES("\x40\0\x65\x58\0\0\x01\0" MACS "\x08\0")}, /* version 1 */
		{6081, SKIP_UDP, BYTES("\0\0\x88\xcc\0\0\x01\0" MACS "\x08\0")},
		{6081, SKIP_UDP, BYTES("\x3f\0\x65\x58\0\0\x01\0")}, /* options too long */
		{6081, SKIP_UDP, BYTES("\0\0\x65")},
		{5353, SKIP_UDP, BYTES("\x08\0\0\0\0\0\x01\0" MACS "\x08\0")},
		{47, SKIP_OTHER_IP, BYTES("\0\x02\x08\0")}, /* version 2 */
		{47, SKIP_OTHER_IP, BYTES("\0\x01\x08\0\0\0\0\0")},
		{47, SKIP_OTHER_IP,
		 BYTES("\x20\x81\x88\x0b\0\0\0\x17\0\0\0\x02")}, /* PPTP, bare ACK */
		{47, SKIP_OTHER_IP, BYTES("\0\0\0\0")},          /* keep-alive */
		{47, SKIP_OTHER_IP,
		 BYTES("\x10\0\x22\xeb\0\0\0\x01\x20\x01\0\x64\0\0\0\0\0\0\x1c\0")},
		{47, SKIP_BAD_IP, BYTES("\x40\0\x08\0\xff\xff\0\0\x08\0\x04\x04\1\2")},
		{47, SKIP_BAD_IP, BYTES("\x20\0\x08\0")},
		{47, SKIP_NOT_IP, BYTES("\0\0\x88\xcc")},
		{4, SKIP_BAD_IP, BYTES("\x45\0")},
	};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_clear(b);
		build_push(b, cases[i].bytes, cases[i].length);
		build_outer(b, 4, cases[i].protocol);
		if (decode_build(b, RAW, &d) != cases[i].reason)
			fail_msg("case %zu: %s", i, decode_reason_key(d.reason));
	}
	/* A UDP length beyond the packet is no tunnel's; 0 is offload's. */
	build_segment(b, 4, PAYLOAD);
	build_push(b, "\0\0\x08\0\0\0\x01\0", 8);
	build_outer(b, 4, 6081);
	build_at(b, 25)[0]++;
	assert_int_equal(decode_build(b, RAW, &d), SKIP_UDP);
	memset(build_at(b, 24), 0, 2);
	decode_build(b, RAW, &d);
	expect_segment(&d, 4, PAYLOAD);
	build_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_vlan_tags),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_no_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
