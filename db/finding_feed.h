/* Rows of findings on their way into the table: gathered, then taken by one statement, which reads them as the
 * table-valued function finding_feed. A statement each would cost twice as much, and with nDPI most connections
 * may have one. */
#ifndef LASTACK_DB_FINDING_FEED_H
#define LASTACK_DB_FINDING_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/finding.h"
#include "base/error.h"

enum { FINDING_FEED_ROOM = 256 };

struct finding_feed;

/* Registers finding_feed with the database, which must be closed after the feed is freed. NULL with err. */
struct finding_feed *finding_feed_new(sqlite3 *db, struct error *err);
void finding_feed_free(struct finding_feed *feed); /* NULL is fine */

/* The finding is copied. detail_id: of its sentence in finding_details; 0: the row has it. False, what SQLite
 * says: there was no room, and what had been gathered could not be inserted. */
bool finding_feed_add(struct finding_feed *feed, int64_t connection_id, int64_t position,
		      const struct finding *finding, int64_t capture_id, int64_t detail_id);
/* Inserts what has been gathered, if anything has. False: what SQLite says. */
bool finding_feed_insert(struct finding_feed *feed);
/* Drops what has been gathered. */
void finding_feed_forget(struct finding_feed *feed);

#endif
