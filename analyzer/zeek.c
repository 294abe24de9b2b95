#include "analyzer/zeek.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "analyzer/sequence.h"

static_assert(sizeof(struct zeek) <= 128, "a live connection stays small");

enum {
	SEEN_SYN = 1 << 0, /* S or H */
	SEEN_FIN = 1 << 1,
	SEEN_RST = 1 << 2,
	SEEN_FIN_RST = 1 << 3, /* I */
	SEEN_MIX = 1 << 4,     /* Q */
	SEEN_DATA = 1 << 5,
	SEEN_ACK = 1 << 6,
};

enum {
	COUNT_MAX = (1 << 24) - 1,
	ACKED_MAX = 3,
	/* SYNs and RSTs farther off than this do not move what was sent, nor does an ACK of 0. */
	JUMP_MAX = 1 << 20,
};

static bool has(const struct segment *s, unsigned flag)
{
	return (s->flags & flag) != 0;
}

static void set_state(struct zeek_endpoint *e, unsigned state)
{
	if (e->state == (state & 7))
		return;
	e->state_before = e->state;
	e->state = state & 7;
}

/* ---- history ---- */

static char letter_of(enum side from, char letter)
{
	return from == SIDE_INITIATOR ? letter : (char)tolower((unsigned char)letter);
}

static void add_letter(struct zeek *z, enum side from, char letter)
{
	size_t length = strlen(z->history);

	if (length >= ZEEK_HISTORY_MAX) {
		z->full = true;
		return;
	}
	z->history[length] = letter_of(from, letter);
	z->history[length + 1] = '\0';
}

/* True the first time: then the letter is added. */
static bool add_once(struct zeek *z, enum side from, unsigned seen, char letter)
{
	struct zeek_endpoint *e = &z->end[from];

	if (e->seen & seen)
		return false;
	e->seen = (e->seen | seen) & 0x7f;
	add_letter(z, from, letter);
	return true;
}

/* For letters that count again at another number; *latest remembers it. */
static void add_at(struct zeek *z, enum side from, unsigned seen, char letter, uint32_t number,
		   uint32_t *latest)
{
	if (!add_once(z, from, seen, letter) && number != *latest)
		add_letter(z, from, letter);
	*latest = number;
}

static void add_flags(struct zeek *z, enum side from, const struct segment *s)
{
	struct zeek_endpoint *e = &z->end[from];
	uint32_t number = s->seq - e->start;

	switch (s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
	case TCP_SYN:
		add_at(z, from, SEEN_SYN, has(s, TCP_ACK) ? 'H' : 'S', number, &e->syn);
		break;
	case TCP_FIN:
		add_at(z, from, SEEN_FIN, 'F', number + s->payload_len, &e->fin);
		break;
	case TCP_RST:
		add_at(z, from, SEEN_RST, 'R', number, &e->rst);
		break;
	case TCP_FIN | TCP_RST:
	case TCP_FIN | TCP_RST | TCP_SYN:
		add_once(z, from, SEEN_FIN_RST, 'I');
		break;
	case TCP_SYN | TCP_FIN:
	case TCP_SYN | TCP_RST:
		add_once(z, from, SEEN_MIX, 'Q');
		break;
	default:
		if (s->payload_len > 0)
			add_once(z, from, SEEN_DATA, 'D');
		else if (has(s, TCP_ACK))
			add_once(z, from, SEEN_ACK, 'A');
	}
}

/* True at 1, 10, 100, ... */
static bool is_power_of_ten(unsigned count)
{
	unsigned power = 1;

	while (power < count)
		power *= 10;
	return power == count;
}

static void add_zero_window(struct zeek *z, enum side from, const struct segment *s)
{
	struct zeek_endpoint *e = &z->end[from];

	/* After the peer's FIN no window matters to anyone; after one's own RST neither. */
	if (s->window != 0 || has(s, TCP_RST) || e->state == ZEEK_RESET ||
	    z->end[!from].state == ZEEK_CLOSED || e->zero_windows == COUNT_MAX)
		return;
	e->zero_windows = (e->zero_windows + 1) & COUNT_MAX;
	if (is_power_of_ten(e->zero_windows))
		add_letter(z, from, 'W');
}

