#include "monitor/merge.h"

struct merge merge_of(struct ring *const *rings, size_t count)
{
	struct merge merge = {.count = count};

	for (size_t i = 0; i < count && i < MERGE_RINGS; i++)
		merge.ring[i] = rings[i];
	return merge;
}

void merge_release(struct merge *m)
{
	if (m->taken)
		ring_take(m->ring[m->current]);
	m->taken = false;
}

/* A ring whose writer is done keeps nobody waiting. */
static bool may_come(struct ring *ring)
{
	return atomic_load_explicit(&ring_board(ring)->ended, memory_order_acquire) == 0;
}

bool merge_next(struct merge *m, int64_t now_ns, struct ring_packet *packet, const uint8_t **data,
		size_t *index)
{
	bool found = false, waits = false;

	merge_release(m);
	for (size_t i = 0; i < m->count; i++) {
		struct ring_packet head;
		const uint8_t *bytes;

		if (!ring_peek(m->ring[i], &head, &bytes)) {
			waits = waits || may_come(m->ring[i]);
			continue;
		}
		if (found && head.ts_ns >= packet->ts_ns)
			continue;
		*packet = head;
		*data = bytes;
		*index = i;
		found = true;
	}
	if (!found || (waits && now_ns != INT64_MAX && packet->ts_ns > now_ns - MERGE_PATIENCE_NS))
		return false;
	m->current = *index;
	m->taken = true;
	return true;
}
