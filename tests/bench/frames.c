#include "tests/bench/frames.h"

#include <string.h>

enum { PAYLOAD_MAX = 1448, HEADERS_MAX = 14 + 4 + 40 + 20 + 20 };
enum { TCP_HEADER = 20, TCP_TIMESTAMP = 12, TCP_SYN_OPTIONS = 20, TCP_SYN = 0x02, TCP_ACK = 0x10 };

/* A frame while it is written; the checksum's sum runs along where asked for. */
struct out {
	uint8_t *at;
};

static void put8(struct out *o, uint8_t value)
{
	*o->at++ = value;
}

static void put16(struct out *o, uint32_t value)
{
	put8(o, (uint8_t)(value >> 8));
	put8(o, (uint8_t)value);
}

static void put32(struct out *o, uint32_t value)
{
	put16(o, value >> 16);
	put16(o, value & 0xffff);
}

static void put_address(struct out *o, uint32_t host, bool ip6)
{
	if (ip6) { /* 2001:db8::/32 */
		put32(o, 0x20010db8);
		put32(o, 0);
		put32(o, 0);
		put32(o, host);
	} else {
		put32(o, 0x0a000000 | (host & 0xffffff));
	}
}

static uint32_t sum16(const uint8_t *bytes, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < count; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static void store_checksum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

static void put_link(struct out *o, const struct frame_segment *s)
{
	put32(o, 0x02000000);
	put32(o, 0x00010200);
	put32(o, 0x00000002);
	if (s->vlan) {
		put16(o, 0x8100);
		put16(o, s->vlan);
	}
	put16(o, s->ip6 ? 0x86dd : 0x0800);
}

static void put_ip(struct out *o, const struct frame_segment *s, uint32_t length)
{
	uint8_t *start = o->at;

	if (s->ip6) {
		put32(o, 0x60000000);
		put16(o, length);
		put8(o, 6);
		put8(o, s->ttl);
	} else {
		put16(o, 0x4500);
		put16(o, length + 20);
		put16(o, s->ip_id);
		put16(o, 0x4000);
		put8(o, s->ttl);
		put8(o, 6);
		put16(o, 0);
	}
	put_address(o, s->from.host, s->ip6);
	put_address(o, s->to.host, s->ip6);
	if (!s->ip6)
		store_checksum(start + 10, sum16(start, 20));
}

static void put_timestamp(struct out *o, const struct frame_segment *s)
{
	put16(o, 0x0101);
	put16(o, 0x080a);
	put32(o, s->ts_val);
	put32(o, s->ts_ecr);
}

static void put_tcp(struct out *o, const struct frame_segment *s, uint32_t header)
{
	uint8_t *start = o->at;
	uint32_t addresses = s->ip6 ? 32 : 8, sum;

	put16(o, s->from.port);
	put16(o, s->to.port);
	put32(o, s->seq);
	put32(o, (s->flags & TCP_ACK) ? s->ack : 0);
	put8(o, (uint8_t)(header / 4 << 4));
	put8(o, s->flags);
	put16(o, s->window);
	put32(o, 0);
	if (s->syn_options) {
		put32(o, 0x020405b4);
		put32(o, 0x01030307);
	}
	put_timestamp(o, s);
	/* the pseudo header; zeros of the payload add nothing */
	sum = sum16(start - addresses, addresses + header) + 6 + header + s->payload;
	store_checksum(start + 16, sum);
}

static void put_record(struct frames *f, const struct frame_segment *s, uint32_t caplen,
		       uint32_t wirelen)
{
	uint32_t header[4] = {(uint32_t)(s->ts_ns / 1000000000), (uint32_t)(s->ts_ns % 1000000000),
			      caplen, wirelen};

	f->failed |= fwrite_unlocked(header, sizeof(header), 1, f->out) != 1;
}

void frames_put(struct frames *f, const struct frame_segment *s)
{
	static const uint8_t zeros[PAYLOAD_MAX];
	uint8_t headers[HEADERS_MAX];
	struct out o = {headers};
	uint32_t tcp = TCP_HEADER + (s->syn_options ? TCP_SYN_OPTIONS : TCP_TIMESTAMP);
	uint32_t written, wirelen, caplen;

	put_link(&o, s);
	put_ip(&o, s, tcp + s->payload);
	put_tcp(&o, s, tcp);
	written = (uint32_t)(o.at - headers);
	wirelen = written + s->payload;
	caplen = f->snaplen && f->snaplen < wirelen ? f->snaplen : wirelen;
	put_record(f, s, caplen, wirelen);
	if (written > caplen)
		written = caplen;
	f->failed |= fwrite_unlocked(headers, written, 1, f->out) != 1;
	if (caplen > written)
		f->failed |= fwrite_unlocked(zeros, caplen - written, 1, f->out) != 1;
	f->packets++;
	f->bytes += caplen + 16;
}

void frames_begin(struct frames *f, FILE *out, uint32_t snaplen)
{
	const uint32_t header[6] = {0xa1b23c4d, 0x00040002, 0, 0, 262144, 1};

	*f = (struct frames){.out = out, .snaplen = snaplen};
	f->failed = fwrite_unlocked(header, sizeof(header), 1, out) != 1;
	f->bytes = sizeof(header);
}
