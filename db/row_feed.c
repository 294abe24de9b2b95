#include "db/row_feed.h"

#include <stdlib.h>
#include <string.h>

#include "db/row_image.h"
#include "db/sql_error.h"

/* So many rows are worth an image, which costs as much as some thirty of them. */
enum { IMAGE_MIN = 64 };

struct row_feed {
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct row_image *image; /* owned; NULL until it is needed */
	bool no_image;           /* SQLite will not have it */
	size_t count;
	struct connection_row row[ROW_FEED_ROOM];
};

/* ---- the table-valued function ---- */

struct feed_table {
	sqlite3_vtab base;
	const struct row_feed *feed;
};

struct feed_cursor {
	sqlite3_vtab_cursor base;
	const struct row_feed *feed;
	size_t at;
};

static int feed_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
			sqlite3_vtab **out, char **message)
{
	struct feed_table *table = sqlite3_malloc(sizeof(*table));
	sqlite3_str *sql = sqlite3_str_new(db);
	char *text;
	int result;

	(void)argc;
	(void)argv;
	(void)message;
	sqlite3_str_appendall(sql, "CREATE TABLE x(c0");
	for (int i = 1; i < ROW_COLUMNS; i++)
		sqlite3_str_appendf(sql, ", c%d", i);
	sqlite3_str_appendall(sql, ")");
	text = sqlite3_str_finish(sql);
	result = table && text ? sqlite3_declare_vtab(db, text) : SQLITE_NOMEM;
	sqlite3_free(text);
	if (result != SQLITE_OK) {
		sqlite3_free(table);
		return result;
	}
	*table = (struct feed_table){.feed = context};
	*out = &table->base;
	return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

static int feed_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedCost = ROW_FEED_ROOM;
	info->estimatedRows = ROW_FEED_ROOM;
	return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct feed_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

	if (!cursor)
		return SQLITE_NOMEM;
	*cursor = (struct feed_cursor){.feed = ((struct feed_table *)table)->feed};
	*out = &cursor->base;
	return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static int feed_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
		       sqlite3_value **argv)
{
	(void)number;
	(void)text;
	(void)argc;
	(void)argv;
	((struct feed_cursor *)cursor)->at = 0;
	return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *cursor)
{
	((struct feed_cursor *)cursor)->at++;
	return SQLITE_OK;
}

static int feed_eof(sqlite3_vtab_cursor *cursor)
{
	const struct feed_cursor *c = (const struct feed_cursor *)cursor;

	return c->at >= c->feed->count;
}

/* What gives no result is NULL. */
static int feed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
	const struct feed_cursor *c = (const struct feed_cursor *)cursor;
	const struct connection_row *row = &c->feed->row[c->at];

	if (!row_is_null(row, column))
		sqlite3_result_int64(result, row->value[column]);
	return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = (sqlite3_int64)((const struct feed_cursor *)cursor)->at;
	return SQLITE_OK;
}

/* Without xCreate it is there by its name alone, and no database can hold one. */
static const sqlite3_module feed_module = {
	.iVersion = 1,
	.xConnect = feed_connect,
	.xBestIndex = feed_plan,
	.xDisconnect = feed_disconnect,
	.xOpen = feed_open,
	.xClose = feed_close,
	.xFilter = feed_filter,
	.xNext = feed_next,
	.xEof = feed_eof,
	.xColumn = feed_column,
	.xRowid = feed_rowid,
};

/* ---- rows ---- */

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
	feed->count = 0;
	if (sqlite3_create_module(db, "connection_feed", &feed_module, feed) == SQLITE_OK)
		return feed;
	sql_error(db, err);
	free(feed);
	return NULL;
}

void row_feed_free(struct row_feed *feed)
{
	if (!feed)
		return;
	sqlite3_finalize(feed->insert);
	row_image_free(feed->image);
	sqlite3_create_module(feed->db, "connection_feed", NULL, NULL);
	free(feed);
}

void row_feed_took(struct row_feed *feed)
{
	feed->count++;
}

size_t row_feed_count(const struct row_feed *feed)
{
	return feed->count;
}

static bool are_in_order(const struct row_feed *feed)
{
	for (size_t i = 1; i < feed->count; i++)
		if (feed->row[i].value[ROW_ID] <= feed->row[i - 1].value[ROW_ID])
			return false;
	return true;
}

/* As many as an image takes, if they are worth one. */
static bool insert_image(struct row_feed *feed)
{
	size_t taken;

	if (feed->no_image || feed->count < IMAGE_MIN || !are_in_order(feed))
		return true;
	if (!feed->image && !(feed->image = row_image_new(feed->db))) {
		feed->no_image = true;
		return true;
	}
	switch (row_image_insert(feed->image, feed->row, feed->count, &taken)) {
	case ROW_IMAGE_DONE:
		feed->count -= taken;
		memmove(feed->row, feed->row + taken, feed->count * sizeof(feed->row[0]));
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

	if (feed->count == 0)
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

	feed->count = 0;
	return ok;
}

struct connection_row *row_feed_place(struct row_feed *feed)
{
	if (feed->count == ROW_FEED_ROOM && !insert_image(feed))
		return NULL;
	if (feed->count == ROW_FEED_ROOM && !row_feed_insert(feed))
		return NULL;
	return &feed->row[feed->count];
}

void row_feed_forget(struct row_feed *feed)
{
	feed->count = 0;
}
