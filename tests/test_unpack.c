/* gzip and zstd captures: whole, in pieces, cut, corrupt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/capture_builder.h"

enum { ETHERNET = 1 };

/* Three packets of 50 bytes, filled 1, 2, 3. */
static struct blob *small_pcap(void)
{
	struct blob *blob = blob_new(false);

	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	for (uint8_t i = 1; i <= 3; i++)
		pcap_record(blob, i, 0, 50, 50, i);
	return blob;
}

static size_t gzip_pack(const uint8_t *bytes, size_t count, uint8_t *out, size_t room)
{
	z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)bytes,
		      .avail_in = (uInt)count,
		      .next_out = out,
		      .avail_out = (uInt)room};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t zstd_pack(const uint8_t *bytes, size_t count, uint8_t *out, size_t room)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t packed;

	assert_non_null(context);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	packed = ZSTD_compress2(context, out, room, bytes, count);
	assert_false(ZSTD_isError(packed));
	ZSTD_freeCCtx(context);
	return packed;
}

typedef size_t pack_function(const uint8_t *bytes, size_t count, uint8_t *out, size_t room);

static const struct {
	pack_function *pack;
	const char *format;
	const char *name;
} packings[] = {{gzip_pack, "gzip pcap", "gzip"}, {zstd_pack, "zstd pcap", "zstd"}};

enum { PACKINGS = sizeof(packings) / sizeof(packings[0]), PACKED_MAX = 4096 };

static void expect_small(const struct reading *r)
{
	assert_string_equal(reading_problem(r), "");
	assert_int_equal(r->count, 3);
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(r->packets[i].number, i + 1);
		assert_int_equal(r->packets[i].offset, 24 + 66 * i);
		assert_int_equal(r->fills[i], i + 1);
	}
}

static void test_packed(void **state)
{
	struct blob *blob = small_pcap();
	uint8_t packed[PACKED_MAX];

	(void)state;
	for (size_t i = 0; i < PACKINGS; i++) {
		size_t count = packings[i].pack(blob->bytes, blob->count, packed, sizeof(packed));
		struct reading r = reading_of_bytes(packed, count);

		expect_small(&r);
		assert_string_equal(feed_file(r.feed, 0)->format, packings[i].format);
		assert_int_equal(feed_file(r.feed, 0)->file_bytes, count);
		reading_free(&r);
	}
	free(blob);
}

/* Members or frames behind each other, also empty ones, cut where it hurts. */
static void test_packed_in_pieces(void **state)
{
	struct blob *blob = small_pcap();
	uint8_t packed[PACKED_MAX];

	(void)state;
	for (size_t i = 0; i < PACKINGS; i++) {
		for (size_t cut = 0; cut <= blob->count; cut++) {
			struct reading r;
			size_t count;

			count = packings[i].pack(blob->bytes, cut, packed, sizeof(packed));
			count += packings[i].pack(blob->bytes + cut, blob->count - cut,
						  packed + count, sizeof(packed) - count);
			r = reading_of_bytes(packed, count);
			expect_small(&r);
			reading_free(&r);
		}
	}
	free(blob);
}

/* Cut anywhere: what was unpacked is delivered, and the end is told as a cut one. */
static void test_packed_cut_at_every_length(void **state)
{
	struct blob *blob = small_pcap();
	uint8_t packed[PACKED_MAX];

	(void)state;
	for (size_t i = 0; i < PACKINGS; i++) {
		size_t count = packings[i].pack(blob->bytes, blob->count, packed, sizeof(packed));

		for (size_t length = 4; length < count; length++) {
			struct reading r = reading_of_bytes(packed, length);

			assert_true(r.count <= 3);
			expect_problem(&r, packings[i].name, "cut off at byte", NULL);
			assert_false(feed_file(r.feed, 0)->foreign);
			reading_free(&r);
		}
	}
	free(blob);
}

static void test_packed_corrupt(void **state)
{
	struct blob *blob = small_pcap();
	uint8_t packed[PACKED_MAX];

	(void)state;
	for (size_t i = 0; i < PACKINGS; i++) {
		size_t count = packings[i].pack(blob->bytes, blob->count, packed, sizeof(packed));
		/* the last byte of zstd's checksum, the first of gzip's */
		size_t checksum = i == 0 ? count - 8 : count - 1;
		struct reading r;

		packed[checksum] ^= 0x55;
		r = reading_of_bytes(packed, count);
		assert_int_equal(r.count, 3);
		expect_problem(&r, packings[i].name, "damaged near byte", "packet 3", "check",
			       NULL);
		reading_free(&r);

		packed[checksum] ^= 0x55;
		memcpy(packed + count, "garbage behind", 14);
		r = reading_of_bytes(packed, count + 14);
		assert_int_equal(r.count, 3);
		expect_problem(&r, packings[i].name, "damaged near byte", NULL);
		reading_free(&r);
	}
	free(blob);
}

