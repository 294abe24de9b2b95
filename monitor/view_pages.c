/* The pages that fill the whole screen: help, and one connection. */
#include <string.h>

#include "monitor/view_private.h"

static const struct {
	const char *keys, *what;
} help[] = {
	{"Tab", "next panel; Shift-Tab the one before"},
	{"Up Down", "move in the panel (also k and j)"},
	{"PgUp PgDn", "a page; Home and End: first and last"},
	{"Enter", "on a row: the connection and its ladder"},
	{"", "on a class or server: only its rows"},
	{"/", "filter rows: all words must be in them,"},
	{"", "those with ! must not: rst_abort !:443"},
	{"Esc", "no filter"},
	{"s", "sort the panel another way"},
	{"p Space", "pause and go on"},
	{"Ctrl-L", "draw anew"},
	{"q Ctrl-C", "quit"},
	{"", ""},
	{"", "Packets are lost in three places: kernel, the"},
	{"", "socket's buffer was full; interface, its driver"},
	{"", "says so; own, the analysis was too slow."},
};

void view_paint_help(struct canvas *canvas)
{
	const int count = sizeof(help) / sizeof(help[0]);

	canvas_put(canvas, 0, 0, canvas->columns, CANVAS_STRONG, "lastack monitor: keys");
	for (int i = 0; i < count && i + 2 < canvas->rows - 1; i++) {
		canvas_put(canvas, i + 2, 1, 10, CANVAS_ACCENT, help[i].keys);
		canvas_put(canvas, i + 2, 12, canvas->columns - 12, CANVAS_PLAIN, help[i].what);
	}
	canvas_put(canvas, canvas->rows - 1, 0, canvas->columns, CANVAS_QUIET, "any key goes back");
}

void view_paint_ladder(struct canvas *canvas, struct view_model *model)
{
	const char *line = model->ladder ? model->ladder : "";
	size_t number = 0, last = model->ladder_top + (size_t)(canvas->rows - 1);

	model->page_rows = canvas->rows - 1;
	for (; *line; number++) {
		size_t length = strcspn(line, "\n");

		if (number >= model->ladder_top && number < last)
			canvas_put_page(canvas, (int)(number - model->ladder_top), 0,
					canvas->columns, line, length);
		line += length + (line[length] == '\n');
	}
	canvas_printf(canvas, canvas->rows - 1, 0, canvas->columns, CANVAS_QUIET,
		      "lines %zu to %zu of %zu   Up Down PgUp PgDn scroll, any other key goes back",
		      model->ladder_top + 1, last < number ? last : number, number);
}
