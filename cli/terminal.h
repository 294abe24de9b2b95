/* What standard output and standard error can show. */
#ifndef LASTACK_CLI_TERMINAL_H
#define LASTACK_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "report/style.h"

/* Style for a stream: colours on a terminal that has them, unless NO_COLOR is set (and not empty);
 * Unicode where the locale is UTF-8; the terminal's width, else 80. Needs setlocale before. */
struct style terminal_style(FILE *stream);

/* "lastack: MESSAGE" on standard error, made safe for a terminal. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes standard output: false, after a complaint, where not all could be written. */
bool output_finish(void);

#endif
