/* The bytes of a file or pipe as one stream, unpacked on the way where they are gzip or zstd.
 *
 * The stream is a window into a block buffer: bytes_want() makes sure of a number of contiguous bytes
 * at bytes_at(), bytes_take() moves on. Memory grows only with bytes that were really read, never with
 * a length that a file claims. */
#ifndef LASTACK_SOURCE_BYTES_H
#define LASTACK_SOURCE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/error.h"
#include "source/ahead.h"
#include "source/unpack.h"

/* Private, but for the inline functions below. */
struct bytes {
	uint8_t *buffer;     /* own, or in a block of ahead's */
	size_t at, end;      /* buffer[at..end) is read and not taken yet */
	uint64_t offset;     /* of buffer[0] in the unpacked stream */
	uint8_t *own;        /* malloc'd */
	size_t capacity;     /* of own */
	size_t block;        /* bytes read at a time */
	bool wants_ahead;    /* see bytes_read_ahead() */
	struct ahead *ahead; /* NULL: whoever wants bytes reads them */
	int fd;
	struct unpacker *unpacker; /* NULL where plain */
	enum bytes_packing packing;
	bool over; /* nothing more will come: see how_ended */
	enum bytes_end how_ended;
	struct error problem; /* the reason where BYTES_DAMAGED */
	const uint8_t **held; /* see bytes_hold(); NULL: nothing held */
	size_t held_at, held_count;
	uint8_t *keep; /* where held bytes go when the buffer is refilled */
	size_t keep_capacity;
};

/* Takes fd over (also on failure) and recognises the packing. block: bytes read at a time. NULL with
 * err where there is no memory; a stream that cannot be read is an empty one that is BYTES_DAMAGED. */
struct bytes *bytes_open(int fd, size_t block, struct error *err);
/* What is behind the first block is unpacked in a thread of its own, if it is packed and there can be one. For files,
 * where no read waits for long. */
void bytes_read_ahead(struct bytes *bytes);
void bytes_close(struct bytes *bytes); /* NULL is fine */

/* Slow path of bytes_want(). */
bool bytes_fill(struct bytes *bytes, size_t count);

/* True where count bytes are there in one piece. On false fewer are (bytes_left() of them), and there
 * will never be more: bytes_end() says why. */
static inline bool bytes_want(struct bytes *bytes, size_t count)
{
	return bytes->end - bytes->at >= count || bytes_fill(bytes, count);
}

static inline size_t bytes_left(const struct bytes *bytes)
{
	return bytes->end - bytes->at;
}

/* The next count bytes, as made sure of by bytes_want(); valid until the next bytes_want(). */
static inline struct cursor bytes_at(const struct bytes *bytes, size_t count)
{
	return cursor_of(bytes->buffer + bytes->at, count);
}

/* Moves on over bytes made sure of. */
static inline void bytes_take(struct bytes *bytes, size_t count)
{
	bytes->at += count;
}

/* Moves on over any number of bytes, in bounded memory. On false the stream ended before. */
bool bytes_skip(struct bytes *bytes, uint64_t count);

/* Of the next byte in the unpacked stream. */
static inline uint64_t bytes_offset(const struct bytes *bytes)
{
	return bytes->offset + bytes->at;
}

/* Keeps count bytes at *data, which lie in the window, valid: when the buffer is refilled they are
 * copied aside and *data is changed. One range at a time: the one held before is given up, but its
 * copy, if any, stays until another is made. count 0 ends the holding. */
void bytes_hold(struct bytes *bytes, const uint8_t **data, size_t count);

static inline enum bytes_end bytes_end(const struct bytes *bytes)
{
	return bytes->how_ended;
}

/* The reason where BYTES_DAMAGED. */
static inline const char *bytes_problem(const struct bytes *bytes)
{
	return bytes->problem.text;
}

#endif
