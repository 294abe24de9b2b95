/* One incarnation of a tuple while it is watched: what each end sent, acknowledged and advertised.
 *
 * struct connection is what every connection has. Its teardown part comes with the first FIN or RST,
 * notes with the first oddity. None of it points into packets. */
#ifndef LASTACK_ANALYZER_CONNECTION_H
#define LASTACK_ANALYZER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/ladder.h"
#include "analyzer/ranges.h"
#include "analyzer/verdict.h"
#include "analyzer/zeek.h"
#include "parsers/segment.h"

enum { RECENT_ACKS = 4, DOUBTFUL_ACKS = 4, NOTED_SYNS = 2, NOTED_FINS = 2, RST_HYPOTHESES = 4 };

/* The bounds of what a connection keeps (semantics, preamble). */
enum limit {
	LIMIT_HOLES = 0x01,
	LIMIT_RSTS = 0x02,
	LIMIT_SYNS = 0x04,
	LIMIT_SYN_ACKS = 0x08,
	LIMIT_FINS = 0x10,
	LIMIT_ACKS = 0x20,
	LIMIT_LANES = 0x40,
};

/* What one end (the sender) sent. Names are RFC 9293's, as far as the capture knows them. */
struct direction {
	uint64_t vlan_tags;
	uint64_t packets, bytes;
	int64_t data_ns;        /* time of its last payload; valid with data */
	struct ranges captured; /* its sequence numbers */
	uint32_t retransmitted;
	uint32_t isn;
	uint32_t syn_end;           /* number after its SYN, with the data or FIN the SYN carried */
	uint32_t snd_nxt;           /* highest sequence number sent so far + 1, FIN counted */
	uint32_t last_end;          /* end of its last segment */
	uint32_t data_end;          /* end of the highest payload */
	uint32_t ack_max;           /* highest ACK sent */
	uint32_t acks[RECENT_ACKS]; /* last distinct ones, latest first */
	uint32_t window_right;      /* largest right edge advertised; scale 14 where unknown */
	uint32_t window_max;        /* largest window advertised */
	uint32_t ts_last;           /* TSval of its last segment with timestamps */
	uint64_t unseen; /* bytes the peer acknowledged while nothing of it was captured */
	uint32_t
		peer_first_ack; /* the peer's first ACK of this direction, while nothing of it was captured */
	uint32_t peer_ack; /* highest believable ACK the peer sent */
	uint32_t bare_end; /* end of its last segment without ACK flag */
	uint32_t ahead_ack,
		ahead_bytes; /* payload in segments that acknowledge what is not captured yet */
	uint16_t window;     /* of its last segment with ACK, as on the wire */
	uint8_t wscale;      /* of its SYN */
	uint8_t ttl_first, ttl_last; /* of its segments without RST */
	uint8_t ack_count;           /* valid in acks */
	uint8_t resent; /* times the segment at SND.UNA was sent again since the peer's last */
	uint8_t probes; /* keep-alive probes since the peer's last segment */

	bool seen : 1;  /* any segment, RST included */
	bool spoke : 1; /* a segment without RST */
	bool plain : 1; /* a segment without SYN, FIN and RST */
	bool isn_known : 1;
	bool syn : 1;     /* its SYN without ACK was captured */
	bool syn_ack : 1; /* its SYN|ACK was captured */
	bool nxt_known : 1;
	bool ack_max_by_fin : 1; /* the segment that raised ack_max to its value carried a FIN */
	bool acked : 1;          /* it sent an ACK: ack_max, acks and window are valid */
	bool window_seen : 1;    /* window_right is valid */
	bool window_in_syn : 1;  /* window came in a SYN: never scaled */
	bool timestamps : 1;
	bool peer_acked : 1; /* peer_ack is valid */
	bool data : 1;       /* data_end and data_ns are valid */
	bool bare : 1;       /* bare_end is valid */
};

