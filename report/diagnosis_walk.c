/* One walk over the connections of the recordings, in order of their ids. The side tables have the same
 * order, so that each is a cursor that moves along: no lookups, no sorting. */
#include <stdlib.h>
#include <string.h>

#include "report/diagnosis_private.h"
#include "db/row_step.h"
#include "report/stored.h"

enum { SAMPLES_MAX = 1 << 18, REUSERS_MAX = 4096 };

bool walk_failed(struct diagnosis_walk *w)
{
	return error_set(w->err, "reading the report: %s", sqlite3_errmsg(w->db));
}

bool walk_no_memory(struct diagnosis_walk *w)
{
	return error_set(w->err, "reading the report: out of memory");
}

bool walk_row(struct diagnosis_walk *w, sqlite3_stmt *s)
{
	int step = row_step(s);

	if (step != SQLITE_ROW && step != SQLITE_DONE && !w->broken) {
		w->broken = true;
		walk_failed(w);
	}
	return step == SQLITE_ROW;
}

char *walk_text(struct diagnosis_walk *w, sqlite3_stmt *s, int column)
{
	bool absent = sqlite3_column_type(s, column) == SQLITE_NULL; /* in a damaged database */
	const char *text = absent ? "?" : (const char *)sqlite3_column_text(s, column);
	char *copy = text ? strdup(text) : NULL;

	if (!copy && !w->broken) {
		w->broken = true;
		walk_no_memory(w);
	}
	return copy;
}

sqlite3_stmt *walk_prepare(struct diagnosis_walk *w, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(w->db, sql, -1, &s, NULL) != SQLITE_OK) {
		walk_failed(w);
		return NULL;
	}
	return s;
}

bool walk_grow(struct diagnosis_walk *w, void **items, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room == 0 ? 256 : 2 * *room;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*items, wanted * size);
	if (!grown)
		return walk_no_memory(w);
	*items = grown;
	*room = wanted;
	return true;
}

/* A side table: the row it stands on, until its id is passed. */
struct side_table {
	sqlite3_stmt *statement;
	int64_t id; /* INT64_MAX: at its end */
};

enum side_tables {
	SIDE_RESETS,
	SIDE_SILENCES,
	SIDE_REUSES,
	SIDE_DWELLS,
	SIDE_FINDINGS,
	SIDE_TABLES
};

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

static const char connection_sql[] =
	"SELECT id, first_ns, duration_ns, initiator_id, responder_id, ports, outcome_id,"
	" application_id, fin_back_ns_initiator, fin_back_ns_responder"
	" FROM connections WHERE id BETWEEN ?1 AND ?2 ORDER BY id";

/* The walk over one recording. */
struct stroll {
	struct diagnosis_walk *walk;
	struct side_table side[SIDE_TABLES];
	const struct rule *rules;
	size_t rule_count;
	const struct walk_recording *recording;
	sqlite3_stmt *bytes; /* what the responder sent: asked where it matters */
	sqlite3_stmt *delay; /* of a reuse without a row of its own: the same */
	bool good;
};

static void side_step(struct stroll *s, struct side_table *table)
{
	int step = sqlite3_step(table->statement);

	table->id = step == SQLITE_ROW ? sqlite3_column_int64(table->statement, 0) : INT64_MAX;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		s->good = walk_failed(s->walk);
}

