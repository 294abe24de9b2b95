/* ICMP (RFC 792) and ICMPv6 (RFC 4443) errors that quote TCP. */
#ifndef LASTACK_PARSERS_ICMP_H
#define LASTACK_PARSERS_ICMP_H

#include "parsers/frame.h"

/* Both end the frame. The quote must reach the sequence number: eight bytes of TCP. */
enum layer icmp4_layer(struct frame *f);
enum layer icmp6_layer(struct frame *f);

#endif
