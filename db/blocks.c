#include "db/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "db/block_column.h"
#include "db/schema.h"
#include "db/sql_error.h"

/* So many blocks are at hand: one that is being filled, and those whose connections are told again. */
enum { AT_HAND = 4 };

struct block {
	bool used;
	int64_t id;
	uint64_t asked; /* when it was asked for last */
	bool changed;
	uint32_t changed_kinds; /* bits */
	uint32_t listed;        /* bits: kinds that have a row */
	int64_t first_ns, first_max_ns, last_ns, duration_min_ns, duration_max_ns;
	struct place_set places;                /* which connections there are */
	int64_t value[BLOCK_KINDS][BLOCK_SIZE]; /* by place */
};

enum block_statement { READ_BLOCK, READ_LIST, WRITE_BLOCK, WRITE_LIST, STATEMENTS };

struct blocks {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	uint64_t asked;
	struct block block[AT_HAND];
	int64_t column[BLOCK_SIZE];
	uint8_t packed[2 * VARINT_MAX * BLOCK_SIZE];
};

static const char *const statement_sql[STATEMENTS] = {
	[READ_BLOCK] =
		"SELECT first_ns, first_max_ns, last_ns, duration_min_ns, duration_max_ns, places"
		" FROM blocks WHERE id = ?1",
	[READ_LIST] = "SELECT list FROM block_values WHERE kind = ?1 AND block_id = ?2",
	[WRITE_BLOCK] = "INSERT OR REPLACE INTO blocks(id, first_ns, first_max_ns, last_ns,"
			" duration_min_ns, duration_max_ns, places) VALUES(?,?,?,?,?,?,?)",
	[WRITE_LIST] = "INSERT OR REPLACE INTO block_values(kind, block_id, list) VALUES(?,?,?)",
};

struct blocks *blocks_new(sqlite3 *db, struct error *err)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));

	if (blocks)
		blocks->db = db;
	else
		error_set(err, "out of memory");
	return blocks;
}

void blocks_free(struct blocks *blocks)
{
	if (!blocks)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(blocks->statement[i]);
	free(blocks);
}

void blocks_forget(struct blocks *blocks)
{
	for (int i = 0; i < AT_HAND; i++)
		blocks->block[i].used = false;
}

static bool failed(struct blocks *blocks, struct error *err)
{
	return sql_error(blocks->db, err);
}

static bool prepare(struct blocks *blocks, struct error *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (!blocks->statement[i] &&
		    sqlite3_prepare_v3(blocks->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &blocks->statement[i], NULL) != SQLITE_OK)
			return failed(blocks, err);
	return true;
}

/* ---- from and to the tables ---- */

static bool read_list(struct blocks *blocks, struct block *b, int kind, struct error *err)
{
	sqlite3_stmt *s = blocks->statement[READ_LIST];
	int step;

	sqlite3_bind_int(s, 1, kind);
	sqlite3_bind_int64(s, 2, b->id);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW) {
		struct column_reader r = column_reader_of(sqlite3_column_blob(s, 0),
							  (size_t)sqlite3_column_bytes(s, 0));

		b->listed |= 1U << kind;
		for (size_t place = 0; place < BLOCK_SIZE; place++)
			if (place_has(&b->places, place) && column_reader_next(&r))
				b->value[kind][place] = r.value;
	}
	sqlite3_reset(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || failed(blocks, err);
}

/* What the tables have of it already. */
static bool read_block(struct blocks *blocks, struct block *b, struct error *err)
{
	sqlite3_stmt *s = blocks->statement[READ_BLOCK];
	int step;

	sqlite3_bind_int64(s, 1, b->id);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW) {
		b->first_ns = sqlite3_column_int64(s, 0);
		b->first_max_ns = sqlite3_column_int64(s, 1);
		b->last_ns = sqlite3_column_int64(s, 2);
		b->duration_min_ns = sqlite3_column_int64(s, 3);
		b->duration_max_ns = sqlite3_column_int64(s, 4);
		b->places = block_places(s, 5);
	}
	sqlite3_reset(s);
	if (step != SQLITE_ROW)
		return step == SQLITE_DONE || failed(blocks, err);
	for (int kind = 0; kind < BLOCK_KINDS; kind++)
		if (!read_list(blocks, b, kind, err))
			return false;
	return true;
}

static bool is_full(const struct place_set *places)
{
	uint64_t all = UINT64_MAX;

	for (size_t i = 0; i < BLOCK_SIZE / 64; i++)
		all &= places->word[i];
	return all == UINT64_MAX;
}

