/* A verdict's columns as a ladder writes them: the names of the teardowns view, times in seconds. */
#ifndef LASTACK_TESTS_LADDER_COLUMNS_H
#define LASTACK_TESTS_LADDER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/verdict.h"
#include "tests/ladder.h"

enum { CASE_TEXT_MAX = 256 };

/* The name of column number index; NULL past the last one. */
const char *case_column_name(size_t index);
/* The column's text: "NULL" where it is; times from the ladder's zero and durations in seconds, numbers
 * of FINs relative to their sender's ISN. False where no column has this name. */
bool case_column(const struct ladder_case *ladder, const struct verdict *verdict, const char *name,
		 char text[static CASE_TEXT_MAX]);
/* Brings what the ladder expects of a column into the same form ("0.10" is "0.1"). */
void case_column_normalise(const char *name, char text[static CASE_TEXT_MAX]);
/* "FIN_WAIT_1 0.1 for 0.02 ..." of one side; "none" where it has no states. Where bare, without the
 * dwells. */
void case_states(const struct verdict *verdict, enum side side, bool bare,
		 char text[static CASE_TEXT_MAX]);
/* What the numbers of a direction are relative to. */
uint32_t case_isn(const struct ladder_case *ladder, const struct verdict *verdict,
		  const struct verdict_direction *dir);
/* Seconds with as many decimals as needed. */
void case_seconds_text(int64_t ns, char text[static CASE_TEXT_MAX]);

#endif
