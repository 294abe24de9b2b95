/* From a captured packet to a TCP segment or an ICMP error: link layer, VLANs, MPLS, IP with
 * extension headers and fragments, tunnels, TCP with options.
 *
 * Every packet ends in exactly one enum decode_reason, and the reasons are counted: nothing
 * disappears. Bad packets are data here, never errors. */
#ifndef LASTACK_PARSERS_DECODE_H
#define LASTACK_PARSERS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "parsers/segment.h"
#include "source/packet.h"

enum decode_reason {
	DECODED_SEGMENT,    /* a TCP segment */
	DECODED_ICMP_ERROR, /* an ICMP error that quotes TCP */
	/* other traffic, no fault of the packet's */
	SKIP_NOT_IP, /* ARP, LLDP, IPX, ... */
	SKIP_UDP,
	SKIP_SCTP,
	SKIP_ICMP,      /* ICMP that is no error about TCP */
	SKIP_OTHER_IP,  /* another transport protocol */
	SKIP_FRAGMENT,  /* waits for the rest of its datagram */
	SKIP_LAND,      /* source and destination are the same */
	SKIP_ENCRYPTED, /* ESP, or a protected 802.11 frame */
	/* cut by the capture (snaplen) before the TCP header was complete */
	SKIP_TRUNCATED_LINK,
	SKIP_TRUNCATED_IP,
	SKIP_TRUNCATED_TCP,
	/* malformed */
	SKIP_BAD_LINK,
	SKIP_BAD_IP,       /* header length, total length, version */
	SKIP_BAD_TCP,      /* data offset */
	SKIP_BEYOND_FRAME, /* by its IP length it ends beyond the frame on the wire */
	SKIP_BAD_CHECKSUM, /* with verify_checksums only */
	SKIP_BAD_FRAGMENT, /* overlaps (IPv6: RFC 5722), ends beyond 65,535 bytes */
	/* bounds of ours */
	SKIP_TUNNEL_DEPTH, /* nested deeper than we follow */
	SKIP_LINKTYPE,     /* a link type that is not decoded */
	DECODE_REASONS
};

struct decoder;

struct decoder_config {
	bool verify_checksums;  /* drop what has a wrong IPv4 header or TCP checksum */
	uint8_t hash_key[16];   /* for the fragment table */
	size_t fragment_memory; /* bound in bytes; 0: the default, 4 MiB */
};

struct decoded {
	enum decode_reason reason;
	struct segment
		segment; /* where reason is DECODED_SEGMENT; its payload is valid until the next
	                          * packet is decoded */
	struct icmp_error icmp; /* where reason is DECODED_ICMP_ERROR */
};

/* Counts beside the reasons. */
struct decode_counts {
	uint64_t reason[DECODE_REASONS];
	uint64_t fragments; /* fragments seen, those of reassembled datagrams included */
	uint64_t datagrams_reassembled;
	uint64_t fragments_expired; /* given up: never completed, or the memory bound was hit */
	uint64_t tunnelled;         /* segments found inside a tunnel */
	uint64_t bad_options;       /* segments with malformed TCP options */
};

struct decoder *decoder_new(const struct decoder_config *config, struct error *err);
void decoder_packet(struct decoder *decoder, const struct packet *packet, struct decoded *out);
const struct decode_counts *decoder_counts(const struct decoder *decoder);
void decoder_free(struct decoder *decoder); /* NULL is fine */

/* True where packets of this LINKTYPE_ are decoded at all. */
bool decode_linktype_supported(uint32_t linktype);
/* "Ethernet", "Linux cooked v2", ...; never NULL. */
const char *decode_linktype_name(uint32_t linktype);
/* Stable key as stored ("udp", "truncated-ip") and a plain phrase for people. */
const char *decode_reason_key(enum decode_reason reason);
const char *decode_reason_text(enum decode_reason reason);

#endif
