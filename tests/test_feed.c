/* The feed: standard input, joined files, filters, confirmed time stamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/capture_builder.h"

enum { ETHERNET = 1, RAW_IP = 101, WIFI = 105, USB = 189 };

#define SECOND INT64_C(1000000000)

/* Three packets of 50 bytes, filled 1, 2, 3. */
static struct blob *small_pcap(void)
{
	struct blob *blob = blob_new(false);

	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	for (uint8_t i = 1; i <= 3; i++)
		pcap_record(blob, i, 0, 50, 50, i);
	return blob;
}

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

/* The bytes through a pipe, in two writes. */
static void stdin_from(const uint8_t *bytes, size_t count, size_t cut)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], bytes, cut), cut);
	assert_int_equal(write(ends[1], bytes + cut, count - cut), count - cut);
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
}

static void test_standard_input(void **state)
{
	struct blob *blob = small_pcap();
	const struct feed_file *file;
	struct reading r;

	(void)state;
	stdin_from(blob->bytes, blob->count, 1);
	r = reading_of_file("-");
	file = feed_file(r.feed, 0);
	expect_small(&r);
	assert_string_equal(file->path, "-");
	assert_null(file->real_path);
	assert_int_equal(file->file_bytes, 0);
	assert_int_equal(file->modified_ns, 0);
	reading_free(&r);

	stdin_from(blob->bytes, 100, 50);
	r = reading_of_file("-");
	assert_int_equal(r.count, 1);
	expect_problem(&r, "packet 2, at byte 90: ", "10 of 16", NULL);
	reading_free(&r);
	free(blob);
}

/* Packed data through a pipe, as `zcat | ...` is often forgotten; and no second reader. */
static void test_standard_input_special(void **state)
{
	static const char *const twice[] = {"-", "-"};
	const struct feed_config config = {.paths = twice, .path_count = 2};
	struct error err = {""};
	struct reading r;

	(void)state;
	stdin_from((const uint8_t *)"\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0", 20, 3);
	r = reading_of_file("-");
	assert_true(feed_file(r.feed, 0)->foreign);
	expect_problem(&r, "standard input: this is empty", NULL);
	reading_free(&r);

	assert_null(feed_open(&config, &err));
	assert_non_null(strstr(err.text, "only once"));
}

static void test_file_facts(void **state)
{
	struct blob *blob = small_pcap();
	const char *path = file_write(blob->bytes, blob->count);
	struct reading r = reading_of_file(path);
	const struct feed_file *file = feed_file(r.feed, 0);

	(void)state;
	assert_string_equal(file->path, path);
	assert_int_equal(file->real_path[0], '/');
	assert_non_null(strstr(file->real_path, "lastack-test-"));
	assert_true(file->modified_ns > UINT64_C(1600000000000000000));
	assert_int_equal(file->interfaces, 1);
	reading_free(&r);
	free(blob);
}

/* A pcap of one-byte packets at the given seconds, filled with their place in the list. */
static const char *pcap_at(const uint32_t *seconds, size_t count)
{
	struct blob *blob = blob_new(false);
	const char *path;

	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	for (size_t i = 0; i < count; i++)
		pcap_record(blob, seconds[i], 0, 1, 1, (uint8_t)i);
	path = file_write(blob->bytes, blob->count);
	free(blob);
	return path;
}

