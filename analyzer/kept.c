#include "analyzer/kept.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { DISTANCES_MAX = 64, WORD = 8 };

/* Anything of one end. */
struct kept_end {
	uint32_t isn, ts_last;
	uint16_t window;
	uint8_t ttl_first, wscale;
};

struct kept {
	int64_t first_ns;
	uint64_t far; /* bit n: the n-th distance is not 0 */
	struct kept_end end[SIDES];
	uint32_t first_packet;
	uint16_t size;      /* of all, bytes */
	uint8_t distance[]; /* lengths of those that are not 0, two a byte; then their bytes */
};

/* Distances on their way, in or out. */
struct distances {
	uint64_t value[DISTANCES_MAX];
	size_t count;
};

static void put(struct distances *d, uint64_t value)
{
	d->value[d->count++] = value;
}

static uint64_t get(struct distances *d)
{
	return d->value[d->count++];
}

/* Small ones of either sign become small numbers. */
static uint64_t fold(int64_t difference)
{
	return (uint64_t)difference << 1 ^ (uint64_t)(difference >> 63);
}

static int64_t unfold(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static void put_from(struct distances *d, int64_t value, int64_t usual)
{
	put(d, fold((int64_t)((uint64_t)value - (uint64_t)usual)));
}

static int64_t get_from(struct distances *d, int64_t usual)
{
	return (int64_t)((uint64_t)usual + (uint64_t)unfold(get(d)));
}

/* Numbers of 32 bits, modulo 2^32. */
static void put_number(struct distances *d, uint32_t number, uint32_t usual)
{
	put(d, fold((int32_t)(number - usual)));
}

static uint32_t get_number(struct distances *d, uint32_t usual)
{
	return usual + (uint32_t)unfold(get(d));
}

/* ---- what is usual ---- */

/* A request, an answer, and the responder closes; as a number, so that other endings differ little. */
static uint64_t usual_history(void)
{
	uint64_t history;

	memcpy(&history, "ShADadfF", sizeof(history));
	return be64toh(history);
}

static uint64_t history_of(const struct regular *r)
{
	uint64_t history;

	memcpy(&history, r->history, sizeof(history));
	return be64toh(history);
}

static void set_history(struct regular *r, uint64_t number)
{
	uint64_t history = htobe64(number);

	memcpy(r->history, &history, sizeof(history));
	r->letters = 0;
	while (r->letters < REGULAR_LETTERS && r->history[r->letters] != '\0')
		r->letters++;
}

enum mark {
	MARK_TIMESTAMPS = 0x01,
	MARK_PLAIN = 0x02,
	MARK_BARE_ACK = 0x04,
	MARK_DATA_ALONE = 0x08,
	MARK_DATA = 0x10,
	MARK_SINCE_GAP = 0x20,
	MARK_ACK_MAX_BY_FIN = 0x40,
	MARK_COVERED_BY_FIN = 0x80,
	MARKS_USUAL = MARK_TIMESTAMPS | MARK_PLAIN | MARK_BARE_ACK | MARK_DATA_ALONE | MARK_DATA |
		      MARK_SINCE_GAP,
};

static unsigned marks_of(const struct regular_end *e)
{
	return (e->timestamps ? MARK_TIMESTAMPS : 0u) | (e->plain ? MARK_PLAIN : 0u) |
	       (e->bare_ack ? MARK_BARE_ACK : 0u) | (e->data_alone ? MARK_DATA_ALONE : 0u) |
	       (e->data ? MARK_DATA : 0u) | (e->since_gap ? MARK_SINCE_GAP : 0u) |
	       (e->ack_max_by_fin ? MARK_ACK_MAX_BY_FIN : 0u) |
	       (e->covered_by_fin ? MARK_COVERED_BY_FIN : 0u);
}

static void set_marks(struct regular_end *e, unsigned marks)
{
	e->timestamps = marks & MARK_TIMESTAMPS;
	e->plain = marks & MARK_PLAIN;
	e->bare_ack = marks & MARK_BARE_ACK;
	e->data_alone = marks & MARK_DATA_ALONE;
	e->data = marks & MARK_DATA;
	e->since_gap = marks & MARK_SINCE_GAP;
	e->ack_max_by_fin = marks & MARK_ACK_MAX_BY_FIN;
	e->covered_by_fin = (marks & MARK_COVERED_BY_FIN) != 0;
	e->fin = true;
}

/* Of the last ACKs the latest covers the FIN, then all data, then the SYN. */
static uint32_t usual_ack(const struct regular_end *peer, uint8_t i)
{
	return i == 0 ? peer->snd_nxt : i == 1 ? peer->snd_nxt - 1 : peer->isn + 1;
}

static uint32_t last_window(const struct regular_end *e)
{
	return (uint32_t)e->window << e->shift;
}

/* Since the latest payload of either end. */
static int64_t usual_silence(const struct regular *r, const struct regular_end *e)
{
	const struct regular_end *i = &r->end[SIDE_INITIATOR], *p = &r->end[SIDE_RESPONDER];
	int64_t latest = i->data ? i->data_ns : INT64_MIN;

	if (p->data && p->data_ns > latest)
		latest = p->data_ns;
	return i->data || p->data ? (int64_t)((uint64_t)e->fin_at.ts_ns - (uint64_t)latest) : 0;
}

static enum side first_fin(const struct regular *r)
{
	return r->end[SIDE_RESPONDER].fin_at.ordinal < r->end[SIDE_INITIATOR].fin_at.ordinal
		       ? SIDE_RESPONDER
		       : SIDE_INITIATOR;
}

/* ---- the numbers, in an order in which each finds what it is measured by ---- */

static void put_moment(struct distances *d, const struct regular_moment *m,
		       const struct regular_moment *usual)
{
	put_from(d, m->ts_ns, usual->ts_ns);
	put_number(d, m->packet, usual->packet);
	put_number(d, m->ordinal - m->packet, usual->ordinal - usual->packet);
}

static void get_moment(struct distances *d, struct regular_moment *m,
		       const struct regular_moment *usual)
{
	m->ts_ns = get_from(d, usual->ts_ns);
	m->packet = get_number(d, usual->packet);
	m->ordinal = get_number(d, usual->ordinal - usual->packet) + m->packet;
}

static struct regular_moment start_of(const struct regular *r)
{
	return (struct regular_moment){r->first_ns, r->first_packet, r->first_packet};
}

static void put_teardown(struct distances *d, const struct regular *r)
{
	enum side side = first_fin(r);
	const struct regular_end *first = &r->end[side], *last = &r->end[!side];
	struct regular_moment start = start_of(r);

	put(d, side);
	put_moment(d, &first->fin_at, &start);
	put_moment(d, &last->fin_at, &first->fin_at);
	put_moment(d, &first->covered, &last->fin_at);
	put_moment(d, &last->covered, &last->fin_at);
	put_from(d, r->last_ns, last->covered.ts_ns);
	put_number(d, first->fin_ack, last->snd_nxt - 1);
	put_number(d, last->fin_ack, first->snd_nxt);
}

static void get_teardown(struct distances *d, struct regular *r)
{
	enum side side = (enum side)get(d);
	struct regular_end *first = &r->end[side], *last = &r->end[!side];
	struct regular_moment start = start_of(r);

	get_moment(d, &first->fin_at, &start);
	get_moment(d, &last->fin_at, &first->fin_at);
	get_moment(d, &first->covered, &last->fin_at);
	get_moment(d, &last->covered, &last->fin_at);
	r->last_ns = get_from(d, last->covered.ts_ns);
	first->fin_ack = get_number(d, last->snd_nxt - 1);
	last->fin_ack = get_number(d, first->snd_nxt);
}

static void put_end(struct distances *d, const struct regular_end *e,
		    const struct regular_end *peer)
{
	put(d, e->ack_count ^ 3u);
	for (uint8_t i = 0; i < RECENT_ACKS; i++)
		put_number(d, e->acks[i], i < e->ack_count ? usual_ack(peer, i) : 0);
	put_number(d, e->window_max, last_window(e));
	put_number(d, e->window_right, e->acks[0] + last_window(e));
	put(d, e->packets);
	put(d, e->ttl_first ^ e->ttl_last);
	put(d, e->half_close);
	put(d, e->fin_payload);
}

static void get_end(struct distances *d, struct regular_end *e, const struct regular_end *peer)
{
	e->ack_count = (uint8_t)(get(d) ^ 3u);
	for (uint8_t i = 0; i < RECENT_ACKS; i++)
		e->acks[i] = get_number(d, i < e->ack_count ? usual_ack(peer, i) : 0);
	e->window_max = get_number(d, last_window(e));
	e->window_right = get_number(d, e->acks[0] + last_window(e));
	e->packets = (uint32_t)get(d);
	e->ttl_last = (uint8_t)(get(d) ^ e->ttl_first);
	e->half_close = (uint32_t)get(d);
	e->fin_payload = (uint32_t)get(d);
}

static void put_data_times(struct distances *d, const struct regular *r)
{
	const struct regular_end *last = &r->end[!first_fin(r)];

	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *e = &r->end[side];

		put_from(d, e->data_ns, e->data ? last->fin_at.ts_ns : 0);
	}
	for (int side = 0; side < SIDES; side++)
		put_from(d, r->end[side].fin_silence, usual_silence(r, &r->end[side]));
}

