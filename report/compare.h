/* What changed between two databases: classes, causes of resets, diagnoses, with a test of each. */
#ifndef LASTACK_REPORT_COMPARE_H
#define LASTACK_REPORT_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "report/diagnosis.h"
#include "report/report.h"
#include "report/style.h"
#include "report/summary.h"

enum compare_side { COMPARE_BEFORE, COMPARE_AFTER, COMPARE_SIDES };

/* One of the two; all borrowed. */
struct compared {
	const char *database;
	const struct summary *summary;
	const struct diagnoses *diagnoses;
};

enum compare_group { COMPARE_TEARDOWN, COMPARE_CAUSE, COMPARE_DIAGNOSIS, COMPARE_GROUPS };

enum compare_verdict {
	COMPARE_MORE,        /* more often after than before, and the counts support it */
	COMPARE_LESS,        /* less often */
	COMPARE_UNSUPPORTED, /* the shares differ, but chance may do that */
	COMPARE_SAME,        /* the shares are equal */
};

struct compare_row {
	enum compare_group group;
	const char *name;  /* the class, the cause, the diagnosis' code: static */
	const char *title; /* a phrase; NULL: none */
	uint64_t hits[COMPARE_SIDES], of[COMPARE_SIDES];
	double p; /* see report/significance.h; corrected by the number of rows where judged */
	enum compare_verdict verdict;
};

struct comparison {
	struct compare_row *rows; /* supported ones first, by how far the shares lie apart */
	size_t count;
	struct compared of[COMPARE_SIDES];
};

/* NULL with err: no memory. */
struct comparison *comparison_make(const struct compared *before, const struct compared *after,
				   struct error *err);
void comparison_free(struct comparison *comparison);

const char *compare_group_name(enum compare_group group); /* "teardown", "cause", "diagnosis" */
const char *compare_verdict_name(enum compare_verdict verdict); /* "more", "less", ... */

void comparison_text(FILE *out, const struct style *style, const struct comparison *comparison);
void comparison_markdown(FILE *out, const struct comparison *comparison);
/* The document of docs/report-json.md, "Comparison". */
void comparison_json(FILE *out, const struct comparison *comparison, const char *version);

#endif
