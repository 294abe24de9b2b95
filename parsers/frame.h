/* The packet while it is being decoded, passed from layer to layer.
 *
 * A layer takes its header off the frame and says which layer comes next, so that nesting needs no
 * recursion. Each layer and each step of a stack takes bytes away, and each tunnel raises a bounded
 * depth: decoding ends. */
#ifndef LASTACK_PARSERS_FRAME_H
#define LASTACK_PARSERS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "parsers/decode.h"
#include "parsers/fragment.h"
#include "parsers/segment.h"
#include "source/packet.h"

enum layer {
	LAYER_END,  /* decoded or given up: frame.reason */
	LAYER_LINK, /* what frame.linktype says */
	LAYER_ETHERNET,
	LAYER_ETHERTYPE, /* what frame.ethertype says */
	LAYER_LLC,       /* IEEE 802.2 */
	LAYER_PPP,
	LAYER_MPLS,
	LAYER_IP, /* the version nibble says which */
	LAYER_IP4,
	LAYER_IP6,
	LAYER_PROTOCOL, /* what frame.protocol says */
};

struct frame {
	struct cursor at; /* captured and not decoded yet; at.left <= wire */
	size_t wire;      /* bytes from there to the end of the enclosing layer, captured or not */
	const struct packet *packet;
	struct decoded *out; /* out->segment has VLANs, tunnel and the innermost IP header so far */
	struct fragment_table *fragments;
	struct decode_counts *counts;
	enum decode_reason reason;
	uint32_t linktype;
	uint16_t ethertype;
	uint8_t protocol;   /* as in IPv4's protocol or IPv6's next header */
	uint8_t vlan_count; /* tags in out->segment.vlan_tags */
	bool verify_checksums;
	bool length_guessed; /* the IP length was 0 (offload): wire is the frame's end, padding too */
};

static inline enum layer frame_end(struct frame *f, enum decode_reason reason)
{
	f->reason = reason;
	return LAYER_END;
}

/* Splits a header of count bytes off the front; false, and f unchanged, where it is not captured. */
static inline bool frame_take(struct frame *f, size_t count, struct cursor *head)
{
	if (!cursor_split(&f->at, count, head))
		return false;
	f->wire -= count;
	return true;
}

static inline bool frame_skip(struct frame *f, size_t count)
{
	struct cursor ignored;

	return frame_take(f, count, &ignored);
}

/* What lies behind the first count bytes is padding or trailer of the enclosing layer. */
static inline void frame_limit(struct frame *f, size_t count)
{
	if (f->wire > count)
		f->wire = count;
	cursor_limit(&f->at, f->wire);
}

/* Ends a frame that lacks some of the next count bytes: cut by the capture, or too short already on
 * the wire. */
static inline enum layer frame_short_link(struct frame *f, size_t count)
{
	return frame_end(f, count > f->wire ? SKIP_BAD_LINK : SKIP_TRUNCATED_LINK);
}

static inline enum layer frame_short_ip(struct frame *f, size_t count)
{
	return frame_end(f, count > f->wire ? SKIP_BAD_IP : SKIP_TRUNCATED_IP);
}

#endif
