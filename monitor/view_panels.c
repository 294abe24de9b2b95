/* The four panels of the view. */
#include <inttypes.h>
#include <string.h>

#include "monitor/view_private.h"
#include "report/format.h"

enum {
	RATE = 7, /* columns of numbers */
	COUNT = 11,
	SHARE = 9, /* only where there is room for more than numbers: */
	BAR_FROM = 64,
	CLOCK = 9,
	CLASS_NARROW = 17,
	CLASS = 21,
	CODE = 22,
	CODE_NARROW = 17,
	END_NARROW = 22,
	PAIR = 35,
	PAIR_WIDE = 45,
	WORDS_FROM = 60,
	WIDE = 110,
	HEADINGS = 256,
};

static enum canvas_ink class_ink(enum teardown teardown)
{
	static const enum canvas_ink inks[] = {CANVAS_PLAIN, CANVAS_WARNING, CANVAS_BAD};

	return inks[view_class_weight(teardown)];
}

static enum canvas_ink event_ink(const struct board_event *event)
{
	if (event->kind == BOARD_TROUBLE_EVENT)
		return CANVAS_BAD;
	return event->severity == SEVERITY_ERROR     ? CANVAS_BAD
	       : event->severity == SEVERITY_WARNING ? CANVAS_WARNING
						     : CANVAS_ACCENT;
}

/* Title, sort, a rule, and the headings of the columns at its right. */
static void paint_heading(struct canvas *canvas, const struct view_model *model,
			  enum view_panel panel, struct view_area area, const char *headings)
{
	static const char *const titles[VIEW_PANELS] = {
		[VIEW_CLASSES] = "Teardowns",
		[VIEW_SERVERS] = "Servers",
		[VIEW_FINDINGS] = "Findings",
		[VIEW_ENDS] = "As they end",
	};
	const struct view_list *list = panel == VIEW_FINDINGS ? &model->findings : &model->ends;
	bool focused = model->focus == panel;
	int right = area.column + area.columns - canvas_width(canvas, headings);
	int at = area.column;

	at += canvas_put(canvas, area.row, at, area.columns,
			 focused ? CANVAS_ACCENT : CANVAS_STRONG, titles[panel]);
	at += canvas_printf(canvas, area.row, at, right - at, CANVAS_QUIET, " %s",
			    view_model_sort_name(panel, model->places[panel].sort));
	if (panel >= VIEW_FINDINGS && *model->filter)
		at += canvas_printf(canvas, area.row, at, right - at, CANVAS_ACCENT, "  /%s",
				    model->filter);
	if (panel >= VIEW_FINDINGS && list->missed > 0) {
		char count[FORMAT_SIZE];

		at += canvas_printf(canvas, area.row, at, right - at, CANVAS_QUIET,
				    "  %s came too fast to list",
				    format_count(count, list->missed));
	}
	if (right - at > 2)
		canvas_rule(canvas, area.row, at + 1, right - at - 2 + (*headings == '\0'),
			    focused ? CANVAS_ACCENT : CANVAS_QUIET);
	if (right - at > 1)
		canvas_put(canvas, area.row, right, area.columns, CANVAS_QUIET, headings);
}

/* A little bar: part of whole. */
static void paint_bar(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
		      uint64_t part, uint64_t whole)
{
	int length = whole ? (int)((double)part / (double)whole * room + 0.5) : 0;

	if (part > 0 && length == 0)
		length = 1;
	for (int i = 0; i < length && i < room; i++)
		canvas_put(canvas, row, column + i, 1, ink, canvas->unicode ? "▬" : "=");
}

static void paint_class(struct canvas *canvas, const struct view_model *model, enum teardown class,
			struct view_area line)
{
	uint64_t count = model->now.teardowns[class], all = 0;
	enum canvas_ink ink = class_ink(class);
	char text[FORMAT_SIZE];
	int right = line.column + line.columns;

