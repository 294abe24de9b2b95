/* Conversations that nDPI has decided about, so that it need not be asked the same again.
 *
 * Health checks, pollers and load tests say the same thing again and again. nDPI's answer follows from both
 * ends and the bytes they sent up to the piece that decides: a connection between the same ends that repeats
 * them, piece by piece, gets the same answer. Bytes are compared as such, not by a hash. Where a connection stops
 * repeating, the steps it took hold what nDPI is to be given before it goes on. Not kept are guesses, which may
 * depend on what nDPI has seen of others, and what depends on the time, as whether a certificate has expired.
 *
 * Steps form a tree: the root of a pair of ends, and behind each step the pieces that have followed it. All
 * are forgotten at once when they take too much; one that somebody holds stays, with those before it. */
#ifndef LASTACK_STREAMS_DPI_MEMO_H
#define LASTACK_STREAMS_DPI_MEMO_H

#include <stddef.h>
#include <stdint.h>

#include "streams/application_table.h"
#include "streams/dpi_packet.h"

enum {
	DPI_MEMO_PIECE_MAX = 4096, /* a longer piece has no step */
	DPI_MEMO_DEPTH_MAX = 12,   /* steps behind the root */
};

struct dpi_memo;

struct dpi_step {
	struct dpi_step *before; /* held; NULL: the root of its ends */
	const struct application
		*application; /* of who has got here; NULL: nothing is decided yet */
	uint32_t users;
	uint32_t length; /* at bytes; of a root they are its ends */
	uint16_t depth;  /* 0: root */
	uint8_t side;    /* enum side: who sent it */
	/* of the table */
	struct dpi_step *likely; /* of the next ones in it the one found last; not held */
	struct dpi_step *next;
	uint64_t hash, serial;
	uint8_t bytes[];
};

/* Borrows the table, which must outlive it. NULL without memory. */
struct dpi_memo *dpi_memo_new(size_t max_bytes, const uint8_t hash_key[16],
			      struct application_table *applications);
void dpi_memo_free(struct dpi_memo *memo); /* nobody holds a step any more; NULL is fine */

/* Each gives a step to be held until dpi_memo_leave(); NULL where there is none: no memory, no room, too long,
 * too deep. */
struct dpi_step *dpi_memo_start(struct dpi_memo *memo, const struct dpi_ends *ends);
struct dpi_step *dpi_memo_find(struct dpi_memo *memo, struct dpi_step *from, enum side side,
			       const uint8_t *bytes, size_t length);
/* Finds it, or makes it. */
struct dpi_step *dpi_memo_add(struct dpi_memo *memo, struct dpi_step *from, enum side side,
			      const uint8_t *bytes, size_t length);
void dpi_memo_leave(struct dpi_memo *memo, struct dpi_step *step);
/* What nDPI says of those who get to this step; nothing happens without memory. */
void dpi_memo_decide(struct dpi_memo *memo, struct dpi_step *step,
		     const struct application *application);

/* Of all steps, those that are only held, too. */
size_t dpi_memo_bytes(const struct dpi_memo *memo);

#endif
