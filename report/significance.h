/* Do counts support a difference between two shares? */
#ifndef LASTACK_REPORT_SIGNIFICANCE_H
#define LASTACK_REPORT_SIGNIFICANCE_H

#include <stdbool.h>
#include <stdint.h>

/* How probable shares as far apart as hits[0] / of[0] and hits[1] / of[1], or farther, would be if
 * both came from the same share: two-sided, 0 to 1. Fisher's exact test where any of the four expected
 * counts is below 10, else the two-proportion z-test with pooled variance. 1 where one side is empty. */
double significance_p(const uint64_t hits[2], const uint64_t of[2]);

/* p < 0.05 / comparisons: Bonferroni's correction for so many questions asked of the same data. */
bool significance_supports(double p, unsigned comparisons);

#endif
