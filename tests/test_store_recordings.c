/* Recordings: one in place of another, and what a killed or failed run leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/store_scene.h"

/* --- what is kept of a recording --- */

static void test_recording_and_capture_rows(void **state)
{
	struct feed feed = scene_feed("dir/a.pcap", "/real/a.pcap");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);
	sqlite3 *db;

	(void)state;
	scene_store(store, &recording, 1);
	db = store_handle(store);
	assert_string_equal(scene_value(db,
					"SELECT path || ' ' || real_path || ' ' || format || ' '"
					" || file_bytes || ' ' || modified_ns || ' ' || packets"
					" || ' ' || packets_filtered_out || ' ' || bytes || ' '"
					" || wire_bytes || ' ' || backwards || ' ' || interfaces"
					" FROM captures"),
			    "dir/a.pcap /real/a.pcap pcapng 4096 7 12 2 700 900 1 3");
	assert_string_equal(scene_value(db, "SELECT group_concat(linktype) FROM capture_linktypes"),
			    "1,113");
	assert_string_equal(
		scene_value(db, "SELECT name FROM capture_linktypes WHERE linktype = 1"),
		decode_linktype_name(1));
	assert_string_equal(
		scene_value(db, "SELECT sum(packets) || ' ' || count(*) FROM decode_counts"),
		"13 2");
	assert_string_equal(
		scene_value(db, "SELECT packets FROM decode_counts WHERE reason = 'udp'"), "3");
	assert_string_equal(scene_value(db,
					"SELECT segments || ' ' || evicted || ' ' || peak_memory ||"
					" ' ' || fragments || ' ' || tunnelled || ' ' ||"
					" first_connection || ' ' || last_connection"
					" FROM recordings"),
			    "6 7 8 4 5 1 1");
	store_close(store);
}

/* --- one recording in place of another --- */

static void test_the_same_file_replaces(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_store_file(path, "/real/a", 5);
	scene_store_file(path, "/real/a", 3);
	assert_string_equal(scene_file_value(path, SCENE_COUNTS), "1 1 3");
	scene_store_file(path, "/real/b", 4);
	assert_string_equal(scene_file_value(path, SCENE_COUNTS), "2 2 7");
	scene_store_file(path, "/real/a", 2);
	assert_string_equal(scene_file_value(path, SCENE_COUNTS), "2 2 6");
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM sqlite_schema WHERE type ="
						   " 'index' AND sql IS NOT NULL"),
			    "4");
	scene_expect_sound(path);
	scene_remove(folder);
}

static void test_replacing_drops_every_row_of_the_old(void **state)
{
	struct feed feed = scene_feed("a", "/real/a"), other = scene_feed("b", "/real/b");
	struct recording recording = scene_recording(&feed), second = scene_recording(&other);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *store = scene_open(path, STORE_WRITE);
	struct scene_verdict scene;
	struct error err = {{0}};
	int64_t id;

	(void)state;
	scene_store(store, &second, 2);
	assert_true(store_begin(store, &recording, &id, &err));
	scene_full(&scene);
	assert_true(store_verdict(store, &scene.v, &err));
	assert_true(scene_commit(store, &recording, &err));
	scene_store(store, &recording, 1);
	store_close(store);
	assert_string_equal(
		scene_file_value(path,
				 "SELECT (SELECT count(*) FROM findings) +"
				 " (SELECT count(*) FROM ladders) + (SELECT count(*) FROM states)"
				 " + (SELECT count(*) FROM dwells) + (SELECT count(*) FROM reuses)"
				 " + (SELECT count(*) FROM resets) + (SELECT count(*) FROM losses)"
				 " + (SELECT count(*) FROM fins)"
				 " + (SELECT count(*) FROM paths)"),
		"0");
	assert_string_equal(scene_file_value(path, "SELECT group_concat(address) FROM"
						   " (SELECT address FROM hosts ORDER BY address)"),
			    "10.0.0.1,10.0.0.2");
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM outcomes"), "1");
	scene_expect_sound(path);
	scene_remove(folder);
}

