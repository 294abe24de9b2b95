#include "tests/capture_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAMES_MAX = 8, NAME_BYTES = 256 };

struct blob *blob_new(bool big_endian)
{
	struct blob *blob = malloc(sizeof(*blob));

	assert_non_null(blob);
	blob->big_endian = big_endian;
	blob->count = 0;
	return blob;
}

void blob_u8(struct blob *blob, uint8_t value)
{
	assert_true(blob->count < BLOB_MAX);
	blob->bytes[blob->count++] = value;
}

void blob_u16(struct blob *blob, uint16_t value)
{
	blob_u8(blob, (uint8_t)(blob->big_endian ? value >> 8 : value));
	blob_u8(blob, (uint8_t)(blob->big_endian ? value : value >> 8));
}

void blob_u32(struct blob *blob, uint32_t value)
{
	blob_u16(blob, (uint16_t)(blob->big_endian ? value >> 16 : value));
	blob_u16(blob, (uint16_t)(blob->big_endian ? value : value >> 16));
}

static void blob_u64(struct blob *blob, uint64_t value)
{
	blob_u32(blob, (uint32_t)(blob->big_endian ? value >> 32 : value));
	blob_u32(blob, (uint32_t)(blob->big_endian ? value : value >> 32));
}

void blob_bytes(struct blob *blob, const void *bytes, size_t count)
{
	assert_true(count <= BLOB_MAX - blob->count);
	if (count > 0)
		memcpy(blob->bytes + blob->count, bytes, count);
	blob->count += count;
}

static void blob_fill(struct blob *blob, uint8_t value, size_t count)
{
	for (size_t i = 0; i < count; i++)
		blob_u8(blob, value);
}

void pcap_header(struct blob *blob, uint32_t magic, uint16_t minor, uint32_t snaplen,
		 uint32_t linktype)
{
	blob_u32(blob, magic);
	blob_u16(blob, 2);
	blob_u16(blob, minor);
	blob_u32(blob, 0);
	blob_u32(blob, 0);
	blob_u32(blob, snaplen);
	blob_u32(blob, linktype);
}

void pcap_record(struct blob *blob, uint32_t seconds, uint32_t fraction, uint32_t caplen,
		 uint32_t wirelen, uint8_t fill)
{
	blob_u32(blob, seconds);
	blob_u32(blob, fraction);
	blob_u32(blob, caplen);
	blob_u32(blob, wirelen);
	blob_fill(blob, fill, caplen);
}

/* Begins a block and tells where; its length is written by block_end. */
static size_t block_begin(struct blob *blob, uint32_t type)
{
	size_t start = blob->count;

	blob_u32(blob, type);
	blob_u32(blob, 0);
	return start;
}

static void block_end(struct blob *blob, size_t start)
{
	size_t end;

	while ((blob->count - start) % 4 != 0)
		blob_u8(blob, 0);
	blob_u32(blob, (uint32_t)(blob->count - start) + 4);
	end = blob->count;
	blob->count = start + 4;
	blob_u32(blob, (uint32_t)(end - start));
	blob->count = end;
}

void ng_block(struct blob *blob, uint32_t type, const void *body, size_t count)
{
	size_t start = block_begin(blob, type);

	blob_bytes(blob, body, count);
	block_end(blob, start);
}

void ng_section(struct blob *blob)
{
	size_t start = block_begin(blob, 0x0a0d0d0a);

	blob_u32(blob, 0x1a2b3c4d);
	blob_u16(blob, 1);
	blob_u16(blob, 0);
	blob_u64(blob, UINT64_MAX); /* length not told */
	block_end(blob, start);
}

void ng_interface(struct blob *blob, uint16_t linktype, uint32_t snaplen, uint8_t resolution,
		  int64_t offset_s)
{
	size_t start = block_begin(blob, 1);

	blob_u16(blob, linktype);
	blob_u16(blob, 0);
	blob_u32(blob, snaplen);
	blob_u16(blob, 2); /* if_name, of a length that needs padding */
	blob_u16(blob, 5);
	blob_bytes(blob, "en\0000\0\0\0", 8);
	if (resolution != 0) {
		blob_u16(blob, 9);
		blob_u16(blob, 1);
		blob_u8(blob, resolution);
		blob_fill(blob, 0xff, 3);
	}
	if (offset_s != 0) {
		blob_u16(blob, 14);
		blob_u16(blob, 8);
		blob_u64(blob, (uint64_t)offset_s);
	}
	blob_u32(blob, 0); /* opt_endofopt */
	block_end(blob, start);
}

