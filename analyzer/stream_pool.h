/* The memory that all streams share for bytes that wait, and who gives way when it runs out.
 *
 * Copies kept for comparing go before any bytes that wait. Fair: the one to give way is among those that hold most (within a factor of two), and of these the
 * one that got there first. A thousand connections with a little each are not robbed by one that
 * hoards, and a flood of equals loses its oldest. */
#ifndef LASTACK_ANALYZER_STREAM_POOL_H
#define LASTACK_ANALYZER_STREAM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POOL_CLASSES = 48 }; /* by powers of two of what a holder holds */

/* In the order in which they give way. */
enum pool_kind { POOL_HISTORY, POOL_WAITING, POOL_KINDS };

/* Part of each stream, one a kind; all zero but kind and owner: holds nothing. */
struct pool_holder {
	struct pool_holder *ahead, *behind; /* in its class; ahead got there earlier */
	struct stream *owner;
	size_t bytes;
	enum pool_kind kind;
};

struct stream_pool {
	size_t limit; /* bytes */
	size_t used, peak;
	struct {
		struct pool_holder *first, *last;
	} class[POOL_KINDS][POOL_CLASSES];
};

void pool_init(struct stream_pool *pool, size_t limit);
static inline bool pool_fits(const struct stream_pool *pool, size_t more)
{
	return pool->used + more <= pool->limit;
}
/* The holder now holds so many bytes. */
void pool_hold(struct stream_pool *pool, struct pool_holder *holder, size_t bytes);
/* Who has to give way; NULL where nobody holds anything. */
struct pool_holder *pool_largest(const struct stream_pool *pool);

#endif
