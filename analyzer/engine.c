#include "analyzer/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/engine_state.h"
#include "analyzer/incarnation.h"
#include "analyzer/intake.h"
#include "analyzer/remember.h"
#include "analyzer/tell.h"
#include "analyzer/time_wait.h"

#define SECOND_NS     INT64_C(1000000000)
#define SILENCE_NS    (10 * SECOND_NS)
#define STREAM_MEMORY ((size_t)64 << 20)

struct engine_config engine_defaults(void)
{
	return (struct engine_config){.msl_ns = 120 * SECOND_NS,
				      .stuck_ns = 60 * SECOND_NS,
				      .stream_memory = STREAM_MEMORY};
}

size_t engine_connection_size(void)
{
	return sizeof(struct connection);
}

bool engine_no_memory(struct error *err)
{
	return error_set(err, "out of memory while tracking connections");
}

struct engine *engine_new(const struct engine_config *config, struct engine_sink sink,
			  struct error *err)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e) {
		e->config = *config;
		e->sink = sink;
		e->two_msl_ns = 2 * config->msl_ns;
		e->now_ns = e->latest_ns = e->stand_in_ns = e->expiry_ns = INT64_MIN;
		e->ticked_ns = e->early_until_ns = INT64_MIN;
		e->streams.overlap = config->overlap;
		pool_init(&e->streams.pool, config->stream_memory);
		e->table = flow_table_new(config->hash_key);
		e->duplicates = config->keep_duplicates ? NULL : duplicates_new();
	}
	if (!e || !e->table || (!e->duplicates && !config->keep_duplicates)) {
		engine_free(e);
		engine_no_memory(err);
		return NULL;
	}
	return e;
}

void engine_consume(struct engine *e, const struct consumer *consumer)
{
	assert(e->streams.consumers < CONSUMERS_MAX);
	e->streams.consumer[e->streams.consumers++] = *consumer;
	e->streams.late |= !consumer->early;
}

/* The run failed: what consumers keep of a connection goes. */
static void abandon(struct flow *f)
{
	streams_close(f, NULL, NULL);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->table && flow_count(e->table) > 0)
		flow_each(e->table, abandon);
	flow_table_free(e->table);
	spares_free(&e->spares);
	duplicates_free(e->duplicates);
	free(e);
}

const struct engine_counts *engine_counts(struct engine *e)
{
	e->counts.stream_holes_given_up = e->streams.holes_given_up;
	e->counts.peak_stream_memory = e->streams.pool.peak;
	return &e->counts;
}

size_t engine_memory(const struct engine *e)
{
	return remember_memory(e);
}

size_t engine_flows(const struct engine *e)
{
	return flow_count(e->table);
}

static enum flow_queue queue_of_regular(const struct regular *r)
{
	static const uint8_t of_stage[] = {
		[REGULAR_SYN_SENT] = QUEUE_ATTEMPT,
		[REGULAR_SYN_RECEIVED] = QUEUE_HALF,
		[REGULAR_ESTABLISHED] = QUEUE_ALIVE,
		[REGULAR_CLOSED] = QUEUE_ENDED,
	};

	return (enum flow_queue)of_stage[r->stage];
}

static enum flow_queue queue_of(const struct flow *f)
{
	const struct connection *c = flow_live(f);

	if (!c)
		return queue_of_regular(f->as.regular);
	if (f->superseded || connection_ended(c))
		return QUEUE_ENDED;
	if (connection_syn_sent(c))
		return QUEUE_ATTEMPT;
	return c->handshake_done ? QUEUE_ALIVE : QUEUE_HALF;
}

static bool forget(struct engine *e, struct flow *f, enum end_reason reason, int64_t until_ns,
		   struct error *err)
{
	if (!tell_last(e, f, reason, until_ns, err))
		return false;
	remember_no_more(e, f);
	flow_remove(e->table, f);
	return true;
}

/* Forgets what has been silent too long. A flow that is touched from now on lasts for after_ns at the
 * least, so that the time of the next look is known. */
static bool expire(struct engine *e, enum flow_queue queue, int64_t after_ns, struct error *err)
{
	struct flow *f;
	int64_t next_ns;

	while ((f = flow_queue_head(e->table, queue))) {
		if (f->active_ns > e->now_ns) /* a time that never was confirmed */
			f->active_ns = e->now_ns;
		if (e->now_ns - f->active_ns < after_ns)
			break;
		if (!forget(e, f, END_IDLE_TIMEOUT, f->active_ns + after_ns, err))
			return false;
	}
	next_ns = (f ? f->active_ns : e->now_ns) + after_ns;
	if (next_ns < e->expiry_ns)
		e->expiry_ns = next_ns;
	return true;
}

