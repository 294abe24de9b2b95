#include "monitor/view_paint.h"

#include <stdio.h>
#include <string.h>

#include "monitor/view_private.h"
#include "report/format.h"

enum {
	WIDE_COLUMNS = 140,
	WIDE_ROWS = 16,
	LEFT_MIN = 66,
	LEFT_MAX = 80,
	SIDE_COLUMNS = 76, /* two panels beside each other */
	SIDE_ROWS = 12,
	GAP = 3,
};

const char *view_clock(int64_t ns, char out[VIEW_CLOCK_SIZE])
{
	char time[FORMAT_SIZE];

	snprintf(out, VIEW_CLOCK_SIZE, "%.8s", format_time(time, ns) + strlen("2026-01-05T"));
	return out;
}

const char *view_rate(double rate, char *out, size_t size)
{
	char count[FORMAT_SIZE];

	if (rate > 0 && rate < 9.95)
		snprintf(out, size, "%.1f", rate < 0.1 ? 0.1 : rate);
	else
		snprintf(out, size, "%s", format_count(count, (uint64_t)(rate + 0.5)));
	return out;
}

static void paint_keys(struct canvas *canvas, int row)
{
	static const struct {
		const char *key, *what;
	} keys[] = {{"q", "quit"},   {"?", "help"}, {"Tab", "panel"}, {"Enter", "open"},
		    {"/", "filter"}, {"s", "sort"}, {"p", "pause"}};
	int at = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		int width = (int)(strlen(keys[i].key) + 1 + strlen(keys[i].what));

		if (at + width > canvas->columns)
			return;
		at += canvas_put(canvas, row, at, canvas->columns - at, CANVAS_STRONG, keys[i].key);
		at++;
		at += canvas_put(canvas, row, at, canvas->columns - at, CANVAS_QUIET, keys[i].what);
		at += 2;
	}
}

static void paint_last_line(struct canvas *canvas, const struct view_model *model)
{
	const struct board_event *event = view_model_selected(model);
	int row = canvas->rows - 1, at;
	char text[VIEW_ROW_TEXT];

	if (model->editing) {
		at = canvas_put(canvas, row, 0, canvas->columns, CANVAS_ACCENT, "filter: ");
		at += canvas_put(canvas, row, at, canvas->columns - at - 1, CANVAS_PLAIN,
				 model->edited);
		canvas_put(canvas, row, at, 1, CANVAS_PLAIN, " ");
		canvas_select(canvas, row, at, 1);
		if (at + 30 < canvas->columns)
			canvas_put(canvas, row, at + 3, canvas->columns - at - 3, CANVAS_QUIET,
				   "Enter takes it, Esc leaves");
	} else if (*model->message) {
		canvas_put(canvas, row, 0, canvas->columns, CANVAS_WARNING, model->message);
	} else if (event && model->places[model->focus].selected > 0) {
		/* of what was moved to, all */
		canvas_put(canvas, row, 0, canvas->columns, CANVAS_PLAIN,
			   event->detail[0] ? event->detail : view_event_text(event, text));
	} else {
		paint_keys(canvas, row);
	}
}

/* Left: classes over servers. Right: findings over ends. */
static void paint_wide(struct canvas *canvas, struct view_model *model, struct view_area body)
{
	int classes = (int)view_model_rows(model, VIEW_CLASSES) + 2;
	int findings = body.rows * 2 / 5;
	int share = body.columns * 3 / 8;
	int left = share < LEFT_MIN ? LEFT_MIN : share > LEFT_MAX ? LEFT_MAX : share;
	int right = body.column + left + GAP, columns = body.columns - left - GAP;

	if (classes < 6)
		classes = 6;
	if (classes > body.rows / 2)
		classes = body.rows / 2;
	view_paint_panel(canvas, model, VIEW_CLASSES,
			 (struct view_area){body.row, body.column, classes - 1, left});
	view_paint_panel(
		canvas, model, VIEW_SERVERS,
		(struct view_area){body.row + classes, body.column, body.rows - classes, left});
	view_paint_panel(canvas, model, VIEW_FINDINGS,
			 (struct view_area){body.row, right, findings - 1, columns});
	view_paint_panel(
		canvas, model, VIEW_ENDS,
		(struct view_area){body.row + findings, right, body.rows - findings, columns});
}

/* Classes beside servers, findings and ends below. */
static void paint_medium(struct canvas *canvas, struct view_model *model, struct view_area body)
{
	int upper = body.rows * 4 / 9, findings = (body.rows - upper) / 2;
	int half = (body.columns - GAP) / 2;

	view_paint_panel(canvas, model, VIEW_CLASSES,
			 (struct view_area){body.row, body.column, upper, half});
	view_paint_panel(canvas, model, VIEW_SERVERS,
			 (struct view_area){body.row, body.column + half + GAP, upper,
					    body.columns - half - GAP});
	view_paint_panel(canvas, model, VIEW_FINDINGS,
			 (struct view_area){body.row + upper, body.column, findings, body.columns});
	view_paint_panel(canvas, model, VIEW_ENDS,
			 (struct view_area){body.row + upper + findings, body.column,
					    body.rows - upper - findings, body.columns});
}

static void paint_main(struct canvas *canvas, struct view_model *model)
{
	int header = view_paint_header(canvas, model);
	struct view_area body = {header, 0, canvas->rows - 1 - header, canvas->columns};

	if (body.rows >= WIDE_ROWS && body.columns >= WIDE_COLUMNS)
		paint_wide(canvas, model, body);
	else if (body.rows >= SIDE_ROWS && body.columns >= SIDE_COLUMNS)
		paint_medium(canvas, model, body);
	else
		view_paint_panel(canvas, model, model->focus, body);
	for (int column = 0; column < canvas->columns;
	     column++) /* what a panel did not leave free */
		canvas_put(canvas, canvas->rows - 1, column, 1, CANVAS_PLAIN, " ");
	paint_last_line(canvas, model);
}

void view_paint(struct canvas *canvas, struct view_model *model)
{
	canvas_clear(canvas);
	if (model->page == VIEW_HELP)
		view_paint_help(canvas);
	else if (model->page == VIEW_LADDER)
		view_paint_ladder(canvas, model);
	else
		paint_main(canvas, model);
}
