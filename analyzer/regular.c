#include "analyzer/regular.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/sequence.h"
#include "analyzer/time_wait.h"

/* As in intake.c. */
#define GAP_NS INT64_C(1000000000)

enum { SHIFT_MAX = 14, CONTROL = TCP_SYN | TCP_FIN | TCP_RST };

/* Further apart, numbers are compared with a base that moves (ranges_trail()). */
#define SPAN_MAX ((uint32_t)RANGES_SPAN)

static struct regular_moment moment_of(const struct moment *at)
{
	return (struct regular_moment){.ts_ns = at->ts_ns,
				       .packet = (uint32_t)at->packet,
				       .ordinal = (uint32_t)at->ordinal};
}

static bool fits(const struct moment *at)
{
	return (at->packet | at->ordinal) <= UINT32_MAX;
}

static void keep_segment(struct regular *r, enum side from, const struct segment *s)
{
	ladder_offer(&r->ladder, s, from, s->flags & TCP_FIN);
}

/* Any segment: time, silence, TTL, time stamp. */
static void count(struct regular *r, enum side from, const struct segment *s)
{
	struct regular_end *d = &r->end[from];

	if (s->ts_ns - r->last_ns >= GAP_NS) {
		r->gap_ns = s->ts_ns - r->last_ns;
		r->end[0].since_gap = r->end[1].since_gap = false;
	}
	r->last_ns = s->ts_ns;
	d->since_gap = true;
	d->packets++;
	d->ttl_last = s->ttl;
	if (s->has_timestamp) {
		d->timestamps = true;
		d->ts_last = s->ts_val;
	}
}

static void letter(struct regular *r, enum side from, char upper)
{
	r->history[r->letters++] = (char)(from == SIDE_INITIATOR ? upper : upper + ('a' - 'A'));
}

/* ---- the handshake ---- */

static bool is_plain_syn(const struct segment *s, uint8_t flags)
{
	return (s->flags & (CONTROL | TCP_ACK)) == flags && s->payload_len == 0 && s->window > 0 &&
	       (s->wscale <= SHIFT_MAX || s->wscale == WSCALE_NONE);
}

static void take_syn(struct regular *r, enum side from, const struct segment *s, char upper)
{
	struct regular_end *d = &r->end[from];

	d->isn = s->seq;
	d->snd_nxt = s->seq + 1;
	d->wscale = s->wscale;
	d->window = s->window;
	d->window_max = s->window;
	d->ttl_first = s->ttl;
	letter(r, from, upper);
	count(r, from, s);
}

bool regular_start(struct regular *r, const struct segment *s, const struct moment *at,
		   bool keep_ladder)
{
	struct ladder room;

	if (!is_plain_syn(s, TCP_SYN) || !fits(at))
		return false;
	room = r->ladder;
	memset(r, 0, sizeof(*r));
	r->ladder.segment = room.segment;
	r->ladder.capacity = room.capacity;
	r->first_ns = r->last_ns = s->ts_ns;
	r->handshake_rtt_ns = NONE_NS;
	r->first_packet = (uint32_t)s->packet;
	r->file = s->file;
	take_syn(r, SIDE_INITIATOR, s, 'S');
	if (keep_ladder)
		keep_segment(r, SIDE_INITIATOR, s);
	return true;
}

void regular_agree_on_scaling(struct regular *r)
{
	struct regular_end *i = &r->end[SIDE_INITIATOR], *p = &r->end[SIDE_RESPONDER];

	if (i->wscale == WSCALE_NONE || p->wscale == WSCALE_NONE)
		return;
	i->shift = i->wscale;
	p->shift = p->wscale;
}

static bool take_syn_ack(struct regular *r, enum side from, const struct segment *s)
{
	struct regular_end *d = &r->end[SIDE_RESPONDER];

	if (from != SIDE_RESPONDER || !is_plain_syn(s, TCP_SYN | TCP_ACK) ||
	    s->ack != r->end[SIDE_INITIATOR].snd_nxt || s->ack == 0)
		return false;
	take_syn(r, from, s, 'H');
	d->acks[0] = s->ack;
	d->ack_count = 1;
	d->window_right = s->ack + s->window;
	regular_agree_on_scaling(r);
	r->stage = REGULAR_SYN_RECEIVED;
	return true;
}

/* ---- behind it ---- */

