/* A screen as a grid of characters and inks, before any terminal sees it. All text is made safe on its
 * way in: what lies outside the grid or its column is cut, what a terminal must not see is escaped. */
#ifndef LASTACK_MONITOR_CANVAS_H
#define LASTACK_MONITOR_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

enum canvas_ink {
	CANVAS_PLAIN,
	CANVAS_STRONG, /* bold */
	CANVAS_QUIET,  /* labels and what is as it should be */
	CANVAS_GOOD,
	CANVAS_ACCENT,
	CANVAS_WARNING,
	CANVAS_BAD,
	CANVAS_LOUD, /* nobody may miss it */
	CANVAS_INKS
};

/* One character of UTF-8 with its combining marks. */
struct canvas_cell {
	char text[12];
	unsigned char ink; /* enum canvas_ink */
	bool selected;
	bool second; /* column of the wide character before */
};

struct canvas {
	int rows, columns;
	bool unicode;
	struct canvas_cell *cells; /* rows * columns; owned */
};

/* Empty, of this size (also anew). False with err: no memory. */
bool canvas_resize(struct canvas *canvas, int rows, int columns, struct error *err);
void canvas_clear(struct canvas *canvas);
void canvas_free(struct canvas *canvas); /* zeroed or cleared by it is fine */

/* Writes text from column on, at most room columns; what is longer ends with an ellipsis. Returns the
 * columns it took. */
int canvas_put(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
	       const char *text);
int canvas_printf(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
		  const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same, ending at the right edge of the room. */
void canvas_put_right(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
		      const char *text);
/* A line of room columns. */
void canvas_rule(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink);
/* A line of text with the colours of report/page.h in it (SGR sequences); nothing else is obeyed. */
void canvas_put_page(struct canvas *canvas, int row, int column, int room, const char *text,
		     size_t length);
void canvas_select(struct canvas *canvas, int row, int column, int room);

/* How many columns text takes. */
int canvas_width(const struct canvas *canvas, const char *text);

const struct canvas_cell *canvas_cell(const struct canvas *canvas, int row, int column);
/* As lines, without trailing blanks: for tests. */
void canvas_write(const struct canvas *canvas, FILE *out);

#endif