static void get_data_times(struct distances *d, struct regular *r)
{
	const struct regular_end *last = &r->end[!first_fin(r)];

	for (int side = 0; side < SIDES; side++) {
		struct regular_end *e = &r->end[side];

		e->data_ns = get_from(d, e->data ? last->fin_at.ts_ns : 0);
	}
	for (int side = 0; side < SIDES; side++)
		r->end[side].fin_silence = get_from(d, usual_silence(r, &r->end[side]));
}

static void put_reuse(struct distances *d, const struct regular_reuse *reuse,
		      const struct regular_moment *usual)
{
	put(d, reuse->by | (unsigned)reuse->rule << 8 | (unsigned)reuse->answer << 16 |
		       (unsigned)reuse->clocks << 24);
	if (reuse->by != REUSE_BY_NULL)
		put_moment(d, &reuse->at, usual);
}

static void get_reuse(struct distances *d, struct regular_reuse *reuse,
		      const struct regular_moment *usual)
{
	uint32_t word = (uint32_t)get(d);

	reuse->by = (uint8_t)word;
	reuse->rule = (uint8_t)(word >> 8);
	reuse->answer = (uint8_t)(word >> 16);
	reuse->clocks = (uint8_t)(word >> 24);
	if (reuse->by != REUSE_BY_NULL)
		get_moment(d, &reuse->at, usual);
}