/* The values of the connections there are, side by side. */
static const int64_t *values_of(struct blocks *blocks, const struct block *b, int kind,
				size_t *count)
{
	*count = BLOCK_SIZE;
	if (is_full(&b->places))
		return b->value[kind];
	*count = 0;
	for (size_t place = 0; place < BLOCK_SIZE; place++)
		if (place_has(&b->places, place))
			blocks->column[(*count)++] = b->value[kind][place];
	return blocks->column;
}

/* A column without any value needs no row. */
static bool write_list(struct blocks *blocks, struct block *b, int kind, struct error *err)
{
	sqlite3_stmt *s = blocks->statement[WRITE_LIST];
	size_t count, size;
	const int64_t *values = values_of(blocks, b, kind, &count);
	uint64_t any = 0;
	int step;

	for (size_t i = 0; i < count; i++)
		any |= (uint64_t)values[i];
	if (any == 0 && kind >= BLOCK_PATHS && !(b->listed >> kind & 1))
		return true;
	b->listed |= 1U << kind;
	size = column_pack(values, count, blocks->packed);
	sqlite3_bind_int(s, 1, kind);
	sqlite3_bind_int64(s, 2, b->id);
	sqlite3_bind_blob(s, 3, blocks->packed, (int)size, SQLITE_STATIC);
	step = sqlite3_step(s);
	sqlite3_reset(s);
	return step == SQLITE_DONE || failed(blocks, err);
}

/* A full block's places need no telling; else a bit each, lowest first. */
static void bind_places(sqlite3_stmt *s, int column, const struct place_set *places)
{
	uint8_t bytes[BLOCK_SIZE / 8] = {0};

	if (is_full(places)) {
		sqlite3_bind_null(s, column);
		return;
	}
	for (size_t place = 0; place < BLOCK_SIZE; place++)
		bytes[place / 8] |= (uint8_t)(place_has(places, place) << place % 8);
	sqlite3_bind_blob(s, column, bytes, sizeof(bytes), SQLITE_TRANSIENT);
}

struct place_set block_places(sqlite3_stmt *s, int column)
{
	const uint8_t *bytes = sqlite3_column_blob(s, column);
	size_t size = (size_t)sqlite3_column_bytes(s, column);
	struct place_set places = {{0}};

	if (!bytes)
		memset(&places, 0xff, sizeof(places));
	for (size_t place = 0; bytes && place < BLOCK_SIZE && place / 8 < size; place++)
		if (bytes[place / 8] >> place % 8 & 1)
			place_put(&places, place);
	return places;
}

static bool write_block(struct blocks *blocks, struct block *b, struct error *err)
{
	sqlite3_stmt *s = blocks->statement[WRITE_BLOCK];
	int step;

	if (!b->used || !b->changed)
		return true;
	sqlite3_bind_int64(s, 1, b->id);
	sqlite3_bind_int64(s, 2, b->first_ns);
	sqlite3_bind_int64(s, 3, b->first_max_ns);
	sqlite3_bind_int64(s, 4, b->last_ns);
	sqlite3_bind_int64(s, 5, b->duration_min_ns);
	sqlite3_bind_int64(s, 6, b->duration_max_ns);
	bind_places(s, 7, &b->places);
	step = sqlite3_step(s);
	sqlite3_reset(s);
	if (step != SQLITE_DONE)
		return failed(blocks, err);
	for (int kind = 0; kind < BLOCK_KINDS; kind++)
		if ((b->changed_kinds >> kind & 1) && !write_list(blocks, b, kind, err))
			return false;
	b->changed = false;
	b->changed_kinds = 0;
	return true;
}

bool blocks_flush(struct blocks *blocks, struct error *err)
{
	for (int i = 0; i < AT_HAND; i++)
		if (!write_block(blocks, &blocks->block[i], err))
			return false;
	return true;
}

/* ---- adding ---- */

static void block_clear(struct block *b, int64_t id)
{
	*b = (struct block){
		.used = true,
		.id = id,
		.first_ns = INT64_MAX,
		.first_max_ns = INT64_MIN,
		.last_ns = INT64_MAX,
		.duration_min_ns = INT64_MAX,
		.duration_max_ns = INT64_MIN,
	};
}

static struct block *find_block(struct blocks *blocks, int64_t id)
{
	for (int i = 0; i < AT_HAND; i++)
		if (blocks->block[i].id == id && blocks->block[i].used)
			return &blocks->block[i];
	return NULL;
}

/* A free one, or the one that was asked for longest ago. */
static struct block *oldest_block(struct blocks *blocks)
{
	struct block *b = &blocks->block[0];

	for (int i = 1; i < AT_HAND && b->used; i++)
		if (!blocks->block[i].used || blocks->block[i].asked < b->asked)
			b = &blocks->block[i];
	return b;
}

