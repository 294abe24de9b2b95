#include "analyzer/judge_findings.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/fin.h"
#include "analyzer/reset.h"
#include "analyzer/time_wait.h"

enum { ROWS_A_CODE = 4 };

struct list {
	struct judge_room *room;
	size_t count;
};

static const char *who(enum side side)
{
	return side == SIDE_INITIATOR ? "initiator" : "responder";
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

/* Keeps the list in order of time, then capture order. */
static struct finding *insert(struct list *l, const struct moment *at)
{
	struct judge_room *room = l->room;
	size_t i = l->count;

	if (l->count == FINDINGS_MAX)
		return NULL;
	while (i > 0 &&
	       (room->finding[i - 1].ts_ns > at->ts_ns ||
		(room->finding[i - 1].ts_ns == at->ts_ns && room->ordinal[i - 1] > at->ordinal))) {
		room->finding[i] = room->finding[i - 1];
		room->ordinal[i] = room->ordinal[i - 1];
		i--;
	}
	l->count++;
	room->ordinal[i] = at->ordinal;
	return &room->finding[i];
}

/* The row that holds the rest, once there are as many of this code and side as are told. */
static struct finding *last_row(struct list *l, enum finding_code code, enum side side)
{
	struct finding *last = NULL;
	size_t rows = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct finding *f = &l->room->finding[i];

		if (f->code == code && f->side == side) {
			last = f;
			rows++;
		}
	}
	return rows < ROWS_A_CODE ? NULL : last;
}

__attribute__((format(printf, 6, 7))) static void add(struct list *l, enum finding_code code,
						      enum side side, const struct moment *at,
						      uint64_t count, const char *format, ...)
{
	struct finding *f = last_row(l, code, side);
	va_list args;

	if (f) {
		f->count += count;
		return;
	}
	f = insert(l, at);
	if (!f)
		return;
	*f = (struct finding){.code = (uint8_t)code,
			      .severity = (uint8_t)finding_kind(code)->severity,
			      .side = (uint8_t)side,
			      .ts_ns = at->ts_ns,
			      .packet = at->packet,
			      .file = at->file,
			      .count = count};
	va_start(args, format);
	vsnprintf(f->detail, sizeof(f->detail), format, args);
	va_end(args);
}

static const char *fin_fault(uint32_t verdict)
{
	switch (verdict) {
	case FIN_NOT_ABOVE_ISN:
		return "is not above its sender's ISN";
	case FIN_FACING_SYN:
		return "answers a SYN, in a state where a FIN cannot be checked";
	default:
		return "lies outside the peer's window";
	}
}

static const char *icmp_says(enum finding_code code)
{
	switch (code) {
	case FINDING_ICMP_UNREACHABLE:
		return "that the destination cannot be reached";
	case FINDING_ICMP_PROHIBITED:
		return "that communication is prohibited";
	case FINDING_ICMP_TOO_BIG:
		return "that a packet is too big for the path";
	case FINDING_ICMP_TIME_EXCEEDED:
		return "that the TTL or hop limit ran out";
	default:
		return "a problem";
	}
}

static void tell_icmp(struct list *l, const struct event *e)
{
	enum side side = (enum side)e->side;
	unsigned type = e->x >> 8, code = e->x & 0xff;
	char from[INET6_ADDRSTRLEN], mtu[24] = "";

	inet_ntop(e->ip_version == 6 ? AF_INET6 : AF_INET, e->from.bytes, from, sizeof(from));
	if (e->code == FINDING_ICMP_TOO_BIG && e->y > 0)
		snprintf(mtu, sizeof(mtu), " (MTU %" PRIu32 ")", e->y);
	add(l, (enum finding_code)e->code, side, &e->at, e->count,
	    "%s tells the %s %s%s (ICMP%s type %u, code %u).", from, who(side),
	    icmp_says((enum finding_code)e->code), mtu, e->ip_version == 6 ? "v6" : "", type, code);
}

