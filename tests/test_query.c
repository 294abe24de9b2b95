/* Reading back: each filter alone and together, prefixes, and statements of the user's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "db/address.h"
#include "db/query.h"
#include "tests/store_scene.h"

/* Connections to choose from, in order of storing; times fall so that order by time shows. */
struct sample {
	const char *initiator, *responder;
	uint16_t initiator_port, responder_port;
	enum teardown teardown;
	enum side closer;
	int finding; /* -1: none */
};

static const struct sample samples[] = {
	{"10.0.0.1", "10.0.0.2", 40000, 80, TEARDOWN_FOUR_WAY, SIDE_INITIATOR, -1},
	{"10.0.1.1", "10.0.0.2", 40001, 443, TEARDOWN_FOUR_WAY, SIDE_RESPONDER, FINDING_STRAY_SYN},
	{"10.0.0.3", "192.168.0.1", 80, 22, TEARDOWN_RST_ABORT, SIDE_RESPONDER,
	 FINDING_RST_INJECTED},
	{"2001:db8::1", "2001:db8:1::2", 40003, 80, TEARDOWN_OPEN, SIDE_NONE, FINDING_RST_INJECTED},
	{"2001:db9::1", "::ffff:10.0.0.1", 40004, 25, TEARDOWN_SIMULTANEOUS, SIDE_BOTH,
	 FINDING_DPI_RISK},
};
enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void set_address(struct verdict *v, enum side side, const char *text)
{
	struct ip_address *address = &v->dir[side].address;

	v->ip_version = strchr(text, ':') ? 6 : 4;
	assert_int_equal(inet_pton(v->ip_version == 6 ? AF_INET6 : AF_INET, text, address->bytes),
			 1);
}

static void store_sample(struct store *store, unsigned n)
{
	const struct sample *sample = &samples[n];
	struct scene_verdict scene;
	struct error err = {{0}};

	scene_clean(&scene, SAMPLES - n); /* the last one stored is the first in time */
	set_address(&scene.v, SIDE_INITIATOR, sample->initiator);
	set_address(&scene.v, SIDE_RESPONDER, sample->responder);
	scene.v.dir[SIDE_INITIATOR].port = sample->initiator_port;
	scene.v.dir[SIDE_RESPONDER].port = sample->responder_port;
	scene.v.teardown = sample->teardown;
	scene.v.closer = sample->closer;
	if (sample->finding >= 0) {
		for (int i = 0; i < 2; i++) /* twice: the connection must not come twice */
			scene.finding[i] = (struct finding){.code = (uint8_t)sample->finding,
							    .count = 1};
		scene.v.findings = scene.finding;
		scene.v.finding_count = 2;
	}
	if (!store_verdict(store, &scene.v, &err))
		fail_msg("%s", err.text);
}

static struct store *sample_store(void)
{
	struct feed feed = scene_feed("a.pcap", "/real/a");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);
	struct error err = {{0}};
	int64_t id;

	assert_true(store_begin(store, &recording, &id, &err));
	for (unsigned n = 0; n < SAMPLES; n++)
		store_sample(store, n);
	assert_true(scene_commit(store, &recording, &err));
	return store;
}

