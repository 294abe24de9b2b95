/* The way of nearly every packet, in one step: Ethernet, at most one VLAN tag, IPv4 without options or
 * fragments or IPv6 without extension headers, TCP. */
#ifndef LASTACK_PARSERS_USUAL_H
#define LASTACK_PARSERS_USUAL_H

#include "parsers/frame.h"

/* True: the frame stands at its TCP header, just as the layers one by one would have left it. False:
 * nothing was done, the layers shall look at it. */
bool usual_frame(struct frame *f);

/* The most usual of them, as it lies in the packet: Ethernet without tags, IPv4, and the whole fixed part
 * of the TCP header captured. True: *s is filled, but for vlan_tags, tunnel and fragments. False: the
 * layers shall look at it, and fill *s anew. Checksums are not verified. */
bool usual_segment(const struct packet *packet, struct segment *s, struct decode_counts *counts);

#endif
