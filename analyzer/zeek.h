/* Zeek's conn_state and history of one connection, as Zeek 8 decides them.
 *
 * A machine of its own beside the engine's: Zeek does not check sequence numbers, and its endpoint
 * states are not RFC 9293's. Sides are the engine's: the initiator is Zeek's originator.
 *
 * Not produced: the letters C, G, X and ^. Not followed: Zeek's timers, its guesses about who the
 * originator is, and its miscounts of wraps where a number lies below the side's first one. A
 * connection is whatever segments the engine hands in.
 *
 * The history's letters, in the order they were earned, upper case of the initiator, lower case of
 * the responder. A segment earns at most one of the first two groups, then W, then T:
 *
 *   S SYN, H SYN|ACK, F FIN, R RST: alone; again only at another sequence number
 *   I FIN|RST, Q another mix of SYN, FIN and RST, D payload, A bare ACK: once
 *   W zero window, T payload at or below the highest number sent: the 1st, 10th, 100th, ... time */
#ifndef LASTACK_ANALYZER_ZEEK_H
#define LASTACK_ANALYZER_ZEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "parsers/segment.h"

enum { ZEEK_HISTORY_MAX = 64 }; /* letters */

/* Zeek's states of one side: what it was seen to send, not where RFC 9293 would put it. */
enum zeek_state {
	ZEEK_INACTIVE,     /* nothing, or nothing that counts */
	ZEEK_SYN_SENT,     /* the initiator's SYN, unanswered */
	ZEEK_SYN_ACK_SENT, /* a SYN|ACK of the initiator */
	ZEEK_PARTIAL,      /* segments, but no SYN */
	ZEEK_ESTABLISHED,  /* the responder's SYN was seen: both sides get here at once */
	ZEEK_CLOSED,       /* it sent FIN */
	ZEEK_RESET,        /* it sent RST, and not after both FINs */
	ZEEK_STATES
};

/* What Zeek keeps of one side. Only zeek.c reads it. */
struct zeek_endpoint {
	uint32_t start;         /* number of its SYN; one below its first segment without SYN */
	uint32_t last;          /* one above the highest number it sent */
	uint32_t syn, fin, rst; /* relative to start: where its latest S or H, F and R were */
	unsigned state : 3;     /* enum zeek_state */
	unsigned state_before : 3;
	unsigned acked : 2; /* numbers from start on that the peer acknowledged; 3: or more */
	unsigned retransmitted : 24; /* how often for T, saturating */
	unsigned seen : 7;           /* letters already in the history that are told once */
	unsigned fin_seen : 1;       /* a FIN in any combination of flags */
	unsigned zero_windows : 24;  /* how often for W, saturating */
};

/* Plain data, copyable; all zero before the first segment. */
struct zeek {
	struct zeek_endpoint end[SIDES];
	char history[ZEEK_HISTORY_MAX + 1];
	bool full; /* a letter was lost */
	/* Of each side's latest SYN without ACK: where in the history its letters are, and how many
	 * it added, often none. */
	uint8_t syn_at[SIDES], syn_earned[SIDES];
};

/* from is SIDE_INITIATOR or SIDE_RESPONDER. */
void zeek_segment(struct zeek *z, enum side from, const struct segment *s);

/* What one side of a connection that has been regular all along (regular.h) has sent: enough to tell what
 * zeek_segment() would have made of it. */
struct zeek_sent {
	uint32_t isn,
		nxt;    /* all numbers from its SYN's up to nxt, once and in order, FIN included */
	uint32_t acked; /* numbers from isn on that the peer acknowledged */
	bool synchronized; /* the responder's SYN|ACK has come */
	bool fin;
	bool bare_ack, data; /* it sent an ACK alone; payload without FIN */
};

/* *z was all zero. */
void zeek_put(struct zeek *z, enum side side, const struct zeek_sent *sent);
/* The letters that it earned, in order; at most ZEEK_HISTORY_MAX. */
void zeek_put_history(struct zeek *z, const char *letters, size_t count);

/* As if the connection ended now. */
enum conn_state zeek_conn_state(const struct zeek *z);

/* NUL-terminated, inside *z; empty where no segment earned a letter. */
const char *zeek_history(const struct zeek *z);

/* True where letters were lost at ZEEK_HISTORY_MAX. */
bool zeek_history_full(const struct zeek *z);

/* The latest SYN of this side belongs to another connection after all: removes the letters that it
 * added. Leaves the history alone where it added none, as an exact repetition does. */
void zeek_take_back_syn(struct zeek *z, enum side from);

#endif
