#include "analyzer/reset.h"

#include "analyzer/sequence.h"
#include "analyzer/timeline.h"

#define IDLE_NS INT64_C(60000000000)

enum { TTL_TOLERANCE = 2, RESENT_LIMIT = 3 };

bool reset_answers_ack(const struct connection *c, enum side from, uint32_t seq)
{
	const struct direction *receiver = &c->dir[peer_of(from)];

	for (uint8_t i = 0; i < receiver->ack_count; i++)
		if (receiver->acks[i] == seq)
			return true;
	return false;
}

static bool acknowledges_syn(const struct connection *c, enum side of, const struct segment *s)
{
	const struct direction *d = &c->dir[of];

	return (s->flags & TCP_ACK) && d->isn_known && seq_gt(s->ack, d->isn) &&
	       seq_le(s->ack, d->snd_nxt);
}

/* From the responder before its SYN|ACK: the initiator is in SYN-SENT, or in SYN-RECEIVED after
 * crossing SYNs. */
static bool answers_syn(const struct connection *c, enum side from)
{
	return from == SIDE_RESPONDER && !c->handshake_done && c->dir[SIDE_INITIATOR].syn &&
	       !c->dir[SIDE_RESPONDER].syn_ack;
}

static bool is_exact(const struct connection *c, enum side from, uint32_t seq)
{
	const struct direction *sender = &c->dir[from];

	if (reset_answers_ack(c, from, seq))
		return true;
	if (sender->nxt_known && (seq == sender->snd_nxt || seq == sender->last_end))
		return true;
	return c->teardown && c->teardown->fin[from].seen && seq == c->teardown->fin[from].seq;
}

/* Inside what the receiver advertises: from its last ACK, or from the sender's ISN + 1 before any. */
static bool is_in_window(const struct connection *c, enum side from, uint32_t seq)
{
	const struct direction *sender = &c->dir[from], *receiver = &c->dir[peer_of(from)];
	uint32_t left, size = receiver->window;
	uint8_t shift = 0;

	if (receiver->acked)
		left = receiver->acks[0];
	else if (sender->isn_known)
		left = sender->isn + 1;
	else
		return false;
	if (!receiver->window_in_syn && connection_window_shift(c, peer_of(from), &shift))
		size <<= shift;
	return seq - left < size;
}

enum rst_class reset_class(const struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *sender = &c->dir[from], *receiver = &c->dir[peer_of(from)];

	if (answers_syn(c, from) && acknowledges_syn(c, SIDE_INITIATOR, s))
		return RST_EXACT;
	if (connection_syn_sent(c)) {
		if (from == SIDE_RESPONDER)
			return RST_OUT_OF_WINDOW;
		if (s->seq == sender->isn || s->seq == sender->isn + 1)
			return RST_EXACT;
	}
	if (c->midstream && !receiver->acked)
		return RST_EXACT;
	if (is_exact(c, from, s->seq))
		return RST_EXACT;
	return is_in_window(c, from, s->seq) ? RST_IN_WINDOW : RST_OUT_OF_WINDOW;
}

static enum rst_stage stage_of(const struct connection *c, enum side from)
{
	static const uint8_t of_state[ENDPOINT_STATES] = {
		[STATE_FIN_WAIT_1] = RST_STAGE_FIN_WAIT_1,
		[STATE_FIN_WAIT_2] = RST_STAGE_FIN_WAIT_2,
		[STATE_CLOSING] = RST_STAGE_CLOSING,
		[STATE_CLOSE_WAIT] = RST_STAGE_CLOSE_WAIT,
		[STATE_LAST_ACK] = RST_STAGE_LAST_ACK,
	};
	enum endpoint_state state;

	if (!c->handshake_done)
		return RST_STAGE_SYN;
	/* TIME_WAIT and CLOSED need both FINs covered: such a connection has ended */
	state = timeline_state(c, from);
	if (state != STATE_ESTABLISHED)
		return of_state[state];
	if (c->data_segments == 0)
		return RST_STAGE_ESTABLISHED_NO_DATA;
	return c->data_segments == 1 ? RST_STAGE_AFTER_FIRST_DATA : RST_STAGE_ESTABLISHED;
}

