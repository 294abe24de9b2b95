/* Ladder segments of one connection, packed into the blob ladders.segments.
 *
 * docs/database.md has the layout. Numbers are relative to the connection's row: about ten bytes a
 * segment. */
#ifndef LASTACK_DB_LADDER_H
#define LASTACK_DB_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "db/store.h"

/* What the packed numbers are relative to. */
struct ladder_base {
	int64_t first_ns;
	uint64_t first_packet;
	uint32_t file; /* of the recording */
	uint32_t isn[SIDES];
};

/* Bytes one segment takes at the most. */
enum { LADDER_SEGMENT_MAX = 3 + 6 * 10 + 5 };

/* Packs into out, which has room for count * LADDER_SEGMENT_MAX bytes; returns the bytes used. */
size_t ladder_pack(const struct ladder_base *base, const struct ladder_segment *segments,
		   size_t count, uint8_t *out);

/* Unpacks at most max segments; false where the bytes are no ladder. */
bool ladder_unpack(const struct ladder_base *base, const uint8_t *bytes, size_t size,
		   struct ladder_segment *segments, size_t max, size_t *count);

/* The stored ladder of a connection. *segments is the caller's to free; NULL with *count 0 where none
 * was stored or there is no such connection. The files are those of its recording. */
bool ladder_read(struct store *store, int64_t connection_id, struct ladder_segment **segments,
		 size_t *count, struct error *err);

#endif
