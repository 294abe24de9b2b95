#include "analyzer/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/kept.h"
#include "analyzer/packed.h"
#include "analyzer/regular.h"
#include "base/siphash.h"

enum { SLAB_FLOWS = 128, BUCKETS_FIRST = 1024, HASHED_BITS = 7 };

/* With a hash that nobody knows, no chain comes near as many flows of other tuples. */
enum { STRANGERS_MAX = 40 };

struct slab {
	struct flow flow[SLAB_FLOWS];
};

struct queue {
	flow_id head, tail;
};

/* An IPv4 tuple and its hash. */
struct hashed {
	uint64_t addresses, hash;
	uint32_t ports;
};

struct flow_table {
	uint8_t hash_key[16];  /* of flow_hash(): the same all along */
	uint8_t chain_key[16]; /* of the chains, once they were taken apart */
	flow_id *bucket;
	size_t bucket_count; /* a power of two */
	size_t count, running;
	size_t strayed;     /* flows passed behind STRANGERS_MAX since the key was changed */
	unsigned rekeyed;   /* times */
	struct slab **slab; /* never given back before the end: flows stay readable */
	size_t slab_count, slab_capacity;
	flow_id unused; /* linked by next */
	size_t memory;  /* of slabs, buckets and what is rare */
	uint64_t last_serial;
	struct queue queue[FLOW_QUEUES];
	struct hashed hashed[1 << HASHED_BITS]; /* of tuples seen lately */
};

/* Of an id that is not 0. */
__attribute__((returns_nonnull)) static struct flow *flow_known(const struct flow_table *t,
								flow_id id)
{
	return &t->slab[(id - 1) / SLAB_FLOWS]->flow[(id - 1) % SLAB_FLOWS];
}

static struct flow *flow_at(const struct flow_table *t, flow_id id)
{
	return id ? flow_known(t, id) : NULL;
}

static flow_id id_of(const struct flow *f)
{
	return f ? f->id : 0;
}

struct flow *flow_older(const struct flow_table *t, const struct flow *f)
{
	return flow_at(t, f->older);
}

struct flow *flow_newer(const struct flow_table *t, const struct flow *f)
{
	return flow_at(t, f->newer);
}

struct flow *flow_ahead(const struct flow_table *t, const struct flow *f)
{
	return flow_at(t, f->ahead);
}

struct flow *flow_behind(const struct flow_table *t, const struct flow *f)
{
	return flow_at(t, f->behind);
}

struct flow_table *flow_table_new(const uint8_t hash_key[16])
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
	for (size_t i = 0; i < sizeof(t->hashed) / sizeof(t->hashed[0]); i++)
		t->hashed[i].hash = siphash_1_3_of_12(t->hash_key, 0, 0);
	t->bucket_count = BUCKETS_FIRST;
	t->memory = BUCKETS_FIRST * sizeof(*t->bucket);
	t->bucket = calloc(t->bucket_count, sizeof(*t->bucket));
	if (!t->bucket) {
		free(t);
		return NULL;
	}
	return t;
}

void flow_empty(struct flow *f)
{
	switch ((enum flow_form)f->form) {
	case FORM_LIVE:
		connection_free(f->as.live);
		break;
	case FORM_PACKED:
		free(f->as.packed);
		break;
	case FORM_REGULAR:
		regular_free(f->as.regular);
		break;
	case FORM_KEPT:
		free(f->as.kept);
		break;
	case FORM_NONE:
		break;
	}
	f->form = FORM_NONE;
}

static void flow_release(struct flow_table *t, struct flow *f)
{
	flow_empty(f);
	if (f->rare)
		t->memory -= sizeof(*f->rare);
	free(f->rare);
	f->rare = NULL;
	f->serial = 0;
}

void flow_clear(struct flow_table *t)
{
	t->unused = 0;
	for (size_t slab = t->slab_count; slab-- > 0;)
		for (int i = SLAB_FLOWS; i-- > 0;) {
			struct flow *f = &t->slab[slab]->flow[i];

			flow_release(t, f);
			f->next = t->unused;
			t->unused = f->id;
		}
	memset(t->bucket, 0, t->bucket_count * sizeof(*t->bucket));
	memset(t->queue, 0, sizeof(t->queue));
	t->count = t->running = t->strayed = 0;
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	if (t->count > 0)
		flow_clear(t);
	for (size_t slab = 0; slab < t->slab_count; slab++)
		free(t->slab[slab]);
	free(t->slab);
	free(t->bucket);
	free(t);
}

