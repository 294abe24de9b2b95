/* A database of schema version 6: its connections say the same afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/schema.h"
#include "tests/store_scene.h"
#include "tests/version_6.h"

static void execute(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* All rows of a view as text; the caller frees it with sqlite3_free. */
static char *told(const char *path, const char *sql)
{
	sqlite3_str *text = sqlite3_str_new(NULL);
	sqlite3_stmt *s;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(s); i++)
			sqlite3_str_appendf(text, "%s=%d:%s ", sqlite3_column_name(s, i),
					    sqlite3_column_type(s, i),
					    (const char *)sqlite3_column_text(s, i));
		sqlite3_str_appendall(text, "\n");
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return sqlite3_str_finish(text);
}

static void put(struct store *store, struct scene_verdict *scene, uint64_t number)
{
	struct error err = {{0}};

	scene->v.number = number;
	if (!store_verdict(store, &scene->v, &err))
		fail_msg("%s", err.text);
}

/* Of every kind of row: regular, all set, hardly anything set, odd ends, numbers at their limits. */
static void store_all_kinds(const char *path)
{
	struct feed feed = scene_feed("a.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(path, STORE_WRITE);
	struct error err = {{0}};
	struct scene_verdict scene;
	int64_t id;

	assert_true(store_begin(store, &recording, &id, &err));
	scene_clean(&scene, 1);
	put(store, &scene, 1);
	scene_unanswered(&scene);
	put(store, &scene, 2);
	scene_full(&scene);
	put(store, &scene, 3);
	scene_clean(&scene, 4);
	scene.v.end_ns -= 5;
	put(store, &scene, 4);
	scene_clean(&scene, 5);
	scene.v.dir[SIDE_INITIATOR].isn = UINT32_C(0x80000000);
	scene.v.dir[SIDE_RESPONDER].isn = 0;
	scene.v.dir[SIDE_INITIATOR].fin_payload = UINT32_C(0x80000000);
	scene.v.dir[SIDE_RESPONDER].fin_payload = 0;
	scene.v.dir[SIDE_INITIATOR].port = 65535;
	scene.v.dir[SIDE_RESPONDER].port = 65535;
	put(store, &scene, 5);
	scene_full(&scene);
	scene.v.history = "";
	scene.v.end_ns = NONE_NS;
	put(store, &scene, 6);
	scene_unanswered(&scene);
	scene.v.dir[SIDE_INITIATOR].isn = UINT32_MAX;
	scene.v.dir[SIDE_RESPONDER].isn = UINT32_MAX;
	scene.v.end_reason = END_SUPERSEDED;
	scene.v.end_ns = scene.v.last_ns - 1;
	put(store, &scene, 7);
	if (!scene_commit(store, &recording, &err))
		fail_msg("%s", err.text);
	store_close(store);
}

static const char *const views[] = {
	"SELECT * FROM teardowns ORDER BY connection_id",
	"SELECT * FROM findings ORDER BY connection_id, ts_ns, code",
	"SELECT * FROM timeline ORDER BY connection_id, position",
	"SELECT connection_id, ttl, in_window FROM resets",
	"SELECT * FROM fins",
	"SELECT * FROM dwells",
	"SELECT * FROM blocks",
	"SELECT sql FROM sqlite_schema WHERE type = 'view' ORDER BY name",
};

enum { VIEWS = sizeof(views) / sizeof(views[0]) };

static void test_says_the_same(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	char *before[VIEWS];

	(void)state;
	store_all_kinds(path);
	for (int i = 0; i < VIEWS; i++)
		before[i] = told(path, views[i]);
	execute(path, TO_VERSION_6);
	store_close(scene_open(path, STORE_READ));
	assert_string_equal(scene_file_value(path, "PRAGMA user_version"), "7");
	for (int i = 0; i < VIEWS; i++) {
		char *after = told(path, views[i]);

		assert_string_equal(after, before[i]);
		sqlite3_free(before[i]);
		sqlite3_free(after);
	}
	scene_expect_sound(path);
	scene_remove(folder);
}

/* Numbers that meet what stands for NULL elsewhere. */
static void test_halves_at_their_limits(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	store_all_kinds(path);
	assert_string_equal(scene_file_value(path, "SELECT (isns >> 32 & 4294967295) || ' ' ||"
						   " (isns & 4294967295) FROM connections"
						   " WHERE id = 5"),
			    "2147483648 0");
	assert_string_equal(scene_file_value(path, "SELECT fin_payload_initiator || ' ' ||"
						   " fin_payload_responder || ' ' ||"
						   " initiator_port || ' ' || responder_port"
						   " FROM teardowns WHERE connection_id = 5"),
			    "2147483648 0 65535 65535");
	scene_remove(folder);
}

/* What others made of lastack's views and rows is no reason to refuse. */
static void test_views_of_others_stay(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	store_all_kinds(path);
	execute(path, TO_VERSION_6 "CREATE VIEW mine AS SELECT connection_id, history, capture"
				   " FROM teardowns WHERE history <> '';"
				   "CREATE INDEX my_initiators ON connections(initiator_id);"
				   "CREATE INDEX my_ports ON connections(initiator_port)");
	store_close(scene_open(path, STORE_WRITE));
	assert_string_equal(scene_file_value(path, "SELECT count(*) > 0 FROM mine"), "1");
	assert_string_equal(scene_file_value(path, "SELECT group_concat(name) FROM sqlite_schema"
						   " WHERE name IN ('my_initiators', 'my_ports')"),
			    "my_initiators");
	scene_expect_sound(path);
	scene_remove(folder);
}

static int in_any_order(void *context, int length, const void *a, int other, const void *b)
{
	(void)context, (void)length, (void)a, (void)other, (void)b;
	return 0;
}

/* Nor is an index in an order that only its maker's program has. */
static void test_indexes_of_unknown_order_go(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	sqlite3 *db;

	(void)state;
	store_all_kinds(path);
	execute(path, TO_VERSION_6);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_create_collation(db, "HERS", SQLITE_UTF8, NULL, in_any_order),
			 SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "CREATE INDEX hers ON connections(history COLLATE HERS, id);"
				      "CREATE INDEX hers_too ON connections(first_ns COLLATE HERS)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	store_close(scene_open(path, STORE_READ));
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM sqlite_schema"
						   " WHERE name LIKE 'hers%'"),
			    "0");
	scene_expect_sound(path);
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_the_same),
		cmocka_unit_test(test_halves_at_their_limits),
		cmocka_unit_test(test_views_of_others_stay),
		cmocka_unit_test(test_indexes_of_unknown_order_go),
	};

	return cmocka_run_group_tests_name("version 6", tests, NULL, NULL);
}
