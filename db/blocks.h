/* What connections have, told block by block: a block is BLOCK_SIZE consecutive ids. Its row says between
 * which times its connections lie, and lists name each outcome, host, port, path and application that one of
 * them has. A query then looks only into the blocks that can hold what it asks for. This costs a twentieth of
 * what indexes cost, as values repeat, and nothing when reading ends.
 *
 * Lists may name too much (rows were replaced or deleted), never too little. */
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
	BLOCK_STARTS, /* of each connection: its id and the millisecond it began in */
	BLOCK_OUTCOMES,
	BLOCK_INITIATORS,
	BLOCK_RESPONDERS,
	BLOCK_INITIATOR_PORTS,
	BLOCK_RESPONDER_PORTS,
	BLOCK_PATHS, /* where there is one, as the next */
	BLOCK_APPLICATIONS,
	BLOCK_KINDS
};

struct block_entry {
	int64_t id, first_ns, duration_ns;
	int64_t value[BLOCK_KINDS]; /* ids and ports; of paths and applications 0: none */
};

static inline int64_t block_of(int64_t id)
{
	return id / BLOCK_SIZE;
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

/* A connection's row is written, now or soon, or written again. */
bool blocks_add(struct blocks *blocks, const struct block_entry *entry, struct error *err);
/* The outcome of one that was added is another now. */
bool blocks_add_outcome(struct blocks *blocks, int64_t id, int64_t outcome_id, struct error *err);
/* Writes what has changed. */
bool blocks_flush(struct blocks *blocks, struct error *err);
/* Drops what is in memory: the transaction is rolled back, or another program may have written. */
void blocks_forget(struct blocks *blocks);

/* From the rows: of all connections, into empty tables. */
bool blocks_fill(sqlite3 *db, struct error *err);
/* Of connections that were deleted: drops the blocks from first's to last's that are empty now. */
bool blocks_drop_empty(sqlite3 *db, int64_t first, int64_t last, struct error *err);

#endif
