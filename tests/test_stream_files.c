/* Streams into files: content, gaps, names taken, runs that fail. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/stream_scene.h"

enum { INDEX_FILES = 2 };

struct scene {
	char *folder;
	struct feed feed;
	struct stream_files *files;
	struct consumer consumer;
	struct stream_files_config config;
};

static void scene_start(struct scene *s, enum gaps_mode gaps)
{
	struct error err = {""};

	*s = (struct scene){.folder = scene_folder(),
			    .feed = scene_feed("some.pcap", "/some.pcap")};
	s->config = (struct stream_files_config){.folder = s->folder, .gaps = gaps};
	s->files = stream_files_new(&s->config, &err);
	if (!s->files)
		fail_msg("%s", err.text);
	stream_files_begin(s->files, &s->feed, 0, NULL);
	s->consumer = stream_files_consumer(s->files);
}

/* Another run into the same folder. */
static void scene_again(struct scene *s, bool overwrite)
{
	struct error err = {""};

	s->config.overwrite = overwrite;
	s->files = stream_files_new(&s->config, &err);
	if (!s->files)
		fail_msg("%s", err.text);
	stream_files_begin(s->files, &s->feed, 0, NULL);
	s->consumer = stream_files_consumer(s->files);
}

static void scene_finish(struct scene *s)
{
	struct error err = {""};

	if (!stream_files_finish(s->files, &err))
		fail_msg("%s", err.text);
	stream_files_free(s->files);
	s->files = NULL;
}

static void scene_end(struct scene *s)
{
	stream_files_free(s->files);
	scene_remove(s->folder);
}

static void close_well(struct told *t)
{
	struct error err = {""};

	if (!told_close(t, true, &err))
		fail_msg("%s", err.text);
}

static void test_file_a_direction(void **state)
{
	struct scene s;
	struct told t;

	(void)state;
	scene_start(&s, GAPS_SKIP);
	t = told_open(s.consumer, 1);
	told_bytes(&t, SIDE_INITIATOR, "GET ", 4);
	told_bytes(&t, SIDE_RESPONDER, "200", 3);
	told_bytes(&t, SIDE_INITIATOR, "/", 1);
	/* nothing has a name before the connection is judged */
	assert_int_equal(folder_entries(s.folder), 0);
	close_well(&t);
	scene_finish(&s);
	expect_file(s.folder, told_name(&t, SIDE_INITIATOR, ".stream"), "GET /", 5);
	expect_file(s.folder, told_name(&t, SIDE_RESPONDER, ".stream"), "200", 3);
	assert_int_equal(folder_entries(s.folder), 2 + INDEX_FILES);
	assert_int_equal(count_lines(s.folder, "index.tsv",
				     "101\t-\tsome.pcap\t2023-11-14T22:13:21.000000000Z\t"
				     "10.0.0.1:40001\t10.0.0.2:80\t-\tinitiator\t2023",
				     "\t0\t5\t0\t0\t0\tfour_way\t1\tresponder\tclosed", NULL),
			 1);
	assert_int_equal(count_lines(s.folder, "gaps.tsv", NULL), 1);
	scene_end(&s);
}

static void test_direction_without_bytes(void **state)
{
	struct scene s;
	struct told t;

	(void)state;
	scene_start(&s, GAPS_SKIP);
	t = told_open(s.consumer, 1);
	told_bytes(&t, SIDE_INITIATOR, "x", 1);
	close_well(&t);
	scene_finish(&s);
	assert_int_equal(folder_entries(s.folder), 1 + INDEX_FILES);
	assert_int_equal(count_lines(s.folder, "index.tsv", "\tresponder\t-\t0\t0\t0\t0\t", NULL),
			 1);
	scene_end(&s);
}

/* ab, 3 missing, cd, 2 missing; before all that 1 missing. */
static struct told tell_gaps(struct scene *s)
{
	struct told t = told_open(s->consumer, 1);