void ng_enhanced(struct blob *blob, uint32_t interface, uint64_t units, uint32_t caplen,
		 uint32_t wirelen, uint8_t fill)
{
	size_t start = block_begin(blob, 6);

	blob_u32(blob, interface);
	blob_u32(blob, (uint32_t)(units >> 32));
	blob_u32(blob, (uint32_t)units);
	blob_u32(blob, caplen);
	blob_u32(blob, wirelen);
	blob_fill(blob, fill, caplen);
	block_end(blob, start);
}

void ng_obsolete(struct blob *blob, uint16_t interface, uint64_t units, uint32_t caplen,
		 uint32_t wirelen, uint8_t fill)
{
	size_t start = block_begin(blob, 2);

	blob_u16(blob, interface);
	blob_u16(blob, 3); /* drops */
	blob_u32(blob, (uint32_t)(units >> 32));
	blob_u32(blob, (uint32_t)units);
	blob_u32(blob, caplen);
	blob_u32(blob, wirelen);
	blob_fill(blob, fill, caplen);
	block_end(blob, start);
}

void ng_simple(struct blob *blob, uint32_t caplen, uint32_t wirelen, uint8_t fill)
{
	size_t start = block_begin(blob, 3);

	blob_u32(blob, wirelen);
	blob_fill(blob, fill, caplen);
	block_end(blob, start);
}

/* The names of the temporary files; test programs run one test at a time. */
static char names[NAMES_MAX][NAME_BYTES];
static size_t names_used;

const char *file_write(const void *bytes, size_t count)
{
	const char *folder = getenv("TMPDIR");
	char *name = names[names_used++ % NAMES_MAX];
	FILE *file;
	int fd;

	if (name[0] != '\0')
		unlink(name);
	snprintf(name, NAME_BYTES, "%s/lastack-test-XXXXXX", folder != NULL ? folder : P_tmpdir);
	fd = mkstemp(name);
	assert_true(fd >= 0);
	file = fdopen(fd, "wb");
	assert_non_null(file);
	if (count > 0)
		assert_int_equal(fwrite(bytes, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
	return name;
}

int files_remove(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (names[i][0] != '\0')
			unlink(names[i]);
		names[i][0] = '\0';
	}
	return 0;
}

static uint8_t fill_of(const struct packet *packet)
{
	for (uint32_t i = 1; i < packet->caplen; i++)
		assert_int_equal(packet->data[i], packet->data[0]);
	return packet->caplen > 0 ? packet->data[0] : 0;
}

struct reading reading_of(const char *const *paths, size_t count, const char *filter)
{
	const struct feed_config config = {.paths = paths, .path_count = count, .filter = filter};
	struct error err = {""};
	struct reading r = {.feed = feed_open(&config, &err)};
	size_t capacity = 0;
	enum feed_result result;
	struct packet packet;

	if (r.feed == NULL)
		fail_msg("%s", err.text);
	while ((result = feed_next(r.feed, &packet, &err)) == FEED_PACKET) {
		if (r.count == capacity) {
			capacity = capacity > 0 ? 2 * capacity : 16;
			r.packets = realloc(r.packets, capacity * sizeof(*r.packets));
			r.fills = realloc(r.fills, capacity);
			assert_non_null(r.packets);
			assert_non_null(r.fills);
		}
		r.fills[r.count] = fill_of(&packet);
		packet.data = NULL;
		r.packets[r.count++] = packet;
	}
	assert_int_equal(result, FEED_END);
	assert_int_equal(feed_next(r.feed, &packet, &err), FEED_END);
	assert_int_equal(feed_file_count(r.feed), count);
	return r;
}

struct reading reading_of_file(const char *path)
{
	return reading_of(&path, 1, NULL);
}

struct reading reading_of_bytes(const void *bytes, size_t count)
{
	return reading_of_file(file_write(bytes, count));
}

struct reading reading_of_blob(const struct blob *blob)
{
	return reading_of_bytes(blob->bytes, blob->count);
}

const char *reading_problem(const struct reading *reading)
{
	const char *problem = feed_file(reading->feed, 0)->problem;

	return problem != NULL ? problem : "";
}

void reading_free(struct reading *reading)
{
	feed_close(reading->feed);
	free(reading->packets);
	free(reading->fills);
}

void expect_problem(const struct reading *reading, const char *text, ...)
{
	const char *problem = reading_problem(reading);
	va_list texts;

	va_start(texts, text);
	for (; text != NULL; text = va_arg(texts, const char *)) {
		if (strstr(problem, text) == NULL)
			fail_msg("'%s' is not in the problem '%s'", text, problem);
	}
	va_end(texts);
	/* Every problem begins with the file's name. */
	text = feed_file(reading->feed, 0)->path;
	if (strcmp(text, "-") == 0)
		text = "standard input";
	assert_int_equal(strncmp(problem, text, strlen(text)), 0);
}
