/* A connection that is told again: afterwards the database is as if the last telling had been the only one. */
#include "db/summaries.h"
#include "tests/store_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* LATE: CLEAN with a segment more. CLEAN_TO_FULL: all that FULL has, in the row of CLEAN. */
enum kind { CLEAN, LATE, FULL, CLEAN_TO_FULL, UNANSWERED, KINDS };

static const char *const looks[] = {
	"SELECT * FROM teardowns ORDER BY connection_id",
	"SELECT * FROM findings",
	"SELECT * FROM timeline",
	"SELECT * FROM losses",
	"SELECT * FROM fins",
	"SELECT * FROM resets",
	"SELECT * FROM silences",
	"SELECT * FROM reuses",
	"SELECT * FROM dwells",
	"SELECT * FROM states",
	"SELECT connection_id, hex(segments) FROM ladders",
	"SELECT * FROM mark_hits",
	"SELECT o.key, s.recording_id, s.hour, s.connections, s.bytes, s.retransmitted, s.missing,"
	" s.rst_in_window, s.rst_out_of_window, s.time_wait_restarts FROM summaries AS s"
	" JOIN outcomes AS o ON o.id = s.outcome_id ORDER BY 1, 2, 3",
	"SELECT * FROM finding_summaries",
};

/* All rows as text, from sqlite3_malloc. */
static char *look(sqlite3 *db, const char *sql)
{
	sqlite3_str *text = sqlite3_str_new(NULL);
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	sqlite3_str_appendall(text, ":");
	while (sqlite3_step(s) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(s); i++)
			sqlite3_str_appendf(text, "%s=%s ", sqlite3_column_name(s, i),
					    (const char *)sqlite3_column_text(s, i));
		sqlite3_str_appendall(text, "\n");
	}
	sqlite3_finalize(s);
	return sqlite3_str_finish(text);
}

static void be(struct scene_verdict *scene, enum kind kind)
{
	struct scene_verdict clean;

	scene_clean(&clean, 1);
	switch (kind) {
	case FULL:
	case CLEAN_TO_FULL:
		scene_full(scene);
		break;
	case UNANSWERED:
		scene_unanswered(scene);
		break;
	default:
		scene_clean(scene, 1);
	}
	if (kind == LATE) {
		scene->v.dir[SIDE_INITIATOR].packets++;
		scene->v.last_ns += 1000;
	} else if (kind == CLEAN_TO_FULL) {
		scene->v.ip_version = clean.v.ip_version;
		scene->v.first_packet = clean.v.first_packet;
		scene->v.first_ns = clean.v.first_ns;
		scene->v.last_ns = clean.v.last_ns;
		scene->v.tunnel = clean.v.tunnel;
		scene->v.application = clean.v.application;
		for (int side = 0; side < SIDES; side++) {
			scene->v.dir[side].address = clean.v.dir[side].address;
			scene->v.dir[side].port = clean.v.dir[side].port;
			scene->v.dir[side].vlan_tags = clean.v.dir[side].vlan_tags;
		}
	}
}

static void tell(struct store *store, uint64_t number, enum kind kind, bool again)
{
	struct scene_verdict scene;
	struct error err = {""};

	be(&scene, kind);
	scene.v.number = number;
	scene.v.again = again;
	if (!store_verdict(store, &scene.v, &err))
		fail_msg("%s", err.text);
}

/* Connection 1 told as each of kinds in turn, between others. */
static struct store *stored(const enum kind *kinds, size_t count)
{
	struct feed feed = scene_feed("given.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);
	struct error err = {""};
	int64_t id;

	if (!store_begin(store, &recording, &id, &err))
		fail_msg("%s", err.text);
	tell(store, 1, kinds[0], false);
	tell(store, 2, FULL, false);
	for (size_t i = 1; i < count; i++)
		tell(store, 1, kinds[i], true);
	tell(store, 3, CLEAN, false);
	if (!scene_commit(store, &recording, &err))
		fail_msg("%s", err.text);
	return store;
}

static void expect_same(struct store *here, struct store *there)
{
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		char *left = look(store_handle(here), looks[i]);
		char *right = look(store_handle(there), looks[i]);

		assert_string_equal(left, right);
		sqlite3_free(left);
		sqlite3_free(right);
	}
}

