#include "analyzer/distances.h"

#include <endian.h>
#include <string.h>

/* Writes a word of which so many bytes count. Fortified, memcpy would be a call. */
static unsigned put_word(uint8_t *out, uint64_t value)
{
	uint64_t bytes = htole64(value);

	__builtin_memcpy(out, &bytes, sizeof(bytes));
	return DISTANCE_BYTES - (unsigned)__builtin_clzll(value | 1) / 8;
}

/* Of the word that ends here so many bytes: it reaches into what lies before, never behind. */
static uint64_t get_word(const uint8_t *end, unsigned length)
{
	uint64_t bytes;

	__builtin_memcpy(&bytes, end - DISTANCE_BYTES, sizeof(bytes));
	return le64toh(bytes) >> (64 - 8 * length);
}

/* Both halves by themselves. */
static uint64_t fold_halves(uint64_t value)
{
	return fold_number((uint32_t)value, 0) | (uint64_t)fold_number((uint32_t)(value >> 32), 0)
							 << 32;
}

static uint64_t unfold_halves(uint64_t value)
{
	return unfold_number((uint32_t)value, 0) |
	       (uint64_t)unfold_number((uint32_t)(value >> 32), 0) << 32;
}

static unsigned length_bytes(uint32_t rare)
{
	return ((unsigned)__builtin_popcount(rare) + 1) / 2;
}

static uint8_t *pack_rare(const struct distances *d, uint32_t *rare, uint8_t *out)
{
	uint8_t *lengths = out;
	unsigned nth = 0;

	for (unsigned i = 0; i < DISTANCES_RARE; i++)
		*rare |= (uint32_t)(d->rare[i] != 0) << i;
	memset(lengths, 0, length_bytes(*rare));
	out += length_bytes(*rare);
	for (uint32_t left = *rare; left != 0; left &= left - 1) {
		unsigned length = put_word(out, fold_halves(d->rare[__builtin_ctz(left)]));

		lengths[nth / 2] |= (uint8_t)(length << nth % 2 * 4);
		out += length;
		nth++;
	}
	return out;
}

size_t distances_pack(const struct distances *d, struct distances_map *map,
		      uint8_t bytes[DISTANCES_BYTES_MAX + DISTANCE_BYTES])
{
	uint8_t *out = bytes;

	map->lengths = 0;
	map->rare = 0;
	for (unsigned i = 0; i < DISTANCES_COMMON; i++) {
		unsigned length = put_word(out, d->common[i]);

		map->lengths |= (uint64_t)length << 4 * i;
		out += length;
	}
	if (d->any_rare != 0)
		out = pack_rare(d, &map->rare, out);
	return (size_t)(out - bytes);
}

static void unpack_rare(uint32_t rare, const uint8_t *in, struct distances *d)
{
	const uint8_t *lengths = in;
	unsigned nth = 0;

	in += length_bytes(rare);
	for (uint32_t left = rare; left != 0; left &= left - 1) {
		unsigned length = lengths[nth / 2] >> nth % 2 * 4 & 0xf;

		in += length;
		d->rare[__builtin_ctz(left)] = unfold_halves(get_word(in, length));
		nth++;
	}
}

void distances_unpack(const struct distances_map *map, const uint8_t *in, struct distances *d)
{
	uint64_t lengths = map->lengths;

	distances_begin(d);
	for (unsigned i = 0; i < DISTANCES_COMMON; i++) {
		in += lengths & 0xf;
		d->common[i] = get_word(in, lengths & 0xf);
		lengths >>= 4;
	}
	memset(d->rare, 0, sizeof(d->rare));
	if (map->rare != 0)
		unpack_rare(map->rare, in, d);
}
