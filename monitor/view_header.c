/* The top of the view: how much comes, what is open, what was lost, how the store is, alerts. */
#include <inttypes.h>
#include <string.h>

#include "monitor/view_private.h"
#include "report/format.h"

enum {
	NARROW = 70,
	SPARKLINE_FROM = 100, /* columns */
	ALERTS_SHOWN = 3,
	LABEL = 9,
	TALL = 20, /* rows from which there is room for air */
};

#define NS_PER_S    INT64_C(1000000000)
#define COMMIT_LATE (10 * NS_PER_S)

static void paint_title(struct canvas *canvas, const struct view_model *model)
{
	char clock[VIEW_CLOCK_SIZE], up[FORMAT_SIZE];
	int at = canvas_put(canvas, 0, 0, canvas->columns, CANVAS_STRONG, "lastack monitor") + 2;
	int right = canvas->columns - VIEW_CLOCK_SIZE - 1;

	canvas_put(canvas, 0, right, VIEW_CLOCK_SIZE + 1, CANVAS_QUIET,
		   view_clock(model->now_ns, clock));
	canvas_put(canvas, 0, right + VIEW_CLOCK_SIZE - 1, 1, CANVAS_QUIET, "Z");
	if (model->paused) {
		right -= 9;
		canvas_put(canvas, 0, right, 8, CANVAS_LOUD, " PAUSED ");
	}
	for (uint32_t i = 0; i < model->now.interface_count && at < right - 2; i++) {
		const struct snapshot_interface *interface = &model->now.interfaces[i];

		if (interface->up)
			at += canvas_put(canvas, 0, at, right - 1 - at, CANVAS_ACCENT,
					 interface->name);
		else
			at += canvas_printf(canvas, 0, at, right - 1 - at, CANVAS_LOUD, " %s down ",
					    interface->name);
		at++;
	}
	if (canvas->columns >= NARROW && model->now_ns > model->now.started_ns)
		canvas_printf(canvas, 0, at + 1, right - 2 - at, CANVAS_QUIET, "for %s",
			      format_duration(up, (model->now_ns - model->now.started_ns) /
							  NS_PER_S * NS_PER_S));
}

static const char *bit_rate(double bits, char out[FORMAT_SIZE])
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
	size_t unit = 0;

	while (bits >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bits /= 1000;
		unit++;
	}
	snprintf(out, FORMAT_SIZE, bits < 9.995 && unit > 0 ? "%.2f %s" : "%.0f %s", bits,
		 units[unit]);
	return out;
}

/* The last seconds as bars, the newest at the right edge. */
static void paint_sparkline(struct canvas *canvas, const struct view_model *model, int row,
			    int column, int room)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	size_t count = model->history_count;
	double most = 1;

	if ((size_t)room < count)
		count = (size_t)room;
	for (size_t i = 0; i < count; i++)
		if (model->history[model->history_count - 1 - i] > most)
			most = model->history[model->history_count - 1 - i];
	for (size_t i = 0; i < count; i++) {
		double part = model->history[model->history_count - 1 - i] / most;

		canvas_put(canvas, row, column + room - 1 - (int)i, 1, CANVAS_ACCENT,
			   bars[(int)(part * 7.99)]);
	}
}

static int paint_number(struct canvas *canvas, int row, int column, const char *number,
			const char *unit)
{
	int used = canvas_put(canvas, row, column, canvas->columns - column, CANVAS_STRONG, number);

	if (*unit)
		used += 1 + canvas_put(canvas, row, column + used + 1,
				       canvas->columns - column - used - 1, CANVAS_QUIET, unit);
	return column + used + 3;
}

