/* Which connection a segment belongs to: incarnations of a tuple (semantics section 1). */
#ifndef LASTACK_ANALYZER_INCARNATION_H
#define LASTACK_ANALYZER_INCARNATION_H

#include "analyzer/engine_state.h"

/* Where a segment goes. */
struct place {
	struct flow *flow; /* NULL: no memory */
	enum {
		PLACE_TAKE,  /* it is taken in */
		PLACE_COUNT, /* it is a packet of the connection and changes nothing else */
		PLACE_NOTE,  /* a SYN that may start the next incarnation */
		PLACE_TAKEN, /* it was taken in already, the short way (regular.h) */
	} how;
};

/* running is the flow the tuple and VLAN lead to, or NULL. May create a flow, and with it end the
 * running one. */
struct place incarnation_place(struct engine *e, const struct arrival *a, struct flow *running);
/* Keeps a SYN placed with PLACE_NOTE. False without memory. */
bool incarnation_note_syn(struct engine *e, struct flow *flow, const struct arrival *a);
/* A capture duplicate of one of the flow's segments: it goes where its original goes. */
void incarnation_note_duplicate(struct flow *flow, const struct segment *s);

#endif
