/* Tunnels: GRE, IP in IP, VXLAN, GENEVE. */
#include "parsers/tunnel.h"

#include "parsers/ethernet.h"

enum gre_flag {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000, /* RFC 1701 */
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080, /* version 1 */
	GRE_VERSION = 0x0007,
};

enum udp_port {
	PORT_VXLAN = 4789,
	PORT_VXLAN_GPE = 4790,
	PORT_GENEVE = 6081,
	PORT_VXLAN_LINUX = 8472, /* before the port was assigned */
};

enum {
	GRE_HEADER_MIN = 4,
	UDP_HEADER_LENGTH = 8,
	VXLAN_HEADER_LENGTH = 8,
	GENEVE_HEADER_MIN = 8,
	ERSPAN_2_HEADER_LENGTH = 8,
	ERSPAN_3_HEADER_LENGTH = 12,
	ERSPAN_3_SUBHEADER_LENGTH = 8,
};

/* Appends a hop and goes on with next, unless the chain is full. */
static enum layer tunnel_enter(struct frame *f, enum tunnel_kind kind, uint32_t id, enum layer next)
{
	struct tunnel *tunnel = &f->out->segment.tunnel;

	if (tunnel->depth == TUNNEL_DEPTH_MAX)
		return frame_end(f, SKIP_TUNNEL_DEPTH);
	tunnel->hop[tunnel->depth++] = (struct tunnel_hop){kind, id};
	f->out->segment.vlan_tags = 0;
	f->vlan_count = 0;
	return next;
}

enum layer tunnel_ip_layer(struct frame *f, uint8_t version)
{
	bool in_ip4 = f->out->segment.ip_version == 4;

	if (version == 4)
		return tunnel_enter(f, in_ip4 ? TUNNEL_IPIP : TUNNEL_4IN6, 0, LAYER_IP4);
	return tunnel_enter(f, in_ip4 ? TUNNEL_6IN4 : TUNNEL_6IN6, 0, LAYER_IP6);
}

/* Source route entries up to the empty one (RFC 1701). */
static bool gre_skip_routing(struct frame *f)
{
	struct cursor entry;
	uint16_t family;
	uint8_t length;

	do {
		if (!frame_take(f, 4, &entry))
			return false;
		family = 0;
		length = 0;
		cursor_be16(&entry, &family);
		cursor_skip(&entry, 1);
		cursor_u8(&entry, &length);
		if (!frame_skip(f, length))
			return false;
	} while (family != 0 || length != 0);
	return true;
}

/* Enhanced GRE of PPTP: PPP inside. Its call ids differ by direction, so they are no identity. */
static enum layer gre_pptp(struct frame *f, uint16_t flags, uint16_t ethertype)
{
	uint16_t payload_length = 0;
	size_t options = (flags & GRE_SEQUENCE ? 4 : 0) + (flags & GRE_ACK ? 4 : 0);
	struct cursor key;

	if (ethertype != ETHERTYPE_PPP || !(flags & GRE_KEY))
		return frame_end(f, SKIP_OTHER_IP);
	if (!frame_take(f, 4, &key))
		return frame_short_ip(f, 4);
	cursor_be16(&key, &payload_length);
	if (!frame_skip(f, options))
		return frame_short_ip(f, options);
	if (!(flags & GRE_SEQUENCE) || payload_length == 0) /* a bare acknowledgement */
		return frame_end(f, SKIP_OTHER_IP);
	frame_limit(f, payload_length);
	return tunnel_enter(f, TUNNEL_GRE, 0, LAYER_PPP);
}

/* A mirrored frame behind ERSPAN's own header, which type I has not. Type III says what it mirrors. */
static enum layer gre_erspan(struct frame *f, uint16_t flags, uint16_t ethertype, uint32_t key)
{
	enum { FRAME_ETHERNET = 0, FRAME_IP = 2, SUBHEADER = 1 };
	size_t length = flags & GRE_SEQUENCE ? ERSPAN_2_HEADER_LENGTH : 0;
	uint16_t last = 0;
	uint8_t frame_type = FRAME_ETHERNET;
	struct cursor h;

	if (ethertype == ETHERTYPE_ERSPAN_3) {
		if (!frame_take(f, ERSPAN_3_HEADER_LENGTH, &h))
			return frame_short_ip(f, ERSPAN_3_HEADER_LENGTH);
		cursor_skip(&h, ERSPAN_3_HEADER_LENGTH - 2);
		cursor_be16(&h, &last);
		frame_type = (last >> 10) & 0x1f;
		length = last & SUBHEADER ? ERSPAN_3_SUBHEADER_LENGTH : 0;
	}
	if (!frame_skip(f, length))
		return frame_short_ip(f, length);
	if (frame_type != FRAME_ETHERNET && frame_type != FRAME_IP)
		return frame_end(f, SKIP_OTHER_IP);
	return tunnel_enter(f, TUNNEL_GRE, key, frame_type == FRAME_IP ? LAYER_IP : LAYER_ETHERNET);
}

enum layer tunnel_gre_layer(struct frame *f)
{
	struct cursor h;
	uint16_t flags = 0, ethertype = 0;
	uint32_t key = 0;
	size_t length = 0;

