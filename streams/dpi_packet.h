/* IP packets made for nDPI: it takes nothing less. */
#ifndef LASTACK_STREAMS_DPI_PACKET_H
#define LASTACK_STREAMS_DPI_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"

enum {
	DPI_PAYLOAD_MAX = 65535 - 60, /* IPv6 and TCP header */
	/* Some of nDPI's dissectors look a little beyond the packet; they shall find zeros there. */
	DPI_PACKET_TAIL = 128,
	DPI_PACKET_ROOM = 65535 + DPI_PACKET_TAIL,
};

/* Whose packets they are. */
struct dpi_ends {
	struct ip_address address[SIDES];
	uint16_t port[SIDES];
	uint8_t ip_version;
};

struct dpi_packet {
	enum side from;
	uint32_t seq, ack;
	uint8_t flags;          /* enum tcp_flag */
	const uint8_t *payload; /* NULL where length is 0 */
	size_t length;          /* at most DPI_PAYLOAD_MAX */
};

/* Writes an IP packet without options and its zero tail into room; returns its length, the tail not
 * counted. Checksums are left zero: nDPI does not look at them. */
size_t dpi_packet_write(const struct dpi_ends *ends, const struct dpi_packet *packet,
			uint8_t room[DPI_PACKET_ROOM]);

#endif