static void expect_ids_one_way(struct store *store, struct query_filter filter,
			       const char *expected)
{
	struct error err = {{0}};
	sqlite3_stmt *s = query_prepare(store, &filter, &err);
	char ids[64] = "";

	if (!s)
		fail_msg("%s", err.text);
	assert_string_equal(sqlite3_column_name(s, 0), "connection_id");
	assert_int_equal(sqlite3_column_count(s), 73);
	while (sqlite3_step(s) == SQLITE_ROW)
		sqlite3_snprintf((int)(sizeof(ids) - strlen(ids)), ids + strlen(ids), "%s%s",
				 ids[0] ? " " : "", sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	assert_string_equal(ids, expected);
}

/* The ids that the filter finds, in order: "5 4"; through indexes, walking in order of time, and going
 * through all, as a filter is asked that fits few, or more than rare_max. */
static void expect_ids(struct store *store, struct query_filter filter, const char *expected)
{
	expect_ids_one_way(store, filter, expected);
	filter.rare_max = 1;
	expect_ids_one_way(store, filter, expected);
	if (filter.limit == 0)
		filter.limit = 10;
	expect_ids_one_way(store, filter, expected);
}

static void test_single_filters(void **state)
{
	int64_t third = SCENE_START_NS + 3000000;
	struct store *store = sample_store();

	(void)state;
	expect_ids(store, (struct query_filter){0}, "5 4 3 2 1");
	expect_ids(store, (struct query_filter){.teardown = "four_way"}, "2 1");
	expect_ids(store, (struct query_filter){.teardown = "refused"}, "");
	expect_ids(store, (struct query_filter){.closer = "responder"}, "3 2");
	expect_ids(store, (struct query_filter){.closer = "none"}, "4");
	expect_ids(store, (struct query_filter){.finding = "rst-injected"}, "4 3");
	expect_ids(store, (struct query_filter){.finding = "dpi-risk"}, "5");
	expect_ids(store, (struct query_filter){.has_port = true, .port = 80}, "4 3 1");
	expect_ids(store, (struct query_filter){.has_port = true, .port = 0}, "");
	expect_ids(store, (struct query_filter){.has_since = true, .since_ns = third}, "3 2 1");
	expect_ids(store, (struct query_filter){.has_until = true, .until_ns = third}, "5 4");
	expect_ids(store, (struct query_filter){.limit = 2}, "5 4");
	store_close(store);
}

/* As databases have it whose rows came before the index left out risks. */
static void test_the_index_of_before_serves(void **state)
{
	struct store *store = sample_store();

	(void)state;
	assert_int_equal(sqlite3_exec(store_handle(store),
				      "DROP INDEX findings_code;"
				      "CREATE INDEX findings_code ON finding_rows(code_id)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	expect_ids(store, (struct query_filter){.finding = "rst-injected"}, "4 3");
	expect_ids(store, (struct query_filter){.finding = "dpi-risk"}, "5");
	store_close(store);
}

static void test_hosts_and_prefixes(void **state)
{
	static const struct {
		const char *host, *ids;
	} cases[] = {
		{"10.0.0.1", "1"},      {"10.0.0.2", "2 1"},      {"10.0.0.0/24", "3 2 1"},
		{"10.0.1.77/24", "2"},  {"10.0.0.0/15", "3 2 1"}, {"0.0.0.0/0", "3 2 1"},
		{"10.0.0.1/32", "1"},   {"192.168.0.0/16", "3"},  {"172.16.0.0/12", ""},
		{"2001:db8::/32", "4"}, {"2001:db8::/31", "5 4"}, {"2001:0DB8:0::1", "4"},
		{"::/0", "5 4"},        {"::ffff:10.0.0.1", "5"},
	};
	struct store *store = sample_store();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_ids(store, (struct query_filter){.host = cases[i].host}, cases[i].ids);
	store_close(store);
}

static void test_filters_together(void **state)
{
	struct store *store = sample_store();

	(void)state;
	expect_ids(store, (struct query_filter){.teardown = "four_way", .closer = "initiator"},
		   "1");
	expect_ids(store, (struct query_filter){.host = "10.0.0.0/8", .has_port = true, .port = 80},
		   "3 1");
	/* the port is the host's own */
	expect_ids(store,
		   (struct query_filter){.host = "10.0.0.2", .has_port = true, .port = 40000}, "");
	expect_ids(store, (struct query_filter){.finding = "rst-injected", .host = "10.0.0.0/8"},
		   "3");
	expect_ids(store, (struct query_filter){.host = "10.0.0.0/8", .limit = 1}, "3");
	expect_ids(store,
		   (struct query_filter){.teardown = "four_way",
					 .closer = "responder",
					 .finding = "stray-syn",
					 .host = "10.0.0.2",
					 .has_port = true,
					 .port = 443,
					 .has_since = true,
					 .since_ns = SCENE_START_NS,
					 .has_until = true,
					 .until_ns = SCENE_END_NS,
					 .limit = 9},
		   "2");
	store_close(store);
}

static void test_bad_values_are_quoted(void **state)
{
	static const struct {
		struct query_filter filter;
		const char *quoted;
	} cases[] = {
		{{.teardown = "fourway"}, "\"fourway\" is no teardown; one of: stray, refused"},
		{{.closer = "server"}, "\"server\" is no closer; one of: initiator, responder"},
		{{.finding = "rst"}, "\"rst\" is no finding"},
		{{.host = "10.0.0.256"}, "\"10.0.0.256\""},
		{{.host = "10.0.0.0/33"}, "\"10.0.0.0/33\""},
		{{.host = "10.0.0.0/"}, "\"10.0.0.0/\""},
		{{.host = "10.0.0.0/+8"}, "\"10.0.0.0/+8\""},
		{{.host = "::/129"}, "\"::/129\""},
		{{.host = ""}, "\"\""},
		{{.host = "x' OR 1 --"}, "\"x' OR 1 --\""},
	};
	struct store *store = sample_store();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {{0}};

		assert_null(query_prepare(store, &cases[i].filter, &err));
		if (!strstr(err.text, cases[i].quoted))
			fail_msg("\"%s\" lacks %s", err.text, cases[i].quoted);
	}
	store_close(store);
}

/* The plan of a filtered query never scans the table of connections. */
static void test_filters_use_indexes(void **state)
{
	static const struct query_filter filters[] = {
		{.teardown = "open", .limit = 10},           {.closer = "both", .limit = 10},
		{.finding = "stray-syn", .limit = 10},       {.host = "10.0.0.0/8", .limit = 10},
		{.has_port = true, .port = 80, .limit = 10}, {.has_since = true, .limit = 10},
	};
	struct store *store = sample_store();
	struct error err = {{0}};

	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct query_filter filter = filters[i];
		sqlite3_stmt *query, *plan;
		char *sql;

		query = query_prepare(store, &filter, &err);
		sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(query));

		assert_int_equal(sqlite3_prepare_v2(store_handle(store), sql, -1, &plan, NULL),
				 SQLITE_OK);
		while (sqlite3_step(plan) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(plan, 3);

			if (strcmp(step, "SCAN connections") == 0 || strcmp(step, "SCAN c") == 0 ||
			    strcmp(step, "SCAN finding_rows") == 0)
				fail_msg("filter %zu: %s in %s", i, step, sql);
		}
		sqlite3_finalize(plan);
		sqlite3_free(sql);
		sqlite3_finalize(query);
	}
	store_close(store);
}

