/* IPv4 (RFC 791). */
#ifndef LASTACK_PARSERS_IP4_H
#define LASTACK_PARSERS_IP4_H

#include "parsers/frame.h"

enum { IP4_HEADER_MIN = 20 };

struct ip4_header {
	uint8_t version;
	uint8_t length;        /* of the header, bytes */
	uint16_t total_length; /* bytes, as on the wire; 0 from segmentation offload */
	uint16_t id;
	bool more_fragments;
	uint16_t fragment_offset; /* bytes */
	uint8_t ttl;
	uint8_t protocol;
	struct ip_address src, dst;
};

/* Takes the fixed 20 bytes without judging them; false where they are not there. */
bool ip4_header_read(struct cursor *c, struct ip4_header *header);
enum layer ip4_layer(struct frame *f);

#endif
