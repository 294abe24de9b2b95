/* The verdict of one connection in plain words: labelled sentences, made from its row. */
#ifndef LASTACK_REPORT_VERDICT_WORDS_H
#define LASTACK_REPORT_VERDICT_WORDS_H

#include <stddef.h>

#include "report/ladder_view.h"

enum { VERDICT_WORDS_MAX = 10, VERDICT_TEXT_SIZE = 480 };

struct verdict_word {
	const char *label; /* static: "How it ended" */
	char text[VERDICT_TEXT_SIZE];
};

/* What there is to say, most important first; returns how many. */
size_t verdict_words(const struct ladder_view *view,
		     struct verdict_word words[static VERDICT_WORDS_MAX]);
/* The first of them alone, for titles: "Closed by FINs in four segments, the initiator first." */
const char *verdict_line(const struct ladder_view *view, char out[static VERDICT_TEXT_SIZE]);

/* "Sent by the responder ... Likely cause: ..." Empty without an accepted reset. */
const char *verdict_reset(const struct ladder_view *view, char out[static VERDICT_TEXT_SIZE]);

#endif
