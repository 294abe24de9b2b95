/* A conversation by chance that a regular connection (analyzer/regular.h) mostly is, and in which everything may
 * go otherwise, seldom. */
#ifndef LASTACK_TESTS_TALK_H
#define LASTACK_TESTS_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "parsers/segment.h"

struct talk {
	uint32_t random;
	uint64_t ordinal, packet;
	int64_t now_ns;
	/* what the two ends are at */
	uint32_t nxt[SIDES], acked[SIDES];
	bool fin[SIDES];
	uint8_t wscale[SIDES];
	uint64_t vlan_tags[SIDES];
	uint32_t sent;
};

/* Where segments go; what it returns talk_goes_on() returns. */
typedef bool talk_to(void *context, struct talk *talk, enum side from, struct segment *segment);

uint32_t talk_below(struct talk *talk, uint32_t bound);
bool talk_chance(struct talk *talk, uint32_t of_1000);
void talk_begin(struct talk *talk, uint32_t seed);
/* The next segment of a side as it should be. */
struct segment talk_plain(struct talk *talk, enum side from, uint8_t flags, uint32_t payload_len);
/* One segment: of the handshake, then of either side. */
bool talk_goes_on(struct talk *talk, talk_to *to, void *context);

#endif
