#include "analyzer/intake.h"

#include "analyzer/fin.h"
#include "analyzer/reset.h"
#include "analyzer/sequence.h"
#include "analyzer/time_wait.h"

/* An ACK this close above an ISN acknowledges that SYN and the first flight behind it. */
#define GAP_NS INT64_C(1000000000)

enum { SHIFT_MAX = 14, COUNTER_MAX = 255, RIVAL_REACH = 1 << 20, STEADY_STEP = 1 << 28 };

void intake_count(struct connection *c, enum side from, const struct segment *s, bool keep_ladder)
{
	struct direction *d = &c->dir[from];

	if (!d->seen) {
		d->seen = true;
		d->vlan_tags = s->vlan_tags;
	}
	d->packets++;
	connection_span(c, s->ts_ns);
	c->previous_ns = s->ts_ns;
	zeek_segment(&c->zeek, from, s);
	if (keep_ladder) {
		ladder_offer(&c->ladder, s, from, s->flags & (TCP_FIN | TCP_RST));
	}
}

/* SND.UNA of side: what the peer acknowledged, else where it began. */
static bool snd_una(const struct connection *c, enum side side, uint32_t *una)
{
	const struct direction *d = &c->dir[side], *peer = &c->dir[peer_of(side)];

	if (peer->acked)
		*una = peer->ack_max;
	else if (d->isn_known)
		*una = d->isn;
	else
		*una = d->captured.base;
	return peer->acked || d->isn_known || d->captured.started;
}

static void bump(uint8_t *counter)
{
	if (*counter < COUNTER_MAX)
		(*counter)++;
}

/* Retransmissions of the segment at SND.UNA and keep-alive probes (section 7, causes 5 and 6). */
static void count_attempts(struct connection *c, enum side from, const struct segment *s)
{
	struct direction *d = &c->dir[from];
	uint32_t una, length = segment_length(s);

	c->dir[peer_of(from)].resent = 0;
	c->dir[peer_of(from)].probes = 0;
	if (!d->nxt_known || !snd_una(c, from, &una))
		return;
	if (s->seq == d->snd_nxt - 1 && s->payload_len <= 1 && !(s->flags & (TCP_SYN | TCP_FIN)) &&
	    (s->payload_len == 0 || seq_ge(una, d->snd_nxt)))
		bump(&d->probes); /* RFC 9293, 3.8.4 */
	else if (length > 0 && seq_lt(una, d->snd_nxt) && seq_le(s->seq, una) &&
		 seq_gt(s->seq + length, una))
		bump(&d->resent);
}

static void take_syn(struct connection *c, enum side from, const struct segment *s)
{
	struct direction *d = &c->dir[from], *peer = &c->dir[peer_of(from)];
	bool again = d->syn || d->syn_ack;

	if (s->flags & TCP_ACK)
		d->syn_ack = true;
	else
		d->syn = true;
	if (from == SIDE_INITIATOR && !(s->flags & TCP_ACK) && c->syn_ns == NONE_NS)
		c->syn_ns = s->ts_ns;
	if (again)
		return;
	d->isn = s->seq;
	d->syn_end = s->seq + segment_length(s);
	d->isn_known = true;
	d->wscale = s->wscale;
	if (!d->spoke) { /* ACKs before it were about an older incarnation */
		d->unseen = 0;
		d->peer_acked = false;
	}
	if (d->captured.started) { /* what came before the SYN was captured out of order */
		d->captured.base = s->seq + 1;
		d->captured.fixed_base = true;
	} else {
		ranges_start(&d->captured, s->seq + 1, true);
	}
	/* the SYN|ACK tells the ISN of a SYN that was not captured */
	if ((s->flags & TCP_ACK) && !peer->isn_known && !c->midstream) {
		peer->isn = s->ack - 1;
		peer->syn_end = s->ack;
		peer->isn_known = true;
	}
}

