/* Which packets belong to connections: a consumer (analyzer/consumer.h) that fills a set.
 *
 * A connection's are the segments that belong to it from the first to the last, their capture
 * duplicates, all fragments of those that came in pieces, and the ICMP errors about it. */
#ifndef LASTACK_STREAMS_PACKET_LIST_H
#define LASTACK_STREAMS_PACKET_LIST_H

#include <stdint.h>

#include "analyzer/consumer.h"
#include "streams/packet_set.h"
#include "streams/selection.h"

struct packet_list {
	struct selection *selection; /* NULL takes all; borrowed */
	struct packet_set set;       /* owned by who made the list */
	uint64_t connections;
};

/* To be handed to engine_consume(); the list must outlive the engine. */
struct consumer packet_list_consumer(struct packet_list *list);

#endif
