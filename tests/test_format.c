/* Values and text as reports, tables, JSON and CSV show them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "report/format.h"
#include "report/rows.h"

#define NS_PER_S INT64_C(1000000000)

/* What a writer wrote, as a string to free. */
struct capture {
	FILE *out;
	char *text;
	size_t size;
};

static void capture_open(struct capture *c)
{
	c->text = NULL;
	c->out = open_memstream(&c->text, &c->size);
	assert_non_null(c->out);
}

static void capture_expect(struct capture *c, const char *expected)
{
	fclose(c->out);
	assert_string_equal(c->text, expected);
	free(c->text);
}

static void times_are_utc(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	assert_string_equal(format_time(out, 0), "1970-01-01T00:00:00.000000Z");
	assert_string_equal(format_time(out, 1714557600 * NS_PER_S + 123456789),
			    "2024-05-01T10:00:00.123456Z");
	assert_string_equal(format_time(out, -1), "1969-12-31T23:59:59.999999Z");
	assert_string_equal(format_time(out, INT64_MAX), "2262-04-11T23:47:16.854775Z");
	assert_string_equal(format_time(out, INT64_MIN), "1677-09-21T00:12:43.145224Z");
}

static void durations_have_fitting_units(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	assert_string_equal(format_duration(out, 0), "0 ns");
	assert_string_equal(format_duration(out, 999), "999 ns");
	assert_string_equal(format_duration(out, 1250), "1.25 us");
	assert_string_equal(format_duration(out, 12345678), "12.35 ms");
	assert_string_equal(format_duration(out, 3400000000), "3.4 s");
	assert_string_equal(format_duration(out, 60 * NS_PER_S), "1 min");
	assert_string_equal(format_duration(out, 312 * NS_PER_S), "5 min 12 s");
	assert_string_equal(format_duration(out, 3600 * NS_PER_S + 59), "1 h");
	assert_string_equal(format_duration(out, 90061 * NS_PER_S), "1 d 1 h");
	assert_string_equal(format_duration(out, -2 * NS_PER_S), "-2 s");
	assert_string_equal(format_duration(out, INT64_MIN), "-106751 d 23 h");
}

