/* What the parts of the engine share. Not for use outside analyzer/. */
#ifndef LASTACK_ANALYZER_ENGINE_STATE_H
#define LASTACK_ANALYZER_ENGINE_STATE_H

#include "analyzer/closed.h"
#include "analyzer/duplicates.h"
#include "analyzer/engine.h"
#include "analyzer/flow_table.h"
#include "analyzer/judge.h"
#include "analyzer/losses.h"
#include "analyzer/regular.h"
#include "analyzer/spares.h"
#include "analyzer/streams.h"

/* Connections that have ended are packed when this many others have ended after them: their last
 * retransmissions and resets have mostly come by then. */
enum { ENDED_RING = 256 };

struct engine {
	struct engine_config config;
	struct engine_sink sink;
	struct engine_counts counts;
	struct flow_table *table;
	struct duplicates *duplicates; /* NULL with keep_duplicates */
	int64_t two_msl_ns;
	int64_t now_ns;         /* largest confirmed time of any packet */
	bool now_known;         /* a time was confirmed */
	int64_t latest_ns;      /* largest time of any packet */
	int64_t stand_in_ns;    /* largest time that stood in for a confirmed one */
	int64_t expiry_ns;      /* no flow is to be forgotten before now_ns gets here */
	int64_t ticked_ns;      /* largest time that a tick told */
	int64_t early_until_ns; /* who has ended and was active up to here is told */
	uint64_t ordinal;       /* segments so far */
	size_t memory;          /* of connections, live and packed */
	struct flow *ended[ENDED_RING];
	uint32_t ended_next;
	struct spares spares;
	struct regular opened;    /* a kept connection opened to be looked at */
	struct connection glance; /* a regular connection expanded to be looked at, no more */
	struct teardown_part glance_teardown;
	struct judge_room room;
	struct closed_room closed;
	struct losses losses;
	struct stream_desk streams;
	/* SYNs noted on one flow that start another, on their way with the segment that showed it */
	struct noted_syn moved[NOTED_SYNS];
	uint32_t moved_count;
	struct flow *moved_from;
	bool refused; /* the sink did not take an early verdict: refusal says why */
	struct error refusal;
};

/* One segment on its way through the engine. */
struct arrival {
	const struct segment *segment;
	struct moment at;
	struct flow_key key;
	uint64_t hash;    /* of key and tunnel */
	uint64_t content; /* duplicates_hash() */
	enum way way;
};

/* False, with err. */
bool engine_no_memory(struct error *err);

#endif
