/* The database of a live run: batches, readers beside, what stands in the way, retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db/live.h"
#include "db/live_backlog.h"
#include "db/retention.h"

#define SECOND INT64_C(1000000000)

static char folder[64], path[96];
static char remarked[1200];
static unsigned told_count;

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/lastack-live-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/live.db", folder);
	remarked[0] = '\0';
	told_count = 0;
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[128];

	(void)state;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	return rmdir(folder);
}

static void told(void *context, const struct verdict *verdict, int64_t connection_id)
{
	(void)context;
	(void)verdict;
	(void)connection_id;
	told_count++;
}

static void remark(void *context, const char *text)
{
	(void)context;
	snprintf(remarked, sizeof(remarked), "%s", text);
}

static struct live_store_config configuration(void)
{
	static const char *const interfaces[] = {"eth7"};

	return (struct live_store_config){
		.path = path,
		.recording = {.msl_ns = 120 * SECOND},
		.interfaces = interfaces,
		.interface_count = 1,
		.backlog_bytes = 16 << 20,
		.batch_rows = 1000,
		.told = told,
		.remark = remark,
	};
}

static struct live_store *open_store(const struct live_store_config *config)
{
	struct error err = {""};
	struct live_store *store = live_store_open(config, &err);

	if (!store)
		fail_msg("%s", err.text);
	return store;
}

static void close_store(struct live_store *store)
{
	struct live_store_status last;
	struct error err = {""};

	if (!live_store_close(store, 5 * SECOND, &last, &err))
		fail_msg("%s", err.text);
	assert_int_equal(last.backlog, 0);
}

/* A close in four segments, of first_ns. */
static struct verdict closed(uint64_t number, int64_t first_ns)
{
	struct verdict v = {
		.number = number,
		.ip_version = 4,
		.first_packet = number,
		.first_ns = first_ns,
		.last_ns = first_ns + SECOND,
		.teardown = TEARDOWN_FOUR_WAY,
		.complete = true,
		.closer = SIDE_INITIATOR,
		.end_reason = END_CLOSED,
		.time_wait_holder = SIDE_INITIATOR,
		.time_wait_check = TIME_WAIT_UNVERIFIED,
		.time_wait_entry_ns = first_ns + SECOND,
		.time_wait_observed_ns = SECOND,
		.reuse_delay_ns = NONE_NS,
		.close_wait_ns = NONE_NS,
		.fin_wait_1_ns = NONE_NS,
		.fin_wait_2_ns = NONE_NS,
		.last_ack_ns = NONE_NS,
		.closing_ns = NONE_NS,
		.rst_by = SIDE_NONE,
		.rst_silence_ns = NONE_NS,
		.rst_idle_ns = NONE_NS,
		.rst_ns = NONE_NS,
		.handshake_rtt_ns = NONE_NS,
		.fin_silence_ns = NONE_NS,
		.end_ns = first_ns + SECOND,
		.history = "ShADadFf",
	};

	for (int side = 0; side < SIDES; side++) {
		v.dir[side].address.bytes[3] = (uint8_t)(side + 1);
		v.dir[side].address.bytes[1] = (uint8_t)number;
		v.dir[side].port = side == SIDE_INITIATOR ? 40000 : 80;
		v.dir[side].seen = true;
		v.dir[side].fin_ns = v.dir[side].fin_acked_after_ns = NONE_NS;
	}
	return v;
}

static void put(struct live_store *store, uint64_t from, uint64_t to, int64_t first_ns)
{
	for (uint64_t number = from; number <= to; number++) {
		struct verdict v = closed(number, first_ns + (int64_t)number);

		live_store_put(store, &v, 0);
	}
}

static int64_t value(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	int64_t result = -1;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		result = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return result;
}

static void nap(void)
{
	struct timespec t = {.tv_nsec = 20000000};

	nanosleep(&t, NULL);
}

/* Until sql gives what is wanted; far longer than it should take. */
static void wait_for(const char *sql, int64_t wanted)
{
	for (int i = 0; i < 1500; i++) {
		if (value(sql) == wanted)
			return;
		nap();
	}
	fail_msg("%s: %lld, not %lld", sql, (long long)value(sql), (long long)wanted);
}

static void wait_for_state(struct live_store *store, enum live_store_state wanted)
{
	struct live_store_status status;

	for (int i = 0; i < 1500; i++) {
		live_store_status(store, &status);
		if (status.state == wanted)
			return;
		nap();
	}
	fail_msg("state %d, not %d: %s", status.state, wanted, status.trouble);
}