static void test_gzip_padding(void **state)
{
	struct blob *blob = small_pcap();
	uint8_t packed[PACKED_MAX] = {0};
	struct reading r;

	(void)state;
	gzip_pack(blob->bytes, blob->count, packed, sizeof(packed));
	r = reading_of_bytes(packed, sizeof(packed));
	expect_small(&r);
	reading_free(&r);
	free(blob);
}

/* A frame of one raw block, with a window of 2^LOG bytes, behind a skippable frame: RFC 8878, 3.1. */
static struct reading reading_with_window(unsigned log)
{
	const uint8_t head[] = {0x5a,
				0x2a,
				0x4d,
				0x18,
				3,
				0,
				0,
				0,
				'x',
				'y',
				'z',
				0x28,
				0xb5,
				0x2f,
				0xfd,
				0x00,
				(uint8_t)((log - 10) << 3)};
	struct blob *blob = small_pcap();
	struct blob *frame = blob_new(false);
	uint32_t block = (uint32_t)blob->count << 3 | 1;
	struct reading r;

	blob_bytes(frame, head, sizeof(head));
	blob_u16(frame, (uint16_t)block);
	blob_u8(frame, (uint8_t)(block >> 16));
	blob_bytes(frame, blob->bytes, blob->count);
	r = reading_of_blob(frame);
	free(frame);
	free(blob);
	return r;
}

static void test_zstd_long_window(void **state)
{
	struct reading r = reading_with_window(27);

	(void)state;
	expect_small(&r);
	reading_free(&r);
}

/* Memory for it would be the file's to choose. */
static void test_zstd_window_too_long(void **state)
{
	struct reading r = reading_with_window(28);

	(void)state;
	expect_problem(
		&r, "needs a window of more than 128 MiB: unpack it before, with zstd -d --long=31",
		NULL);
	reading_free(&r);
}

/* Several raw blocks, of which the last has a type that does not exist: all before it is read. */
static void test_zstd_delivers_what_precedes_damage(void **state)
{
	static const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (20 - 10) << 3};
	struct blob *blob = small_pcap();
	struct blob *frame = blob_new(false);
	struct reading r;

	(void)state;
	blob_bytes(frame, head, sizeof(head));
	for (size_t at = 0; at < blob->count; at += 6) {
		size_t size = blob->count - at < 6 ? blob->count - at : 6;

		blob_u16(frame, (uint16_t)(size << 3));
		blob_u8(frame, 0);
		blob_bytes(frame, blob->bytes + at, size);
	}
	blob_bytes(frame, "\x37\0\0......", 9);
	r = reading_of_blob(frame);
	assert_int_equal(r.count, 3);
	expect_problem(&r, "after packet 3, at byte 222 unpacked: the zstd data is damaged", NULL);
	reading_free(&r);
	free(frame);
	free(blob);
}

static void test_packed_no_capture(void **state)
{
	struct blob *blob = small_pcap();
	uint8_t once[PACKED_MAX], twice[PACKED_MAX];
	struct reading r;
	size_t count;

	(void)state;
	count = gzip_pack(blob->bytes, blob->count, once, sizeof(once));
	count = zstd_pack(once, count, twice, sizeof(twice));
	r = reading_of_bytes(twice, count);
	assert_true(feed_file(r.feed, 0)->foreign);
	expect_problem(&r, "packed twice", NULL);
	reading_free(&r);

	count = gzip_pack(once, 0, twice, sizeof(twice));
	r = reading_of_bytes(twice, count);
	assert_true(feed_file(r.feed, 0)->foreign);
	expect_problem(&r, "empty", NULL);
	reading_free(&r);
	free(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_packed_in_pieces),
		cmocka_unit_test(test_packed_cut_at_every_length),
		cmocka_unit_test(test_packed_corrupt),
		cmocka_unit_test(test_gzip_padding),
		cmocka_unit_test(test_zstd_long_window),
		cmocka_unit_test(test_zstd_window_too_long),
		cmocka_unit_test(test_zstd_delivers_what_precedes_damage),
		cmocka_unit_test(test_packed_no_capture),
	};

	return cmocka_run_group_tests(tests, NULL, files_remove);
}