/* By time; equal times by file; each file in its own order, though it goes back. */
static void test_join(void **state)
{
	const char *paths[3];
	static const struct {
		uint32_t file;
		uint64_t number;
		int64_t seconds;
	} want[] = {{2, 1, 5},  {0, 1, 10}, {1, 1, 10}, {2, 2, 10}, {1, 2, 20},
		    {1, 3, 11}, {0, 2, 30}, {0, 3, 30}, {2, 3, 31}};
	struct reading r;

	(void)state;
	paths[0] = pcap_at((uint32_t[]){10, 30, 30}, 3);
	paths[1] = pcap_at((uint32_t[]){10, 20, 11}, 3);
	paths[2] = pcap_at((uint32_t[]){5, 10, 31}, 3);
	r = reading_of(paths, 3, NULL);
	assert_int_equal(r.count, 9);
	for (size_t i = 0; i < r.count; i++) {
		assert_int_equal(r.packets[i].file, want[i].file);
		assert_int_equal(r.packets[i].number, want[i].number);
		assert_int_equal(r.packets[i].ts_ns, want[i].seconds * SECOND);
		assert_int_equal(r.fills[i], want[i].number - 1);
		assert_int_equal(r.packets[i].ts_confirmed, i + 1 < r.count);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(feed_file(r.feed, i)->backwards, i == 1);
	reading_free(&r);
}

static void test_join_with_a_bad_file(void **state)
{
	struct blob *blob = small_pcap();
	const char *paths[4];
	struct reading r;

	(void)state;
	paths[0] = file_write("no capture", 10);
	paths[1] = file_write(blob->bytes, blob->count - 1);
	paths[2] = file_write(blob->bytes, blob->count);
	paths[3] = "/nonexistent/file";
	r = reading_of(paths, 4, NULL);
	assert_int_equal(r.count, 5);
	assert_true(feed_file(r.feed, 0)->foreign);
	assert_int_equal(feed_file(r.feed, 1)->packets, 2);
	assert_non_null(feed_file(r.feed, 1)->problem);
	assert_null(feed_file(r.feed, 2)->problem);
	assert_non_null(feed_file(r.feed, 3)->problem);
	reading_free(&r);
	free(blob);
}

static void test_confirmed(void **state)
{
	struct blob *blob = blob_new(false);
	static const struct {
		uint32_t seconds, ns;
		bool confirmed;
	} packets[] = {{1000, 0, true},  {1000, 0, true}, {900000, 1, false},
		       {1000, 0, true},  {1060, 0, true}, {1000, 0, true},
		       {1060, 1, false}, {1000, 0, true}, {5000, 0, false}};
	enum { COUNT = sizeof(packets) / sizeof(packets[0]) };
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b23c4d, 4, 65535, ETHERNET);
	for (size_t i = 0; i < COUNT; i++)
		pcap_record(blob, packets[i].seconds, packets[i].ns, 1, 1, 1);
	r = reading_of_blob(blob);
	assert_int_equal(r.count, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(r.packets[i].ts_confirmed, packets[i].confirmed);
	assert_int_equal(feed_file(r.feed, 0)->backwards, 3);
	reading_free(&r);
	free(blob);
}

/* An IPv4 packet to the given TCP port, without options, for raw IP or behind an Ethernet header. */
static void ip_packet(struct blob *out, bool ethernet, uint16_t port)
{
	static const uint8_t link[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0};
	static const uint8_t ip[] = {0x45, 0, 0,  40, 0, 0, 0,  0, 64, 6,
				     0,    0, 10, 0,  0, 1, 10, 0, 0,  2};

	out->big_endian = true;
	out->count = 0;
	if (ethernet)
		blob_bytes(out, link, sizeof(link));
	blob_bytes(out, ip, sizeof(ip));
	blob_u16(out, 40000);
	blob_u16(out, port);
	blob_bytes(out, "\0\0\0\0\0\0\0\0\x50\2\0\0\0\0\0\0", 16);
}

static void ng_packet(struct blob *blob, uint32_t interface, uint32_t units,
		      const struct blob *packet)
{
	static uint8_t body[256];
	struct blob *fields = blob_new(blob->big_endian);

	blob_u32(fields, interface);
	blob_u32(fields, 0);
	blob_u32(fields, units);
	blob_u32(fields, (uint32_t)packet->count);
	blob_u32(fields, (uint32_t)packet->count);
	blob_bytes(fields, packet->bytes, packet->count);
	memcpy(body, fields->bytes, fields->count);
	ng_block(blob, 6, body, fields->count);
	free(fields);
}

/* Counts what passes; the fills of other tests do not hold for these packets. */
static size_t count_passed(const char *path, const char *filter, struct feed **feed)
{
	const struct feed_config config = {.paths = &path, .path_count = 1, .filter = filter};
	struct error err = {""};
	struct packet packet;
	size_t passed = 0;

	*feed = feed_open(&config, &err);
	if (*feed == NULL)
		fail_msg("%s", err.text);
	while (feed_next(*feed, &packet, &err) == FEED_PACKET)
		passed++;
	return passed;
}

/* Each link type gets the expression in its own terms; one it has no meaning for lets nothing pass. */
static void test_filter_by_link_type(void **state)
{
	static const uint16_t linktypes[] = {ETHERNET, RAW_IP, USB};
	struct blob *blob = blob_new(false), *packet = blob_new(true);
	const struct feed_file *file;
	const char *path;
	struct feed *feed;

	(void)state;
	ng_section(blob);
	for (size_t i = 0; i < 3; i++)
		ng_interface(blob, linktypes[i], 0, 0, 0);
	for (uint32_t i = 0; i < 6; i++) {
		ip_packet(packet, i / 2 == 0, i % 2 == 0 ? 80 : 81);
		ng_packet(blob, i / 2, i, packet);
	}
	path = file_write(blob->bytes, blob->count);

	assert_int_equal(count_passed(path, "tcp dst port 80", &feed), 2);
	file = feed_file(feed, 0);
	assert_null(file->problem);
	assert_int_equal(file->packets, 6);
	assert_int_equal(file->packets_filtered_out, 4);
	assert_int_equal(file->linktype_count, 3);
	feed_close(feed);

	assert_int_equal(count_passed(path, "len < 45", &feed), 4);
	feed_close(feed);
	assert_int_equal(count_passed(path, "", &feed), 6);
	feed_close(feed);
	free(packet);
	free(blob);
}

static void test_filter_without_meaning(void **state)
{
	struct blob *blob = small_pcap();
	const char *path = file_write(blob->bytes, blob->count);
	struct reading r;

	(void)state;
	r = reading_of(&path, 1, "wlan type mgt");
	assert_int_equal(r.count, 0);
	assert_int_equal(feed_file(r.feed, 0)->packets_filtered_out, 3);
	expect_problem(&r, "'wlan type mgt'", "link type 1", "802.11", NULL);
	reading_free(&r);

	blob->bytes[20] = WIFI;
	path = file_write(blob->bytes, blob->count);
	r = reading_of(&path, 1, "wlan type mgt");
	assert_string_equal(reading_problem(&r), "");
	reading_free(&r);
	free(blob);
}

static void test_filter_syntax(void **state)
{
	static const char *const bad[] = {
		"tcp prot 80",     "(tcp", "host", "tcp port 99999", "port nosuchservice",
		"ether host 1.2.3"};
	static const char *const path = "/nonexistent/file";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct feed_config config = {
			.paths = &path, .path_count = 1, .filter = bad[i]};
		struct error err = {""};

		assert_null(feed_open(&config, &err));
		assert_non_null(strstr(err.text, bad[i]));
	}
}

