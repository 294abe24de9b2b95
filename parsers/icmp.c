/* ICMP and ICMPv6 errors that quote TCP. */
#include "parsers/icmp.h"

#include "parsers/ip4.h"
#include "parsers/ip6.h"

enum { ICMP_HEADER_LENGTH = 8, PROTOCOL_TCP = 6, QUOTED_TCP_MIN = 8 };

/* False where the type is no error. Codes: RFC 792, RFC 1122, 3.2.2.1, RFC 1812, 5.2.7.1. */
static bool icmp4_kind(uint8_t type, uint8_t code, enum icmp_kind *kind)
{
	switch (type) {
	case 3:
		if (code == 4)
			*kind = ICMP_TOO_BIG;
		else if (code == 9 || code == 10 || (code >= 13 && code <= 15))
			*kind = ICMP_PROHIBITED;
		else
			*kind = ICMP_UNREACHABLE;
		return true;
	case 4:
		*kind = ICMP_SOURCE_QUENCH;
		return true;
	case 11:
		*kind = ICMP_TIME_EXCEEDED;
		return true;
	case 12:
		*kind = ICMP_PARAMETER;
		return true;
	default:
		return false;
	}
}

/* Codes: RFC 4443, 3. */
static bool icmp6_kind(uint8_t type, uint8_t code, enum icmp_kind *kind)
{
	switch (type) {
	case 1:
		*kind = code == 1 || code == 5 || code == 6 ? ICMP_PROHIBITED : ICMP_UNREACHABLE;
		return true;
	case 2:
		*kind = ICMP_TOO_BIG;
		return true;
	case 3:
		*kind = ICMP_TIME_EXCEEDED;
		return true;
	case 4:
		*kind = ICMP_PARAMETER;
		return true;
	default:
		return false;
	}
}

/* Something of the quote is missing: because the capture cut it, or because it is no use. */
static enum layer quote_short(struct frame *f, size_t count)
{
	return frame_end(f, count > f->wire ? SKIP_ICMP : SKIP_TRUNCATED_IP);
}

static enum layer quote_tcp(struct frame *f)
{
	struct icmp_error *icmp = &f->out->icmp;
	struct cursor h;

	if (!frame_take(f, QUOTED_TCP_MIN, &h))
		return quote_short(f, QUOTED_TCP_MIN);
	cursor_be16(&h, &icmp->sport);
	cursor_be16(&h, &icmp->dport);
	cursor_be32(&h, &icmp->seq);
	icmp->from = f->out->segment.src;
	icmp->tunnel = f->out->segment.tunnel;
	icmp->ts_ns = f->packet->ts_ns;
	icmp->packet = f->packet->number;
	icmp->file = f->packet->file;
	icmp->ts_confirmed = f->packet->ts_confirmed;
	return frame_end(f, DECODED_ICMP_ERROR);
}

static enum layer quote_ip4(struct frame *f)
{
	struct ip4_header header;
	size_t options;

	if (!ip4_header_read(&f->at, &header))
		return quote_short(f, IP4_HEADER_MIN);
	f->wire -= IP4_HEADER_MIN;
	if (header.version != 4 || header.length < IP4_HEADER_MIN ||
	    header.protocol != PROTOCOL_TCP || header.fragment_offset > 0)
		return frame_end(f, SKIP_ICMP);
	options = header.length - (size_t)IP4_HEADER_MIN;
	if (!frame_skip(f, options))
		return quote_short(f, options);
	f->out->icmp.ip_version = 4;
	f->out->icmp.src = header.src;
	f->out->icmp.dst = header.dst;
	return quote_tcp(f);
}

static enum layer quote_ip6(struct frame *f)
{
	struct ip6_header header;
	uint8_t protocol;

	if (!ip6_header_read(&f->at, &header))
		return quote_short(f, IP6_HEADER_LENGTH);
	f->wire -= IP6_HEADER_LENGTH;
	if (header.version != 6)
		return frame_end(f, SKIP_ICMP);
	protocol = header.next_header;
	while (ip6_is_extension(protocol)) {
		uint8_t length_field;
		uint16_t offset = 0;
		struct cursor extension;
		size_t length;

		if (!cursor_peek_u8(&f->at, 1, &length_field))
			return quote_short(f, 2);
		length = ip6_extension_length(protocol, length_field);
		if (!frame_take(f, length, &extension))
			return quote_short(f, length);
		if (protocol == IP6_FRAGMENT) {
			struct cursor c = extension;

			cursor_skip(&c, 2);
			cursor_be16(&c, &offset);
		}
		if (offset & 0xfff8)
			return frame_end(f, SKIP_ICMP);
		cursor_u8(&extension, &protocol);
	}
	if (protocol != PROTOCOL_TCP)
		return frame_end(f, SKIP_ICMP);
	f->out->icmp.ip_version = 6;
	f->out->icmp.src = header.src;
	f->out->icmp.dst = header.dst;
	return quote_tcp(f);
}

/* The eight bytes before the quote; false where the frame has ended there. */
static bool icmp_header(struct frame *f, uint32_t *rest)
{
	struct icmp_error *icmp = &f->out->icmp;
	struct cursor h;

	if (!frame_take(f, ICMP_HEADER_LENGTH, &h)) {
		quote_short(f, ICMP_HEADER_LENGTH);
		return false;
	}
	cursor_u8(&h, &icmp->type);
	cursor_u8(&h, &icmp->code);
	cursor_skip(&h, 2);
	cursor_be32(&h, rest);
	return true;
}

enum layer icmp4_layer(struct frame *f)
{
	struct icmp_error *icmp = &f->out->icmp;
	uint32_t rest = 0;

	if (!icmp_header(f, &rest))
		return LAYER_END;
	if (!icmp4_kind(icmp->type, icmp->code, &icmp->kind))
		return frame_end(f, SKIP_ICMP);
	icmp->mtu = icmp->kind == ICMP_TOO_BIG ? rest & 0xffff : 0; /* RFC 1191, 4 */
	return quote_ip4(f);
}

enum layer icmp6_layer(struct frame *f)
{
	struct icmp_error *icmp = &f->out->icmp;
	uint32_t rest = 0;

	if (!icmp_header(f, &rest))
		return LAYER_END;
	if (!icmp6_kind(icmp->type, icmp->code, &icmp->kind))
		return frame_end(f, SKIP_ICMP);
	icmp->mtu = icmp->kind == ICMP_TOO_BIG ? rest : 0;
	return quote_ip6(f);
}