/* Data of the peer, captured before or after the sender's FIN, that the sender never covered. */
static bool is_data_after_close(const struct connection *c, enum side from)
{
	const struct direction *sender = &c->dir[from], *peer = &c->dir[peer_of(from)];

	if (!c->teardown || !c->teardown->fin[from].seen || !peer->data)
		return false;
	return !sender->acked || seq_gt(peer->data_end, sender->ack_max);
}

/* RFC 9293, 3.10.7.1: a stack without state answers an ACK with <SEQ=SEG.ACK><CTL=RST>, a segment
 * without ACK with <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
static bool is_no_such_connection(const struct connection *c, enum side from,
				  const struct segment *s)
{
	const struct direction *receiver = &c->dir[peer_of(from)];

	if (!(s->flags & TCP_ACK))
		return reset_answers_ack(c, from, s->seq);
	return s->seq == 0 && receiver->bare && s->ack == receiver->bare_end;
}

static bool is_unread_data(const struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *sender = &c->dir[from], *peer = &c->dir[peer_of(from)];

	if (!(s->flags & TCP_ACK) || !peer->data)
		return false;
	if (!sender->acked)
		return peer->bytes > 0;
	return seq_gt(s->ack, sender->ack_max) && seq_gt(peer->data_end, sender->ack_max);
}

static enum rst_cause cause_of(const struct connection *c, enum side from, const struct segment *s,
			       int64_t silence_ns)
{
	const struct direction *sender = &c->dir[from];

	if (answers_syn(c, from))
		return RST_CAUSE_PORT_CLOSED;
	if (from == SIDE_INITIATOR && !c->handshake_done && c->dir[SIDE_RESPONDER].syn_ack)
		return RST_CAUSE_HALF_OPEN;
	if (is_data_after_close(c, from))
		return RST_CAUSE_DATA_AFTER_CLOSE;
	if (is_no_such_connection(c, from, s))
		return RST_CAUSE_NO_SUCH_CONNECTION;
	if (sender->resent >= RESENT_LIMIT)
		return RST_CAUSE_RETRANSMISSION_FAILURE;
	if (sender->probes > 0)
		return RST_CAUSE_KEEPALIVE_FAILURE;
	if (silence_ns >= IDLE_NS)
		return RST_CAUSE_IDLE_TIMEOUT;
	if (is_unread_data(c, from, s))
		return RST_CAUSE_UNREAD_DATA;
	return RST_CAUSE_APPLICATION_ABORT;
}

static bool ttl_differs(uint8_t x, uint8_t y)
{
	return x > y ? x - y > TTL_TOLERANCE : y - x > TTL_TOLERANCE;
}

/* No end went on since this RST was taken in: another exact one now says nothing that it does not. */
static bool says_the_same(const struct connection *c, const struct rst_hypothesis *h)
{
	for (int side = 0; side < SIDES; side++)
		if (h->nxt[side] != c->dir[side].snd_nxt ||
		    h->nxt_known[side] != c->dir[side].nxt_known ||
		    h->ack[side] != c->dir[side].ack_max ||
		    h->ack_known[side] != c->dir[side].acked)
			return false;
	return h->exact;
}

/* Of several RSTs in the window from one end the first is enough: what the receiver does next decides
 * them all. */
static bool stands_for(const struct rst_hypothesis *h, enum side from)
{
	return !h->exact && h->by == from;
}

/* The last silence, if the sender had sent nothing since: then the reset answers what broke it. */
static int64_t idle_before(const struct connection *c, enum side from)
{
	bool spoke = from == SIDE_INITIATOR ? c->initiator_since_gap : c->responder_since_gap;

	return c->gap_ns > 0 && !spoke ? c->gap_ns : NONE_NS;
}

