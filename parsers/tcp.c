/* The TCP header and its options. */
#include "parsers/tcp.h"

#include <string.h>

#include "parsers/checksum.h"

enum { HEADER_MIN = 20, WSCALE_MAX = 14 };

enum option_kind {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMP = 8,
	OPTION_FAST_OPEN = 34,
	OPTION_EXPERIMENT = 254,
};

enum { FAST_OPEN_MAGIC = 0xf989 }; /* RFC 7413, appendix A */

/* Without kind and length; false where the length is not one of the kind's. */
static bool option_fast_open(struct segment *s, size_t cookie_length)
{
	/* No cookie asks for one (RFC 7413, 4.1.1). */
	if (cookie_length != 0 &&
	    (cookie_length < 4 || cookie_length > 16 || cookie_length % 2 != 0))
		return false;
	s->fast_open = true;
	return true;
}

static bool option_sack(struct segment *s, struct cursor body)
{
	if (body.left == 0 || body.left % 8 != 0)
		return false;
	s->sack_count = 0;
	while (body.left > 0 && s->sack_count < SACK_BLOCKS_MAX) {
		struct sack_block *block = &s->sack[s->sack_count++];

		cursor_be32(&body, &block->left);
		cursor_be32(&body, &block->right);
	}
	return true;
}

/* One option's body, all of it captured. False where its length is wrong; kinds that nobody asks
 * about are fine in any length. */
static bool option_read(struct segment *s, uint8_t kind, struct cursor body)
{
	uint16_t magic;

	switch (kind) {
	case OPTION_MSS:
		return body.left == 2 && cursor_be16(&body, &s->mss);
	case OPTION_WSCALE:
		if (body.left != 1)
			return false;
		cursor_u8(&body, &s->wscale);
		if (s->wscale > WSCALE_MAX) /* RFC 7323, 2.3 */
			s->wscale = WSCALE_MAX;
		return true;
	case OPTION_SACK_PERMITTED:
		if (body.left != 0)
			return false;
		s->sack_permitted = true;
		return true;
	case OPTION_SACK:
		return option_sack(s, body);
	case OPTION_TIMESTAMP:
		if (body.left != 8)
			return false;
		cursor_be32(&body, &s->ts_val);
		cursor_be32(&body, &s->ts_ecr);
		s->has_timestamp = true;
		return true;
	case OPTION_FAST_OPEN:
		return option_fast_open(s, body.left);
	case OPTION_EXPERIMENT:
		if (cursor_be16(&body, &magic) && magic == FAST_OPEN_MAGIC)
			return option_fast_open(s, body.left);
		return true;
	default:
		return true;
	}
}

/* Nearly all segments carry two NOPs and a time stamp (RFC 7323, appendix A) and nothing else. */
static bool only_timestamp(struct segment *s, struct cursor c)
{
	uint32_t head;

	if (c.left != 12 || !cursor_be32(&c, &head) ||
	    head != ((uint32_t)OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_TIMESTAMP << 8 | 10))
		return false;
	cursor_be32(&c, &s->ts_val);
	cursor_be32(&c, &s->ts_ecr);
	s->has_timestamp = true;
	return true;
}

/* wire: bytes of options by the data offset; those captured are at c. What the capture cut is not
 * malformed. False where something is. */
static bool options_read(struct segment *s, struct cursor c, size_t wire)
{
	bool good = true;
	uint8_t kind, length;

	while (cursor_u8(&c, &kind)) {
		struct cursor body;

		wire--;
		if (kind == OPTION_END)
			break;
		if (kind == OPTION_NOP)
			continue;
		if (wire == 0)
			return false;
		if (!cursor_u8(&c, &length))
			break;
		wire--;
		if (length < 2 || (size_t)length - 2 > wire)
			return false;
		if (!cursor_split(&c, (size_t)length - 2, &body))
			break;
		wire -= (size_t)length - 2;
		if (!option_read(s, kind, body))
			good = false;
	}
	return good;
}

static void segment_clear_options(struct segment *s)
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

static void segment_place(struct segment *s, const struct packet *packet)
{
	s->ts_ns = packet->ts_ns;
	s->packet = packet->number;
	s->file = packet->file;
	s->interface = packet->interface;
	s->ts_confirmed = packet->ts_confirmed;
}

static bool segment_is_land(const struct segment *s)
{
	return s->sport == s->dport && memcmp(&s->src, &s->dst, sizeof(s->src)) == 0;
}

enum layer tcp_layer(struct frame *f)
{
	struct segment *s = &f->out->segment;
	struct cursor whole = f->at;
	size_t whole_wire = f->wire;
	struct cursor h, options;
	uint8_t offset = 0;
	size_t options_wire;

	if (!frame_take(f, HEADER_MIN, &h))
		return frame_end(f, f->wire < HEADER_MIN ? SKIP_BAD_TCP : SKIP_TRUNCATED_TCP);
	cursor_be16(&h, &s->sport);
	cursor_be16(&h, &s->dport);
	cursor_be32(&h, &s->seq);
	cursor_be32(&h, &s->ack);
	cursor_u8(&h, &offset);
	cursor_u8(&h, &s->flags);
	cursor_be16(&h, &s->window);
	cursor_be16(&h, &s->checksum);
	cursor_be16(&h, &s->urgent);

	options_wire = (size_t)(offset >> 4) * 4;
	if (options_wire < HEADER_MIN || options_wire - HEADER_MIN > f->wire)
		return frame_end(f, SKIP_BAD_TCP);
	options_wire -= HEADER_MIN;
	if (segment_is_land(s))
		return frame_end(f, SKIP_LAND);
	if (f->verify_checksums && !f->length_guessed && whole.left == whole_wire &&
	    !checksum_tcp_ok(s->ip_version, &s->src, &s->dst, whole))
		return frame_end(f, SKIP_BAD_CHECKSUM);

	segment_place(s, f->packet);
	segment_clear_options(s);
	options = f->at;
	cursor_limit(&options, options_wire);
	if (!only_timestamp(s, options) && !options_read(s, options, options_wire)) {
		s->bad_options = true;
		f->counts->bad_options++;
	}

	frame_skip(f, options.left);
	s->payload_len = (uint32_t)(f->wire - (options_wire - options.left));
	s->payload_captured = (uint32_t)f->at.left;
	s->payload = f->at.left > 0 ? f->at.at : NULL;
	if (s->tunnel.depth > 0)
		f->counts->tunnelled++;
	return frame_end(f, DECODED_SEGMENT);
}
