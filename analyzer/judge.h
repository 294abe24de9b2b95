/* From the facts of a connection to its verdict: the tables of docs/teardowns.md,
 * sections 3 to 7. */
#ifndef LASTACK_ANALYZER_JUDGE_H
#define LASTACK_ANALYZER_JUDGE_H

#include "analyzer/connection.h"
#include "analyzer/engine.h"
#include "analyzer/flow_table.h"
#include "analyzer/losses.h"
#include "analyzer/verdict.h"

/* At most four findings of each code and side, two sides and none. */
enum { FINDINGS_MAX = FINDING_CODES * 3 * 4 };

/* How the watching ended. */
struct judge_end {
	enum end_reason reason; /* of a connection without an end of its own */
	int64_t until_ns; /* end of observation; the next incarnation is looked at by itself */
	int64_t two_msl_ns, stuck_ns;
	enum ladder_policy ladders;
	const struct losses *losses;     /* what the capture lost */
	const struct epilogue *epilogue; /* what the readers of its streams found */
};

/* Room the verdict points into, beside the connection itself; reused from verdict to verdict. */
struct judge_room {
	struct finding finding[FINDINGS_MAX];
	uint64_t ordinal[FINDINGS_MAX];
	struct state_entry timeline[TIMELINE_MAX];
	struct ladder_segment ladder[LADDER_HEAD + LADDER_MAX];
};

void judge(const struct flow *flow, const struct connection *c, const struct judge_end *end,
	   struct judge_room *room, struct verdict *out);
/* How it ended so far: enough to know whether its ladder will be wanted. */
bool judge_is_clean(const struct connection *c, int64_t stuck_ns);

#endif
