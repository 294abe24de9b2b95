#include "monitor/canvas.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/format.h"

enum { TEXT_SIZE = 1024, PIECE_SIZE = 16 };

bool canvas_resize(struct canvas *canvas, int rows, int columns, struct error *err)
{
	struct canvas_cell *cells = calloc((size_t)rows * (size_t)columns, sizeof(*cells));

	if (!cells)
		return error_set(err, "no memory for a screen of %d by %d", columns, rows);
	free(canvas->cells);
	canvas->cells = cells;
	canvas->rows = rows;
	canvas->columns = columns;
	return true;
}

void canvas_clear(struct canvas *canvas)
{
	memset(canvas->cells, 0,
	       (size_t)canvas->rows * (size_t)canvas->columns * sizeof(*canvas->cells));
}

void canvas_free(struct canvas *canvas)
{
	free(canvas->cells);
	canvas->cells = NULL;
	canvas->rows = canvas->columns = 0;
}

static struct canvas_cell *cell_at(const struct canvas *canvas, int row, int column)
{
	if (row < 0 || row >= canvas->rows || column < 0 || column >= canvas->columns)
		return NULL;
	return &canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column];
}

const struct canvas_cell *canvas_cell(const struct canvas *canvas, int row, int column)
{
	return cell_at(canvas, row, column);
}

/* The next piece that stays together: a character, or the escape for one. Returns the bytes read. */
static size_t next_piece(const struct canvas *canvas, const char *text, size_t left,
			 char piece[PIECE_SIZE], int *columns)
{
	uint32_t character;
	size_t bytes = utf8_decode(text, left, &character);
	FILE *out = fmemopen(piece, PIECE_SIZE, "w");

	if (bytes == 0)
		bytes = 1;
	*columns = 0;
	piece[0] = '\0';
	if (out) {
		*columns = (int)write_terminal(out, text, bytes, canvas->unicode);
		fclose(out);
	}
	return bytes;
}

/* A fast way for what is nearly all text. */
static size_t take_piece(const struct canvas *canvas, const char *text, size_t left,
			 char piece[PIECE_SIZE], int *columns)
{
	if (*text >= ' ' && *text <= '~') {
		piece[0] = *text;
		piece[1] = '\0';
		*columns = 1;
		return 1;
	}
	return next_piece(canvas, text, left, piece, columns);
}

static void put_piece(struct canvas *canvas, int row, int column, enum canvas_ink ink,
		      const char *piece, int columns)
{
	struct canvas_cell *cell = cell_at(canvas, row, columns > 0 ? column : column - 1);
	bool escape = columns > 2; /* ASCII, a column each */

	if (!cell)
		return;
	if (columns == 0) { /* a combining mark */
		size_t used = strlen(cell->text);

		if (used > 0 && used + strlen(piece) < sizeof(cell->text))
			strcpy(cell->text + used, piece);
		return;
	}
	for (int i = 0; i < columns && (cell = cell_at(canvas, row, column + i)); i++) {
		cell->ink = (unsigned char)ink;
		cell->text[0] = '\0';
		cell->second = !escape && i > 0;
		if (escape)
			snprintf(cell->text, sizeof(cell->text), "%c", piece[i]);
		else if (i == 0)
			snprintf(cell->text, sizeof(cell->text), "%s", piece);
	}
}

static int text_width(const struct canvas *canvas, const char *text, size_t length)
{
	char piece[PIECE_SIZE];
	int total = 0, columns;

	for (size_t at = 0; at < length; total += columns)
		at += take_piece(canvas, text + at, length - at, piece, &columns);
	return total;
}

int canvas_width(const struct canvas *canvas, const char *text)
{
	return text_width(canvas, text, strlen(text));
}

static int put_text(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
		    const char *text, size_t length)
{
	bool cut = text_width(canvas, text, length) > room;
	int used = 0, columns;
	char piece[PIECE_SIZE];

	if (room <= 0)
		return 0;
	for (size_t at = 0; at < length; used += columns) {
		at += take_piece(canvas, text + at, length - at, piece, &columns);
		if (used + columns > room - (cut ? 1 : 0))
			break;
		put_piece(canvas, row, column + used, ink, piece, columns);
	}
	if (cut)
		put_piece(canvas, row, column + used, ink, canvas->unicode ? "…" : "~", 1);
	return used + (cut ? 1 : 0);
}

int canvas_put(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
	       const char *text)
{
	return put_text(canvas, row, column, room, ink, text, strlen(text));
}

int canvas_printf(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
		  const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return canvas_put(canvas, row, column, room, ink, text);
}

void canvas_put_right(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink,
		      const char *text)
{
	int width = canvas_width(canvas, text);
	int before = width < room ? room - width : 0;

	canvas_put(canvas, row, column + before, room - before, ink, text);
}

void canvas_rule(struct canvas *canvas, int row, int column, int room, enum canvas_ink ink)
{
	for (int i = 0; i < room; i++)
		put_piece(canvas, row, column + i, ink, canvas->unicode ? "─" : "-", 1);
}

void canvas_select(struct canvas *canvas, int row, int column, int room)
{
	for (int i = 0; i < room; i++) {
		struct canvas_cell *cell = cell_at(canvas, row, column + i);

		if (cell)
			cell->selected = true;
	}
}

/* page_ink's sequences; what is none of them is left as it is, and so escaped. */
static size_t page_sequence(const char *text, size_t left, enum canvas_ink *ink)
{
	static const struct {
		const char *text;
		enum canvas_ink ink;
	} known[] = {{"\033[0m", CANVAS_PLAIN},    {"\033[1m", CANVAS_STRONG},
		     {"\033[2m", CANVAS_QUIET},    {"\033[1;31m", CANVAS_BAD},
		     {"\033[33m", CANVAS_WARNING}, {"\033[32m", CANVAS_GOOD},
		     {"\033[36m", CANVAS_ACCENT}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t length = strlen(known[i].text);

		if (left >= length && memcmp(text, known[i].text, length) == 0) {
			*ink = known[i].ink;
			return length;
		}
	}
	return 0;
}

void canvas_put_page(struct canvas *canvas, int row, int column, int room, const char *text,
		     size_t length)
{
	enum canvas_ink ink = CANVAS_PLAIN;
	char piece[PIECE_SIZE];
	int used = 0, columns;

	for (size_t at = 0; at < length;) {
		size_t sequence = page_sequence(text + at, length - at, &ink);

		at += sequence;
		if (sequence > 0)
			continue;
		at += take_piece(canvas, text + at, length - at, piece, &columns);
		if (used + columns > room)
			break;
		put_piece(canvas, row, column + used, ink, piece, columns);
		used += columns;
	}
}

void canvas_write(const struct canvas *canvas, FILE *out)
{
	for (int row = 0; row < canvas->rows; row++) {
		int blanks = 0;

		for (int column = 0; column < canvas->columns; column++) {
			const struct canvas_cell *cell = cell_at(canvas, row, column);
			if (cell->second)
				continue;
			if (cell->text[0] == '\0' || strcmp(cell->text, " ") == 0) {
				blanks++;
				continue;
			}
			fprintf(out, "%*s%s", blanks, "", cell->text);
			blanks = 0;
		}
		putc('\n', out);
	}
}
