#include "tests/tcp_truth.h"

static enum side side_of(const struct true_row *r, uint32_t host)
{
	return host == r->initiator ? SIDE_INITIATOR : SIDE_RESPONDER;
}

/* ---- how it ended ---- */

static bool counts(const struct true_row *r, uint32_t host)
{
	const struct true_fin *f = &r->side[host].fin;

	return f->at >= 0 && (r->rst < 0 || f->at < r->rst);
}

/* The host that closed first; 2: none. */
static uint32_t first_to_close(const struct true_row *r)
{
	const struct true_fin *a = &r->side[0].fin, *b = &r->side[1].fin;
	uint32_t first;

	if (!counts(r, 0) || !counts(r, 1))
		return counts(r, 0) ? 0 : counts(r, 1) ? 1 : 2;
	first = a->at < b->at ? 0 : 1;
	if (r->side[first].fin.covers_peers && !r->side[!first].fin.covers_peers)
		return !first;
	return first;
}

static enum teardown by_fin(const struct true_row *r, uint32_t x)
{
	const struct true_fin *of_x = &r->side[x].fin, *of_y = &r->side[!x].fin;

	if (of_y->at < 0)
		return of_x->covered >= 0 ? TEARDOWN_HALF_CLOSED : TEARDOWN_FIN_UNANSWERED;
	if (!of_x->covers_peers && !of_y->covers_peers)
		return TEARDOWN_SIMULTANEOUS;
	return of_x->covered == of_y->at ? TEARDOWN_THREE_SEGMENT : TEARDOWN_FOUR_WAY;
}

static enum teardown class_of(const struct true_row *r, uint32_t x)
{
	bool done = r->done && (r->rst < 0 || r->done_at < r->rst);

	if (!done) {
		if (r->rst >= 0 && r->refused)
			return TEARDOWN_REFUSED;
		if (!r->side[!r->initiator].syn)
			return TEARDOWN_UNANSWERED;
		return r->rst >= 0 ? TEARDOWN_HANDSHAKE_ABORTED : TEARDOWN_HANDSHAKE_INCOMPLETE;
	}
	if (r->rst >= 0)
		return x < 2 ? TEARDOWN_RST_AFTER_FIN : TEARDOWN_RST_ABORT;
	return x < 2 ? by_fin(r, x) : TEARDOWN_OPEN;
}

static enum end_reason reason_of(const struct true_row *r, const struct tcp_world *w, int64_t until)
{
	if (r->rst >= 0)
		return END_RESET;
	if (r->closed >= 0)
		return END_CLOSED;
	if (!r->done && (r->superseded ? r->superseded_at : until) - r->last > w->two_msl)
		return END_IDLE_TIMEOUT;
	return r->superseded ? END_SUPERSEDED : END_CAPTURE_END;
}

static enum fin_check check_of(const struct true_fin *f)
{
	if (f->at < 0)
		return FIN_NONE;
	return f->covered >= 0 ? FIN_OK : FIN_UNVERIFIED;
}

/* ---- TIME_WAIT ---- */

static bool above(uint32_t x, uint32_t y)
{
	return (int32_t)(x - y) > 0;
}

/* RFC 6191, 2, of the SYN at this place. */
static bool may_reuse(const struct true_row *r, const struct model_tcp *syn)
{
	const struct true_side *sender = &r->side[syn->from];
	bool isn_above = above(syn->seq, sender->fin.number);

	if (sender->has_timestamp && syn->has_timestamp)
		return above(syn->timestamp, sender->timestamp) ||
		       (syn->timestamp == sender->timestamp && isn_above);
	return syn->has_timestamp || isn_above;
}

struct clock {
	int64_t since;
	uint32_t copies; /* of the peer's FIN, not answered yet */
	bool unanswered; /* any segment of the peer */
	bool cut_short, assassinated;
};

/* answers: it acknowledges the peer's FIN, and is not the first to do so. */
static void watch(struct clock *c, const struct true_row *r, uint32_t holder,
		  const struct model_tapped *e, bool entered, bool answers,
		  const struct tcp_world *w)
{
	const struct model_tcp *s = &e->tcp;
	bool within = e->at - c->since <= w->two_msl;

	if (s->from == holder && !entered) {
		c->copies -= c->copies > 0 && answers;
		return;
	}
	if (s->from != holder) {
		if (s->flags & MODEL_RST) {
			if (entered && within && r->side[holder].ack_count > 0 &&
			    s->seq == r->side[holder].highest_ack)
				c->assassinated = true;
			return;
		}
		c->unanswered = entered;
		if (s->flags & MODEL_FIN)
			c->copies++;
		return;
	}
	if (s->flags & MODEL_RST) {
		if (within && c->unanswered)
			c->cut_short = true;
		return;
	}
	c->unanswered = false;
	if (c->copies > 0 && answers && within) {
		c->copies--;
		c->since = e->at;
	}
}