/* The conditions for what has ACK and neither SYN nor RST; see the header. */
static bool is_next(const struct regular *r, enum side from, const struct segment *s)
{
	const struct regular_end *d = &r->end[from], *peer = &r->end[peer_of(from)];
	uint32_t una = d->ack_count > 0 ? d->acks[0] : peer->isn + 1;
	bool fin = s->flags & TCP_FIN, alone = s->payload_len == 0 && !fin;

	if ((s->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK || s->seq != d->snd_nxt ||
	    s->ack - una > peer->snd_nxt - una || s->ack == 0 || s->window == 0)
		return false;
	if (d->fin && !alone)
		return false;
	if (s->payload_len >= SPAN_MAX - (d->snd_nxt - d->isn))
		return false;
	if (fin && seq_gt(s->seq, peer->window_right))
		return false;
	/* the same ACK again, of all but the peer's FIN: was it consumed? */
	return !(alone && peer->fin && s->ack == peer->snd_nxt - 1 && s->ack == d->acks[0] &&
		 s->window == d->window && d->ack_count > 0);
}

static void take_ack(struct regular_end *d, const struct segment *s)
{
	uint32_t size = (uint32_t)s->window << d->shift, edge = s->ack + size;

	if (d->ack_count == 0 || seq_gt(edge, d->window_right))
		d->window_right = edge;
	if (size > d->window_max)
		d->window_max = size;
	d->window = s->window;
	if (d->ack_count == 0 || s->ack != d->acks[0]) {
		memmove(&d->acks[1], &d->acks[0], sizeof(d->acks) - sizeof(d->acks[0]));
		d->acks[0] = s->ack;
		d->ack_count = d->ack_count < RECENT_ACKS ? (uint8_t)(d->ack_count + 1)
							  : RECENT_ACKS;
		d->ack_max_by_fin = s->flags & TCP_FIN;
	}
}

/* How long the sender of a FIN knew of no payload (intake.c has the same of the full form). */
static int64_t silence_before_fin(const struct regular *r, enum side from, const struct segment *s)
{
	const struct regular_end *d = &r->end[from], *peer = &r->end[peer_of(from)];
	int64_t latest = r->last_ns;

	if (s->payload_len > 0)
		return 0;
	if (d->data)
		latest = d->data_ns;
	if (peer->data && seq_ge(s->ack, peer->snd_nxt - peer->fin) &&
	    (!d->data || peer->data_ns > latest))
		latest = peer->data_ns;
	return s->ts_ns - latest;
}

static void take_payload(struct regular *r, enum side from, const struct segment *s)
{
	struct regular_end *d = &r->end[from];
	const struct regular_end *peer = &r->end[peer_of(from)];

	d->snd_nxt += s->payload_len;
	d->data_ns = s->ts_ns;
	d->data = true;
	r->data_segments++;
	if (peer->fin && s->ack == peer->snd_nxt)
		d->half_close += s->payload_len;
}

static void take_fin(struct regular *r, enum side from, const struct segment *s,
		     const struct moment *at)
{
	struct regular_end *d = &r->end[from];

	d->fin = true;
	d->snd_nxt++;
	d->fin_at = moment_of(at);
	d->fin_payload = s->payload_len;
	d->fin_ack = s->ack;
	letter(r, from, 'F');
}

/* The letters that a segment without control bits earns. */
static void take_plain(struct regular *r, enum side from, const struct segment *s)
{
	struct regular_end *d = &r->end[from];

	d->plain = true;
	if (s->payload_len > 0) {
		if (!d->data_alone)
			letter(r, from, 'D');
		d->data_alone = true;
	} else {
		if (!d->bare_ack)
			letter(r, from, 'A');
		d->bare_ack = true;
	}
}

/* The peer's FIN, acknowledged for the first time. */
static void cover(struct regular *r, enum side from, const struct segment *s,
		  const struct moment *at)
{
	struct regular_end *peer = &r->end[peer_of(from)];

	if (!peer->fin || peer->covered.ordinal != 0 || s->ack != peer->snd_nxt)
		return;
	peer->covered = moment_of(at);
	peer->covered_by_fin = s->flags & TCP_FIN;
	if (r->end[from].covered.ordinal != 0)
		r->stage = REGULAR_CLOSED;
}

static void take_next(struct regular *r, enum side from, const struct segment *s,
		      const struct moment *at)
{
	struct regular_end *d = &r->end[from];

	if (r->stage == REGULAR_SYN_RECEIVED) {
		r->stage = REGULAR_ESTABLISHED;
		r->handshake_rtt_ns = s->ts_ns - r->first_ns;
	}
	if (s->flags & TCP_FIN)
		d->fin_silence = silence_before_fin(r, from, s);
	take_ack(d, s);
	if (s->payload_len > 0)
		take_payload(r, from, s);
	if (s->flags & TCP_FIN)
		take_fin(r, from, s, at);
	else
		take_plain(r, from, s);
	cover(r, from, s, at);
	count(r, from, s);
}

/* Time, file and numbers are such that they can be kept. */
static bool follows(const struct regular *r, const struct segment *s, const struct moment *at)
{
	return s->ts_ns >= r->last_ns && s->file == r->file && fits(at);
}

bool regular_take_answer(struct regular *r, enum side from, const struct segment *s,
			 const struct moment *at, bool keep_ladder)
{
	if (r->stage != REGULAR_SYN_SENT || !follows(r, s, at) || !take_syn_ack(r, from, s))
		return false;
	if (keep_ladder)
		keep_segment(r, from, s);
	return true;
}

bool regular_take_next(struct regular *r, enum side from, const struct segment *s,
		       const struct moment *at, bool keep_ladder)
{
	if (r->stage != REGULAR_ESTABLISHED &&
	    (r->stage != REGULAR_SYN_RECEIVED || from != SIDE_INITIATOR))
		return false;
	if (!follows(r, s, at) || !is_next(r, from, s))
		return false;
	take_next(r, from, s, at);
	if (keep_ladder)
		keep_segment(r, from, s);
	return true;
}

/* ---- the full form ---- */

static struct moment full_moment(const struct regular *r, const struct regular_moment *m)
{
	if (m->ordinal == 0)
		return (struct moment){0};
	return (struct moment){
		.ts_ns = m->ts_ns, .packet = m->packet, .ordinal = m->ordinal, .file = r->file};
}

static uint32_t bytes_of(const struct regular_end *d)
{
	return d->packets > 0 ? d->snd_nxt - d->isn - 1 - d->fin : 0;
}

static void expand_numbers(const struct regular_end *from, const struct regular_end *peer,
			   struct direction *d)
{
	d->packets = from->packets;
	d->bytes = bytes_of(from);
	d->data_ns = from->data_ns;
	d->captured = (struct ranges){
		.base = from->isn + 1, .end = from->snd_nxt, .started = true, .fixed_base = true};
	d->isn = from->isn;
	d->syn_end = from->isn + 1;
	d->snd_nxt = d->last_end = from->snd_nxt;
	d->data_end = from->data ? from->snd_nxt - from->fin : 0;
	memcpy(d->acks, from->acks, sizeof(d->acks));
	d->ack_count = from->ack_count;
	d->ack_max = from->acks[0];
	d->window_right = from->window_right;
	d->window_max = from->window_max;
	d->window = from->window;
	d->wscale = from->wscale;
	d->ts_last = from->ts_last;
	d->peer_ack = peer->acks[0];
	d->ttl_first = from->ttl_first;
	d->ttl_last = from->ttl_last;
}

static void expand_marks(const struct regular_end *from, const struct regular_end *peer,
			 enum side side, struct direction *d)
{
	d->seen = d->spoke = d->isn_known = d->nxt_known = true;
	d->syn = d->bare = side == SIDE_INITIATOR;
	d->bare_end = side == SIDE_INITIATOR ? from->isn + 1 : 0;
	d->syn_ack = side == SIDE_RESPONDER;
	d->plain = from->plain;
	d->acked = d->window_seen = from->ack_count > 0;
	d->ack_max_by_fin = from->ack_max_by_fin;
	d->window_in_syn = from->packets == 1;
	d->timestamps = from->timestamps;
	d->peer_acked = peer->ack_count > 0;
	d->data = from->data;
}

static void expand_zeek(const struct regular *r, struct zeek *z)
{
	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *d = &r->end[side], *peer = &r->end[!side];

		if (d->packets > 0)
			zeek_put(z, (enum side)side,
				 &(struct zeek_sent){
					 .isn = d->isn,
					 .nxt = d->snd_nxt,
					 .acked = peer->ack_count > 0 ? peer->acks[0] - d->isn : 0,
					 .synchronized = r->stage != REGULAR_SYN_SENT,
					 .fin = d->fin,
					 .bare_ack = d->bare_ack,
					 .data = d->data_alone,
				 });
	}
	zeek_put_history(z, r->history, r->letters);
}

