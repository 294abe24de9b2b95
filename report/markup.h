/* Text made safe for XML and HTML.
 *
 * Names from captures and files may hold anything. In element content and in quoted attribute values
 * they go only through here. */
#ifndef LASTACK_REPORT_MARKUP_H
#define LASTACK_REPORT_MARKUP_H

#include <stdio.h>

/* Escapes & < > " '. Invalid bytes become \xNN; control characters and marks that turn the direction
 * of text become \u{N}, as on a terminal. */
void write_markup(FILE *out, const char *text);
/* Text of our own with `commands` in it, which become <code>; the rest as above. HTML only. */
void write_prose(FILE *out, const char *text);
/* The same of a printf format, of at most 2,047 bytes. */
void write_markupf(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
