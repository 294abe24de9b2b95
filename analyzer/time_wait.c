#include "analyzer/time_wait.h"

#include "analyzer/fin.h"
#include "analyzer/sequence.h"

static bool still_runs(bool entered, int64_t clock_ns, int64_t ts_ns, int64_t two_msl_ns)
{
	return entered && ts_ns - clock_ns < two_msl_ns;
}

static bool inside(const struct time_wait *w, int64_t ts_ns, int64_t two_msl_ns)
{
	return still_runs(w->entered, w->clock_ns, ts_ns, two_msl_ns);
}

void time_wait_enter(struct connection *c)
{
	struct teardown_part *t = c->teardown;
	struct fin_order order = fin_order(c);

	if (order.crossed) {
		/* each end needs both: its ACK of the peer's FIN, and the peer's of its own */
		t->entry = moment_before(&t->fin[0].covered, &t->fin[1].covered)
				   ? t->fin[1].covered
				   : t->fin[0].covered;
		for (int side = 0; side < SIDES; side++)
			t->time_wait[side] = (struct time_wait){.entered = true,
								.clock_ns = t->entry.ts_ns};
		return;
	}
	t->entry = t->fin[peer_of(order.closer)].covered;
	t->time_wait[order.closer] = (struct time_wait){.entered = true,
							.clock_ns = t->entry.ts_ns};
}

static void holder_sent(struct connection *c, enum side holder, const struct segment *s,
			const struct moment *at, int64_t two_msl_ns)
{
	struct time_wait *w = &c->teardown->time_wait[holder];
	struct fin *peer_fin = &c->teardown->fin[peer_of(holder)];
	bool in_time = inside(w, at->ts_ns, two_msl_ns);

	if (s->flags & TCP_RST) {
		if (in_time && w->peer_unanswered && !w->cut_short) {
			w->cut_short = true;
			w->broken = *at;
		}
		return;
	}
	w->peer_unanswered = false;
	if (!(s->flags & TCP_ACK) || !fin_is_covered(peer_fin->seq, s->ack))
		return;
	if (peer_fin->unanswered_copies > 0 && in_time) {
		peer_fin->unanswered_copies--;
		w->restarts++;
		w->clock_ns = at->ts_ns;
	}
}

static void peer_sent(struct connection *c, enum side holder, const struct segment *s,
		      const struct moment *at, int64_t two_msl_ns)
{
	struct time_wait *w = &c->teardown->time_wait[holder];

	if (!(s->flags & TCP_RST)) {
		w->peer_unanswered = true;
	} else if (s->seq == c->dir[holder].ack_max && inside(w, at->ts_ns, two_msl_ns) &&
		   !w->assassinated) {
		w->assassinated = true;
		if (!w->cut_short)
			w->broken = *at;
	}
}

void time_wait_segment(struct connection *c, enum side from, const struct segment *s,
		       const struct moment *at, int64_t two_msl_ns)
{
	if (c->teardown->time_wait[peer_of(from)].entered)
		peer_sent(c, peer_of(from), s, at, two_msl_ns);
	if (c->teardown->time_wait[from].entered)
		holder_sent(c, from, s, at, two_msl_ns);
}

/* RFC 6191, 2: may a SYN with this ISN and time stamp take over from the old incarnation? */
static enum reuse_rule rule_of(const struct time_wait_state *w, const struct segment *syn)
{
	bool above = seq_gt(syn->seq, w->fin_seq);

	if (w->timestamps && syn->has_timestamp) {
		if ((int32_t)(syn->ts_val - w->ts_last) > 0)
			return REUSE_RULE_TIMESTAMP_NEWER;
		return syn->ts_val == w->ts_last && above ? REUSE_RULE_TIMESTAMP_EQUAL_ISN_GREATER
							  : REUSE_RULE_NONE;
	}
	if (!w->timestamps && syn->has_timestamp)
		return REUSE_RULE_TIMESTAMPS_ADDED;
	return above ? REUSE_RULE_ISN_GREATER : REUSE_RULE_NONE;
}

struct time_wait_reuse time_wait_reuse_of(const struct time_wait_state *w, enum side from,
					  const struct segment *syn, int64_t two_msl_ns)
{
	struct time_wait_reuse reuse = {.by = REUSE_BY_NULL};

	for (int holder = 0; holder < SIDES; holder++)
		if (still_runs(w->entered[holder], w->clock_ns[holder], syn->ts_ns, two_msl_ns))
			reuse.clocks |= (uint8_t)(1u << holder);
	if (reuse.clocks == 0)
		return reuse;
	reuse.rule = (uint8_t)rule_of(w, syn);
	reuse.by = w->entered[from] ? REUSE_BY_HOLDER : REUSE_BY_PEER;
	reuse.answer = REUSE_ANSWER_NONE;
	return reuse;
}

