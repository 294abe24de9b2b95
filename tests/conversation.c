#include "tests/conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/random_segments.h"

/* SPARE: so that what is sent at the end still lies in the model's span. */
enum { ACTIVE = 8, SPARE = 1500, OTHER = 0x80, WINDOW_FIELD_MAX = 65535 };

uint32_t link_below(struct link *l, uint32_t bound)
{
	return bound ? random_next(&l->random) % bound : 0;
}

bool link_chance(struct link *l, uint32_t of_100)
{
	return link_below(l, 100) < of_100;
}

void link_open(struct link *l, const struct link_mode *mode, uint32_t seed)
{
	l->mode = mode;
	l->random = (seed * 2654435761u) | 1;
	l->queued = l->first = 0;
	l->ip_id = 0;
	for (int i = 0; i < 4; i++)
		random_next(&l->random);
	l->conversations = calloc(mode->conversations, sizeof(struct conversation *));
	assert_non_null(l->conversations);
	for (uint32_t i = 0; i < mode->conversations; i++) {
		struct conversation *c = calloc(1, sizeof(*c));

		assert_non_null(c);
		l->conversations[i] = c;
		c->ends = ends_of(i);
		c->model.overlap = mode->overlap;
		c->model.midstream = mode->midstream;
		c->model.loose = mode->loose;
		for (int side = 0; side < SIDES; side++) /* many wrap soon */
			c->talker[side].isn = link_chance(l, 70) ? 0u - link_below(l, 6000)
								 : random_next(&l->random);
	}
}

void link_close(struct link *l)
{
	for (uint32_t i = 0; i < l->mode->conversations; i++)
		free(l->conversations[i]);
	free(l->conversations);
}

/* --- the tap --- */

static void capture(struct link *l, uint32_t index)
{
	struct tapped t = l->queue[index];

	l->queued--;
	memmove(l->queue + index, l->queue + index + 1, (l->queued - index) * sizeof(l->queue[0]));
	t.segment.bytes = t.bytes;
	l->captured(l->context, t.of, &t.segment);
}

void link_flush(struct link *l)
{
	while (l->queued > 0)
		capture(l, 0);
}

static void tap(struct link *l, const struct tapped *t)
{
	if (t->of->unseen > 0 || link_chance(l, l->mode->tap_loss))
		return;
	if (l->queued == TAP_QUEUE)
		capture(l, 0);
	l->queue[l->queued++] = *t;
	if (link_chance(l, l->mode->reordering))
		return;
	while (l->queued > 0)
		capture(l, link_below(l, l->queued > 3 ? 3 : l->queued));
}

/* Nothing is lost or out of order. */
static void tap_surely(struct link *l, const struct tapped *t)
{
	link_flush(l);
	if (t->of->unseen > 0)
		return;
	l->queue[l->queued++] = *t;
	link_flush(l);
}

/* --- the two ends --- */

static enum side other_side(enum side side)
{
	return side == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
}

/* What stands at an offset; the bit OTHER is left for copies that differ. */
static uint8_t content(enum side side, uint32_t offset)
{
	return (uint8_t)(((offset * 2654435761u + (uint32_t)side * 77777u) >> 13) & 0x7f);
}

static struct tapped segment_from(struct link *l, struct conversation *c, enum side side,
				  uint8_t flags, uint32_t offset, uint32_t length, uint8_t differ)
{
	const struct talker *peer = &c->talker[other_side(side)];
	bool syn = flags & TCP_SYN;
	struct tapped t = {
		.of = c,
		.segment = {.from = side,
			    .flags = flags,
			    .offset = offset,
			    .length = length,
			    .captured = length,
			    .ip_id = ++l->ip_id,
			    .window = syn ? (peer->window > WINDOW_FIELD_MAX ? WINDOW_FIELD_MAX
									     : peer->window)
					  : peer->window >> c->model.shift},
	};

	if (flags & TCP_ACK)
		t.segment.ack = (int64_t)peer->received_to + peer->fin_received;
	for (uint32_t i = 0; i < length; i++)
		t.bytes[i] = content(side, offset + i) | differ;
	return t;
}

/* It gets to the other end. */
static void arrive(struct conversation *c, const struct model_segment *s)
{
	struct talker *d = &c->talker[s->from];

	for (int64_t at = s->offset; at < s->offset + s->length && at < MODEL_SPAN; at++)
		d->received[at] |= at < d->edge;
	while (d->received_to < MODEL_SPAN && d->received[d->received_to])
		d->received_to++;
	if (d->fin_sent && (s->flags & TCP_FIN) && d->received_to == d->sent)
		d->fin_received = true;
}

