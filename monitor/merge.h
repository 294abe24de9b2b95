/* The rings of several interfaces as one stream in order of time. A ring that has nothing may still get
 * something earlier: it is waited for, but not for long. */
#ifndef LASTACK_MONITOR_MERGE_H
#define LASTACK_MONITOR_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/ring.h"

enum { MERGE_RINGS = 16 };

/* A packet this old is not held back any more: what is earlier would have come. */
#define MERGE_PATIENCE_NS INT64_C(100000000)

struct merge {
	struct ring *ring[MERGE_RINGS]; /* borrowed */
	size_t count;
	size_t current; /* the one whose packet was handed out last */
	bool taken;     /* a packet is handed out and not given back */
};

struct merge merge_of(struct ring *const *rings, size_t count);
/* The next packet at now_ns on the steady axis (INT64_MAX: nothing is waited for); it is valid until the next
 * call. False: nothing to hand out now. */
bool merge_next(struct merge *merge, int64_t now_ns, struct ring_packet *packet,
		const uint8_t **data, size_t *index);
/* Gives the last packet back: nothing is held. */
void merge_release(struct merge *merge);

#endif
