/* Rows of findings as they are gathered and inserted, held against what was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/verdict.h"
#include "db/finding_feed.h"
#include "db/schema.h"

enum { MANY = 3 * FINDING_FEED_ROOM + 17, CAPTURE = 3 };

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

struct scene {
	sqlite3 *db;
	struct finding_feed *feed;
};

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	assert_int_equal(sqlite3_open(":memory:", &scene->db), SQLITE_OK);
	assert_true(schema_create(scene->db, NULL));
	scene->feed = finding_feed_new(scene->db, NULL);
	assert_non_null(scene->feed);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	finding_feed_free(scene->feed);
	sqlite3_close(scene->db);
	free(scene);
	return 0;
}

static int64_t count_rows(sqlite3 *db)
{
	sqlite3_stmt *s;
	int64_t count;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM finding_rows", -1, &s, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	count = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return count;
}

/* Every side, and with and without all that may be absent. */
static struct finding finding_of(int i)
{
	struct finding f = {.code = (uint8_t)(i % FINDING_CODES),
			    .severity = (uint8_t)(i % SEVERITIES),
			    .side = (uint8_t)(i % (SIDE_NONE + 1)),
			    .ts_ns = INT64_C(1700000000000000000) * (i % 3 - 1) + i,
			    .packet = i % 5 == 0 ? 0 : (uint64_t)i << 20,
			    .count = (uint64_t)i + 1};

	if (i % 7 == 0)
		memset(f.detail, 'x', sizeof(f.detail) - 1);
	else
		snprintf(f.detail, sizeof(f.detail), "It's %d \xc3\xa4 times.", i);
	return f;
}

static int64_t detail_id_of(int i)
{
	return i % 2 == 0 ? 0 : i;
}

/* Two a connection. */
static void add(struct scene *scene, int i)
{
	struct finding f = finding_of(i);

	assert_true(finding_feed_add(scene->feed, i / 2 + 1, i % 2, &f, CAPTURE, detail_id_of(i)));
	memset(&f, 0xff, sizeof(f)); /* it is copied */
}

static void expect_number(sqlite3_stmt *s, int column, bool is_null, int64_t value)
{
	if (is_null) {
		assert_int_equal(sqlite3_column_type(s, column), SQLITE_NULL);
		return;
	}
	assert_int_equal(sqlite3_column_type(s, column), SQLITE_INTEGER);
	assert_int_equal(sqlite3_column_int64(s, column), value);
}

static void expect_row(sqlite3_stmt *s, int i)
{
	struct finding f = finding_of(i);

	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	expect_number(s, 0, false, i / 2 + 1);
	expect_number(s, 1, false, i % 2);
	expect_number(s, 2, false, f.code);
	expect_number(s, 3, false, f.severity);
	expect_number(s, 4, f.side != SIDE_INITIATOR && f.side != SIDE_RESPONDER, f.side);
	expect_number(s, 5, false, f.ts_ns);
	expect_number(s, 6, f.packet == 0, (int64_t)f.packet);
	expect_number(s, 7, false, CAPTURE);
	expect_number(s, 8, false, (int64_t)f.count);
	assert_string_equal((const char *)sqlite3_column_text(s, 9),
			    detail_id_of(i) == 0 ? f.detail : "");
	expect_number(s, 10, detail_id_of(i) == 0, detail_id_of(i));
}

static void rows_are_what_was_gathered(void **state)
{
	struct scene *scene = *state;
	sqlite3_stmt *s;

	assert_true(finding_feed_insert(scene->feed)); /* nothing */
	for (int i = 0; i < MANY; i++)
		add(scene, i);
	assert_int_equal(count_rows(scene->db), MANY / FINDING_FEED_ROOM * FINDING_FEED_ROOM);
	assert_true(finding_feed_insert(scene->feed));
	assert_true(finding_feed_insert(scene->feed));
	assert_int_equal(count_rows(scene->db), MANY);
	assert_int_equal(sqlite3_prepare_v2(scene->db,
					    "SELECT * FROM finding_rows ORDER BY connection_id,"
					    " position",
					    -1, &s, NULL),
			 SQLITE_OK);
	for (int i = 0; i < MANY; i++)
		expect_row(s, i);
	sqlite3_finalize(s);
}

static void what_is_forgotten_is_not_inserted(void **state)
{
	struct scene *scene = *state;

	add(scene, 0);
	finding_feed_forget(scene->feed);
	add(scene, 1);
	assert_true(finding_feed_insert(scene->feed));
	assert_int_equal(count_rows(scene->db), 1);
}

/* A failure is told by the call that meets it, and what could not be inserted is not tried again. */
static void failures_are_told(void **state)
{
	struct scene *scene = *state;
	struct finding f = finding_of(0);

	run(scene->db, "ALTER TABLE finding_rows RENAME TO away");
	add(scene, 0);
	assert_false(finding_feed_insert(scene->feed));
	for (int i = 0; i < FINDING_FEED_ROOM; i++)
		add(scene, i);
	assert_false(finding_feed_add(scene->feed, 1, 0, &f, CAPTURE, 0));
	run(scene->db, "ALTER TABLE away RENAME TO finding_rows");
	assert_true(finding_feed_insert(scene->feed));
	assert_int_equal(count_rows(scene->db), 0);

	add(scene, 0);
	assert_true(finding_feed_insert(scene->feed));
	add(scene, 1);
	add(scene, 0); /* is there */
	assert_false(finding_feed_insert(scene->feed));
	assert_int_equal(count_rows(scene->db), 1);
}

/* A table of somebody's with the function's name. */
static void a_table_of_that_name_is_left_alone(void **state)
{
	struct scene *scene = *state;

	run(scene->db, "CREATE TABLE finding_feed(a)");
	add(scene, 0);
	assert_true(finding_feed_insert(scene->feed));
	assert_int_equal(count_rows(scene->db), 1);
}

/* Columns that somebody added have their default. */
static void own_columns_stay(void **state)
{
	struct scene *scene = *state;

	run(scene->db, "ALTER TABLE finding_rows ADD COLUMN note TEXT DEFAULT 'mine'");
	add(scene, 0);
	assert_true(finding_feed_insert(scene->feed));
	run(scene->db, "DELETE FROM finding_rows WHERE note = 'mine'");
	assert_int_equal(count_rows(scene->db), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_what_was_gathered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_forgotten_is_not_inserted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(failures_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_table_of_that_name_is_left_alone, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(own_columns_stay, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
