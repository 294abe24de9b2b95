#include "tests/tcp_end.h"

#include <string.h>

#include "tests/tcp_world.h"

#define SECOND    INT64_C(1000000)
#define FIRST_RTO (SECOND / 4)

enum { RETRIES_MAX = 6, SYN_RETRIES_MAX = 4 };

static bool after(uint32_t x, uint32_t y)
{
	return (int32_t)(x - y) > 0;
}

static int64_t fin_at(const struct model_host *h)
{
	return h->queued;
}

/* ---- sending ---- */

static uint16_t offered(const struct model_host *h, uint8_t flags)
{
	if ((flags & MODEL_SYN) || h->wscale == 0xff || h->peer_scale == 0xff)
		return h->window;
	return (uint16_t)(h->window >> h->wscale);
}

static void emit(struct model_host *h, uint8_t flags, int64_t off, uint32_t len, int64_t now)
{
	struct model_tcp s = {.from = h->index,
			      .flags = flags,
			      .seq = h->iss + (uint32_t)off,
			      .len = len,
			      .window = offered(h, flags),
			      .wscale = flags & MODEL_SYN ? h->wscale : 0xff,
			      .life = h->life,
			      .covers_fin = h->fin_consumed,
			      .off = off,
			      .end = off + len + !!(flags & MODEL_SYN) + !!(flags & MODEL_FIN)};

	if (flags & MODEL_ACK)
		s.ack = h->irs + (uint32_t)h->rcv_nxt;
	s.has_timestamp = flags & MODEL_SYN ? (flags & MODEL_ACK ? h->timestamps : h->offers_time)
					    : h->timestamps;
	if (s.has_timestamp)
		s.timestamp = h->clock_offset + (uint32_t)(now / 1000);
	world_send(h->world, &s, now);
}

static void send_ack(struct model_host *h, int64_t now)
{
	emit(h, MODEL_ACK, h->snd_nxt, 0, now);
}

/* RFC 9293, 3.10.7.1: what a host without the connection answers. */
static void refuse(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	struct model_tcp r = {
		.from = h->index, .flags = MODEL_RST, .life = s->life, .wscale = 0xff};

	if (s->flags & MODEL_RST)
		return;
	if (s->flags & MODEL_ACK) {
		r.seq = s->ack;
	} else {
		r.flags |= MODEL_ACK;
		r.ack = s->seq + s->len + !!(s->flags & MODEL_SYN) + !!(s->flags & MODEL_FIN);
	}
	world_send(h->world, &r, now);
}

static void start_timer(struct model_host *h, int64_t now)
{
	if (h->rto_at == INT64_MAX)
		h->rto_at = now + h->rto;
}

static bool may_send(const struct model_host *h)
{
	return h->state == MODEL_ESTABLISHED || h->state == MODEL_CLOSE_WAIT;
}

/* Returns whether anything went out: it carries the acknowledgement. */
static bool output(struct model_host *h, int64_t now)
{
	bool sent = false;

	while (may_send(h)) {
		int64_t left = h->queued - h->snd_nxt, room = h->peer_edge - h->snd_nxt;
		int64_t len = left < MODEL_MSS ? left : MODEL_MSS;
		bool fin = h->fin_queued && len == left && room > len;

		if (len > room)
			len = room > 0 ? room : 0;
		if (len == 0 && !fin)
			break;
		emit(h, (uint8_t)(MODEL_ACK | (fin ? MODEL_FIN : 0)), h->snd_nxt, (uint32_t)len,
		     now);
		h->snd_nxt += len + fin;
		if (fin)
			h->state = h->state == MODEL_ESTABLISHED ? MODEL_FIN_WAIT_1
								 : MODEL_LAST_ACK;
		start_timer(h, now);
		sent = true;
	}
	return sent;
}

/* ---- the application's calls ---- */

