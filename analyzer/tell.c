#include "analyzer/tell.h"

#include "analyzer/remember.h"

/* How the watching of one ended. */
static struct judge_end end_of(const struct engine *e, enum end_reason reason, int64_t until_ns)
{
	return (struct judge_end){
		.reason = reason,
		.until_ns = until_ns,
		.two_msl_ns = e->two_msl_ns,
		.stuck_ns = e->config.stuck_ns,
		.ladders = e->config.ladders,
		.losses = &e->losses,
	};
}

/* It is told for the first time. */
static void number(struct engine *e, struct flow *f)
{
	f->told = ++e->counts.connections;
	if (e->config.numbers)
		f->told = atomic_fetch_add(e->config.numbers, 1) + 1;
}

bool tell_verdict(struct engine *e, struct flow *f, struct connection *c, enum end_reason reason,
		  int64_t until_ns, struct verdict *verdict, struct error *err)
{
	struct epilogue epilogue;
	struct judge_end end = end_of(e, reason, until_ns);

	if (!streams_finish(f, c, &epilogue, err))
		return false;
	end.epilogue = &epilogue;
	judge(f, c, &end, &e->room, verdict);
	verdict->again = f->told > 0;
	verdict->settled = verdict->again && !f->tell_again;
	f->unsettled = false;
	if (!verdict->again)
		number(e, f);
	verdict->number = f->told;
	f->tell_again = false;
	return e->sink.verdict(e->sink.context, verdict, err);
}

bool tell_closed(struct engine *e, struct flow *f, const struct kept *kept, enum end_reason reason,
		 int64_t until_ns, struct error *err)
{
	struct judge_end end = end_of(e, reason, until_ns);
	struct epilogue epilogue = {0};
	struct verdict verdict;

	if (f->streams && !streams_collect(f, &epilogue, err))
		return false;
	if (!closed_can_hold(&epilogue)) /* to open it takes no memory */
		return tell_verdict(e, f, remember_glance(e, f), reason, until_ns, &verdict, err);
	end.epilogue = &epilogue;
	number(e, f);
	f->unsettled = f->tell_again = false;
	return e->sink.closed(e->sink.context, closed_of(f, kept, &end, &e->closed), err);
}

bool tell_last(struct engine *e, struct flow *f, enum end_reason reason, int64_t until_ns,
	       struct error *err)
{
	struct verdict verdict;
	bool changed = f->tell_again, ok;
	struct connection *c;

	if (f->told > 0 && !changed && !f->unsettled)
		return streams_close(f, NULL, err);
	if (f->form == FORM_KEPT && tell_can_hand_over(e, f)) {
		ok = tell_closed(e, f, f->as.kept, reason, until_ns, err);
		return streams_close(f, NULL, ok ? err : NULL) && ok;
	}
	c = streams_may_find(f->streams) ? remember_full(e, f) : remember_glance(e, f);
	if (!c)
		return engine_no_memory(err);
	f->tell_again = changed;
	ok = tell_verdict(e, f, c, reason, until_ns, &verdict, err);
	return streams_close(f, ok ? &verdict : NULL, ok ? err : NULL) && ok;
}

/* Tells of a connection that has ended as far as is known now. */
static bool tell_ended(struct engine *e, struct flow *f, struct error *err)
{
	bool packed = f->form == FORM_PACKED;
	struct connection *c;
	struct verdict verdict;

	if (!streams_settled(f->streams) || (f->told > 0 && !f->tell_again))
		return true;
	c = remember_glance(e, f);
	if (!c)
		return engine_no_memory(err);
	if (!tell_verdict(e, f, c, END_CAPTURE_END, e->now_ns, &verdict, err))
		return false;
	f->unsettled = verdict.time_wait_holder != SIDE_NONE && f->followed_ns == NONE_NS;
	if (packed)
		remember_small(e, f);
	return true;
}

/* Those whose last segment came after the last look and early_ns ago or longer. The queue is in the order of
 * last segments, so that they lie together near its end. */
bool tell_all_ended(struct engine *e, struct error *err)
{
	int64_t until_ns = e->now_ns - e->config.early_ns;
	struct flow *f = flow_queue_tail(e->table, QUEUE_ENDED), *first = NULL;

	for (; f && f->active_ns > e->early_until_ns; f = flow_ahead(e->table, f))
		first = f;
	for (f = first; f && f->active_ns <= until_ns; f = flow_behind(e->table, f))
		if (!tell_ended(e, f, err))
			return false;
	e->early_until_ns = until_ns;
	return true;
}

bool engine_open(struct engine *e, struct engine_sink visit, struct error *err)
{
	static const enum flow_queue open[] = {QUEUE_ATTEMPT, QUEUE_HALF, QUEUE_ALIVE};
	const struct epilogue nothing = {0};
	struct judge_end end = end_of(e, END_CAPTURE_END,
				      e->ticked_ns > e->latest_ns ? e->ticked_ns : e->latest_ns);
	struct verdict verdict;

	end.ladders = LADDERS_NONE;
	end.epilogue = &nothing;
	for (size_t q = 0; q < sizeof(open) / sizeof(open[0]); q++) {
		for (struct flow *f = flow_queue_head(e->table, open[q]); f;
		     f = flow_behind(e->table, f)) {
			if (!remember_is_open(f) || !f->running)
				continue;
			judge(f, remember_glance(e, f), &end, &e->room, &verdict);
			if (!visit.verdict(visit.context, &verdict, err))
				return false;
		}
	}
	return true;
}
