/* Opening the database's file: is it one of ours, may it be created, who else uses it.
 *
 * A file that is not lastack's is recognised by its first bytes, before SQLite sees it: SQLite might
 * already write to it (an unfinished transaction of its owner's is rolled back on opening). */
#ifndef LASTACK_DB_DATABASE_FILE_H
#define LASTACK_DB_DATABASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/store.h"

struct database_file {
	sqlite3 *db;
	char *path;   /* owned copy, as given */
	bool memory;  /* ":memory:" */
	bool created; /* by this run, and nothing committed so far */
	bool has_schema;
	bool outdated; /* of an older version; brought up to date before it is used */
	/* of SQLite's virtual machine, where the file is only read: taken, and as many as a sound file can need; then all
	 * statements end */
	int64_t steps, steps_max;
};

/* On false nothing is left open and err names the path. */
bool database_file_open(const char *path, enum store_mode mode, struct database_file *file,
			struct error *err);
/* Removes the file again if this run created it and nothing was committed to it. */
void database_file_close(struct database_file *file);

/* There was more to read than a file of its size can hold: the steps are used up. */
bool database_file_is_endless(const struct database_file *file);
/* Statements of the user's may take as many steps as they like. */
void database_file_allow_all_steps(struct database_file *file);

/* The same path still leads to the file that is open. */
bool database_file_in_place(const struct database_file *file);

/* What SQLite says, in the user's terms: err becomes "PATH: ...". Returns false. */
bool database_file_error(const struct database_file *file, struct error *err);

#endif
