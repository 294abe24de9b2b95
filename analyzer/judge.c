#include "analyzer/judge.h"

#include <string.h>

#include "analyzer/fin.h"
#include "analyzer/judge_findings.h"
#include "analyzer/sequence.h"
#include "analyzer/time_wait.h"
#include "analyzer/timeline.h"

/* What decides about class and closer. */
struct ending {
	const struct rst_hypothesis *reset; /* the accepted one; NULL: none */
	/* FINs behind an accepted RST show in the fin_* columns only */
	bool fin[SIDES];
	struct fin_order order;
};

static struct ending ending_of(const struct connection *c, const struct rst_hypothesis *reset)
{
	struct ending e = {.reset = reset, .order = fin_order(c)};

	for (int side = 0; c->teardown && side < SIDES; side++) {
		const struct fin *f = &c->teardown->fin[side];

		e.fin[side] = f->seen && (!reset || f->at.ordinal < reset->at.ordinal);
	}
	return e;
}

static enum teardown handshake_class(const struct connection *c, const struct rst_hypothesis *reset)
{
	bool answered = c->dir[SIDE_RESPONDER].syn || c->dir[SIDE_RESPONDER].syn_ack;

	if (reset && reset->cause == RST_CAUSE_PORT_CLOSED)
		return TEARDOWN_REFUSED;
	if (!answered)
		return TEARDOWN_UNANSWERED;
	return reset ? TEARDOWN_HANDSHAKE_ABORTED : TEARDOWN_HANDSHAKE_INCOMPLETE;
}

static enum teardown fin_class(const struct connection *c, const struct fin_order *order)
{
	const struct fin *fin = c->teardown->fin, *first = &fin[order->closer];

	if (!fin[SIDE_INITIATOR].seen || !fin[SIDE_RESPONDER].seen)
		return first->covered.ordinal ? TEARDOWN_HALF_CLOSED : TEARDOWN_FIN_UNANSWERED;
	if (order->crossed)
		return TEARDOWN_SIMULTANEOUS;
	return first->covered_by_fin ? TEARDOWN_THREE_SEGMENT : TEARDOWN_FOUR_WAY;
}

/* Precedence: stray; the handshake values while it is not done; then RST, then FINs. */
static enum teardown teardown_of(const struct connection *c, const struct ending *e)
{
	bool fin = e->fin[SIDE_INITIATOR] || e->fin[SIDE_RESPONDER];
	bool done = e->reset ? e->reset->stage != RST_STAGE_SYN : c->handshake_done;

	if (c->stray)
		return TEARDOWN_STRAY;
	if (!done)
		return handshake_class(c, e->reset);
	if (e->reset)
		return fin ? TEARDOWN_RST_AFTER_FIN : TEARDOWN_RST_ABORT;
	return fin ? fin_class(c, &e->order) : TEARDOWN_OPEN;
}

/* X, the sender of the first FIN; a FIN behind the accepted RST is none. */
static enum side first_closer(const struct ending *e)
{
	bool i = e->fin[SIDE_INITIATOR], r = e->fin[SIDE_RESPONDER];

	if (i && r)
		return e->order.closer;
	return i ? SIDE_INITIATOR : r ? SIDE_RESPONDER : SIDE_NONE;
}

static enum side closer_of(const struct ending *e, enum teardown teardown)
{
	enum side x = first_closer(e);

	if (teardown == TEARDOWN_SIMULTANEOUS)
		return SIDE_BOTH;
	if (x != SIDE_NONE)
		return x;
	return e->reset ? (enum side)e->reset->by : SIDE_NONE;
}

static uint64_t missing_of(const struct connection *c, enum side side)
{
	const struct direction *d = &c->dir[side];
	uint32_t limit = d->peer_ack;

	if (!d->peer_acked)
		return 0;
	if (!d->spoke)
		return d->unseen;
	if (c->teardown && c->teardown->fin[side].seen) /* no payload lies behind a FIN */
		limit = seq_min(limit, c->teardown->fin[side].seq);
	return ranges_missing(&d->captured, limit);
}

static void judge_fin(const struct connection *c, enum side side, struct verdict_direction *out)
{
	const struct fin *f;

	out->fin_check = fin_check_of(c, side);
	out->fin_ns = out->fin_acked_after_ns = NONE_NS;
	if (out->fin_check == FIN_NONE)
		return;
	f = &c->teardown->fin[side];
	out->fin_seq = f->seq;
	out->fin_payload = f->payload;
	out->fin_retransmissions = f->retransmissions;
	out->fin_ns = f->at.ts_ns;
	if (f->covered.ordinal) {
		int64_t after = f->covered.ts_ns - f->at.ts_ns;

		out->fin_acked_after_ns = after < 0 ? 0 : after;
	}
}

static void judge_direction(const struct flow *flow, const struct connection *c, enum side side,
			    struct verdict_direction *out)
{
	const struct direction *d = &c->dir[side];

