#include "report/ladder_states.h"

#include <string.h>

static enum side peer_of(enum side side)
{
	return side == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
}

/* --- the handshake --- */

static bool is_syn(const struct ladder_segment *s)
{
	return (s->flags & TCP_SYN) && !(s->flags & TCP_RST);
}

/* An end that sends SYN|ACK without a SYN of its own before was listening. */
static bool was_listening(const struct ladder_view *view, enum side side)
{
	for (size_t i = 0; i < view->step_count; i++) {
		const struct ladder_segment *s = &view->steps[i].segment;

		if (s->from == side && is_syn(s))
			return s->flags & TCP_ACK;
	}
	return false;
}

static bool sent_syn(const struct ladder_view *view, enum side side)
{
	for (size_t i = 0; i < view->step_count; i++) {
		if (view->steps[i].segment.from == side && is_syn(&view->steps[i].segment))
			return true;
	}
	return false;
}

static void states_before(struct ladder_view *view)
{
	bool handshake = sent_syn(view, SIDE_INITIATOR) || sent_syn(view, SIDE_RESPONDER);
	bool refused = strcmp(view_text(view, "rst_cause"), "port_closed") == 0;
	bool stray = strcmp(view_text(view, "teardown"), "stray") == 0;

	for (int side = 0; side < SIDES; side++)
		view->before[side] = handshake || stray ? VIEW_UNSEEN : VIEW_ESTABLISHED;
	if (sent_syn(view, SIDE_INITIATOR))
		view->before[SIDE_INITIATOR] = VIEW_CLOSED;
	if (was_listening(view, SIDE_RESPONDER))
		view->before[SIDE_RESPONDER] = VIEW_LISTEN;
	else if (refused || sent_syn(view, SIDE_RESPONDER))
		view->before[SIDE_RESPONDER] = VIEW_CLOSED;
}

/* RFC 9293, figure 5, its upper half. A state is entered with the segment that proves it: ESTABLISHED
 * with the ACK of the peer's SYN (the sender) and of the own SYN (the receiver). */
static void handshake_step(const struct view_step *step, enum view_state state[SIDES])
{
	const struct ladder_segment *s = &step->segment;
	enum side from = (enum side)s->from, to = peer_of(from);
	bool opening = state[from] < VIEW_ESTABLISHED || state[from] == VIEW_CLOSED;

	if (s->flags & TCP_RST)
		return;
	if (is_syn(s) && opening) {
		state[from] = s->flags & TCP_ACK || state[to] == VIEW_SYN_SENT ? VIEW_SYN_RECEIVED
									       : VIEW_SYN_SENT;
		/* crossing SYNs: each has the other's now */
		if (!(s->flags & TCP_ACK) && state[to] == VIEW_SYN_SENT)
			state[to] = VIEW_SYN_RECEIVED;
		return;
	}
	if (!(s->flags & TCP_ACK) || is_syn(s))
		return;
	if (state[from] < VIEW_ESTABLISHED && (int32_t)step->ack >= 1)
		state[from] = VIEW_ESTABLISHED;
	if (state[to] == VIEW_SYN_RECEIVED && (int32_t)step->ack >= 1)
		state[to] = VIEW_ESTABLISHED;
}

/* --- the teardown --- */

/* A FIN moves its sender, an ACK of the peer's FIN too; the ACK of the own FIN comes from the peer. */
static enum side mover_of(const struct view_dwell *d)
{
	return d->state == VIEW_FIN_WAIT_2 || d->state == VIEW_CLOSED ? peer_of(d->side) : d->side;
}

static bool needs_fin(enum view_state state)
{
	return state == VIEW_FIN_WAIT_1 || state == VIEW_LAST_ACK;
}

/* The step, at or after from, that entered the state: at its very time, by the likely mover. Of a
 * segment that was not kept it is the first step after it. */
static size_t step_of(const struct ladder_view *view, const struct view_dwell *d, size_t from)
{
	size_t same_time = view->step_count, later = view->step_count;

	for (size_t i = from; i < view->step_count; i++) {
		const struct ladder_segment *s = &view->steps[i].segment;

		if (s->ts_ns > d->entry_ns && later == view->step_count)
			later = i;
		if (s->ts_ns != d->entry_ns)
			continue;
		if (s->from == mover_of(d) && (!needs_fin(d->state) || (s->flags & TCP_FIN)))
			return i;
		if (same_time == view->step_count)
			same_time = i;
	}
	return same_time < view->step_count ? same_time : later;
}

