/* From a ladder's step to an Ethernet frame, innermost last, with real checksums. */
#include "tests/ladder.h"

#include <string.h>

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd
};
enum { PROTOCOL_TCP = 6, PROTOCOL_GRE = 47 };
enum { TCP_HEADER = 20, TCP_OPTIONS_MAX = 40 };

struct writer {
	uint8_t *at;
	size_t used;
};

static void put_u8(struct writer *w, unsigned value)
{
	w->at[w->used++] = (uint8_t)value;
}

static void put_be16(struct writer *w, unsigned value)
{
	put_u8(w, value >> 8);
	put_u8(w, value);
}

static void put_be32(struct writer *w, uint32_t value)
{
	put_be16(w, value >> 16);
	put_be16(w, value & 0xffff);
}

static void put_bytes(struct writer *w, const void *bytes, size_t count)
{
	memcpy(w->at + w->used, bytes, count);
	w->used += count;
}

/* The Internet checksum (RFC 1071), continued from sum. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sum += (uint32_t)bytes[i] << ((i & 1) ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void patch_be16(struct writer *w, size_t offset, uint32_t value)
{
	w->at[offset] = (uint8_t)(value >> 8);
	w->at[offset + 1] = (uint8_t)value;
}

static void put_options(struct writer *w, const struct case_step *step)
{
	size_t start = w->used;

	if (step->mss) {
		put_be16(w, 0x0204);
		put_be16(w, step->mss);
	}
	if (step->wscale != WSCALE_NONE) {
		put_be16(w, 0x0303);
		put_u8(w, step->wscale);
	}
	if (step->sack_permitted)
		put_be16(w, 0x0402);
	if (step->has_timestamp) {
		put_be16(w, 0x080a);
		put_be32(w, step->ts_val);
		put_be32(w, step->ts_ecr);
	}
	if (step->fast_open) { /* RFC 7413, 4.1.1: a cookie of eight bytes */
		put_be16(w, 0x220a);
		put_be32(w, 0x1a57ac4b);
		put_be32(w, 0xc00c1e55);
	}
	while ((w->used - start) % 4 != 0)
		put_u8(w, 1);
}

/* A byte's content follows from its sequence number, so that retransmissions are true copies. */
uint8_t case_byte(uint32_t seq, bool other)
{
	return (uint8_t)((other ? 'A' : 'a') + seq % 26);
}

static void put_payload(struct writer *w, const struct case_step *step)
{
	uint32_t first = step->seq + ((step->flags & TCP_SYN) ? 1 : 0);

	for (uint32_t i = 0; i < step->payload_len; i++)
		put_u8(w, case_byte(first + i, step->other));
}

static void put_tcp(struct writer *w, const struct case_connection *c, const struct case_step *step)
{
	const struct case_end *from = &c->end[step->from], *to = &c->end[!step->from];
	size_t address = c->ip_version == 4 ? 4 : 16;
	size_t start = w->used, length;
	uint32_t sum;

	put_be16(w, from->port);
	put_be16(w, to->port);
	put_be32(w, step->seq);
	put_be32(w, step->ack);
	put_u8(w, 0); /* data offset, patched */
	put_u8(w, step->flags);
	put_be16(w, step->window);
	put_be16(w, 0); /* checksum, patched */
	put_be16(w, step->urgent);
	put_options(w, step);
	w->at[start + 12] = (uint8_t)((w->used - start) / 4 << 4);
	put_payload(w, step);
	length = w->used - start;
	sum = sum_bytes(0, from->address.bytes, address);
	sum = sum_bytes(sum, to->address.bytes, address);
	sum += PROTOCOL_TCP + (uint32_t)length;
	sum = sum_bytes(sum, w->at + start, length);
	patch_be16(w, start + 16, ~sum);
}

/* Header without the total length; ipv4_close fills it in. */
static size_t ipv4_open(struct writer *w, unsigned id, unsigned ttl, unsigned protocol,
			const uint8_t src[4], const uint8_t dst[4])
{
	size_t start = w->used;

	put_be32(w, 0x45000000);
	put_be16(w, id);
	put_be16(w, 0x4000); /* do not fragment */
	put_u8(w, ttl);
	put_u8(w, protocol);
	put_be16(w, 0);
	put_bytes(w, src, 4);
	put_bytes(w, dst, 4);
	return start;
}

static void ipv4_close(struct writer *w, size_t start)
{
	patch_be16(w, start + 2, (uint32_t)(w->used - start));
	patch_be16(w, start + 10, ~sum_bytes(0, w->at + start, 20));
}

static void put_ip(struct writer *w, const struct case_connection *c, const struct case_step *step)
{
	const uint8_t *src = c->end[step->from].address.bytes;
	const uint8_t *dst = c->end[!step->from].address.bytes;
	size_t start;

	if (c->ip_version == 4) {
		start = ipv4_open(w, step->ip_id, step->ttl, PROTOCOL_TCP, src, dst);
		put_tcp(w, c, step);
		ipv4_close(w, start);
		return;
	}
	start = w->used;
	put_be32(w, 0x60000000);
	put_be16(w, 0);
	put_u8(w, PROTOCOL_TCP);
	put_u8(w, step->ttl);
	put_bytes(w, src, 16);
	put_bytes(w, dst, 16);
	put_tcp(w, c, step);
	patch_be16(w, start + 4, (uint32_t)(w->used - start - 40));
}

static void put_gre(struct writer *w, const struct case_connection *c, const struct case_step *step)
{
	static const uint8_t router[SIDES][4] = {{198, 51, 100, 1}, {198, 51, 100, 2}};
	size_t start = ipv4_open(w, step->ip_id, 64, PROTOCOL_GRE, router[step->from],
				 router[!step->from]);

	put_be16(w, 0x2000); /* a key follows (RFC 2890) */
	put_be16(w, c->ip_version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	put_be32(w, c->gre_key);
	put_ip(w, c, step);
	ipv4_close(w, start);
}

size_t case_frame(const struct ladder_case *ladder, const struct case_step *step,
		  uint8_t frame[static CASE_FRAME_MAX])
{
	static const uint8_t mac[SIDES][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	static const uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1};
	const struct case_connection *c = &ladder->connection[step->connection];
	struct writer w = {frame, 0};

	put_bytes(&w, mac[!step->from], 6);
	put_bytes(&w, mac[step->from], 6);
	for (unsigned i = 0; i < step->vlan_count; i++) {
		put_be16(&w, ETHERTYPE_VLAN);
		put_be16(&w, step->vlan[i]);
	}
	if (step->clock) {
		put_be16(&w, ETHERTYPE_ARP);
		put_bytes(&w, arp, sizeof(arp));
	} else if (c->gre) {
		put_be16(&w, ETHERTYPE_IPV4);
		put_gre(&w, c, step);
	} else {
		put_be16(&w, c->ip_version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
		put_ip(&w, c, step);
	}
	return w.used;
}
