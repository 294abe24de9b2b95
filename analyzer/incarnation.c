#include "analyzer/incarnation.h"

#include <stdlib.h>

#include "analyzer/intake.h"
#include "analyzer/remember.h"
#include "analyzer/reset.h"
#include "analyzer/sequence.h"
#include "analyzer/time_wait.h"

enum { OLDER_STEPS = 8 };

static struct connection *connection_new(const struct segment *s)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->first_ns = INT64_MAX;
	c->last_ns = INT64_MIN;
	c->previous_ns = c->syn_ns = c->handshake_rtt_ns = NONE_NS;
	c->first_packet = s->packet;
	c->first_file = s->file;
	for (int side = 0; side < SIDES; side++)
		c->dir[side].wscale = WSCALE_NONE;
	return c;
}

/* A SYN uses the tuple of a connection that has ended again. */
static void reuse(struct engine *e, struct flow *old, struct connection *c, const struct arrival *a)
{
	time_wait_reuse(c, flow_side(old, a->way), a->segment, &a->at, e->two_msl_ns);
	old->awaits_answer = c->teardown && c->teardown->reuse_by != REUSE_BY_NULL;
}

/* The same of a regular one that has closed. False where a finding will tell of the SYN: then all of
 * its moment is to be kept, in the full form. */
static bool reuse_regular(struct engine *e, struct flow *old, const struct arrival *a)
{
	enum side from = flow_side(old, a->way);
	struct time_wait_state state;
	struct time_wait_reuse reuse;

	if (!remember_time_wait(old, from, &state))
		return false;
	reuse = time_wait_reuse_of(&state, from, a->segment, e->two_msl_ns);
	if (reuse.rule == REUSE_RULE_NONE)
		return false;
	*remember_reuse(old) = reuse;
	old->awaits_answer = reuse.by != REUSE_BY_NULL;
	return true;
}

