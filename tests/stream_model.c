#include "tests/stream_model.h"

#include "parsers/segment.h"

#define GRACE_NS (INT64_C(100) * 1000000)

enum { UNKNOWN_SHIFT = 14, KEEP_ALIVE_BYTE = 1 };

/* Of one byte. */
enum {
	HELD = 1,         /* a copy came while the stream could use it */
	INSIDE = 2,       /* the window held it then */
	BEFORE_RESET = 4, /* no reset stood then */
	LATE = 8,         /* its gap was due then */
	EITHER = 16,      /* each of its copies may be told */
	SEEN = 32,        /* first is valid */
	SEEN_TWO = 64,    /* second, too */
};

/* --- acknowledgements --- */

static void believe(struct stream_model *m, enum side of, int64_t ack)
{
	struct model_side *d = &m->side[of];

	if (d->peer_acked && ack <= d->acked)
		return;
	for (int64_t at = d->peer_acked ? d->acked : 0; at < ack && at < MODEL_SPAN; at++)
		d->acked_ns[at] = m->now_ns;
	d->acked = ack;
	d->peer_acked = true;
}

static void doubt(struct model_side *d, int64_t ack)
{
	for (int i = 0; i < d->doubt_count; i++)
		if (d->doubts[i] == ack)
			return;
	if (d->doubt_count == MODEL_DOUBTS) {
		for (int i = 1; i < MODEL_DOUBTS; i++)
			d->doubts[i - 1] = d->doubts[i];
		d->doubt_count--;
	}
	d->doubts[d->doubt_count++] = ack;
}

static void resolve_doubts(struct stream_model *m, enum side of)
{
	struct model_side *d = &m->side[of];
	int kept = 0;

	for (int i = 0; i < d->doubt_count; i++) {
		if (d->doubts[i] <= d->nxt)
			believe(m, of, d->doubts[i]);
		else
			d->doubts[kept++] = d->doubts[i];
	}
	d->doubt_count = kept;
}

static void take_window(struct stream_model *m, const struct model_segment *s)
{
	struct model_side *of =
		&m->side[s->from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR];
	bool scaled = !(s->flags & TCP_SYN), known = !scaled || !m->midstream;
	int64_t size = s->window, right;

	if (scaled && known)
		size <<= m->shift;
	right = s->ack + (known ? size : size << UNKNOWN_SHIFT);
	if (size > of->window_max)
		of->window_max = size;
	if (!(s->flags & TCP_ACK))
		return;
	if (!of->edge_known || right > of->edge)
		of->edge = right;
	of->edge_known = true;
}

static void take_ack(struct stream_model *m, const struct model_segment *s)
{
	enum side of = s->from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct model_side *d = &m->side[of];

	if (!(s->flags & TCP_ACK))
		return;
	if (!d->peer_acked || s->ack < d->lowest_ack)
		d->lowest_ack = s->ack;
	if (s->ack > m->side[s->from].ack_max)
		m->side[s->from].ack_max = s->ack;
	if (!d->nxt_known || s->ack <= d->nxt + d->window_max)
		believe(m, of, s->ack);
	else
		doubt(d, s->ack);
}

/* --- resets --- */

static void take_reset(struct stream_model *m)
{
	if (m->loose || m->reset_came)
		return;
	m->reset = m->reset_came = true;
	for (int side = 0; side < SIDES; side++) {
		m->reset_nxt[side] = m->side[side].nxt;
		m->reset_ack[side] = m->side[side].ack_max;
	}
}

/* Both ends went on: what came meanwhile belongs to the stream. */
static void outlive_reset(struct stream_model *m, const struct model_segment *s, int64_t end)
{
	if (!m->reset)
		return;
	m->went_on[s->from] |= end > m->reset_nxt[s->from] ||
			       ((s->flags & TCP_ACK) && s->ack > m->reset_ack[s->from]);
	if (!m->went_on[SIDE_INITIATOR] || !m->went_on[SIDE_RESPONDER])
		return;
	m->reset = false;
	for (int side = 0; side < SIDES; side++) {
		m->side[side].end_after_reset = false;
		for (int at = 0; at < MODEL_SPAN; at++)
			m->side[side].marks[at] |= BEFORE_RESET;
	}
}