static void counts_are_grouped(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	assert_string_equal(format_count(out, 0), "0");
	assert_string_equal(format_count(out, 999), "999");
	assert_string_equal(format_count(out, 1000), "1,000");
	assert_string_equal(format_count(out, 1234567), "1,234,567");
	assert_string_equal(format_count(out, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void bytes_are_decimal(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	assert_string_equal(format_bytes(out, 1), "1 byte");
	assert_string_equal(format_bytes(out, 999), "999 bytes");
	assert_string_equal(format_bytes(out, 1000), "1.0 kB");
	assert_string_equal(format_bytes(out, 999949), "999.9 kB");
	assert_string_equal(format_bytes(out, 999950), "1.0 MB");
	assert_string_equal(format_bytes(out, UINT64_MAX), "18.4 EB");
}

static void shares_never_round_to_all_or_nothing(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	assert_string_equal(format_share(out, 0, 0), "-");
	assert_string_equal(format_share(out, 0, 7), "0.0 %");
	assert_string_equal(format_share(out, 1, 100000), "<0.1 %");
	assert_string_equal(format_share(out, 2, 3), "66.7 %");
	assert_string_equal(format_share(out, 99999, 100000), ">99.9 %");
	assert_string_equal(format_share(out, 7, 7), "100.0 %");
}

static void utf8_is_read_strictly(void **state)
{
	static const char *const wrong[] = {"\x80",
					    "\xc0\x80",
					    "\xc1\xbf",
					    "\xe0\x9f\xbf",
					    "\xed\xa0\x80",
					    "\xf0\x8f\xbf\xbf",
					    "\xf4\x90\x80\x80",
					    "\xf5\x80\x80\x80",
					    "\xff",
					    "\xc3",
					    "\xc3(",
					    "\xe2\x82"};
	uint32_t c;

	(void)state;
	assert_int_equal(utf8_decode("a", 1, &c), 1);
	assert_int_equal(utf8_decode("\xc3\xa9", 2, &c), 2);
	assert_int_equal(c, 0xe9);
	assert_int_equal(utf8_decode("\xe2\x82\xac", 3, &c), 3);
	assert_int_equal(c, 0x20ac);
	assert_int_equal(utf8_decode("\xf4\x8f\xbf\xbf", 4, &c), 4);
	assert_int_equal(c, 0x10ffff);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(utf8_decode(wrong[i], strlen(wrong[i]), &c), 0);
	assert_int_equal(utf8_decode("\xe2\x82\xac", 2, &c), 0);
}

static void expect_terminal(const char *text, size_t length, bool unicode, const char *expected,
			    size_t columns)
{
	struct capture c;

	capture_open(&c);
	assert_int_equal(write_terminal(c.out, text, length, unicode), columns);
	capture_expect(&c, expected);
	assert_int_equal(write_terminal(NULL, text, length, unicode), columns);
}

static void terminals_get_no_control_characters(void **state)
{
	(void)state;
	expect_terminal("plain text", 10, false, "plain text", 10);
	expect_terminal("a\x1b[31mb", 7, true, "a\\x1b[31mb", 10);
	expect_terminal("\r\n\t\x7f", 4, true, "\\x0d\\x0a\\x09\\x7f", 16);
	expect_terminal("a\0b", 3, true, "a\\x00b", 6);
	/* C1 controls, as characters and as bare bytes */
	expect_terminal("\xc2\x9b", 2, true, "\\u{9b}", 6);
	expect_terminal("\x9b", 1, true, "\\x9b", 4);
	/* a right-to-left override hides what a file is */
	expect_terminal("\xe2\x80\xae", 3, true, "\\u{202e}", 8);
	expect_terminal("caf\xc3\xa9", 5, true, "caf\xc3\xa9", 4);
	expect_terminal("caf\xc3\xa9", 5, false, "caf\\u{e9}", 9);
}

static void expect_json(const char *text, size_t length, const char *expected)
{
	struct capture c;

	capture_open(&c);
	write_json(c.out, text, length);
	capture_expect(&c, expected);
}

static void json_is_valid_whatever_the_text(void **state)
{
	(void)state;
	expect_json("", 0, "\"\"");
	expect_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	expect_json("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
	expect_json("\0\x1b\x7f", 3, "\"\\u0000\\u001b\\u007f\"");
	expect_json("caf\xc3\xa9\xff", 6, "\"caf\xc3\xa9\\ufffd\"");
	expect_json("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");
	expect_json("\xe2\x80\xa8\xc2\x9b", 5, "\"\\u2028\\u009b\"");
}

static void expect_csv(const char *text, const char *expected)
{
	struct capture c;

	capture_open(&c);
	write_csv(c.out, text, strlen(text));
	capture_expect(&c, expected);
}

static void csv_quotes_what_must_be(void **state)
{
	(void)state;
	expect_csv("plain text", "plain text");
	expect_csv("", "\"\"");
	expect_csv("a,b", "\"a,b\"");
	expect_csv("say \"hi\"", "\"say \"\"hi\"\"\"");
	expect_csv("two\nlines", "\"two\nlines\"");
	expect_csv("bell\r", "\"bell\r\"");
}

static const struct style plain = {.width = 80};

/* The rows of a statement on an empty database, in one format. */
static void expect_rows(const char *sql, enum rows_format format, uint64_t limit,
			const char *expected, uint64_t rows, bool expected_cut)
{
	struct capture c;
	sqlite3 *db;
	sqlite3_stmt *statement;
	uint64_t written;
	bool cut;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	capture_open(&c);
	assert_true(rows_write(c.out, statement, format, limit, &plain, &written, &cut, NULL));
	capture_expect(&c, expected);
	assert_int_equal(written, rows);
	assert_int_equal(cut, expected_cut);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

#define ALL_KINDS \
	"SELECT 1 AS i, NULL AS n, 'a,\"b' AS t, '' AS e, 0.5 AS f, 9e999 AS inf, x'00ff' AS b"

static void rows_as_json_lines(void **state)
{
	(void)state;
	expect_rows(ALL_KINDS, ROWS_JSON, 0,
		    "{\"i\":1,\"n\":null,\"t\":\"a,\\\"b\",\"e\":\"\",\"f\":0.5,\"inf\":null,"
		    "\"b\":\"00ff\"}\n",
		    1, false);
	expect_rows("SELECT 9223372036854775807 AS a UNION ALL SELECT -1", ROWS_JSON, 0,
		    "{\"a\":9223372036854775807}\n{\"a\":-1}\n", 2, false);
	expect_rows("SELECT 1 AS a WHERE 0", ROWS_JSON, 0, "", 0, false);
}

static void rows_as_csv(void **state)
{
	(void)state;
	expect_rows(ALL_KINDS, ROWS_CSV, 0, "i,n,t,e,f,inf,b\r\n1,,\"a,\"\"b\",\"\",0.5,,00ff\r\n",
		    1, false);
	expect_rows("SELECT 1 AS \"a,b\" WHERE 0", ROWS_CSV, 0, "\"a,b\"\r\n", 0, false);
}

static void rows_as_table(void **state)
{
	(void)state;
	expect_rows("SELECT 1 AS id, 'long text' AS t, NULL AS n UNION ALL SELECT 20, 'x', 'y'",
		    ROWS_TABLE, 0,
		    "id  t          n\n"
		    "1   long text  -\n"
		    "20  x          y\n",
		    2, false);
	expect_rows("SELECT 1 AS a WHERE 0", ROWS_TABLE, 0, "", 0, false);
	expect_rows("SELECT char(27) AS a", ROWS_TABLE, 0, "a\n\\x1b\n", 1, false);
}

static void limits_cut_and_say_so(void **state)
{
	static const char three[] = "SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3";

	(void)state;
	expect_rows(three, ROWS_JSON, 2, "{\"a\":1}\n{\"a\":2}\n", 2, true);
	expect_rows(three, ROWS_CSV, 3, "a\r\n1\r\n2\r\n3\r\n", 3, false);
	expect_rows(three, ROWS_TABLE, 1, "a\n1\n", 1, true);
}

/* Rows beyond those that the widths are taken from must come out, too. */
static void long_tables_stream(void **state)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	struct capture c;
	uint64_t written;
	bool cut;
	size_t lines = 0;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
				   " FROM n WHERE i < 2500) SELECT i, i * i AS square FROM n",
				   -1, &statement, NULL),
		SQLITE_OK);
	capture_open(&c);
	assert_true(rows_write(c.out, statement, ROWS_TABLE, 0, &plain, &written, &cut, NULL));
	fclose(c.out);
	for (const char *at = c.text; *at; at++)
		lines += *at == '\n';
	assert_int_equal(written, 2500);
	assert_int_equal(lines, 2501);
	assert_non_null(strstr(c.text, "\n2500  6250000\n"));
	free(c.text);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

static void a_failing_statement_is_told(void **state)
{
	struct error err;
	struct capture c;
	sqlite3 *db;
	sqlite3_stmt *statement;
	uint64_t written;
	bool cut;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT 1 UNION ALL"
					    " SELECT abs(-9223372036854775808)",
					    -1, &statement, NULL),
			 SQLITE_OK);
	capture_open(&c);
	assert_false(rows_write(c.out, statement, ROWS_JSON, 0, &plain, &written, &cut, &err));
	assert_non_null(strstr(err.text, "integer overflow"));
	assert_int_equal(written, 1);
	capture_expect(&c, "{\"1\":1}\n");
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_utc),
		cmocka_unit_test(durations_have_fitting_units),
		cmocka_unit_test(counts_are_grouped),
		cmocka_unit_test(bytes_are_decimal),
		cmocka_unit_test(shares_never_round_to_all_or_nothing),
		cmocka_unit_test(utf8_is_read_strictly),
		cmocka_unit_test(terminals_get_no_control_characters),
		cmocka_unit_test(json_is_valid_whatever_the_text),
		cmocka_unit_test(csv_quotes_what_must_be),
		cmocka_unit_test(rows_as_json_lines),
		cmocka_unit_test(rows_as_csv),
		cmocka_unit_test(rows_as_table),
		cmocka_unit_test(limits_cut_and_say_so),
		cmocka_unit_test(long_tables_stream),
		cmocka_unit_test(a_failing_statement_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
