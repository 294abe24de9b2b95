/* The teardown report as text for people, as Markdown, or as one JSON document. */
#ifndef LASTACK_REPORT_REPORT_H
#define LASTACK_REPORT_REPORT_H

#include <stdio.h>

#include "report/diagnosis.h"
#include "report/style.h"
#include "report/summary.h"

/* Where the numbers come from, for the commands that the report suggests. */
struct report_origin {
	const char *database; /* as given; ":memory:": nothing was kept */
	const char *version;  /* of lastack */
};

/* Reads well from 80 columns on. */
void report_text(FILE *out, const struct style *style, const struct summary *summary,
		 const struct diagnoses *diagnoses, const struct report_origin *origin);

/* GitHub's flavour of Markdown, for tickets and wikis: text from captures cannot become markup. */
void report_markdown(FILE *out, const struct summary *summary, const struct diagnoses *diagnoses,
		     const struct report_origin *origin);

/* The document of docs/report-json.md, ended by a newline. */
void report_json(FILE *out, const struct summary *summary, const struct diagnoses *diagnoses,
		 const struct report_origin *origin);

#endif
