#include "tests/verdict_checks.h"

#include <stdlib.h>
#include <string.h>

/* States a rule; where it does not hold, its text is the answer. */
#define RULE(rule)                    \
	do {                          \
		if (!(rule))          \
			return #rule; \
	} while (0)

static bool is_end(enum side side)
{
	return side == SIDE_INITIATOR || side == SIDE_RESPONDER;
}

static bool is_fin_close(enum teardown t)
{
	return t == TEARDOWN_FOUR_WAY || t == TEARDOWN_THREE_SEGMENT || t == TEARDOWN_SIMULTANEOUS;
}

static bool is_handshake(enum teardown t)
{
	return t == TEARDOWN_REFUSED || t == TEARDOWN_UNANSWERED ||
	       t == TEARDOWN_HANDSHAKE_ABORTED || t == TEARDOWN_HANDSHAKE_INCOMPLETE;
}

static const char *range_fault(const struct verdict *v)
{
	RULE((unsigned)v->teardown < TEARDOWNS);
	RULE((unsigned)v->end_reason < END_REASONS);
	RULE((unsigned)v->closer <= SIDE_NONE);
	RULE((unsigned)v->time_wait_holder <= SIDE_NONE);
	RULE((unsigned)v->time_wait_check < TIME_WAIT_CHECKS);
	RULE((unsigned)v->reuse_by < REUSE_BYS);
	RULE((unsigned)v->reuse_rule < REUSE_RULES);
	RULE((unsigned)v->reuse_answer < REUSE_ANSWERS);
	RULE(is_end(v->rst_by) || v->rst_by == SIDE_NONE);
	RULE((unsigned)v->rst_stage < RST_STAGES);
	RULE((unsigned)v->rst_cause < RST_CAUSES);
	RULE((unsigned)v->conn_state < CONN_STATES);
	return NULL;
}

static const char *direction_fault(const struct verdict_direction *d, uint64_t span)
{
	RULE((unsigned)d->fin_check < FIN_CHECKS);
	RULE((d->fin_check == FIN_NONE) == (d->fin_ns == NONE_NS));
	if (d->fin_check == FIN_NONE) {
		RULE(d->fin_acked_after_ns == NONE_NS);
		RULE(d->fin_seq == 0 && d->fin_payload == 0 && d->fin_retransmissions == 0);
	}
	RULE(d->fin_check != FIN_OK || d->fin_acked_after_ns >= 0);
	RULE(d->fin_acked_after_ns >= 0 || d->fin_acked_after_ns == NONE_NS);
	RULE(d->seen == (d->packets > 0));
	RULE(d->packets > 0 || (d->bytes == 0 && d->retransmitted == 0));
	RULE(d->retransmitted <= d->packets);
	RULE(d->fin_retransmissions < d->packets || d->packets == 0);
	RULE(d->bytes <= span);
	RULE(d->missing <= span);
	return NULL;
}