	told_gap(&t, SIDE_INITIATOR, 1);
	told_bytes(&t, SIDE_INITIATOR, "ab", 2);
	told_gap(&t, SIDE_INITIATOR, 3);
	told_bytes(&t, SIDE_INITIATOR, "c", 1);
	told_bytes(&t, SIDE_INITIATOR, "d", 1);
	told_gap(&t, SIDE_INITIATOR, 2);
	close_well(&t);
	scene_finish(s);
	assert_int_equal(count_lines(s->folder, "gaps.tsv", "\tinitiator\t", NULL), 3);
	assert_int_equal(
		count_lines(s->folder, "gaps.tsv", "\tinitiator\t3\t3\t110\tsome.pcap\t2023", NULL),
		1);
	return t;
}

static void test_gaps_skip(void **state)
{
	struct scene s;
	struct told t;

	(void)state;
	scene_start(&s, GAPS_SKIP);
	t = tell_gaps(&s);
	expect_file(s.folder, told_name(&t, SIDE_INITIATOR, ".stream"), "abcd", 4);
	assert_int_equal(count_lines(s.folder, "index.tsv", ".stream\t1\t4\t3\t6\t", NULL), 1);
	scene_end(&s);
}

static void test_gaps_zero(void **state)
{
	struct scene s;
	struct told t;

	(void)state;
	scene_start(&s, GAPS_ZERO);
	t = tell_gaps(&s);
	expect_file(s.folder, told_name(&t, SIDE_INITIATOR, ".stream"), "\0ab\0\0\0cd\0\0", 10);
	assert_int_equal(count_lines(s.folder, "index.tsv", ".stream\t0\t4\t3\t6\t", NULL), 1);
	scene_end(&s);
}

static void test_gaps_split(void **state)
{
	struct scene s;
	struct told t;

	(void)state;
	scene_start(&s, GAPS_SPLIT);
	t = tell_gaps(&s);
	expect_file(s.folder, told_name(&t, SIDE_INITIATOR, "-at000000000001.stream"), "ab", 2);
	expect_file(s.folder, told_name(&t, SIDE_INITIATOR, "-at000000000006.stream"), "cd", 2);
	assert_int_equal(folder_entries(s.folder), 2 + INDEX_FILES);
	/* each gap counts once: before a file, or behind the last */
	assert_int_equal(count_lines(s.folder, "index.tsv", ".stream\t1\t2\t1\t1\t", NULL), 1);
	assert_int_equal(count_lines(s.folder, "index.tsv", ".stream\t6\t2\t2\t5\t", NULL), 1);
	scene_end(&s);
}

/* A stream that is all gap has no file, in no mode. */
static void test_gap_alone(void **state)
{
	(void)state;
	for (int gaps = 0; gaps < GAPS_MODES; gaps++) {
		struct scene s;
		struct told t;

		scene_start(&s, (enum gaps_mode)gaps);
		t = told_open(s.consumer, 1);
		told_gap(&t, SIDE_RESPONDER, 7);
		close_well(&t);
		scene_finish(&s);
		assert_int_equal(folder_entries(s.folder), INDEX_FILES);
		assert_int_equal(
			count_lines(s.folder, "index.tsv", "\tresponder\t-\t0\t0\t1\t7\t", NULL),
			1);
		scene_end(&s);
	}
}

/* Zeros take no room, and a gap of 4 GiB no time. */
static void test_gaps_zero_sparse(void **state)
{
	const uint64_t gap = UINT64_C(1) << 32;
	struct scene s;
	struct told t;
	struct stat status;

	(void)state;
	scene_start(&s, GAPS_ZERO);
	t = told_open(s.consumer, 1);
	told_bytes(&t, SIDE_INITIATOR, "a", 1);
	told_gap(&t, SIDE_INITIATOR, gap);
	told_bytes(&t, SIDE_INITIATOR, "b", 1);
	close_well(&t);
	scene_finish(&s);
	assert_int_equal(
		stat(scene_path(s.folder, told_name(&t, SIDE_INITIATOR, ".stream")), &status), 0);
	assert_int_equal(status.st_size, gap + 2);
	assert_true(status.st_blocks < 1024);
	scene_end(&s);
}

