#include "analyzer/stream_history.h"

#include <stdlib.h>
#include <string.h>

enum { MALLOC_OVERHEAD = 16 };

static uint32_t wanted_capacity(const struct stream_history *h, uint64_t count)
{
	uint64_t wanted = h->right - h->left + count;
	uint32_t capacity = h->capacity ? h->capacity : HISTORY_MIN;

	while (capacity < HISTORY_MAX && capacity < wanted)
		capacity *= 2;
	return capacity;
}

size_t history_growth(const struct stream_history *h, uint64_t count)
{
	uint32_t capacity = wanted_capacity(h, count);

	return capacity > h->capacity ? capacity + MALLOC_OVERHEAD : 0;
}

/* Copies count bytes, at most capacity, to where offset stands in the ring. */
static void put(struct stream_history *h, uint64_t offset, const uint8_t *bytes, size_t count)
{
	size_t at = offset & (h->capacity - 1);
	size_t head = h->capacity - at < count ? h->capacity - at : count;

	memcpy(h->bytes + at, bytes, head);
	memcpy(h->bytes, bytes + head, count - head);
}

static bool grow(struct stream_history *h, uint32_t capacity)
{
	struct stream_history old = *h;

	h->bytes = malloc(capacity);
	if (!h->bytes) {
		*h = old;
		return false;
	}
	h->capacity = capacity;
	for (uint64_t at = old.left; at < old.right;) {
		size_t place = at & (old.capacity - 1), run = old.capacity - place;

		if (run > old.right - at)
			run = (size_t)(old.right - at);
		put(h, at, old.bytes + place, run);
		at += run;
	}
	free(old.bytes);
	return true;
}

void history_add(struct stream_history *h, uint64_t offset, const uint8_t *bytes, uint64_t count)
{
	uint32_t capacity;

	if (offset != h->right)
		h->left = h->right = offset;
	capacity = wanted_capacity(h, count);
	if (capacity > h->capacity && !grow(h, capacity)) {
		history_free(h);
		return;
	}
	if (count > h->capacity) {
		bytes += count - h->capacity;
		offset += count - h->capacity;
		count = h->capacity;
	}
	put(h, offset, bytes, (size_t)count);
	h->right = offset + count;
	if (h->right - h->left > h->capacity)
		h->left = h->right - h->capacity;
}

uint64_t history_differences(const struct stream_history *h, uint64_t offset, const uint8_t *bytes,
			     uint64_t count, uint64_t *first)
{
	uint64_t left = offset > h->left ? offset : h->left;
	uint64_t right = offset + count < h->right ? offset + count : h->right;
	uint64_t differ = 0;

	for (uint64_t at = left; at < right; at++) {
		if (h->bytes[at & (h->capacity - 1)] == bytes[at - offset])
			continue;
		if (differ++ == 0)
			*first = at;
	}
	return differ;
}

size_t history_memory(const struct stream_history *h)
{
	return h->capacity ? h->capacity + MALLOC_OVERHEAD : 0;
}

void history_free(struct stream_history *h)
{
	free(h->bytes);
	*h = (struct stream_history){0};
}
