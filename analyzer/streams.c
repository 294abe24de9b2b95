#include "analyzer/streams.h"

#include <assert.h>
#include <stdlib.h>

#include "analyzer/stream_view.h"

/* When a segment came, and how its connection stands with it. */
struct arrival_state {
	const struct moment *at;
	int64_t ns; /* confirmed capture time */
	struct stream_view view;
};

static bool no_memory(struct error *err)
{
	return error_set(err, "out of memory while reassembling streams");
}

static bool wanted(const struct streams *t, enum side side)
{
	for (uint32_t i = 0; i < t->opened; i++)
		if (t->reading[i].wants[side])
			return true;
	return false;
}

static void drop_stream(struct streams *t, enum side side)
{
	t->over[side] = true;
	if (!t->stream[side])
		return;
	stream_free(t->stream[side]);
	free(t->stream[side]);
	t->stream[side] = NULL;
}

static void drop_unwanted(struct streams *t)
{
	for (int side = 0; side < SIDES; side++)
		if (!t->over[side] && !wanted(t, (enum side)side))
			drop_stream(t, (enum side)side);
}

/* The sink of both streams. */
static bool pass_on(void *context, const struct stream_data *data, struct error *err)
{
	struct streams *t = context;

	for (uint32_t i = 0; i < t->opened; i++) {
		const struct consumer *to = &t->desk->consumer[i];

		if (t->reading[i].wants[data->side] && to->data &&
		    !to->data(to->context, &t->reading[i], data, err))
			return false;
	}
	t->stream[data->side]->unread = !wanted(t, data->side);
	return true;
}

/* --- opening --- */

static size_t size_with(const struct stream_desk *desk)
{
	return sizeof(struct streams) + desk->consumers * sizeof(struct reading);
}

static bool open_streams(struct stream_desk *desk, struct flow *f, struct error *err)
{
	struct stream_origin origin = stream_view_origin(f);
	struct streams *t = calloc(1, size_with(desk));

	if (!t)
		return no_memory(err);
	f->streams = t;
	t->desk = desk;
	for (uint32_t i = 0; i < desk->consumers; i++) {
		t->opened++;
		if (!desk->consumer[i].open(desk->consumer[i].context, &origin, &t->reading[i],
					    err))
			return false;
		t->segments |= t->reading[i].wants_segments;
	}
	drop_unwanted(t);
	return true;
}

/* --- bounds --- */

/* Holes that became gaps at the bound, since this many were. */
static void note_forced(struct streams *t, const struct stream *s, uint64_t before)
{
	if (s->forced > before && t->forced == 0)
		t->forced_at = t->latest;
	t->forced += s->forced - before;
	t->desk->holes_given_up += s->forced - before;
}

static bool give_way(struct pool_holder *holder, struct error *err)
{
	struct stream *s = holder->owner;
	struct streams *of = s->sink.context;
	uint64_t forced = s->forced;
	bool ok = stream_give_way(s, holder->kind, err);

	note_forced(of, s, forced);
	drop_unwanted(of);
	return ok;
}

/* Makes room for more bytes of this stream; those that hold most give way. Where it is this one that
 * does, stream_add sees to it. */
static bool reserve(struct stream_pool *pool, const struct stream *by, size_t more,
		    struct error *err)
{
	while (!pool_fits(pool, more) && more <= pool->limit) {
		struct pool_holder *largest = pool_largest(pool);

		if (!largest || (largest->owner == by && largest->kind == POOL_WAITING))
			return true;
		if (!give_way(largest, err))
			return false;
	}
	return true;
}

/* --- segments --- */

/* The stream of a side, made and started if that is possible by now; *stream is NULL else. False without
 * memory. */
static bool stream_of(struct streams *t, const struct stream_view *view, enum side side,
		      bool has_data, uint32_t seq, struct stream **stream)
{
	const struct stream_view_side *v = &view->side[side];
	struct stream *s = t->stream[side];
	uint32_t base;

	*stream = NULL;
	if (t->over[side] || (!s && !stream_view_base(v, has_data, seq, &base)))
		return true;
	if (!s) {
		s = malloc(sizeof(*s));
		if (!s)
			return false;
		stream_init(s, &t->desk->pool, (struct stream_sink){.data = pass_on, .context = t},
			    side, t->desk->overlap, base, v->isn_known);
		s->suspended = view->reset;
		t->stream[side] = s;
	} else if (v->isn_known) { /* the initiator may have chosen another SYN|ACK */
		stream_restart(s, v->isn + 1);
	}
	*stream = s;
	return true;
}

/* A regular connection sends no byte twice. */
static bool tell_added(struct flow *f, enum side from, const struct segment *s,
		       const struct moment *at, const struct stream_added *added)
{
	if (!added->conflict)
		return true;
	assert(f->form == FORM_LIVE);
	return connection_overlap(f->as.live, from, at,
				  &(struct overlap){.seq = added->conflict_at,
						    .earlier_length = added->earlier_length,
						    .later_length = s->payload_len,
						    .differ = added->differ});
}

