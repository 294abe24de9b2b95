/* Files whose schema is not as lastack makes it: what it reads must be stored rows, views must be its own,
 * and what stands beside its own is nobody's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/store_scene.h"

enum { TABLES_MIN = 20, TABLES_MAX = 64 };

static void execute(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sqlite3_errmsg(db), sql);
	sqlite3_close(db);
}

/* Neither mode opens it, nor changes it. */
static void expect_refused(const char *path, const char *reason)
{
	struct scene_bytes before = scene_read(path);

	scene_expect_refusal(path, STORE_READ, reason);
	scene_expect_refusal(path, STORE_WRITE, reason);
	scene_assert_unchanged(path, before);
}

/* Instead of the table or view: rows that never end. */
static void make_endless(const char *path, const char *kind, const char *name)
{
	char *sql = sqlite3_mprintf("DROP %s %s; CREATE VIEW %s AS WITH RECURSIVE counted(n) AS"
				    " (SELECT 1 UNION ALL SELECT n + 1 FROM counted)"
				    " SELECT n AS id FROM counted",
				    kind, name, name);

	execute(path, sql);
	sqlite3_free(sql);
}

/* The names of the tables that lastack made. */
static size_t tables_of(const char *path, char *names[TABLES_MAX])
{
	sqlite3_stmt *s;
	size_t count = 0;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT name FROM sqlite_schema WHERE type = 'table'",
					    -1, &s, NULL),
			 SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		assert_in_range(count, 0, TABLES_MAX - 1);
		names[count++] = strdup((const char *)sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return count;
}

static void test_a_table_that_is_a_view_is_refused(void **state)
{
	char *folder = scene_folder(), *names[TABLES_MAX];
	const char *good = scene_path(folder, "good.db"), *path = scene_path(folder, "x.db");
	struct scene_bytes whole;
	size_t count;

	(void)state;
	scene_store_file(good, "/real/a", 2);
	whole = scene_read(good);
	count = tables_of(good, names);
	assert_in_range(count, TABLES_MIN, TABLES_MAX);
	for (size_t i = 0; i < count; i++) {
		char reason[128];

		scene_write(path, whole.bytes, whole.size);
		make_endless(path, "TABLE", names[i]);
		snprintf(reason, sizeof(reason), "%s is a view there", names[i]);
		expect_refused(path, reason);
		free(names[i]);
	}
	free(whole.bytes);
	scene_remove(folder);
}

/* Also where it is to be brought up to date first, and whatever the case of the letters. */
static void test_a_view_is_refused_in_an_older_version(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_store_file(path, "/real/a", 2);
	execute(path, "DROP TABLE block_values; DROP TABLE blocks; PRAGMA user_version = 5");
	make_endless(path, "TABLE", "CONNECTIONS");
	expect_refused(path, "connections is a view there");
	scene_remove(folder);
}

static void test_rows_that_are_worked_out_are_refused(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_store_file(path, "/real/a", 2);
	execute(path, "ALTER TABLE hosts ADD COLUMN more TEXT AS (hex(zeroblob(1000)))");
	expect_refused(path, "hosts has generated columns there");
	scene_store_file(scene_path(folder, "y.db"), "/real/a", 2);
	path = scene_path(folder, "y.db");
	/* a module that this SQLite need not have */
	execute(path, "DROP TABLE block_values; PRAGMA writable_schema = ON;"
		      "INSERT INTO sqlite_schema VALUES('table', 'block_values', 'block_values', 0,"
		      " 'CREATE VIRTUAL TABLE block_values USING endless')");
	expect_refused(path, "block_values is a virtual table there");
	scene_remove(folder);
}

/* The statements that make the table anew, but with another column in the place of the one by which it is joined;
 * NULL where there is none. */
