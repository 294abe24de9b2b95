/* An engine, in the thread of its caller or in one of its own. Each gets both directions of a connection;
 * verdicts go to the database. */
#ifndef LASTACK_MONITOR_WORKER_H
#define LASTACK_MONITOR_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"
#include "db/live.h"
#include "monitor/config.h"
#include "parsers/decode.h"

struct worker;

struct worker_config {
	const struct monitor_config *monitor;
	size_t index;
	bool threaded;
	struct live_store *store;
	_Atomic uint64_t *numbers;            /* shared by all engines */
	const _Atomic int64_t *correction_ns; /* added to times that are told */
};

/* What it holds now. */
struct worker_gauges {
	struct engine_counts counts;
	uint64_t flows, memory;
	uint64_t open, open_by_state[ENDPOINT_STATES]; /* as last looked at */
};

/* NULL with err. */
struct worker *worker_new(const struct worker_config *config, struct error *err);
/* All that follow return false with err where the worker has failed (no memory). */
bool worker_time(struct worker *worker, int64_t ts_ns, struct error *err); /* without thread only */
bool worker_take(struct worker *worker, const struct decoded *decoded, struct error *err);
/* Time goes on; now and then. */
bool worker_tick(struct worker *worker, int64_t now_ns, struct error *err);
bool worker_loss(struct worker *worker, int64_t from_ns, int64_t to_ns, uint64_t packets,
		 struct error *err);
/* Judges all that is left, and waits for it. latest_ns: the last packet's time, be it another worker's. */
bool worker_finish(struct worker *worker, int64_t latest_ns, struct error *err);
void worker_gauges(struct worker *worker, struct worker_gauges *gauges);
void worker_free(struct worker *worker); /* NULL is fine */

/* Which of count workers a segment or ICMP error is for. */
size_t worker_for(const struct decoded *decoded, const uint8_t hash_key[16], size_t count);

#endif
