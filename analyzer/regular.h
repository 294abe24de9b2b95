/* The short way for the usual connection: one that has been entirely regular so far.
 *
 * Most connections are a SYN, its SYN|ACK, the ACK, data in order, FINs and their ACKs, each once and in
 * that order. Of such a one little needs to be looked at, a segment, and all that intake.h would have
 * made of it follows from few numbers. They are kept here, after Van Jacobson's header prediction
 * (RFC 1144, appendix; "4BSD header prediction", 1990): regular_take() says whether a segment is the next
 * one of a regular connection, and if so takes it. Where it is not, nothing is changed: the caller
 * expands the connection to the full form, once and for all, and goes the long way.
 *
 * Regular is, by the names of RFC 9293:
 *   - the first segment is a SYN without ACK and payload, the second the other end's SYN|ACK of exactly
 *     that SYN (3.5), the third comes from the initiator; none of them carries other control bits;
 *   - all others have ACK and neither SYN nor RST; SEG.SEQ = SND.NXT of their sender: nothing is lost,
 *     repeated, probed or out of order;
 *   - SND.UNA =< SEG.ACK =< SND.NXT of the peer: nothing unseen is acknowledged, no ACK is old (3.4);
 *   - a window of 0 is never advertised, and a FIN lies inside the peer's window (3.10.7.4);
 *   - behind its FIN an end sends nothing but ACKs (3.6), and none of them repeats an ACK that leaves
 *     the peer's FIN out;
 *   - nothing comes once both FINs are covered;
 *   - time does not run backwards, and all is of one file.
 *
 * regular_expand() gives bit by bit what intake() would have built of the same segments; the test
 * `regular` holds it to that. */
#ifndef LASTACK_ANALYZER_REGULAR_H
#define LASTACK_ANALYZER_REGULAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/connection.h"
#include "analyzer/time_wait.h"

enum { REGULAR_LETTERS = 8 };

/* A struct moment in the connection's one file. ordinal 0: never. */
struct regular_moment {
	int64_t ts_ns;
	uint32_t packet, ordinal;
};

/* What one end sent; see struct direction and struct fin for the names. */
struct regular_end {
	uint32_t isn, snd_nxt;
	uint32_t acks[RECENT_ACKS]; /* ascending in time: the first is ack_max */
	uint32_t window_right, window_max;
	uint32_t ts_last;
	uint32_t packets;
	int64_t data_ns;
	uint16_t window;
	uint8_t wscale;
	uint8_t shift; /* in force for what it advertises behind its SYN */
	uint8_t ttl_first, ttl_last;
	uint8_t ack_count;
	union {
		uint8_t marks; /* all of these, kept and put back together */
		struct {
			bool timestamps : 1;
			bool plain : 1;
			bool bare_ack : 1;   /* sent a segment with nothing but an ACK (Zeek's A) */
			bool data_alone : 1; /* sent payload in a segment without FIN (Zeek's D) */
			bool data : 1;
			bool since_gap : 1;
			bool ack_max_by_fin : 1;
			bool fin : 1;
		};
	};
	bool covered_by_fin;
	uint32_t half_close; /* payload that covers the peer's FIN */
	/* of its FIN, which occupies snd_nxt - 1 */
	uint32_t fin_payload, fin_ack;
	int64_t fin_silence;
	struct regular_moment fin_at, covered;
};

enum regular_stage {
	REGULAR_SYN_SENT,
	REGULAR_SYN_RECEIVED,
	REGULAR_ESTABLISHED, /* and all states behind it while not both FINs are covered */
	REGULAR_CLOSED,      /* both FINs are covered: TIME_WAIT */
};

struct regular {
	int64_t first_ns, last_ns;
	int64_t gap_ns, handshake_rtt_ns;
	uint32_t first_packet, file;
	uint32_t data_segments;
	uint8_t stage; /* enum regular_stage */
	uint8_t letters;
	char history[REGULAR_LETTERS]; /* Zeek's, without a terminator */
	struct regular_end end[SIDES];
	struct time_wait_reuse reuse; /* allowed; its moment is the next incarnation's start */
	struct ladder ladder;         /* owns its segments */
};

/* True where a connection may begin regularly with this segment; then *r is filled. Before, only the room that its
 * ladder has means anything. */
bool regular_start(struct regular *r, const struct segment *s, const struct moment *at,
		   bool keep_ladder);
/* Takes the next segment of from; false, and nothing changed, where it is not the next one of a regular
 * connection. The first is for what has a SYN, the second for all else. */
bool regular_take_answer(struct regular *r, enum side from, const struct segment *s,
			 const struct moment *at, bool keep_ladder);
bool regular_take_next(struct regular *r, enum side from, const struct segment *s,
		       const struct moment *at, bool keep_ladder);

static inline bool regular_take(struct regular *r, enum side from, const struct segment *s,
				const struct moment *at, bool keep_ladder)
{
	return (s->flags & TCP_SYN) ? regular_take_answer(r, from, s, at, keep_ladder)
				    : regular_take_next(r, from, s, at, keep_ladder);
}

/* Sets the shifts in force: RFC 7323, 2.2: only if both SYNs carried the option. */
void regular_agree_on_scaling(struct regular *r);

/* What a regular connection does not hold itself, as its flow does. */
struct regular_beside {
	uint64_t vlan_tags[SIDES]; /* of each side's first segment */
	int64_t followed_ns;       /* the SYN of the next incarnation; NONE_NS */
};

/* The full form. Its teardown part is *t, or none where no FIN was seen; the ladder's segments are
 * lent: they stay r's. Of the SYN that reused its tuple only the time is told. */
void regular_expand(const struct regular *r, const struct regular_beside *beside,
		    struct connection *c, struct teardown_part *t);

/* How one that is closed did so. */
struct regular_close {
	enum side first;  /* whose FIN came first */
	bool crossed;     /* neither FIN covers the other */
	int64_t entry_ns; /* into TIME_WAIT */
};

struct regular_close regular_close_of(const struct regular *r);
/* What decides about the reuse of its tuple by a SYN of this end. */
struct time_wait_state regular_close_time_wait(const struct regular_close *close,
					       const struct regular_end *end);
/* Both in one. */
struct time_wait_state regular_time_wait(const struct regular *r, enum side from);

/* Closed clean, with no stage of the teardown longer than stuck_ns: nobody wants its ladder. */
bool regular_is_clean(const struct regular *r, int64_t stuck_ns);

size_t regular_memory(const struct regular *r);
void regular_free(struct regular *r); /* NULL is fine */

#endif
