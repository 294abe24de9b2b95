/* The decoder's TCP: header, options well-formed and not. */
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
#define TIMESTAMP      "\x08\x0a\x01\x02\x03\x04\x05\x06\x07\x08"

static void test_flags(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_segment(b, 4, 0);
	for (unsigned flags = 0; flags < 256; flags++) {
		build_at(b, 33)[0] = (uint8_t)flags;
		assert_int_equal(decode_build(b, RAW, &d), DECODED_SEGMENT);
		assert_int_equal(d.segment.flags, flags);
		assert_null(d.segment.payload);
	}
	assert_int_equal(TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH, 0x0f);
	assert_int_equal(TCP_ACK | TCP_URG | TCP_ECE | TCP_CWR, 0xf0);
	build_at(b, 36)[0] = 0xab;
	build_at(b, 37)[0] = 0xcd;
	decode_build(b, RAW, &d);
	assert_int_equal(d.segment.checksum, 0xabcd);
	build_free(b);
}

static void test_data_offset(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (uint8_t offset = 0; offset < 16; offset++) {
		build_segment(b, 4, 8);
		build_at(b, 32)[0] = (uint8_t)(offset << 4);
		/* 28 bytes of TCP: offsets 5 to 7 fit. */
		decode_build(b, RAW, &d);
		if (offset < 5 || offset > 7) {
			assert_int_equal(d.reason, SKIP_BAD_TCP);
		} else {
			assert_int_equal(d.reason, DECODED_SEGMENT);
			assert_int_equal(d.segment.payload_len, 28 - offset * 4);
		}
	}
	build_free(b);
}

/* What one run of options says. */
struct said {
	bool bad;
	uint16_t mss;
	uint8_t wscale;
	bool sack_permitted, timestamp, fast_open;
	uint8_t sack_count;
};

static const struct option_case {
	const char *options;
	size_t length;
	struct said said;
} option_cases[] = {
	{BYTES(""), {.wscale = WSCALE_NONE}},
	{BYTES("\x01\x01\x01\x01"), {.wscale = WSCALE_NONE}},
	{BYTES("\x02\x04\x05\xb4"), {.mss = 1460, .wscale = WSCALE_NONE}},
	{BYTES("\x01\x03\x03\x07"), {.wscale = 7}},
	{BYTES("\x01\x03\x03\0"), {.wscale = 0}},
	{BYTES("\x01\x03\x03\x0f"), {.wscale = 14}},
	{BYTES("\x01\x03\x03\xff"), {.wscale = 14}},
	{BYTES("\x04\x02\0\0"), {.sack_permitted = true, .wscale = WSCALE_NONE}},
	{BYTES("\x01\x01" TIMESTAMP), {.timestamp = true, .wscale = WSCALE_NONE}},
	{BYTES("\x01\x01\x05\x0a\0\0\0\x01\0\0\0\x02"), {.sack_count = 1, .wscale = WSCALE_NONE}},
	{BYTES("\x01\x01\x05\x22\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04"
	       "\0\0\0\x05\0\0\0\x06\0\0\0\x07\0\0\0\x08"),
	 {.sack_count = 4, .wscale = WSCALE_NONE}},
	{BYTES("\x22\x02\0\0"), {.fast_open = true, .wscale = WSCALE_NONE}},
	{BYTES("\x22\x0a\1\2\3\4\5\6\7\x8\0\0"), {.fast_open = true, .wscale = WSCALE_NONE}},
	{BYTES("\xfe\x04\xf9\x89"), {.fast_open = true, .wscale = WSCALE_NONE}},
	{BYTES("\xfe\x0c\xf9\x89\1\2\3\4\5\6\7\x8"), {.fast_open = true, .wscale = WSCALE_NONE}},
	{BYTES("\xfe\x04\xe2\xd4"), {.wscale = WSCALE_NONE}}, /* another experiment */
	{BYTES("\xfe\x02\x01\x01"), {.wscale = WSCALE_NONE}},
	{BYTES("\x1e\x04\0\0"), {.wscale = WSCALE_NONE}}, /* multipath: not looked at */
	{BYTES("\x02\x04\x05\xb4\x04\x02" TIMESTAMP "\x01\x03\x03\x07"),
	 {.mss = 1460, .wscale = 7, .sack_permitted = true, .timestamp = true}},
	/* nothing counts behind the end of the list */
	{BYTES("\0\x02\x04\x05\xb4\0\0\0"), {.wscale = WSCALE_NONE}},
	/* malformed: the others still count */
	{BYTES("\x02\x04\x05\xb4\x03\0\0\0"), {.bad = true, .mss = 1460, .wscale = WSCALE_NONE}},
	{BYTES("\x02\x04\x05\xb4\x03\x01\0\0"), {.bad = true, .mss = 1460, .wscale = WSCALE_NONE}},
	{BYTES("\x02\x04\x05\xb4\x01\x01\x01\x08"),
	 {.bad = true, .mss = 1460, .wscale = WSCALE_NONE}},
	{BYTES("\x02\x04\x05\xb4\x01\x01\x08\x0a"),
	 {.bad = true, .mss = 1460, .wscale = WSCALE_NONE}},
	{BYTES("\x02\x03\x05\x02\x04\x05\xb4\x01"),
	 {.bad = true, .mss = 1460, .wscale = WSCALE_NONE}},
	{BYTES("\x03\x02\x04\x02"), {.bad = true, .sack_permitted = true, .wscale = WSCALE_NONE}},
	{BYTES("\x04\x03\0\x01"), {.bad = true, .wscale = WSCALE_NONE}},
	{BYTES("\x05\x02\x01\x01"), {.bad = true, .wscale = WSCALE_NONE}},
	{BYTES("\x05\x08\0\0\0\x01\0\0"), {.bad = true, .wscale = WSCALE_NONE}},
	{BYTES("\x08\x06\0\0\0\x01\x01\x01"), {.bad = true, .wscale = WSCALE_NONE}},
	{BYTES("\x22\x03\0\x01"), {.bad = true, .wscale = WSCALE_NONE}},
	{BYTES("\xff\xff\0\0"), {.bad = true, .wscale = WSCALE_NONE}},
};

