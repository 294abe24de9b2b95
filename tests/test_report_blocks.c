/* What a report counts from blocks: the same as what it counts from rows alone, whatever blocks there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/retention.h"
#include "db/told_blocks.h"
#include "report/diagnosis.h"
#include "report/report.h"
#include "report/summary.h"
#include "tests/store_scene.h"

enum { MANY = 2000 };

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Mostly orderly closes by either end, some attempts in vain at many services, some with everything odd. */
static void store_random(struct store *store, uint32_t *random, unsigned number)
{
	struct scene_verdict scene;
	struct error err = {{0}};
	uint32_t kind = next_random(random) % 20;
	int64_t later = INT64_C(1000003) * (next_random(random) % 50000);

	if (kind == 0)
		scene_full(&scene);
	else if (kind < 4)
		scene_unanswered(&scene);
	else
		scene_clean(&scene, next_random(random) % 3000);
	if (kind > 0 && kind < 4) {
		scene.v.first_ns += later;
		scene.v.last_ns += later;
	}
	scene.v.number = number;
	if (kind > 0) {
		scene.v.dir[SIDE_INITIATOR].address.bytes[3] = (uint8_t)(next_random(random) % 40 *
									 (next_random(random) % 3));
		scene.v.dir[SIDE_RESPONDER].address.bytes[3] = (uint8_t)(next_random(random) % 60);
		scene.v.dir[SIDE_RESPONDER].port = (uint16_t)(80 + next_random(random) % 5);
	}
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
	for (unsigned n = 1; n <= MANY; n++)
		store_random(store, random, n);
	assert_true(scene_commit(store, &recording, &err));
	store_close(store);
}

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* The caller frees it. */
static char *report_of(sqlite3 *db)
{
	static const struct report_origin origin = {.database = "x.db", .version = "0"};
	struct error err = {{0}};
	struct summary *summary = summary_read(db, NULL, 0, &err);
	struct diagnoses *diagnoses = diagnoses_read(db, NULL, 0, &err);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!summary || !diagnoses)
		fail_msg("%s", err.text);
	report_json(out, summary, diagnoses, &origin);
	fclose(out);
	summary_free(summary);
	diagnoses_free(diagnoses);
	return text;
}

/* Holds the report against that of the same database without any blocks. */
static void expect_as_rows(const char *folder, const char *change)
{
	struct scene_bytes bytes = scene_read(scene_path(folder, "x.db"));
	const char *path = scene_path(folder, "y.db");
	char *with, *without;
	struct store *store;
	sqlite3 *db;

	scene_write(path, bytes.bytes, bytes.size);
	free(bytes.bytes);
	store = scene_open(path, STORE_WRITE);
	db = store_handle(store);
	execute(db, change);
	with = report_of(db);
	execute(db, "DELETE FROM block_values; DELETE FROM blocks");
	without = report_of(db);
	assert_non_null(strstr(with, "\"port-scan\"")); /* it tells something */
	assert_non_null(strstr(with, "\"peak\""));
	if (strcmp(with, without) != 0)
		fail_msg("the report is another by the rows, after %s", change);
	free(with);
	free(without);
	store_close(store);
}

/* How many of all recordings' blocks can be relied on; how many there are. */
static size_t reliable(const char *path, size_t *count)
{
	struct store *store = scene_open(path, STORE_READ);
	sqlite3 *db = store_handle(store);
	struct error err = {{0}};
	size_t good = 0;
	sqlite3_stmt *s;

	*count = 0;
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT id, first_connection, last_connection"
					    " FROM recordings",
					    -1, &s, NULL),
			 SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		struct told_blocks blocks;

		assert_true(told_blocks_read(&blocks, db, sqlite3_column_int64(s, 0),
					     sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2),
					     &err));
		for (size_t i = 0; i < blocks.count; i++)
			good += blocks.block[i].reliable;
		*count += blocks.count;
		told_blocks_free(&blocks);
	}
	sqlite3_finalize(s);
	store_close(store);
	return good;
}

/* Blocks that are missing, damaged, or tell of what is not there. */
static const char *const changes[] = {
	"SELECT 1",
	"DELETE FROM blocks WHERE id % 3 = 1",
	"DELETE FROM blocks WHERE id IN (0, (SELECT max(id) FROM blocks))",
	"DELETE FROM block_values WHERE kind = 1 AND block_id = 2",
	"UPDATE block_values SET list = substr(list, 1, length(list) - 1) WHERE block_id % 2",
	"UPDATE block_values SET list = CAST(list || x'00' AS BLOB) WHERE block_id % 4 = 1",
	"UPDATE block_values SET list = x'' WHERE block_id = 3",
	"UPDATE block_values SET list = x'0001ffffffffffffffffff7f' WHERE block_id = 3",
	"UPDATE blocks SET places = x'ff0f' WHERE id = 4",
	"UPDATE blocks SET places = x'' WHERE id = 5",
	"UPDATE blocks SET id = id + 1000 WHERE id > 9",
	"UPDATE captures SET first_ns = first_ns - 1, last_ns = 9000000000000000000",
	"UPDATE captures SET first_ns = -9000000000000000000",
	"DELETE FROM connections WHERE id % 1300 = 7; DELETE FROM summaries",
	"UPDATE recordings SET last_connection = last_connection + 500",
	"UPDATE recordings SET first_connection = 3, last_connection = 700 WHERE id = 1",
};

