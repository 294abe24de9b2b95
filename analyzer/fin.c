#include "analyzer/fin.h"

#include "analyzer/sequence.h"

/* Far into a long stream the ISN says nothing any more: numbers have wrapped past it. */
static bool near_isn(const struct direction *d)
{
	return d->isn_known && d->captured.base - d->isn <= 1;
}

/* The largest right edge the peer advertised; false where it sent no ACK. The window of its SYN, which has none,
 * begins at the ISN that it did not know, and may reach beyond those after it, as scaling cuts them. */
static bool window_edge(const struct connection *c, enum side from, uint32_t *edge)
{
	const struct direction *sender = &c->dir[from], *peer = &c->dir[peer_of(from)];

	*edge = peer->window_right;
	if (near_isn(sender))
		*edge = seq_max(*edge, sender->isn + 1 + peer->window_max);
	return peer->window_seen;
}

/* The responder, without SYN|ACK, has sent nothing but FINs to an initiator that has sent nothing but
 * SYNs: in SYN-SENT a FIN cannot be checked (RFC 9293, 3.10.7.4). */
static bool faces_syn(const struct connection *c)
{
	const struct direction *i = &c->dir[SIDE_INITIATOR], *r = &c->dir[SIDE_RESPONDER];

	return i->syn && i->snd_nxt == i->syn_end && !r->syn && !r->syn_ack && !r->plain;
}

enum fin_verdict fin_acceptable(const struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *sender = &c->dir[from];
	uint32_t seq = s->seq + ((s->flags & TCP_SYN) ? 1 : 0), edge;

	if (from == SIDE_RESPONDER && faces_syn(c) && !(s->flags & TCP_SYN))
		return FIN_FACING_SYN;
	if (near_isn(sender) && !seq_gt(seq, sender->isn))
		return FIN_NOT_ABOVE_ISN;
	if (window_edge(c, from, &edge) && seq_gt(seq, edge))
		return FIN_OUTSIDE_WINDOW;
	return FIN_COUNTS;
}

static bool violation(struct connection *c, enum finding_code code, enum side fin_of,
		      const struct moment *at, uint32_t x, uint32_t y)
{
	c->teardown->fin[fin_of].violated = true;
	return connection_event(c, code, fin_of, at, x, y);
}

/* What data of X captured before the FIN lets Y acknowledge. */
static uint32_t highest_due_ack(const struct fin *f)
{
	uint32_t due = f->seq + 1;

	return f->had_data ? seq_max(due, f->data_before) : due;
}

static bool is_duplicate_ack(const struct direction *d, const struct segment *s)
{
	return d->acked && d->acks[0] == s->ack && d->window == s->window;
}

/* An ACK of exactly fin_seq after the FIN came in order: all data, not the FIN. Judged at the end. */
static void note_unconsumed(struct connection *c, enum side from, const struct segment *s,
			    const struct moment *at)
{
	struct fin *f = &c->teardown->fin[peer_of(from)];
	const struct direction *d = &c->dir[from];

	if (s->ack != f->seq || s->payload_len > 0 || (s->flags & (TCP_FIN | TCP_SYN)))
		return;
	if (!f->in_order || f->unconsumed.ordinal || (d->nxt_known && s->seq != d->snd_nxt))
		return;
	if (is_duplicate_ack(d, s) || f->retransmissions > 0)
		f->unconsumed = *at;
}

/* An ACK captured before the FIN covers it: capture order is not sending order. */
static bool cover_at_once(struct connection *c, enum side from)
{
	struct teardown_part *t = c->teardown;
	struct fin *f = &t->fin[from];
	const struct direction *peer = &c->dir[peer_of(from)];

	if (!peer->acked || !fin_is_covered(f->seq, peer->ack_max))
		return true;
	f->covered = f->at;
	f->covered_by_fin = peer->ack_max_by_fin;
	f->covered_exactly = peer->ack_max == f->seq + 1;
	for (uint8_t i = 0; i < peer->ack_count; i++)
		f->covered_exactly |= peer->acks[i] == f->seq + 1;
	if (peer->ahead_bytes > 0 && fin_is_covered(f->seq, peer->ahead_ack))
		t->half_close[peer_of(from)] += peer->ahead_bytes;
	if (seq_gt(peer->ack_max, highest_due_ack(f)))
		return violation(c, FINDING_FIN_OVER_ACKED, from, &f->at, peer->ack_max, f->seq);
	return true;
}

