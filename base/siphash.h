/* SipHash-2-4: a keyed hash that nobody without the key can make collide (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", 2012). For tables whose keys come from the wire. */
#ifndef LASTACK_BASE_SIPHASH_H
#define LASTACK_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_BYTES = 16 };

/* The same value on machines of either byte order. bytes may be NULL where count is 0. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count);

#endif