void flow_each(struct flow_table *t, void (*visit)(struct flow *flow))
{
	for (size_t slab = 0; slab < t->slab_count; slab++)
		for (int i = 0; i < SLAB_FLOWS; i++)
			if (t->slab[slab]->flow[i].serial != 0)
				visit(&t->slab[slab]->flow[i]);
}

/* IPv6, or in a tunnel. Apart, so that the usual way needs no room for it. */
static __attribute__((noinline)) uint64_t
hash_of_all(const uint8_t hash_key[16], const struct flow_key *key, const struct tunnel *tunnel)
{
	uint8_t bytes[sizeof(*key) + sizeof(*tunnel)];

	memcpy(bytes, key, sizeof(*key));
	memcpy(bytes + sizeof(*key), tunnel, sizeof(*tunnel));
	return siphash_1_3(hash_key, bytes, tunnel->depth > 0 ? sizeof(bytes) : sizeof(*key));
}

/* Segments of a connection come close together, so that the hashes made last serve most. Who fills the
 * places with tuples that want the same one gains nothing but that hashes are made anew. */
uint64_t flow_hash(struct flow_table *t, const struct flow_key *key, const struct tunnel *tunnel)
{
	uint32_t low, high, ports;
	uint64_t addresses;
	struct hashed *h;

	if (key->ip_version != 4 || tunnel->depth > 0)
		return hash_of_all(t->hash_key, key, tunnel);
	memcpy(&low, key->low.bytes, sizeof(low));
	memcpy(&high, key->high.bytes, sizeof(high));
	addresses = (uint64_t)high << 32 | low;
	ports = (uint32_t)key->high_port << 16 | key->low_port;
	h = &t->hashed[((low ^ high ^ ports) * UINT32_C(0x9e3779b1)) >> (32 - HASHED_BITS)];
	if (h->addresses != addresses || h->ports != ports)
		*h = (struct hashed){addresses, siphash_1_3_of_12(t->hash_key, addresses, ports),
				     ports};
	return h->hash;
}

static bool same_addresses(const struct flow *f, const struct flow_key *key)
{
	if (f->is_ip6 != (key->ip_version == 6))
		return false;
	if (f->is_ip6)
		return memcmp(&f->rare->low, &key->low, sizeof(key->low)) == 0 &&
		       memcmp(&f->rare->high, &key->high, sizeof(key->high)) == 0;
	return memcmp(f->low4, key->low.bytes, sizeof(f->low4)) == 0 &&
	       memcmp(f->high4, key->high.bytes, sizeof(f->high4)) == 0;
}

static bool same_tuple(const struct flow *f, uint64_t hash, const struct flow_key *key,
		       const struct tunnel *tunnel)
{
	const struct tunnel *own = flow_tunnel(f);

	if (f->hash != (uint32_t)hash || f->low_port != key->low_port ||
	    f->high_port != key->high_port || !same_addresses(f, key))
		return false;
	if (tunnel->depth == 0 || !own)
		return tunnel->depth == 0 && !own;
	return memcmp(own, tunnel, sizeof(*tunnel)) == 0;
}

/* What flow.hash is made of: hash, until the chains had to be keyed anew. */
static uint64_t chain_hash(const struct flow_table *t, uint64_t hash, const struct flow_key *key,
			   const struct tunnel *tunnel)
{
	return t->rekeyed > 0 ? hash_of_all(t->chain_key, key, tunnel) : hash;
}

static flow_id *bucket_of(const struct flow_table *t, uint64_t hash)
{
	return &t->bucket[(uint32_t)hash & (t->bucket_count - 1)];
}

