/* Lets a database handle do nothing but read. */
#ifndef LASTACK_DB_READONLY_H
#define LASTACK_DB_READONLY_H

#include <sqlite3.h>

/* From here on every statement prepared on db may only read; the rest fails to prepare with "not
 * authorized". */
void readonly_enforce(sqlite3 *db);

#endif
