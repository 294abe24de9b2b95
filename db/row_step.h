/* sqlite3_step() for rows whose texts are read.
 *
 * sqlite3_column_text() gives NULL where there is no memory for a text, as it does for NULL, and SQLite
 * tells so with the next step only: by then a wrong row would be written. Once a text could be had it
 * stays for as long as the row does. */
#ifndef LASTACK_DB_ROW_STEP_H
#define LASTACK_DB_ROW_STEP_H

#include <stdbool.h>

#include <sqlite3.h>

/* Whether all texts and blobs of the row can be had. sqlite3_errmsg() says why not. */
static inline bool row_is_whole(sqlite3_stmt *row)
{
	for (int i = 0; i < sqlite3_data_count(row); i++) {
		switch (sqlite3_column_type(row, i)) {
		case SQLITE_TEXT:
			if (!sqlite3_column_text(row, i))
				return false;
			break;
		case SQLITE_BLOB:
			if (!sqlite3_column_blob(row, i) && sqlite3_column_bytes(row, i) > 0)
				return false;
			break;
		default:
			break;
		}
	}
	return true;
}

/* The result code; SQLITE_NOMEM where the row is there but not whole. */
static inline int row_step(sqlite3_stmt *row)
{
	int step = sqlite3_step(row);

	return step != SQLITE_ROW || row_is_whole(row) ? step : SQLITE_NOMEM;
}

/* The column as text, whatever it is. False where there is no memory for it; *text is NULL for NULL. */
static inline bool row_text(sqlite3_stmt *row, int column, const char **text)
{
	int type = sqlite3_column_type(row, column);

	*text = (const char *)sqlite3_column_text(row, column);
	return *text || type == SQLITE_NULL;
}

#endif