/* The block with this number, in the place of another if need be. NULL with err. */
static struct block *block_at_hand(struct blocks *blocks, int64_t id, struct error *err)
{
	struct block *b = find_block(blocks, id);

	if (b) {
		b->asked = ++blocks->asked;
		return b;
	}
	b = oldest_block(blocks);
	if (!prepare(blocks, err) || !write_block(blocks, b, err))
		return NULL;
	block_clear(b, id);
	b->asked = ++blocks->asked;
	if (read_block(blocks, b, err))
		return b;
	b->used = false;
	return NULL;
}

static void set_value(struct block *b, int kind, size_t place, int64_t value)
{
	b->value[kind][place] = value;
	b->changed = true;
	b->changed_kinds |= 1U << kind;
}

bool blocks_add(struct blocks *blocks, const struct block_entry *e, struct error *err)
{
	struct block *b = block_at_hand(blocks, block_of(e->id), err);
	int64_t last_ns = wrapped_sum(e->first_ns, e->duration_ns);
	size_t place = place_of(e->id);

	if (!b)
		return false;
	b->first_ns = e->first_ns < b->first_ns ? e->first_ns : b->first_ns;
	b->first_max_ns = e->first_ns > b->first_max_ns ? e->first_ns : b->first_max_ns;
	b->last_ns = last_ns < b->last_ns ? last_ns : b->last_ns;
	if (e->duration_ns < b->duration_min_ns)
		b->duration_min_ns = e->duration_ns;
	if (e->duration_ns > b->duration_max_ns)
		b->duration_max_ns = e->duration_ns;
	place_put(&b->places, place);
	set_value(b, BLOCK_STARTS, place, block_ms(e->first_ns));
	for (int kind = BLOCK_OUTCOMES; kind < BLOCK_KINDS; kind++)
		set_value(b, kind, place, e->value[kind]);
	return true;
}

bool blocks_set_outcome(struct blocks *blocks, int64_t id, int64_t outcome_id, struct error *err)
{
	struct block *b = block_at_hand(blocks, block_of(id), err);

	if (b && b->value[BLOCK_OUTCOMES][place_of(id)] != outcome_id)
		set_value(b, BLOCK_OUTCOMES, place_of(id), outcome_id);
	return b != NULL;
}

/* ---- from the rows ---- */

static bool fill(struct blocks *blocks, sqlite3_stmt *rows, struct error *err)
{
	int step;

	while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
		struct block_entry e = {.id = sqlite3_column_int64(rows, 0),
					.first_ns = sqlite3_column_int64(rows, 1),
					.duration_ns = sqlite3_column_int64(rows, 2)};

		for (int kind = BLOCK_OUTCOMES; kind < BLOCK_KINDS; kind++)
			e.value[kind] = sqlite3_column_int64(rows, 2 + kind);
		if (!blocks_add(blocks, &e, err))
			return false;
	}
	return step == SQLITE_DONE ? blocks_flush(blocks, err) : failed(blocks, err);
}

bool blocks_fill(sqlite3 *db, struct error *err)
{
	static const char sql[] =
		"SELECT id, first_ns, duration_ns, outcome_id, initiator_id, responder_id,"
		" ports & 65535, ports >> 16, path_id, application_id"
		" FROM connections ORDER BY id";
	struct blocks *blocks = blocks_new(db, err);
	sqlite3_stmt *rows = NULL;
	bool good = blocks != NULL;

	if (good && sqlite3_prepare_v2(db, sql, -1, &rows, NULL) != SQLITE_OK)
		good = failed(blocks, err);
	good = good && fill(blocks, rows, err);
	sqlite3_finalize(rows);
	blocks_free(blocks);
	return good;
}

bool blocks_drop_empty(sqlite3 *db, int64_t first, int64_t last, struct error *err)
{
	char sql[512];

	_Static_assert(BLOCK_KINDS == 8, "all kinds are named below");
	sqlite3_snprintf(
		sizeof(sql), sql,
		"DELETE FROM blocks WHERE id BETWEEN %lld AND %lld AND NOT EXISTS"
		" (SELECT 1 FROM connections AS c WHERE c.id BETWEEN blocks.id * %d AND"
		" blocks.id * %d + %d);"
		"DELETE FROM block_values WHERE kind IN (0, 1, 2, 3, 4, 5, 6, 7) AND block_id"
		" BETWEEN %lld AND %lld AND block_id NOT IN (SELECT id FROM blocks)",
		(long long)block_of(first), (long long)block_of(last), BLOCK_SIZE, BLOCK_SIZE,
		BLOCK_SIZE - 1, (long long)block_of(first), (long long)block_of(last));
	return schema_run(db, sql, err);
}
