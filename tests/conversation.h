/* Two TCPs that talk over a link which loses segments, and a tap on it that loses, reorders and repeats
 * some of its own. The same seed gives the same capture everywhere. */
#ifndef LASTACK_TESTS_CONVERSATION_H
#define LASTACK_TESTS_CONVERSATION_H

#include "tests/engine_scene.h"
#include "tests/stream_model.h"

enum { SEGMENT_BYTES_MAX = 1500, TAP_QUEUE = 60 };

/* What happens; chances are of 100. */
struct link_mode {
	const char *name;
	bool midstream; /* no SYN is captured */
	bool conflicts; /* retransmissions carry other bytes */
	bool windows;   /* small windows, and senders that overrun them */
	bool resets;    /* which end one side, both, or nobody */
	bool fins;
	bool after_fin; /* data behind a FIN */
	bool syn_data;
	bool keep_alives;     /* with a byte that means nothing */
	bool short_frames;    /* the capture cuts frames off */
	bool changing_wishes; /* readers turn away from a side */
	bool loose;           /* as in struct stream_model */
	enum overlap_policy overlap;
	uint32_t tap_loss, link_loss, reordering, duplicates;
	uint32_t conversations, steps; /* steps of all of them together */
	size_t memory, max_flows;      /* 0: as the engine has it */
	uint32_t runs;                 /* in the suite */
};

/* What one end sends, and what came of it at the other. */
struct talker {
	uint32_t isn, sent, window; /* window: of the receiver */
	uint32_t edge;              /* the sender may send up to here */
	uint32_t received_to;       /* without a hole */
	bool received[MODEL_SPAN];
	bool fin_sent, fin_received;
};

struct conversation {
	struct ends ends;
	struct talker talker[SIDES];
	struct stream_model model;
	bool begun, reset_sent;
	uint32_t unseen;      /* steps until the capture begins */
	bool silenced[SIDES]; /* the reset ended this end */
	/* for the reader */
	bool opened, open, ignored[SIDES];
};

/* A segment on its way to the capture. */
struct tapped {
	struct conversation *of;
	struct model_segment segment;
	uint8_t bytes[SEGMENT_BYTES_MAX];
};

struct link {
	const struct link_mode *mode;
	uint32_t random;
	struct conversation **conversations; /* owned */
	uint32_t first;                      /* those before it speak seldom */
	uint16_t ip_id;                      /* of the latest segment */
	struct tapped queue[TAP_QUEUE];
	uint32_t queued;
	void (*captured)(void *context, struct conversation *of, const struct model_segment *s);
	void *context;
};

void link_open(struct link *l, const struct link_mode *mode, uint32_t seed);
uint32_t link_below(struct link *l, uint32_t bound);
bool link_chance(struct link *l, uint32_t of_100);
/* One of the conversations goes on; step counts up to mode->steps. */
void link_step(struct link *l, uint32_t step);
void link_flush(struct link *l); /* what the tap still holds is captured */
void link_close(struct link *l);

#endif
