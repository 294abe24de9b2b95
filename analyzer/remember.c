#include "analyzer/remember.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/kept.h"
#include "analyzer/packed.h"
#include "analyzer/tell.h"

size_t remember_memory(const struct engine *e)
{
	return e->memory + flow_table_memory(e->table) + (e->duplicates ? duplicates_memory() : 0);
}

static size_t memory_of(const struct flow *f)
{
	switch ((enum flow_form)f->form) {
	case FORM_REGULAR:
		return regular_memory(f->as.regular);
	case FORM_KEPT:
		return kept_memory(f->as.kept);
	case FORM_LIVE:
		return connection_memory(f->as.live);
	case FORM_PACKED:
		return packed_memory(f->as.packed);
	case FORM_NONE:
		break;
	}
	return 0;
}

static void account(struct engine *e, struct flow *f)
{
	size_t now = memory_of(f) + streams_memory(f->streams);

	if (now == f->memory)
		return;
	e->memory += now - f->memory;
	f->memory = (uint32_t)now;
}

/* ---- from one form to another ---- */

void remember_expand(const struct flow *f, const struct regular *r, struct connection *c,
		     struct teardown_part *t)
{
	const struct regular_beside beside = {
		.vlan_tags = {flow_vlan_tags(f, flow_way(f, SIDE_INITIATOR)),
			      flow_vlan_tags(f, flow_way(f, SIDE_RESPONDER))},
		.followed_ns = f->followed_ns,
	};

	regular_expand(r, &beside, c, t);
}

/* A regular one in the record, which it is, or opened. */
static struct regular *regular_of(struct engine *e, const struct flow *f)
{
	if (f->form == FORM_REGULAR)
		return f->as.regular;
	kept_open(f->as.kept, &e->opened);
	return &e->opened;
}

/* It has left the regular way. */
static struct connection *leave_regular(struct engine *e, struct flow *f)
{
	struct connection *c = malloc(sizeof(*c));
	struct teardown_part *t = malloc(sizeof(*t));

	if (!c || !t) {
		free(c);
		free(t);
		return NULL;
	}
	remember_expand(f, regular_of(e, f), c, t);
	if (!c->teardown)
		free(t);
	f->tell_again |= f->told > 0;
	if (f->form == FORM_KEPT) {
		free(f->as.kept);
	} else {
		f->as.regular->ladder = (struct ladder){0}; /* it is c's now */
		spares_give(&e->spares, f->as.regular);
	}
	flow_set_live(f, c);
	account(e, f);
	return c;
}

struct connection *remember_full(struct engine *e, struct flow *f)
{
	struct connection *c;

	if (f->form == FORM_LIVE)
		return f->as.live;
	if (remember_is_regular(f))
		return leave_regular(e, f);
	c = packed_open(f->as.packed);
	if (!c)
		return NULL;
	free(f->as.packed);
	flow_set_live(f, c);
	f->tell_again = f->told > 0;
	account(e, f);
	return c;
}

struct connection *remember_glance(struct engine *e, struct flow *f)
{
	if (!remember_is_regular(f))
		return remember_full(e, f);
	remember_expand(f, regular_of(e, f), &e->glance, &e->glance_teardown);
	return &e->glance;
}

/* ---- the tuple is used again ---- */

bool remember_time_wait(const struct flow *f, enum side from, struct time_wait_state *state)
{
	if (!remember_is_closed_regular(f))
		return false;
	*state = f->form == FORM_KEPT ? kept_time_wait(f->as.kept, from)
				      : regular_time_wait(f->as.regular, from);
	return true;
}

