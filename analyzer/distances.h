/* Numbers as how far they are from what they usually are: small ones of few bytes (kept.h).
 *
 * Some distances are hardly ever 0: common ones, each of which has a length of 4 bits and at least one byte;
 * those that may be negative are folded. The others mostly are 0: rare ones, of which there is nothing but what
 * is not. They are one number or two, differences as they are, and folded only where any is not 0. */
#ifndef LASTACK_ANALYZER_DISTANCES_H
#define LASTACK_ANALYZER_DISTANCES_H

#include <stddef.h>
#include <stdint.h>

enum { DISTANCES_COMMON = 12, DISTANCES_RARE = 20, DISTANCE_BYTES = 8 };

/* In an array on their way out, or in: putting and getting one is short then, and packing all a loop. */
struct distances {
	unsigned commons, rares; /* put, or got */
	uint64_t any_rare;       /* 0: all of them are */
	uint64_t common[DISTANCES_COMMON], rare[DISTANCES_RARE];
};

/* What says where each lies among the bytes. */
struct distances_map {
	uint64_t lengths; /* of the common ones, 4 bits each */
	uint32_t rare;    /* bit n: the n-th rare one is not 0 */
};

enum {
	DISTANCES_BYTES_MAX = (DISTANCES_COMMON + DISTANCES_RARE) * DISTANCE_BYTES +
			      DISTANCES_RARE / 2
};

/* out needs room for a distance behind the last one. Returns the number of bytes. */
size_t distances_pack(const struct distances *d, struct distances_map *map,
		      uint8_t out[DISTANCES_BYTES_MAX + DISTANCE_BYTES]);
/* The same backwards. A distance's length before the first byte is read, too. */
void distances_unpack(const struct distances_map *map, const uint8_t *in, struct distances *d);

/* Each of them is put, and got, in the same order. */
static inline void distances_begin(struct distances *d)
{
	d->commons = d->rares = 0;
	d->any_rare = 0;
}

static inline void put_common(struct distances *d, uint64_t value)
{
	d->common[d->commons++] = value;
}

static inline uint64_t get_common(struct distances *d)
{
	return d->common[d->commons++];
}

static inline void put_rare(struct distances *d, uint64_t value)
{
	d->rare[d->rares++] = value;
	d->any_rare |= value;
}

static inline uint64_t get_rare(struct distances *d)
{
	return d->rare[d->rares++];
}

/* Two of 32 bits that are mostly both 0 count as one. */
static inline void put_two(struct distances *d, uint32_t one, uint32_t other)
{
	put_rare(d, one | (uint64_t)other << 32);
}

static inline void get_two(struct distances *d, uint32_t *one, uint32_t *other)
{
	uint64_t value = get_rare(d);

	*one = (uint32_t)value;
	*other = (uint32_t)(value >> 32);
}

/* Small ones of either sign become small numbers. */
static inline uint64_t fold(int64_t difference)
{
	return (uint64_t)difference << 1 ^ -(uint64_t)(difference < 0);
}

static inline int64_t unfold(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint64_t difference(int64_t value, int64_t usual)
{
	return (uint64_t)value - (uint64_t)usual;
}

static inline int64_t sum(uint64_t difference, int64_t usual)
{
	return (int64_t)((uint64_t)usual + difference);
}

static inline uint64_t fold_from(int64_t value, int64_t usual)
{
	return fold((int64_t)difference(value, usual));
}

static inline int64_t unfold_from(uint64_t folded, int64_t usual)
{
	return sum((uint64_t)unfold(folded), usual);
}

/* Numbers of 32 bits, modulo 2^32. */
static inline uint32_t fold_number(uint32_t number, uint32_t usual)
{
	return (uint32_t)fold((int32_t)(number - usual));
}

static inline uint32_t unfold_number(uint32_t folded, uint32_t usual)
{
	return usual + (uint32_t)unfold(folded);
}

#endif
