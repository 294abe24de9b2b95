/* Section 6 of the semantics for an undisturbed four_way or three_segment close, as views.c has it in
 * SQL. The verdict is compared with it, never trusted to follow it. */
#include "db/regular.h"

struct close {
	enum side x, y; /* closed first, its peer */
	int64_t fin_x, acked_x, fin_y, acked_y;
	bool merged; /* three_segment: no FIN_WAIT_2, no CLOSE_WAIT */
};

static bool close_of(const struct verdict *v, struct close *out)
{
	const struct verdict_direction *x, *y;

	if (v->teardown != TEARDOWN_FOUR_WAY && v->teardown != TEARDOWN_THREE_SEGMENT)
		return false;
	if (v->closer != SIDE_INITIATOR && v->closer != SIDE_RESPONDER)
		return false;
	out->x = v->closer;
	out->y = v->closer == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	x = &v->dir[out->x];
	y = &v->dir[out->y];
	if (x->fin_check == FIN_NONE || y->fin_check == FIN_NONE ||
	    x->fin_acked_after_ns == NONE_NS || y->fin_acked_after_ns == NONE_NS)
		return false;
	out->fin_x = x->fin_ns;
	out->acked_x = x->fin_ns + x->fin_acked_after_ns;
	out->fin_y = y->fin_ns;
	out->acked_y = y->fin_ns + y->fin_acked_after_ns;
	out->merged = v->teardown == TEARDOWN_THREE_SEGMENT;
	return true;
}

static bool dwells_match(const struct verdict *v, const struct close *c)
{
	int64_t fin_wait_1 = (c->merged ? c->acked_y : c->acked_x) - c->fin_x;
	int64_t fin_wait_2 = c->merged ? NONE_NS : c->acked_y - c->acked_x;
	int64_t close_wait = c->merged ? NONE_NS : c->fin_y - c->acked_x;

	return v->fin_wait_1_ns == fin_wait_1 && v->fin_wait_2_ns == fin_wait_2 &&
	       v->close_wait_ns == close_wait && v->last_ack_ns == c->acked_y - c->fin_y &&
	       v->closing_ns == NONE_NS && v->time_wait_entry_ns == c->acked_y &&
	       v->time_wait_observed_ns != NONE_NS;
}

struct builder {
	struct state_entry entry[TIMELINE_MAX];
	size_t count;
};

static void add(struct builder *b, enum side side, enum endpoint_state state, int64_t from,
		int64_t dwell_ns)
{
	b->entry[b->count++] = (struct state_entry){.side = (uint8_t)side,
						    .state = (uint8_t)state,
						    .entry_ns = from,
						    .dwell_ns = dwell_ns};
}

static void add_closer(struct builder *b, const struct verdict *v, const struct close *c)
{
	add(b, c->x, STATE_FIN_WAIT_1, c->fin_x, v->fin_wait_1_ns);
	if (!c->merged)
		add(b, c->x, STATE_FIN_WAIT_2, c->acked_x, v->fin_wait_2_ns);
	add(b, c->x, STATE_TIME_WAIT, c->acked_y, v->time_wait_observed_ns);
}

static void add_peer(struct builder *b, const struct verdict *v, const struct close *c)
{
	if (!c->merged)
		add(b, c->y, STATE_CLOSE_WAIT, c->acked_x, v->close_wait_ns);
	add(b, c->y, STATE_LAST_ACK, c->fin_y, v->last_ack_ns);
	add(b, c->y, STATE_CLOSED, c->acked_y, NONE_NS);
}

static bool timeline_matches(const struct verdict *v, const struct close *c)
{
	struct builder b = {.count = 0};

	if (c->x == SIDE_INITIATOR)
		add_closer(&b, v, c);
	add_peer(&b, v, c);
	if (c->x == SIDE_RESPONDER)
		add_closer(&b, v, c);
	if (v->timeline_count != b.count)
		return false;
	for (size_t i = 0; i < b.count; i++) {
		const struct state_entry *have = &v->timeline[i], *want = &b.entry[i];

		if (have->side != want->side || have->state != want->state ||
		    have->entry_ns != want->entry_ns || have->dwell_ns != want->dwell_ns)
			return false;
	}
	return true;
}

bool verdict_is_regular(const struct verdict *verdict)
{
	struct close c;

	return close_of(verdict, &c) && dwells_match(verdict, &c) && timeline_matches(verdict, &c);
}
