/* Ethernet (IEEE 802.3) with VLAN tags (802.1Q, 802.1ad), LLC/SNAP (802.2), and what an EtherType
 * leads to. */
#ifndef LASTACK_PARSERS_ETHERNET_H
#define LASTACK_PARSERS_ETHERNET_H

#include "parsers/frame.h"

enum { ETHERNET_HEADER_LENGTH = 14 };

enum ethertype {
	ETHERTYPE_LENGTH_MAX = 1500, /* up to here a length, LLC follows */
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_ERSPAN_3 = 0x22eb,
	ETHERTYPE_BRIDGING = 0x6558, /* an Ethernet frame */
	ETHERTYPE_VLAN = 0x8100,     /* 802.1Q */
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_PPP = 0x880b,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_UPSTREAM = 0x8848, /* RFC 5332; multicast before */
	ETHERTYPE_PPPOE_SESSION = 0x8864,
	ETHERTYPE_SERVICE_VLAN = 0x88a8, /* 802.1ad */
	ETHERTYPE_FABRICPATH = 0x8903,   /* Cisco's: two bytes, then the frame it carries */
	ETHERTYPE_ERSPAN = 0x88be,       /* types I and II */
	ETHERTYPE_VLAN_9100 = 0x9100,    /* before 802.1ad, by vendors */
	ETHERTYPE_VLAN_9200 = 0x9200,
};

enum layer ethernet_layer(struct frame *f);
/* By f->ethertype; takes VLAN tags away and notes them. */
enum layer ethertype_layer(struct frame *f);
enum layer llc_layer(struct frame *f);
/* The part of it behind AA AA 03: organisation and protocol. */
enum layer snap_layer(struct frame *f);
/* Whether this looks like an Ethernet frame with an IP packet in it, VLAN tags looked through. */
bool ethernet_holds_ip(struct cursor ahead);

#endif
