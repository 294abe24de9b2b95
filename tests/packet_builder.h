/* Packets made by hand for the decoder's tests, from the inside out: payload first, then each header
 * in front of what is there, so that every length is known when it is written. */
#ifndef LASTACK_TESTS_PACKET_BUILDER_H
#define LASTACK_TESTS_PACKET_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "parsers/decode.h"

enum { BUILD_ROOM = 200000 };

struct build {
	uint8_t room[BUILD_ROOM];
	size_t start; /* the packet is room[start] to the end */
};

/* The connection of all packets: 10.0.0.1 or 2001:db8::1, port 1000, to 10.0.0.2 or 2001:db8::2,
 * port 80. */
enum { BUILD_SPORT = 1000, BUILD_DPORT = 80 };
#define BUILD_SEQ 0xfffffff0u
#define BUILD_ACK 0x01020304u

struct build *build_new(void);
void build_free(struct build *b);
void build_clear(struct build *b);
const uint8_t *build_bytes(const struct build *b);
size_t build_length(const struct build *b);
/* A byte of the packet, to spoil it. */
uint8_t *build_at(struct build *b, size_t offset);

/* Puts bytes in front. */
void build_push(struct build *b, const void *bytes, size_t count);
void build_be16(struct build *b, uint16_t value);
void build_be32(struct build *b, uint32_t value);
/* 0, 1, 2, ... */
void build_payload(struct build *b, size_t count);
/* options: a multiple of four bytes, at most 40. The checksum is left 0. */
void build_tcp_options(struct build *b, const void *options, size_t count);
void build_tcp(struct build *b);
void build_udp(struct build *b, uint16_t dport);
/* Around what is there; the header checksum is right. */
void build_ip4(struct build *b, uint8_t protocol);
void build_ip4_options(struct build *b, uint8_t protocol, const void *options, size_t count);
/* more: the flag; offset in bytes. */
void build_ip4_fragment(struct build *b, uint8_t protocol, uint16_t id, size_t offset, int more);
void build_ip6(struct build *b, uint8_t next_header);
void build_ip6_fragment(struct build *b, uint8_t next_header, uint32_t id, size_t offset, int more);
void build_ethernet(struct build *b, uint16_t ethertype);
/* To stand behind an EtherType of a VLAN tag. */
void build_vlan(struct build *b, uint16_t id, uint16_t ethertype);
/* Fills in the TCP checksum of the packet, which is IPv4 or IPv6 without options. */
void build_tcp_checksum(struct build *b);
/* A whole packet: IP version 4 or 6, TCP, payload of count bytes. */
void build_segment(struct build *b, int version, size_t count);

/* Decodes exactly caplen bytes in memory of their own, so that a byte too far is noticed. The
 * payload of *out is gone afterwards. */
void decode_bytes(struct decoder *decoder, uint32_t linktype, const uint8_t *bytes, size_t caplen,
		  size_t wirelen, struct decoded *out);
/* The whole packet; like the above, with a decoder of its own. */
enum decode_reason decode_build(const struct build *b, uint32_t linktype, struct decoded *out);
struct decoder *decoder_for_tests(void);

/* The connection above, from this IP version, with this payload length. */
void expect_segment(const struct decoded *d, int version, uint32_t payload_len);
/* Decodes each prefix of the packet, which ends with TCP header (options of option_length bytes),
 * payload and trailer: as a capture cut there and as a frame that ended there. A cut capture gives
 * the segment as soon as 20 bytes of TCP are there, before that a reason of the truncated kind, or
 * one of also_fine (ends with SKIP_LINKTYPE). A frame that ended early gives no segment. */
void expect_every_length(const struct build *b, uint32_t linktype, size_t option_length,
			 size_t payload_length, size_t trailer,
			 const enum decode_reason *also_fine);

#endif
