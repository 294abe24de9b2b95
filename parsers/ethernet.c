/* Ethernet, VLAN tags, LLC/SNAP. */
#include "parsers/ethernet.h"

#include "parsers/ppp.h"

enum {
	ADDRESSES_LENGTH = 12,
	VLAN_TAG_LENGTH = 4,
	LLC_LENGTH = 3,
	SNAP_LENGTH = 5,
	FABRICPATH_LENGTH = 2
};

enum llc_sap { SAP_IP = 0x06, SAP_SNAP = 0xaa };
enum { LLC_UNNUMBERED = 0x03 };

enum snap_oui {
	OUI_ETHERNET = 0x000000, /* RFC 1042 */
	OUI_BRIDGE_TUNNEL = 0x0000f8,
	OUI_BRIDGED = 0x0080c2, /* RFC 2684, RFC 2427 */
};
enum { BRIDGED_WITH_FCS = 0x0001, BRIDGED_WITHOUT_FCS = 0x0007 };

static bool is_vlan_tag(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SERVICE_VLAN ||
	       ethertype == ETHERTYPE_VLAN_9100 || ethertype == ETHERTYPE_VLAN_9200;
}

enum layer ethernet_layer(struct frame *f)
{
	struct cursor h;

	if (!frame_take(f, ETHERNET_HEADER_LENGTH, &h))
		return frame_short_link(f, ETHERNET_HEADER_LENGTH);
	cursor_skip(&h, ADDRESSES_LENGTH);
	cursor_be16(&h, &f->ethertype);
	return ethertype_layer(f);
}

/* Tags beyond those that segment.vlan_tags can hold are looked through. */
static bool vlan_tag_take(struct frame *f)
{
	struct cursor h;
	uint16_t tag = 0;

	if (!frame_take(f, VLAN_TAG_LENGTH, &h))
		return false;
	cursor_be16(&h, &tag);
	cursor_be16(&h, &f->ethertype);
	tag &= 0x0fff;
	if (tag != 0 && f->vlan_count < VLAN_TAGS_MAX)
		f->out->segment.vlan_tags |= (uint64_t)tag << (12 * f->vlan_count++);
	return true;
}

enum layer ethertype_layer(struct frame *f)
{
	while (is_vlan_tag(f->ethertype))
		if (!vlan_tag_take(f))
			return frame_short_link(f, VLAN_TAG_LENGTH);

	switch (f->ethertype) {
	case ETHERTYPE_IP4:
		return LAYER_IP4;
	case ETHERTYPE_IP6:
		return LAYER_IP6;
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
		return LAYER_MPLS;
	case ETHERTYPE_PPPOE_SESSION:
		return pppoe_layer(f);
	case ETHERTYPE_PPP:
		return LAYER_PPP;
	case ETHERTYPE_BRIDGING:
		return LAYER_ETHERNET;
	case ETHERTYPE_FABRICPATH:
		if (!frame_skip(f, FABRICPATH_LENGTH))
			return frame_short_link(f, FABRICPATH_LENGTH);
		return LAYER_ETHERNET;
	default:
		break;
	}
	if (f->ethertype > ETHERTYPE_LENGTH_MAX)
		return frame_end(f, SKIP_NOT_IP);
	frame_limit(f, f->ethertype);
	return LAYER_LLC;
}

enum layer snap_layer(struct frame *f)
{
	struct cursor h;
	uint8_t oui_high = 0;
	uint16_t oui_low = 0;
	uint32_t oui;

	if (!frame_take(f, SNAP_LENGTH, &h))
		return frame_short_link(f, SNAP_LENGTH);
	cursor_u8(&h, &oui_high);
	cursor_be16(&h, &oui_low);
	cursor_be16(&h, &f->ethertype);
	oui = (uint32_t)oui_high << 16 | oui_low;
	if (oui == OUI_BRIDGED &&
	    (f->ethertype == BRIDGED_WITH_FCS || f->ethertype == BRIDGED_WITHOUT_FCS))
		return LAYER_ETHERNET;
	if ((oui != OUI_ETHERNET && oui != OUI_BRIDGE_TUNNEL) ||
	    f->ethertype <= ETHERTYPE_LENGTH_MAX)
		return frame_end(f, SKIP_NOT_IP);
	return LAYER_ETHERTYPE;
}

enum layer llc_layer(struct frame *f)
{
	struct cursor h;
	uint8_t dsap = 0, ssap = 0, control = 0;

	if (!frame_take(f, LLC_LENGTH, &h))
		return frame_short_link(f, LLC_LENGTH);
	cursor_u8(&h, &dsap);
	cursor_u8(&h, &ssap);
	cursor_u8(&h, &control);
	if (control == LLC_UNNUMBERED && dsap == SAP_SNAP && ssap == SAP_SNAP)
		return snap_layer(f);
	if (control == LLC_UNNUMBERED && dsap == SAP_IP && ssap == SAP_IP)
		return LAYER_IP4;
	return frame_end(f, SKIP_NOT_IP);
}

bool ethernet_holds_ip(struct cursor ahead)
{
	uint16_t ethertype;
	uint8_t version;

	if (!cursor_skip(&ahead, ADDRESSES_LENGTH) || !cursor_be16(&ahead, &ethertype))
		return false;
	while (is_vlan_tag(ethertype))
		if (!cursor_skip(&ahead, 2) || !cursor_be16(&ahead, &ethertype))
			return false;
	if (!cursor_u8(&ahead, &version))
		return false;
	version >>= 4;
	return (ethertype == ETHERTYPE_IP4 && version == 4) ||
	       (ethertype == ETHERTYPE_IP6 && version == 6);
}