static void fresh(struct model_host *h, uint32_t life, uint32_t iss, int64_t now)
{
	(void)now;
	h->life = life;
	h->iss = iss;
	h->snd_una = 0;
	h->snd_nxt = 1;
	h->rcv_nxt = 0;
	h->queued = 1;
	h->fin_queued = false;
	h->reads = true;
	h->peer_fin = -1;
	h->fin_consumed = false;
	h->peer_scale = 0xff;
	h->peer_edge = 1;
	h->rto = FIRST_RTO;
	h->rto_at = INT64_MAX;
	h->retries = 0;
	h->timestamps = false;
	memset(h->received, 0, sizeof(h->received));
}

void end_connect(struct model_host *h, uint32_t life, uint32_t iss, int64_t now)
{
	fresh(h, life, iss, now);
	h->passive = false;
	h->state = MODEL_SYN_SENT;
	emit(h, MODEL_SYN, 0, 0, now);
	start_timer(h, now);
}

void end_write(struct model_host *h, uint32_t bytes, int64_t now)
{
	if (h->fin_queued || h->queued + bytes > MODEL_STREAM_MAX)
		return;
	h->queued += bytes;
	(void)output(h, now);
}

void end_close(struct model_host *h, bool reads, int64_t now)
{
	h->reads = reads;
	if (h->state == MODEL_SYN_SENT) {
		end_forget(h);
		return;
	}
	h->fin_queued = true;
	(void)output(h, now);
}

void end_forget(struct model_host *h)
{
	h->state = MODEL_CLOSED;
	h->rto_at = INT64_MAX;
}

void end_abort(struct model_host *h)
{
	if (h->state >= MODEL_SYN_RECEIVED && h->state != MODEL_TIME_WAIT)
		emit(h, MODEL_RST | MODEL_ACK, h->snd_nxt, 0, world_now(h->world));
	end_forget(h);
}

/* ---- timers ---- */

static void enter_time_wait(struct model_host *h, int64_t now)
{
	h->state = MODEL_TIME_WAIT;
	h->rto_at = INT64_MAX;
	h->wait_until = now + world_time_wait(h->world);
}

int64_t end_next_timer(const struct model_host *h)
{
	if (h->state == MODEL_CLOSED)
		return INT64_MAX;
	return h->state == MODEL_TIME_WAIT ? h->wait_until : h->rto_at;
}

static void resend(struct model_host *h, int64_t now)
{
	int64_t end = h->snd_nxt < h->queued ? h->snd_nxt : h->queued;
	int64_t len = end - h->snd_una;
	bool fin;

	if (h->snd_una == 0) {
		emit(h, (uint8_t)(MODEL_SYN | (h->state == MODEL_SYN_RECEIVED ? MODEL_ACK : 0)), 0,
		     0, now);
		return;
	}
	if (len > MODEL_MSS)
		len = MODEL_MSS;
	fin = h->fin_queued && h->snd_nxt > fin_at(h) && h->snd_una + len == fin_at(h);
	emit(h, (uint8_t)(MODEL_ACK | (fin ? MODEL_FIN : 0)), h->snd_una, (uint32_t)len, now);
}

void end_timer(struct model_host *h, int64_t now)
{
	uint32_t limit = h->snd_una == 0 ? SYN_RETRIES_MAX : RETRIES_MAX;

	if (h->state == MODEL_TIME_WAIT || h->retries++ >= limit) {
		end_forget(h);
		return;
	}
	resend(h, now);
	h->rto *= 2;
	h->rto_at = now + h->rto;
}

/* ---- receiving ---- */

static void learn(struct model_host *h, const struct model_tcp *syn)
{
	h->irs = syn->seq;
	h->rcv_nxt = 1;
	h->peer_scale = h->wscale == 0xff ? 0xff : syn->wscale;
	h->timestamps = h->offers_time && syn->has_timestamp;
	h->ts_recent = syn->timestamp;
}

static void take_window(struct model_host *h, const struct model_tcp *s)
{
	int64_t size = s->window;

	if (!(s->flags & MODEL_SYN) && h->peer_scale != 0xff)
		size <<= h->peer_scale;
	if (h->snd_una + size > h->peer_edge)
		h->peer_edge = h->snd_una + size;
}

