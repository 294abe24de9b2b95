/* The small link headers: one field that says what follows.
 * Formats: https://www.tcpdump.org/linktypes.html */
#ifndef LASTACK_PARSERS_LINK_HEADERS_H
#define LASTACK_PARSERS_LINK_HEADERS_H

#include "parsers/frame.h"

enum layer link_sll_layer(struct frame *f);
enum layer link_sll2_layer(struct frame *f);
/* BSD NULL and LOOP: an address family in either byte order. */
enum layer link_family_layer(struct frame *f);
/* Behind the direction byte, which may stand in the place of PPP's address. */
enum layer link_pppd_layer(struct frame *f);
/* RFC 1051 and RFC 1201; a packet split by the latter is left in pieces. */
enum layer link_arcnet_bsd_layer(struct frame *f);
enum layer link_arcnet_linux_layer(struct frame *f);
enum layer link_atm_clip_layer(struct frame *f);
enum layer link_enc_layer(struct frame *f);
enum layer link_pflog_layer(struct frame *f);
enum layer link_juniper_ethernet_layer(struct frame *f);
enum layer link_ipnet_layer(struct frame *f);
enum layer link_nflog_layer(struct frame *f);
/* Behind the global routing header: EtherType and two reserved bytes. */
enum layer link_ipoib_layer(struct frame *f);
enum layer link_pktap_layer(struct frame *f);

#endif