/* An ACK above what its sender can have seen is not believed until the other end gets there. */
static void believe(struct direction *d, uint32_t ack)
{
	d->peer_ack = d->peer_acked ? seq_max(d->peer_ack, ack) : ack;
	d->peer_acked = true;
	ranges_trail(&d->captured, d->peer_ack);
}

static bool doubt(struct connection *c, enum side of, uint32_t ack)
{
	struct notes *n = connection_notes(c);
	uint8_t count;

	if (!n)
		return false;
	count = n->doubtful_count[of];
	for (uint8_t i = 0; i < count; i++)
		if (n->doubtful[of][i] == ack)
			return true;
	if (count == DOUBTFUL_ACKS) {
		c->limits |= LIMIT_ACKS;
		for (uint8_t i = 1; i < count; i++)
			n->doubtful[of][i - 1] = n->doubtful[of][i];
		count--;
	}
	n->doubtful[of][count] = ack;
	n->doubtful_count[of] = (uint8_t)(count + 1);
	return true;
}

/* The sender got to or past doubtful ACKs: they were right. */
static void resolve_doubts(struct connection *c, enum side of)
{
	struct notes *n = c->notes;
	uint8_t kept = 0;

	if (!n)
		return;
	for (uint8_t i = 0; i < n->doubtful_count[of]; i++) {
		uint32_t ack = n->doubtful[of][i];

		if (seq_le(ack, c->dir[of].snd_nxt))
			believe(&c->dir[of], ack);
		else
			n->doubtful[of][kept++] = ack;
	}
	n->doubtful_count[of] = kept;
}

static bool weigh_ack(struct connection *c, enum side from, uint32_t ack)
{
	enum side of = peer_of(from);
	struct direction *d = &c->dir[of];

	if (!d->nxt_known) {
		if (!d->peer_acked)
			d->peer_first_ack = ack;
		else if (seq_gt(ack, d->peer_ack))
			d->unseen += ack - d->peer_ack;
		believe(d, ack);
		return true;
	}
	if (seq_le(ack, d->snd_nxt + c->dir[from].window_max)) {
		believe(d, ack);
		return true;
	}
	return doubt(c, of, ack);
}

static void remember_ack(struct direction *d, uint32_t ack, bool with_fin)
{
	uint8_t at = 0;

	while (at < d->ack_count && d->acks[at] != ack)
		at++;
	if (at == d->ack_count) {
		if (d->ack_count < RECENT_ACKS)
			d->ack_count++;
		else
			at--;
	}
	for (; at > 0; at--)
		d->acks[at] = d->acks[at - 1];
	d->acks[0] = ack;
	if (!d->acked || seq_gt(ack, d->ack_max)) {
		d->ack_max = ack;
		d->ack_max_by_fin = with_fin;
	}
	d->acked = true;
}

static void take_window(struct connection *c, enum side from, const struct segment *s)
{
	struct direction *d = &c->dir[from];
	uint32_t size = s->window, edge;
	uint8_t shift = 0;
	bool known = true;

	if (!(s->flags & TCP_SYN))
		known = connection_window_shift(c, from, &shift);
	size <<= shift;
	if (size > d->window_max)
		d->window_max = size;
	if ((s->flags & TCP_ACK) || !d->acked) {
		d->window = s->window;
		d->window_in_syn = s->flags & TCP_SYN;
	}
	if (!(s->flags & TCP_ACK))
		return;
	edge = s->ack + (known ? size : (uint32_t)s->window << SHIFT_MAX);
	d->window_right = d->window_seen ? seq_max(d->window_right, edge) : edge;
	d->window_seen = true;
}

static bool take_ack(struct connection *c, enum side from, const struct segment *s,
		     const struct moment *at, bool fin_counts)
{
	bool ok = fin_acknowledged(c, from, s, at, fin_counts);

	take_window(c, from, s);
	if (s->flags & TCP_ACK) {
		remember_ack(&c->dir[from], s->ack, fin_counts);
		ok &= weigh_ack(c, from, s->ack);
	} else {
		c->dir[from].bare_end = s->seq + segment_length(s);
		c->dir[from].bare = true;
	}
	return ok;
}