static void tell_stream_event(struct list *l, const struct event *e)
{
	enum side side = (enum side)e->side;
	enum finding_code code = (enum finding_code)e->code;

	switch (code) {
	case FINDING_OVERLAP_CONFLICT:
		add(l, code, side, &e->at, e->count,
		    "The %s sends %" PRIu32 " byte%s differently that it had sent before, from "
		    "SEQ %" PRIu32 " on: %" PRIu32 " byte%s of payload then, %" PRIu32 " now.",
		    who(side), e->y, plural(e->y), e->x, e->z, plural(e->z), e->w);
		break;
	case FINDING_DATA_BEYOND_WINDOW:
		add(l, code, side, &e->at, e->count,
		    "The %s sends %" PRIu32 " byte%s beyond the window of the %s, which never "
		    "acknowledges them.",
		    who(side), e->x, plural(e->x), who(peer_of(side)));
		break;
	case FINDING_DATA_AFTER_RST:
		add(l, code, side, &e->at, e->count,
		    "%" PRIu32 " byte%s of the %s came after the reset that ended the connection.",
		    e->x, plural(e->x), who(side));
		break;
	case FINDING_URGENT_DATA:
		add(l, code, side, &e->at, e->count,
		    "The %s sends a segment with urgent data (SEQ %" PRIu32 ", pointer %" PRIu32
		    ").",
		    who(side), e->x, e->y);
		break;
	default:
		add(l, code, side, &e->at, e->count,
		    "The memory for streams ran out: %" PRIu32 " hole%s became %s before the "
		    "missing bytes could come.",
		    e->x, plural(e->x), e->x == 1 ? "a gap" : "gaps");
	}
}

static void tell_event(struct list *l, const struct event *e)
{
	enum side side = (enum side)e->side;
	const char *sender = who(side), *peer = who(peer_of(side));
	enum finding_code code = (enum finding_code)e->code;

	switch (code) {
	case FINDING_FIN_OVER_ACKED:
		add(l, code, side, &e->at, e->count,
		    "The %s acknowledges %" PRIu32 ", %" PRIu32
		    " beyond what the FIN of the %s (SEQ %" PRIu32 ") allows.",
		    peer, e->x, e->x - (e->y + 1), sender, e->y);
		break;
	case FINDING_FIN_SENDER_NOT_ADVANCED:
		add(l, code, side, &e->at, e->count,
		    "The %s acknowledges the peer's FIN with SEQ %" PRIu32
		    ", its own FIN's number, instead of %" PRIu32 ".",
		    sender, e->x, e->y + 1);
		break;
	case FINDING_DATA_AFTER_FIN:
		add(l, code, side, &e->at, e->count,
		    "The %s sends %" PRIu32 " byte%s reaching beyond its FIN (SEQ %" PRIu32 ").",
		    sender, e->x, plural(e->x), e->y);
		break;
	case FINDING_FIN_MOVED:
		add(l, code, side, &e->at, e->count,
		    "A later FIN of the %s occupies %" PRIu32 " instead of %" PRIu32 ".", sender,
		    e->x, e->y);
		break;
	case FINDING_FIN_BELOW_DATA:
		add(l, code, side, &e->at, e->count,
		    "The FIN of the %s occupies %" PRIu32 ", but it had sent data up to %" PRIu32
		    ".",
		    sender, e->x, e->y);
		break;
	case FINDING_FIN_UNACCEPTABLE:
		add(l, code, side, &e->at, e->count,
		    "A FIN of the %s (number %" PRIu32 ") does not count: it %s.", sender, e->x,
		    fin_fault(e->y));
		break;
	case FINDING_RST_IN_WINDOW:
		add(l, code, side, &e->at, e->count,
		    "A RST in the name of the %s (SEQ %" PRIu32
		    ") is in the window of the %s but not exact (it had acknowledged %" PRIu32
		    "); a current stack challenges it.",
		    sender, e->x, peer, e->y);
		break;
	case FINDING_RST_OUT_OF_WINDOW:
		add(l, code, side, &e->at, e->count,
		    "A RST in the name of the %s (SEQ %" PRIu32
		    ") is outside the window of the %s (it had acknowledged %" PRIu32 ").",
		    sender, e->x, peer, e->y);
		break;
	case FINDING_RST_INJECTED:
		add(l, code, side, &e->at, e->count,
		    "Both ends went on past a RST in the name of the %s: it was not theirs, or it "
		    "was lost.",
		    sender);
		break;
	case FINDING_STRAY_SYN:
		add(l, code, side, &e->at, e->count,
		    "A SYN of the %s with ISN %" PRIu32
		    " came while the connection was alive; nothing acknowledged it.",
		    sender, e->x);
		break;
	case FINDING_OVERLAP_CONFLICT:
	case FINDING_DATA_BEYOND_WINDOW:
	case FINDING_DATA_AFTER_RST:
	case FINDING_URGENT_DATA:
	case FINDING_TRACKING_LIMIT:
		tell_stream_event(l, e);
		break;
	default:
		tell_icmp(l, e);
	}
}

