/* The decoder's link layers: each link type, VLAN tags, MPLS, LLC, every truncation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/packet_builder.h"

enum { PAYLOAD = 9 };

#define BYTES(literal) (literal), sizeof(literal) - 1
#define MACS           "\x02\0\0\0\0\x02\x02\0\0\0\0\x01"
#define WIFI(control)  control "\0\0" MACS "\x02\0\0\0\0\x03\x10\0"

/* A header in front of an IP packet with TCP. */
static const struct link_case {
	const char *name;
	uint32_t linktype;
	int version;
	const char *header;
	size_t length;
	uint64_t vlan_tags;
} link_cases[] = {
	{"ethernet", 1, 4, BYTES(MACS "\x08\0"), 0},
	{"ethernet ip6", 1, 6, BYTES(MACS "\x86\xdd"), 0},
	{"802.1q", 1, 4, BYTES(MACS "\x81\0\0\x05\x08\0"), 5},
	{"priority bits", 1, 4, BYTES(MACS "\x81\0\xf0\x05\x08\0"), 5},
	{"priority tag", 1, 4, BYTES(MACS "\x81\0\xe0\0\x08\0"), 0},
	{"802.1ad", 1, 6, BYTES(MACS "\x88\xa8\0\x05\x81\0\x0f\xff\x86\xdd"), 0xfff005},
	{"9100 and 9200", 1, 4, BYTES(MACS "\x91\0\0\x01\x92\0\0\x02\x08\0"), 0x002001},
	{"priority tag within", 1, 4, BYTES(MACS "\x88\xa8\0\0\x81\0\0\x07\x08\0"), 7},
	{"six tags", 1, 4,
	 BYTES(MACS
	       "\x81\0\0\x01\x81\0\0\x02\x81\0\0\x03\x81\0\0\x04\x81\0\0\x05\x81\0\0\x06\x08\0"),
	 0x005004003002001},
	{"fabricpath", 1, 4, BYTES(MACS "\x89\x03\x40\x20" MACS "\x81\0\0\x07\x08\0"), 7},
	{"snap", 1, 4, BYTES(MACS "\0\x39\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"snap bridge tunnel", 1, 4, BYTES(MACS "\0\x39\xaa\xaa\x03\0\0\xf8\x08\0"), 0},
	{"llc ip", 1, 4, BYTES(MACS "\0\x34\x06\x06\x03"), 0},
	{"snap under a tag", 1, 4, BYTES(MACS "\x81\0\0\x05\0\x39\xaa\xaa\x03\0\0\0\x08\0"), 5},
	{"mpls", 1, 4, BYTES(MACS "\x88\x47\0\x01\x01\x40"), 0},
	{"mpls stack", 1, 6, BYTES(MACS "\x88\x48\0\x01\0\x40\0\x02\0\x40\0\x03\x01\x40"), 0},
	{"mpls in vlan", 1, 4, BYTES(MACS "\x81\0\0\x09\x88\x47\0\x01\x01\x40"), 9},
	{"pppoe", 1, 4, BYTES(MACS "\x88\x64\x11\0\0\x01\0\x33\0\x21"), 0},
	{"pppoe ip6", 1, 6, BYTES(MACS "\x88\x64\x11\0\0\x01\0\x47\0\x57"), 0},
	{"ppp compressed protocol", 9, 4, BYTES("\x21"), 0},
	{"ppp", 9, 4, BYTES("\0\x21"), 0},
	{"ppp framed", 9, 6, BYTES("\xff\x03\0\x57"), 0},
	{"ppp mpls", 9, 4, BYTES("\xff\x03\x02\x81\0\x01\x01\x40"), 0},
	{"ppp serial", 50, 4, BYTES("\xff\x03\0\x21"), 0},
	{"ppp serial cisco", 50, 4, BYTES("\x0f\0\x08\0"), 0},
	{"ppp cisco multicast", 9, 6, BYTES("\x8f\0\x86\xdd"), 0},
	{"pppoe link", 51, 4, BYTES("\x11\0\0\x01\0\x33\0\x21"), 0},
	{"pppd", 166, 4, BYTES("\x01\x03\0\x21"), 0},
	{"pppd framed", 166, 4, BYTES("\0\xff\x03\0\x21"), 0},
	{"ppp direction", 204, 4, BYTES("\x01\xff\x03\0\x21"), 0},
	{"cisco hdlc", 104, 4, BYTES("\x0f\0\x08\0"), 0},
	{"cisco hdlc ip6", 104, 6, BYTES("\x8f\0\x86\xdd"), 0},
	{"cisco hdlc mpls", 104, 4, BYTES("\x0f\0\x88\x47\0\x01\x01\x40"), 0},
	{"cisco hdlc direction", 205, 4, BYTES("\0\x0f\0\x08\0"), 0},
	{"frame relay", 107, 4, BYTES("\x18\x41\x03\xcc"), 0},
	{"frame relay ip6", 107, 6, BYTES("\x18\x41\x03\x8e"), 0},
	{"frame relay snap", 107, 4, BYTES("\x18\x41\x03\0\x80\0\0\0\x08\0"), 0},
	{"frame relay bridged", 107, 4, BYTES("\x18\x41\x03\0\x80\0\x80\xc2\0\x07" MACS "\x08\0"),
	 0},
	{"frame relay ppp", 107, 4, BYTES("\x18\x41\x03\xcf\0\x21"), 0},
	{"frame relay cisco", 107, 4, BYTES("\x18\x41\x08\0"), 0},
	{"frame relay long address", 107, 4, BYTES("\x18\x40\x02\x03\x03\xcc"), 0},
	{"frame relay direction", 206, 4, BYTES("\x01\x18\x41\x03\xcc"), 0},
	{"null little-endian", 0, 4, BYTES("\x02\0\0\0"), 0},
	{"null big-endian", 0, 4, BYTES("\0\0\0\x02"), 0},
	{"null netbsd ip6", 0, 6, BYTES("\x18\0\0\0"), 0},
	{"null freebsd ip6", 0, 6, BYTES("\0\0\0\x1c"), 0},
	{"null macos ip6", 0, 6, BYTES("\x1e\0\0\0"), 0},
	{"loop", 108, 4, BYTES("\0\0\0\x02"), 0},
	{"loop ip6", 108, 6, BYTES("\0\0\0\x18"), 0},
	{"raw", 101, 4, BYTES(""), 0},
	{"raw ip6", 101, 6, BYTES(""), 0},
	{"raw 12", 12, 4, BYTES(""), 0},
	{"raw 14", 14, 6, BYTES(""), 0},
	{"raw ip4", 228, 4, BYTES(""), 0},
	{"raw ip6 229", 229, 6, BYTES(""), 0},
	{"sll", 113, 4, BYTES("\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x08\0"), 0},
	{"sll vlan", 113, 4, BYTES("\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x81\0\0\x05\x08\0"), 5},
	{"sll llc", 113, 4,
	 BYTES("\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\0\x04\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"sll2", 276, 6, BYTES("\x86\xdd\0\0\0\0\0\x07\0\x01\0\x06\x02\0\0\0\0\x01\0\0"), 0},
	{"slip", 8, 4, BYTES("\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0},
	{"slip bsd/os", 102, 4, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0},
	{"802.11", 105, 4, BYTES(WIFI("\x08\x01") "\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"802.11 four addresses", 105, 6,
	 BYTES(WIFI("\x08\x03") "\x02\0\0\0\0\x04\xaa\xaa\x03\0\0\0\x86\xdd"), 0},
	{"802.11 qos", 105, 4, BYTES(WIFI("\x88\x02") "\0\0\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"802.11 ht control", 105, 4,
	 BYTES(WIFI("\x88\x82") "\0\0\0\0\0\0\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"802.11 a-msdu", 105, 4,
	 BYTES(WIFI("\x88\x02") "\x80\0" MACS "\0\x39\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"radiotap", 127, 4,
	 BYTES("\0\0\x08\0\0\0\0\0" WIFI("\x08\x01") "\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"radiotap padded", 127, 4,
	 BYTES("\0\0\x09\0\x02\0\0\0\x20" WIFI("\x88\x01") "\0\0\0\0\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"ppi", 192, 4, BYTES("\0\0\x08\0\x69\0\0\0" WIFI("\x08\x01") "\xaa\xaa\x03\0\0\0\x08\0"),
	 0},
	{"ppi ethernet", 192, 4, BYTES("\0\0\x0c\0\x01\0\0\0\0\0\0\0" MACS "\x08\0"), 0},
	{"avs", 163, 4,
	 BYTES("\x80\x21\x10\x01\0\0\0\x0c\0\0\0\0" WIFI("\x08\x01") "\xaa\xaa\x03\0\0\0\x08\0"),
	 0},
	{"avs under prism", 119, 4,
	 BYTES("\x80\x21\x10\x02\0\0\0\x08" WIFI("\x08\x01") "\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"arcnet rfc1051", 129, 4, BYTES("\x01\x02\0\0\xf0"), 0},
	{"arcnet rfc1201", 129, 4, BYTES("\x01\x02\0\0\xd4\0\0\x01"), 0},
	{"arcnet exception", 129, 6, BYTES("\x01\x02\0\0\xc4\xff\xff\xff\xff\0\0\x01"), 0},
	{"arcnet bsd", 7, 4, BYTES("\x01\x02\xf0"), 0},
	{"fddi", 10, 4, BYTES("\x50" MACS "\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"atm", 100, 4, BYTES("\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"atm bridged", 100, 4, BYTES("\xaa\xaa\x03\0\x80\xc2\0\x07" MACS "\x08\0"), 0},
	{"atm clip", 106, 4, BYTES(""), 0},
	{"atm clip llc", 106, 4, BYTES("\xaa\xaa\x03\0\0\0\x08\0"), 0},
	{"enc", 109, 4, BYTES("\x02\0\0\0\0\0\0\x01\0\0\0\0"), 0},
	{"pflog", 117, 4, BYTES("\x05\x02\0\0\0\0\0\0"), 0},
	{"juniper ethernet", 178, 4, BYTES("MGC\x80\0\x02\x01\x02" MACS "\x08\0"), 0},
	{"juniper ethernet bare", 178, 4, BYTES("MGC\x01" MACS "\x08\0"), 0},
	{"ipnet", 226, 6, BYTES("\x01\x1a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0},
	{"nflog", 239, 4, BYTES("\x02\0\0\x01\x05\0\x0a\0\x61\0\0\0\x35\0\x09\0"), 0},
	{"ipoib", 242, 4,
	 BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	       "\x08\0\0\0"),
	 0},
	{"pktap", 258, 4, BYTES("\x10\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0" MACS "\x08\0"), 0},
};

static void test_link_types(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		const struct link_case *c = &link_cases[i];

		build_segment(b, c->version, PAYLOAD);
		build_push(b, c->header, c->length);
		assert_true(decode_linktype_supported(c->linktype));
		if (decode_build(b, c->linktype, &d) != DECODED_SEGMENT)
			fail_msg("%s: %s", c->name, decode_reason_key(d.reason));
		expect_segment(&d, c->version, PAYLOAD);
		assert_int_equal(d.segment.vlan_tags, c->vlan_tags);
		assert_int_equal(d.segment.tunnel.depth, 0);
		expect_every_length(b, c->linktype, 0, PAYLOAD, 0, NULL);
	}
	build_free(b);
}

/* An Ethernet pseudowire is only known from the IP packet in it: cut before, it is no IP. */
static void test_mpls_pseudowire(void **state)
{
	static const enum decode_reason also_fine[] = {SKIP_NOT_IP, SKIP_LINKTYPE};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (int control_word = 0; control_word < 2; control_word++) {
		build_segment(b, 4, PAYLOAD);
		build_vlan(b, 6, 0x0800);
		build_ethernet(b, 0x8100);
		if (control_word)
			build_be32(b, 0);
		build_be32(b, 0x00010140);
		build_vlan(b, 5, 0x8847);
		build_ethernet(b, 0x8100);
		decode_build(b, 1, &d);
		expect_segment(&d, 4, PAYLOAD);
		assert_int_equal(d.segment.vlan_tags, 0x006005);
		expect_every_length(b, 1, 0, PAYLOAD, 0, also_fine);
	}
	build_free(b);
}

/* Padding of short frames and trailers are no payload. */
static void test_padding(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		build_clear(b);
		build_push(b, "\xff\xff\xff\xff\xff\xff", 6);
		for (size_t i = PAYLOAD; i-- > 0;)
			build_push(b, &(uint8_t){(uint8_t)i}, 1);
		build_tcp(b);
		if (version == 4)
			build_ip4(b, 6);
		else
			build_ip6(b, 6);
		/* The builder counted the trailer in. */
		if (version == 4)
			build_at(b, 3)[0] = (uint8_t)(build_at(b, 3)[0] - 6);
		else
			build_at(b, 5)[0] = (uint8_t)(build_at(b, 5)[0] - 6);
		build_ethernet(b, version == 4 ? 0x0800 : 0x86dd);
		decode_build(b, 1, &d);
		expect_segment(&d, version, PAYLOAD);
		assert_int_equal(d.segment.payload_captured, PAYLOAD);
		expect_every_length(b, 1, 0, PAYLOAD, 6, NULL);
	}
	build_free(b);
}

/* Without IP length (offload) the length of the link layer's own header ends the packet. */
static void test_link_lengths(void **state)
{
	static const struct {
		const char *header;
		size_t length;
	} cases[] = {{BYTES(MACS "\x88\x64\x11\0\0\x01\0\x33\0\x21")},
		     {BYTES(MACS "\0\x39\xaa\xaa\x03\0\0\0\x08\0")}};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_segment(b, 4, PAYLOAD + 6); /* six bytes of it are padding */
		memset(build_at(b, 2), 0, 2);
		build_push(b, cases[i].header, cases[i].length);
		decode_build(b, 1, &d);
		expect_segment(&d, 4, PAYLOAD);
	}
	build_free(b);
}

/* A word before the frame that is no control word (RFC 4385) is not taken for one. */
static void test_mpls_associated_channel(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_segment(b, 4, PAYLOAD);
	build_ethernet(b, 0x0800);
	build_be32(b, 0x10000007);
	build_be32(b, 0x00010140);
	build_ethernet(b, 0x8847);
	assert_int_equal(decode_build(b, 1, &d), SKIP_NOT_IP);
	build_free(b);
}

/* The frame check sequence that radiotap tells of is not part of a packet without IP length. */
static void test_radiotap_fcs(void **state)
{
	static const char plain[] = "\0\0\x08\0\0\0\0\0";
	static const char fcs[] = "\0\0\x09\0\x02\0\0\0\x10";
	static const char fcs_after_time[] = "\0\0\x19\0\x03\0\0\x80\0\0\0\0\0\0\0\0"
					     "\0\0\0\0\0\0\0\0\x10";
	static const struct {
		const char *header;
		size_t length;
		uint32_t payload;
	} cases[] = {{BYTES(plain), PAYLOAD},
		     {BYTES(fcs), PAYLOAD - 4},
		     {BYTES(fcs_after_time), PAYLOAD - 4}};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		build_segment(b, 4, PAYLOAD);
		memset(build_at(b, 2), 0, 2);
		build_push(b, BYTES(WIFI("\x08\x01") "\xaa\xaa\x03\0\0\0\x08\0"));
		build_push(b, cases[i].header, cases[i].length);
		decode_build(b, 127, &d);
		expect_segment(&d, 4, cases[i].payload);
	}
	build_free(b);
}

static void test_skipped(void **state)
{
	static const struct {
		uint32_t linktype;
		enum decode_reason reason;
		const char *bytes;
		size_t length;
	} cases[] = {
		{1, SKIP_NOT_IP, BYTES(MACS "\x08\x06\0\x01")},           /* ARP */
		{1, SKIP_NOT_IP, BYTES(MACS "\x88\x63\x11\x09\0\0\0\0")}, /* PPPoE discovery */
		{1, SKIP_NOT_IP, BYTES(MACS "\x88\x64\x11\x01\0\0\0\0")},
		{1, SKIP_BAD_LINK, BYTES(MACS "\x88\x64\x21\0\0\0\0\0\0\x21")}, /* version */
		{1, SKIP_NOT_IP, BYTES(MACS "\0\x26\x42\x42\x03\0\0\0\0\0")},   /* spanning tree */
		{1, SKIP_NOT_IP, BYTES(MACS "\0\x08\xaa\xaa\x03\0\0\x0c\x20\0")}, /* CDP */
		{1, SKIP_NOT_IP, BYTES(MACS "\x88\x47\0\x01\x01\x40\x10\0\0\x07\0\0\0\0")},
		{1, SKIP_BAD_IP, BYTES(MACS "\x08\0")},
		{1, SKIP_BAD_IP,
		 BYTES(MACS "\x08\0\x65\0\0\x14\0\0\0\0\x40\x06\0\0\0\0\0\0\0\0\0\0")},
		{9, SKIP_NOT_IP, BYTES("\xff\x03\xc0\x21\x01\x01\0\x04")}, /* LCP */
		{9, SKIP_ENCRYPTED, BYTES("\xff\x03\0\x53\x01\x01\0\x04")},
		{9, SKIP_BAD_LINK, BYTES("\xff\x03\0")},
		{104, SKIP_NOT_IP, BYTES("\x8f\0\x80\x35\0\0\0\0")}, /* SLARP */
		{107, SKIP_NOT_IP, BYTES("\0\x01\x03\x08\0\x75")},   /* LMI */
		{107, SKIP_BAD_LINK, BYTES("\0\0\0\0\0\0")},
		{101, SKIP_BAD_IP, BYTES("\x50\0\0\0")},
		{0, SKIP_NOT_IP, BYTES("\x07\0\0\0\x45")},
		{113, SKIP_NOT_IP, BYTES("\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\0\x0c")},
		{105, SKIP_NOT_IP, BYTES(WIFI("\x80\0") "\0\0")},   /* beacon */
		{105, SKIP_NOT_IP, BYTES(WIFI("\x48\x01") "\0\0")}, /* null data */
		{105, SKIP_ENCRYPTED, BYTES(WIFI("\x08\x41") "\0\0")},
		{105, SKIP_FRAGMENT, BYTES(WIFI("\x08\x05") "\xaa\xaa\x03\0\0\0\x08\0")},
		{105, SKIP_BAD_LINK, BYTES(WIFI("\x0a\x01") "\0\0")}, /* version 2 */
		{127, SKIP_BAD_LINK, BYTES("\x01\0\x08\0\0\0\0\0")},
		{127, SKIP_BAD_LINK, BYTES("\0\0\x07\0\0\0\0\0")},
		{127, SKIP_BAD_LINK, BYTES("\0\0\x40\0\0\0\0\0")},
		{192, SKIP_BAD_LINK, BYTES("\0\0\x04\0\x69\0\0\0")},
		{192, SKIP_LINKTYPE, BYTES("\0\0\x08\0\x93\0\0\0")},
		{163, SKIP_BAD_LINK, BYTES("\x80\x21\x10\x01\0\0\0\x01")},
		{129, SKIP_FRAGMENT, BYTES("\x01\x02\0\0\xd4\x01\0\x01")},
		{129, SKIP_NOT_IP, BYTES("\x01\x02\0\0\xd5\0\0\x01")},
		{239, SKIP_BAD_LINK, BYTES("\x02\0\0\0\x03\0\x0a\0")},
		{239, SKIP_BAD_LINK, BYTES("\x02\0\0\0\x08\0\x0a\0\0\0\0\0")},
		{239, SKIP_NOT_IP, BYTES("\x07\0\0\0\x08\0\x09\0\x45\0\0\0")},
		{178, SKIP_BAD_LINK, BYTES("MGD\0")},
		{178, SKIP_NOT_IP, BYTES("MGC\x02\0\0\0\x02\x45")},
		{258, SKIP_BAD_LINK, BYTES("\x04\0\0\0\x01\0\0\0\x01\0\0\0")},
		{117, SKIP_BAD_LINK, BYTES("\0\x02")},
		{147, SKIP_LINKTYPE, BYTES("\x45\0")},
	};
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_clear(b);
		build_push(b, cases[i].bytes, cases[i].length);
		if (decode_build(b, cases[i].linktype, &d) != cases[i].reason)
			fail_msg("case %zu: %s", i, decode_reason_key(d.reason));
	}
	build_free(b);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(decode_linktype_name(1), "Ethernet");
	assert_string_equal(decode_linktype_name(189), "USB (Linux)");
	assert_string_equal(decode_linktype_name(4000000000u), "unknown");
	assert_false(decode_linktype_supported(189));
	for (int i = 0; i < DECODE_REASONS; i++) {
		assert_non_null(decode_reason_key((enum decode_reason)i));
		assert_non_null(decode_reason_text((enum decode_reason)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(decode_reason_key((enum decode_reason)i),
						decode_reason_key((enum decode_reason)j));
	}
	assert_string_equal(decode_reason_key(DECODE_REASONS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),
		cmocka_unit_test(test_mpls_pseudowire),
		cmocka_unit_test(test_mpls_associated_channel),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_link_lengths),
		cmocka_unit_test(test_radiotap_fcs),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
