/* The Internet checksum (RFC 1071) of IPv4 headers and TCP segments. */
#ifndef LASTACK_PARSERS_CHECKSUM_H
#define LASTACK_PARSERS_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "parsers/segment.h"

/* Over a whole IPv4 header, options and its checksum field included. */
bool checksum_ip4_ok(struct cursor header);
/* Over a whole segment (header, options, payload) with the pseudo header of RFC 9293, 3.1 or RFC 8200,
 * 8.1. */
bool checksum_tcp_ok(uint8_t ip_version, const struct ip_address *src, const struct ip_address *dst,
		     struct cursor segment);

#endif
