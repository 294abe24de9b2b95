/* In which of four forms the connection of a flow is remembered.
 *
 *                    while segments come        when it has ended and 256 others since
 *   regular so far   struct regular             struct kept
 *   else             struct connection (live)   struct packed
 *
 * A regular connection becomes a live one for good at the first segment that is not regular. */
#ifndef LASTACK_ANALYZER_REMEMBER_H
#define LASTACK_ANALYZER_REMEMBER_H

#include "analyzer/engine_state.h"
#include "analyzer/regular.h"

/* The connection of a flow in full, for good; NULL without memory. */
struct connection *remember_full(struct engine *e, struct flow *flow);
/* The connection of a flow to be looked at and judged, its form as it was; valid until the next look at a
 * regular one. NULL without memory. */
struct connection *remember_glance(struct engine *e, struct flow *flow);
/* The full form of a regular one, as regular_expand() does it with what the flow holds beside. */
void remember_expand(const struct flow *flow, const struct regular *r, struct connection *c,
		     struct teardown_part *t);
/* What decides about the reuse of the tuple by a SYN of from; false where the connection is not regular
 * or has not closed. Then what comes of it is kept in *remember_reuse(). */
bool remember_time_wait(const struct flow *flow, enum side from, struct time_wait_state *state);
struct time_wait_reuse *remember_reuse(struct flow *flow);
/* The first segment back after that SYN. False without memory. */
bool remember_answer(struct engine *e, struct flow *flow, const struct segment *s);
/* Accounts for what a flow's connection holds now, and makes it small once it has ended. */
void remember_settle(struct engine *e, struct flow *flow);
/* One that has ended is made small, whatever has ended since. */
void remember_small(struct engine *e, struct flow *flow);
/* It is about to be forgotten. */
void remember_no_more(struct engine *e, struct flow *flow);
/* All are forgotten. */
void remember_none(struct engine *e);
/* Bytes of connections, flows and the duplicates' window. */
size_t remember_memory(const struct engine *e);

/* Bytes of a regular connection and its streams. */
static inline size_t remember_regular_memory(const struct flow *flow)
{
	return regular_memory(flow->as.regular) +
	       (flow->streams ? streams_memory(flow->streams) : 0);
}

static inline bool remember_is_regular(const struct flow *flow)
{
	return flow->form == FORM_REGULAR || flow->form == FORM_KEPT;
}

static inline bool remember_is_closed_regular(const struct flow *flow)
{
	return flow->form == FORM_KEPT ||
	       (flow->form == FORM_REGULAR && flow->as.regular->stage == REGULAR_CLOSED);
}

/* Neither kept nor packed. */
static inline bool remember_is_open(const struct flow *flow)
{
	return flow->form == FORM_LIVE || flow->form == FORM_REGULAR;
}

#endif
