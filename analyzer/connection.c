#include "analyzer/connection.h"

#include <stdlib.h>

#include "analyzer/sequence.h"

enum { EVENTS_A_CODE = 4 };

struct teardown_part *connection_teardown(struct connection *c)
{
	if (!c->teardown)
		c->teardown = calloc(1, sizeof(*c->teardown));
	return c->teardown;
}

struct notes *connection_notes(struct connection *c)
{
	if (!c->notes)
		c->notes = calloc(1, sizeof(*c->notes));
	return c->notes;
}

static bool add_event(struct connection *c, const struct event *event)
{
	struct notes *n = connection_notes(c);
	struct event *last = NULL;
	uint32_t same = 0;

	if (!n)
		return false;
	for (uint32_t i = 0; i < n->event_count; i++) {
		if (n->event[i].code == event->code && n->event[i].side == event->side) {
			last = &n->event[i];
			same++;
		}
	}
	if (same == EVENTS_A_CODE) {
		last->count++;
		return true;
	}
	if (n->event_count == n->event_capacity) {
		uint32_t capacity = n->event_capacity ? n->event_capacity * 2 : 4;
		struct event *more = realloc(n->event, capacity * sizeof(*more));

		if (!more)
			return false;
		n->event = more;
		n->event_capacity = capacity;
	}
	n->event[n->event_count++] = *event;
	return true;
}

bool connection_event(struct connection *c, enum finding_code code, enum side side,
		      const struct moment *at, uint32_t x, uint32_t y)
{
	return add_event(c, &(struct event){.at = *at,
					    .count = 1,
					    .x = x,
					    .y = y,
					    .code = (uint8_t)code,
					    .side = (uint8_t)side});
}

bool connection_overlap(struct connection *c, enum side side, const struct moment *at,
			const struct overlap *overlap)
{
	return add_event(c, &(struct event){.at = *at,
					    .count = 1,
					    .x = overlap->seq,
					    .y = overlap->differ,
					    .z = overlap->earlier_length,
					    .w = overlap->later_length,
					    .code = FINDING_OVERLAP_CONFLICT,
					    .side = (uint8_t)side});
}

bool connection_icmp(struct connection *c, enum finding_code code, enum side side,
		     const struct moment *at, const struct icmp_error *icmp)
{
	return add_event(c, &(struct event){.at = *at,
					    .count = 1,
					    .x = (uint32_t)icmp->type << 8 | icmp->code,
					    .y = icmp->mtu,
					    .from = icmp->from,
					    .ip_version = icmp->ip_version,
					    .code = (uint8_t)code,
					    .side = (uint8_t)side});
}

/* RFC 7323, 2.2: scaling is in force only if both SYNs carried the option. */
bool connection_window_shift(const struct connection *c, enum side side, uint8_t *shift)
{
	const struct direction *own = &c->dir[side], *peer = &c->dir[peer_of(side)];
	bool own_syn = own->syn || own->syn_ack, peer_syn = peer->syn || peer->syn_ack;

	*shift = 0;
	if ((own_syn && own->wscale == WSCALE_NONE) || (peer_syn && peer->wscale == WSCALE_NONE))
		return true;
	/* a SYN|ACK with the option answers a SYN that had it */
	if (own_syn && (peer_syn || own->syn_ack)) {
		*shift = own->wscale;
		return true;
	}
	return false;
}

static bool stands_in_window(const struct rst_hypothesis *h, bool followed)
{
	return h->receiver_reset || followed;
}

const struct rst_hypothesis *connection_reset(const struct connection *c, bool in_window_too,
					      bool followed)
{
	const struct teardown_part *t = c->teardown;

	if (!t)
		return NULL;
	for (uint32_t i = 0; i < t->rst_count; i++) {
		const struct rst_hypothesis *h = &t->rst[i];

		if (t->closed.ordinal && t->closed.ordinal < h->at.ordinal)
			return NULL;
		if (h->exact || (in_window_too && stands_in_window(h, followed)))
			return h;
	}
	return NULL;
}

bool connection_closed(const struct connection *c)
{
	return c->teardown && c->teardown->closed.ordinal && !connection_reset(c, false, false);
}

size_t connection_memory(const struct connection *c)
{
	size_t bytes = sizeof(*c) + ladder_memory(&c->ladder);

	for (int s = 0; s < SIDES; s++)
		bytes += ranges_memory(&c->dir[s].captured);
	if (c->teardown)
		bytes += sizeof(*c->teardown);
	if (c->notes)
		bytes += sizeof(*c->notes) + c->notes->event_capacity * sizeof(struct event);
	return bytes;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	for (int s = 0; s < SIDES; s++)
		ranges_free(&c->dir[s].captured);
	ladder_free(&c->ladder);
	if (c->notes)
		free(c->notes->event);
	free(c->notes);
	free(c->teardown);
	free(c);
}
