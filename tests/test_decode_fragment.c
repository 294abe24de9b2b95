/* Reassembly of fragments, through the decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/fragment.h"
#include "tests/packet_builder.h"

enum { RAW = 101, PAYLOAD = 3000, PIECE = 1000, TCP_LENGTH = 20 };
#define SECOND_NS INT64_C(1000000000)

/* A datagram of TCP with PAYLOAD bytes, from which fragments are cut. */
struct scene {
	struct decoder *decoder;
	struct build *whole, *piece;
	struct decoded d;
	int version;
	uint16_t id;
	uint64_t number; /* of the next packet; 0: 77 for all */
	int64_t ts_ns;
	bool unconfirmed;
};

static struct scene *scene_new(int version)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->decoder = decoder_for_tests();
	s->whole = build_new();
	s->piece = build_new();
	s->version = version;
	s->id = 1;
	s->ts_ns = 1000;
	build_payload(s->whole, PAYLOAD);
	build_tcp(s->whole);
	return s;
}

static void scene_free(struct scene *s)
{
	decoder_free(s->decoder);
	build_free(s->whole);
	build_free(s->piece);
	free(s);
}

/* Feeds what is in piece, cut to caplen; checks a segment while its bytes are there. */
static enum decode_reason feed_cut(struct scene *s, size_t caplen)
{
	uint8_t *copy = malloc(caplen ? caplen : 1);
	struct packet packet = {
		.data = copy,
		.number = s->number ? s->number++ : 77,
		.ts_ns = s->ts_ns,
		.caplen = (uint32_t)caplen,
		.wirelen = (uint32_t)build_length(s->piece),
		.file = 3,
		.interface = 2,
		.linktype = RAW,
		.ts_confirmed = !s->unconfirmed,
	};

	assert_non_null(copy);
	memcpy(copy, build_bytes(s->piece), caplen);
	decoder_packet(s->decoder, &packet, &s->d);
	free(copy); /* a reassembled payload is not in the packet */
	if (s->d.reason == DECODED_SEGMENT)
		for (uint32_t i = 0; i < s->d.segment.payload_captured; i++)
			assert_int_equal(s->d.segment.payload[i], (uint8_t)i);
	return s->d.reason;
}

/* Bytes from offset on, of the datagram, xored with spoil. */
static void cut(struct scene *s, size_t offset, size_t count, uint8_t spoil)
{
	const uint8_t *bytes = build_bytes(s->whole);

	build_clear(s->piece);
	for (size_t i = count; i-- > 0;)
		build_push(s->piece, &(uint8_t){bytes[offset + i] ^ spoil}, 1);
	if (s->version == 4)
		build_ip4_fragment(s->piece, 6, s->id, offset,
				   offset + count < build_length(s->whole));
	else
		build_ip6_fragment(s->piece, 6, s->id, offset,
				   offset + count < build_length(s->whole));
}

static enum decode_reason feed(struct scene *s, size_t offset, size_t count, uint8_t spoil)
{
	cut(s, offset, count, spoil);
	return feed_cut(s, build_length(s->piece));
}

/* The rest from offset on. */
static enum decode_reason feed_last(struct scene *s, size_t offset)
{
	return feed(s, offset, build_length(s->whole) - offset, 0);
}

static void expect_whole(struct scene *s)
{
	int64_t ts_ns = s->d.segment.ts_ns;

	s->d.segment.ts_ns = 1000; /* what expect_segment expects */
	expect_segment(&s->d, s->version, PAYLOAD);
	s->d.segment.ts_ns = ts_ns;
	assert_int_equal(s->d.segment.payload_captured, PAYLOAD);
}

static void expect_places(const struct scene *s, const uint64_t *numbers, uint32_t count)
{
	assert_int_equal(s->d.segment.fragment_count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(s->d.segment.fragments[i].packet, numbers[i]);
		assert_int_equal(s->d.segment.fragments[i].file, 3);
	}
}

static void test_orders(void **state)
{
	static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					      {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct scene *s = scene_new(version);

		for (size_t i = 0; i < 6; i++) {
			enum decode_reason last = SKIP_FRAGMENT;

			for (size_t k = 0; k < 3; k++) {
				assert_int_equal(last, SKIP_FRAGMENT);
				last = orders[i][k] == 2 ? feed_last(s, 2 * PIECE)
							 : feed(s, orders[i][k] * PIECE, PIECE, 0);
			}
			expect_whole(s);
		}
		assert_int_equal(decoder_counts(s->decoder)->fragments, 18);
		assert_int_equal(decoder_counts(s->decoder)->datagrams_reassembled, 6);
		assert_int_equal(decoder_counts(s->decoder)->fragments_expired, 0);
		scene_free(s);
	}
}

