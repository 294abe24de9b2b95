/* gzip and zstd streams read from a file descriptor and unpacked piece by piece: any number of gzip
 * members (RFC 1952, 2.2) or zstd frames (RFC 8878, 3.1) behind each other make one stream. */
#ifndef LASTACK_SOURCE_UNPACK_H
#define LASTACK_SOURCE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum bytes_packing { BYTES_PLAIN, BYTES_GZIP, BYTES_ZSTD };

/* Why there is no more. */
enum bytes_end {
	BYTES_ENDED,   /* the stream is over, in order */
	BYTES_DAMAGED, /* read error, or packed data that is cut or corrupt */
	BYTES_NO_MEMORY,
};

struct unpacker;

/* By the first bytes; four decide. */
enum bytes_packing unpack_recognise(const uint8_t *first, size_t count);

/* fd: borrowed. first: the count bytes already read from it, in a malloc'd buffer of size bytes that
 * the unpacker takes over (also on failure). NULL: no memory. */
struct unpacker *unpacker_new(enum bytes_packing packing, int fd, uint8_t *first, size_t count,
			      size_t size);

/* At least one unpacked byte into out, or 0 with *end, and the reason in err where it is
 * BYTES_DAMAGED. All that can be unpacked comes before the damage. */
size_t unpacker_read(struct unpacker *unpacker, uint8_t *out, size_t room, enum bytes_end *end,
		     struct error *err);
void unpacker_free(struct unpacker *unpacker); /* NULL is fine */

/* read(2), not repeated when a signal interrupts it; on failure 0 with *end and err, at the end 0 with *end. */
size_t unpack_read_fd(int fd, uint8_t *out, size_t room, enum bytes_end *end, struct error *err);

#endif
