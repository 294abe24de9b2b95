#include "report/ladder_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/ladder.h"
#include "db/row_step.h"
#include "db/sql_error.h"
#include "report/ladder_states.h"
#include "report/stored.h"

/* Numbers below the isn by more than this are told as on the wire. */
enum { RELATIVE_BELOW = 65536, COLUMN_NAME_SIZE = 64 };

static const char *const state_names[VIEW_STATES] = {
	[VIEW_UNSEEN] = "?",
	[VIEW_LISTEN] = "LISTEN",
	[VIEW_SYN_SENT] = "SYN_SENT",
	[VIEW_SYN_RECEIVED] = "SYN_RECEIVED",
	[VIEW_ESTABLISHED] = "ESTABLISHED",
	[VIEW_FIN_WAIT_1] = "FIN_WAIT_1",
	[VIEW_FIN_WAIT_2] = "FIN_WAIT_2",
	[VIEW_CLOSING] = "CLOSING",
	[VIEW_TIME_WAIT] = "TIME_WAIT",
	[VIEW_CLOSE_WAIT] = "CLOSE_WAIT",
	[VIEW_LAST_ACK] = "LAST_ACK",
	[VIEW_CLOSED] = "CLOSED",
};

const char *view_state_name(enum view_state state)
{
	return (unsigned)state < VIEW_STATES ? state_names[state] : "?";
}

/* --- the row --- */

static int column_index(const struct ladder_view *view, const char *column)
{
	int count = sqlite3_column_count(view->row);

	for (int i = 0; i < count; i++) {
		if (strcmp(sqlite3_column_name(view->row, i), column) == 0)
			return i;
	}
	return -1;
}

const char *view_text(const struct ladder_view *view, const char *column)
{
	int index = column_index(view, column);

	/* to turn a number into a text might find no memory */
	if (index < 0 || sqlite3_column_type(view->row, index) != SQLITE_TEXT)
		return "";
	return (const char *)sqlite3_column_text(view->row, index);
}

int64_t view_number(const struct ladder_view *view, const char *column)
{
	int index = column_index(view, column);

	return index < 0 ? 0 : sqlite3_column_int64(view->row, index);
}

bool view_is_number(const struct ladder_view *view, const char *column)
{
	int index = column_index(view, column);

	return index >= 0 && sqlite3_column_type(view->row, index) == SQLITE_INTEGER;
}

bool view_is_null(const struct ladder_view *view, const char *column)
{
	int index = column_index(view, column);

	return index < 0 || sqlite3_column_type(view->row, index) == SQLITE_NULL;
}

static const char *of_side(char out[COLUMN_NAME_SIZE], const char *column, enum side side)
{
	snprintf(out, COLUMN_NAME_SIZE, "%s_%s", column, side_name(side));
	return out;
}

const char *view_text_of(const struct ladder_view *view, const char *column, enum side side)
{
	char name[COLUMN_NAME_SIZE];

	return view_text(view, of_side(name, column, side));
}

int64_t view_number_of(const struct ladder_view *view, const char *column, enum side side)
{
	char name[COLUMN_NAME_SIZE];

	return view_number(view, of_side(name, column, side));
}

bool view_is_null_of(const struct ladder_view *view, const char *column, enum side side)
{
	char name[COLUMN_NAME_SIZE];

	return view_is_null(view, of_side(name, column, side));
}

/* --- words for drawing --- */

const char *view_end(const struct ladder_view *view, enum side side, char out[VIEW_END_SIZE])
{
	bool initiator = side == SIDE_INITIATOR;
	const char *ip = view_text(view, initiator ? "initiator_ip" : "responder_ip");
	int64_t port = view_number(view, initiator ? "initiator_port" : "responder_port");

	snprintf(out, VIEW_END_SIZE, strchr(ip, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, ip, port);
	return out;
}

const char *view_flags(uint8_t flags, char out[VIEW_FLAGS_SIZE])
{
	static const struct {
		uint8_t flag;
		const char *name;
	} names[] = {{TCP_SYN, "SYN"}, {TCP_FIN, "FIN"}, {TCP_RST, "RST"}, {TCP_PSH, "PSH"},
		     {TCP_ACK, "ACK"}, {TCP_URG, "URG"}, {TCP_ECE, "ECE"}, {TCP_CWR, "CWR"}};
	size_t used = 0;

	snprintf(out, VIEW_FLAGS_SIZE, "no flags");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & names[i].flag)
			used += (size_t)snprintf(out + used, VIEW_FLAGS_SIZE - used, "%s%s",
						 used > 0 ? "|" : "", names[i].name);
	}
	return out;
}

const char *view_relative(uint32_t relative, uint32_t isn, char out[VIEW_FLAGS_SIZE])
{
	int32_t distance = (int32_t)relative;

	if (distance >= 0)
		snprintf(out, VIEW_FLAGS_SIZE, "%" PRIu32, relative);
	else if (distance >= -RELATIVE_BELOW)
		snprintf(out, VIEW_FLAGS_SIZE, "%" PRId32, distance);
	else
		snprintf(out, VIEW_FLAGS_SIZE, "=%" PRIu32, relative + isn);
	return out;
}

