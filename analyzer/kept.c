#include "analyzer/kept.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { DISTANCES_MAX = 40, WORD = 8 };

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
	struct time_wait_reuse reuse;
	uint16_t size;      /* of all, bytes */
	uint8_t distance[]; /* lengths of those that are not 0, two a byte; then their bytes */
};

/* What it takes beside its distances; malloc aligns no more than that. */
#define HEADER offsetof(struct kept, distance)

/* Distances on their way out, or in: in an array first, which makes short code of putting and getting one,
 * and of packing all a loop. */
struct distances {
	unsigned count; /* put, or got */
	uint64_t value[DISTANCES_MAX];
};

static inline void put(struct distances *d, uint64_t value)
{
	d->value[d->count++] = value;
}

static inline uint64_t get(struct distances *d)
{
	return d->value[d->count++];
}

/* Distances as bytes. */
struct packed_distances {
	uint64_t far;
	unsigned far_count;
	uint8_t length[DISTANCES_MAX + 1]; /* of those that are not 0 */
	size_t byte_count;
	uint8_t bytes[(DISTANCES_MAX + 1) * WORD]; /* of all, and room for a word behind them */
};

static void pack(const struct distances *d, struct packed_distances *p)
{
	unsigned far_count = 0;
	uint64_t far = 0;
	uint8_t *out = p->bytes;

	for (unsigned i = 0; i < d->count; i++) {
		uint64_t value = d->value[i];
		unsigned length;

		if (value == 0)
			continue;
		far |= UINT64_C(1) << i;
		length = 8 - (unsigned)__builtin_clzll(value) / 8;
		p->length[far_count++] = (uint8_t)length;
		value = htole64(value);
		/* fortified, it would be a call */
		__builtin_memcpy(out, &value, sizeof(value));
		out += length;
	}
	p->length[far_count] = 0;
	p->far = far;
	p->far_count = far_count;
	p->byte_count = (size_t)(out - p->bytes);
}

static void unpack(const struct kept *kept, struct distances *d)
{
	const uint8_t *in = kept->distance + (__builtin_popcountll(kept->far) + 1) / 2;
	unsigned nth = 0;

	d->count = 0;
	memset(d->value, 0, sizeof(d->value));
	for (uint64_t far = kept->far; far != 0; far &= far - 1) {
		unsigned length = kept->distance[nth / 2] >> nth % 2 * 4 & 0xf;
		uint64_t value;

		/* the word that ends with it: it reaches into what lies before, never behind */
		in += length;
		memcpy(&value, in - WORD, sizeof(value));
		d->value[__builtin_ctzll(far)] = le64toh(value) >> (64 - 8 * length);
		nth++;
	}
}

