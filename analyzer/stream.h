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
#include "analyzer/stream_pool.h"

#define STREAM_GRACE_NS (INT64_C(100) * 1000000)
enum { STREAM_PIECES_MAX = 8192, STREAM_SENT = 4 };

struct stream_block; /* bytes that wait, with the segment that brought them */

struct stream_piece {
	uint64_t offset;
	struct stream_block *block; /* owned */
	uint32_t length;
};

/* A segment that came lately: how long it was is told when another one contradicts it. */
struct stream_sent {
	uint32_t seq, length;
};

/* Takes what is delivered. */
struct stream_sink {
	bool (*data)(void *context, const struct stream_data *data, struct error *err);
	void *context;
};

struct stream {
	struct pool_holder holder; /* first: a victim of the pool is a stream */
	struct stream_pool *pool;
	struct stream_sink sink;
	uint64_t next; /* offset of the next byte to deliver */
	uint32_t next_seq;
	uint8_t side;         /* enum side: who sends it */
	uint8_t overlap;      /* enum overlap_policy */
	bool started;         /* next_seq is valid */
	bool fixed_base;      /* the SYN is known: nothing lies below offset 0 */
	bool end_known;       /* end is valid: its FIN is there */
	bool suspended;       /* a reset stands: what comes waits, should it be taken back */
	bool ack_waits;       /* an ACK has passed bytes that have not come */
	uint64_t end;         /* offset of its FIN */
	uint64_t acked;       /* the peer's highest believable ACK, as an offset */
	uint64_t ack_checked; /* acked when ack_waits began */
	struct moment ack_at;
	struct stream_piece *piece; /* owned; in use are piece[first] to piece[first + count - 1] */
	uint32_t first, count, capacity;
	size_t block_bytes; /* of all pieces */
	struct stream_history history;
	struct stream_sent sent[STREAM_SENT];
	uint32_t sent_next;
	uint64_t gaps, gap_bytes; /* delivered as such */
	uint64_t forced;          /* holes given up at the memory bound */
};

/* One segment's payload. */
struct stream_arrival {
	const uint8_t *bytes;
	uint32_t captured; /* at bytes */
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

/* What was left when the stream was over. */
struct stream_rest {
	uint64_t beyond_window; /* bytes never accepted by the peer */
	uint64_t after_reset;
	struct moment beyond_at, after_reset_at; /* the first segment of each */
};

void stream_init(struct stream *s, struct stream_pool *pool, struct stream_sink sink,
		 enum side side, enum overlap_policy overlap);
/* The first byte has this number. With fixed, nothing is below it. */
void stream_start(struct stream *s, uint32_t seq, bool fixed);
/* True where adding this may have to keep bytes; and how many bytes that takes at most. */
bool stream_may_hold(const struct stream *s, const struct stream_arrival *a);
size_t stream_holding_costs(const struct stream *s, uint32_t length);
/* False with err: a consumer failed, or there is no memory. */
bool stream_add(struct stream *s, const struct stream_arrival *a, struct stream_added *added,
		struct error *err);
/* The peer has acknowledged all numbers below ack. */
bool stream_acked(struct stream *s, uint32_t ack, const struct moment *at, struct error *err);
/* Capture time has come to now_ns: delivers gaps that have waited long enough. */
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
/* Gives way: forgets the history, or else turns its oldest hole into a gap. */
bool stream_give_way(struct stream *s, struct error *err);
/* Nothing more will come: delivers what waits, with the gaps before it. */
bool stream_finish(struct stream *s, const struct moment *at, struct stream_rest *rest,
		   struct error *err);
void stream_free(struct stream *s); /* what it holds, not s */

#endif