static void test_only_the_last_telling_counts(void **state)
{
	(void)state;
	for (int all = 0; all < KINDS * KINDS; all++) { /* any two of the three are any pair once */
		int first = all % KINDS, last = all / KINDS;
		const enum kind kinds[] = {(enum kind)first, (enum kind)((first + last) % KINDS),
					   (enum kind)last};
		struct store *often = stored(kinds, 3), *once = stored(kinds + 2, 1);

		expect_same(often, once);
		store_close(often);
		store_close(once);
	}
}

/* Its earlier row is not there: lost, or expired meanwhile. */
static void test_one_that_was_not_stored_is_added(void **state)
{
	static const enum kind kind = FULL;
	struct feed feed = scene_feed("given.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE), *once = stored(&kind, 1);
	struct error err = {""};
	int64_t id;

	(void)state;
	assert_true(store_begin(store, &recording, &id, &err));
	tell(store, 2, FULL, false);
	tell(store, 3, CLEAN, false);
	tell(store, 1, FULL, true);
	assert_true(scene_commit(store, &recording, &err));
	expect_same(store, once);
	store_close(store);
	store_close(once);
}

/* Of two that lie as many connections apart as are remembered, the earlier one is told last but one. */
static void test_one_that_is_long_gone_changes_nothing_of_others(void **state)
{
	enum { KNOWN = 2 * 1024 * 1024 };
	struct feed feed = scene_feed("given.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);
	struct error err = {""};
	int64_t id;

	(void)state;
	assert_true(store_begin(store, &recording, &id, &err));
	tell(store, 1, CLEAN, false);
	tell(store, 1, CLEAN, true); /* from now on it is remembered */
	tell(store, 1 + KNOWN, CLEAN_TO_FULL, false);
	tell(store, 1, CLEAN, true);
	tell(store, 1 + KNOWN, CLEAN, true);
	assert_true(scene_commit(store, &recording, &err));
	assert_string_equal(scene_value(store_handle(store), "SELECT count(*) FROM findings"), "0");
	assert_string_equal(scene_value(store_handle(store), "SELECT count(*) FROM losses"), "0");
	assert_string_equal(scene_value(store_handle(store), "SELECT count(*) FROM mark_hits"),
			    "0");
	store_close(store);
}

/* Sums wait in a table of 8,192 places, written when half of them are taken: here between a connection and its
 * finding. */
static void test_sums_of_nothing_go_wherever_the_table_is_full(void **state)
{
	enum { OTHERS = 4094 };
	static const char was_told[] = "INSERT INTO summaries VALUES(1, 5, 1, 1, 0, 0, 0, 0, 0, 0);"
				       "INSERT INTO finding_summaries VALUES(1, 5, 2, 1, 1, 3);";
	static const enum kind kind = CLEAN;
	struct summed was = {.first_ns = 5 * INT64_C(3600000000000)};
	struct store *store = stored(&kind, 1);
	sqlite3 *db = store_handle(store);
	struct error err = {""};
	struct summaries *s = summaries_new(db, &err);
	struct scene_verdict scene;

	(void)state;
	assert_int_equal(sqlite3_exec(db, was_told, NULL, NULL, NULL), SQLITE_OK);
	summaries_begin(s, 1);
	scene_unanswered(&scene);
	for (int i = 0; i < OTHERS; i++) {
		scene.v.first_ns += INT64_C(3600000000000);
		assert_true(summaries_add(s, &scene.v, 1, &err));
	}
	assert_true(summaries_subtract(s, &was, 1, &err));
	assert_true(summaries_subtract_finding(s, was.first_ns, 2, 1, true, 3, &err));
	assert_true(summaries_flush(s, &err));
	assert_string_equal(scene_value(db, "SELECT count(*) FROM summaries WHERE hour = 5"), "0");
	assert_string_equal(
		scene_value(db, "SELECT count(*) FROM finding_summaries WHERE hour = 5"), "0");
	summaries_free(s);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_last_telling_counts),
		cmocka_unit_test(test_one_that_was_not_stored_is_added),
		cmocka_unit_test(test_one_that_is_long_gone_changes_nothing_of_others),
		cmocka_unit_test(test_sums_of_nothing_go_wherever_the_table_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
