#include "monitor/stuck.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

enum { PLACES_MIN = 64 };

struct entry {
	uint64_t packet; /* the connection's first */
	uint64_t file;
	uint64_t told; /* never 0; 0: the place is free */
};

/* Open addressing, with linear probing; at most half full. */
struct stuck {
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	struct entry *entry;
	size_t places, count; /* places: a power of two, or 0 */
};

struct stuck *stuck_new(const uint8_t hash_key[16], struct error *err)
{
	struct stuck *s = calloc(1, sizeof(*s));

	if (!s) {
		error_set(err, "out of memory");
		return NULL;
	}
	memcpy(s->hash_key, hash_key, sizeof(s->hash_key));
	return s;
}

void stuck_free(struct stuck *s)
{
	if (s)
		free(s->entry);
	free(s);
}

static size_t home(const struct stuck *s, uint64_t file, uint64_t packet)
{
	const uint64_t key[2] = {file, packet};

	return (size_t)siphash(s->hash_key, key, sizeof(key)) & (s->places - 1);
}

/* Its place, or the free one where it would be. */
static struct entry *place_of(const struct stuck *s, uint64_t file, uint64_t packet)
{
	size_t at = home(s, file, packet);

	while (s->entry[at].told != 0 &&
	       (s->entry[at].packet != packet || s->entry[at].file != file))
		at = (at + 1) & (s->places - 1);
	return &s->entry[at];
}

static uint64_t told_of(const struct stuck *s, const struct verdict *v)
{
	return s->count > 0 ? place_of(s, v->file, v->first_packet)->told : 0;
}

static bool is_stuck(const struct finding *f)
{
	return f->code == FINDING_CLOSE_WAIT_STUCK || f->code == FINDING_FIN_WAIT_2_STUCK;
}

bool stuck_look(const struct stuck *s, const struct verdict *now, struct verdict *open,
		struct finding found[STUCK_FINDINGS])
{
	size_t count = 0;
	uint64_t told = 0;

	for (size_t i = 0; i < now->finding_count && count < STUCK_FINDINGS; i++) {
		if (!is_stuck(&now->findings[i]))
			continue;
		if (count == 0)
			told = told_of(s, now);
		if (!(told >> now->findings[i].code & 1))
			found[count++] = now->findings[i];
	}
	if (count == 0)
		return false;
	*open = *now;
	open->open = true;
	open->number = 0;
	open->told = told;
	open->findings = found;
	open->finding_count = count;
	return true;
}

static bool make_room(struct stuck *s)
{
	struct stuck grown = *s;

	if (2 * (s->count + 1) <= s->places)
		return true;
	grown.places = s->places ? 2 * s->places : PLACES_MIN;
	grown.entry = calloc(grown.places, sizeof(*grown.entry));
	if (!grown.entry)
		return false;
	for (size_t i = 0; i < s->places; i++)
		if (s->entry[i].told != 0)
			*place_of(&grown, s->entry[i].file, s->entry[i].packet) = s->entry[i];
	free(s->entry);
	*s = grown;
	return true;
}

void stuck_told(struct stuck *s, const struct verdict *open)
{
	struct entry *e;

	if (!make_room(s))
		return;
	e = place_of(s, open->file, open->first_packet);
	s->count += e->told == 0;
	*e = (struct entry){.packet = open->first_packet, .file = open->file, .told = e->told};
	for (size_t i = 0; i < open->finding_count; i++)
		e->told |= UINT64_C(1) << open->findings[i].code;
}

/* Takes an entry out; those behind it that it kept from their homes move up. */
static void take_out(struct stuck *s, size_t gap)
{
	size_t mask = s->places - 1;

	for (size_t at = (gap + 1) & mask; s->entry[at].told != 0; at = (at + 1) & mask) {
		size_t from_home = (at - home(s, s->entry[at].file, s->entry[at].packet)) & mask;

		if (from_home < ((at - gap) & mask))
			continue;
		s->entry[gap] = s->entry[at];
		gap = at;
	}
	s->entry[gap].told = 0;
	s->count--;
}

uint64_t stuck_over(struct stuck *s, const struct verdict *v)
{
	uint64_t told = v->again ? 0 : told_of(s, v);

	if (told != 0)
		take_out(s, (size_t)(place_of(s, v->file, v->first_packet) - s->entry));
	return told;
}
