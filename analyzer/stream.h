/* One direction of a connection as an ordered stream of bytes.
 *
 * In-order bytes go through at once, uncopied. What came early waits in pieces, ascending and apart from
 * each other, until the hole before it is filled, until the peer has acknowledged the hole and its bytes
 * have not come STREAM_GRACE_NS later (a tap may capture an ACK before the data), or until memory runs
 * out: then the hole is delivered as a gap. Every number is delivered once, as bytes or in a gap.
 *
 * Offsets are 64 bits and count from the stream's first byte; sequence numbers are turned into offsets
 * by their distance from the next one expected, so that the sequence space may wrap any number of
 * times. */
#ifndef LASTACK_ANALYZER_STREAM_H
#define LASTACK_ANALYZER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "analyzer/engine.h"
#include "analyzer/stream_history.h"
#include "analyzer/stream_pieces.h"
#include "analyzer/stream_pool.h"

#define STREAM_GRACE_NS (INT64_C(100) * 1000000)
enum { STREAM_SENT = 4 };

/* A segment that came lately: how long it was is told when another one contradicts it. */
struct stream_sent {
	uint32_t seq, length;
};

/* Takes what is delivered. */
struct stream_sink {
	bool (*data)(void *context, const struct stream_data *data, struct error *err);
	void *context;
};

/* An ACK of the peer: how far, and when. */
struct stream_ack {
	uint64_t offset;
	struct moment at;
	int64_t now_ns; /* confirmed capture time then */
};

/* What is not told, as no receiver took it. */
struct stream_rest {
	uint64_t beyond_window; /* bytes never accepted by the peer */
	uint64_t after_reset;
	struct moment beyond_at, after_reset_at; /* the first segment of each */
};

struct stream {
	struct pool_holder history_holder, waiting_holder;
	struct stream_pool *pool;
	struct stream_sink sink;
	uint64_t next; /* offset of the next byte to deliver */
	uint32_t next_seq;
	uint8_t side;         /* enum side: who sends it */
	uint8_t overlap;      /* enum overlap_policy */
	bool fixed_base;      /* the SYN is known: nothing lies below offset 0 */
	bool end_known;       /* end is valid: its FIN is there */
	bool end_after_reset; /* it came while a reset stood: it shows nothing that was read */
	bool suspended;       /* a reset stands: what comes waits, should it be taken back */
	bool unread;       /* set by the sink: its readers have had enough, nothing is compared */
	bool ack_waits;    /* pending is valid: an ACK has passed bytes that have not come */
	uint64_t end;      /* offset of its FIN */
	uint64_t sent_end; /* end of what came inside the window, cut off by the capture or not */
	struct stream_ack acked,
		pending; /* the peer's highest believable ACK; the one that waits */
	struct stream_pieces pieces;
	struct stream_history history;
	struct stream_sent sent[STREAM_SENT];
	uint32_t sent_next;
	uint64_t gaps, gap_bytes; /* delivered as such */
	uint64_t forced;          /* of these, holes given up at the memory bound */
	struct stream_rest rest;
};

/* One segment's payload. */
struct stream_arrival {
	const uint8_t *bytes;
	uint32_t captured; /* at bytes */
	uint32_t length;   /* on the wire; >= captured */
	uint32_t seq;      /* of the first byte */
	bool window_known;
	uint32_t
		window_right; /* the peer's right edge: numbers from here on are not accepted yet */
	struct moment at;
	uint32_t ack; /* of the segment, as on the wire */
	uint8_t flags;
};

/* What adding a segment showed. */
struct stream_added {
	bool conflict;                   /* bytes differ from those that came before */
	uint32_t conflict_at;            /* sequence number of the first one */
	uint32_t earlier_length, differ; /* payload of the earlier segment; bytes that differ */
};

/* The first byte has number seq. With fixed, nothing is below it. */
void stream_init(struct stream *s, struct stream_pool *pool, struct stream_sink sink,
		 enum side side, enum overlap_policy overlap, uint32_t seq, bool fixed);
/* Before anything was delivered: the first byte has this number after all, behind the SYN. */
void stream_restart(struct stream *s, uint32_t seq);
/* True where adding this may have to keep bytes; and how many bytes that takes at most. */
bool stream_may_hold(const struct stream *s, const struct stream_arrival *a);
size_t stream_holding_costs(const struct stream *s, uint32_t length);
/* False with err: a consumer failed, or there is no memory. */
bool stream_add(struct stream *s, const struct stream_arrival *a, struct stream_added *added,
		struct error *err);
/* The peer has acknowledged all numbers below ack; capture time is now_ns. */
bool stream_acked(struct stream *s, uint32_t ack, const struct moment *at, int64_t now_ns,
		  struct error *err);
/* Capture time has come to now_ns: delivers gaps that have waited long enough. Before a segment is
 * added. */
bool stream_time(struct stream *s, int64_t now_ns, struct error *err);
/* Its FIN occupies fin_seq: nothing from there on belongs to the stream. */
bool stream_fin(struct stream *s, uint32_t fin_seq, struct error *err);
/* A reset ended the connection, or was taken back. */
bool stream_suspend(struct stream *s, bool suspended, struct error *err);
/* All bytes up to the FIN are delivered. */
static inline bool stream_ended(const struct stream *s)
{
	return s->end_known && s->next >= s->end;
}
/* Gives way to others: forgets the history, or turns its oldest hole into a gap. */
bool stream_give_way(struct stream *s, enum pool_kind kind, struct error *err);
/* Nothing more will come: delivers what waits, with the gaps before it; what is left is in rest. */
bool stream_finish(struct stream *s, const struct moment *at, struct error *err);
void stream_free(struct stream *s); /* what it holds, not s */

#endif
