/* What blocks tell of connections, and finding them by it: held against going through all rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/block_column.h"
#include "db/block_search.h"
#include "db/query.h"
#include "db/retention.h"
#include "tests/store_scene.h"
#include "tests/version_6.h"

enum { MANY = 1500 };

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void expect_column(const int64_t *values, size_t count)
{
	uint8_t packed[2 * VARINT_MAX * BLOCK_SIZE];
	size_t size = column_pack(values, count, packed);
	struct column_reader reader = column_reader_of(packed, size);
	int64_t unpacked[BLOCK_SIZE + 1];

	assert_true(column_unpack(packed, size, unpacked, count));
	assert_memory_equal(unpacked, values, count * sizeof(*values));
	assert_false(column_unpack(packed, size, unpacked, count + 1));
	assert_false(count > 0 && column_unpack(packed, size, unpacked, count - 1));
	assert_in_range(size, 0, 2 * VARINT_MAX * count);
	for (size_t i = 0; i < count; i++) {
		assert_true(column_reader_next(&reader));
		assert_int_equal(reader.value, values[i]);
	}
	assert_false(column_reader_next(&reader));
	for (size_t cut = 0; cut < size; cut++) { /* never beyond what is there */
		assert_false(column_unpack(packed, cut, unpacked, count));
		reader = column_reader_of(packed, cut);
		for (size_t i = 0; i < count && column_reader_next(&reader); i++)
			;
	}
}

static void test_columns(void **state)
{
	static const int64_t odd[] = {-1, -1, 0, 0, INT64_MAX, INT64_MIN, INT64_MIN, 5};
	int64_t values[BLOCK_SIZE];
	uint32_t random = 1;

	(void)state;
	expect_column(odd, sizeof(odd) / sizeof(odd[0]));
	expect_column(odd, 0);
	for (int round = 0; round < 200; round++) {
		uint32_t different = 1 + next_random(&random) % 300;

		for (size_t i = 0; i < BLOCK_SIZE; i++)
			values[i] = next_random(&random) % different;
		expect_column(values, 1 + next_random(&random) % BLOCK_SIZE);
	}
}

/* Connections of few hosts and ports, some lasting long, in no order of time. */
static void store_random(struct store *store, uint32_t *random, unsigned number, bool again)
{
	struct scene_verdict scene;
	struct error err = {{0}};

	scene_clean(&scene, next_random(random) % 3000);
	scene.v.number = number;
	scene.v.again = again;
	scene.v.dir[SIDE_INITIATOR].address.bytes[3] = (uint8_t)(next_random(random) % 40);
	scene.v.dir[SIDE_RESPONDER].address.bytes[3] = (uint8_t)(next_random(random) % 300 / 3);
	scene.v.dir[SIDE_INITIATOR].port = (uint16_t)(1000 + next_random(random) % 700);
	scene.v.dir[SIDE_RESPONDER].port = (uint16_t)(80 + next_random(random) % 5);
	scene.v.midstream = next_random(random) % 100 == 0;
	if (next_random(random) % 50 == 0)
		scene.v.last_ns += INT64_C(1000000000) * (next_random(random) % 100);
	if (next_random(random) % 20 == 0)
		scene.v.dir[SIDE_INITIATOR].vlan_tags = 100 + next_random(random) % 2;
	if (!store_verdict(store, &scene.v, &err))
		fail_msg("%s", err.text);
}

static void store_many(const char *path, const char *name, uint32_t *random)
{
	struct feed feed = scene_feed(name, name);
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(path, STORE_WRITE);
	struct error err = {{0}};
	int64_t id;

	assert_true(store_begin(store, &recording, &id, &err));
	for (unsigned n = 1; n <= MANY; n++) {
		store_random(store, random, n, false);
		if (n % 97 == 0) /* one long before, of a block that is written already */
			store_random(store, random, 1 + next_random(random) % n, true);
	}
	assert_true(scene_commit(store, &recording, &err));
	store_close(store);
}

