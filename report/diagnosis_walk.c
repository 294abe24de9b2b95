/* The walk over the connections of the recordings, in order of their ids. The side tables have the same
 * order, so that each is a cursor that moves along: no lookups, no sorting. Most connections are orderly closes
 * that are counted from their blocks (diagnosis_blocks.c): the rows of the others are read. */
#include <stdlib.h>
#include <string.h>

#include "report/diagnosis_private.h"
#include "db/row_step.h"
#include "report/stored.h"

enum { SAMPLES_MAX = 1 << 18, REUSERS_MAX = 4096 };

#define RANGE " BETWEEN ?1 AND ?2 ORDER BY connection_id"

static const char *const side_sql[SIDE_TABLES] = {
	[SIDE_RESETS] =
		"SELECT connection_id, silence_ns, coalesce(idle_ns, silence_ns) FROM resets"
		" WHERE silence_ns IS NOT NULL AND connection_id" RANGE,
	[SIDE_SILENCES] = "SELECT connection_id, fin_ms * 1000000 FROM silences"
			  " WHERE connection_id" RANGE,
	[SIDE_REUSES] = "SELECT connection_id, delay_ns FROM reuses"
			" WHERE delay_ns IS NOT NULL AND connection_id" RANGE,
	[SIDE_DWELLS] = "SELECT connection_id, time_wait_entry_ns FROM dwells"
			" WHERE time_wait_entry_ns IS NOT NULL AND connection_id" RANGE,
	[SIDE_FINDINGS] = "SELECT connection_id, code_id, side, ts_ns FROM finding_rows"
			  " WHERE connection_id" RANGE ", position",
};

static const char rows_sql[] =
	"SELECT id, first_ns, duration_ns, fin_back_ns_initiator, fin_back_ns_responder,"
	" initiator_id, responder_id, ports >> 16, outcome_id, application_id"
	" FROM connections WHERE id BETWEEN ?1 AND ?2 ORDER BY id";

/* Those that a regular close may have a row of, too. */
static const char *const ahead_sql[SIDE_TABLES] = {
	[SIDE_SILENCES] = "SELECT connection_id FROM silences WHERE connection_id" RANGE,
	[SIDE_REUSES] = "SELECT connection_id FROM reuses"
			" WHERE delay_ns IS NOT NULL AND connection_id" RANGE,
	[SIDE_FINDINGS] = "SELECT connection_id FROM finding_rows WHERE connection_id" RANGE,
};

const char moments_sql[] =
	"SELECT c.id, first_ns, duration_ns, fin_back_ns_initiator, fin_back_ns_responder"
	" FROM temp.chosen CROSS JOIN connections AS c ON c.id = chosen.id";

static void side_step(struct stroll *s, struct side_table *table)
{
	int step = sqlite3_step(table->statement);

	table->id = step == SQLITE_ROW ? sqlite3_column_int64(table->statement, 0) : INT64_MAX;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		s->good = walk_failed(s->walk);
}

/* True where the table has a row of this connection: the cursor stands on its first one. */
static bool table_at(struct stroll *s, struct side_table *table, int64_t id)
{
	while (table->id < id)
		side_step(s, table);
	return table->id == id;
}

static bool side_at(struct stroll *s, enum side_tables which, int64_t id)
{
	return table_at(s, &s->side[which], id);
}

static int64_t side_ns(struct stroll *s, enum side_tables which, int64_t id, int column)
{
	return side_at(s, which, id) ? sqlite3_column_int64(s->side[which].statement, column)
				     : NONE_NS;
}

static void read_findings(struct stroll *s, struct facts *f)
{
	struct side_table *table = &s->side[SIDE_FINDINGS];

	f->finding_count = 0;
	for (bool more = side_at(s, SIDE_FINDINGS, f->id); more && s->good;
	     more = table->id == f->id) {
		if (f->finding_count < FACT_FINDINGS)
			f->finding[f->finding_count++] = (struct fact_finding){
				.code = (uint8_t)stored_finding(table->statement, 1),
				.side = (uint8_t)stored_side(table->statement, 2),
				.ts_ns = sqlite3_column_int64(table->statement, 3),
			};
		side_step(s, table);
	}
}

