/* Reassembly of IPv4 and IPv6 fragments. */
#include "parsers/fragment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

enum { BUCKETS = 2048, DATAGRAM_MAX = 65535, CAPACITY_MIN = 2048, PLACES_MIN = 8 };

#define LIFETIME_IP4_NS INT64_C(30000000000)
#define LIFETIME_IP6_NS INT64_C(60000000000)

/* No padding: hashed and compared as bytes. */
struct key {
	uint64_t vlan_tags;
	struct ip_address src, dst;
	struct tunnel tunnel;
	uint32_t id;
	uint8_t ip_version;
	uint8_t protocol; /* 0 for IPv6 */
	uint8_t zero[6];
};
_Static_assert(sizeof(struct key) == 8 + 32 + sizeof(struct tunnel) + 4 + 8, "key has padding");

struct range {
	uint32_t start, end;
};

struct pending {
	struct key key;
	uint64_t hash;
	struct pending *chain;         /* of its bucket, or of the released ones */
	struct pending *older, *newer; /* by first fragment */
	int64_t first_ns;
	uint8_t *bytes;
	struct packet_place *places; /* of the fragments held */
	uint32_t place_count, place_capacity;
	uint32_t capacity;
	uint32_t total;      /* length of the datagram; 0: last fragment not seen */
	uint32_t held_until; /* bytes at or above were cut by the capture somewhere */
	uint32_t fragments;
	uint32_t range_count;
	uint8_t protocol;
	bool dropped;                            /* IPv6 overlap: swallows what still comes */
	struct range range[FRAGMENT_RANGES_MAX]; /* ascending, never touching each other */
};

struct fragment_table {
	uint8_t hash_key[16];
	size_t memory, memory_bound;
	uint64_t given_up;
	struct pending *oldest, *newest;
	struct pending *released;
	struct pending *bucket[BUCKETS];
};

struct fragment_table *fragment_table_new(const uint8_t hash_key[16], size_t memory_bound)
{
	struct fragment_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	memcpy(table->hash_key, hash_key, sizeof(table->hash_key));
	table->memory_bound = memory_bound;
	return table;
}

static void pending_free(struct fragment_table *table, struct pending *p)
{
	table->memory -= sizeof(*p) + p->capacity + p->place_capacity * sizeof(*p->places);
	free(p->bytes);
	free(p->places);
	free(p);
}

/* Takes it out of bucket and order; the caller owns it then. */
static void table_unlink(struct fragment_table *table, struct pending *p)
{
	struct pending **at = &table->bucket[p->hash % BUCKETS];

	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	*(p->older ? &p->older->newer : &table->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &table->newest) = p->older;
}

static void table_give_up(struct fragment_table *table, struct pending *p)
{
	table->given_up += p->fragments;
	table_unlink(table, p);
	assert(table->oldest != p);
	pending_free(table, p);
}

static bool pending_expired(const struct pending *p, int64_t now_ns)
{
	int64_t lifetime = p->key.ip_version == 4 ? LIFETIME_IP4_NS : LIFETIME_IP6_NS;
	int64_t limit;

	return !__builtin_add_overflow(p->first_ns, lifetime, &limit) && now_ns > limit;
}

void fragment_expire(struct fragment_table *table, int64_t now_ns)
{
	while (table->oldest && pending_expired(table->oldest, now_ns))
		table_give_up(table, table->oldest);
}

void fragment_release(struct fragment_table *table)
{
	while (table->released) {
		struct pending *p = table->released;

		table->released = p->chain;
		pending_free(table, p);
	}
}

/* Makes room for count bytes by giving up the oldest datagrams, sparing one. */
static bool table_reserve(struct fragment_table *table, size_t count, const struct pending *spared)
{
	while (table->memory + count > table->memory_bound) {
		struct pending *victim = table->oldest;

		if (victim && victim == spared)
			victim = victim->newer;
		if (!victim)
			return false;
		table_give_up(table, victim);
	}
	table->memory += count;
	return true;
}

static struct pending *table_find(struct fragment_table *table, const struct fragment *fragment)
{
	struct key key;
	uint64_t hash;
	struct pending *p;

	memset(&key, 0, sizeof(key));
	key.src = *fragment->src;
	key.dst = *fragment->dst;
	key.tunnel = *fragment->tunnel;
	key.vlan_tags = fragment->vlan_tags;
	key.id = fragment->id;
	key.ip_version = fragment->ip_version;
	key.protocol = fragment->ip_version == 4 ? fragment->protocol : 0;
	hash = siphash(table->hash_key, &key, sizeof(key));

