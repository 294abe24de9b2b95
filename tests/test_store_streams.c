/* What is stored of the bytes that connections carry: applications, and strings that were looked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/query.h"
#include "tests/store_scene.h"

static const struct recording_mark marks[] = {
	{"needle", (const uint8_t *)"needle", 6},
	{"hex:6e6565646c65", (const uint8_t *)"needle", 6}, /* the same bytes */
	{"hex:0041", (const uint8_t *)"\0A", 2},
	{"never seen", (const uint8_t *)"never seen", 10},
};

static const struct mark_hit hits[] = {
	{.mark = 2,
	 .side = SIDE_RESPONDER,
	 .offset = 5,
	 .at = {.ts_ns = 70, .packet = 8},
	 .count = 1},
	{.mark = 1,
	 .side = SIDE_INITIATOR,
	 .offset = UINT64_C(5000000000),
	 .at = {.ts_ns = 71, .packet = 9},
	 .count = 12},
};

static void store(struct store *store, unsigned number, const struct application *application,
		  size_t hit_count)
{
	struct scene_verdict scene;
	struct error err = {{0}};

	scene_clean(&scene, number);
	scene.v.application = application;
	scene.v.marks = hits;
	scene.v.mark_count = hit_count;
	if (!store_verdict(store, &scene.v, &err))
		fail_msg("%s", err.text);
}

static struct store *begin(const char *path, const struct recording *recording)
{
	struct store *store = scene_open(path, STORE_WRITE);
	struct error err = {{0}};
	int64_t id;

	if (!store_begin(store, recording, &id, &err))
		fail_msg("%s", err.text);
	return store;
}

