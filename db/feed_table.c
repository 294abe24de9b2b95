#include "db/feed_table.h"

#include "db/sql_error.h"

struct feed_table {
	sqlite3_vtab base;
	const struct feed_rows *rows;
};

struct feed_cursor {
	sqlite3_vtab_cursor base;
	const struct feed_rows *rows;
	size_t at;
};

static int declare(sqlite3 *db, const struct feed_rows *rows)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	char *text;
	int result;

	sqlite3_str_appendall(sql, "CREATE TABLE x(c0");
	for (int i = 1; i < rows->columns; i++)
		sqlite3_str_appendf(sql, ", c%d", i);
	sqlite3_str_appendall(sql, ")");
	text = sqlite3_str_finish(sql);
	result = text ? sqlite3_declare_vtab(db, text) : SQLITE_NOMEM;
	sqlite3_free(text);
	return result;
}

static int feed_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
			sqlite3_vtab **out, char **message)
{
	struct feed_table *table = sqlite3_malloc(sizeof(*table));
	int result = table ? declare(db, context) : SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	(void)message;
	if (result != SQLITE_OK) {
		sqlite3_free(table);
		return result;
	}
	*table = (struct feed_table){.rows = context};
	*out = &table->base;
	return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

static int feed_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	size_t room = ((struct feed_table *)table)->rows->room;

	info->estimatedCost = (double)room;
	info->estimatedRows = (sqlite3_int64)room;
	return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct feed_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

	if (!cursor)
		return SQLITE_NOMEM;
	*cursor = (struct feed_cursor){.rows = ((struct feed_table *)table)->rows};
	*out = &cursor->base;
	return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static int feed_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
		       sqlite3_value **argv)
{
	(void)number;
	(void)text;
	(void)argc;
	(void)argv;
	((struct feed_cursor *)cursor)->at = 0;
	return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *cursor)
{
	((struct feed_cursor *)cursor)->at++;
	return SQLITE_OK;
}

static int feed_eof(sqlite3_vtab_cursor *cursor)
{
	const struct feed_cursor *c = (const struct feed_cursor *)cursor;

	return c->at >= c->rows->count;
}

static int feed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
	const struct feed_cursor *c = (const struct feed_cursor *)cursor;

	c->rows->column(c->rows, c->at, column, result);
	return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = (sqlite3_int64)((const struct feed_cursor *)cursor)->at;
	return SQLITE_OK;
}

/* Without xCreate it is there by its name alone, and no database can hold one. */
static const sqlite3_module feed_module = {
	.iVersion = 1,
	.xConnect = feed_connect,
	.xBestIndex = feed_plan,
	.xDisconnect = feed_disconnect,
	.xOpen = feed_open,
	.xClose = feed_close,
	.xFilter = feed_filter,
	.xNext = feed_next,
	.xEof = feed_eof,
	.xColumn = feed_column,
	.xRowid = feed_rowid,
};

bool feed_table_register(sqlite3 *db, const char *name, struct feed_rows *rows, struct error *err)
{
	return sqlite3_create_module(db, name, &feed_module, rows) == SQLITE_OK ||
	       sql_error(db, err);
}

void feed_table_remove(sqlite3 *db, const char *name)
{
	sqlite3_create_module(db, name, NULL, NULL);
}
