#include "report/teardowns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/row_step.h"
#include "report/format.h"
#include "report/table.h"

enum { CELL_SIZE = 96, DAY_LENGTH = 10, PEEK_ROWS = 1000 };

enum cell {
	CELL_ID,
	CELL_TIME,
	CELL_INITIATOR,
	CELL_RESPONDER,
	CELL_TEARDOWN,
	CELL_CLOSER,
	CELL_COMPLETE,
	CELL_FINS,
	CELL_END,
	CELLS
};

/* The view's columns that the cells are made of. */
enum field {
	FIELD_ID,
	FIELD_FIRST,
	FIELD_INITIATOR_IP,
	FIELD_INITIATOR_PORT,
	FIELD_RESPONDER_IP,
	FIELD_RESPONDER_PORT,
	FIELD_TEARDOWN,
	FIELD_CLOSER,
	FIELD_COMPLETE,
	FIELD_FIN_INITIATOR,
	FIELD_FIN_RESPONDER,
	FIELD_END_REASON,
	FIELD_TIME_WAIT,
	FIELD_RST_CAUSE,
	FIELDS
};

static const char *const field_name[FIELDS] = {
	[FIELD_ID] = "connection_id",
	[FIELD_FIRST] = "first_ns",
	[FIELD_INITIATOR_IP] = "initiator_ip",
	[FIELD_INITIATOR_PORT] = "initiator_port",
	[FIELD_RESPONDER_IP] = "responder_ip",
	[FIELD_RESPONDER_PORT] = "responder_port",
	[FIELD_TEARDOWN] = "teardown",
	[FIELD_CLOSER] = "closer",
	[FIELD_COMPLETE] = "complete",
	[FIELD_FIN_INITIATOR] = "fin_check_initiator",
	[FIELD_FIN_RESPONDER] = "fin_check_responder",
	[FIELD_END_REASON] = "end_reason",
	[FIELD_TIME_WAIT] = "time_wait_check",
	[FIELD_RST_CAUSE] = "rst_cause",
};

struct row {
	char cell[CELLS][CELL_SIZE]; /* the time in full */
};

struct listing {
	sqlite3_stmt *statement;
	int column[FIELDS];
	struct row *rows; /* the first ones, held until it is known whether they are of one day */
	size_t count;
	char day[DAY_LENGTH + 1]; /* of all rows held; empty: they differ */
};

static const char *field_text(const struct listing *listing, enum field field)
{
	const unsigned char *text = sqlite3_column_text(listing->statement, listing->column[field]);

	return text ? (const char *)text : "-";
}

static void cell_endpoint(const struct listing *listing, enum field ip, char out[CELL_SIZE])
{
	const char *address = field_text(listing, ip);
	const char *form = strchr(address, ':') ? "[%s]:%s" : "%s:%s";

	snprintf(out, CELL_SIZE, form, address, field_text(listing, ip + 1));
}

/* A reset excludes a TIME_WAIT verdict, so that one cell holds what matters of the end. */
static void cell_end(const struct listing *listing, char out[CELL_SIZE])
{
	const char *cause = field_text(listing, FIELD_RST_CAUSE);
	const char *time_wait = field_text(listing, FIELD_TIME_WAIT);

	if (strcmp(cause, "-") != 0)
		snprintf(out, CELL_SIZE, "rst %s", cause);
	else if (strcmp(time_wait, "not_applicable") != 0)
		snprintf(out, CELL_SIZE, "time_wait %s", time_wait);
	else
		snprintf(out, CELL_SIZE, "%s", field_text(listing, FIELD_END_REASON));
}

static void read_row(const struct listing *listing, struct row *row)
{
	char time[FORMAT_SIZE];
	int complete = sqlite3_column_int(listing->statement, listing->column[FIELD_COMPLETE]);

	format_time(time, sqlite3_column_int64(listing->statement, listing->column[FIELD_FIRST]));
	snprintf(row->cell[CELL_ID], CELL_SIZE, "%s", field_text(listing, FIELD_ID));
	snprintf(row->cell[CELL_TIME], CELL_SIZE, "%s", time);
	cell_endpoint(listing, FIELD_INITIATOR_IP, row->cell[CELL_INITIATOR]);
	cell_endpoint(listing, FIELD_RESPONDER_IP, row->cell[CELL_RESPONDER]);
	snprintf(row->cell[CELL_TEARDOWN], CELL_SIZE, "%s", field_text(listing, FIELD_TEARDOWN));
	snprintf(row->cell[CELL_CLOSER], CELL_SIZE, "%s", field_text(listing, FIELD_CLOSER));
	snprintf(row->cell[CELL_COMPLETE], CELL_SIZE, "%s", complete ? "yes" : "no");
	snprintf(row->cell[CELL_FINS], CELL_SIZE, "%s/%s", field_text(listing, FIELD_FIN_INITIATOR),
		 field_text(listing, FIELD_FIN_RESPONDER));
	cell_end(listing, row->cell[CELL_END]);
}

