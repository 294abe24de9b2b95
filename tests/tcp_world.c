#include "tests/tcp_world.h"

#include <string.h>

#define MS     INT64_C(1000)
#define SECOND INT64_C(1000000)

uint32_t world_below(struct tcp_world *w, uint32_t bound)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % bound;
}

static bool chance(struct tcp_world *w, uint32_t of_1000)
{
	return world_below(w, 1000) < of_1000;
}

/* ---- events ---- */

static struct world_event *add(struct tcp_world *w, int64_t at, enum world_event_kind kind,
			       uint32_t host)
{
	struct world_event *e;

	if (w->event_count == WORLD_EVENTS_MAX) {
		w->overflown = true;
		w->event_count--;
	}
	e = &w->events[w->event_count++];
	memset(e, 0, sizeof(*e));
	e->at = at;
	e->order = ++w->order;
	e->kind = (uint8_t)kind;
	e->host = (uint8_t)host;
	return e;
}

static void act_later(struct tcp_world *w, int64_t at, uint32_t host, enum world_action action,
		      uint32_t life, uint32_t bytes)
{
	struct world_event *e = add(w, at, WORLD_ACTION, host);

	e->action = (uint8_t)action;
	e->life = life;
	e->bytes = bytes;
}

static bool take_next(struct tcp_world *w, struct world_event *out)
{
	uint32_t best = 0;

	if (w->event_count == 0)
		return false;
	for (uint32_t i = 1; i < w->event_count; i++) {
		const struct world_event *e = &w->events[i], *b = &w->events[best];

		if (e->at < b->at || (e->at == b->at && e->order < b->order))
			best = i;
	}
	*out = w->events[best];
	w->events[best] = w->events[--w->event_count];
	return true;
}

/* ---- the link ---- */

static void cross(struct tcp_world *w, const struct world_leg *leg, const struct model_tcp *s,
		  int64_t now, enum world_event_kind to, uint32_t host)
{
	uint32_t copies = 1 + chance(w, leg->repeats);

	if (chance(w, leg->loss))
		return;
	for (uint32_t i = 0; i < copies; i++) {
		int64_t delay = leg->delay + (leg->jitter ? world_below(w, leg->jitter) : 0);

		add(w, now + delay, to, host)->tcp = *s;
	}
}

void world_send(struct tcp_world *w, const struct model_tcp *s, int64_t now)
{
	struct model_tcp sent = *s;

	w->answered = true;
	sent.ip_id = ++w->ip_id[s->from] ? w->ip_id[s->from] : ++w->ip_id[s->from];
	cross(w, &w->leg[s->from], &sent, now, WORLD_AT_TAP, s->from);
}

static void pass_tap(struct tcp_world *w, const struct model_tcp *s)
{
	if (w->log_count == WORLD_LOG_MAX) {
		w->overflown = true;
		return;
	}
	w->log[w->log_count++] = (struct model_tapped){.tcp = *s, .at = w->now};
	cross(w, &w->leg[!s->from], s, w->now, WORLD_AT_HOST, !s->from);
}

/* ---- what applications do ---- */

/* Mostly short, sometimes minutes. */
static int64_t while_of(struct tcp_world *w)
{
	static const int64_t most[] = {1, 1, 30 * MS, 30 * MS, 300 * MS, 2 * SECOND, 100 * SECOND};

	return world_below(w, (uint32_t)most[world_below(w, 7)]) + 1;
}

static enum world_action ending(struct tcp_world *w)
{
	static const uint8_t of_20[] = {ACTION_CLOSE, ACTION_CLOSE, ACTION_CLOSE, ACTION_CLOSE,
					ACTION_CLOSE, ACTION_CLOSE, ACTION_SHUT,  ACTION_SHUT,
					ACTION_SHUT,  ACTION_ABORT, ACTION_ABORT, ACTION_CRASH,
					ACTION_CRASH, ACTION_UNPLUG};
	uint32_t n = world_below(w, 20);

	return n < sizeof(of_20) ? (enum world_action)of_20[n] : ACTIONS; /* or does nothing */
}

