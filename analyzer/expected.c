#include "analyzer/expected.h"

#include <string.h>

/* Each step XORs with values that it leaves alone itself, so it undoes itself; undone in reverse order
 * all steps see what they saw before. Nothing here is relied on: an expectation that fails costs bytes,
 * never a number. */

enum { SHIFT_MAX = 14 };

/* Numbers of one direction: SYN, payload, FIN. */
static uint32_t data_start(const struct direction *d)
{
	return d->isn + 1;
}

static uint32_t data_stop(const struct direction *d)
{
	return d->isn + 1 + (uint32_t)d->bytes;
}

static uint32_t fin_stop(const struct direction *d)
{
	return data_stop(d) + 1;
}

static uint32_t scaled_window(const struct direction *d)
{
	return (uint32_t)d->window << (d->wscale <= SHIFT_MAX ? d->wscale : 0);
}

static void swap_numbers(struct direction *d, const struct direction *peer)
{
	d->captured.base ^= data_start(d);
	d->captured.started ^= 1;
	d->captured.fixed_base ^= 1;
	d->captured.end ^= fin_stop(d);
	d->syn_end ^= data_start(d);
	d->snd_nxt ^= fin_stop(d);
	d->last_end ^= fin_stop(d);
	d->data_end ^= d->bytes > 0 ? data_stop(d) : 0;
	d->ack_max ^= fin_stop(peer);
	d->acks[0] ^= fin_stop(peer);
	d->acks[1] ^= data_stop(peer);
	d->acks[2] ^= data_start(peer);
	d->window_right ^= fin_stop(peer) + scaled_window(d);
	d->window_max ^= scaled_window(d);
	d->peer_ack ^= fin_stop(d);
	d->ttl_last ^= d->ttl_first;
}

static void swap_marks(struct direction *d)
{
	d->seen ^= 1;
	d->spoke ^= 1;
	d->plain ^= 1;
	d->isn_known ^= 1;
	d->nxt_known ^= 1;
	d->acked ^= 1;
	d->window_seen ^= 1;
	d->peer_acked ^= 1;
	d->data ^= d->bytes > 0;
}

static void swap_zeek(struct zeek_endpoint *e, const struct direction *d)
{
	e->start ^= d->isn;
	e->last ^= fin_stop(d);
	e->fin ^= fin_stop(d) - data_start(d);
}

static void swap_history(struct zeek *z)
{
	static const char usual[] = "ShADadfF";

	for (size_t i = 0; i < sizeof(usual) - 1; i++)
		z->history[i] = (char)(z->history[i] ^ usual[i]);
}

static void swap_fin_numbers(struct fin *f, const struct direction *d)
{
	f->seq ^= data_stop(d);
	f->data_before ^= d->bytes > 0 ? data_stop(d) : 0;
	f->seen ^= 1;
	f->has_ack ^= 1;
	f->had_data ^= d->bytes > 0;
	f->in_order ^= 1;
	f->covered_exactly ^= 1;
}

/* From isn, bytes, window and wscale alone. */
static void swap_directions(struct image *m)
{
	for (int side = 0; side < SIDES; side++) {
		struct direction *d = &m->c.dir[side];
		const struct direction *peer = &m->c.dir[!side];

		swap_numbers(d, peer);
		swap_marks(d);
		swap_zeek(&m->c.zeek.end[side], d);
		swap_fin_numbers(&m->t.fin[side], d);
	}
	swap_history(&m->c.zeek);
	m->c.handshake_done ^= 1;
}

/* Where both ends agree. */
static void swap_sides(struct image *m)
{
	struct direction *i = &m->c.dir[SIDE_INITIATOR], *r = &m->c.dir[SIDE_RESPONDER];

	r->wscale ^= i->wscale;
	r->syn_ack ^= 1;
	i->syn ^= 1;
	i->bare ^= 1;
	i->bare_end ^= data_start(i);
	m->c.ladder.given_up ^= 1;
	m->c.data_segments ^= (uint32_t)(i->bytes > 0) + (r->bytes > 0);
}

static void swap_moment(struct moment *at, const struct moment *expected)
{
	at->ts_ns ^= expected->ts_ns;
	at->packet ^= expected->packet;
	at->ordinal ^= expected->ordinal;
	at->file ^= expected->file;
}

/* Whose FIN came last. */
static enum side last_fin(const struct image *m)
{
	return m->t.fin[SIDE_RESPONDER].at.ordinal < m->t.fin[SIDE_INITIATOR].at.ordinal
		       ? SIDE_INITIATOR
		       : SIDE_RESPONDER;
}

/* Silence before a FIN: since the latest payload of either end. */
static void swap_silences(struct image *m)
{
	const struct direction *i = &m->c.dir[SIDE_INITIATOR], *r = &m->c.dir[SIDE_RESPONDER];
	int64_t latest = i->data_ns > r->data_ns ? i->data_ns : r->data_ns;

	for (int side = 0; side < SIDES; side++)
		m->t.fin_silence[side] ^= i->data || r->data
						  ? (int64_t)((uint64_t)m->t.fin[side].at.ts_ns -
							      (uint64_t)latest)
						  : 0;
}

static void swap_data_times(struct image *m)
{
	for (int side = 0; side < SIDES; side++)
		m->c.dir[side].data_ns ^= m->c.dir[side].data ? m->t.fin[side].at.ts_ns : 0;
}

/* What happened last: at the moment the connection closed, or soon after. */
static void swap_last(struct image *m)
{
	struct teardown_part *t = &m->t;

	for (int side = 0; side < SIDES; side++)
		if (t->time_wait[side].entered)
			t->time_wait[side].clock_ns ^= t->entry.ts_ns;
	swap_moment(&t->fin[last_fin(m)].covered, &t->closed);
	m->c.previous_ns ^= m->c.last_ns;
}

static void swap_entry(struct image *m)
{
	swap_moment(&m->t.entry, &m->t.closed);
	m->c.last_ns ^= m->t.closed.ts_ns;
}

/* Near the last FIN; with ACK and FIN merged it is what covers the first one. */
static void swap_closed(struct image *m)
{
	enum side last = last_fin(m);

	swap_moment(&m->t.fin[!last].covered, &m->t.fin[last].at);
	m->t.fin[!last].ack ^= data_stop(&m->c.dir[last]);
	m->t.fin[last].ack ^= fin_stop(&m->c.dir[!last]);
	swap_moment(&m->t.closed, &m->t.fin[last].at);
}

static void swap_second_fin(struct image *m)
{
	swap_moment(&m->t.fin[SIDE_RESPONDER].at, &m->t.fin[SIDE_INITIATOR].at);
}

static void swap_start(struct image *m)
{
	struct moment start = {
		.ts_ns = m->c.first_ns, .packet = m->c.first_packet, .file = m->c.first_file};

	swap_moment(&m->t.fin[SIDE_INITIATOR].at, &start);
	m->c.syn_ns ^= m->c.first_ns;
}

/* In this order each step finds what it uses as it was. */
static void (*const steps[])(struct image *) = {
	swap_silences,   swap_data_times, swap_last,       swap_entry, swap_closed,
	swap_second_fin, swap_start,      swap_directions, swap_sides,
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

void expected_out(struct image *m)
{
	for (int i = 0; i < STEPS; i++)
		steps[i](m);
}

void expected_in(struct image *m)
{
	for (int i = STEPS - 1; i >= 0; i--)
		steps[i](m);
}
