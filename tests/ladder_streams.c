#include "tests/ladder_streams.h"

#include <stdio.h>
#include <stdlib.h>

static bool log_open(void *context, const struct stream_origin *origin, struct reading *reading,
		     struct error *err)
{
	(void)context;
	(void)origin;
	reading->state = calloc(1, sizeof(struct stream_log));
	reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = true;
	return reading->state || error_set(err, "out of memory");
}

static bool add_run(struct stream_log *log, enum side side, uint32_t from, uint32_t to, int kind,
		    struct error *err)
{
	struct stream_run *last = &log->run[side][log->runs[side]];

	if (log->runs[side] > 0 && (int)last[-1].kind == kind && last[-1].to == from) {
		last[-1].to = to;
		return true;
	}
	if (log->runs[side] == LOG_RUNS_MAX)
		return error_set(err, "more than %d runs in a stream", LOG_RUNS_MAX);
	*last = (struct stream_run){.from = from, .to = to, .kind = kind};
	log->runs[side]++;
	return true;
}

static bool log_data(void *context, struct reading *reading, const struct stream_data *data,
		     struct error *err)
{
	struct stream_log *log = reading->state;

	(void)context;
	if (!data->bytes)
		return add_run(log, data->side, data->seq, data->seq + (uint32_t)data->length,
			       RUN_GAP, err);
	for (uint64_t i = 0; i < data->length; i++) {
		uint32_t seq = data->seq + (uint32_t)i;
		bool true_copy = data->bytes[i] == case_byte(seq, false);

		if (!true_copy && data->bytes[i] != case_byte(seq, true))
			return error_set(err, "a byte at %u was never sent", seq);
		if (!add_run(log, data->side, seq, seq + 1, true_copy ? RUN_TRUE : RUN_OTHER, err))
			return false;
	}
	return true;
}

static bool log_finish(void *context, struct reading *reading, struct epilogue *epilogue,
		       struct error *err)
{
	struct stream_log **current = context;

	(void)epilogue;
	(void)err;
	*current = reading->state;
	return true;
}

static bool log_close(void *context, struct reading *reading, const struct verdict *verdict,
		      struct error *err)
{
	(void)context;
	(void)verdict;
	(void)err;
	free(reading->state);
	return true;
}

struct consumer stream_log_consumer(struct stream_log **current)
{
	return (struct consumer){.context = current,
				 .open = log_open,
				 .data = log_data,
				 .finish = log_finish,
				 .close = log_close};
}

void stream_log_text(const struct stream_log *log, const struct ladder_case *ladder,
		     const struct verdict *verdict, enum side side, char text[static CASE_TEXT_MAX])
{
	static const char *const kinds[] = {
		[RUN_TRUE] = "", [RUN_OTHER] = "other ", [RUN_GAP] = "gap "};
	uint32_t isn = case_isn(ladder, verdict, &verdict->dir[side]);
	size_t used = 0;

	snprintf(text, CASE_TEXT_MAX, "none");
	for (size_t i = 0; i < log->runs[side] && used < CASE_TEXT_MAX; i++) {
		const struct stream_run *run = &log->run[side][i];

		used += (size_t)snprintf(text + used, CASE_TEXT_MAX - used, "%s%s%u:%u",
					 i > 0 ? " " : "", kinds[run->kind], run->from - isn,
					 run->to - isn);
	}
}
