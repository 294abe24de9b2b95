/* TCP segments as Ethernet frames in a classic pcap file, nanosecond stamps, checksums right. */
#ifndef LASTACK_TESTS_BENCH_FRAMES_H
#define LASTACK_TESTS_BENCH_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One end of a connection; the address follows from its number. */
struct frame_end {
	uint32_t host;
	uint16_t port;
};

struct frame_segment {
	struct frame_end from, to;
	int64_t ts_ns;
	uint32_t seq, ack;
	uint32_t payload; /* bytes, all zero */
	uint32_t ts_val, ts_ecr;
	uint16_t window, ip_id, vlan; /* vlan 0: no tag */
	uint8_t flags, ttl;
	bool ip6, syn_options;
};

struct frames {
	FILE *out;
	uint32_t snaplen;
	uint64_t packets, bytes;
	bool failed;
};

void frames_begin(struct frames *frames, FILE *out, uint32_t snaplen);
void frames_put(struct frames *frames, const struct frame_segment *segment);

#endif
