/* The engine: segments on a few tuples, near to what two TCPs would send next, with a reader of the streams.
 *
 * Eight bytes of settings; then eight bytes a step. Zeros are what is usual: each byte of a step is one way
 * to depart from it, so that a changed byte changes one thing. */
#include <string.h>

#include <sys/param.h>

#include "analyzer/sequence.h"
#include "source/record.h"
#include "tests/engine_scene.h"
#include "tests/fuzz/fuzz.h"
#include "tests/verdict_checks.h"

enum { TUPLES = 4, STEPS_MAX = 512, PAYLOAD_MAX = 9000, REMEMBERED = 16 };

#define US INT64_C(1000)
#define MS (1000 * US)
#define T0 INT64_C(1700000000000000000)

/* One end as the harness has it. */
struct talker {
	uint32_t isn, next, clock;
	bool timestamps;
	uint8_t wscale;
};

/* What the reader is like. */
struct wishes {
	bool turns_away;   /* now and then, of one direction */
	bool early;        /* struct consumer */
	bool all_segments; /* of every connection, not of every other one */
	bool of_one;       /* enough of one direction is not enough of the other */
	uint32_t bytes;    /* are enough, of both directions; 0: it reads on */
};

struct play {
	struct scene scene;
	struct talker talker[TUPLES][SIDES];
	struct segment latest[REMEMBERED]; /* without payload; ring */
	uint64_t steps;                    /* segments fed */
	int64_t now_ns;
	uint16_t ip_id;
	struct wishes wishes;
	uint64_t opened, closed, finished;
};

/* What a reader has got of one connection. */
struct reader {
	uint64_t next[SIDES]; /* offset */
	uint32_t seq[SIDES];  /* number of that byte */
	bool begun[SIDES];
	bool ended, finished;
};

/* The byte at a sequence number, and the one that contradicts it. */
static uint8_t byte_at(uint32_t seq, bool other)
{
	return (uint8_t)((seq * 2654435761u >> 24) ^ (other ? 0x5a : 0));
}

/* ---- the reader ---- */

static bool open_reading(void *context, const struct stream_origin *origin, struct reading *reading,
			 struct error *err)
{
	struct play *p = context;

	(void)err;
	MUST(origin->ip_version == 4 || origin->ip_version == 6);
	reading->state = calloc(1, sizeof(struct reader));
	MUST(reading->state);
	reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = true;
	reading->wants_segments = p->opened++ % 2 == 0 || p->wishes.all_segments;
	return true;
}

static bool hear_segment(void *context, struct reading *reading, enum side from,
			 const struct segment *segment, enum segment_kind kind, struct error *err)
{
	(void)context;
	(void)err;
	MUST(reading->wants_segments && from < SIDES && kind <= SEGMENT_MOVED_AWAY);
	MUST(segment->payload_captured <= segment->payload_len);
	return true;
}

static bool hear_icmp(void *context, struct reading *reading, const struct icmp_error *icmp,
		      struct error *err)
{
	(void)context;
	(void)icmp;
	(void)err;
	MUST(reading->wants_segments);
	return true;
}

static void have_enough(const struct wishes *wishes, struct reading *reading, enum side side)
{
	reading->wants[side] = false;
	if (!wishes->of_one) /* of segments, too: nothing more is wanted */
		reading->wants[!side] = reading->wants_segments = false;
}

static bool take_data(void *context, struct reading *reading, const struct stream_data *data,
		      struct error *err)
{
	struct reader *r = reading->state;
	struct play *p = context;
	enum side side = data->side;

	(void)err;
	MUST(side < SIDES && reading->wants[side] && !r->finished);
	MUST(data->length > 0);
	MUST(data->offset == r->next[side]);
	MUST(!r->begun[side] || data->seq == r->seq[side]);
	r->begun[side] = true;
	r->next[side] += data->length;
	r->seq[side] = data->seq + (uint32_t)data->length;
	for (uint64_t i = 0; data->bytes && i < data->length; i++) {
		uint32_t seq = data->seq + (uint32_t)i;

		MUST(data->bytes[i] == byte_at(seq, false) || data->bytes[i] == byte_at(seq, true));
	}
	if (p->wishes.turns_away && (data->seq & 7) == 5)
		reading->wants[side] = false;
	if (p->wishes.bytes > 0 &&
	    r->next[SIDE_INITIATOR] + r->next[SIDE_RESPONDER] >= p->wishes.bytes)
		have_enough(&p->wishes, reading, side);
	return true;
}

