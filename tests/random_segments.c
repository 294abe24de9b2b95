#include "tests/random_segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/sequence.h"

#define T0 INT64_C(1700000000000000000)
#define US INT64_C(1000)

/* One end as the generator has it: a rough TCP that gets most things right. */
struct end {
	uint32_t isn, next; /* next: SND.NXT */
	uint32_t clock;     /* of its timestamps */
	uint8_t wscale;
	bool timestamps;
};

struct generator {
	struct random_segments *out;
	struct end end[RANDOM_TUPLES][SIDES];
	uint32_t random;
	uint32_t tuples;
	uint32_t wildness; /* of 100 segments, how many are any bits at all */
	int64_t now_ns;
	uint16_t ip_id;
	bool vlans;
};

uint32_t random_next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static uint32_t below(struct generator *g, uint32_t bound)
{
	return random_next(&g->random) % bound;
}

static bool chance(struct generator *g, uint32_t percent)
{
	return below(g, 100) < percent;
}

struct ends random_ends(uint32_t tuple)
{
	struct ends ends = ends_of(tuple);

	if (tuple == 1)
		ends.port[SIDE_INITIATOR] = ends.port[SIDE_RESPONDER];
	if (tuple == 2) {
		ends.ip_version = 6;
		ends.address[SIDE_RESPONDER].bytes[15] = 9;
	}
	return ends;
}

static void new_numbers(struct generator *g, uint32_t tuple, enum side side)
{
	static const uint32_t bases[] = {UINT32_MAX - 300, INT32_MAX - 300, 70000, 3000000000};
	struct end *e = &g->end[tuple][side];

	e->isn = bases[(tuple + side) % 4] + below(g, 2000);
	e->next = e->isn + 1;
	e->wscale = chance(g, 50) ? (uint8_t)below(g, 9) : WSCALE_NONE;
	e->timestamps = chance(g, 40);
}

static int64_t next_time(struct generator *g)
{
	static const int64_t jumps_s[] = {1, 5, 30, 59, 61, 119, 121, 239, 241, 600};
	uint32_t dice = below(g, 1000);

	if (dice < 100)
		return 0;
	if (dice < 940)
		return (int64_t)below(g, 200000) * US;
	if (dice < 970)
		return -(int64_t)below(g, 3000) * US;
	return jumps_s[below(g, 10)] * SECOND_NS;
}

/* What an end would send next, or has sent before. */
static void plausible(struct generator *g, struct segment *s, struct end *own, struct end *peer)
{
	static const uint8_t flags[] = {
		TCP_SYN,           TCP_SYN | TCP_ACK, TCP_ACK,           TCP_ACK, TCP_ACK | TCP_PSH,
		TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK,
	};
	uint32_t length;

	s->flags = flags[below(g, chance(g, 85) ? 8 : 10)];
	s->seq = (s->flags & TCP_SYN) ? own->isn : own->next;
	s->ack = (s->flags & TCP_ACK) ? peer->next : 0;
	if ((s->flags & TCP_PSH) || chance(g, 10))
		s->payload_len = 1 + below(g, chance(g, 80) ? 100 : 1400);
	if (s->flags & TCP_RST && chance(g, 80))
		s->payload_len = 0;
	if (chance(g, 12)) /* again, or reordered */
		s->seq -= below(g, 200);
	if (chance(g, 6)) /* something before was missed */
		s->seq += below(g, 300);
	if (chance(g, 8) && (s->flags & TCP_ACK))
		s->ack -= below(g, 300);
	if (chance(g, 3) && (s->flags & TCP_ACK))
		s->ack += 1 + below(g, 3);
	length = s->payload_len + ((s->flags & TCP_SYN) ? 1 : 0) + ((s->flags & TCP_FIN) ? 1 : 0);
	if (!(s->flags & TCP_RST) && seq_gt(s->seq + length, own->next) && !chance(g, 2))
		own->next = s->seq + length;
}

static void any_bits(struct generator *g, struct segment *s, const struct end *own,
		     const struct end *peer)
{
	uint32_t reach = chance(g, 70) ? 400 : RANDOM_SPAN / 4;

	s->flags = (uint8_t)below(g, 64);
	s->seq = own->next - reach / 2 + below(g, reach);
	s->ack = (s->flags & TCP_ACK) ? peer->next - reach / 2 + below(g, reach) : 0;
	s->payload_len = chance(g, 50) ? 0 : below(g, 300);
}