/* A keep-alive's byte (RFC 9293, 3.8.4) begins no stream. */
static bool is_probe(const struct stream_view_side *v, const struct segment *s)
{
	return s->payload_len == 1 && v->peer_acked && s->seq + 1 == v->peer_ack;
}

/* Before the payload of the same segment is added: what waits behind its FIN is nobody's. */
static bool heed_reset_and_fin(struct stream *s, const struct stream_view *view, enum side side,
			       struct error *err)
{
	const struct stream_view_side *v = &view->side[side];

	return stream_suspend(s, view->reset, err) && (!v->fin || stream_fin(s, v->fin_seq, err));
}

static bool add_payload(struct flow *f, enum side from, const struct segment *s,
			const struct arrival_state *now, struct error *err)
{
	struct streams *t = f->streams;
	struct stream *stream;
	const struct stream_view_side *peer = &now->view.side[peer_of(from)];
	uint32_t seq = s->seq + ((s->flags & TCP_SYN) ? 1 : 0);
	struct stream_arrival a = {
		.bytes = s->payload,
		.captured = s->payload ? s->payload_captured : 0,
		.length = s->payload_len,
		.seq = seq,
		.window_known = peer->window_seen,
		.window_right = peer->window_right,
		.at = *now->at,
		.ack = s->ack,
		.flags = s->flags,
	};
	struct stream_added added;
	uint64_t forced;
	bool ok;

	if (!t->stream[from] && is_probe(&now->view.side[from], s))
		return true;
	if (!stream_of(t, &now->view, from, true, seq, &stream))
		return no_memory(err);
	if (!stream)
		return true;
	if (!heed_reset_and_fin(stream, &now->view, from, err) ||
	    !stream_time(stream, now->ns, err))
		return false;
	if (stream_may_hold(stream, &a) &&
	    !reserve(&t->desk->pool, stream, stream_holding_costs(stream, a.captured), err))
		return false;
	stream = t->stream[from]; /* its readers may have had enough with what gave way */
	if (!stream)
		return true;
	forced = stream->forced;
	ok = stream_add(stream, &a, &added, err);
	note_forced(t, stream, forced);
	return ok && (tell_added(f, from, s, now->at, &added) || no_memory(err));
}

/* Something beside payload concerns the stream: its FIN, or an ACK of bytes. */
static bool concerned(const struct streams *t, const struct stream_view_side *v, enum side side)
{
	return t->stream[side] || v->fin ||
	       (v->peer_acked && (!v->isn_known || v->peer_ack - v->isn > 1));
}

/* What the segment told about one direction beside payload: ACK, FIN, reset, time. */
static bool follow(struct streams *t, enum side side, const struct arrival_state *now,
		   struct error *err)
{
	const struct stream_view_side *v = &now->view.side[side];
	struct stream *s;

	if (!concerned(t, v, side))
		return true;
	if (!stream_of(t, &now->view, side, false, 0, &s))
		return no_memory(err);
	return !s || (heed_reset_and_fin(s, &now->view, side, err) &&
		      (!v->peer_acked || stream_acked(s, v->peer_ack, now->at, now->ns, err)) &&
		      stream_time(s, now->ns, err));
}

static bool tell_ended(struct streams *t, struct error *err)
{
	t->ended = true;
	for (uint32_t i = 0; i < t->opened; i++) {
		const struct consumer *to = &t->desk->consumer[i];

		if (to->ended && !to->ended(to->context, &t->reading[i], err))
			return false;
	}
	return true;
}

/* Both FINs delivered, or a reset that stands. */
static bool is_over(const struct streams *t, const struct stream_view *view, bool reset)
{
	if (reset)
		return true;
	for (int side = 0; side < SIDES; side++)
		if (t->stream[side] ? !stream_ended(t->stream[side]) : !view->side[side].fin)
			return false;
	return true;
}

bool streams_aside(struct flow *f, enum side from, const struct segment *s, enum segment_kind kind,
		   struct error *err)
{
	struct streams *t = f->streams;

	if (!t || !t->segments)
		return true;
	for (uint32_t i = 0; i < t->opened; i++) {
		const struct consumer *to = &t->desk->consumer[i];

		if (t->reading[i].wants_segments && to->segment &&
		    !to->segment(to->context, &t->reading[i], from, s, kind, err))
			return false;
	}
	return true;
}

bool streams_icmp(struct flow *f, const struct icmp_error *icmp, struct error *err)
{
	struct streams *t = f->streams;

	for (uint32_t i = 0; t && i < t->opened; i++) {
		const struct consumer *to = &t->desk->consumer[i];

		if (t->reading[i].wants_segments && to->icmp &&
		    !to->icmp(to->context, &t->reading[i], icmp, err))
			return false;
	}
	return true;
}

