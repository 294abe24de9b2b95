#include "db/block_column.h"

size_t column_pack(const int64_t *values, size_t count, uint8_t *out)
{
	int64_t before = -1;
	uint8_t *at = out;

	for (size_t i = 0; i < count;) {
		size_t same = 0;

		while (i + same < count && values[i + same] == before)
			same++;
		if (same > 0) {
			*at++ = 0;
			at = put_varint(at, same - 1);
			i += same;
			continue;
		}
		at = put_varint(at, zigzag(wrapped_difference(values[i], before)));
		before = values[i++];
	}
	return (size_t)(at - out);
}

bool column_unpack(const void *bytes, size_t size, int64_t *values, size_t count)
{
	struct cursor left = cursor_of(bytes, size);
	int64_t value = -1;
	uint64_t folded, more = 0;

	for (size_t i = 0; i < count;) {
		if (!get_varint(&left, &folded))
			return false;
		if (folded != 0) {
			value = wrapped_sum(value, unzigzag(folded));
			values[i++] = value;
			continue;
		}
		if (!get_varint(&left, &more) || more >= count - i)
			return false;
		for (uint64_t again = 0; again <= more; again++)
			values[i++] = value;
	}
	return left.left == 0;
}