static void paint_rates(struct canvas *canvas, const struct view_model *model, int row)
{
	bool narrow = canvas->columns < NARROW;
	char text[FORMAT_SIZE];
	int at = 0;

	if (!model->rates_known) {
		canvas_put(canvas, row, 0, canvas->columns, CANVAS_QUIET, "counting ...");
		return;
	}
	at = paint_number(canvas, row, at, view_rate(model->rates.packets, text, sizeof(text)),
			  narrow ? "p/s" : "packets/s");
	at = paint_number(canvas, row, at, bit_rate(model->rates.bits, text), "");
	at = paint_number(canvas, row, at, view_rate(model->rates.connections, text, sizeof(text)),
			  narrow ? "ends/s" : "connections ended/s");
	if (canvas->columns >= SPARKLINE_FROM && canvas->unicode)
		paint_sparkline(canvas, model, row, at, canvas->columns - at);
}

static void paint_open(struct canvas *canvas, const struct view_model *model, int row)
{
	const struct snapshot *now = &model->now;
	/* what may be stuck first: it is not cut off */
	static const enum endpoint_state order[ENDPOINT_STATES] = {
		STATE_ESTABLISHED, STATE_CLOSE_WAIT, STATE_FIN_WAIT_2, STATE_TIME_WAIT,
		STATE_CLOSED,      STATE_FIN_WAIT_1, STATE_LAST_ACK,   STATE_CLOSING};
	char text[FORMAT_SIZE];
	int at = canvas_put(canvas, row, 0, LABEL, CANVAS_QUIET, "open");

	at = at < LABEL ? LABEL : at;
	at += canvas_put(canvas, row, at, canvas->columns - at, CANVAS_STRONG,
			 format_count(text, now->open_connections));
	for (int i = 0; i < ENDPOINT_STATES; i++) {
		enum endpoint_state state = order[i];
		bool quiet = state != STATE_CLOSE_WAIT && state != STATE_FIN_WAIT_2;
		const char *name;

		if (now->open_by_state[state] == 0)
			continue;
		name = state == STATE_CLOSED ? "opening" : endpoint_state_name(state);
		format_count(text, now->open_by_state[state]);
		if (at + 4 + (int)(strlen(name) + strlen(text)) > canvas->columns) {
			canvas_put(canvas, row, at + 1, 1, CANVAS_QUIET,
				   canvas->unicode ? "…" : "~");
			break;
		}
		at += 2 + canvas_put(canvas, row, at + 2, canvas->columns, CANVAS_QUIET, name);
		at += 1 + canvas_put(canvas, row, at + 1, canvas->columns,
				     quiet ? CANVAS_PLAIN : CANVAS_WARNING, text);
	}
}

/* Quiet where nothing was lost, a warning where something was, loud while it goes on. */
static int paint_drops(struct canvas *canvas, const struct view_model *model, int row)
{
	char count[FORMAT_SIZE], rate[FORMAT_SIZE];
	uint64_t all = 0;
	double per_second = 0;
	enum canvas_ink ink;
	int at = LABEL;

	for (int i = 0; i < BOARD_DROPS; i++) {
		all += model->now.drops[i];
		per_second += model->rates.drops[i];
	}
	ink = per_second > 0 ? CANVAS_LOUD : CANVAS_WARNING;
	canvas_put(canvas, row, 0, LABEL, all ? ink : CANVAS_QUIET, all ? "DROPPED" : "dropped");
	if (all == 0)
		return LABEL +
		       canvas_put(canvas, row, at, canvas->columns - at, CANVAS_PLAIN, "nothing");
	for (int i = 0; i < BOARD_DROPS; i++) {
		if (model->now.drops[i] == 0)
			continue;
		at += canvas_printf(canvas, row, at, canvas->columns - at, ink, " %s %s ",
				    board_drop_name((enum board_drop)i),
				    format_count(count, model->now.drops[i]));
		if (model->rates.drops[i] > 0)
			at += canvas_printf(canvas, row, at, canvas->columns - at, ink, "(%s/s) ",
					    view_rate(model->rates.drops[i], rate, sizeof(rate)));
	}
	return at;
}

