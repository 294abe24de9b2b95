#include "analyzer/stream.h"

#include <string.h>

/* A midstream connection's base moves down by no more than a window without scaling and some. */
enum { BASE_REACH = 1 << 20 };

static bool no_memory(struct error *err)
{
	return error_set(err, "out of memory while reassembling streams");
}

void stream_init(struct stream *s, struct stream_pool *pool, struct stream_sink sink,
		 enum side side, enum overlap_policy overlap, uint32_t seq, bool fixed)
{
	*s = (struct stream){
		.history_holder = {.owner = s, .kind = POOL_HISTORY},
		.waiting_holder = {.owner = s, .kind = POOL_WAITING},
		.pool = pool,
		.sink = sink,
		.side = (uint8_t)side,
		.overlap = (uint8_t)overlap,
		.next_seq = seq,
		.fixed_base = fixed,
	};
}

/* Sequence numbers are within 2^31 of the next one expected; what would lie before the stream's first
 * byte comes out negative. */
static int64_t offset_of(const struct stream *s, uint32_t seq)
{
	return (int64_t)s->next + (int32_t)(seq - s->next_seq);
}

static void account(struct stream *s)
{
	pool_hold(s->pool, &s->waiting_holder, s->pieces.bytes);
}

/* --- delivery --- */

static bool hand_over(struct stream *s, const uint8_t *bytes, uint64_t length,
		      const struct piece_origin *from, struct error *err)
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
		pool_hold(s->pool, &s->history_holder, history_memory(&s->history));
}

static bool deliver(struct stream *s, const uint8_t *bytes, uint32_t length,
		    const struct piece_origin *from, struct error *err)
{
	uint64_t offset = s->next;

	if (!hand_over(s, bytes, length, from, err))
		return false;
	if (!s->unread)
		remember(s, offset, bytes, length);
	return true;
}

static bool deliver_gap(struct stream *s, uint64_t to, const struct moment *at, struct error *err)
{
	const struct piece_origin from = {.at = *at};

	if (to <= s->next)
		return true;
	s->gaps++;
	s->gap_bytes += to - s->next;
	return hand_over(s, NULL, to - s->next, &from, err);
}

/* How much of a piece may go out: the peer has to accept it, and no reset to stand in its way. */
static uint32_t piece_ready(const struct stream *s, const struct stream_piece *p)
{
	const struct piece_origin *origin = piece_origin(p);

	if (origin->after_reset)
		return 0;
	if (!origin->beyond || s->acked.offset >= piece_end(p))
		return p->length;
	return s->acked.offset > p->offset ? (uint32_t)(s->acked.offset - p->offset) : 0;
}

/* Delivers the pieces that are next. */
static bool drain(struct stream *s, struct error *err)
{
	bool ok = true;

	while (ok && s->pieces.count > 0) {
		const struct stream_piece *p = pieces_at(&s->pieces, 0);
		uint32_t ready = p->offset == s->next ? piece_ready(s, p) : 0;

		if (ready == 0)
			break;
		ok = deliver(s, piece_bytes(p), ready, piece_origin(p), err);
		pieces_trim(&s->pieces, 0, ready);
	}
	account(s);
	return ok;
}

/* Drops the first piece, which nobody took. */
static void drop_piece(struct stream *s)
{
	const struct stream_piece *p = pieces_at(&s->pieces, 0);
	const struct piece_origin *origin = piece_origin(p);
	struct stream_rest *rest = &s->rest;
	uint64_t *count = origin->after_reset ? &rest->after_reset : &rest->beyond_window;

	if (*count == 0)
		*(origin->after_reset ? &rest->after_reset_at : &rest->beyond_at) = origin->at;
	*count += p->length;
	pieces_trim(&s->pieces, 0, p->length);
	account(s);
}

/* Turns the hole before the oldest piece into a gap; bytes that nobody may take go first. */
static bool give_up_hole(struct stream *s, struct error *err)
{
	const struct stream_piece *p = pieces_at(&s->pieces, 0);
	struct moment at = piece_origin(p)->at;

	if (piece_ready(s, p) == 0) {
		drop_piece(s);
		return true;
	}
	s->forced += p->offset > s->next;
	return deliver_gap(s, p->offset, &at, err) && drain(s, err);
}

