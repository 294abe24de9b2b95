/* The capture readers against hand-made files: both formats and their variants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "source/capture.h"
#include "source/pcapng_time.h"
#include "source/record.h"
#include "tests/capture_builder.h"

enum { ETHERNET = 1, RAW_IP = 101, LINUX_SLL = 113 };

#define SECOND INT64_C(1000000000)

static void test_pcap_byte_orders_and_units(void **state)
{
	static const struct {
		bool big_endian;
		uint32_t magic;
		int64_t unit_ns;
	} kinds[] = {{false, 0xa1b2c3d4, 1000},
		     {true, 0xa1b2c3d4, 1000},
		     {false, 0xa1b23c4d, 1},
		     {true, 0xa1b23c4d, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct blob *blob = blob_new(kinds[i].big_endian);
		struct reading r;

		pcap_header(blob, kinds[i].magic, 4, 65535, RAW_IP);
		pcap_record(blob, 1700000000, 999999, 60, 1514, 0xaa);
		pcap_record(blob, 4294967295u, 1, 0, 0, 0);
		pcap_record(blob, 1700000001, 0, 3, 3, 0xbb);
		r = reading_of_blob(blob);
		assert_string_equal(reading_problem(&r), "");
		assert_int_equal(r.count, 3);
		assert_int_equal(r.packets[0].ts_ns,
				 1700000000 * SECOND + 999999 * kinds[i].unit_ns);
		assert_int_equal(r.packets[1].ts_ns, 4294967295 * SECOND + kinds[i].unit_ns);
		assert_int_equal(r.packets[2].ts_ns, 1700000001 * SECOND);
		assert_int_equal(r.packets[0].caplen, 60);
		assert_int_equal(r.packets[0].wirelen, 1514);
		assert_int_equal(r.packets[0].linktype, RAW_IP);
		assert_int_equal(r.packets[0].offset, 24);
		assert_int_equal(r.packets[2].offset, 24 + 16 + 60 + 16);
		assert_int_equal(r.packets[2].number, 3);
		assert_int_equal(r.fills[0], 0xaa);
		assert_int_equal(r.fills[2], 0xbb);
		assert_string_equal(feed_file(r.feed, 0)->format, "pcap");
		reading_free(&r);
		free(blob);
	}
}

static void test_pcap_modified_records(void **state)
{
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b2cd34, 4, 65535, ETHERNET);
	for (uint8_t i = 1; i <= 2; i++) {
		blob_u32(blob, 100);
		blob_u32(blob, i);
		blob_u32(blob, 4);
		blob_u32(blob, 40);
		blob_bytes(blob, "\1\0\0\0\0\10\0\0", 8); /* interface, protocol, packet type */
		blob_bytes(blob, (uint8_t[]){i, i, i, i}, 4);
	}
	r = reading_of_blob(blob);
	assert_string_equal(reading_problem(&r), "");
	assert_int_equal(r.count, 2);
	assert_int_equal(r.packets[1].ts_ns, 100 * SECOND + 2000);
	assert_int_equal(r.packets[1].wirelen, 40);
	assert_int_equal(r.fills[0], 1);
	assert_int_equal(r.fills[1], 2);
	reading_free(&r);
	free(blob);
}

static void test_pcap_old_length_orders(void **state)
{
	static const struct {
		uint16_t minor;
		uint32_t first, second;
	} cases[] = {{2, 100, 20}, {3, 100, 20}, {3, 20, 100}, {4, 20, 100}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct blob *blob = blob_new(true);
		struct reading r;

		pcap_header(blob, 0xa1b2c3d4, cases[i].minor, 65535, ETHERNET);
		blob_u32(blob, 1);
		blob_u32(blob, 1);
		blob_u32(blob, cases[i].first);
		blob_u32(blob, cases[i].second);
		blob_bytes(blob, "aaaaaaaaaaaaaaaaaaaa", 20);
		r = reading_of_blob(blob);
		assert_string_equal(reading_problem(&r), "");
		assert_int_equal(r.count, 1);
		assert_int_equal(r.packets[0].caplen, 20);
		assert_int_equal(r.packets[0].wirelen, 100);
		reading_free(&r);
		free(blob);
	}
}

static void test_pcap_fcs_bits_and_short_wire_length(void **state)
{
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b2c3d4, 4, 65535, 0x24000000 | ETHERNET); /* FCS of 2 words */
	pcap_record(blob, 1, 1, 60, 10, 1);
	r = reading_of_blob(blob);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.packets[0].linktype, ETHERNET);
	assert_int_equal(r.packets[0].wirelen, 60);
	assert_int_equal(feed_file(r.feed, 0)->linktype_count, 1);
	assert_int_equal(feed_file(r.feed, 0)->linktypes[0], ETHERNET);
	reading_free(&r);
	free(blob);
}

/* Two sections of different byte order: numbers go on, interfaces are counted over both. */
static struct blob *two_sections(void)
{
	struct blob *blob = blob_new(true);

