/* The TCP header and its options. */
#include "parsers/tcp.h"

#include <string.h>

#include "parsers/checksum.h"

enum { WSCALE_MAX = 14 };

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
	case TCP_OPTION_MSS:
		return body.left == 2 && cursor_be16(&body, &s->mss);
	case TCP_OPTION_WSCALE:
		if (body.left != 1)
			return false;
		cursor_u8(&body, &s->wscale);
		if (s->wscale > WSCALE_MAX) /* RFC 7323, 2.3 */
			s->wscale = WSCALE_MAX;
		return true;
	case TCP_OPTION_SACK_PERMITTED:
		if (body.left != 0)
			return false;
		s->sack_permitted = true;
		return true;
	case TCP_OPTION_SACK:
		return option_sack(s, body);
	case TCP_OPTION_TIMESTAMP:
		if (body.left != 8)
			return false;
		cursor_be32(&body, &s->ts_val);
		cursor_be32(&body, &s->ts_ecr);
		s->has_timestamp = true;
		return true;
	case TCP_OPTION_FAST_OPEN:
		return option_fast_open(s, body.left);
	case TCP_OPTION_EXPERIMENT:
		if (cursor_be16(&body, &magic) && magic == FAST_OPEN_MAGIC)
			return option_fast_open(s, body.left);
		return true;
	default:
		return true;
	}
}

bool tcp_options_read(struct segment *s, struct cursor c, size_t wire)
{
	bool good = true;
	uint8_t kind, length;

	while (cursor_u8(&c, &kind)) {
		struct cursor body;

		wire--;
		if (kind == TCP_OPTION_END)
			break;
		if (kind == TCP_OPTION_NOP)
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

static bool segment_is_land(const struct segment *s)
{
	return s->sport == s->dport && memcmp(&s->src, &s->dst, sizeof(s->src)) == 0;
}

enum layer tcp_layer(struct frame *f)
{
	struct segment *s = &f->out->segment;
	struct cursor whole = f->at;
	size_t whole_wire = f->wire, options_wire;
	struct cursor h;

	if (!frame_take(f, TCP_HEADER_MIN, &h))
		return frame_end(f, f->wire < TCP_HEADER_MIN ? SKIP_BAD_TCP : SKIP_TRUNCATED_TCP);
	options_wire = tcp_header_read(&h, s);
	if (options_wire < TCP_HEADER_MIN || options_wire - TCP_HEADER_MIN > f->wire)
		return frame_end(f, SKIP_BAD_TCP);
	if (segment_is_land(s))
		return frame_end(f, SKIP_LAND);
	if (f->verify_checksums && !f->length_guessed && whole.left == whole_wire &&
	    !checksum_tcp_ok(s->ip_version, &s->src, &s->dst, whole))
		return frame_end(f, SKIP_BAD_CHECKSUM);
	tcp_rest(s, f->packet, f->at, f->wire, options_wire - TCP_HEADER_MIN, f->counts);
	if (s->tunnel.depth > 0)
		f->counts->tunnelled++;
	return frame_end(f, DECODED_SEGMENT);
}
