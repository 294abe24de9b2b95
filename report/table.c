#include "report/table.h"

#include <stdlib.h>
#include <string.h>

#include "report/format.h"

enum { HELD_ROWS = 1000, WIDTH_MAX = 60 };

struct table {
	FILE *out;
	struct style style;
	const struct table_column *columns;
	size_t count;
	size_t *widths;
	char **held; /* row after row; NULL cells are NULL */
	size_t rows_held;
	bool streaming; /* the title and the held rows are out */
};

struct table *table_new(FILE *out, const struct style *style, const struct table_column *columns,
			size_t count, struct error *err)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table) {
		*table = (struct table){
			.out = out, .style = *style, .columns = columns, .count = count};
		table->widths = calloc(count + 1, sizeof(*table->widths));
		table->held = calloc(count * HELD_ROWS + 1, sizeof(*table->held));
	}
	if (!table || !table->widths || !table->held) {
		table_free(table);
		error_set(err, "no memory for a table of %zu columns", count);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		table->widths[i] = write_terminal(NULL, columns[i].title, strlen(columns[i].title),
						  style->unicode);
	return table;
}

static void write_cell(const struct table *table, size_t column, const char *cell)
{
	const char *text = cell ? cell : "-";
	size_t length = strlen(text);
	size_t taken = write_terminal(NULL, text, length, table->style.unicode);
	int pad = taken < table->widths[column] ? (int)(table->widths[column] - taken) : 0;
	bool last = column + 1 == table->count;

	if (table->columns[column].right)
		fprintf(table->out, "%*s", pad, "");
	write_terminal(table->out, text, length, table->style.unicode);
	if (!last)
		fprintf(table->out, "%*s", (table->columns[column].right ? 0 : pad) + 2, "");
}

static void write_row(const struct table *table, const char *const *cells)
{
	for (size_t i = 0; i < table->count; i++)
		write_cell(table, i, cells[i]);
	putc('\n', table->out);
}

static void release_held(struct table *table)
{
	if (table->style.color)
		fputs("\033[1m", table->out);
	for (size_t i = 0; i < table->count; i++)
		write_cell(table, i, table->columns[i].title);
	fputs(table->style.color ? "\033[0m\n" : "\n", table->out);
	for (size_t row = 0; row < table->rows_held; row++) {
		char **cells = &table->held[row * table->count];

		write_row(table, (const char *const *)cells);
		for (size_t i = 0; i < table->count; i++) {
			free(cells[i]);
			cells[i] = NULL;
		}
	}
	table->rows_held = 0;
	table->streaming = true;
}

static bool hold_row(struct table *table, const char *const *cells, struct error *err)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *text = cells[i] ? cells[i] : "-";
		size_t columns = write_terminal(NULL, text, strlen(text), table->style.unicode);

		if (columns > WIDTH_MAX)
			columns = WIDTH_MAX;
		if (columns > table->widths[i])
			table->widths[i] = columns;
		table->held[table->rows_held * table->count + i] = strdup(text);
		if (!table->held[table->rows_held * table->count + i])
			return error_set(err, "no memory for a row of %zu columns", table->count);
	}
	table->rows_held++;
	return true;
}

bool table_row(struct table *table, const char *const *cells, struct error *err)
{
	if (!table->streaming && table->rows_held == HELD_ROWS)
		release_held(table);
	if (!table->streaming)
		return hold_row(table, cells, err);
	write_row(table, cells);
	return true;
}

void table_finish(struct table *table)
{
	if (!table->streaming && table->rows_held > 0)
		release_held(table);
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; table->held && i < table->count * HELD_ROWS; i++)
		free(table->held[i]);
	free(table->held);
	free(table->widths);
	free(table);
}