/* Noted on the way, but the end showed otherwise: RSTs after the end or accepted after all, a FIN that
 * counts after all. */
static bool is_void(const struct connection *c, const struct rst_hypothesis *reset,
		    const struct event *e)
{
	const struct teardown_part *t = c->teardown;

	if (e->code == FINDING_RST_IN_WINDOW || e->code == FINDING_RST_OUT_OF_WINDOW)
		return reset && e->at.ordinal >= reset->at.ordinal;
	if (e->code == FINDING_FIN_UNACCEPTABLE)
		return t->fin[e->side].seen && t->fin[e->side].seq == e->x &&
		       e->y == FIN_OUTSIDE_WINDOW;
	return false;
}

static uint64_t folded_before(const struct rst_hypothesis *reset, const struct event *e)
{
	if (e->code == FINDING_RST_IN_WINDOW)
		return reset->in_window_before[e->side] - (ROWS_A_CODE - 1);
	if (e->code == FINDING_RST_OUT_OF_WINDOW)
		return reset->out_of_window_before[e->side] - (ROWS_A_CODE - 1);
	return e->count;
}

static void tell_notes(struct list *l, const struct connection *c,
		       const struct rst_hypothesis *reset)
{
	if (!c->notes)
		return;
	for (uint32_t i = 0; i < c->notes->event_count; i++) {
		struct event e = c->notes->event[i];

		if (is_void(c, reset, &e))
			continue;
		if (reset && e.count > 1) /* the last row: less those behind the reset */
			e.count = folded_before(reset, &e);
		tell_event(l, &e);
	}
	for (int i = 0; i < NOTED_SYNS; i++) {
		const struct noted_syn *n = &c->notes->syn[i];

		if (n->used && !n->refused_again)
			tell_event(l, &(struct event){.at = n->at,
						      .count = 1,
						      .x = n->segment.seq,
						      .code = FINDING_STRAY_SYN,
						      .side = n->from});
	}
}

