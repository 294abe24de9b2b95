/* The segments of a connection that matter for its ladder: the handshake, and from the last data
 * before the teardown on. Bounded; what was left out in between is marked. */
#ifndef LASTACK_ANALYZER_LADDER_H
#define LASTACK_ANALYZER_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"

enum {
	LADDER_HEAD = 4,   /* the first segments, always kept */
	LADDER_BEFORE = 6, /* latest segments kept while no teardown has begun */
	LADDER_MAX = 48,   /* from the teardown on; then the latest are kept */
};

/* All zero: empty. */
struct ladder {
	struct ladder_segment *segment; /* owned, ring from LADDER_HEAD on while count > kept */
	uint32_t count;                 /* segments offered */
	uint16_t kept, capacity;
	uint16_t ring_start; /* first index of the part that turns over */
	uint16_t ring_next;  /* next place in it */
	bool teardown : 1;   /* a FIN or RST was seen */
	bool turned : 1;     /* something between head and ring was left out */
	bool given_up : 1;   /* dropped to save memory: none is told any more */
};

/* Where the next segment is to be written; begins: it is a FIN or RST. NULL: it is left out, as none is kept
 * any more, or there is no memory. */
struct ladder_segment *ladder_place(struct ladder *ladder, bool begins);
/* Writes the kept segments in capture order to out (room for LADDER_HEAD + LADDER_MAX); returns how many. */
size_t ladder_copy(const struct ladder *ladder, struct ladder_segment *out);
/* Takes back the segment with this packet number, if it is kept. */
void ladder_take_back(struct ladder *ladder, uint32_t file, uint64_t packet);
/* Frees the segments; what is offered from now on is left out, too. */
void ladder_give_up(struct ladder *ladder);
/* The same, but that the room for them is kept. */
void ladder_empty(struct ladder *ladder);
size_t ladder_memory(const struct ladder *ladder);
void ladder_free(struct ladder *ladder);

/* Offers a segment that this side sent. */
static inline void ladder_offer(struct ladder *ladder, const struct segment *restrict s,
				enum side from, bool begins)
{
	struct ladder_segment *restrict place = ladder_place(ladder, begins);

	if (!place)
		return;
	*place = (struct ladder_segment){.ts_ns = s->ts_ns,
					 .packet = s->packet,
					 .file = s->file,
					 .seq = s->seq,
					 .ack = s->ack,
					 .payload_len = s->payload_len,
					 .window = s->window,
					 .flags = s->flags,
					 .from = (uint8_t)from,
					 .ttl = s->ttl};
}

#endif
