/* What a connection's streams need to know of how it stands, whichever form (remember.h) it has.
 *
 * Numbers are as on the wire; names as in struct direction. */
#ifndef LASTACK_ANALYZER_STREAM_VIEW_H
#define LASTACK_ANALYZER_STREAM_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/connection.h"
#include "analyzer/consumer.h"
#include "analyzer/flow_table.h"

/* What one end sent. */
struct stream_view_side {
	uint32_t isn;
	uint32_t lowest; /* of what was captured; with captured */
	uint32_t peer_ack, peer_first_ack;
	uint32_t window_right; /* that it advertised */
	uint32_t fin_seq;
	bool isn_known, nxt_known, captured, peer_acked, window_seen, fin;
	bool unseen; /* the peer acknowledged bytes while nothing of it was captured */
};

struct stream_view {
	struct stream_view_side side[SIDES];
	bool reset; /* a reset stands */
};

/* Of a flow that is neither kept nor packed. */
struct stream_view stream_view_of(const struct flow *flow);
/* Both ends sent a FIN, or a reset stands. */
bool stream_view_is_over(const struct flow *flow);
/* A regular one of which no FIN has been seen, and no byte acknowledged. */
bool stream_view_is_silent(const struct flow *flow);
/* At its first segment. */
struct stream_origin stream_view_origin(const struct flow *flow);
/* Where a side's stream begins, if the capture tells by now: behind the SYN; without one at the first
 * data, which has number seq, or close below; without data at the lowest number, with nothing of it captured
 * at the peer's first ACK. */
bool stream_view_base(const struct stream_view_side *v, bool has_data, uint32_t seq,
		      uint32_t *base);

#endif