	for (p = table->bucket[hash % BUCKETS]; p; p = p->chain)
		if (p->hash == hash && memcmp(&p->key, &key, sizeof(key)) == 0)
			break;
	if (p && pending_expired(p, fragment->ts_ns)) {
		table_give_up(table, p);
		p = NULL;
	}
	if (p)
		return p;

	if (!table_reserve(table, sizeof(*p), NULL))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		table->memory -= sizeof(*p);
		return NULL;
	}
	p->key = key;
	p->hash = hash;
	p->first_ns = fragment->ts_ns;
	p->held_until = UINT32_MAX;
	p->chain = table->bucket[hash % BUCKETS];
	table->bucket[hash % BUCKETS] = p;
	p->older = table->newest;
	*(p->older ? &p->older->newer : &table->oldest) = p;
	table->newest = p;
	return p;
}

static bool pending_grow(struct fragment_table *table, struct pending *p, uint32_t need)
{
	uint32_t capacity = p->total ? p->total : p->capacity * 2;
	uint8_t *bytes;

	if (need <= p->capacity)
		return true;
	if (capacity < CAPACITY_MIN && !p->total)
		capacity = CAPACITY_MIN;
	if (capacity < need)
		capacity = need;
	if (!table_reserve(table, capacity - p->capacity, p))
		return false;
	bytes = realloc(p->bytes, capacity);
	if (!bytes) {
		table->memory -= capacity - p->capacity;
		return false;
	}
	p->bytes = bytes;
	p->capacity = capacity;
	return true;
}

/* Keeps which packets brought the fragment. */
static bool pending_note(struct fragment_table *table, struct pending *p,
			 const struct fragment *fragment)
{
	uint32_t need = p->place_count + fragment->place_count;
	uint32_t capacity = p->place_capacity ? p->place_capacity : PLACES_MIN;
	struct packet_place *places = p->places;

	while (capacity < need)
		capacity *= 2;
	if (capacity > p->place_capacity) {
		size_t grown = (capacity - p->place_capacity) * sizeof(*places);

		if (!table_reserve(table, grown, p))
			return false;
		places = realloc(p->places, capacity * sizeof(*places));
		if (!places) {
			table->memory -= grown;
			return false;
		}
		p->places = places;
		p->place_capacity = capacity;
	}
	if (fragment->place_count > 0)
		memcpy(places + p->place_count, fragment->places,
		       fragment->place_count * sizeof(*places));
	p->place_count = need;
	return true;
}

/* Adds [start, end) to the ranges, merging what it touches; false where there are too many. */
static bool pending_mark(struct pending *p, uint32_t start, uint32_t end)
{
	uint32_t first = 0, last;

	while (first < p->range_count && p->range[first].end < start)
		first++;
	last = first;
	while (last < p->range_count && p->range[last].start <= end) {
		if (p->range[last].start < start)
			start = p->range[last].start;
		if (p->range[last].end > end)
			end = p->range[last].end;
		last++;
	}
	if (last == first && p->range_count == FRAGMENT_RANGES_MAX)
		return false;
	memmove(&p->range[first + 1], &p->range[last],
		(p->range_count - last) * sizeof(p->range[0]));
	p->range_count = p->range_count - (last - first) + 1;
	p->range[first] = (struct range){start, end};
	return true;
}

/* Copies what is captured of the fragment into the places no earlier one has filled. */
static void pending_copy(struct pending *p, const struct fragment *fragment, uint32_t end)
{
	uint32_t at = fragment->offset;

	for (uint32_t i = 0; i <= p->range_count && at < end; i++) {
		uint32_t stop = end;

		if (i < p->range_count && p->range[i].start < end)
			stop = p->range[i].start;
		if (stop > at) {
			struct cursor from = fragment->bytes;
			uint32_t count = stop - at;

			/* What was cut is known to the caller as held_until. */
			if (cursor_skip(&from, at - fragment->offset)) {
				if (count > from.left)
					count = (uint32_t)from.left;
				if (count > 0) {
					assert(p->bytes != NULL); /* room for what is captured */
					cursor_bytes(&from, p->bytes + at, count);
				}
			}
		}
		if (i < p->range_count && p->range[i].end > at)
			at = p->range[i].end;
	}
}

enum overlap { OVERLAP_NONE, OVERLAP_COPY, OVERLAP_BAD };

