#include "streams/dpi_memo.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

enum { BUCKETS = 16384 };

struct dpi_memo {
	struct application_table *applications; /* borrowed */
	struct dpi_step *bucket[BUCKETS];
	uint64_t serial;
	size_t found, held, max_bytes; /* bytes: of steps in the table; of all there are */
	uint8_t hash_key[16];
};

struct dpi_memo *dpi_memo_new(size_t max_bytes, const uint8_t hash_key[16],
			      struct application_table *applications)
{
	struct dpi_memo *memo = calloc(1, sizeof(*memo));

	if (!memo)
		return NULL;
	memo->applications = applications;
	memo->max_bytes = max_bytes;
	memcpy(memo->hash_key, hash_key, sizeof(memo->hash_key));
	return memo;
}

static size_t size_of(const struct dpi_step *step)
{
	return sizeof(*step) + step->length;
}

void dpi_memo_leave(struct dpi_memo *memo, struct dpi_step *step)
{
	while (step && --step->users == 0) {
		struct dpi_step *before = step->before;

		if (step->application)
			application_drop(memo->applications, step->application);
		memo->held -= size_of(step);
		free(step);
		step = before;
	}
}

/* All are found no more. */
static void forget(struct dpi_memo *memo)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct dpi_step *step = memo->bucket[i];

		memo->bucket[i] = NULL;
		while (step) {
			struct dpi_step *next = step->next;

			step->next = NULL;
			if (step->before)
				step->before->likely = NULL;
			dpi_memo_leave(memo, step);
			step = next;
		}
	}
	memo->found = 0;
}

void dpi_memo_free(struct dpi_memo *memo)
{
	if (!memo)
		return;
	forget(memo);
	free(memo);
}

static uint64_t hash_of(const struct dpi_memo *memo, const struct dpi_step *from, enum side side,
			const void *bytes, size_t length)
{
	/* one in the other: of two beside each other a sender could make both the same */
	uint64_t place[3] = {from->serial, (uint64_t)side << 32 | length,
			     siphash_1_3(memo->hash_key, bytes, length)};

	return siphash_1_3(memo->hash_key, place, sizeof(place));
}

static bool says(const struct dpi_step *step, enum side side, const void *bytes, size_t length)
{
	return step->side == side && step->length == length &&
	       memcmp(step->bytes, bytes, length) == 0;
}

static struct dpi_step *find(const struct dpi_memo *memo, const struct dpi_step *from,
			     enum side side, const void *bytes, size_t length, uint64_t hash)
{
	struct dpi_step *step = memo->bucket[hash % BUCKETS];

	while (step &&
	       (step->hash != hash || step->before != from || !says(step, side, bytes, length)))
		step = step->next;
	if (step)
		step->users++;
	return step;
}

/* Twice: held by the table and by who asks. */
static struct dpi_step *make(struct dpi_memo *memo, struct dpi_step *from, enum side side,
			     const void *bytes, size_t length, uint64_t hash)
{
	size_t size = sizeof(struct dpi_step) + length;
	struct dpi_step *step;

	if (memo->found + size > memo->max_bytes)
		forget(memo);
	if (memo->held + size > 2 * memo->max_bytes)
		return NULL;
	step = malloc(size);
	if (!step)
		return NULL;
	*step = (struct dpi_step){.before = from,
				  .users = 2,
				  .length = (uint32_t)length,
				  .depth = from ? (uint16_t)(from->depth + 1) : 0,
				  .side = (uint8_t)side,
				  .next = memo->bucket[hash % BUCKETS],
				  .hash = hash,
				  .serial = ++memo->serial};
	memcpy(step->bytes, bytes, length);
	memo->bucket[hash % BUCKETS] = step;
	memo->found += size;
	memo->held += size;
	if (from)
		from->users++;
	return step;
}

static struct dpi_step *find_or_make(struct dpi_memo *memo, struct dpi_step *from, enum side side,
				     const void *bytes, size_t length, uint64_t hash)
{
	struct dpi_step *step = find(memo, from, side, bytes, length, hash);

	return step ? step : make(memo, from, side, bytes, length, hash);
}

struct dpi_step *dpi_memo_start(struct dpi_memo *memo, const struct dpi_ends *ends)
{
	uint8_t bytes[2 * sizeof(ends->address[0]) + 2 * sizeof(ends->port[0]) + 1];
	size_t address = ends->ip_version == 4 ? 4 : sizeof(ends->address[0]), length;
	uint8_t *at = bytes;

	for (int side = 0; side < SIDES; side++) {
		memcpy(at, &ends->address[side], address);
		at += address;
		memcpy(at, &ends->port[side], sizeof(ends->port[0]));
		at += sizeof(ends->port[0]);
	}
	*at++ = ends->ip_version;
	length = (size_t)(at - bytes);
	return find_or_make(memo, NULL, SIDE_INITIATOR, bytes, length,
			    siphash_1_3(memo->hash_key, bytes, length));
}

static bool fits(const struct dpi_step *from, size_t length)
{
	return length <= DPI_MEMO_PIECE_MAX && from->depth < DPI_MEMO_DEPTH_MAX;
}

/* Most of the time what followed the last time follows again: comparing takes less than hashing. */
struct dpi_step *dpi_memo_find(struct dpi_memo *memo, struct dpi_step *from, enum side side,
			       const uint8_t *bytes, size_t length)
{
	struct dpi_step *step = from->likely;

	if (!fits(from, length))
		return NULL;
	if (step && says(step, side, bytes, length)) {
		step->users++;
		return step;
	}
	step = find(memo, from, side, bytes, length, hash_of(memo, from, side, bytes, length));
	if (step)
		from->likely = step;
	return step;
}

struct dpi_step *dpi_memo_add(struct dpi_memo *memo, struct dpi_step *from, enum side side,
			      const uint8_t *bytes, size_t length)
{
	return fits(from, length) ? find_or_make(memo, from, side, bytes, length,
						 hash_of(memo, from, side, bytes, length))
				  : NULL;
}

void dpi_memo_decide(struct dpi_memo *memo, struct dpi_step *step,
		     const struct application *application)
{
	if (!step->application)
		step->application = application_take(memo->applications, application);
}

size_t dpi_memo_bytes(const struct dpi_memo *memo)
{
	return memo->held;
}
