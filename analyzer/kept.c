#include "analyzer/kept.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/distances.h"

/* Anything of one end. */
struct kept_end {
	uint32_t isn, snd_nxt, ts_last;
	uint16_t window;
	uint8_t ttl_first, wscale;
};

/* The times of the teardown are measured backwards from where the other incarnation of a tuple asks. */
struct kept {
	int64_t entry_ns;      /* TIME_WAIT began */
	uint64_t lengths : 48; /* of common distances */
	uint64_t size : 16;    /* of all, bytes */
	struct kept_end end[SIDES];
	uint32_t first_packet;
	uint32_t rare : DISTANCES_RARE;
	uint32_t first_fin : 1; /* enum side */
	uint32_t crossed : 1;
	uint32_t covered_by_fin : SIDES;
	struct time_wait_reuse reuse;
	uint8_t marks[SIDES];
	uint8_t distance[];
};

/* What it takes beside its distances; malloc aligns no more than that. */
#define HEADER offsetof(struct kept, distance)

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
	/* behind the last letter all is 0 */
	r->letters = 0;
	if (number != 0)
		r->letters = (uint8_t)(REGULAR_LETTERS - (unsigned)__builtin_ctzll(number) / 8);
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

/* ---- the numbers, in an order in which each finds what it is measured by ---- */

/* Backwards from the entry into TIME_WAIT. */
static void put_times(struct distances *d, const struct regular *r,
		      const struct regular_close *close)
{
	const struct regular_end *first = &r->end[close->first], *last = &r->end[!close->first];

	put_rare(d, difference(last->covered.ts_ns, close->entry_ns));
	put_rare(d, difference(r->last_ns, last->covered.ts_ns));
	put_common(d, fold_from(last->fin_at.ts_ns, last->covered.ts_ns));
	put_rare(d, difference(first->covered.ts_ns, last->fin_at.ts_ns));
	put_common(d, fold_from(first->fin_at.ts_ns, last->fin_at.ts_ns));
	put_common(d, fold_from(r->first_ns, first->fin_at.ts_ns));
	put_common(d, (uint64_t)r->handshake_rtt_ns);
	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *e = &r->end[side];

		put_common(d, fold_from(e->data_ns, e->data ? last->fin_at.ts_ns : 0));
	}
	for (int side = 0; side < SIDES; side++)
		put_rare(d, difference(r->end[side].fin_silence, usual_silence(r, &r->end[side])));
}

static void get_times(struct distances *d, struct regular *r, enum side side, int64_t entry_ns)
{
	struct regular_end *first = &r->end[side], *last = &r->end[!side];

	last->covered.ts_ns = sum(get_rare(d), entry_ns);
	r->last_ns = sum(get_rare(d), last->covered.ts_ns);
	last->fin_at.ts_ns = unfold_from(get_common(d), last->covered.ts_ns);
	first->covered.ts_ns = sum(get_rare(d), last->fin_at.ts_ns);
	first->fin_at.ts_ns = unfold_from(get_common(d), last->fin_at.ts_ns);
	r->first_ns = unfold_from(get_common(d), first->fin_at.ts_ns);
	r->handshake_rtt_ns = (int64_t)get_common(d);
	for (int i = 0; i < SIDES; i++) {
		struct regular_end *e = &r->end[i];

		e->data_ns = unfold_from(get_common(d), e->data ? last->fin_at.ts_ns : 0);
	}
	for (int i = 0; i < SIDES; i++)
		r->end[i].fin_silence = sum(get_rare(d), usual_silence(r, &r->end[i]));
}

/* All packets between two are segments, mostly: ordinals are as far apart as packets. */
static uint32_t ordinal_beyond(const struct regular_moment *m, const struct regular_moment *usual)
{
	return (m->ordinal - m->packet) - (usual->ordinal - usual->packet);
}

static void set_ordinal(uint32_t far, struct regular_moment *m, const struct regular_moment *usual)
{
	m->ordinal = m->packet + far + (usual->ordinal - usual->packet);
}

static struct regular_moment start_of(const struct regular *r)
{
	return (struct regular_moment){r->first_ns, r->first_packet, r->first_packet};
}

