/* The findings of a connection: what was noted on the way, and what only the end shows. */
#ifndef LASTACK_ANALYZER_JUDGE_FINDINGS_H
#define LASTACK_ANALYZER_JUDGE_FINDINGS_H

#include "analyzer/judge.h"

/* Fills room->finding in order of time; returns how many. v is judged but for its findings. */
size_t judge_findings(const struct connection *c, const struct rst_hypothesis *reset,
		      const struct judge_end *end, const struct verdict *v,
		      struct judge_room *room);

#endif