static int64_t write_some(struct tcp_world *w, struct model_host *h, int64_t at)
{
	for (uint32_t n = world_below(w, 4); n > 0; n--) {
		at += while_of(w);
		act_later(w, at, h->index, ACTION_WRITE, h->life, 1 + world_below(w, 2500));
	}
	return at + while_of(w);
}

/* The tuple is used again: soon, or when TIME_WAIT is over. */
static void connect_again(struct tcp_world *w, uint32_t host, int64_t at)
{
	if (w->lives >= w->lives_max)
		return;
	if (chance(w, 300))
		at += w->two_msl + SECOND;
	at += 2 * SECOND + while_of(w);
	if (chance(w, 80))
		host = !host;
	act_later(w, at, host, ACTION_CONNECT, w->lives + 1, 0);
}

void world_established(struct tcp_world *w, struct model_host *h, int64_t now)
{
	int64_t at = write_some(w, h, now);
	enum world_action last = ending(w);

	w->established = true;
	if (last == ACTIONS)
		return;
	act_later(w, at, h->index, last, h->life, 0);
	if (!h->passive || (last == ACTION_CRASH && chance(w, 300)))
		connect_again(w, h->index, at);
}

void world_end_of_file(struct tcp_world *w, struct model_host *h, int64_t now)
{
	int64_t at;

	if (h->fin_queued)
		return;
	if (chance(w, 400)) {
		end_close(h, true, now);
	} else if (chance(w, 850)) {
		at = write_some(w, h, now);
		act_later(w, at, h->index, chance(w, 100) ? ACTION_ABORT : ACTION_CLOSE, h->life,
			  0);
	}
}

static void connect_now(struct tcp_world *w, struct model_host *h, uint32_t life)
{
	struct model_host *peer = &w->host[!h->index];

	if (life != w->lives + 1 || h->silent || peer->state == MODEL_SYN_SENT ||
	    (h->state != MODEL_CLOSED && h->state != MODEL_TIME_WAIT))
		return;
	if (w->lives > 0 && h->index != w->connector && !w->established)
		return; /* its SYN would be taken for the other half of a simultaneous open */
	w->connector = h->index;
	w->established = false;
	w->lives++;
	if (h->state == MODEL_TIME_WAIT && !w->sane_isns)
		end_forget(h);
	end_connect(h, life, world_isn(w), w->now);
	if (w->lives == 1 && chance(w, 30) && peer->state == MODEL_CLOSED && !peer->silent)
		end_connect(peer, life, world_isn(w), w->now);
	else if (chance(w, 100))
		act_later(w, w->now + while_of(w), h->index, ACTION_ABORT, life, 0);
	connect_again(w, h->index, w->now + 20 * SECOND);
}

static void act(struct tcp_world *w, const struct world_event *e)
{
	struct model_host *h = &w->host[e->host];

	if (e->action == ACTION_CONNECT) {
		connect_now(w, h, e->life);
		return;
	}
	if (h->life != e->life || h->state == MODEL_CLOSED || h->silent)
		return;
	if (e->action == ACTION_WRITE)
		end_write(h, e->bytes, w->now);
	else if (e->action == ACTION_SHUT || e->action == ACTION_CLOSE)
		end_close(h, e->action == ACTION_SHUT, w->now);
	else if (e->action == ACTION_ABORT)
		end_abort(h);
	else
		end_forget(h);
	h->silent = e->action == ACTION_UNPLUG;
}

/* ---- what the ends ask for ---- */

int64_t world_now(const struct tcp_world *w)
{
	return w->now;
}

int64_t world_time_wait(const struct tcp_world *w)
{
	return w->two_msl;
}

/* Above what was used before, as RFC 9293, 3.4.1 has it, or anywhere. */
uint32_t world_isn(struct tcp_world *w)
{
	if (w->sane_isns)
		return w->lives * 200000 + world_below(w, 1000) + w->host[0].clock_offset;
	if (chance(w, 300))
		return UINT32_MAX - w->lives * 4000 - world_below(w, 3000);
	return w->random;
}

