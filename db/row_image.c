#include "db/row_image.h"

#include <stdlib.h>
#include <string.h>

#include "db/schema_tables.h"

/* The first page has the schema, the second is all there is of the table: a leaf, of the largest size there is. */
enum { PAGE_SIZE = 65536, IMAGE_SIZE = 2 * PAGE_SIZE };

/* Section 1.6 of the file format: a leaf of a table. */
enum { LEAF_TABLE = 0x0d, LEAF_HEADER = 8, CELL_POINTER = 2 };

/* A record begins with the size of its header and a byte a column; before it, a cell has its size and the id. */
enum { RECORD_HEADER = 1 + ROW_COLUMNS, VALUE_MAX = 8, FRONT_MAX = 2 + 9 };
enum { CELL_MAX = FRONT_MAX + RECORD_HEADER + ROW_COLUMNS * VALUE_MAX };

struct row_image {
	sqlite3 *db;
	uint8_t *buffer[2]; /* owned; each holds an image */
	unsigned next;      /* the one to fill: SQLite has the other */
};

/* ---- images ---- */

/* One without rows, as SQLite itself writes it. */
static bool make_empty(uint8_t image[IMAGE_SIZE])
{
	static const char sql[] = "PRAGMA page_size = 65536; PRAGMA auto_vacuum = NONE;"
				  "CREATE TABLE gathered" SCHEMA_CONNECTION_COLUMNS;
	sqlite3 *db = NULL;
	sqlite3_int64 size = 0;
	unsigned char *bytes = NULL;
	bool good;

	if (sqlite3_open(":memory:", &db) == SQLITE_OK &&
	    sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		bytes = sqlite3_serialize(db, "main", &size, 0);
	good = bytes && size == IMAGE_SIZE && bytes[PAGE_SIZE] == LEAF_TABLE;
	if (good)
		memcpy(image, bytes, IMAGE_SIZE);
	sqlite3_free(bytes);
	sqlite3_close(db);
	return good;
}

/* All databases of a connection have texts in one encoding. Ours is UTF-8, unless somebody has made the file
 * again in another one. */
static bool is_utf8(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	const unsigned char *encoding = NULL;
	bool good;

	if (sqlite3_prepare_v2(db, "PRAGMA main.encoding", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		encoding = sqlite3_column_text(s, 0);
	good = encoding && strcmp((const char *)encoding, "UTF-8") == 0;
	sqlite3_finalize(s);
	return good;
}

struct row_image *row_image_new(sqlite3 *db)
{
	struct row_image *image = is_utf8(db) ? calloc(1, sizeof(*image)) : NULL;
	bool good = image != NULL;

	for (int i = 0; good && i < 2; i++)
		good = (image->buffer[i] = malloc(IMAGE_SIZE)) != NULL;
	if (good && make_empty(image->buffer[0]) &&
	    sqlite3_exec(db, "ATTACH ':memory:' AS row_image", NULL, NULL, NULL) == SQLITE_OK) {
		memcpy(image->buffer[1], image->buffer[0], IMAGE_SIZE);
		image->db = db;
		return image;
	}
	row_image_free(image);
	return NULL;
}

void row_image_free(struct row_image *image)
{
	if (!image)
		return;
	if (image->db)
		sqlite3_exec(image->db, "DETACH row_image", NULL, NULL, NULL);
	free(image->buffer[0]);
	free(image->buffer[1]);
	free(image);
}

/* ---- rows ---- */

/* A variable-length integer, section 1.6: the highest bits first, not as in varint.h. */
static uint8_t *put_number(uint8_t *at, uint64_t value)
{
	unsigned more = 0;

	if (value >> 56) { /* nine bytes, and the last one has eight bits */
		for (int shift = 57; shift > 1; shift -= 7)
			*at++ = (uint8_t)(value >> shift | 0x80);
		*at++ = (uint8_t)value;
		return at;
	}
	while (value >> 7 * (more + 1))
		more++;
	for (; more > 0; more--)
		*at++ = (uint8_t)(value >> 7 * more | 0x80);
	*at++ = (uint8_t)(value & 0x7f);
	return at;
}

/* Serial types of integers, section 2.1. */
enum { TYPE_NULL = 0, TYPE_ZERO = 8 /* and the next one is 1 */ };

struct serial {
	uint8_t type, bytes;
};

/* By how many bytes a number takes, its sign included. */
static const struct serial serials[] = {{1, 1}, {1, 1}, {2, 2}, {3, 3}, {4, 4},
					{5, 6}, {5, 6}, {6, 8}, {6, 8}};

static struct serial serial_of(uint64_t value)
{
	uint64_t magnitude = value >> 63 ? ~value : value;

	return serials[(64 - (unsigned)__builtin_clzll(magnitude | 1)) / 8 + 1];
}

/* Gives where the record ends. There must be room for CELL_MAX bytes. */
static uint8_t *put_record(uint8_t *record, const struct connection_row *row)
{
	uint8_t *data = record + RECORD_HEADER;

	record[0] = RECORD_HEADER;
	record[1 + ROW_ID] = TYPE_NULL; /* the cell has it */
	for (int column = ROW_ID + 1; column < ROW_COLUMNS; column++) {
		uint64_t value = (uint64_t)row->value[column], bytes;
		struct serial serial;

		if (value <= 1) {
			record[1 + column] = (uint8_t)(TYPE_ZERO + value);
			continue;
		}
		serial = serial_of(value);
		if (serial.bytes == VALUE_MAX && row_is_null(row, column)) {
			record[1 + column] = TYPE_NULL;
			continue;
		}
		record[1 + column] = serial.type;
		bytes = __builtin_bswap64(value << (64 - 8 * serial.bytes));
		memcpy(data, &bytes, sizeof(bytes));
		data += serial.bytes;
	}
	return data;
}

static void put_be16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Fills the table's page and tells how many rows are in it. Their cells lie from its end downwards. */
static size_t put_rows(uint8_t *page, const struct connection_row *rows, size_t count)
{
	size_t end = PAGE_SIZE, taken;

	for (taken = 0; taken < count; taken++) {
		size_t pointer = LEAF_HEADER + taken * CELL_POINTER, size, front;
		uint8_t cell[FRONT_MAX], *record;

		if (end < pointer + CELL_POINTER + CELL_MAX)
			break;
		record = page + end - CELL_MAX; /* until its size is known */
		size = (size_t)(put_record(record, &rows[taken]) - record);
		front = (size_t)(put_number(put_number(cell, size),
					    (uint64_t)rows[taken].value[ROW_ID]) -
				 cell);
		end -= front + size;
		memmove(page + end + front, record, size);
		memcpy(page + end, cell, front);
		put_be16(page + pointer, end);
	}
	page[0] = LEAF_TABLE;
	put_be16(page + 1, 0); /* no free blocks */
	put_be16(page + 3, taken);
	put_be16(page + 5, end);
	page[7] = 0; /* nor fragments */
	return taken;
}

/* The image is another database each time: within a transaction SQLite need not look again at what it has
 * read, and would not. */
enum row_image_result row_image_insert(struct row_image *image, const struct connection_row *rows,
				       size_t count, size_t *taken)
{
	static const char sql[] = "INSERT INTO main.connections SELECT * FROM row_image.gathered";
	uint8_t *bytes = image->buffer[image->next];
	sqlite3_stmt *insert;
	bool good;

	*taken = put_rows(bytes + PAGE_SIZE, rows, count);
	if (sqlite3_deserialize(image->db, "row_image", bytes, IMAGE_SIZE, IMAGE_SIZE, 0) !=
	    SQLITE_OK)
		return ROW_IMAGE_UNAVAILABLE;
	image->next = !image->next;
	if (sqlite3_prepare_v2(image->db, sql, -1, &insert, NULL) != SQLITE_OK)
		return ROW_IMAGE_UNAVAILABLE;
	good = sqlite3_step(insert) == SQLITE_DONE;
	sqlite3_finalize(insert);
	return good ? ROW_IMAGE_DONE : ROW_IMAGE_FAILED;
}
