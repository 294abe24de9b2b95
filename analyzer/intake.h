/* Takes one segment into the connection it belongs to: sequence space, windows, handshake, FINs,
 * resets, TIME_WAIT. Which connection that is, incarnation.h decides. */
#ifndef LASTACK_ANALYZER_INTAKE_H
#define LASTACK_ANALYZER_INTAKE_H

#include "analyzer/connection.h"

/* Counts the segment among the connection's packets and keeps it for the ladder; no more. */
void intake_count(struct connection *c, enum side from, const struct segment *s, bool keep_ladder);
/* The whole of it, intake_count included. False without memory. */
bool intake(struct connection *c, enum side from, const struct segment *s, const struct moment *at,
	    int64_t two_msl_ns, bool keep_ladder);

#endif
