/* One column of a block as the blobs of block_values have it: docs/database.md, "blocks". */
#ifndef LASTACK_DB_BLOCK_COLUMN_H
#define LASTACK_DB_BLOCK_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/varint.h"

/* Packs so many values into 2 * VARINT_MAX * count bytes at most; gives the size. */
size_t column_pack(const int64_t *values, size_t count, uint8_t *out);

/* The reverse; false where the bytes are not those of exactly so many values. */
bool column_unpack(const void *bytes, size_t size, int64_t *values, size_t count);

struct column_reader {
	struct cursor bytes;
	int64_t value;    /* the latest */
	uint64_t repeats; /* so often it comes again */
};

static inline struct column_reader column_reader_of(const void *bytes, size_t size)
{
	return (struct column_reader){cursor_of(bytes, size), -1, 0};
}

static inline bool column_reader_next(struct column_reader *r)
{
	uint64_t folded;

	if (r->repeats > 0) {
		r->repeats--;
		return true;
	}
	if (!get_varint(&r->bytes, &folded))
		return false;
	if (folded == 0)
		return get_varint(&r->bytes, &r->repeats);
	r->value = wrapped_sum(r->value, unzigzag(folded));
	return true;
}

#endif
