/* The schema: tables, views and indexes of the database, as docs/database.md documents them. */
#ifndef LASTACK_DB_SCHEMA_H
#define LASTACK_DB_SCHEMA_H

#include <stdbool.h>

#include <sqlite3.h>

#include "analyzer/finding.h"
#include "base/error.h"

enum {
	SCHEMA_APPLICATION_ID = 0x4c535441, /* "LSTA" */
	SCHEMA_VERSION = 7,                 /* PRAGMA user_version */
	SCHEMA_VERSION_OLDEST = 1,          /* that schema_migrate brings up to date */
};

/* Of which findings the index findings_code tells. Risks, which most connections may have, would take half as long
 * in it as their rows; without, where they are many they are found as quickly, where they are few all rows of
 * findings are read. SQLite uses it where a statement says so,
 * word by word. */
#define SCHEMA_FINDINGS_INDEXED "code_id <> 29"
_Static_assert(FINDING_DPI_RISK == 29, "that is what it says");

/* How a connection's state timeline is kept, column outcomes.timeline. */
enum timeline_kind {
	TIMELINE_STORED,  /* in states and dwells; no rows there: nothing to tell */
	TIMELINE_REGULAR, /* follows from the times of the FINs and their ACKs */
};

/* All run inside the caller's transaction; false with err that carries SQLite's message. */
bool schema_create(sqlite3 *db, struct error *err);
/* Makes the schema of an older version, SCHEMA_VERSION_OLDEST or later, this one's; the rows stay. */
bool schema_migrate(sqlite3 *db, struct error *err);
/* Adds finding codes that the database does not know yet. */
bool schema_add_finding_codes(sqlite3 *db, struct error *err);
/* The indexes that only queries need: made after a load, dropped before a load into empty tables. */
bool schema_create_indexes(sqlite3 *db, struct error *err);
bool schema_drop_indexes(sqlite3 *db, struct error *err);

/* The views; in views.c. */
bool schema_create_views(sqlite3 *db, struct error *err);
bool schema_drop_views(sqlite3 *db, struct error *err);
/* Where the file has another view than ours, or none, our own takes its place for this connection: a
 * temporary one. Others' views stay as they are. */
bool schema_own_views(sqlite3 *db, struct error *err);

/* Whether each of our tables that is there is a table of stored rows with the key by which it is joined: a
 * file may be anybody's, and a view or a virtual table of the name, or ids that are there again and again, could
 * give rows without end. Of any version. In schema_check.c. */
bool schema_check(sqlite3 *db, struct error *err);

/* Runs statements without results. */
bool schema_run(sqlite3 *db, const char *sql, struct error *err);

#endif