static const struct fact_finding *finding_of_rule(const struct facts *f, const struct rule *rule)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (rule->findings >> f->finding[i].code & 1)
			return &f->finding[i];
	return NULL;
}

static enum side side_of_who(const struct facts *f, enum who who,
			     const struct fact_finding *finding)
{
	enum side side = finding ? (enum side)finding->side : SIDE_RESPONDER;

	switch (who) {
	case WHO_INITIATOR:
		return SIDE_INITIATOR;
	case WHO_FINDING:
		return side;
	case WHO_FINDING_PEER:
		return side == SIDE_RESPONDER ? SIDE_INITIATOR : SIDE_RESPONDER;
	case WHO_RST:
		return (enum side)f->outcome->rst_by;
	case WHO_CLOSER:
		return (enum side)f->outcome->closer;
	default:
		return SIDE_RESPONDER;
	}
}

static bool keep_sample(struct diagnosis_walk *w, const struct sample *sample)
{
	void *items = w->sample;
	bool good;

	if (w->sample_count >= SAMPLES_MAX)
		return true;
	good = walk_grow(w, &items, w->sample_count, &w->sample_room, sizeof(*w->sample));
	w->sample = items;
	if (good)
		w->sample[w->sample_count++] = *sample;
	return good;
}

bool is_handshake(const struct outcome *o)
{
	return o->teardown == TEARDOWN_REFUSED || o->teardown == TEARDOWN_UNANSWERED ||
	       o->teardown == TEARDOWN_HANDSHAKE_ABORTED ||
	       o->teardown == TEARDOWN_HANDSHAKE_INCOMPLETE;
}

static void apply_rule(struct stroll *s, const struct facts *f, const struct rule *rule)
{
	const struct fact_finding *finding = finding_of_rule(f, rule);
	bool initiator = side_of_who(f, rule->who, finding) == SIDE_INITIATOR;
	struct sample sample = {
		.silence_ns = rule->silence ? rule->silence(f) : NONE_NS,
		.id = f->id,
		.ts_ns = finding                    ? finding->ts_ns
			 : is_handshake(f->outcome) ? f->first_ns
						    : f->last_ns,
		.host_id = initiator ? f->initiator_id : f->responder_id,
		.port = initiator ? 0 : f->responder_port,
		.initiator_id = initiator ? 0 : f->initiator_id,
		.application_id = f->application_id,
		.code = (uint8_t)rule->code,
		.harm = true,
	};

	if (rule->silence && s->walk->sample_count < SAMPLES_MAX)
		s->good = keep_sample(s->walk, &sample);
	else
		slots_count(&s->walk->slots, rule->code, &sample);
}

/* Bits of the rules that its outcome or one of its findings fits. */
static uint64_t rules_of(const struct facts *f)
{
	uint64_t rules = f->outcome->rules;

	for (size_t i = 0; i < f->finding_count; i++)
		rules |= rules_of_finding((enum finding_code)f->finding[i].code);
	return rules;
}

static void apply_rules(struct stroll *s, const struct facts *f)
{
	bool told = false; /* by an exclusive rule */

	for (uint64_t left = rules_of(f); left != 0 && s->good; left &= left - 1) {
		const struct rule *rule = &s->rules[__builtin_ctzll(left)];

		if ((rule->exclusive && told) || (rule->also && !rule->also(f)))
			continue;
		told |= rule->exclusive;
		apply_rule(s, f, rule);
	}
}