/* Of 8 bytes each, first the even ones from behind, then the odd ones: as far as the ranges go. */
static void test_many_pieces(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct scene *s = scene_new(version);
		size_t step = 8 * ((size_t)(PAYLOAD + TCP_LENGTH) / (8 * 2 * 30));

		for (size_t at = build_length(s->whole) / (2 * step) * 2 * step;; at -= 2 * step) {
			size_t count = build_length(s->whole) - at;

			assert_int_equal(feed(s, at, count < step ? count : step, 0),
					 SKIP_FRAGMENT);
			if (at == 0)
				break;
		}
		for (size_t at = step; at < build_length(s->whole); at += 2 * step) {
			size_t count = build_length(s->whole) - at;

			feed(s, at, count < step ? count : step, 0);
		}
		expect_whole(s);
		scene_free(s);
	}
}

/* More separate pieces than we follow: given up, and counted. */
static void test_too_many_pieces(void **state)
{
	struct scene *s = scene_new(4);
	size_t i;

	(void)state;
	for (i = 0; i < FRAGMENT_RANGES_MAX; i++)
		assert_int_equal(feed(s, i * 16, 8, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, i * 16, 8, 0), SKIP_BAD_FRAGMENT);
	assert_int_equal(decoder_counts(s->decoder)->fragments_expired, FRAGMENT_RANGES_MAX);
	scene_free(s);
}

/* IPv4: bytes that came first win. */
static void test_ip4_overlap(void **state)
{
	struct scene *s = scene_new(4);

	(void)state;
	assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 1000, 1000, 0xff), SKIP_FRAGMENT); /* again, other bytes */
	assert_int_equal(feed(s, 1104, 96, 0xff), SKIP_FRAGMENT);   /* within */
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 504, 1000, 0xff), SKIP_FRAGMENT); /* across */
	assert_int_equal(feed_last(s, 2000), DECODED_SEGMENT);
	expect_whole(s);

	/* One that covers others fills what is between them. */
	assert_int_equal(feed(s, 504, 104, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 1504, 104, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 0, 2000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed_last(s, 2000), DECODED_SEGMENT);
	expect_whole(s);
	scene_free(s);
}

/* IPv6: RFC 5722 drops the whole datagram and what still comes; exact copies are no overlap. */
static void test_ip6_overlap(void **state)
{
	struct scene *s = scene_new(6);

	(void)state;
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed_last(s, 2000), DECODED_SEGMENT);
	expect_whole(s);

	s->id++;
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 992, 1008, 0), SKIP_BAD_FRAGMENT);
	assert_int_equal(feed(s, 1000, 1000, 0), SKIP_BAD_FRAGMENT);
	assert_int_equal(feed_last(s, 2000), SKIP_BAD_FRAGMENT);
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_BAD_FRAGMENT);
	assert_int_equal(decoder_counts(s->decoder)->fragments_expired, 1);

	s->id++; /* the same place, other bytes */
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 0, 1000, 1), SKIP_BAD_FRAGMENT);

	s->id++; /* around */
	assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 0, 2000, 0), SKIP_BAD_FRAGMENT);
	assert_int_equal(feed_last(s, 2000), SKIP_BAD_FRAGMENT);
	scene_free(s);
}

