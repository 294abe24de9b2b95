/* What is said of one connection: the taxonomy of teardowns, and the record that carries it from the
 * analyzer to the store.
 *
 * The numbers of these enumerations are stored in databases: append, never renumber.
 * Times are nanoseconds since the Unix epoch; durations are nanoseconds. NONE_NS means unknown (NULL). */
#ifndef LASTACK_ANALYZER_VERDICT_H
#define LASTACK_ANALYZER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/finding.h"
#include "parsers/segment.h"

#define NONE_NS INT64_MIN

enum side { SIDE_INITIATOR, SIDE_RESPONDER, SIDES, SIDE_BOTH = SIDES, SIDE_NONE };

/* How the connection ended; the first rule that fits, top to bottom within its group. */
enum teardown {
	TEARDOWN_STRAY,                /* resets only */
	TEARDOWN_REFUSED,              /* SYN answered by the responder's RST before any SYN|ACK */
	TEARDOWN_UNANSWERED,           /* SYN(s), nothing back */
	TEARDOWN_HANDSHAKE_ABORTED,    /* SYN|ACK or crossing SYNs, then RST, handshake not done */
	TEARDOWN_HANDSHAKE_INCOMPLETE, /* the same without RST */
	TEARDOWN_RST_ABORT,            /* handshake done, no FIN, RST */
	TEARDOWN_RST_AFTER_FIN,        /* a FIN, then RST before both FINs were covered */
	TEARDOWN_FOUR_WAY,             /* FIN; covered by a segment without FIN; FIN */
	TEARDOWN_THREE_SEGMENT,        /* FIN; first covered by the other FIN */
	TEARDOWN_SIMULTANEOUS,         /* neither FIN covered the other */
	TEARDOWN_HALF_CLOSED,          /* one FIN, covered; the peer never sent FIN or RST */
	TEARDOWN_FIN_UNANSWERED,       /* one FIN, never covered */
	TEARDOWN_OPEN,                 /* handshake done, no FIN, no RST */
	TEARDOWNS
};

enum end_reason {
	END_CLOSED,
	END_RESET,
	END_SUPERSEDED,
	END_IDLE_TIMEOUT,
	END_EVICTED,
	END_CAPTURE_END,
	END_REASONS
};

enum fin_check { FIN_NONE, FIN_OK, FIN_VIOLATED, FIN_UNVERIFIED, FIN_CHECKS };

enum time_wait_check {
	TIME_WAIT_NOT_APPLICABLE,
	TIME_WAIT_HELD,
	TIME_WAIT_UNVERIFIED,
	TIME_WAIT_REUSED_OK,
	TIME_WAIT_ASSASSINATED,
	TIME_WAIT_REUSED_EARLY,
	TIME_WAIT_CUT_SHORT,
	TIME_WAIT_CHECKS
};

enum reuse_by { REUSE_BY_NULL, REUSE_BY_HOLDER, REUSE_BY_PEER, REUSE_BYS };

enum reuse_rule { /* RFC 6191, 2 */
		  REUSE_RULE_NULL,
		  REUSE_RULE_NONE,
		  REUSE_RULE_TIMESTAMP_NEWER,
		  REUSE_RULE_TIMESTAMP_EQUAL_ISN_GREATER,
		  REUSE_RULE_ISN_GREATER,
		  REUSE_RULE_TIMESTAMPS_ADDED,
		  REUSE_RULES
};

enum reuse_answer {
	REUSE_ANSWER_NULL,
	REUSE_ANSWER_SYN_ACK,
	REUSE_ANSWER_ACK,
	REUSE_ANSWER_RST,
	REUSE_ANSWER_SYN,
	REUSE_ANSWER_NONE,
	REUSE_ANSWERS
};

enum rst_stage {
	RST_STAGE_NULL,
	RST_STAGE_SYN,
	RST_STAGE_ESTABLISHED_NO_DATA,
	RST_STAGE_AFTER_FIRST_DATA,
	RST_STAGE_ESTABLISHED,
	RST_STAGE_FIN_WAIT_1,
	RST_STAGE_FIN_WAIT_2,
	RST_STAGE_CLOSE_WAIT,
	RST_STAGE_CLOSING,
	RST_STAGE_LAST_ACK,
	RST_STAGES
};

