#include "analyzer/spares.h"

#include <stdlib.h>

struct regular *spares_take(struct spares *spares)
{
	struct regular *r;

	if (spares->count > 0)
		return spares->regular[--spares->count];
	r = malloc(sizeof(*r));
	if (r)
		r->ladder = (struct ladder){0};
	return r;
}

void spares_give(struct spares *spares, struct regular *r)
{
	/* rooms of long ladders are rare, and large */
	if (spares->count == SPARES_MAX || r->ladder.capacity > LADDER_HEAD + LADDER_BEFORE)
		regular_free(r);
	else
		spares->regular[spares->count++] = r;
}

void spares_free(struct spares *spares)
{
	while (spares->count > 0)
		regular_free(spares->regular[--spares->count]);
}
