/* Which connections are open, and in which state: from the verdicts that an engine gives of them. */
#ifndef LASTACK_MONITOR_OPEN_ROWS_H
#define LASTACK_MONITOR_OPEN_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/live.h"

/* Beyond so many they are counted, but not listed. */
enum { OPEN_ROWS_MAX = 100000 };

struct open_rows {
	struct live_open *row; /* from malloc */
	size_t count, capacity;
	int64_t by_ns; /* times are told so much later */
	uint64_t seen;
	uint64_t by_state
		[ENDPOINT_STATES]; /* of the end that is further on; STATE_CLOSED: in none */
};

/* A sink's function; context is a struct open_rows. */
bool open_rows_add(void *context, const struct verdict *verdict, struct error *err);

#endif
