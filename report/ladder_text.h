/* The ladder for a terminal: both lifelines, an arrow a segment, states at both sides. */
#ifndef LASTACK_REPORT_LADDER_TEXT_H
#define LASTACK_REPORT_LADDER_TEXT_H

#include "report/ladder_view.h"
#include "report/page.h"

/* Fills the page's width, from 60 columns on. Writes nothing where no segments were stored. */
void ladder_text(const struct page *page, const struct ladder_view *view);

#endif