/* The FIN of one direction: its first captured transmission that counts. */
struct fin {
	struct moment at;
	struct moment covered;    /* the covering ACK; the FIN's own moment where one came before */
	struct moment unconsumed; /* first ACK of exactly fin_seq that fits fin-not-consumed */
	uint32_t seq;             /* the number it occupies */
	uint32_t payload;
	uint32_t ack; /* of that transmission */
	uint32_t retransmissions;
	uint32_t
		unanswered_copies; /* captured again, not yet acknowledged again (TIME_WAIT restarts) */
	uint32_t data_before; /* end of its sender's highest payload before it, where had_data */
	bool seen : 1;
	bool has_ack : 1;
	bool had_data : 1;
	bool in_order : 1; /* captured with nothing missing before it */
	bool covered_exactly : 1;
	bool covered_by_fin : 1; /* the first covering segment is the peer's FIN */
	bool violated : 1;
	uint8_t reserved[7]; /* zero: see struct moment */
};

/* A RST that may have ended the connection. */
struct rst_hypothesis {
	struct moment at;
	int64_t silence_ns;
	int64_t idle_ns; /* see connection.gap_ns; NONE_NS */
	uint32_t in_window_before[SIDES], out_of_window_before[SIDES];
	uint32_t nxt[SIDES], ack[SIDES]; /* how far each end had come */
	uint8_t by;                      /* enum side */
	uint8_t stage;                   /* enum rst_stage */
	uint8_t cause;                   /* enum rst_cause */
	uint8_t ttl, flags;              /* its own */
	uint8_t ttl_first, ttl_last;     /* of its sender before it */
	bool exact : 1;                  /* else in_window */
	bool odd_ttl : 1;
	bool receiver_reset : 1; /* in_window: a RST came back */
	bool nxt_known[SIDES], ack_known[SIDES];
	bool advanced[SIDES];
};

/* One end's TIME_WAIT. */
struct time_wait {
	int64_t clock_ns; /* entry or last restart */
	uint32_t restarts;
	bool entered : 1;
	bool peer_unanswered : 1; /* a segment of the peer since, not answered */
	bool cut_short : 1;
	bool assassinated : 1;
	bool reused_ok : 1;
	bool reused_early : 1;
	uint8_t reserved[3];  /* zero: see struct moment */
	struct moment broken; /* the RST that shows cut_short or assassinated */
};

struct teardown_part {
	struct fin fin[SIDES];
	struct time_wait time_wait[SIDES];
	struct moment entry;  /* of TIME_WAIT */
	struct moment closed; /* both FINs covered */
	struct rst_hypothesis rst[RST_HYPOTHESES];
	uint32_t rst_count;
	uint32_t rsts[SIDES];       /* RSTs captured of each end, of whatever class */
	int64_t fin_silence[SIDES]; /* before the FIN: see verdict.fin_silence_ns */
	uint64_t last_rst_ordinal;  /* of any RST before the connection closed */
	/* RSTs by class and sender, as they came, before the connection closed */
	uint32_t in_window[SIDES], out_of_window[SIDES];
	uint64_t half_close
		[SIDES];     /* payload first captured in segments that cover the peer's FIN */
	struct moment reuse; /* the SYN that reused the tuple inside 2MSL */
	uint8_t reuse_by, reuse_rule, reuse_answer;
	bool rst_injected; /* a RST was taken back */
};

/* A SYN that may turn out to have started a new incarnation. */
struct noted_syn {
	struct segment segment; /* without what it borrows */
	struct moment at;
	uint32_t duplicates; /* capture duplicates of it */
	uint8_t from;        /* enum side */
	bool used;
	bool refused_again; /* carries the refused ISN */
};

/* A SYN|ACK with another ISN than the first; counts if the initiator acknowledges it. */
struct rival {
	struct segment segment;
	bool used;
};

/* A FIN outside the peer's window; counts if the peer then acknowledges exactly its number + 1. */
struct noted_fin {
	struct moment at;
	uint32_t seq, payload, ack;
	uint32_t copies; /* captured again */
	uint32_t data_before;
	uint8_t from;
	bool has_ack, had_data, used;
};

/* Something to tell, as it was seen; becomes a struct finding when the connection is judged. */
struct event {
	struct moment at;
	uint64_t count;
	uint32_t x, y, z, w;    /* numbers for the sentence */
	struct ip_address from; /* who sent an ICMP error */
	uint8_t code, side, ip_version;
};

