/* Verdicts that wait to be written, in memory: a bounded queue, filled by the engines' threads, emptied by the
 * database's. The verdicts are copies. */
#ifndef LASTACK_DB_LIVE_BACKLOG_H
#define LASTACK_DB_LIVE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"

struct backlog;

/* A piece of the queue. */
struct backlog_chunk {
	struct backlog_chunk *next;
	size_t rows;
};

struct backlog *backlog_new(size_t bytes_max);
void backlog_free(struct backlog *backlog); /* what waits is freed with it; NULL is fine */
/* False: there is no room, the verdict is lost and, unless it is of an open connection, counted. by_ns: its times are told this much later. */
bool backlog_put(struct backlog *backlog, const struct verdict *verdict, int64_t by_ns);
/* All that waits, oldest first, taken out; still counted until backlog_done. NULL: nothing. */
struct backlog_chunk *backlog_take(struct backlog *backlog);
void backlog_done(struct backlog *backlog, struct backlog_chunk *chunk); /* frees it */
/* Calls visit for each verdict of the chunk in order, until it says false. */
bool backlog_each(const struct backlog_chunk *chunk,
		  bool (*visit)(void *context, const struct verdict *verdict), void *context);
size_t backlog_rows(struct backlog *backlog); /* that wait, taken ones included */
uint64_t backlog_lost(struct backlog *backlog);

#endif
