/* What blocks tell of a recording's connections, counted without their rows: whose they are, when they began,
 * how they ended, who holds a TIME_WAIT. What is left is a plan: which rows are to be read all the same. Those of
 * ids that no block tells of, or not reliably, are: a damaged database costs time. */
#include <stdlib.h>

#include "report/diagnosis_private.h"

#define NS_PER_MS INT64_C(1000000)

/* The columns that are looked at; ended by BLOCK_KINDS. */
static const enum block_kind failed_kinds[] = {BLOCK_OUTCOMES, BLOCK_INITIATORS, BLOCK_RESPONDERS,
					       BLOCK_RESPONDER_PORTS, BLOCK_KINDS};
static const enum block_kind all_kinds[] = {
	BLOCK_OUTCOMES, BLOCK_INITIATORS,   BLOCK_RESPONDERS, BLOCK_RESPONDER_PORTS,
	BLOCK_STARTS,   BLOCK_APPLICATIONS, BLOCK_KINDS};

/* False where one of them is not whole, or with *failed. */
static bool read_columns(struct told_columns *columns, const struct told_block *block,
			 const enum block_kind *kinds, struct told_values *values, bool *failed,
			 struct error *err)
{
	bool whole = true;
	size_t at = 0;

	for (size_t place = 0; place < BLOCK_SIZE; place++) {
		values->at[place] = at;
		at += place_has(&block->places, place);
	}
	for (; whole && *kinds != BLOCK_KINDS; kinds++)
		if (!told_column(columns, block, *kinds, values->of[*kinds], &whole, err)) {
			*failed = true;
			return false;
		}
	return whole;
}

void told_facts(const struct diagnosis_walk *w, const struct told_values *told, size_t place,
		struct facts *f)
{
	size_t at = told->at[place];

	f->outcome = walk_outcome(w, told->of[BLOCK_OUTCOMES][at]);
	f->initiator_id = told->of[BLOCK_INITIATORS][at];
	f->responder_id = told->of[BLOCK_RESPONDERS][at];
	f->responder_port = (uint16_t)told->of[BLOCK_RESPONDER_PORTS][at];
	f->application_id = told->of[BLOCK_APPLICATIONS][at];
}

/* The connection at a place is one of the stretch. */
static bool in_stretch(const struct walk_stretch *stretch, size_t place, int64_t *id)
{
	*id = block_connection(stretch->block.id, place);
	return place_has(&stretch->block.places, place) && *id >= stretch->first &&
	       *id <= stretch->last;
}

/* ---- stretches ---- */

static bool add_stretch(struct diagnosis_walk *w, struct walk_plan *plan,
			struct walk_stretch stretch)
{
	void *items = plan->stretch;
	bool good = walk_grow(w, &items, plan->count, &plan->room, sizeof(*plan->stretch));

	plan->stretch = items;
	if (good)
		plan->stretch[plan->count++] = stretch;
	return good;
}

/* The series tell by the millisecond when a connection began: whether it is enough for their intervals. */
static bool milliseconds_do(const struct diagnosis_series *frame)
{
	return frame->from_ns % NS_PER_MS == 0 && frame->step_ns % NS_PER_MS == 0;
}

/* Parts the range: a block that can be relied on, what is before the next one, that one, ... */
static bool part(struct diagnosis_walk *w, struct walk_plan *plan, const struct told_blocks *blocks)
{
	int64_t next = plan->recording.range[0], last = plan->recording.range[1];

	for (size_t i = 0; i < blocks->count && next <= last; i++) {
		const struct told_block *block = &blocks->block[i];
		struct walk_stretch told = {.first = block_connection(block->id, 0),
					    .last = block_connection(block->id, BLOCK_SIZE - 1),
					    .told = true,
					    .block = *block};

		if (!block->reliable || !milliseconds_do(&w->slots.frame))
			continue;
		told.first = told.first < next ? next : told.first;
		if (told.first > next &&
		    !add_stretch(w, plan,
				 (struct walk_stretch){.first = next, .last = told.first - 1}))
			return false;
		told.last = told.last > last ? last : told.last;
		if (!add_stretch(w, plan, told))
			return false;
		if (told.last == last)
			return true;
		next = told.last + 1;
	}
	return next > last ||
	       add_stretch(w, plan, (struct walk_stretch){.first = next, .last = last});
}

/* ---- counting ---- */

static bool count_holders(struct diagnosis_walk *w, const struct facts *f)
{
	enum side holder = (enum side)f->outcome->time_wait_holder;
	bool good = true;

	if (holder == SIDE_INITIATOR || holder == SIDE_BOTH)
		good = time_wait_count(w, f->initiator_id);
	if (good && (holder == SIDE_RESPONDER || holder == SIDE_BOTH))
		good = time_wait_count(w, f->responder_id);
	return good;
}

/* All that is told of the stretch's connections. What that is not enough for goes into its rows. */
static void count_stretch(struct stroll *s, struct walk_stretch *stretch)
{
	struct facts f = {0};

	for (size_t place = 0; s->good && place < BLOCK_SIZE; place++) {
		if (!in_stretch(stretch, place, &f.id))
			continue;
		told_facts(s->walk, &s->told, place, &f);
		f.first_ns = s->told.of[BLOCK_STARTS][s->told.at[place]] * NS_PER_MS;
		s->good = walk_count(s->walk, &f);
		if (s->good && stroll_is_plain(s, f.id, f.outcome))
			s->good = count_holders(s->walk, &f);
		else
			place_put(&stretch->rows, place);
	}
}

