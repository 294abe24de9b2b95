/* Many rows of connections at once. They are laid out as a table of a database in memory, as SQLite's file
 * format says (https://sqlite.org/fileformat2.html), and inserted from there: a statement that does no more
 * than copy one table into another with the same columns takes the records as they are. Having SQLite make
 * them, column by column, costs twice as much, all told. Nothing depends on it but time: where SQLite
 * sees fit, as when somebody has made an index of the table, it reads the columns. */
#ifndef LASTACK_DB_ROW_IMAGE_H
#define LASTACK_DB_ROW_IMAGE_H

#include <stddef.h>

#include <sqlite3.h>

#include "db/row_feed.h"

struct row_image;

/* Belongs to the connection, whose attached database row_image it is. NULL: out of memory, or SQLite will not
 * have it. */
struct row_image *row_image_new(sqlite3 *db);
/* Outside of transactions, and before the connection is closed. NULL is fine. */
void row_image_free(struct row_image *image);

enum row_image_result {
	ROW_IMAGE_DONE,
	ROW_IMAGE_FAILED,      /* what SQLite says */
	ROW_IMAGE_UNAVAILABLE, /* no row was touched: they have to go another way */
};

/* Inserts rows in the order of their ids, as many as it has room for: *taken. */
enum row_image_result row_image_insert(struct row_image *image, const struct connection_row *rows,
				       size_t count, size_t *taken);

#endif
