/* FINs: which count, what covers them, and whether each consumed exactly one sequence number
 * (semantics sections 3 and 4; RFC 9293, 3.4 and 3.10.7.4). */
#ifndef LASTACK_ANALYZER_FIN_H
#define LASTACK_ANALYZER_FIN_H

#include "analyzer/connection.h"

/* Why a FIN does not count; FIN_COUNTS: it does. */
enum fin_verdict { FIN_COUNTS, FIN_NOT_ABOVE_ISN, FIN_OUTSIDE_WINDOW, FIN_FACING_SYN };

/* Where the payload of a direction had ended before a segment. */
struct data_mark {
	uint32_t end; /* valid where known */
	bool known;
};

/* Before the segment is taken in. */
enum fin_verdict fin_acceptable(const struct connection *c, enum side from,
				const struct segment *s);

/* What the ACK of from's segment says about the peer's FIN. Call before the ACK is recorded, so that
 * from's previous segment can still be seen. fin_counts: it carries a FIN of its own that counts. False
 * without memory. */
bool fin_acknowledged(struct connection *c, enum side from, const struct segment *s,
		      const struct moment *at, bool fin_counts);
/* A FIN of from that was captured; verdict as fin_acceptable gave it, before where from's data had ended before the
 * segment. Call after the payload of the segment is accounted. False without memory. */
bool fin_captured(struct connection *c, enum side from, const struct segment *s,
		  const struct moment *at, enum fin_verdict verdict, struct data_mark before);
/* Payload or a bare ACK of from after its FIN: violations of section 4. False without memory. */
bool fin_followed(struct connection *c, enum side from, const struct segment *s,
		  const struct moment *at);

/* Which FIN came first, by section 3. */
struct fin_order {
	enum side closer; /* X, the first closer; SIDE_NONE without a FIN */
	bool crossed; /* both FINs seen, and the first transmission of neither covers the other's */
};

struct fin_order fin_order(const struct connection *c);
enum fin_check fin_check_of(const struct connection *c, enum side side);
/* The evidence of fin-not-consumed holds to the end. */
bool fin_not_consumed(const struct connection *c, enum side side);

#endif
