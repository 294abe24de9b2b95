/* SipHash: a keyed hash that nobody without the key can make collide (Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF", 2012). For tables whose keys come from the wire.
 *
 * SipHash-2-4 is the authors' usual choice. SipHash-1-3 makes half the rounds; it is what the hash tables
 * of Rust, Python and Ruby use against the same attack, and is for what is hashed for each packet. */
#ifndef LASTACK_BASE_SIPHASH_H
#define LASTACK_BASE_SIPHASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SIPHASH_KEY_BYTES = 16 };

/* SipHash-2-4; the same value on machines of either byte order. bytes may be NULL where count is 0. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count);
/* SipHash-1-3 in the same way. */
uint64_t siphash_1_3(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count);

/* ---- private to what is below and siphash.c ---- */

struct sip_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t sip_rotate(uint64_t value, unsigned bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static inline void sip_rounds(struct sip_state *s, int count)
{
	for (int i = 0; i < count; i++) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
		s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
		s->v0 = sip_rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
		s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
		s->v2 = sip_rotate(s->v2, 32);
	}
}

static inline struct sip_state sip_start(const uint8_t key[SIPHASH_KEY_BYTES])
{
	uint64_t k[2];

	memcpy(k, key, sizeof(k));
	k[0] = le64toh(k[0]);
	k[1] = le64toh(k[1]);
	return (struct sip_state){
		k[0] ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
		k[1] ^ UINT64_C(0x646f72616e646f6d),
		k[0] ^ UINT64_C(0x6c7967656e657261),
		k[1] ^ UINT64_C(0x7465646279746573),
	};
}

static inline void sip_absorb(struct sip_state *s, uint64_t word, int rounds)
{
	s->v3 ^= word;
	sip_rounds(s, rounds);
	s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip_state *s, int rounds)
{
	s->v2 ^= 0xff;
	sip_rounds(s, rounds);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* ---- */

/* siphash_1_3() of twelve bytes: the first eight and the last four of them as little-endian numbers. */
static inline uint64_t siphash_1_3_of_12(const uint8_t key[SIPHASH_KEY_BYTES], uint64_t first,
					 uint32_t last)
{
	struct sip_state s = sip_start(key);

	sip_absorb(&s, first, 1);
	sip_absorb(&s, UINT64_C(12) << 56 | last, 1);
	return sip_finish(&s, 3);
}

#endif
