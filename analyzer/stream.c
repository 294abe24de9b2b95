#include "analyzer/stream.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/sequence.h"

struct stream_block {
	struct moment at;
	uint32_t ack;
	uint32_t capacity; /* of bytes */
	uint32_t skip;     /* bytes at its front that went out already */
	uint8_t flags;
	bool beyond;      /* outside the peer's window when it came */
	bool after_reset; /* came after a reset that stood */
	uint8_t bytes[];
};

/* A midstream connection's base moves down by no more than a window without scaling and some. */
enum { MALLOC_OVERHEAD = 16, PIECES_FIRST = 8, BASE_REACH = 1 << 20 };

static bool no_memory(struct error *err)
{
	return error_set(err, "out of memory while reassembling streams");
}

void stream_init(struct stream *s, struct stream_pool *pool, struct stream_sink sink,
		 enum side side, enum overlap_policy overlap)
{
	*s = (struct stream){
		.pool = pool, .sink = sink, .side = (uint8_t)side, .overlap = (uint8_t)overlap};
}

void stream_start(struct stream *s, uint32_t seq, bool fixed)
{
	s->next_seq = seq;
	s->started = true;
	s->fixed_base = fixed;
}

/* Sequence numbers are within 2^31 of the next one expected; what would lie before the stream's first
 * byte comes out negative. */
static int64_t offset_of(const struct stream *s, uint32_t seq)
{
	return (int64_t)s->next + (int32_t)(seq - s->next_seq);
}

static void account(struct stream *s)
{
	pool_hold(s->pool, &s->holder,
		  s->block_bytes + s->capacity * sizeof(*s->piece) + s->history.capacity);
}

static uint64_t piece_end(const struct stream_piece *p)
{
	return p->offset + p->length;
}

static size_t block_size(uint32_t capacity)
{
	return sizeof(struct stream_block) + capacity + MALLOC_OVERHEAD;
}

static const uint8_t *piece_bytes(const struct stream_piece *p)
{
	return p->block->bytes + p->block->skip;
}

