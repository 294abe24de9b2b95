/* Rows of connections as they are gathered and inserted, held against what SQLite makes of the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/row_feed.h"
#include "db/schema_tables.h"

enum { MANY = 3 * ROW_FEED_ROOM + 100, DATABASE_HEADER = 100 };

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3 *open_table(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	run(db, "CREATE TABLE connections" SCHEMA_CONNECTION_COLUMNS);
	return db;
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return value;
}

static uint64_t next_random(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *random >> 16 ^ *random << 32;
}

/* Numbers of all lengths, near the limits between them, and NULL. */
static int64_t any_value(uint64_t *random)
{
	uint64_t length = next_random(random) % 64, value = next_random(random) >> length;

	if (next_random(random) % 4 == 0)
		value = UINT64_C(1) << length;
	value += next_random(random) % 3 - 1;
	if (next_random(random) % 16 == 0)
		return ROW_NULL;
	return (int64_t)(next_random(random) % 2 == 0 ? value : ~value);
}

static void fill_row(struct connection_row *row, int64_t id, uint64_t *random)
{
	row->value[ROW_ID] = id;
	for (int column = ROW_ID + 1; column < ROW_COLUMNS; column++)
		row->value[column] = any_value(random);
}

static void bind_row(sqlite3_stmt *s, const struct connection_row *row)
{
	for (int column = 0; column < ROW_COLUMNS; column++)
		if (row_is_null(row, column))
			sqlite3_bind_null(s, column + 1);
		else
			sqlite3_bind_int64(s, column + 1, row->value[column]);
}

/* The same rows through a feed, and by a statement each. */
static void insert_both(sqlite3 *fed, sqlite3 *bound, int64_t first, size_t count, uint64_t seed)
{
	struct row_feed *feed = row_feed_new(fed, NULL);
	struct connection_row row;
	sqlite3_stmt *s;

	assert_non_null(feed);
	assert_int_equal(sqlite3_prepare_v2(bound,
					    "INSERT INTO connections VALUES(?,?,?,?,?,?,?,?,?,?,?,"
					    "?,?,?,?,?,?,?,?,?,?,?,?,?)",
					    -1, &s, NULL),
			 SQLITE_OK);
	run(fed, "BEGIN IMMEDIATE");
	run(bound, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < count; i++) {
		fill_row(&row, first + (int64_t)i, &seed);
		*row_feed_place(feed) = row;
		row_feed_took(feed);
		bind_row(s, &row);
		assert_int_equal(sqlite3_step(s), SQLITE_DONE);
		sqlite3_reset(s);
	}
	assert_true(row_feed_insert(feed));
	run(fed, "COMMIT");
	run(bound, "COMMIT");
	sqlite3_finalize(s);
	row_feed_free(feed);
}

/* Byte for byte, but for the header with its counters. */
static void expect_same(sqlite3 *fed, sqlite3 *bound)
{
	sqlite3_int64 size[2];
	unsigned char *bytes[2] = {sqlite3_serialize(fed, "main", &size[0], 0),
				   sqlite3_serialize(bound, "main", &size[1], 0)};

	assert_non_null(bytes[0]);
	assert_non_null(bytes[1]);
	assert_int_equal(size[0], size[1]);
	assert_memory_equal(bytes[0] + DATABASE_HEADER, bytes[1] + DATABASE_HEADER,
			    (size_t)size[0] - DATABASE_HEADER);
	sqlite3_free(bytes[0]);
	sqlite3_free(bytes[1]);
}

static void expect_sound(sqlite3 *db)
{
	assert_int_equal(number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
			 1);
}

static void close_both(sqlite3 *fed, sqlite3 *bound)
{
	assert_int_equal(sqlite3_close(fed), SQLITE_OK);
	assert_int_equal(sqlite3_close(bound), SQLITE_OK);
}

/* Ids of all lengths, too; those below 0 have the longest. */
static void test_same_bytes(void **state)
{
	static const int64_t first[] = {1,
					100,
					16000,
					INT64_C(1) << 21,
					(INT64_C(1) << 49) - 500,
					(INT64_C(1) << 56) - 500,
					INT64_MAX - MANY,
					-500,
					INT64_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		sqlite3 *fed = open_table(), *bound = open_table();

		insert_both(fed, bound, first[i], MANY, i + 1);
		insert_both(fed, bound, first[i] < 0 ? 100000 : first[i] - 50, 50, i + 100);
		expect_sound(fed);
		expect_same(fed, bound);
		close_both(fed, bound);
	}
}

/* Rows are then not copied as they are. */
static void test_own_index(void **state)
{
	sqlite3 *fed = open_table(), *bound = open_table();

	(void)state;
	run(fed, "CREATE INDEX own ON connections(first_ns)");
	run(bound, "CREATE INDEX own ON connections(first_ns)");
	insert_both(fed, bound, 1, MANY, 7);
	expect_sound(fed);
	assert_int_equal(number(fed, "SELECT count(*) FROM connections INDEXED BY own"
				     " WHERE first_ns > -9223372036854775807"),
			 number(bound, "SELECT count(*) FROM connections NOT INDEXED"
				       " WHERE first_ns > -9223372036854775807"));
	expect_same(fed, bound);
	close_both(fed, bound);
}

static void test_other_encoding(void **state)
{
	sqlite3 *db[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sqlite3_open(":memory:", &db[i]), SQLITE_OK);
		run(db[i], "PRAGMA encoding = 'UTF-16'");
		run(db[i], "CREATE TABLE connections" SCHEMA_CONNECTION_COLUMNS);
	}
	insert_both(db[0], db[1], 1, MANY, 9);
	expect_sound(db[0]);
	expect_same(db[0], db[1]);
	close_both(db[0], db[1]);
}

/* Ids in any order: no image can have them. */
static void test_out_of_order(void **state)
{
	sqlite3 *db = open_table();
	struct row_feed *feed = row_feed_new(db, NULL);
	uint64_t random = 3;

	(void)state;
	for (int64_t i = 0; i < MANY; i++) {
		fill_row(row_feed_place(feed), i ^ 1, &random);
		row_feed_took(feed);
	}
	assert_true(row_feed_insert(feed));
	expect_sound(db);
	assert_int_equal(number(db, "SELECT count(*) FROM connections"), MANY);
	row_feed_free(feed);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_taken_id(void **state)
{
	sqlite3 *db = open_table();
	struct row_feed *feed = row_feed_new(db, NULL);
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int64_t i = 0; i < 100; i++) {
			fill_row(row_feed_place(feed), 99 * round + i, &random);
			row_feed_took(feed);
		}
		if (round == 0)
			assert_true(row_feed_insert(feed));
	}
	assert_false(row_feed_insert(feed));
	assert_non_null(strstr(sqlite3_errmsg(db), "UNIQUE constraint failed"));
	assert_int_equal(row_feed_count(feed), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM connections"), 100);
	row_feed_free(feed);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes),     cmocka_unit_test(test_own_index),
		cmocka_unit_test(test_other_encoding), cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_taken_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
