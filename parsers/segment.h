/* What the decoder makes of a packet: a TCP segment, or an ICMP error that quotes one.
 *
 * Values only, in host order unless said otherwise; the payload alone points into the packet. */
#ifndef LASTACK_PARSERS_SEGMENT_H
#define LASTACK_PARSERS_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

enum tcp_flag { /* RFC 9293, 3.1 */
		TCP_FIN = 0x01,
		TCP_SYN = 0x02,
		TCP_RST = 0x04,
		TCP_PSH = 0x08,
		TCP_ACK = 0x10,
		TCP_URG = 0x20,
		TCP_ECE = 0x40,
		TCP_CWR = 0x80,
};

enum { TUNNEL_DEPTH_MAX = 4, SACK_BLOCKS_MAX = 4, VLAN_TAGS_MAX = 5 };
enum { WSCALE_NONE = 0xff };

enum tunnel_kind {
	TUNNEL_NONE,
	TUNNEL_GRE,    /* id: the key, 0 without */
	TUNNEL_IPIP,   /* IPv4 in IPv4, protocol 4 */
	TUNNEL_6IN4,   /* IPv6 in IPv4, protocol 41 */
	TUNNEL_4IN6,   /* IPv4 in IPv6 */
	TUNNEL_6IN6,   /* IPv6 in IPv6 */
	TUNNEL_VXLAN,  /* id: the VNI */
	TUNNEL_GENEVE, /* id: the VNI */
};

/* The chain of tunnels around a connection, outermost first. Unused hops are zero, so that two
 * chains are equal when their bytes are. */
struct tunnel {
	uint32_t depth; /* 0: not in a tunnel */
	struct tunnel_hop {
		uint32_t kind; /* enum tunnel_kind */
		uint32_t id;
	} hop[TUNNEL_DEPTH_MAX];
};

/* An IP address as bytes in network order; IPv4 uses the first four, the rest is zero. */
struct ip_address {
	uint8_t bytes[16];
};

struct sack_block {
	uint32_t left, right;
};

/* Where a packet stands in the recording. */
struct packet_place {
	uint64_t packet; /* number within its file */
	uint32_t file;   /* of the feed */
};

struct segment {
	/* where it was captured */
	int64_t ts_ns;
	uint64_t packet;    /* number within its file, as Wireshark counts; of the last fragment */
	uint32_t file;      /* of the feed */
	uint32_t interface; /* of the file */
	bool ts_confirmed;  /* see struct packet */
	/* all packets that brought it, in capture order, where it came in IP fragments: borrowed as
	 * the payload is; else NULL and 0 */
	const struct packet_place *fragments;
	uint32_t fragment_count;

	/* identity */
	uint8_t ip_version; /* 4 or 6 */
	struct ip_address src, dst;
	uint16_t sport, dport;
	uint64_t
		vlan_tags; /* 12 bits a tag, outermost in the lowest bits, VLAN id 0 left out; at most
	                     * five; tags inside a tunnel belong to the inner frame and count here
	                     * only, not the outer frame's */
	struct tunnel tunnel;

	/* IP */
	uint8_t ttl;    /* or hop limit */
	uint16_t ip_id; /* IPv4 identification; 0 for IPv6 */

	/* TCP */
	uint32_t seq, ack;
	uint16_t window; /* as on the wire, not scaled */
	uint16_t checksum;
	uint16_t urgent;
	uint8_t flags;        /* enum tcp_flag */
	uint32_t payload_len; /* by the IP length: what was on the wire */
	const uint8_t
		*payload; /* borrowed from the packet or the fragment buffer; NULL where none */
	uint32_t payload_captured; /* bytes at payload; <= payload_len */

	/* TCP options; bad_options: some could not be read, the others are here */
	bool has_timestamp, sack_permitted, fast_open, bad_options;
	uint8_t wscale; /* shift, at most 14 (RFC 7323, 2.3); WSCALE_NONE without the option */
	uint16_t mss;   /* 0: no option */
	uint32_t ts_val, ts_ecr;
	uint8_t sack_count;
	struct sack_block sack[SACK_BLOCKS_MAX];
};

enum icmp_kind {
	ICMP_UNREACHABLE, /* net, host, protocol or port */
	ICMP_PROHIBITED,  /* by administration: firewall */
	ICMP_TOO_BIG,     /* fragmentation needed, packet too big */
	ICMP_TIME_EXCEEDED,
	ICMP_PARAMETER, /* parameter problem */
	ICMP_SOURCE_QUENCH,
};

/* An ICMP or ICMPv6 error that quotes the start of a TCP segment. */
struct icmp_error {
	int64_t ts_ns;
	uint64_t packet;
	uint32_t file;
	bool ts_confirmed;
	enum icmp_kind kind;
	uint8_t type, code;         /* as on the wire */
	uint8_t ip_version;         /* of the quoted packet */
	struct ip_address from;     /* who sent the error; same version as the quoted packet */
	struct ip_address src, dst; /* of the quoted packet */
	uint16_t sport, dport;
	uint32_t seq;
	uint32_t mtu;         /* for ICMP_TOO_BIG, 0 where not told */
	struct tunnel tunnel; /* around the error, as around the connection */
};

#endif
