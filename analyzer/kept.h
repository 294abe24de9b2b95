/* A regular connection (regular.h) that has closed, made small while it is remembered for 2MSL.
 *
 * Some of its numbers can be anything: they are stored as they are. All others are stored as how far
 * they are from what they usually are, given the ones before them, and most are not far at all. Nothing
 * is relied on: what is unusual costs bytes, never a number. */
#ifndef LASTACK_ANALYZER_KEPT_H
#define LASTACK_ANALYZER_KEPT_H

#include <stddef.h>

#include "analyzer/regular.h"

struct kept; /* one malloc block: free() frees it */

enum { KEPT_MAX = 512 }; /* kept_memory() of any is less */

/* Closed, and without the segments of its ladder; NULL without memory. */
struct kept *kept_of(const struct regular *r);
/* Fills *r; its ladder is one that was given up. */
void kept_open(const struct kept *kept, struct regular *r);
/* What regular_time_wait() says of it. */
struct time_wait_state kept_time_wait(const struct kept *kept, enum side from);
/* The reuse of its tuple, may be changed. */
struct time_wait_reuse *kept_reuse(struct kept *kept);
size_t kept_memory(const struct kept *kept);

#endif
