#include "db/told_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "db/block_column.h"
#include "db/sql_error.h"

static bool failed(sqlite3 *db, struct error *err)
{
	return sql_error(db, err);
}

/* ---- which there are ---- */

static bool add_block(struct told_blocks *blocks, sqlite3_stmt *row, struct error *err)
{
	struct told_block *grown;

	if (blocks->count == blocks->room) {
		blocks->room = blocks->room > 0 ? 2 * blocks->room : 64;
		grown = realloc(blocks->block, blocks->room * sizeof(*grown));
		if (!grown)
			return error_set(err, "out of memory");
		blocks->block = grown;
	}
	blocks->block[blocks->count++] = (struct told_block){.id = sqlite3_column_int64(row, 0),
							     .places = block_places(row, 1)};
	return true;
}

static bool read_blocks(struct told_blocks *blocks, sqlite3 *db, const int64_t range[2],
			struct error *err)
{
	static const char sql[] = "SELECT id, places FROM blocks WHERE id BETWEEN ?1 AND ?2"
				  " ORDER BY id";
	int64_t after = block_of(range[0]) - 1; /* far above the least number there is */
	sqlite3_stmt *s = NULL;
	bool good = true;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(db, err);
	sqlite3_bind_int64(s, 1, block_of(range[0]));
	sqlite3_bind_int64(s, 2, block_of(range[1]));
	while (good && (step = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);

		/* who made the file may have made the table, too */
		if (id <= after || id > block_of(range[1]))
			continue;
		after = id;
		good = add_block(blocks, s, err);
	}
	if (good && step != SQLITE_DONE)
		good = failed(db, err);
	sqlite3_finalize(s);
	return good;
}

/* ---- whether they can be relied on ---- */

static bool in_range(const int64_t range[2], int64_t id)
{
	return id >= range[0] && id <= range[1];
}

/* How many connections of the range it tells of. */
static size_t told_of(const struct told_block *block, const int64_t range[2])
{
	size_t count = 0;

	if (in_range(range, block_connection(block->id, 0)) &&
	    in_range(range, block_connection(block->id, BLOCK_SIZE - 1))) {
		for (size_t i = 0; i < BLOCK_SIZE / 64; i++)
			count += (size_t)__builtin_popcountll(block->places.word[i]);
		return count;
	}
	for (size_t place = 0; place < BLOCK_SIZE; place++)
		count += place_has(&block->places, place) &&
			 in_range(range, block_connection(block->id, place));
	return count;
}

/* Connections of a recording by its summaries, which know of what was deleted. */
static bool count_connections(sqlite3 *db, int64_t recording_id, int64_t *count, struct error *err)
{
	sqlite3_stmt *s = NULL;
	int step;

	if (sqlite3_prepare_v2(db, "SELECT sum(connections) FROM summaries WHERE recording_id = ?1",
			       -1, &s, NULL) != SQLITE_OK)
		return failed(db, err);
	sqlite3_bind_int64(s, 1, recording_id);
	step = sqlite3_step(s);
	*count = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || failed(db, err);
}

/* Holds each block against the rows there are: ids alone, at a tenth of the cost of what they have. */
static bool compare_rows(struct told_blocks *blocks, sqlite3 *db, const int64_t range[2],
			 struct error *err)
{
	static const char sql[] = "SELECT id FROM connections WHERE id BETWEEN ?1 AND ?2"
				  " ORDER BY id";
	sqlite3_stmt *s = NULL;
	size_t at = 0;
	int step;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(db, err);
	sqlite3_bind_int64(s, 1, range[0]);
	sqlite3_bind_int64(s, 2, range[1]);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);

		while (at < blocks->count && blocks->block[at].id < block_of(id))
			at++;
		if (at < blocks->count && blocks->block[at].id == block_of(id))
			blocks->block[at].rows += place_has(&blocks->block[at].places, place_of(id))
							  ? 1
							  : BLOCK_SIZE;
	}
	sqlite3_finalize(s);
	for (size_t i = 0; i < blocks->count; i++)
		blocks->block[i].reliable = blocks->block[i].rows ==
					    told_of(&blocks->block[i], range);
	return step == SQLITE_DONE || failed(db, err);
}

