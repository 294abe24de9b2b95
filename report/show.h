/* One connection for people: verdicts in words, states, findings with what to do, and the ladder. */
#ifndef LASTACK_REPORT_SHOW_H
#define LASTACK_REPORT_SHOW_H

#include <stdio.h>

#include "report/ladder_view.h"
#include "report/style.h"

void show_text(FILE *out, const struct style *style, const struct ladder_view *view);

/* One object in one line: docs/lastack.1 names the members. */
void show_json(FILE *out, const struct ladder_view *view);

#endif
