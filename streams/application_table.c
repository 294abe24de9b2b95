#include "streams/application_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

enum { FIRST_BUCKETS = 64 };

/* One result. Its texts and the list of its risks lie behind it, in the same piece of memory. */
struct record {
	struct application application; /* first: the two are turned into each other */
	struct record *next;            /* in its bucket */
	uint64_t hash;
	size_t users, bytes;
	const char *risks[];
};

struct application_table {
	struct record **buckets; /* owned */
	size_t bucket_count;     /* a power of two */
	size_t records, bytes, max_bytes;
	uint64_t shortened;
	uint8_t hash_key[16];
};

struct application_table *application_table_new(size_t max_bytes, const uint8_t hash_key[16])
{
	struct application_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->max_bytes = max_bytes;
	table->bucket_count = FIRST_BUCKETS;
	table->buckets = calloc(FIRST_BUCKETS, sizeof(struct record *));
	memcpy(table->hash_key, hash_key, sizeof(table->hash_key));
	if (table->buckets)
		return table;
	free(table);
	return NULL;
}

void application_table_free(struct application_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i]) {
			struct record *next = table->buckets[i]->next;

			free(table->buckets[i]);
			table->buckets[i] = next;
		}
	}
	free(table->buckets);
	free(table);
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t record_size(const struct application *a)
{
	return sizeof(struct record) + a->risk_count * sizeof(a->risks[0]) + text_size(a->name) +
	       text_size(a->category) + text_size(a->server_name);
}

/* Texts by their content; the names of risks are the library's own, so their addresses will do. */
static uint64_t hash_of(const struct application_table *table, const struct application *a)
{
	const char *const texts[] = {a->name, a->category, a->server_name};
	uint64_t parts[5] = {a->guessed};

	for (size_t i = 0; i < 3; i++)
		if (texts[i])
			parts[i + 1] = siphash(table->hash_key, texts[i], strlen(texts[i]));
	if (a->risk_count > 0)
		parts[4] = siphash(table->hash_key, a->risks, a->risk_count * sizeof(a->risks[0]));
	return siphash(table->hash_key, parts, sizeof(parts));
}

static bool same_text(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

static bool same(const struct application *a, const struct application *b)
{
	if (a->guessed != b->guessed || a->risk_count != b->risk_count)
		return false;
	for (size_t i = 0; i < a->risk_count; i++)
		if (a->risks[i] != b->risks[i])
			return false;
	return same_text(a->name, b->name) && same_text(a->category, b->category) &&
	       same_text(a->server_name, b->server_name);
}

static const char *put_text(char **at, const char *text)
{
	size_t size = text_size(text);
	char *copy = *at;

	if (!text)
		return NULL;
	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static struct record *record_new(const struct application *a, uint64_t hash)
{
	size_t bytes = record_size(a);
	struct record *r = malloc(bytes);
	char *at;

	if (!r)
		return NULL;
	*r = (struct record){.application = *a, .hash = hash, .bytes = bytes};
	for (size_t i = 0; i < a->risk_count; i++)
		r->risks[i] = a->risks[i];
	at = (char *)(r->risks + a->risk_count);
	r->application.risks = r->risks;
	r->application.name = put_text(&at, a->name);
	r->application.category = put_text(&at, a->category);
	r->application.server_name = put_text(&at, a->server_name);
	return r;
}

/* Where there is no memory for more buckets, the lists in them get longer. */
static void grow(struct application_table *table)
{
	size_t count = table->bucket_count * 2;
	struct record **buckets = calloc(count, sizeof(struct record *));

	if (!buckets)
		return;
	for (size_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i]) {
			struct record *r = table->buckets[i];

			table->buckets[i] = r->next;
			r->next = buckets[r->hash & (count - 1)];
			buckets[r->hash & (count - 1)] = r;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = count;
}

static struct record *find(const struct application_table *table, const struct application *a,
			   uint64_t hash)
{
	struct record *r = table->buckets[hash & (table->bucket_count - 1)];

	while (r && (r->hash != hash || !same(&r->application, a)))
		r = r->next;
	return r;
}

/* True where *a got shorter. */
static bool shorten(struct application *a)
{
	if (a->server_name)
		a->server_name = NULL;
	else if (a->risk_count > 0)
		a->risk_count = 0;
	else
		return false;
	return true;
}

const struct application *application_take(struct application_table *table,
					   const struct application *wanted)
{
	struct application a = *wanted;
	uint64_t hash = hash_of(table, &a);
	struct record *r = find(table, &a, hash);
	bool shorter = false;

	while (!r && table->bytes + record_size(&a) > table->max_bytes && shorten(&a)) {
		shorter = true;
		hash = hash_of(table, &a);
		r = find(table, &a, hash);
	}
	table->shortened += shorter;
	if (!r) {
		r = record_new(&a, hash);
		if (!r)
			return NULL;
		if (table->records == table->bucket_count)
			grow(table);
		r->next = table->buckets[hash & (table->bucket_count - 1)];
		table->buckets[hash & (table->bucket_count - 1)] = r;
		table->records++;
		table->bytes += r->bytes;
	}
	r->users++;
	return &r->application;
}

/* What the table hands out as const is its own. */
static struct record *record_of(const struct application *application)
{
	return (struct record *)(uintptr_t)application;
}

const struct application *application_share(const struct application *application)
{
	record_of(application)->users++;
	return application;
}

void application_drop(struct application_table *table, const struct application *application)
{
	struct record *r = record_of(application);
	struct record **at;

	if (--r->users > 0)
		return;
	at = &table->buckets[r->hash & (table->bucket_count - 1)];
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	table->records--;
	table->bytes -= r->bytes;
	free(r);
}

size_t application_table_count(const struct application_table *table)
{
	return table->records;
}

size_t application_table_bytes(const struct application_table *table)
{
	return table->bytes;
}

uint64_t application_table_shortened(const struct application_table *table)
{
	return table->shortened;
}
