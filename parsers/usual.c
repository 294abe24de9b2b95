#include "parsers/usual.h"

#include <string.h>

#include "parsers/ethernet.h"
#include "parsers/ip4.h"
#include "parsers/ip6.h"
#include "parsers/tcp.h"

enum { LINKTYPE_ETHERNET = 1, PROTOCOL_TCP = 6 };
enum { ADDRESSES_LENGTH = 12, VLAN_REST_LENGTH = 4 };
enum { IP4_PLAIN = 0x45, IP4_FRAGMENT_BITS = 0x3fff };

/* Behind the EtherType; header is a copy to read ahead in. */
static bool usual_ip4(struct frame *f, struct cursor header)
{
	struct segment *s = &f->out->segment;
	uint8_t first = 0, ttl = 0, protocol = 0;
	uint16_t total = 0, id = 0, fragment = 0;

	cursor_u8(&header, &first);
	cursor_skip(&header, 1);
	cursor_be16(&header, &total);
	cursor_be16(&header, &id);
	cursor_be16(&header, &fragment);
	cursor_u8(&header, &ttl);
	cursor_u8(&header, &protocol);
	cursor_skip(&header, 2);
	if (first != IP4_PLAIN || (fragment & IP4_FRAGMENT_BITS) || protocol != PROTOCOL_TCP ||
	    total < IP4_HEADER_MIN + TCP_HEADER_MIN || total > f->wire)
		return false;
	memset(&s->src, 0, sizeof(s->src));
	memset(&s->dst, 0, sizeof(s->dst));
	cursor_bytes(&header, s->src.bytes, 4);
	cursor_bytes(&header, s->dst.bytes, 4);
	s->ip_version = 4;
	s->ttl = ttl;
	s->ip_id = id;
	frame_limit(f, total);
	return frame_skip(f, IP4_HEADER_MIN);
}

static bool usual_ip6(struct frame *f, struct cursor header)
{
	struct segment *s = &f->out->segment;
	uint8_t first = 0, next = 0, hop_limit = 0;
	uint16_t length = 0;

	cursor_u8(&header, &first);
	cursor_skip(&header, 3);
	cursor_be16(&header, &length);
	cursor_u8(&header, &next);
	cursor_u8(&header, &hop_limit);
	if (first >> 4 != 6 || next != PROTOCOL_TCP || length < TCP_HEADER_MIN ||
	    (size_t)length + IP6_HEADER_LENGTH > f->wire)
		return false;
	cursor_bytes(&header, s->src.bytes, sizeof(s->src.bytes));
	cursor_bytes(&header, s->dst.bytes, sizeof(s->dst.bytes));
	s->ip_version = 6;
	s->ttl = hop_limit;
	s->ip_id = 0;
	frame_limit(f, (size_t)length + IP6_HEADER_LENGTH);
	return frame_skip(f, IP6_HEADER_LENGTH);
}

static bool usual_network(struct frame *f, uint16_t ethertype)
{
	struct cursor ahead = f->at, header;

	if (ethertype == ETHERTYPE_IP4 && cursor_split(&ahead, IP4_HEADER_MIN, &header))
		return usual_ip4(f, header);
	if (ethertype == ETHERTYPE_IP6 && cursor_split(&ahead, IP6_HEADER_LENGTH, &header))
		return usual_ip6(f, header);
	return false;
}

bool usual_frame(struct frame *f)
{
	struct frame before;
	struct cursor link;
	uint16_t ethertype = 0, tag = 0;

	if (f->linktype != LINKTYPE_ETHERNET || f->verify_checksums)
		return false;
	before = *f;
	if (!frame_take(f, ETHERNET_HEADER_LENGTH, &link))
		return false;
	cursor_skip(&link, ADDRESSES_LENGTH);
	cursor_be16(&link, &ethertype);
	if (ethertype == ETHERTYPE_VLAN && frame_take(f, VLAN_REST_LENGTH, &link)) {
		cursor_be16(&link, &tag);
		cursor_be16(&link, &ethertype);
		tag &= 0x0fff;
	}
	if (usual_network(f, ethertype)) {
		f->protocol = PROTOCOL_TCP;
		f->out->segment.vlan_tags = tag;
		return true;
	}
	*f = before;
	return false;
}

enum { HEADERS = ETHERNET_HEADER_LENGTH + IP4_HEADER_MIN + TCP_HEADER_MIN };

/* The bytes of an IPv4 packet by its own account, where it is of the usual kind; 0: it is not. */
static size_t plain_ip4_read(struct cursor *h, struct segment *s)
{
	uint16_t ethertype = 0, total = 0, fragment = 0;
	uint8_t first = 0, protocol = 0;

	cursor_skip(h, ADDRESSES_LENGTH);
	cursor_be16(h, &ethertype);
	cursor_u8(h, &first);
	cursor_skip(h, 1);
	cursor_be16(h, &total);
	cursor_be16(h, &s->ip_id);
	cursor_be16(h, &fragment);
	cursor_u8(h, &s->ttl);
	cursor_u8(h, &protocol);
	cursor_skip(h, 2);
	memset(&s->src, 0, sizeof(s->src));
	memset(&s->dst, 0, sizeof(s->dst));
	cursor_bytes(h, s->src.bytes, 4);
	cursor_bytes(h, s->dst.bytes, 4);
	s->ip_version = 4;
	return ethertype == ETHERTYPE_IP4 && first == IP4_PLAIN &&
			       !(fragment & IP4_FRAGMENT_BITS) && protocol == PROTOCOL_TCP
		       ? total
		       : 0;
}

bool usual_segment(const struct packet *packet, struct segment *s, struct decode_counts *counts)
{
	struct cursor at = cursor_of(packet->data, packet->caplen), h;
	size_t total, options;

	if (packet->linktype != LINKTYPE_ETHERNET || !cursor_split(&at, HEADERS, &h))
		return false;
	total = plain_ip4_read(&h, s);
	options = tcp_header_read(&h, s);
	if (options < TCP_HEADER_MIN || total < IP4_HEADER_MIN + options ||
	    total + ETHERNET_HEADER_LENGTH > packet->wirelen)
		return false;
	/* a land packet, maybe */
	if (s->sport == s->dport && memcmp(s->src.bytes, s->dst.bytes, 4) == 0)
		return false;
	total -= IP4_HEADER_MIN + TCP_HEADER_MIN;
	cursor_limit(&at, total);
	tcp_rest(s, packet, at, total, options - TCP_HEADER_MIN, counts);
	return true;
}
