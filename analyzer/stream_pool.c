#include "analyzer/stream_pool.h"

void pool_init(struct stream_pool *pool, size_t limit)
{
	*pool = (struct stream_pool){.limit = limit};
}

static unsigned class_of(size_t bytes)
{
	unsigned class = 63 - (unsigned)__builtin_clzll((unsigned long long)bytes);

	return class < POOL_CLASSES ? class : POOL_CLASSES - 1;
}

static void leave(struct stream_pool *pool, struct pool_holder *h, unsigned class)
{
	*(h->ahead ? &h->ahead->behind : &pool->class[h->kind][class].first) = h->behind;
	*(h->behind ? &h->behind->ahead : &pool->class[h->kind][class].last) = h->ahead;
	h->ahead = h->behind = NULL;
}

static void join(struct stream_pool *pool, struct pool_holder *h, unsigned class)
{
	h->ahead = pool->class[h->kind][class].last;
	h->behind = NULL;
	*(h->ahead ? &h->ahead->behind : &pool->class[h->kind][class].first) = h;
	pool->class[h->kind][class].last = h;
}

void pool_hold(struct stream_pool *pool, struct pool_holder *h, size_t bytes)
{
	size_t before = h->bytes;

	if (bytes == before)
		return;
	pool->used += bytes - before;
	if (pool->used > pool->peak)
		pool->peak = pool->used;
	h->bytes = bytes;
	if (before && bytes && class_of(before) == class_of(bytes))
		return;
	if (before)
		leave(pool, h, class_of(before));
	if (bytes)
		join(pool, h, class_of(bytes));
}

struct pool_holder *pool_largest(const struct stream_pool *pool)
{
	for (int kind = 0; kind < POOL_KINDS; kind++)
		for (int class = POOL_CLASSES - 1; class >= 0; class --)
			if (pool->class[kind][class].first)
				return pool->class[kind][class].first;
	return NULL;
}