/* More than several read blocks lie between two packets that pass: the first one, handed out after the
 * second was read, is still whole. */
static void test_filter_keeps_the_packet_before(void **state)
{
	struct blob *blob = blob_new(false);
	const char *path;
	struct reading r;

	(void)state;
	pcap_header(blob, 0xa1b2c3d4, 4, 65535, ETHERNET);
	for (uint32_t i = 0; i < 16; i++) {
		pcap_record(blob, i, 0, 100 + i, 100 + i, (uint8_t)i);
		for (uint32_t k = 0; k < 20; k++)
			pcap_record(blob, i, 0, 3000, 3000, 0xee);
	}
	path = file_write(blob->bytes, blob->count);
	r = reading_of(&path, 1, "less 200");
	assert_int_equal(r.count, 16);
	for (size_t i = 0; i < r.count; i++) {
		assert_int_equal(r.packets[i].number, 21 * i + 1);
		assert_int_equal(r.packets[i].caplen, 100 + i);
		assert_int_equal(r.fills[i], i);
	}
	reading_free(&r);
	free(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard_input),
		cmocka_unit_test(test_standard_input_special),
		cmocka_unit_test(test_file_facts),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_join_with_a_bad_file),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_filter_by_link_type),
		cmocka_unit_test(test_filter_without_meaning),
		cmocka_unit_test(test_filter_syntax),
		cmocka_unit_test(test_filter_keeps_the_packet_before),
	};

	return cmocka_run_group_tests(tests, NULL, files_remove);
}