static void rows_are_there_while_it_runs(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);

	(void)state;
	put(store, 1, 5, 100 * SECOND);
	wait_for("SELECT count(*) FROM teardowns", 5);
	assert_int_equal(value("SELECT live AND NOT finished FROM recordings"), 1);
	assert_int_equal(value("PRAGMA auto_vacuum"), 2);
	close_store(store);
	assert_int_equal(told_count, 5);
	assert_int_equal(value("SELECT finished AND NOT interrupted FROM recordings"), 1);
	assert_int_equal(value("SELECT last_connection FROM recordings"), 5);
}

static void a_connection_told_again_is_one_row(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);
	struct verdict v;

	(void)state;
	put(store, 1, 2, 100 * SECOND);
	wait_for("SELECT count(*) FROM teardowns", 2);
	v = closed(1, 100 * SECOND);
	v.again = v.settled = true;
	v.time_wait_check = TIME_WAIT_HELD;
	v.time_wait_observed_ns = 240 * SECOND;
	live_store_put(store, &v, 0);
	v = closed(2, 100 * SECOND);
	v.again = true;
	v.dir[SIDE_INITIATOR].packets = 77;
	live_store_put(store, &v, 0);
	wait_for("SELECT sum(packets_initiator) FROM teardowns", 77);
	close_store(store);
	assert_int_equal(value("SELECT count(*) FROM teardowns"), 2);
	assert_int_equal(
		value("SELECT time_wait_observed_ns FROM teardowns WHERE connection_id = 1"),
		240 * SECOND);
	assert_int_equal(
		value("SELECT time_wait_check = 'held' FROM teardowns WHERE connection_id = 1"), 1);
}

static void times_are_told_as_the_clock_is_now(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);
	struct verdict v = closed(1, 100 * SECOND);

	(void)state;
	live_store_put(store, &v, 3600 * SECOND);
	close_store(store);
	assert_int_equal(value("SELECT first_ns FROM teardowns"), 3700 * SECOND);
	assert_int_equal(value("SELECT end_ns FROM teardowns"), 3701 * SECOND);
	assert_int_equal(value("SELECT time_wait_observed_ns FROM teardowns"), SECOND);
}

/* The same with all times of an undisturbed close, which need no rows of their own. */
static struct verdict regular(uint64_t number, int64_t first_ns, struct state_entry timeline[6])
{
	struct verdict v = closed(number, first_ns);
	int64_t fin_ns = first_ns + SECOND - 3000;

	for (int side = 0; side < SIDES; side++) {
		v.dir[side].fin_check = FIN_OK;
		v.dir[side].fin_ns = fin_ns + 2000 * side;
		v.dir[side].fin_acked_after_ns = 1000;
	}
	v.fin_wait_1_ns = v.close_wait_ns = v.last_ack_ns = 1000;
	v.fin_wait_2_ns = 2000;
	timeline[0] = (struct state_entry){0, STATE_FIN_WAIT_1, fin_ns, 1000};
	timeline[1] = (struct state_entry){0, STATE_FIN_WAIT_2, fin_ns + 1000, 2000};
	timeline[2] = (struct state_entry){0, STATE_TIME_WAIT, fin_ns + 3000, SECOND};
	timeline[3] = (struct state_entry){1, STATE_CLOSE_WAIT, fin_ns + 1000, 1000};
	timeline[4] = (struct state_entry){1, STATE_LAST_ACK, fin_ns + 2000, 1000};
	timeline[5] = (struct state_entry){1, STATE_CLOSED, fin_ns + 3000, NONE_NS};
	v.timeline = timeline;
	v.timeline_count = 6;
	return v;
}

/* Its row stays at the hour it was told of first, and so does what is counted. */
static void a_time_wait_may_end_after_the_clock_was_set(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);
	struct state_entry timeline[6];
	struct verdict v = regular(1, 100 * SECOND, timeline);

	(void)state;
	live_store_put(store, &v, 0);
	wait_for("SELECT count(*) FROM teardowns", 1);
	assert_int_equal(value("SELECT count(*) FROM states"), 0);
	v.again = v.settled = true;
	v.time_wait_check = TIME_WAIT_HELD;
	v.time_wait_observed_ns = timeline[2].dwell_ns = 240 * SECOND;
	live_store_put(store, &v, 3600 * SECOND);
	wait_for("SELECT time_wait_check = 'held' FROM teardowns", 1);
	close_store(store);
	assert_int_equal(value("SELECT first_ns FROM teardowns"), 100 * SECOND);
	assert_int_equal(value("SELECT count(*) FROM summaries"), 1);
	assert_int_equal(value("SELECT connections FROM summaries WHERE hour = 0 AND outcome_id ="
			       " (SELECT outcome_id FROM connections)"),
			 1);
}