static void put_teardown(struct distances *d, const struct regular *r, enum side side)
{
	const struct regular_end *first = &r->end[side], *last = &r->end[!side];
	struct regular_moment start = start_of(r);

	put_common(d, fold_number(first->fin_at.packet, start.packet));
	put_common(d, fold_number(last->fin_at.packet, first->fin_at.packet));
	put_rare(d, first->covered.packet - last->fin_at.packet);
	put_common(d, fold_number(last->covered.packet, last->fin_at.packet));
	put_two(d, ordinal_beyond(&first->fin_at, &start),
		ordinal_beyond(&last->fin_at, &first->fin_at));
	put_two(d, ordinal_beyond(&first->covered, &last->fin_at),
		ordinal_beyond(&last->covered, &last->fin_at));
	put_two(d, first->fin_ack - (last->snd_nxt - 1), last->fin_ack - first->snd_nxt);
}

static void get_teardown(struct distances *d, struct regular *r, enum side side)
{
	struct regular_end *first = &r->end[side], *last = &r->end[!side];
	struct regular_moment start = start_of(r);
	uint32_t one, other;

	first->fin_at.packet = unfold_number((uint32_t)get_common(d), start.packet);
	last->fin_at.packet = unfold_number((uint32_t)get_common(d), first->fin_at.packet);
	first->covered.packet = last->fin_at.packet + (uint32_t)get_rare(d);
	last->covered.packet = unfold_number((uint32_t)get_common(d), last->fin_at.packet);
	get_two(d, &one, &other);
	set_ordinal(one, &first->fin_at, &start);
	set_ordinal(other, &last->fin_at, &first->fin_at);
	get_two(d, &one, &other);
	set_ordinal(one, &first->covered, &last->fin_at);
	set_ordinal(other, &last->covered, &last->fin_at);
	get_two(d, &one, &other);
	first->fin_ack = one + last->snd_nxt - 1;
	last->fin_ack = other + first->snd_nxt;
}

static void put_end(struct distances *d, const struct regular_end *e,
		    const struct regular_end *peer)
{
	uint32_t far[RECENT_ACKS];

	for (int i = 0; i < RECENT_ACKS; i++)
		far[i] = e->acks[i] - (i < e->ack_count ? usual_ack(peer, i) : 0);
	put_two(d, far[0], far[1]);
	put_two(d, far[2], far[3]);
	put_two(d, e->window_max - last_window(e), e->window_right - e->acks[0] - last_window(e));
	put_common(d, e->packets);
	put_two(d, e->half_close, e->fin_payload);
}

static void get_end(struct distances *d, struct regular_end *e, const struct regular_end *peer)
{
	uint32_t far[RECENT_ACKS];

	get_two(d, &far[0], &far[1]);
	get_two(d, &far[2], &far[3]);
	for (int i = 0; i < RECENT_ACKS; i++)
		e->acks[i] = far[i] + (i < e->ack_count ? usual_ack(peer, i) : 0);
	get_two(d, &far[0], &far[1]);
	e->window_max = far[0] + last_window(e);
	e->window_right = far[1] + e->acks[0] + last_window(e);
	e->packets = (uint32_t)get_common(d);
	get_two(d, &e->half_close, &e->fin_payload);
}

/* Small fields of both ends in one number. */
enum { ACKS_SHIFT = 0, TTL_SHIFT = 8, END_SHIFT = 16 };

static uint64_t details_of(const struct regular *r)
{
	uint64_t details = 0;

	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *e = &r->end[side];
		uint64_t end = (e->ack_count ^ 3u) << ACKS_SHIFT |
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

		e->ack_count = (uint8_t)(end >> ACKS_SHIFT) ^ 3u;
		e->ttl_last = (uint8_t)(end >> TTL_SHIFT) ^ e->ttl_first;
	}
}

static void put_all(struct distances *d, const struct regular *r, const struct regular_close *close)
{
	put_rare(d, details_of(r));
	for (int side = 0; side < SIDES; side++)
		put_end(d, &r->end[side], &r->end[!side]);
	put_times(d, r, close);
	put_teardown(d, r, close->first);
	put_common(d, history_of(r) ^ usual_history());
	put_rare(d, (uint64_t)r->gap_ns);
	put_two(d, r->data_segments - ((uint32_t)r->end[0].data + r->end[1].data), r->file);
	assert(d->commons == DISTANCES_COMMON && d->rares == DISTANCES_RARE);
}