static void test_not_judged_not_written(void **state)
{
	struct scene s;
	struct told t;
	struct error err = {""};

	(void)state;
	scene_start(&s, GAPS_SKIP);
	t = told_open(s.consumer, 1);
	told_bytes(&t, SIDE_INITIATOR, "x", 1);
	assert_true(told_close(&t, false, &err));
	scene_finish(&s);
	assert_int_equal(folder_entries(s.folder), INDEX_FILES);
	scene_end(&s);
}

/* What many connections with more bytes than buffers and descriptors allow get is what each was
 * told. */
static void test_bounds(void **state)
{
	enum { CONNECTIONS = 40, ROUNDS = 6000, PIECE = 3000 };
	static uint8_t sent[CONNECTIONS][4 * PIECE * ROUNDS / CONNECTIONS];
	size_t size[CONNECTIONS] = {0};
	static struct told t[CONNECTIONS];
	static uint8_t piece[PIECE];
	struct error err = {""};
	struct scene s;
	uint32_t random = 1;

	(void)state;
	scene_start(&s, GAPS_SKIP);
	stream_files_free(s.files);
	s.config.buffer_max = 20000;
	s.config.open_max = 3;
	scene_again(&s, false);
	for (unsigned n = 0; n < CONNECTIONS; n++)
		t[n] = told_open(s.consumer, n);
	for (int round = 0; round < ROUNDS; round++) {
		size_t count;
		unsigned n;

		random = random * 1664525 + 1013904223;
		n = (random >> 24) % CONNECTIONS;
		count = 1 + (random >> 4) % PIECE;
		memset(piece, (int)(random >> 8), count);
		if (size[n] + count > sizeof(sent[n]))
			continue;
		memcpy(sent[n] + size[n], piece, count);
		size[n] += count;
		told_bytes(&t[n], SIDE_RESPONDER, piece, count);
	}
	for (unsigned n = 0; n < CONNECTIONS; n++)
		if (!told_close(&t[n], true, &err))
			fail_msg("%s", err.text);
	scene_finish(&s);
	for (unsigned n = 0; n < CONNECTIONS; n++) {
		assert_true(size[n] > 65536);
		expect_file(s.folder, told_name(&t[n], SIDE_RESPONDER, ".stream"), sent[n],
			    size[n]);
	}
	assert_int_equal(folder_entries(s.folder), CONNECTIONS + INDEX_FILES);
	scene_end(&s);
}

static struct told tell_one(struct scene *s, unsigned n, const char *text)
{
	struct told t = told_open(s->consumer, n);

	told_bytes(&t, SIDE_INITIATOR, text, strlen(text));
	return t;
}

static void expect_error(const struct error *err, const char *part, const char *name)
{
	if (!strstr(err->text, part) || !strstr(err->text, name))
		fail_msg("'%s' lacks '%s' or '%s'", err->text, part, name);
}

static void test_name_taken(void **state)
{
	struct scene s;
	struct told first, second;
	struct error err = {""};
	char taken[256];

	(void)state;
	scene_start(&s, GAPS_SKIP);
	first = tell_one(&s, 1, "one");
	second = tell_one(&s, 2, "two");
	snprintf(taken, sizeof(taken), "%s", told_name(&second, SIDE_INITIATOR, ".stream"));
	scene_write(scene_path(s.folder, taken), "mine", 4);
	close_well(&first);
	assert_false(told_close(&second, true, &err));
	expect_error(&err, "is there already", taken);
	/* a run that fails takes back what it wrote, and that alone */
	stream_files_free(s.files);
	s.files = NULL;
	expect_file(s.folder, taken, "mine", 4);
	assert_int_equal(folder_entries(s.folder), 1);

	scene_again(&s, true);
	second = tell_one(&s, 2, "two");
	close_well(&second);
	scene_finish(&s);
	expect_file(s.folder, taken, "two", 3);
	scene_end(&s);
}