static void teardown_states(struct ladder_view *view)
{
	size_t at[SIDES] = {0, 0};

	for (size_t k = 0; k < view->timeline_count; k++) {
		const struct view_dwell *d = &view->timeline[k];
		size_t step = step_of(view, d, at[d->side]);

		for (size_t i = step; i < view->step_count; i++)
			view->steps[i].state[d->side] = d->state;
		if (step < view->step_count)
			at[d->side] = step;
	}
}

static void reset_closes(struct ladder_view *view)
{
	int64_t rst_ns = view_number(view, "rst_ns");
	bool initiator = strcmp(view_text(view, "rst_by"), "initiator") == 0;
	bool found = false;

	if (view_is_null(view, "rst_ns"))
		return;
	for (size_t i = 0; i < view->step_count; i++) {
		struct view_step *step = &view->steps[i];
		const struct ladder_segment *s = &step->segment;

		if (!found && (s->flags & TCP_RST) && s->ts_ns == rst_ns &&
		    (s->from == SIDE_INITIATOR) == initiator)
			step->accepted_reset = found = true;
		if (found)
			step->state[SIDE_INITIATOR] = step->state[SIDE_RESPONDER] = VIEW_CLOSED;
	}
}

/* A SYN|ACK repeats the number of a SYN that crossed the peer's, and is no copy of it. */
static bool is_first_syn_ack(const struct ladder_view *view, size_t step)
{
	const struct ladder_segment *s = &view->steps[step].segment;

	if (!(s->flags & TCP_SYN) || !(s->flags & TCP_ACK))
		return false;
	for (size_t i = 0; i < step; i++) {
		const struct ladder_segment *earlier = &view->steps[i].segment;

		if (earlier->from == s->from && (earlier->flags & TCP_SYN) &&
		    (earlier->flags & TCP_ACK))
			return false;
	}
	return true;
}

/* SYN, FIN or payload that ends at or below what its sender had sent in the steps before. */
static void find_repeated(struct ladder_view *view)
{
	bool sent[SIDES] = {false};
	uint32_t next[SIDES] = {0};

	for (size_t i = 0; i < view->step_count; i++) {
		struct view_step *step = &view->steps[i];
		const struct ladder_segment *s = &step->segment;
		uint32_t length = s->payload_len + ((s->flags & TCP_SYN) != 0) +
				  ((s->flags & TCP_FIN) != 0);
		uint32_t end = step->seq + length;

		if (s->flags & TCP_RST)
			continue;
		step->repeated = sent[s->from] && !is_first_syn_ack(view, i) && length > 0 &&
				 (int32_t)(end - next[s->from]) <= 0;
		if (!sent[s->from] || (int32_t)(end - next[s->from]) > 0)
			next[s->from] = end;
		sent[s->from] = true;
	}
}

void ladder_states_fill(struct ladder_view *view)
{
	enum view_state state[SIDES];

	states_before(view);
	memcpy(state, view->before, sizeof(state));
	for (size_t i = 0; i < view->step_count; i++) {
		handshake_step(&view->steps[i], state);
		memcpy(view->steps[i].state, state, sizeof(state));
	}
	teardown_states(view);
	reset_closes(view);
	find_repeated(view);
	for (size_t i = 0; i < view->step_count; i++) {
		const enum view_state *earlier = i == 0 ? view->before : view->steps[i - 1].state;

		for (int side = 0; side < SIDES; side++)
			view->steps[i].entered[side] = view->steps[i].state[side] != earlier[side];
	}
}

/* --- findings --- */

void ladder_states_place(struct ladder_view *view, struct view_finding *finding, uint32_t position)
{
	for (size_t i = 0; i < view->step_count; i++) {
		struct view_step *step = &view->steps[i];

		if (finding->packet > 0 && step->segment.packet == finding->packet &&
		    step->segment.file == position) {
			finding->step = i;
			finding->shown = true;
			if (!step->marked || finding->severity > step->severity)
				step->severity = finding->severity;
			step->marked = true;
			return;
		}
		if (step->segment.ts_ns <= finding->ts_ns)
			finding->step = i;
	}
	if (finding->step == VIEW_NO_STEP && view->step_count > 0)
		finding->step = 0;
}
