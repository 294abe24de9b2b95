/* Rows of connections on their way into the table: gathered, then taken by one statement. Many go as a
 * row_image; SQLite reads few, and those of which it will not have one, as the table-valued function
 * connection_feed. */
#ifndef LASTACK_DB_ROW_FEED_H
#define LASTACK_DB_ROW_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"

/* The table's columns, in its order. */
enum row_column {
	ROW_ID,
	ROW_OUTCOME,
	ROW_FIRST_NS,
	ROW_DURATION_NS,
	ROW_INITIATOR,
	ROW_RESPONDER,
	ROW_PORTS,
	ROW_FIN_BACK_INITIATOR,
	ROW_FIN_BACK_RESPONDER,
	ROW_APPLICATION,
	ROW_PATH,
	ROW_CAPTURE,
	ROW_BYTES_INITIATOR,
	ROW_BYTES_RESPONDER,
	ROW_FIRST_PACKET,
	ROW_HISTORY,
	ROW_PACKETS_INITIATOR,
	ROW_PACKETS_RESPONDER,
	ROW_ISNS,
	ROW_FIN_PAYLOADS,
	ROW_FIN_ACKED_INITIATOR,
	ROW_FIN_ACKED_RESPONDER,
	ROW_HANDSHAKE_RTT_NS,
	ROW_TIME_WAIT_OBSERVED_NS,
	ROW_COLUMNS
};

/* NULL in the columns that may be; in others a value like any other. */
#define ROW_NULL INT64_MIN

struct connection_row {
	int64_t value[ROW_COLUMNS];
};

static inline bool row_is_null(const struct connection_row *row, int column)
{
	const uint32_t may_be = 1U << ROW_FIN_BACK_INITIATOR | 1U << ROW_FIN_BACK_RESPONDER |
				1U << ROW_APPLICATION | 1U << ROW_PATH |
				1U << ROW_FIN_ACKED_INITIATOR | 1U << ROW_FIN_ACKED_RESPONDER |
				1U << ROW_HANDSHAKE_RTT_NS | 1U << ROW_TIME_WAIT_OBSERVED_NS;

	return row->value[column] == ROW_NULL && (may_be >> column & 1);
}

/* About as many as an image holds of usual ones. */
enum { ROW_FEED_ROOM = 704 };

struct row_feed;

/* Registers connection_feed with the database, which must be closed after the feed is freed. NULL with
 * err. */
struct row_feed *row_feed_new(sqlite3 *db, struct error *err);
void row_feed_free(struct row_feed *feed);

/* The place of the next row, where some of what was gathered has been inserted if there was none; NULL: what
 * SQLite says. It counts once row_feed_took says so. */
struct connection_row *row_feed_place(struct row_feed *feed);
void row_feed_took(struct row_feed *feed);
size_t row_feed_count(const struct row_feed *feed);
/* Inserts what has been gathered, if anything has. False: what SQLite says. */
bool row_feed_insert(struct row_feed *feed);
/* Drops what has been gathered. */
void row_feed_forget(struct row_feed *feed);

#endif
