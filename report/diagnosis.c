#include "report/diagnosis.h"

#include <stdlib.h>
#include <string.h>

#include "db/row_step.h"
#include "report/diagnosis_private.h"

#define NS_PER_S INT64_C(1000000000)

/* In ms. */
static const int32_t silence_edges[SILENCE_BINS] = {
	0,       1,       2,       5,       10,      20,      50,     100,    200,    500,
	1000,    2000,    3000,    4500,    5500,    7000,    10000,  14000,  16000,  20000,
	25000,   28000,   32000,   40000,   50000,   58000,   62000,  64000,  67000,  73000,
	78000,   90000,   100000,  115000,  125000,  140000,  180000, 230000, 245000, 280000,
	295000,  305000,  330000,  345000,  355000,  400000,  590000, 610000, 900000, 1200000,
	1790000, 1830000, 3600000, 3700000, 7200000, 7500000,
};

int64_t silence_bin_ns(size_t bin)
{
	return bin < SILENCE_BINS ? silence_edges[bin] * INT64_C(1000000) : INT64_MAX;
}

/* Functions of verdict.h by plain numbers. */
#define NAMES(function, type)                       \
	static const char *function##_at(int value) \
	{                                           \
		return function((enum type)value);  \
	}
NAMES(teardown_name, teardown)
NAMES(end_reason_name, end_reason)
NAMES(rst_stage_name, rst_stage)
NAMES(rst_cause_name, rst_cause)
NAMES(rst_form_name, rst_form)
NAMES(reuse_rule_name, reuse_rule)
NAMES(reuse_answer_name, reuse_answer)
NAMES(side_name, side)

enum { OUTCOMES_MAX = 1 << 20 };

/* A name of an enumeration as its number; otherwise where there is none such, NULL too. */
static uint8_t number_of(sqlite3_stmt *row, int column, int count, const char *(*name)(int value),
			 int otherwise)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	for (int i = 0; text && i < count; i++) {
		const char *candidate = name(i);

		if (candidate && strcmp(candidate, text) == 0)
			return (uint8_t)i;
	}
	return (uint8_t)otherwise;
}

static struct outcome read_outcome(sqlite3_stmt *row)
{
	enum { ENDS = SIDE_NONE + 1 };
	struct outcome o = {
		.teardown = number_of(row, 1, TEARDOWNS, teardown_name_at, TEARDOWNS),
		.closer = number_of(row, 2, ENDS, side_name_at, SIDE_NONE),
		.rst_by = number_of(row, 3, ENDS, side_name_at, SIDE_NONE),
		.rst_stage = number_of(row, 4, RST_STAGES, rst_stage_name_at, RST_STAGE_NULL),
		.rst_cause = number_of(row, 5, RST_CAUSES, rst_cause_name_at, RST_CAUSE_NULL),
		.rst_form = number_of(row, 6, RST_FORMS, rst_form_name_at, RST_FORM_NULL),
		.open_stage = number_of(row, 7, RST_STAGES, rst_stage_name_at, RST_STAGE_NULL),
		.time_wait_holder = number_of(row, 8, ENDS, side_name_at, SIDE_NONE),
		.end_reason = number_of(row, 9, END_REASONS, end_reason_name_at, END_REASONS),
		.reuse_rule = number_of(row, 10, REUSE_RULES, reuse_rule_name_at, REUSE_RULE_NULL),
		.reuse_answer = number_of(row, 11, REUSE_ANSWERS, reuse_answer_name_at,
					  REUSE_ANSWER_NULL),
		.injected = sqlite3_column_int(row, 12) != 0,
		.regular = sqlite3_column_int(row, 13) != 0,
		.both_seen = sqlite3_column_int(row, 14) != 0,
		.reused = sqlite3_column_int(row, 15) != 0,
		.known = true,
	};

	o.rules = rules_of_outcome(&o);
	return o;
}

/* The dictionary of outcomes, by id. The few there are have small ones; others are not ours. */
static bool read_outcomes(struct diagnosis_walk *w)
{
	static const struct outcome unknown = {.closer = SIDE_NONE,
					       .rst_by = SIDE_NONE,
					       .time_wait_holder = SIDE_NONE,
					       .teardown = TEARDOWNS};
	sqlite3_stmt *s = walk_prepare(w, "SELECT id, teardown, closer, rst_by, rst_stage,"
					  " rst_cause, rst_form, open_stage, time_wait_holder,"
					  " end_reason, reuse_rule, reuse_answer, rst_injected,"
					  " timeline, seen_initiator AND seen_responder,"
					  " time_wait_check IN ('reused_ok', 'reused_early')"
					  " FROM outcomes ORDER BY id");
	size_t room = 0;
	int step = SQLITE_ROW;
	bool good = s != NULL;

	while (good && (step = row_step(s)) == SQLITE_ROW) {
		size_t id = (size_t)sqlite3_column_int64(s, 0);
		void *items = w->outcome;

		if (id >= OUTCOMES_MAX)
			continue;
		while (good && w->outcome_count <= id) {
			good = walk_grow(w, &items, w->outcome_count, &room, sizeof(*w->outcome));
			w->outcome = items;
			if (good)
				w->outcome[w->outcome_count++] = unknown;
		}
		if (good)
			w->outcome[id] = read_outcome(s);
	}
	if (good && step != SQLITE_DONE)
		good = walk_failed(w);
	sqlite3_finalize(s);
	return good;
}

