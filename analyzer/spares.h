/* Records of regular connections that are done with, and the room of their ladders, for those that begin next:
 * most connections need both for no longer than it takes 256 others to end.
 *
 * A few dozen, whatever is remembered: they are not accounted for. */
#ifndef LASTACK_ANALYZER_SPARES_H
#define LASTACK_ANALYZER_SPARES_H

#include "analyzer/regular.h"

enum { SPARES_MAX = 32 };

struct spares {
	uint32_t count;
	struct regular *regular[SPARES_MAX]; /* owned */
};

/* As regular_start() wants it; NULL without memory. */
struct regular *spares_take(struct spares *spares);
/* One that nobody needs any more, with its ladder. */
void spares_give(struct spares *spares, struct regular *r);
void spares_free(struct spares *spares);

#endif
