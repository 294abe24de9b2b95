/* The TCP header and its options (RFC 9293, 3.1 and 3.2; RFC 7323; RFC 2018; RFC 7413). */
#ifndef LASTACK_PARSERS_TCP_H
#define LASTACK_PARSERS_TCP_H

#include "parsers/frame.h"

/* Ends the frame: a segment, or why it is none. */
enum layer tcp_layer(struct frame *f);

#endif