const char *view_numbers(const struct ladder_view *view, const struct view_step *step,
			 char out[VIEW_LABEL_SIZE])
{
	const struct ladder_segment *s = &step->segment;
	enum side peer = s->from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	char number[VIEW_FLAGS_SIZE];
	size_t used;

	used = (size_t)snprintf(out, VIEW_LABEL_SIZE, "seq %s",
				view_relative(step->seq, view->isn[s->from], number));
	if (s->flags & TCP_ACK)
		used += (size_t)snprintf(out + used, VIEW_LABEL_SIZE - used, " ack %s",
					 view_relative(step->ack, view->isn[peer], number));
	if (s->payload_len > 0)
		used += (size_t)snprintf(out + used, VIEW_LABEL_SIZE - used, " len %" PRIu32,
					 s->payload_len);
	if (s->window == 0 && !(s->flags & TCP_RST))
		snprintf(out + used, VIEW_LABEL_SIZE - used, " win 0");
	return out;
}

/* --- reading --- */

static bool sqlite_failed(struct store *store, struct error *err)
{
	return sql_error(store_handle(store), err);
}

/* items[count], zeroed; NULL without memory. Grows at powers of two. */
static void *grow(void **items, size_t count, size_t size)
{
	if ((count & (count - 1)) == 0) {
		void *bigger = realloc(*items, (count == 0 ? 1 : 2 * count) * size);

		if (!bigger)
			return NULL;
		*items = bigger;
	}
	return memset((char *)*items + count * size, 0, size);
}

static sqlite3_stmt *prepare(struct store *store, const char *sql, int64_t id, struct error *err)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(store_handle(store), sql, -1, &statement, NULL) != SQLITE_OK) {
		sqlite_failed(store, err);
		return NULL;
	}
	sqlite3_bind_int64(statement, 1, id);
	return statement;
}

/* Steps sql with read for each row, which returns false without memory. */
static bool for_each(struct store *store, const char *sql, struct ladder_view *view,
		     bool (*read)(struct ladder_view *view, sqlite3_stmt *row), struct error *err)
{
	sqlite3_stmt *statement = prepare(store, sql, view->id, err);
	bool good = statement != NULL;
	int step = SQLITE_DONE;

	while (good && (step = row_step(statement)) == SQLITE_ROW) {
		if (!read(view, statement))
			good = error_set(err, "out of memory");
	}
	if (good && step != SQLITE_DONE)
		good = sqlite_failed(store, err);
	sqlite3_finalize(statement);
	return good;
}

static char *copy_of(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return strdup(text ? text : "");
}

static bool read_basis(struct ladder_view *view, sqlite3_stmt *row)
{
	view->isn[SIDE_INITIATOR] = (uint32_t)sqlite3_column_int64(row, 0);
	view->isn[SIDE_RESPONDER] = (uint32_t)sqlite3_column_int64(row, 1);
	view->msl_ns = sqlite3_column_int64(row, 2);
	view->stuck_ns = sqlite3_column_int64(row, 3);
	view->idle_timeout_ns = sqlite3_column_int64(row, 4);
	view->watched_ns = sqlite3_column_type(row, 5) == SQLITE_NULL
				   ? NONE_NS
				   : sqlite3_column_int64(row, 5);
	view->evictions = sqlite3_column_int(row, 8) != 0;
	for (int side = 0; side < SIDES; side++) {
		if (sqlite3_column_type(row, 6 + side) == SQLITE_NULL)
			continue;
		view->vlans[side] = copy_of(row, 6 + side);
		if (!view->vlans[side])
			return false;
	}
	return true;
}

static bool read_finding(struct ladder_view *view, sqlite3_stmt *row)
{
	void *items = view->findings;
	struct view_finding *f = grow(&items, view->finding_count, sizeof(*f));

	view->findings = items;
	if (!f)
		return false;
	view->finding_count++;
	*f = (struct view_finding){
		.code = copy_of(row, 0),
		.severity = stored_severity(row, 1),
		.side = stored_side(row, 2),
		.ts_ns = sqlite3_column_int64(row, 3),
		.packet = (uint64_t)sqlite3_column_int64(row, 4),
		.count = (uint64_t)sqlite3_column_int64(row, 5),
		.detail = copy_of(row, 6),
		.title = copy_of(row, 7),
		.advice = copy_of(row, 8),
		.basis = copy_of(row, 9),
		.step = VIEW_NO_STEP,
	};
	ladder_states_place(view, f, (uint32_t)sqlite3_column_int64(row, 10));
	return f->code && f->detail && f->title && f->advice && f->basis;
}

