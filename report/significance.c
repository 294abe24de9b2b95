#include "report/significance.h"

#include <math.h>

#define ALPHA        0.05
#define SMALL        10.0      /* expected count below which the normal law is too rough */
#define EQUAL_FACTOR 1.0000001 /* tables as probable as the observed one, but for rounding */

static double log_choose(double n, double k)
{
	int sign; /* lgamma_r: lgamma would write a global */

	return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

/* Sums the probabilities of all tables with these margins that are no more probable than the one
 * observed. The smaller margin bounds the loop: this is called where an expected count is small. */
static double fisher(double a, double b, double of_a, double of_b)
{
	double hits = a + b, all = of_a + of_b;
	double least = hits - of_b > 0 ? hits - of_b : 0, most = hits < of_a ? hits : of_a;
	double base = log_choose(all, hits);
	double observed = log_choose(of_a, a) + log_choose(of_b, b) - base;
	double sum = 0;

	for (double k = least; k <= most; k++) {
		double p = log_choose(of_a, k) + log_choose(of_b, hits - k) - base;

		if (p <= observed + log(EQUAL_FACTOR))
			sum += exp(p);
	}
	return sum > 1 ? 1 : sum;
}

static double smaller(double x, double y)
{
	return x < y ? x : y;
}

double significance_p(const uint64_t hits[2], const uint64_t of[2])
{
	double a = (double)hits[0], b = (double)hits[1];
	double of_a = (double)of[0], of_b = (double)of[1];
	double share, error;

	if (of[0] == 0 || of[1] == 0)
		return 1;
	share = (a + b) / (of_a + of_b);
	if (share <= 0 || share >= 1)
		return 1;
	if (smaller(of_a, of_b) * smaller(share, 1 - share) < SMALL)
		return fisher(a, b, of_a, of_b);
	error = sqrt(share * (1 - share) * (1 / of_a + 1 / of_b));
	return erfc(fabs(a / of_a - b / of_b) / error / sqrt(2));
}

bool significance_supports(double p, unsigned comparisons)
{
	return p < ALPHA / (comparisons > 0 ? comparisons : 1);
}
