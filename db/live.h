/* The database of a live run: rows committed in batches by a thread of its own, while others read.
 *
 * Verdicts wait in memory until they are committed. Where that fails, as the disk is full or another
 * program holds the database, they wait on, within a bound, and it is tried again: nothing here ever stops
 * who captures. Beyond the bound rows are lost, and counted. */
#ifndef LASTACK_DB_LIVE_H
#define LASTACK_DB_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"
#include "db/alert_rows.h"
#include "db/store.h"

struct live_store;

enum live_store_state { LIVE_STORE_FINE, LIVE_STORE_LOCKED, LIVE_STORE_FULL, LIVE_STORE_FAILED };

enum { LIVE_DROPS = 3 }; /* kernel, interface, own */

struct live_store_config {
	const char *path;
	struct recording recording; /* its feed is made here */
	const char *const *interfaces;
	size_t interface_count, worker_count;
	size_t backlog_bytes; /* bound of what waits */
	uint64_t batch_rows;  /* committed at once when so many wait, else every second */
	int64_t keep_ns;      /* see retention.h */
	uint64_t keep_bytes;
	void *context;
	/* In the store's thread, of each verdict once and in order, before it is written. again: as in it.
	 * connection_id: 0 of one that is open. */
	void (*told)(void *context, const struct verdict *verdict, int64_t connection_id);
	/* In the same thread, about once a second, also where nothing was told. */
	void (*turn)(void *context);
	/* A sentence for people: an earlier run that was interrupted, a reopening that failed. */
	void (*remark)(void *context, const char *text);
	/* The time of day that keep_ns counts back from, in the same thread; NULL: the machine's. */
	int64_t (*now_ns)(void *context);
};

/* What has been counted of the run so far. */
struct live_counts {
	struct decode_counts decoded;
	struct engine_counts engine;         /* of all workers */
	struct feed_interface interface[16]; /* first_ns: since live_store_reopen */
	uint64_t drops[16][LIVE_DROPS];
	uint64_t clock_steps;
};

/* A connection that goes on. */
struct live_open {
	uint32_t interface;
	uint8_t ip_version;
	uint8_t state[SIDES]; /* enum endpoint_state; see LIVE_STATE_* */
	uint8_t teardown;     /* enum teardown, so far */
	bool midstream;
	struct ip_address address[SIDES];
	uint16_t port[SIDES];
	uint64_t vlan_tags[SIDES];
	struct tunnel tunnel;
	int64_t first_ns, last_ns; /* as told */
	int64_t since_ns[SIDES];   /* in its state; NONE_NS: not known */
	uint64_t packets[SIDES], bytes[SIDES];
};

enum { LIVE_STATE_NONE = 255, LIVE_STATE_SYN_SENT = 254, LIVE_STATE_SYN_RECEIVED = 253 };

struct live_store_status {
	enum live_store_state state;
	char trouble[256]; /* "": none */
	uint64_t rows, commits, rows_lost, rows_expired, backlog;
	int64_t last_commit_ns; /* time of day; 0: none so far */
	int64_t bytes;          /* of the database's file */
};

/* Opens or creates the database, says which run before was interrupted, begins a recording. NULL with err. */
struct live_store *live_store_open(const struct live_store_config *config, struct error *err);
/* From any thread. Times are told by_ns later. One of an open connection is told, not written. False: there was
 * no room. */
bool live_store_put(struct live_store *store, const struct verdict *verdict, int64_t by_ns);
/* The latest counts; copied. */
void live_store_count(struct live_store *store, const struct live_counts *counts);
void live_store_status(struct live_store *store, struct live_store_status *status);

/* In the store's thread, from told() or turn(): written with the next commit. Where too many wait the oldest
 * is left out. */
void live_store_alert(struct live_store *store, const struct alert_row *row);

/* True where a worker shall say which connections are open. Then it does: rows is taken over (malloc), may be
 * NULL. Those that are the same, byte for byte, as the last ones are not written again. cost_ns: processor time
 * it took. */
bool live_store_wants_open(struct live_store *store, size_t worker);
void live_store_put_open(struct live_store *store, size_t worker, struct live_open *rows,
			 size_t count, int64_t as_of_ns, int64_t cost_ns);
/* Finishes the recording and begins another in the file that now has the name. Soon, not at once; what is counted
 * after this call belongs to the new one. */
void live_store_reopen(struct live_store *store);
/* Writes what waits, marks the recording as finished, frees. patience_ns: how long it is tried. *last: how it
 * ended. False with err where rows were left. */
bool live_store_close(struct live_store *store, int64_t patience_ns, struct live_store_status *last,
		      struct error *err);

#endif