static void expand_fin(const struct regular *r, enum side side, struct teardown_part *t)
{
	const struct regular_end *d = &r->end[side];
	struct fin *f = &t->fin[side];
	bool had_data = bytes_of(d) > d->fin_payload;

	t->half_close[side] = d->half_close;
	if (!d->fin)
		return;
	t->fin_silence[side] = d->fin_silence;
	f->at = full_moment(r, &d->fin_at);
	f->covered = full_moment(r, &d->covered);
	f->seq = d->snd_nxt - 1;
	f->payload = d->fin_payload;
	f->ack = d->fin_ack;
	f->data_before = had_data ? f->seq - f->payload : 0;
	f->seen = f->has_ack = f->in_order = true;
	f->had_data = had_data;
	f->covered_exactly = d->covered.ordinal != 0;
	f->covered_by_fin = d->covered_by_fin;
}

static void expand_teardown(const struct regular *r, int64_t followed_ns, struct connection *c,
			    struct teardown_part *t)
{
	const struct fin *fin = t->fin;

	memset(t, 0, sizeof(*t));
	c->teardown = t;
	for (int side = 0; side < SIDES; side++)
		expand_fin(r, (enum side)side, t);
	if (r->stage != REGULAR_CLOSED)
		return;
	t->closed = moment_before(&fin[0].covered, &fin[1].covered) ? fin[1].covered
								    : fin[0].covered;
	time_wait_enter(c);
	if (r->reuse.by == REUSE_BY_NULL)
		return;
	t->reuse.ts_ns = followed_ns;
	time_wait_put_reuse(t, &r->reuse);
}