static void a_locked_database_is_waited_for(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);
	sqlite3 *other;

	(void)state;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put(store, 1, 50, 100 * SECOND);
	wait_for_state(store, LIVE_STORE_LOCKED);
	assert_int_equal(value("SELECT count(*) FROM connections"), 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	wait_for("SELECT count(*) FROM connections", 50);
	wait_for_state(store, LIVE_STORE_FINE);
	sqlite3_close(other);
	close_store(store);
}

static void beyond_the_bound_rows_are_counted_as_lost(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store;
	struct live_store_status status;
	sqlite3 *other;

	(void)state;
	config.backlog_bytes = 300 * 1024;
	store = open_store(&config);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put(store, 1, 20000, 100 * SECOND);
	live_store_status(store, &status);
	assert_true(status.rows_lost > 0 && status.rows_lost < 20000);
	sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(other);
	close_store(store);
	assert_int_equal(value("SELECT count(*) FROM connections") +
				 value("SELECT rows_lost FROM recordings"),
			 20000);
}

/* Waits until it is asked for, which says that what was given before was seen. */
static void tell_open(struct live_store *store, uint64_t packets)
{
	struct live_open *row = calloc(1, sizeof(*row));

	assert_non_null(row);
	row->ip_version = 4;
	row->packets[SIDE_INITIATOR] = packets;
	for (int i = 0; !live_store_wants_open(store, 0); i++) {
		assert_true(i < 1500);
		nap();
	}
	live_store_put_open(store, 0, row, 1, 100 * SECOND, 0);
}

static void nothing_new_writes_nothing(void **state)
{
	static const struct live_counts counts = {.clock_steps = 3};
	struct live_store_config config = configuration();
	struct live_store_status before, after;
	struct live_store *store;

	(void)state;
	config.worker_count = 1;
	config.keep_ns = 3600 * SECOND;
	store = open_store(&config);
	live_store_count(store, &counts);
	tell_open(store, 7);
	wait_for("SELECT packets_initiator FROM open_connections", 7);
	wait_for("SELECT clock_steps FROM recordings", 3);
	live_store_status(store, &before);
	for (int i = 0; i < 3; i++) {
		live_store_count(store, &counts);
		tell_open(store, 7);
	}
	live_store_status(store, &after);
	assert_int_equal(after.commits, before.commits);
	tell_open(store, 8);
	wait_for("SELECT packets_initiator FROM open_connections", 8);
	close_store(store);
	assert_int_equal(value("SELECT count(*) FROM open_connections"), 0);
}

/* An open connection is told, and no row. */
static void an_open_connection_is_no_row(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);
	struct verdict v = closed(0, 100 * SECOND);

	(void)state;
	v.open = true;
	assert_true(live_store_put(store, &v, 0));
	put(store, 1, 1, 100 * SECOND);
	close_store(store);
	assert_int_equal(told_count, 2);
	assert_int_equal(value("SELECT count(*) FROM connections"), 1);
}

/* A run that is killed leaves what it committed, and the next one says so. */
static void an_interrupted_run_is_told(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		store = open_store(&config);
		put(store, 1, 7, 100 * SECOND);
		for (int i = 0; i < 500 && value("SELECT count(*) FROM connections") < 7; i++)
			nap();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	store = open_store(&config);
	assert_non_null(strstr(remarked, "was interrupted"));
	assert_non_null(strstr(remarked, "7 connections had been stored"));
	put(store, 1, 2, 200 * SECOND);
	close_store(store);
	assert_int_equal(value("SELECT count(*) FROM connections"), 9);
	assert_int_equal(value("SELECT interrupted FROM recordings WHERE id = 1"), 1);
	assert_int_equal(value("SELECT last_connection FROM recordings WHERE id = 1"), 7);
}

static void two_runs_do_not_share_a_database(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);
	struct error err = {""};

	(void)state;
	assert_null(live_store_open(&config, &err));
	assert_non_null(strstr(err.text, "another lastack monitor"));
	close_store(store);
}

static void open_connections_are_replaced(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store;
	struct live_open *row;

	(void)state;
	config.worker_count = 1;
	store = open_store(&config);
	while (!live_store_wants_open(store, 0))
		nap();
	row = calloc(2, sizeof(*row));
	row[0].ip_version = row[1].ip_version = 4;
	row[1].state[SIDE_RESPONDER] = LIVE_STATE_NONE;
	live_store_put_open(store, 0, row, 2, 5, 0);
	wait_for("SELECT count(*) FROM open_connections", 2);
	assert_int_equal(
		value("SELECT count(*) FROM open_connections WHERE state_responder IS NULL"), 1);
	while (!live_store_wants_open(store, 0))
		nap();
	live_store_put_open(store, 0, NULL, 0, 6, 0);
	wait_for("SELECT count(*) FROM open_connections", 0);
	close_store(store);
}