static void tell_fins(struct list *l, const struct connection *c, const struct verdict *v)
{
	for (int s = 0; c->teardown && s < SIDES; s++) {
		const struct fin *f = &c->teardown->fin[s];
		enum side side = (enum side)s;

		if (!f->seen)
			continue;
		if (fin_not_consumed(c, side))
			add(l, FINDING_FIN_NOT_CONSUMED, side, &f->unconsumed, 1,
			    "The %s acknowledges all data before the FIN (%" PRIu32
			    ") but never the FIN itself, sent %" PRIu32 " time%s.",
			    who(peer_of(side)), f->seq, f->retransmissions + 1,
			    plural(f->retransmissions + 1));
		if (ranges_gap_below(&c->dir[s].captured, f->seq))
			add(l, FINDING_FIN_BEYOND_GAP, side, &f->at, 1,
			    "Of the data before the FIN of the %s, %" PRIu64
			    " byte%s missing in the capture.",
			    who(side), ranges_missing(&c->dir[s].captured, f->seq),
			    ranges_missing(&c->dir[s].captured, f->seq) == 1 ? " is" : "s are");
		if (v->teardown == TEARDOWN_FIN_UNANSWERED && f->retransmissions > 0)
			add(l, FINDING_FIN_UNANSWERED, side, &f->at, 1,
			    "The FIN of the %s was sent %" PRIu32 " times and never acknowledged.",
			    who(side), f->retransmissions + 1);
		else if (!v->complete && !f->covered.ordinal &&
			 c->teardown->fin[peer_of(side)].seen && !fin_not_consumed(c, side))
			add(l, FINDING_LAST_ACK_MISSING, side, &f->at, 1,
			    "Both ends sent FIN, but no ACK covers the one of the %s, sent "
			    "%" PRIu32 " time%s.",
			    who(side), f->retransmissions + 1, plural(f->retransmissions + 1));
	}
}

static void tell_reset(struct list *l, const struct rst_hypothesis *reset)
{
	if (reset && reset->odd_ttl)
		add(l, FINDING_RST_INJECTED, (enum side)reset->by, &reset->at, 1,
		    "The TTL of the RST differs from that of the %s's other segments (first %u, "
		    "latest %u).",
		    who((enum side)reset->by), reset->ttl_first, reset->ttl_last);
}

static void tell_time_wait(struct list *l, const struct connection *c, const struct verdict *v)
{
	const struct teardown_part *t = c->teardown;

	if (v->time_wait_holder == SIDE_NONE)
		return;
	for (int s = 0; s < SIDES; s++) {
		const struct time_wait *w = &t->time_wait[s];
		int64_t after = w->broken.ts_ns - t->entry.ts_ns;

		if (w->cut_short)
			add(l, FINDING_TIME_WAIT_CUT_SHORT, (enum side)s, &w->broken, 1,
			    "The %s answers an old segment with RST %.3f s after entering "
			    "TIME_WAIT: the state was gone.",
			    who((enum side)s), seconds(after));
		else if (w->assassinated)
			add(l, FINDING_TIME_WAIT_ASSASSINATED, (enum side)s, &w->broken, 1,
			    "A RST of the peer hits the TIME_WAIT of the %s %.3f s after entry "
			    "(RFC 1337).",
			    who((enum side)s), seconds(after));
	}
	if (t->reuse_rule == REUSE_RULE_NONE)
		add(l, FINDING_TIME_WAIT_REUSED_EARLY,
		    t->time_wait[SIDE_INITIATOR].entered ? SIDE_INITIATOR : SIDE_RESPONDER,
		    &t->reuse, 1,
		    "A SYN reuses the tuple %.3f s after TIME_WAIT began, and neither its time "
		    "stamp nor its ISN allows it.",
		    seconds(v->reuse_delay_ns));
}

/* The segment that shows the entry: the ACK of the peer's FIN, or the peer's of the own one. */
static void tell_stuck(struct list *l, const struct connection *c, const struct judge_end *end,
		       const struct verdict *v)
{
	for (size_t i = 0; i < v->timeline_count; i++) {
		const struct state_entry *e = &v->timeline[i];
		enum side side = (enum side)e->side;

		if (e->dwell_ns < end->stuck_ns)
			continue;
		if (e->state == STATE_CLOSE_WAIT)
			add(l, FINDING_CLOSE_WAIT_STUCK, side,
			    &c->teardown->fin[peer_of(side)].covered, 1,
			    "The %s stayed in CLOSE_WAIT for %.1f s: its application had not "
			    "closed.",
			    who(side), seconds(e->dwell_ns));
		else if (e->state == STATE_FIN_WAIT_2)
			add(l, FINDING_FIN_WAIT_2_STUCK, side, &c->teardown->fin[side].covered, 1,
			    "The %s waited in FIN_WAIT_2 for %.1f s for the peer's FIN.", who(side),
			    seconds(e->dwell_ns));
	}
}

