#include "analyzer/packed.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/expected.h"

/* The image is cut into numbers of 32 bits, pairs and groups of eight pairs. Stored are: of each group
 * a mask of its pairs that are not zero; of each of these the lengths of its two numbers without their
 * leading zero bytes, then those bytes, lowest first. Groups of zeros are told by a mask for the whole
 * image. */
enum { PAIR = 8, GROUP = 8 * PAIR, GROUPS_MAX = 64 };

#define GROUPS(size)     (((size) + GROUP - 1) / GROUP)
#define WORST_CASE(size) (8 + GROUPS(size) * (1 + 8 * (1 + PAIR)) + SLACK)

/* Numbers are stored and loaded as words: up to this many bytes behind the last one are touched. */
enum { SLACK = 4 };

struct packed {
	uint16_t size;   /* bytes, with this header */
	uint16_t ladder; /* segments */
	bool teardown;
	uint8_t bytes[];
};

/* Room for the largest connection. */
enum {
	LADDER_ROOM = LADDER_HEAD + LADDER_MAX,
	ROOM = WORST_CASE(sizeof(struct image)) +
	       LADDER_ROOM * WORST_CASE(sizeof(struct ladder_segment)),
};

_Static_assert(ROOM + sizeof(struct packed) <= UINT16_MAX, "packed.size counts it");
_Static_assert(GROUPS(sizeof(struct image)) <= GROUPS_MAX, "one mask tells all groups");
_Static_assert(sizeof(struct image) % PAIR == 0 && sizeof(struct ladder_segment) % PAIR == 0,
	       "cut into whole pairs");

static unsigned significant_bytes(uint32_t number)
{
	return number ? 4 - (unsigned)__builtin_clz(number) / 8 : 0;
}

static uint8_t *pack_pair(const uint32_t pair[2], uint8_t *out)
{
	unsigned low = significant_bytes(pair[0]), high = significant_bytes(pair[1]);
	uint32_t number = htole32(pair[0]);

	*out++ = (uint8_t)(low | high << 4);
	memcpy(out, &number, sizeof(number));
	out += low;
	number = htole32(pair[1]);
	memcpy(out, &number, sizeof(number));
	return out + high;
}

static uint32_t unpack_number(const uint8_t *in, unsigned bytes)
{
	uint32_t number;

	memcpy(&number, in, sizeof(number));
	number = le32toh(number);
	return bytes == 4 ? number : number & ((UINT32_C(1) << 8 * bytes) - 1);
}

static const uint8_t *unpack_pair(const uint8_t *in, uint32_t pair[2])
{
	unsigned low = *in & 0x0f, high = *in >> 4;

	pair[0] = unpack_number(++in, low);
	pair[1] = unpack_number(in += low, high);
	return in + high;
}

/* At least a mask of GROUPS(size) bits, in whole bytes. */
static size_t mask_bytes(size_t size)
{
	return (GROUPS(size) + 7) / 8;
}

static uint8_t *pack_image(const void *image, size_t size, uint8_t *out)
{
	uint64_t groups = 0, word;
	uint8_t *groups_at = out;
	const uint8_t *in = image;

	out += mask_bytes(size);
	for (size_t group = 0; group < size; group += GROUP) {
		uint8_t *mask = out++;

		*mask = 0;
		for (size_t pair = 0; pair < 8 && group + pair * PAIR < size; pair++) {
			uint32_t numbers[2];

			memcpy(&word, in + group + pair * PAIR, PAIR);
			if (word == 0)
				continue;
			*mask |= (uint8_t)(1u << pair);
			memcpy(numbers, &word, PAIR);
			out = pack_pair(numbers, out);
		}
		if (*mask)
			groups |= UINT64_C(1) << group / GROUP;
		else
			out = mask;
	}
	groups = htole64(groups);
	memcpy(groups_at, &groups, mask_bytes(size));
	return out;
}