/* True where the table has a row of this connection: the cursor stands on its first one. */
static bool side_at(struct stroll *s, enum side_tables which, int64_t id)
{
	struct side_table *table = &s->side[which];

	while (table->id < id)
		side_step(s, table);
	return table->id == id;
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

static bool is_handshake(const struct outcome *o)
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

static bool rule_fits(const struct facts *f, const struct rule *rule, size_t index)
{
	if ((!rule->findings || rule->injected) && !(f->outcome->rules >> index & 1))
		return false;
	if (rule->findings && !rule->injected && !finding_of_rule(f, rule))
		return false;
	return !rule->also || rule->also(f);
}

static void apply_rules(struct stroll *s, const struct facts *f)
{
	bool told = false; /* by an exclusive rule */

	if (f->outcome->rules == 0 && f->finding_count == 0)
		return;
	for (size_t i = 0; i < s->rule_count && s->good; i++) {
		const struct rule *rule = &s->rules[i];

		if ((rule->exclusive && told) || !rule_fits(f, rule, i))
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

enum { HOSTS_MAX = 1 << 26 };

static bool add_entry(struct stroll *s, const struct facts *f, enum side holder)
{
	struct diagnosis_walk *w = s->walk;
	bool initiated = holder == SIDE_INITIATOR, good;
	int64_t host = initiated ? f->initiator_id : f->responder_id;
	int64_t lasts = 2 * s->recording->msl_ns, end;
	void *items = w->entry;

	if (host <= 0 || host >= HOSTS_MAX)
		return true; /* no id of ours: it would take memory by its value */
	good = walk_grow(w, &items, w->entry_count, &w->entry_room, sizeof(*w->entry));
	if (f->reuse_delay_ns >= 0 && f->reuse_delay_ns < lasts)
		lasts = f->reuse_delay_ns;
	if (__builtin_add_overflow(f->time_wait_entry_ns, lasts, &end))
		lasts = INT64_MAX - f->time_wait_entry_ns;
	w->entry = items;
	if (good)
		w->entry[w->entry_count++] = (struct time_wait_entry){
			.entry_ns = f->time_wait_entry_ns,
			.lasts_ns = lasts,
			.host = (uint32_t)host,
			.peer = (uint32_t)(initiated ? f->responder_id : f->initiator_id),
			.port = f->responder_port,
			.initiated = initiated,
		};
	return good;
}

static void note_time_wait(struct stroll *s, const struct facts *f)
{
	enum side holder = (enum side)f->outcome->time_wait_holder;

	if (f->time_wait_entry_ns == NONE_NS)
		return;
	if (holder == SIDE_INITIATOR || holder == SIDE_BOTH)
		s->good &= add_entry(s, f, SIDE_INITIATOR);
	if (s->good && (holder == SIDE_RESPONDER || holder == SIDE_BOTH))
		s->good = add_entry(s, f, SIDE_RESPONDER);
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

static const struct outcome *outcome_of(const struct diagnosis_walk *w, int64_t id)
{
	static const struct outcome unknown = {.closer = SIDE_NONE,
					       .rst_by = SIDE_NONE,
					       .time_wait_holder = SIDE_NONE,
					       .teardown = TEARDOWNS};

	return id >= 0 && (size_t)id < w->outcome_count ? &w->outcome[id] : &unknown;
}

/* Entry into TIME_WAIT: what the view works out, where it is not stored. */
static int64_t entry_of(struct stroll *s, const struct facts *f, sqlite3_stmt *row)
{
	const struct outcome *o = f->outcome;

	if (o->time_wait_holder == SIDE_NONE)
		return NONE_NS;
	if (!o->regular)
		return side_ns(s, SIDE_DWELLS, f->id, 1);
	return f->last_ns - sqlite3_column_int64(row, o->closer == SIDE_RESPONDER ? 8 : 9);
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

static void read_connection(struct stroll *s, struct facts *f, sqlite3_stmt *row)
{
	f->id = sqlite3_column_int64(row, 0);
	f->first_ns = sqlite3_column_int64(row, 1);
	f->last_ns = f->first_ns + sqlite3_column_int64(row, 2);
	f->initiator_id = sqlite3_column_int64(row, 3);
	f->responder_id = sqlite3_column_int64(row, 4);
	f->responder_port = (uint16_t)(sqlite3_column_int64(row, 5) >> 16);
	f->outcome = outcome_of(s->walk, sqlite3_column_int64(row, 6));
	f->both_captured = f->outcome->both_seen;
	f->watched_until_ns = s->recording->watched_until_ns;
	f->reuse_delay_ns = NONE_NS;
}

/* What only some connections have. */
static void read_particulars(struct stroll *s, struct facts *f, sqlite3_stmt *row)
{
	f->application_id = sqlite3_column_int64(row, 7);
	f->rst_silence_ns = side_ns(s, SIDE_RESETS, f->id, 1);
	f->rst_idle_ns = side_ns(s, SIDE_RESETS, f->id, 2);
	f->fin_silence_ns = side_ns(s, SIDE_SILENCES, f->id, 1);
	f->answered = f->fin_silence_ns != NONE_NS && responder_answered(s, f->id);
	f->reuse_delay_ns = reuse_delay(s, f);
	f->scanner = is_handshake(f->outcome) && is_scanner(s->walk, f->initiator_id);
	read_findings(s, f);
}

/* An orderly close that no rule asks about and no side table has a row of: by far the most of them. */
static bool is_plain(const struct stroll *s, const struct facts *f)
{
	bool plain = f->outcome->regular && f->outcome->rules == 0 && !f->outcome->reused;

	for (int i = 0; plain && i < SIDE_TABLES; i++)
		plain = f->id < s->side[i].id;
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

static void take_connection(struct stroll *s, struct facts *f, sqlite3_stmt *row)
{
	enum abort_stage stage;
	enum abort_by by;
	bool plain;

	read_connection(s, f, row);
	s->good = count_parties(s->walk, f);
	if (!s->good)
		return;
	plain = is_plain(s, f);
	if (!plain)
		read_particulars(s, f, row);
	f->time_wait_entry_ns = entry_of(s, f, row);

	s->walk->out->connections++;
	if (f->outcome->teardown < TEARDOWNS)
		series_count(&s->walk->out->teardown[f->outcome->teardown], f->first_ns);
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

static bool stroll_open(struct stroll *s)
{
	const int64_t *range = s->recording->range;

	s->bytes = walk_prepare(s->walk, "SELECT bytes_responder FROM connections WHERE id = ?1");
	s->delay = walk_prepare(s->walk,
				"SELECT time_wait_observed_ns FROM connections WHERE id = ?1");
	if (!s->bytes || !s->delay)
		return false;
	for (int i = 0; i < SIDE_TABLES; i++) {
		s->side[i].statement = walk_prepare(s->walk, side_sql[i]);
		if (!s->side[i].statement)
			return false;
		sqlite3_bind_int64(s->side[i].statement, 1, range[0]);
		sqlite3_bind_int64(s->side[i].statement, 2, range[1]);
		side_step(s, &s->side[i]);
	}
	return s->good;
}

bool walk_range(struct diagnosis_walk *w, const struct walk_recording *recording)
{
	struct stroll s = {.walk = w, .recording = recording, .good = true};
	struct facts facts = {0};
	sqlite3_stmt *row = walk_prepare(w, connection_sql);
	int step = SQLITE_ROW;

	s.rules = diagnosis_rules(&s.rule_count);
	s.good = row && stroll_open(&s);
	if (row) {
		sqlite3_bind_int64(row, 1, recording->range[0]);
		sqlite3_bind_int64(row, 2, recording->range[1]);
	}
	while (s.good && (step = sqlite3_step(row)) == SQLITE_ROW)
		take_connection(&s, &facts, row);
	if (s.good && step != SQLITE_DONE)
		s.good = walk_failed(w);
	for (int i = 0; i < SIDE_TABLES; i++)
		sqlite3_finalize(s.side[i].statement);
	sqlite3_finalize(s.bytes);
	sqlite3_finalize(s.delay);
	sqlite3_finalize(row);
	return s.good;
}
