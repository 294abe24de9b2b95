/* What a ladder expects. */
#include "tests/ladder_reader.h"

#include <stdio.h>
#include <string.h>

static struct case_expectation *expectation_add(struct reader *r, enum case_expectation_kind kind,
						unsigned row)
{
	struct case_expectation *e;

	if (r->ladder->expectation_count == CASE_EXPECTATIONS_MAX) {
		reader_fail(r, "more than %d expectations", CASE_EXPECTATIONS_MAX);
		return NULL;
	}
	e = &r->ladder->expectations[r->ladder->expectation_count++];
	*e = (struct case_expectation){
		.kind = kind, .line = r->line, .row = row, .side = SIDE_NONE};
	return e;
}

bool reader_expect(struct reader *r, unsigned row, char **words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *equals = strchr(words[i], '=');
		struct case_expectation *e;

		if (!equals || equals == words[i])
			return reader_fail(r, "'%s' is not column=value", words[i]);
		e = expectation_add(r, CASE_COLUMN, row);
		if (!e)
			return false;
		*equals = '\0';
		if (snprintf(e->name, sizeof(e->name), "%s", words[i]) >= (int)sizeof(e->name) ||
		    snprintf(e->value, sizeof(e->value), "%s", equals + 1) >= (int)sizeof(e->value))
			return reader_fail(r, "'%s' is too long", words[i]);
	}
	return true;
}

/* code[:side][*count], and "..." where there may be others */
bool reader_findings(struct reader *r, enum case_expectation_kind kind, unsigned row, char **words,
		     size_t count)
{
	bool others = count > 0 && strcmp(words[count - 1], "...") == 0;

	if (count == 0 || (others && kind == CASE_NO_FINDING))
		return reader_fail(r, "no finding is named; 'findings: none' means none at all");
	if (others)
		count--;
	if (kind == CASE_FINDING && !others && !expectation_add(r, CASE_NO_OTHER, row))
		return false;
	if (kind == CASE_FINDING && count == 1 && strcmp(words[0], "none") == 0)
		return true;
	for (size_t i = 0; i < count; i++) {
		struct case_expectation *e = expectation_add(r, kind, row);
		char *star = strchr(words[i], '*'), *colon;
		int64_t n = 0;

		if (!e)
			return false;
		if (star) {
			*star = '\0';
			if (!word_number(star + 1, 1, INT64_MAX, &n))
				return reader_fail(r, "'%s' is no count", star + 1);
			e->count = (uint64_t)n;
		}
		colon = strchr(words[i], ':');
		if (colon) {
			*colon = '\0';
			if (strcmp(colon + 1, "initiator") != 0 &&
			    strcmp(colon + 1, "responder") != 0)
				return reader_fail(r, "'%s' is no side", colon + 1);
			e->side = colon[1] == 'i' ? SIDE_INITIATOR : SIDE_RESPONDER;
		}
		snprintf(e->name, sizeof(e->name), "%s", words[i]);
		if (finding_code_of(e->name) == FINDING_CODES)
			return reader_fail(r, "'%s' is no finding", e->name);
	}
	return true;
}

/* initiator|responder, then STATE TIME [for SECONDS] ... or [gap|other] FROM:TO ..., or none */
bool reader_of_side(struct reader *r, enum case_expectation_kind kind, unsigned row, char **words,
		    size_t count)
{
	struct case_expectation *e;
	size_t used = 0;

	if (count < 2 || (strcmp(words[0], "initiator") != 0 && strcmp(words[0], "responder") != 0))
		return reader_fail(r, "expected initiator or responder, and more");
	e = expectation_add(r, kind, row);
	if (!e)
		return false;
	e->side = words[0][0] == 'i' ? SIDE_INITIATOR : SIDE_RESPONDER;
	for (size_t i = 1; i < count; i++) {
		int n = snprintf(e->value + used, sizeof(e->value) - used, "%s%s",
				 used > 0 ? " " : "", words[i]);

		if (n < 0 || (size_t)n >= sizeof(e->value) - used)
			return reader_fail(r, "too many words");
		used += (size_t)n;
	}
	return true;
}

bool reader_count(struct reader *r, enum case_expectation_kind kind, char **words, size_t count)
{
	struct case_expectation *e;
	int64_t n;

	if (count != 1 || !word_number(words[0], 0, 1000000, &n))
		return reader_fail(r, "expected one number");
	e = expectation_add(r, kind, 0);
	if (!e)
		return false;
	e->count = (uint64_t)n;
	return true;
}