static void what_is_too_old_goes(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store;
	struct timespec now;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &now);
	config.keep_ns = 3600 * SECOND;
	store = open_store(&config);
	put(store, 1, 300, ((int64_t)now.tv_sec - 7200) * SECOND);
	put(store, 301, 310, (int64_t)now.tv_sec * SECOND);
	wait_for("SELECT count(*) FROM connections WHERE id > 300", 10);
	put(store, 311, 311, (int64_t)now.tv_sec * SECOND);
	wait_for("SELECT count(*) FROM connections", 11);
	close_store(store);
	assert_int_equal(value("SELECT rows_expired FROM recordings"), 300);
}

/* Forgetting takes many steps; what the last one takes is counted, too. */
static void an_end_counts_all_that_was_forgotten(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store = open_store(&config);

	(void)state;
	put(store, 1, 3000, 100 * SECOND);
	close_store(store);
	config.keep_ns = 3600 * SECOND;
	store = open_store(&config);
	put(store, 1, 1, 100 * SECOND);
	close_store(store);
	assert_true(value("SELECT count(*) FROM connections") < 3001);
	assert_int_equal(value("SELECT (SELECT count(*) FROM connections)"
			       " + (SELECT max(rows_expired) FROM recordings)"),
			 3001);
}

static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* A batch that fails after the old ones have gone, before the rest has: all are there again. */
static void what_was_not_forgotten_after_all_is_not_counted(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store;
	struct timespec now;
	char fail[200];

	(void)state;
	clock_gettime(CLOCK_REALTIME, &now);
	config.keep_ns = 3600 * SECOND;
	config.keep_bytes = 1;
	store = open_store(&config);
	snprintf(fail, sizeof(fail),
		 "CREATE INDEX fail ON summaries(CASE WHEN connections = 0 AND hour > %lld"
		 " THEN abs(-9223372036854775807 - 1) END)",
		 (long long)(now.tv_sec - 3600) / 3600);
	execute(fail);
	put(store, 1, 300, ((int64_t)now.tv_sec - 7200) * SECOND);
	put(store, 301, 310, (int64_t)now.tv_sec * SECOND);
	wait_for_state(store, LIVE_STORE_FAILED);
	execute("DROP INDEX fail");
	wait_for_state(store, LIVE_STORE_FINE);
	close_store(store);
	assert_int_equal(value("SELECT (SELECT count(*) FROM connections)"
			       " + (SELECT max(rows_expired) FROM recordings)"),
			 310);
}

static void a_database_does_not_outgrow_its_size(void **state)
{
	struct live_store_config config = configuration();
	struct live_store *store;
	struct stat st;

	(void)state;
	config.keep_bytes = 1 << 20;
	store = open_store(&config);
	for (uint64_t i = 0; i < 20; i++) {
		put(store, 2000 * i + 1, 2000 * (i + 1), 100 * SECOND);
		wait_for("SELECT max(id) FROM connections", (int64_t)(2000 * (i + 1)));
	}
	close_store(store);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 3 << 20);
	assert_true(value("SELECT count(*) FROM connections") > 1000);
	assert_int_equal(value("SELECT max(id) FROM connections"), 40000);
	assert_true(value("SELECT min(id) FROM connections") > 20000);
}

static void the_backlog_gives_back_what_was_put(void **state)
{
	struct backlog *backlog = backlog_new(1 << 20);
	struct verdict v = closed(3, SECOND);
	struct backlog_chunk *chunk;

	(void)state;
	assert_null(backlog_take(backlog));
	assert_true(backlog_put(backlog, &v, 0));
	assert_int_equal(backlog_rows(backlog), 1);
	chunk = backlog_take(backlog);
	assert_non_null(chunk);
	assert_int_equal(backlog_rows(backlog), 1);
	backlog_done(backlog, chunk);
	assert_int_equal(backlog_rows(backlog), 0);
	backlog_free(backlog);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_are_there_while_it_runs),
		TEST(a_connection_told_again_is_one_row),
		TEST(times_are_told_as_the_clock_is_now),
		TEST(a_time_wait_may_end_after_the_clock_was_set),
		TEST(a_locked_database_is_waited_for),
		TEST(beyond_the_bound_rows_are_counted_as_lost),
		TEST(nothing_new_writes_nothing),
		TEST(an_open_connection_is_no_row),
		TEST(an_interrupted_run_is_told),
		TEST(two_runs_do_not_share_a_database),
		TEST(open_connections_are_replaced),
		TEST(what_is_too_old_goes),
		TEST(an_end_counts_all_that_was_forgotten),
		TEST(what_was_not_forgotten_after_all_is_not_counted),
		TEST(a_database_does_not_outgrow_its_size),
		cmocka_unit_test(the_backlog_gives_back_what_was_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
