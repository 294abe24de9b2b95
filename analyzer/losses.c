#include "analyzer/losses.h"

#include <string.h>

void losses_add(struct losses *l, int64_t from_ns, int64_t to_ns, uint64_t packets)
{
	if (l->count == LOSSES_MAX) { /* the two oldest become one */
		l->loss[1].from_ns = l->loss[0].from_ns;
		l->loss[1].packets += l->loss[0].packets;
		memmove(l->loss, l->loss + 1, (LOSSES_MAX - 1) * sizeof(l->loss[0]));
		l->count--;
	}
	l->loss[l->count++] = (struct loss){.from_ns = from_ns, .to_ns = to_ns, .packets = packets};
}

bool losses_within(const struct losses *l, int64_t from_ns, int64_t to_ns, uint64_t *packets,
		   int64_t *at_ns)
{
	bool found = false;

	*packets = 0;
	for (uint32_t i = l->count; i > 0; i--) {
		const struct loss *loss = &l->loss[i - 1];

		if (loss->to_ns < from_ns) /* and so are those before it */
			break;
		if (loss->from_ns > to_ns)
			continue;
		*packets += loss->packets;
		*at_ns = loss->from_ns;
		found = true;
	}
	return found;
}
