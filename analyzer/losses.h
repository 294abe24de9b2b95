/* When packets were lost before they reached the analyzer, and how many. */
#ifndef LASTACK_ANALYZER_LOSSES_H
#define LASTACK_ANALYZER_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

/* The latest ones are kept apart; earlier ones flow together. */
enum { LOSSES_MAX = 256 };

struct loss {
	int64_t from_ns, to_ns;
	uint64_t packets; /* 0: nobody knows how many, if any */
};

struct losses {
	struct loss loss[LOSSES_MAX]; /* in order of time */
	uint32_t count;
};

void losses_add(struct losses *losses, int64_t from_ns, int64_t to_ns, uint64_t packets);
/* False: no span touches this one. *packets: lost in all that do; *at: when the first of them began. */
bool losses_within(const struct losses *losses, int64_t from_ns, int64_t to_ns, uint64_t *packets,
		   int64_t *at_ns);

#endif
