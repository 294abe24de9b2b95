/* What has come of a stream and cannot go out yet: pieces of bytes, ascending and apart from each other. */
#ifndef LASTACK_ANALYZER_STREAM_PIECES_H
#define LASTACK_ANALYZER_STREAM_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"

enum { STREAM_PIECES_MAX = 8192 };

/* Who brought the bytes of a piece, and why they wait. */
struct piece_origin {
	struct moment at;
	uint32_t ack; /* of the segment, as on the wire */
	uint8_t flags;
	bool beyond;      /* outside the peer's window when it came */
	bool after_reset; /* came while a reset stood */
};

struct piece_block; /* the bytes; one malloc block */

struct stream_piece {
	uint64_t offset;           /* in the stream */
	struct piece_block *block; /* owned */
	uint32_t length;
};

struct stream_pieces {
	struct stream_piece *piece; /* owned; in use are piece[first] to piece[first + count - 1] */
	uint32_t first, count, capacity;
	size_t bytes; /* malloc'ed, its overhead included */
};

static inline struct stream_piece *pieces_at(const struct stream_pieces *p, uint32_t index)
{
	return &p->piece[p->first + index];
}

static inline uint64_t piece_end(const struct stream_piece *piece)
{
	return piece->offset + piece->length;
}

uint8_t *piece_bytes(const struct stream_piece *piece);
struct piece_origin *piece_origin(const struct stream_piece *piece);

/* Index of the first piece that ends behind offset; count where there is none. */
uint32_t pieces_find(const struct stream_pieces *p, uint64_t offset);
/* Bytes that adding a piece of this length would take, at most. */
size_t pieces_costs(const struct stream_pieces *p, uint32_t length);
/* Adds a copy; its place must be free. False without memory. */
bool pieces_add(struct stream_pieces *p, uint64_t offset, const uint8_t *bytes, uint32_t length,
		const struct piece_origin *origin);
/* Takes the first bytes off a piece; all of them remove it. */
void pieces_trim(struct stream_pieces *p, uint32_t index, uint32_t length);
/* Takes [left, right) out of a piece that holds it. False without memory: what lay behind is gone. */
bool pieces_carve(struct stream_pieces *p, uint32_t index, uint64_t left, uint64_t right);
/* Drops all from offset on. */
void pieces_cut(struct stream_pieces *p, uint64_t offset);
/* Offsets count from a later byte now; what lies before it goes. */
void pieces_shift_down(struct stream_pieces *p, uint64_t by);
void pieces_shift_up(struct stream_pieces *p, uint64_t by);

#endif