enum rst_cause {
	RST_CAUSE_NULL,
	RST_CAUSE_PORT_CLOSED,
	RST_CAUSE_HALF_OPEN,
	RST_CAUSE_DATA_AFTER_CLOSE,
	RST_CAUSE_NO_SUCH_CONNECTION,
	RST_CAUSE_RETRANSMISSION_FAILURE,
	RST_CAUSE_KEEPALIVE_FAILURE,
	RST_CAUSE_IDLE_TIMEOUT,
	RST_CAUSE_UNREAD_DATA,
	RST_CAUSE_APPLICATION_ABORT,
	RST_CAUSES
};

/* What the end that reset the connection sent. */
enum rst_form {
	RST_FORM_NULL,
	RST_FORM_RST,     /* one reset without ACK flag */
	RST_FORM_RST_ACK, /* one reset with it */
	RST_FORM_SEVERAL, /* more than one */
	RST_FORMS
};

enum conn_state { /* Zeek's; OTH is the last resort */
		  ZEEK_OTH,
		  ZEEK_S0,
		  ZEEK_S1,
		  ZEEK_SF,
		  ZEEK_REJ,
		  ZEEK_S2,
		  ZEEK_S3,
		  ZEEK_RSTO,
		  ZEEK_RSTR,
		  ZEEK_RSTOS0,
		  ZEEK_RSTRH,
		  ZEEK_SH,
		  ZEEK_SHR,
		  CONN_STATES
};

/* States of one endpoint from the first FIN on (RFC 9293, 3.3.2), as the capture shows them. */
enum endpoint_state {
	STATE_ESTABLISHED,
	STATE_FIN_WAIT_1,
	STATE_FIN_WAIT_2,
	STATE_CLOSING,
	STATE_TIME_WAIT,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_CLOSED,
	ENDPOINT_STATES
};

struct state_entry {
	uint8_t side;  /* SIDE_INITIATOR or SIDE_RESPONDER */
	uint8_t state; /* enum endpoint_state; never STATE_ESTABLISHED */
	int64_t entry_ns;
	int64_t dwell_ns; /* NONE_NS for CLOSED */
};

/* FIN_WAIT_1, FIN_WAIT_2 or CLOSING, TIME_WAIT, CLOSED at both ends at the most. */
enum { TIMELINE_MAX = 2 * 5 };

/* Where and when something was captured. ordinal counts the engine's segments: capture order. */
struct moment {
	int64_t ts_ns;
	uint64_t packet;
	uint64_t ordinal; /* 0: never */
	uint32_t file;
	uint32_t reserved; /* zero: no byte of a connection is left unset (packed.h) */
};

/* A segment kept for the ladder. */
struct ladder_segment {
	int64_t ts_ns;
	uint64_t packet;
	uint32_t file;
	uint32_t seq, ack;
	uint32_t payload_len;
	uint32_t window; /* as on the wire */
	uint8_t flags;   /* enum tcp_flag */
	uint8_t from;    /* SIDE_INITIATOR or SIDE_RESPONDER */
	uint8_t ttl;
	bool after_gap; /* segments before this one were not kept */
};

/* Facts of one direction: what this side sent, and what was seen of its FIN. */
struct verdict_direction {
	struct ip_address address;
	uint16_t port;
	uint64_t vlan_tags; /* see struct segment */
	bool seen;          /* it sent a segment */
	bool isn_known;     /* isn is its SYN's (or follows from the peer's SYN|ACK) */
	uint32_t isn;       /* else one below the lowest sequence number seen: the ladder's zero */
	uint64_t packets, bytes, retransmitted, missing;
	enum fin_check fin_check;
	/* valid where fin_check is not FIN_NONE */
	uint32_t fin_seq, fin_payload, fin_retransmissions;
	int64_t fin_ns;
	int64_t fin_acked_after_ns; /* NONE_NS where not covered */
};

/* What nDPI makes of a connection. */
struct application {
	const char *name;         /* "TLS.Google"; NULL: unknown, but risky */
	const char *category;     /* "Web" */
	bool guessed;             /* by port or address: the bytes did not decide it */
	const char *server_name;  /* TLS SNI or HTTP host; NULL: none was seen */
	const char *const *risks; /* nDPI's names of them */
	size_t risk_count;
};

/* Where a wanted string was found. */
struct mark_hit {
	uint32_t mark;    /* which of the strings looked for, from 0 */
	uint8_t side;     /* who sent it */
	uint64_t offset;  /* of its first byte in the stream */
	struct moment at; /* the segment that completed it */
	uint64_t count;   /* occurrences this one stands for */
};