static bool end_reading(void *context, struct reading *reading, struct error *err)
{
	struct reader *r = reading->state;

	(void)context;
	(void)err;
	MUST(!r->ended && !r->finished);
	r->ended = true;
	return true;
}

static bool finish_reading(void *context, struct reading *reading, struct epilogue *epilogue,
			   struct error *err)
{
	struct reader *r = reading->state;
	struct play *p = context;

	(void)epilogue;
	(void)err;
	MUST(!r->finished || p->wishes.early);
	p->finished += !r->finished;
	r->finished = true;
	return true;
}

static bool close_reading(void *context, struct reading *reading, const struct verdict *verdict,
			  struct error *err)
{
	struct reader *r = reading->state;
	struct play *p = context;

	(void)err;
	MUST(r->finished && (verdict || p->wishes.early));
	p->closed++;
	free(r);
	return true;
}

/* ---- one step ---- */

static struct ends ends_at(uint32_t tuple)
{
	struct ends ends = ends_of(tuple == 3 ? 0 : tuple);

	if (tuple == 1)
		ends.port[SIDE_INITIATOR] = ends.port[SIDE_RESPONDER];
	if (tuple == 2) {
		ends.ip_version = 6;
		ends.address[SIDE_RESPONDER].bytes[15] = 9;
	}
	return ends;
}

/* 0 in 8 of 16 cases; else small, a window away, or half of the sequence space. */
static uint32_t departure(uint8_t code)
{
	static const int32_t steps[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 1, -1, 2, 100, -100, 1460, -1460, 65536,
	};
	uint32_t times = 1u + (code >> 4);

	if (code == 0xff)
		return 1u << 31;
	if (code == 0xef)
		return (uint32_t) - (1 << 20);
	return (uint32_t)steps[code & 15] * times;
}

static int64_t pause_of(uint8_t code)
{
	static const int64_t steps[16] = {
		MS,
		MS,
		MS,
		10 * MS,
		100 * MS,
		0,
		US,
		-2 * MS,
		-500 * MS,
		SECOND_NS,
		5 * SECOND_NS,
		15 * SECOND_NS,
		61 * SECOND_NS,
		119 * SECOND_NS,
		-70 * SECOND_NS,
		3600 * SECOND_NS,
	};

	return steps[code & 15] * (1 + (code >> 4));
}

static void new_numbers(struct play *p, uint32_t tuple, uint8_t code)
{
	static const uint32_t isns[8] = {1000,      UINT32_MAX, UINT32_MAX - 200, INT32_MAX - 100,
					 INT32_MAX, 5000000,    3000000000,       0};

	for (int side = 0; side < SIDES; side++) {
		struct talker *t = &p->talker[tuple][side];

		t->isn = isns[(code + side * 3) & 7] + t->isn % 3 + (code >> 3);
		t->next = t->isn + 1;
		t->timestamps = code & 8;
		t->wscale = code & 16 ? (code & 7) : WSCALE_NONE;
	}
}

static uint8_t flags_of(uint8_t kind)
{
	static const uint8_t flags[] = {
		TCP_ACK,
		TCP_ACK | TCP_PSH,
		TCP_SYN,
		TCP_SYN | TCP_ACK,
		TCP_FIN | TCP_ACK,
		TCP_RST,
		TCP_RST | TCP_ACK,
		TCP_FIN,
		TCP_FIN | TCP_ACK | TCP_PSH,
		TCP_SYN | TCP_PSH,
		TCP_SYN | TCP_FIN,
		0,
		TCP_PSH,
		TCP_SYN | TCP_RST,
		TCP_FIN | TCP_RST | TCP_ACK,
		TCP_ACK | TCP_URG,
		TCP_SYN | TCP_ECE | TCP_CWR,
	};

	return flags[kind % sizeof(flags)];
}

enum { PAUSE_TO_END = 0xfe, PAUSE_TO_BEGIN };
enum { SEGMENT_KINDS = 17, KIND_COPY = 17, KIND_ICMP, KIND_CLOCK, KIND_NUMBERS, KINDS = 24 };

/* The bytes of a step. */
struct step {
	uint8_t who; /* tuple, side, kind */
	uint8_t seq, ack, length, pause, window, misc, extra;
};

