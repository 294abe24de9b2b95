/* A bounded cache from a fixed-size key to a row id; when full it forgets, it never fails. */
#ifndef LASTACK_DB_ID_CACHE_H
#define LASTACK_DB_ID_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_CACHE_WAYS = 4 };

struct id_cache {
	size_t words;        /* of 8 bytes, a key */
	size_t sets;         /* power of two; ID_CACHE_WAYS entries each */
	uint64_t *entries;   /* owned: generation, id, key */
	uint64_t *latest;    /* of them, the one that was asked for last: often it is again */
	uint64_t generation; /* entries of older ones are free */
	bool complete;       /* all values of the table are here: a miss is a new value */
};

bool id_cache_init(struct id_cache *cache, size_t words, size_t sets);
void id_cache_free(struct id_cache *cache);
/* Forgets everything. */
void id_cache_clear(struct id_cache *cache, bool table_is_empty);
/* 0: not here. */
int64_t id_cache_get(struct id_cache *cache, const uint64_t *key);
void id_cache_put(struct id_cache *cache, const uint64_t *key, int64_t id);

#endif
