#include "analyzer/stream_view.h"

#include "analyzer/regular.h"

/* An ACK this far below a midstream direction's first bytes still tells where they begin. */
enum { BASE_NEAR = 1 << 20 };

static void view_regular(const struct regular_end *from, const struct regular_end *peer,
			 struct stream_view_side *v)
{
	bool seen = from->packets > 0;

	*v = (struct stream_view_side){
		.isn = from->isn,
		.lowest = from->isn + 1,
		.peer_ack = peer->acks[0],
		.window_right = from->window_right,
		.fin_seq = from->snd_nxt - 1,
		.isn_known = seen,
		.nxt_known = seen,
		.captured = seen,
		.peer_acked = seen && peer->ack_count > 0,
		.window_seen = from->ack_count > 0,
		.fin = from->fin,
	};
}

static void view_live(const struct connection *c, enum side side, struct stream_view_side *v)
{
	const struct direction *d = &c->dir[side];
	const struct fin *fin = c->teardown ? &c->teardown->fin[side] : NULL;

	*v = (struct stream_view_side){
		.isn = d->isn,
		.lowest = d->captured.base,
		.peer_ack = d->peer_ack,
		.peer_first_ack = d->peer_first_ack,
		.window_right = d->window_right,
		.fin_seq = fin ? fin->seq : 0,
		.isn_known = d->isn_known,
		.nxt_known = d->nxt_known,
		.captured = d->captured.started,
		.peer_acked = d->peer_acked,
		.window_seen = d->window_seen,
		.fin = fin && fin->seen,
		.unseen = d->unseen > 0,
	};
}

struct stream_view stream_view_of(const struct flow *f)
{
	const struct connection *c = flow_live(f);
	struct stream_view v;

	v.reset = c && connection_reset(c, false, false);
	for (int side = 0; side < SIDES; side++)
		if (c)
			view_live(c, (enum side)side, &v.side[side]);
		else
			view_regular(&f->as.regular->end[side], &f->as.regular->end[!side],
				     &v.side[side]);
	return v;
}

bool stream_view_is_over(const struct flow *f)
{
	const struct regular_end *end;
	struct stream_view v;

	if (!flow_live(f)) {
		end = f->as.regular->end;
		return end[SIDE_INITIATOR].fin && end[SIDE_RESPONDER].fin;
	}
	v = stream_view_of(f);
	return v.reset || (v.side[SIDE_INITIATOR].fin && v.side[SIDE_RESPONDER].fin);
}

bool stream_view_is_silent(const struct flow *f)
{
	const struct regular *r = flow_regular(f);

	for (int side = 0; r && side < SIDES; side++) {
		const struct regular_end *from = &r->end[side], *peer = &r->end[!side];

		if (from->fin || (peer->ack_count > 0 && peer->acks[0] - from->isn > 1))
			return false;
	}
	return r;
}

struct stream_origin stream_view_origin(const struct flow *f)
{
	const struct connection *c = flow_live(f);
	struct stream_origin o = {.ip_version = flow_ip_version(f), .tunnel = flow_tunnel(f)};

	if (c) {
		o.first_ns = c->first_ns;
		o.first_packet = c->first_packet;
		o.file = c->first_file;
		o.midstream = c->midstream;
	} else {
		o.first_ns = f->as.regular->first_ns;
		o.first_packet = f->as.regular->first_packet;
		o.file = f->as.regular->file;
	}

	for (int side = 0; side < SIDES; side++) {
		o.address[side] = flow_address(f, (enum side)side);
		o.port[side] = flow_port(f, (enum side)side);
	}
	return o;
}

/* Where a direction without SYN begins: at its lowest number so far, or at what the peer had acknowledged
 * just before; one below its first byte is a keep-alive's number. */
static uint32_t midstream_base(const struct stream_view_side *v, uint32_t seq)
{
	uint32_t first = v->captured ? seq - v->lowest : 0;
	uint32_t acked = v->peer_acked ? seq - v->peer_ack : 0;

	if (first > 1 && first <= BASE_NEAR)
		return seq - first;
	return acked <= BASE_NEAR ? seq - acked : seq;
}

/* Of a direction without SYN and without payload, an ACK or the FIN tells that bytes are missing behind
 * its lowest number; more than the one of a keep-alive. */
static bool is_all_missing(const struct stream_view_side *v)
{
	uint32_t shown = v->fin ? v->fin_seq : v->peer_ack;
	uint32_t missing = shown - v->lowest;

	return v->captured && (v->fin || v->peer_acked) && missing > 1 && missing <= BASE_NEAR;
}

bool stream_view_base(const struct stream_view_side *v, bool has_data, uint32_t seq, uint32_t *base)
{
	if (v->isn_known)
		*base = v->isn + 1;
	else if (has_data)
		*base = midstream_base(v, seq);
	else if (v->nxt_known)
		*base = v->lowest;
	else
		*base = v->peer_first_ack;
	return v->isn_known || has_data || (v->nxt_known ? is_all_missing(v) : v->unseen);
}
