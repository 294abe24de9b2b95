/* Two hosts that open, use and end connections over one pair of ports, one after the other, across a
 * link that loses, delays, reorders and repeats segments, with a tap on it. The same seed gives the
 * same world everywhere. Times are microseconds. */
#ifndef LASTACK_TESTS_TCP_WORLD_H
#define LASTACK_TESTS_TCP_WORLD_H

#include "tests/tcp_end.h"

enum { WORLD_LIVES = 4, WORLD_LOG_MAX = 1500, WORLD_EVENTS_MAX = 400 };

/* A segment that passed the tap. */
struct model_tapped {
	struct model_tcp tcp;
	int64_t at;
};

enum world_event_kind { WORLD_AT_TAP, WORLD_AT_HOST, WORLD_ACTION };

enum world_action {
	ACTION_WRITE,
	ACTION_SHUT, /* closes and goes on reading */
	ACTION_CLOSE,
	ACTION_ABORT,
	ACTION_CRASH,  /* and is up again at once, knowing nothing */
	ACTION_UNPLUG, /* and never comes back */
	ACTION_CONNECT,
	ACTIONS
};

struct world_event {
	int64_t at;
	uint64_t order;
	uint8_t kind, host, action;
	uint32_t life, bytes;
	struct model_tcp tcp;
};

/* One of the two ways between a host and the tap. Chances are of 1000. */
struct world_leg {
	uint32_t loss, repeats;
	uint32_t delay, jitter;
};

struct tcp_world {
	uint32_t random;
	struct model_host host[2];
	struct world_leg leg[2];
	int64_t now, stop; /* of the capture */
	int64_t two_msl;
	uint32_t lives; /* begun so far */
	uint32_t lives_max;
	uint16_t ip_id[2];
	bool answered; /* since world_begin_answer */
	bool sane_isns;
	bool established;  /* the latest life was, at one end */
	uint8_t connector; /* host that opened it */
	uint64_t order;
	uint32_t event_count, log_count;
	bool overflown; /* too much for the arrays: not a world to judge by */
	struct world_event events[WORLD_EVENTS_MAX];
	struct model_tapped log[WORLD_LOG_MAX];
};

void world_run(struct tcp_world *w, uint32_t seed);
uint32_t world_below(struct tcp_world *w, uint32_t bound);

/* What the ends call. */
void world_send(struct tcp_world *w, const struct model_tcp *s, int64_t now);
int64_t world_now(const struct tcp_world *w);
int64_t world_time_wait(const struct tcp_world *w);
uint32_t world_isn(struct tcp_world *w);
void world_established(struct tcp_world *w, struct model_host *h, int64_t now);
void world_end_of_file(struct tcp_world *w, struct model_host *h, int64_t now);
void world_begin_answer(struct tcp_world *w);
bool world_acked_already(const struct tcp_world *w, const struct model_host *h);

#endif