static void established(struct model_host *h, int64_t now)
{
	h->state = MODEL_ESTABLISHED;
	world_established(h->world, h, now);
}

static void listen_to(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	if ((s->flags & (MODEL_SYN | MODEL_ACK | MODEL_RST)) != MODEL_SYN || !h->listens) {
		refuse(h, s, now);
		return;
	}
	fresh(h, s->life, world_isn(h->world), now);
	h->passive = true;
	learn(h, s);
	h->state = MODEL_SYN_RECEIVED;
	take_window(h, s);
	emit(h, MODEL_SYN | MODEL_ACK, 0, 0, now);
	start_timer(h, now);
}

static void syn_sent(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	bool acks = s->flags & MODEL_ACK;

	if (acks && s->ack != h->iss + 1) {
		refuse(h, s, now);
		return;
	}
	if (s->flags & MODEL_RST) {
		if (acks)
			end_forget(h);
		return;
	}
	if (!(s->flags & MODEL_SYN))
		return;
	learn(h, s);
	h->rto_at = INT64_MAX;
	h->retries = 0;
	h->rto = FIRST_RTO;
	if (!acks) { /* crossing SYNs */
		h->state = MODEL_SYN_RECEIVED;
		emit(h, MODEL_SYN | MODEL_ACK, 0, 0, now);
		start_timer(h, now);
		return;
	}
	h->snd_una = 1;
	take_window(h, s);
	established(h, now);
	if (!output(h, now))
		send_ack(h, now);
}

/* A SYN to an end in TIME_WAIT: RFC 6191, 2 and RFC 9293, 3.10.7.4. */
static bool reopens(const struct model_host *h, const struct model_tcp *s)
{
	bool above = after(s->seq, h->irs + (uint32_t)h->rcv_nxt - 1);

	if (h->timestamps && s->has_timestamp)
		return after(s->timestamp, h->ts_recent) || (s->timestamp == h->ts_recent && above);
	return above;
}

static void time_wait(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	if (s->flags & MODEL_RST) {
		if (!h->fix_1337 && s->seq == h->irs + (uint32_t)h->rcv_nxt)
			end_forget(h);
		return;
	}
	if ((s->flags & (MODEL_SYN | MODEL_ACK)) == MODEL_SYN && h->listens && reopens(h, s)) {
		end_forget(h);
		listen_to(h, s, now);
		return;
	}
	if (s->flags & MODEL_FIN)
		h->wait_until = now + world_time_wait(h->world);
	else if (s->seq == h->irs + (uint32_t)h->rcv_nxt && s->len == 0)
		return;
	send_ack(h, now);
}

/* RFC 9293, 3.10.7.4, first check. */
static bool acceptable(const struct model_host *h, const struct model_tcp *s)
{
	uint32_t len = s->len + !!(s->flags & MODEL_SYN) + !!(s->flags & MODEL_FIN);
	uint32_t first = s->seq - (h->irs + (uint32_t)h->rcv_nxt);

	return first < h->window || (len > 0 && first + len - 1 < h->window);
}

static bool take_reset(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	if (!(s->flags & MODEL_RST))
		return false;
	if (s->seq == h->irs + (uint32_t)h->rcv_nxt)
		end_forget(h);
	else
		send_ack(h, now); /* RFC 5961, 3.2 */
	return true;
}

static void fin_acknowledged(struct model_host *h, int64_t now)
{
	if (h->state == MODEL_FIN_WAIT_1)
		h->state = MODEL_FIN_WAIT_2;
	else if (h->state == MODEL_CLOSING)
		enter_time_wait(h, now);
	else if (h->state == MODEL_LAST_ACK)
		end_forget(h);
}