static bool read_dwell(struct ladder_view *view, sqlite3_stmt *row)
{
	void *items = view->timeline;
	struct view_dwell *d = grow(&items, view->timeline_count, sizeof(*d));
	const char *side = (const char *)sqlite3_column_text(row, 0);
	const char *state = (const char *)sqlite3_column_text(row, 1);

	view->timeline = items;
	if (!d)
		return false;
	view->timeline_count++;
	*d = (struct view_dwell){
		.side = side && strcmp(side, "responder") == 0 ? SIDE_RESPONDER : SIDE_INITIATOR,
		.entry_ns = sqlite3_column_int64(row, 2),
		.dwell_ns = sqlite3_column_type(row, 3) == SQLITE_NULL
				    ? NONE_NS
				    : sqlite3_column_int64(row, 3),
	};
	for (int i = 0; state && i < VIEW_STATES; i++) {
		if (strcmp(state_names[i], state) == 0)
			d->state = (enum view_state)i;
	}
	return true;
}

static bool read_steps(struct store *store, struct ladder_view *view, struct error *err)
{
	struct ladder_segment *segments;
	size_t count;
	uint64_t packets = (uint64_t)view_number(view, "packets_initiator") +
			   (uint64_t)view_number(view, "packets_responder");

	if (!ladder_read(store, view->id, &segments, &count, err))
		return false;
	view->steps = calloc(count > 0 ? count : 1, sizeof(*view->steps));
	if (!view->steps) {
		free(segments);
		return error_set(err, "out of memory");
	}
	view->whole = count == packets;
	for (size_t i = 0; i < count; i++) {
		struct view_step *step = &view->steps[i];
		bool initiator = segments[i].from == SIDE_INITIATOR;

		step->segment = segments[i];
		step->seq = segments[i].seq - view->isn[segments[i].from];
		step->ack = segments[i].ack -
			    view->isn[initiator ? SIDE_RESPONDER : SIDE_INITIATOR];
		step->wait_ns = i == 0 ? 0 : segments[i].ts_ns - segments[i - 1].ts_ns;
		view->whole = view->whole && !segments[i].after_gap;
	}
	view->step_count = count;
	free(segments);
	return true;
}

static bool read_row(struct store *store, struct ladder_view *view, struct error *err)
{
	static const char sql[] =
		"SELECT *, community_id(initiator_ip, initiator_port, responder_ip, responder_port)"
		" AS community_id FROM teardowns WHERE connection_id = ?";
	int step;

	view->row = prepare(store, sql, view->id, err);
	if (!view->row)
		return false;
	step = row_step(view->row);
	if (step == SQLITE_ROW)
		return true;
	if (step != SQLITE_DONE)
		return sqlite_failed(store, err);
	return error_set(err, "there is no connection %" PRId64, view->id);
}

struct ladder_view *ladder_view_read(struct store *store, int64_t id, struct error *err)
{
	static const char basis[] =
		"SELECT c.isns >> 32, c.isns, r.msl_ns, r.stuck_ns, r.idle_timeout_ns,"
		" (SELECT max(last_ns) FROM captures WHERE recording_id = r.id),"
		" w.vlans_initiator, w.vlans_responder, r.evicted > 0 FROM connections AS c"
		" JOIN captures AS p ON p.id = c.capture_id JOIN recordings AS r"
		" ON r.id = p.recording_id LEFT JOIN paths AS w ON w.id = c.path_id WHERE c.id = ?";
	static const char findings[] =
		"SELECT k.code, f.severity, f.side, f.ts_ns, f.packet, f.count,"
		" coalesce((SELECT text FROM finding_details WHERE id = f.detail_id), f.detail),"
		" k.title,"
		" k.advice, k.basis, p.position FROM finding_rows AS f JOIN finding_codes AS k"
		" ON k.id = f.code_id JOIN captures AS p ON p.id = f.capture_id"
		" WHERE f.connection_id = ? ORDER BY f.severity DESC, f.position";
	static const char timeline[] = "SELECT side, state, entry_ns, dwell_ns FROM timeline"
				       " WHERE connection_id = ? ORDER BY position";
	struct ladder_view *view = calloc(1, sizeof(*view));

	if (!view) {
		error_set(err, "out of memory");
		return NULL;
	}
	view->id = id;
	view->watched_ns = NONE_NS;
	if (read_row(store, view, err) && for_each(store, basis, view, read_basis, err) &&
	    read_steps(store, view, err) && for_each(store, timeline, view, read_dwell, err) &&
	    for_each(store, findings, view, read_finding, err)) {
		ladder_states_fill(view);
		return view;
	}
	ladder_view_free(view);
	return NULL;
}

void ladder_view_free(struct ladder_view *view)
{
	if (!view)
		return;
	for (size_t i = 0; i < view->finding_count; i++) {
		struct view_finding *f = &view->findings[i];

		free(f->code);
		free(f->detail);
		free(f->title);
		free(f->advice);
		free(f->basis);
	}
	free(view->vlans[SIDE_INITIATOR]);
	free(view->vlans[SIDE_RESPONDER]);
	free(view->findings);
	free(view->timeline);
	free(view->steps);
	sqlite3_finalize(view->row);
	free(view);
}
