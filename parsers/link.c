/* Link types. */
#include "parsers/link.h"

#include "parsers/ethernet.h"
#include "parsers/link_headers.h"
#include "parsers/ppp.h"
#include "parsers/wifi.h"

struct link_kind {
	uint32_t linktype;
	const char *name;
	enum layer (*layer)(struct frame *f); /* after skip bytes; NULL: next follows */
	uint8_t skip;
	enum layer next;
};

/* The common ones first: the table is searched for each packet. */
static const struct link_kind link_kinds[] = {
	{1, "Ethernet", ethernet_layer, 0, LAYER_END},
	{113, "Linux cooked", link_sll_layer, 0, LAYER_END},
	{276, "Linux cooked v2", link_sll2_layer, 0, LAYER_END},
	{101, "raw IP", NULL, 0, LAYER_IP},
	{127, "802.11 with radiotap", wifi_radiotap_layer, 0, LAYER_END},
	{0, "BSD loopback", link_family_layer, 0, LAYER_END},
	{108, "OpenBSD loopback", link_family_layer, 0, LAYER_END},
	{12, "raw IP", NULL, 0, LAYER_IP},
	{14, "raw IP", NULL, 0, LAYER_IP},
	{228, "raw IPv4", NULL, 0, LAYER_IP4},
	{229, "raw IPv6", NULL, 0, LAYER_IP6},
	{9, "PPP", ppp_serial_layer, 0, LAYER_END},
	{50, "PPP in HDLC framing", ppp_serial_layer, 0, LAYER_END},
	{51, "PPPoE", pppoe_layer, 0, LAYER_END},
	{166, "PPP with direction", link_pppd_layer, 1, LAYER_END},
	{204, "PPP with direction", ppp_serial_layer, 1, LAYER_END},
	{104, "Cisco HDLC", cisco_hdlc_layer, 0, LAYER_END},
	{205, "Cisco HDLC with direction", cisco_hdlc_layer, 1, LAYER_END},
	{107, "frame relay", frame_relay_layer, 0, LAYER_END},
	{206, "frame relay with direction", frame_relay_layer, 1, LAYER_END},
	{8, "SLIP", NULL, 16, LAYER_IP},
	{102, "SLIP (BSD/OS)", NULL, 24, LAYER_IP},
	{105, "802.11", wifi_layer, 0, LAYER_END},
	{119, "802.11 with Prism header", wifi_prism_layer, 0, LAYER_END},
	{163, "802.11 with AVS header", wifi_avs_layer, 0, LAYER_END},
	{192, "PPI", wifi_ppi_layer, 0, LAYER_END},
	{7, "ARCNET", link_arcnet_bsd_layer, 0, LAYER_END},
	{129, "ARCNET (Linux)", link_arcnet_linux_layer, 0, LAYER_END},
	{10, "FDDI", NULL, 13, LAYER_LLC},
	{100, "ATM with LLC", NULL, 0, LAYER_LLC},
	{106, "Linux classical IP over ATM", link_atm_clip_layer, 0, LAYER_END},
	{109, "OpenBSD IPsec", link_enc_layer, 0, LAYER_END},
	{117, "OpenBSD pf log", link_pflog_layer, 0, LAYER_END},
	{178, "Juniper Ethernet", link_juniper_ethernet_layer, 0, LAYER_END},
	{226, "Solaris ipnet", link_ipnet_layer, 0, LAYER_END},
	{239, "Linux netfilter log", link_nflog_layer, 0, LAYER_END},
	{242, "IP over InfiniBand", link_ipoib_layer, 40, LAYER_END},
	{258, "Apple pktap", link_pktap_layer, 0, LAYER_END},
};

/* Not decoded, named for the message. */
static const struct link_name {
	uint32_t linktype;
	const char *name;
} link_names[] = {
	{6, "Token Ring"},
	{114, "LocalTalk"},
	{122, "IP over Fibre Channel"},
	{123, "ATM (SunATM)"},
	{138, "IP over IEEE 1394"},
	{140, "SS7 MTP2"},
	{147, "private use 0"},
	{148, "private use 1"},
	{149, "private use 2"},
	{165, "BACnet MS/TP"},
	{182, "multilink frame relay"},
	{187, "Bluetooth HCI"},
	{189, "USB (Linux)"},
	{195, "IEEE 802.15.4"},
	{201, "Bluetooth HCI with direction"},
	{215, "IEEE 802.15.4"},
	{220, "USB (Linux)"},
	{227, "CAN"},
	{230, "IEEE 802.15.4"},
	{231, "D-Bus"},
	{249, "USBPcap"},
	{251, "Bluetooth LE"},
	{252, "Wireshark upper PDU"},
	{253, "Netlink"},
	{271, "vsock"},
	{272, "Nordic BLE"},
	{281, "Broadcom DSA tag"},
	{282, "Broadcom DSA tag"},
	{283, "IEEE 802.15.4"},
	{284, "Marvell DSA tag"},
	{285, "Marvell EDSA tag"},
};

static const struct link_kind *link_find(uint32_t linktype)
{
	for (size_t i = 0; i < sizeof(link_kinds) / sizeof(link_kinds[0]); i++)
		if (link_kinds[i].linktype == linktype)
			return &link_kinds[i];
	return NULL;
}

enum layer link_layer(struct frame *f)
{
	const struct link_kind *kind = link_find(f->linktype);

	if (!kind)
		return frame_end(f, SKIP_LINKTYPE);
	if (!frame_skip(f, kind->skip))
		return frame_short_link(f, kind->skip);
	return kind->layer ? kind->layer(f) : kind->next;
}

bool decode_linktype_supported(uint32_t linktype)
{
	return link_find(linktype) != NULL;
}

const char *decode_linktype_name(uint32_t linktype)
{
	const struct link_kind *kind = link_find(linktype);

	if (kind)
		return kind->name;
	for (size_t i = 0; i < sizeof(link_names) / sizeof(link_names[0]); i++)
		if (link_names[i].linktype == linktype)
			return link_names[i].name;
	return "unknown";
}
