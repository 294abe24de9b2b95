#include "analyzer/packed.h"

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

static size_t pack_word(const uint8_t *in, size_t left, uint8_t *out)
{
	size_t n = 1, count = left < WORD ? left : WORD;

	out[0] = 0;
	for (size_t i = 0; i < count; i++) {
		if (in[i] == 0)
			continue;
		out[0] |= (uint8_t)(1u << i);
		out[n++] = in[i];
	}
	return out[0] ? n : 0;
}

static size_t pack_image(const void *image, size_t size, uint8_t *out)
{
	const uint8_t *in = image;
	size_t n = 0;

	for (size_t group = 0; group < size; group += GROUP) {
		uint8_t *mask = &out[n++];

		*mask = 0;
		for (size_t w = 0; w < 8 && group + w * WORD < size; w++) {
			size_t at = group + w * WORD,
			       length = pack_word(in + at, size - at, out + n);

			if (length > 0)
				*mask |= (uint8_t)(1u << w);
			n += length;
		}
	}
	return n;
}

/* The image is zeroed before; returns the bytes read. */
static size_t unpack_image(const uint8_t *in, void *image, size_t size)
{
	uint8_t *out = image;
	size_t n = 0;

	for (size_t group = 0; group < size; group += GROUP) {
		uint8_t mask = in[n++];

		for (size_t w = 0; w < 8; w++) {
			uint8_t bytes;

			if (!(mask & (1u << w)))
				continue;
			bytes = in[n++];
			for (size_t i = 0; i < WORD; i++)
				if (bytes & (1u << i))
					out[group + w * WORD + i] = in[n++];
		}
	}
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