static void add_retransmission(struct zeek *z, enum side from)
{
	struct zeek_endpoint *e = &z->end[from];

	if (e->retransmitted == COUNT_MAX)
		return;
	e->retransmitted = (e->retransmitted + 1) & COUNT_MAX;
	if (is_power_of_ten(e->retransmitted))
		add_letter(z, from, 'T');
}

/* ---- sequence numbers ---- */

/* One past the numbers the segment occupies; payload of a RST is no part of the stream. */
static uint32_t end_of(const struct segment *s)
{
	uint32_t length = has(s, TCP_RST) ? 0 : s->payload_len;

	return s->seq + length + has(s, TCP_SYN) + has(s, TCP_FIN);
}

static void start_at(struct zeek_endpoint *e, uint32_t start, uint32_t last)
{
	e->start = start;
	e->last = last;
	e->acked = 0;
}

/* Where its numbers begin: at the SYN, or as if a SYN came right before its first segment. */
static void start_numbers(struct zeek_endpoint *e, const struct segment *s)
{
	bool restarts = false;

	switch (e->state) {
	case ZEEK_INACTIVE:
		if (!has(s, TCP_SYN))
			start_at(e, s->seq - 1, s->seq);
		restarts = true;
		break;
	case ZEEK_SYN_SENT:
	case ZEEK_SYN_ACK_SENT:
		restarts = s->seq != e->start;
		break;
	case ZEEK_PARTIAL:
	case ZEEK_ESTABLISHED:
		restarts = true; /* by the same SYN too */
		break;
	case ZEEK_RESET:
		/* The number of a forged RST must not stand for its sender's. */
		restarts = e->state_before == ZEEK_INACTIVE;
		break;
	}
	if (restarts && has(s, TCP_SYN))
		start_at(e, s->seq, end_of(s));
}

/* An ACK of a RST is not believed. */
static void take_ack(struct zeek_endpoint *peer, const struct segment *s)
{
	int32_t beyond = (int32_t)(s->ack - peer->start);
	bool absurd = s->ack == 0 && beyond > (int32_t)peer->acked + JUMP_MAX;

	if (!has(s, TCP_ACK) || has(s, TCP_RST) || absurd)
		return;
	if (beyond > (int32_t)peer->acked)
		peer->acked = beyond < ACKED_MAX ? (unsigned)beyond & ACKED_MAX : ACKED_MAX;
}

/* True where the segment repeats payload: it ends at or below what its sender has sent. */
static bool take_numbers(struct zeek_endpoint *e, const struct segment *s)
{
	uint32_t end = end_of(s);
	int32_t ahead = (int32_t)(end - e->last);

	if ((has(s, TCP_SYN) || has(s, TCP_RST)) && (ahead > JUMP_MAX || ahead < -JUMP_MAX))
		return false;
	/* Of more than 2 GiB, all but SYN and FIN lost, only the FIN can tell. */
	if (has(s, TCP_FIN) && e->last == e->start + 1) {
		e->last = end;
		return false;
	}
	if (e->state == ZEEK_RESET)
		return false;
	if (ahead > 0)
		e->last = end;
	return ahead <= 0 && s->payload_len > 0;
}

/* No payload sent, as far as its numbers and the peer's ACKs tell. */
static bool sent_nothing(const struct zeek_endpoint *e)
{
	uint32_t sent = e->last - e->start;

	if (sent < e->acked)
		sent = e->acked;
	return sent <= 1u + e->fin_seen; /* SYN and FIN take a number each */
}

/* ---- states ---- */

static void take_syn(struct zeek *z, enum side from, const struct segment *s, unsigned before)
{
	struct zeek_endpoint *e = &z->end[from], *peer = &z->end[!from];

	if (before == ZEEK_PARTIAL) {
		if (peer->state == ZEEK_INACTIVE && !has(s, TCP_ACK))
			set_state(e, ZEEK_SYN_SENT);
	} else if (before != ZEEK_INACTIVE) {
		return;
	} else if (from == SIDE_RESPONDER) {
		if (peer->state == ZEEK_SYN_SENT)
			set_state(peer, ZEEK_ESTABLISHED);
		set_state(e, ZEEK_ESTABLISHED);
	} else if (has(s, TCP_ACK)) {
		set_state(e, ZEEK_SYN_ACK_SENT);
	} else {
		/* A SYN captured after its SYN|ACK is none the worse for it. */
		set_state(e, peer->state == ZEEK_ESTABLISHED ? ZEEK_ESTABLISHED : ZEEK_SYN_SENT);
	}
}