/* --- payload --- */

static bool overdue(const struct stream_model *m, const struct model_side *d, int64_t at)
{
	return d->peer_acked && at < d->acked && m->now_ns - d->acked_ns[at] >= GRACE_NS;
}

/* The reader may be told it, when its turn comes. */
static bool can_be_told(const struct stream_model *m, const struct model_side *d, int64_t at)
{
	uint8_t marks = d->marks[at];

	return (marks & HELD) && (!d->end_known || at < d->end) &&
	       ((marks & INSIDE) || at < d->acked) && ((marks & BEFORE_RESET) || !m->reset);
}

static bool must_be_told(const struct stream_model *m, const struct model_side *d, int64_t at)
{
	return can_be_told(m, d, at) && !(d->marks[at] & LATE);
}

/* Bytes before this offset may have been told as soon as capture time came to now. */
static int64_t due_to(const struct stream_model *m, const struct model_side *d)
{
	int64_t at = d->next;

	while (at < MODEL_SPAN && (overdue(m, d, at) || can_be_told(m, d, at)))
		at++;
	return at;
}

static void note_copy(struct model_side *d, int64_t at, uint8_t byte)
{
	if (!(d->marks[at] & SEEN))
		d->first[at] = byte;
	else if (byte != d->first[at])
		d->second[at] = byte;
	d->marks[at] |= d->marks[at] & SEEN && byte != d->first[at] ? SEEN_TWO : SEEN;
}

/* A copy of a byte that waits: the one that its receiver could take, or by the policy. */
static void choose_copy(const struct stream_model *m, struct model_side *d, int64_t at,
			uint8_t byte, uint8_t marks, int64_t due)
{
	enum { GOOD = INSIDE | BEFORE_RESET };
	uint8_t held = d->marks[at];
	bool differs = byte != d->value[at];
	bool better = (marks & GOOD) == GOOD && (held & GOOD) != GOOD;
	bool worse = (held & ~marks & GOOD) != 0;

	if (better && differs && at < d->acked) /* the receiver had taken the first one after all */
		d->marks[at] |= EITHER;
	if (differs && at < due)
		d->marks[at] |= EITHER;
	if (differs && at >= due)
		d->conflict = true;
	if (better)
		d->marks[at] |= GOOD;
	if (better || (m->overlap == OVERLAP_LAST && !worse))
		d->value[at] = byte;
}

static void take_byte(struct stream_model *m, struct model_side *d, int64_t at, uint8_t byte,
		      int64_t due)
{
	uint8_t marks = HELD;

	note_copy(d, at, byte);
	if ((d->told && at < d->next) || (d->end_known && at >= d->end))
		return;
	marks |= !d->edge_known || at < d->edge ? INSIDE : 0;
	marks |= m->reset ? 0 : BEFORE_RESET;
	marks |= overdue(m, d, at) ? LATE : 0;
	if (d->marks[at] & HELD) {
		choose_copy(m, d, at, byte, marks, due);
		return;
	}
	d->marks[at] = (uint8_t)((d->marks[at] & (SEEN | SEEN_TWO)) | marks);
	d->value[at] = byte;
}

static bool is_keep_alive(const struct model_side *d, const struct model_segment *s)
{
	return s->length == KEEP_ALIVE_BYTE && d->told && s->offset == d->next - 1 &&
	       d->acked >= d->next;
}

static void take_payload(struct stream_model *m, const struct model_segment *s)
{
	struct model_side *d = &m->side[s->from];
	int64_t due = due_to(m, d), end = s->offset + s->length;

	if (s->captured < s->length && !m->reset && end > d->cut_end &&
	    (!d->edge_known || end <= d->edge))
		d->cut_end = end;
	if (is_keep_alive(d, s))
		return;
	for (uint32_t i = 0; i < s->captured; i++)
		if (s->offset + i >= 0 && s->offset + i < MODEL_SPAN)
			take_byte(m, d, s->offset + i, s->bytes[i], due);
}