static bool expire_all(struct engine *e, struct error *err)
{
	e->expiry_ns = INT64_MAX;
	if (expire(e, QUEUE_ATTEMPT, e->two_msl_ns, err) &&
	    expire(e, QUEUE_HALF, e->two_msl_ns, err) &&
	    expire(e, QUEUE_ENDED, e->two_msl_ns, err) &&
	    (e->config.idle_timeout_ns == 0 ||
	     expire(e, QUEUE_ALIVE, e->config.idle_timeout_ns, err)))
		return true;
	e->expiry_ns = INT64_MIN; /* not all was looked at */
	return false;
}

bool engine_time(struct engine *e, int64_t ts_ns, bool ts_confirmed, struct error *err)
{
	if (ts_ns > e->latest_ns)
		e->latest_ns = ts_ns;
	if (!e->now_known) { /* until a time is confirmed, each stands in for it */
		e->now_ns = ts_ns;
		e->stand_in_ns = e->latest_ns;
	}
	if (!ts_confirmed || (e->now_known && ts_ns <= e->now_ns))
		return true;
	e->now_known = true;
	e->now_ns = ts_ns;
	if (ts_ns < e->expiry_ns && ts_ns >= e->stand_in_ns)
		return true;
	return expire_all(e, err);
}

bool engine_tick(struct engine *e, int64_t now_ns, struct error *err)
{
	if (now_ns > e->ticked_ns)
		e->ticked_ns = now_ns;
	if (e->latest_ns == INT64_MIN || now_ns <= e->now_ns)
		return e->config.early_ns == 0 || tell_all_ended(e, err);
	e->now_known = true;
	e->now_ns = now_ns;
	if (now_ns >= e->expiry_ns && !expire_all(e, err))
		return false;
	return e->config.early_ns == 0 || tell_all_ended(e, err);
}

void engine_loss(struct engine *e, int64_t from_ns, int64_t to_ns, uint64_t packets)
{
	losses_add(&e->losses, from_ns, to_ns, packets);
}

/* The one silent longest in a queue, but for the one that a segment was just given to. */
static struct flow *longest_silent(const struct engine *e, enum flow_queue queue,
				   const struct flow *but)
{
	struct flow *f = flow_queue_head(e->table, queue);

	return f == but && f ? flow_behind(e->table, f) : f;
}

static struct flow *least_valuable(struct engine *e, const struct flow *but, uint64_t **counter)
{
	struct flow *f = longest_silent(e, QUEUE_ATTEMPT, but), *half, *alive;

	*counter = &e->counts.evicted_unanswered;
	if (f)
		return f;
	*counter = &e->counts.evicted_ended;
	f = longest_silent(e, QUEUE_ENDED, but);
	if (f)
		return f;
	*counter = &e->counts.evicted_alive;
	half = longest_silent(e, QUEUE_HALF, but);
	alive = longest_silent(e, QUEUE_ALIVE, but);
	if (!half || !alive)
		return half ? half : alive;
	return half->active_ns <= alive->active_ns ? half : alive;
}

/* Back within the bounds; the flow that a segment was just given to stays. */
static bool keep_bounds(struct engine *e, const struct flow *but, struct error *err)
{
	while ((e->config.max_flows && flow_count(e->table) > e->config.max_flows) ||
	       (e->config.max_memory && remember_memory(e) > e->config.max_memory)) {
		uint64_t *counter;
		struct flow *f = least_valuable(e, but, &counter);

		if (!f)
			return true;
		++*counter;
		e->counts.evicted++;
		if (!forget(e, f, END_EVICTED, e->latest_ns, err))
			return false;
	}
	return true;
}

/* A capture duplicate belongs to the connection that has the first copy; *of is NULL where that one is
 * forgotten. */
static bool is_duplicate(struct engine *e, const struct arrival *a, struct flow **of)
{
	uint64_t serial;

	if (!e->duplicates ||
	    !duplicates_find(e->duplicates, a->content, a->hash ^ a->way, a->segment, of, &serial))
		return false;
	if ((*of)->serial == serial) {
		(*of)->duplicates++;
		(*of)->tell_again = (*of)->told > 0;
		incarnation_note_duplicate(*of, a->segment);
	} else {
		*of = NULL;
	}
	e->counts.duplicates++;
	return true;
}

