/* What an undisturbed connection looks like once both FINs are covered, told from few of its numbers.
 *
 * Nearly all that a connection keeps then follows from its ISNs, its byte counts and the times of its
 * FINs. expected_swap() XORs each number with what it would be expected to be, so that what is as
 * expected becomes zero; doing it backwards brings the numbers back, whatever they were. */
#ifndef LASTACK_ANALYZER_EXPECTED_H
#define LASTACK_ANALYZER_EXPECTED_H

#include "analyzer/connection.h"

/* A connection and its teardown part (zero where it has none) in one piece. */
struct image {
	struct connection c; /* owns nothing: its pointers are not looked at */
	struct teardown_part t;
};

/* Leaves only what differs from the expected. */
void expected_out(struct image *image);
/* Undoes expected_out(). */
void expected_in(struct image *image);

#endif