static void put_all(struct distances *d, const struct regular *r)
{
	for (int side = 0; side < SIDES; side++) {
		put(d, r->end[side].snd_nxt - r->end[side].isn);
		put(d, marks_of(&r->end[side]) ^ MARKS_USUAL);
	}
	for (int side = 0; side < SIDES; side++)
		put_end(d, &r->end[side], &r->end[!side]);
	put_teardown(d, r);
	put_data_times(d, r);
	put(d, history_of(r) ^ usual_history());
	put(d, (uint64_t)r->handshake_rtt_ns);
	put(d, (uint64_t)r->gap_ns);
	put(d, r->file);
	put_number(d, r->data_segments, (uint32_t)r->end[0].data + r->end[1].data);
	put_reuse(d, &r->reuse, &r->end[!first_fin(r)].covered);
}

static void get_all(struct distances *d, struct regular *r)
{
	for (int side = 0; side < SIDES; side++) {
		r->end[side].snd_nxt = r->end[side].isn + (uint32_t)get(d);
		set_marks(&r->end[side], (unsigned)get(d) ^ MARKS_USUAL);
	}
	for (int side = 0; side < SIDES; side++)
		get_end(d, &r->end[side], &r->end[!side]);
	get_teardown(d, r);
	get_data_times(d, r);
	set_history(r, get(d) ^ usual_history());
	r->handshake_rtt_ns = (int64_t)get(d);
	r->gap_ns = (int64_t)get(d);
	r->file = (uint32_t)get(d);
	r->data_segments = get_number(d, (uint32_t)r->end[0].data + r->end[1].data);
	get_reuse(d, &r->reuse, &r->end[!first_fin(r)].covered);
}

