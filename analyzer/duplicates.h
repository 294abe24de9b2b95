/* Capture duplicates: the same segment delivered twice by taps and mirrors (section 1).
 *
 * A window over the last segments of the whole capture, far more than eight of any one direction at
 * any rate that a millisecond can hold. */
#ifndef LASTACK_ANALYZER_DUPLICATES_H
#define LASTACK_ANALYZER_DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/segment.h"

/* Copies come within this. */
#define DUPLICATE_WITHIN_NS INT64_C(1000000)

struct flow;
struct duplicates;

struct duplicates *duplicates_new(void);
void duplicates_free(struct duplicates *d); /* NULL is fine */
/* Of what tells segments apart, to be given to the two below. direction tells the tuple and way apart: a
 * keyed hash already. What an attacker can make collide are segments of one direction, and those walks are
 * bounded. */
static inline uint64_t duplicates_hash(uint64_t direction, const struct segment *s)
{
	uint64_t x = direction ^ ((uint64_t)s->seq << 32 | s->ack) ^ ((uint64_t)s->checksum << 16);

	return x * UINT64_C(0x9e3779b97f4a7c15);
}

/* True where s repeats a remembered segment; *of is then the flow that has the first one, with the
 * serial it had. */
bool duplicates_find(const struct duplicates *d, uint64_t hash, uint64_t direction,
		     const struct segment *s, struct flow **of, uint64_t *serial);
/* Remembers s, which belongs to flow. */
void duplicates_add(struct duplicates *d, uint64_t hash, uint64_t direction,
		    const struct segment *s, struct flow *flow, uint64_t serial);
size_t duplicates_memory(void);

#endif
