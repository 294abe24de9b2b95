/* How often a process that ends early is started anew: a few times an hour are bad luck, more are a fault that
 * starting anew does not mend. */
#ifndef LASTACK_MONITOR_RESTARTS_H
#define LASTACK_MONITOR_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

enum { RESTARTS_AN_HOUR = 5 };

/* All zero to begin with. */
struct restarts {
	uint64_t count;                  /* so far */
	int64_t at_ns[RESTARTS_AN_HOUR]; /* of the latest ones, a ring */
};

/* It has ended at now_ns, steady: true where it may be started once more, which is counted. */
static inline bool restarts_allow(struct restarts *r, int64_t now_ns)
{
	int64_t *oldest = &r->at_ns[r->count % RESTARTS_AN_HOUR];

	if (r->count >= RESTARTS_AN_HOUR && now_ns - *oldest < INT64_C(3600000000000))
		return false;
	*oldest = now_ns;
	r->count++;
	return true;
}

#endif