static struct feed joined(const char *first, const char *second)
{
	struct feed feed = scene_feed("first.pcap", first);
	struct feed other = scene_feed("second.pcap", second);

	feed.file[1] = other.file[0];
	feed.count = 2;
	return feed;
}

/* More histories than are kept at hand, of as many letters as there can be: each connection has its own, none is
 * stored twice, and they go with the last connection that had them. */
static void test_histories_of_their_own(void **state)
{
	enum { HISTORIES = 6000 };
	char *folder = scene_folder(), history[65];
	const char *path = scene_path(folder, "x.db");
	struct scene_verdict scene;
	struct error err = {{0}};
	int64_t id;

	(void)state;
	for (int run = 0; run < 2; run++) {
		struct feed feed = scene_feed("x.pcap", run == 0 ? "/real/a" : "/real/b");
		struct recording recording = scene_recording(&feed);
		struct store *store = scene_open(path, STORE_WRITE);

		assert_true(store_begin(store, &recording, &id, &err));
		for (unsigned n = 1; n <= HISTORIES; n++) {
			scene_clean(&scene, n);
			snprintf(history, sizeof(history), "%064u", n);
			scene.v.history = history;
			assert_true(store_verdict(store, &scene.v, &err));
		}
		assert_true(scene_commit(store, &recording, &err));
		store_close(store);
	}
	assert_string_equal(scene_file_value(path,
					     "SELECT count(*) || ' ' || sum(history ="
					     " printf('%064d', (connection_id - 1) % 6000 + 1))"
					     " FROM teardowns"),
			    "12000 12000");
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM histories"), "6000");
	scene_store_file(path, "/real/a", 1);
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM histories"), "6001");
	scene_store_file(path, "/real/b", 1);
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM histories"), "1");
	scene_expect_sound(path);
	scene_remove(folder);
}

static void test_a_joined_set_is_one_recording(void **state)
{
	struct feed feed = joined("/real/a", "/real/b"), turned = joined("/real/b", "/real/a");
	struct feed wider = joined("/real/a", "/real/c"), alone = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);
	struct scene_verdict scene;
	struct error err = {{0}};
	int64_t id;

	(void)state;
	recording.joined = true;
	assert_true(store_begin(store, &recording, &id, &err));
	for (uint32_t file = 0; file < 2; file++) {
		scene_clean(&scene, file);
		scene.v.file = file;
		assert_true(store_verdict(store, &scene.v, &err));
	}
	assert_true(scene_commit(store, &recording, &err));
	assert_string_equal(
		scene_value(store_handle(store), "SELECT group_concat(capture) FROM teardowns"),
		"first.pcap,second.pcap");
	recording.feed = &turned; /* the same set in another order */
	scene_store(store, &recording, 3);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "1 2 3");
	recording.feed = &wider;
	scene_store(store, &recording, 1);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "2 4 4");
	recording = scene_recording(&alone); /* a member on its own is another recording */
	scene_store(store, &recording, 1);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "3 5 5");
	store_close(store);
}

static void test_standard_input_appends(void **state)
{
	struct feed feed = scene_feed("-", NULL);
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);

	(void)state;
	scene_store(store, &recording, 2);
	recording.replace = false;
	scene_store(store, &recording, 2);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "2 2 4");
	assert_string_equal(scene_value(store_handle(store),
					"SELECT count(file_bytes) + count(modified_ns) +"
					" count(real_path) FROM captures"),
			    "0");
	store_close(store);
}

static void test_rollback_keeps_the_old_rows(void **state)
{
	struct feed feed = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct scene_verdict scene;
	struct error err = {{0}};
	struct store *store;
	int64_t id;

	(void)state;
	scene_store_file(path, "/real/a", 5);
	store = scene_open(path, STORE_WRITE);
	assert_true(store_begin(store, &recording, &id, &err));
	scene_full(&scene);
	assert_true(store_verdict(store, &scene.v, &err));
	store_rollback(store);
	assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "1 1 5");
	scene_store(store, &recording, 2); /* the store goes on after a rollback */
	store_close(store);
	assert_string_equal(scene_file_value(path, SCENE_COUNTS), "1 1 2");
	scene_expect_sound(path);
	scene_remove(folder);
}

