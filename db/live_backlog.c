#include "db/live_backlog.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>

#include "db/verdict_copy.h"

/* A chunk holds some hundred verdicts, and the largest one there can be. */
enum { CHUNK_BYTES = 256 * 1024, SPARE_CHUNKS = 16 };

struct chunk {
	struct backlog_chunk head;
	size_t used;
	alignas(max_align_t) uint8_t bytes[CHUNK_BYTES];
};

struct backlog {
	pthread_mutex_t mutex;
	struct backlog_chunk *first, *last; /* that wait to be taken */
	struct backlog_chunk *spare;
	size_t spares, chunks, chunks_max, rows;
	uint64_t lost;
};

static struct chunk *chunk_of(struct backlog_chunk *head)
{
	return (struct chunk *)head; /* its first member */
}

struct backlog *backlog_new(size_t bytes_max)
{
	struct backlog *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	pthread_mutex_init(&b->mutex, NULL);
	b->chunks_max = bytes_max / sizeof(struct chunk) + 2;
	return b;
}

static void free_all(struct backlog_chunk *chunk)
{
	while (chunk) {
		struct backlog_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void backlog_free(struct backlog *b)
{
	if (!b)
		return;
	free_all(b->first);
	free_all(b->spare);
	pthread_mutex_destroy(&b->mutex);
	free(b);
}

/* The chunk that has room for size bytes, a new one where need be; NULL: there is none. */
static struct chunk *room_for(struct backlog *b, size_t size)
{
	struct chunk *chunk = b->last ? chunk_of(b->last) : NULL;

	if (size > CHUNK_BYTES)
		return NULL;
	if (chunk && chunk->used + size <= CHUNK_BYTES)
		return chunk;
	if (b->chunks >= b->chunks_max)
		return NULL;
	if (b->spare) {
		chunk = chunk_of(b->spare);
		b->spare = b->spare->next;
		b->spares--;
	} else {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
	}
	chunk->head = (struct backlog_chunk){0};
	chunk->used = 0;
	if (b->last)
		b->last->next = &chunk->head;
	else
		b->first = &chunk->head;
	b->last = &chunk->head;
	b->chunks++;
	return chunk;
}

bool backlog_put(struct backlog *b, const struct verdict *verdict, int64_t by_ns)
{
	size_t size = verdict_copy_size(verdict);
	struct chunk *chunk;

	pthread_mutex_lock(&b->mutex);
	chunk = room_for(b, size);
	if (chunk) {
		verdict_copy_shifted(chunk->bytes + chunk->used, verdict, by_ns);
		chunk->used += size;
		chunk->head.rows++;
		b->rows++;
	} else {
		b->lost += !verdict->open; /* that one has no row, and is tried again */
	}
	pthread_mutex_unlock(&b->mutex);
	return chunk;
}

struct backlog_chunk *backlog_take(struct backlog *b)
{
	struct backlog_chunk *all;

	pthread_mutex_lock(&b->mutex);
	all = b->first;
	b->first = b->last = NULL;
	pthread_mutex_unlock(&b->mutex);
	return all;
}

void backlog_done(struct backlog *b, struct backlog_chunk *chunk)
{
	pthread_mutex_lock(&b->mutex);
	b->chunks--;
	b->rows -= chunk->rows;
	if (b->spares < SPARE_CHUNKS) {
		chunk->next = b->spare;
		b->spare = chunk;
		b->spares++;
		chunk = NULL;
	}
	pthread_mutex_unlock(&b->mutex);
	free(chunk);
}

bool backlog_each(const struct backlog_chunk *head,
		  bool (*visit)(void *context, const struct verdict *verdict), void *context)
{
	const struct chunk *chunk = (const struct chunk *)head;

	for (size_t at = 0; at < chunk->used;) {
		const struct verdict *v = (const void *)(chunk->bytes + at);

		at += verdict_copy_size(v);
		if (!visit(context, v))
			return false;
	}
	return true;
}

size_t backlog_rows(struct backlog *b)
{
	size_t rows;

	pthread_mutex_lock(&b->mutex);
	rows = b->rows;
	pthread_mutex_unlock(&b->mutex);
	return rows;
}

uint64_t backlog_lost(struct backlog *b)
{
	uint64_t lost;

	pthread_mutex_lock(&b->mutex);
	lost = b->lost;
	pthread_mutex_unlock(&b->mutex);
	return lost;
}
