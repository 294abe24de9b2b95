#include "report/party_counts.h"

#include <stdlib.h>

enum { PLACES_MIN = 1024 };

/* Never 0. */
static uint64_t party_of(int64_t host_id, uint16_t port)
{
	return ((uint64_t)host_id << 17 | (uint64_t)port << 1) | 1;
}

/* Where the party is, or would be. */
static size_t place_of(const struct party_counts *c, uint64_t party)
{
	size_t at = (size_t)siphash_1_3(c->key, &party, sizeof(party)) & (c->places - 1);

	while (c->place[at].party != 0 && c->place[at].party != party)
		at = (at + 1) & (c->places - 1);
	return at;
}

static bool grow(struct party_counts *c)
{
	struct party_counts larger = *c;

	larger.places = c->places > 0 ? 2 * c->places : PLACES_MIN;
	larger.place = calloc(larger.places, sizeof(*larger.place));
	if (!larger.place)
		return false;
	for (size_t i = 0; i < c->places; i++)
		if (c->place[i].party != 0)
			larger.place[place_of(&larger, c->place[i].party)] = c->place[i];
	free(c->place);
	*c = larger;
	c->latest[0] = c->latest[1] = 0;
	return true;
}

bool party_counts_add(struct party_counts *c, int64_t host_id, uint16_t port)
{
	uint64_t party = party_of(host_id, port);
	size_t *latest = &c->latest[port != 0];

	if (2 * c->used >= c->places && c->used < PARTY_COUNTS_MAX && !grow(c))
		return false;
	if (c->place[*latest].party != party)
		*latest = place_of(c, party);
	if (c->place[*latest].party == 0 && c->used == PARTY_COUNTS_MAX)
		return true;
	c->used += c->place[*latest].party == 0;
	c->place[*latest].party = party;
	c->place[*latest].connections++;
	return true;
}

uint64_t party_counts_of(const struct party_counts *c, int64_t host_id, uint16_t port)
{
	if (c->places == 0)
		return 0;
	return c->place[place_of(c, party_of(host_id, port))].connections;
}

void party_counts_free(struct party_counts *c)
{
	free(c->place);
	c->place = NULL;
	c->places = c->used = 0;
}
