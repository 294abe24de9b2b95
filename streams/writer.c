#include "streams/writer.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 512 };

static bool close_oldest(struct writer_pool *pool, struct error *err)
{
	struct writer *w = LRU_OWNER(pool->descriptors.oldest, struct writer, descriptor_node);

	lru_remove(&pool->descriptors, &w->descriptor_node);
	pool->open--;
	return new_file_rest(pool->folder, &w->file, err);
}

/* Makes sure that its file exists and is among the open ones. */
static bool take_descriptor(struct writer_pool *pool, struct writer *w, struct error *err)
{
	if (!w->descriptor_node.listed) {
		while (pool->open >= pool->open_max)
			if (!close_oldest(pool, err))
				return false;
		if (w->file.serial == 0 && !new_file_create(pool->folder, &w->file, err))
			return false;
		pool->open++;
	}
	lru_use(&pool->descriptors, &w->descriptor_node);
	return true;
}

static void drop_descriptor(struct writer_pool *pool, struct writer *w)
{
	if (!w->descriptor_node.listed)
		return;
	lru_remove(&pool->descriptors, &w->descriptor_node);
	pool->open--;
}

static bool store(struct writer_pool *pool, struct writer *w, const void *bytes, size_t count,
		  struct error *err)
{
	if (count == 0)
		return true;
	if (!take_descriptor(pool, w, err) ||
	    !new_file_write(pool->folder, &w->file, bytes, count, w->stored, err))
		return false;
	w->stored += count;
	return true;
}

static void drop_buffer(struct writer_pool *pool, struct writer *w)
{
	lru_remove(&pool->buffers, &w->buffer_node);
	pool->buffered -= w->capacity;
	free(w->buffer);
	w->buffer = NULL;
	w->used = w->capacity = 0;
}

static bool flush(struct writer_pool *pool, struct writer *w, struct error *err)
{
	if (!store(pool, w, w->buffer, w->used, err))
		return false;
	w->used = 0;
	return true;
}

/* Room for more bytes in its buffer, where others may have to give way. */
static bool grow(struct writer_pool *pool, struct writer *w, size_t need, struct error *err)
{
	uint32_t capacity = w->capacity ? w->capacity : CAPACITY_MIN;
	uint8_t *buffer;

	while (capacity < need)
		capacity *= 2;
	if (capacity == w->capacity)
		return true;
	buffer = realloc(w->buffer, capacity);
	if (!buffer)
		return error_set(err, "out of memory while writing streams");
	pool->buffered += capacity - w->capacity;
	w->buffer = buffer;
	w->capacity = capacity;
	lru_use(&pool->buffers, &w->buffer_node);
	while (pool->buffered > pool->buffered_max && pool->buffers.oldest != &w->buffer_node) {
		struct writer *victim = LRU_OWNER(pool->buffers.oldest, struct writer, buffer_node);

		if (!flush(pool, victim, err))
			return false;
		drop_buffer(pool, victim);
	}
	return true;
}

bool writer_add(struct writer_pool *pool, struct writer *w, const void *bytes, size_t count,
		struct error *err)
{
	if (count == 0)
		return true;
	w->length += count;
	if (w->used + count > WRITER_BLOCK) {
		if (!flush(pool, w, err))
			return false;
		if (count >= WRITER_BLOCK)
			return store(pool, w, bytes, count, err);
	}
	if (!grow(pool, w, w->used + count, err))
		return false;
	lru_use(&pool->buffers, &w->buffer_node);
	memcpy(w->buffer + w->used, bytes, count);
	w->used += (uint32_t)count;
	return true;
}

bool writer_skip(struct writer_pool *pool, struct writer *w, uint64_t count, struct error *err)
{
	if (count > (uint64_t)INT64_MAX - w->length)
		return error_set(err, "%s: a stream with its gaps is larger than a file can be",
				 pool->folder->path);
	if (!flush(pool, w, err))
		return false;
	w->length += count;
	w->stored = w->length;
	return true;
}

bool writer_read(struct writer_pool *pool, struct writer *w, uint64_t at, void *bytes, size_t count,
		 struct error *err)
{
	size_t in_file = at >= w->stored ? 0 : w->stored - at < count ? w->stored - at : count;

	if (in_file > 0 && (!take_descriptor(pool, w, err) ||
			    !new_file_read(pool->folder, &w->file, bytes, in_file, at, err)))
		return false;
	if (in_file < count)
		memcpy((uint8_t *)bytes + in_file, w->buffer + (at + in_file - w->stored),
		       count - in_file);
	return true;
}

bool writer_publish(struct writer_pool *pool, struct writer *w, const char *name, struct error *err)
{
	/* the last bytes may be skipped ones, and there may be none at all */
	bool zeros_last = w->used == 0 && w->length > 0;
	bool ok = take_descriptor(pool, w, err) && flush(pool, w, err) &&
		  (!zeros_last || new_file_extend(pool->folder, &w->file, w->length, err));

	drop_descriptor(pool, w);
	if (ok)
		ok = new_file_publish(pool->folder, &w->file, name, err);
	writer_discard(pool, w);
	return ok;
}

void writer_discard(struct writer_pool *pool, struct writer *w)
{
	drop_descriptor(pool, w);
	new_file_discard(pool->folder, &w->file);
	drop_buffer(pool, w);
	*w = (struct writer){0};
}
