/* Rows gathered in memory, which a statement reads as a table-valued function: an INSERT takes many at once. */
#ifndef LASTACK_DB_FEED_TABLE_H
#define LASTACK_DB_FEED_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "base/error.h"

/* The first member of what has the rows. */
struct feed_rows {
	int columns;
	size_t room;  /* for so many rows: what SQLite plans with */
	size_t count; /* of them are there */
	/* Gives a value to the result; none is NULL. */
	void (*column)(const struct feed_rows *rows, size_t at, int column,
		       sqlite3_context *result);
};

/* Registers the function, without arguments; its columns are c0, c1, ... False with err. As temp.NAME a statement
 * reads it whatever the file has of that name. */
bool feed_table_register(sqlite3 *db, const char *name, struct feed_rows *rows, struct error *err);
void feed_table_remove(sqlite3 *db, const char *name);

#endif