struct time_wait_reuse *remember_reuse(struct flow *f)
{
	return f->form == FORM_KEPT ? kept_reuse(f->as.kept) : &f->as.regular->reuse;
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
 * come late can change the verdict. Telling it now gives the store something to do meanwhile. Connections
 * whose streams are still read wait. */
static void tell_early(struct engine *e, struct flow *f, const struct kept *kept)
{
	struct connection *c;
	struct verdict verdict;

	if (!streams_settled(f->streams) || f->running || f->followed_ns == NONE_NS ||
	    f->awaits_answer || e->refused)
		return;
	if (f->told != 0 && !f->tell_again)
		return;
	if (kept && tell_can_hand_over(e, f)) {
		e->refused = !tell_closed(e, f, kept, END_SUPERSEDED, f->followed_ns, &e->refusal);
		return;
	}
	c = remember_glance(e, f); /* open it is, so that no memory is needed */
	e->refused = !tell_verdict(e, f, c, END_SUPERSEDED, f->followed_ns, &verdict, &e->refusal);
}

static void pack_full(struct engine *e, struct flow *f)
{
	struct connection *c = f->as.live;
	bool ladder_wanted = e->config.ladders == LADDERS_ALL ||
			     (e->config.ladders == LADDERS_UNCLEAN &&
			      !judge_is_clean(c, e->config.stuck_ns));
	struct packed *packed;

	if (!ladder_wanted)
		ladder_give_up(&c->ladder);
	packed = packed_of(c);
	if (!packed)
		return;
	tell_early(e, f, NULL);
	connection_free(c);
	f->as.packed = packed;
	f->form = FORM_PACKED;
}

/* False where its ladder will be wanted: that is kept in the full form. */
static bool keep_regular(struct engine *e, struct flow *f)
{
	struct regular *r = f->as.regular;
	struct kept *kept;

	if (!r->ladder.given_up && e->config.ladders == LADDERS_ALL)
		return false;
	if (!r->ladder.given_up && e->config.ladders == LADDERS_UNCLEAN &&
	    !regular_is_clean(r, e->config.stuck_ns) &&
	    !judge_is_clean(remember_glance(e, f), e->config.stuck_ns))
		return false;
	kept = kept_of(r);
	if (!kept) {
		ladder_give_up(&r->ladder);
		return true;
	}
	ladder_empty(&r->ladder);
	tell_early(e, f, kept);
	spares_give(&e->spares, r);
	f->as.kept = kept;
	f->form = FORM_KEPT;
	return true;
}

void remember_small(struct engine *e, struct flow *f)
{
	if (f->form == FORM_REGULAR && !keep_regular(e, f))
		leave_regular(e, f);
	if (f->form == FORM_LIVE)
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

static void note_peaks(struct engine *e)
{
	size_t memory = remember_memory(e);

	if (flow_count(e->table) > e->counts.peak_connections)
		e->counts.peak_connections = flow_count(e->table);
	if (memory > e->counts.peak_memory)
		e->counts.peak_memory = memory;
}

/* The same of a regular one. */
static void settle_regular(struct engine *e, struct flow *f)
{
	size_t memory = remember_regular_memory(f);
	unsigned stage = f->as.regular->stage;

	e->memory += memory - f->memory;
	f->memory = (uint32_t)memory;
	f->attempt = stage == REGULAR_SYN_SENT;
	if (!f->recently_ended && (f->superseded || stage == REGULAR_CLOSED))
		schedule_pack(e, f);
	note_peaks(e);
}

void remember_settle(struct engine *e, struct flow *f)
{
	if (f->form == FORM_REGULAR) {
		settle_regular(e, f);
		return;
	}
	if (f->form == FORM_KEPT)
		tell_early(e, f, f->as.kept);
	if (!remember_is_open(f))
		return;
	account(e, f);
	f->attempt = connection_syn_sent(f->as.live);
	if (!f->recently_ended && (f->superseded || connection_ended(f->as.live)))
		schedule_pack(e, f);
	note_peaks(e);
}

void remember_no_more(struct engine *e, struct flow *f)
{
	for (uint32_t i = 0; f->recently_ended && i < ENDED_RING; i++)
		if (e->ended[i] == f)
			e->ended[i] = NULL;
	e->memory -= f->memory;
}

void remember_none(struct engine *e)
{
	memset(e->ended, 0, sizeof(e->ended));
	flow_clear(e->table);
	e->memory = 0;
}