static void take_fin(struct zeek *z, enum side from, const struct segment *s, unsigned before)
{
	struct zeek_endpoint *e = &z->end[from], *peer = &z->end[!from];
	bool synchronized = before == ZEEK_PARTIAL || before == ZEEK_ESTABLISHED;

	if (before == ZEEK_RESET || (synchronized && has(s, TCP_RST)))
		return;
	set_state(e, ZEEK_CLOSED);
	/* FIN, RST, then the peer's FIN: both closed, in their own way. */
	if (synchronized && peer->state == ZEEK_RESET && peer->state_before == ZEEK_CLOSED)
		set_state(peer, ZEEK_CLOSED);
}

static void take_rst(struct zeek *z, enum side from, unsigned before)
{
	if (before == ZEEK_CLOSED && z->end[!from].state == ZEEK_CLOSED)
		return;
	set_state(&z->end[from], ZEEK_RESET);
}

/* The first segment of a side, without SYN, FIN and RST. */
static void take_first(struct zeek *z, enum side from, const struct segment *s)
{
	struct zeek_endpoint *e = &z->end[from], *peer = &z->end[!from];

	/* Some stacks acknowledge a SYN before they send their own. */
	if (from == SIDE_RESPONDER && s->payload_len == 0 && peer->state == ZEEK_SYN_SENT)
		return;
	set_state(e, has(s, TCP_ACK) && peer->state == ZEEK_ESTABLISHED ? ZEEK_ESTABLISHED
									: ZEEK_PARTIAL);
}

/* One segment with several flags takes the steps one after the other. */
static void take_flags(struct zeek *z, enum side from, const struct segment *s)
{
	unsigned before = z->end[from].state;

	if (has(s, TCP_SYN))
		take_syn(z, from, s, before);
	if (has(s, TCP_FIN))
		take_fin(z, from, s, before);
	if (has(s, TCP_RST))
		take_rst(z, from, before);
	if (z->end[from].state == ZEEK_INACTIVE)
		take_first(z, from, s);
}

/* A SYN with another number than the running one. Zeek starts a connection there; where the engine
 * does not, it is told in the history and must not disturb the numbers of the connection. */
static bool is_stray_syn(const struct zeek_endpoint *e, const struct segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && e->state != ZEEK_INACTIVE &&
	       s->seq != e->start;
}

static void take_segment(struct zeek *z, enum side from, const struct segment *s)
{
	struct zeek_endpoint *e = &z->end[from];

	start_numbers(e, s);
	add_flags(z, from, s);
	add_zero_window(z, from, s);
	e->fin_seen |= has(s, TCP_FIN);
	take_ack(&z->end[!from], s);
	if (take_numbers(e, s))
		add_retransmission(z, from);
	take_flags(z, from, s);
}

void zeek_segment(struct zeek *z, enum side from, const struct segment *s)
{
	bool stray, plain_syn = has(s, TCP_SYN) && !has(s, TCP_ACK);
	size_t before, earned;

	assert(from == SIDE_INITIATOR || from == SIDE_RESPONDER);
	if (!plain_syn) {
		take_segment(z, from, s);
		return;
	}
	stray = is_stray_syn(&z->end[from], s);
	before = strlen(z->history);
	if (stray)
		add_flags(z, from, s);
	else
		take_segment(z, from, s);
	earned = strlen(z->history) - before;
	/* A stray SYN that comes again is one SYN: its letter can still be taken back. */
	if (stray && earned == 0)
		return;
	z->syn_at[from] = (uint8_t)before;
	z->syn_earned[from] = (uint8_t)earned;
}

/* ---- regular connections ---- */

