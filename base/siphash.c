#include "base/siphash.h"

#include <endian.h>
#include <stdbool.h>

#include "base/cursor.h"

struct sip_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t value, unsigned bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static inline void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_absorb(struct sip_state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static inline bool cursor_le64(struct cursor *c, uint64_t *out)
{
	uint64_t word;

	if (!cursor_bytes(c, &word, sizeof(word)))
		return false;
	*out = le64toh(word);
	return true;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count)
{
	struct cursor k = cursor_of(key, SIPHASH_KEY_BYTES);
	struct cursor c = cursor_of(bytes, count);
	struct sip_state s;
	uint64_t k0 = 0, k1 = 0, word;
	uint64_t last = (uint64_t)(count & 0xff) << 56;
	unsigned shift = 0;
	uint32_t low;
	uint8_t byte;

	cursor_le64(&k, &k0);
	cursor_le64(&k, &k1);
	s.v0 = k0 ^ UINT64_C(0x736f6d6570736575); /* "somepseudorandomlygeneratedbytes" */
	s.v1 = k1 ^ UINT64_C(0x646f72616e646f6d);
	s.v2 = k0 ^ UINT64_C(0x6c7967656e657261);
	s.v3 = k1 ^ UINT64_C(0x7465646279746573);

	while (cursor_le64(&c, &word))
		sip_absorb(&s, word);
	if (cursor_le32(&c, &low)) {
		last |= low;
		shift = 32;
	}
	for (; cursor_u8(&c, &byte); shift += 8)
		last |= (uint64_t)byte << shift;
	sip_absorb(&s, last);

	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