	*out = (struct verdict_direction){
		.address = flow_address(flow, side),
		.port = flow_port(flow, side),
		.vlan_tags = d->vlan_tags,
		.seen = d->seen,
		.isn_known = d->isn_known,
		.isn = d->isn_known
			       ? d->isn
			       : (d->captured.started ? d->captured.base : d->peer_first_ack) - 1,
		.packets = d->packets,
		.bytes = d->bytes,
		.retransmitted = d->retransmitted,
		.missing = missing_of(c, side),
	};
	judge_fin(c, side, out);
}

static void judge_reset(const struct connection *c, const struct rst_hypothesis *reset,
			struct verdict *v)
{
	const struct teardown_part *t = c->teardown;

	v->rst_by = SIDE_NONE;
	v->rst_silence_ns = v->rst_ns = v->rst_idle_ns = NONE_NS;
	if (!t)
		return;
	v->rst_injected = t->rst_injected || (reset && reset->odd_ttl);
	for (int side = 0; side < SIDES; side++) {
		v->rst_in_window += reset ? reset->in_window_before[side] : t->in_window[side];
		v->rst_out_of_window += reset ? reset->out_of_window_before[side]
					      : t->out_of_window[side];
	}
	if (!reset)
		return;
	v->rst_by = (enum side)reset->by;
	v->rst_stage = c->stray ? RST_STAGE_NULL : (enum rst_stage)reset->stage;
	v->rst_cause = (enum rst_cause)reset->cause;
	v->rst_silence_ns = reset->silence_ns;
	v->rst_ns = reset->at.ts_ns;
	v->rst_idle_ns = reset->idle_ns;
	v->rst_ttl = reset->ttl;
	v->rst_sender_ttl = reset->ttl_last;
	if (t->rsts[reset->by] > 1)
		v->rst_form = RST_FORM_SEVERAL;
	else
		v->rst_form = reset->flags & TCP_ACK ? RST_FORM_RST_ACK : RST_FORM_RST;
}

static enum rst_stage open_stage(const struct connection *c)
{
	if (c->data_segments == 0)
		return RST_STAGE_ESTABLISHED_NO_DATA;
	return c->data_segments == 1 ? RST_STAGE_AFTER_FIRST_DATA : RST_STAGE_ESTABLISHED;
}

static void judge_time_wait(const struct connection *c, int64_t until_ns, int64_t two_msl_ns,
			    struct timeline_end *states, struct verdict *v)
{
	struct time_wait_verdict w = time_wait_judge(c, v->end_reason == END_CLOSED, until_ns,
						     two_msl_ns);
	const struct teardown_part *t = c->teardown;

	v->time_wait_holder = w.holder;
	v->time_wait_check = w.check;
	v->time_wait_observed_ns = w.observed_ns;
	v->time_wait_entry_ns = v->reuse_delay_ns = NONE_NS;
	if (w.holder == SIDE_NONE)
		return;
	memcpy(states->time_wait_ns, w.end_ns, sizeof(w.end_ns));
	v->time_wait_entry_ns = t->entry.ts_ns;
	v->time_wait_restarts = t->time_wait[w.worse].restarts;
	if (t->reuse_by == REUSE_BY_NULL)
		return;
	v->reuse_by = (enum reuse_by)t->reuse_by;
	v->reuse_rule = (enum reuse_rule)t->reuse_rule;
	v->reuse_answer = (enum reuse_answer)t->reuse_answer;
	v->reuse_delay_ns = t->reuse.ts_ns - t->entry.ts_ns;
}

/* The dwells that are told are those of the end that was in the state first. */
static void judge_states(const struct connection *c, const struct timeline_end *states,
			 struct judge_room *room, struct verdict *v)
{
	static const struct state_entry never = {.dwell_ns = NONE_NS};
	const struct state_entry *first[ENDPOINT_STATES];

	v->timeline = room->timeline;
	v->timeline_count = timeline_of(c, states, room->timeline);
	for (int state = 0; state < ENDPOINT_STATES; state++)
		first[state] = &never;
	for (size_t i = 0; i < v->timeline_count; i++) {
		const struct state_entry *e = &v->timeline[i], **f = &first[e->state];

		if (*f == &never || e->entry_ns < (*f)->entry_ns)
			*f = e;
	}
	v->close_wait_ns = first[STATE_CLOSE_WAIT]->dwell_ns;
	v->fin_wait_1_ns = first[STATE_FIN_WAIT_1]->dwell_ns;
	v->fin_wait_2_ns = first[STATE_FIN_WAIT_2]->dwell_ns;
	v->last_ack_ns = first[STATE_LAST_ACK]->dwell_ns;
	v->closing_ns = first[STATE_CLOSING]->dwell_ns;
}

static bool is_closed(const struct connection *c, const struct rst_hypothesis *reset)
{
	return !reset && c->teardown && c->teardown->closed.ordinal;
}

static enum end_reason end_reason_of(const struct flow *flow, const struct connection *c,
				     const struct rst_hypothesis *reset, enum end_reason otherwise)
{
	if (reset)
		return END_RESET;
	if (is_closed(c, reset))
		return END_CLOSED;
	return flow->followed_ns != NONE_NS ? END_SUPERSEDED : otherwise;
}

