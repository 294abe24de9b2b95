/* The teardown report as one HTML file: no network access, no framework, light and dark, print.
 *
 * Its Content-Security-Policy allows nothing but its own inline style and script, by hash; so no
 * attribute may hold a style or a handler, and every text goes through write_markup. */
#ifndef LASTACK_REPORT_HTML_H
#define LASTACK_REPORT_HTML_H

#include <stdio.h>

#include "base/error.h"
#include "db/store.h"
#include "report/diagnosis.h"
#include "report/report.h"
#include "report/summary.h"

/* False with err where the database cannot be read on the way; part of the page is written then. */
bool report_html(FILE *out, struct store *store, const struct summary *summary,
		 const struct diagnoses *diagnoses, const struct report_origin *origin,
		 struct error *err);

#endif