static const char *end_fault(const struct verdict *v)
{
	bool ended = v->end_reason == END_CLOSED || v->end_reason == END_RESET;

	RULE(v->first_ns <= v->last_ns);
	RULE(v->complete == ended);
	RULE((v->end_ns != NONE_NS) == (ended || v->end_reason == END_SUPERSEDED));
	RULE(v->end_reason != END_CLOSED || is_fin_close(v->teardown) || is_handshake(v->teardown));
	RULE((v->closer == SIDE_BOTH) == (v->teardown == TEARDOWN_SIMULTANEOUS));
	RULE(v->teardown != TEARDOWN_SIMULTANEOUS || v->half_close_bytes == 0);
	RULE(!is_end(v->closer) || v->half_close_bytes <= v->dir[!v->closer].bytes);
	RULE(is_end(v->closer) || v->half_close_bytes == 0);
	RULE(v->midstream || v->dir[SIDE_INITIATOR].isn_known || v->dir[SIDE_RESPONDER].isn_known);
	RULE(!v->midstream || !is_handshake(v->teardown));
	RULE(v->teardown != TEARDOWN_STRAY || v->midstream);
	RULE(v->handshake_rtt_ns >= 0 || v->handshake_rtt_ns == NONE_NS);
	if (is_fin_close(v->teardown))
		RULE(v->dir[0].fin_check != FIN_NONE && v->dir[1].fin_check != FIN_NONE);
	if (v->teardown == TEARDOWN_HALF_CLOSED || v->teardown == TEARDOWN_FIN_UNANSWERED)
		RULE((v->dir[0].fin_check == FIN_NONE) != (v->dir[1].fin_check == FIN_NONE));
	if (v->teardown == TEARDOWN_FIN_UNANSWERED)
		RULE(v->dir[v->closer].fin_acked_after_ns == NONE_NS);
	if (v->teardown == TEARDOWN_HALF_CLOSED)
		RULE(v->dir[v->closer].fin_acked_after_ns != NONE_NS);
	if (v->teardown == TEARDOWN_OPEN)
		RULE(v->dir[0].fin_check == FIN_NONE && v->dir[1].fin_check == FIN_NONE);
	return NULL;
}

static const char *reset_fault(const struct verdict *v)
{
	bool reset = v->rst_by != SIDE_NONE, injected = false;

	RULE(reset == (v->end_reason == END_RESET));
	RULE(reset == (v->rst_ns != NONE_NS));
	RULE(reset ? v->rst_silence_ns >= 0 : v->rst_silence_ns == NONE_NS);
	RULE(reset == (v->rst_cause != RST_CAUSE_NULL));
	RULE((reset && v->teardown != TEARDOWN_STRAY) == (v->rst_stage != RST_STAGE_NULL));
	RULE((v->teardown == TEARDOWN_RST_ABORT || v->teardown == TEARDOWN_RST_AFTER_FIN ||
	      v->teardown == TEARDOWN_REFUSED || v->teardown == TEARDOWN_HANDSHAKE_ABORTED)
		     ? reset
		     : true);
	RULE(reset ? !is_fin_close(v->teardown) && v->teardown != TEARDOWN_OPEN &&
			     v->teardown != TEARDOWN_HANDSHAKE_INCOMPLETE
		   : true);
	RULE(v->end_reason != END_RESET || v->end_ns == v->rst_ns);
	for (size_t i = 0; i < v->finding_count; i++)
		injected |= v->findings[i].code == FINDING_RST_INJECTED;
	RULE(v->rst_injected == injected);
	RULE(finding_times(v, FINDING_RST_IN_WINDOW) == v->rst_in_window);
	RULE(finding_times(v, FINDING_RST_OUT_OF_WINDOW) == v->rst_out_of_window);
	return NULL;
}

static const char *time_wait_fault(const struct verdict *v)
{
	bool held = v->time_wait_holder != SIDE_NONE, reused = v->reuse_by != REUSE_BY_NULL;

	RULE(held == (v->time_wait_check != TIME_WAIT_NOT_APPLICABLE));
	RULE(held == (v->time_wait_entry_ns != NONE_NS));
	RULE(held ? v->time_wait_observed_ns >= 0 : v->time_wait_observed_ns == NONE_NS);
	RULE(!held || (v->complete && v->end_reason == END_CLOSED));
	RULE(held || v->time_wait_restarts == 0);
	RULE(held || !reused);
	RULE(reused == (v->reuse_rule != REUSE_RULE_NULL));
	RULE(reused == (v->reuse_answer != REUSE_ANSWER_NULL));
	RULE(reused == (v->reuse_delay_ns != NONE_NS));
	RULE((v->time_wait_holder == SIDE_BOTH) == (held && v->teardown == TEARDOWN_SIMULTANEOUS));
	RULE(!is_end(v->time_wait_holder) || v->time_wait_holder == v->closer ||
	     is_handshake(v->teardown));
	RULE(v->time_wait_check != TIME_WAIT_REUSED_OK ||
	     (reused && v->reuse_rule != REUSE_RULE_NONE));
	RULE(v->time_wait_check != TIME_WAIT_REUSED_EARLY ||
	     (reused && v->reuse_rule == REUSE_RULE_NONE));
	return NULL;
}

