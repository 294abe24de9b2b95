#include "db/finding_feed.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/verdict.h"
#include "db/feed_table.h"

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

static const char feed_name[] = "finding_feed";

struct finding_feed {
	struct feed_rows rows;
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct finding_row row[FINDING_FEED_ROOM];
};

static void put_column(const struct feed_rows *rows, size_t at, int column, sqlite3_context *result)
{
	const struct finding_row *row = &((const struct finding_feed *)rows)->row[at];

	if (column < NUMBERS && row->number[column] != NONE)
		sqlite3_result_int64(result, row->number[column]);
	else if (column == DETAIL)
		sqlite3_result_text(result, row->detail, -1, SQLITE_STATIC);
	else if (column == DETAIL_ID && row->detail_id != 0)
		sqlite3_result_int64(result, row->detail_id);
}

struct finding_feed *finding_feed_new(sqlite3 *db, struct error *err)
{
	struct finding_feed *feed = malloc(sizeof(*feed));

	if (!feed) {
		error_set(err, "out of memory");
		return NULL;
	}
	feed->db = db;
	feed->insert = NULL;
	feed->rows = (struct feed_rows){
		.columns = COLUMNS, .room = FINDING_FEED_ROOM, .column = put_column};
	if (feed_table_register(db, feed_name, &feed->rows, err))
		return feed;
	free(feed);
	return NULL;
}

void finding_feed_free(struct finding_feed *feed)
{
	if (!feed)
		return;
	sqlite3_finalize(feed->insert);
	feed_table_remove(feed->db, feed_name);
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

	if (feed->rows.count == FINDING_FEED_ROOM && !finding_feed_insert(feed))
		return false;
	row = &feed->row[feed->rows.count++];
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
	bool ok = feed->rows.count == 0 || insert_rows(feed);

	feed->rows.count = 0;
	return ok;
}

void finding_feed_forget(struct finding_feed *feed)
{
	feed->rows.count = 0;
}