void zeek_put(struct zeek *z, enum side side, const struct zeek_sent *sent)
{
	struct zeek_endpoint *e = &z->end[side];

	e->start = sent->isn;
	e->last = sent->nxt;
	e->acked = sent->acked < ACKED_MAX ? sent->acked & ACKED_MAX : ACKED_MAX;
	e->seen = (SEEN_SYN | (sent->fin ? SEEN_FIN : 0) | (sent->data ? SEEN_DATA : 0) |
		   (sent->bare_ack ? SEEN_ACK : 0)) &
		  0x7f;
	if (side == SIDE_INITIATOR) {
		set_state(e, ZEEK_SYN_SENT);
		z->syn_earned[side] = 1;
	}
	if (sent->synchronized)
		set_state(e, ZEEK_ESTABLISHED);
	if (!sent->fin)
		return;
	set_state(e, ZEEK_CLOSED);
	e->fin_seen = true;
	e->fin = sent->nxt - 1 - sent->isn;
}

void zeek_put_history(struct zeek *z, const char *letters, size_t count)
{
	memcpy(z->history, letters, count);
}

/* ---- what is told ---- */

/* A SYN, then a RST of its sender, and none of the letters between that would make it more. */
static bool is_syn_then_rst(const char *history)
{
	size_t clear;

	if (history[0] != 'S')
		return false;
	clear = strcspn(history + 1, "HAFGIQ");
	return memchr(history + 1, 'R', clear) != NULL;
}

enum conn_state zeek_conn_state(const struct zeek *z)
{
	const struct zeek_endpoint *o = &z->end[SIDE_INITIATOR], *r = &z->end[SIDE_RESPONDER];
	bool o_inactive = o->state == ZEEK_INACTIVE || o->state == ZEEK_PARTIAL;
	bool r_inactive = r->state == ZEEK_INACTIVE || r->state == ZEEK_PARTIAL;

	if (r->state == ZEEK_RESET) {
		if (o->state == ZEEK_SYN_SENT || o->state == ZEEK_SYN_ACK_SENT ||
		    (o->state == ZEEK_RESET && sent_nothing(o) && sent_nothing(r)))
			return ZEEK_REJ;
		return o_inactive ? ZEEK_RSTRH : ZEEK_RSTR;
	}
	if (o->state == ZEEK_RESET) {
		if (!r_inactive)
			return ZEEK_RSTO;
		return is_syn_then_rst(z->history) ? ZEEK_RSTOS0 : ZEEK_OTH;
	}
	if (o->state == ZEEK_CLOSED && r->state == ZEEK_CLOSED)
		return ZEEK_SF;
	if (o->state == ZEEK_CLOSED)
		return r_inactive ? ZEEK_SH : ZEEK_S2;
	if (r->state == ZEEK_CLOSED)
		return o_inactive ? ZEEK_SHR : ZEEK_S3;
	if (o->state == ZEEK_SYN_SENT && r->state == ZEEK_INACTIVE)
		return ZEEK_S0;
	if (o->state == ZEEK_ESTABLISHED && r->state == ZEEK_ESTABLISHED)
		return ZEEK_S1;
	return ZEEK_OTH;
}

const char *zeek_history(const struct zeek *z)
{
	return z->history;
}

bool zeek_history_full(const struct zeek *z)
{
	return z->full;
}

void zeek_take_back_syn(struct zeek *z, enum side from)
{
	struct zeek_endpoint *e = &z->end[from];
	const char letters[] = {letter_of(from, 'S'), letter_of(from, 'H'), '\0'};
	uint8_t at = z->syn_at[from], earned = z->syn_earned[from];
	char *cut = z->history + at;

	if (earned == 0)
		return;
	memmove(cut, cut + earned, strlen(cut + earned) + 1);
	z->syn_earned[from] = 0;
	if (z->syn_earned[!from] > 0 && z->syn_at[!from] > at)
		z->syn_at[!from] = (uint8_t)(z->syn_at[!from] - earned);
	if (strpbrk(z->history, letters) != NULL)
		return;
	/* It was the only SYN of this side: without it there was none. */
	e->seen &= 0x7f & ~(unsigned)SEEN_SYN;
	if (e->state == ZEEK_SYN_SENT)
		e->state = e->state_before;
}