struct flow *flow_find(struct flow_table *t, uint64_t hash, const struct flow_key *key,
		       const struct tunnel *tunnel, enum way way, uint64_t vlan_tags, bool *bound)
{
	const unsigned there = 1u << way, back = 3u & ~there;
	struct flow *silent = NULL, *silent_alike = NULL;
	int lanes = 0, strangers = 0;

	*bound = false;
	hash = chain_hash(t, hash, key, tunnel);
	for (struct flow *f = flow_at(t, *bucket_of(t, hash)); f; f = flow_at(t, f->next)) {
		if (!same_tuple(f, hash, key, tunnel)) {
			if (++strangers > STRANGERS_MAX)
				t->strayed++;
			continue;
		}
		if (lanes++ == FLOW_LANES_MAX) {
			*bound = true;
			break;
		}
		if ((f->lanes_known & there) && flow_vlan_tags(f, way) == vlan_tags)
			return f;
		if (f->seen & there)
			continue;
		if (!silent)
			silent = f;
		if (!silent_alike && (f->lanes_known & back) &&
		    flow_vlan_tags(f, !way) == vlan_tags)
			silent_alike = f;
	}
	return silent_alike ? silent_alike : silent;
}

struct flow *flow_find_any(const struct flow_table *t, uint64_t hash, const struct flow_key *key,
			   const struct tunnel *tunnel)
{
	hash = chain_hash(t, hash, key, tunnel);
	for (struct flow *f = flow_at(t, *bucket_of(t, hash)); f; f = flow_at(t, f->next))
		if (same_tuple(f, hash, key, tunnel))
			return f;
	return NULL;
}

/* Behind previous, or first in the bucket. */
static void link_in(struct flow_table *t, flow_id *bucket, struct flow *previous, struct flow *f)
{
	flow_id *place = previous ? &previous->next : bucket;

	f->previous = id_of(previous);
	f->next = *place;
	if (f->next)
		flow_known(t, f->next)->previous = f->id;
	*place = f->id;
}

/* Doubles the buckets. Chains are split in order, so that the newest flow of a tuple stays first.
 * Without memory the table goes on with longer chains; so it does once the hash has no more bits. */
static void grow_buckets(struct flow_table *t)
{
	size_t count = t->bucket_count * 2;
	flow_id *bucket = count > UINT32_MAX ? NULL : calloc(count, sizeof(*bucket));

	if (!bucket)
		return;
	for (size_t i = 0; i < t->bucket_count; i++) {
		struct flow *last[2] = {NULL, NULL};

		for (struct flow *f = flow_at(t, t->bucket[i]), *next; f; f = next) {
			bool high = f->hash & t->bucket_count;

			next = flow_at(t, f->next);
			link_in(t, &bucket[high ? i + t->bucket_count : i], last[high], f);
			last[high] = f;
		}
	}
	free(t->bucket);
	t->memory += (count - t->bucket_count) * sizeof(*bucket);
	t->bucket = bucket;
	t->bucket_count = count;
}

static struct flow_key key_of(const struct flow *f)
{
	struct flow_key key = {.low_port = f->low_port,
			       .high_port = f->high_port,
			       .ip_version = f->is_ip6 ? 6 : 4};

	if (f->is_ip6) {
		key.low = f->rare->low;
		key.high = f->rare->high;
	} else {
		memcpy(key.low.bytes, f->low4, sizeof(f->low4));
		memcpy(key.high.bytes, f->high4, sizeof(f->high4));
	}
	return key;
}

/* Made of the one before: results are the same with any. */
static void next_key(struct flow_table *t)
{
	const uint8_t *old = t->rekeyed > 0 ? t->chain_key : t->hash_key;
	uint64_t half[2];

	for (uint64_t i = 0; i < 2; i++)
		half[i] = siphash(old, &i, sizeof(i));
	memcpy(t->chain_key, half, sizeof(t->chain_key));
	t->rekeyed++;
}

static void hash_anew(struct flow_table *t)
{
	static const struct tunnel none;

	for (size_t slab = 0; slab < t->slab_count; slab++)
		for (int i = 0; i < SLAB_FLOWS; i++) {
			struct flow *f = &t->slab[slab]->flow[i];
			struct flow_key key;

			if (f->serial == 0)
				continue;
			key = key_of(f);
			f->hash = (uint32_t)hash_of_all(t->chain_key, &key,
							flow_tunnel(f) ? flow_tunnel(f) : &none);
		}
}

