#include "analyzer/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/kept.h"
#include "analyzer/packed.h"
#include "analyzer/regular.h"
#include "base/siphash.h"

enum { SLAB_FLOWS = 128, BUCKETS_FIRST = 1024 };

struct slab {
	struct slab *next;
	struct flow flow[SLAB_FLOWS];
};

struct queue {
	struct flow *head, *tail;
};

struct flow_table {
	uint8_t hash_key[16];
	struct flow **bucket;
	size_t bucket_count; /* a power of two */
	size_t count, running;
	struct slab *slabs;  /* never given back before the end: flows stay readable */
	struct flow *unused; /* linked by next */
	size_t slab_bytes;
	uint64_t last_serial;
	struct queue queue[FLOW_QUEUES];
};

struct flow_table *flow_table_new(const uint8_t hash_key[16])
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
	t->bucket_count = BUCKETS_FIRST;
	t->bucket = calloc(t->bucket_count, sizeof(struct flow *));
	if (!t->bucket) {
		free(t);
		return NULL;
	}
	return t;
}

static void flow_release(struct flow *f)
{
	connection_free(f->live);
	free(f->packed);
	regular_free(f->regular);
	free(f->kept);
	free(f->tunnel);
	f->live = NULL;
	f->packed = NULL;
	f->regular = NULL;
	f->kept = NULL;
	f->tunnel = NULL;
	f->serial = 0;
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	while (t->slabs) {
		struct slab *slab = t->slabs;

		t->slabs = slab->next;
		for (int i = 0; i < SLAB_FLOWS; i++)
			flow_release(&slab->flow[i]);
		free(slab);
	}
	free(t->bucket);
	free(t);
}

void flow_each(struct flow_table *t, void (*visit)(struct flow *flow))
{
	for (struct slab *slab = t->slabs; slab; slab = slab->next)
		for (int i = 0; i < SLAB_FLOWS; i++)
			if (slab->flow[i].serial != 0)
				visit(&slab->flow[i]);
}

struct flow_key flow_key_of(const struct ip_address *src, uint16_t sport,
			    const struct ip_address *dst, uint16_t dport, uint8_t ip_version,
			    enum way *way)
{
	int order = memcmp(src, dst, sizeof(*src));
	struct flow_key key = {.ip_version = ip_version};

	if (order == 0)
		order = sport < dport ? -1 : 1;
	*way = order < 0 ? LOW_TO_HIGH : HIGH_TO_LOW;
	key.low = order < 0 ? *src : *dst;
	key.high = order < 0 ? *dst : *src;
	key.low_port = order < 0 ? sport : dport;
	key.high_port = order < 0 ? dport : sport;
	return key;
}

uint64_t flow_hash(const struct flow_table *t, const struct flow_key *key,
		   const struct tunnel *tunnel)
{
	uint8_t bytes[sizeof(*key) + sizeof(*tunnel)];
	size_t length;

	if (key->ip_version == 4) { /* the usual case hashes 12 bytes */
		memcpy(bytes, key->low.bytes, 4);
		memcpy(bytes + 4, key->high.bytes, 4);
		memcpy(bytes + 8, &key->low_port, 2);
		memcpy(bytes + 10, &key->high_port, 2);
		length = 12;
	} else {
		memcpy(bytes, key, sizeof(*key));
		length = sizeof(*key);
	}
	if (tunnel->depth > 0) {
		memcpy(bytes + length, tunnel, sizeof(*tunnel));
		length += sizeof(*tunnel);
	}
	return siphash(t->hash_key, bytes, length);
}

static bool same_tuple(const struct flow *f, uint64_t hash, const struct flow_key *key,
		       const struct tunnel *tunnel)
{
	if (f->hash != hash || memcmp(&f->key, key, sizeof(*key)) != 0)
		return false;
	if (tunnel->depth == 0 || !f->tunnel)
		return tunnel->depth == 0 && !f->tunnel;
	return memcmp(f->tunnel, tunnel, sizeof(*tunnel)) == 0;
}

static struct flow **bucket_of(const struct flow_table *t, uint64_t hash)
{
	return &t->bucket[hash & (t->bucket_count - 1)];
}

struct flow *flow_find(const struct flow_table *t, uint64_t hash, const struct flow_key *key,
		       const struct tunnel *tunnel, enum way way, uint64_t vlan_tags, bool *bound)
{
	enum way back = way == LOW_TO_HIGH ? HIGH_TO_LOW : LOW_TO_HIGH;
	struct flow *silent = NULL, *silent_alike = NULL;
	int lanes = 0;

	*bound = false;
	for (struct flow *f = *bucket_of(t, hash); f; f = f->next) {
		if (!same_tuple(f, hash, key, tunnel))
			continue;
		if (lanes++ == FLOW_LANES_MAX) {
			*bound = true;
			break;
		}
		if (f->lane_known[way] && f->vlan_tags[way] == vlan_tags)
			return f;
		if (f->seen[way])
			continue;
		if (!silent)
			silent = f;
		if (!silent_alike && f->lane_known[back] && f->vlan_tags[back] == vlan_tags)
			silent_alike = f;
	}
	return silent_alike ? silent_alike : silent;
}