static void test_own_statements(void **state)
{
	static const char *const allowed[] = {
		"SELECT count(*) FROM teardowns",
		"select 5; -- and no more",
		"WITH n(i) AS (VALUES(1) UNION SELECT i + 1 FROM n LIMIT 5) SELECT i FROM n",
		"VALUES(5)",
		"SELECT 5 FROM pragma_table_info('hosts') LIMIT 1",
		"SELECT length(group_concat(code)) > 0 FROM findings WHERE code GLOB 'rst-*'",
		"EXPLAIN SELECT 1",
		"PRAGMA table_info(connections)",
		"PRAGMA user_version",
	};
	struct store *store = sample_store();

	(void)state;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct error err = {{0}};
		sqlite3_stmt *s = query_prepare_sql(store, allowed[i], &err);

		if (!s)
			fail_msg("%s: %s", allowed[i], err.text);
		assert_int_equal(sqlite3_step(s), SQLITE_ROW);
		sqlite3_finalize(s);
	}
	store_close(store);
}

static void test_statements_that_do_not_only_read(void **state)
{
	static const struct {
		const char *sql, *reason;
	} refused[] = {
		{"DELETE FROM findings", "cannot modify findings"},
		{"UPDATE sqlite_schema SET sql = ''", "may not be modified"},
		{"DELETE FROM hosts", "only statements that read"},
		{"UPDATE connections SET first_ns = 0", "only statements that read"},
		{"INSERT INTO hosts VALUES(1,2,3,4)", "only statements that read"},
		{"DROP VIEW teardowns", "only statements that read"},
		{"CREATE TABLE t(x)", "only statements that read"},
		{"CREATE TEMP TABLE t(x)", "only statements that read"},
		{"ATTACH 'other.db' AS other", "only statements that read"},
		{"DETACH main", "only statements that read"},
		{"VACUUM INTO 'copy.db'", "only statements that read"},
		{"BEGIN", "only statements that read"},
		{"SAVEPOINT s", "only statements that read"},
		{"REINDEX", "only statements that read"},
		{"ANALYZE", "only statements that read"},
		{"EXPLAIN DELETE FROM hosts", "only statements that read"},
		{"SELECT load_extension('x')", "only statements that read"},
		{"PRAGMA user_version = 9", "only statements that read"},
		{"PRAGMA writable_schema = ON", "only statements that read"},
		{"PRAGMA journal_mode = WAL", "only statements that read"},
		{"PRAGMA wal_checkpoint", "only statements that read"},
		{"SELECT 1; SELECT 2", "only one statement"},
		{"SELECT 1; DELETE FROM hosts", "only one statement"},
		{"SELECT 1; nonsense", "only one statement"},
		{"", "no statement"},
		{" -- nothing", "no statement"},
		{"SELEC 1", "syntax error"},
		{"SELECT nonesuch FROM teardowns", "no such column: nonesuch"},
	};
	struct store *store = sample_store();

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct error err = {{0}};

		assert_null(query_prepare_sql(store, refused[i].sql, &err));
		if (!strstr(err.text, refused[i].reason))
			fail_msg("%s: \"%s\"", refused[i].sql, err.text);
	}
	assert_string_equal(scene_value(store_handle(store), "SELECT count(*) FROM teardowns"),
			    "5");
	store_close(store);
}

static void test_address_text(void **state)
{
	static const char *const texts[] = {
		"::",           "::1",           "2001:db8::1",      "2001:db8:0:1:1:1:1:1",
		"2001:0:0:1::", "fe80::1:0:0:a", "::ffff:192.0.2.1",
	};
	struct ip_address address = {{192, 0, 2, 1}};
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	address_text(&address, 4, text);
	assert_string_equal(text, "192.0.2.1");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(inet_pton(AF_INET6, texts[i], address.bytes), 1);
		address_text(&address, 6, text);
		assert_string_equal(text, texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_filters),
		cmocka_unit_test(test_the_index_of_before_serves),
		cmocka_unit_test(test_hosts_and_prefixes),
		cmocka_unit_test(test_filters_together),
		cmocka_unit_test(test_bad_values_are_quoted),
		cmocka_unit_test(test_filters_use_indexes),
		cmocka_unit_test(test_own_statements),
		cmocka_unit_test(test_statements_that_do_not_only_read),
		cmocka_unit_test(test_address_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