/* Small ones of either sign become small numbers. */
static uint64_t fold(int64_t difference)
{
	return (uint64_t)difference << 1 ^ -(uint64_t)(difference < 0);
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

/* Two numbers that are mostly both 0 count as one. */
static void put_two(struct distances *w, uint32_t one, uint32_t other)
{
	put(w, one | (uint64_t)other << 32);
}

static void get_two(struct distances *r, uint32_t *one, uint32_t *other)
{
	uint64_t value = get(r);

	*one = (uint32_t)value;
	*other = (uint32_t)(value >> 32);
}

/* Numbers of 32 bits, modulo 2^32. */
static uint32_t fold_number(uint32_t number, uint32_t usual)
{
	return (uint32_t)fold((int32_t)(number - usual));
}

static uint32_t unfold_number(uint32_t folded, uint32_t usual)
{
	return usual + (uint32_t)unfold(folded);
}

static void put_number(struct distances *d, uint32_t number, uint32_t usual)
{
	put(d, fold_number(number, usual));
}

static uint32_t get_number(struct distances *d, uint32_t usual)
{
	return unfold_number((uint32_t)get(d), usual);
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
static uint32_t usual_ack(const struct regular_end *peer, int i)
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

static void put_moment(struct distances *w, const struct regular_moment *m,
		       const struct regular_moment *usual)
{
	put_from(w, m->ts_ns, usual->ts_ns);
	put_number(w, m->packet, usual->packet);
}

static void get_moment(struct distances *r, struct regular_moment *m,
		       const struct regular_moment *usual)
{
	m->ts_ns = get_from(r, usual->ts_ns);
	m->packet = get_number(r, usual->packet);
}

/* All packets between two are segments, mostly: ordinals are as far apart as packets. */
static uint32_t fold_ordinal(const struct regular_moment *m, const struct regular_moment *usual)
{
	return fold_number(m->ordinal - m->packet, usual->ordinal - usual->packet);
}

static void unfold_ordinal(uint32_t folded, struct regular_moment *m,
			   const struct regular_moment *usual)
{
	m->ordinal = m->packet + unfold_number(folded, usual->ordinal - usual->packet);
}

static struct regular_moment start_of(const struct regular *r)
{
	return (struct regular_moment){r->first_ns, r->first_packet, r->first_packet};
}

static void put_teardown(struct distances *w, const struct regular *r)
{
	enum side side = first_fin(r);
	const struct regular_end *first = &r->end[side], *last = &r->end[!side];
	struct regular_moment start = start_of(r);

	put_moment(w, &first->fin_at, &start);
	put_moment(w, &last->fin_at, &first->fin_at);
	put_moment(w, &first->covered, &last->fin_at);
	put_moment(w, &last->covered, &last->fin_at);
	put_two(w, fold_ordinal(&first->fin_at, &start),
		fold_ordinal(&last->fin_at, &first->fin_at));
	put_two(w, fold_ordinal(&first->covered, &last->fin_at),
		fold_ordinal(&last->covered, &last->fin_at));
	put_from(w, r->last_ns, last->covered.ts_ns);
	put_two(w, fold_number(first->fin_ack, last->snd_nxt - 1),
		fold_number(last->fin_ack, first->snd_nxt));
}

static void get_teardown(struct distances *in, struct regular *r, enum side side)
{
	struct regular_end *first = &r->end[side], *last = &r->end[!side];
	struct regular_moment start = start_of(r);
	uint32_t one, other;

	get_moment(in, &first->fin_at, &start);
	get_moment(in, &last->fin_at, &first->fin_at);
	get_moment(in, &first->covered, &last->fin_at);
	get_moment(in, &last->covered, &last->fin_at);
	get_two(in, &one, &other);
	unfold_ordinal(one, &first->fin_at, &start);
	unfold_ordinal(other, &last->fin_at, &first->fin_at);
	get_two(in, &one, &other);
	unfold_ordinal(one, &first->covered, &last->fin_at);
	unfold_ordinal(other, &last->covered, &last->fin_at);
	r->last_ns = get_from(in, last->covered.ts_ns);
	get_two(in, &one, &other);
	first->fin_ack = unfold_number(one, last->snd_nxt - 1);
	last->fin_ack = unfold_number(other, first->snd_nxt);
}

static void put_end(struct distances *w, const struct regular_end *e,
		    const struct regular_end *peer)
{
	uint32_t far[RECENT_ACKS];

	for (int i = 0; i < RECENT_ACKS; i++)
		far[i] = fold_number(e->acks[i], i < e->ack_count ? usual_ack(peer, i) : 0);
	put_two(w, far[0], far[1]);
	put_two(w, far[2], far[3]);
	put_two(w, fold_number(e->window_max, last_window(e)),
		fold_number(e->window_right, e->acks[0] + last_window(e)));
	put(w, e->packets);
	put_two(w, e->half_close, e->fin_payload);
}

static void get_end(struct distances *r, struct regular_end *e, const struct regular_end *peer)
{
	uint32_t far[RECENT_ACKS];

	get_two(r, &far[0], &far[1]);
	get_two(r, &far[2], &far[3]);
	for (int i = 0; i < RECENT_ACKS; i++)
		e->acks[i] = unfold_number(far[i], i < e->ack_count ? usual_ack(peer, i) : 0);
	get_two(r, &far[0], &far[1]);
	e->window_max = unfold_number(far[0], last_window(e));
	e->window_right = unfold_number(far[1], e->acks[0] + last_window(e));
	e->packets = (uint32_t)get(r);
	get_two(r, &e->half_close, &e->fin_payload);
}

/* Small fields of both ends in one number. */
enum { MARKS_SHIFT = 0, ACKS_SHIFT = 8, TTL_SHIFT = 16, END_SHIFT = 24, FIRST_FIN_SHIFT = 48 };

static uint64_t details_of(const struct regular *r)
{
	uint64_t details = (uint64_t)first_fin(r) << FIRST_FIN_SHIFT;

	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *e = &r->end[side];
		uint64_t end = (marks_of(e) ^ MARKS_USUAL) | (e->ack_count ^ 3u) << ACKS_SHIFT |
			       (unsigned)(e->ttl_first ^ e->ttl_last) << TTL_SHIFT;

		details |= end << side * END_SHIFT;
	}
	return details;
}

static void set_details(struct regular *r, uint64_t details)
{
	for (int side = 0; side < SIDES; side++) {
		struct regular_end *e = &r->end[side];
		unsigned end = (unsigned)(details >> side * END_SHIFT);

		set_marks(e, (end & 0xff) ^ MARKS_USUAL);
		e->ack_count = (uint8_t)(end >> ACKS_SHIFT) ^ 3u;
		e->ttl_last = (uint8_t)(end >> TTL_SHIFT) ^ e->ttl_first;
	}
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

static void put_all(struct distances *w, const struct regular *r)
{
	put(w, details_of(r));
	for (int side = 0; side < SIDES; side++)
		put(w, r->end[side].snd_nxt - r->end[side].isn);
	for (int side = 0; side < SIDES; side++)
		put_end(w, &r->end[side], &r->end[!side]);
	put_teardown(w, r);
	put_data_times(w, r);
	put(w, history_of(r) ^ usual_history());
	put(w, (uint64_t)r->handshake_rtt_ns);
	put(w, (uint64_t)r->gap_ns);
	put_two(w, fold_number(r->data_segments, (uint32_t)r->end[0].data + r->end[1].data),
		r->file);
}

static void get_all(struct distances *in, struct regular *r)
{
	uint64_t details = get(in);
	uint32_t data_segments;

	set_details(r, details);
	for (int side = 0; side < SIDES; side++)
		r->end[side].snd_nxt = r->end[side].isn + (uint32_t)get(in);
	for (int side = 0; side < SIDES; side++)
		get_end(in, &r->end[side], &r->end[!side]);
	get_teardown(in, r, (enum side)(details >> FIRST_FIN_SHIFT));
	get_data_times(in, r);
	set_history(r, get(in) ^ usual_history());
	r->handshake_rtt_ns = (int64_t)get(in);
	r->gap_ns = (int64_t)get(in);
	get_two(in, &data_segments, &r->file);
	r->data_segments = unfold_number(data_segments, (uint32_t)r->end[0].data + r->end[1].data);
}

/* ---- bytes ---- */

static void pack_lengths(const struct packed_distances *p, uint8_t *out)
{
	for (unsigned i = 0; i < p->far_count; i += 2)
		*out++ = (uint8_t)(p->length[i] | p->length[i + 1] << 4);
}

struct kept *kept_of(const struct regular *r)
{
	struct distances distances;
	struct packed_distances packed;
	struct kept *kept;
	size_t lengths, size;

	assert(r->stage == REGULAR_CLOSED);
	distances.count = 0;
	put_all(&distances, r);
	pack(&distances, &packed);
	lengths = (packed.far_count + 1) / 2;
	size = HEADER + lengths + packed.byte_count;
	static_assert(HEADER + DISTANCES_MAX / 2 + sizeof(packed.bytes) < KEPT_MAX, "any is less");
	kept = malloc(size);
	if (!kept)
		return NULL;
	kept->first_ns = r->first_ns;
	kept->first_packet = r->first_packet;
	kept->reuse = r->reuse;
	kept->far = packed.far;
	kept->size = (uint16_t)size;
	for (int side = 0; side < SIDES; side++)
		kept->end[side] = (struct kept_end){.isn = r->end[side].isn,
						    .ts_last = r->end[side].ts_last,
						    .window = r->end[side].window,
						    .ttl_first = r->end[side].ttl_first,
						    .wscale = r->end[side].wscale};
	pack_lengths(&packed, kept->distance);
	memcpy(kept->distance + lengths, packed.bytes, packed.byte_count);
	return kept;
}

void kept_open(const struct kept *kept, struct regular *r)
{
	struct distances distances;

	memset(r, 0, sizeof(*r));
	r->stage = REGULAR_CLOSED;
	r->ladder.given_up = true;
	r->first_ns = kept->first_ns;
	r->first_packet = kept->first_packet;
	r->reuse = kept->reuse;
	for (int side = 0; side < SIDES; side++) {
		const struct kept_end *end = &kept->end[side];

		r->end[side].isn = end->isn;
		r->end[side].ts_last = end->ts_last;
		r->end[side].window = end->window;
		r->end[side].ttl_first = end->ttl_first;
		r->end[side].wscale = end->wscale;
	}
	regular_agree_on_scaling(r);
	unpack(kept, &distances);
	get_all(&distances, r);
}

struct time_wait_reuse *kept_reuse(struct kept *kept)
{
	return &kept->reuse;
}

size_t kept_memory(const struct kept *kept)
{
	return kept->size;
}
