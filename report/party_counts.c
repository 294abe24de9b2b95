#include "report/party_counts.h"

#include <stdlib.h>
#include <string.h>

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
	memset(c->latest, 0, sizeof(c->latest));
	return true;
}

static bool is_client(int64_t host_id, uint16_t port)
{
	return port == 0 && host_id >= 0 && host_id < PARTY_COUNTS_CLIENTS;
}

static bool count_client(struct party_counts *c, size_t id)
{
	size_t clients = c->clients > 0 ? c->clients : PLACES_MIN;
	uint32_t *grown;

	while (clients <= id)
		clients *= 2;
	if (clients > c->clients) {
		grown = realloc(c->client, clients * sizeof(*grown));
		if (!grown)
			return false;
		memset(grown + c->clients, 0, (clients - c->clients) * sizeof(*grown));
		c->client = grown;
		c->clients = clients;
	}
	c->client[id]++;
	return true;
}

static bool count_party(struct party_counts *c, int64_t host_id, uint16_t port)
{
	uint64_t party = party_of(host_id, port);
	uint32_t *latest =
		&c->latest[((uint64_t)host_id ^ (uint64_t)port << 6) % PARTY_COUNTS_LATEST];

	if (2 * c->used >= c->places && c->used < PARTY_COUNTS_MAX && !grow(c))
		return false;
	if (c->place[*latest].party != party)
		*latest = (uint32_t)place_of(c, party);
	if (c->place[*latest].party == 0 && c->used == PARTY_COUNTS_MAX)
		return true;
	c->used += c->place[*latest].party == 0;
	c->place[*latest].party = party;
	c->place[*latest].connections++;
	return true;
}

bool party_counts_add(struct party_counts *c, int64_t host_id, uint16_t port)
{
	return is_client(host_id, port) ? count_client(c, (size_t)host_id)
					: count_party(c, host_id, port);
}

uint64_t party_counts_of(const struct party_counts *c, int64_t host_id, uint16_t port)
{
	if (is_client(host_id, port))
		return (size_t)host_id < c->clients ? c->client[host_id] : 0;
	if (c->places == 0)
		return 0;
	return c->place[place_of(c, party_of(host_id, port))].connections;
}

void party_counts_free(struct party_counts *c)
{
	free(c->place);
	free(c->client);
	c->place = NULL;
	c->client = NULL;
	c->places = c->used = c->clients = 0;
}
