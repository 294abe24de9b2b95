#include "source/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many bytes tell the packing. */
enum { PACKING_MAGIC = 4 };

/* An ahead_read: in the thread that reads ahead it touches nothing that is not for reading alone. */
static size_t bytes_read(void *context, uint8_t *out, size_t room, enum bytes_end *end,
			 struct error *err)
{
	const struct bytes *b = context;

	if (b->unpacker != NULL)
		return unpacker_read(b->unpacker, out, room, end, err);
	return unpack_read_fd(b->fd, out, room, end, err);
}

/* What has been read turns out to be packed: it becomes the unpacker's input. */
static bool bytes_unpack(struct bytes *b, struct error *err)
{
	uint8_t *packed = b->own, *unpacked = malloc(b->capacity);
	size_t count = b->end;

	if (unpacked == NULL)
		return error_set(err, "out of memory");
	b->buffer = b->own = unpacked;
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
	b->block = b->capacity = block < PACKING_MAGIC ? PACKING_MAGIC : block;
	b->buffer = b->own = malloc(b->capacity);
	if (b->own == NULL) {
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

/* What is not packed only the kernel has to copy: waking each other takes two threads longer. */
void bytes_read_ahead(struct bytes *b)
{
	b->wants_ahead = b->packing != BYTES_PLAIN;
}

void bytes_close(struct bytes *b)
{
	if (b == NULL)
		return;
	ahead_stop(b->ahead);
	unpacker_free(b->unpacker);
	free(b->own);
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

/* Room in own for count bytes. */
static bool own_grow(struct bytes *b, size_t count)
{
	size_t capacity = b->capacity;
	uint8_t *own;

	if (count <= capacity)
		return true;
	assert(capacity > 0); /* there from the beginning on */
	while (capacity < count && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	own = capacity < count ? NULL : realloc(b->own, capacity);
	if (own == NULL)
		return bytes_no_memory(b);
	if (b->buffer == b->own)
		b->buffer = own;
	b->own = own;
	b->capacity = capacity;
	return true;
}

/* What is left goes to the front of own. */
static bool own_gather(struct bytes *b)
{
	size_t left = bytes_left(b);

	if (!own_grow(b, left))
		return false;
	memmove(b->own, b->buffer + b->at, left);
	b->offset += b->at;
	b->at = 0;
	b->end = left;
	if (b->buffer != b->own) {
		b->buffer = b->own;
		ahead_give_back(b->ahead);
	}
	return true;
}

/* Reads on into own. */
static bool own_read(struct bytes *b)
{
	size_t got;

	if (!own_grow(b, b->end + 1))
		return false;
	got = bytes_read(b, b->own + b->end, b->capacity - b->end, &b->how_ended, &b->problem);
	b->over = got == 0;
	b->end += got;
	return !b->over;
}

/* How much may be left over of a block and be put in front of the next one; more is gathered in own. */
static size_t front_room(const struct bytes *b)
{
	return b->block / 4;
}

/* Adds the next block that was read ahead to what is left: where that is little it goes in front of the block, which
 * becomes the window, else the block is added to own. */
static bool take_ahead(struct bytes *b)
{
	size_t count, left = bytes_left(b);
	uint8_t *block = ahead_take(b->ahead, &count, &b->how_ended, &b->problem);
	bool mine = b->buffer == b->own;

	b->over = block == NULL;
	if (b->over)
		return false;
	if (left <= front_room(b)) {
		memcpy(block - left, b->buffer + b->at, left);
		b->buffer = block - left;
		b->offset += b->at;
		b->at = 0;
		b->end = left + count;
		if (!mine)
			ahead_give_back(b->ahead);
		return true;
	}
	if (!own_gather(b) || !own_grow(b, left + count))
		return false;
	memcpy(b->own + left, block, count);
	b->end += count;
	ahead_give_back(b->ahead);
	return true;
}

bool bytes_fill(struct bytes *b, size_t count)
{
	if (b->over)
		return false;
	if (!held_aside(b))
		return false;
	if (b->wants_ahead) {
		b->wants_ahead = false;
		b->ahead = ahead_start(bytes_read, b, b->block, front_room(b));
	}
	if (b->ahead == NULL && !own_gather(b))
		return false;
	while (bytes_left(b) < count) {
		if (!(b->ahead != NULL ? take_ahead(b) : own_read(b)))
			return false;
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
