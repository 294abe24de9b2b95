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

/* Where the columns are read, one kind after another or side by side: of each it is known where the one of the next
 * block lies, so that going through the blocks in order costs a step each. All zero: at the beginning. */
struct told_columns {
	sqlite3 *db;
	struct told_column {
		sqlite3_stmt *rows; /* NULL until it is asked for */
		int64_t asked;      /* for this block, lately */
		int64_t id;         /* of the block it stands at */
		bool stands;        /* at a row */
	} of[BLOCK_KINDS];
};

void told_columns_close(struct told_columns *columns);

/* A column: one value for each of its places, in order of ids. *whole is false where it is damaged, or not there
 * though each block has one of that kind. False with err: SQLite failed. Blocks may be asked for in any order. */
bool told_column(struct told_columns *columns, const struct told_block *block, enum block_kind kind,
		 int64_t values[BLOCK_SIZE], bool *whole, struct error *err);

#endif