/* --- interruption --- */

enum kill_moment { AFTER_BEGIN, AMID_VERDICTS, AMID_SPILLED_VERDICTS, KILL_MOMENTS };

/* In a child: replaces the recording by many rows and dies on the way. */
static void die_while_storing(const char *path, enum kill_moment moment)
{
	struct feed feed = scene_feed("a", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct error err = {{0}};
	struct store *store = store_open(path, STORE_WRITE, &err);
	struct scene_verdict scene;
	int64_t id;

	if (!store || !store_begin(store, &recording, &id, &err))
		_exit(1);
	if (moment == AFTER_BEGIN)
		raise(SIGKILL);
	if (moment == AMID_SPILLED_VERDICTS) /* the journal and half the pages are on disk */
		sqlite3_exec(store_handle(store), "PRAGMA cache_size = 10", NULL, NULL, NULL);
	for (unsigned i = 0; i < 5000; i++) {
		scene_clean(&scene, i);
		if (!store_verdict(store, &scene.v, &err))
			_exit(1);
	}
	raise(SIGKILL);
	_exit(1);
}

static void run_and_kill(const char *path, enum kill_moment moment)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		die_while_storing(path, moment);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_kill_leaves_the_old_rows(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *store;

	(void)state;
	scene_store_file(path, "/real/a", 500);
	for (int moment = 0; moment < KILL_MOMENTS; moment++) {
		run_and_kill(path, (enum kill_moment)moment);
		/* reading comes first: it must get past the journal that was left */
		store = scene_open(path, STORE_READ);
		assert_string_equal(scene_value(store_handle(store), SCENE_COUNTS), "1 1 500");
		store_close(store);
		scene_expect_sound(path);
	}
	scene_store_file(path, "/real/a", 7);
	assert_string_equal(scene_file_value(path, SCENE_COUNTS), "1 1 7");
	scene_remove(folder);
}

static void test_kill_in_the_first_run(void **state)
{
	(void)state;
	for (int moment = 0; moment < KILL_MOMENTS; moment++) {
		char *folder = scene_folder();
		const char *path = scene_path(folder, "x.db");

		run_and_kill(path, (enum kill_moment)moment);
		scene_expect_refusal(path, STORE_READ, "is empty");
		run_and_kill(path, (enum kill_moment)moment);
		scene_store_file(path, "/real/a", 7);
		assert_string_equal(scene_file_value(path, SCENE_COUNTS), "1 1 7");
		scene_expect_sound(path);
		scene_remove(folder);
	}
}

/* Kills at arbitrary times, the commit included: the old rows or the new, never a mixture. */
static void test_kill_at_any_time(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	scene_store_file(path, "/real/a", 500);
	for (useconds_t delay = 500; delay < 60000; delay += delay / 4) {
		pid_t child = fork();
		const char *counts;

		assert_true(child >= 0);
		if (child == 0) {
			scene_store_file(path, "/real/a", 500);
			scene_store_file(path, "/real/a", 1500);
			scene_store_file(path, "/real/a", 500);
			_exit(0);
		}
		usleep(delay);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		counts = scene_file_value(path, SCENE_COUNTS);
		if (strcmp(counts, "1 1 500") != 0)
			assert_string_equal(counts, "1 1 1500");
		scene_expect_sound(path);
	}
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording_and_capture_rows),
		cmocka_unit_test(test_the_same_file_replaces),
		cmocka_unit_test(test_replacing_drops_every_row_of_the_old),
		cmocka_unit_test(test_histories_of_their_own),
		cmocka_unit_test(test_a_joined_set_is_one_recording),
		cmocka_unit_test(test_standard_input_appends),
		cmocka_unit_test(test_rollback_keeps_the_old_rows),
		cmocka_unit_test(test_kill_leaves_the_old_rows),
		cmocka_unit_test(test_kill_in_the_first_run),
		cmocka_unit_test(test_kill_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
