/* Counting: how many connections a diagnosis has, of which parties, clients and times. The keys come
 * from captures: the tables are bounded, and their hash is keyed. */
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "report/diagnosis_private.h"

/* What is beyond the bounds counts in the totals and not by party. */
enum {
	PARTIES_MAX = 1 << 16,
	CLIENTS_MAX = 1 << 17,
	TABLE_PARTIES = 1 << 17,
	TABLE_CLIENTS = 1 << 18
};

bool slots_init(struct diagnosis_slots *s, const struct diagnosis_series *frame)
{
	s->frame = *frame;
	memset(s->frame.count, 0, sizeof(s->frame.count));
	arc4random_buf(s->key, sizeof(s->key));
	s->party_of = calloc(TABLE_PARTIES, sizeof(*s->party_of));
	s->client_of = calloc(TABLE_CLIENTS, sizeof(*s->client_of));
	if (!s->party_of || !s->client_of)
		return false;
	for (int code = 0; code < DIAGNOSIS_CODES; code++)
		if (slots_add(s, (enum diagnosis_code)code, NONE_NS) == SIZE_MAX)
			return false;
	return true;
}

void slots_free(struct diagnosis_slots *s)
{
	free(s->slot);
	free(s->party);
	free(s->party_of);
	free(s->client);
	free(s->client_of);
}

size_t slots_add(struct diagnosis_slots *s, enum diagnosis_code code, int64_t silence_ns)
{
	struct slot *grown = realloc(s->slot, (s->count + 1) * sizeof(*grown));

	if (!grown)
		return SIZE_MAX;
	s->slot = grown;
	grown[s->count] = (struct slot){.code = code,
					.silence_ns = silence_ns,
					.shortest_ns = NONE_NS,
					.longest_ns = NONE_NS,
					.since_ns = INT64_MAX,
					.until_ns = INT64_MIN,
					.series = s->frame};
	return s->count++;
}

void series_count(struct diagnosis_series *series, int64_t ts_ns)
{
	int64_t at;

	if (series->buckets == 0)
		return;
	at = ts_ns < series->from_ns ? 0
				     : (int64_t)(((uint64_t)ts_ns - (uint64_t)series->from_ns) /
						 (uint64_t)series->step_ns);
	if (at >= (int64_t)series->buckets)
		at = (int64_t)series->buckets - 1;
	series->count[at]++;
}

/* The place of key in a table of entries, which are found by their index + 1; 0 there: free. */
static uint32_t *
place(const struct diagnosis_slots *s, uint32_t *table, size_t size, const uint64_t key[2],
      bool (*same)(const struct diagnosis_slots *s, size_t index, const uint64_t key[2]))
{
	size_t at = (size_t)siphash_1_3(s->key, key, 2 * sizeof(key[0])) & (size - 1);

	while (table[at] != 0 && !same(s, table[at] - 1, key))
		at = (at + 1) & (size - 1);
	return &table[at];
}

static bool same_party(const struct diagnosis_slots *s, size_t index, const uint64_t key[2])
{
	const struct party_tally *p = &s->party[index];

	return ((uint64_t)p->slot << 16 | p->port) == key[0] && (uint64_t)p->host_id == key[1];
}

static bool same_client(const struct diagnosis_slots *s, size_t index, const uint64_t key[2])
{
	return s->client[index].party == key[0] && (uint64_t)s->client[index].host_id == key[1];
}

/* Room for one more at the end of items; false at the bound or without memory: not counted by party. */
static bool extend(void **items, size_t count, size_t *room, size_t size, size_t most)
{
	size_t wanted = *room == 0 ? 64 : 2 * *room;
	void *grown;

	if (count < *room)
		return true;
	if (count >= most)
		return false;
	grown = realloc(*items, wanted * size);
	if (!grown)
		return false;
	*items = grown;
	*room = wanted;
	return true;
}

/* Index of the party, made where there is none yet; SIZE_MAX: not counted. */
static size_t party_index(struct diagnosis_slots *s, size_t slot, const struct sample *sample)
{
	uint64_t key[2] = {(uint64_t)(slot + 1) << 16 | sample->port, (uint64_t)sample->host_id};
	uint32_t *found = place(s, s->party_of, TABLE_PARTIES, key, same_party);
	void *items = s->party;

	if (*found != 0)
		return *found - 1;
	if (!extend(&items, s->party_count, &s->party_room, sizeof(*s->party), PARTIES_MAX))
		return SIZE_MAX;
	s->party = items;
	s->party[s->party_count] = (struct party_tally){
		.slot = (uint32_t)slot + 1, .port = sample->port, .host_id = sample->host_id};
	s->slot[slot].parties++;
	*found = (uint32_t)++s->party_count;
	return s->party_count - 1;
}

static void count_client(struct diagnosis_slots *s, size_t party, int64_t host_id)
{
	uint64_t key[2] = {party + 1, (uint64_t)host_id};
	uint32_t *found = place(s, s->client_of, TABLE_CLIENTS, key, same_client);
	void *items = s->client;

	if (*found == 0) {
		if (!extend(&items, s->client_count, &s->client_room, sizeof(*s->client),
			    CLIENTS_MAX))
			return;
		s->client = items;
		s->client[s->client_count] = (struct client_tally){.party = (uint32_t)party + 1,
								   .host_id = host_id};
		*found = (uint32_t)++s->client_count;
	}
	s->client[*found - 1].connections++;
}

static void count_party(struct party_tally *p, const struct sample *sample)
{
	if (p->connections < DIAGNOSIS_EXAMPLES)
		p->example[p->connections] = sample->id;
	p->connections++;
	if (sample->application_id == 0)
		return;
	if (p->with_application++ == 0)
		p->application_id = sample->application_id;
	p->of_application += p->application_id == sample->application_id;
}

void slots_count(struct diagnosis_slots *s, size_t slot, const struct sample *sample)
{
	struct slot *at = &s->slot[slot];
	size_t party;

	at->connections++;
	if (sample->ts_ns < at->since_ns)
		at->since_ns = sample->ts_ns;
	if (sample->ts_ns > at->until_ns)
		at->until_ns = sample->ts_ns;
	series_count(&at->series, sample->ts_ns);
	party = party_index(s, slot, sample);
	if (party == SIZE_MAX) {
		s->slot[slot].unlisted++;
		return;
	}
	count_party(&s->party[party], sample);
	if (sample->initiator_id != 0)
		count_client(s, party, sample->initiator_id);
}
