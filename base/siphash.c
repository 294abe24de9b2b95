#include "base/siphash.h"

#include <stdbool.h>

#include "base/cursor.h"

static inline bool cursor_le64(struct cursor *c, uint64_t *out)
{
	uint64_t word;

	if (!cursor_bytes(c, &word, sizeof(word)))
		return false;
	*out = le64toh(word);
	return true;
}

static inline uint64_t sip_hash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes,
				size_t count, int rounds, int last_rounds)
{
	struct cursor c = cursor_of(bytes, count);
	struct sip_state s = sip_start(key);
	uint64_t last = (uint64_t)(count & 0xff) << 56, word;
	unsigned shift = 0;
	uint32_t low;
	uint8_t byte;

	while (cursor_le64(&c, &word))
		sip_absorb(&s, word, rounds);
	if (cursor_le32(&c, &low)) {
		last |= low;
		shift = 32;
	}
	for (; cursor_u8(&c, &byte); shift += 8)
		last |= (uint64_t)byte << shift;
	sip_absorb(&s, last, rounds);
	return sip_finish(&s, last_rounds);
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count)
{
	return sip_hash(key, bytes, count, 2, 4);
}

uint64_t siphash_1_3(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count)
{
	return sip_hash(key, bytes, count, 1, 3);
}