void time_wait_put_reuse(struct teardown_part *t, const struct time_wait_reuse *reuse)
{
	t->reuse_by = reuse->by;
	t->reuse_rule = reuse->rule;
	t->reuse_answer = reuse->answer;
	for (int holder = 0; holder < SIDES; holder++) {
		if (!(reuse->clocks & 1u << holder))
			continue;
		if (reuse->rule == REUSE_RULE_NONE)
			t->time_wait[holder].reused_early = true;
		else
			t->time_wait[holder].reused_ok = true;
	}
}

void time_wait_reuse(struct connection *c, enum side from, const struct segment *syn,
		     const struct moment *at, int64_t two_msl_ns)
{
	const struct direction *d = &c->dir[from];
	struct teardown_part *t = c->teardown;
	struct time_wait_state state;
	struct time_wait_reuse reuse;

	if (!t || !connection_closed(c))
		return;
	state = (struct time_wait_state){
		.timestamps = d->timestamps,
		.ts_last = d->ts_last,
		.fin_seq = t->fin[from].seq,
		.entered = {t->time_wait[0].entered, t->time_wait[1].entered},
		.clock_ns = {t->time_wait[0].clock_ns, t->time_wait[1].clock_ns},
	};
	reuse = time_wait_reuse_of(&state, from, syn, two_msl_ns);
	if (reuse.by == REUSE_BY_NULL)
		return;
	t->reuse = *at;
	time_wait_put_reuse(t, &reuse);
}

void time_wait_answer(uint8_t *answer, const struct segment *s)
{
	if (*answer != REUSE_ANSWER_NONE)
		return;
	if (s->flags & TCP_RST)
		*answer = REUSE_ANSWER_RST;
	else if (s->flags & TCP_SYN)
		*answer = (s->flags & TCP_ACK) ? REUSE_ANSWER_SYN_ACK : REUSE_ANSWER_SYN;
	else
		*answer = REUSE_ANSWER_ACK;
}

static int64_t observed(const struct time_wait *w, int64_t until_ns, int64_t two_msl_ns)
{
	int64_t ns = until_ns - w->clock_ns;

	if (ns < 0)
		return 0;
	return ns < two_msl_ns ? ns : two_msl_ns;
}

/* Precedence: cut_short, reused_early, assassinated, reused_ok, then held or unverified. */
static enum time_wait_check check_of(const struct time_wait *w, int64_t observed_ns,
				     int64_t two_msl_ns)
{
	if (w->cut_short)
		return TIME_WAIT_CUT_SHORT;
	if (w->reused_early)
		return TIME_WAIT_REUSED_EARLY;
	if (w->assassinated)
		return TIME_WAIT_ASSASSINATED;
	if (w->reused_ok)
		return TIME_WAIT_REUSED_OK;
	return observed_ns >= two_msl_ns ? TIME_WAIT_HELD : TIME_WAIT_UNVERIFIED;
}

struct time_wait_verdict time_wait_judge(const struct connection *c, bool closed, int64_t until_ns,
					 int64_t two_msl_ns)
{
	struct time_wait_verdict v = {.holder = SIDE_NONE,
				      .worse = SIDE_NONE,
				      .check = TIME_WAIT_NOT_APPLICABLE,
				      .observed_ns = NONE_NS};

	if (!closed)
		return v;
	for (int side = 0; side < SIDES; side++) {
		const struct time_wait *w = &c->teardown->time_wait[side];
		int64_t ns = observed(w, until_ns, two_msl_ns);
		enum time_wait_check check = check_of(w, ns, two_msl_ns);

		if (!w->entered)
			continue;
		v.end_ns[side] = w->clock_ns + ns;
		v.holder = v.holder == SIDE_NONE ? (enum side)side : SIDE_BOTH;
		/* the enumeration is in order of badness, so the worse of two verdicts is the larger;
		 * of two alike, the clock that ran for less */
		if (v.worse == SIDE_NONE || check > v.check ||
		    (check == v.check && ns < v.observed_ns)) {
			v.worse = (enum side)side;
			v.check = check;
			v.observed_ns = ns;
		}
	}
	return v;
}