	ng_section(blob);
	ng_interface(blob, LINUX_SLL, 0, 9, 0);
	ng_interface(blob, ETHERNET, 20, 0, 0);
	ng_enhanced(blob, 0, 1700000000123456789u, 33, 1500, 0x11);
	ng_enhanced(blob, 1, 1700000001000001u, 4, 4, 0x12);
	blob->big_endian = false;
	ng_section(blob);
	ng_interface(blob, RAW_IP, 20, 0x80 | 10, -3600);
	ng_simple(blob, 20, 70, 0x21);
	ng_enhanced(blob, 0, (UINT64_C(1700000000) << 10) | 512, 5, 5, 0x22);
	ng_simple(blob, 20, 20, 0x23);
	ng_obsolete(blob, 0, UINT64_C(1700000009) << 10, 6, 7, 0x24);
	return blob;
}

static void test_pcapng_sections(void **state)
{
	static const struct packet want[] = {
		{.number = 1,
		 .ts_ns = 1700000000123456789,
		 .caplen = 33,
		 .wirelen = 1500,
		 .interface = 0,
		 .linktype = LINUX_SLL},
		{.number = 2,
		 .ts_ns = 1700000001000001000,
		 .caplen = 4,
		 .wirelen = 4,
		 .interface = 1,
		 .linktype = ETHERNET},
		{.number = 3,
		 .ts_ns = 1700000001000001000,
		 .caplen = 20,
		 .wirelen = 70,
		 .interface = 2,
		 .linktype = RAW_IP},
		{.number = 4,
		 .ts_ns = 1699996400500000000,
		 .caplen = 5,
		 .wirelen = 5,
		 .interface = 2,
		 .linktype = RAW_IP},
		{.number = 5,
		 .ts_ns = 1699996400500000000,
		 .caplen = 20,
		 .wirelen = 20,
		 .interface = 2,
		 .linktype = RAW_IP},
		{.number = 6,
		 .ts_ns = 1699996409000000000,
		 .caplen = 6,
		 .wirelen = 7,
		 .interface = 2,
		 .linktype = RAW_IP},
	};
	static const uint8_t fills[] = {0x11, 0x12, 0x21, 0x22, 0x23, 0x24};
	struct blob *blob = two_sections();
	struct reading r = reading_of_blob(blob);
	const struct feed_file *file = feed_file(r.feed, 0);

	(void)state;
	assert_string_equal(reading_problem(&r), "");
	assert_int_equal(r.count, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(r.packets[i].number, want[i].number);
		assert_int_equal(r.packets[i].ts_ns, want[i].ts_ns);
		assert_int_equal(r.packets[i].caplen, want[i].caplen);
		assert_int_equal(r.packets[i].wirelen, want[i].wirelen);
		assert_int_equal(r.packets[i].interface, want[i].interface);
		assert_int_equal(r.packets[i].linktype, want[i].linktype);
		assert_int_equal(r.fills[i], fills[i]);
	}
	assert_string_equal(file->format, "pcapng");
	assert_int_equal(file->interfaces, 3);
	assert_int_equal(file->linktype_count, 3);
	assert_int_equal(file->linktypes[0], ETHERNET);
	assert_int_equal(file->linktypes[1], RAW_IP);
	assert_int_equal(file->linktypes[2], LINUX_SLL);
	assert_int_equal(file->backwards, 1);
	assert_int_equal(file->first_ns, 1699996400500000000);
	assert_int_equal(file->last_ns, 1700000001000001000);
	assert_int_equal(file->bytes, 33 + 4 + 20 + 5 + 20 + 6);
	assert_int_equal(file->wire_bytes, 1500 + 4 + 70 + 5 + 20 + 7);
	reading_free(&r);
	free(blob);
}