bool stream_give_way(struct stream *s, enum pool_kind kind, struct error *err)
{
	if (kind == POOL_WAITING)
		return s->pieces.count == 0 || give_up_hole(s, err);
	history_free(&s->history);
	pool_hold(s->pool, &s->history_holder, 0);
	return true;
}

/* --- conflicts --- */

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

/* --- segments --- */

/* A part of a segment, all of it on one side of the window's edge. */
struct part {
	uint64_t left, right;
	const uint8_t *bytes; /* at left */
	struct piece_origin origin;
};

static void part_skip(struct part *part, uint64_t to)
{
	part->bytes += to - part->left;
	part->left = to;
}

static bool part_may_go(const struct part *part)
{
	return !part->origin.beyond && !part->origin.after_reset;
}

static void compare(const struct stream *s, const struct stream_piece *p, const struct part *part,
		    uint64_t to, struct stream_added *added)
{
	const uint8_t *held = piece_bytes(p) + (part->left - p->offset);
	uint64_t length = to - part->left, differ = 0, first = part->left;

	if (memcmp(held, part->bytes, length) == 0)
		return;
	for (uint64_t i = length; i-- > 0;) {
		if (held[i] == part->bytes[i])
			continue;
		differ++;
		first = part->left + i;
	}
	note_conflict(s, added, differ, first, p->length);
}

/* The numbers up to `to` wait already, in piece index: the first or the last copy wins, but always the
 * one that its receiver could take. */
static bool meet_piece(struct stream *s, uint32_t index, struct part *part, uint64_t to,
		       struct stream_added *added, struct error *err)
{
	struct stream_piece *p = pieces_at(&s->pieces, index);
	const struct piece_origin *origin = piece_origin(p);

	compare(s, p, part, to, added);
	if (part_may_go(part) && (origin->beyond || origin->after_reset)) {
		if (!pieces_carve(&s->pieces, index, part->left, to))
			return no_memory(err);
		account(s);
		return true; /* part is fresh now */
	}
	if (s->overlap == OVERLAP_LAST && (!part->origin.beyond || origin->beyond) &&
	    (!part->origin.after_reset || origin->after_reset))
		memcpy(piece_bytes(p) + (part->left - p->offset), part->bytes, to - part->left);
	part_skip(part, to);
	return true;
}

/* Numbers up to `to` that have not come before: through at once where they are next, else they wait.
 * Where there is no room holes are given up, and part is to be looked at again. */
static bool take_fresh(struct stream *s, struct part *part, uint64_t to, struct error *err)
{
	uint32_t length = (uint32_t)(to - part->left);
	bool room = s->pieces.count < STREAM_PIECES_MAX &&
		    pool_fits(s->pool, pieces_costs(&s->pieces, length));
	bool before = s->pieces.count == 0 || part->left < pieces_at(&s->pieces, 0)->offset;
	bool ok = true;

	if (part_may_go(part) && part->left == s->next) {
		ok = deliver(s, part->bytes, length, &part->origin, err);
	} else if (room) {
		ok = pieces_add(&s->pieces, part->left, part->bytes, length, &part->origin) ||
		     no_memory(err);
		account(s);
	} else if (part_may_go(part) && before) { /* it ends the oldest hole itself */
		s->forced++;
		ok = deliver_gap(s, part->left, &part->origin.at, err) &&
		     deliver(s, part->bytes, length, &part->origin, err);
	} else if (s->pieces.count > 0) {
		return give_up_hole(s, err);
	} /* else nothing is lost that a receiver took */
	part_skip(part, to);
	return ok;
}

static bool add_part(struct stream *s, struct part part, struct stream_added *added,
		     struct error *err)
{
	bool ok = true;

	while (ok && part.left < part.right) {
		uint32_t index = pieces_find(&s->pieces, part.left);
		const struct stream_piece *p = index < s->pieces.count
						       ? pieces_at(&s->pieces, index)
						       : NULL;
		uint64_t to = part.right;

		if (part.left < s->next) { /* a hole was given up meanwhile */
			part_skip(&part, s->next < to ? s->next : to);
		} else if (p && p->offset <= part.left) {
			ok = meet_piece(s, index, &part, piece_end(p) < to ? piece_end(p) : to,
					added, err);
		} else {
			ok = take_fresh(s, &part, p && p->offset < to ? p->offset : to, err);
		}
	}
	return ok;
}

