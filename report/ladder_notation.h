/* The ladder in the test notation of docs/ladders.md, with what the database says of it expected. */
#ifndef LASTACK_REPORT_LADDER_NOTATION_H
#define LASTACK_REPORT_LADDER_NOTATION_H

#include <stdio.h>

#include "report/ladder_view.h"

/* next: the incarnation that followed on the tuple, whose first segments end this one, or NULL.
 * Where not all segments were stored the expectations are comments: they would not hold. */
void ladder_notation(FILE *out, const struct ladder_view *view, const struct ladder_view *next);

#endif
