/* What a reader of streams gets in a ladder, in the ladder's words. */
#ifndef LASTACK_TESTS_LADDER_STREAMS_H
#define LASTACK_TESTS_LADDER_STREAMS_H

#include "analyzer/consumer.h"
#include "tests/ladder.h"
#include "tests/ladder_columns.h"

enum { LOG_RUNS_MAX = 64 };

/* Pieces delivered one after the other, of one kind. */
struct stream_run {
	uint32_t from, to; /* sequence numbers */
	enum { RUN_TRUE, RUN_OTHER, RUN_GAP } kind;
};

/* Of one connection, the one that is being judged or was told of last. */
struct stream_log {
	struct stream_run run[SIDES][LOG_RUNS_MAX];
	size_t runs[SIDES];
};

/* *current is the log of the connection whose verdict comes next; owned by the consumer. */
struct consumer stream_log_consumer(struct stream_log **current);
/* "1:301 gap 301:401 other 401:501", or "none". */
void stream_log_text(const struct stream_log *log, const struct ladder_case *ladder,
		     const struct verdict *verdict, enum side side,
		     char text[static CASE_TEXT_MAX]);

#endif
