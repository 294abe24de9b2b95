/* Captures made by hand for the tests of source/: bytes appended to a blob, written to temporary files,
 * read back through a feed. Failures end the test. */
#ifndef LASTACK_TESTS_CAPTURE_BUILDER_H
#define LASTACK_TESTS_CAPTURE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/feed.h"

enum { BLOB_MAX = 1024 * 1024 };

struct blob {
	bool big_endian;
	size_t count;
	uint8_t bytes[BLOB_MAX];
};

struct blob *blob_new(bool big_endian); /* free() */
void blob_u8(struct blob *blob, uint8_t value);
void blob_u16(struct blob *blob, uint16_t value);
void blob_u32(struct blob *blob, uint32_t value);
void blob_bytes(struct blob *blob, const void *bytes, size_t count);

/* Classic pcap, in the blob's byte order. */
void pcap_header(struct blob *blob, uint32_t magic, uint16_t minor, uint32_t snaplen,
		 uint32_t linktype);
/* A record of caplen bytes, each equal to fill. */
void pcap_record(struct blob *blob, uint32_t seconds, uint32_t fraction, uint32_t caplen,
		 uint32_t wirelen, uint8_t fill);

/* pcapng, in the blob's byte order. */
void ng_block(struct blob *blob, uint32_t type, const void *body, size_t count);
void ng_section(struct blob *blob);
/* resolution, offset_s: no option where 0. */
void ng_interface(struct blob *blob, uint16_t linktype, uint32_t snaplen, uint8_t resolution,
		  int64_t offset_s);
void ng_enhanced(struct blob *blob, uint32_t interface, uint64_t units, uint32_t caplen,
		 uint32_t wirelen, uint8_t fill);
void ng_obsolete(struct blob *blob, uint16_t interface, uint64_t units, uint32_t caplen,
		 uint32_t wirelen, uint8_t fill);
void ng_simple(struct blob *blob, uint32_t caplen, uint32_t wirelen, uint8_t fill);

/* Writes the bytes to a temporary file; the name is valid until the next but seven such calls. */
const char *file_write(const void *bytes, size_t count);
/* Removes the files written so far; a cmocka teardown. */
int files_remove(void **state);

/* What a feed gave. Strings of the files stay valid until reading_free. */
struct reading {
	struct feed *feed;
	struct packet *packets; /* data is NULL: see fills */
	uint8_t *fills;         /* first byte of each packet's data; all bytes were equal to it */
	size_t count;
};

struct reading reading_of(const char *const *paths, size_t count, const char *filter);
struct reading reading_of_file(const char *path);
struct reading reading_of_bytes(const void *bytes, size_t count);
struct reading reading_of_blob(const struct blob *blob);
/* The problem of the first file, "" where it has none. */
const char *reading_problem(const struct reading *reading);
void reading_free(struct reading *reading);

/* The problem is there and has each of the texts in it; ends with NULL. */
void expect_problem(const struct reading *reading, const char *text, ...);

#endif