enum misc { /* bits of step.misc */
	    MISC_OTHER_BYTES = 1,
	    MISC_UNCONFIRMED = 2,
	    MISC_CUT = 4, /* half of the payload was captured */
	    MISC_TTL = 8,
	    MISC_VLAN = 16,
	    MISC_SAME_IP_ID = 32,
	    MISC_SILENT = 64, /* sent, but SND.NXT does not move */
	    MISC_OLD_STAMP = 128,
};

/* FUZZ_TELL=1 shows what an input stands for, roughly in the notation of ladders. */
static void tell(const struct segment *s)
{
	static const char letters[] = "FSRP.UEW";

	if (!getenv("FUZZ_TELL"))
		return;
	fprintf(stderr, "#%llu %.6f%s %u.%u > %u.%u ", (unsigned long long)s->packet,
		(double)(s->ts_ns - T0) / 1e9, s->ts_confirmed ? "" : "?", s->src.bytes[3],
		s->sport, s->dst.bytes[3], s->dport);
	for (int bit = 0; bit < 8; bit++)
		if (s->flags >> bit & 1)
			fputc(letters[bit], stderr);
	fprintf(stderr, " =%u len %u/%u ack =%u win %u ttl %u ipid %u vlan %llx\n", s->seq,
		s->payload_len, s->payload_captured, s->ack, s->window, s->ttl, s->ip_id,
		(unsigned long long)s->vlan_tags);
}

static void feed(struct play *p, struct segment *s, int64_t ts_ns, bool confirmed)
{
	struct error err = {""};

	s->ts_ns = ts_ns;
	s->ts_confirmed = confirmed;
	s->packet = ++p->scene.packet;
	tell(s);
	MUST(engine_time(p->scene.engine, ts_ns, confirmed, &err));
	MUST(engine_segment(p->scene.engine, s, &err));
	p->latest[p->steps++ % REMEMBERED] = *s;
	p->latest[(p->steps - 1) % REMEMBERED].payload = NULL;
	p->latest[(p->steps - 1) % REMEMBERED].payload_captured = 0;
}

static uint32_t length_of(uint8_t flags, uint8_t code)
{
	static const uint32_t lengths[16] = {0,  1,   10,  100, 536, 1460, 1460, 2920,
					     50, 200, 400, 2,   3,   8948, 0,    0};

	if (code == 0 && (flags & TCP_PSH))
		return 100;
	return lengths[code & 15];
}

static void lower_layers(struct play *p, struct segment *s, const struct step *step, uint32_t tuple,
			 struct talker *own, const struct talker *peer)
{
	static const uint16_t windows[8] = {64240, 65535, 1000, 100, 1, 0, 30000, 502};

	s->window = windows[step->window & 7];
	s->ttl = step->misc & MISC_TTL ? 40 : 64;
	if (!(step->misc & MISC_SAME_IP_ID))
		p->ip_id++;
	s->ip_id = s->ip_version == 6 || step->window & 8 ? 0 : p->ip_id;
	s->checksum = (uint16_t)(s->seq * 31 + s->ack * 17 + s->payload_len + s->flags);
	s->wscale = s->flags & TCP_SYN ? own->wscale : WSCALE_NONE;
	s->mss = s->flags & TCP_SYN ? 1460 : 0;
	s->sack_permitted = s->flags & TCP_SYN && step->window & 16;
	s->fast_open = s->flags & TCP_SYN && step->window & 32;
	s->bad_options = step->window & 64;
	s->has_timestamp = own->timestamps;
	own->clock += 1 + (step->misc & MISC_OLD_STAMP ? (uint32_t)-50 : 0);
	s->ts_val = own->timestamps ? own->clock : 0;
	s->ts_ecr = own->timestamps ? peer->clock : 0;
	if (step->misc & MISC_VLAN)
		s->vlan_tags = 10u + (step->extra & 3);
	if (tuple == 3)
		s->tunnel = (struct tunnel){1, {{TUNNEL_GRE, 7}}};
}