	for (int i = 0; i < TEARDOWNS; i++)
		all += model->now.teardowns[i];
	if (line.columns >= BAR_FROM) {
		int bar = line.columns - CLASS - RATE - COUNT - SHARE - 2;

		paint_bar(canvas, line.row, right - bar, bar, ink, count, all);
		right -= bar + 2;
		canvas_put_right(canvas, line.row, right - SHARE, SHARE, CANVAS_QUIET,
				 format_share(text, count, all));
		right -= SHARE;
	}
	canvas_put(canvas, line.row, line.column, right - line.column - RATE - COUNT, ink,
		   teardown_name(class));
	canvas_put_right(canvas, line.row, right - COUNT - RATE, RATE,
			 model->rates.teardowns[class] > 0 ? CANVAS_STRONG : CANVAS_QUIET,
			 view_rate(model->rates.teardowns[class], text, sizeof(text)));
	canvas_put_right(canvas, line.row, right - COUNT, COUNT, CANVAS_PLAIN,
			 format_count(text, count));
}

static enum teardown most_bad(const struct board_server *server)
{
	enum teardown most = TEARDOWNS;

	for (int class = 0; class < TEARDOWNS; class ++)
		if (view_class_weight((enum teardown) class) > 0 && server->teardowns[class] > 0 &&
		    (most == TEARDOWNS || server->teardowns[class] > server->teardowns[most]))
			most = (enum teardown) class;
	return most;
}

static void paint_server(struct canvas *canvas, const struct board_server *server,
			 struct view_area line)
{
	bool wide = line.columns >= BAR_FROM;
	enum teardown class = most_bad(server);
	int right = line.column + line.columns;
	char text[BOARD_END_SIZE];

	if (wide) {
		right -= CLASS;
		if (class < TEARDOWNS)
			canvas_put(canvas, line.row, right + 2, CLASS - 2, CANVAS_QUIET,
				   teardown_name(class));
		canvas_put_right(canvas, line.row, right - SHARE, SHARE, CANVAS_PLAIN,
				 format_share(text, server->bad, server->connections));
		right -= SHARE;
	}
	canvas_put(canvas, line.row, line.column, right - line.column - RATE - COUNT, CANVAS_PLAIN,
		   board_end_text(&server->end, text));
	canvas_put_right(canvas, line.row, right - COUNT - RATE, RATE,
			 server->bad > 0 ? CANVAS_BAD : CANVAS_QUIET,
			 format_count(text, server->bad));
	canvas_put_right(canvas, line.row, right - COUNT, COUNT, CANVAS_QUIET,
			 format_count(text, server->connections));
}

static int paint_pair(struct canvas *canvas, const struct board_event *event, int row, int column,
		      int room)
{
	char initiator[BOARD_END_SIZE], responder[BOARD_END_SIZE];

	if (event->responder.ip_version == 0)
		return 0;
	return canvas_printf(canvas, row, column, room, CANVAS_PLAIN, "%s %s %s",
			     board_end_text(&event->initiator, initiator),
			     canvas->unicode ? "→" : ">",
			     board_end_text(&event->responder, responder));
}

static void paint_finding(struct canvas *canvas, const struct board_event *event,
			  struct view_area line)
{
	const char *what = event->kind == BOARD_FINDING ? finding_kind(event->code)->code
			   : event->kind == BOARD_ALERT ? "alert"
							: "trouble";
	int at = line.column, right = line.column + line.columns;
	int code = line.columns < WORDS_FROM ? CODE_NARROW : CODE;
	char clock[VIEW_CLOCK_SIZE], responder[BOARD_END_SIZE];
	bool connected = event->kind == BOARD_FINDING && event->responder.ip_version != 0;

	canvas_put(canvas, line.row, at, CLOCK, CANVAS_QUIET, view_clock(event->ts_ns, clock));
	at += CLOCK;
	canvas_put(canvas, line.row, at, code - 1, event_ink(event), what);
	at += connected ? code : (int)strlen(what) + 1;
	if (connected && line.columns >= WIDE) {
		paint_pair(canvas, event, line.row, at, PAIR_WIDE - 1);
		at += PAIR_WIDE;
	} else if (connected) {
		canvas_put(canvas, line.row, at,
			   right - at < END_NARROW ? right - at : END_NARROW - 1, CANVAS_PLAIN,
			   board_end_text(&event->responder, responder));
		at += END_NARROW;
	}
	if (right - at > 8)
		canvas_put(canvas, line.row, at, right - at,
			   event->kind == BOARD_FINDING ? CANVAS_QUIET : CANVAS_PLAIN,
			   event->detail);
}