/* The first piece that ends behind offset; count where there is none. */
static uint32_t piece_behind(const struct stream *s, uint64_t offset)
{
	const struct stream_piece *piece = s->piece + s->first;
	uint32_t low = 0, high = s->count;

	if (high > 0 && piece_end(&piece[high - 1]) <= offset)
		return high; /* as a rule what comes is the newest */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (piece_end(&piece[middle]) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void pieces_drop_first(struct stream *s)
{
	struct stream_block *b = s->piece[s->first].block;

	s->block_bytes -= block_size(b->capacity);
	free(b);
	s->first++;
	s->count--;
	if (s->count == 0) {
		free(s->piece);
		s->piece = NULL;
		s->first = s->capacity = 0;
	}
}

/* --- delivery --- */

static bool hand_over(struct stream *s, const uint8_t *bytes, uint64_t length,
		      const struct stream_arrival *from, struct error *err)
{
	struct stream_data data = {
		.side = (enum side)s->side,
		.offset = s->next,
		.bytes = bytes,
		.length = length,
		.seq = s->next_seq,
		.at = from->at,
		.ack = from->ack,
		.flags = from->flags,
	};

	s->next += length;
	s->next_seq += (uint32_t)length;
	return s->sink.data(s->sink.context, &data, err);
}

/* Histories are a luxury: they use half of the memory at most. */
static void remember(struct stream *s, uint64_t offset, const uint8_t *bytes, uint64_t length)
{
	uint32_t before = s->history.capacity;

	if (s->pool->used + history_growth(&s->history, length) > s->pool->limit / 2)
		history_free(&s->history);
	else
		history_add(&s->history, offset, bytes, length);
	if (s->history.capacity != before)
		account(s);
}

static bool deliver(struct stream *s, const uint8_t *bytes, uint32_t length,
		    const struct stream_arrival *from, struct error *err)
{
	uint64_t offset = s->next;

	if (!hand_over(s, bytes, length, from, err))
		return false;
	remember(s, offset, bytes, length);
	return true;
}

static bool deliver_gap(struct stream *s, uint64_t to, const struct moment *at, struct error *err)
{
	const struct stream_arrival from = {.at = *at};

	if (to <= s->next)
		return true;
	s->gaps++;
	s->gap_bytes += to - s->next;
	return hand_over(s, NULL, to - s->next, &from, err);
}

/* How much of a piece may go out: the peer has to accept it, and no reset to stand in its way. */
static uint32_t piece_ready(const struct stream *s, const struct stream_piece *p)
{
	if (p->block->after_reset && s->suspended)
		return 0;
	if (!p->block->beyond || s->acked >= piece_end(p))
		return p->length;
	return s->acked > p->offset ? (uint32_t)(s->acked - p->offset) : 0;
}

static bool deliver_piece(struct stream *s, uint32_t length, struct error *err)
{
	struct stream_piece *p = &s->piece[s->first];
	struct stream_block *b = p->block;
	const struct stream_arrival from = {.at = b->at, .ack = b->ack, .flags = b->flags};
	bool ok = deliver(s, piece_bytes(p), length, &from, err);

	p->offset += length;
	p->length -= length;
	b->skip += length;
	if (p->length == 0)
		pieces_drop_first(s);
	return ok;
}

/* Delivers the pieces that are next. */
static bool drain(struct stream *s, struct error *err)
{
	bool ok = true;

	while (ok && s->count > 0 && s->piece[s->first].offset == s->next) {
		uint32_t ready = piece_ready(s, &s->piece[s->first]);

		if (ready == 0)
			break;
		ok = deliver_piece(s, ready, err);
	}
	account(s);
	return ok;
}

/* --- waiting --- */

static bool make_room(struct stream *s, struct error *err)
{
	uint32_t capacity = s->capacity ? s->capacity * 2 : PIECES_FIRST;
	struct stream_piece *more;

	if (s->first > 0) {
		memmove(s->piece, s->piece + s->first, s->count * sizeof(*s->piece));
		s->first = 0;
		if (s->count < s->capacity)
			return true;
	}
	more = realloc(s->piece, capacity * sizeof(*more));
	if (!more)
		return no_memory(err);
	s->piece = more;
	s->capacity = capacity;
	return true;
}

size_t stream_holding_costs(const struct stream *s, uint32_t length)
{
	bool full = s->first + s->count == s->capacity;
	size_t entries = s->capacity ? s->capacity : PIECES_FIRST;

	return block_size(length) + (full ? entries * sizeof(*s->piece) : 0);
}

/* Turns the hole before the oldest piece into a gap. Bytes that no receiver would have taken are
 * dropped instead. */
static bool give_up_hole(struct stream *s, struct error *err)
{
	struct stream_piece *p = &s->piece[s->first];
	struct moment at = p->block->at;
	bool ok;

	s->forced++;
	if (piece_ready(s, p) == 0) {
		pieces_drop_first(s);
		account(s);
		return true;
	}
	ok = deliver_gap(s, p->offset, &at, err);
	return drain(s, err) && ok;
}

bool stream_give_way(struct stream *s, struct error *err)
{
	if (s->history.capacity > 0) {
		history_free(&s->history);
		account(s);
		return true;
	}
	return s->count == 0 || give_up_hole(s, err);
}

/* --- segments --- */

/* How long the earlier segment was that carried this number. */
static uint32_t earlier_length(const struct stream *s, uint32_t seq)
{
	for (uint32_t i = 1; i <= STREAM_SENT; i++) {
		const struct stream_sent *e = &s->sent[(s->sent_next - i) % STREAM_SENT];

		if (seq - e->seq < e->length)
			return e->length;
	}
	return 0;
}

static void note_sent(struct stream *s, uint32_t seq, uint32_t length)
{
	s->sent[s->sent_next++ % STREAM_SENT] = (struct stream_sent){.seq = seq, .length = length};
}

static void note_conflict(const struct stream *s, struct stream_added *added, uint64_t differ,
			  uint64_t first, uint64_t fallback_length)
{
	uint32_t length;

	if (differ == 0)
		return;
	added->differ += (uint32_t)differ;
	if (added->conflict)
		return;
	added->conflict = true;
	added->conflict_at = s->next_seq + (uint32_t)(first - s->next);
	length = earlier_length(s, added->conflict_at);
	added->earlier_length = length > 0 ? length : (uint32_t)fallback_length;
}

/* A part of a segment, all of it on one side of the window's edge. */
struct part {
	uint64_t left, right;
	const uint8_t *bytes; /* at left */
	bool beyond;
};

static void part_skip(struct part *part, uint64_t to)
{
	part->bytes += to - part->left;
	part->left = to;
}

/* Keeps a copy of the part's first bytes. */
static bool hold(struct stream *s, const struct part *part, uint32_t length,
		 const struct stream_arrival *from, struct error *err)
{
	uint32_t index = piece_behind(s, part->left);
	struct stream_block *b = malloc(sizeof(*b) + length);
	struct stream_piece *p;

	if (!b || (s->first + s->count == s->capacity && !make_room(s, err))) {
		free(b);
		return no_memory(err);
	}
	*b = (struct stream_block){.at = from->at,
				   .ack = from->ack,
				   .capacity = length,
				   .flags = from->flags,
				   .beyond = part->beyond,
				   .after_reset = s->suspended};
	memcpy(b->bytes, part->bytes, length);
	p = s->piece + s->first + index;
	memmove(p + 1, p, (s->count - index) * sizeof(*p));
	*p = (struct stream_piece){.offset = part->left, .block = b, .length = length};
	s->count++;
	s->block_bytes += block_size(length);
	account(s);
	return true;
}

/* There is no room for it to wait: the hole before it becomes a gap at once. */
static bool jump(struct stream *s, const struct part *part, uint32_t length,
		 const struct stream_arrival *from, struct error *err)
{
	s->forced++;
	return deliver_gap(s, part->left, &from->at, err) &&
	       deliver(s, part->bytes, length, from, err);
}

/* The numbers up to `to` wait already, in piece p: the first or the last copy wins. */
static void meet_piece(struct stream *s, struct stream_piece *p, const struct part *part,
		       uint64_t to, struct stream_added *added)
{
	uint8_t *held = p->block->bytes + p->block->skip + (part->left - p->offset);
	uint64_t length = to - part->left, differ = 0, first = part->left;

	if (!part->beyond && to == piece_end(p)) /* the window has opened */
		p->block->beyond = false;
	if (memcmp(held, part->bytes, length) == 0)
		return;
	for (uint64_t i = length; i-- > 0;) {
		if (held[i] == part->bytes[i])
			continue;
		differ++;
		first = part->left + i;
	}
	note_conflict(s, added, differ, first, p->length);
	if (s->overlap == OVERLAP_LAST)
		memcpy(held, part->bytes, length);
}

/* Numbers up to `to` that have not come before: through at once where they are next, else they wait.
 * Where there is no room holes are given up, and part is to be looked at again. */
static bool take_fresh(struct stream *s, struct part *part, uint64_t to,
		       const struct stream_arrival *a, struct error *err)
{
	uint32_t length = (uint32_t)(to - part->left);
	bool next = part->left == s->next && !part->beyond && !s->suspended;
	bool room = s->count < STREAM_PIECES_MAX &&
		    pool_fits(s->pool, stream_holding_costs(s, length));
	bool ok = true;

	if (!next && !room && s->count > 0)
		return give_up_hole(s, err);
	if (next)
		ok = deliver(s, part->bytes, length, a, err);
	else if (room)
		ok = hold(s, part, length, a, err);
	else if (part->beyond || s->suspended)
		s->forced++; /* nothing is lost that a receiver would have had */
	else
		ok = jump(s, part, length, a, err);
	part_skip(part, to);
	return ok;
}

static bool add_part(struct stream *s, struct part part, const struct stream_arrival *a,
		     struct stream_added *added, struct error *err)
{
	bool ok = true;

	while (ok && part.left < part.right) {
		uint32_t index = piece_behind(s, part.left);
		struct stream_piece *p = index < s->count ? &s->piece[s->first + index] : NULL;
		uint64_t to = part.right;

		if (part.left < s->next) { /* a hole was given up meanwhile */
			part_skip(&part, s->next < to ? s->next : to);
		} else if (p && p->offset <= part.left) {
			if (piece_end(p) < to)
				to = piece_end(p);
			meet_piece(s, p, &part, to, added);
			part_skip(&part, to);
		} else {
			if (p && p->offset < to)
				to = p->offset;
			ok = take_fresh(s, &part, to, a, err);
		}
	}
	return ok;
}

/* A midstream connection's first bytes may come out of order, before any of them went out. */
static void move_base(struct stream *s, uint64_t down)
{
	s->next_seq -= (uint32_t)down;
	for (uint32_t i = 0; i < s->count; i++)
		s->piece[s->first + i].offset += down;
	s->acked += s->acked > 0 ? down : 0;
	s->ack_checked += down;
	s->end += s->end_known ? down : 0;
}

/* A probe repeats the number before the next one, with a byte that means nothing (RFC 9293, 3.8.4). */
static bool is_keep_alive(const struct stream *s, int64_t left, uint32_t length)
{
	return length == 1 && left == (int64_t)s->next - 1 && s->acked >= s->next;
}

static uint64_t window_edge(const struct stream *s, const struct stream_arrival *a)
{
	int64_t edge = offset_of(s, a->window_right);

	return edge < 0 ? 0 : (uint64_t)edge;
}

static bool add_fresh(struct stream *s, uint64_t left, uint64_t right, const uint8_t *bytes,
		      const struct stream_arrival *a, struct stream_added *added, struct error *err)
{
	uint64_t edge = a->window_known ? window_edge(s, a) : right;
	bool ok;

	if (edge < left)
		edge = left;
	if (edge > right)
		edge = right;
	ok = add_part(s, (struct part){.left = left, .right = edge, .bytes = bytes}, a, added,
		      err) &&
	     add_part(s,
		      (struct part){.left = edge,
				    .right = right,
				    .bytes = bytes + (edge - left),
				    .beyond = true},
		      a, added, err);
	return drain(s, err) && ok;
}

bool stream_may_hold(const struct stream *s, const struct stream_arrival *a)
{
	int64_t left = offset_of(s, a->seq);

	return s->suspended || s->count > 0 || left > (int64_t)s->next ||
	       (a->window_known && left + a->captured > (int64_t)window_edge(s, a));
}

bool stream_add(struct stream *s, const struct stream_arrival *a, struct stream_added *added,
		struct error *err)
{
	int64_t from = offset_of(s, a->seq);
	const uint8_t *bytes = a->bytes;
	uint64_t left, right, first = 0, known;

	*added = (struct stream_added){0};
	if (from < 0 && from > -BASE_REACH && !s->fixed_base && s->next == 0) {
		move_base(s, (uint64_t)-from);
		from = 0;
	}
	if (is_keep_alive(s, from, a->captured) || from + (int64_t)a->captured <= 0)
		return true;
	if (from < 0)
		bytes += -from;
	left = from < 0 ? 0 : (uint64_t)from;
	right = (uint64_t)(from + (int64_t)a->captured);
	if (s->end_known && right > s->end)
		right = s->end;
	if (left >= right)
		return true;
	known = left < s->next ? (right < s->next ? right : s->next) : left;
	if (known > left) {
		uint64_t differ = history_differences(&s->history, left, bytes, known - left,
						      &first);

		note_conflict(s, added, differ, first, known - left);
	}
	if (known < right && !add_fresh(s, known, right, bytes + (known - left), a, added, err))
		return false;
	note_sent(s, a->seq, a->captured);
	return true;
}

/* --- acknowledgements, time, the end --- */

/* Delivers what is missing below offset as gaps, and what waits between. */
static bool pass_gaps(struct stream *s, uint64_t offset, const struct moment *at, struct error *err)
{
	bool ok = drain(s, err);

	while (ok && s->next < offset) {
		uint64_t to = offset;

		if (s->count > 0 && s->piece[s->first].offset < to)
			to = s->piece[s->first].offset;
		if (to == s->next) /* it may not go out */
			break;
		ok = deliver_gap(s, to, at, err) && drain(s, err);
	}
	return ok;
}

bool stream_acked(struct stream *s, uint32_t ack, const struct moment *at, struct error *err)
{
	int64_t offset = offset_of(s, ack);

	if (offset < 0 || (uint64_t)offset <= s->acked)
		return true;
	s->acked = (uint64_t)offset;
	if (s->end_known && s->acked > s->end)
		s->acked = s->end; /* the FIN's own number */
	if (s->count > 0 && !drain(s, err))
		return false;
	if (s->acked > s->next && !s->ack_waits) {
		s->ack_waits = true;
		s->ack_checked = s->acked;
		s->ack_at = *at;
	}
	return true;
}

bool stream_time(struct stream *s, int64_t now_ns, struct error *err)
{
	struct moment at = s->ack_at;

	if (!s->ack_waits || now_ns - s->ack_at.ts_ns < STREAM_GRACE_NS)
		return true;
	s->ack_waits = false;
	if (!pass_gaps(s, s->ack_checked, &at, err))
		return false;
	if (s->acked > s->next) { /* later ACKs went further */
		s->ack_waits = true;
		s->ack_checked = s->acked;
		s->ack_at.ts_ns = now_ns;
	}
	return true;
}

bool stream_fin(struct stream *s, uint32_t fin_seq, struct error *err)
{
	int64_t end = offset_of(s, fin_seq);

	if (s->end_known)
		return true;
	s->end_known = true;
	s->end = end < 0 ? 0 : (uint64_t)end;
	if (s->acked > s->end)
		s->acked = s->end;
	if (s->ack_checked > s->end)
		s->ack_checked = s->end;
	while (s->count > 0) { /* what lies behind the FIN is nobody's */
		struct stream_piece *last = &s->piece[s->first + s->count - 1];

		if (piece_end(last) <= s->end)
			break;
		if (last->offset < s->end) {
			last->length = (uint32_t)(s->end - last->offset);
			break;
		}
		s->block_bytes -= block_size(last->block->capacity);
		free(last->block);
		s->count--;
	}
	return drain(s, err);
}

bool stream_suspend(struct stream *s, bool suspended, struct error *err)
{
	if (s->suspended == suspended)
		return true;
	s->suspended = suspended;
	return suspended || drain(s, err);
}

/* Adds a piece that is not delivered to what is left over. */
static void count_rest(struct stream_rest *rest, const struct stream_piece *p)
{
	const struct stream_block *b = p->block;
	uint64_t *count = b->after_reset ? &rest->after_reset : &rest->beyond_window;
	struct moment *at = b->after_reset ? &rest->after_reset_at : &rest->beyond_at;

	if (*count == 0)
		*at = b->at;
	*count += p->length;
}

bool stream_finish(struct stream *s, const struct moment *at, struct stream_rest *rest,
		   struct error *err)
{
	bool ok = true;

	*rest = (struct stream_rest){0};
	while (ok && s->count > 0) {
		struct stream_piece *p = &s->piece[s->first];
		struct moment shown = p->block->at;

		if (piece_ready(s, p) > 0) {
			ok = deliver_gap(s, p->offset, &shown, err) && drain(s, err);
			continue;
		}
		count_rest(rest, p);
		pieces_drop_first(s);
	}
	ok = ok && deliver_gap(s, s->acked, at, err);
	account(s);
	return ok;
}

void stream_free(struct stream *s)
{
	while (s->count > 0)
		pieces_drop_first(s);
	free(s->piece);
	history_free(&s->history);
	pool_hold(s->pool, &s->holder, 0);
	s->piece = NULL;
	s->first = s->count = s->capacity = 0;
	s->block_bytes = 0;
}
