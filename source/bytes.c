#include "source/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many bytes tell the packing. */
enum { PACKING_MAGIC = 4 };

static size_t bytes_read(struct bytes *b, uint8_t *out, size_t room)
{
	if (b->unpacker != NULL)
		return unpacker_read(b->unpacker, out, room, &b->how_ended, &b->problem);
	return unpack_read_fd(b->fd, out, room, &b->how_ended, &b->problem);
}

/* What has been read turns out to be packed: it becomes the unpacker's input. */
static bool bytes_unpack(struct bytes *b, struct error *err)
{
	uint8_t *packed = b->buffer;
	size_t count = b->end;

	b->buffer = malloc(b->capacity);
	if (b->buffer == NULL) {
		b->buffer = packed;
		return error_set(err, "out of memory");
	}
	b->end = 0;
	b->over = false;
	b->unpacker = unpacker_new(b->packing, b->fd, packed, count, b->capacity);
	return b->unpacker != NULL || error_set(err, "out of memory");
}

struct bytes *bytes_open(int fd, size_t block, struct error *err)
{
	struct bytes *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		close(fd);
		error_set(err, "out of memory");
		return NULL;
	}
	b->fd = fd;
	b->capacity = block < PACKING_MAGIC ? PACKING_MAGIC : block;
	b->buffer = malloc(b->capacity);
	if (b->buffer == NULL) {
		error_set(err, "out of memory");
		goto fail;
	}
	bytes_want(b, PACKING_MAGIC);
	b->packing = unpack_recognise(b->buffer, b->end);
	if (b->packing != BYTES_PLAIN && !bytes_unpack(b, err))
		goto fail;
	return b;
fail:
	bytes_close(b);
	return NULL;
}

void bytes_close(struct bytes *b)
{
	if (b == NULL)
		return;
	unpacker_free(b->unpacker);
	free(b->buffer);
	free(b->keep);
	close(b->fd);
	free(b);
}

static bool bytes_no_memory(struct bytes *b)
{
	b->over = true;
	b->how_ended = BYTES_NO_MEMORY;
	return false;
}

/* The held bytes leave the window before it moves. */
static bool held_aside(struct bytes *b)
{
	if (b->held == NULL)
		return true;
	if (b->held_count > b->keep_capacity) {
		uint8_t *keep = realloc(b->keep, b->held_count);

		if (keep == NULL)
			return bytes_no_memory(b);
		b->keep = keep;
		b->keep_capacity = b->held_count;
	}
	memcpy(b->keep, b->buffer + b->held_at, b->held_count);
	*b->held = b->keep;
	b->held = NULL;
	return true;
}

static bool bytes_grow(struct bytes *b)
{
	uint8_t *buffer;

	if (b->end < b->capacity)
		return true;
	assert(b->capacity > 0); /* a buffer from the beginning on */
	buffer = b->capacity > SIZE_MAX / 2 ? NULL : realloc(b->buffer, 2 * b->capacity);
	if (buffer == NULL)
		return bytes_no_memory(b);
	b->buffer = buffer;
	b->capacity *= 2;
	return true;
}

bool bytes_fill(struct bytes *b, size_t count)
{
	if (b->over)
		return false;
	if (!held_aside(b))
		return false;
	if (b->at > 0) {
		memmove(b->buffer, b->buffer + b->at, b->end - b->at);
		b->offset += b->at;
		b->end -= b->at;
		b->at = 0;
	}
	while (b->end < count) {
		size_t got;

		if (!bytes_grow(b))
			return false;
		got = bytes_read(b, b->buffer + b->end, b->capacity - b->end);
		if (got == 0) {
			b->over = true;
			return false;
		}
		b->end += got;
	}
	return true;
}

bool bytes_skip(struct bytes *b, uint64_t count)
{
	while (count > 0) {
		size_t step = bytes_left(b) < count ? bytes_left(b) : (size_t)count;

		bytes_take(b, step);
		count -= step;
		if (count > 0 && !bytes_want(b, 1))
			return false;
	}
	return true;
}

void bytes_hold(struct bytes *b, const uint8_t **data, size_t count)
{
	b->held = NULL;
	if (count == 0)
		return;
	b->held_at = (size_t)(*data - b->buffer);
	b->held_count = count;
	b->held = data;
	assert(b->held_at <= b->end && count <= b->end - b->held_at);
}
