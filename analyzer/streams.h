/* The streams of one connection and those who read them.
 *
 * A connection has this part only where consumers are (engine_consume), and its buffers only while one
 * of them wants a direction. */
#ifndef LASTACK_ANALYZER_STREAMS_H
#define LASTACK_ANALYZER_STREAMS_H

#include "analyzer/connection.h"
#include "analyzer/consumer.h"
#include "analyzer/flow_table.h"
#include "analyzer/stream.h"

/* What all streams of an engine share. */
struct stream_desk {
	struct consumer consumer[CONSUMERS_MAX];
	uint32_t consumers;
	struct stream_pool pool;
	enum overlap_policy overlap;
	uint64_t holes_given_up;
	bool late; /* a consumer goes with the last verdict only */
};

struct streams {
	struct stream_desk *desk;
	struct stream *stream[SIDES]; /* owned; NULL before its first byte, and since it is over */
	bool over[SIDES];             /* nobody wants this direction, or all of it is delivered */
	uint64_t forced;              /* holes given up at the bound */
	struct moment forced_at;      /* the latest segment when the first was */
	struct moment latest;
	uint32_t opened;          /* consumers that were told */
	bool ended;               /* consumers were told */
	bool segments;            /* some of them wanted segments, too */
	struct reading reading[]; /* one each consumer of the desk */
};

/* The connection of flow, regular or live, has got a segment, and knows of it. The first one opens the part.
 * now_ns is confirmed capture time. A regular one must not be given what streams_is_urgent(). */
bool streams_segment(struct stream_desk *desk, struct flow *flow, enum side from,
		     const struct segment *s, const struct moment *at, int64_t now_ns,
		     struct error *err);
/* A segment with a finding of its own: only a full connection holds it. */
static inline bool streams_is_urgent(const struct segment *s)
{
	return (s->flags & TCP_URG) && s->urgent > 0 && s->payload_len > 0;
}
/* A segment that is not taken in: a stray SYN, a rival SYN|ACK, a capture duplicate, or one that went
 * over to the next incarnation. */
bool streams_aside(struct flow *flow, enum side from, const struct segment *s,
		   enum segment_kind kind, struct error *err);
/* An ICMP error about one of its segments. */
bool streams_icmp(struct flow *flow, const struct icmp_error *icmp, struct error *err);
/* All is read and may be told: nobody reads on, and finishing adds nothing but what consumers found. */
static inline bool streams_settled(const struct streams *t)
{
	return !t || (t->ended && t->over[SIDE_INITIATOR] && t->over[SIDE_RESPONDER] &&
		      t->forced == 0 && !t->desk->late);
}
/* True where finishing can add findings: to a full connection only. */
static inline bool streams_may_find(const struct streams *t)
{
	return t && (t->stream[SIDE_INITIATOR] || t->stream[SIDE_RESPONDER] || t->forced > 0);
}
/* What was found in streams that are settled. */
bool streams_collect(struct flow *flow, struct epilogue *epilogue, struct error *err);
/* The connection is about to be judged: delivers what is left, collects what was found. */
bool streams_finish(struct flow *flow, struct connection *c, struct epilogue *epilogue,
		    struct error *err);
/* It was judged; or, with verdict NULL, the run failed. Frees the streams. */
bool streams_close(struct flow *flow, const struct verdict *verdict, struct error *err);
/* Bytes of the part itself; what waits is accounted for in the pool. */
size_t streams_memory(const struct streams *streams);

#endif
