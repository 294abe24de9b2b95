/* What is true of the connections of a tcp_world, from what its ends knew when they sent what the tap
 * saw: which FIN their segments covered, of which incarnation they spoke. docs/teardowns.md says what
 * follows from that; here it is said once more, by other means. */
#ifndef LASTACK_TESTS_TCP_TRUTH_H
#define LASTACK_TESTS_TCP_TRUTH_H

#include "analyzer/verdict.h"
#include "tests/tcp_world.h"

struct true_fin {
	int32_t at; /* place in the log of the first one; -1: none */
	uint32_t number;
	uint32_t copies;   /* captured again */
	int32_t covered;   /* place of the first segment that covers it; -1: none */
	bool covers_peers; /* the first one covers the other FIN */
};

struct true_side {
	bool seen, syn, syn_ack, acked_peers_syn;
	uint32_t isn;
	int64_t next, last_end; /* highest number, end of the last segment */
	uint32_t highest_ack;
	uint32_t acks[4]; /* distinct values, the latest first */
	uint32_t ack_count;
	uint32_t window;
	bool window_of_syn;
	uint8_t wscale;
	uint64_t bytes, retransmitted;
	struct true_fin fin;
	bool has_timestamp; /* the SYN had */
	uint32_t timestamp; /* the latest */
	bool captured[MODEL_STREAM_MAX + 2];
};

/* A reset that its receiver may have accepted: what follows decides. */
struct true_reset {
	int32_t at;
	uint8_t by;
	bool exact;                        /* else it was in the window only */
	bool refuses;                      /* a SYN */
	uint32_t later_rsts, later_others; /* of its receiver */
	bool progress[2];                  /* of each host: new numbers sent or acknowledged */
};

enum { RESETS_MAX = 24 };

struct true_row {
	uint32_t life;
	int32_t begins;                             /* place in the log of its first segment */
	uint8_t initiator;                          /* host */
	bool others;                                /* the responder sent something that counts */
	bool done;                                  /* the handshake */
	int32_t done_at, rst, closed, both_covered; /* places in the log; -1: never */
	uint8_t rst_by;
	bool refused, superseded;
	int64_t superseded_at;
	int64_t last;             /* time of its last segment */
	struct true_side side[2]; /* by host */
	struct true_reset resets[RESETS_MAX];
	uint32_t reset_count;
	uint64_t half_close_bytes[2]; /* sent by this host, where it covered the peer's FIN */
};

/* What a verdict must say. Sides are those of the row. */
struct truth {
	struct true_row *row;
	enum teardown teardown;
	bool complete;
	enum side closer, rst_by, holder;
	enum end_reason end_reason;
	enum fin_check fin_check[SIDES];
	enum time_wait_check time_wait_check;
	uint64_t half_close_bytes;
};

struct truths {
	struct true_row rows[WORLD_LIVES + 1]; /* by life, from 1 */
	uint32_t order[WORLD_LIVES], count;    /* lives in order of their rows */
	bool beyond; /* a segment came for a row that was forgotten: not judged here */
	bool begun[WORLD_LIVES + 1];
	uint32_t pending[WORLD_LIVES + 1]; /* place of its first SYN + 1; 0: none */
};

void truths_find(struct truths *t, const struct tcp_world *w);
/* until: the largest time of the capture. */
struct truth truth_of(struct truths *t, uint32_t index, const struct tcp_world *w, int64_t until);
/* Whether it has ended, as far as the log up to now tells. */
void row_settle(struct true_row *r);
/* Of a segment that the tap delivered twice, the second. */
bool truth_is_duplicate(const struct tcp_world *w, uint32_t place);

#endif
