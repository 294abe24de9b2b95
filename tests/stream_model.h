/* docs/streams.md for one connection as a byte map: each captured byte has a place of its own, and each
 * rule is about one byte. Slow and plain where analyzer/stream.c is fast: one is held against the other.
 *
 * Offsets count from the number behind the sender's SYN. The model does not foretell when a gap is told:
 * between 100 ms after the ACK and 100 ms after the first segment that came later than that. A byte
 * captured meanwhile may be told or not.
 *
 * Faults are returned as what is wrong, NULL where nothing is; at and side in struct stream_model say
 * where. */
#ifndef LASTACK_TESTS_STREAM_MODEL_H
#define LASTACK_TESTS_STREAM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"

enum { MODEL_SPAN = 1 << 14, MODEL_DOUBTS = 4 };

/* A segment as it was captured. */
struct model_segment {
	enum side from;
	uint8_t flags;
	int64_t offset; /* of its payload, or where that would be */
	int64_t ack;
	uint32_t length, captured; /* payload, and how much of it the capture holds */
	uint32_t window;           /* the field */
	uint16_t ip_id;            /* a capture duplicate has that of the first copy */
	const uint8_t *bytes;
};

/* What one end sent. */
struct model_side {
	uint8_t value[MODEL_SPAN];                     /* the copy to be told */
	uint8_t first[MODEL_SPAN], second[MODEL_SPAN]; /* any copies that came */
	uint8_t marks[MODEL_SPAN];
	int64_t acked_ns[MODEL_SPAN];   /* when the peer acknowledged it; below acked */
	int64_t overdue_ns[MODEL_SPAN]; /* the first segment 100 ms later; below overdue */
	int64_t base, next;             /* the first byte told; the next one to be told */
	int64_t nxt;                    /* SND.NXT */
	int64_t lowest;                 /* number of a segment; of an ACK of the peer */
	int64_t lowest_ack;
	int64_t edge, window_max; /* advertised by the peer */
	int64_t acked, overdue;
	int64_t ack_max; /* that this end sent */
	int64_t end;     /* of its FIN */
	int64_t cut_end; /* of payload inside the window that the capture cut off */
	int64_t doubts[MODEL_DOUBTS];
	int doubt_count;
	int64_t past_end; /* where the reader was when the FIN came */
	bool told, nxt_known, edge_known, peer_acked, end_known, end_after_reset;
	bool fin_first; /* midstream, and nothing below the FIN was captured when that came */
	bool conflict;  /* a copy differed from one that still waited */
};

struct stream_model {
	struct model_side side[SIDES];
	enum overlap_policy overlap;
	uint8_t shift;  /* both ends' window scale */
	bool midstream; /* no SYN is captured */
	/* Memory runs out or connections are evicted: any gap may be told, and resets are not followed. */
	bool loose;
	bool reset; /* one stands */
	bool reset_came;
	int64_t reset_nxt[SIDES], reset_ack[SIDES]; /* when it came */
	bool went_on[SIDES];                        /* since then */
	int64_t now_ns;
	enum side fault_side;
	int64_t fault_at;
};

/* Findings that a connection's verdict has. */
struct model_findings {
	bool conflict[SIDES], beyond_window[SIDES], after_reset[SIDES], limit;
};

/* Before the engine gets the segment. */
void model_take(struct stream_model *m, const struct model_segment *s, int64_t now_ns);
/* A reader is told bytes, NULL for a gap. place is the offset told, from the stream's first byte. */
const char *model_told(struct stream_model *m, enum side side, int64_t offset, uint64_t place,
		       const uint8_t *bytes, uint64_t length, bool finishing);
/* After the engine got a segment: nothing more had to be told of a side by now. */
const char *model_settled(struct stream_model *m, enum side side);
/* At the end, all was told that had to be. */
const char *model_finished(struct stream_model *m, enum side side,
			   const struct model_findings *findings);

#endif
