/* Random TCP, plausible and not, for the properties of the engine: few tuples, small sequence space
 * at awkward places, few times. The same seed gives the same segments everywhere. */
#ifndef LASTACK_TESTS_RANDOM_SEGMENTS_H
#define LASTACK_TESTS_RANDOM_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "parsers/segment.h"
#include "tests/engine_scene.h"

enum { RANDOM_SEGMENTS_MAX = 160, RANDOM_TUPLES = 3 };

struct random_segments {
	struct segment segment[RANDOM_SEGMENTS_MAX];
	uint8_t tuple[RANDOM_SEGMENTS_MAX]; /* which of the tuples */
	uint8_t from[RANDOM_SEGMENTS_MAX];  /* which of its ends, as in random_ends */
	size_t count;
};

/* Never 0. */
uint32_t random_next(uint32_t *random);

struct ends random_ends(uint32_t tuple);
/* All numbers of one direction lie within this many of each other. */
enum { RANDOM_SPAN = 1 << 20 };
void random_segments(struct random_segments *out, uint32_t seed);

/* Feeds them to the scene's engine; each time is confirmed as a source confirms it. Packet numbers
 * count from 1. between is called after each one that was fed; it may be NULL. */
void random_play(const struct random_segments *segments, struct scene *scene,
		 void (*between)(struct scene *scene, const struct segment *last));

#endif