/* Payload that covers the peer's FIN is half-close data; it may be captured before that FIN. */
static void count_half_close(struct connection *c, enum side from, const struct segment *s,
			     uint32_t fresh)
{
	struct direction *d = &c->dir[from];
	const struct direction *peer = &c->dir[peer_of(from)];
	const struct fin *f = c->teardown ? &c->teardown->fin[peer_of(from)] : NULL;

	if (!(s->flags & TCP_ACK) || fresh == 0)
		return;
	if (f && f->seen) {
		if (fin_is_covered(f->seq, s->ack))
			c->teardown->half_close[from] += fresh;
		return;
	}
	if (!peer->nxt_known || !seq_gt(s->ack, peer->snd_nxt))
		return;
	if (d->ahead_bytes == 0 || seq_gt(s->ack, d->ahead_ack)) {
		d->ahead_ack = s->ack;
		d->ahead_bytes = 0;
	}
	if (s->ack == d->ahead_ack)
		d->ahead_bytes += fresh;
}

static void note_ranges(struct connection *c, enum ranges_result result)
{
	if (result != RANGES_OK)
		c->limits |= LIMIT_HOLES;
}

/* Sequence space: each payload byte counted once, holes, SND.NXT. */
static void take_payload(struct connection *c, enum side from, const struct segment *s)
{
	struct direction *d = &c->dir[from];
	uint32_t data = s->seq + ((s->flags & TCP_SYN) ? 1 : 0), end = data + s->payload_len;
	struct ranges_added added;
	bool steady;

	if (!d->captured.started)
		ranges_start(&d->captured, d->isn_known ? d->isn + 1 : data, d->isn_known);
	steady = data - d->captured.end < STEADY_STEP;
	note_ranges(c, ranges_reach(&d->captured, data));
	added = ranges_add(&d->captured, data, s->payload_len);
	note_ranges(c, added.result);
	if (steady) /* a wild jump proves nothing, an ACK of it does (see believe) */
		ranges_trail(&d->captured, d->captured.end);
	d->bytes += added.fresh;
	if (added.repeats)
		d->retransmitted++;
	if (added.fresh > 0)
		c->data_segments++;
	count_half_close(c, from, s, added.fresh);
	if (s->payload_len > 0) {
		d->data_ns = s->ts_ns;
		d->data_end = d->data ? seq_max(d->data_end, end) : end;
		d->data = true;
	}
	d->snd_nxt = d->nxt_known ? seq_max(d->snd_nxt, end) : end;
	d->nxt_known = true;
}

/* From the first SYN to the handshake's ACK, also where the responder's data came before it. */
static void measure_handshake(struct connection *c, const struct segment *s)
{
	if (c->handshake_rtt_ns == NONE_NS && c->syn_ns != NONE_NS && s->ts_ns >= c->syn_ns)
		c->handshake_rtt_ns = s->ts_ns - c->syn_ns;
}

static bool syn_is_acked(const struct connection *c, enum side of)
{
	const struct direction *d = &c->dir[of], *peer = &c->dir[peer_of(of)];

	return d->isn_known && peer->acked && seq_gt(peer->ack_max, d->isn);
}

/* If several SYN|ACKs came, the one whose ISN the initiator acknowledges counts; with it what the
 * responder sent under that ISN before. */
