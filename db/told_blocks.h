/* What blocks (blocks.h) tell of the connections of one recording, for who goes through all of them: where
 * they can be relied on, most of the rows need not be read. */
#ifndef LASTACK_DB_TOLD_BLOCKS_H
#define LASTACK_DB_TOLD_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/blocks.h"

struct told_block {
	int64_t id;
	struct place_set places; /* all it tells of, other recordings' too */
	bool reliable;           /* it tells of just those rows of the recording that there are */
	uint64_t rows; /* counted to find that out: more than 256 where one is not told of */
};

/* All zero: none. */
struct told_blocks {
	struct told_block *block; /* owned; in order of ids */
	size_t count, room;
};

/* Those of a recording whose connections have the ids first to last. False with err; freed either way. */
bool told_blocks_read(struct told_blocks *blocks, sqlite3 *db, int64_t recording_id, int64_t first,
		      int64_t last, struct error *err);
void told_blocks_free(struct told_blocks *blocks);

/* Statement for told_column; NULL with err. */
sqlite3_stmt *told_columns_prepare(sqlite3 *db, struct error *err);
/* A column: one value for each of its places, in order of ids. *whole is false where it is damaged, or not there
 * though each block has one of that kind. False with err: SQLite failed. */
bool told_column(sqlite3_stmt *columns, const struct told_block *block, enum block_kind kind,
		 int64_t values[BLOCK_SIZE], bool *whole, struct error *err);

#endif
