/* An engine under test: segments made by hand go in, and what it tells is kept.
 *
 * Every failure of the engine or of memory fails the test, except where the sink was made to refuse. */
#ifndef LASTACK_TESTS_ENGINE_SCENE_H
#define LASTACK_TESTS_ENGINE_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"

#define SECOND_NS INT64_C(1000000000)

/* The two ends of a tuple, by who is meant to be the initiator. */
struct ends {
	uint8_t ip_version;
	struct ip_address address[SIDES];
	uint16_t port[SIDES];
};

/* A verdict that outlives the sink's call: its pointers lead to copies of its own. */
struct told {
	struct verdict verdict;
	struct finding *findings;
	struct state_entry *timeline;
	struct ladder_segment *ladder;
	char history[65];
};

struct scene {
	struct engine *engine;
	struct told *told;
	size_t told_count, told_capacity;
	uint64_t told_ever;    /* also those not kept */
	uint64_t told_packets; /* of all connections told */
	uint64_t told_duplicates;
	uint64_t judged; /* by the sink: scene_open_judging() */
	bool forgetful;  /* verdicts are counted, not kept */
	bool refuses;    /* the sink fails */
	uint64_t packet; /* number of the last packet */
};

/* Ends of their own for every number: 10.x.y.z port 40000 to 192.0.2.1 port 80. */
struct ends ends_of(uint32_t number);

void scene_open(struct scene *scene, const struct engine_config *config);
/* The same, with connections judged by the sink where the engine leaves that to it (closed.h). */
void scene_open_judging(struct scene *scene, const struct engine_config *config);
void scene_finish(struct scene *scene); /* the capture is over */
void scene_close(struct scene *scene);

/* A segment with plain IP and TCP fields, no options, no identification. */
struct segment segment_of(const struct ends *ends, enum side from, uint8_t flags, uint32_t seq,
			  uint32_t ack, uint32_t payload_len);
/* Feeds it as the next packet, at this time; false where the sink refused. */
bool scene_feed(struct scene *scene, struct segment *segment, int64_t ts_ns);
/* segment_of and scene_feed in one. */
bool scene_send(struct scene *scene, const struct ends *ends, enum side from, uint8_t flags,
		uint32_t seq, uint32_t ack, uint32_t payload_len, int64_t ts_ns);
/* A packet that is no TCP. */
bool scene_clock(struct scene *scene, int64_t ts_ns);

/* SYN, SYN|ACK, ACK; ISNs 1000 and 5000, a millisecond between. Returns the time of the last. */
int64_t scene_handshake(struct scene *scene, const struct ends *ends, int64_t ts_ns);
/* From there a clean four_way close by the initiator, a millisecond between. */
int64_t scene_close_clean(struct scene *scene, const struct ends *ends, int64_t ts_ns);

/* How many findings of this code; rows, or the times that they stand for. */
size_t finding_rows(const struct verdict *v, enum finding_code code);
uint64_t finding_times(const struct verdict *v, enum finding_code code);

#endif
