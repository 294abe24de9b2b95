#include "db/id_cache.h"

#include <stdlib.h>
#include <string.h>

/* layout of an entry */
enum { GENERATION, ID, KEY };

static size_t stride(const struct id_cache *cache)
{
	return KEY + cache->words;
}

bool id_cache_init(struct id_cache *cache, size_t words, size_t sets)
{
	*cache = (struct id_cache){.words = words, .sets = sets, .generation = 1};
	cache->entries = calloc(sets * ID_CACHE_WAYS * stride(cache), sizeof(uint64_t));
	cache->latest = cache->entries;
	return cache->entries != NULL;
}

void id_cache_free(struct id_cache *cache)
{
	free(cache->entries);
	cache->entries = cache->latest = NULL;
}

void id_cache_clear(struct id_cache *cache, bool table_is_empty)
{
	cache->generation++;
	cache->complete = table_is_empty;
}

/* Unkeyed on purpose: values that collide cost a lookup in the database, nothing more. */
static uint64_t *set_of(const struct id_cache *cache, const uint64_t *key, uint64_t *mixed)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < cache->words; i++) {
		hash = (hash ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	*mixed = hash;
	return cache->entries + (hash & (cache->sets - 1)) * ID_CACHE_WAYS * stride(cache);
}

static bool entry_is(const struct id_cache *cache, const uint64_t *entry, const uint64_t *key)
{
	if (entry[GENERATION] != cache->generation)
		return false;
	for (size_t i = 0; i < cache->words; i++)
		if (entry[KEY + i] != key[i])
			return false;
	return true;
}

int64_t id_cache_get(struct id_cache *cache, const uint64_t *key)
{
	uint64_t hash, *entry;

	if (entry_is(cache, cache->latest, key))
		return (int64_t)cache->latest[ID];
	entry = set_of(cache, key, &hash);
	for (int way = 0; way < ID_CACHE_WAYS; way++, entry += stride(cache))
		if (entry_is(cache, entry, key)) {
			cache->latest = entry;
			return (int64_t)entry[ID];
		}
	return 0;
}

void id_cache_put(struct id_cache *cache, const uint64_t *key, int64_t id)
{
	uint64_t hash;
	uint64_t *set = set_of(cache, key, &hash), *entry = NULL;

	for (size_t way = 0; way < ID_CACHE_WAYS && !entry; way++)
		if (set[way * stride(cache) + GENERATION] != cache->generation)
			entry = set + way * stride(cache);
	if (!entry) {
		entry = set + (hash >> 62) % ID_CACHE_WAYS * stride(cache);
		cache->complete = false;
	}
	entry[GENERATION] = cache->generation;
	entry[ID] = (uint64_t)id;
	memcpy(entry + KEY, key, cache->words * sizeof(*key));
}
