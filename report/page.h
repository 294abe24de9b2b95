/* Pieces of a report for people: headings, wrapped sentences, bars, lines to paste. */
#ifndef LASTACK_REPORT_PAGE_H
#define LASTACK_REPORT_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/style.h"

struct page {
	FILE *out;
	struct style style;
};

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_RED, INK_YELLOW, INK_GREEN, INK_CYAN };

/* A blank line and the section's title. */
void page_heading(const struct page *page, const char *title);
/* A bold line, wrapped, which begins at column indent: what is before it is written already. */
void page_title(const struct page *page, unsigned indent, const char *title);
/* The rest of a line of which `column` columns are written already, wrapped; further lines are
 * indented. */
void page_rest(const struct page *page, unsigned indent, size_t column, const char *text);
/* Text in a colour, where there are colours; made safe for a terminal. */
void page_ink(const struct page *page, enum ink ink, const char *text);
/* A sentence, wrapped to the page's width, each line indented; made safe for a terminal. */
void page_wrap(const struct page *page, unsigned indent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with "label " before it in the first line and as much room in the others. */
void page_label(const struct page *page, unsigned indent, const char *label, const char *format,
		...) __attribute__((format(printf, 4, 5)));
/* One line to paste: never wrapped, made safe for a terminal. */
void page_paste(const struct page *page, unsigned indent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* part of whole as a bar of at most columns characters. */
void page_bar(const struct page *page, uint64_t part, uint64_t whole, unsigned columns);

#endif
