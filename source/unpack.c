#include "source/unpack.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/cursor.h"

/* The largest window a zstd frame may ask for, as zstd -d has it: 128 MiB. A frame of a few kB can have one of
 * 2 GiB filled. */
enum { ZSTD_WINDOW_LOG = 27 };

/* Bytes of a zstd frame's magic and descriptor and of a block's header, RFC 8878, 3.1.1. */
enum { ZSTD_FRAME_START = 5, ZSTD_BLOCK_HEADER = 3 };

struct unpacker {
	enum bytes_packing packing;
	int fd;
	uint8_t *input; /* packed bytes [at, end) are to be unpacked */
	size_t at, end, size;
	uint64_t offset; /* of input[0] in the file */
	bool input_over;
	enum bytes_end input_end; /* valid where input_over */
	bool inside;              /* a gzip member or zstd frame has begun and is not complete */
	bool over;                /* what comes next is how_ended */
	enum bytes_end how_ended;
	struct error problem;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	size_t zstd_wants; /* packed bytes zstd asks for next */
};

enum bytes_packing unpack_recognise(const uint8_t *first, size_t count)
{
	struct cursor c = cursor_of(first, count);
	uint32_t magic;

	if (!cursor_le32(&c, &magic))
		return BYTES_PLAIN;
	if ((magic & 0xffffff) == 0x088b1f) /* RFC 1952, 2.3.1, and the only method there is */
		return BYTES_GZIP;
	/* a frame, or a skippable frame before it: RFC 8878, 3.1 */
	if (magic == 0xfd2fb528 || (magic & 0xfffffff0) == 0x184d2a50)
		return BYTES_ZSTD;
	return BYTES_PLAIN;
}

size_t unpack_read_fd(int fd, uint8_t *out, size_t room, enum bytes_end *end, struct error *err)
{
	ssize_t got;

	/* a signal ends the read: whoever caught it wants to end the run, also on a silent pipe */
	got = read(fd, out, room);
	if (got > 0)
		return (size_t)got;
	*end = BYTES_ENDED;
	if (got < 0) {
		*end = BYTES_DAMAGED;
		error_set(err, "cannot read on: %s", strerror(errno));
	}
	return 0;
}