/* Somebody knows the hash: chains got long. With another key they are apart again. As all flows are hashed anew,
 * this comes once as many were passed in vain; so it pays even where the next keys are known, too. Without memory
 * for the buckets the chains stay as they are. They are taken apart from their ends, so that the newest flow of a
 * tuple stays first. */
static void change_key(struct flow_table *t)
{
	flow_id *old = t->bucket, *bucket;

	t->strayed = 0;
	bucket = calloc(t->bucket_count, sizeof(*bucket));
	if (!bucket)
		return;
	next_key(t);
	hash_anew(t);
	t->bucket = bucket;
	for (size_t i = 0; i < t->bucket_count; i++) {
		struct flow *last = flow_at(t, old[i]);

		while (last && last->next)
			last = flow_known(t, last->next);
		for (struct flow *f = last, *before; f; f = before) {
			before = flow_at(t, f->previous);
			link_in(t, bucket_of(t, f->hash), NULL, f);
		}
	}
	free(old);
}

static bool add_slab(struct flow_table *t)
{
	struct slab *slab;

	if (t->slab_count == t->slab_capacity) {
		size_t capacity = t->slab_capacity ? 2 * t->slab_capacity : 64;
		struct slab **more = realloc(t->slab, capacity * sizeof(*more));

		if (!more)
			return false;
		t->slab = more;
		t->memory += (capacity - t->slab_capacity) * sizeof(*more);
		t->slab_capacity = capacity;
	}
	if (t->slab_count >= UINT32_MAX / SLAB_FLOWS)
		return false;
	slab = calloc(1, sizeof(*slab));
	if (!slab)
		return false;
	for (uint32_t i = SLAB_FLOWS; i-- > 0;) {
		slab->flow[i].id = (flow_id)(t->slab_count * SLAB_FLOWS + i + 1);
		slab->flow[i].next = t->unused;
		t->unused = slab->flow[i].id;
	}
	t->slab[t->slab_count++] = slab;
	t->memory += sizeof(*slab);
	return true;
}

static void bucket_enter(struct flow_table *t, struct flow *f)
{
	link_in(t, bucket_of(t, f->hash), NULL, f);
	f->running = true;
	t->running++;
}

static bool add_rare(struct flow_table *t, struct flow *f)
{
	if (f->rare)
		return true;
	f->rare = calloc(1, sizeof(*f->rare));
	if (!f->rare)
		return false;
	t->memory += sizeof(*f->rare);
	return true;
}

/* What IPv4 outside tunnels does not need. */
static bool set_identity(struct flow_table *t, struct flow *f, const struct flow_key *key,
			 const struct tunnel *tunnel)
{
	if (!f->is_ip6 && tunnel->depth == 0)
		return true;
	if (!add_rare(t, f))
		return false;
	f->rare->low = key->low;
	f->rare->high = key->high;
	f->rare->tunnel = *tunnel;
	return true;
}

bool flow_sees(struct flow_table *t, struct flow *f, enum way way, uint64_t vlan_tags)
{
	if (f->seen & 1u << way)
		return true;
	if (vlan_tags != flow_vlan_tags(f, way)) {
		if (!add_rare(t, f))
			return false;
		f->rare->vlan_tags[way] = vlan_tags;
	}
	f->seen = (f->seen | 1u << way) & 3u;
	f->lanes_known = (f->lanes_known | 1u << way) & 3u;
	return true;
}

struct flow *flow_add(struct flow_table *t, uint64_t hash, const struct flow_key *key,
		      const struct tunnel *tunnel)
{
	struct flow *f;
	flow_id unused;

	if (!t->unused && !add_slab(t))
		return NULL;
	f = flow_known(t, t->unused);
	unused = f->next;
	*f = (struct flow){
		.low_port = key->low_port,
		.high_port = key->high_port,
		.hash = (uint32_t)chain_hash(t, hash, key, tunnel),
		.id = f->id,
		.next = unused,
		.queue = FLOW_QUEUES,
		.is_ip6 = key->ip_version == 6,
		.followed_ns = NONE_NS,
	};
	memcpy(f->low4, key->low.bytes, sizeof(f->low4));
	memcpy(f->high4, key->high.bytes, sizeof(f->high4));
	if (!set_identity(t, f, key, tunnel))
		return NULL;
	t->unused = unused;
	f->serial = ++t->last_serial;
	if (t->running >= t->bucket_count)
		grow_buckets(t);
	if (t->strayed > t->slab_count * SLAB_FLOWS + t->bucket_count)
		change_key(t); /* of this flow, too */
	bucket_enter(t, f);
	t->count++;
	return f;
}

