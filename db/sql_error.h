/* What SQLite says of the last call that failed, without the file's name: who knows it puts it in front
 * (store_failed, store_name_error). */
#ifndef LASTACK_DB_SQL_ERROR_H
#define LASTACK_DB_SQL_ERROR_H

#include <sqlite3.h>

#include "base/error.h"

static inline bool sql_error(sqlite3 *db, struct error *err)
{
	return error_unnamed(err, "%s", sqlite3_errmsg(db));
}

#endif
