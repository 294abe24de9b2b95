/* The strings a recording is searched for. What was found is in connection_rows.c. */
#include <stdlib.h>

#include "db/store_private.h"

enum { MARKS, IDS, RECORDING_MARKS, STATEMENTS };

static const char *const statement_sql[STATEMENTS] = {
	[MARKS] = "INSERT INTO marks(text, bytes) VALUES(?1, ?2) ON CONFLICT DO NOTHING",
	[IDS] = "SELECT id FROM marks WHERE bytes = ?1",
	[RECORDING_MARKS] = ("INSERT INTO recording_marks(recording_id, mark_id) VALUES(?1, ?2) "
			     "ON CONFLICT DO NOTHING"),
};

static bool add(sqlite3_stmt *const s[STATEMENTS], int64_t recording_id,
		const struct recording_mark *mark, int64_t *id)
{
	bool ok;

	sqlite3_bind_text(s[MARKS], 1, mark->text, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(s[MARKS], 2, mark->bytes, mark->length, SQLITE_STATIC);
	sqlite3_bind_blob64(s[IDS], 1, mark->bytes, mark->length, SQLITE_STATIC);
	ok = sqlite3_step(s[MARKS]) == SQLITE_DONE && sqlite3_step(s[IDS]) == SQLITE_ROW;
	*id = ok ? sqlite3_column_int64(s[IDS], 0) : 0;
	sqlite3_bind_int64(s[RECORDING_MARKS], 1, recording_id);
	sqlite3_bind_int64(s[RECORDING_MARKS], 2, *id);
	ok = ok && sqlite3_step(s[RECORDING_MARKS]) == SQLITE_DONE;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_reset(s[i]);
	return ok;
}

bool marks_add(struct store *store, const struct recording *recording, struct error *err)
{
	sqlite3_stmt *s[STATEMENTS] = {NULL};
	bool ok = true;

	free(store->mark_ids);
	store->mark_ids = NULL;
	if (recording->mark_count == 0)
		return true;
	store->mark_ids = calloc(recording->mark_count, sizeof(*store->mark_ids));
	if (!store->mark_ids)
		return error_set(err, "out of memory");
	for (int i = 0; ok && i < STATEMENTS; i++)
		ok = sqlite3_prepare_v2(store->file.db, statement_sql[i], -1, &s[i], NULL) ==
		     SQLITE_OK;
	for (size_t i = 0; ok && i < recording->mark_count; i++)
		ok = add(s, store->recording_id, &recording->marks[i], &store->mark_ids[i]);
	if (!ok)
		store_failed(store, err);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s[i]);
	return ok;
}