/* What nDPI finds fault with; of no side. */
static void tell_risks(struct list *l, const struct epilogue *epilogue)
{
	const struct application *a = epilogue->application;

	for (size_t i = 0; a && i < a->risk_count; i++)
		add(l, FINDING_DPI_RISK, SIDE_NONE, &epilogue->application_at, 1,
		    "nDPI reports a risk of %s: %s.", a->name ? a->name : "an unknown application",
		    a->risks[i]);
}

static void tell_limits(struct list *l, const struct connection *c)
{
	static const struct {
		enum limit limit;
		const char *detail;
	} bounds[] = {
		{LIMIT_HOLES, "More holes in one direction than are followed: the oldest count as "
			      "missing for good."},
		{LIMIT_RSTS, "More resets than are followed could have ended the connection."},
		{LIMIT_SYNS, "More stray or refused SYNs than are remembered: the oldest stay with "
			     "this connection."},
		{LIMIT_SYN_ACKS, "More SYN|ACKs with different ISNs than are remembered."},
		{LIMIT_FINS, "More FINs outside the window than are remembered."},
		{LIMIT_LANES, "More VLAN lanes of one tuple than are told apart: this one may "
			      "belong to an earlier row."},
		{LIMIT_ACKS,
		 "More doubtful ACKs than are remembered: missing bytes may be too few."},
	};
	struct moment at = {.ts_ns = c->last_ns, .file = c->first_file};

	for (size_t i = 0; c->limits != 0 && i < sizeof(bounds) / sizeof(bounds[0]); i++)
		if (c->limits & bounds[i].limit)
			add(l, FINDING_TRACKING_LIMIT, SIDE_NONE, &at, 1, "%s", bounds[i].detail);
	if (zeek_history_full(&c->zeek))
		add(l, FINDING_TRACKING_LIMIT, SIDE_NONE, &at, 1,
		    "The history column holds the first %d letters only.", ZEEK_HISTORY_MAX);
}

/* What was lost while its segments came, or while it still could go on. */
static void tell_losses(struct list *l, const struct connection *c, const struct judge_end *end,
			const struct verdict *v)
{
	bool ended = v->end_reason == END_CLOSED || v->end_reason == END_RESET;
	int64_t until_ns = ended || end->until_ns < v->last_ns ? v->last_ns : end->until_ns;
	struct moment at = {.file = c->first_file};
	uint64_t packets;

	if (!losses_within(end->losses, v->first_ns, until_ns, &packets, &at.ts_ns))
		return;
	if (at.ts_ns < v->first_ns)
		at.ts_ns = v->first_ns;
	if (packets == 0) {
		add(l, FINDING_CAPTURE_LOSS, SIDE_NONE, &at, 1,
		    "The capture was opened anew while this connection was open: some of its "
		    "packets "
		    "may be missing.");
		return;
	}
	add(l, FINDING_CAPTURE_LOSS, SIDE_NONE, &at, packets,
	    "The capture lost %" PRIu64 " packet%s while this connection was open: some of its may "
	    "be missing.",
	    packets, plural(packets));
}

size_t judge_findings(const struct connection *c, const struct rst_hypothesis *reset,
		      const struct judge_end *end, const struct verdict *v, struct judge_room *room)
{
	struct list l = {.room = room};

	tell_notes(&l, c, reset);
	tell_fins(&l, c, v);
	tell_reset(&l, reset);
	tell_time_wait(&l, c, v);
	tell_stuck(&l, c, end, v);
	tell_limits(&l, c);
	tell_losses(&l, c, end, v);
	tell_risks(&l, end->epilogue);
	return l.count;
}