static const char *timeline_fault(const struct verdict *v)
{
	RULE(v->timeline_count <= TIMELINE_MAX);
	for (size_t i = 0; i < v->timeline_count; i++) {
		const struct state_entry *e = &v->timeline[i];

		RULE(e->side < SIDES);
		RULE(e->state > STATE_ESTABLISHED && e->state < ENDPOINT_STATES);
		RULE(e->state == STATE_CLOSED ? e->dwell_ns == NONE_NS : e->dwell_ns >= 0);
		RULE(i == 0 || v->timeline[i - 1].side <= e->side);
	}
	return NULL;
}

static const char *findings_fault(const struct verdict *v)
{
	bool unclean = false;

	for (size_t i = 0; i < v->finding_count; i++) {
		const struct finding *f = &v->findings[i];
		size_t alike = 0;

		RULE(f->code < FINDING_CODES);
		RULE(f->severity == finding_kind((enum finding_code)f->code)->severity);
		RULE(f->side < SIDES || f->side == SIDE_NONE);
		RULE(f->count >= 1);
		RULE(f->detail[0] != '\0' && f->detail[strlen(f->detail) - 1] == '.');
		RULE(i == 0 || v->findings[i - 1].ts_ns <= f->ts_ns);
		for (size_t j = 0; j < v->finding_count; j++)
			alike += v->findings[j].code == f->code && v->findings[j].side == f->side;
		RULE(alike <= 4);
		unclean |= f->severity > SEVERITY_INFO;
	}
	RULE(v->clean == (!unclean && v->complete && is_fin_close(v->teardown) &&
			  v->dir[0].fin_check == FIN_OK && v->dir[1].fin_check == FIN_OK));
	return NULL;
}

static const char *ladder_fault(const struct verdict *v)
{
	RULE(v->ladder_count <= LADDER_HEAD + LADDER_MAX);
	for (size_t i = 0; i < v->ladder_count; i++) {
		RULE(v->ladder[i].from < SIDES);
		RULE(v->ladder[i].ts_ns >= v->first_ns && v->ladder[i].ts_ns <= v->last_ns);
		RULE(i == 0 || v->ladder[i].packet > v->ladder[i - 1].packet);
	}
	return NULL;
}

const char *verdict_fault(const struct told *told, uint64_t span)
{
	static const char *(*const checks[])(const struct verdict *) = {
		range_fault,    end_fault,      reset_fault,  time_wait_fault,
		timeline_fault, findings_fault, ladder_fault,
	};
	const char *fault = NULL;

	for (size_t i = 0; !fault && i < sizeof(checks) / sizeof(checks[0]); i++)
		fault = checks[i](&told->verdict);
	for (int side = 0; !fault && side < SIDES; side++)
		fault = direction_fault(&told->verdict.dir[side], span);
	return fault;
}

/* ---- comparison ---- */

#define SAME(field)                       \
	do {                              \
		if (x->field != y->field) \
			return #field;    \
	} while (0)

static const char *direction_difference(const struct verdict_direction *x,
					const struct verdict_direction *y)
{
	if (memcmp(&x->address, &y->address, sizeof(x->address)) != 0)
		return "address";
	SAME(port);
	SAME(vlan_tags);
	SAME(seen);
	SAME(isn_known);
	if (x->isn_known || x->bytes > 0) /* else there is no number to count from */
		SAME(isn);
	SAME(packets);
	SAME(bytes);
	SAME(retransmitted);
	SAME(missing);
	SAME(fin_check);
	SAME(fin_seq);
	SAME(fin_payload);
	SAME(fin_retransmissions);
	SAME(fin_ns);
	SAME(fin_acked_after_ns);
	return NULL;
}

