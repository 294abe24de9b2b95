/* Sequence number arithmetic, modulo 2^32 (RFC 9293, 3.4). */
#ifndef LASTACK_ANALYZER_SEQUENCE_H
#define LASTACK_ANALYZER_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool seq_lt(uint32_t x, uint32_t y)
{
	return (int32_t)(x - y) < 0;
}

static inline bool seq_le(uint32_t x, uint32_t y)
{
	return (int32_t)(x - y) <= 0;
}

static inline bool seq_gt(uint32_t x, uint32_t y)
{
	return seq_lt(y, x);
}

static inline bool seq_ge(uint32_t x, uint32_t y)
{
	return seq_le(y, x);
}

static inline uint32_t seq_max(uint32_t x, uint32_t y)
{
	return seq_lt(x, y) ? y : x;
}

static inline uint32_t seq_min(uint32_t x, uint32_t y)
{
	return seq_lt(x, y) ? x : y;
}

/* FIN occupies the number after the last data byte, so only an ACK past it proves consumption. */
static inline bool fin_is_covered(uint32_t fin_seq, uint32_t ack)
{
	return seq_ge(ack, fin_seq + 1);
}

#endif