/* Idle closes by the server that harmed nobody: they show its timeout, too. */
static void keep_idle_close(struct stroll *s, const struct facts *f)
{
	struct sample sample = {.silence_ns = f->fin_silence_ns,
				.id = f->id,
				.host_id = f->responder_id,
				.port = f->responder_port,
				.code = DIAGNOSIS_KEEPALIVE_RACE};

	if (f->fin_silence_ns != NONE_NS && f->outcome->closer == SIDE_RESPONDER &&
	    f->outcome->rst_by == SIDE_NONE)
		s->good = keep_sample(s->walk, &sample);
}

static void note_time_wait(struct stroll *s, const struct facts *f)
{
	enum side holder = (enum side)f->outcome->time_wait_holder;

	if (f->time_wait_entry_ns == NONE_NS)
		return;
	if (holder == SIDE_INITIATOR || holder == SIDE_BOTH)
		s->good &= time_wait_add(s->walk, s->recording, f, SIDE_INITIATOR);
	if (s->good && (holder == SIDE_RESPONDER || holder == SIDE_BOTH))
		s->good = time_wait_add(s->walk, s->recording, f, SIDE_RESPONDER);
}

/* A new connection on the tuple that a rule allows and that was answered: the holder let it go. */
static void note_reuse(struct stroll *s, const struct facts *f)
{
	struct diagnosis_walk *w = s->walk;
	const struct outcome *o = f->outcome;
	int64_t host = o->time_wait_holder == SIDE_RESPONDER ? f->responder_id : f->initiator_id;
	void *items = w->reuse;
	size_t i = 0;

	if (f->reuse_delay_ns == NONE_NS || o->reuse_rule <= REUSE_RULE_NONE ||
	    o->reuse_answer != REUSE_ANSWER_SYN_ACK)
		return;
	while (i < w->reuse_count && w->reuse[i].host_id != host)
		i++;
	if (i == w->reuse_count) {
		if (i >= REUSERS_MAX)
			return;
		s->good = walk_grow(w, &items, i, &w->reuse_room, sizeof(*w->reuse));
		w->reuse = items;
		if (!s->good)
			return;
		w->reuse[w->reuse_count++] = (struct reuse_tally){.host_id = host,
								  .shortest_ns = INT64_MAX};
	}
	w->reuse[i].reuses++;
	if (f->reuse_delay_ns < w->reuse[i].shortest_ns) {
		w->reuse[i].shortest_ns = f->reuse_delay_ns;
		w->reuse[i].connection_id = f->id;
	}
}

static bool is_scanner(const struct diagnosis_walk *w, int64_t host_id)
{
	size_t low = 0, high = w->scanner_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->scanner[middle] < host_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->scanner_count && w->scanner[low] == host_id;
}

const struct outcome *walk_outcome(const struct diagnosis_walk *w, int64_t id)
{
	static const struct outcome unknown = {.closer = SIDE_NONE,
					       .rst_by = SIDE_NONE,
					       .time_wait_holder = SIDE_NONE,
					       .teardown = TEARDOWNS};

	return id >= 0 && (size_t)id < w->outcome_count ? &w->outcome[id] : &unknown;
}

/* Entry into TIME_WAIT: what the view works out, where it is not stored. */
static int64_t entry_of(struct stroll *s, const struct facts *f)
{
	const struct outcome *o = f->outcome;

	if (o->time_wait_holder == SIDE_NONE)
		return NONE_NS;
	if (!o->regular)
		return side_ns(s, SIDE_DWELLS, f->id, 1);
	return f->time_wait_entry_ns;
}

static bool responder_answered(struct stroll *s, int64_t id)
{
	bool answered;

	sqlite3_bind_int64(s->bytes, 1, id);
	answered = walk_row(s->walk, s->bytes) && sqlite3_column_int64(s->bytes, 0) > 0;
	sqlite3_reset(s->bytes);
	return answered;
}