void world_begin_answer(struct tcp_world *w)
{
	w->answered = false;
}

bool world_acked_already(const struct tcp_world *w, const struct model_host *h)
{
	(void)h;
	return w->answered;
}

/* ---- the whole ---- */

static void set_leg(struct tcp_world *w, struct world_leg *leg)
{
	static const uint32_t losses[] = {0, 0, 0, 10, 50, 150, 300};

	*leg = (struct world_leg){.loss = losses[world_below(w, 7)],
				  .repeats = chance(w, 300) ? world_below(w, 60) : 0,
				  .delay = 1 + world_below(w, 40000),
				  .jitter = chance(w, 400) ? 1 + world_below(w, 60000) : 0};
}

static void set_host(struct tcp_world *w, struct model_host *h, uint32_t index)
{
	memset(h, 0, sizeof(*h));
	h->world = w;
	h->index = (uint8_t)index;
	h->rto_at = INT64_MAX;
	h->window = (uint16_t)(3000 + world_below(w, 60000));
	h->wscale = chance(w, 500) ? (uint8_t)world_below(w, 8) : 0xff;
	h->offers_time = chance(w, 400);
	h->clock_offset = chance(w, 100) ? UINT32_MAX - world_below(w, 5000) : w->random;
	h->fix_1337 = chance(w, 500);
	h->listens = index == 1 ? chance(w, 930) : chance(w, 500);
	h->silent = index == 1 && chance(w, 20);
}

static void set_up(struct tcp_world *w, uint32_t seed)
{
	uint32_t place;

	w->random = seed * 2654435761u + 1;
	if (w->random == 0)
		w->random = 1;
	w->now = 0;
	w->order = 0;
	w->event_count = w->log_count = w->lives = 0;
	w->overflown = w->answered = w->established = false;
	(void)world_below(w, 2);
	(void)world_below(w, 2);
	for (uint32_t i = 0; i < 2; i++) {
		set_leg(w, &w->leg[i]);
		set_host(w, &w->host[i], i);
		w->ip_id[i] = (uint16_t)w->random;
	}
	place = world_below(w, 3); /* beside one of the hosts, or between */
	if (place < 2)
		w->leg[place] = (struct world_leg){0};
	w->two_msl = (chance(w, 500) ? 60 : 240) * SECOND;
	w->sane_isns = chance(w, 600);
	w->lives_max = 1 + world_below(w, WORLD_LIVES);
	w->stop = chance(w, 250) ? while_of(w) * 2 : INT64_MAX;
	act_later(w, 0, 0, ACTION_CONNECT, 1, 0);
}

static int64_t next_event(const struct tcp_world *w)
{
	int64_t at = INT64_MAX;

	for (uint32_t i = 0; i < w->event_count; i++)
		if (w->events[i].at < at)
			at = w->events[i].at;
	return at;
}

/* The next thing to happen; false: nothing will, or the capture is over. */
static bool step(struct tcp_world *w)
{
	int64_t event = next_event(w), at = event;
	uint32_t timer = 2;
	struct world_event e;

	for (uint32_t i = 0; i < 2; i++) {
		int64_t due = w->host[i].silent ? INT64_MAX : end_next_timer(&w->host[i]);

		if (due < at) {
			at = due;
			timer = i;
		}
	}
	if (at == INT64_MAX || at > w->stop || w->overflown)
		return false;
	w->now = at;
	if (timer < 2) {
		end_timer(&w->host[timer], at);
		return true;
	}
	if (!take_next(w, &e))
		return false;
	if (e.kind == WORLD_AT_TAP)
		pass_tap(w, &e.tcp);
	else if (e.kind == WORLD_AT_HOST)
		end_receive(&w->host[e.host], &e.tcp, at);
	else
		act(w, &e);
	return true;
}

void world_run(struct tcp_world *w, uint32_t seed)
{
	set_up(w, seed);
	while (step(w))
		;
	if (w->stop != INT64_MAX)
		w->now = w->stop;
}