static void paint_end(struct canvas *canvas, const struct board_event *event, struct view_area line)
{
	bool wide = line.columns >= WIDE, words_fit = line.columns >= WORDS_FROM;
	int class = wide ? CLASS : CLASS_NARROW, at = line.column;
	int right = line.column + line.columns;
	int pair = wide ? PAIR_WIDE : words_fit ? PAIR : right;
	char clock[VIEW_CLOCK_SIZE], words[VIEW_ROW_TEXT];

	canvas_put(canvas, line.row, at, CLOCK, CANVAS_QUIET, view_clock(event->ts_ns, clock));
	at += CLOCK;
	canvas_put(canvas, line.row, at, class - 1, class_ink(event->teardown),
		   teardown_name(event->teardown));
	at += class;
	paint_pair(canvas, event, line.row, at, right - at < pair ? right - at : pair);
	at += pair + 1;
	if (words_fit)
		canvas_put(canvas, line.row, at, right - at, CANVAS_QUIET,
			   view_end_words(event, words));
}

/* Moves the window over the rows so that the selected one is in it. */
static void keep_in_sight(struct view_place *place, size_t count, size_t shown)
{
	if (place->selected >= count)
		place->selected = count > 0 ? count - 1 : 0;
	if (place->selected < place->top)
		place->top = place->selected;
	if (shown > 0 && place->selected >= place->top + shown)
		place->top = place->selected + 1 - shown;
	if (place->top + shown > count)
		place->top = count > shown ? count - shown : 0;
}

static void paint_nothing(struct canvas *canvas, const struct view_model *model,
			  enum view_panel panel, struct view_area area)
{
	bool filtered = panel >= VIEW_FINDINGS && *model->filter != '\0';

	if (area.rows > 1)
		canvas_put(canvas, area.row + 1, area.column, area.columns, CANVAS_QUIET,
			   filtered ? "nothing that matches the filter" : "nothing so far");
}

/* As the rows below are laid out. */
static const char *headings_of(enum view_panel panel, int columns, char out[HEADINGS])
{
	bool wide = columns >= BAR_FROM;
	int bar = columns - CLASS - RATE - COUNT - SHARE;

	out[0] = '\0';
	if (panel == VIEW_CLASSES)
		snprintf(out, HEADINGS, "per s%*s%*s%*s", COUNT, "total", wide ? SHARE : 0,
			 wide ? "share" : "", wide ? bar : 0, "");
	if (panel == VIEW_SERVERS)
		snprintf(out, HEADINGS, "bad%*s%*s%-*s", COUNT, "of", wide ? SHARE : 0,
			 wide ? "share" : "", wide ? CLASS : 0, wide ? "  mostly" : "");
	return out;
}

void view_paint_panel(struct canvas *canvas, struct view_model *model, enum view_panel panel,
		      struct view_area area)
{
	const struct board_server *servers[BOARD_SERVERS];
	const struct board_event *events[VIEW_KEPT];
	enum teardown classes[TEARDOWNS];
	struct view_place *place = &model->places[panel];
	size_t shown = area.rows > 1 ? (size_t)area.rows - 1 : 0, count;
	char headings[HEADINGS];

	count = panel == VIEW_CLASSES   ? view_model_classes(model, classes)
		: panel == VIEW_SERVERS ? view_model_servers(model, servers)
					: view_model_events(model, panel, events);
	paint_heading(canvas, model, panel, area, headings_of(panel, area.columns, headings));
	keep_in_sight(place, count, shown);
	if (model->focus == panel)
		model->page_rows = (int)shown;
	if (count == 0)
		paint_nothing(canvas, model, panel, area);
	for (size_t i = 0; i < shown && place->top + i < count; i++) {
		struct view_area line = {area.row + 1 + (int)i, area.column, 1, area.columns};
		size_t row = place->top + i;

		if (panel == VIEW_CLASSES)
			paint_class(canvas, model, classes[row], line);
		else if (panel == VIEW_SERVERS)
			paint_server(canvas, servers[row], line);
		else if (panel == VIEW_FINDINGS)
			paint_finding(canvas, events[row], line);
		else
			paint_end(canvas, events[row], line);
		if (model->focus == panel && row == place->selected)
			canvas_select(canvas, line.row, line.column, line.columns);
	}
}
