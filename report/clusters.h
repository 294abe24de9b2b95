/* Peaks among durations: silences that end alike name a timer. */
#ifndef LASTACK_REPORT_CLUSTERS_H
#define LASTACK_REPORT_CLUSTERS_H

#include <stddef.h>
#include <stdint.h>

enum { CLUSTERS_MAX = 8, CLUSTER_LEAST = 3 };

struct cluster {
	int64_t low_ns, high_ns; /* smallest and largest member */
	int64_t middle_ns;       /* the median member */
	size_t count;
};

/* Sorts values (not negative) and finds peaks in them, the largest first. A peak is a window as wide
 * as 4 % of its lower edge plus 250 ms (timers, round trips) that holds CLUSTER_LEAST values or more, a
 * tenth of all or more, and three times as many as the same values spread evenly over the logarithm of
 * their range would put there. Peaks do not overlap. Returns how many were found. */
size_t clusters_find(int64_t *values, size_t count, struct cluster found[CLUSTERS_MAX]);

/* What is known to have such a timer, within the same width: a phrase such as "AWS Network Load
 * Balancer", or NULL, as for what is no silence (NONE_NS). */
const char *timer_hint(int64_t silence_ns);

#endif
