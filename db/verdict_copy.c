#include "db/verdict_copy.h"

#include <stdalign.h>
#include <string.h>

static size_t aligned(size_t bytes)
{
	return (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* The names of risks are nDPI's own and stay. */
static size_t application_bytes(const struct application *a)
{
	if (!a)
		return 0;
	return aligned(sizeof(*a)) + aligned(text_bytes(a->name)) +
	       aligned(text_bytes(a->category)) + aligned(text_bytes(a->server_name)) +
	       aligned(a->risk_count * sizeof(*a->risks));
}

size_t verdict_copy_size(const struct verdict *v)
{
	return aligned(sizeof(*v)) + application_bytes(v->application) +
	       aligned(v->mark_count * sizeof(*v->marks)) + aligned(text_bytes(v->history)) +
	       aligned(v->finding_count * sizeof(*v->findings)) +
	       aligned(v->timeline_count * sizeof(*v->timeline)) +
	       aligned(v->ladder_count * sizeof(*v->ladder));
}

struct place {
	uint8_t *at;
};

/* NULL for nothing. */
static void *put(struct place *p, const void *items, size_t bytes)
{
	void *at = p->at;

	if (bytes == 0)
		return NULL;
	memcpy(at, items, bytes);
	p->at += aligned(bytes);
	return at;
}

static struct application *put_application(struct place *p, const struct application *a)
{
	struct application *copy = put(p, a, a ? sizeof(*a) : 0);

	if (!copy)
		return NULL;
	copy->name = put(p, a->name, text_bytes(a->name));
	copy->category = put(p, a->category, text_bytes(a->category));
	copy->server_name = put(p, a->server_name, text_bytes(a->server_name));
	copy->risks = put(p, a->risks, a->risk_count * sizeof(*a->risks));
	return copy;
}

static void shift(int64_t *ns, int64_t by_ns)
{
	if (*ns != NONE_NS)
		*ns += by_ns;
}

static void shift_own(struct verdict *v, int64_t by_ns)
{
	int64_t *const times[] = {&v->first_ns,
				  &v->last_ns,
				  &v->time_wait_entry_ns,
				  &v->rst_ns,
				  &v->end_ns,
				  &v->dir[SIDE_INITIATOR].fin_ns,
				  &v->dir[SIDE_RESPONDER].fin_ns};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		shift(times[i], by_ns);
}

struct verdict *verdict_copy_shifted(void *to, const struct verdict *v, int64_t by_ns)
{
	struct place place = {.at = to}, *p = &place;
	struct verdict *copy = put(p, v, sizeof(*v));
	struct finding *findings;
	struct state_entry *timeline;
	struct ladder_segment *ladder;
	struct mark_hit *marks;

	copy->history = put(p, v->history, text_bytes(v->history));
	copy->application = put_application(p, v->application);
	copy->marks = marks = put(p, v->marks, v->mark_count * sizeof(*v->marks));
	copy->findings = findings = put(p, v->findings, v->finding_count * sizeof(*v->findings));
	copy->timeline = timeline = put(p, v->timeline, v->timeline_count * sizeof(*v->timeline));
	copy->ladder = ladder = put(p, v->ladder, v->ladder_count * sizeof(*v->ladder));
	if (by_ns == 0)
		return copy;
	shift_own(copy, by_ns);
	for (size_t i = 0; i < v->mark_count; i++)
		marks[i].at.ts_ns += by_ns;
	for (size_t i = 0; i < v->finding_count; i++)
		findings[i].ts_ns += by_ns;
	for (size_t i = 0; i < v->timeline_count; i++)
		timeline[i].entry_ns += by_ns;
	for (size_t i = 0; i < v->ladder_count; i++)
		ladder[i].ts_ns += by_ns;
	return copy;
}

struct verdict *verdict_copy(void *to, const struct verdict *v)
{
	return verdict_copy_shifted(to, v, 0);
}
