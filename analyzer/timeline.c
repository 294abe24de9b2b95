#include "analyzer/timeline.h"

#include "analyzer/fin.h"

/* The three moments that move one end, RFC 9293 figure 5. A NULL one has not come. */
struct moves {
	const struct moment *sent;  /* own FIN */
	const struct moment *acked; /* own FIN covered by the peer */
	const struct moment *peer;  /* peer's FIN covered by this end */
	bool passive; /* own FIN sent after, or with, the acknowledgement of the peer's */
	bool merged;  /* the peer acknowledged the FIN with its own FIN: no FIN_WAIT_2 between */
};

static const struct moment *within(const struct moment *m, uint64_t limit)
{
	return m->ordinal && (limit == 0 || m->ordinal < limit) ? m : NULL;
}

static struct moves moves_of(const struct connection *c, const struct fin_order *order,
			     enum side side, uint64_t limit)
{
	const struct fin *own = &c->teardown->fin[side], *peer = &c->teardown->fin[peer_of(side)];
	struct moves m = {
		.sent = within(&own->at, limit),
		.acked = within(&own->covered, limit),
		.peer = within(&peer->covered, limit),
		.merged = own->covered_by_fin,
	};

	/* with both FINs the same evidence as for the class: X closes actively, Y passively */
	if (m.sent && m.peer && within(&peer->at, limit))
		m.passive = !order->crossed && order->closer != side;
	return m;
}

static enum endpoint_state state_of(const struct moves *m)
{
	if (!m->sent)
		return m->peer ? STATE_CLOSE_WAIT : STATE_ESTABLISHED;
	if (m->passive)
		return m->acked ? STATE_CLOSED : STATE_LAST_ACK;
	if (m->peer)
		return m->acked ? STATE_TIME_WAIT : STATE_CLOSING;
	return m->acked && !m->merged ? STATE_FIN_WAIT_2 : STATE_FIN_WAIT_1;
}

enum endpoint_state timeline_state(const struct connection *c, enum side side)
{
	struct fin_order order = fin_order(c);
	struct moves m;

	if (!c->teardown)
		return STATE_ESTABLISHED;
	m = moves_of(c, &order, side, 0);
	return state_of(&m);
}

struct writer {
	struct state_entry *out;
	size_t count;
	uint8_t side;
};

/* from: when the state was entered; to: when it was left, or NULL: until end_ns. */
static void put(struct writer *w, enum endpoint_state state, int64_t from, const struct moment *to,
		int64_t end_ns)
{
	int64_t dwell = (to ? to->ts_ns : end_ns) - from;

	w->out[w->count++] = (struct state_entry){
		.side = w->side,
		.state = (uint8_t)state,
		.entry_ns = from,
		.dwell_ns = state == STATE_CLOSED ? NONE_NS
			    : dwell < 0           ? 0
						  : dwell,
	};
}

static const struct moment *later(const struct moment *x, const struct moment *y)
{
	return moment_before(x, y) ? y : x;
}

static void put_passive(struct writer *w, const struct moves *m, int64_t end_ns)
{
	if (moment_before(m->peer, m->sent))
		put(w, STATE_CLOSE_WAIT, m->peer->ts_ns, m->sent, end_ns);
	put(w, STATE_LAST_ACK, m->sent->ts_ns, m->acked, end_ns);
	if (m->acked)
		put(w, STATE_CLOSED, later(m->acked, m->sent)->ts_ns, NULL, end_ns);
}

static void put_active(struct writer *w, const struct moves *m, int64_t end_ns,
		       int64_t time_wait_ns)
{
	/* an ACK of the peer's FIN captured before the own FIN was sent after it */
	const struct moment *peer = m->peer ? later(m->peer, m->sent) : NULL;
	bool both = m->acked && peer;
	bool acked_first = m->acked && (!peer || moment_before(m->acked, peer));
	bool at_once = both && m->acked->ordinal == peer->ordinal;

	if (at_once || (acked_first && m->merged)) {
		put(w, STATE_FIN_WAIT_1, m->sent->ts_ns, peer, end_ns);
	} else if (acked_first) {
		put(w, STATE_FIN_WAIT_1, m->sent->ts_ns, m->acked, end_ns);
		put(w, STATE_FIN_WAIT_2, m->acked->ts_ns, peer, end_ns);
	} else {
		put(w, STATE_FIN_WAIT_1, m->sent->ts_ns, peer, end_ns);
		if (peer)
			put(w, STATE_CLOSING, peer->ts_ns, m->acked, end_ns);
	}
	if (both)
		put(w, STATE_TIME_WAIT, later(m->acked, peer)->ts_ns, NULL, time_wait_ns);
}

size_t timeline_of(const struct connection *c, const struct timeline_end *end,
		   struct state_entry out[TIMELINE_MAX])
{
	struct fin_order order = fin_order(c);
	struct writer w = {.out = out};

	if (!c->teardown)
		return 0;
	for (int side = 0; side < SIDES; side++) {
		struct moves m = moves_of(c, &order, (enum side)side, end->ordinal);

		w.side = (uint8_t)side;
		if (!m.sent && m.peer)
			put(&w, STATE_CLOSE_WAIT, m.peer->ts_ns, NULL, end->ts_ns);
		else if (m.sent && m.passive)
			put_passive(&w, &m, end->ts_ns);
		else if (m.sent)
			put_active(&w, &m, end->ts_ns, end->time_wait_ns[side]);
	}
	return w.count;
}
