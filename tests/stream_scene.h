/* Scenes for the tests of streams/: connections told to a consumer by hand. */
#ifndef LASTACK_TESTS_STREAM_SCENE_H
#define LASTACK_TESTS_STREAM_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "streams/stream_files.h"
#include "tests/store_scene.h"

/* A connection as a consumer sees it: number n is 10.0.0.1, port 40000 + n, to 10.0.0.2, port 80; its
 * first packet is 100 n + 1 of the feed's first file, its first segment n seconds after
 * SCENE_START_NS. */
struct told {
	struct consumer consumer;
	struct reading reading;
	struct verdict verdict;
	uint64_t next[SIDES]; /* offset */
};

struct told told_open(struct consumer consumer, unsigned n);
/* Asserts that the consumer takes it. */
void told_bytes(struct told *t, enum side side, const void *bytes, size_t count);
void told_gap(struct told *t, enum side side, uint64_t length);
/* What the consumer says. */
bool told_data(struct told *t, enum side side, const void *bytes, uint64_t length,
	       struct error *err);
bool told_close(struct told *t, bool judged, struct error *err);

/* The name of its file, as documented, in a buffer that lives until the next call but three. */
const char *told_name(const struct told *t, enum side side, const char *end);

/* Names in a folder, hidden ones too. */
size_t folder_entries(const char *folder);
/* Asserts that the file holds exactly these bytes. */
void expect_file(const char *folder, const char *name, const void *bytes, size_t count);
/* The lines of a file that hold all of these words (NULL ends them). */
size_t count_lines(const char *folder, const char *name, ...) __attribute__((sentinel));

#endif