static const char *teardown_difference(const struct verdict *x, const struct verdict *y)
{
	SAME(midstream);
	SAME(first_packet);
	SAME(first_ns);
	SAME(last_ns);
	SAME(duplicates);
	SAME(teardown);
	SAME(complete);
	SAME(closer);
	SAME(end_reason);
	SAME(end_ns);
	SAME(half_close_bytes);
	SAME(handshake_rtt_ns);
	SAME(clean);
	if (!x->midstream)
		SAME(conn_state);
	return NULL;
}

static const char *time_difference(const struct verdict *x, const struct verdict *y)
{
	SAME(time_wait_holder);
	SAME(time_wait_check);
	SAME(time_wait_entry_ns);
	SAME(time_wait_observed_ns);
	SAME(time_wait_restarts);
	SAME(reuse_delay_ns);
	SAME(reuse_by);
	SAME(reuse_rule);
	SAME(reuse_answer);
	SAME(close_wait_ns);
	SAME(fin_wait_1_ns);
	SAME(fin_wait_2_ns);
	SAME(last_ack_ns);
	SAME(closing_ns);
	return NULL;
}

static const char *reset_difference(const struct verdict *x, const struct verdict *y)
{
	SAME(rst_by);
	SAME(rst_stage);
	SAME(rst_cause);
	SAME(rst_silence_ns);
	SAME(rst_ns);
	SAME(rst_injected);
	SAME(rst_in_window);
	SAME(rst_out_of_window);
	return NULL;
}

static size_t times_told(const struct verdict *v, const struct finding *finding)
{
	size_t times = 0;

	for (size_t i = 0; i < v->finding_count; i++) {
		const struct finding *f = &v->findings[i];

		times += f->code == finding->code && f->side == finding->side &&
			 f->ts_ns == finding->ts_ns && f->packet == finding->packet &&
			 f->count == finding->count;
	}
	return times;
}

/* Of those of one moment either end's may come first. */
static const char *findings_difference(const struct verdict *x, const struct verdict *y)
{
	SAME(finding_count);
	for (size_t i = 0; i < x->finding_count; i++)
		if (times_told(x, &x->findings[i]) != times_told(y, &x->findings[i]))
			return finding_kind((enum finding_code)x->findings[i].code)->code;
	return NULL;
}

static const char *lists_difference(const struct verdict *x, const struct verdict *y)
{
	SAME(timeline_count);
	for (size_t i = 0; i < x->timeline_count; i++) {
		SAME(timeline[i].side);
		SAME(timeline[i].state);
		SAME(timeline[i].entry_ns);
		SAME(timeline[i].dwell_ns);
	}
	SAME(ladder_count);
	for (size_t i = 0; i < x->ladder_count; i++) {
		SAME(ladder[i].packet);
		SAME(ladder[i].ts_ns);
		SAME(ladder[i].seq);
		SAME(ladder[i].ack);
		SAME(ladder[i].from);
		SAME(ladder[i].flags);
		SAME(ladder[i].after_gap);
	}
	return NULL;
}

const char *verdict_difference(const struct told *x, const struct told *y)
{
	static const char *(*const parts[])(const struct verdict *, const struct verdict *) = {
		teardown_difference, time_difference,  reset_difference,
		findings_difference, lists_difference,
	};
	const char *difference = NULL;

	for (size_t i = 0; !difference && i < sizeof(parts) / sizeof(parts[0]); i++)
		difference = parts[i](&x->verdict, &y->verdict);
	for (int side = 0; !difference && side < SIDES; side++)
		difference = direction_difference(&x->verdict.dir[side], &y->verdict.dir[side]);
	if (!difference && !x->verdict.midstream && strcmp(x->history, y->history) != 0)
		difference = "history";
	return difference;
}