/* Fragments that contradict the length, or lie beyond it. */
static void test_contradictions(void **state)
{
	struct scene *s = scene_new(4);

	(void)state;
	/* Another end than the known one; a piece beyond it. */
	assert_int_equal(feed_last(s, 2000), SKIP_FRAGMENT);
	cut(s, 1000, 1000, 0);
	build_at(s->piece, 6)[0] = 0; /* no more fragments: ends at 2000 */
	build_at(s->piece, 7)[0] = 1000 / 8;
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_BAD_FRAGMENT);
	build_at(s->piece, 6)[0] = 0x21; /* at 3048 */
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_BAD_FRAGMENT);
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 1000, 1000, 0), DECODED_SEGMENT);
	expect_whole(s);

	/* The end below what is there already. */
	s->id++;
	assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
	cut(s, 0, 1000, 0);
	build_at(s->piece, 6)[0] = 0;
	build_at(s->piece, 7)[0] = 1;
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_BAD_FRAGMENT);

	/* Beyond 65,535 bytes; empty; length 0 from offload. */
	cut(s, 0, 1000, 0);
	build_at(s->piece, 6)[0] = 0x3f;
	build_at(s->piece, 7)[0] = 0xff;
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_BAD_FRAGMENT);
	cut(s, 0, 0, 0);
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_BAD_FRAGMENT);
	cut(s, 0, 1000, 0);
	memset(build_at(s->piece, 2), 0, 2);
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_BAD_FRAGMENT);
	scene_free(s);

	s = scene_new(6); /* not a multiple of eight */
	assert_int_equal(feed(s, 0, 1001, 0), SKIP_BAD_FRAGMENT);
	scene_free(s);
}

/* Source, destination, identification, protocol (IPv4) and tunnel tell datagrams apart. */
static void test_identity(void **state)
{
	struct scene *s = scene_new(4);

	(void)state;
	assert_int_equal(feed(s, 0, 1000, 0), SKIP_FRAGMENT);
	assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
	s->id++;
	assert_int_equal(feed_last(s, 2000), SKIP_FRAGMENT);
	s->id--;
	cut(s, 2000, PAYLOAD + TCP_LENGTH - 2000, 0);
	build_at(s->piece, 9)[0] = 17;
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_FRAGMENT);
	build_at(s->piece, 9)[0] = 6;
	build_at(s->piece, 15)[0] = 7;
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_FRAGMENT);
	build_at(s->piece, 15)[0] = 1;
	build_ip4(s->piece, 4);
	assert_int_equal(feed_cut(s, build_length(s->piece)), SKIP_FRAGMENT);
	assert_int_equal(feed_last(s, 2000), DECODED_SEGMENT);
	expect_whole(s);
	scene_free(s);
}

/* A fragmented tunnel packet that holds a fragment of the inner datagram. */
static void test_nested(void **state)
{
	struct scene *s = scene_new(4);
	struct build *outer = build_new();

	(void)state;
	s->number = 1;
	for (int inner = 0; inner < 2; inner++) {
		if (inner == 0)
			cut(s, 0, 1504, 0);
		else
			cut(s, 1504, PAYLOAD + TCP_LENGTH - 1504, 0);
		build_clear(outer);
		build_push(outer, build_bytes(s->piece), build_length(s->piece));
		for (int half = 0; half < 2; half++) {
			size_t at = half ? 800 : 0;
			size_t count = half ? build_length(outer) - 800 : 800;

			build_clear(s->piece);
			build_push(s->piece, build_bytes(outer) + at, count);
			build_ip4_fragment(s->piece, 4, (uint16_t)(90 + inner), at, !half);
			feed_cut(s, build_length(s->piece));
		}
	}
	expect_places(s, (const uint64_t[]){1, 2, 3, 4}, 4);
	s->d.segment.packet = 77; /* what expect_whole() expects */
	expect_whole(s);
	assert_int_equal(s->d.segment.tunnel.depth, 1);
	assert_int_equal(decoder_counts(s->decoder)->datagrams_reassembled, 3);
	build_free(outer);
	scene_free(s);
}

/* 30 s for IPv4, 60 s for IPv6, by the time of the packets. */
static void test_lifetime(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		int64_t lifetime = (version == 4 ? 30 : 60) * SECOND_NS;

		for (int late = 0; late < 2; late++) {
			struct scene *s = scene_new(version);

			assert_int_equal(feed(s, 0, 2000, 0), SKIP_FRAGMENT);
			s->ts_ns += lifetime + late;
			s->unconfirmed = true; /* its own time counts even so */
			assert_int_equal(feed_last(s, 2000),
					 late ? SKIP_FRAGMENT : DECODED_SEGMENT);
			assert_int_equal(decoder_counts(s->decoder)->fragments_expired, late);
			scene_free(s);
		}
	}
}