struct unpacker *unpacker_new(enum bytes_packing packing, int fd, uint8_t *first, size_t count,
			      size_t size)
{
	struct unpacker *u = calloc(1, sizeof(*u));
	bool ready = false;

	if (u == NULL) {
		free(first);
		return NULL;
	}
	u->packing = packing;
	u->fd = fd;
	u->input = first;
	u->end = count;
	u->size = size;
	if (packing == BYTES_GZIP) {
		ready = inflateInit2(&u->gzip, 16 + MAX_WBITS) == Z_OK; /* 16: gzip, not zlib */
	} else {
		assert(packing == BYTES_ZSTD);
		u->zstd = ZSTD_createDCtx();
		ready = u->zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(
						   u->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
		u->zstd_wants = ZSTD_FRAME_START;
	}
	if (!ready) {
		unpacker_free(u);
		return NULL;
	}
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (u == NULL)
		return;
	if (u->packing == BYTES_GZIP)
		inflateEnd(&u->gzip);
	ZSTD_freeDCtx(u->zstd);
	free(u->input);
	free(u);
}

static uint64_t packed_offset(const struct unpacker *u)
{
	return u->offset + u->at;
}

static void unpack_stop(struct unpacker *u, enum bytes_end how)
{
	u->over = true;
	u->how_ended = how;
}

static void unpack_damaged(struct unpacker *u, const char *name, const char *reason)
{
	error_set(&u->problem, "the %s data is damaged near byte %" PRIu64 " of the file (%s)",
		  name, packed_offset(u), reason);
	unpack_stop(u, BYTES_DAMAGED);
}

/* The packed bytes are used up where more of them must follow. */
static void unpack_cut(struct unpacker *u, const char *name)
{
	if (u->input_end == BYTES_ENDED)
		error_set(&u->problem, "the %s data is cut off at byte %" PRIu64 " of the file",
			  name, packed_offset(u));
	unpack_stop(u, BYTES_DAMAGED);
}

static void input_refill(struct unpacker *u)
{
	if (u->at < u->end || u->input_over)
		return;
	u->offset += u->end;
	u->at = 0;
	u->end = unpack_read_fd(u->fd, u->input, u->size, &u->input_end, &u->problem);
	u->input_over = u->end == 0;
}

/* Zero bytes after a member are padding to the block size of some medium, as gzip(1) has it. */
static void skip_padding(struct unpacker *u)
{
	while (u->at < u->end && u->input[u->at] == 0)
		u->at++;
}

/* One step; returns the unpacked bytes it gave. */
static size_t gzip_step(struct unpacker *u, uint8_t *out, size_t room)
{
	z_stream *z = &u->gzip;
	int result;

	if (!u->inside) {
		skip_padding(u);
		if (u->at == u->end) {
			if (u->input_over)
				unpack_stop(u, u->input_end);
			return 0;
		}
		inflateReset(z);
		u->inside = true;
	}
	z->next_in = u->input + u->at;
	z->avail_in = (uInt)(u->end - u->at);
	z->next_out = out;
	z->avail_out = room > INT_MAX ? INT_MAX : (uInt)room;
	room = z->avail_out;
	result = inflate(z, Z_NO_FLUSH);
	u->at = u->end - z->avail_in;
	if (result == Z_STREAM_END)
		u->inside = false;
	else if (result == Z_MEM_ERROR)
		unpack_stop(u, BYTES_NO_MEMORY);
	else if (result == Z_BUF_ERROR && u->input_over)
		unpack_cut(u, "gzip");
	else if (result != Z_OK && result != Z_BUF_ERROR)
		unpack_damaged(u, "gzip", z->msg != NULL ? z->msg : "not understood");
	return room - z->avail_out;
}

static void zstd_failed(struct unpacker *u, size_t result)
{
	if (ZSTD_getErrorCode(result) != ZSTD_error_frameParameter_windowTooLarge) {
		unpack_damaged(u, "zstd", ZSTD_getErrorName(result));
		return;
	}
	error_set(&u->problem,
		  "the zstd data near byte %" PRIu64
		  " of the file needs a window of more than %u MiB:"
		  " unpack it before, with zstd -d --long=31",
		  packed_offset(u), 1u << (ZSTD_WINDOW_LOG - 20));
	unpack_stop(u, BYTES_DAMAGED);
}

static size_t zstd_step(struct unpacker *u, uint8_t *out, size_t room)
{
	ZSTD_inBuffer packed = {u->input + u->at, u->end - u->at, 0};
	ZSTD_outBuffer unpacked = {out, room, 0};
	size_t wants = u->zstd_wants;
	size_t result;

	if (!u->inside && u->at == u->end && u->input_over) {
		unpack_stop(u, u->input_end);
		return 0;
	}
	/* What zstd asks for includes the header of the block after; a call that fails there would
	 * take the good block's bytes along. */
	if (wants > ZSTD_BLOCK_HEADER)
		wants -= ZSTD_BLOCK_HEADER;
	if (packed.size > wants)
		packed.size = wants;
	result = ZSTD_decompressStream(u->zstd, &unpacked, &packed);
	u->at += packed.pos;
	if (ZSTD_isError(result)) {
		/* also without memory for the window: that is the fault of this file alone */
		zstd_failed(u, result);
		return unpacked.pos;
	}
	u->inside = result != 0;
	u->zstd_wants = u->inside ? result : ZSTD_FRAME_START;
	if (u->inside && u->input_over && u->at == u->end && unpacked.pos == 0)
		unpack_cut(u, "zstd");
	return unpacked.pos;
}

size_t unpacker_read(struct unpacker *u, uint8_t *out, size_t room, enum bytes_end *end,
		     struct error *err)
{
	size_t got = 0;

	while (got == 0 && !u->over) {
		input_refill(u);
		got = u->packing == BYTES_GZIP ? gzip_step(u, out, room) : zstd_step(u, out, room);
	}
	if (got == 0) {
		*end = u->how_ended;
		*err = u->problem;
	}
	return got;
}