static bool take_payload(struct flow *f, enum side from, const struct segment *s,
			 const struct arrival_state *now, struct error *err)
{
	if (f->streams->over[from] || (s->flags & TCP_RST))
		return true;
	if (streams_is_urgent(s)) {
		assert(f->form == FORM_LIVE);
		if (!connection_event(f->as.live, FINDING_URGENT_DATA, from, now->at, s->seq,
				      s->urgent))
			return no_memory(err);
	}
	/* also where the capture cut all of it off: it was sent */
	return s->payload_len == 0 || add_payload(f, from, s, now, err);
}

bool streams_segment(struct stream_desk *desk, struct flow *f, enum side from,
		     const struct segment *s, const struct moment *at, int64_t now_ns,
		     struct error *err)
{
	struct arrival_state now = {.at = at, .ns = now_ns};
	struct streams *t = f->streams;
	bool ok;

	if (desk->consumers == 0)
		return true;
	if (!t && !open_streams(desk, f, err))
		return false;
	t = f->streams;
	t->latest = *at;
	if (!streams_aside(f, from, s, SEGMENT_TAKEN, err))
		return false;
	if (t->over[SIDE_INITIATOR] && t->over[SIDE_RESPONDER])
		return t->ended || !stream_view_is_over(f) || tell_ended(t, err);
	if (s->payload_len == 0 && !t->segments && !t->stream[SIDE_INITIATOR] &&
	    !t->stream[SIDE_RESPONDER] && stream_view_is_silent(f))
		return true;
	now.view = stream_view_of(f);
	ok = take_payload(f, from, s, &now, err) && follow(t, SIDE_INITIATOR, &now, err) &&
	     follow(t, SIDE_RESPONDER, &now, err);
	if (ok && !t->ended && is_over(t, &now.view, now.view.reset))
		ok = tell_ended(t, err);
	drop_unwanted(t);
	if (t->ended && !now.view.reset && is_over(t, &now.view, false))
		for (int side = 0; side < SIDES; side++)
			drop_stream(t, (enum side)side);
	return ok;
}

/* --- the end --- */

/* What a finding can hold. */
static uint32_t number_of(uint64_t count)
{
	return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static bool finish_stream(struct streams *t, struct connection *c, enum side side,
			  struct error *err)
{
	struct stream *s = t->stream[side];
	const struct stream_rest *rest;
	bool ok;

	if (!s)
		return true;
	if (!stream_finish(s, &t->latest, err))
		return false;
	rest = &s->rest;
	ok = (rest->beyond_window == 0 ||
	      connection_event(c, FINDING_DATA_BEYOND_WINDOW, side, &rest->beyond_at,
			       number_of(rest->beyond_window), 0)) &&
	     (rest->after_reset == 0 ||
	      connection_event(c, FINDING_DATA_AFTER_RST, side, &rest->after_reset_at,
			       number_of(rest->after_reset), 0));
	drop_stream(t, side);
	return ok || no_memory(err);
}

bool streams_collect(struct flow *f, struct epilogue *epilogue, struct error *err)
{
	struct streams *t = f->streams;

	*epilogue = (struct epilogue){0};
	for (uint32_t i = 0; t && i < t->opened; i++) {
		const struct consumer *to = &t->desk->consumer[i];

		if (to->finish && !to->finish(to->context, &t->reading[i], epilogue, err))
			return false;
	}
	return true;
}

bool streams_finish(struct flow *f, struct connection *c, struct epilogue *epilogue,
		    struct error *err)
{
	struct streams *t = f->streams;

	if (!t)
		return streams_collect(f, epilogue, err);
	if (!finish_stream(t, c, SIDE_INITIATOR, err) || !finish_stream(t, c, SIDE_RESPONDER, err))
		return false;
	if (t->forced > 0 && !connection_event(c, FINDING_TRACKING_LIMIT, SIDE_NONE, &t->forced_at,
					       number_of(t->forced), 0))
		return no_memory(err);
	return streams_collect(f, epilogue, err);
}

bool streams_close(struct flow *f, const struct verdict *verdict, struct error *err)
{
	struct streams *t = f->streams;
	bool ok = true;

	if (!t)
		return true;
	for (uint32_t i = 0; i < t->opened; i++) {
		const struct consumer *to = &t->desk->consumer[i];

		if (to->close)
			ok = to->close(to->context, &t->reading[i], verdict, ok ? err : NULL) && ok;
	}
	drop_stream(t, SIDE_INITIATOR);
	drop_stream(t, SIDE_RESPONDER);
	free(t);
	f->streams = NULL;
	return ok;
}

size_t streams_memory(const struct streams *t)
{
	size_t bytes = 0;

	if (!t)
		return 0;
	for (int side = 0; side < SIDES; side++)
		bytes += t->stream[side] ? sizeof(struct stream) : 0;
	return size_with(t->desk) + bytes;
}
