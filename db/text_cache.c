#include "db/text_cache.h"

#include <stdlib.h>
#include <string.h>

struct text_entry {
	uint64_t generation;
	int64_t id;
	size_t size;
	uint8_t text[TEXT_CACHE_MAX];
};

bool text_cache_init(struct text_cache *cache, size_t places)
{
	*cache = (struct text_cache){.places = places, .generation = 1};
	cache->entry = calloc(places, sizeof(*cache->entry));
	cache->latest = cache->entry;
	return cache->entry != NULL;
}

void text_cache_free(struct text_cache *cache)
{
	free(cache->entry);
	cache->entry = cache->latest = NULL;
}

void text_cache_clear(struct text_cache *cache)
{
	cache->generation++;
}

/* Unkeyed on purpose: texts that collide cost a lookup in the database, nothing more. */
static struct text_entry *place_of(const struct text_cache *cache, const uint8_t *text, size_t size)
{
	uint64_t hash = size, word = 0;

	for (; size >= sizeof(word); text += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	word = 0;
	memcpy(&word, text, size);
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return &cache->entry[hash >> 32 & (cache->places - 1)];
}

static bool entry_is(const struct text_cache *cache, const struct text_entry *entry,
		     const void *text, size_t size)
{
	return entry->generation == cache->generation && entry->size == size &&
	       memcmp(entry->text, text, size) == 0;
}

int64_t text_cache_get(struct text_cache *cache, const void *text, size_t size)
{
	struct text_entry *entry = cache->latest;

	if (!entry_is(cache, entry, text, size))
		entry = place_of(cache, text, size);
	if (!entry_is(cache, entry, text, size))
		return 0;
	cache->latest = entry;
	return entry->id;
}

void text_cache_put(struct text_cache *cache, const void *text, size_t size, int64_t id)
{
	struct text_entry *entry = place_of(cache, text, size);

	if (size > TEXT_CACHE_MAX)
		return;
	entry->generation = cache->generation;
	entry->id = id;
	entry->size = size;
	memcpy(entry->text, text, size);
}
