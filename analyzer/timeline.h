/* The RFC 9293 states of each end from the first FIN on, as the capture shows them (section 6). */
#ifndef LASTACK_ANALYZER_TIMELINE_H
#define LASTACK_ANALYZER_TIMELINE_H

#include "analyzer/connection.h"

/* The state of this end now; STATE_ESTABLISHED before any FIN concerns it. */
enum endpoint_state timeline_state(const struct connection *c, enum side side);

/* Where the watching of states stops. */
struct timeline_end {
	uint64_t ordinal; /* what was captured from here on does not count; 0: all counts */
	int64_t ts_ns;    /* a state never left dwells until here */
	int64_t time_wait_ns[SIDES]; /* TIME_WAIT dwells until here */
};

/* Writes the states of both ends, by side, then time; returns how many (at most TIMELINE_MAX). */
size_t timeline_of(const struct connection *c, const struct timeline_end *end,
		   struct state_entry out[TIMELINE_MAX]);

#endif
