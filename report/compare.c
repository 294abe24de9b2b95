#include "report/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/significance.h"

enum { ROWS_MAX = 3 * TALLY_MAX + 64 };

const char *compare_group_name(enum compare_group group)
{
	static const char *const names[COMPARE_GROUPS] = {
		[COMPARE_TEARDOWN] = "teardown",
		[COMPARE_CAUSE] = "cause",
		[COMPARE_DIAGNOSIS] = "diagnosis",
	};

	return names[group];
}

const char *compare_verdict_name(enum compare_verdict verdict)
{
	static const char *const names[] = {
		[COMPARE_MORE] = "more",
		[COMPARE_LESS] = "less",
		[COMPARE_UNSUPPORTED] = "unsupported",
		[COMPARE_SAME] = "same",
	};

	return names[verdict];
}

static void add_row(struct comparison *c, enum compare_group group, const char *name,
		    const char *title, const uint64_t hits[COMPARE_SIDES])
{
	struct compare_row *row = &c->rows[c->count];

	if (c->count == ROWS_MAX || (hits[0] == 0 && hits[1] == 0))
		return;
	c->count++;
	*row = (struct compare_row){.group = group, .name = name, .title = title};
	for (int side = 0; side < COMPARE_SIDES; side++) {
		row->hits[side] = hits[side];
		row->of[side] = c->of[side].summary->connections;
	}
}

static void add_tallies(struct comparison *c, enum compare_group group, const struct tally *before,
			const struct tally *after)
{
	for (size_t i = 0; i < before->count; i++) {
		const char *name = before->item[i].name;
		uint64_t hits[] = {tally_get(before, name), tally_get(after, name)};

		add_row(c, group, name, NULL, hits);
	}
}

/* Peaks of one code together: their silences need not be the same before and after. */
static uint64_t diagnosed(const struct diagnoses *d, const struct diagnosis_kind *kind)
{
	uint64_t count = 0;

	for (size_t i = 0; i < d->count; i++)
		if (d->items[i].kind == kind)
			count += d->items[i].connections;
	return count;
}

static void add_diagnoses(struct comparison *c)
{
	const struct diagnosis_kind *kind;

	for (size_t i = 0; (kind = diagnosis_kind_at(i)) != NULL; i++) {
		uint64_t hits[COMPARE_SIDES];

		for (int side = 0; side < COMPARE_SIDES; side++)
			hits[side] = diagnosed(c->of[side].diagnoses, kind);
		add_row(c, COMPARE_DIAGNOSIS, kind->code, kind->title, hits);
	}
}

static double share(const struct compare_row *row, enum compare_side side)
{
	return row->of[side] == 0 ? 0 : (double)row->hits[side] / (double)row->of[side];
}

static double apart(const struct compare_row *row)
{
	return fabs(share(row, COMPARE_AFTER) - share(row, COMPARE_BEFORE));
}

static void judge_row(struct compare_row *row, size_t rows)
{
	row->p = significance_p(row->hits, row->of);
	if (apart(row) <= 0)
		row->verdict = COMPARE_SAME;
	else if (!significance_supports(row->p, (unsigned)rows))
		row->verdict = COMPARE_UNSUPPORTED;
	else
		row->verdict = share(row, COMPARE_AFTER) > share(row, COMPARE_BEFORE)
				       ? COMPARE_MORE
				       : COMPARE_LESS;
}

static bool is_supported(const struct compare_row *row)
{
	return row->verdict == COMPARE_MORE || row->verdict == COMPARE_LESS;
}

static int supported_first(const void *left, const void *right)
{
	const struct compare_row *a = left, *b = right;

	if (is_supported(a) != is_supported(b))
		return is_supported(a) ? -1 : 1;
	if (apart(a) < apart(b) || apart(a) > apart(b))
		return apart(a) > apart(b) ? -1 : 1;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return strcmp(a->name, b->name);
}

struct comparison *comparison_make(const struct compared *before, const struct compared *after,
				   struct error *err)
{
	struct comparison *c = calloc(1, sizeof(*c));

	if (c)
		c->rows = calloc(ROWS_MAX, sizeof(*c->rows));
	if (!c || !c->rows) {
		comparison_free(c);
		error_set(err, "out of memory");
		return NULL;
	}
	c->of[COMPARE_BEFORE] = *before;
	c->of[COMPARE_AFTER] = *after;
	add_tallies(c, COMPARE_TEARDOWN, &before->summary->teardown, &after->summary->teardown);
	add_tallies(c, COMPARE_CAUSE, &before->summary->rst_cause, &after->summary->rst_cause);
	add_diagnoses(c);
	for (size_t i = 0; i < c->count; i++)
		judge_row(&c->rows[i], c->count);
	if (c->count > 1)
		qsort(c->rows, c->count, sizeof(*c->rows), supported_first);
	return c;
}

void comparison_free(struct comparison *c)
{
	if (c)
		free(c->rows);
	free(c);
}
