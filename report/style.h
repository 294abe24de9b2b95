/* How a report may look where it is going: a terminal's abilities, decided by cli/. */
#ifndef LASTACK_REPORT_STYLE_H
#define LASTACK_REPORT_STYLE_H

#include <stdbool.h>

struct style {
	bool color;     /* ANSI colours and bold */
	bool unicode;   /* the locale is UTF-8 */
	unsigned width; /* columns to fill */
};

#endif