static void choose_rival(struct connection *c, const struct segment *s)
{
	struct direction *r = &c->dir[SIDE_RESPONDER];
	uint32_t sent = r->snd_nxt;

	if (!c->notes || !r->syn_ack || s->ack - r->isn - 1 < RIVAL_REACH)
		return;
	for (int i = 0; i < NOTED_SYNS; i++) {
		struct rival *rival = &c->notes->rival[i];

		if (!rival->used || s->ack - rival->segment.seq - 1 >= RIVAL_REACH)
			continue;
		rival->used = false;
		r->syn_ack = r->syn = false;
		ranges_free(&r->captured);
		r->captured = (struct ranges){0};
		r->nxt_known = r->data = false;
		take_syn(c, SIDE_RESPONDER, &rival->segment);
		take_payload(c, SIDE_RESPONDER, &rival->segment);
		if (seq_gt(sent, r->snd_nxt) && sent - r->snd_nxt < RIVAL_REACH) {
			ranges_add(&r->captured, r->snd_nxt, sent - r->snd_nxt);
			r->snd_nxt = sent;
		}
		r->last_end = r->snd_nxt;
		return;
	}
}

/* Section 1, "Handshake done means". Runs before the segment's ACK and payload are taken in, but the
 * two SYNs of a simultaneous open are looked at after. */
static void follow_handshake(struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *i = &c->dir[SIDE_INITIATOR], *r = &c->dir[SIDE_RESPONDER];
	bool ack = s->flags & TCP_ACK;

	if (s->flags & TCP_SYN)
		return;
	if (from == SIDE_INITIATOR) {
		if (!ack)
			return;
		if (!syn_is_acked(c, SIDE_RESPONDER))
			choose_rival(c, s);
		if ((!r->syn_ack && !r->syn) || seq_gt(s->ack, r->isn)) {
			c->handshake_assumed |= !c->handshake_done && !r->syn_ack;
			c->handshake_done = true;
			measure_handshake(c, s);
		}
	} else if (!r->syn_ack) {
		bool acks_syn = ack && i->isn_known && seq_gt(s->ack, i->isn);

		c->handshake_assumed |= !c->handshake_done && acks_syn;
		c->handshake_done |= acks_syn;
	} else {
		c->handshake_done |= s->payload_len > 0 || (s->flags & TCP_FIN) ||
				     (ack && i->isn_known && seq_gt(s->ack, i->isn + 1));
	}
}

/* The SYN|ACK was only late: the handshake is done if the initiator has acknowledged this one. */
static void review_handshake(struct connection *c)
{
	const struct direction *i = &c->dir[SIDE_INITIATOR], *r = &c->dir[SIDE_RESPONDER];

	if (!c->handshake_assumed)
		return;
	c->handshake_assumed = false;
	for (uint8_t k = 0; k < i->ack_count; k++)
		if (seq_gt(i->acks[k], r->isn) &&
		    seq_le(i->acks[k], r->nxt_known ? seq_max(r->snd_nxt, r->isn + 1) : r->isn + 1))
			return;
	c->handshake_done = false;
	c->handshake_rtt_ns = NONE_NS;
}

static void follow_simultaneous_open(struct connection *c, const struct segment *s)
{
	if (c->handshake_done || !c->dir[SIDE_INITIATOR].syn || !c->dir[SIDE_RESPONDER].syn ||
	    !syn_is_acked(c, SIDE_INITIATOR) || !syn_is_acked(c, SIDE_RESPONDER))
		return;
	c->handshake_done = true;
	measure_handshake(c, s);
}

static void take_ip_and_options(struct direction *d, const struct segment *s)
{
	if (!d->spoke)
		d->ttl_first = s->ttl;
	d->ttl_last = s->ttl;
	d->spoke = true;
	if (s->has_timestamp) {
		d->timestamps = true;
		d->ts_last = s->ts_val;
	}
}

/* Both FINs covered: the connection is closed. */
static void follow_close(struct connection *c, const struct moment *at)
{
	struct teardown_part *t = c->teardown;

	if (!t || t->closed.ordinal || !t->fin[SIDE_INITIATOR].covered.ordinal ||
	    !t->fin[SIDE_RESPONDER].covered.ordinal)
		return;
	t->closed = *at;
	time_wait_enter(c);
}

