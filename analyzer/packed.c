#include "analyzer/packed.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* The image is cut into words of eight bytes. A word is stored as a mask of its bytes that are not
 * zero, and these; eight words share a mask of the words that are not zero at all. */
enum { WORD = 8, GROUP = 8 * WORD };

#define GROUPS(size)     (((size) + GROUP - 1) / GROUP)
#define WORST_CASE(size) (GROUPS(size) * (1 + 8 * (1 + WORD)))

struct packed {
	uint32_t size;   /* bytes */
	uint16_t ladder; /* bytes of the ladder's segments */
	bool teardown;
	uint8_t bytes[];
};

/* The bytes of a word that are not zero; nothing for a word of zeros. */
static size_t pack_word(uint64_t word, uint8_t *out)
{
	size_t n = 1;

	out[0] = 0;
	for (unsigned i = 0; word != 0; i++, word >>= 8) {
		if ((word & 0xff) == 0)
			continue;
		out[0] |= (uint8_t)(1u << i);
		out[n++] = (uint8_t)word;
	}
	return n;
}

/* Little-endian whatever the machine: byte i of the word is byte i of the image. */
static uint64_t load_word(const uint8_t *in, size_t left)
{
	uint64_t word = 0;

	memcpy(&word, in, left < WORD ? left : WORD);
	return le64toh(word);
}

static size_t pack_image(const void *image, size_t size, uint8_t *out)
{
	const uint8_t *in = image;
	size_t n = 0;

	for (size_t group = 0; group < size; group += GROUP) {
		uint8_t *mask = &out[n++];

		*mask = 0;
		for (size_t w = 0; w < 8 && group + w * WORD < size; w++) {
			uint64_t word = load_word(in + group + w * WORD, size - group - w * WORD);

			if (word == 0)
				continue;
			*mask |= (uint8_t)(1u << w);
			n += pack_word(word, out + n);
		}
	}
	return n;
}

/* The image is zeroed before; returns the bytes read. */
static size_t unpack_word(const uint8_t *in, uint8_t *out)
{
	size_t n = 1;

	for (unsigned bytes = in[0]; bytes != 0; bytes &= bytes - 1)
		out[__builtin_ctz(bytes)] = in[n++];
	return n;
}

static size_t unpack_image(const uint8_t *in, void *image, size_t size)
{
	uint8_t *out = image;
	size_t n = 0;

	for (size_t group = 0; group < size; group += GROUP)
		for (unsigned words = in [n++]; words != 0; words &= words - 1)
			n += unpack_word(in + n, out + group + (size_t)__builtin_ctz(words) * WORD);
	return n;
}

struct packed *packed_of(const struct connection *c)
{
	uint8_t room[WORST_CASE(sizeof(struct connection)) +
		     WORST_CASE(sizeof(struct teardown_part)) +
		     WORST_CASE((LADDER_HEAD + LADDER_MAX) * sizeof(struct ladder_segment))];
	struct connection image = *c;
	size_t n, ladder = c->ladder.kept * sizeof(struct ladder_segment);
	struct packed *p;

	if (c->notes || c->dir[0].captured.holes || c->dir[1].captured.holes)
		return NULL;
	image.teardown = NULL;
	image.ladder.segment = NULL;
	image.ladder.capacity = c->ladder.kept;
	n = pack_image(&image, sizeof(image), room);
	if (c->teardown)
		n += pack_image(c->teardown, sizeof(*c->teardown), room + n);
	if (ladder > 0)
		n += pack_image(c->ladder.segment, ladder, room + n);
	p = malloc(sizeof(*p) + n);
	if (!p)
		return NULL;
	p->size = (uint32_t)(sizeof(*p) + n);
	p->ladder = (uint16_t)ladder;
	p->teardown = c->teardown != NULL;
	memcpy(p->bytes, room, n);
	return p;
}

struct connection *packed_open(const struct packed *p)
{
	struct connection *c = calloc(1, sizeof(*c));
	size_t n;

	if (!c)
		return NULL;
	n = unpack_image(p->bytes, c, sizeof(*c));
	if (p->teardown) {
		if (!connection_teardown(c))
			goto out;
		n += unpack_image(p->bytes + n, c->teardown, sizeof(*c->teardown));
	}
	if (p->ladder > 0) {
		c->ladder.segment = calloc(1, p->ladder);
		if (!c->ladder.segment)
			goto out;
		unpack_image(p->bytes + n, c->ladder.segment, p->ladder);
	}
	return c;
out:
	connection_free(c);
	return NULL;
}

size_t packed_memory(const struct packed *p)
{
	return p->size;
}
