/* The last bytes of a stream that were delivered: what a retransmission is compared with.
 *
 * At most HISTORY_MAX bytes; it grows with the stream. All zero: empty. Offsets are the stream's. */
#ifndef LASTACK_ANALYZER_STREAM_HISTORY_H
#define LASTACK_ANALYZER_STREAM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_MIN = 1 << 10, HISTORY_MAX = 1 << 13 };

struct stream_history {
	uint8_t *bytes;       /* owned; byte at offset n stands at n modulo capacity */
	uint32_t capacity;    /* a power of two, 0: none */
	uint64_t left, right; /* [left, right) is known */
};

/* Bytes that adding count more would allocate at once, at most. */
size_t history_growth(const struct stream_history *h, uint64_t count);
/* Adds bytes that begin at offset; a jump forgets what was before. Without memory it forgets all. */
void history_add(struct stream_history *h, uint64_t offset, const uint8_t *bytes, uint64_t count);
/* How many of the bytes at offset are known to have been others before; *first is the first of them. */
uint64_t history_differences(const struct stream_history *h, uint64_t offset, const uint8_t *bytes,
			     uint64_t count, uint64_t *first);
size_t history_memory(const struct stream_history *h); /* malloc'ed, its overhead included */
void history_free(struct stream_history *h);           /* it is empty then */

#endif
