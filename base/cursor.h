/* Bounds-checked reading of bytes from the wire: the only way packet and file bytes are touched.
 *
 * A cursor is a place and how many bytes are left there. Lengths are compared, never pointers.
 * Each reader returns false and leaves the cursor unchanged where the bytes are not there. */
#ifndef LASTACK_BASE_CURSOR_H
#define LASTACK_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at; /* borrowed; never NULL where left > 0 */
	size_t left;       /* bytes */
};

static inline struct cursor cursor_of(const uint8_t *bytes, size_t count)
{
	return (struct cursor){bytes, count};
}

static inline bool cursor_skip(struct cursor *c, size_t count)
{
	if (count > c->left)
		return false;
	if (count > 0)
		c->at += count;
	c->left -= count;
	return true;
}

/* Splits count bytes off c into head. On false c is unchanged. */
static inline bool cursor_split(struct cursor *c, size_t count, struct cursor *head)
{
	if (count > c->left)
		return false;
	*head = cursor_of(c->at, count);
	return cursor_skip(c, count);
}

/* Drops what lies behind the first count bytes; keeps all where there are fewer. */
static inline void cursor_limit(struct cursor *c, size_t count)
{
	if (c->left > count)
		c->left = count;
}

static inline bool cursor_bytes(struct cursor *c, void *out, size_t count)
{
	if (count > c->left)
		return false;
	if (count > 0)
		memcpy(out, c->at, count);
	return cursor_skip(c, count);
}

static inline bool cursor_u8(struct cursor *c, uint8_t *out)
{
	return cursor_bytes(c, out, 1);
}

static inline bool cursor_be16(struct cursor *c, uint16_t *out)
{
	uint8_t b[2];

	if (!cursor_bytes(c, b, sizeof(b)))
		return false;
	*out = (uint16_t)((b[0] << 8) | b[1]);
	return true;
}

static inline bool cursor_be32(struct cursor *c, uint32_t *out)
{
	uint8_t b[4];

	if (!cursor_bytes(c, b, sizeof(b)))
		return false;
	*out = ((uint32_t)b[0] << 24) | ((uint32_t)b[1] << 16) | ((uint32_t)b[2] << 8) | b[3];
	return true;
}

static inline bool cursor_le16(struct cursor *c, uint16_t *out)
{
	uint8_t b[2];

	if (!cursor_bytes(c, b, sizeof(b)))
		return false;
	*out = (uint16_t)((b[1] << 8) | b[0]);
	return true;
}

static inline bool cursor_le32(struct cursor *c, uint32_t *out)
{
	uint8_t b[4];

	if (!cursor_bytes(c, b, sizeof(b)))
		return false;
	*out = ((uint32_t)b[3] << 24) | ((uint32_t)b[2] << 16) | ((uint32_t)b[1] << 8) | b[0];
	return true;
}

/* One byte ahead without moving. */
static inline bool cursor_peek_u8(const struct cursor *c, size_t offset, uint8_t *out)
{
	if (offset >= c->left)
		return false;
	*out = c->at[offset];
	return true;
}

#endif
