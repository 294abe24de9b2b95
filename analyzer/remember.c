#include "analyzer/remember.h"

#include <stdlib.h>

#include "analyzer/kept.h"
#include "analyzer/packed.h"

size_t remember_memory(const struct engine *e)
{
	return e->memory + flow_table_memory(e->table) + (e->duplicates ? duplicates_memory() : 0);
}

static size_t memory_of(const struct flow *f)
{
	if (f->regular)
		return regular_memory(f->regular);
	if (f->kept)
		return kept_memory(f->kept);
	if (f->live)
		return connection_memory(f->live);
	return f->packed ? packed_memory(f->packed) : 0;
}

static void account(struct engine *e, struct flow *f)
{
	size_t now = memory_of(f) + streams_memory(f->streams);

	if (now == f->memory)
		return;
	e->memory += now - f->memory;
	f->memory = now;
}

/* ---- from one form to another ---- */

static void expand(const struct flow *f, const struct regular *r, struct connection *c,
		   struct teardown_part *t)
{
	const struct regular_beside beside = {
		.vlan_tags = {f->vlan_tags[flow_way(f, SIDE_INITIATOR)],
			      f->vlan_tags[flow_way(f, SIDE_RESPONDER)]},
		.followed_ns = f->followed_ns,
	};

	regular_expand(r, &beside, c, t);
}

/* It has left the regular way. */
static struct connection *leave_regular(struct engine *e, struct flow *f)
{
	struct connection *c = malloc(sizeof(*c));
	struct teardown_part *t = malloc(sizeof(*t));
	struct regular opened, *r = f->regular ? f->regular : &opened;

	if (!c || !t) {
		free(c);
		free(t);
		return NULL;
	}
	if (f->kept)
		kept_open(f->kept, &opened);
	expand(f, r, c, t);
	if (!c->teardown)
		free(t);
	f->tell_again |= f->told > 0;
	f->live = c;
	free(f->regular); /* but for the ladder, which is c's now */
	free(f->kept);
	f->regular = NULL;
	f->kept = NULL;
	account(e, f);
	return c;
}

struct connection *remember_full(struct engine *e, struct flow *f)
{
	if (f->live)
		return f->live;
	if (remember_is_regular(f))
		return leave_regular(e, f);
	if (!f->packed)
		return NULL;
	f->live = packed_open(f->packed);
	if (!f->live)
		return NULL;
	free(f->packed);
	f->packed = NULL;
	f->tell_again = f->told > 0;
	account(e, f);
	return f->live;
}

struct connection *remember_glance(struct engine *e, struct flow *f)
{
	struct regular opened;

	if (!remember_is_regular(f))
		return remember_full(e, f);
	if (!f->regular)
		kept_open(f->kept, &opened);
	expand(f, f->regular ? f->regular : &opened, &e->glance, &e->glance_teardown);
	return &e->glance;
}

/* ---- the tuple is used again ---- */

bool remember_time_wait(const struct flow *f, enum side from, struct time_wait_state *state)
{
	struct regular opened;

	if (!remember_is_closed_regular(f))
		return false;
	if (f->kept)
		kept_open(f->kept, &opened);
	*state = regular_time_wait(f->kept ? &opened : f->regular, from);
	return true;
}

struct time_wait_reuse *remember_reuse(struct flow *f)
{
	return f->kept ? kept_reuse(f->kept) : &f->regular->reuse;
}

bool remember_answer(struct engine *e, struct flow *f, const struct segment *s)
{
	struct connection *c;

	if (remember_is_regular(f)) {
		time_wait_answer(&remember_reuse(f)->answer, s);
		return true;
	}
	c = remember_full(e, f);
	if (c && c->teardown)
		time_wait_answer(&c->teardown->reuse_answer, s);
	return c;
}

/* ---- ended ones are made small ---- */

/* Another incarnation has followed and its first answer has been seen: from here on only segments that
 * come late can change the verdict. Telling it now gives the store something to do meanwhile. Streams
 * are finished only once, so that connections whose streams are read wait. */
static void tell_early(struct engine *e, struct flow *f)
{
	struct connection *c;
	struct verdict verdict;

	if (f->streams || f->running || f->followed_ns == NONE_NS || f->awaits_answer || e->refused)
		return;
	if (f->told != 0 && !f->tell_again)
		return;
	c = remember_glance(e, f); /* open it is, so that no memory is needed */
	e->refused = !engine_tell(e, f, c, END_SUPERSEDED, f->followed_ns, &verdict, &e->refusal);
}

static void pack_full(struct engine *e, struct flow *f)
{
	bool ladder_wanted = e->config.ladders == LADDERS_ALL ||
			     (e->config.ladders == LADDERS_UNCLEAN &&
			      !judge_is_clean(f->live, e->config.stuck_ns));

	if (!ladder_wanted)
		ladder_give_up(&f->live->ladder);
	f->packed = packed_of(f->live);
	if (f->packed) {
		tell_early(e, f);
		connection_free(f->live);
		f->live = NULL;
	}
}

/* False where its ladder will be wanted: that is kept in the full form. */
static bool keep_regular(struct engine *e, struct flow *f)
{
	if (!f->regular->ladder.given_up && e->config.ladders == LADDERS_ALL)
		return false;
	if (!f->regular->ladder.given_up && e->config.ladders == LADDERS_UNCLEAN &&
	    !regular_is_clean(f->regular, e->config.stuck_ns) &&
	    !judge_is_clean(remember_glance(e, f), e->config.stuck_ns))
		return false;
	ladder_give_up(&f->regular->ladder);
	f->kept = kept_of(f->regular);
	if (f->kept) {
		tell_early(e, f);
		regular_free(f->regular);
		f->regular = NULL;
	}
	return true;
}

void remember_small(struct engine *e, struct flow *f)
{
	if (f->regular && !keep_regular(e, f))
		leave_regular(e, f);
	if (f->live)
		pack_full(e, f);
	account(e, f);
}

/* The ring of those that ended last: who falls out is packed. */
static void schedule_pack(struct engine *e, struct flow *f)
{
	struct flow **place = &e->ended[e->ended_next++ % ENDED_RING];

	if (*place) {
		(*place)->recently_ended = false;
		if (remember_is_open(*place))
			remember_small(e, *place);
	}
	*place = f;
	f->recently_ended = true;
}

void remember_settle(struct engine *e, struct flow *f)
{
	bool ended;

	if (f->kept)
		tell_early(e, f);
	if (!remember_is_open(f))
		return;
	account(e, f);
	if (f->regular) {
		f->attempt = f->regular->stage == REGULAR_SYN_SENT;
		ended = f->regular->stage == REGULAR_CLOSED;
	} else {
		f->attempt = connection_syn_sent(f->live);
		ended = connection_ended(f->live);
	}
	if (!f->recently_ended && (f->superseded || ended))
		schedule_pack(e, f);
	if (flow_count(e->table) > e->counts.peak_connections)
		e->counts.peak_connections = flow_count(e->table);
	if (remember_memory(e) > e->counts.peak_memory)
		e->counts.peak_memory = remember_memory(e);
}

void remember_no_more(struct engine *e, struct flow *f)
{
	for (uint32_t i = 0; f->recently_ended && i < ENDED_RING; i++)
		if (e->ended[i] == f)
			e->ended[i] = NULL;
	e->memory -= f->memory;
}