/* The ids that a filter finds, as SQL that goes through all rows has them. */
static void expect_found(struct store *store, struct query_filter filter, const char *where)
{
	sqlite3 *db = store_handle(store);
	struct error err = {{0}};
	sqlite3_stmt *found = query_prepare(store, &filter, &err), *all;
	char sql[400];
	size_t rows = 0;

	if (!found)
		fail_msg("%s", err.text);
	snprintf(sql, sizeof(sql),
		 "SELECT connection_id FROM teardowns WHERE %s ORDER BY first_ns, connection_id"
		 " LIMIT %lld",
		 where, filter.limit > 0 ? (long long)filter.limit : -1LL);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &all, NULL), SQLITE_OK);
	while (sqlite3_step(all) == SQLITE_ROW) {
		assert_int_equal(sqlite3_step(found), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int64(found, 0), sqlite3_column_int64(all, 0));
		rows++;
	}
	assert_int_equal(sqlite3_step(found), SQLITE_DONE);
	sqlite3_finalize(found);
	sqlite3_finalize(all);
	if (rows == 0)
		fail_msg("%s finds nothing: that tells nothing", where);
}

static void expect_filters(const char *path)
{
	static const struct {
		struct query_filter filter;
		const char *where;
	} asked[] = {
		{{0}, "1"},
		{{.client = "10.0.0.7"}, "initiator_ip = '10.0.0.7'"},
		{{.server = "10.0.0.0/28", .has_server_port = true, .server_port = 81},
		 "responder_port = 81 AND CAST(substr(responder_ip, 8) AS INTEGER) < 16"},
		{{.host = "10.0.0.9"}, "'10.0.0.9' IN (initiator_ip, responder_ip)"},
		{{.has_port = true, .port = 1234}, "1234 IN (initiator_port, responder_port)"},
		{{.midstream = true}, "midstream"},
		{{.has_vlan = true, .vlan = 100}, "vlan = 100"},
		{{.teardown = "four_way", .client = "10.0.0.1"},
		 "teardown = 'four_way' AND initiator_ip = '10.0.0.1'"},
		{{.has_min_duration = true, .min_duration_ns = INT64_C(50000000000)},
		 "last_ns - first_ns >= 50000000000"},
		{{.capture = "b.pcap"}, "capture = 'b.pcap'"},
	};
	static const uint64_t limits[] = {0, 1, 100, 400};
	struct store *store = scene_open(path, STORE_READ);

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++)
			for (uint64_t rare = 0; rare < 2; rare++) {
				struct query_filter filter = asked[i].filter;

				filter.limit = limits[l];
				filter.rare_max = rare;
				expect_found(store, filter, asked[i].where);
			}
	store_close(store);
}

static void test_found_by_blocks(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	uint32_t random = 7;

	(void)state;
	store_many(path, "a.pcap", &random);
	store_many(path, "b.pcap", &random);
	scene_expect_sound(path);
	expect_filters(path);
	store_many(path, "a.pcap", &random); /* takes the place of the first, behind the second */
	scene_expect_sound(path);
	expect_filters(path);
	scene_remove(folder);
}

/* All that begin in the same millisecond come together, or none of them. */
static void test_the_earliest(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct block_start starts[MANY + 1];
	struct block_search search;
	struct error err = {{0}};
	uint32_t random = 3;
	struct store *store;
	size_t count, blocks;
	bool all;

	(void)state;
	store_many(path, "a.pcap", &random);
	store = scene_open(path, STORE_READ);
	assert_true(block_search_open(&search, store_handle(store), &err));
	assert_int_equal(block_search_fitting(&search, &blocks), MANY);
	assert_int_equal(blocks, MANY / BLOCK_SIZE + 1);
	for (size_t room = 1; room <= MANY; room += 7) {
		char sql[160];
		int64_t latest = INT64_MIN;

		assert_true(block_search_earliest(&search, starts, room, &count, &all, &err));
		assert_int_equal(all, room >= MANY);
		for (size_t i = 0; i < count; i++)
			latest = starts[i].ms > latest ? starts[i].ms : latest;
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM connections WHERE first_ns / 1000000 <= %lld",
			 (long long)latest);
		assert_int_equal(count, atoll(scene_value(store_handle(store), sql)));
	}
	block_search_close(&search);
	store_close(store);
	scene_remove(folder);
}

static void execute(const char *path, const char *sql, int expected)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), expected);
	sqlite3_close(db);
}

