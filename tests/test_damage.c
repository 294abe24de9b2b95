/* Captures that are cut or damaged, and files that are none: what is read, and what is said of it. */
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

#include "source/bytes.h"
#include "tests/capture_builder.h"

enum { ETHERNET = 1 };

/* Cuts a capture at every length. ends: offset behind the file's header, then behind each packet. */
static void expect_cuts(const struct blob *blob, const size_t *ends, size_t end_count,
			const size_t *boundaries, size_t boundary_count)
{
	for (size_t length = 0; length <= blob->count; length++) {
		struct reading r = reading_of_bytes(blob->bytes, length);
		const struct feed_file *file = feed_file(r.feed, 0);
		size_t packets = 0;
		bool whole = false;

		while (packets + 1 < end_count && ends[packets + 1] <= length)
			packets++;
		for (size_t i = 0; i < boundary_count; i++)
			whole = whole || boundaries[i] == length;
		assert_int_equal(r.count, packets);
		assert_int_equal(file->packets, packets);
		assert_int_equal(file->opened, length >= ends[0]);
		assert_int_equal(file->problem == NULL, whole);
		if (length == 0)
			expect_problem(&r, "empty", NULL);
		else if (length >= 12 && !whole)
			expect_problem(&r, file->path, "the capture ends inside ",
				       " bytes are there", NULL);
		reading_free(&r);
	}
}

static void test_pcap_cut_at_every_length(void **state)
{
	struct blob *blob = blob_new(true);
	size_t ends[4];

	(void)state;
	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	ends[0] = blob->count;
	for (uint8_t i = 1; i <= 3; i++) {
		pcap_record(blob, i, i, 7u * i, 100, i);
		ends[i] = blob->count;
	}
	expect_cuts(blob, ends, 4, ends, 4);
	free(blob);
}

