/* Point-to-point links. */
#include "parsers/ppp.h"

#include "parsers/ethernet.h"

enum ppp_protocol {
	PPP_IP4 = 0x0021,
	PPP_ENCRYPTED = 0x0053, /* RFC 1968 */
	PPP_IP6 = 0x0057,
	PPP_MPLS = 0x0281,
	PPP_MPLS_UPSTREAM = 0x0283,
};

enum hdlc_address {
	HDLC_ALL_STATIONS = 0xff,
	HDLC_CISCO_UNICAST = 0x0f,
	HDLC_CISCO_MULTICAST = 0x8f,
};

enum { HDLC_UNNUMBERED = 0x03, HDLC_HEADER_LENGTH = 4, PPPOE_HEADER_LENGTH = 6 };

enum nlpid { /* RFC 2427, ISO/IEC TR 9577 */
	     NLPID_PADDING = 0x00,
	     NLPID_SNAP = 0x80,
	     NLPID_IP6 = 0x8e,
	     NLPID_IP4 = 0xcc,
	     NLPID_PPP = 0xcf,
};

static bool hdlc_framed(const struct frame *f)
{
	uint8_t address, control;

	return cursor_peek_u8(&f->at, 0, &address) && cursor_peek_u8(&f->at, 1, &control) &&
	       address == HDLC_ALL_STATIONS && control == HDLC_UNNUMBERED;
}

/* The protocol number; false where it is not there. */
static bool ppp_protocol(struct frame *f, uint16_t *protocol)
{
	uint8_t first;
	struct cursor h;

	if (!cursor_peek_u8(&f->at, 0, &first))
		return false;
	*protocol = first;
	if (first & 1) /* compressed: RFC 1661, 6.5 */
		return frame_skip(f, 1);
	return frame_take(f, 2, &h) && cursor_be16(&h, protocol);
}

enum layer ppp_layer(struct frame *f)
{
	uint16_t protocol;
	uint8_t first;

	if (cursor_peek_u8(&f->at, 0, &first) && first == HDLC_ALL_STATIONS) {
		if (f->at.left < 2)
			return frame_short_link(f, 2);
		if (hdlc_framed(f))
			frame_skip(f, 2);
	}
	if (!ppp_protocol(f, &protocol))
		return frame_short_link(f, f->at.left + 1);
	switch (protocol) {
	case PPP_IP4:
		return LAYER_IP4;
	case PPP_IP6:
		return LAYER_IP6;
	case PPP_MPLS:
	case PPP_MPLS_UPSTREAM:
		return LAYER_MPLS;
	case PPP_ENCRYPTED:
		return frame_end(f, SKIP_ENCRYPTED);
	default:
		return frame_end(f, SKIP_NOT_IP);
	}
}

enum layer ppp_serial_layer(struct frame *f)
{
	uint8_t address;

	if (cursor_peek_u8(&f->at, 0, &address) &&
	    (address == HDLC_CISCO_UNICAST || address == HDLC_CISCO_MULTICAST))
		return cisco_hdlc_layer(f);
	return LAYER_PPP;
}

enum layer pppoe_layer(struct frame *f)
{
	struct cursor h;
	uint8_t version_type = 0, code = 0;
	uint16_t length = 0;

	if (!frame_take(f, PPPOE_HEADER_LENGTH, &h))
		return frame_short_link(f, PPPOE_HEADER_LENGTH);
	cursor_u8(&h, &version_type);
	cursor_u8(&h, &code);
	cursor_skip(&h, 2);
	cursor_be16(&h, &length);
	if (version_type != 0x11)
		return frame_end(f, SKIP_BAD_LINK);
	if (code != 0) /* discovery */
		return frame_end(f, SKIP_NOT_IP);
	frame_limit(f, length);
	return LAYER_PPP;
}

enum layer cisco_hdlc_layer(struct frame *f)
{
	struct cursor h;

	if (!frame_take(f, HDLC_HEADER_LENGTH, &h))
		return frame_short_link(f, HDLC_HEADER_LENGTH);
	cursor_skip(&h, 2);
	cursor_be16(&h, &f->ethertype);
	if (f->ethertype <= ETHERTYPE_LENGTH_MAX)
		return frame_end(f, SKIP_NOT_IP);
	return LAYER_ETHERTYPE;
}

/* The Q.922 address of two to four bytes, the last one with its lowest bit set. */
static bool frame_relay_address(struct frame *f)
{
	size_t length = 0;
	uint8_t byte;

	do {
		if (length == 4 || !cursor_peek_u8(&f->at, length, &byte))
			return false;
		length++;
	} while (!(byte & 1) || length < 2);
	return frame_skip(f, length);
}

/* RFC 2427: NLPID after the control byte; SNAP as NLPID has the same body as under LLC. */
static enum layer frame_relay_nlpid(struct frame *f)
{
	uint8_t nlpid = 0;
	struct cursor h;

	do {
		if (!frame_take(f, 1, &h))
			return frame_short_link(f, 1);
		cursor_u8(&h, &nlpid);
	} while (nlpid == NLPID_PADDING);
	switch (nlpid) {
	case NLPID_IP4:
		return LAYER_IP4;
	case NLPID_IP6:
		return LAYER_IP6;
	case NLPID_PPP:
		return LAYER_PPP;
	case NLPID_SNAP:
		return snap_layer(f);
	default:
		return frame_end(f, SKIP_NOT_IP);
	}
}

enum layer frame_relay_layer(struct frame *f)
{
	uint8_t control;
	struct cursor h;

	if (!frame_relay_address(f))
		return frame_end(f, f->at.left < f->wire && f->at.left < 4 ? SKIP_TRUNCATED_LINK
									   : SKIP_BAD_LINK);
	if (!cursor_peek_u8(&f->at, 0, &control))
		return frame_short_link(f, 1);
	if (control == HDLC_UNNUMBERED) {
		frame_skip(f, 1);
		return frame_relay_nlpid(f);
	}
	if (!frame_take(f, 2, &h)) /* Cisco's encapsulation */
		return frame_short_link(f, 2);
	cursor_be16(&h, &f->ethertype);
	if (f->ethertype <= ETHERTYPE_LENGTH_MAX)
		return frame_end(f, SKIP_NOT_IP);
	return LAYER_ETHERTYPE;
}