static void hypothesis_add(struct connection *c, enum side from, const struct segment *s,
			   const struct moment *at, bool exact)
{
	struct teardown_part *t = c->teardown;
	const struct direction *sender = &c->dir[from];
	struct rst_hypothesis *h;
	int64_t silence = c->previous_ns == NONE_NS ? 0 : at->ts_ns - c->previous_ns;

	for (uint32_t i = 0; i < t->rst_count; i++)
		if (exact ? says_the_same(c, &t->rst[i]) : stands_for(&t->rst[i], from))
			return;
	if (t->rst_count == RST_HYPOTHESES && exact) {
		t->rst_count--; /* the latest makes room: the first of them is told */
		c->limits |= LIMIT_RSTS;
	} else if (t->rst_count == RST_HYPOTHESES) {
		c->limits |= LIMIT_RSTS;
		return;
	}
	if (silence < 0)
		silence = 0;
	h = &t->rst[t->rst_count++];
	*h = (struct rst_hypothesis){
		.at = *at,
		.silence_ns = silence,
		.by = (uint8_t)from,
		.stage = (uint8_t)stage_of(c, from),
		.cause = (uint8_t)cause_of(c, from, s, silence),
		.exact = exact,
		.idle_ns = idle_before(c, from),
		.ttl = s->ttl,
		.flags = s->flags,
		.ttl_first = sender->ttl_first,
		.ttl_last = sender->ttl_last,
		.odd_ttl = sender->spoke && ttl_differs(s->ttl, sender->ttl_first) &&
			   ttl_differs(s->ttl, sender->ttl_last),
	};
	for (int side = 0; side < SIDES; side++) {
		h->in_window_before[side] = t->in_window[side];
		h->out_of_window_before[side] = t->out_of_window[side];
		h->nxt[side] = c->dir[side].snd_nxt;
		h->nxt_known[side] = c->dir[side].nxt_known;
		h->ack[side] = c->dir[side].ack_max;
		h->ack_known[side] = c->dir[side].acked;
	}
}

bool reset_take(struct connection *c, enum side from, const struct segment *s,
		const struct moment *at)
{
	struct teardown_part *t = connection_teardown(c);
	enum rst_class class;

	if (!t)
		return false;
	t->rsts[from]++;
	if (t->closed.ordinal) /* section 5 looks at these */
		return true;
	for (uint32_t i = 0; i < t->rst_count; i++)
		if (t->rst[i].by != from)
			t->rst[i].receiver_reset = true;
	t->last_rst_ordinal = at->ordinal;
	class = reset_class(c, from, s);
	if (class != RST_OUT_OF_WINDOW)
		hypothesis_add(c, from, s, at, class == RST_EXACT);
	if (class == RST_EXACT)
		return true;
	if (class == RST_IN_WINDOW)
		t->in_window[from]++;
	else
		t->out_of_window[from]++;
	return connection_event(
		c, class == RST_IN_WINDOW ? FINDING_RST_IN_WINDOW : FINDING_RST_OUT_OF_WINDOW, from,
		at, s->seq, c->dir[peer_of(from)].acked ? c->dir[peer_of(from)].acks[0] : 0);
}

/* This end sent sequence numbers or acknowledged ones that were new since the RST. */
static bool went_on(const struct rst_hypothesis *h, enum side from, const struct segment *s,
		    uint32_t end)
{
	if (h->nxt_known[from] ? seq_gt(end, h->nxt[from]) : true)
		return true;
	if (!(s->flags & TCP_ACK))
		return false;
	return h->ack_known[from] ? seq_gt(s->ack, h->ack[from]) : true;
}

bool reset_outlived(struct connection *c, enum side from, const struct segment *s, uint32_t end,
		    const struct moment *at)
{
	struct teardown_part *t = c->teardown;
	uint32_t kept = 0;
	bool ok = true;

	if (!t || t->rst_count == 0)
		return true;
	for (uint32_t i = 0; i < t->rst_count; i++) {
		struct rst_hypothesis *h = &t->rst[i];
		bool dead = false;

		if (h->at.ordinal >= at->ordinal) {
			dead = false;
		} else if (h->exact) {
			h->advanced[from] |= went_on(h, from, s, end);
			dead = h->advanced[SIDE_INITIATOR] && h->advanced[SIDE_RESPONDER];
			if (dead) {
				t->rst_injected = true;
				ok &= connection_event(c, FINDING_RST_INJECTED, (enum side)h->by,
						       &h->at, 1, 0);
			}
		} else if (h->by != from) {
			dead = true; /* the receiver lives: the RST was not accepted */
		}
		if (!dead)
			t->rst[kept++] = *h;
	}
	t->rst_count = kept;
	return ok;
}