/* One connection, judged. Borrowed by the sink for the length of its call. */
struct verdict {
	uint64_t number; /* of the connection, 1, 2, 3, ... as they were told first */
	bool again;      /* it was told before: this verdict takes the place of the earlier one */
	bool settled; /* again, but nothing was captured since: only its TIME_WAIT was watched on */
	/* In live runs: it goes on, and findings holds what cannot wait for its end. Has no number. */
	bool open;
	uint64_t told; /* findings that were told while it was open: a bit an enum finding_code */
	uint8_t ip_version;
	uint32_t file;         /* of the feed: where its first segment was captured */
	uint64_t first_packet; /* its first segment's number there */
	struct verdict_direction dir[SIDES];
	struct tunnel tunnel;
	bool midstream;
	int64_t first_ns, last_ns;
	uint64_t duplicates;

	enum teardown teardown;
	bool complete;
	enum side closer; /* SIDE_BOTH, SIDE_NONE allowed */
	enum end_reason end_reason;
	uint64_t half_close_bytes;

	enum side time_wait_holder; /* SIDE_BOTH, SIDE_NONE allowed */
	enum time_wait_check time_wait_check;
	int64_t time_wait_entry_ns, time_wait_observed_ns; /* NONE_NS without entry */
	uint32_t time_wait_restarts;
	int64_t reuse_delay_ns; /* NONE_NS without reuse */
	enum reuse_by reuse_by;
	enum reuse_rule reuse_rule;
	enum reuse_answer reuse_answer;

	/* dwell of whichever end was in the state first; NONE_NS: none was */
	int64_t close_wait_ns, fin_wait_1_ns, fin_wait_2_ns, last_ack_ns, closing_ns;

	enum side rst_by; /* SIDE_NONE without accepted RST */
	enum rst_stage rst_stage;
	enum rst_cause rst_cause;
	int64_t rst_silence_ns; /* NONE_NS without accepted RST */
	enum rst_form rst_form;
	uint8_t rst_ttl;        /* or hop limit; 0: not known */
	uint8_t rst_sender_ttl; /* of its sender's latest segment before; 0: there was none */
	/* The silence of 1 s or more before the segments that it answers, or before itself: since then
	 * its sender had sent nothing else. NONE_NS: there was none. */
	int64_t rst_idle_ns;
	bool rst_injected;
	uint64_t rst_in_window, rst_out_of_window;

	enum conn_state conn_state;
	const char *history; /* at most 64 letters, NUL-terminated */

	int64_t handshake_rtt_ns, rst_ns, end_ns; /* NONE_NS where unknown */

	/* How long the closer's FIN came after the last payload that the closer knew of: its own, or
	 * the peer's where the FIN acknowledges it (without payload: after the segment before it).
	 * NONE_NS without a closer or with two. */
	int64_t fin_silence_ns;
	enum rst_stage open_stage; /* how far a connection of class open had come, else NULL */

	const struct application *application; /* NULL: not identified */
	const struct mark_hit *marks;
	size_t mark_count;

	bool clean; /* no ladder needed: complete FIN close, both FINs ok, nothing above info */

	const struct finding *findings; /* in order of time */
	size_t finding_count;
	const struct state_entry *timeline; /* by side, then time */
	size_t timeline_count;
	const struct ladder_segment
		*ladder; /* in capture order; empty where none is to be stored */
	size_t ladder_count;
};

/* The names of the contract. Values outside their enumeration give "?". NULL is meant where the
 * page says NULL. */
const char *teardown_name(enum teardown value);
const char *end_reason_name(enum end_reason value);
const char *fin_check_name(enum fin_check value);
const char *time_wait_check_name(enum time_wait_check value);
const char *reuse_by_name(enum reuse_by value);         /* NULL for REUSE_BY_NULL */
const char *reuse_rule_name(enum reuse_rule value);     /* NULL for REUSE_RULE_NULL */
const char *reuse_answer_name(enum reuse_answer value); /* NULL for REUSE_ANSWER_NULL */
const char *rst_stage_name(enum rst_stage value);       /* NULL for RST_STAGE_NULL */
const char *rst_cause_name(enum rst_cause value);       /* NULL for RST_CAUSE_NULL */
const char *rst_form_name(enum rst_form value);         /* NULL for RST_FORM_NULL */
const char *conn_state_name(enum conn_state value);
const char *endpoint_state_name(enum endpoint_state value);
const char *side_name(enum side value); /* initiator responder both none */

#endif
