/* The analyzer: segments in, verdicts out.
 *
 * It does no I/O and reads no clock: time is the packets'. One engine judges one recording. Each
 * connection reaches the sink when it is forgotten, at the latest at engine_finish. One whose tuple is
 * in use again may do so earlier, as nothing is likely to come for it any more; if something does, it
 * reaches the sink again, with the same number, and the last verdict counts. */
#ifndef LASTACK_ANALYZER_ENGINE_H
#define LASTACK_ANALYZER_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "analyzer/verdict.h"
#include "base/error.h"
#include "parsers/segment.h"

struct engine;

enum ladder_policy { LADDERS_UNCLEAN, LADDERS_ALL, LADDERS_NONE };

/* Which copy of the same sequence numbers a stream carries, where the earlier one still waits. */
enum overlap_policy { OVERLAP_FIRST, OVERLAP_LAST };

struct engine_config {
	int64_t msl_ns;          /* 2MSL is twice this */
	int64_t idle_timeout_ns; /* silence that ends a connection without an end; 0: never */
	int64_t stuck_ns;        /* CLOSE_WAIT or FIN_WAIT_2 of this length is a finding */
	size_t max_flows;        /* connections remembered at once; 0: no bound */
	size_t max_memory;       /* bytes for connections and their parts; 0: no bound */
	bool keep_duplicates;    /* do not look for capture duplicates */
	enum ladder_policy ladders;
	size_t stream_memory; /* bytes for what streams hold back, all connections together */
	enum overlap_policy overlap;
	int64_t early_ns; /* a connection that has ended is told after this silence, at the next
	                       * engine_tick, and once more if that changes; 0: when it is forgotten.
	                       * Those whose streams are still read wait in any case */
	/* Numbers of verdicts, drawn by several engines from one counter; NULL: each counts its own. */
	_Atomic uint64_t *numbers;
	uint8_t hash_key[16];
	/* For tests: watch every connection in full from its first segment on; the same verdicts, slower. */
	bool no_short_way;
};

/* The defaults of the contract: MSL 120 s, no idle timeout, 60 s stuck; 64 MiB for streams, the first
 * copy counts; the hash key is all zero. */
struct engine_config engine_defaults(void);

struct closed;

/* Takes a verdict; false with err stops the run. Where it can take connections that are still to be judged
 * (closed.h), it gets the regular ones that have closed that way, in one order with the verdicts; a verdict
 * on one of these may follow, as ever. */
struct engine_sink {
	bool (*verdict)(void *context, const struct verdict *verdict, struct error *err);
	void *context;
	bool (*closed)(void *context, const struct closed *closed,
		       struct error *err); /* NULL: all are judged by the engine */
};

struct engine_counts {
	uint64_t segments; /* judged, capture duplicates and land left out */
	uint64_t duplicates;
	uint64_t connections; /* told to the sink so far, each counted once */
	uint64_t evicted;     /* forgotten early at a bound, by what they were: */
	uint64_t evicted_unanswered, evicted_ended, evicted_alive;
	uint64_t peak_connections;      /* remembered at once */
	uint64_t peak_memory;           /* bytes, by our own account */
	uint64_t stream_holes_given_up; /* holes that became gaps at the bound of stream_memory */
	uint64_t peak_stream_memory;    /* bytes */
};

struct engine *engine_new(const struct engine_config *config, struct engine_sink sink,
			  struct error *err);
/* Lets a consumer read along; before the first segment, at most CONSUMERS_MAX. *consumer is copied. */
void engine_consume(struct engine *engine, const struct consumer *consumer);
/* Tells the time of a packet, decoded or not; before its segment. ts_confirmed as in struct packet. */
bool engine_time(struct engine *engine, int64_t ts_ns, bool ts_confirmed, struct error *err);
/* It is this late, though no packet says so: now_ns is a time to be trusted, on the packets' axis. */
bool engine_tick(struct engine *engine, int64_t now_ns, struct error *err);
/* Between these times packets were lost before they came here: connections that were open then may lack
 * them (finding capture-loss). */
void engine_loss(struct engine *engine, int64_t from_ns, int64_t to_ns, uint64_t packets);
/* Judges every connection that has not ended as if the capture were over now, longest silent first; the
 * verdicts have no number and no ladder. The engine goes on as if nothing had been asked. */
bool engine_open(struct engine *engine, struct engine_sink visit, struct error *err);
bool engine_segment(struct engine *engine, const struct segment *segment, struct error *err);
bool engine_icmp(struct engine *engine, const struct icmp_error *icmp, struct error *err);
/* The capture is over: judges all that is left, oldest first. */
bool engine_finish(struct engine *engine, struct error *err);
const struct engine_counts *engine_counts(struct engine *engine);
/* Now, not at the peak: connections remembered, and bytes. */
size_t engine_flows(const struct engine *engine);
size_t engine_memory(const struct engine *engine);
void engine_free(struct engine *engine); /* NULL is fine */

/* Bytes of one remembered connection without its buffers, for the documentation and the tests. */
size_t engine_connection_size(void);

#endif