static void lower_layers(struct generator *g, struct segment *s, const struct end *own,
			 enum side from)
{
	static const uint16_t windows[] = {64240, 64240, 65535, 502, 100, 0};

	s->window = windows[below(g, 6)];
	s->ttl = chance(g, 95) ? 64 : 50;
	s->ip_id = s->ip_version == 6 || chance(g, 5) ? 0 : ++g->ip_id;
	s->checksum = (uint16_t)(s->seq * 31 + s->ack * 17 + s->payload_len + s->flags);
	s->wscale = (s->flags & TCP_SYN) ? own->wscale : WSCALE_NONE;
	s->has_timestamp = own->timestamps && !chance(g, 3);
	s->ts_val = s->has_timestamp ? own->clock : 0;
	if (g->vlans)
		s->vlan_tags = chance(g, 90) ? 10 + from : 10 + below(g, 3);
}

static void one_segment(struct generator *g, size_t at)
{
	uint32_t tuple = below(g, g->tuples), dice = below(g, 100);
	enum side from = (enum side)below(g, 2);
	struct end *own = &g->end[tuple][from], *peer = &g->end[tuple][!from];
	struct ends ends = random_ends(tuple);
	struct segment s = segment_of(&ends, from, 0, 0, 0, 0);

	if (chance(g, 3))
		new_numbers(g, tuple, from);
	own->clock += below(g, 3);
	if (dice < g->wildness)
		any_bits(g, &s, own, peer);
	else
		plausible(g, &s, own, peer);
	lower_layers(g, &s, own, from);
	g->out->tuple[at] = (uint8_t)tuple;
	g->out->from[at] = (uint8_t)from;
	if (at > 8 && chance(g, 4)) { /* one of the last eight again, bit for bit */
		size_t back = at - 1 - below(g, 8);

		s = g->out->segment[back];
		g->out->tuple[at] = g->out->tuple[back];
		g->out->from[at] = g->out->from[back];
		s.ttl = (uint8_t)(s.ttl - below(g, 2));
	}
	g->now_ns += next_time(g);
	s.ts_ns = g->now_ns;
	s.packet = at + 1;
	g->out->segment[at] = s;
}

/* Most tuples begin as they should. */
static void handshake(struct generator *g, uint32_t tuple)
{
	static const uint8_t flags[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK};
	struct ends ends = random_ends(tuple);
	struct end *end = g->end[tuple];

	for (int i = 0; i < 3; i++) {
		enum side from = i == 1 ? SIDE_RESPONDER : SIDE_INITIATOR;
		size_t at = g->out->count++;
		struct segment *s = &g->out->segment[at];

		*s = segment_of(&ends, from, flags[i], end[from].isn + (i == 2),
				i == 0 ? 0 : end[!from].isn + 1, 0);
		lower_layers(g, s, &end[from], from);
		g->now_ns += (int64_t)below(g, 30000) * US;
		s->ts_ns = g->now_ns;
		s->packet = at + 1;
		g->out->tuple[at] = (uint8_t)tuple;
		g->out->from[at] = (uint8_t)from;
	}
}

void random_segments(struct random_segments *out, uint32_t seed)
{
	struct generator g = {.out = out, .random = seed * 2654435761u | 1, .now_ns = T0};

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < 4; i++)
		(void)random_next(&g.random);
	g.tuples = 1 + below(&g, RANDOM_TUPLES);
	g.wildness = below(&g, 4) * 15;
	g.vlans = chance(&g, 20);
	for (uint32_t tuple = 0; tuple < g.tuples; tuple++) {
		for (int side = 0; side < SIDES; side++)
			new_numbers(&g, tuple, (enum side)side);
		if (chance(&g, 70))
			handshake(&g, tuple);
	}
	for (size_t rest = 10 + below(&g, 60); rest > 0; rest--)
		one_segment(&g, out->count++);
}

void random_play(const struct random_segments *segments, struct scene *scene,
		 void (*between)(struct scene *scene, const struct segment *last))
{
	struct error err = {""};

	for (size_t i = 0; i < segments->count; i++) {
		struct segment s = segments->segment[i];

		s.ts_confirmed = i + 1 < segments->count &&
				 segments->segment[i + 1].ts_ns >= s.ts_ns - 60 * SECOND_NS;
		assert_true(engine_time(scene->engine, s.ts_ns, s.ts_confirmed, &err));
		assert_true(engine_segment(scene->engine, &s, &err));
		if (between)
			between(scene, &s);
	}
}