static int64_t reuse_delay(struct stroll *s, const struct facts *f)
{
	int64_t delay = side_ns(s, SIDE_REUSES, f->id, 1);

	if (delay != NONE_NS || !f->outcome->reused)
		return delay;
	sqlite3_bind_int64(s->delay, 1, f->id);
	if (walk_row(s->walk, s->delay) && sqlite3_column_type(s->delay, 0) != SQLITE_NULL)
		delay = sqlite3_column_int64(s->delay, 0);
	sqlite3_reset(s->delay);
	return delay;
}

void read_moments(struct facts *f, sqlite3_stmt *row)
{
	f->id = sqlite3_column_int64(row, 0);
	f->first_ns = sqlite3_column_int64(row, 1);
	f->last_ns = f->first_ns + sqlite3_column_int64(row, 2);
	f->time_wait_entry_ns = f->last_ns -
				sqlite3_column_int64(row,
						     f->outcome->closer == SIDE_RESPONDER ? 3 : 4);
}

static void read_connection(struct stroll *s, struct facts *f, sqlite3_stmt *row)
{
	f->initiator_id = sqlite3_column_int64(row, 5);
	f->responder_id = sqlite3_column_int64(row, 6);
	f->responder_port = (uint16_t)sqlite3_column_int64(row, 7);
	f->outcome = walk_outcome(s->walk, sqlite3_column_int64(row, 8));
	f->application_id = sqlite3_column_int64(row, 9);
	read_moments(f, row);
}

/* What only some connections have. */
static void read_particulars(struct stroll *s, struct facts *f)
{
	f->rst_silence_ns = side_ns(s, SIDE_RESETS, f->id, 1);
	f->rst_idle_ns = side_ns(s, SIDE_RESETS, f->id, 2);
	f->fin_silence_ns = side_ns(s, SIDE_SILENCES, f->id, 1);
	f->answered = f->fin_silence_ns != NONE_NS && responder_answered(s, f->id);
	f->reuse_delay_ns = reuse_delay(s, f);
	f->scanner = is_handshake(f->outcome) && is_scanner(s->walk, f->initiator_id);
	read_findings(s, f);
}

bool stroll_is_plain(struct stroll *s, int64_t id, const struct outcome *outcome)
{
	bool plain = outcome->regular && outcome->rules == 0 && !outcome->reused;

	for (int i = 0; plain && i < SIDE_TABLES; i++)
		plain = !s->ahead[i].statement || !table_at(s, &s->ahead[i], id);
	return plain;
}

/* Nothing was before a stray reset: it has no silence, not a short one. */
static bool has_silence(const struct facts *f)
{
	return f->rst_silence_ns != NONE_NS && f->outcome->rst_by != SIDE_NONE &&
	       f->outcome->teardown != TEARDOWN_STRAY;
}

/* Silences before resets, over all of them. */
static void note_silence(struct silence_histogram *histogram, int64_t silence_ns)
{
	size_t bin = 0;

	while (bin + 1 < SILENCE_BINS && silence_bin_ns(bin + 1) <= silence_ns)
		bin++;
	histogram->count[bin]++;
	histogram->total++;
}

static bool count_parties(struct diagnosis_walk *w, const struct facts *f)
{
	bool good = party_counts_add(&w->counts, f->initiator_id, 0);

	if (good && f->responder_port != 0) /* 0 stands for clients */
		good = party_counts_add(&w->counts, f->responder_id, f->responder_port);
	return good || walk_no_memory(w);
}

bool walk_count(struct diagnosis_walk *w, const struct facts *f)
{
	w->out->connections++;
	if (f->outcome->teardown < TEARDOWNS)
		series_count(&w->out->teardown[f->outcome->teardown], f->first_ns);
	return count_parties(w, f);
}

