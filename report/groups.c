#include "report/groups.h"

#include <string.h>

#include "db/row_step.h"
#include "report/format.h"
#include "report/table.h"

enum { COLUMNS = 10 };

/* How a column is shown; the first one is the group's value. */
enum form { FORM_TEXT, FORM_COUNT, FORM_BYTES, FORM_DURATION };

static const struct {
	const char *title;
	enum form form;
} shown[COLUMNS] = {
	{NULL, FORM_TEXT},          {"connections", FORM_COUNT}, {"complete", FORM_COUNT},
	{"resets", FORM_COUNT},     {"findings", FORM_COUNT},    {"bytes", FORM_BYTES},
	{"median", FORM_DURATION},  {"90 %", FORM_DURATION},     {"99 %", FORM_DURATION},
	{"longest", FORM_DURATION},
};

static const char *cell(sqlite3_stmt *row, int column, char out[FORMAT_SIZE])
{
	int64_t value = sqlite3_column_int64(row, column);

	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return NULL;
	switch (shown[column].form) {
	case FORM_COUNT:
		return format_count(out, (uint64_t)value);
	case FORM_BYTES:
		return format_bytes(out, (uint64_t)value);
	case FORM_DURATION:
		return format_duration(out, value);
	default:
		return (const char *)sqlite3_column_text(row, column);
	}
}

bool groups_write_table(FILE *out, sqlite3_stmt *statement, uint64_t limit,
			const struct style *style, uint64_t *written, bool *cut, struct error *err)
{
	struct table_column columns[COLUMNS];
	struct table *table;
	int step = SQLITE_DONE;
	bool good = true;

	*written = 0;
	*cut = false;
	for (int i = 0; i < COLUMNS; i++)
		columns[i] = (struct table_column){i == 0 ? sqlite3_column_name(statement, 0)
							  : shown[i].title,
						   shown[i].form != FORM_TEXT};
	table = table_new(out, style, columns, COLUMNS, err);
	if (!table)
		return false;
	while (good && (step = row_step(statement)) == SQLITE_ROW) {
		char room[COLUMNS][FORMAT_SIZE];
		const char *cells[COLUMNS];

		*cut = limit > 0 && *written == limit;
		if (*cut)
			break;
		for (int i = 0; i < COLUMNS; i++)
			cells[i] = cell(statement, i, room[i]);
		good = table_row(table, cells, err);
		*written += good;
	}
	if (good && step != SQLITE_ROW && step != SQLITE_DONE)
		good = error_unnamed(err, "the query stopped: %s",
				     sqlite3_errmsg(sqlite3_db_handle(statement)));
	if (good)
		table_finish(table);
	table_free(table);
	return good;
}
