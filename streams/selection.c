#include "streams/selection.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

enum { NOBODY = 0, SLOTS_MIN = 64, VLAN_MASK = 0xfff };

/* No padding: hashed and compared as bytes. The lower end comes first. */
struct key {
	struct ip_address address[SIDES];
	struct tunnel tunnel;
	uint16_t port[SIDES];
	uint32_t ip_version;
};
_Static_assert(sizeof(struct key) == 32 + sizeof(struct tunnel) + 8, "key has padding");

struct entry {
	struct wanted wanted;
	struct key key;
	uint32_t next; /* with the same hash slot: its place + 1; NOBODY: the last */
};

struct selection {
	uint8_t hash_key[16];
	struct entry *entries;
	size_t count, capacity;
	uint32_t *slots; /* place + 1 of the first entry; as many as there may be entries */
};

struct selection *selection_new(const uint8_t hash_key[16])
{
	struct selection *selection = calloc(1, sizeof(*selection));

	if (selection)
		memcpy(selection->hash_key, hash_key, sizeof(selection->hash_key));
	return selection;
}

void selection_free(struct selection *selection)
{
	if (!selection)
		return;
	free(selection->entries);
	free(selection->slots);
	free(selection);
}

static struct key key_of(uint8_t ip_version, const struct ip_address address[SIDES],
			 const uint16_t port[SIDES], const struct tunnel *tunnel)
{
	int order = memcmp(&address[0], &address[1], sizeof(address[0]));
	int low = order < 0 || (order == 0 && port[0] <= port[1]) ? 0 : 1;
	struct key key;

	memset(&key, 0, sizeof(key));
	for (int i = 0; i < SIDES; i++) {
		key.address[i] = address[i ^ low];
		key.port[i] = port[i ^ low];
	}
	if (tunnel)
		key.tunnel = *tunnel;
	key.ip_version = ip_version;
	return key;
}

static uint32_t *slot_of(const struct selection *s, const struct key *key)
{
	return &s->slots[siphash(s->hash_key, key, sizeof(*key)) % s->capacity];
}

static void link_entry(struct selection *s, size_t index)
{
	uint32_t *slot = slot_of(s, &s->entries[index].key);

	s->entries[index].next = *slot;
	*slot = (uint32_t)index + 1;
}

static bool grow(struct selection *s, struct error *err)
{
	size_t capacity = s->capacity ? 2 * s->capacity : SLOTS_MIN;
	struct entry *entries;
	uint32_t *slots;

	if (capacity > UINT32_MAX / 2)
		return error_set(err, "too many connections are selected");
	entries = realloc(s->entries, capacity * sizeof(*entries));
	if (entries)
		s->entries = entries;
	slots = calloc(capacity, sizeof(*slots));
	if (!entries || !slots) {
		free(slots);
		return error_set(err, "out of memory for the selected connections");
	}
	free(s->slots);
	s->slots = slots;
	s->capacity = capacity;
	for (size_t i = 0; i < s->count; i++)
		link_entry(s, i);
	return true;
}

bool selection_add(struct selection *s, const struct wanted *wanted, struct error *err)
{
	struct entry *entry;

	if (s->count == s->capacity && !grow(s, err))
		return false;
	entry = &s->entries[s->count];
	entry->wanted = *wanted;
	entry->wanted.found = false;
	entry->key = key_of(wanted->ip_version, wanted->address, wanted->port, &wanted->tunnel);
	link_entry(s, s->count++);
	return true;
}

/* The next entry with this key behind after (NULL: the first). */
static struct entry *find(const struct selection *s, const struct key *key,
			  const struct entry *after)
{
	uint32_t place = s->count == 0 ? NOBODY : after ? after->next : *slot_of(s, key);

	while (place != NOBODY) {
		struct entry *entry = &s->entries[place - 1];

		if (memcmp(&entry->key, key, sizeof(*key)) == 0)
			return entry;
		place = entry->next;
	}
	return NULL;
}

bool selection_may_take(const struct selection *s, const struct stream_origin *origin)
{
	struct key key = key_of(origin->ip_version, origin->address, origin->port, origin->tunnel);

	return find(s, &key, NULL) != NULL;
}

/* As the database tells it: of the initiator's direction, or the responder's where it sent none. */
static unsigned vlan_of(const struct verdict *v)
{
	enum side side = v->dir[SIDE_INITIATOR].seen ? SIDE_INITIATOR : SIDE_RESPONDER;

	return (unsigned)(v->dir[side].vlan_tags & VLAN_MASK);
}

const struct wanted *selection_take(struct selection *s, const struct verdict *v)
{
	const struct ip_address address[SIDES] = {v->dir[0].address, v->dir[1].address};
	const uint16_t port[SIDES] = {v->dir[0].port, v->dir[1].port};
	struct key key = key_of(v->ip_version, address, port, &v->tunnel);

	for (struct entry *entry = find(s, &key, NULL); entry; entry = find(s, &key, entry)) {
		if (entry->wanted.first_ns == v->first_ns && entry->wanted.vlan == vlan_of(v)) {
			entry->wanted.found = true;
			return &entry->wanted;
		}
	}
	return NULL;
}

size_t selection_count(const struct selection *s)
{
	return s->count;
}

const struct wanted *selection_at(const struct selection *s, size_t index)
{
	return &s->entries[index].wanted;
}