static bool emit(const struct listing *listing, struct table *table, const struct row *row,
		 struct error *err)
{
	const char *cells[CELLS];
	const char *time = row->cell[CELL_TIME];
	bool that_day = listing->day[0] && strncmp(time, listing->day, DAY_LENGTH) == 0;

	for (size_t i = 0; i < CELLS; i++)
		cells[i] = row->cell[i];
	if (that_day)
		cells[CELL_TIME] = time + DAY_LENGTH + 1;
	return table_row(table, cells, err);
}

static bool find_columns(struct listing *listing, struct error *err)
{
	int count = sqlite3_column_count(listing->statement);

	for (size_t field = 0; field < FIELDS; field++) {
		listing->column[field] = -1;
		for (int i = 0; i < count; i++) {
			const char *name = sqlite3_column_name(listing->statement, i);

			if (name && strcmp(name, field_name[field]) == 0)
				listing->column[field] = i;
		}
		if (listing->column[field] < 0)
			return error_set(err, "the query gives no column '%s'", field_name[field]);
	}
	return true;
}

/* One row further: SQLITE_ROW filled into row, SQLITE_DONE at the end or the limit. */
static int next_row(struct listing *listing, uint64_t limit, uint64_t done, bool *cut,
		    struct row *row)
{
	int step = row_step(listing->statement);

	for (int field = 0; step == SQLITE_ROW && field < FIELDS; field++) {
		const char *text;

		if (!row_text(listing->statement, listing->column[field], &text))
			step = SQLITE_NOMEM;
	}
	*cut = step == SQLITE_ROW && limit > 0 && done == limit;
	if (*cut)
		return SQLITE_DONE;
	if (step == SQLITE_ROW)
		read_row(listing, row);
	return step;
}

static int peek(struct listing *listing, uint64_t limit, bool *cut)
{
	int step = SQLITE_ROW;

	while (listing->count < PEEK_ROWS) {
		struct row *row = &listing->rows[listing->count];

		step = next_row(listing, limit, listing->count, cut, row);
		if (step != SQLITE_ROW)
			break;
		if (listing->count++ == 0)
			snprintf(listing->day, sizeof(listing->day), "%.*s", DAY_LENGTH,
				 row->cell[CELL_TIME]);
		if (strncmp(row->cell[CELL_TIME], listing->day, DAY_LENGTH) != 0)
			listing->day[0] = '\0';
	}
	return step;
}

static bool write_listing(struct listing *listing, FILE *out, uint64_t limit,
			  const struct style *style, uint64_t *written, bool *cut,
			  struct error *err)
{
	char time_title[32] = "time (UTC)";
	struct table_column columns[CELLS] = {
		[CELL_ID] = {"id", true},
		[CELL_TIME] = {time_title, false},
		[CELL_INITIATOR] = {"initiator", false},
		[CELL_RESPONDER] = {"responder", false},
		[CELL_TEARDOWN] = {"teardown", false},
		[CELL_CLOSER] = {"closer", false},
		[CELL_COMPLETE] = {"done", false},
		[CELL_FINS] = {"fin checks", false},
		[CELL_END] = {"end", false},
	};
	struct row row;
	struct table *table;
	bool good = true;
	int step = peek(listing, limit, cut);

	if (listing->day[0])
		snprintf(time_title, sizeof(time_title), "%s UTC", listing->day);
	table = table_new(out, style, columns, CELLS, err);
	for (size_t i = 0; table && good && i < listing->count; i++)
		good = emit(listing, table, &listing->rows[i], err);
	*written = listing->count;
	while (table && good && step == SQLITE_ROW) {
		step = next_row(listing, limit, *written, cut, &row);
		if (step == SQLITE_ROW)
			good = emit(listing, table, &row, err);
		*written += step == SQLITE_ROW;
	}
	if (table && good && step != SQLITE_DONE)
		good = error_unnamed(err, "the query stopped: %s",
				     sqlite3_errmsg(sqlite3_db_handle(listing->statement)));
	if (table && good)
		table_finish(table);
	good = good && table;
	table_free(table);
	return good;
}

bool teardowns_write_table(FILE *out, sqlite3_stmt *statement, uint64_t limit,
			   const struct style *style, uint64_t *written, bool *cut,
			   struct error *err)
{
	struct listing listing = {.statement = statement};
	bool good;

	*written = 0;
	*cut = false;
	if (!find_columns(&listing, err))
		return false;
	listing.rows = calloc(PEEK_ROWS, sizeof(*listing.rows));
	if (!listing.rows)
		return error_set(err, "no memory for a table");
	good = write_listing(&listing, out, limit, style, written, cut, err);
	free(listing.rows);
	return good;
}
