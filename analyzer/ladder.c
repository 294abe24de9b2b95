#include "analyzer/ladder.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct ladder *l)
{
	uint16_t capacity = l->capacity ? (uint16_t)(l->capacity * 2) : LADDER_HEAD + LADDER_BEFORE;
	struct ladder_segment *more;

	if (capacity > LADDER_HEAD + LADDER_MAX)
		capacity = LADDER_HEAD + LADDER_MAX;
	more = realloc(l->segment, capacity * sizeof(*more));
	if (!more)
		return false;
	l->segment = more;
	l->capacity = capacity;
	return true;
}

/* Turns the ring so that its segments stand in capture order. */
static void straighten(struct ladder *l)
{
	struct ladder_segment ring[LADDER_HEAD + LADDER_MAX];
	uint16_t start = l->ring_start, length = (uint16_t)(l->kept - start);

	if (!l->turned || l->ring_next == start || length == 0)
		return;
	for (uint16_t i = 0; i < length; i++)
		ring[i] = l->segment[start + (l->ring_next - start + i) % length];
	memcpy(&l->segment[start], ring, length * sizeof(ring[0]));
	l->ring_next = start;
}

/* The first segment behind what was left out says so. */
static void mark_gap(struct ladder *l)
{
	if (l->turned && l->kept > l->ring_start)
		l->segment[l->ring_start].after_gap = true;
}

static void begin_teardown(struct ladder *l)
{
	straighten(l);
	mark_gap(l);
	l->teardown = true;
	l->turned = false;
	/* the first half of the room holds how the teardown began, the rest turns over */
	l->ring_start = LADDER_HEAD + LADDER_MAX / 2;
}

struct ladder_segment *ladder_place(struct ladder *l, bool begins)
{
	uint16_t place;

	if (l->given_up)
		return NULL;
	if (l->count++ == 0)
		l->ring_start = LADDER_HEAD;
	if (begins && !l->teardown)
		begin_teardown(l);
	if (l->kept < LADDER_HEAD + LADDER_BEFORE ||
	    (l->teardown && l->kept < LADDER_HEAD + LADDER_MAX)) {
		if (l->kept == l->capacity && !grow(l))
			return NULL;
		return &l->segment[l->kept++];
	}
	if (!l->turned) {
		l->turned = true;
		l->ring_next = l->ring_start;
	}
	place = l->ring_next++;
	if (l->ring_next == l->kept)
		l->ring_next = l->ring_start;
	return &l->segment[place];
}

size_t ladder_copy(const struct ladder *l, struct ladder_segment *out)
{
	uint16_t start = l->ring_start;

	if (l->kept == 0)
		return 0;
	if (!l->turned) {
		memcpy(out, l->segment, l->kept * sizeof(*out));
		return l->kept;
	}
	memcpy(out, l->segment, start * sizeof(*out));
	for (uint16_t i = start, from = l->ring_next; i < l->kept; i++) {
		out[i] = l->segment[from++];
		if (from == l->kept)
			from = start;
	}
	out[start].after_gap = true;
	return l->kept;
}

void ladder_take_back(struct ladder *l, uint32_t file, uint64_t packet)
{
	straighten(l);
	for (uint16_t i = 0; i < l->kept; i++) {
		if (l->segment[i].packet != packet || l->segment[i].file != file)
			continue;
		mark_gap(l);
		l->turned = false;
		l->kept--;
		if (i < l->kept && l->segment[i].after_gap)
			l->segment[i + 1].after_gap = true;
		memmove(&l->segment[i], &l->segment[i + 1],
			(size_t)(l->kept - i) * sizeof(l->segment[0]));
		return;
	}
}

size_t ladder_memory(const struct ladder *l)
{
	return l->capacity * sizeof(*l->segment);
}

void ladder_give_up(struct ladder *l)
{
	ladder_free(l);
	l->given_up = true;
}

void ladder_empty(struct ladder *l)
{
	*l = (struct ladder){.segment = l->segment, .capacity = l->capacity, .given_up = true};
}

void ladder_free(struct ladder *l)
{
	free(l->segment);
	*l = (struct ladder){0};
}