/* How long the sender of a FIN knew of no payload; the peer's may have crossed the FIN. */
static int64_t silence_before_fin(const struct connection *c, enum side from,
				  const struct segment *s)
{
	const struct direction *d = &c->dir[from], *peer = &c->dir[peer_of(from)];
	int64_t latest = NONE_NS;

	if (s->payload_len > 0)
		return 0;
	if (d->data)
		latest = d->data_ns;
	if (peer->data && (s->flags & TCP_ACK) && seq_ge(s->ack, peer->data_end) &&
	    peer->data_ns > latest)
		latest = peer->data_ns;
	if (latest == NONE_NS)
		latest = c->previous_ns;
	return latest == NONE_NS || latest > s->ts_ns ? 0 : s->ts_ns - latest;
}

/* A silence of the whole connection, and which ends have spoken since. */
static void follow_silence(struct connection *c, const struct segment *s)
{
	if (c->previous_ns == NONE_NS || s->ts_ns - c->previous_ns < GAP_NS)
		return;
	c->gap_ns = s->ts_ns - c->previous_ns;
	c->initiator_since_gap = c->responder_since_gap = false;
}

static bool take_segment(struct connection *c, enum side from, const struct segment *s,
			 const struct moment *at)
{
	struct direction *d = &c->dir[from];
	const struct data_mark before = {.end = d->data_end, .known = d->data};
	bool is_fin = s->flags & TCP_FIN, ok = true;
	enum fin_verdict fin = is_fin ? fin_acceptable(c, from, s) : FIN_COUNTS;
	/* a FIN that does not count changes nothing: its number is not in use */
	uint32_t end = s->seq + segment_length(s) - (fin == FIN_COUNTS ? 0 : 1);
	int64_t silence = is_fin ? silence_before_fin(c, from, s) : 0;

	count_attempts(c, from, s);
	if (s->flags & TCP_SYN)
		take_syn(c, from, s);
	if ((s->flags & TCP_SYN) && (s->flags & TCP_ACK) && from == SIDE_RESPONDER)
		review_handshake(c);
	follow_handshake(c, from, s);
	ok &= take_ack(c, from, s, at, is_fin && fin == FIN_COUNTS);
	ok &= fin_followed(c, from, s, at);
	take_ip_and_options(d, s);
	if (fin == FIN_COUNTS || s->payload_len > 0 || (s->flags & TCP_SYN)) {
		take_payload(c, from, s);
		d->last_end = end;
	} else {
		end = d->snd_nxt;
	}
	if (is_fin) {
		bool first = !c->teardown || !c->teardown->fin[from].seen;

		ok &= fin_captured(c, from, s, at, fin, before);
		if (first && c->teardown && c->teardown->fin[from].seen)
			c->teardown->fin_silence[from] = silence;
	}
	d->plain |= !(s->flags & (TCP_SYN | TCP_FIN));
	resolve_doubts(c, from);
	follow_simultaneous_open(c, s);
	return ok & reset_outlived(c, from, s, end, at);
}

bool intake(struct connection *c, enum side from, const struct segment *s, const struct moment *at,
	    int64_t two_msl_ns, bool keep_ladder)
{
	bool ok, closed = c->teardown && c->teardown->closed.ordinal;

	follow_silence(c, s);
	if (s->flags & TCP_RST) {
		ok = reset_take(c, from, s, at);
	} else {
		if (c->stray)
			c->stray = false; /* a midstream connection with that RST */
		ok = take_segment(c, from, s, at);
		follow_close(c, at);
	}
	if (closed)
		time_wait_segment(c, from, s, at, two_msl_ns);
	if (from == SIDE_INITIATOR)
		c->initiator_since_gap = true;
	else
		c->responder_since_gap = true;
	intake_count(c, from, s, keep_ladder);
	return ok;
}