	if (!frame_take(f, GRE_HEADER_MIN, &h))
		return frame_short_ip(f, GRE_HEADER_MIN);
	cursor_be16(&h, &flags);
	cursor_be16(&h, &ethertype);
	if ((flags & GRE_VERSION) == 1)
		return gre_pptp(f, flags, ethertype);
	if ((flags & GRE_VERSION) != 0)
		return frame_end(f, SKIP_OTHER_IP);

	if (flags & (GRE_CHECKSUM | GRE_ROUTING))
		length += 4;
	if (flags & GRE_KEY)
		length += 4;
	if (flags & GRE_SEQUENCE)
		length += 4;
	if (!frame_take(f, length, &h))
		return frame_short_ip(f, length);
	if (flags & (GRE_CHECKSUM | GRE_ROUTING))
		cursor_skip(&h, 4);
	if (flags & GRE_KEY)
		cursor_be32(&h, &key);
	if ((flags & GRE_ROUTING) && !gre_skip_routing(f))
		return frame_end(f, f->at.left < f->wire ? SKIP_TRUNCATED_IP : SKIP_BAD_IP);

	if (ethertype == ETHERTYPE_ERSPAN || ethertype == ETHERTYPE_ERSPAN_3)
		return gre_erspan(f, flags, ethertype, key);
	if (ethertype <= ETHERTYPE_LENGTH_MAX) /* 0: a keep-alive's answer */
		return frame_end(f, SKIP_OTHER_IP);
	f->ethertype = ethertype;
	return tunnel_enter(f, TUNNEL_GRE, key, LAYER_ETHERTYPE);
}

/* RFC 7348, 5: the I flag must be set; the other bits are ignored on receipt. VXLAN-GPE, on a port of
 * its own, may name what follows. */
static enum layer vxlan_layer(struct frame *f, uint16_t port)
{
	enum { FLAG_VNI = 0x08, FLAG_NEXT = 0x04, NEXT_IP4 = 1, NEXT_IP6 = 2, NEXT_ETHERNET = 3 };
	uint8_t flags = 0, next = NEXT_ETHERNET;
	uint32_t vni = 0;
	enum layer layer;
	struct cursor h;

	if (!frame_take(f, VXLAN_HEADER_LENGTH, &h))
		return frame_end(f, SKIP_UDP);
	cursor_u8(&h, &flags);
	cursor_skip(&h, 2);
	cursor_u8(&h, &next);
	cursor_be32(&h, &vni);
	if (!(flags & FLAG_VNI))
		return frame_end(f, SKIP_UDP);
	if (port != PORT_VXLAN_GPE || !(flags & FLAG_NEXT))
		next = NEXT_ETHERNET;
	switch (next) {
	case NEXT_IP4:
		layer = LAYER_IP4;
		break;
	case NEXT_IP6:
		layer = LAYER_IP6;
		break;
	case NEXT_ETHERNET:
		layer = LAYER_ETHERNET;
		break;
	default:
		return frame_end(f, SKIP_UDP);
	}
	if (layer == LAYER_ETHERNET && f->wire < ETHERNET_HEADER_LENGTH)
		return frame_end(f, SKIP_UDP);
	return tunnel_enter(f, TUNNEL_VXLAN, vni >> 8, layer);
}

static enum layer geneve_layer(struct frame *f)
{
	uint8_t version_length = 0;
	uint32_t vni = 0;
	size_t options;
	enum layer next;
	struct cursor h;

	if (!frame_take(f, GENEVE_HEADER_MIN, &h))
		return frame_end(f, SKIP_UDP);
	cursor_u8(&h, &version_length);
	cursor_skip(&h, 1);
	cursor_be16(&h, &f->ethertype);
	cursor_be32(&h, &vni);
	options = (size_t)(version_length & 0x3f) * 4;
	if (version_length >> 6 != 0 || options > f->wire)
		return frame_end(f, SKIP_UDP);
	switch (f->ethertype) {
	case ETHERTYPE_BRIDGING:
		next = LAYER_ETHERNET;
		break;
	case ETHERTYPE_IP4:
		next = LAYER_IP4;
		break;
	case ETHERTYPE_IP6:
		next = LAYER_IP6;
		break;
	default:
		return frame_end(f, SKIP_UDP);
	}
	if (!frame_skip(f, options))
		return frame_end(f, SKIP_TRUNCATED_IP);
	return tunnel_enter(f, TUNNEL_GENEVE, vni >> 8, next);
}

enum layer tunnel_udp_layer(struct frame *f)
{
	struct cursor h;
	uint16_t port = 0, length = 0;

	if (!frame_take(f, UDP_HEADER_LENGTH, &h))
		return frame_end(f, SKIP_UDP);
	cursor_skip(&h, 2);
	cursor_be16(&h, &port);
	cursor_be16(&h, &length);
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_GPE:
	case PORT_VXLAN_LINUX:
	case PORT_GENEVE:
		break;
	default:
		return frame_end(f, SKIP_UDP);
	}
	if (length != 0) { /* 0: segmentation offload */
		if (length < UDP_HEADER_LENGTH || (size_t)length - UDP_HEADER_LENGTH > f->wire)
			return frame_end(f, SKIP_UDP);
		frame_limit(f, (size_t)length - UDP_HEADER_LENGTH);
	}
	return port == PORT_GENEVE ? geneve_layer(f) : vxlan_layer(f, port);
}
