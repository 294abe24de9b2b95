/* Segments written as text, for the tests of analyzer/zeek.h.
 *
 * "DIRECTION FLAGS SEQ [aACK] [+PAYLOAD] [w0]", separated by commas: > is sent by the initiator,
 * < by the responder; flags are S A F R or - for none; numbers are relative to the sender's ISN
 * (aACK: of the other side), so that 0 is the SYN; w0 is a zero window. A text that does not follow
 * this fails its test. */
#ifndef LASTACK_TESTS_ZEEK_SCENE_H
#define LASTACK_TESTS_ZEEK_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/zeek.h"

#define HANDSHAKE "> S 0, < SA 0 a1, > A 1 a1, "

struct scene {
	struct zeek zeek;
	uint32_t isn[SIDES];
};

struct scene scene_new(void);
struct scene scene_at(uint32_t initiator_isn, uint32_t responder_isn);
void play(struct scene *scene, const char *segments);
void expect(const struct scene *scene, const char *history, enum conn_state state);

/* A whole connection and what is to be said of it. */
struct trace {
	const char *segments;
	const char *history;
	enum conn_state state;
};

/* Plays each trace in its own copy of the scene. */
void check_traces(const struct trace *traces, size_t count, struct scene scene);

#define CHECK_AT(traces, scene) check_traces(traces, sizeof(traces) / sizeof((traces)[0]), scene)
#define CHECK(traces)           CHECK_AT(traces, scene_new())

#endif