static void send_segment(struct play *p, const struct step *step, uint8_t flags)
{
	uint32_t tuple = step->who & 3, length;
	enum side from = step->who & 4 ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct talker *own = &p->talker[tuple][from], *peer = &p->talker[tuple][!from];
	struct ends ends = ends_at(tuple);
	struct segment s = segment_of(&ends, from, flags, own->next, 0, 0);
	uint8_t *payload;

	if (flags & TCP_SYN)
		s.seq = own->isn;
	if (flags & TCP_ACK)
		s.ack = peer->next + departure(step->ack);
	s.seq += departure(step->seq);
	s.payload_len = length_of(flags, step->length);
	s.payload_captured = step->misc & MISC_CUT ? s.payload_len / 2 : s.payload_len;
	payload = malloc(s.payload_captured + 1);
	MUST(payload);
	for (uint32_t i = 0; i < s.payload_captured; i++)
		payload[i] = byte_at(s.seq + (flags & TCP_SYN ? 1 : 0) + i,
				     step->misc & MISC_OTHER_BYTES);
	s.payload = s.payload_captured > 0 ? payload : NULL;
	lower_layers(p, &s, step, tuple, own, peer);
	length = s.payload_len + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
	if (!(flags & TCP_RST) && !(step->misc & MISC_SILENT) && seq_gt(s.seq + length, own->next))
		own->next = s.seq + length;
	feed(p, &s, p->now_ns, !(step->misc & MISC_UNCONFIRMED));
	free(payload);
}

static void send_copy(struct play *p, const struct step *step)
{
	struct segment s;

	if (p->steps == 0)
		return;
	s = p->latest[(p->steps - 1 - step->seq % MIN(p->steps, REMEMBERED)) % REMEMBERED];
	s.ttl = (uint8_t)(s.ttl - (step->misc & MISC_TTL ? 1 : 0));
	s.interface = step->extra & 1;
	if (!(step->misc & MISC_SAME_IP_ID) && s.ip_id != 0)
		s.ip_id = ++p->ip_id;
	feed(p, &s, p->now_ns, !(step->misc & MISC_UNCONFIRMED));
}

static void send_icmp(struct play *p, const struct step *step)
{
	uint32_t tuple = step->who & 3;
	enum side from = step->who & 4 ? SIDE_RESPONDER : SIDE_INITIATOR;
	struct ends ends = ends_at(tuple);
	struct error err = {""};
	struct icmp_error icmp = {
		.ts_ns = p->now_ns,
		.packet = ++p->scene.packet,
		.ts_confirmed = !(step->misc & MISC_UNCONFIRMED),
		.kind = step->length % (ICMP_SOURCE_QUENCH + 1),
		.type = step->ack,
		.code = step->window,
		.ip_version = ends.ip_version,
		.from = ends.address[!from],
		.src = ends.address[from],
		.dst = ends.address[!from],
		.sport = ends.port[from],
		.dport = ends.port[!from],
		.seq = (step->extra & 1 ? p->talker[tuple][from].isn
					: p->talker[tuple][from].next) +
		       departure(step->seq),
		.mtu = step->extra,
	};

	icmp.from.bytes[3] ^= step->extra & 2;
	MUST(engine_time(p->scene.engine, icmp.ts_ns, icmp.ts_confirmed, &err));
	MUST(engine_icmp(p->scene.engine, &icmp, &err));
}

static void one_step(struct play *p, const struct step *step)
{
	struct error err = {""};
	uint8_t kind = (step->who >> 3) % KINDS;

	if (step->pause >= PAUSE_TO_END) /* as far as the source lets a time stamp be */
		p->now_ns = step->pause == PAUSE_TO_END ? RECORD_TS_MAX : -RECORD_TS_MAX;
	else
		p->now_ns = p->now_ns > RECORD_TS_MAX / 2 || p->now_ns < 0
				    ? T0
				    : p->now_ns + pause_of(step->pause);
	if (kind < SEGMENT_KINDS) {
		send_segment(p, step, flags_of(kind));
	} else if (kind == KIND_COPY) {
		send_copy(p, step);
	} else if (kind == KIND_ICMP) {
		send_icmp(p, step);
	} else if (kind == KIND_CLOCK) {
		p->scene.packet++;
		MUST(engine_time(p->scene.engine, p->now_ns, !(step->misc & MISC_UNCONFIRMED),
				 &err));
		if (p->wishes.early)
			MUST(engine_tick(p->scene.engine, p->now_ns, &err));
	} else if (kind == KIND_NUMBERS) {
		new_numbers(p, step->who & 3, step->extra);
	} else {
		send_segment(p, step, step->extra); /* any flags */
	}
}

/* ---- the whole ---- */

static struct wishes wishes_of(uint8_t bits)
{
	static const uint32_t bytes[8] = {0, 1, 2, 100, 1000, 3000, 8000, 20000};

	return (struct wishes){
		.early = bits & 2,
		.all_segments = bits & 4,
		.of_one = bits & 8,
		.bytes = bytes[(bits >> 4) & 7],
	};
}