static void test_pcapng_cut_at_every_length(void **state)
{
	struct blob *blob = blob_new(false);
	size_t ends[4], boundaries[8], n = 0;

	(void)state;
	ng_section(blob);
	ends[0] = boundaries[n++] = blob->count;
	ng_interface(blob, ETHERNET, 0, 9, 5);
	boundaries[n++] = blob->count;
	ng_enhanced(blob, 0, 1, 9, 9, 1);
	ends[1] = boundaries[n++] = blob->count;
	ng_block(blob, 5, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	boundaries[n++] = blob->count;
	ng_simple(blob, 2, 2, 2);
	ends[2] = boundaries[n++] = blob->count;
	ng_obsolete(blob, 0, 3, 3, 3, 3);
	ends[3] = boundaries[n++] = blob->count;
	expect_cuts(blob, ends, 4, boundaries, n);
	free(blob);
}

static void test_pcap_bad_length(void **state)
{
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	pcap_record(blob, 1, 1, 10, 10, 1);
	pcap_record(blob, 2, 2, 10, 10, 2);
	blob_u32(blob, 3);
	blob_u32(blob, 3);
	blob_u32(blob, 300000);
	blob_u32(blob, 300000);
	blob_bytes(blob, "rest", 4);
	r = reading_of_blob(blob);
	assert_int_equal(r.count, 2);
	expect_problem(&r, "packet 3", "byte 76", "300000", "262144", NULL);
	reading_free(&r);
	free(blob);
}

/* Memory follows what is read, not what is claimed. */
static void test_lying_length_allocates_little(void **state)
{
	static const char little[5000] = "few";
	const char *path = file_write(little, sizeof(little));
	struct error err = {""};
	struct bytes *bytes = bytes_open(dup(fileno(freopen(path, "rb", stdin))), 1024, &err);

	(void)state;
	assert_non_null(bytes);
	assert_false(bytes_want(bytes, 1u << 30));
	assert_int_equal(bytes_left(bytes), sizeof(little));
	assert_int_equal(bytes_end(bytes), BYTES_ENDED);
	assert_true(bytes->capacity <= 4 * sizeof(little));
	bytes_close(bytes);
}

/* What follows a good section, interface and packet; and what must be said of it. */
struct damage {
	uint32_t words[10];
	size_t count;
	const char *say;
};

static void test_pcapng_damage(void **state)
{
	static const struct damage damages[] = {
		{{6, 36, 1, 0, 0, 4, 4, 0, 36}, 9, "packet 2, at byte 120: interface 1 is not"},
		{{6, 36, 0, 0, 0, 4, 4, 0, 40},
		 9,
		 "packet 2, at byte 120: the block's two lengths"},
		{{6, 36, 0, 0, 0, 5, 5, 0, 36}, 9, "packet of 5 captured bytes in a block of 36"},
		{{6, 36, 0, 0, 0, 300000, 4, 0, 36}, 9, "claims 300000 captured bytes"},
		{{6, 28, 0, 0, 0, 0, 28}, 7, "packet block of 28 bytes"},
		{{6, 8, 0, 0}, 4, "claims 8 bytes"},
		{{0, 0, 0, 0}, 4, "after packet 1, at byte 120: "},
		{{5, 16, 0, 12}, 4, "a block's two lengths differ: 16 and 12"},
		{{3, 16, 4, 16}, 4, "packet of 4 captured bytes in a block of 16"},
		{{0x0a0d0d0a, 28, 0x11223344, 1, 0, 0, 28}, 7, "byte-order magic is 0x"},
		{{0x0a0d0d0a, 28, 0x1a2b3c4d, 2, 0, 0, 28}, 7, "version 2.0 is not supported"},
		{{0x0a0d0d0a, 24, 0x1a2b3c4d, 1, 0, 24}, 6, "section header of 24 bytes"},
		{{1, 16, 1, 16}, 4, "interface description of 16 bytes"},
		{{1, 24, 1, 0, 0x00500009, 24}, 6, "option of the interface description"},
		{{1, 0x7fffffff, 1, 0}, 4, "interface description claims 2147483647"},
		{{5, 0xffffffff, 1, 0}, 4, "the capture ends inside a block"},
		{{6, 0xffffffff, 0, 0, 0, 4, 4}, 7, "packet of 4 captured bytes in a block of"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct blob *blob = blob_new(false);
		struct reading r;

		ng_section(blob);
		ng_interface(blob, ETHERNET, 0, 9, 5);
		ng_enhanced(blob, 0, 1, 4, 4, 1);
		assert_int_equal(blob->count, 120);
		for (size_t w = 0; w < damages[i].count; w++)
			blob_u32(blob, damages[i].words[w]);
		r = reading_of_blob(blob);
		assert_int_equal(r.count, 1);
		assert_true(feed_file(r.feed, 0)->opened);
		expect_problem(&r, damages[i].say, NULL);
		reading_free(&r);
		free(blob);
	}
}

static void expect_foreign(const void *bytes, size_t count, const char *say)
{
	struct reading r = reading_of_bytes(bytes, count);
	const struct feed_file *file = feed_file(r.feed, 0);

	assert_false(file->opened);
	assert_true(file->foreign);
	assert_null(file->format);
	assert_int_equal(file->file_bytes, count);
	expect_problem(&r, say, file->path, NULL);
	reading_free(&r);
}

static void test_no_captures(void **state)
{
	static const char tar[300] = "name";
	char archive[sizeof(tar)];

	(void)state;
	memcpy(archive, tar, sizeof(tar));
	memcpy(archive + 257, "ustar", 5);
	expect_foreign("", 0, "empty");
	expect_foreign("\1\2", 2, "only 2 bytes");
	expect_foreign("snoop\0\0\0\0\0\0\2\0\0\0\4", 16, "a snoop capture");
	expect_foreign("../pcap/other.pcap\n", 19, "text");
	expect_foreign("\n\r\r\n not a section header", 25, "text");
	expect_foreign("\x01\x02\x03\x04\x05", 5, "begins with 0x01020304");
	expect_foreign(archive, sizeof(archive), "a tar archive");
}

static void test_unsupported_version(void **state)
{
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	blob->bytes[4] = 3; /* major version */
	pcap_record(blob, 1, 1, 4, 4, 1);
	r = reading_of_blob(blob);
	assert_int_equal(r.count, 0);
	assert_false(feed_file(r.feed, 0)->opened);
	assert_false(feed_file(r.feed, 0)->foreign);
	expect_problem(&r, "version 3.4 is not supported", NULL);
	reading_free(&r);
	free(blob);
}

static void test_files_that_do_not_open(void **state)
{
	const char *path = file_write("x", 1);
	struct reading r;

	(void)state;
	r = reading_of_file("/");
	expect_problem(&r, "/: ", "directory", NULL);
	assert_true(feed_file(r.feed, 0)->foreign);
	reading_free(&r);

	assert_int_equal(chmod(path, 0), 0);
	if (geteuid() != 0) {
		r = reading_of_file(path);
		expect_problem(&r, "cannot be opened", "ermission", NULL);
		reading_free(&r);
	}
	assert_int_equal(unlink(path), 0);
	r = reading_of_file(path);
	expect_problem(&r, path, "cannot be opened", "No such file", NULL);
	assert_false(feed_file(r.feed, 0)->opened);
	assert_false(feed_file(r.feed, 0)->foreign);
	reading_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap_cut_at_every_length),
		cmocka_unit_test(test_pcapng_cut_at_every_length),
		cmocka_unit_test(test_pcap_bad_length),
		cmocka_unit_test(test_lying_length_allocates_little),
		cmocka_unit_test(test_pcapng_damage),
		cmocka_unit_test(test_no_captures),
		cmocka_unit_test(test_unsupported_version),
		cmocka_unit_test(test_files_that_do_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, files_remove);
}
