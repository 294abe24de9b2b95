#include <string.h>

#include "tests/tcp_truth.h"

enum { DUPLICATE_US = 1000 };

bool truth_is_duplicate(const struct tcp_world *w, uint32_t place)
{
	const struct model_tapped *e = &w->log[place];

	for (uint32_t i = place; i-- > 0 && e->at - w->log[i].at <= DUPLICATE_US;)
		if (w->log[i].tcp.from == e->tcp.from && w->log[i].tcp.ip_id == e->tcp.ip_id)
			return true;
	return false;
}

/* ---- resets ---- */

static uint32_t window_of(const struct true_row *r, uint32_t host)
{
	const struct true_side *d = &r->side[host];

	if (!d->window_of_syn && d->wscale != 0xff && r->side[!host].wscale != 0xff)
		return d->window << d->wscale;
	return d->window;
}

static bool is_exact(const struct true_row *r, const struct model_tcp *s)
{
	const struct true_side *sender = &r->side[s->from], *receiver = &r->side[!s->from];

	for (uint32_t i = 0; i < receiver->ack_count; i++)
		if (receiver->acks[i] == s->seq)
			return true;
	if (sender->seen && (s->seq == sender->isn + (uint32_t)sender->next ||
			     s->seq == sender->isn + (uint32_t)sender->last_end))
		return true;
	return sender->fin.at >= 0 && s->seq == sender->fin.number;
}

static void note_reset(struct true_row *r, const struct model_tcp *s, int32_t place, bool exact,
		       bool refuses)
{
	if (r->reset_count < RESETS_MAX)
		r->resets[r->reset_count++] = (struct true_reset){
			.at = place, .by = s->from, .exact = exact, .refuses = refuses};
}

static void take_reset(struct true_row *r, const struct model_tcp *s, int32_t place)
{
	const struct true_side *sender = &r->side[s->from], *receiver = &r->side[!s->from];
	bool refuses = s->from != r->initiator && !sender->syn_ack && !r->done;
	uint32_t left;

	if (refuses && (s->flags & MODEL_ACK) && s->ack == receiver->isn + 1) {
		note_reset(r, s, place, true, true);
		return;
	}
	if (refuses && !sender->syn)
		return;
	left = receiver->ack_count ? receiver->acks[0] : sender->isn + 1;
	if (is_exact(r, s))
		note_reset(r, s, place, true, refuses);
	else if (s->seq - left < window_of(r, !s->from))
		note_reset(r, s, place, false, refuses);
}

/* What the resets before this segment are to think of it. */
static void tell_resets(struct true_row *r, const struct model_tcp *s)
{
	const struct true_side *d = &r->side[s->from];
	bool new_ack = (s->flags & MODEL_ACK) &&
		       (d->ack_count == 0 || (int32_t)(s->ack - d->highest_ack) > 0);
	bool progress = !(s->flags & MODEL_RST) && (s->end > d->next || new_ack);

	for (uint32_t i = 0; i < r->reset_count; i++) {
		r->resets[i].progress[s->from] |= progress;
		if (r->resets[i].by == s->from)
			continue;
		if (s->flags & MODEL_RST)
			r->resets[i].later_rsts++;
		else
			r->resets[i].later_others++;
	}
}

static bool was_accepted(const struct true_row *r, const struct true_reset *reset)
{
	if (reset->progress[0] && reset->progress[1])
		return false;
	return reset->exact ||
	       (reset->later_others == 0 && (reset->later_rsts > 0 || r->superseded));
}

void row_settle(struct true_row *r)
{
	r->rst = -1;
	r->refused = false;
	r->closed = r->both_covered;
	for (uint32_t i = 0; i < r->reset_count; i++) {
		const struct true_reset *reset = &r->resets[i];

		if ((r->closed >= 0 && reset->at > r->closed) || !was_accepted(r, reset))
			continue;
		r->rst = reset->at;
		r->rst_by = reset->by;
		r->refused = reset->refuses;
		r->closed = -1;
		return;
	}
}

/* ---- one segment into its row ---- */

static void take_ack(struct true_row *r, const struct model_tcp *s)
{
	struct true_side *d = &r->side[s->from];
	uint32_t i = 0;

	if (!(s->flags & MODEL_ACK))
		return;
	while (i < d->ack_count && d->acks[i] != s->ack)
		i++;
	if (i == d->ack_count && d->ack_count < 4)
		d->ack_count++;
	if (i > 3)
		i = 3;
	memmove(&d->acks[1], &d->acks[0], i * sizeof(d->acks[0]));
	if (d->ack_count == 1 || (int32_t)(s->ack - d->highest_ack) > 0)
		d->highest_ack = s->ack;
	d->acks[0] = s->ack;
}

static void take_payload(struct true_row *r, const struct model_tcp *s)
{
	struct true_side *d = &r->side[s->from];
	uint64_t before = d->bytes;

	for (int64_t i = s->off; i < s->off + s->len; i++) {
		d->bytes += !d->captured[i];
		d->captured[i] = true;
	}
	d->retransmitted += s->len > d->bytes - before;
	if (s->covers_fin)
		r->half_close_bytes[s->from] += d->bytes - before;
}

static void take_fin(struct true_row *r, const struct model_tcp *s, int32_t place)
{
	struct true_fin *own = &r->side[s->from].fin, *peers = &r->side[!s->from].fin;

	if (s->covers_fin && peers->at >= 0 && peers->covered < 0)
		peers->covered = place;
	if (!(s->flags & MODEL_FIN))
		return;
	if (own->at >= 0) {
		own->copies++;
		return;
	}
	own->at = place;
	own->number = s->seq + s->len;
	own->covers_peers = s->covers_fin;
}

