/* A file's own schema, held against ours before anything of it is read.
 *
 * SQLite itself sees to it, as it reads a schema, that type and name of a row of sqlite_schema are those of
 * the statement beside them; a statement is compiled only when it is used. */
#include "db/schema.h"

#include <string.h>

#include "db/schema_tables.h"

enum { TABLE_NAME_MAX = 64 };

/* The columns of a view would be those of all that it is made of, a virtual table would be asked itself:
 * neither is looked into. */
static const char look_sql[] =
	"SELECT type, stored, CASE WHEN stored THEN"
	" (SELECT count(*) FROM pragma_table_xinfo(s.name, 'main') WHERE hidden > 1) END"
	" FROM (SELECT type, name, type = 'table' AND sql LIKE 'CREATE TABLE%' AS stored"
	" FROM sqlite_schema WHERE type <> 'index' AND name = ?1 COLLATE NOCASE) AS s";

static bool differs(const char *name, const char *how, struct error *err)
{
	return error_set(err,
			 "is not as lastack makes it: %s %s; move it away and analyze the captures "
			 "again",
			 name, how);
}

static bool row_check(sqlite3_stmt *look, const char *name, struct error *err)
{
	const char *type = (const char *)sqlite3_column_text(look, 0);

	if (!type)
		return error_set(err, "out of memory");
	if (strcmp(type, "table") != 0)
		return differs(name, "is a view there, not a table", err);
	if (!sqlite3_column_int(look, 1))
		return differs(name, "is a virtual table there, not one of rows", err);
	return sqlite3_column_int(look, 2) == 0 ||
	       differs(name, "has generated columns there", err);
}

/* What the statement that makes it calls it. */
static void name_of(const char *sql, char name[TABLE_NAME_MAX])
{
	const char *begin = sql + strlen("CREATE TABLE ");

	sqlite3_snprintf(TABLE_NAME_MAX, name, "%.*s", (int)strcspn(begin, "( "), begin);
}

static bool table_check(sqlite3 *db, sqlite3_stmt *look, const char *name, struct error *err)
{
	bool good = true;
	int step;

	sqlite3_bind_text(look, 1, name, -1, SQLITE_TRANSIENT);
	while (good && (step = sqlite3_step(look)) != SQLITE_DONE)
		good = step == SQLITE_ROW ? row_check(look, name, err)
					  : error_set(err, "%s", sqlite3_errmsg(db));
	sqlite3_reset(look);
	return good;
}

bool schema_check(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *look;
	bool good = true;

	if (sqlite3_prepare_v2(db, look_sql, -1, &look, NULL) != SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	for (size_t i = 0; good && i < schema_table_count; i++) {
		char name[TABLE_NAME_MAX];

		name_of(schema_tables[i].sql, name);
		good = table_check(db, look, name, err);
	}
	good = good && table_check(db, look, "alerts", err);
	sqlite3_finalize(look);
	return good;
}