struct notes {
	struct noted_syn syn[NOTED_SYNS];
	struct rival rival[NOTED_SYNS];
	struct noted_fin fin[NOTED_FINS];
	uint32_t doubtful[SIDES][DOUBTFUL_ACKS]; /* ACKs of this direction too high to believe */
	uint8_t doubtful_count[SIDES];
	uint32_t foreign_acks[DOUBTFUL_ACKS]; /* in SYN-SENT: ACKs of an older incarnation */
	uint8_t foreign_ack_count;
	uint32_t event_count, event_capacity;
	struct event *event; /* owned */
};

struct connection {
	int64_t first_ns, last_ns; /* smallest and largest time of its segments */
	int64_t previous_ns;       /* time of the segment captured last */
	int64_t syn_ns;            /* the initiator's first SYN */
	int64_t gap_ns;            /* the last silence of 1 s or more, 0: none */
	int64_t handshake_rtt_ns;
	uint64_t first_packet;
	struct direction dir[SIDES];
	struct ladder ladder;
	struct teardown_part *teardown; /* owned; NULL until a FIN or RST */
	struct notes *notes;            /* owned; NULL until needed */
	struct zeek zeek;
	uint32_t first_file;
	uint32_t data_segments;       /* payload segments of both ends, retransmissions aside */
	bool initiator_since_gap : 1; /* that end has sent something since gap_ns */
	bool responder_since_gap : 1;
	bool midstream : 1;
	bool stray : 1; /* resets only so far */
	bool handshake_done : 1;
	bool handshake_assumed : 1; /* done as no SYN|ACK was captured so far */
	uint8_t limits;             /* enum limit, bounds that were hit */
};

static inline enum side peer_of(enum side side)
{
	return side == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
}

/* One of its segments came at this time. */
static inline void connection_span(struct connection *c, int64_t ts_ns)
{
	if (ts_ns < c->first_ns)
		c->first_ns = ts_ns;
	if (ts_ns > c->last_ns)
		c->last_ns = ts_ns;
}

static inline bool moment_before(const struct moment *x, const struct moment *y)
{
	return x->ordinal < y->ordinal;
}

/* SEG.LEN: payload and one for each of SYN and FIN. A segment with RST occupies nothing. */
static inline uint32_t segment_length(const struct segment *s)
{
	return s->payload_len + ((s->flags & TCP_SYN) ? 1 : 0) + ((s->flags & TCP_FIN) ? 1 : 0);
}

/* The parts, made when first needed; NULL without memory. */
struct teardown_part *connection_teardown(struct connection *c);
struct notes *connection_notes(struct connection *c);
/* Adds an event; past four of a code and side the last one counts them. False without memory. */
bool connection_event(struct connection *c, enum finding_code code, enum side side,
		      const struct moment *at, uint32_t x, uint32_t y);

/* The same numbers with different bytes. */
struct overlap {
	uint32_t seq;                          /* the first that differs */
	uint32_t differ;                       /* bytes */
	uint32_t earlier_length, later_length; /* payload of the two segments */
};

bool connection_overlap(struct connection *c, enum side side, const struct moment *at,
			const struct overlap *overlap);

/* The same for an ICMP error about a segment of side. */
bool connection_icmp(struct connection *c, enum finding_code code, enum side side,
		     const struct moment *at, const struct icmp_error *icmp);

/* The window scale in force for what side advertises; false where the capture does not tell. */
bool connection_window_shift(const struct connection *c, enum side side, uint8_t *shift);

/* The RST that ended the connection as far as is known now; NULL: none. Exact ones only, or also those
 * in the window that stand the test when nothing more comes (followed: a new incarnation came). */
const struct rst_hypothesis *connection_reset(const struct connection *c, bool in_window_too,
					      bool followed);
/* Both FINs covered, and no RST before. */
bool connection_closed(const struct connection *c);
/* Closed or reset. */
static inline bool connection_ended(const struct connection *c)
{
	return c->teardown && (c->teardown->closed.ordinal || connection_reset(c, false, false));
}

/* Only SYNs of the initiator so far (and ACKs of an older incarnation): SYN-SENT. */
static inline bool connection_syn_sent(const struct connection *c)
{
	const struct direction *i = &c->dir[SIDE_INITIATOR], *r = &c->dir[SIDE_RESPONDER];

	return !c->handshake_done && i->syn && !c->midstream && !r->syn && !r->syn_ack;
}

size_t connection_memory(const struct connection *c);
void connection_free(struct connection *c);

#endif
