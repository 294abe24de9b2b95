/* The store and its file: who may be opened, and others at the same file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/retention.h"
#include "tests/store_scene.h"

/* --- the file itself --- */

static void test_a_new_file_is_private(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	mode_t before = umask(0);
	struct stat st;

	(void)state;
	scene_store_file(path, "/real/a", 1);
	umask(before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	scene_remove(folder);
}

static void test_nothing_stored_leaves_no_file(void **state)
{
	struct feed feed = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct error err = {{0}};
	struct store *store;
	int64_t id;

	(void)state;
	store_close(scene_open(path, STORE_WRITE));
	assert_int_equal(access(path, F_OK), -1);
	store = scene_open(path, STORE_WRITE);
	assert_true(store_begin(store, &recording, &id, &err));
	store_close(store);
	assert_int_equal(access(path, F_OK), -1);
	scene_write(path, "", 0); /* not made by us: it stays */
	store_close(scene_open(path, STORE_WRITE));
	assert_int_equal(access(path, F_OK), 0);
	scene_remove(folder);
}

static void test_what_is_not_ours_is_refused(void **state)
{
	char *folder = scene_folder();
	const char *text = scene_path(folder, "notes.txt"),
		   *foreign = scene_path(folder, "other.db");
	struct scene_bytes text_bytes, foreign_bytes;
	sqlite3 *db;

	(void)state;
	scene_write(text, "SQLite format 3, or so I thought", 32);
	assert_int_equal(sqlite3_open(foreign, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE t(x); INSERT INTO t VALUES(1)", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	text_bytes = scene_read(text);
	foreign_bytes = scene_read(foreign);
	for (int mode = STORE_WRITE; mode <= STORE_READ; mode++) {
		scene_expect_refusal(text, (enum store_mode)mode, "not a database");
		scene_expect_refusal(foreign, (enum store_mode)mode, "not one of lastack's");
		scene_expect_refusal(folder, (enum store_mode)mode, "directory");
	}
	scene_assert_unchanged(text, text_bytes);
	scene_assert_unchanged(foreign, foreign_bytes);
	scene_remove(folder);
}

static void test_other_versions_are_refused(void **state)
{
	static const char *const pragma[] = {"PRAGMA user_version = 8", "PRAGMA user_version = 0"};
	static const char *const reason[] = {"newer lastack", "unknown schema version 0"};
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_store_file(path, "/real/a", 1);
	for (int i = 0; i < 2; i++) {
		struct scene_bytes before;

		scene_file_value(path, pragma[i]);
		before = scene_read(path);
		scene_expect_refusal(path, STORE_WRITE, reason[i]);
		scene_expect_refusal(path, STORE_READ, reason[i]);
		scene_assert_unchanged(path, before);
	}
	scene_remove(folder);
}

/* tests/schema_1.sql, or another, as a database. */
static void make_older(const char *path, const char *sql_path)
{
	struct scene_bytes sql = scene_read(sql_path);
	char *text = strndup((const char *)sql.bytes, sql.size);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	free(text);
	free(sql.bytes);
}

/* Its tables, views and indexes; but for the quotes that a renamed table gets. */
static char *schema_of(const char *path)
{
	return strdup(scene_file_value(path, "SELECT replace(group_concat(sql, ';'), '\"', '') FROM"
					     " (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
					     " ORDER BY name)"));
}

static void test_older_versions_are_brought_up_to_date(void **state)
{
	static const enum store_mode modes[] = {STORE_WRITE, STORE_READ, STORE_WRITE, STORE_READ};
	static const char *const sql[] = {
		SOURCE_ROOT "/tests/schema_1.sql", SOURCE_ROOT "/tests/schema_1.sql",
		SOURCE_ROOT "/tests/schema_2.sql", SOURCE_ROOT "/tests/schema_2.sql"};
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	const char *fresh = scene_path(folder, "fresh.db");
	char *wanted;

	(void)state;
	scene_store_file(fresh, "/real/a", 1);
	wanted = schema_of(fresh);
	for (int i = 0; i < 4; i++) {
		char *schema;

		make_older(path, sql[i]);
		store_close(scene_open(path, modes[i]));
		scene_expect_sound(path);
		assert_string_equal(scene_file_value(path, "PRAGMA user_version"), "7");
		schema = schema_of(path);
		assert_string_equal(schema, wanted);
		free(schema);
		assert_string_equal(scene_file_value(path,
						     "SELECT connection_id || ' ' || teardown"
						     " FROM teardowns WHERE application_guessed"
						     " IS NULL"),
				    "1 four_way");
		scene_store_file(path, "/real/a", 2);
		assert_string_equal(scene_file_value(path, SCENE_COUNTS), "2 2 3");
		scene_expect_sound(path);
		unlink(path);
	}
	free(wanted);
	scene_remove(folder);
}

/* A verdict told again takes the place of the first one's rows, and of its part in the summaries. */
static void test_a_verdict_told_again_is_summed_once(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct feed feed = scene_feed("given.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(path, STORE_WRITE);
	static const uint32_t numbers[] = {1, 3, 2, 3, 2, 2};
	struct error err = {{0}};
	int64_t id;

	(void)state;
	assert_true(store_begin(store, &recording, &id, &err));
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct scene_verdict scene;

		scene_full(&scene);
		scene.v.number = numbers[i];
		scene.v.again = i > 2;
		scene.v.dir[SIDE_INITIATOR].bytes += i;
		scene.v.rst_injected = i % 2;
		scene.v.first_ns -= i * INT64_C(1000000000000);
		scene.v.finding_count -= i % 2;
		if (!store_verdict(store, &scene.v, &err))
			fail_msg("%s", err.text);
	}
	assert_true(scene_commit(store, &recording, &err));
	store_close(store);
	assert_string_equal(scene_file_value(path, "SELECT sum(connections) FROM summaries"), "3");
	scene_expect_sound(path);
	scene_remove(folder);
}

/* More outcomes than are remembered as the latest ones, turn and turn about in two hours. */
static void test_many_outcomes_are_summed_apart(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct feed feed = scene_feed("given.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(path, STORE_WRITE);
	struct error err = {{0}};
	int64_t id;

	(void)state;
	assert_true(store_begin(store, &recording, &id, &err));
	for (unsigned i = 0; i < 512; i++) {
		struct scene_verdict scene;

		scene_clean(&scene, i + 1);
		scene.v.complete = i & 1;
		scene.v.clean = i & 2;
		scene.v.midstream = i & 4;
		scene.v.rst_injected = i & 8;
		scene.v.dir[SIDE_INITIATOR].seen = i & 16;
		scene.v.dir[SIDE_INITIATOR].isn_known = i & 32;
		scene.v.dir[SIDE_RESPONDER].isn_known = i & 64;
		scene.v.first_ns -= (i & 128) * INT64_C(100000000000);
		if (!store_verdict(store, &scene.v, &err))
			fail_msg("%s", err.text);
	}
	assert_true(scene_commit(store, &recording, &err));
	store_close(store);
	assert_string_equal(scene_file_value(path, "SELECT count(*) || ' ' || sum(connections)"
						   " || ' ' || count(DISTINCT outcome_id)"
						   " FROM summaries"),
			    "256 512 128");
	scene_expect_sound(path);
	scene_remove(folder);
}

/* Ids of hosts only grow; where most of them have gone, looking goes on at the next one there is. */
static void test_unnamed_hosts_go_however_far_apart(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct retention retention = {.since_orphans = UINT64_MAX};
	struct error err = {{0}};
	struct store *store;
	sqlite3 *db;

	(void)state;
	scene_store_file(path, "/real/a", 30);
	store = scene_open(path, STORE_WRITE);
	db = store_handle(store);
	assert_int_equal(
		sqlite3_exec(db,
			     "WITH n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n"
			     " WHERE n < 3000) INSERT INTO hosts(id, version, key, address)"
			     " SELECT n * 1000000, 4, randomblob(16), n FROM n",
			     NULL, NULL, NULL),
		SQLITE_OK);
	for (unsigned step = 0; step == 0 || retention.orphans; step++) {
		assert_in_range(step, 0, 3);
		if (!retention_step(&retention, db, 0, 1, &err))
			fail_msg("%s", err.text);
	}
	assert_true(retention.hosts_changed);
	store_close(store);
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM hosts"), "2");
	scene_expect_sound(path);
	scene_remove(folder);
}

/* A live run of which no connection is left goes with all that is told of it; the latest one stays. */
static void test_a_run_goes_with_its_alerts_and_marks(void **state)
{
	static const char runs[] = "UPDATE recordings SET live = 1, finished = 1;"
				   "INSERT INTO alerts(recording_id, condition, began_ns, value, "
				   "matching, connections)"
				   " VALUES(1, 'count(connections) > 1 over 1m', 1, 2, 2, 2),"
				   " (2, 'count(connections) > 1 over 1m', 1, 2, 2, 2);"
				   "INSERT INTO marks VALUES(1, 'a', x'61');"
				   "INSERT INTO recording_marks VALUES(1, 1), (2, 1);";
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct retention retention = {.keep_ns = 1, .since_orphans = UINT64_MAX / 2};
	struct error err = {{0}};
	struct store *store;
	sqlite3 *db;

	(void)state;
	scene_store_file(path, "/real/a", 3);
	scene_store_file(path, "/real/b", 2);
	store = scene_open(path, STORE_WRITE);
	db = store_handle(store);
	assert_int_equal(sqlite3_exec(db, runs, NULL, NULL, NULL), SQLITE_OK);
	if (!retention_step(&retention, db, INT64_MAX, 1, &err))
		fail_msg("%s", err.text);
	assert_int_equal(retention.expired, 5);
	store_close(store);
	assert_string_equal(scene_file_value(path,
					     "SELECT (SELECT group_concat(id) FROM recordings)"
					     " || ' ' || (SELECT count(*) FROM alerts)"
					     " || ' ' || (SELECT count(*) FROM"
					     " recording_marks)"),
			    "2 1 1");
	scene_expect_sound(path);
	scene_remove(folder);
}

/* What a live run deletes for its age leaves the summaries, too. */
static void test_what_expires_is_subtracted(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct retention retention = {.keep_ns = 1};
	struct error err = {{0}};
	struct store *store;
	sqlite3 *db;

	(void)state;
	scene_store_file(path, "/real/a", 30);
	scene_store_file(path, "/real/b", 20);
	store = scene_open(path, STORE_WRITE);
	db = store_handle(store);
	if (!retention_step(
		    &retention, db,
		    atoll(scene_value(db, "SELECT CAST(avg(last_ns) AS INTEGER) FROM teardowns")),
		    1, &err))
		fail_msg("%s", err.text);
	store_close(store);
	assert_in_range(retention.expired, 5, 45);
	scene_expect_sound(path);
	scene_remove(folder);
}

/* What it has in side tables goes with a connection that expires, and letters that it alone had. */
static void test_what_expires_takes_its_fins_and_history(void **state)
{
	static const char left[] =
		"SELECT (SELECT group_concat(half_close_bytes) FROM fins) || ' ' ||"
		" (SELECT group_concat(text) FROM histories)";
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct feed feed = scene_feed("a.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct retention retention = {.keep_ns = 1, .since_orphans = UINT64_MAX / 2};
	struct scene_verdict scene;
	struct error err = {{0}};
	struct store *store = scene_open(path, STORE_WRITE);
	int64_t id;

	(void)state;
	assert_true(store_begin(store, &recording, &id, &err));
	for (unsigned n = 1; n <= 2; n++) {
		scene_full(&scene);
		scene.v.number = n;
		scene.v.half_close_bytes = n;
		scene.v.history = n == 1 ? "gone" : "there";
		scene.v.last_ns += n == 1 ? 0 : INT64_C(1000000000000);
		assert_true(store_verdict(store, &scene.v, &err));
	}
	assert_true(scene_commit(store, &recording, &err));
	assert_string_equal(scene_file_value(path, left), "1,2 gone,there");
	if (!retention_step(&retention, store_handle(store), scene.v.last_ns - 1, 1, &err))
		fail_msg("%s", err.text);
	store_close(store);
	assert_int_equal(retention.expired, 1);
	assert_string_equal(scene_file_value(path, left), "2 there");
	scene_expect_sound(path);
	scene_remove(folder);
}

static void test_a_damaged_database_is_refused(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct scene_bytes whole, before;

	(void)state;
	scene_store_file(path, "/real/a", 50);
	whole = scene_read(path);
	memset(whole.bytes + 100, 0x5a, 3996); /* the schema's page behind the header */
	scene_write(path, whole.bytes, whole.size);
	before = scene_read(path);
	scene_expect_refusal(path, STORE_WRITE, "damaged");
	scene_expect_refusal(path, STORE_READ, "damaged");
	scene_assert_unchanged(path, before);
	scene_write(path, whole.bytes, 4096); /* cut off */
	before = scene_read(path);
	scene_expect_refusal(path, STORE_WRITE, "damaged");
	scene_assert_unchanged(path, before);
	free(whole.bytes);
	scene_remove(folder);
}

static void test_a_missing_database_suggests_analyze(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_expect_refusal(path, STORE_READ, "lastack analyze");
	assert_int_equal(access(path, F_OK), -1);
	scene_expect_refusal(scene_path(folder, "no/such/x.db"), STORE_WRITE, "cannot be created");
	scene_expect_refusal(":memory:", STORE_READ, "keeps nothing");
	scene_remove(folder);
}

/* --- others at the same file --- */

static void test_a_second_writer_is_told(void **state)
{
	struct feed feed = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct error err = {{0}};
	struct store *store;
	sqlite3 *other;
	int64_t id;

	(void)state;
	scene_store_file(path, "/real/a", 1);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	store = scene_open(path, STORE_WRITE);
	sqlite3_busy_timeout(store_handle(store), 10); /* else the test takes five seconds */
	assert_false(store_begin(store, &recording, &id, &err));
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "in use by another program"));
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	scene_store(store, &recording, 2);
	store_close(store);
	sqlite3_close(other);
	scene_remove(folder);
}

static void test_reading_while_another_writes(void **state)
{
	struct feed feed = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *writer, *reader;
	struct scene_verdict scene;
	struct error err = {{0}};
	int64_t id;

	(void)state;
	scene_store_file(path, "/real/a", 5);
	writer = scene_open(path, STORE_WRITE);
	assert_true(store_begin(writer, &recording, &id, &err));
	scene_clean(&scene, 0);
	assert_true(store_verdict(writer, &scene.v, &err));
	reader = scene_open(path, STORE_READ);
	assert_string_equal(scene_value(store_handle(reader), SCENE_COUNTS), "1 1 5");
	assert_int_equal(
		sqlite3_exec(store_handle(reader), "DELETE FROM findings", NULL, NULL, NULL),
		SQLITE_ERROR);
	assert_int_equal(sqlite3_exec(store_handle(reader), "DELETE FROM hosts", NULL, NULL, NULL),
			 SQLITE_READONLY);
	assert_true(scene_commit(writer, &recording, &err));
	assert_string_equal(scene_value(store_handle(reader), SCENE_COUNTS), "1 1 1");
	store_close(reader);
	store_close(writer);
	scene_remove(folder);
}

static void test_a_replaced_file_is_noticed(void **state)
{
	struct feed feed = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct error err = {{0}};
	struct store *store;
	int64_t id;

	(void)state;
	scene_store_file(path, "/real/a", 1);
	store = scene_open(path, STORE_WRITE);
	assert_int_equal(unlink(path), 0);
	assert_false(store_begin(store, &recording, &id, &err));
	assert_non_null(strstr(err.text, "moved or removed"));
	store_close(store);
	scene_remove(folder);
}

static void execute(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_what_others_put_into_the_schema_does_not_run(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_store_file(path, "/real/a", 2);
	execute(path, "CREATE TRIGGER t AFTER INSERT ON recordings BEGIN"
		      " DELETE FROM connections; END;"
		      "CREATE VIEW connection_feed AS SELECT * FROM connections");
	scene_store_file(path, "/real/b", 1);
	assert_string_equal(scene_file_value(path, SCENE_COUNTS), "2 2 3");
	scene_remove(folder);
}

/* Reading has to write for once, to get rid of what a killed run left; that is nobody's error. */
static void test_a_journal_left_behind_is_no_error(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct error err = {{0}};
	struct store *store;

	(void)state;
	scene_store_file(path, "/real/a", 1);
	scene_write(scene_path(folder, "x.db-journal"), "1", 1);
	store = store_open(path, STORE_READ, &err);
	assert_non_null(store);
	assert_string_equal(err.text, "");
	store_close(store);
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_file_is_private),
		cmocka_unit_test(test_nothing_stored_leaves_no_file),
		cmocka_unit_test(test_what_is_not_ours_is_refused),
		cmocka_unit_test(test_other_versions_are_refused),
		cmocka_unit_test(test_older_versions_are_brought_up_to_date),
		cmocka_unit_test(test_a_verdict_told_again_is_summed_once),
		cmocka_unit_test(test_many_outcomes_are_summed_apart),
		cmocka_unit_test(test_unnamed_hosts_go_however_far_apart),
		cmocka_unit_test(test_a_run_goes_with_its_alerts_and_marks),
		cmocka_unit_test(test_what_expires_is_subtracted),
		cmocka_unit_test(test_what_expires_takes_its_fins_and_history),
		cmocka_unit_test(test_a_damaged_database_is_refused),
		cmocka_unit_test(test_a_missing_database_suggests_analyze),
		cmocka_unit_test(test_a_second_writer_is_told),
		cmocka_unit_test(test_reading_while_another_writes),
		cmocka_unit_test(test_a_replaced_file_is_noticed),
		cmocka_unit_test(test_what_others_put_into_the_schema_does_not_run),
		cmocka_unit_test(test_a_journal_left_behind_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