static enum time_wait_check clock_of(struct truths *t, uint32_t index, uint32_t holder,
				     const struct tcp_world *w, int64_t until)
{
	const struct true_row *r = &t->rows[t->order[index]];
	int32_t entry = r->side[!holder].fin.covered, other = r->side[holder].fin.covered;
	int32_t own = entry; /* the holder's own acknowledgement */
	bool both = by_fin(r, first_to_close(r)) == TEARDOWN_SIMULTANEOUS, reused = false;
	uint32_t next = index + 1 < t->count ? (uint32_t)t->rows[t->order[index + 1]].begins
					     : w->log_count;
	const struct model_tapped *syn = next < w->log_count ? &w->log[next] : NULL;
	struct clock c = {0};

	if (both && other > entry)
		entry = other;
	c.since = w->log[entry].at;
	for (uint32_t i = (uint32_t)r->side[!holder].fin.at + 1; i < w->log_count; i++) {
		const struct model_tapped *e = &w->log[i];

		if (i == next) {
			reused = e->at - c.since <= w->two_msl;
			until = e->at; /* the watching ends */
		}
		if (e->tcp.life == r->life && !truth_is_duplicate(w, i) && i != (uint32_t)entry)
			watch(&c, r, holder, e, i > (uint32_t)entry,
			      e->tcp.covers_fin && i > (uint32_t)own, w);
	}
	if (c.cut_short)
		return TIME_WAIT_CUT_SHORT;
	if (reused && !may_reuse(r, &syn->tcp))
		return TIME_WAIT_REUSED_EARLY;
	if (c.assassinated)
		return TIME_WAIT_ASSASSINATED;
	if (reused)
		return TIME_WAIT_REUSED_OK;
	return until - c.since >= w->two_msl ? TIME_WAIT_HELD : TIME_WAIT_UNVERIFIED;
}

static void judge_time_wait(struct truths *t, uint32_t index, const struct tcp_world *w,
			    int64_t until, struct truth *out)
{
	const struct true_row *r = out->row;
	enum time_wait_check one, other;

	out->holder = SIDE_NONE;
	out->time_wait_check = TIME_WAIT_NOT_APPLICABLE;
	if (out->end_reason != END_CLOSED)
		return;
	out->holder = out->closer;
	if (out->closer != SIDE_BOTH) {
		out->time_wait_check = clock_of(t, index, first_to_close(r), w, until);
		return;
	}
	one = clock_of(t, index, 0, w, until);
	other = clock_of(t, index, 1, w, until);
	out->time_wait_check = one > other ? one : other;
	if ((one == TIME_WAIT_HELD && other == TIME_WAIT_UNVERIFIED) ||
	    (other == TIME_WAIT_HELD && one == TIME_WAIT_UNVERIFIED))
		out->time_wait_check = TIME_WAIT_UNVERIFIED;
}

struct truth truth_of(struct truths *t, uint32_t index, const struct tcp_world *w, int64_t until)
{
	struct true_row *r = &t->rows[t->order[index]];
	struct truth out = {.row = r, .closer = SIDE_NONE, .rst_by = SIDE_NONE};
	uint32_t x;

	row_settle(r);
	x = first_to_close(r);
	out.teardown = class_of(r, x);
	out.end_reason = reason_of(r, w, until);
	out.complete = r->rst >= 0 || r->closed >= 0;
	if (r->rst >= 0)
		out.closer = out.rst_by = side_of(r, r->rst_by);
	if (x < 2)
		out.closer = side_of(r, x);
	if (out.teardown == TEARDOWN_SIMULTANEOUS)
		out.closer = SIDE_BOTH;
	else if (x < 2)
		out.half_close_bytes = r->half_close_bytes[!x];
	for (uint32_t host = 0; host < 2; host++)
		out.fin_check[side_of(r, host)] = check_of(&r->side[host].fin);
	judge_time_wait(t, index, w, until, &out);
	return out;
}