bool told_blocks_read(struct told_blocks *blocks, sqlite3 *db, int64_t recording_id, int64_t first,
		      int64_t last, struct error *err)
{
	const int64_t range[2] = {first, last};
	int64_t connections;
	uint64_t told = 0;

	*blocks = (struct told_blocks){0};
	if (!read_blocks(blocks, db, range, err) ||
	    !count_connections(db, recording_id, &connections, err))
		return false;
	for (size_t i = 0; i < blocks->count; i++)
		told += told_of(&blocks->block[i], range);
	if (told != (uint64_t)connections)
		return compare_rows(blocks, db, range, err);
	for (size_t i = 0; i < blocks->count; i++)
		blocks->block[i].reliable = true;
	return true;
}

void told_blocks_free(struct told_blocks *blocks)
{
	free(blocks->block);
	*blocks = (struct told_blocks){0};
}

/* ---- what they tell ---- */

void told_columns_close(struct told_columns *columns)
{
	for (int kind = 0; kind < BLOCK_KINDS; kind++)
		sqlite3_finalize(columns->of[kind].rows);
	*columns = (struct told_columns){0};
}

static bool step(struct told_columns *columns, struct told_column *column, struct error *err)
{
	int result = sqlite3_step(column->rows);

	column->stands = result == SQLITE_ROW;
	if (column->stands)
		column->id = sqlite3_column_int64(column->rows, 0);
	return column->stands || result == SQLITE_DONE || failed(columns->db, err);
}

/* Puts a column in front of the block's row. */
static bool start(struct told_columns *columns, struct told_column *column, enum block_kind kind,
		  int64_t block_id, struct error *err)
{
	static const char sql[] = "SELECT block_id, list FROM block_values"
				  " WHERE kind = ?1 AND block_id >= ?2 ORDER BY block_id";

	if (!column->rows &&
	    sqlite3_prepare_v2(columns->db, sql, -1, &column->rows, NULL) != SQLITE_OK)
		return failed(columns->db, err);
	sqlite3_reset(column->rows);
	sqlite3_bind_int(column->rows, 1, kind);
	sqlite3_bind_int64(column->rows, 2, block_id);
	return step(columns, column, err);
}

/* Whether there is a row of the block's: *found, with the column standing on it. */
static bool find(struct told_columns *columns, enum block_kind kind, int64_t block_id, bool *found,
		 struct error *err)
{
	struct told_column *column = &columns->of[kind];
	bool good = true;

	if (!column->rows || block_id < column->asked)
		good = start(columns, column, kind, block_id, err);
	while (good && column->stands && column->id < block_id)
		good = step(columns, column, err);
	column->asked = block_id;
	*found = good && column->stands && column->id == block_id;
	return good;
}

bool told_column(struct told_columns *columns, const struct told_block *block, enum block_kind kind,
		 int64_t values[BLOCK_SIZE], bool *whole, struct error *err)
{
	sqlite3_stmt *row;
	size_t count = 0;
	bool found;

	*whole = false;
	for (size_t i = 0; i < BLOCK_SIZE / 64; i++)
		count += (size_t)__builtin_popcountll(block->places.word[i]);
	if (!find(columns, kind, block->id, &found, err))
		return false;
	row = columns->of[kind].rows;
	if (found) {
		const void *list = sqlite3_column_blob(row, 1);

		*whole = column_unpack(list, list ? (size_t)sqlite3_column_bytes(row, 1) : 0,
				       values, count);
	} else if (kind >= BLOCK_PATHS) {
		*whole = true;
		memset(values, 0, count * sizeof(*values));
	}
	return true;
}
