/* Which connections can fit what is asked for, by what their blocks tell (blocks.h). */
#ifndef LASTACK_DB_BLOCK_SEARCH_H
#define LASTACK_DB_BLOCK_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/blocks.h"

/* A set of ids or ports. All zero: empty; freed with id_set_free. */
struct id_set {
	uint8_t *bits; /* owned */
	int64_t size;  /* numbers from 0 on that there is a bit for */
	bool all;      /* everything is in it */
};

bool id_set_add(struct id_set *set, int64_t id, struct error *err);
/* The first column of each row; the statement is finalized. */
bool id_set_read(struct id_set *set, sqlite3_stmt *rows, struct error *err);
bool id_set_has(const struct id_set *set, int64_t id);
void id_set_free(struct id_set *set);

/* One block. */
struct block_range {
	int64_t id, first_ns, first_max_ns, duration_min_ns, duration_max_ns;
	struct place_set places;
};

struct block_search {
	sqlite3 *db;
	struct block_range *block; /* owned; in order of ids */
	struct place_set *fits;    /* owned; of each: the connections that can fit */
	size_t count;
};

/* All blocks; all their connections fit. False with err; freed with block_search_close either way. */
bool block_search_open(struct block_search *search, sqlite3 *db, struct error *err);
void block_search_close(struct block_search *search);
/* None of the block's fit. */
void block_search_drop(struct block_search *search, size_t block);
/* How many connections can fit; in how many blocks. */
size_t block_search_fitting(const struct block_search *search, size_t *blocks);
/* How many there are. */
size_t block_search_all(const struct block_search *search);
/* A copy of what fits, or NULL; freed with free. */
struct place_set *block_search_copy(const struct block_search *search, struct error *err);

/* Keeps in fits those whose value is one of the set. */
bool block_search_values(const struct block_search *search, enum block_kind kind,
			 const struct id_set *set, struct place_set *fits, struct error *err);
/* The same for a single number. */
bool block_search_value(const struct block_search *search, enum block_kind kind, int64_t value,
			struct place_set *fits, struct error *err);
/* Adds to the set all values of a kind. */
bool block_search_named(const struct block_search *search, enum block_kind kind, struct id_set *set,
			struct error *err);

struct block_start {
	int64_t ms, id;
};

/* The earliest connections that can fit, no more than room, in no order: all others begin in a later
 * millisecond. *all: there are no others. It may name ids that are not there any more. */
bool block_search_earliest(const struct block_search *search, struct block_start *starts,
			   size_t room, size_t *count, bool *all, struct error *err);

/* JSON arrays, for json_each, of the blocks with some that can fit, and of ids; freed with sqlite3_free. NULL:
 * out of memory. */
char *block_search_blocks(const struct block_search *search);
char *block_search_ids(const struct block_start *starts, size_t count);

#endif