static void test_options(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < sizeof(option_cases) / sizeof(option_cases[0]); i++) {
		const struct option_case *c = &option_cases[i];
		const struct segment *s = &d.segment;

		build_clear(b);
		build_payload(b, PAYLOAD);
		build_tcp_options(b, c->options, c->length);
		build_ip4(b, 6);
		decode_build(b, RAW, &d);
		expect_segment(&d, 4, PAYLOAD);
		if (s->bad_options != c->said.bad)
			fail_msg("case %zu: bad_options %d", i, s->bad_options);
		assert_int_equal(s->mss, c->said.mss);
		assert_int_equal(s->wscale, c->said.wscale);
		assert_int_equal(s->sack_permitted, c->said.sack_permitted);
		assert_int_equal(s->has_timestamp, c->said.timestamp);
		assert_int_equal(s->ts_val, c->said.timestamp ? 0x01020304 : 0);
		assert_int_equal(s->ts_ecr, c->said.timestamp ? 0x05060708 : 0);
		assert_int_equal(s->fast_open, c->said.fast_open);
		assert_int_equal(s->sack_count, c->said.sack_count);
		for (uint8_t k = 0; k < s->sack_count; k++) {
			assert_int_equal(s->sack[k].left, 2 * k + 1);
			assert_int_equal(s->sack[k].right, 2 * k + 2);
		}
		expect_every_length(b, RAW, c->length, PAYLOAD, 0, NULL);
	}
	build_free(b);
}

/* Options cut by the capture are not malformed, and those before are read. */
static void test_options_cut(void **state)
{
	static const char options[] = "\x02\x04\x05\xb4\x04\x02" TIMESTAMP "\x01\x03\x03\x07";
	struct build *b = build_new();
	struct decoder *decoder = decoder_for_tests();
	struct decoded d;

	(void)state;
	build_payload(b, PAYLOAD);
	build_tcp_options(b, BYTES(options));
	build_ip4(b, 6);
	for (size_t held = 0; held <= sizeof(options) - 1; held++) {
		decode_bytes(decoder, RAW, build_bytes(b), 40 + held, build_length(b), &d);
		expect_segment(&d, 4, PAYLOAD);
		assert_false(d.segment.bad_options);
		assert_int_equal(d.segment.mss, held >= 4 ? 1460 : 0);
		assert_int_equal(d.segment.sack_permitted, held >= 6);
		assert_int_equal(d.segment.has_timestamp, held >= 16);
		assert_int_equal(d.segment.wscale, held >= 20 ? 7 : WSCALE_NONE);
	}
	assert_int_equal(decoder_counts(decoder)->bad_options, 0);
	decoder_free(decoder);
	build_free(b);
}

static void test_land(void **state)
{
	struct build *b = build_new();
	struct decoded d;

	(void)state;
	build_segment(b, 4, PAYLOAD);
	memcpy(build_at(b, 16), build_at(b, 12), 4); /* same address, other port */
	assert_int_equal(decode_build(b, RAW, &d), DECODED_SEGMENT);
	memcpy(build_at(b, 22), build_at(b, 20), 2);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_LAND);
	build_segment(b, 6, PAYLOAD);
	memcpy(build_at(b, 24), build_at(b, 8), 16);
	memcpy(build_at(b, 42), build_at(b, 40), 2);
	assert_int_equal(decode_build(b, RAW, &d), SKIP_LAND);
	build_free(b);
}

