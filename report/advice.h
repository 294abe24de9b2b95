/* The report's second half: the findings with what to do, and where to look next. */
#ifndef LASTACK_REPORT_ADVICE_H
#define LASTACK_REPORT_ADVICE_H

#include "report/page.h"
#include "report/report.h"
#include "report/summary.h"

/* Grouped by code, worst first, each with an example and the display filter to paste. */
void advice_findings(const struct page *page, const struct summary *summary);
/* Commands to paste, chosen by what the report told. */
void advice_next(const struct page *page, const struct summary *summary,
		 const struct report_origin *origin);

#endif
