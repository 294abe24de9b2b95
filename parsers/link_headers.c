/* The small link headers. */
#include "parsers/link_headers.h"

#include "parsers/ethernet.h"
#include "parsers/ppp.h"

enum { SLL_LENGTH = 16, SLL2_LENGTH = 20, SLL_PROTOCOL_LLC = 4 };

static enum layer sll_protocol(struct frame *f)
{
	if (f->ethertype == SLL_PROTOCOL_LLC)
		return LAYER_LLC;
	if (f->ethertype <= ETHERTYPE_LENGTH_MAX) /* Linux's own numbers */
		return frame_end(f, SKIP_NOT_IP);
	return LAYER_ETHERTYPE;
}

enum layer link_sll_layer(struct frame *f)
{
	struct cursor h;

	if (!frame_take(f, SLL_LENGTH, &h))
		return frame_short_link(f, SLL_LENGTH);
	cursor_skip(&h, SLL_LENGTH - 2);
	cursor_be16(&h, &f->ethertype);
	return sll_protocol(f);
}

enum layer link_sll2_layer(struct frame *f)
{
	struct cursor h;

	if (!frame_take(f, SLL2_LENGTH, &h))
		return frame_short_link(f, SLL2_LENGTH);
	cursor_be16(&h, &f->ethertype);
	return sll_protocol(f);
}

/* IPv6 has another number on each system. */
static enum layer family_layer(struct frame *f, uint32_t family)
{
	switch (family) {
	case 2:
		return LAYER_IP4;
	case 10: /* Linux */
	case 23: /* Windows */
	case 24: /* NetBSD, OpenBSD */
	case 26: /* Solaris */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return LAYER_IP6;
	default:
		return frame_end(f, SKIP_NOT_IP);
	}
}

static enum layer family_of(struct frame *f, struct cursor h)
{
	uint32_t family = 0;

	cursor_be32(&h, &family);
	return family_layer(f, family > 0xffff ? __builtin_bswap32(family) : family);
}

enum layer link_family_layer(struct frame *f)
{
	struct cursor h;

	if (!frame_take(f, 4, &h))
		return frame_short_link(f, 4);
	return family_of(f, h);
}

enum layer link_pppd_layer(struct frame *f)
{
	uint8_t control;

	if (cursor_peek_u8(&f->at, 0, &control) && control == 0x03)
		frame_skip(f, 1);
	return LAYER_PPP;
}

enum arcnet_protocol {
	ARCNET_IP6 = 196,
	ARCNET_IP4 = 212,
	ARCNET_IP4_RFC1051 = 240,
	ARCNET_RFC1201_FIRST = 195, /* to 215: with a header of flag and sequence number */
	ARCNET_RFC1201_LAST = 215,
	ARCNET_EXCEPTION = 0xff,
};

/* behind: source, destination and, on Linux, two bytes of offset. */
static enum layer arcnet_layer(struct frame *f, size_t behind)
{
	struct cursor h;
	uint8_t protocol = 0, flag = 0;

	if (!frame_take(f, behind + 1, &h))
		return frame_short_link(f, behind + 1);
	cursor_skip(&h, behind);
	cursor_u8(&h, &protocol);
	if (protocol == ARCNET_IP4_RFC1051)
		return LAYER_IP4;
	if (protocol != ARCNET_IP4 && protocol != ARCNET_IP6)
		return frame_end(f, SKIP_NOT_IP);
	if (!frame_take(f, 3, &h))
		return frame_short_link(f, 3);
	cursor_u8(&h, &flag);
	if (flag == ARCNET_EXCEPTION) { /* filler: the real header follows */
		if (!frame_take(f, 4, &h))
			return frame_short_link(f, 4);
		cursor_skip(&h, 1);
		cursor_u8(&h, &flag);
	}
	if (flag != 0)
		return frame_end(f, SKIP_FRAGMENT);
	return protocol == ARCNET_IP4 ? LAYER_IP4 : LAYER_IP6;
}

enum layer link_arcnet_bsd_layer(struct frame *f)
{
	return arcnet_layer(f, 2);
}

enum layer link_arcnet_linux_layer(struct frame *f)
{
	return arcnet_layer(f, 4);
}

enum layer link_atm_clip_layer(struct frame *f)
{
	uint8_t first;

	if (cursor_peek_u8(&f->at, 0, &first) && first == 0xaa)
		return LAYER_LLC;
	return LAYER_IP;
}

