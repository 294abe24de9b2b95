/* A bounded cache from a text to a row id; when full it forgets, it never fails. Texts may hold any bytes,
 * and are compared as a whole: nobody can make one be taken for another. */
#ifndef LASTACK_DB_TEXT_CACHE_H
#define LASTACK_DB_TEXT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer texts are not kept. */
enum { TEXT_CACHE_MAX = 240 };

struct text_entry;

struct text_cache {
	size_t places;             /* power of two */
	struct text_entry *entry;  /* owned; each text has one place, or another one is there */
	struct text_entry *latest; /* of them, the one that was found last: often it is again */
	uint64_t generation;       /* entries of older ones are free */
};

bool text_cache_init(struct text_cache *cache, size_t places);
void text_cache_free(struct text_cache *cache);
/* Forgets everything. */
void text_cache_clear(struct text_cache *cache);
/* 0: not here. */
int64_t text_cache_get(struct text_cache *cache, const void *text, size_t size);
void text_cache_put(struct text_cache *cache, const void *text, size_t size, int64_t id);

#endif