void regular_expand(const struct regular *r, const struct regular_beside *beside,
		    struct connection *c, struct teardown_part *t)
{
	memset(c, 0, sizeof(*c));
	c->first_ns = c->syn_ns = r->first_ns;
	c->last_ns = c->previous_ns = r->last_ns;
	c->gap_ns = r->gap_ns;
	c->handshake_rtt_ns = r->handshake_rtt_ns;
	c->first_packet = r->first_packet;
	c->first_file = r->file;
	c->data_segments = r->data_segments;
	c->initiator_since_gap = r->end[SIDE_INITIATOR].since_gap;
	c->responder_since_gap = r->end[SIDE_RESPONDER].since_gap;
	c->handshake_done = r->stage >= REGULAR_ESTABLISHED;
	c->ladder = r->ladder;
	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *from = &r->end[side], *peer = &r->end[!side];
		struct direction *d = &c->dir[side];

		d->wscale = WSCALE_NONE;
		if (from->packets == 0)
			continue;
		d->vlan_tags = beside->vlan_tags[side];
		expand_numbers(from, peer, d);
		expand_marks(from, peer, (enum side)side, d);
	}
	expand_zeek(r, &c->zeek);
	if (r->end[0].fin || r->end[1].fin)
		expand_teardown(r, beside->followed_ns, c, t);
}

/* ---- once it is closed ---- */

static bool comes_before(const struct regular_moment *x, const struct regular_moment *y)
{
	return x->ordinal < y->ordinal;
}

/* As time_wait_enter() finds it of the full form: nobody acknowledged a FIN before it was captured, so
 * that the first one captured is the closer's. */
struct regular_close regular_close_of(const struct regular *r)
{
	enum side side = comes_before(&r->end[SIDE_RESPONDER].fin_at,
				      &r->end[SIDE_INITIATOR].fin_at)
				 ? SIDE_RESPONDER
				 : SIDE_INITIATOR;
	const struct regular_end *first = &r->end[side], *last = &r->end[peer_of(side)];
	bool crossed = last->fin_ack != first->snd_nxt;

	return (struct regular_close){
		.first = side,
		.crossed = crossed,
		.entry_ns = crossed && comes_before(&last->covered, &first->covered)
				    ? first->covered.ts_ns
				    : last->covered.ts_ns,
	};
}

struct time_wait_state regular_close_time_wait(const struct regular_close *close,
					       const struct regular_end *end)
{
	struct time_wait_state state = {
		.timestamps = end->timestamps,
		.ts_last = end->ts_last,
		.fin_seq = end->snd_nxt - 1,
		.clock_ns = {close->entry_ns, close->entry_ns},
	};

	state.entered[close->first] = true;
	state.entered[peer_of(close->first)] = close->crossed;
	return state;
}

struct time_wait_state regular_time_wait(const struct regular *r, enum side from)
{
	struct regular_close close = regular_close_of(r);

	return regular_close_time_wait(&close, &r->end[from]);
}

bool regular_is_clean(const struct regular *r, int64_t stuck_ns)
{
	int64_t first = r->end[0].fin_at.ts_ns < r->end[1].fin_at.ts_ns ? r->end[0].fin_at.ts_ns
									: r->end[1].fin_at.ts_ns;

	return r->stage == REGULAR_CLOSED && r->last_ns - first < stuck_ns;
}

size_t regular_memory(const struct regular *r)
{
	return sizeof(*r) + ladder_memory(&r->ladder);
}

void regular_free(struct regular *r)
{
	if (!r)
		return;
	ladder_free(&r->ladder);
	free(r);
}
