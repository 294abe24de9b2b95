#include "db/row_feed.h"

#include <stdlib.h>
#include <string.h>

#include "db/feed_table.h"
#include "db/row_image.h"

/* So many rows are worth an image, which costs as much as some thirty of them. */
enum { IMAGE_MIN = 64 };

static const char feed_name[] = "connection_feed";

struct row_feed {
	struct feed_rows rows;
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct row_image *image; /* owned; NULL until it is needed */
	bool no_image;           /* SQLite will not have it */
	struct connection_row row[ROW_FEED_ROOM];
};

static void put_column(const struct feed_rows *rows, size_t at, int column, sqlite3_context *result)
{
	const struct connection_row *row = &((const struct row_feed *)rows)->row[at];

	if (!row_is_null(row, column))
		sqlite3_result_int64(result, row->value[column]);
}

struct row_feed *row_feed_new(sqlite3 *db, struct error *err)
{
	struct row_feed *feed = malloc(sizeof(*feed));

	if (!feed) {
		error_set(err, "out of memory");
		return NULL;
	}
	feed->db = db;
	feed->insert = NULL;
	feed->image = NULL;
	feed->no_image = false;
	feed->rows = (struct feed_rows){
		.columns = ROW_COLUMNS, .room = ROW_FEED_ROOM, .column = put_column};
	if (feed_table_register(db, feed_name, &feed->rows, err))
		return feed;
	free(feed);
	return NULL;
}

void row_feed_free(struct row_feed *feed)
{
	if (!feed)
		return;
	sqlite3_finalize(feed->insert);
	row_image_free(feed->image);
	feed_table_remove(feed->db, feed_name);
	free(feed);
}

void row_feed_took(struct row_feed *feed)
{
	feed->rows.count++;
}

size_t row_feed_count(const struct row_feed *feed)
{
	return feed->rows.count;
}

static bool are_in_order(const struct row_feed *feed)
{
	for (size_t i = 1; i < feed->rows.count; i++)
		if (feed->row[i].value[ROW_ID] <= feed->row[i - 1].value[ROW_ID])
			return false;
	return true;
}

/* As many as an image takes, if they are worth one. */
static bool insert_image(struct row_feed *feed)
{
	size_t taken;

	if (feed->no_image || feed->rows.count < IMAGE_MIN || !are_in_order(feed))
		return true;
	if (!feed->image && !(feed->image = row_image_new(feed->db))) {
		feed->no_image = true;
		return true;
	}
	switch (row_image_insert(feed->image, feed->row, feed->rows.count, &taken)) {
	case ROW_IMAGE_DONE:
		feed->rows.count -= taken;
		memmove(feed->row, feed->row + taken, feed->rows.count * sizeof(feed->row[0]));
		return true;
	case ROW_IMAGE_UNAVAILABLE:
		feed->no_image = true;
		return true;
	case ROW_IMAGE_FAILED:
		break;
	}
	return false;
}

/* As temp's, so that nothing of that name in the file takes its place. */
static bool insert_rows(struct row_feed *feed)
{
	bool ok;

	if (feed->rows.count == 0)
		return true;
	if (!feed->insert &&
	    sqlite3_prepare_v3(feed->db,
			       "INSERT INTO connections(id, outcome_id, first_ns, duration_ns, "
			       "initiator_id, responder_id, ports, fin_back_ns_initiator, "
			       "fin_back_ns_responder, application_id, path_id, capture_id, "
			       "bytes_initiator, bytes_responder, first_packet, history_id, "
			       "packets_initiator, packets_responder, isns, fin_payloads, "
			       "fin_acked_ns_initiator, fin_acked_ns_responder, handshake_rtt_ns, "
			       "time_wait_observed_ns) SELECT * FROM temp.connection_feed",
			       -1, SQLITE_PREPARE_PERSISTENT, &feed->insert, NULL) != SQLITE_OK)
		return false;
	ok = sqlite3_step(feed->insert) == SQLITE_DONE;
	sqlite3_reset(feed->insert);
	return ok;
}

bool row_feed_insert(struct row_feed *feed)
{
	bool ok = insert_image(feed) && insert_rows(feed);

	feed->rows.count = 0;
	return ok;
}

struct connection_row *row_feed_place(struct row_feed *feed)
{
	if (feed->rows.count == ROW_FEED_ROOM && !insert_image(feed))
		return NULL;
	if (feed->rows.count == ROW_FEED_ROOM && !row_feed_insert(feed))
		return NULL;
	return &feed->row[feed->rows.count];
}

void row_feed_forget(struct row_feed *feed)
{
	feed->rows.count = 0;
}
