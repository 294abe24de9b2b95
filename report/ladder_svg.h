/* The ladder as SVG: a file of its own, to paste into tickets, or a part of the HTML report.
 *
 * Colours are classes of report/assets/ladder.css, for light and dark; what stands in attributes is
 * the light form, for programs that know no CSS. */
#ifndef LASTACK_REPORT_LADDER_SVG_H
#define LASTACK_REPORT_LADDER_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "report/ladder_view.h"

/* alone: a document with its own style; else one <svg> element that relies on the page's. Draws a
 * picture without arrows where no segments were stored. False with err, and nothing is written, where
 * there is no memory. */
bool ladder_svg(FILE *out, const struct ladder_view *view, bool alone, struct error *err);

#endif
