/* Finds strings in streams, across segment boundaries.
 *
 * Every place where a string occurs counts, also where occurrences overlap; never across a gap. */
#ifndef LASTACK_STREAMS_MARKS_H
#define LASTACK_STREAMS_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "base/error.h"

enum { MARKS_MAX = 64, MARK_BYTES_MAX = 256, MARK_ROWS = 4 };

struct mark {
	const uint8_t *bytes; /* borrowed */
	size_t length;        /* 1 to MARK_BYTES_MAX */
};

struct marks;

/* At most MARKS_MAX; the bytes must outlive it. NULL with err where there is no memory. */
struct marks *marks_new(const struct mark *marks, size_t count, struct error *err);
/* Borrows marks. Of each string and side at most MARK_ROWS hits are told one by one; the last one's
 * count holds the rest. mark_hit.mark is the index into the array. */
struct consumer marks_consumer(struct marks *marks);
void marks_free(struct marks *marks); /* NULL is fine */

#endif