/* The image is zeroed before. */
static const uint8_t *unpack_image(const uint8_t *in, void *image, size_t size)
{
	uint64_t groups = 0;
	uint8_t *out = image;

	memcpy(&groups, in, mask_bytes(size));
	in += mask_bytes(size);
	for (groups = le64toh(groups); groups != 0; groups &= groups - 1) {
		uint8_t *group = out + (size_t)__builtin_ctzll(groups) * GROUP;

		for (unsigned pairs = *in++; pairs != 0; pairs &= pairs - 1) {
			uint32_t numbers[2];

			in = unpack_pair(in, numbers);
			memcpy(group + (size_t)__builtin_ctz(pairs) * PAIR, numbers, PAIR);
		}
	}
	return in;
}

/* A segment is much like the one before it. */
static void ladder_swap(uint64_t *segment, const uint64_t *before)
{
	for (size_t i = 0; i < sizeof(struct ladder_segment) / sizeof(*segment); i++)
		segment[i] ^= before[i];
}

static uint8_t *pack_ladder(const struct ladder *l, uint8_t *out)
{
	uint64_t before[sizeof(struct ladder_segment) / sizeof(uint64_t)] = {0};
	uint64_t differs[sizeof(struct ladder_segment) / sizeof(uint64_t)];

	for (uint16_t i = 0; i < l->kept; i++) {
		memcpy(differs, &l->segment[i], sizeof(differs));
		ladder_swap(differs, before);
		memcpy(before, &l->segment[i], sizeof(before));
		out = pack_image(differs, sizeof(differs), out);
	}
	return out;
}

static void unpack_ladder(const uint8_t *in, struct ladder_segment *segment, uint16_t count)
{
	uint64_t before[sizeof(*segment) / sizeof(uint64_t)] = {0};

	for (uint16_t i = 0; i < count; i++) {
		uint64_t now[sizeof(*segment) / sizeof(uint64_t)] = {0};

		in = unpack_image(in, now, sizeof(now));
		ladder_swap(now, before);
		memcpy(&segment[i], now, sizeof(now));
		memcpy(before, now, sizeof(before));
	}
}

static void image_of(const struct connection *c, struct image *image)
{
	image->c = *c;
	image->c.teardown = NULL;
	image->c.ladder.segment = NULL;
	image->c.ladder.capacity = c->ladder.kept;
	if (!c->teardown)
		return;
	image->t = *c->teardown;
	expected_out(image);
}

struct packed *packed_of(const struct connection *c)
{
	uint8_t room[ROOM], *end;
	struct image image;
	struct packed *p;

	if (c->notes || c->dir[0].captured.holes || c->dir[1].captured.holes)
		return NULL;
	image_of(c, &image);
	end = pack_image(&image, c->teardown ? sizeof(image) : sizeof(image.c), room);
	end = pack_ladder(&c->ladder, end);
	p = malloc(sizeof(*p) + (size_t)(end - room) + SLACK);
	if (!p)
		return NULL;
	p->size = (uint16_t)(sizeof(*p) + (size_t)(end - room) + SLACK);
	p->ladder = c->ladder.kept;
	p->teardown = c->teardown != NULL;
	memcpy(p->bytes, room, (size_t)(end - room));
	return p;
}

/* Gives a connection what the image has. False without memory. */
static bool connection_fill(struct connection *c, const struct image *image, const struct packed *p,
			    const uint8_t *ladder)
{
	*c = image->c;
	if (p->teardown) {
		c->teardown = malloc(sizeof(*c->teardown));
		if (!c->teardown)
			return false;
		*c->teardown = image->t;
	}
	if (p->ladder > 0) {
		c->ladder.segment = malloc(p->ladder * sizeof(*c->ladder.segment));
		if (!c->ladder.segment)
			return false;
		unpack_ladder(ladder, c->ladder.segment, p->ladder);
	}
	return true;
}

struct connection *packed_open(const struct packed *p)
{
	struct connection *c = malloc(sizeof(*c));
	struct image image;
	const uint8_t *in;

	if (!c)
		return NULL;
	memset(&image, 0, sizeof(image));
	in = unpack_image(p->bytes, &image, p->teardown ? sizeof(image) : sizeof(image.c));
	if (p->teardown)
		expected_in(&image);
	if (connection_fill(c, &image, p, in))
		return c;
	connection_free(c);
	return NULL;
}

size_t packed_memory(const struct packed *p)
{
	return p->size;
}
