/* Which sequence numbers of one direction the capture holds: [base, end) less the holes.
 *
 * At most RANGES_HOLES_MAX holes are kept. At the bound the hole opened first is given up: it stays
 * missing for good, and what fills it later counts as captured before (semantics, preamble). */
#ifndef LASTACK_ANALYZER_RANGES_H
#define LASTACK_ANALYZER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANGES_HOLES_MAX = 32, RANGES_SPAN = 1 << 30 };

struct hole {
	uint32_t left, right; /* [left, right) is not captured */
	uint32_t order;       /* when it was opened, among the holes of its direction */
};

struct hole_list {
	uint32_t count, opened;             /* holes now; holes opened ever */
	uint64_t given_up;                  /* bytes in holes dropped at the bound */
	struct hole hole[RANGES_HOLES_MAX]; /* ascending, apart from each other */
};

/* All zero: nothing captured yet. */
struct ranges {
	struct hole_list *holes; /* owned; NULL until the first hole */
	uint32_t base, end;
	bool started : 1;
	bool fixed_base : 1; /* nothing below base belongs to the connection (its SYN is known) */
};

enum ranges_result {
	RANGES_OK,
	RANGES_NO_MEMORY, /* a hole could not be kept: its numbers count as captured */
	RANGES_GAVE_UP,   /* the bound was hit */
};

/* What adding a piece of sequence space showed. */
struct ranges_added {
	uint32_t fresh; /* numbers not captured before */
	bool repeats;   /* some were captured before */
	bool filled;    /* some lay in a hole: out of order */
	enum ranges_result result;
};

/* The direction starts at base; with fixed, what lies below is foreign. */
void ranges_start(struct ranges *r, uint32_t base, bool fixed);
/* Adds [left, left + count) as captured; a jump beyond the end opens a hole. */
struct ranges_added ranges_add(struct ranges *r, uint32_t left, uint32_t count);
/* Sequence numbers up to (not including) right are known to have been sent. */
enum ranges_result ranges_reach(struct ranges *r, uint32_t right);
/* Numbers below limit that are not captured; those given up at the bound are counted too. */
uint64_t ranges_missing(const struct ranges *r, uint32_t limit);
/* True where a number below limit is not captured. */
bool ranges_gap_below(const struct ranges *r, uint32_t limit);
/* The stream has got to reached beyond doubt. The base follows it at RANGES_SPAN, so that comparisons
 * modulo 2^32 hold in streams of any length; holes that fall behind are given up. */
void ranges_trail(struct ranges *r, uint32_t reached);
size_t ranges_memory(const struct ranges *r);
void ranges_free(struct ranges *r);

#endif
