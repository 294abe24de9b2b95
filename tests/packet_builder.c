/* Packets made by hand for the decoder's tests. */
#include "tests/packet_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ip4_src[4] = {10, 0, 0, 1}, ip4_dst[4] = {10, 0, 0, 2};
static const uint8_t ip6_src[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
static const uint8_t ip6_dst[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 2};

struct build *build_new(void)
{
	struct build *b = malloc(sizeof(*b));

	assert_non_null(b);
	build_clear(b);
	return b;
}

void build_free(struct build *b)
{
	free(b);
}

void build_clear(struct build *b)
{
	b->start = BUILD_ROOM;
}

const uint8_t *build_bytes(const struct build *b)
{
	return b->room + b->start;
}

size_t build_length(const struct build *b)
{
	return BUILD_ROOM - b->start;
}

uint8_t *build_at(struct build *b, size_t offset)
{
	assert_true(offset < build_length(b));
	return &b->room[b->start + offset];
}

void build_push(struct build *b, const void *bytes, size_t count)
{
	assert_true(count <= b->start);
	b->start -= count;
	if (count > 0)
		memcpy(b->room + b->start, bytes, count);
}

void build_be16(struct build *b, uint16_t value)
{
	build_push(b, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void build_be32(struct build *b, uint32_t value)
{
	build_be16(b, (uint16_t)value);
	build_be16(b, (uint16_t)(value >> 16));
}

void build_payload(struct build *b, size_t count)
{
	for (size_t i = count; i-- > 0;)
		build_push(b, &(uint8_t){(uint8_t)i}, 1);
}

/* Last field first, as each goes in front. */
void build_tcp_options(struct build *b, const void *options, size_t count)
{
	build_push(b, options, count);
	build_be16(b, 7);      /* urgent pointer */
	build_be16(b, 0);      /* checksum */
	build_be16(b, 0x7210); /* window */
	build_be16(b, (uint16_t)(((20 + count) / 4) << 12 | TCP_ACK | TCP_PSH));
	build_be32(b, BUILD_ACK);
	build_be32(b, BUILD_SEQ);
	build_be16(b, BUILD_DPORT);
	build_be16(b, BUILD_SPORT);
}

void build_tcp(struct build *b)
{
	build_tcp_options(b, NULL, 0);
}

void build_udp(struct build *b, uint16_t dport)
{
	uint16_t length = (uint16_t)(build_length(b) + 8);

	build_be16(b, 0);
	build_be16(b, length);
	build_be16(b, dport);
	build_be16(b, 50000);
}

/* RFC 1071, word by word. */
static uint32_t sum16(const uint8_t *bytes, size_t count, uint32_t sum)
{
	for (size_t i = 0; i < count; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

static void build_ip4_header(struct build *b, uint8_t protocol, uint16_t id, uint16_t fragment,
			     const void *options, size_t count)
{
	size_t total = build_length(b) + 20 + count;

	build_push(b, options, count);
	build_push(b, ip4_dst, 4);
	build_push(b, ip4_src, 4);
	build_be16(b, 0);
	build_push(b, (uint8_t[]){64, protocol}, 2);
	build_be16(b, fragment);
	build_be16(b, id);
	build_be16(b, (uint16_t)total);
	build_be16(b, (uint16_t)((4 << 4 | (20 + count) / 4) << 8));
	put_checksum(build_at(b, 10), sum16(build_bytes(b), 20 + count, 0));
}

void build_ip4_options(struct build *b, uint8_t protocol, const void *options, size_t count)
{
	build_ip4_header(b, protocol, 0x1234, 0, options, count);
}

void build_ip4(struct build *b, uint8_t protocol)
{
	build_ip4_options(b, protocol, NULL, 0);
}

void build_ip4_fragment(struct build *b, uint8_t protocol, uint16_t id, size_t offset, int more)
{
	build_ip4_header(b, protocol, id, (uint16_t)((more ? 0x2000 : 0) | offset / 8), NULL, 0);
}

void build_ip6(struct build *b, uint8_t next_header)
{
	uint16_t length = (uint16_t)build_length(b);

	build_push(b, ip6_dst, 16);
	build_push(b, ip6_src, 16);
	build_push(b, (uint8_t[]){next_header, 64}, 2);
	build_be16(b, length);
	build_be32(b, 0x60000000);
}

void build_ip6_fragment(struct build *b, uint8_t next_header, uint32_t id, size_t offset, int more)
{
	build_be32(b, id);
	build_be16(b, (uint16_t)(offset | (more ? 1 : 0)));
	build_push(b, (uint8_t[]){next_header, 0}, 2);
	build_ip6(b, 44);
}

void build_ethernet(struct build *b, uint16_t ethertype)
{
	build_be16(b, ethertype);
	build_push(b, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
}

void build_vlan(struct build *b, uint16_t id, uint16_t ethertype)
{
	build_be16(b, ethertype);
	build_be16(b, id);
}

void build_tcp_checksum(struct build *b)
{
	const uint8_t *bytes = build_bytes(b);
	size_t ip = bytes[0] >> 4 == 4 ? 20 : 40;
	size_t addresses = ip == 20 ? 8 : 32;
	size_t length = build_length(b) - ip;
	uint32_t sum = (uint32_t)(6 + length);

	sum = sum16(bytes + ip - addresses, addresses, sum);
	build_at(b, ip + 16)[0] = 0;
	build_at(b, ip + 16)[1] = 0;
	put_checksum(build_at(b, ip + 16), sum16(bytes + ip, length, sum));
}

void build_segment(struct build *b, int version, size_t count)
{
	build_clear(b);
	build_payload(b, count);
	build_tcp(b);
	if (version == 4)
		build_ip4(b, 6);
	else
		build_ip6(b, 6);
}

struct decoder *decoder_for_tests(void)
{
	struct decoder_config config = {.hash_key = {1, 2, 3}};
	struct decoder *decoder = decoder_new(&config, NULL);

	assert_non_null(decoder);
	return decoder;
}

void decode_bytes(struct decoder *decoder, uint32_t linktype, const uint8_t *bytes, size_t caplen,
		  size_t wirelen, struct decoded *out)
{
	uint8_t *copy = malloc(caplen ? caplen : 1);
	struct packet packet = {
		.data = copy,
		.number = 77,
		.ts_ns = 1000,
		.caplen = (uint32_t)caplen,
		.wirelen = (uint32_t)wirelen,
		.file = 3,
		.interface = 2,
		.linktype = linktype,
		.ts_confirmed = true,
	};

	assert_non_null(copy);
	memcpy(copy, bytes, caplen);
	memset(out, 0xa5, sizeof(*out)); /* what the decoder leaves unwritten shows */
	decoder_packet(decoder, &packet, out);
	if (out->reason == DECODED_SEGMENT) {
		const struct segment *s = &out->segment;

		assert_true(s->payload_captured <= s->payload_len);
		assert_true((s->payload == NULL) == (s->payload_captured == 0));
		for (uint32_t i = 0; i < s->payload_captured; i++)
			assert_int_equal(s->payload[i], (uint8_t)(s->payload[0] + i));
	}
	free(copy);
}

enum decode_reason decode_build(const struct build *b, uint32_t linktype, struct decoded *out)
{
	struct decoder *decoder = decoder_for_tests();

	decode_bytes(decoder, linktype, build_bytes(b), build_length(b), build_length(b), out);
	assert_int_equal(decoder_counts(decoder)->reason[out->reason], 1);
	decoder_free(decoder);
	return out->reason;
}

void expect_segment(const struct decoded *d, int version, uint32_t payload_len)
{
	const struct segment *s = &d->segment;
	struct ip_address src = {{0}}, dst = {{0}};

	memcpy(src.bytes, version == 4 ? ip4_src : ip6_src, version == 4 ? 4 : 16);
	memcpy(dst.bytes, version == 4 ? ip4_dst : ip6_dst, version == 4 ? 4 : 16);
	assert_int_equal(d->reason, DECODED_SEGMENT);
	assert_int_equal(s->ip_version, version);
	assert_memory_equal(&s->src, &src, sizeof(src));
	assert_memory_equal(&s->dst, &dst, sizeof(dst));
	assert_int_equal(s->sport, BUILD_SPORT);
	assert_int_equal(s->dport, BUILD_DPORT);
	assert_int_equal(s->seq, BUILD_SEQ);
	assert_int_equal(s->ack, BUILD_ACK);
	assert_int_equal(s->flags, TCP_ACK | TCP_PSH);
	assert_int_equal(s->window, 0x7210);
	assert_int_equal(s->urgent, 7);
	assert_int_equal(s->ttl, 64);
	assert_int_equal(s->payload_len, payload_len);
	assert_int_equal(s->ts_ns, 1000);
	assert_int_equal(s->packet, 77);
	assert_int_equal(s->file, 3);
	assert_int_equal(s->interface, 2);
	assert_true(s->ts_confirmed);
}

static int reason_is_cut(enum decode_reason reason, const enum decode_reason *also_fine)
{
	if (reason >= SKIP_TRUNCATED_LINK && reason <= SKIP_TRUNCATED_TCP)
		return 1;
	for (; also_fine && *also_fine != SKIP_LINKTYPE; also_fine++)
		if (reason == *also_fine)
			return 1;
	return 0;
}

void expect_every_length(const struct build *b, uint32_t linktype, size_t option_length,
			 size_t payload_length, size_t trailer, const enum decode_reason *also_fine)
{
	size_t whole = build_length(b);
	size_t payload_at = whole - trailer - payload_length;
	size_t readable = payload_at - option_length;
	struct decoded d;

	for (size_t length = 0; length <= whole; length++) {
		struct decoder *decoder = decoder_for_tests();

		decode_bytes(decoder, linktype, build_bytes(b), length, whole, &d);
		if (length < readable) {
			if (!reason_is_cut(d.reason, also_fine))
				fail_msg("linktype %u cut at %zu of %zu: %s", linktype, length,
					 whole, decode_reason_key(d.reason));
		} else {
			size_t captured = length > payload_at ? length - payload_at : 0;

			if (captured > payload_length)
				captured = payload_length;
			assert_int_equal(d.reason, DECODED_SEGMENT);
			assert_int_equal(d.segment.payload_len, payload_length);
			assert_int_equal(d.segment.payload_captured, captured);
		}

		decode_bytes(decoder, linktype, build_bytes(b), length, length, &d);
		if (length < whole - trailer &&
		    (d.reason == DECODED_SEGMENT || reason_is_cut(d.reason, NULL)))
			fail_msg("frame of %zu instead of %zu: %s", length, whole,
				 decode_reason_key(d.reason));
		decoder_free(decoder);
	}
}