/* The rest of what there is to a connection that has been counted. */
static void take_connection(struct stroll *s, struct facts *f, bool plain)
{
	enum abort_stage stage;
	enum abort_by by;

	f->both_captured = f->outcome->both_seen;
	f->watched_until_ns = s->recording->watched_until_ns;
	f->reuse_delay_ns = NONE_NS;
	if (!plain)
		read_particulars(s, f);
	f->time_wait_entry_ns = entry_of(s, f);
	note_time_wait(s, f);
	if (plain)
		return;
	if (abort_of(f, &stage, &by))
		s->walk->out->abort[stage][by]++;
	apply_rules(s, f);
	note_reuse(s, f);
	keep_idle_close(s, f);
	if (has_silence(f))
		note_silence(&s->walk->out->rst_silence, f->rst_silence_ns);
}

static bool take_told(void *context, sqlite3_stmt *row)
{
	struct stroll *s = context;

	told_facts(s->walk, &s->told, place_of(sqlite3_column_int64(row, 0)), &s->facts);
	read_moments(&s->facts, row);
	take_connection(s, &s->facts, false);
	return s->good;
}

static bool take_row(void *context, sqlite3_stmt *row)
{
	struct stroll *s = context;
	struct facts *f = &s->facts;

	read_connection(s, f, row);
	s->good = walk_count(s->walk, f);
	if (s->good)
		take_connection(s, f, stroll_is_plain(s, f->id, f->outcome));
	return s->good;
}

bool stroll_places(struct stroll *s, int64_t block_id, const struct place_set *places)
{
	s->walk->chosen = (struct chosen){block_id, *places};
	return walk_take(s->walk, s->moments, take_told, s);
}

bool stroll_rows(struct stroll *s, int64_t first, int64_t last)
{
	sqlite3_bind_int64(s->rows, 1, first);
	sqlite3_bind_int64(s->rows, 2, last);
	return walk_take(s->walk, s->rows, take_row, s);
}

/* Without SQL there is none. */
static bool prepare_side(struct stroll *s, struct side_table *table, const char *sql)
{
	table->statement = sql ? walk_prepare(s->walk, sql) : NULL;
	return !sql || table->statement;
}

static void begin_side(struct stroll *s, struct side_table *table)
{
	if (!table->statement)
		return;
	sqlite3_reset(table->statement);
	sqlite3_bind_int64(table->statement, 1, s->recording->range[0]);
	sqlite3_bind_int64(table->statement, 2, s->recording->range[1]);
	side_step(s, table);
}

bool stroll_open(struct stroll *s, struct diagnosis_walk *w)
{
	*s = (struct stroll){.walk = w, .columns = {.db = w->db}, .good = true};
	s->rules = diagnosis_rules();
	s->bytes = walk_prepare(w, "SELECT bytes_responder FROM connections WHERE id = ?1");
	s->delay = walk_prepare(w, "SELECT time_wait_observed_ns FROM connections WHERE id = ?1");
	s->rows = walk_prepare(w, rows_sql);
	s->moments = walk_prepare(w, moments_sql);
	s->suspects = suspects_new(w);
	s->good = s->bytes && s->delay && s->rows && s->moments && s->suspects;
	for (int i = 0; s->good && i < SIDE_TABLES; i++)
		s->good = prepare_side(s, &s->side[i], side_sql[i]) &&
			  prepare_side(s, &s->ahead[i], ahead_sql[i]);
	return s->good;
}

void stroll_begin(struct stroll *s)
{
	for (int i = 0; s->good && i < SIDE_TABLES; i++) {
		begin_side(s, &s->side[i]);
		begin_side(s, &s->ahead[i]);
	}
}

void stroll_close(struct stroll *s)
{
	for (int i = 0; i < SIDE_TABLES; i++) {
		sqlite3_finalize(s->side[i].statement);
		sqlite3_finalize(s->ahead[i].statement);
	}
	sqlite3_finalize(s->bytes);
	sqlite3_finalize(s->delay);
	sqlite3_finalize(s->rows);
	sqlite3_finalize(s->moments);
	told_columns_close(&s->columns);
	suspects_free(s->suspects);
}