/* False where the segment goes no further. */
static bool take_ack(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	int64_t ack = h->snd_una + (int32_t)(s->ack - (h->iss + (uint32_t)h->snd_una));

	if (!(s->flags & MODEL_ACK))
		return false;
	if (ack > h->snd_nxt) {
		send_ack(h, now);
		return false;
	}
	if (ack > h->snd_una) {
		h->snd_una = ack;
		h->retries = 0;
		h->rto = FIRST_RTO;
		h->rto_at = ack < h->snd_nxt ? now + h->rto : INT64_MAX;
	}
	take_window(h, s);
	if (h->state == MODEL_SYN_RECEIVED && ack >= 1)
		established(h, now);
	if (h->fin_queued && h->snd_una > fin_at(h))
		fin_acknowledged(h, now);
	return h->state != MODEL_CLOSED;
}

/* Takes in what the segment carries; true where it asks for an acknowledgement. */
static bool take_text(struct model_host *h, const struct model_tcp *s)
{
	int64_t at = h->rcv_nxt + (int32_t)(s->seq - (h->irs + (uint32_t)h->rcv_nxt));

	for (int64_t i = at < h->rcv_nxt ? h->rcv_nxt : at; i < at + s->len && i < MODEL_STREAM_MAX;
	     i++)
		h->received[i] = true;
	if (s->flags & MODEL_FIN)
		h->peer_fin = at + s->len;
	while (h->rcv_nxt < MODEL_STREAM_MAX && h->received[h->rcv_nxt])
		h->rcv_nxt++;
	if (h->peer_fin == h->rcv_nxt && !h->fin_consumed) {
		h->fin_consumed = true;
		h->rcv_nxt++;
	}
	return s->len > 0 || (s->flags & (MODEL_FIN | MODEL_SYN));
}

static void peer_closed(struct model_host *h, int64_t now)
{
	if (h->state == MODEL_ESTABLISHED)
		h->state = MODEL_CLOSE_WAIT;
	else if (h->state == MODEL_FIN_WAIT_1)
		h->state = MODEL_CLOSING;
	else if (h->state == MODEL_FIN_WAIT_2)
		enter_time_wait(h, now);
}

/* RFC 1122, 4.2.2.13: data for an application that is gone. */
static bool too_late(const struct model_host *h, const struct model_tcp *s)
{
	bool closed = h->state == MODEL_FIN_WAIT_1 || h->state == MODEL_FIN_WAIT_2;

	return closed && !h->reads && s->len > 0 &&
	       after(s->seq + s->len, h->irs + (uint32_t)h->rcv_nxt);
}

static void synchronized(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	bool consumed = h->fin_consumed, asks;

	if (h->state == MODEL_SYN_RECEIVED && (s->flags & MODEL_SYN) && s->seq == h->irs) {
		if (!(s->flags & MODEL_ACK)) {
			resend(h, now);
			return;
		}
		/* the SYN|ACK of a simultaneous open */
		if (take_ack(h, s, now) && !output(h, now))
			send_ack(h, now);
		return;
	}
	if (!acceptable(h, s)) {
		if (!(s->flags & MODEL_RST))
			send_ack(h, now);
		return;
	}
	if (take_reset(h, s, now))
		return;
	if (s->flags & MODEL_SYN) {
		send_ack(h, now); /* RFC 5961, 4.2 */
		return;
	}
	if (!take_ack(h, s, now))
		return;
	if (s->has_timestamp && after(s->timestamp, h->ts_recent))
		h->ts_recent = s->timestamp;
	if (too_late(h, s)) {
		refuse(h, s, now);
		end_forget(h);
		return;
	}
	asks = take_text(h, s);
	if (h->fin_consumed && !consumed) {
		peer_closed(h, now);
		world_end_of_file(h->world, h, now); /* may close at once */
	}
	if (h->state != MODEL_CLOSED && !output(h, now) && asks &&
	    !world_acked_already(h->world, h))
		send_ack(h, now);
}

void end_receive(struct model_host *h, const struct model_tcp *s, int64_t now)
{
	if (h->silent)
		return;
	world_begin_answer(h->world);
	if (h->state == MODEL_CLOSED)
		listen_to(h, s, now);
	else if (h->state == MODEL_SYN_SENT)
		syn_sent(h, s, now);
	else if (h->state == MODEL_TIME_WAIT)
		time_wait(h, s, now);
	else
		synchronized(h, s, now);
}