/* An ACK moves the edge up to which the peer may send. */
static void open_window(struct conversation *c, const struct model_segment *s)
{
	struct talker *peer = &c->talker[other_side(s->from)];
	uint8_t shift = s->flags & TCP_SYN ? 0 : c->model.shift;
	uint32_t edge = (uint32_t)s->ack + (s->window << shift);

	if ((s->flags & TCP_ACK) && edge > peer->edge)
		peer->edge = edge;
}

static void transmit(struct link *l, struct conversation *c, enum side side, uint8_t flags,
		     uint32_t offset, uint32_t length, uint8_t differ)
{
	struct tapped t = segment_from(l, c, side, flags, offset, length, differ);

	open_window(c, &t.segment);
	if (l->mode->short_frames && link_chance(l, 10))
		t.segment.captured = link_chance(l, 50) ? 0 : link_below(l, length + 1);
	tap(l, &t);
	if (link_chance(l, l->mode->duplicates))
		tap(l, &t);
	if (!link_chance(l, l->mode->link_loss))
		arrive(c, &t.segment);
}

static void transmit_surely(struct link *l, struct conversation *c, enum side side, uint8_t flags,
			    uint32_t offset, uint32_t length, bool arrives)
{
	struct tapped t = segment_from(l, c, side, flags, offset, length, 0);

	open_window(c, &t.segment);
	tap_surely(l, &t);
	if (arrives)
		arrive(c, &t.segment);
}

static void begin(struct link *l, struct conversation *c)
{
	const struct link_mode *mode = l->mode;
	uint32_t length = mode->syn_data && link_chance(l, 50) ? link_below(l, 200) : 0;

	c->begun = true;
	for (int side = 0; side < SIDES; side++) {
		struct talker *d = &c->talker[side];

		d->window = mode->windows ? 500 + link_below(l, 2000) : 3000 + link_below(l, 60000);
		d->edge = d->window > 3000 ? 3000 : d->window;
	}
	if (mode->midstream) {
		c->unseen = link_below(l, 60);
		if (link_chance(l, 50))
			transmit_surely(l, c, SIDE_INITIATOR, TCP_ACK, 0, 0, true);
		if (link_chance(l, 50))
			transmit_surely(l, c, SIDE_RESPONDER, TCP_ACK, 0, 0, true);
		return;
	}
	c->model.shift = mode->windows ? 0 : (uint8_t)link_below(l, 3);
	c->talker[SIDE_INITIATOR].sent = length;
	transmit_surely(l, c, SIDE_INITIATOR, TCP_SYN, 0, length, link_chance(l, 50));
	length = mode->syn_data && link_chance(l, 30) ? link_below(l, 100) : 0;
	c->talker[SIDE_RESPONDER].sent = length;
	transmit_surely(l, c, SIDE_RESPONDER, TCP_SYN | TCP_ACK, 0, length, link_chance(l, 80));
	transmit_surely(l, c, SIDE_INITIATOR, TCP_ACK, c->talker[SIDE_INITIATOR].sent, 0, true);
}

/* --- what an end may do next --- */

static void send_new(struct link *l, struct conversation *c, enum side side)
{
	struct talker *d = &c->talker[side];
	uint32_t length = 1 + link_below(l, link_chance(l, 20) ? 1400 : 200), limit = d->edge;
	/* without a byte before it a single one looks like a keep-alive */
	uint32_t offset = d->sent, least = l->mode->midstream ? 2 : 1;

	if (l->mode->windows && link_chance(l, 10))
		limit += 300;
	if (offset + length > limit)
		length = limit > offset ? limit - offset : 0;
	if (d->fin_sent || length < least || offset + length > MODEL_SPAN - SPARE)
		return;
	d->sent += length;
	transmit(l, c, side, TCP_ACK, offset, length,
		 l->mode->conflicts && link_chance(l, 5) ? OTHER : 0);
}

