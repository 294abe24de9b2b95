/* Connections of a database as what they are found by in a capture. */
#ifndef LASTACK_DB_WANTED_H
#define LASTACK_DB_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/store.h"
#include "streams/selection.h"

/* Adds all rows of a statement that gives columns of `teardowns`, as query_prepare() does; ids: with
 * the ids they have there. */
bool wanted_rows(sqlite3_stmt *rows, bool ids, struct selection *selection, struct error *err);
/* Adds the connection with this id. *there is false where there is none. */
bool wanted_connection(struct store *store, int64_t id, struct selection *selection, bool *there,
		       struct error *err);

#endif
