/* A regular connection that has closed, with all that its verdict takes, what its readers found included: it can be
 * judged later, by another thread, while the engine goes on.
 *
 * It is one block of closed_size() bytes without pointers that are followed, so that memcpy copies it. */
#ifndef LASTACK_ANALYZER_CLOSED_H
#define LASTACK_ANALYZER_CLOSED_H

#include <stddef.h>

#include "analyzer/flow_table.h"
#include "analyzer/judge.h"
#include "analyzer/kept.h"
#include "analyzer/regular.h"

struct closed;

/* Where it is put together. */
enum { CLOSED_MAX = 2048 };
struct closed_room {
	_Alignas(8) uint8_t bytes[CLOSED_MAX];
};

/* Whether there is room in it for what the readers found: no marks, and no texts that nDPI would not give. */
bool closed_can_hold(const struct epilogue *epilogue);
/* Of a flow that was numbered (flow.told), with what kept holds of it. end as judge() takes it; of losses it
 * has none, and its epilogue can be held. Lies in *room. */
const struct closed *closed_of(const struct flow *flow, const struct kept *kept,
			       const struct judge_end *end, struct closed_room *room);
size_t closed_size(const struct closed *closed);

/* What judging takes beside it; reused from verdict to verdict. */
struct closed_bench {
	struct regular regular;
	struct connection connection;
	struct teardown_part teardown;
	struct judge_room room;
	struct application application;
};

/* The verdict points into *bench and *closed. */
void closed_judge(const struct closed *closed, struct closed_bench *bench, struct verdict *out);

#endif
