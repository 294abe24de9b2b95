/* One end of a TCP connection as RFC 9293 has it, for the model of tcp_world.h: small, without
 * congestion control, and not in a hurry. It shares no code with the product.
 *
 * Numbers within an end are offsets from its initial sequence number: the SYN is at 0, the first byte
 * of data at 1. They are 32-bit numbers only on the wire. Times are microseconds. */
#ifndef LASTACK_TESTS_TCP_END_H
#define LASTACK_TESTS_TCP_END_H

#include <stdbool.h>
#include <stdint.h>

enum { MODEL_STREAM_MAX = 12000, MODEL_MSS = 1000 };

enum model_flag { MODEL_FIN = 1, MODEL_SYN = 2, MODEL_RST = 4, MODEL_ACK = 16 };

enum model_state {
	MODEL_CLOSED,
	MODEL_SYN_SENT,
	MODEL_SYN_RECEIVED,
	MODEL_ESTABLISHED,
	MODEL_FIN_WAIT_1,
	MODEL_FIN_WAIT_2,
	MODEL_CLOSING,
	MODEL_TIME_WAIT,
	MODEL_CLOSE_WAIT,
	MODEL_LAST_ACK,
};

/* A segment, and what its sender knows of it and no tap can see. */
struct model_tcp {
	uint8_t from; /* host 0 or 1 */
	uint8_t flags;
	uint32_t seq, ack;
	uint32_t len;
	uint16_t window;
	uint8_t wscale; /* 0xff: no option */
	bool has_timestamp;
	uint32_t timestamp;
	uint16_t ip_id;

	uint32_t life;    /* which incarnation its sender speaks of; 0: none */
	bool covers_fin;  /* its sender has consumed the peer's FIN */
	int64_t off, end; /* of its sender's numbers, where life is not 0 and it is no bare RST */
};

/* What the host around the end does for it. */
struct model_host {
	struct tcp_world *world;
	uint8_t index;

	enum model_state state;
	uint32_t life;
	uint32_t iss, irs;
	int64_t snd_una, snd_nxt, rcv_nxt;
	int64_t queued;     /* end of what the application has written */
	bool fin_queued;    /* the application has closed */
	bool reads;         /* it still reads */
	int64_t peer_fin;   /* of the peer, once it was seen; -1 */
	bool fin_consumed;  /* the peer's FIN */
	bool passive;       /* came from LISTEN */
	uint16_t window;    /* what it offers, unscaled */
	uint8_t wscale;     /* 0xff: offers none */
	uint8_t peer_scale; /* 0xff: none told */
	int64_t peer_edge;  /* may send up to here */
	int64_t rto_at, rto;
	uint32_t retries;
	int64_t wait_until; /* end of TIME_WAIT */
	uint32_t ts_recent; /* the peer's latest timestamp */
	bool timestamps;    /* both use them */
	bool received[MODEL_STREAM_MAX + 2];

	/* of the host, whatever its connections do */
	bool listens;
	bool silent;      /* unplugged */
	bool fix_1337;    /* ignores resets in TIME_WAIT */
	bool offers_time; /* would use timestamps */
	uint32_t clock_offset;
};

void end_connect(struct model_host *h, uint32_t life, uint32_t iss, int64_t now);
void end_write(struct model_host *h, uint32_t bytes, int64_t now);
void end_close(struct model_host *h, bool reads, int64_t now);
void end_abort(struct model_host *h);
void end_forget(struct model_host *h); /* without a word */
void end_receive(struct model_host *h, const struct model_tcp *s, int64_t now);
void end_timer(struct model_host *h, int64_t now);
int64_t end_next_timer(const struct model_host *h); /* INT64_MAX: none */

#endif
