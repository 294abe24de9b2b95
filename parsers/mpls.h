/* MPLS label stacks (RFC 3032). */
#ifndef LASTACK_PARSERS_MPLS_H
#define LASTACK_PARSERS_MPLS_H

#include "parsers/frame.h"

/* Takes the stack away. Labels do not say what lies below the last one: an IP version nibble means
 * IP; else it is an Ethernet pseudowire (RFC 4448), with or without control word, if an IP packet
 * stands where the frame would have it; the rest is no IP. */
enum layer mpls_layer(struct frame *f);

#endif