static struct engine_config config_of(struct choices *c, bool *reads, struct wishes *wishes)
{
	static const int64_t idle_s[4] = {0, 0, 5, 300};
	static const size_t flows[8] = {0, 0, 0, 0, 0, 1, 2, 3};
	static const size_t memories[8] = {0, 0, 0, 0, 0, 0, 3000, 10000};
	static const size_t streams[8] = {64 << 20, 64 << 20, 3000, 600, 20000, 12000, 6000, 1500};
	struct engine_config config = engine_defaults();
	uint8_t bits = choose_u8(c);
	bool turns_away;

	config.keep_duplicates = bits & 1;
	config.ladders = (enum ladder_policy)((bits >> 1) % 3);
	config.overlap = bits & 8 ? OVERLAP_LAST : OVERLAP_FIRST;
	*reads = !(bits & 16);
	turns_away = bits & 32;
	config.idle_timeout_ns = idle_s[choose_u8(c) & 3] * SECOND_NS;
	config.max_flows = flows[choose_u8(c) & 7];
	config.max_memory = memories[choose_u8(c) & 7];
	config.stream_memory = streams[choose_u8(c) & 7];
	bits = choose_u8(c);
	*wishes = wishes_of(bits);
	wishes->turns_away = turns_away;
	if (wishes->early)
		config.early_ns = SECOND_NS;
	if (bits & 1)
		config.msl_ns = 30 * SECOND_NS;
	if (choose_u8(c) & 1)
		config.stuck_ns = 0;
	config.hash_key[0] = choose_u8(c);
	return config;
}

static void tell_verdict(const struct told *told)
{
	const struct verdict *v = &told->verdict;

	if (!getenv("FUZZ_TELL"))
		return;
	fprintf(stderr, "connection of packet %llu: %s %s, %.6f to %.6f, packets %llu %llu\n",
		(unsigned long long)v->first_packet, teardown_name(v->teardown),
		end_reason_name(v->end_reason), (double)(v->first_ns - T0) / 1e9,
		(double)(v->last_ns - T0) / 1e9, (unsigned long long)v->dir[0].packets,
		(unsigned long long)v->dir[1].packets);
	for (size_t i = 0; i < v->ladder_count; i++)
		fprintf(stderr, "  #%llu %.6f\n", (unsigned long long)v->ladder[i].packet,
			(double)(v->ladder[i].ts_ns - T0) / 1e9);
}

static void check_told(const struct play *p)
{
	const struct engine_counts *counts = engine_counts(p->scene.engine);

	MUST(counts->segments + counts->duplicates == p->steps);
	MUST(p->scene.told_packets == counts->segments);
	MUST(counts->connections == p->scene.told_count);
	MUST(p->scene.told_duplicates <= counts->duplicates);
	MUST(counts->evicted ==
	     counts->evicted_unanswered + counts->evicted_ended + counts->evicted_alive);
	for (size_t i = 0; i < p->scene.told_count; i++) {
		const char *fault = verdict_fault(&p->scene.told[i], p->steps << 32);

		tell_verdict(&p->scene.told[i]);
		if (fault)
			fprintf(stderr, "connection of packet %llu: not %s\n",
				(unsigned long long)p->scene.told[i].verdict.first_packet, fault);
		MUST(!fault);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	bool reads;
	struct wishes wishes;
	struct engine_config config = config_of(&c, &reads, &wishes);
	static struct play p;
	const struct consumer reader = {.context = &p,
					.open = open_reading,
					.segment = hear_segment,
					.icmp = hear_icmp,
					.data = take_data,
					.ended = end_reading,
					.finish = finish_reading,
					.close = close_reading,
					.early = wishes.early};

	setenv("CMOCKA_TEST_ABORT", "1", 1);
	p = (struct play){.now_ns = T0, .wishes = wishes};
	for (uint32_t tuple = 0; tuple < TUPLES; tuple++)
		new_numbers(&p, tuple, (uint8_t)tuple);
	scene_open(&p.scene, &config);
	if (reads)
		engine_consume(p.scene.engine, &reader);
	for (int i = 0; i < STEPS_MAX && c.left > 0; i++) {
		struct step step = {0};
		size_t count = sizeof(step);
		const uint8_t *bytes = choose_bytes(&c, &count);

		memcpy(&step, bytes, count);
		one_step(&p, &step);
	}
	scene_finish(&p.scene);
	check_told(&p);
	scene_close(&p.scene);
	MUST(p.opened == p.closed && p.opened == p.finished);
	return 0;
}
