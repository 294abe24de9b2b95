#include "analyzer/duplicates.h"

#include <stdlib.h>

#define CLOSE_NS INT64_C(20000)

/* Equal segments with other identifications make one chain; only the last eight are promised. */
enum { WINDOW = 8192, CHAINS = 16384, STEPS_MAX = 32 };

struct seen {
	uint64_t direction;
	int64_t ts_ns;
	struct flow *flow;
	uint64_t serial;
	uint64_t vlan_tags;
	uint32_t seq, ack, payload_len, interface, file;
	uint16_t checksum, window, ip_id;
	uint8_t flags, ttl;
};

/* What tells most segments apart lies close together: the walk along a chain stays in the cache. */
struct link {
	uint32_t tag;      /* of the content */
	uint32_t previous; /* number of the one before it in its chain; 0: none */
};

struct duplicates {
	struct seen window[WINDOW];
	struct link link[WINDOW];
	uint32_t chain[CHAINS]; /* number of the latest of each chain; 0: none */
	uint32_t
		added; /* numbers in order of arrival, from 1; wraps: a number that comes again meets
	                 * other content */
};

struct duplicates *duplicates_new(void)
{
	return calloc(1, sizeof(struct duplicates));
}

void duplicates_free(struct duplicates *d)
{
	free(d);
}

static uint32_t chain_of(uint64_t hash)
{
	return (uint32_t)(hash >> 50) & (CHAINS - 1);
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 18);
}

static bool same_content(const struct seen *e, uint64_t direction, const struct segment *s)
{
	return e->direction == direction && e->seq == s->seq && e->ack == s->ack &&
	       e->checksum == s->checksum && e->flags == s->flags && e->window == s->window &&
	       e->payload_len == s->payload_len;
}

/* The same IPv4 identification, or where there is none, signs of another tap. */
static bool same_packet(const struct seen *e, const struct segment *s, int64_t apart_ns)
{
	if (e->ip_id != s->ip_id)
		return false;
	if (s->ip_id != 0)
		return true;
	if (e->ttl != s->ttl || e->vlan_tags != s->vlan_tags || e->interface != s->interface ||
	    e->file != s->file)
		return true;
	return (s->payload_len > 0 || (s->flags & TCP_SYN)) && apart_ns <= CLOSE_NS;
}

bool duplicates_find(const struct duplicates *d, uint64_t hash, uint64_t direction,
		     const struct segment *s, struct flow **of, uint64_t *serial)
{
	uint32_t number = d->chain[chain_of(hash)];

	/* a place taken over by a later segment ends the chain: the ones before it are older still */
	for (int steps = 0; number != 0 && steps < STEPS_MAX; steps++) {
		const struct link *link = &d->link[number % WINDOW];
		const struct seen *e = &d->window[number % WINDOW];
		int64_t apart;

		if (d->added - number >= WINDOW)
			break;
		number = link->previous;
		if (link->tag != tag_of(hash))
			continue;
		apart = s->ts_ns - e->ts_ns;
		if (apart < 0)
			apart = -apart;
		if (apart <= DUPLICATE_WITHIN_NS && same_content(e, direction, s) &&
		    same_packet(e, s, apart)) {
			*of = e->flow;
			*serial = e->serial;
			return true;
		}
	}
	return false;
}

void duplicates_add(struct duplicates *d, uint64_t hash, uint64_t direction,
		    const struct segment *s, struct flow *flow, uint64_t serial)
{
	uint32_t *chain = &d->chain[chain_of(hash)], number = ++d->added;

	d->window[number % WINDOW] = (struct seen){.direction = direction,
						   .ts_ns = s->ts_ns,
						   .flow = flow,
						   .serial = serial,
						   .vlan_tags = s->vlan_tags,
						   .seq = s->seq,
						   .ack = s->ack,
						   .payload_len = s->payload_len,
						   .interface = s->interface,
						   .file = s->file,
						   .checksum = s->checksum,
						   .window = s->window,
						   .ip_id = s->ip_id,
						   .flags = s->flags,
						   .ttl = s->ttl};
	d->link[number % WINDOW] = (struct link){.tag = tag_of(hash), .previous = *chain};
	*chain = number;
}

size_t duplicates_memory(void)
{
	return sizeof(struct duplicates);
}
