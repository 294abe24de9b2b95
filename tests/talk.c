#include "tests/talk.h"

#include <string.h>

#include "analyzer/connection.h"
#include "tests/random_segments.h"

uint32_t talk_below(struct talk *w, uint32_t bound)
{
	return random_next(&w->random) % bound;
}

bool talk_chance(struct talk *w, uint32_t of_1000)
{
	return talk_below(w, 1000) < of_1000;
}

void talk_begin(struct talk *w, uint32_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random = seed * 2654435761u + 1;
	w->packet = talk_chance(w, 20) ? UINT32_MAX - 5 : talk_below(w, 1000);
	w->ordinal = talk_chance(w, 20) ? UINT32_MAX - 5 : talk_below(w, 1000);
	w->now_ns = INT64_C(1700000000000000000) + talk_below(w, 1000);
	for (int side = 0; side < SIDES; side++) {
		w->nxt[side] = talk_chance(w, 300) ? 0u - talk_below(w, 3000)
						   : random_next(&w->random);
		w->wscale[side] = talk_chance(w, 300) ? WSCALE_NONE : (uint8_t)talk_below(w, 15);
		w->vlan_tags[side] = talk_below(w, 2) * talk_below(w, 12);
	}
}

static void let_time_pass(struct talk *w)
{
	w->now_ns += talk_chance(w, 30) ? INT64_C(1000000000) - 1 + talk_below(w, 3)
					: talk_below(w, 200000);
	if (talk_chance(w, 3))
		w->now_ns -= 300000;
	w->ordinal++;
	w->packet += 1 + talk_below(w, 2);
}

struct segment talk_plain(struct talk *w, enum side from, uint8_t flags, uint32_t payload_len)
{
	let_time_pass(w);
	return (struct segment){
		.ts_ns = w->now_ns,
		.packet = w->packet,
		.vlan_tags = w->vlan_tags[from],
		.ttl = (uint8_t)(from == SIDE_INITIATOR ? 64 : 57 + talk_below(w, 2)),
		.seq = w->nxt[from],
		.ack = (flags & TCP_ACK) ? w->nxt[!from] : 0,
		.window = (uint16_t)(1 + talk_below(w, 65535)),
		.flags = flags,
		.payload_len = payload_len,
		.has_timestamp = !talk_chance(w, 200),
		.ts_val = random_next(&w->random),
		.wscale = (flags & TCP_SYN) ? w->wscale[from] : WSCALE_NONE,
	};
}

/* Everything that can go otherwise than planned, seldom. */
static void disturb(struct talk *w, struct segment *s)
{
	static const uint8_t flags[] = {TCP_SYN, TCP_FIN, TCP_RST, TCP_ACK, TCP_PSH, TCP_URG};

	if (!talk_chance(w, 25))
		return;
	switch (talk_below(w, 8)) {
	case 0:
		s->seq += talk_below(w, 5) - 2;
		break;
	case 1:
		s->ack += talk_below(w, 5) - 2;
		break;
	case 2:
		s->window = (uint16_t)talk_below(w, 2);
		break;
	case 3:
		s->payload_len = talk_below(w, 3);
		break;
	case 4:
		s->file = 1;
		break;
	default:
		s->flags ^= flags[talk_below(w, sizeof(flags))];
		break;
	}
}

static bool sends(struct talk *w, enum side from, struct segment *s, talk_to *to, void *context)
{
	bool regular;

	disturb(w, s);
	regular = to(context, w, from, s);
	w->nxt[from] = s->seq + segment_length(s);
	w->acked[from] = s->ack;
	w->fin[from] |= (s->flags & TCP_FIN) != 0;
	w->sent++;
	return regular;
}

static bool shakes_hands(struct talk *w, talk_to *to, void *context)
{
	enum side from = w->sent == 1 ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct segment s = talk_plain(
		w, from, (uint8_t)((w->sent < 2 ? TCP_SYN : 0) | (w->sent > 0 ? TCP_ACK : 0)), 0);

	return sends(w, from, &s, to, context);
}

bool talk_goes_on(struct talk *w, talk_to *to, void *context)
{
	enum side from = (enum side)talk_below(w, 2);
	uint8_t flags = TCP_ACK | (talk_chance(w, 300) ? TCP_PSH : 0);
	uint32_t payload = 0;
	struct segment s;

	if (w->sent < 3)
		return shakes_hands(w, to, context);
	if (!w->fin[from]) {
		payload = talk_chance(w, 500) ? 1 + talk_below(w, 3000) : 0;
		flags |= talk_chance(w, 120) ? TCP_FIN : 0;
	}
	if (talk_chance(w, 5))
		payload = UINT32_C(1) << (28 + talk_below(w, 3));
	s = talk_plain(w, from, flags, payload);
	if (talk_chance(w, 200)) /* an ACK that crosses what the peer sends */
		s.ack = w->acked[from] ? w->acked[from] : s.ack;
	return sends(w, from, &s, to, context);
}
