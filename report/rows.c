#include "report/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "db/row_step.h"
#include "report/format.h"
#include "report/table.h"

/* One format: what to do before the rows, with each, and at their end. */
struct row_writer {
	bool (*begin)(struct row_writer *writer, sqlite3_stmt *statement, struct error *err);
	bool (*row)(struct row_writer *writer, sqlite3_stmt *statement, struct error *err);
	void (*end)(struct row_writer *writer);
	FILE *out;
	const struct style *style;
	struct table *table;
	struct table_column *columns;
	const char **cells;
};

static const char hex_digits[] = "0123456789abcdef";

static void write_hex(FILE *out, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		putc(hex_digits[bytes[i] >> 4], out);
		putc(hex_digits[bytes[i] & 15], out);
	}
}

static void write_real(FILE *out, double value, const char *without)
{
	if (isfinite(value))
		fprintf(out, "%.17g", value);
	else
		fputs(without, out);
}

static bool json_row(struct row_writer *writer, sqlite3_stmt *statement, struct error *err)
{
	FILE *out = writer->out;

	(void)err;
	putc('{', out);
	for (int i = 0; i < sqlite3_data_count(statement); i++) {
		const char *name = sqlite3_column_name(statement, i);

		if (i > 0)
			putc(',', out);
		write_json(out, name ? name : "", name ? strlen(name) : 0);
		putc(':', out);
		switch (sqlite3_column_type(statement, i)) {
		case SQLITE_INTEGER:
			fprintf(out, "%lld", (long long)sqlite3_column_int64(statement, i));
			break;
		case SQLITE_FLOAT:
			write_real(out, sqlite3_column_double(statement, i), "null");
			break;
		case SQLITE_TEXT:
			write_json(out, (const char *)sqlite3_column_text(statement, i),
				   (size_t)sqlite3_column_bytes(statement, i));
			break;
		case SQLITE_BLOB:
			putc('"', out);
			write_hex(out, sqlite3_column_blob(statement, i),
				  (size_t)sqlite3_column_bytes(statement, i));
			putc('"', out);
			break;
		default:
			fputs("null", out);
		}
	}
	fputs("}\n", out);
	return true;
}

static bool csv_begin(struct row_writer *writer, sqlite3_stmt *statement, struct error *err)
{
	(void)err;
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		const char *name = sqlite3_column_name(statement, i);

		if (i > 0)
			putc(',', writer->out);
		write_csv(writer->out, name ? name : "", name ? strlen(name) : 0);
	}
	fputs("\r\n", writer->out);
	return true;
}

static bool csv_row(struct row_writer *writer, sqlite3_stmt *statement, struct error *err)
{
	FILE *out = writer->out;

	(void)err;
	for (int i = 0; i < sqlite3_data_count(statement); i++) {
		if (i > 0)
			putc(',', out);
		switch (sqlite3_column_type(statement, i)) {
		case SQLITE_INTEGER:
			fprintf(out, "%lld", (long long)sqlite3_column_int64(statement, i));
			break;
		case SQLITE_FLOAT:
			write_real(out, sqlite3_column_double(statement, i), "");
			break;
		case SQLITE_TEXT:
			write_csv(out, (const char *)sqlite3_column_text(statement, i),
				  (size_t)sqlite3_column_bytes(statement, i));
			break;
		case SQLITE_BLOB:
			write_hex(out, sqlite3_column_blob(statement, i),
				  (size_t)sqlite3_column_bytes(statement, i));
			break;
		default:
			break;
		}
	}
	fputs("\r\n", out);
	return true;
}

static bool table_begin(struct row_writer *writer, sqlite3_stmt *statement, struct error *err)
{
	size_t count = (size_t)sqlite3_column_count(statement);

	writer->columns = calloc(count + 1, sizeof(*writer->columns));
	writer->cells = calloc(count + 1, sizeof(*writer->cells));
	if (!writer->columns || !writer->cells)
		return error_set(err, "no memory for a table of %zu columns", count);
	for (size_t i = 0; i < count; i++) {
		const char *name = sqlite3_column_name(statement, (int)i);

		writer->columns[i].title = name ? name : "";
	}
	writer->table = table_new(writer->out, writer->style, writer->columns, count, err);
	return writer->table != NULL;
}

static bool table_cells(struct row_writer *writer, sqlite3_stmt *statement, struct error *err)
{
	for (int i = 0; i < sqlite3_data_count(statement); i++)
		if (!row_text(statement, i, &writer->cells[i]))
			return error_set(err, "out of memory");
	return table_row(writer->table, writer->cells, err);
}

static void table_end(struct row_writer *writer)
{
	table_finish(writer->table);
}

bool rows_write(FILE *out, sqlite3_stmt *statement, enum rows_format format, uint64_t limit,
		const struct style *style, uint64_t *written, bool *cut, struct error *err)
{
	static const struct row_writer formats[] = {
		[ROWS_TABLE] = {.begin = table_begin, .row = table_cells, .end = table_end},
		[ROWS_JSON] = {.row = json_row},
		[ROWS_CSV] = {.begin = csv_begin, .row = csv_row},
	};
	struct row_writer writer = formats[format];
	bool good;
	int step = SQLITE_DONE;

	writer.out = out;
	writer.style = style;
	*written = 0;
	*cut = false;
	good = !writer.begin || writer.begin(&writer, statement, err);
	while (good && (step = row_step(statement)) == SQLITE_ROW) {
		*cut = limit > 0 && *written == limit;
		if (*cut)
			break;
		good = writer.row(&writer, statement, err);
		*written += good;
	}
	if (good && step != SQLITE_ROW && step != SQLITE_DONE)
		good = error_unnamed(err, "the query stopped: %s",
				     sqlite3_errmsg(sqlite3_db_handle(statement)));
	if (good && writer.end)
		writer.end(&writer);
	table_free(writer.table);
	free(writer.columns);
	free(writer.cells);
	return good;
}