static void take_handshake(struct true_row *r, const struct model_tcp *s, int32_t place)
{
	struct true_side *d = &r->side[s->from];
	const struct true_side *peer = &r->side[!s->from];
	bool responder = s->from != r->initiator;

	if (s->flags & MODEL_SYN) {
		d->syn = true;
		d->syn_ack |= (s->flags & MODEL_ACK) != 0;
		d->isn = s->seq;
		d->wscale = s->wscale;
		d->has_timestamp = s->has_timestamp;
	}
	d->acked_peers_syn |= (s->flags & MODEL_ACK) && peer->syn;
	if (r->done || !d->syn || !peer->syn)
		return;
	if ((d->acked_peers_syn && peer->acked_peers_syn) ||
	    (responder && d->acked_peers_syn && (s->flags & MODEL_ACK) &&
	     (s->len > 0 || (s->flags & MODEL_FIN) || s->ack != peer->isn + 1))) {
		r->done = true;
		r->done_at = place;
	}
}

static void take(struct true_row *r, const struct model_tapped *e, int32_t place)
{
	const struct model_tcp *s = &e->tcp;
	struct true_side *d = &r->side[s->from];

	r->last = e->at;
	tell_resets(r, s);
	if (s->flags & MODEL_RST) {
		take_reset(r, s, place);
		row_settle(r);
		return;
	}
	r->others |= s->from != r->initiator;
	take_handshake(r, s, place);
	take_payload(r, s);
	take_fin(r, s, place);
	take_ack(r, s);
	d->seen = true;
	d->last_end = s->end;
	if (s->end > d->next)
		d->next = s->end;
	d->window = s->window;
	d->window_of_syn = s->flags & MODEL_SYN;
	if (s->has_timestamp)
		d->timestamp = s->timestamp;
	if (r->both_covered < 0 && r->side[0].fin.covered >= 0 && r->side[1].fin.covered >= 0)
		r->both_covered = place;
	row_settle(r);
}

/* ---- which row ---- */

static bool forgotten(const struct true_row *r, const struct tcp_world *w, int64_t now)
{
	return (r->rst >= 0 || r->closed >= 0 || !r->done) && now - r->last > w->two_msl;
}

static void begin(struct truths *t, const struct tcp_world *w, uint32_t life, uint32_t place,
		  int64_t now)
{
	struct true_row *r = &t->rows[life];

	memset(r, 0, sizeof(*r));
	r->life = life;
	r->begins = (int32_t)place;
	r->initiator = w->log[place].tcp.from;
	r->done_at = r->rst = r->closed = r->both_covered = -1;
	for (uint32_t host = 0; host < 2; host++) {
		r->side[host].fin.at = r->side[host].fin.covered = -1;
		r->side[host].wscale = 0xff;
	}
	if (t->count > 0) {
		t->rows[t->order[t->count - 1]].superseded = true;
		t->rows[t->order[t->count - 1]].superseded_at = now;
	}
	t->order[t->count++] = life;
	t->begun[life] = true;
	take(r, &w->log[place], (int32_t)place);
}

/* A SYN of a life without a row: does it begin one? */
static void knock(struct truths *t, const struct tcp_world *w, uint32_t place)
{
	const struct model_tapped *e = &w->log[place];
	struct true_row *before = t->count ? &t->rows[t->order[t->count - 1]] : NULL;

	if (!before || before->rst >= 0 || before->closed >= 0 || !before->others ||
	    forgotten(before, w, e->at)) {
		if (t->pending[e->tcp.life]) { /* it had come before the end of the old one */
			begin(t, w, e->tcp.life, t->pending[e->tcp.life] - 1, e->at);
			take(&t->rows[e->tcp.life], e, (int32_t)place);
		} else {
			begin(t, w, e->tcp.life, place, e->at);
		}
		return;
	}
	before->last = e->at;
	if (!t->pending[e->tcp.life])
		t->pending[e->tcp.life] = place + 1;
}

/* An old copy of the SYN has opened a connection at a host that had forgotten the first one. */
static bool second_isn(const struct true_row *r, const struct model_tcp *s)
{
	const struct true_side *d = &r->side[s->from];

	return (s->flags & MODEL_SYN) && d->syn && d->isn != s->seq;
}

/* A segment of a former use of the tuple that comes when the next one was answered already. */
static bool overtaken(const struct truths *t, const struct model_tcp *s)
{
	const struct true_row *latest = &t->rows[t->order[t->count - 1]];

	return s->life != latest->life && latest->others && !(s->flags & MODEL_RST);
}

void truths_find(struct truths *t, const struct tcp_world *w)
{
	memset(t->begun, 0, sizeof(t->begun));
	memset(t->pending, 0, sizeof(t->pending));
	t->count = 0;
	t->beyond = false;
	for (uint32_t i = 0; i < w->log_count && !t->beyond; i++) {
		const struct model_tcp *s = &w->log[i].tcp;
		bool syn = (s->flags & (MODEL_SYN | MODEL_ACK)) == MODEL_SYN;

		if (truth_is_duplicate(w, i))
			continue;
		if (!t->begun[s->life] && syn) {
			knock(t, w, i);
			continue;
		}
		if (!t->begun[s->life])
			begin(t, w, s->life, t->pending[s->life] - 1, w->log[i].at);
		/* a SYN that was overtaken by the end of its connection begins another row */
		if (forgotten(&t->rows[s->life], w, w->log[i].at) ||
		    second_isn(&t->rows[s->life], s) || overtaken(t, s) ||
		    (syn && (t->rows[s->life].rst >= 0 || t->rows[s->life].closed >= 0) &&
		     !t->rows[s->life].refused))
			t->beyond = true;
		else
			take(&t->rows[s->life], &w->log[i], (int32_t)i);
	}
}
