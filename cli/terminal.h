/* What standard output and standard error can show. */
#ifndef LASTACK_CLI_TERMINAL_H
#define LASTACK_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "report/style.h"

/* Style for a stream: colours on a terminal that has them, unless NO_COLOR is set (and not empty);
 * Unicode where the locale is UTF-8; the terminal's width, else 80. Needs setlocale before. */
struct style terminal_style(FILE *stream);

/* "lastack: MESSAGE" on standard error, made safe for a terminal. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Gives 0, 1 and 2 to the null device where the caller closed them, so that no file or socket that is
 * opened gets their number and takes what is meant for them. Reading or writing them fails as before. */
void streams_reserve(void);

/* Writes out what standard output holds by now: false with err where not all could be written. Told once:
 * it begins anew after that. */
bool output_flush(struct error *err);
/* The same for the end of the program, with a complaint instead. */
bool output_finish(void);

#endif
