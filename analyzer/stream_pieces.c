#include "analyzer/stream_pieces.h"

#include <stdlib.h>
#include <string.h>

struct piece_block {
	struct piece_origin origin;
	uint32_t capacity; /* of bytes */
	uint32_t skip;     /* bytes at its front that are not in use any more */
	uint8_t bytes[];
};

enum { MALLOC_OVERHEAD = 16, PIECES_FIRST = 8 };

uint8_t *piece_bytes(const struct stream_piece *piece)
{
	return piece->block->bytes + piece->block->skip;
}

struct piece_origin *piece_origin(const struct stream_piece *piece)
{
	return &piece->block->origin;
}

static size_t block_size(uint32_t capacity)
{
	return sizeof(struct piece_block) + capacity + MALLOC_OVERHEAD;
}

static size_t array_size(uint32_t capacity)
{
	return capacity * sizeof(struct stream_piece) + MALLOC_OVERHEAD;
}

uint32_t pieces_find(const struct stream_pieces *p, uint64_t offset)
{
	const struct stream_piece *piece;
	uint32_t low = 0, high = p->count;

	if (high == 0)
		return 0; /* and there is no array to point into */
	piece = pieces_at(p, 0);
	if (piece_end(&piece[high - 1]) <= offset)
		return high; /* as a rule what comes is the newest */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (piece_end(&piece[middle]) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t next_capacity(const struct stream_pieces *p)
{
	return p->capacity ? p->capacity * 2 : PIECES_FIRST;
}

size_t pieces_costs(const struct stream_pieces *p, uint32_t length)
{
	bool full = p->first + p->count == p->capacity;

	return block_size(length) + (full ? array_size(next_capacity(p)) : 0);
}

static bool make_room(struct stream_pieces *p)
{
	uint32_t capacity = next_capacity(p);
	struct stream_piece *more;

	if (p->first + p->count < p->capacity)
		return true;
	if (p->first > p->count) { /* else moving would cost more than it gains */
		memmove(p->piece, p->piece + p->first, p->count * sizeof(*p->piece));
		p->first = 0;
		return true;
	}
	more = realloc(p->piece, capacity * sizeof(*more));
	if (!more)
		return false;
	p->bytes += array_size(capacity) - (p->capacity ? array_size(p->capacity) : 0);
	p->piece = more;
	p->capacity = capacity;
	return true;
}

bool pieces_add(struct stream_pieces *p, uint64_t offset, const uint8_t *bytes, uint32_t length,
		const struct piece_origin *origin)
{
	uint32_t index = pieces_find(p, offset);
	struct piece_block *b = malloc(sizeof(*b) + length);
	struct stream_piece *place;

	if (!b || !make_room(p)) {
		free(b);
		return false;
	}
	*b = (struct piece_block){.origin = *origin, .capacity = length};
	memcpy(b->bytes, bytes, length);
	place = pieces_at(p, index);
	memmove(place + 1, place, (p->count - index) * sizeof(*place));
	*place = (struct stream_piece){.offset = offset, .block = b, .length = length};
	p->count++;
	p->bytes += block_size(length);
	return true;
}

static void remove_at(struct stream_pieces *p, uint32_t index)
{
	struct stream_piece *place = pieces_at(p, index);

	p->bytes -= block_size(place->block->capacity);
	free(place->block);
	p->count--;
	if (index == 0)
		p->first++;
	else
		memmove(place, place + 1, (p->count - index) * sizeof(*place));
	if (p->count == 0) {
		free(p->piece);
		*p = (struct stream_pieces){0};
	}
}

void pieces_trim(struct stream_pieces *p, uint32_t index, uint32_t length)
{
	struct stream_piece *piece = pieces_at(p, index);

	if (length == piece->length) {
		remove_at(p, index);
		return;
	}
	piece->offset += length;
	piece->length -= length;
	piece->block->skip += length;
}

bool pieces_carve(struct stream_pieces *p, uint32_t index, uint64_t left, uint64_t right)
{
	struct stream_piece whole = *pieces_at(p, index);
	uint64_t end = piece_end(&whole);
	bool ok = true;

	if (left == whole.offset) {
		pieces_trim(p, index, (uint32_t)(right - left));
		return true;
	}
	pieces_at(p, index)->length = (uint32_t)(left - whole.offset);
	if (right < end)
		ok = pieces_add(p, right, piece_bytes(&whole) + (right - whole.offset),
				(uint32_t)(end - right), piece_origin(&whole));
	return ok;
}

void pieces_cut(struct stream_pieces *p, uint64_t offset)
{
	while (p->count > 0) {
		struct stream_piece *last = pieces_at(p, p->count - 1);

		if (piece_end(last) <= offset)
			return;
		if (last->offset < offset) {
			last->length = (uint32_t)(offset - last->offset);
			return;
		}
		remove_at(p, p->count - 1);
	}
}

void pieces_shift_down(struct stream_pieces *p, uint64_t by)
{
	while (p->count > 0 && pieces_at(p, 0)->offset < by) {
		uint64_t before = by - pieces_at(p, 0)->offset;
		uint32_t length = pieces_at(p, 0)->length;

		pieces_trim(p, 0, before < length ? (uint32_t)before : length);
	}
	for (uint32_t i = 0; i < p->count; i++)
		pieces_at(p, i)->offset -= by;
}

void pieces_shift_up(struct stream_pieces *p, uint64_t by)
{
	for (uint32_t i = 0; i < p->count; i++)
		pieces_at(p, i)->offset += by;
}