static int64_t end_ns_of(const struct flow *flow, const struct connection *c,
			 enum end_reason reason, const struct rst_hypothesis *reset)
{
	switch (reason) {
	case END_RESET:
		return reset ? reset->at.ts_ns
			     : NONE_NS; /* a reset is the reason only where there is one */
	case END_CLOSED:
		return c->teardown->closed.ts_ns;
	case END_SUPERSEDED:
		return flow->followed_ns;
	default:
		return NONE_NS;
	}
}

/* Noted SYNs that started nothing stay with this connection. */
static void span_noted(const struct connection *c, struct verdict *v)
{
	for (int i = 0; c->notes && i < NOTED_SYNS; i++) {
		const struct noted_syn *n = &c->notes->syn[i];

		if (!n->used)
			continue;
		if (n->at.ts_ns < v->first_ns)
			v->first_ns = n->at.ts_ns;
		if (n->at.ts_ns > v->last_ns)
			v->last_ns = n->at.ts_ns;
	}
}

static bool is_fin_close(enum teardown t)
{
	return t == TEARDOWN_FOUR_WAY || t == TEARDOWN_THREE_SEGMENT || t == TEARDOWN_SIMULTANEOUS;
}

static bool is_clean(const struct verdict *v)
{
	for (size_t i = 0; i < v->finding_count; i++)
		if (v->findings[i].severity > SEVERITY_INFO)
			return false;
	return is_fin_close(v->teardown) && v->complete &&
	       v->dir[SIDE_INITIATOR].fin_check == FIN_OK &&
	       v->dir[SIDE_RESPONDER].fin_check == FIN_OK;
}

bool judge_is_clean(const struct connection *c, int64_t stuck_ns)
{
	const struct rst_hypothesis *reset = connection_reset(c, true, false);
	struct ending ending = ending_of(c, NULL);
	struct timeline_end end = {0};
	struct state_entry state[TIMELINE_MAX];
	size_t count;

	if (!is_closed(c, reset) || c->notes || !is_fin_close(teardown_of(c, &ending)) ||
	    fin_check_of(c, SIDE_INITIATOR) != FIN_OK || fin_check_of(c, SIDE_RESPONDER) != FIN_OK)
		return false;
	count = timeline_of(c, &end, state);
	for (size_t i = 0; i < count; i++)
		if ((state[i].state == STATE_CLOSE_WAIT || state[i].state == STATE_FIN_WAIT_2) &&
		    state[i].dwell_ns >= stuck_ns)
			return false;
	return true;
}

void judge(const struct flow *flow, const struct connection *c, const struct judge_end *end,
	   struct judge_room *room, struct verdict *v)
{
	bool followed = flow->followed_ns != NONE_NS;
	int64_t until = followed ? flow->followed_ns : end->until_ns;
	const struct rst_hypothesis *reset = connection_reset(c, true, followed);
	struct timeline_end states = {.ordinal = reset ? reset->at.ordinal : 0,
				      .ts_ns = reset ? reset->at.ts_ns : until};
	struct ending ending = ending_of(c, reset);
	enum side closer = first_closer(&ending);

	*v = (struct verdict){
		.ip_version = flow_ip_version(flow),
		.file = c->first_file,
		.first_packet = c->first_packet,
		.midstream = c->midstream,
		.first_ns = c->first_ns,
		.last_ns = c->last_ns,
		.duplicates = flow->duplicates,
		.teardown = teardown_of(c, &ending),
		.complete = reset || is_closed(c, reset),
		.end_reason = end_reason_of(flow, c, reset, end->reason),
		.handshake_rtt_ns = c->handshake_rtt_ns,
		.conn_state = zeek_conn_state(&c->zeek),
		.history = zeek_history(&c->zeek),
		.application = end->epilogue->application,
		.marks = end->epilogue->marks,
		.mark_count = end->epilogue->mark_count,
		.findings = room->finding,
		.ladder = room->ladder,
	};
	if (flow_tunnel(flow))
		v->tunnel = *flow_tunnel(flow);
	v->closer = closer_of(&ending, v->teardown);
	v->end_ns = end_ns_of(flow, c, v->end_reason, reset);
	v->fin_silence_ns = NONE_NS;
	if (closer != SIDE_NONE && v->teardown != TEARDOWN_SIMULTANEOUS) {
		v->fin_silence_ns = c->teardown->fin_silence[closer];
		v->half_close_bytes = c->teardown->half_close[peer_of(closer)];
	}
	if (v->teardown == TEARDOWN_OPEN)
		v->open_stage = open_stage(c);
	for (int side = 0; side < SIDES; side++)
		judge_direction(flow, c, (enum side)side, &v->dir[side]);
	span_noted(c, v);
	judge_reset(c, reset, v);
	judge_time_wait(c, until, end->two_msl_ns, &states, v);
	judge_states(c, &states, room, v);
	v->finding_count = judge_findings(c, reset, end, v, room);
	v->clean = is_clean(v);
	if (end->ladders == LADDERS_ALL || (end->ladders == LADDERS_UNCLEAN && !v->clean))
		v->ladder_count = ladder_copy(&c->ladder, room->ladder);
}