struct flow *flow_find_any(const struct flow_table *t, uint64_t hash, const struct flow_key *key,
			   const struct tunnel *tunnel)
{
	for (struct flow *f = *bucket_of(t, hash); f; f = f->next)
		if (same_tuple(f, hash, key, tunnel))
			return f;
	return NULL;
}

static void link_in(struct flow **place, struct flow *f)
{
	f->link = place;
	f->next = *place;
	if (f->next)
		f->next->link = &f->next;
	*place = f;
}

/* Doubles the buckets. Chains are split in order, so that the newest flow of a tuple stays first.
 * Without memory the table goes on with longer chains. */
static void grow_buckets(struct flow_table *t)
{
	size_t count = t->bucket_count * 2;
	struct flow **bucket = calloc(count, sizeof(struct flow *));

	if (!bucket)
		return;
	for (size_t i = 0; i < t->bucket_count; i++) {
		struct flow **low = &bucket[i], **high = &bucket[i + t->bucket_count];

		for (struct flow *f = t->bucket[i]; f;) {
			struct flow *next = f->next;
			struct flow ***end = (f->hash & t->bucket_count) ? &high : &low;

			link_in(*end, f);
			*end = &f->next;
			f = next;
		}
	}
	free(t->bucket);
	t->bucket = bucket;
	t->bucket_count = count;
}

static bool add_slab(struct flow_table *t)
{
	struct slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return false;
	slab->next = t->slabs;
	t->slabs = slab;
	t->slab_bytes += sizeof(*slab);
	for (int i = SLAB_FLOWS - 1; i >= 0; i--) {
		slab->flow[i].next = t->unused;
		t->unused = &slab->flow[i];
	}
	return true;
}

static void bucket_enter(struct flow_table *t, struct flow *f)
{
	link_in(bucket_of(t, f->hash), f);
	f->running = true;
	t->running++;
}

struct flow *flow_add(struct flow_table *t, uint64_t hash, const struct flow_key *key,
		      const struct tunnel *tunnel)
{
	struct tunnel *own = NULL;
	struct flow *f;

	if (!t->unused && !add_slab(t))
		return NULL;
	if (tunnel->depth > 0) {
		own = malloc(sizeof(*own));
		if (!own)
			return NULL;
		*own = *tunnel;
	}
	if (t->running >= t->bucket_count)
		grow_buckets(t);
	f = t->unused;
	t->unused = f->next;
	*f = (struct flow){
		.key = *key,
		.tunnel = own,
		.hash = hash,
		.serial = ++t->last_serial,
		.queue = FLOW_QUEUES,
		.followed_ns = NONE_NS,
	};
	bucket_enter(t, f);
	t->count++;
	return f;
}

static void queue_leave(struct flow_table *t, struct flow *f)
{
	struct queue *q;

	if (f->queue == FLOW_QUEUES)
		return;
	q = &t->queue[f->queue];
	if (f->ahead)
		f->ahead->behind = f->behind;
	else
		q->head = f->behind;
	if (f->behind)
		f->behind->ahead = f->ahead;
	else
		q->tail = f->ahead;
	f->ahead = f->behind = NULL;
	f->queue = FLOW_QUEUES;
}

void flow_touch(struct flow_table *t, struct flow *f, enum flow_queue queue, int64_t now_ns)
{
	struct queue *q = &t->queue[queue];

	f->active_ns = now_ns;
	if (f->queue == queue && q->tail == f)
		return;
	queue_leave(t, f);
	f->queue = (uint8_t)queue;
	f->ahead = q->tail;
	if (q->tail)
		q->tail->behind = f;
	else
		q->head = f;
	q->tail = f;
}

static void bucket_leave(struct flow_table *t, struct flow *f)
{
	if (!f->running)
		return;
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	f->link = NULL;
	f->next = NULL;
	f->running = false;
	t->running--;
}

void flow_retire(struct flow_table *t, struct flow *old, struct flow *successor)
{
	bucket_leave(t, old);
	old->tell_again = old->told > 0;
	successor->older = old;
	old->newer = successor;
	for (int way = 0; way < WAYS; way++) {
		successor->vlan_tags[way] = old->vlan_tags[way];
		successor->lane_known[way] = old->lane_known[way];
	}
}

void flow_remove(struct flow_table *t, struct flow *f)
{
	/* what comes late for the incarnation before finds it again */
	if (f->running && f->older)
		bucket_enter(t, f->older);
	bucket_leave(t, f);
	queue_leave(t, f);
	if (f->older)
		f->older->newer = f->newer;
	if (f->newer)
		f->newer->older = f->older;
	flow_release(f);
	f->next = t->unused;
	t->unused = f;
	t->count--;
}

struct flow *flow_queue_tail(const struct flow_table *t, enum flow_queue queue)
{
	return t->queue[queue].tail;
}

struct flow *flow_queue_head(const struct flow_table *t, enum flow_queue queue)
{
	return t->queue[queue].head;
}

size_t flow_count(const struct flow_table *t)
{
	return t->count;
}

size_t flow_table_memory(const struct flow_table *t)
{
	return t->slab_bytes + t->bucket_count * sizeof(struct flow *);
}