static void test_index_taken(void **state)
{
	struct scene s;
	struct error err = {""};

	(void)state;
	scene_start(&s, GAPS_SKIP);
	scene_finish(&s);
	assert_null(stream_files_new(&s.config, &err));
	expect_error(&err, "is there already", "index.tsv");
	assert_int_equal(folder_entries(s.folder), INDEX_FILES);
	scene_again(&s, true);
	scene_finish(&s);
	scene_end(&s);
}

/* A link is not followed: refused, and with overwriting replaced itself. */
static void test_link(void **state)
{
	struct scene s;
	struct told t;
	struct error err = {""};
	struct stat status;
	const char *target, *link;

	(void)state;
	scene_start(&s, GAPS_SKIP);
	t = tell_one(&s, 1, "one");
	target = scene_path(s.folder, "target");
	link = scene_path(s.folder, told_name(&t, SIDE_INITIATOR, ".stream"));
	scene_write(target, "mine", 4);
	assert_int_equal(symlink("target", link), 0);
	assert_false(told_close(&t, true, &err));
	expect_error(&err, "is there already", ".stream");
	stream_files_free(s.files);

	scene_again(&s, true);
	t = tell_one(&s, 1, "one");
	close_well(&t);
	scene_finish(&s);
	expect_file(s.folder, "target", "mine", 4);
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	scene_end(&s);
}

/* The folder is made, and goes again if the run fails. */
static void test_folder_made(void **state)
{
	struct scene s;
	struct error err = {""};
	struct stat status;
	struct stream_files *files;
	struct stream_files_config config = {.gaps = GAPS_SKIP};
	char path[512];

	(void)state;
	scene_start(&s, GAPS_SKIP);
	snprintf(path, sizeof(path), "%s/new", s.folder);
	config.folder = path;
	files = stream_files_new(&config, &err);
	assert_non_null(files);
	assert_int_equal(stat(path, &status), 0);
	stream_files_free(files);
	assert_int_not_equal(stat(path, &status), 0);

	snprintf(path, sizeof(path), "%s/not/there", s.folder);
	assert_null(stream_files_new(&config, &err));
	expect_error(&err, "cannot be made", path);
	scene_end(&s);
}

static bool tell_until_full(struct scene *s, struct told *t, struct error *err)
{
	static uint8_t piece[100000];

	(void)s;
	for (int i = 0; i < 20; i++)
		if (!told_data(t, SIDE_INITIATOR, piece, sizeof(piece), err))
			return false;
	return true;
}

/* Nothing of a run stays when the disk is full, whatever it had written before. */
static void test_no_room(void **state)
{
	struct rlimit before, limit;
	struct scene s;
	struct told small, large;
	struct error err = {""};
	bool ok;

	(void)state;
	scene_start(&s, GAPS_SKIP);
	small = tell_one(&s, 1, "one");
	large = told_open(s.consumer, 2);
	close_well(&small);
	assert_int_equal(folder_entries(s.folder), 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ok = tell_until_full(&s, &large, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(ok);
	expect_error(&err, "File too large", s.folder);
	stream_files_free(s.files);
	s.files = NULL;
	assert_int_equal(folder_entries(s.folder), 0);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_a_direction),
		cmocka_unit_test(test_direction_without_bytes),
		cmocka_unit_test(test_gaps_skip),
		cmocka_unit_test(test_gaps_zero),
		cmocka_unit_test(test_gaps_split),
		cmocka_unit_test(test_gap_alone),
		cmocka_unit_test(test_gaps_zero_sparse),
		cmocka_unit_test(test_not_judged_not_written),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_name_taken),
		cmocka_unit_test(test_index_taken),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_folder_made),
		cmocka_unit_test(test_no_room),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