static enum overlap pending_overlap(const struct pending *p, const struct fragment *fragment,
				    uint32_t end)
{
	for (uint32_t i = 0; i < p->range_count; i++) {
		const struct range *r = &p->range[i];
		size_t count = fragment->bytes.left;

		if (r->end <= fragment->offset || r->start >= end)
			continue;
		if (r->start > fragment->offset || r->end < end)
			return OVERLAP_BAD;
		if (p->held_until <= fragment->offset)
			return OVERLAP_COPY;
		if (count > p->held_until - fragment->offset)
			count = p->held_until - fragment->offset;
		if (count > 0 &&
		    memcmp(p->bytes + fragment->offset, fragment->bytes.at, count) != 0)
			return OVERLAP_BAD;
		return OVERLAP_COPY;
	}
	return OVERLAP_NONE;
}

/* True where the end of the fragment agrees with what is known of the datagram's length. */
static bool pending_length_fits(const struct pending *p, const struct fragment *fragment,
				uint32_t end)
{
	uint32_t highest = p->range_count ? p->range[p->range_count - 1].end : 0;

	if (p->total)
		return fragment->more ? end < p->total : end == p->total;
	return fragment->more || end >= highest;
}

/* An IPv6 datagram that contradicts itself swallows what still comes of it; of an IPv4 one only the
 * contradicting fragment is lost. */
static enum fragment_result pending_refuse(struct fragment_table *table, struct pending *p)
{
	if (p->key.ip_version == 6 && !p->dropped) {
		free(p->bytes);
		p->bytes = NULL;
		table->memory -= p->capacity;
		p->capacity = 0;
		table->given_up += p->fragments;
		p->fragments = 0;
		p->dropped = true;
	}
	return FRAGMENT_BAD;
}

static enum fragment_result pending_finish(struct fragment_table *table, struct pending *p,
					   struct datagram *datagram)
{
	uint32_t held = p->held_until < p->total ? p->held_until : p->total;

	datagram->bytes = cursor_of(p->bytes, held);
	datagram->length = p->total;
	datagram->protocol = p->protocol;
	datagram->places = p->places;
	datagram->place_count = p->place_count;
	table_unlink(table, p);
	p->chain = table->released;
	table->released = p;
	return FRAGMENT_COMPLETE;
}

/* Stores a fragment that fits in; end is one past its last byte. */
static enum fragment_result pending_store(struct fragment_table *table, struct pending *p,
					  const struct fragment *fragment, uint32_t end,
					  struct datagram *datagram)
{
	uint32_t captured_end = fragment->offset + (uint32_t)fragment->bytes.left;

	if (captured_end > end)
		captured_end = end;
	if (!fragment->more)
		p->total = end;
	if (!pending_grow(table, p, captured_end) || !pending_note(table, p, fragment)) {
		table_give_up(table, p);
		return FRAGMENT_BAD;
	}
	pending_copy(p, fragment, end);
	if (captured_end < end && captured_end < p->held_until)
		p->held_until = captured_end;
	if (!pending_mark(p, fragment->offset, end)) {
		table_give_up(table, p);
		return FRAGMENT_BAD;
	}
	p->fragments++;
	if (fragment->offset == 0 || p->key.ip_version == 4)
		p->protocol = fragment->protocol;
	if (p->total && p->range[0].start == 0 && p->range[0].end == p->total)
		return pending_finish(table, p, datagram);
	return FRAGMENT_WAITS;
}

enum fragment_result fragment_add(struct fragment_table *table, const struct fragment *fragment,
				  struct datagram *datagram)
{
	uint32_t length = fragment->length;
	uint32_t end;
	struct pending *p;

	if (fragment->more && length % 8 != 0) {
		if (fragment->ip_version == 6)
			return FRAGMENT_BAD;
		length -= length % 8;
	}
	if (length == 0 || length > DATAGRAM_MAX || fragment->offset > DATAGRAM_MAX - length)
		return FRAGMENT_BAD;
	end = fragment->offset + length;

	p = table_find(table, fragment);
	if (!p)
		return FRAGMENT_BAD;
	if (p->dropped || !pending_length_fits(p, fragment, end))
		return pending_refuse(table, p);
	if (p->key.ip_version == 6) {
		enum overlap overlap = pending_overlap(p, fragment, end);

		if (overlap == OVERLAP_BAD)
			return pending_refuse(table, p);
		if (overlap == OVERLAP_COPY) {
			if (pending_note(table, p, fragment))
				return FRAGMENT_WAITS;
			table_give_up(table, p);
			return FRAGMENT_BAD;
		}
	}
	return pending_store(table, p, fragment, end, datagram);
}

uint64_t fragment_given_up(const struct fragment_table *table)
{
	return table->given_up;
}

size_t fragment_memory(const struct fragment_table *table)
{
	return table->memory;
}

void fragment_table_free(struct fragment_table *table)
{
	if (!table)
		return;
	while (table->oldest)
		table_give_up(table, table->oldest);
	fragment_release(table);
	free(table);
}
