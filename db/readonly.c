#include "db/readonly.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Pragmas that describe. The first group's argument names a table or index, or limits a count; the
 * second group's argument would set something. */
static const char *const describing[] = {
	"table_info",    "table_xinfo",      "table_list",        "index_list",  "index_info",
	"index_xinfo",   "foreign_key_list", "foreign_key_check", "quick_check", "integrity_check",
	"database_list", "collation_list",   "function_list",     "pragma_list", "compile_options",
};
static const char *const telling[] = {
	"application_id", "user_version", "schema_version", "page_size",    "page_count",
	"freelist_count", "encoding",     "data_version",   "foreign_keys", "query_only",
};

static bool listed(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sqlite3_stricmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool pragma_allowed(const char *name, const char *argument)
{
	if (listed(name, describing, sizeof(describing) / sizeof(describing[0])))
		return true;
	return !argument && listed(name, telling, sizeof(telling) / sizeof(telling[0]));
}

static int authorize(void *context, int action, const char *first, const char *second,
		     const char *database, const char *trigger)
{
	(void)context, (void)database, (void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_UPDATE:
		/* Asked when a table-valued function (pragma_table_info, json_each) is first used;
		 * SQLite itself refuses the statement UPDATE sqlite_schema. */
		return strcmp(first, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_FUNCTION:
		return sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		return pragma_allowed(first, second) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

void readonly_enforce(sqlite3 *db)
{
	sqlite3_set_authorizer(db, authorize, NULL);
}