/* The incarnation before may have been waiting for this segment, or have been opened by it. */
static void settle_older(struct engine *e, struct flow *placed, const struct arrival *a)
{
	struct flow *running = placed->running ? placed : flow_newer(e->table, placed);
	struct flow *older = running ? flow_older(e->table, running) : NULL;

	/* the first segment back after its tuple was used again */
	if (older && older->awaits_answer && running->initiator_way != a->way) {
		remember_answer(e, older, a->segment);
		older->awaits_answer = false;
		older->tell_again = older->told > 0;
		remember_settle(e, older);
	}
	if (running != placed)
		older = flow_older(e->table, placed);
	if (older && remember_is_open(older))
		remember_settle(e, older);
}

/* Tells the readers of its streams: of SYNs that turned out to be its own, and of this segment. */
static bool read_along(struct engine *e, struct flow *f, const struct arrival *a, bool taken,
		       struct error *err)
{
	enum side from = flow_side(f, a->way);

	if (e->streams.consumers == 0)
		return true;
	for (uint32_t i = 0; i < e->moved_count; i++) {
		const struct noted_syn *n = &e->moved[i];

		if (!streams_aside(e->moved_from, (enum side)n->from, &n->segment,
				   SEGMENT_MOVED_AWAY, err) ||
		    !streams_segment(&e->streams, f, SIDE_INITIATOR, &n->segment, &n->at, e->now_ns,
				     err))
			return false;
	}
	if (!taken)
		return streams_aside(f, from, a->segment, SEGMENT_TAKEN, err);
	return streams_segment(&e->streams, f, from, a->segment, &a->at, e->now_ns, err);
}

static bool deliver(struct engine *e, const struct arrival *a, struct place place,
		    struct error *err)
{
	struct flow *f = place.flow;
	struct connection *c = place.how == PLACE_TAKEN ? NULL : remember_full(e, f);
	enum side from = flow_side(f, a->way);
	bool keep_ladder = e->config.ladders != LADDERS_NONE, ok = true;

	f->tell_again = f->told > 0;
	if (!c && place.how != PLACE_TAKEN)
		return engine_no_memory(err);
	if (!flow_sees(e->table, f, a->way, a->segment->vlan_tags))
		return engine_no_memory(err);
	switch (place.how) {
	case PLACE_TAKE:
		ok = intake(c, from, a->segment, &a->at, e->two_msl_ns, keep_ladder);
		break;
	case PLACE_COUNT:
		intake_count(c, from, a->segment, keep_ladder);
		break;
	case PLACE_NOTE:
		ok = incarnation_note_syn(e, f, a);
		break;
	case PLACE_TAKEN:
		break;
	}
	if (!ok)
		return engine_no_memory(err);
	ok = read_along(e, f, a, place.how == PLACE_TAKE || place.how == PLACE_TAKEN, err);
	flow_touch(e->table, f, queue_of(f), e->now_ns);
	remember_settle(e, f);
	/* from here on settling another flow may pack this one */
	settle_older(e, f, a);
	return ok;
}

/* The usual case: the next segment of a regular connection. Both ends have been seen, nothing is to be
 * placed or opened. False: nothing was done. */
static bool take_usual(struct engine *e, struct flow *f, const struct arrival *a)
{
	struct regular *r = f->as.regular;

	if (f->form != FORM_REGULAR || (a->segment->flags & (TCP_SYN | TCP_RST)) ||
	    (f->streams && streams_is_urgent(a->segment)) ||
	    !regular_take_next(r, flow_side(f, a->way), a->segment, &a->at,
			       e->config.ladders != LADDERS_NONE))
		return false;
	if (f->streams && !streams_segment(&e->streams, f, flow_side(f, a->way), a->segment, &a->at,
					   e->now_ns, &e->refusal))
		e->refused = true;
	f->tell_again = f->told > 0;
	flow_touch(e->table, f, queue_of_regular(r), e->now_ns);
	/* as long as nothing of this changes it is settled */
	if (r->stage == REGULAR_CLOSED || remember_regular_memory(f) != f->memory)
		remember_settle(e, f);
	/* to its SYN|ACK the one before has listened already */
	if (f->heir)
		settle_older(e, f, a);
	return true;
}

/* Any other case: places the segment and takes it. The flow that has it now; NULL with err. Apart, so that
 * the usual case does without its registers. */
static __attribute__((noinline)) struct flow *take_any(struct engine *e, const struct arrival *a,
						       struct flow *running, bool bound,
						       struct error *err)
{
	struct place place = incarnation_place(e, a, running);
	struct connection *c;