static void paint_store(struct canvas *canvas, const struct view_model *model, int row, int column)
{
	const struct snapshot *now = &model->now;
	char rows[FORMAT_SIZE], bytes[FORMAT_SIZE], ago[FORMAT_SIZE];
	int room = canvas->columns - column;
	int64_t since = model->now_ns - now->last_commit_ns;
	bool late = now->last_commit_ns != 0 && now->backlog > 0 && since > COMMIT_LATE;

	if (now->store_state != BOARD_STORE_FINE || late) {
		int at = canvas_printf(canvas, row, column, room, CANVAS_LOUD,
				       " STORE %s, %s rows wait ",
				       late && now->store_state == BOARD_STORE_FINE
					       ? "late"
					       : board_store_state_name(now->store_state),
				       format_count(rows, now->backlog));

		if (now->last_commit_ns != 0 && since >= NS_PER_S)
			canvas_printf(canvas, row, column + at + 1, room - at - 1, CANVAS_WARNING,
				      "last commit %s ago", format_duration(ago, since));
		return;
	}
	canvas_put(canvas, row, column, room, CANVAS_QUIET, "stored");
	canvas_printf(canvas, row, column + 7, room - 7, CANVAS_PLAIN, "%s rows, %s",
		      format_count(rows, now->rows), format_bytes(bytes, now->database_bytes));
	if (now->rows_lost > 0)
		canvas_printf(canvas, row, column + 7 + (int)strlen(rows) + 8 + (int)strlen(bytes),
			      canvas->columns, CANVAS_BAD, "%s LOST",
			      format_count(rows, now->rows_lost));
}

static int paint_alerts(struct canvas *canvas, const struct view_model *model, int row)
{
	int shown = 0, more = 0;

	for (size_t i = 0; i < model->condition_count; i++) {
		char clock[VIEW_CLOCK_SIZE], value[ALERT_VALUE_SIZE];
		int at;

		if (model->alert_since_ns[i] == 0)
			continue;
		if (shown == ALERTS_SHOWN) {
			more++;
			continue;
		}
		at = canvas_put(canvas, row + shown, 0, canvas->columns, CANVAS_LOUD, " ALERT ");
		canvas_printf(canvas, row + shown, at + 2, canvas->columns - at - 2, CANVAS_BAD,
			      "since %s (%s)  %s", view_clock(model->alert_since_ns[i], clock),
			      alert_value_text(&model->conditions[i],
					       alert_value(&model->conditions[i],
							   model->alert_matching[i],
							   model->alert_connections[i]),
					       value),
			      model->conditions[i].text);
		shown++;
	}
	if (more > 0)
		canvas_printf(canvas, row + shown++, 0, canvas->columns, CANVAS_BAD,
			      " and %d more alerts", more);
	return shown;
}

static int paint_notes(struct canvas *canvas, const struct view_model *model, int row)
{
	size_t most = canvas->rows >= 2 * TALL ? 6 : canvas->rows >= TALL ? 2 : 0;
	size_t shown = model->note_count < most ? model->note_count : most;

	for (size_t i = 0; i < shown; i++) {
		canvas_put(canvas, row + (int)i, 0, LABEL, CANVAS_QUIET, i == 0 ? "this host" : "");
		canvas_put(canvas, row + (int)i, LABEL + 1, canvas->columns - LABEL - 1,
			   CANVAS_WARNING, model->notes[i]);
	}
	return (int)shown;
}

int view_paint_header(struct canvas *canvas, const struct view_model *model)
{
	bool narrow = canvas->columns < NARROW;
	int row = 0, at;

	paint_title(canvas, model);
	paint_rates(canvas, model, ++row);
	paint_open(canvas, model, ++row);
	at = paint_drops(canvas, model, ++row) + 3;
	if (narrow && (at > LABEL + 10 || model->now.store_state != BOARD_STORE_FINE)) {
		row++;
		at = 0;
	}
	if (!narrow && at < canvas->columns / 2)
		at = canvas->columns / 2;
	paint_store(canvas, model, row, at);
	row++;
	if (model->now.trouble[0] != '\0')
		canvas_put(canvas, row++, 0, canvas->columns, CANVAS_BAD, model->now.trouble);
	row += paint_alerts(canvas, model, row);
	row += paint_notes(canvas, model, row);
	return row + (canvas->rows >= TALL ? 1 : 0);
}
