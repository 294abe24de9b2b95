/* IPv6 (RFC 8200) and its extension headers. */
#ifndef LASTACK_PARSERS_IP6_H
#define LASTACK_PARSERS_IP6_H

#include "parsers/frame.h"

enum { IP6_HEADER_LENGTH = 40 };

enum ip6_next_header { /* those that are extension headers */
		       IP6_HOP_BY_HOP = 0,
		       IP6_ROUTING = 43,
		       IP6_FRAGMENT = 44,
		       IP6_AUTHENTICATION = 51, /* in IPv4 too, RFC 4302 */
		       IP6_DESTINATION = 60,
		       IP6_MOBILITY = 135, /* RFC 6275 */
		       IP6_HIP = 139,      /* RFC 7401 */
		       IP6_SHIM6 = 140,    /* RFC 5533 */
};

struct ip6_header {
	uint8_t version;
	uint16_t
		payload_length; /* bytes, as on the wire; 0 from segmentation offload, or a jumbogram */
	uint8_t next_header;
	uint8_t hop_limit;
	struct ip_address src, dst;
};

/* Takes the 40 bytes without judging them; false where they are not there. */
bool ip6_header_read(struct cursor *c, struct ip6_header *header);
/* Whether next_header is one of the above. */
bool ip6_is_extension(uint8_t next_header);
/* Bytes of an extension header whose second byte is length_field. */
size_t ip6_extension_length(uint8_t next_header, uint8_t length_field);

enum layer ip6_layer(struct frame *f);
/* Takes away the extension header that f->protocol tells of. */
enum layer ip6_extension_layer(struct frame *f);

#endif
