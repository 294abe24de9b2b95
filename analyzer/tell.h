/* What the engine tells its sink, and when: a connection that is forgotten, or has ended; those that are open. */
#ifndef LASTACK_ANALYZER_TELL_H
#define LASTACK_ANALYZER_TELL_H

#include "analyzer/engine_state.h"

/* Judges a flow and tells the sink; c is its connection. */
bool tell_verdict(struct engine *e, struct flow *f, struct connection *c, enum end_reason reason,
		  int64_t until_ns, struct verdict *verdict, struct error *err);
/* Whether a regular one that has closed can be handed over to be judged elsewhere: somebody takes it, nothing
 * was told of it before, its streams are read, and what the verdict takes is all in it. */
static inline bool tell_can_hand_over(const struct engine *e, const struct flow *f)
{
	return e->sink.closed && f->told == 0 && streams_settled(f->streams) &&
	       e->losses.count == 0;
}

/* Numbers it and hands it over; kept is what it is or will be kept as. Where more was found in its streams than can
 * be handed over, it is judged here. */
bool tell_closed(struct engine *e, struct flow *f, const struct kept *kept, enum end_reason reason,
		 int64_t until_ns, struct error *err);
/* Tells the sink of a flow, unless it knows all. */
bool tell_last(struct engine *e, struct flow *f, enum end_reason reason, int64_t until_ns,
	       struct error *err);
/* Of all that have ended as far as is known now, once early_ns have gone by without a segment (live). */
bool tell_all_ended(struct engine *e, struct error *err);

#endif