static char *with_another_key(const char *path, const char *name, const char *instead)
{
	char *made = NULL;
	sqlite3_stmt *s;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT 'DROP TABLE ' || ?1 || ';' || replace(sql,"
				   " ' INTEGER PRIMARY KEY', ?2) FROM sqlite_schema WHERE name = ?1"
				   " AND type = 'table' AND sql LIKE '% INTEGER PRIMARY KEY%'",
				   -1, &s, NULL),
		SQLITE_OK);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, instead, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		made = strdup((const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return made;
}

/* Ids that may be there again and again would make of every join of a row a crowd of rows. */
static void test_tables_without_their_keys_are_refused(void **state)
{
	static const char *const instead[] = {" INTEGER", " TEXT PRIMARY KEY",
					      "_ INTEGER PRIMARY KEY"};
	char *folder = scene_folder(), *names[TABLES_MAX];
	const char *good = scene_path(folder, "good.db"), *path = scene_path(folder, "x.db");
	struct scene_bytes whole;
	size_t count, keys = 0;

	(void)state;
	scene_store_file(good, "/real/a", 2);
	whole = scene_read(good);
	count = tables_of(good, names);
	for (size_t i = 0; i < 3 * count; i++) {
		const char *name = names[i / 3];
		char *sql = with_another_key(good, name, instead[i % 3]), reason[128];

		if (!sql || strcmp(name, "alerts") == 0) { /* nothing is joined with those */
			free(sql);
			continue;
		}
		keys++;
		scene_write(path, whole.bytes, whole.size);
		execute(path, sql);
		free(sql);
		snprintf(reason, sizeof(reason), "%s has another key there", name);
		expect_refused(path, reason);
	}
	assert_in_range(keys, 3 * 15, 3 * count);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(whole.bytes);
	scene_remove(folder);
}

static void test_views_are_our_own(void **state)
{
	static const char *const views[] = {"teardowns", "findings", "timeline", "regular_closes",
					    "found"};
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *store;

	(void)state;
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		unlink(path);
		scene_store_file(path, "/real/a", 2);
		make_endless(path, "VIEW", views[i]);
		for (int mode = STORE_WRITE; mode <= STORE_READ; mode++) {
			char sql[64];

			store = scene_open(path, (enum store_mode)mode);
			assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS),
					    "1 1 2");
			snprintf(sql, sizeof(sql), "SELECT count(*) < 99 FROM %s", views[i]);
			assert_string_equal(scene_value(store_handle(store), sql), "1");
			assert_int_equal(sqlite3_exec(store_handle(store), "DELETE FROM hosts",
						      NULL, NULL, NULL),
					 mode == STORE_READ ? SQLITE_READONLY : SQLITE_OK);
			store_close(store);
		}
		/* in the file they stay as they are */
		assert_string_equal(scene_file_value(path,
						     "SELECT count(*) FROM sqlite_schema WHERE"
						     " sql LIKE '%WITH RECURSIVE counted%'"),
				    "1");
	}
	scene_remove(folder);
}

static void test_views_that_are_missing_are_made(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *store;

	(void)state;
	scene_store_file(path, "/real/a", 2);
	execute(path, "CREATE TABLE kept AS SELECT * FROM findings; DROP VIEW findings;"
		      "ALTER TABLE kept RENAME TO findings; DROP VIEW teardowns");
	store = scene_open(path, STORE_READ);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "1 1 2");
	store_close(store);
	scene_store_file(path, "/real/b", 3);
	store = scene_open(path, STORE_READ);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "2 2 5");
	store_close(store);
	scene_remove(folder);
}

static void test_what_stands_beside_stays(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *store;
	char *schema;

	(void)state;
	scene_store_file(path, "/real/a", 2);
	execute(path,
		"CREATE TABLE notes(connection_id, note, long AS (note || note));"
		"CREATE VIEW noted AS SELECT * FROM teardowns JOIN notes USING(connection_id);"
		"CREATE INDEX by_port ON connections(ports);"
		"CREATE INDEX by_name ON captures(lower(path));"
		"INSERT INTO notes VALUES(1, 'look here'); ANALYZE;"
		/* names of triggers are beside those of tables */
		"CREATE TRIGGER alerts AFTER INSERT ON notes BEGIN DELETE FROM notes; END;"
		"CREATE TRIGGER hosts AFTER DELETE ON connections BEGIN SELECT 1; END");
	schema = strdup(scene_file_value(path, "SELECT group_concat(sql) FROM sqlite_schema"));
	scene_store_file(path, "/real/b", 3);
	store = scene_open(path, STORE_READ);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "2 2 5");
	assert_string_equal(scene_value(store_handle(store), "SELECT note FROM noted"),
			    "look here");
	assert_string_equal(
		scene_value(store_handle(store), "SELECT count(*) FROM sqlite_temp_schema"), "0");
	store_close(store);
	assert_string_equal(scene_file_value(path, "SELECT group_concat(sql) FROM sqlite_schema"),
			    schema);
	free(schema);
	scene_expect_sound(path);
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_table_that_is_a_view_is_refused),
		cmocka_unit_test(test_a_view_is_refused_in_an_older_version),
		cmocka_unit_test(test_rows_that_are_worked_out_are_refused),
		cmocka_unit_test(test_tables_without_their_keys_are_refused),
		cmocka_unit_test(test_views_are_our_own),
		cmocka_unit_test(test_views_that_are_missing_are_made),
		cmocka_unit_test(test_what_stands_beside_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