/* A confirmed time gives up the old datagrams, an unconfirmed one does not. */
static void test_expiry(void **state)
{
	struct scene *s = scene_new(4);

	(void)state;
	assert_int_equal(feed(s, 0, 2000, 0), SKIP_FRAGMENT);
	s->ts_ns += 1000 * SECOND_NS;
	s->unconfirmed = true;
	s->id++;
	assert_int_equal(feed(s, 0, 2000, 0), SKIP_FRAGMENT);
	assert_int_equal(decoder_counts(s->decoder)->fragments_expired, 0);
	s->unconfirmed = false;
	s->id++;
	assert_int_equal(feed(s, 0, 2000, 0), SKIP_FRAGMENT);
	assert_int_equal(decoder_counts(s->decoder)->fragments_expired, 1);
	scene_free(s);
}

/* Fragments cut by the capture: the length is known, the bytes up to the first cut. */
static void test_snaplen(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		size_t header = version == 4 ? 20 : 48;
		struct scene *s = scene_new(version);

		for (size_t held = 0; held <= 1000; held += 100) {
			size_t captured = held < TCP_LENGTH ? 0 : held - TCP_LENGTH;

			for (int reversed = 0; reversed < 2; reversed++) {
				for (int k = 0; k < 2; k++) {
					if (k == reversed) {
						cut(s, 0, 1000, 0);
						feed_cut(s, header + held);
					} else {
						feed_last(s, 1000);
					}
				}
				if (held < TCP_LENGTH) {
					assert_int_equal(s->d.reason, SKIP_TRUNCATED_TCP);
					continue;
				}
				expect_segment(&s->d, version, PAYLOAD);
				assert_int_equal(s->d.segment.payload_captured,
						 held == 1000 ? PAYLOAD : captured);
			}
		}

		/* Two of them cut: the lower cut counts, whichever came first. */
		for (int reversed = 0; reversed < 2; reversed++) {
			for (int k = 0; k < 2; k++) {
				if (k == reversed) {
					cut(s, 0, 1000, 0);
					feed_cut(s, header + 500);
				} else {
					cut(s, 1000, PAYLOAD + TCP_LENGTH - 1000, 0);
					feed_cut(s, header + 700);
				}
			}
			expect_segment(&s->d, version, PAYLOAD);
			assert_int_equal(s->d.segment.payload_captured, 480);
		}
		scene_free(s);
	}
}

/* What is reassembled does not stay: any number of datagrams passes through a small table. */
static void test_small_memory(void **state)
{
	struct decoder_config config = {.fragment_memory = 20000};
	struct scene *s = scene_new(4);

	(void)state;
	decoder_free(s->decoder);
	s->decoder = decoder_new(&config, NULL);
	assert_non_null(s->decoder);
	for (s->id = 1; s->id < 100; s->id++) {
		assert_int_equal(feed(s, 0, 2000, 0), SKIP_FRAGMENT);
		assert_int_equal(feed_last(s, 2000), DECODED_SEGMENT);
		expect_whole(s);
	}
	assert_int_equal(decoder_counts(s->decoder)->fragments_expired, 0);
	scene_free(s);
}

/* A segment tells all packets that brought it, also those that brought the same again. */
static void test_places(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct scene *s = scene_new(version);

		s->number = 5;
		assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
		assert_int_equal(feed_last(s, 2000), SKIP_FRAGMENT);
		assert_int_equal(feed(s, 1000, 1000, 0), SKIP_FRAGMENT);
		s->number = 9;
		assert_int_equal(feed(s, 0, 1000, 0), DECODED_SEGMENT);
		expect_places(s, (const uint64_t[]){5, 6, 7, 9}, 4);

		for (size_t at = 0; at < 2000; at += 40)
			feed(s, at, 40, 0);
		assert_int_equal(feed_last(s, 2000), DECODED_SEGMENT);
		assert_int_equal(s->d.segment.fragment_count, 51);
		assert_int_equal(s->d.segment.fragments[50].packet, 60);

		/* in one piece: the segment's own number tells */
		build_clear(s->piece);
		build_segment(s->piece, version, 0);
		assert_int_equal(feed_cut(s, build_length(s->piece)), DECODED_SEGMENT);
		assert_null(s->d.segment.fragments);
		assert_int_equal(s->d.segment.fragment_count, 0);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),          cmocka_unit_test(test_many_pieces),
		cmocka_unit_test(test_too_many_pieces), cmocka_unit_test(test_ip4_overlap),
		cmocka_unit_test(test_ip6_overlap),     cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_identity),        cmocka_unit_test(test_nested),
		cmocka_unit_test(test_lifetime),        cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_snaplen),         cmocka_unit_test(test_small_memory),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