/* ---- bytes ---- */

static unsigned bytes_in(uint64_t value)
{
	return 8 - (unsigned)__builtin_clzll(value) / 8;
}

static uint64_t far_ones(const struct distances *d)
{
	uint64_t far = 0;

	for (size_t i = 0; i < d->count; i++)
		far |= (uint64_t)(d->value[i] != 0) << i;
	return far;
}

/* Returns the end. Up to a word behind it is written to. */
static uint8_t *write_distances(const struct distances *d, uint64_t far, uint8_t *out)
{
	uint8_t *lengths = out;
	unsigned n = 0;

	memset(out, 0, DISTANCES_MAX / 2);
	out += (__builtin_popcountll(far) + 1) / 2;
	for (; far != 0; far &= far - 1, n++) {
		uint64_t value = d->value[__builtin_ctzll(far)];
		unsigned length = bytes_in(value);

		lengths[n / 2] |= (uint8_t)(length << n % 2 * 4);
		value = htole64(value);
		memcpy(out, &value, sizeof(value));
		out += length;
	}
	return out;
}

static void read_distances(struct distances *d, uint64_t far, const uint8_t *in)
{
	const uint8_t *lengths = in;
	unsigned n = 0;

	memset(d, 0, sizeof(*d));
	in += (__builtin_popcountll(far) + 1) / 2;
	for (; far != 0; far &= far - 1, n++) {
		unsigned length = lengths[n / 2] >> n % 2 * 4 & 0xf;
		uint64_t value;

		/* the word that ends with it: it reaches into what lies before, never behind */
		in += length;
		memcpy(&value, in - WORD, sizeof(value));
		d->value[__builtin_ctzll(far)] = le64toh(value) >> (64 - 8 * length);
	}
}

struct kept *kept_of(const struct regular *r)
{
	uint8_t room[DISTANCES_MAX / 2 + DISTANCES_MAX * WORD + WORD];
	struct distances d = {.count = 0};
	struct kept *kept;
	size_t count;
	uint64_t far;

	assert(r->stage == REGULAR_CLOSED);
	put_all(&d, r);
	far = far_ones(&d);
	count = (size_t)(write_distances(&d, far, room) - room);
	kept = malloc(sizeof(*kept) + count);
	if (!kept)
		return NULL;
	kept->first_ns = r->first_ns;
	kept->first_packet = r->first_packet;
	kept->far = far;
	kept->size = (uint16_t)(sizeof(*kept) + count);
	for (int side = 0; side < SIDES; side++)
		kept->end[side] = (struct kept_end){.isn = r->end[side].isn,
						    .ts_last = r->end[side].ts_last,
						    .window = r->end[side].window,
						    .ttl_first = r->end[side].ttl_first,
						    .wscale = r->end[side].wscale};
	memcpy(kept->distance, room, count);
	return kept;
}

void kept_open(const struct kept *kept, struct regular *r)
{
	struct distances d;

	memset(r, 0, sizeof(*r));
	r->stage = REGULAR_CLOSED;
	r->ladder.given_up = true;
	r->first_ns = kept->first_ns;
	r->first_packet = kept->first_packet;
	for (int side = 0; side < SIDES; side++) {
		const struct kept_end *end = &kept->end[side];

		r->end[side].isn = end->isn;
		r->end[side].ts_last = end->ts_last;
		r->end[side].window = end->window;
		r->end[side].ttl_first = end->ttl_first;
		r->end[side].wscale = end->wscale;
	}
	regular_agree_on_scaling(r);
	read_distances(&d, kept->far, kept->distance);
	get_all(&d, r);
}

size_t kept_memory(const struct kept *kept)
{
	return kept->size;
}
