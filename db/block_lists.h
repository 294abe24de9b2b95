/* The lists of a block as the blobs of block_values: docs/database.md, "blocks". */
#ifndef LASTACK_DB_BLOCK_LISTS_H
#define LASTACK_DB_BLOCK_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/varint.h"

/* A list that has grown beyond this many values, or bytes of starts, is kept as an empty blob: it says
 * nothing, and everything may be there. Only a block whose rows are replaced again and again gets there. */
enum { LIST_VALUES = 512, LIST_SLOTS = 2 * LIST_VALUES, STARTS_BYTES = 8192 };

/* Different values in the order they came. All zero: none. */
struct value_list {
	int64_t value[LIST_VALUES];
	uint16_t slot[LIST_SLOTS]; /* index + 1; 0: free */
	uint16_t count;
	bool any; /* more than it can name */
};

/* True where the list changed. */
bool value_list_add(struct value_list *list, int64_t value);
/* Packs it into VARINT_MAX * LIST_VALUES bytes at most; gives the size. */
size_t value_list_pack(const struct value_list *list, uint8_t *out);

/* Steps through a packed list. */
struct value_reader {
	struct cursor bytes;
	int64_t value; /* the latest */
};

static inline struct value_reader value_reader_of(const void *bytes, size_t size)
{
	return (struct value_reader){cursor_of(bytes, size), 0};
}

static inline bool value_reader_next(struct value_reader *reader)
{
	uint64_t folded;

	if (!get_varint(&reader->bytes, &folded))
		return false;
	reader->value = wrapped_sum(reader->value, unzigzag(folded));
	return true;
}

/* Beginnings of connections: place in the block and millisecond. All zero: none. */
struct start_list {
	uint8_t bytes[STARTS_BYTES];
	size_t used;
	int64_t place, ms; /* the latest one's */
	bool any;
};

void start_list_add(struct start_list *list, int64_t place, int64_t ms);

struct start_reader {
	struct cursor bytes;
	int64_t place, ms;
};

static inline struct start_reader start_reader_of(const void *bytes, size_t size)
{
	return (struct start_reader){cursor_of(bytes, size), 0, 0};
}

static inline bool start_reader_next(struct start_reader *reader)
{
	uint64_t place, ms;

	if (!get_varint(&reader->bytes, &place) || !get_varint(&reader->bytes, &ms))
		return false;
	reader->place = wrapped_sum(reader->place, unzigzag(place));
	reader->ms = wrapped_sum(reader->ms, unzigzag(ms));
	return true;
}

#endif
