/* Each recording's range of connections, one after the other. */
#include "report/diagnosis_private.h"

/* Connections and settings of one recording; false in *any where it has none. */
static bool read_recording(struct diagnosis_walk *w, int64_t id, struct walk_recording *out,
			   bool *any)
{
	sqlite3_stmt *s = walk_prepare(
		w, "SELECT first_connection, last_connection, msl_ns, stuck_ns,"
		   " (SELECT max(last_ns) FROM captures WHERE recording_id = r.id)"
		   " FROM recordings AS r WHERE id = ?1");
	int step;

	*any = false;
	if (!s)
		return false;
	sqlite3_bind_int64(s, 1, id);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL) {
		*any = true;
		out->id = id;
		out->range[0] = sqlite3_column_int64(s, 0);
		out->range[1] = sqlite3_column_int64(s, 1);
		out->msl_ns = sqlite3_column_int64(s, 2);
		if (sqlite3_column_int64(s, 3) > w->stuck_ns)
			w->stuck_ns = sqlite3_column_int64(s, 3);
		out->watched_until_ns = sqlite3_column_type(s, 4) == SQLITE_NULL
						? NONE_NS
						: sqlite3_column_int64(s, 4);
	}
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || walk_failed(w);
}

static bool walk_recording(struct stroll *s, const struct walk_recording *recording)
{
	struct diagnosis_walk *w = s->walk;
	void *items = w->plan;
	struct walk_plan *plan;
	bool good = walk_grow(w, &items, w->plan_count, &w->plan_room, sizeof(*w->plan));

	w->plan = items;
	if (!good)
		return false;
	plan = &w->plan[w->plan_count++];
	*plan = (struct walk_plan){.recording = *recording};
	s->recording = recording;
	return plan_walk(s, plan);
}

bool walk_recordings(struct diagnosis_walk *w)
{
	struct stroll s;
	bool good = stroll_open(&s, w);

	for (size_t i = 0; good && i < w->recording_count; i++) {
		struct walk_recording recording;
		bool any;

		good = read_recording(w, w->recordings[i], &recording, &any) &&
		       (!any || walk_recording(&s, &recording));
	}
	stroll_close(&s);
	return good;
}
