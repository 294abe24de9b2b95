/* IPv4. */
#include "parsers/ip4.h"

#include <string.h>

#include "parsers/checksum.h"
#include "parsers/reassembly.h"

enum option_kind {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_STRICT_ROUTE = 137,
};

bool ip4_header_read(struct cursor *c, struct ip4_header *header)
{
	struct cursor h;
	uint8_t first = 0;
	uint16_t fragment = 0;

	if (!cursor_split(c, IP4_HEADER_MIN, &h))
		return false;
	cursor_u8(&h, &first);
	header->version = first >> 4;
	header->length = (uint8_t)((first & 0x0f) * 4);
	cursor_skip(&h, 1);
	cursor_be16(&h, &header->total_length);
	cursor_be16(&h, &header->id);
	cursor_be16(&h, &fragment);
	header->more_fragments = fragment & 0x2000;
	header->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
	cursor_u8(&h, &header->ttl);
	cursor_u8(&h, &header->protocol);
	cursor_skip(&h, 2);
	memset(&header->src, 0, sizeof(header->src));
	memset(&header->dst, 0, sizeof(header->dst));
	cursor_bytes(&h, header->src.bytes, 4);
	cursor_bytes(&h, header->dst.bytes, 4);
	return true;
}

/* A source route not yet travelled to its end holds the real destination last (RFC 791, 3.1). */
static void route_follow(struct cursor options, struct ip_address *dst)
{
	uint8_t kind, length, pointer;

	while (cursor_u8(&options, &kind) && kind != OPTION_END) {
		struct cursor body;

		if (kind == OPTION_NOP)
			continue;
		if (!cursor_u8(&options, &length) || length < 2 ||
		    !cursor_split(&options, (size_t)length - 2, &body))
			return;
		if (kind != OPTION_LOOSE_ROUTE && kind != OPTION_STRICT_ROUTE)
			continue;
		if (cursor_u8(&body, &pointer) && pointer >= 4 && pointer < length &&
		    body.left >= 4) {
			cursor_skip(&body, body.left - 4);
			cursor_bytes(&body, dst->bytes, 4);
		}
		return;
	}
}

static enum layer ip4_fragment(struct frame *f, const struct ip4_header *header)
{
	struct fragment fragment = {
		.ip_version = 4,
		.protocol = header->protocol,
		.id = header->id,
		.offset = header->fragment_offset,
		.more = header->more_fragments,
	};

	return reassemble(f, &fragment);
}

/* Judges the lengths and takes options and padding away. LAYER_PROTOCOL: all is well. */
static enum layer ip4_lengths(struct frame *f, struct cursor whole, const struct ip4_header *header)
{
	size_t wire = f->wire + IP4_HEADER_MIN;
	size_t total = header->total_length;
	size_t options_length;
	struct cursor options;

	if (header->version != 4 || header->length < IP4_HEADER_MIN)
		return frame_end(f, SKIP_BAD_IP);
	f->length_guessed = total == 0;
	if (f->length_guessed)
		total = wire;
	if (total < header->length)
		return frame_end(f, SKIP_BAD_IP);
	if (total > wire)
		return frame_end(f, SKIP_BEYOND_FRAME);
	frame_limit(f, total - IP4_HEADER_MIN);
	options_length = header->length - IP4_HEADER_MIN;
	if (options_length > 0) {
		if (!frame_take(f, options_length, &options))
			return frame_short_ip(f, options_length);
		route_follow(options, &f->out->segment.dst);
	}
	cursor_limit(&whole, header->length);
	if (f->verify_checksums && !checksum_ip4_ok(whole))
		return frame_end(f, SKIP_BAD_CHECKSUM);
	return LAYER_PROTOCOL;
}

enum layer ip4_layer(struct frame *f)
{
	struct segment *s = &f->out->segment;
	struct cursor whole = f->at;
	struct ip4_header header;
	enum layer next;

	if (!ip4_header_read(&f->at, &header))
		return frame_short_ip(f, IP4_HEADER_MIN);
	f->wire -= IP4_HEADER_MIN;
	s->ip_version = 4;
	s->src = header.src;
	s->dst = header.dst;
	s->ttl = header.ttl;
	s->ip_id = header.id;
	f->protocol = header.protocol;

	next = ip4_lengths(f, whole, &header);
	if (next != LAYER_PROTOCOL)
		return next;
	if (header.more_fragments || header.fragment_offset > 0)
		return ip4_fragment(f, &header);
	return LAYER_PROTOCOL;
}