enum layer link_enc_layer(struct frame *f)
{
	enum { ENC_LENGTH = 12 };
	struct cursor h;

	if (!frame_take(f, ENC_LENGTH, &h))
		return frame_short_link(f, ENC_LENGTH);
	return family_of(f, h);
}

enum layer link_pflog_layer(struct frame *f)
{
	struct cursor h = f->at;
	uint8_t length = 0, family = 0;
	size_t padded;

	if (!cursor_u8(&h, &length) || !cursor_u8(&h, &family))
		return frame_short_link(f, 2);
	padded = ((size_t)length + 3) / 4 * 4;
	if (padded < 4)
		return frame_end(f, SKIP_BAD_LINK);
	if (!frame_skip(f, padded))
		return frame_short_link(f, padded);
	return family_layer(f, family);
}

enum layer link_juniper_ethernet_layer(struct frame *f)
{
	enum { MAGIC = 0x4d4743, FLAG_NO_L2 = 0x02, FLAG_EXTENSIONS = 0x80 };
	struct cursor h;
	uint32_t magic = 0;
	uint16_t extensions = 0;

	if (!frame_take(f, 4, &h))
		return frame_short_link(f, 4);
	cursor_be32(&h, &magic); /* the last byte has the flags */
	if (magic >> 8 != MAGIC)
		return frame_end(f, SKIP_BAD_LINK);
	if (magic & FLAG_EXTENSIONS) {
		if (!frame_take(f, 2, &h))
			return frame_short_link(f, 2);
		cursor_be16(&h, &extensions);
		if (!frame_skip(f, extensions))
			return frame_short_link(f, extensions);
	}
	return magic & FLAG_NO_L2 ? frame_end(f, SKIP_NOT_IP) : LAYER_ETHERNET;
}

enum layer link_ipnet_layer(struct frame *f)
{
	enum { IPNET_LENGTH = 24 };
	struct cursor h;
	uint8_t family = 0;

	if (!frame_take(f, IPNET_LENGTH, &h))
		return frame_short_link(f, IPNET_LENGTH);
	cursor_skip(&h, 1);
	cursor_u8(&h, &family);
	return family_layer(f, family);
}

/* Attributes in the byte order of the host that captured, taken to be little-endian. */
enum layer link_nflog_layer(struct frame *f)
{
	enum { ATTRIBUTE_LENGTH = 4, TYPE_MASK = 0x7fff, TYPE_PAYLOAD = 9 };
	struct cursor h;
	uint8_t family = 0;

	if (!frame_take(f, 4, &h))
		return frame_short_link(f, 4);
	cursor_u8(&h, &family);
	for (;;) {
		uint16_t length = 0, type = 0;
		size_t body;

		if (!frame_take(f, ATTRIBUTE_LENGTH, &h))
			return frame_short_link(f, ATTRIBUTE_LENGTH);
		cursor_le16(&h, &length);
		cursor_le16(&h, &type);
		if (length < ATTRIBUTE_LENGTH)
			return frame_end(f, SKIP_BAD_LINK);
		body = (size_t)length - ATTRIBUTE_LENGTH;
		if ((type & TYPE_MASK) == TYPE_PAYLOAD) {
			frame_limit(f, body);
			return family_layer(f, family);
		}
		body = (body + 3) / 4 * 4;
		if (!frame_skip(f, body))
			return frame_short_link(f, body);
	}
}

enum layer link_ipoib_layer(struct frame *f)
{
	struct cursor h;

	if (!frame_take(f, 4, &h))
		return frame_short_link(f, 4);
	cursor_be16(&h, &f->ethertype);
	return sll_protocol(f);
}

/* Names the link type of what follows. */
enum layer link_pktap_layer(struct frame *f)
{
	enum { PKTAP_LENGTH_MIN = 12 };
	struct cursor h = f->at;
	uint32_t length = 0;

	if (h.left < PKTAP_LENGTH_MIN)
		return frame_short_link(f, PKTAP_LENGTH_MIN);
	cursor_le32(&h, &length);
	cursor_skip(&h, 4);
	cursor_le32(&h, &f->linktype);
	if (length < PKTAP_LENGTH_MIN)
		return frame_end(f, SKIP_BAD_LINK);
	if (!frame_skip(f, length))
		return frame_short_link(f, length);
	return LAYER_LINK;
}
