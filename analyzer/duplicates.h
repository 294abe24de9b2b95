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
/* True where s repeats a remembered segment; *of is then the flow that has the first one, with the
 * serial it had. direction tells the tuple and way apart (a hash). */
bool duplicates_find(const struct duplicates *d, uint64_t direction, const struct segment *s,
		     struct flow **of, uint64_t *serial);
/* Remembers s, which belongs to flow. */
void duplicates_add(struct duplicates *d, uint64_t direction, const struct segment *s,
		    struct flow *flow, uint64_t serial);
size_t duplicates_memory(void);

#endif
