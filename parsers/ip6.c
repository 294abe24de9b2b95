/* IPv6 and its extension headers. */
#include "parsers/ip6.h"

#include "parsers/reassembly.h"

enum option_kind {
	OPTION_PAD1 = 0,
	OPTION_JUMBO = 0xc2,        /* RFC 2675 */
	OPTION_HOME_ADDRESS = 0xc9, /* RFC 6275, 6.3 */
};

enum routing_type {
	ROUTING_SOURCE = 0,  /* RFC 2460 */
	ROUTING_MOBILE = 2,  /* RFC 6275, 6.4 */
	ROUTING_SEGMENT = 4, /* RFC 8754 */
};

enum { FRAGMENT_HEADER_LENGTH = 8, EXTENSION_FIXED = 2 };

bool ip6_header_read(struct cursor *c, struct ip6_header *header)
{
	struct cursor h;
	uint8_t first = 0;

	if (!cursor_split(c, IP6_HEADER_LENGTH, &h))
		return false;
	cursor_u8(&h, &first);
	header->version = first >> 4;
	cursor_skip(&h, 3);
	cursor_be16(&h, &header->payload_length);
	cursor_u8(&h, &header->next_header);
	cursor_u8(&h, &header->hop_limit);
	cursor_bytes(&h, header->src.bytes, 16);
	cursor_bytes(&h, header->dst.bytes, 16);
	return true;
}

bool ip6_is_extension(uint8_t next_header)
{
	switch (next_header) {
	case IP6_HOP_BY_HOP:
	case IP6_ROUTING:
	case IP6_FRAGMENT:
	case IP6_AUTHENTICATION:
	case IP6_DESTINATION:
	case IP6_MOBILITY:
	case IP6_HIP:
	case IP6_SHIM6:
		return true;
	default:
		return false;
	}
}

size_t ip6_extension_length(uint8_t next_header, uint8_t length_field)
{
	if (next_header == IP6_FRAGMENT)
		return FRAGMENT_HEADER_LENGTH;
	if (next_header == IP6_AUTHENTICATION)
		return ((size_t)length_field + 2) * 4;
	return ((size_t)length_field + 1) * 8;
}

/* The body of the first option of this kind; false without. */
static bool option_find(struct cursor options, uint8_t wanted, struct cursor *body)
{
	uint8_t kind, length;

	while (cursor_u8(&options, &kind)) {
		if (kind == OPTION_PAD1)
			continue;
		if (!cursor_u8(&options, &length) || !cursor_split(&options, length, body))
			return false;
		if (kind == wanted)
			return true;
	}
	return false;
}

/* The jumbo payload length of the hop-by-hop header ahead, 0 without. */
static uint32_t jumbo_length(struct cursor ahead)
{
	uint8_t next, length_field;
	uint32_t length = 0;
	struct cursor body;

	if (!cursor_u8(&ahead, &next) || !cursor_u8(&ahead, &length_field))
		return 0;
	cursor_limit(&ahead, ip6_extension_length(IP6_HOP_BY_HOP, length_field) - EXTENSION_FIXED);
	if (option_find(ahead, OPTION_JUMBO, &body) && body.left == 4)
		cursor_be32(&body, &length);
	return length;
}

enum layer ip6_layer(struct frame *f)
{
	struct segment *s = &f->out->segment;
	struct ip6_header header;
	size_t length;

	if (!ip6_header_read(&f->at, &header))
		return frame_short_ip(f, IP6_HEADER_LENGTH);
	f->wire -= IP6_HEADER_LENGTH;
	if (header.version != 6)
		return frame_end(f, SKIP_BAD_IP);
	s->ip_version = 6;
	s->src = header.src;
	s->dst = header.dst;
	s->ttl = header.hop_limit;
	s->ip_id = 0;
	f->protocol = header.next_header;

	length = header.payload_length;
	if (length == 0 && header.next_header == IP6_HOP_BY_HOP)
		length = jumbo_length(f->at);
	f->length_guessed = length == 0;
	if (f->length_guessed)
		return LAYER_PROTOCOL;
	if (length > f->wire)
		return frame_end(f, SKIP_BEYOND_FRAME);
	frame_limit(f, length);
	return LAYER_PROTOCOL;
}

/* With segments left, the final destination stands in the header: last in types 0 and 2, first in
 * type 4, whose list runs backwards. */
static void routing_follow(struct cursor body, struct ip_address *dst)
{
	uint8_t type = 0, segments_left = 0;

	if (!cursor_u8(&body, &type) || !cursor_u8(&body, &segments_left) || !cursor_skip(&body, 4))
		return;
	if (segments_left == 0 || body.left < 16 || segments_left > body.left / 16)
		return;
	if (type == ROUTING_SOURCE || type == ROUTING_MOBILE)
		cursor_skip(&body, body.left - 16);
	else if (type != ROUTING_SEGMENT)
		return;
	cursor_bytes(&body, dst->bytes, 16);
}

static enum layer fragment_layer(struct frame *f, struct cursor header)
{
	struct fragment fragment = {.ip_version = 6};
	uint16_t offset = 0;

	cursor_u8(&header, &fragment.protocol);
	cursor_skip(&header, 1);
	cursor_be16(&header, &offset);
	cursor_be32(&header, &fragment.id);
	fragment.offset = offset & 0xfff8;
	fragment.more = offset & 1;
	if (fragment.offset == 0 && !fragment.more) { /* atomic: RFC 6946 */
		f->protocol = fragment.protocol;
		return LAYER_PROTOCOL;
	}
	return reassemble(f, &fragment);
}

enum layer ip6_extension_layer(struct frame *f)
{
	struct segment *s = &f->out->segment;
	uint8_t kind = f->protocol;
	uint8_t length_field;
	size_t length;
	struct cursor header, option;

	if (!cursor_peek_u8(&f->at, 1, &length_field))
		return frame_short_ip(f, EXTENSION_FIXED);
	length = ip6_extension_length(kind, length_field);
	if (!frame_take(f, length, &header))
		return frame_short_ip(f, length);
	if (kind == IP6_FRAGMENT)
		return fragment_layer(f, header);
	cursor_u8(&header, &f->protocol);
	cursor_skip(&header, 1);
	if (kind == IP6_ROUTING)
		routing_follow(header, &s->dst);
	if (kind == IP6_DESTINATION && option_find(header, OPTION_HOME_ADDRESS, &option) &&
	    option.left == 16)
		cursor_bytes(&option, s->src.bytes, 16);
	return LAYER_PROTOCOL;
}
