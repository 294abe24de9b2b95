/* Point-to-point links: PPP (RFC 1661, RFC 1662), PPPoE (RFC 2516), Cisco HDLC, frame relay
 * (RFC 2427). */
#ifndef LASTACK_PARSERS_PPP_H
#define LASTACK_PARSERS_PPP_H

#include "parsers/frame.h"

/* With or without address and control bytes, protocol field of one or two bytes. */
enum layer ppp_layer(struct frame *f);
/* A serial link told as PPP: some of them run Cisco HDLC, told by the address byte. */
enum layer ppp_serial_layer(struct frame *f);
/* The PPPoE header of a session, PPP in it. */
enum layer pppoe_layer(struct frame *f);
enum layer cisco_hdlc_layer(struct frame *f);
enum layer frame_relay_layer(struct frame *f);

#endif
