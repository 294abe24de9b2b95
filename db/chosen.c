#include "db/chosen.h"
#include "db/sql_error.h"

struct chosen_table {
	sqlite3_vtab base;
	const struct chosen *chosen;
};

struct chosen_cursor {
	sqlite3_vtab_cursor base;
	struct chosen chosen;
	size_t word; /* of its places; what has been told is taken out */
};

static int chosen_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
			  sqlite3_vtab **out, char **message)
{
	struct chosen_table *table = sqlite3_malloc(sizeof(*table));
	int result = table ? sqlite3_declare_vtab(db, "CREATE TABLE x(id INTEGER)") : SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	(void)message;
	if (result != SQLITE_OK) {
		sqlite3_free(table);
		return result;
	}
	*table = (struct chosen_table){.chosen = context};
	*out = &table->base;
	return SQLITE_OK;
}

static int chosen_disconnect(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

static int chosen_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedCost = BLOCK_SIZE;
	info->estimatedRows = BLOCK_SIZE;
	return SQLITE_OK;
}

static int chosen_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct chosen_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

	(void)table;
	if (!cursor)
		return SQLITE_NOMEM;
	*cursor = (struct chosen_cursor){.word = BLOCK_SIZE / 64};
	*out = &cursor->base;
	return SQLITE_OK;
}

static int chosen_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static void skip_empty(struct chosen_cursor *c)
{
	while (c->word < BLOCK_SIZE / 64 && c->chosen.places.word[c->word] == 0)
		c->word++;
}

static int chosen_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
			 sqlite3_value **argv)
{
	struct chosen_cursor *c = (struct chosen_cursor *)cursor;

	(void)number;
	(void)text;
	(void)argc;
	(void)argv;
	c->chosen = *((struct chosen_table *)cursor->pVtab)->chosen;
	c->word = 0;
	skip_empty(c);
	return SQLITE_OK;
}

static int chosen_next(sqlite3_vtab_cursor *cursor)
{
	struct chosen_cursor *c = (struct chosen_cursor *)cursor;

	c->chosen.places.word[c->word] &= c->chosen.places.word[c->word] - 1; /* its lowest bit */
	skip_empty(c);
	return SQLITE_OK;
}

static int chosen_eof(sqlite3_vtab_cursor *cursor)
{
	return ((const struct chosen_cursor *)cursor)->word >= BLOCK_SIZE / 64;
}

static int64_t chosen_id(const struct chosen_cursor *c)
{
	size_t bit = (size_t)__builtin_ctzll(c->chosen.places.word[c->word]);

	return block_connection(c->chosen.block_id, c->word * 64 + bit);
}

static int chosen_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
	(void)column;
	sqlite3_result_int64(result, chosen_id((const struct chosen_cursor *)cursor));
	return SQLITE_OK;
}

static int chosen_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = chosen_id((const struct chosen_cursor *)cursor);
	return SQLITE_OK;
}

/* Without xCreate it is there by its name alone, and no database can hold one. */
static const sqlite3_module chosen_module = {
	.iVersion = 1,
	.xConnect = chosen_connect,
	.xBestIndex = chosen_plan,
	.xDisconnect = chosen_disconnect,
	.xOpen = chosen_open,
	.xClose = chosen_close,
	.xFilter = chosen_filter,
	.xNext = chosen_next,
	.xEof = chosen_eof,
	.xColumn = chosen_column,
	.xRowid = chosen_rowid,
};

bool chosen_register(sqlite3 *db, const struct chosen *chosen, struct error *err)
{
	return sqlite3_create_module(db, "chosen", &chosen_module, (void *)(uintptr_t)chosen) ==
		       SQLITE_OK ||
	       sql_error(db, err);
}

void chosen_forget(sqlite3 *db)
{
	sqlite3_create_module(db, "chosen", NULL, NULL);
}
