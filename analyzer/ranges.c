#include "analyzer/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/sequence.h"

void ranges_start(struct ranges *r, uint32_t base, bool fixed)
{
	r->base = base;
	r->end = base;
	r->started = true;
	r->fixed_base = fixed;
}

static void hole_remove(struct hole_list *list, uint32_t index)
{
	list->count--;
	memmove(&list->hole[index], &list->hole[index + 1],
		(list->count - index) * sizeof(list->hole[0]));
}

static void give_up_oldest(struct hole_list *list)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < list->count; i++)
		if (list->hole[i].order < list->hole[oldest].order)
			oldest = i;
	list->given_up += list->hole[oldest].right - list->hole[oldest].left;
	hole_remove(list, oldest);
}

/* Puts [left, right) in at its place. order keeps the age of a hole that was split. */
static enum ranges_result hole_insert(struct ranges *r, uint32_t left, uint32_t right,
				      const uint32_t *order)
{
	struct hole_list *list = r->holes;
	enum ranges_result result = RANGES_OK;
	uint32_t at = 0;

	if (!list) {
		list = calloc(1, sizeof(*list));
		if (!list)
			return RANGES_NO_MEMORY;
		r->holes = list;
	}
	if (list->count == RANGES_HOLES_MAX) {
		give_up_oldest(list);
		result = RANGES_GAVE_UP;
	}
	while (at < list->count && seq_lt(list->hole[at].left, left))
		at++;
	memmove(&list->hole[at + 1], &list->hole[at], (list->count - at) * sizeof(list->hole[0]));
	list->hole[at] = (struct hole){left, right, order ? *order : list->opened};
	list->count++;
	if (!order)
		list->opened++;
	return result;
}

void ranges_trail(struct ranges *r, uint32_t reached)
{
	struct hole_list *list = r->holes;
	uint32_t base = reached - RANGES_SPAN;

	if (!r->started || seq_le(reached, r->base) || reached - r->base <= RANGES_SPAN)
		return;
	while (list && list->count > 0 && seq_lt(list->hole[0].left, base)) {
		struct hole *h = &list->hole[0];
		uint32_t to = seq_min(h->right, base);

		list->given_up += to - h->left;
		h->left = to;
		if (h->left == h->right)
			hole_remove(list, 0);
	}
	r->base = base;
	r->fixed_base = true;
	r->end = seq_max(r->end, base);
}

enum ranges_result ranges_reach(struct ranges *r, uint32_t right)
{
	uint32_t left = r->end;

	if (!seq_gt(right, left))
		return RANGES_OK;
	r->end = right;
	return hole_insert(r, left, right, NULL);
}

/* Takes [left, right) out of the holes; returns how many numbers lay in them. */
static uint32_t fill_holes(struct ranges *r, uint32_t left, uint32_t right,
			   enum ranges_result *result)
{
	uint32_t filled = 0;

	for (uint32_t i = 0; r->holes && i < r->holes->count;) {
		struct hole *h = &r->holes->hole[i];
		uint32_t from = seq_max(left, h->left), to = seq_min(right, h->right);

		if (!seq_lt(from, to)) {
			i++;
			continue;
		}
		filled += to - from;
		if (from == h->left && to == h->right) {
			hole_remove(r->holes, i);
		} else if (from == h->left) {
			h->left = to;
		} else {
			uint32_t tail = h->right, order = h->order;

			h->right = from;
			if (to != tail)
				*result = hole_insert(r, to, tail, &order);
			i++;
		}
	}
	return filled;
}

struct ranges_added ranges_add(struct ranges *r, uint32_t left, uint32_t count)
{
	struct ranges_added added = {0};
	uint32_t right = left + count;

	if (count == 0)
		return added;
	if (!r->started)
		ranges_start(r, left, false);
	if (seq_lt(left, r->base)) {
		if (r->fixed_base) {
			if (seq_le(right, r->base)) {
				added.repeats = right == r->base; /* lies on the SYN's number */
				return added;
			}
			added.repeats = true; /* reaches below: the SYN's number */
			left = r->base;
		} else { /* reordered start of a midstream direction */
			uint32_t old_base = r->base;

			r->base = left;
			added.result = hole_insert(r, left, old_base, NULL);
		}
	}
	if (seq_lt(left, r->end)) {
		uint32_t to = seq_min(right, r->end);
		uint32_t filled = fill_holes(r, left, to, &added.result);

		added.fresh += filled;
		added.filled = filled > 0;
		added.repeats |= filled < to - left;
		left = to;
	}
	if (seq_lt(left, right)) {
		enum ranges_result result = ranges_reach(r, left);

		if (result != RANGES_OK)
			added.result = result;
		added.fresh += right - left;
		r->end = right;
	}
	return added;
}

uint64_t ranges_missing(const struct ranges *r, uint32_t limit)
{
	uint64_t missing = 0;

	if (!r->started)
		return 0;
	if (r->holes) {
		missing += r->holes->given_up;
		for (uint32_t i = 0; i < r->holes->count; i++) {
			const struct hole *h = &r->holes->hole[i];
			uint32_t right = seq_min(h->right, limit);

			if (seq_lt(h->left, right))
				missing += right - h->left;
		}
	}
	if (seq_lt(r->end, limit))
		missing += limit - r->end;
	return missing;
}

bool ranges_gap_below(const struct ranges *r, uint32_t limit)
{
	return ranges_missing(r, limit) > 0;
}

size_t ranges_memory(const struct ranges *r)
{
	return r->holes ? sizeof(*r->holes) : 0;
}

void ranges_free(struct ranges *r)
{
	free(r->holes);
	r->holes = NULL;
}