/* Forgets all that ended before then, step by step; gives how many connections that were. */
static uint64_t forget(const char *path, int64_t before_ns)
{
	struct retention retention = {.keep_ns = 1};
	struct store *store = scene_open(path, STORE_WRITE);
	struct error err = {{0}};

	for (unsigned step = 0; retention_due(&retention, store_handle(store), before_ns); step++) {
		if (step > 20)
			fail_msg("it does not end");
		if (!retention_step(&retention, store_handle(store), before_ns, 1, &err))
			fail_msg("%s", err.text);
	}
	store_close(store);
	return retention.expired;
}

/* Parts of blocks go, and whole ones; then more come. */
static void test_found_after_forgetting(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	uint32_t random = 11;
	int64_t before_ns;
	uint64_t count;
	char sql[100];

	(void)state;
	store_many(path, "a.pcap", &random);
	store_many(path, "b.pcap", &random);
	before_ns = 1 + atoll(scene_file_value(path, "SELECT last_ns FROM teardowns"
						     " ORDER BY last_ns LIMIT 1 OFFSET 700"));
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM teardowns WHERE last_ns < %lld",
		 (long long)before_ns - 1);
	count = (uint64_t)atoll(scene_file_value(path, sql));
	assert_int_equal(forget(path, before_ns), count);
	assert_string_equal(scene_file_value(path, sql), "0");
	scene_expect_sound(path);
	expect_filters(path);
	store_many(path, "b.pcap", &random); /* at the ids of those that went */
	scene_expect_sound(path);
	expect_filters(path);
	scene_remove(folder);
}

/* A block may say that something ended long ago which, told again, ended later: it is no obstacle. */
static void test_blocks_that_are_out_of_date_are_passed(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	uint32_t random = 11;
	int64_t earliest_ns;

	(void)state;
	for (int i = 0; i < 3; i++)
		store_many(path, (const char *[]){"a.pcap", "b.pcap", "c.pcap"}[i], &random);
	earliest_ns = atoll(scene_file_value(path, "SELECT min(last_ns) FROM teardowns"));
	execute(path, "UPDATE blocks SET last_ns = 0 WHERE id < 16", SQLITE_OK);
	assert_int_equal(forget(path, earliest_ns), 0);
	scene_expect_sound(path);
	scene_remove(folder);
}

/* From the moment a query is made, nobody changes what its blocks tell. */
static void test_rows_are_of_the_blocks_moment(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct query_filter filter = {.client = "10.0.0.7"};
	struct error err = {{0}};
	uint32_t random = 5;
	sqlite3_stmt *query;
	struct store *store;

	(void)state;
	store_many(path, "a.pcap", &random);
	store = scene_open(path, STORE_READ);
	query = query_prepare(store, &filter, &err);
	assert_non_null(query);
	execute(path, "DELETE FROM block_values", SQLITE_BUSY);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	sqlite3_finalize(query);
	store_close(store);
	execute(path, "DELETE FROM block_values", SQLITE_OK);
	scene_remove(folder);
}

/* Nobody but who tampers with a database gives such ids; they are found all the same. */
static void test_ids_below_0(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	uint32_t random = 7;

	(void)state;
	store_many(path, "a.pcap", &random);
	store_many(path, "b.pcap", &random);
	execute(path,
		"UPDATE connections SET id = -id WHERE id < 300;" TO_VERSION_6
		"DROP TABLE block_values; DROP TABLE blocks; PRAGMA user_version = 5",
		SQLITE_OK);
	store_close(scene_open(path, STORE_READ)); /* makes blocks of them */
	expect_filters(path);
	execute(path, "UPDATE blocks SET id = 9223372036854775807 WHERE id = 0", SQLITE_OK);
	execute(path, "UPDATE block_values SET block_id = 9223372036854775807 WHERE block_id = 0",
		SQLITE_OK);
	store_close(scene_open(path, STORE_READ));
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_found_by_blocks),
		cmocka_unit_test(test_the_earliest),
		cmocka_unit_test(test_found_after_forgetting),
		cmocka_unit_test(test_blocks_that_are_out_of_date_are_passed),
		cmocka_unit_test(test_rows_are_of_the_blocks_moment),
		cmocka_unit_test(test_ids_below_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
