/* Numbers in few bytes, as blobs of the database have them: seven bits a byte, lowest first, the top bit
 * says that more follow. Signed ones are folded: 0, -1, 1, -2, ... */
#ifndef LASTACK_DB_VARINT_H
#define LASTACK_DB_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

enum { VARINT_MAX = 10 }; /* bytes */

static inline uint64_t zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t value)
{
	return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

static inline uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

static inline bool get_varint(struct cursor *c, uint64_t *value)
{
	uint64_t read = 0;

	if (c->left > 0 && c->at[0] < 0x80) { /* mostly */
		*value = c->at[0];
		return cursor_skip(c, 1);
	}
	for (unsigned shift = 0, i = 0; i < c->left && shift < 64; shift += 7, i++) {
		read |= (uint64_t)(c->at[i] & 0x7f) << shift;
		if (c->at[i] & 0x80)
			continue;
		*value = read;
		return cursor_skip(c, i + 1);
	}
	return false;
}

/* Differences wrap, so that any two numbers have one. */
static inline int64_t wrapped_difference(int64_t later, int64_t earlier)
{
	return (int64_t)((uint64_t)later - (uint64_t)earlier);
}

static inline int64_t wrapped_sum(int64_t base, int64_t distance)
{
	return (int64_t)((uint64_t)base + (uint64_t)distance);
}

#endif