/* With other boundaries; never of one byte, which would look like a keep-alive. */
static void send_again(struct link *l, struct conversation *c, enum side side)
{
	struct talker *d = &c->talker[side];
	uint32_t offset = link_chance(l, 60) ? d->received_to : link_below(l, d->sent);
	uint32_t length = 2 + link_below(l, 600);
	bool fin;

	if (offset >= d->sent)
		offset = link_below(l, d->sent);
	if (offset + length > d->sent)
		length = d->sent - offset;
	if (length < 2)
		return;
	fin = d->fin_sent && offset + length == d->sent;
	transmit(l, c, side, (uint8_t)(TCP_ACK | (fin ? TCP_FIN : 0)), offset, length,
		 l->mode->conflicts && link_chance(l, 15) ? OTHER : 0);
}

static void send_ack(struct link *l, struct conversation *c, enum side side)
{
	const struct talker *d = &c->talker[side];

	transmit(l, c, side, TCP_ACK, d->sent + d->fin_sent, 0, 0);
}

/* Where all is captured and acknowledged, so that the tap can tell it from data. */
static void send_keep_alive(struct link *l, struct conversation *c, enum side side)
{
	const struct talker *d = &c->talker[side];
	const struct model_side *seen = &c->model.side[side];
	struct tapped t;

	if (!l->mode->keep_alives || d->sent == 0 || d->fin_sent || d->received_to != d->sent)
		return;
	link_flush(l);
	if (!seen->told || seen->next != d->sent || seen->acked != d->sent)
		return;
	t = segment_from(l, c, side, TCP_ACK, d->sent - 1, 1, OTHER);
	tap_surely(l, &t);
}

static void send_after_fin(struct link *l, struct conversation *c, enum side side)
{
	const struct talker *d = &c->talker[side];
	struct tapped t;

	if (!l->mode->after_fin || !d->fin_sent)
		return;
	t = segment_from(l, c, side, TCP_ACK, d->sent, 2 + link_below(l, 100), OTHER);
	tap(l, &t);
}

static void send_fin(struct link *l, struct conversation *c, enum side side)
{
	struct talker *d = &c->talker[side];

	if (!l->mode->fins || c->talker[SIDE_INITIATOR].sent <= 300)
		return;
	d->fin_sent = true;
	transmit(l, c, side, TCP_ACK | TCP_FIN, d->sent, 0, 0);
	if (link_chance(l, 50))
		send_after_fin(l, c, side);
}

/* On SND.NXT as the tap saw it: certainly acceptable. */
static void send_reset(struct link *l, struct conversation *c, enum side side)
{
	struct model_side *seen = c->model.side;
	struct tapped t;

	if (!l->mode->resets || c->reset_sent || c->talker[SIDE_INITIATOR].fin_sent ||
	    c->talker[SIDE_RESPONDER].fin_sent || !seen[SIDE_INITIATOR].told ||
	    !seen[SIDE_RESPONDER].told)
		return;
	link_flush(l);
	if (seen[side].nxt > MODEL_SPAN - SPARE)
		return;
	t = segment_from(l, c, side, TCP_RST | TCP_ACK, (uint32_t)seen[side].nxt, 0, 0);
	tap_surely(l, &t);
	c->reset_sent = true;
	if (link_chance(l, 60))
		c->silenced[link_below(l, SIDES)] = true;
}

/* Of 100 steps of an end. */
static const struct {
	uint32_t share;
	void (*act)(struct link *l, struct conversation *c, enum side side);
} actions[] = {
	{40, send_new},      {20, send_again}, {25, send_ack},  {3, send_keep_alive},
	{2, send_after_fin}, {3, send_fin},    {4, send_reset},
};

static void act(struct link *l, struct conversation *c)
{
	enum side side = link_below(l, 2) ? SIDE_RESPONDER : SIDE_INITIATOR;
	uint32_t number = link_below(l, 100);

	if (!c->begun) {
		begin(l, c);
		return;
	}
	if (c->unseen > 0)
		c->unseen--;
	if (c->silenced[side])
		return;
	if (l->mode->windows && link_chance(l, 5))
		c->talker[other_side(side)].window = 300 + link_below(l, 3000);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (number < actions[i].share) {
			actions[i].act(l, c, side);
			return;
		}
		number -= actions[i].share;
	}
}

void link_step(struct link *l, uint32_t step)
{
	uint32_t count = l->mode->conversations, active = count < ACTIVE ? count : ACTIVE;
	uint32_t index;

	if (count > ACTIVE && l->first < count - active && step % (l->mode->steps / count + 1) == 0)
		l->first++;
	if (l->first > 0 && link_chance(l, 4))
		index = link_below(l, l->first);
	else
		index = l->first + link_below(l, active);
	act(l, l->conversations[index]);
}
