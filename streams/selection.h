/* Which connections are wanted, known by what stays the same when a capture is read again: both ends,
 * the tunnels around them, the VLAN and the time of the first segment. */
#ifndef LASTACK_STREAMS_SELECTION_H
#define LASTACK_STREAMS_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "analyzer/verdict.h"
#include "base/error.h"

struct wanted {
	int64_t id; /* in the database; 0: none that lasts */
	uint8_t ip_version;
	struct ip_address address[SIDES]; /* in any order, as its ports */
	uint16_t port[SIDES];
	struct tunnel tunnel;
	unsigned vlan; /* the outermost; 0: none */
	int64_t first_ns;
	bool found; /* selection_take() has met it */
};

struct selection;

/* hash_key keeps the table from being aimed at. NULL without memory. */
struct selection *selection_new(const uint8_t hash_key[16]);
bool selection_add(struct selection *selection, const struct wanted *wanted, struct error *err);
/* A connection that has just begun may be a wanted one: its ends and tunnels fit. */
bool selection_may_take(const struct selection *selection, const struct stream_origin *origin);
/* The wanted one that this connection is; NULL: none. */
const struct wanted *selection_take(struct selection *selection, const struct verdict *verdict);
size_t selection_count(const struct selection *selection);
const struct wanted *selection_at(const struct selection *selection, size_t index);
void selection_free(struct selection *selection); /* NULL is fine */

#endif