/* What is known of a FIN when it is captured; ack and data are its sender's before it. */
static bool fin_register(struct connection *c, enum side from, const struct fin *captured)
{
	struct direction *d = &c->dir[from];
	struct fin *f = &c->teardown->fin[from];
	bool ok = true;

	*f = *captured;
	f->seen = true;
	if (!d->captured.started)
		ranges_start(&d->captured, d->isn_known ? d->isn + 1 : f->seq - f->payload,
			     d->isn_known);
	ranges_reach(&d->captured, f->seq);
	f->in_order = !ranges_gap_below(&d->captured, f->seq);
	ranges_add(&d->captured, f->seq, 1);
	d->snd_nxt = d->nxt_known ? seq_max(d->snd_nxt, f->seq + 1) : f->seq + 1;
	d->nxt_known = true;
	if (f->had_data && seq_gt(f->data_before, f->seq))
		ok = violation(c, FINDING_FIN_BELOW_DATA, from, &f->at, f->seq, f->data_before);
	return ok & cover_at_once(c, from);
}

/* A FIN that lay outside the window counts once the peer acknowledges exactly its number + 1. */
static bool adopt_noted_fin(struct connection *c, enum side from, uint32_t ack, bool *ok)
{
	enum side holder = peer_of(from);

	for (int i = 0; c->notes && i < NOTED_FINS; i++) {
		struct noted_fin *n = &c->notes->fin[i];

		if (!n->used || n->from != holder || n->seq + 1 != ack)
			continue;
		n->used = false;
		*ok &= fin_register(c, holder,
				    &(struct fin){.at = n->at,
						  .seq = n->seq,
						  .payload = n->payload,
						  .ack = n->ack,
						  .retransmissions = n->copies,
						  .unanswered_copies = n->copies,
						  .has_ack = n->has_ack,
						  .had_data = n->had_data,
						  .data_before = n->data_before});
		/* its own segment may have been the first to cover the other FIN */
		if (c->teardown->fin[from].seen &&
		    c->teardown->fin[from].covered.ordinal == n->at.ordinal)
			c->teardown->fin[from].covered_by_fin = true;
		return true;
	}
	return false;
}

bool fin_acknowledged(struct connection *c, enum side from, const struct segment *s,
		      const struct moment *at, bool fin_counts)
{
	struct teardown_part *t = c->teardown;
	enum side holder = peer_of(from);
	struct fin *f;
	bool ok = true;

	if (!t || !(s->flags & TCP_ACK))
		return true;
	if (!t->fin[holder].seen && !adopt_noted_fin(c, from, s->ack, &ok))
		return ok;
	f = &t->fin[holder];
	if (!fin_is_covered(f->seq, s->ack)) {
		note_unconsumed(c, from, s, at);
		return ok;
	}
	f->covered_exactly |= s->ack == f->seq + 1;
	if (seq_gt(s->ack, highest_due_ack(f)))
		ok &= violation(c, FINDING_FIN_OVER_ACKED, holder, at, s->ack, f->seq);
	if (f->covered.ordinal) {
		/* before TIME_WAIT begins this answers a copy of the FIN, after it time_wait.c counts */
		if (f->unanswered_copies > 0 && !t->closed.ordinal)
			f->unanswered_copies--;
		return ok;
	}
	f->covered = *at;
	f->covered_by_fin = fin_counts;
	/* RFC 9293, 3.10.7.4: having sent FIN, from's own SND.NXT lies behind it */
	if (t->fin[from].seen && s->payload_len == 0 && !(s->flags & TCP_FIN) &&
	    s->seq == t->fin[from].seq)
		ok &= violation(c, FINDING_FIN_SENDER_NOT_ADVANCED, from, at, s->seq,
				t->fin[from].seq);
	return ok;
}

/* The last two FINs outside the window are kept, with the copies of each. */
static bool note_fin(struct connection *c, enum side from, const struct segment *s,
		     const struct moment *at, struct data_mark before)
{
	struct notes *n = connection_notes(c);
	uint32_t number = s->seq + s->payload_len + ((s->flags & TCP_SYN) ? 1 : 0);

	if (!n)
		return false;
	for (int i = 0; i < NOTED_FINS; i++) {
		if (n->fin[i].used && n->fin[i].from == from && n->fin[i].seq == number) {
			n->fin[i].copies++;
			return true;
		}
	}
	if (n->fin[0].used)
		c->limits |= LIMIT_FINS;
	n->fin[0] = n->fin[1];
	n->fin[1] = (struct noted_fin){.at = *at,
				       .seq = number,
				       .payload = s->payload_len,
				       .ack = s->ack,
				       .data_before = before.end,
				       .from = (uint8_t)from,
				       .has_ack = s->flags & TCP_ACK,
				       .had_data = before.known,
				       .used = true};
	return true;
}

