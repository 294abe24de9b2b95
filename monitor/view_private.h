/* What the files of view_paint share. */
#ifndef LASTACK_MONITOR_VIEW_PRIVATE_H
#define LASTACK_MONITOR_VIEW_PRIVATE_H

#include "monitor/view_paint.h"

struct view_area {
	int row, column, rows, columns;
};

/* view_header.c: the numbers that are always in sight; returns the rows they took. */
int view_paint_header(struct canvas *canvas, const struct view_model *model);
/* view_panels.c */
void view_paint_panel(struct canvas *canvas, struct view_model *model, enum view_panel panel,
		      struct view_area area);
/* view_pages.c */
void view_paint_help(struct canvas *canvas);
void view_paint_ladder(struct canvas *canvas, struct view_model *model);

enum { VIEW_CLOCK_SIZE = 9 };
const char *view_clock(int64_t ns, char out[VIEW_CLOCK_SIZE]); /* "12:33:04" */
/* "0.4", "12", "1,234" */
const char *view_rate(double rate, char *out, size_t size);

#endif
