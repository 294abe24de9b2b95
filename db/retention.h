/* Forgetting: connections that are older than wanted, or more than there is room for, go oldest first in
 * small steps, each inside the transaction of a batch, and their pages go back to the file system. */
#ifndef LASTACK_DB_RETENTION_H
#define LASTACK_DB_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"

struct retention {
	int64_t keep_ns;     /* 0: for ever */
	uint64_t keep_bytes; /* 0: without bound */
	/* its own */
	int64_t orphan_after;   /* hosts with larger ids are looked at next */
	uint64_t since_orphans; /* connections that went since all hosts were looked at */
	bool orphans;           /* looking at hosts */
	bool hosts_changed;     /* set where a dictionary's row went: ids in caches are void */
	uint64_t expired;       /* connections that went in this run */
};

/* Inside a transaction: one step. now_ns: time of day. rows: connections written in it; so that the store never
 * outgrows the deleting, a step deletes more than that. */
bool retention_step(struct retention *retention, sqlite3 *db, int64_t now_ns, uint64_t rows,
		    struct error *err);
/* Something is to be forgotten or given back, though nothing else may be to do. Outside of a transaction. */
bool retention_due(const struct retention *retention, sqlite3 *db, int64_t now_ns);
/* Outside of one: gives free pages back, some thousand at most. */
bool retention_shrink(sqlite3 *db, struct error *err);
/* Bytes in use: the file without its free pages. */
int64_t retention_bytes(sqlite3 *db);

#endif