/* Whole steps that people count in: at most DIAGNOSIS_BUCKETS of them cover the time. */
static void frame_series(struct diagnosis_series *frame, int64_t first_ns, int64_t last_ns)
{
	static const int64_t steps[] = {1,     2,     5,     10,    15,     30,    60,
					120,   300,   600,   900,   1800,   3600,  7200,
					10800, 21600, 43200, 86400, 172800, 604800};
	size_t i = 0;
	int64_t span, step, from;

	*frame = (struct diagnosis_series){0};
	if (first_ns > last_ns || __builtin_sub_overflow(last_ns, first_ns, &span))
		return;
	while (i + 1 < sizeof(steps) / sizeof(steps[0]) &&
	       span / (steps[i] * NS_PER_S) + 2 > DIAGNOSIS_BUCKETS)
		i++;
	step = steps[i] * NS_PER_S;
	if (span / step + 2 > DIAGNOSIS_BUCKETS)
		step = span / (DIAGNOSIS_BUCKETS - 2) + 1;
	from = first_ns - (first_ns % step + step) % step;
	if (from > first_ns) /* before 1678 */
		from = first_ns;
	*frame = (struct diagnosis_series){
		.from_ns = from, .step_ns = step, .buckets = (size_t)((last_ns - from) / step) + 1};
}

static bool read_frame(struct diagnosis_walk *w, struct diagnosis_series *frame)
{
	sqlite3_stmt *s = walk_prepare(w, "SELECT min(first_ns), max(last_ns) FROM captures"
					  " WHERE recording_id = ?1");
	int64_t first = INT64_MAX, last = INT64_MIN;

	for (size_t i = 0; s && i < w->recording_count; i++) {
		sqlite3_bind_int64(s, 1, w->recordings[i]);
		if (walk_row(w, s) && sqlite3_column_type(s, 0) != SQLITE_NULL) {
			if (sqlite3_column_int64(s, 0) < first)
				first = sqlite3_column_int64(s, 0);
			if (sqlite3_column_int64(s, 1) > last)
				last = sqlite3_column_int64(s, 1);
		}
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	frame_series(frame, first, last);
	return s != NULL;
}

static bool read_ids(struct diagnosis_walk *w, int64_t **ids)
{
	sqlite3_stmt *s = walk_prepare(w, "SELECT id FROM recordings ORDER BY id");
	size_t room = 0;
	bool good = s != NULL;

	while (good && walk_row(w, s)) {
		void *items = *ids;

		good = walk_grow(w, &items, w->recording_count, &room, sizeof(**ids));
		*ids = items;
		if (good)
			(*ids)[w->recording_count++] = sqlite3_column_int64(s, 0);
	}
	sqlite3_finalize(s);
	w->recordings = *ids;
	return good;
}

static bool work(struct diagnosis_walk *w)
{
	struct diagnosis_series frame;

	if (!read_outcomes(w) || !read_frame(w, &frame))
		return false;
	for (int i = 0; i < TEARDOWNS; i++)
		w->out->teardown[i] = frame;
	if (!slots_init(&w->slots, &frame))
		return walk_no_memory(w);
	return walk_recordings(w) && silences_settle(w) && time_wait_settle(w) && diagnoses_tell(w);
}

struct diagnoses *diagnoses_read(sqlite3 *db, const int64_t *recordings, size_t count,
				 struct error *err)
{
	struct diagnosis_walk w = {.db = db,
				   .err = err,
				   .out = calloc(1, sizeof(struct diagnoses)),
				   .recordings = recordings,
				   .recording_count = count};
	bool own = sqlite3_get_autocommit(db) != 0;
	int64_t *ids = NULL;
	bool good;

	if (!w.out) {
		walk_no_memory(&w);
		return NULL;
	}
	arc4random_buf(w.counts.key, sizeof(w.counts.key));
	/* one transaction, so that all numbers are of the same moment */
	good = !own || sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK || walk_failed(&w);
	good = good && chosen_register(db, &w.chosen, err) && (count > 0 || read_ids(&w, &ids)) &&
	       work(&w);
	walk_statements_free(&w);
	chosen_forget(db);
	if (own)
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	slots_free(&w.slots);
	free(ids);
	free(w.outcome);
	for (size_t i = 0; i < w.plan_count; i++)
		plan_free(&w.plan[i]);
	free(w.plan);
	free(w.scanner);
	free(w.sample);
	free(w.entry);
	free(w.held);
	free(w.reuse);
	party_counts_free(&w.counts);
	if (good && !w.broken)
		return w.out;
	diagnoses_free(w.out);
	return NULL;
}

static void diagnosis_free(struct diagnosis *d)
{
	free(d->sentence);
	free(d->advice);
	for (size_t i = 0; i < d->party_count; i++) {
		free(d->parties[i].address);
		free(d->parties[i].application);
		free(d->parties[i].clients);
	}
	for (size_t i = 0; i < d->example_count; i++) {
		free(d->examples[i].capture);
		free(d->examples[i].initiator_ip);
		free(d->examples[i].responder_ip);
		free(d->examples[i].detail);
	}
}

void diagnoses_free(struct diagnoses *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++)
		diagnosis_free(&d->items[i]);
	for (size_t i = 0; i < d->load_count; i++)
		free(d->loads[i].address);
	for (size_t i = 0; i < d->msl_count; i++)
		free(d->msls[i].address);
	free(d->items);
	free(d->loads);
	free(d->msls);
	free(d);
}