static void test_as_the_rows(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	uint32_t random = 7;
	size_t count, good;

	(void)state;
	for (int i = 0; i < 3; i++)
		store_many(path, (const char *[]){"a.pcap", "b.pcap", "c.pcap"}[i], &random);
	good = reliable(path, &count);
	assert_int_equal(good, count);
	assert_true(count >= 3 * MANY / BLOCK_SIZE);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		expect_as_rows(folder, changes[i]);
	path = scene_path(folder, "x.db");
	store_many(path, "a.pcap", &random); /* takes the place of the first, behind the others */
	good = reliable(path, &count);
	assert_int_equal(good, count);
	expect_as_rows(folder, changes[0]);
	scene_remove(folder);
}

/* Blocks go on telling of connections that were forgotten, where not all of a block's were. */
static void test_after_forgetting(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct retention retention = {.keep_ns = 1};
	struct error err = {{0}};
	struct store *store;
	uint32_t random = 11;
	size_t count, good;
	int64_t before_ns;

	(void)state;
	store_many(path, "a.pcap", &random);
	store_many(path, "b.pcap", &random);
	before_ns = atoll(scene_file_value(path, "SELECT last_ns FROM teardowns ORDER BY last_ns"
						 " LIMIT 1 OFFSET 300"));
	store = scene_open(path, STORE_WRITE);
	while (retention_due(&retention, store_handle(store), before_ns))
		assert_true(retention_step(&retention, store_handle(store), before_ns, 1, &err));
	store_close(store);
	assert_true(retention.expired >= 300);
	good = reliable(path, &count);
	assert_true(good < count);
	expect_as_rows(folder, changes[0]);
	scene_remove(folder);
}

/* What one more reader of columns, which has read none yet, says of this one. */
static void expect_column(struct told_columns *columns, const struct told_block *block,
			  enum block_kind kind)
{
	struct told_columns others = {.db = columns->db};
	int64_t values[BLOCK_SIZE] = {0}, expected[BLOCK_SIZE] = {0};
	struct error err = {{0}};
	bool whole, expected_whole;

	assert_true(told_column(columns, block, kind, values, &whole, &err));
	assert_true(told_column(&others, block, kind, expected, &expected_whole, &err));
	assert_int_equal(whole, expected_whole);
	if (whole)
		assert_memory_equal(values, expected, sizeof(values));
	told_columns_close(&others);
}

/* Columns are read along; who asks for blocks in another order, or for one that is missing, gets the same. */
static void test_columns_in_any_order(void **state)
{
	char *folder = scene_folder();
	const char *path = scene_path(folder, "x.db");
	struct told_blocks blocks;
	struct told_columns columns;
	struct error err = {{0}};
	int64_t values[BLOCK_SIZE];
	uint32_t random = 5;
	struct store *store;
	bool whole;

	(void)state;
	store_many(path, "a.pcap", &random);
	store = scene_open(path, STORE_WRITE);
	columns = (struct told_columns){.db = store_handle(store)};
	execute(columns.db, "DELETE FROM block_values WHERE block_id = 3");
	assert_true(told_blocks_read(&blocks, columns.db, 1, 1, MANY, &err));
	assert_true(blocks.count > 5);
	for (int kind = 0; kind < BLOCK_KINDS; kind++) {
		for (size_t i = 0; i < blocks.count; i++)
			expect_column(&columns, &blocks.block[i], (enum block_kind)kind);
		for (size_t i = blocks.count; i-- > 0;)
			expect_column(&columns, &blocks.block[i], (enum block_kind)kind);
		expect_column(&columns, &blocks.block[1], (enum block_kind)kind);
		expect_column(&columns, &blocks.block[1], (enum block_kind)kind);
	}
	assert_int_equal(blocks.block[3].id, 3);
	assert_true(told_column(&columns, &blocks.block[3], BLOCK_STARTS, values, &whole, &err));
	assert_false(whole);
	assert_true(told_column(&columns, &blocks.block[2], BLOCK_STARTS, values, &whole, &err));
	assert_true(whole);
	told_columns_close(&columns);
	told_blocks_free(&blocks);
	store_close(store);
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_rows),
		cmocka_unit_test(test_after_forgetting),
		cmocka_unit_test(test_columns_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
