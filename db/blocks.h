/* What connections have, block by block: a block is BLOCK_SIZE consecutive ids. Its row says between which
 * times its connections lie; beside it are their outcomes, hosts, ports, paths, applications and beginnings,
 * column by column and packed. A query finds there which connections fit, and reads only those rows. This
 * costs a twentieth of what indexes cost, and nothing when reading ends.
 *
 * A block may tell of connections that have been deleted since. */
#ifndef LASTACK_DB_BLOCKS_H
#define LASTACK_DB_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"

enum { BLOCK_SIZE = 256 };

/* Column block_values.kind. */
enum block_kind {
	BLOCK_STARTS, /* the millisecond it began in */
	BLOCK_OUTCOMES,
	BLOCK_INITIATORS,
	BLOCK_RESPONDERS,
	BLOCK_INITIATOR_PORTS,
	BLOCK_RESPONDER_PORTS,
	BLOCK_PATHS, /* 0: none, as of the next */
	BLOCK_APPLICATIONS,
	BLOCK_KINDS
};

/* The connections of a block, a bit each. */
struct place_set {
	uint64_t word[BLOCK_SIZE / 64];
};

struct block_entry {
	int64_t id, first_ns, duration_ns;
	int64_t value[BLOCK_KINDS]; /* that of starts follows from first_ns */
};

/* A database that was tampered with may have any id, below 0, too. */
static inline size_t place_of(int64_t id)
{
	return (size_t)((uint64_t)id % BLOCK_SIZE);
}

static inline int64_t block_of(int64_t id)
{
	return (id - (int64_t)place_of(id)) / BLOCK_SIZE;
}

/* The connection at a place. A block's number may be any, too: ids wrap. */
static inline int64_t block_connection(int64_t block, size_t place)
{
	return (int64_t)((uint64_t)block * BLOCK_SIZE + place);
}

static inline bool place_has(const struct place_set *set, size_t place)
{
	return set->word[place / 64] >> place % 64 & 1;
}

static inline void place_put(struct place_set *set, size_t place)
{
	set->word[place / 64] |= UINT64_C(1) << place % 64;
}

static inline void place_take(struct place_set *set, size_t place)
{
	set->word[place / 64] &= ~(UINT64_C(1) << place % 64);
}

/* Rounded down. */
static inline int64_t block_ms(int64_t ns)
{
	return ns / 1000000 - (ns % 1000000 < 0);
}

/* The blocks that are being filled; belongs to one thread at a time, as db. */
struct blocks;

struct blocks *blocks_new(sqlite3 *db, struct error *err); /* NULL with err */
void blocks_free(struct blocks *blocks);                   /* NULL is fine */

/* A connection's row is written, now or soon, or written again: it tells the latest. */
bool blocks_add(struct blocks *blocks, const struct block_entry *entry, struct error *err);
/* Its outcome alone is another now. */
bool blocks_set_outcome(struct blocks *blocks, int64_t id, int64_t outcome_id, struct error *err);
/* Writes what has changed. */
bool blocks_flush(struct blocks *blocks, struct error *err);
/* Drops what is in memory: the transaction is rolled back, or another program may have written. */
void blocks_forget(struct blocks *blocks);

/* Column blocks.places of a row. */
struct place_set block_places(sqlite3_stmt *row, int column);

/* From the rows: of all connections, into empty tables. */
bool blocks_fill(sqlite3 *db, struct error *err);
/* Of connections that were deleted: drops the blocks from first's to last's that are empty now. */
bool blocks_drop_empty(sqlite3 *db, int64_t first, int64_t last, struct error *err);

#endif