/* The running flow makes room for the next incarnation of its lane. */
static void succeed(struct engine *e, struct flow *old, struct flow *successor,
		    const struct arrival *a)
{
	bool syn = (a->segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	struct connection *c;

	flow_retire(e->table, old, successor);
	if (old->followed_ns != NONE_NS)
		return; /* it runs again only as the one that followed it was forgotten */
	if (!syn || !reuse_regular(e, old, a)) {
		c = remember_full(e, old);
		if (!c)
			return;
		if (!connection_ended(c)) {
			old->superseded = true;
			flow_touch(e->table, old, QUEUE_ENDED, e->now_ns);
		}
		if (syn)
			reuse(e, old, c, a);
	}
	old->followed_ns = a->segment->ts_ns;
	remember_settle(e, old);
}

static struct flow *enter(struct engine *e, const struct arrival *a, struct flow *old,
			  enum way initiator_way)
{
	struct flow *f = flow_add(e->table, a->hash, &a->key, &a->segment->tunnel);

	if (!f)
		return NULL;
	f->initiator_way = initiator_way & 1u;
	if (old)
		succeed(e, old, f, a);
	return f;
}

static struct flow *start(struct engine *e, const struct arrival *a, struct flow *old,
			  enum way initiator_way)
{
	struct connection *c = connection_new(a->segment);
	struct flow *f = c ? enter(e, a, old, initiator_way) : NULL;

	if (!f) {
		free(c);
		return NULL;
	}
	flow_set_live(f, c);
	return f;
}

/* The short way (regular.h); false where it is closed, or there is no memory. */
static bool start_regular(struct engine *e, const struct arrival *a, struct flow *old,
			  struct place *place)
{
	struct regular *r;

	if (e->config.no_short_way)
		return false;
	r = spares_take(&e->spares);
	if (!r)
		return false;
	if (!regular_start(r, a->segment, &a->at, e->config.ladders != LADDERS_NONE)) {
		spares_give(&e->spares, r);
		return false;
	}
	*place = (struct place){enter(e, a, old, a->way), PLACE_TAKEN};
	if (!place->flow) {
		regular_free(r);
		return true;
	}
	place->flow->as.regular = r;
	place->flow->form = FORM_REGULAR;
	return true;
}

static enum way reverse(enum way way)
{
	return way == LOW_TO_HIGH ? HIGH_TO_LOW : LOW_TO_HIGH;
}

static struct place take(struct flow *f)
{
	return (struct place){f, PLACE_TAKE};
}

/* By a SYN. */
static struct place start_anew(struct engine *e, const struct arrival *a, struct flow *old)
{
	struct place place;

	return start_regular(e, a, old, &place) ? place : take(start(e, a, old, a->way));
}

/* Neither SYN nor SYN|ACK was captured: the higher port is taken as initiator. */
static struct place start_midstream(struct engine *e, const struct arrival *a)
{
	const struct segment *s = a->segment;
	struct flow *f = start(e, a, NULL, s->sport >= s->dport ? a->way : reverse(a->way));

	if (f) {
		f->as.live->midstream = true;
		f->as.live->handshake_done = true;
		f->as.live->stray = s->flags & TCP_RST;
	}
	return take(f);
}

static const struct noted_syn *noted_syn_acked_by(const struct connection *c, enum side from,
						  const struct segment *s, bool refused)
{
	const struct noted_syn *found = NULL;

	for (int i = 0; c->notes && i < NOTED_SYNS; i++) {
		const struct noted_syn *n = &c->notes->syn[i];
		uint32_t isn = n->segment.seq, end = isn + segment_length(&n->segment);

		if (!n->used || n->from == from || n->refused_again != refused)
			continue;
		if (!seq_gt(s->ack, isn) || seq_gt(s->ack, end))
			continue;
		/* a refused SYN starts something only behind the last RST that refused it */
		if (refused && n->at.ordinal < c->teardown->last_rst_ordinal)
			continue;
		if (!found || moment_before(&n->at, &found->at))
			found = n;
	}
	return found;
}

void incarnation_note_duplicate(struct flow *flow, const struct segment *s)
{
	struct connection *c = flow_live(flow);

	if (!c || !c->notes || (s->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return;
	for (int i = NOTED_SYNS - 1; i >= 0; i--) {
		struct noted_syn *n = &c->notes->syn[i];

		if (n->used && n->segment.seq == s->seq && n->segment.ip_id == s->ip_id &&
		    n->segment.sport == s->sport && s->ts_ns - n->at.ts_ns <= DUPLICATE_WITHIN_NS) {
			n->duplicates++;
			return;
		}
	}
}

/* Takes a noted SYN away from the connection that it did not belong to. */
static void give_up_noted(struct flow *flow, struct connection *c, struct noted_syn *n)
{
	enum side side = (enum side)n->from;

	flow->duplicates -= n->duplicates;
	c->dir[side].packets--;
	c->dir[side].seen = c->dir[side].packets > 0;
	zeek_take_back_syn(&c->zeek, side);
	ladder_take_back(&c->ladder, n->segment.file, n->segment.packet);
	n->used = false;
}

/* A noted SYN was acknowledged: the new incarnation starts at that SYN, and what was noted behind it
 * are its retransmissions. */
static struct place start_from_noted(struct engine *e, const struct arrival *a,
				     struct flow *running, const struct noted_syn *noted)
{
	struct connection *c = remember_full(e, running);
	struct noted_syn own[NOTED_SYNS] = {0}; /* noted is one of them */
	struct arrival first = *a;
	struct flow *f;
	int count = 0;

	for (int i = 0; i < NOTED_SYNS; i++) {
		struct noted_syn *n = &c->notes->syn[i];

		if (n->used && n->segment.seq == noted->segment.seq && n->from == noted->from &&
		    n->at.ordinal >= noted->at.ordinal) {
			own[count++] = *n;
			give_up_noted(running, c, n);
		}
	}
	first.segment = &own[0].segment;
	first.at = own[0].at;
	first.way = flow_way(running, (enum side)own[0].from);
	f = start(e, &first, running, first.way);
	if (!f || !flow_sees(e->table, f, first.way, own[0].segment.vlan_tags))
		return take(NULL);
	e->moved_from = running;
	for (int i = 0; i < count; i++) {
		e->moved[e->moved_count++] = own[i];
		f->duplicates += own[i].duplicates;
		if (e->duplicates) /* its copies that are still to come belong here, too */
			duplicates_add(e->duplicates,
				       duplicates_hash(a->hash ^ first.way, &own[i].segment),
				       a->hash ^ first.way, &own[i].segment, f, f->serial);
		if (!intake(f->as.live, SIDE_INITIATOR, &own[i].segment, &own[i].at, e->two_msl_ns,
			    e->config.ladders != LADDERS_NONE))
			return take(NULL);
	}
	return take(f);
}

static bool is_refused(const struct connection *c)
{
	const struct rst_hypothesis *reset = connection_reset(c, false, false);

	return reset && reset->cause == RST_CAUSE_PORT_CLOSED && connection_syn_sent(c);
}

/* The responder has only acknowledged the SYN so far: its own SYN makes this a split handshake. It is
 * another SYN if the initiator has acknowledged other numbers. */
static bool is_split_handshake(const struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *r = &c->dir[SIDE_RESPONDER], *i = &c->dir[SIDE_INITIATOR];

	if (from != SIDE_RESPONDER || c->midstream || r->isn_known || r->bytes > 0)
		return false;
	if (i->acked && i->ack_max != s->seq + 1)
		return false;
	return !r->captured.started || r->captured.base == s->seq || r->captured.base == s->seq + 1;
}

/* The first thing seen of this side follows the SYN: they changed places on the way to the tap. */
static bool is_late_syn(const struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *d = &c->dir[from];

	return from == SIDE_INITIATOR && !d->isn_known && d->captured.started &&
	       d->captured.base == s->seq + 1;
}

/* A stray SYN that this one repeats: once the old incarnation has ended, the new one began there. */
static const struct noted_syn *noted_syn_again(const struct connection *c, enum side from,
					       const struct segment *s)
{
	for (int i = 0; c->notes && i < NOTED_SYNS; i++) {
		const struct noted_syn *n = &c->notes->syn[i];

		if (n->used && !n->refused_again && n->from == from && n->segment.seq == s->seq)
			return n;
	}
	return NULL;
}

static struct place place_syn(struct engine *e, const struct arrival *a, struct flow *running)
{
	struct connection *c = remember_full(e, running);
	enum side from = flow_side(running, a->way);
	const struct direction *d = &c->dir[from];
	bool same_isn = d->isn_known && d->isn == a->segment->seq;
	const struct noted_syn *noted;

	if (connection_ended(c)) {
		if (same_isn && from == SIDE_INITIATOR && is_refused(c))
			return (struct place){running, PLACE_NOTE};
		noted = noted_syn_again(c, from, a->segment);
		if (noted)
			return start_from_noted(e, a, running, noted);
		return start_anew(e, a, running);
	}
	if (same_isn)
		return take(running);
	if (connection_syn_sent(c))
		return from == SIDE_RESPONDER ? take(running) : start_anew(e, a, running);
	if (is_split_handshake(c, from, a->segment) || is_late_syn(c, from, a->segment)) {
		c->midstream = false;
		return take(running);
	}
	return (struct place){running, PLACE_NOTE};
}

static bool acks_syn_of(const struct connection *c, enum side of, const struct segment *s)
{
	const struct direction *d = &c->dir[of];

	return d->isn_known && seq_gt(s->ack, d->isn) && seq_le(s->ack, d->syn_end);
}

/* Another SYN|ACK than the first one, with another ISN: the initiator will choose. */
static bool note_rival(struct connection *c, const struct segment *s)
{
	struct notes *n = connection_notes(c);

	if (!n)
		return false;
	for (int i = 0; i < NOTED_SYNS; i++)
		if (n->rival[i].used && n->rival[i].segment.seq == s->seq)
			return true;
	if (n->rival[0].used)
		c->limits |= LIMIT_SYN_ACKS;
	n->rival[0] = n->rival[1];
	n->rival[1] = (struct rival){.segment = *s, .used = true};
	n->rival[1].segment.payload = NULL;
	n->rival[1].segment.fragments = NULL;
	n->rival[1].segment.fragment_count = 0;
	return true;
}

static struct place place_syn_ack(struct engine *e, const struct arrival *a, struct flow *running)
{
	struct connection *c = remember_full(e, running), *older;
	struct flow *before = flow_older(e->table, running);
	const struct segment *s = a->segment;
	enum side from = flow_side(running, a->way);
	const struct direction *d = &c->dir[from];
	bool refused = is_refused(c);
	const struct noted_syn *noted = noted_syn_acked_by(c, from, s, refused);

	if (noted && (refused || !acks_syn_of(c, peer_of(from), s)))
		return start_from_noted(e, a, running, noted);
	if (acks_syn_of(c, peer_of(from), s)) {
		if (!d->isn_known || d->isn == s->seq)
			return take(running);
		if (from == SIDE_RESPONDER && !note_rival(c, s))
			return take(NULL);
		return (struct place){running, PLACE_COUNT};
	}
	if (d->isn_known && d->isn == s->seq && d->syn_ack)
		return (struct place){running, PLACE_COUNT};
	if (before) {
		older = remember_full(e, before);
		if (older && acks_syn_of(older, peer_of(flow_side(before, a->way)), s))
			return take(before);
	}
	if (connection_ended(c))
		return take(start(e, a, running, reverse(a->way)));
	return (struct place){running, PLACE_COUNT};
}

static void remember_foreign_ack(struct connection *c, uint32_t ack)
{
	struct notes *n = connection_notes(c);

	if (!n)
		return;
	if (n->foreign_ack_count == DOUBTFUL_ACKS) {
		for (int i = 1; i < DOUBTFUL_ACKS; i++)
			n->foreign_acks[i - 1] = n->foreign_acks[i];
		n->foreign_ack_count--;
	}
	n->foreign_acks[n->foreign_ack_count++] = ack;
}

static bool answers_foreign_ack(const struct connection *c, uint32_t seq)
{
	for (int i = 0; c->notes && i < c->notes->foreign_ack_count; i++)
		if (c->notes->foreign_acks[i] == seq)
			return true;
	return false;
}

/* The latest older incarnation that can have sent what a peer of it now answers: one that was more
 * than an unanswered SYN. The walk is bounded, as a flood of SYNs makes long chains. */
static struct flow *older_with_state(const struct engine *e, const struct flow *running)
{
	struct flow *f = flow_older(e->table, running);

	for (int steps = 0; f && steps < OLDER_STEPS; steps++, f = flow_older(e->table, f))
		if (!f->attempt)
			return f;
	return NULL;
}

/* A RST about the incarnation before: exact there, and nothing to the running one. That every RST is
 * exact to a midstream row that knows nothing of its receiver is no reason. */
static struct flow *older_reset(struct engine *e, const struct arrival *a, struct flow *running,
				const struct connection *c)
{
	struct flow *older = older_with_state(e, running);
	const struct connection *old = older ? remember_full(e, older) : NULL;
	enum side from;

	if (!old || reset_class(c, flow_side(running, a->way), a->segment) != RST_OUT_OF_WINDOW)
		return NULL;
	from = flow_side(older, a->way);
	if (old->midstream && !old->dir[peer_of(from)].acked)
		return NULL;
	return reset_answers_ack(old, from, a->segment->seq) ||
			       reset_class(old, from, a->segment) == RST_EXACT
		       ? older
		       : NULL;
}

static struct place place_rst(struct engine *e, const struct arrival *a, struct flow *running)
{
	struct connection *c = remember_full(e, running);
	const struct segment *s = a->segment;
	struct flow *older;
	enum side from = flow_side(running, a->way);
	const struct noted_syn *noted = (s->flags & TCP_ACK) ? noted_syn_acked_by(c, from, s, false)
							     : NULL;

	if (noted)
		return start_from_noted(e, a, running, noted);
	older = connection_ended(c) ? NULL : older_reset(e, a, running, c);
	if (older)
		return take(older);
	if (from == SIDE_INITIATOR && connection_syn_sent(c) && answers_foreign_ack(c, s->seq) &&
	    reset_class(c, from, s) != RST_EXACT)
		return (struct place){running, PLACE_COUNT};
	return take(running);
}

/* Both ends' numbers are of what the connection has sent: a copy, or a segment that others overtook. */
static bool is_old_segment(const struct connection *c, enum side from, const struct segment *s)
{
	const struct direction *sender = &c->dir[from], *receiver = &c->dir[peer_of(from)];

	return sender->isn_known && sender->nxt_known && receiver->isn_known &&
	       receiver->nxt_known && seq_ge(s->seq, sender->isn) &&
	       seq_le(s->seq + segment_length(s), sender->snd_nxt) &&
	       seq_ge(s->ack, receiver->isn) && seq_le(s->ack, receiver->snd_nxt);
}

/* What the initiator of a SYN that is not answered, as far as was captured, sends: mostly the new
 * connection's, behind a SYN|ACK that was missed. */
static struct place place_behind_syn(struct engine *e, const struct arrival *a,
				     struct flow *running)
{
	struct flow *older = (a->segment->flags & TCP_ACK) ? older_with_state(e, running) : NULL;
	const struct connection *old = older ? remember_full(e, older) : NULL;

	if (old && is_old_segment(old, flow_side(older, a->way), a->segment))
		return take(older);
	return take(running);
}

/* Half-open recovery (RFC 9293, figure 9): in SYN-SENT an ACK of anything but the SYN is about an
 * older incarnation. */
static struct place place_ordinary(struct engine *e, const struct arrival *a, struct flow *running)
{
	struct connection *c = remember_full(e, running);
	const struct direction *i = &c->dir[SIDE_INITIATOR];
	const struct segment *s = a->segment;
	struct flow *older;

	if (c->stray)
		c->handshake_done = true;
	if (!connection_syn_sent(c) || connection_ended(c))
		return take(running);
	if (flow_side(running, a->way) == SIDE_INITIATOR)
		return place_behind_syn(e, a, running);
	if (!(s->flags & TCP_ACK))
		return take(running);
	if (seq_gt(s->ack, i->isn) && seq_le(s->ack, i->snd_nxt))
		return take(running);
	older = older_with_state(e, running);
	if (older)
		return take(older);
	remember_foreign_ack(c, s->ack);
	return (struct place){running, PLACE_COUNT};
}

static struct place place_first(struct engine *e, const struct arrival *a)
{
	switch (a->segment->flags & (TCP_SYN | TCP_RST | TCP_ACK)) {
	case TCP_SYN:
		return start_anew(e, a, NULL);
	case TCP_SYN | TCP_ACK:
		return take(start(e, a, NULL, reverse(a->way)));
	default:
		return start_midstream(e, a);
	}
}

/* The usual cases of a regular connection: its SYN|ACK, or the SYN that uses its tuple again; its next
 * segments do not come here (engine.c). False: as for any other. */
static bool place_regular(struct engine *e, const struct arrival *a, struct flow *running,
			  struct place *place)
{
	const struct segment *s = a->segment;

	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
		if (!remember_is_closed_regular(running))
			return false;
		*place = start_anew(e, a, running);
		return true;
	}
	if (running->form != FORM_REGULAR || !(s->flags & TCP_SYN) ||
	    !regular_take_answer(running->as.regular, flow_side(running, a->way), s, &a->at,
				 e->config.ladders != LADDERS_NONE))
		return false;
	*place = (struct place){running, PLACE_TAKEN};
	return true;
}

struct place incarnation_place(struct engine *e, const struct arrival *a, struct flow *running)
{
	uint8_t flags = a->segment->flags;
	struct place place;

	if (!running)
		return place_first(e, a);
	if (remember_is_regular(running) && place_regular(e, a, running, &place))
		return place;
	if (!remember_full(e, running))
		return take(NULL);
	if (flags & TCP_RST)
		return place_rst(e, a, running);
	if (!(flags & TCP_SYN))
		return place_ordinary(e, a, running);
	return (flags & TCP_ACK) ? place_syn_ack(e, a, running) : place_syn(e, a, running);
}

bool incarnation_note_syn(struct engine *e, struct flow *flow, const struct arrival *a)
{
	struct connection *c = remember_full(e, flow);
	struct notes *n = c ? connection_notes(c) : NULL;
	struct noted_syn *last;
	enum side from = flow_side(flow, a->way);
	int64_t first_ns, last_ns;
	bool ok = true;

	if (!n)
		return false;
	first_ns = c->first_ns;
	last_ns = c->last_ns;
	/* its time counts when it is known to stay (judge.c) */
	intake_count(c, from, a->segment, e->config.ladders != LADDERS_NONE);
	c->first_ns = first_ns;
	c->last_ns = last_ns;
	last = &n->syn[NOTED_SYNS - 1];
	/* the third of one ISN replaces the second: the first is where it began */
	if (n->syn[0].used && last->used &&
	    (last->segment.seq != a->segment->seq || n->syn[0].segment.seq != a->segment->seq)) {
		c->limits |= LIMIT_SYNS;
		if (!n->syn[0].refused_again)
			ok = connection_event(c, FINDING_STRAY_SYN, (enum side)n->syn[0].from,
					      &n->syn[0].at, n->syn[0].segment.seq, 0);
		connection_span(c, n->syn[0].at.ts_ns);
		n->syn[0] = *last;
	} else if (!n->syn[0].used) {
		last = &n->syn[0];
	} else if (last->used) {
		connection_span(c, last->at.ts_ns); /* it stays, whatever becomes of the others */
	}
	*last = (struct noted_syn){.segment = *a->segment,
				   .at = a->at,
				   .from = (uint8_t)from,
				   .used = true,
				   .refused_again = connection_ended(c)};
	last->segment.payload = NULL;
	last->segment.fragments = NULL;
	last->segment.fragment_count = 0;
	return ok;
}
