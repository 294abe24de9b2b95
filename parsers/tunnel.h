/* Tunnels: GRE (RFC 2784, RFC 2890, PPTP's of RFC 2637), IP in IP (RFC 2003, RFC 2473, RFC 4213),
 * VXLAN (RFC 7348) and VXLAN-GPE, GENEVE (RFC 8926).
 *
 * Each appends a hop to the frame's chain and starts its VLAN tags anew, as those of the outer frame
 * say nothing about the inner one. */
#ifndef LASTACK_PARSERS_TUNNEL_H
#define LASTACK_PARSERS_TUNNEL_H

#include "parsers/frame.h"

enum layer tunnel_gre_layer(struct frame *f);
/* An IPv4 packet (version 4) or IPv6 packet (6) follows directly. */
enum layer tunnel_ip_layer(struct frame *f, uint8_t version);
/* UDP: what is no tunnel ends as SKIP_UDP. Told by the destination port. */
enum layer tunnel_udp_layer(struct frame *f);

#endif