/* Which blocks Wireshark 4.0 shows as frames was tried with tshark. */
static void test_pcapng_frames_that_are_no_packets(void **state)
{
	static const uint32_t frames[] = {0x9, 0x204, 0x216, 0x221, 0xbad, 0x40000bad};
	static const uint32_t others[] = {0x4,   0x5,   0x7,   0x8,     0xa,       0x201,
					  0x208, 0x217, 0x222, 0x12345, 0x80000001};
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	ng_section(blob);
	ng_interface(blob, ETHERNET, 0, 0, 0);
	ng_enhanced(blob, 0, 1, 1, 1, 1);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ng_block(blob, others[i], "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	ng_enhanced(blob, 0, 2, 1, 1, 2);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		ng_block(blob, frames[i], "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	ng_enhanced(blob, 0, 3, 1, 1, 3);
	r = reading_of_blob(blob);
	assert_string_equal(reading_problem(&r), "");
	assert_int_equal(r.count, 3);
	assert_int_equal(r.packets[1].number, 2);
	assert_int_equal(r.packets[2].number, 3 + sizeof(frames) / sizeof(frames[0]));
	assert_int_equal(feed_file(r.feed, 0)->packets, 3);
	reading_free(&r);
	free(blob);
}

/* Some writers leave the padding out of both lengths. */
static void test_pcapng_unpadded_length(void **state)
{
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	ng_section(blob);
	ng_interface(blob, ETHERNET, 0, 0, 0);
	blob_u32(blob, 6);
	blob_u32(blob, 32 + 5);
	blob_bytes(blob, "\0\0\0\0\0\0\0\0\7\0\0\0\5\0\0\0\5\0\0\0", 20);
	blob_bytes(blob, "xxxxx\0\0\0", 8);
	blob_u32(blob, 32 + 5);
	ng_enhanced(blob, 0, 8, 1, 1, 3);
	r = reading_of_blob(blob);
	assert_string_equal(reading_problem(&r), "");
	assert_int_equal(r.count, 2);
	assert_int_equal(r.packets[0].caplen, 5);
	reading_free(&r);
	free(blob);
}

static void test_pcapng_time(void **state)
{
	static const struct {
		uint8_t resolution;
		int64_t offset_s;
		uint64_t units;
		int64_t ns;
	} cases[] = {
		{6, 0, 1700000000123456, 1700000000123456000},
		{9, 0, 1700000000123456789, 1700000000123456789},
		{0, 0, 1700000000, 1700000000 * SECOND},
		{3, 5, 1700000000001, 1700000005001000000},
		{12, 0, 1234999, 1234},
		{28, 0, UINT64_MAX, 1},
		{29, 0, UINT64_MAX, 0},
		{127, 7, UINT64_MAX, 7 * SECOND},
		{0x80, 0, 1700000000, 1700000000 * SECOND},
		{0x80 | 1, 0, 3, 1500000000},
		{0x80 | 32, -1, UINT64_C(0x0000000580000000), 4 * SECOND + SECOND / 2},
		{0x80 | 63, 0, UINT64_C(1) << 62, SECOND / 2},
		{0x80 | 64, 0, UINT64_C(1) << 63, SECOND / 2},
		{0x80 | 127, 0, UINT64_MAX, 0},
		{6, -2, 1, -2 * SECOND + 1000},
		{0, 0, UINT64_MAX, RECORD_TS_MAX},
		{6, 0, UINT64_MAX, RECORD_TS_MAX},
		{6, INT64_MAX, UINT64_MAX, RECORD_TS_MAX},
		{9, INT64_MIN, 0, -RECORD_TS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pcapng_time time = pcapng_time_of(cases[i].resolution, cases[i].offset_s);

		assert_int_equal(pcapng_time_ns(&time, cases[i].units), cases[i].ns);
	}
}

/* The same packets whatever the size of the blocks they are read in. */
static void test_every_block_size(void **state)
{
	struct blob *blob = two_sections();
	const char *path = file_write(blob->bytes, blob->count);

	(void)state;
	for (size_t block = 1; block < 128; block++) {
		int fd = dup(fileno(freopen(path, "rb", stdin)));
		struct capture *capture;
		struct packet packet, before = {.caplen = 0};
		struct error err = {""};
		uint8_t fill = 0;
		size_t count = 0;

		assert_int_equal(capture_open(fd, block, &capture, &err), CAPTURE_OPENED);
		while (capture_next(capture, &packet, &err) == RECORD_PACKET) {
			/* the packet before was held, and is still what it was */
			for (uint32_t i = 0; i < before.caplen; i++)
				assert_int_equal(before.data[i], fill);
			capture_hold(capture, NULL);
			before = packet;
			fill = packet.data[0];
			capture_hold(capture, &before);
			count++;
		}
		assert_int_equal(count, 6);
		capture_close(capture);
	}
	free(blob);
}

/* A packet larger than 256 KiB is fine where the snaplen says so. */
static void test_pcap_jumbo_record(void **state)
{
	struct blob *blob = blob_new(false);
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b2c3d4, 4, 600000, ETHERNET);
	pcap_record(blob, 1, 1, 10, 10, 1);
	pcap_record(blob, 2, 2, 600000, 600000, 2);
	pcap_record(blob, 3, 3, 10, 10, 3);
	r = reading_of_blob(blob);
	assert_string_equal(reading_problem(&r), "");
	assert_int_equal(r.count, 3);
	assert_int_equal(r.packets[1].caplen, 600000);
	assert_int_equal(r.fills[2], 3);
	reading_free(&r);
	free(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap_byte_orders_and_units),
		cmocka_unit_test(test_pcap_modified_records),
		cmocka_unit_test(test_pcap_old_length_orders),
		cmocka_unit_test(test_pcap_fcs_bits_and_short_wire_length),
		cmocka_unit_test(test_pcapng_sections),
		cmocka_unit_test(test_pcapng_frames_that_are_no_packets),
		cmocka_unit_test(test_pcapng_unpadded_length),
		cmocka_unit_test(test_pcapng_time),
		cmocka_unit_test(test_every_block_size),
		cmocka_unit_test(test_pcap_jumbo_record),
	};

	return cmocka_run_group_tests(tests, NULL, files_remove);
}