static void get_all(struct distances *d, struct regular *r, enum side first_fin, int64_t entry_ns)
{
	uint32_t data_segments;

	set_details(r, get_rare(d));
	for (int side = 0; side < SIDES; side++)
		get_end(d, &r->end[side], &r->end[!side]);
	get_times(d, r, first_fin, entry_ns);
	get_teardown(d, r, first_fin);
	set_history(r, get_common(d) ^ usual_history());
	r->gap_ns = (int64_t)get_rare(d);
	get_two(d, &data_segments, &r->file);
	r->data_segments = data_segments + (uint32_t)r->end[0].data + r->end[1].data;
}

/* ---- the whole ---- */

static void put_header(struct kept *kept, const struct regular *r,
		       const struct regular_close *close)
{
	kept->entry_ns = close->entry_ns;
	kept->first_packet = r->first_packet;
	kept->first_fin = close->first & 1u;
	kept->crossed = close->crossed;
	kept->covered_by_fin = (uint32_t)r->end[0].covered_by_fin |
			       (uint32_t)r->end[1].covered_by_fin << 1;
	kept->reuse = r->reuse;
	for (int side = 0; side < SIDES; side++) {
		const struct regular_end *e = &r->end[side];

		kept->end[side] = (struct kept_end){.isn = e->isn,
						    .snd_nxt = e->snd_nxt,
						    .ts_last = e->ts_last,
						    .window = e->window,
						    .ttl_first = e->ttl_first,
						    .wscale = e->wscale};
		kept->marks[side] = e->marks;
	}
}

static void get_header(const struct kept *kept, struct regular *r)
{
	r->first_packet = kept->first_packet;
	r->reuse = kept->reuse;
	for (int side = 0; side < SIDES; side++) {
		const struct kept_end *k = &kept->end[side];
		struct regular_end *e = &r->end[side];

		e->isn = k->isn;
		e->snd_nxt = k->snd_nxt;
		e->ts_last = k->ts_last;
		e->window = k->window;
		e->ttl_first = k->ttl_first;
		e->wscale = k->wscale;
		e->marks = kept->marks[side];
		e->covered_by_fin = kept->covered_by_fin >> side & 1;
	}
	regular_agree_on_scaling(r);
}

struct kept *kept_of(const struct regular *r)
{
	struct regular_close close = regular_close_of(r);
	uint8_t bytes[DISTANCES_BYTES_MAX + DISTANCE_BYTES];
	struct distances distances;
	struct distances_map map;
	struct kept *kept;
	size_t count;

	static_assert(HEADER >= DISTANCE_BYTES, "unpacking reads into it");
	static_assert(HEADER + DISTANCES_BYTES_MAX <= KEPT_MAX, "any is less");
	assert(r->stage == REGULAR_CLOSED);
	distances_begin(&distances);
	put_all(&distances, r, &close);
	count = distances_pack(&distances, &map, bytes);
	kept = malloc(HEADER + count);
	if (!kept)
		return NULL;
	put_header(kept, r, &close);
	kept->lengths = map.lengths & ((UINT64_C(1) << 48) - 1);
	kept->rare = map.rare & ((1u << DISTANCES_RARE) - 1);
	kept->size = (uint16_t)(HEADER + count);
	memcpy(kept->distance, bytes, count);
	return kept;
}

void kept_open(const struct kept *kept, struct regular *r)
{
	const struct distances_map map = {.lengths = kept->lengths, .rare = kept->rare};
	struct distances distances;

	memset(r, 0, sizeof(*r));
	r->stage = REGULAR_CLOSED;
	r->ladder.given_up = true;
	get_header(kept, r);
	distances_unpack(&map, kept->distance, &distances);
	get_all(&distances, r, (enum side)kept->first_fin, kept->entry_ns);
}

struct time_wait_state kept_time_wait(const struct kept *kept, enum side from)
{
	const struct regular_close close = {.first = (enum side)kept->first_fin,
					    .crossed = kept->crossed,
					    .entry_ns = kept->entry_ns};
	const struct regular_end end = {.marks = kept->marks[from],
					.ts_last = kept->end[from].ts_last,
					.snd_nxt = kept->end[from].snd_nxt};

	return regular_close_time_wait(&close, &end);
}

struct time_wait_reuse *kept_reuse(struct kept *kept)
{
	return &kept->reuse;
}

size_t kept_memory(const struct kept *kept)
{
	return kept->size;
}