static void move_base(struct stream *s, uint64_t down)
{
	s->next_seq -= (uint32_t)down;
	pieces_shift_up(&s->pieces, down);
	s->acked.offset += s->acked.offset > 0 ? down : 0;
	s->pending.offset += down;
	s->end += s->end_known ? down : 0;
	s->sent_end += s->sent_end > 0 ? down : 0;
}

void stream_restart(struct stream *s, uint32_t seq)
{
	int64_t by = offset_of(s, seq);

	if (s->next > 0)
		return;
	s->fixed_base = true;
	if (by == 0)
		return;
	if (by > 0)
		pieces_shift_down(&s->pieces, (uint64_t)by);
	else
		pieces_shift_up(&s->pieces, (uint64_t)-by);
	s->next_seq = seq;
	s->acked.offset = s->sent_end = 0;
	s->ack_waits = s->end_known = false;
	account(s);
}

/* A probe repeats the number before the next one, with a byte that means nothing (RFC 9293, 3.8.4). */
static bool is_keep_alive(const struct stream *s, int64_t left, uint32_t length)
{
	return length == 1 && left == (int64_t)s->next - 1 && s->acked.offset >= s->next;
}

/* The offset of the window's right edge, not below left; right where all is inside. */
static uint64_t edge_of(const struct stream *s, const struct stream_arrival *a, uint64_t left,
			uint64_t right)
{
	int64_t edge = a->window_known ? offset_of(s, a->window_right) : (int64_t)right;

	if (edge < (int64_t)left)
		return left;
	return edge > (int64_t)right ? right : (uint64_t)edge;
}

bool stream_may_hold(const struct stream *s, const struct stream_arrival *a)
{
	int64_t left = offset_of(s, a->seq), right = left + a->captured;

	if (a->captured == 0 || right <= (int64_t)s->next)
		return false;
	if (s->suspended || left > (int64_t)s->next ||
	    edge_of(s, a, s->next, (uint64_t)right) < (uint64_t)right)
		return true;
	return s->pieces.count > 0 && (uint64_t)right > piece_end(pieces_at(&s->pieces, 0));
}

size_t stream_holding_costs(const struct stream *s, uint32_t length)
{
	return pieces_costs(&s->pieces, length);
}

/* Bytes that the capture cut off were sent all the same. */
static void note_cut(struct stream *s, int64_t from, const struct stream_arrival *a)
{
	int64_t to = from + a->length;

	if (a->length == a->captured || s->suspended || to <= (int64_t)s->sent_end)
		return;
	if (edge_of(s, a, 0, (uint64_t)to) == (uint64_t)to)
		s->sent_end = (uint64_t)to;
}

/* Numbers that have not been delivered. */
static bool add_undelivered(struct stream *s, uint64_t left, uint64_t right, const uint8_t *bytes,
			    const struct stream_arrival *a, struct stream_added *added,
			    struct error *err)
{
	uint64_t edge = edge_of(s, a, left, right);
	struct part part = {.left = left,
			    .right = edge,
			    .bytes = bytes,
			    .origin = {.at = a->at,
				       .ack = a->ack,
				       .flags = a->flags,
				       .after_reset = s->suspended}};

	if (left == s->next && edge == right && s->pieces.count == 0 && !s->suspended)
		return deliver(s, bytes, (uint32_t)(right - left), &part.origin, err);
	if (!add_part(s, part, added, err))
		return false;
	part.left = edge;
	part.right = right;
	part.bytes = bytes + (edge - left);
	part.origin.beyond = true;
	return add_part(s, part, added, err) && drain(s, err);
}

bool stream_add(struct stream *s, const struct stream_arrival *a, struct stream_added *added,
		struct error *err)
{
	int64_t from = offset_of(s, a->seq);
	const uint8_t *bytes = a->bytes;
	uint64_t left, right, known, first = 0;

