#include "db/finding_feed.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/verdict.h"
#include "db/sql_error.h"

/* The table's columns, in its order. */
enum column {
	CONNECTION,
	POSITION,
	CODE,
	SEVERITY,
	SIDE,
	TIME,
	PACKET,
	CAPTURE,
	COUNT,
	DETAIL,
	DETAIL_ID,
	COLUMNS,
	NUMBERS = DETAIL /* so many come before the text */
};

#define NONE INT64_MIN

struct finding_row {
	int64_t number[NUMBERS]; /* NONE: NULL */
	int64_t detail_id;       /* 0: NULL */
	char detail[sizeof(((struct finding *)NULL)->detail)];
};

struct finding_feed {
	sqlite3 *db;
	sqlite3_stmt *insert;
	size_t count;
	struct finding_row row[FINDING_FEED_ROOM];
};

/* ---- the table-valued function ---- */

struct feed_table {
	sqlite3_vtab base;
	const struct finding_feed *feed;
};

struct feed_cursor {
	sqlite3_vtab_cursor base;
	const struct finding_feed *feed;
	size_t at;
};

static int feed_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
			sqlite3_vtab **out, char **message)
{
	struct feed_table *table = sqlite3_malloc(sizeof(*table));
	int result = SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	(void)message;
	if (table)
		result = sqlite3_declare_vtab(
			db, "CREATE TABLE x(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10)");
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
	info->estimatedCost = FINDING_FEED_ROOM;
	info->estimatedRows = FINDING_FEED_ROOM;
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
	const struct finding_row *row = &c->feed->row[c->at];

	if (column < NUMBERS && row->number[column] != NONE)
		sqlite3_result_int64(result, row->number[column]);
	else if (column == DETAIL)
		sqlite3_result_text(result, row->detail, -1, SQLITE_STATIC);
	else if (column == DETAIL_ID && row->detail_id != 0)
		sqlite3_result_int64(result, row->detail_id);
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

struct finding_feed *finding_feed_new(sqlite3 *db, struct error *err)
{
	struct finding_feed *feed = malloc(sizeof(*feed));

	if (!feed) {
		error_set(err, "out of memory");
		return NULL;
	}
	feed->db = db;
	feed->insert = NULL;
	feed->count = 0;
	if (sqlite3_create_module(db, "finding_feed", &feed_module, feed) == SQLITE_OK)
		return feed;
	sql_error(db, err);
	free(feed);
	return NULL;
}

void finding_feed_free(struct finding_feed *feed)
{
	if (!feed)
		return;
	sqlite3_finalize(feed->insert);
	sqlite3_create_module(feed->db, "finding_feed", NULL, NULL);
	free(feed);
}

static void put_row(struct finding_row *row, const struct finding *f)
{
	bool sided = f->side == SIDE_INITIATOR || f->side == SIDE_RESPONDER;

	row->number[CODE] = f->code;
	row->number[SEVERITY] = f->severity;
	row->number[SIDE] = sided ? f->side : NONE;
	row->number[TIME] = f->ts_ns;
	row->number[PACKET] = f->packet != 0 ? (int64_t)f->packet : NONE;
	row->number[COUNT] = (int64_t)f->count;
}

bool finding_feed_add(struct finding_feed *feed, int64_t connection_id, int64_t position,
		      const struct finding *finding, int64_t capture_id, int64_t detail_id)
{
	struct finding_row *row;

	if (feed->count == FINDING_FEED_ROOM && !finding_feed_insert(feed))
		return false;
	row = &feed->row[feed->count++];
	put_row(row, finding);
	row->number[CONNECTION] = connection_id;
	row->number[POSITION] = position;
	row->number[CAPTURE] = capture_id;
	row->detail_id = detail_id;
	row->detail[0] = '\0';
	if (detail_id == 0)
		memcpy(row->detail, finding->detail, sizeof(row->detail));
	return true;
}

/* As temp's, so that nothing of that name in the file takes its place. */
static bool insert_rows(struct finding_feed *feed)
{
	bool ok;

	if (!feed->insert &&
	    sqlite3_prepare_v3(feed->db,
			       "INSERT INTO finding_rows(connection_id, position, code_id, "
			       "severity, side, ts_ns, packet, capture_id, count, detail, "
			       "detail_id) SELECT * FROM temp.finding_feed",
			       -1, SQLITE_PREPARE_PERSISTENT, &feed->insert, NULL) != SQLITE_OK)
		return false;
	ok = sqlite3_step(feed->insert) == SQLITE_DONE;
	sqlite3_reset(feed->insert);
	return ok;
}

bool finding_feed_insert(struct finding_feed *feed)
{
	bool ok = feed->count == 0 || insert_rows(feed);

	feed->count = 0;
	return ok;
}

void finding_feed_forget(struct finding_feed *feed)
{
	feed->count = 0;
}