static void clip_ack(struct model_side *d)
{
	if (d->end_known && d->acked > d->end)
		d->acked = d->end;
}

static void take_fin(struct stream_model *m, const struct model_segment *s)
{
	struct model_side *d = &m->side[s->from];

	if (d->end_known)
		return;
	d->past_end = d->next;
	d->end_known = true;
	d->end = s->offset + s->length;
	d->end_after_reset = m->reset;
	d->fin_first = m->midstream && d->end - d->lowest <= KEEP_ALIVE_BYTE;
}

void model_take(struct stream_model *m, const struct model_segment *s, int64_t now_ns)
{
	struct model_side *d = &m->side[s->from];
	/* a FIN beyond the window does not count */
	bool fin = (s->flags & TCP_FIN) && (!d->edge_known || s->offset <= d->edge);
	int64_t end = s->offset + s->length + fin;

	m->now_ns = now_ns;
	if (s->flags & TCP_RST) {
		take_reset(m);
		return;
	}
	take_window(m, s);
	take_ack(m, s);
	if (!d->nxt_known || s->offset < d->lowest)
		d->lowest = s->offset;
	if (!d->nxt_known || end > d->nxt)
		d->nxt = end;
	d->nxt_known = true;
	resolve_doubts(m, s->from);
	outlive_reset(m, s, end);
	take_payload(m, s);
	if (fin)
		take_fin(m, s);
	clip_ack(&m->side[SIDE_INITIATOR]);
	clip_ack(&m->side[SIDE_RESPONDER]);
}

/* --- what is told --- */

static const char *fault(struct stream_model *m, enum side side, int64_t at, const char *what)
{
	m->fault_side = side;
	m->fault_at = at;
	return what;
}

static const char *byte_fault(const struct stream_model *m, const struct model_side *d, int64_t at,
			      uint8_t byte)
{
	uint8_t marks = d->marks[at];
	bool copy = ((marks & SEEN) && byte == d->first[at]) ||
		    ((marks & SEEN_TWO) && byte == d->second[at]);

	if (!copy)
		return "told a byte that was not captured";
	if (m->loose)
		return NULL;
	if (!can_be_told(m, d, at))
		return "told a byte that no receiver took";
	if (byte != d->value[at] && !(marks & EITHER))
		return "told the wrong one of two copies";
	return NULL;
}

static const char *gap_fault(const struct stream_model *m, const struct model_side *d, int64_t at,
			     bool finishing)
{
	if (m->loose)
		return NULL;
	if (must_be_told(m, d, at))
		return "told a gap where a byte was captured";
	if (finishing)
		return NULL;
	if (at >= d->acked && !(d->end_known && at >= d->end))
		return "told a gap that was not acknowledged";
	return m->now_ns - d->acked_ns[at] < GRACE_NS ? "told a gap too early" : NULL;
}

static const char *begin(struct stream_model *m, enum side side, int64_t offset, uint64_t place)
{
	struct model_side *d = &m->side[side];

	d->told = true;
	d->base = d->next = offset;
	for (int64_t at = 0; m->midstream && at < d->overdue; at++)
		d->overdue_ns[at] = m->now_ns; /* ACKs count since there is a stream */
	if (place != 0)
		return fault(m, side, offset, "the first byte is not the first");
	if (m->loose)
		return NULL;
	if (!m->midstream && offset != 0)
		return fault(m, side, offset, "the stream does not begin behind the SYN");
	if (offset < d->lowest && (!d->peer_acked || offset < d->lowest_ack))
		return fault(m, side, offset, "the stream begins where nothing was sent");
	for (int64_t at = 0; at < offset; at++)
		if ((d->marks[at] & (HELD | LATE)) == HELD)
			return fault(m, side, at, "the stream begins behind captured bytes");
	return NULL;
}