static bool walk_stretches(struct stroll *s, struct walk_plan *plan)
{
	bool failed = false;

	stroll_begin(s);
	for (size_t i = 0; s->good && i < plan->count; i++) {
		struct walk_stretch *t = &plan->stretch[i];

		t->told = t->told && read_columns(&s->columns, &t->block, all_kinds, &s->told,
						  &failed, s->walk->err);
		s->good = s->good && !failed;
		if (s->good && t->told)
			count_stretch(s, t);
		if (s->good)
			s->good = t->told ? stroll_places(s, t->block.id, &t->rows)
					  : stroll_rows(s, t->first, t->last);
	}
	return s->good;
}

/* Who tried in vain must be known before the walk. */
static void take_attempts(struct stroll *s, const struct walk_stretch *stretch)
{
	struct facts f = {0};

	for (size_t place = 0; place < BLOCK_SIZE; place++) {
		if (!in_stretch(stretch, place, &f.id))
			continue;
		f.outcome = walk_outcome(s->walk, s->told.of[BLOCK_OUTCOMES][s->told.at[place]]);
		if (!is_handshake(f.outcome))
			continue;
		told_facts(s->walk, &s->told, place, &f);
		suspects_take(s->suspects, f.initiator_id, f.responder_id, f.responder_port);
	}
}

static bool find_scanners(struct stroll *s, const struct walk_plan *plan)
{
	bool failed = false;

	suspects_forget(s->suspects);
	for (size_t i = 0; s->good && i < plan->count; i++) {
		const struct walk_stretch *t = &plan->stretch[i];

		if (t->told && read_columns(&s->columns, &t->block, failed_kinds, &s->told, &failed,
					    s->walk->err))
			take_attempts(s, t);
		else
			s->good = !failed &&
				  suspects_take_rows(s->suspects, s->walk, t->first, t->last);
	}
	return s->good && suspects_keep(s->suspects, s->walk);
}

bool plan_walk(struct stroll *s, struct walk_plan *plan)
{
	const struct walk_recording *r = &plan->recording;
	struct told_blocks blocks = {0};

	s->good = told_blocks_read(&blocks, s->walk->db, r->id, r->range[0], r->range[1],
				   s->walk->err) &&
		  part(s->walk, plan, &blocks);
	told_blocks_free(&blocks);
	return s->good && find_scanners(s, plan) && walk_stretches(s, plan);
}

void plan_free(struct walk_plan *plan)
{
	free(plan->stretch);
}

/* ---- TIME_WAITs of the hosts that hold most ---- */

struct holding {
	struct diagnosis_walk *walk;
	const struct id_set *hosts;
	struct told_columns columns;
	sqlite3_stmt *rows;
	const struct walk_recording *recording;
	struct told_values told; /* of a block */
};

static bool is_held(const struct holding *h, const struct facts *f, enum side side)
{
	enum side holder = (enum side)f->outcome->time_wait_holder;

	return (holder == side || holder == SIDE_BOTH) &&
	       id_set_has(h->hosts, side == SIDE_INITIATOR ? f->initiator_id : f->responder_id);
}

static bool take_holder(void *context, sqlite3_stmt *row)
{
	struct holding *h = context;
	struct facts f = {.reuse_delay_ns = NONE_NS};
	bool good = true;

	told_facts(h->walk, &h->told, place_of(sqlite3_column_int64(row, 0)), &f);
	read_moments(&f, row);
	if (is_held(h, &f, SIDE_INITIATOR))
		good = time_wait_add(h->walk, h->recording, &f, SIDE_INITIATOR);
	if (good && is_held(h, &f, SIDE_RESPONDER))
		good = time_wait_add(h->walk, h->recording, &f, SIDE_RESPONDER);
	return good;
}

static bool hold_stretch(struct holding *h, const struct walk_stretch *stretch)
{
	struct place_set places = {{0}};
	struct facts f = {0};
	bool failed = false;

	if (!read_columns(&h->columns, &stretch->block, failed_kinds, &h->told, &failed,
			  h->walk->err))
		return !failed;
	for (size_t place = 0; place < BLOCK_SIZE; place++) {
		if (!in_stretch(stretch, place, &f.id) || place_has(&stretch->rows, place))
			continue;
		told_facts(h->walk, &h->told, place, &f);
		if (is_held(h, &f, SIDE_INITIATOR) || is_held(h, &f, SIDE_RESPONDER))
			place_put(&places, place);
	}
	h->walk->chosen = (struct chosen){stretch->block.id, places};
	return walk_take(h->walk, h->rows, take_holder, h);
}

bool plans_hold(struct diagnosis_walk *w, const struct id_set *hosts)
{
	struct holding h = {.walk = w, .hosts = hosts, .columns = {.db = w->db}};
	bool good;

	h.rows = walk_prepare(w, moments_sql);
	good = h.rows != NULL;
	for (size_t i = 0; good && i < w->plan_count; i++) {
		const struct walk_plan *plan = &w->plan[i];

		h.recording = &plan->recording;
		for (size_t k = 0; good && k < plan->count; k++)
			if (plan->stretch[k].told)
				good = hold_stretch(&h, &plan->stretch[k]);
	}
	told_columns_close(&h.columns);
	sqlite3_finalize(h.rows);
	return good;
}
