/* TIME_WAIT and 2MSL (semantics section 5; RFC 9293, 3.4.2 and 3.6.1, RFC 1337, RFC 6191). */
#ifndef LASTACK_ANALYZER_TIME_WAIT_H
#define LASTACK_ANALYZER_TIME_WAIT_H

#include "analyzer/connection.h"

/* Both FINs are covered: who holds TIME_WAIT enters it. */
void time_wait_enter(struct connection *c);
/* A later segment or RST of from, after the connection closed; s is taken in already. */
void time_wait_segment(struct connection *c, enum side from, const struct segment *s,
		       const struct moment *at, int64_t two_msl_ns);
/* What decides about the reuse of the tuple by a SYN of one end. */
struct time_wait_state {
	bool timestamps;  /* that end's segments carried them */
	uint32_t ts_last; /* the last of them */
	uint32_t fin_seq; /* the number of that end's FIN */
	bool entered[SIDES];
	int64_t clock_ns[SIDES]; /* entry or last restart; valid where entered */
};

/* A SYN that reuses the tuple. */
struct time_wait_reuse {
	uint8_t by;     /* enum reuse_by; REUSE_BY_NULL: no TIME_WAIT was running */
	uint8_t rule;   /* enum reuse_rule */
	uint8_t answer; /* enum reuse_answer */
	uint8_t clocks; /* bit of a side: its TIME_WAIT was running */
};

/* Of a connection that has closed; a SYN of from starts a new incarnation. */
struct time_wait_reuse time_wait_reuse_of(const struct time_wait_state *state, enum side from,
					  const struct segment *syn, int64_t two_msl_ns);
void time_wait_put_reuse(struct teardown_part *t, const struct time_wait_reuse *reuse);
/* Both in one, with the moment; of a connection that has not closed nothing. */
void time_wait_reuse(struct connection *c, enum side from, const struct segment *syn,
		     const struct moment *at, int64_t two_msl_ns);
/* The first segment of the other end after that SYN, of whatever incarnation; *answer (enum
 * reuse_answer) waits for it, or is left alone. */
void time_wait_answer(uint8_t *answer, const struct segment *s);

/* What to say in the end; until_ns: the next incarnation, or the end of observation. */
struct time_wait_verdict {
	enum side holder; /* SIDE_BOTH, SIDE_NONE allowed */
	enum side worse;  /* whose clock is told */
	enum time_wait_check check;
	int64_t observed_ns;
	int64_t end_ns[SIDES]; /* when each holder's TIME_WAIT was seen last */
};
/* closed: both FINs were covered, and no RST was accepted before. */
struct time_wait_verdict time_wait_judge(const struct connection *c, bool closed, int64_t until_ns,
					 int64_t two_msl_ns);

#endif
