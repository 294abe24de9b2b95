/* Connections of a block chosen by place, as the table-valued function chosen(id): a statement that joins it
 * looks up their rows one after the other, at a third of what a statement started for each would cost. */
#ifndef LASTACK_DB_CHOSEN_H
#define LASTACK_DB_CHOSEN_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/blocks.h"

struct chosen {
	int64_t block_id;
	struct place_set places;
};

/* Registers temp.chosen with the database: it gives the ids of what is chosen when a statement starts. */
bool chosen_register(sqlite3 *db, const struct chosen *chosen, struct error *err);
/* Before chosen goes; when all statements that name it are finalized. */
void chosen_forget(sqlite3 *db);

#endif