static void test_counts(void **state)
{
	struct build *b = build_new();
	struct decoder *decoder = decoder_for_tests();
	struct decoded d;

	(void)state;
	build_payload(b, PAYLOAD);
	build_tcp_options(b, BYTES("\x02\0\0\0"));
	build_ip4(b, 6);
	for (int i = 0; i < 3; i++)
		decode_bytes(decoder, RAW, build_bytes(b), build_length(b), build_length(b), &d);
	decode_bytes(decoder, RAW, build_bytes(b), 30, build_length(b), &d);
	assert_int_equal(decoder_counts(decoder)->bad_options, 3);
	assert_int_equal(decoder_counts(decoder)->reason[DECODED_SEGMENT], 3);
	assert_int_equal(decoder_counts(decoder)->reason[SKIP_TRUNCATED_TCP], 1);
	assert_int_equal(decoder_counts(decoder)->tunnelled, 0);
	decoder_free(decoder);
	build_free(b);
}

/* ---- the usual packet's way, all layers at once ---- */

enum { ETHERNET = 1, ETHERNET_LENGTH = 14, SPOILED = 20000 };

static uint32_t random_below(uint32_t *random, uint32_t bound)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random % bound;
}

/* In memory of its own, so that a byte too far is noticed; the payload is gone afterwards. */
static void decode_spoiled(struct decoder *decoder, uint32_t linktype, const uint8_t *bytes,
			   size_t caplen, size_t wirelen, struct decoded *out)
{
	uint8_t *copy = malloc(caplen + 1);
	struct packet packet = {.data = copy + 1,
				.caplen = (uint32_t)caplen,
				.wirelen = (uint32_t)wirelen,
				.linktype = linktype};

	assert_non_null(copy);
	memcpy(copy + 1, bytes, caplen);
	memset(out, 0, sizeof(*out));
	decoder_packet(decoder, &packet, out);
	if (out->reason == DECODED_SEGMENT) {
		assert_true((out->segment.payload == NULL) == (out->segment.payload_captured == 0));
		out->segment.payload = NULL;
		out->segment.fragments = NULL;
	}
	free(copy);
}

/* The same IP packet in a frame and bare, which is decoded layer by layer. True: both gave a segment. */
static bool both_ways_agree(struct decoder *usual, struct decoder *layers, const struct build *b,
			    size_t caplen, size_t wirelen)
{
	struct decoded one, other;

	decode_spoiled(usual, ETHERNET, build_bytes(b), caplen, wirelen, &one);
	decode_spoiled(layers, RAW, build_bytes(b) + ETHERNET_LENGTH, caplen - ETHERNET_LENGTH,
		       wirelen - ETHERNET_LENGTH, &other);
	assert_int_equal(one.reason, other.reason);
	if (one.reason != DECODED_SEGMENT)
		return false;
	assert_memory_equal(&one.segment, &other.segment, sizeof(one.segment));
	return true;
}

static void test_usual_way(void **state)
{
	struct build *b = build_new();
	struct decoder *usual = decoder_for_tests(), *layers = decoder_for_tests();
	uint32_t random = 7, segments = 0;

	(void)state;
	for (uint32_t i = 0; i < SPOILED; i++) {
		const struct option_case *o =
			&option_cases[i % (sizeof(option_cases) / sizeof(option_cases[0]))];
		size_t length, cut;

		build_clear(b);
		build_payload(b, random_below(&random, 12)); /* or padding, by the lengths below */
		build_tcp_options(b, o->options, o->length);
		build_ip4(b, 6);
		build_ethernet(b, 0x0800);
		length = build_length(b);
		if (i % 4 != 0) { /* anything but what says that this is IPv4 */
			size_t at = ETHERNET_LENGTH + 1 +
				    random_below(&random, (uint32_t)(length - ETHERNET_LENGTH - 1));

			build_at(b, at)[0] = (uint8_t)random_below(&random, 256);
		}
		cut = i % 3 == 0 ? random_below(&random, (uint32_t)(length - ETHERNET_LENGTH)) : 0;
		segments += both_ways_agree(usual, layers, b, length - cut, length);
	}
	assert_in_range(segments, SPOILED / 4, SPOILED);
	assert_int_equal(decoder_counts(usual)->bad_options, decoder_counts(layers)->bad_options);
	decoder_free(usual);
	decoder_free(layers);
	build_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),     cmocka_unit_test(test_data_offset),
		cmocka_unit_test(test_options),   cmocka_unit_test(test_options_cut),
		cmocka_unit_test(test_land),      cmocka_unit_test(test_counts),
		cmocka_unit_test(test_usual_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
