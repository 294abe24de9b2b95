/* A file's own schema, held against ours before anything of it is read.
 *
 * SQLite itself sees to it, as it reads a schema, that type and name of a row of sqlite_schema are those of
 * the statement beside them; a statement is compiled only when it is used. Keys must be ours since our
 * joins rely on them: where each of a dozen tables had a hundred rows of one id, a connection would be 100^12 rows. */
#include "db/schema.h"

#include <string.h>

#include "db/schema_tables.h"
#include "db/sql_error.h"

enum { NAME_MAX_SIZE = 64 };

/* A row may say its type in letters of any case. Of the columns of a view or virtual table SQLite would have to
 * ask what it is made of: those are not looked into. */
static const char look_sql[] = "SELECT name, type = 'view' COLLATE NOCASE,"
			       " type = 'table' AND sql LIKE 'CREATE TABLE%' FROM sqlite_schema"
			       " WHERE type COLLATE NOCASE NOT IN ('index', 'trigger')";

/* Columns that are generated; of the primary key; of it, such as are what it should be. */
static const char columns_sql[] =
	"SELECT count(*) FILTER (WHERE hidden > 1), count(*) FILTER (WHERE pk),"
	" count(*) FILTER (WHERE pk AND name = ?2 COLLATE NOCASE AND type = 'INTEGER' COLLATE "
	"NOCASE)"
	" FROM pragma_table_xinfo(?1, 'main')";

/* Of a statement of ours that makes a table. */
struct wanted {
	char name[NAME_MAX_SIZE];
	char key[NAME_MAX_SIZE]; /* INTEGER PRIMARY KEY; "" without */
};

static void read_statement(const char *sql, struct wanted *wanted)
{
	static const char is_key[] = " INTEGER PRIMARY KEY";
	const char *name = sql + strlen("CREATE TABLE ");
	const char *column = name + strcspn(name, "(");
	size_t length;

	sqlite3_snprintf(NAME_MAX_SIZE, wanted->name, "%.*s", (int)strcspn(name, "( "), name);
	column += strspn(column, "( ");
	length = strcspn(column, " ");
	if (strncmp(column + length, is_key, strlen(is_key)) != 0)
		length = 0;
	sqlite3_snprintf(NAME_MAX_SIZE, wanted->key, "%.*s", (int)length, column);
}

/* Whether a table of the name is ours. */
static bool find_wanted(const char *name, struct wanted *wanted)
{
	for (size_t i = 0; i < schema_table_count; i++) {
		read_statement(schema_tables[i].sql, wanted);
		if (sqlite3_stricmp(wanted->name, name) == 0)
			return true;
	}
	*wanted = (struct wanted){.name = "alerts"};
	return sqlite3_stricmp(wanted->name, name) == 0;
}

static bool differs(const char *name, const char *how, struct error *err)
{
	return error_set(err,
			 "is not as lastack makes it: %s %s; move it away and analyze the captures "
			 "again",
			 name, how);
}

static bool columns_check(sqlite3 *db, sqlite3_stmt *columns, const struct wanted *wanted,
			  struct error *err)
{
	bool good;

	sqlite3_bind_text(columns, 1, wanted->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(columns, 2, wanted->key, -1, SQLITE_STATIC);
	if (sqlite3_step(columns) != SQLITE_ROW)
		good = sql_error(db, err);
	else if (sqlite3_column_int(columns, 0) > 0)
		good = differs(wanted->name, "has generated columns there", err);
	else
		good = wanted->key[0] == '\0' ||
		       (sqlite3_column_int(columns, 1) == 1 &&
			sqlite3_column_int(columns, 2) == 1) ||
		       differs(wanted->name, "has another key there", err);
	sqlite3_reset(columns);
	return good;
}

static bool row_check(sqlite3 *db, sqlite3_stmt *look, sqlite3_stmt *columns, struct error *err)
{
	const char *name = (const char *)sqlite3_column_text(look, 0);
	struct wanted wanted;

	if (!name)
		return error_set(err, "out of memory");
	if (!find_wanted(name, &wanted))
		return true;
	if (sqlite3_column_int(look, 1))
		return differs(wanted.name, "is a view there, not a table", err);
	if (!sqlite3_column_int(look, 2))
		return differs(wanted.name, "is a virtual table there, not one of rows", err);
	return columns_check(db, columns, &wanted, err);
}

bool schema_check(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *look = NULL, *columns = NULL;
	int step = SQLITE_DONE;
	bool good = true;

	if (sqlite3_prepare_v2(db, look_sql, -1, &look, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, columns_sql, -1, &columns, NULL) != SQLITE_OK)
		good = sql_error(db, err);
	while (good && (step = sqlite3_step(look)) == SQLITE_ROW)
		good = row_check(db, look, columns, err);
	if (good && step != SQLITE_DONE)
		good = sql_error(db, err);
	sqlite3_finalize(columns);
	sqlite3_finalize(look);
	return good;
}