static void test_equal_applications_are_one_row(void **state)
{
	static const struct application applications[] = {
		{.name = "TLS"},
		{.name = "TLS", .category = "Web"},
		{.name = "TLS", .category = "Web", .guessed = true},
		{.name = "TLS", .category = "Web", .server_name = "a.example"},
		{.name = "TLS", .category = "Web", .server_name = "b.example"},
		{.name = "TLS", .server_name = "Web"}, /* the same letters elsewhere */
	};
	enum { COUNT = sizeof(applications) / sizeof(applications[0]) };
	struct feed feed = scene_feed("a.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *s = begin(":memory:", &recording);
	struct error err = {{0}};

	(void)state;
	for (unsigned i = 0; i < 3 * COUNT; i++)
		store(s, i, &applications[i % COUNT], 0);
	store(s, 3 * COUNT, NULL, 0);
	store(s, 3 * COUNT + 1, &(struct application){.risk_count = 0}, 0); /* without a name */
	assert_true(scene_commit(s, &recording, &err));
	assert_string_equal(scene_value(store_handle(s), "SELECT count(*) FROM applications"), "6");
	assert_string_equal(
		scene_value(store_handle(s),
			    "SELECT group_concat(r, ' ') FROM (SELECT application || '/' ||"
			    " coalesce(application_category, '-') || '/' ||"
			    " application_guessed || '/' || coalesce(server_name, '-') AS r"
			    " FROM teardowns WHERE connection_id <= 6 ORDER BY 1)"),
		"TLS/-/0/- TLS/-/0/Web TLS/Web/0/- TLS/Web/0/a.example TLS/Web/0/b.example"
		" TLS/Web/1/-");
	assert_string_equal(scene_value(store_handle(s),
					"SELECT count(*) FROM teardowns WHERE application IS NULL"
					" AND application_guessed IS NULL"),
			    "2");
	store_close(s);
}

/* A second run finds the rows of the first, and what nobody uses any more goes. */
static void test_applications_are_shared_and_dropped(void **state)
{
	static const struct application tls = {.name = "TLS"}, http = {.name = "HTTP"};
	struct feed a = scene_feed("a", "/real/a"), b = scene_feed("b", "/real/b");
	struct recording first = scene_recording(&a), second = scene_recording(&b);
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	const struct recording *recordings[] = {&first, &second, &first};
	const struct application *applications[] = {&tls, &tls, &http};
	static const char *const counts[] = {"1", "1", "2"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct store *s = begin(path, recordings[i]);
		struct error err = {{0}};

		store(s, 0, applications[i], 0);
		assert_true(scene_commit(s, recordings[i], &err));
		store_close(s);
		assert_string_equal(scene_file_value(path, "SELECT count(*) FROM applications"),
				    counts[i]);
	}
	second.replace = true;
	{
		struct store *s = begin(path, &second);
		struct error err = {{0}};

		store(s, 0, &http, 0);
		assert_true(scene_commit(s, &second, &err));
		store_close(s);
	}
	assert_string_equal(scene_file_value(path, "SELECT group_concat(name) FROM applications"),
			    "HTTP");
	scene_expect_sound(path);
	scene_remove(folder);
}

static void store_marked(const char *path, const char *real_path, size_t mark_count,
			 size_t hit_count)
{
	struct feed feed = scene_feed(real_path, real_path);
	struct recording recording = scene_recording(&feed);
	struct error err = {{0}};
	struct store *s;

	recording.marks = marks;
	recording.mark_count = mark_count;
	s = begin(path, &recording);
	store(s, 0, NULL, 0);
	store(s, 1, NULL, hit_count);
	assert_true(scene_commit(s, &recording, &err));
	store_close(s);
}

static void test_found(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");

	(void)state;
	store_marked(path, "/real/a", 4, 2);
	assert_string_equal(
		scene_file_value(path,
				 "SELECT group_concat(r, ' ') FROM (SELECT connection_id || ',' ||"
				 " mark || ',' || side || ',' || stream_offset || ',' || ts_ns ||"
				 " ',' || packet || ',' || count AS r FROM found ORDER BY packet)"),
		"2,hex:0041,responder,5,70,8,1 2,needle,initiator,5000000000,71,9,12");
	/* what was looked for in vain is known, too */
	assert_string_equal(scene_file_value(path, "SELECT count(*) FROM recording_marks"), "3");
	scene_expect_sound(path);
	/* without the marks: hits, marks and all go */
	store_marked(path, "/real/a", 0, 0);
	assert_string_equal(scene_file_value(path, "SELECT (SELECT count(*) FROM marks) ||"
						   " (SELECT count(*) FROM recording_marks) ||"
						   " (SELECT count(*) FROM mark_hits)"),
			    "000");
	/* another recording's stay */
	store_marked(path, "/real/b", 4, 2);
	store_marked(path, "/real/a", 1, 0);
	store_marked(path, "/real/a", 0, 0);
	assert_string_equal(scene_file_value(path, "SELECT (SELECT count(*) FROM marks) ||"
						   " (SELECT count(*) FROM recording_marks) ||"
						   " (SELECT count(*) FROM mark_hits)"),
			    "332");
	scene_expect_sound(path);
	scene_remove(folder);
}

static void expect_contains(struct store *s, const char *text, size_t length, const char *expected)
{
	struct query_filter filter = {.contains = text,
				      .contains_bytes = (const uint8_t *)text,
				      .contains_length = length};
	struct error err = {{0}};
	sqlite3_stmt *statement = query_prepare(s, &filter, &err);
	char ids[32] = "";

	if (!statement) {
		assert_string_equal(err.text, expected);
		return;
	}
	while (sqlite3_step(statement) == SQLITE_ROW)
		sqlite3_snprintf((int)(sizeof(ids) - strlen(ids)), ids + strlen(ids), "%s ",
				 sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	assert_string_equal(ids, expected);
}

static void test_contains(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct store *s;

	(void)state;
	store_marked(path, "/real/a", 4, 2);
	store_marked(path, "/real/b", 2, 0);
	s = scene_open(path, STORE_READ);
	expect_contains(s, "needle", 6, "2 ");
	expect_contains(s, "\0A", 2, "2 ");
	expect_contains(s, "never seen", 10, "");
	expect_contains(s, "needl", 5,
			"no recording in this database was searched for \"needl\"; analyze the "
			"captures again with --mark 'needl'");
	store_close(s);
	scene_remove(folder);
}

static void expect_count(struct store *s, const char *application, const char *server_name,
			 int expected)
{
	struct query_filter filter = {.application = application, .server_name = server_name};
	struct error err = {{0}};
	sqlite3_stmt *statement = query_prepare(s, &filter, &err);
	int count = 0;

	if (!statement)
		fail_msg("%s", err.text);
	while (sqlite3_step(statement) == SQLITE_ROW)
		count++;
	sqlite3_finalize(statement);
	if (count != expected)
		fail_msg("%s, %s: %d, expected %d", application, server_name, count, expected);
}

static void test_filters(void **state)
{
	static const struct application applications[] = {
		{.name = "TLS.Google", .server_name = "www.google.com"},
		{.name = "TLS", .server_name = "example.com"},
		{.name = "FTP_CONTROL"},
		{.name = "FTPXCONTROL"},
		{.name = "HTTP.Google", .server_name = "mail.google.com"},
	};
	struct feed feed = scene_feed("a.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *s = begin(":memory:", &recording);
	struct error err = {{0}};

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		store(s, i, &applications[i], 0);
	store(s, 5, NULL, 0);
	assert_true(scene_commit(s, &recording, &err));
	expect_count(s, "TLS", NULL, 2);
	expect_count(s, "google", NULL, 2);
	expect_count(s, "tls.GOOGLE", NULL, 1);
	expect_count(s, "ftp_control", NULL, 1); /* no pattern */
	expect_count(s, "ftp%", NULL, 0);
	expect_count(s, "TL", NULL, 0);
	expect_count(s, NULL, "google", 2);
	expect_count(s, NULL, "EXAMPLE", 1);
	expect_count(s, "tls", "google", 1);
	expect_count(s, NULL, "%", 0);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_applications_are_one_row),
		cmocka_unit_test(test_applications_are_shared_and_dropped),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