struct ip_address flow_address(const struct flow *f, enum side side)
{
	bool low = flow_way(f, side) == LOW_TO_HIGH;
	struct ip_address address = {{0}};

	if (f->is_ip6)
		return low ? f->rare->low : f->rare->high;
	memcpy(address.bytes, low ? f->low4 : f->high4, sizeof(f->low4));
	return address;
}

static void queue_leave(struct flow_table *t, struct flow *f)
{
	struct queue *q;

	if (f->queue == FLOW_QUEUES)
		return;
	q = &t->queue[f->queue];
	if (f->ahead)
		flow_known(t, f->ahead)->behind = f->behind;
	else
		q->head = f->behind;
	if (f->behind)
		flow_known(t, f->behind)->ahead = f->ahead;
	else
		q->tail = f->ahead;
	f->ahead = f->behind = 0;
	f->queue = FLOW_QUEUES;
}

void flow_move(struct flow_table *t, struct flow *f, enum flow_queue queue)
{
	struct queue *q = &t->queue[queue];

	queue_leave(t, f);
	f->queue = queue & 7u;
	f->ahead = q->tail;
	if (q->tail)
		flow_known(t, q->tail)->behind = f->id;
	else
		q->head = f->id;
	q->tail = f->id;
}

static void bucket_leave(struct flow_table *t, struct flow *f)
{
	if (!f->running)
		return;
	if (f->previous)
		flow_known(t, f->previous)->next = f->next;
	else
		*bucket_of(t, f->hash) = f->next;
	if (f->next)
		flow_known(t, f->next)->previous = f->previous;
	f->previous = f->next = 0;
	f->running = false;
	t->running--;
}

/* Without memory for its tags the successor has to learn its lane anew. */
static void inherit_lane(struct flow_table *t, const struct flow *old, struct flow *successor)
{
	bool tagged = flow_vlan_tags(old, LOW_TO_HIGH) || flow_vlan_tags(old, HIGH_TO_LOW);

	if (tagged && !add_rare(t, successor))
		return;
	successor->lanes_known = old->lanes_known;
	if (tagged)
		memcpy(successor->rare->vlan_tags, old->rare->vlan_tags,
		       sizeof(old->rare->vlan_tags));
}

void flow_retire(struct flow_table *t, struct flow *old, struct flow *successor)
{
	bucket_leave(t, old);
	old->tell_again = old->told > 0;
	successor->older = old->id;
	old->newer = successor->id;
	inherit_lane(t, old, successor);
}

void flow_remove(struct flow_table *t, struct flow *f)
{
	/* what comes late for the incarnation before finds it again */
	if (f->running && f->older)
		bucket_enter(t, flow_known(t, f->older));
	bucket_leave(t, f);
	queue_leave(t, f);
	if (f->older)
		flow_known(t, f->older)->newer = f->newer;
	if (f->newer) {
		flow_known(t, f->newer)->older = f->older;
		flow_known(t, f->newer)->heir = f->older != 0;
	}
	flow_release(t, f);
	f->next = t->unused;
	t->unused = f->id;
	t->count--;
}

struct flow *flow_queue_tail(const struct flow_table *t, enum flow_queue queue)
{
	return flow_at(t, t->queue[queue].tail);
}

struct flow *flow_queue_head(const struct flow_table *t, enum flow_queue queue)
{
	return flow_at(t, t->queue[queue].head);
}

size_t flow_count(const struct flow_table *t)
{
	return t->count;
}

unsigned flow_table_rekeyed(const struct flow_table *t)
{
	return t->rekeyed;
}

size_t flow_table_memory(const struct flow_table *t)
{
	return t->memory;
}