const char *model_told(struct stream_model *m, enum side side, int64_t offset, uint64_t place,
		       const uint8_t *bytes, uint64_t length, bool finishing)
{
	struct model_side *d = &m->side[side];
	const char *what = d->told ? NULL : begin(m, side, offset, place);

	if (what)
		return what;
	if (length == 0)
		return fault(m, side, offset, "told nothing");
	if (offset != d->next || place != (uint64_t)(offset - d->base))
		return fault(m, side, offset, "told out of order");
	if (!m->loose && offset + (int64_t)length > MODEL_SPAN)
		return fault(m, side, offset, "told more than was sent");
	for (uint64_t i = 0; i < length; i++) {
		int64_t at = offset + (int64_t)i;

		if (at < 0 || at >= MODEL_SPAN)
			continue;
		what = bytes ? byte_fault(m, d, at, bytes[i]) : gap_fault(m, d, at, finishing);
		if (what)
			return fault(m, side, at, what);
	}
	d->next += (int64_t)length;
	return NULL;
}

const char *model_settled(struct stream_model *m, enum side side)
{
	struct model_side *d = &m->side[side];
	int64_t at = d->next;

	while (d->overdue < d->acked && d->overdue < MODEL_SPAN && overdue(m, d, d->overdue))
		d->overdue_ns[d->overdue++] = m->now_ns;
	if (m->loose || (m->midstream && !d->told) || at >= MODEL_SPAN)
		return NULL;
	if (must_be_told(m, d, at))
		return fault(m, side, at, "a byte is not told at once");
	if (at < d->overdue && at < d->acked && !(d->marks[at] & HELD) &&
	    m->now_ns - d->overdue_ns[at] >= GRACE_NS)
		return fault(m, side, at, "a gap is not told");
	return NULL;
}

/* --- the end --- */

/* What has to be there, and what may be. */
struct expected {
	int64_t least, most; /* told up to */
	bool beyond_window, after_reset;
	bool may_beyond_window, may_after_reset, may_conflict;
};

static void expect_byte(const struct stream_model *m, const struct model_side *d, int64_t at,
			struct expected *e)
{
	bool sure = !(d->marks[at] & LATE), after = !(d->marks[at] & BEFORE_RESET) && m->reset;

	e->may_conflict |= (d->marks[at] & SEEN_TWO) != 0;
	if (must_be_told(m, d, at) && e->least <= at)
		e->least = at + 1;
	if (can_be_told(m, d, at)) {
		e->most = at + 1;
	} else if ((d->marks[at] & HELD) && (!d->end_known || at < d->end)) {
		e->after_reset |= sure && after;
		e->may_after_reset |= after;
		e->beyond_window |= sure && !after;
		e->may_beyond_window |= !after;
	}
}

static struct expected expected_of(const struct stream_model *m, const struct model_side *d)
{
	struct expected e = {.least = d->acked};

	if (d->end_known && !d->end_after_reset && d->end > e.least)
		e.least = d->end;
	if (d->cut_end > e.least)
		e.least = d->end_known && d->cut_end > d->end ? d->end : d->cut_end;
	if (m->midstream && !d->told && (!d->nxt_known || e.least - d->lowest <= KEEP_ALIVE_BYTE))
		e.least = 0; /* nothing was sent, or a keep-alive */
	for (int64_t at = 0; at < MODEL_SPAN; at++)
		expect_byte(m, d, at, &e);
	if (e.most < e.least)
		e.most = e.least;
	return e;
}

const char *model_finished(struct stream_model *m, enum side side,
			   const struct model_findings *findings)
{
	const struct model_side *d = &m->side[side];
	struct expected e = expected_of(m, d);

	if (m->loose || (d->fin_first && !d->told)) /* in the latter, it may have been over */
		return NULL;
	if (d->next < e.least)
		return fault(m, side, d->next, "too little is told");
	if (d->next > e.most && d->next > d->past_end)
		return fault(m, side, d->next, "too much is told");
	if (findings->conflict[side] ? !e.may_conflict : d->conflict)
		return fault(m, side, d->next, "finding overlap-conflict");
	if (findings->beyond_window[side] ? !e.may_beyond_window : e.beyond_window)
		return fault(m, side, d->next, "finding data-beyond-window");
	if (findings->after_reset[side] ? !e.may_after_reset : e.after_reset)
		return fault(m, side, d->next, "finding data-after-rst");
	return findings->limit ? fault(m, side, 0, "finding tracking-limit") : NULL;
}