	*added = (struct stream_added){0};
	if (is_keep_alive(s, from, a->length))
		return true;
	/* a midstream connection's first bytes may come out of order, before any of them went out */
	if (from < 0 && from > -BASE_REACH && !s->fixed_base && s->next == 0) {
		move_base(s, (uint64_t)-from);
		from = 0;
	}
	note_cut(s, from, a);
	if (from + (int64_t)a->captured <= 0)
		return true;
	if (from < 0)
		bytes += -from;
	left = from < 0 ? 0 : (uint64_t)from;
	right = (uint64_t)(from + (int64_t)a->captured);
	if (s->end_known && right > s->end)
		right = s->end;
	if (left >= right)
		return true;
	known = left;
	if (left < s->next) {
		known = right < s->next ? right : s->next;
		uint64_t differ = history_differences(&s->history, left, bytes, known - left,
						      &first);

		note_conflict(s, added, differ, first, known - left);
	}
	if (known < right &&
	    !add_undelivered(s, known, right, bytes + (known - left), a, added, err))
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

		if (s->pieces.count > 0 && pieces_at(&s->pieces, 0)->offset < to)
			to = pieces_at(&s->pieces, 0)->offset;
		if (to == s->next) /* it may not go out */
			break;
		ok = deliver_gap(s, to, at, err) && drain(s, err);
	}
	return ok;
}

/* Bytes below the ACK have not come: how long from now on they may take. */
static void wait_for(struct stream *s)
{
	s->ack_waits = s->acked.offset > s->next;
	s->pending = s->acked;
}

bool stream_acked(struct stream *s, uint32_t ack, const struct moment *at, int64_t now_ns,
		  struct error *err)
{
	int64_t offset = offset_of(s, ack);

	if (offset <= (int64_t)s->acked.offset)
		return true;
	s->acked = (struct stream_ack){.offset = (uint64_t)offset, .at = *at, .now_ns = now_ns};
	if (s->end_known && s->acked.offset > s->end)
		s->acked.offset = s->end; /* the FIN's own number */
	if (s->pieces.count > 0 && !drain(s, err))
		return false;
	if (!s->ack_waits)
		wait_for(s);
	return true;
}

bool stream_time(struct stream *s, int64_t now_ns, struct error *err)
{
	while (s->ack_waits && now_ns - s->pending.now_ns >= STREAM_GRACE_NS) {
		struct stream_ack due = s->pending;

		if (!pass_gaps(s, due.offset, &due.at, err))
			return false;
		if (s->next < due.offset) /* a reset stands in its way, but may be taken back */
			return true;
		if (due.offset == s->acked.offset)
			s->ack_waits = false;
		else
			wait_for(s); /* later ACKs went further */
	}
	return true;
}

bool stream_fin(struct stream *s, uint32_t fin_seq, struct error *err)
{
	int64_t end = offset_of(s, fin_seq);

	if (s->end_known)
		return true;
	s->end_known = true;
	s->end_after_reset = s->suspended;
	s->end = end < 0 ? 0 : (uint64_t)end;
	if (s->acked.offset > s->end)
		s->acked.offset = s->end;
	if (s->pending.offset > s->end)
		s->pending.offset = s->end;
	pieces_cut(&s->pieces, s->end); /* what lies behind the FIN is nobody's */
	return drain(s, err);
}

bool stream_suspend(struct stream *s, bool suspended, struct error *err)
{
	if (s->suspended == suspended)
		return true;
	s->suspended = suspended;
	if (suspended)
		return true;
	s->end_after_reset = false;
	for (uint32_t i = 0; i < s->pieces.count; i++)
		piece_origin(pieces_at(&s->pieces, i))->after_reset = false;
	return drain(s, err);
}

bool stream_finish(struct stream *s, const struct moment *at, struct error *err)
{
	uint64_t end = s->end_known && !s->end_after_reset ? s->end : 0;
	uint64_t sent = end > s->acked.offset ? end : s->acked.offset;
	bool ok = true;

	if (s->sent_end > sent)
		sent = s->end_known && s->sent_end > s->end ? s->end : s->sent_end;

	while (ok && s->pieces.count > 0) {
		const struct stream_piece *p = pieces_at(&s->pieces, 0);
		struct moment shown = piece_origin(p)->at;

		if (piece_ready(s, p) == 0)
			drop_piece(s);
		else
			ok = deliver_gap(s, p->offset, &shown, err) && drain(s, err);
	}
	return ok && deliver_gap(s, sent, at, err);
}

void stream_free(struct stream *s)
{
	pieces_cut(&s->pieces, 0);
	history_free(&s->history);
	account(s);
	pool_hold(s->pool, &s->history_holder, 0);
}