static bool fin_again(struct connection *c, enum side from, uint32_t number,
		      const struct moment *at, enum fin_verdict verdict)
{
	struct fin *f = &c->teardown->fin[from];

	if (number == f->seq) {
		f->retransmissions++;
		f->unanswered_copies++;
		if (!f->in_order)
			f->in_order = !ranges_gap_below(&c->dir[from].captured, f->seq);
		return true;
	}
	if (verdict != FIN_COUNTS)
		return connection_event(c, FINDING_FIN_UNACCEPTABLE, from, at, number, verdict);
	c->dir[from].snd_nxt = seq_max(c->dir[from].snd_nxt, number + 1);
	return violation(c, FINDING_FIN_MOVED, from, at, number, f->seq);
}

bool fin_captured(struct connection *c, enum side from, const struct segment *s,
		  const struct moment *at, enum fin_verdict verdict, struct data_mark before)
{
	uint32_t number = s->seq + s->payload_len + ((s->flags & TCP_SYN) ? 1 : 0);
	struct teardown_part *t = connection_teardown(c);
	struct fin captured;

	if (!t)
		return false;
	if (t->fin[from].seen)
		return fin_again(c, from, number, at, verdict);
	if (verdict != FIN_COUNTS) {
		bool ok = connection_event(c, FINDING_FIN_UNACCEPTABLE, from, at, number, verdict);

		return verdict == FIN_OUTSIDE_WINDOW ? ok & note_fin(c, from, s, at, before) : ok;
	}
	captured = (struct fin){.at = *at,
				.seq = number,
				.payload = s->payload_len,
				.ack = s->ack,
				.has_ack = s->flags & TCP_ACK,
				.had_data = before.known,
				.data_before = before.end};
	return fin_register(c, from, &captured);
}

bool fin_followed(struct connection *c, enum side from, const struct segment *s,
		  const struct moment *at)
{
	const struct fin *f;
	uint32_t end = s->seq + s->payload_len + ((s->flags & TCP_SYN) ? 1 : 0);

	if (!c->teardown || !c->teardown->fin[from].seen || s->payload_len == 0)
		return true;
	f = &c->teardown->fin[from];
	/* one byte on the FIN's number is a keep-alive */
	if (seq_gt(end, f->seq + 1) || (end == f->seq + 1 && s->payload_len >= 2))
		return violation(c, FINDING_DATA_AFTER_FIN, from, at, s->payload_len, f->seq);
	return true;
}

static bool first_covers(const struct fin *one, const struct fin *other)
{
	return one->has_ack && fin_is_covered(other->seq, one->ack);
}

struct fin_order fin_order(const struct connection *c)
{
	const struct fin *i, *r;
	bool i_covers, r_covers, i_first;

	if (!c->teardown)
		return (struct fin_order){.closer = SIDE_NONE};
	i = &c->teardown->fin[SIDE_INITIATOR];
	r = &c->teardown->fin[SIDE_RESPONDER];
	if (!i->seen || !r->seen)
		return (struct fin_order){.closer = i->seen   ? SIDE_INITIATOR
						    : r->seen ? SIDE_RESPONDER
							      : SIDE_NONE};
	i_covers = first_covers(i, r);
	r_covers = first_covers(r, i);
	/* who covers the other's comes second, whatever was captured first */
	i_first = i_covers != r_covers ? r_covers : moment_before(&i->at, &r->at);
	return (struct fin_order){.closer = i_first ? SIDE_INITIATOR : SIDE_RESPONDER,
				  .crossed = !i_covers && !r_covers};
}

bool fin_not_consumed(const struct connection *c, enum side side)
{
	const struct fin *f = &c->teardown->fin[side];

	return f->unconsumed.ordinal && !f->covered.ordinal &&
	       (f->retransmissions >= 2 || c->teardown->fin[peer_of(side)].seen);
}

enum fin_check fin_check_of(const struct connection *c, enum side side)
{
	const struct fin *f;

	if (!c->teardown || !c->teardown->fin[side].seen)
		return FIN_NONE;
	f = &c->teardown->fin[side];
	if (f->violated || fin_not_consumed(c, side))
		return FIN_VIOLATED;
	return f->covered_exactly ? FIN_OK : FIN_UNVERIFIED;
}