	if (!place.flow) {
		engine_no_memory(err);
		return NULL;
	}
	if (!deliver(e, a, place, err))
		return NULL;
	if (running || !bound)
		return place.flow;
	c = remember_full(e, place.flow);
	if (!c) {
		engine_no_memory(err);
		return NULL;
	}
	c->limits |= LIMIT_LANES;
	return place.flow;
}

bool engine_segment(struct engine *e, const struct segment *s, struct error *err)
{
	struct flow *running, *f;
	struct arrival a;
	bool bound;

	a.segment = s;
	a.at = (struct moment){
		.ts_ns = s->ts_ns, .packet = s->packet, .file = s->file, .ordinal = e->ordinal + 1};
	a.key = flow_key_of(&s->src, s->sport, &s->dst, s->dport, s->ip_version, &a.way);
	a.hash = flow_hash(e->table, &a.key, &s->tunnel);
	a.content = duplicates_hash(a.hash ^ a.way, s);
	if (is_duplicate(e, &a, &f))
		return !f || streams_aside(f, flow_side(f, a.way), s, SEGMENT_DUPLICATE, err);
	e->ordinal++;
	e->counts.segments++;
	e->moved_count = 0;
	running = flow_find(e->table, a.hash, &a.key, &s->tunnel, a.way, s->vlan_tags, &bound);
	f = running && take_usual(e, running, &a) ? running : take_any(e, &a, running, bound, err);
	if (!f)
		return false;
	if (e->duplicates)
		duplicates_add(e->duplicates, a.content, a.hash ^ a.way, s, f, f->serial);
	if (e->refused)
		return error_set(err, "%s", e->refusal.text);
	return (!e->config.max_flows && !e->config.max_memory) || keep_bounds(e, f, err);
}

static enum finding_code icmp_code(enum icmp_kind kind)
{
	switch (kind) {
	case ICMP_UNREACHABLE:
		return FINDING_ICMP_UNREACHABLE;
	case ICMP_PROHIBITED:
		return FINDING_ICMP_PROHIBITED;
	case ICMP_TOO_BIG:
		return FINDING_ICMP_TOO_BIG;
	case ICMP_TIME_EXCEEDED:
		return FINDING_ICMP_TIME_EXCEEDED;
	default:
		return FINDING_ICMP_OTHER;
	}
}

bool engine_icmp(struct engine *e, const struct icmp_error *icmp, struct error *err)
{
	enum way way;
	struct flow_key key = flow_key_of(&icmp->src, icmp->sport, &icmp->dst, icmp->dport,
					  icmp->ip_version, &way);
	struct flow *f = flow_find_any(e->table, flow_hash(e->table, &key, &icmp->tunnel), &key,
				       &icmp->tunnel);
	struct moment at = {.ts_ns = icmp->ts_ns,
			    .packet = icmp->packet,
			    .file = icmp->file,
			    .ordinal = e->ordinal};
	struct connection *c = f ? remember_full(e, f) : NULL;

	if (!f)
		return true;
	if (!c || !connection_icmp(c, icmp_code(icmp->kind), flow_side(f, way), &at, icmp))
		return engine_no_memory(err);
	f->tell_again = f->told > 0;
	remember_settle(e, f);
	return streams_icmp(f, icmp, err);
}

/* The end of observation: the last packet, unless it has been silent for long since. */
static int64_t observed_until(const struct engine *e)
{
	bool silent = e->ticked_ns > e->latest_ns && e->ticked_ns - e->latest_ns > SILENCE_NS;

	return silent ? e->ticked_ns : e->latest_ns;
}

/* The oldest of those that come next in their queues, and the queue goes on. */
static struct flow *next_to_finish(const struct engine *e, struct flow *next[FLOW_QUEUES])
{
	struct flow **first = NULL, *f;

	for (int q = 0; q < FLOW_QUEUES; q++)
		if (next[q] && (!first || next[q]->serial < (*first)->serial))
			first = &next[q];
	if (!first)
		return NULL;
	f = *first;
	*first = flow_behind(e->table, f);
	return f;
}

/* All are told first and forgotten together, in the order in which they lie in memory. */
bool engine_finish(struct engine *e, struct error *err)
{
	struct flow *next[FLOW_QUEUES], *f;

	for (int q = 0; q < FLOW_QUEUES; q++)
		next[q] = flow_queue_head(e->table, (enum flow_queue)q);
	while ((f = next_to_finish(e, next))) {
		if (!tell_last(e, f, END_CAPTURE_END, observed_until(e), err))
			return false;
		if (remember_is_open(f)) /* maybe only now */
			flow_empty(f);
	}
	remember_none(e);
	return true;
}
