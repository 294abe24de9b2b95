/* The TCP header and its options (RFC 9293, 3.1 and 3.2; RFC 7323; RFC 2018; RFC 7413). */
#ifndef LASTACK_PARSERS_TCP_H
#define LASTACK_PARSERS_TCP_H

#include "parsers/frame.h"

enum { TCP_HEADER_MIN = 20 };

enum tcp_option {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_WSCALE = 3,
	TCP_OPTION_SACK_PERMITTED = 4,
	TCP_OPTION_SACK = 5,
	TCP_OPTION_TIMESTAMP = 8,
	TCP_OPTION_FAST_OPEN = 34,
	TCP_OPTION_EXPERIMENT = 254,
};

/* Ends the frame: a segment, or why it is none. */
enum layer tcp_layer(struct frame *f);

/* The fixed part of the header, TCP_HEADER_MIN bytes at h, but for the data offset: returned, in bytes. */
static inline size_t tcp_header_read(struct cursor *h, struct segment *s)
{
	uint8_t offset = 0;

	cursor_be16(h, &s->sport);
	cursor_be16(h, &s->dport);
	cursor_be32(h, &s->seq);
	cursor_be32(h, &s->ack);
	cursor_u8(h, &offset);
	cursor_u8(h, &s->flags);
	cursor_be16(h, &s->window);
	cursor_be16(h, &s->checksum);
	cursor_be16(h, &s->urgent);
	return (size_t)(offset >> 4) * 4;
}

/* Options: wire bytes of them by the data offset; those captured are at options. What the capture cut is not
 * malformed. False where something is. */
bool tcp_options_read(struct segment *s, struct cursor options, size_t wire);

/* Nearly all segments carry two NOPs and a time stamp (RFC 7323, appendix A) and nothing else. */
static inline bool tcp_only_timestamp(struct segment *s, struct cursor options)
{
	uint32_t head;

	if (options.left != 12 || !cursor_be32(&options, &head) ||
	    head != ((uint32_t)TCP_OPTION_NOP << 24 | TCP_OPTION_NOP << 16 |
		     TCP_OPTION_TIMESTAMP << 8 | 10))
		return false;
	cursor_be32(&options, &s->ts_val);
	cursor_be32(&options, &s->ts_ecr);
	s->has_timestamp = true;
	return true;
}

static inline void tcp_place(struct segment *s, const struct packet *packet)
{
	s->ts_ns = packet->ts_ns;
	s->packet = packet->number;
	s->file = packet->file;
	s->interface = packet->interface;
	s->ts_confirmed = packet->ts_confirmed;
}

static inline void tcp_clear_options(struct segment *s)
{
	s->has_timestamp = false;
	s->sack_permitted = false;
	s->fast_open = false;
	s->bad_options = false;
	s->wscale = WSCALE_NONE;
	s->mss = 0;
	s->ts_val = 0;
	s->ts_ecr = 0;
	s->sack_count = 0;
}

/* What is behind the fixed part: at and wire bytes of it as in struct frame, the first options_wire of
 * them options. Counts malformed ones. */
static inline void tcp_rest(struct segment *s, const struct packet *packet, struct cursor at,
			    size_t wire, size_t options_wire, struct decode_counts *counts)
{
	struct cursor options = at;

	tcp_place(s, packet);
	tcp_clear_options(s);
	cursor_limit(&options, options_wire);
	if (!tcp_only_timestamp(s, options) && !tcp_options_read(s, options, options_wire)) {
		s->bad_options = true;
		counts->bad_options++;
	}
	cursor_skip(&at, options.left);
	s->payload_len = (uint32_t)(wire - options_wire);
	s->payload_captured = (uint32_t)at.left;
	s->payload = at.left > 0 ? at.at : NULL;
}

#endif
