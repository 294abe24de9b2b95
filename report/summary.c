#include "report/summary.h"

#include <stdlib.h>
#include <string.h>

#include "db/row_step.h"
#include "db/schema.h"
#include "report/stored.h"

/* One pass over the recordings asked for, each a range of connection ids. */
struct reader {
	sqlite3 *db;
	struct summary *summary;
	struct error *err;
	int64_t range[2]; /* connections of the recording being read */
	bool empty;       /* it has none */
	int64_t *ids;     /* of all recordings, where all are asked for */
	size_t id_count;
	struct summary_finding *finding; /* whose example is being read */
};

/* Reads the row a statement stands on. */
typedef bool (*row_reader)(struct reader *reader, sqlite3_stmt *row);

static bool failed(struct reader *reader)
{
	return error_unnamed(reader->err, "reading the report: %s", sqlite3_errmsg(reader->db));
}

static bool no_memory(struct reader *reader)
{
	return error_set(reader->err, "reading the report: out of memory");
}

/* Runs sql with integers bound to ?1, ?2, ... and read for each row. */
static bool for_each(struct reader *reader, const char *sql, const int64_t *values, int count,
		     row_reader read)
{
	sqlite3_stmt *statement;
	int step = SQLITE_ROW;
	bool good = true;

	if (sqlite3_prepare_v2(reader->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return failed(reader);
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	while (good && (step = row_step(statement)) == SQLITE_ROW)
		good = read(reader, statement);
	if (good && step != SQLITE_DONE)
		good = failed(reader);
	sqlite3_finalize(statement);
	return good;
}

static uint64_t column_count(sqlite3_stmt *row, int column)
{
	return (uint64_t)sqlite3_column_int64(row, column);
}

/* A copy, or NULL for NULL; no memory is told by *good. */
static char *column_copy(sqlite3_stmt *row, int column, bool *good)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*good = false;
	return copy;
}

/* items[count] of a growing array, zeroed; NULL without memory. Grows at powers of two. */
static void *grow(void **items, size_t count, size_t size)
{
	if ((count & (count - 1)) == 0) {
		void *bigger = realloc(*items, (count == 0 ? 1 : 2 * count) * size);

		if (!bigger)
			return NULL;
		*items = bigger;
	}
	return memset((char *)*items + count * size, 0, size);
}

static bool read_capture(struct reader *reader, sqlite3_stmt *row)
{
	struct summary *summary = reader->summary;
	void *items = summary->captures;
	struct summary_capture *capture = grow(&items, summary->capture_count, sizeof(*capture));
	bool good = true;

	summary->captures = items;
	if (!capture)
		return no_memory(reader);
	summary->capture_count++;
	*capture = (struct summary_capture){
		.recording_id = sqlite3_column_int64(row, 0),
		.path = column_copy(row, 1, &good),
		.format = column_copy(row, 2, &good),
		.problem = column_copy(row, 3, &good),
		.linktypes = column_copy(row, 4, &good),
		.opened = sqlite3_column_int(row, 5) != 0,
		.packets = column_count(row, 6),
		.packets_filtered_out = column_count(row, 7),
		.bytes = column_count(row, 8),
		.wire_bytes = column_count(row, 9),
		.backwards = column_count(row, 10),
		.timed = sqlite3_column_type(row, 11) != SQLITE_NULL,
		.first_ns = sqlite3_column_int64(row, 11),
		.last_ns = sqlite3_column_int64(row, 12),
	};
	return good || no_memory(reader);
}

static bool read_reason(struct reader *reader, sqlite3_stmt *row)
{
	const char *key = (const char *)sqlite3_column_text(row, 0);

	for (int i = 0; key && i < DECODE_REASONS; i++) {
		if (strcmp(decode_reason_key((enum decode_reason)i), key) == 0)
			reader->summary->counts.reason[i] += column_count(row, 1);
	}
	return true;
}

/* A column that names a value. */
static void tally_column(struct tally *tally, sqlite3_stmt *row, int column, uint64_t count)
{
	tally_add(tally, (const char *)sqlite3_column_text(row, column), count);
}

static bool read_outcome(struct reader *reader, sqlite3_stmt *row)
{
	struct summary *summary = reader->summary;
	uint64_t count = column_count(row, 0);

	summary->connections += count;
	summary->complete += sqlite3_column_int(row, 1) ? count : 0;
	summary->clean += sqlite3_column_int(row, 2) ? count : 0;
	summary->midstream += sqlite3_column_int(row, 3) ? count : 0;
	summary->rst_injected += sqlite3_column_int(row, 4) ? count : 0;
	summary->rst_accepted += sqlite3_column_type(row, 15) != SQLITE_NULL ? count : 0;
	tally_column(&summary->teardown, row, 5, count);
	tally_column(&summary->closer, row, 6, count);
	tally_column(&summary->end_reason, row, 7, count);
	tally_column(&summary->fin_check, row, 8, count);
	tally_column(&summary->fin_check, row, 9, count);
	tally_column(&summary->time_wait_holder, row, 10, count);
	tally_column(&summary->time_wait_check, row, 11, count);
	tally_column(&summary->reuse_rule, row, 12, count);
	tally_column(&summary->reuse_answer, row, 13, count);
	tally_column(&summary->rst_cause, row, 14, count);
	tally_column(&summary->rst_by, row, 15, count);
	return true;
}

static bool read_traffic(struct reader *reader, sqlite3_stmt *row)
{
	struct summary_traffic *traffic = &reader->summary->traffic;

	traffic->bytes += column_count(row, 0);
	traffic->retransmitted += column_count(row, 1);
	traffic->missing += column_count(row, 2);
	traffic->rst_in_window += column_count(row, 3);
	traffic->rst_out_of_window += column_count(row, 4);
	traffic->time_wait_restarts += column_count(row, 5);
	return true;
}

/* The finding of that code and severity, new where there is none yet; NULL without memory. */
static struct summary_finding *finding_of(struct summary *summary, int64_t code,
					  enum severity severity)
{
	struct summary_finding *finding;
	void *items = summary->findings;

	for (size_t i = 0; i < summary->finding_count; i++) {
		finding = &summary->findings[i];
		if (finding->code_id == code && finding->severity == severity)
			return finding;
	}
	finding = grow(&items, summary->finding_count, sizeof(*finding));
	summary->findings = items;
	if (!finding)
		return NULL;
	summary->finding_count++;
	finding->code_id = code;
	finding->severity = severity;
	return finding;
}

/* The connection of the recording that has most of reader->finding, the first of several. */
static bool read_most(struct reader *reader, sqlite3_stmt *row)
{
	struct summary_example *example = &reader->finding->example;
	uint64_t most = column_count(row, 0);

	if (most > example->occurrences) {
		example->occurrences = most;
		example->connection_id = sqlite3_column_int64(row, 1);
	}
	return true;
}

/* Risks are not in the index of codes, but mostly not far to seek. */
#define OF_CODE                                                   \
	" FROM finding_rows WHERE code_id = ?1 AND severity = ?2" \
	" AND connection_id BETWEEN ?3 AND ?4"
#define OF_INDEXED OF_CODE " AND " SCHEMA_FINDINGS_INDEXED

/* Mostly no connection has more than one, so that the first one will do. */
static bool find_most(struct reader *reader, bool single)
{
#define FIRST(of) "SELECT count, connection_id" of " ORDER BY connection_id LIMIT 1"
#define MOST(of)                                                                              \
	"SELECT sum(count) AS n, connection_id" of " GROUP BY connection_id ORDER BY n DESC," \
	" connection_id LIMIT 1"
	static const char *const sql[2][2] = {{MOST(OF_CODE), FIRST(OF_CODE)},
					      {MOST(OF_INDEXED), FIRST(OF_INDEXED)}};
	bool indexed = reader->finding->code_id != FINDING_DPI_RISK;
	int64_t values[] = {reader->finding->code_id, reader->finding->severity, reader->range[0],
			    reader->range[1]};

	return for_each(reader, sql[indexed][single], values, 4, read_most);
}

static bool read_finding(struct reader *reader, sqlite3_stmt *row)
{
	struct summary_finding *finding = finding_of(reader->summary, sqlite3_column_int64(row, 0),
						     stored_severity(row, 1));

	if (!finding)
		return no_memory(reader);
	finding->connections += column_count(row, 2);
	finding->occurrences += column_count(row, 3);
	reader->finding = finding;
	return find_most(reader, column_count(row, 2) == column_count(row, 3));
}

static bool read_example(struct reader *reader, sqlite3_stmt *row)
{
	struct summary_finding *finding = reader->finding;
	struct summary_example *example = &finding->example;
	bool good = true;

	finding->code = column_copy(row, 0, &good);
	finding->title = column_copy(row, 1, &good);
	finding->advice = column_copy(row, 2, &good);
	finding->basis = column_copy(row, 3, &good);
	example->ts_ns = sqlite3_column_int64(row, 4);
	example->packet = column_count(row, 5);
	example->side = stored_side(row, 6);
	example->detail = column_copy(row, 7, &good);
	example->capture = column_copy(row, 8, &good);
	example->initiator_ip = column_copy(row, 9, &good);
	example->initiator_port = (uint16_t)sqlite3_column_int(row, 10);
	example->responder_ip = column_copy(row, 11, &good);
	example->responder_port = (uint16_t)sqlite3_column_int(row, 12);
	return good || no_memory(reader);
}

static const char example_sql[] =
	"SELECT k.code, k.title, k.advice, k.basis, f.ts_ns, f.packet, f.side,"
	" coalesce((SELECT text FROM finding_details WHERE id = f.detail_id), f.detail),"
	" p.path,"
	" hi.address, c.ports & 65535, hr.address, c.ports >> 16"
	" FROM finding_rows AS f"
	" JOIN finding_codes AS k ON k.id = f.code_id"
	" JOIN connections AS c ON c.id = f.connection_id"
	" JOIN captures AS p ON p.id = f.capture_id"
	" JOIN hosts AS hi ON hi.id = c.initiator_id"
	" JOIN hosts AS hr ON hr.id = c.responder_id"
	" WHERE f.connection_id = ?1 AND f.code_id = ?2 AND f.severity = ?3"
	" ORDER BY f.position LIMIT 1";

static int worse_first(const void *left, const void *right)
{
	const struct summary_finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->connections != b->connections)
		return a->connections > b->connections ? -1 : 1;
	return (a->code_id > b->code_id) - (a->code_id < b->code_id);
}

static bool read_examples(struct reader *reader)
{
	struct summary *summary = reader->summary;

	for (size_t i = 0; i < summary->finding_count; i++) {
		struct summary_finding *finding = &summary->findings[i];
		int64_t values[] = {finding->example.connection_id, finding->code_id,
				    finding->severity};

		reader->finding = finding;
		if (!for_each(reader, example_sql, values, 3, read_example))
			return false;
		if (!finding->code || !finding->title || !finding->advice || !finding->basis ||
		    !finding->example.detail)
			return error_set(reader->err,
					 "reading the report: the database lacks the details of "
					 "connection %lld's findings",
					 (long long)finding->example.connection_id);
	}
	if (summary->finding_count > 0)
		qsort(summary->findings, summary->finding_count, sizeof(*summary->findings),
		      worse_first);
	return true;
}

/* What is asked of each recording's summaries; ?1 is its id. */
static const struct {
	const char *sql;
	row_reader read;
} summary_reads[] = {
	{"SELECT n, complete, clean, midstream, rst_injected, teardown, closer, end_reason,"
	 " fin_check_initiator, fin_check_responder, time_wait_holder, time_wait_check,"
	 " reuse_rule, reuse_answer, rst_cause, rst_by"
	 " FROM (SELECT outcome_id, sum(connections) AS n FROM summaries WHERE recording_id = ?1"
	 " GROUP BY outcome_id) AS c JOIN outcomes AS o ON o.id = c.outcome_id",
	 read_outcome},
	{"SELECT sum(bytes), sum(retransmitted), sum(missing), sum(rst_in_window),"
	 " sum(rst_out_of_window), sum(time_wait_restarts) FROM summaries WHERE recording_id = ?1",
	 read_traffic},
	{"SELECT code_id, severity, sum(connections), sum(occurrences) FROM finding_summaries"
	 " WHERE recording_id = ?1 GROUP BY code_id, severity",
	 read_finding},
};

static void note_setting(int64_t *setting, int64_t value, bool first)
{
	*setting = first || *setting == value ? value : NONE_NS;
}

static bool read_counts(struct reader *reader, sqlite3_stmt *row)
{
	struct summary *summary = reader->summary;
	uint64_t *const counts[] = {
		&summary->counts.segments,          &summary->counts.duplicates,
		&summary->counts.evicted,           &summary->counts.evicted_unanswered,
		&summary->counts.evicted_ended,     &summary->counts.evicted_alive,
		&summary->counts.fragments,         &summary->counts.datagrams_reassembled,
		&summary->counts.fragments_expired, &summary->counts.tunnelled,
		&summary->counts.bad_options,
	};
	bool first = summary->recordings++ == 0;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		*counts[i] += column_count(row, (int)i);
	note_setting(&summary->msl_ns, sqlite3_column_int64(row, 11), first);
	note_setting(&summary->stuck_ns, sqlite3_column_int64(row, 12), first);
	note_setting(&summary->idle_timeout_ns, sqlite3_column_int64(row, 13), first);
	reader->range[0] = sqlite3_column_int64(row, 14);
	reader->range[1] = sqlite3_column_int64(row, 15);
	reader->empty = sqlite3_column_type(row, 14) == SQLITE_NULL;
	return true;
}

static bool read_recording(struct reader *reader, int64_t id)
{
	uint64_t before = reader->summary->recordings;

	if (!for_each(reader,
		      "SELECT segments, duplicates, evicted, evicted_unanswered, evicted_ended,"
		      " evicted_alive, fragments, datagrams_reassembled, fragments_expired,"
		      " tunnelled, bad_options, msl_ns, stuck_ns, idle_timeout_ns,"
		      " first_connection, last_connection FROM recordings WHERE id = ?1",
		      &id, 1, read_counts))
		return false;
	if (reader->summary->recordings == before) /* replaced since */
		return true;
	if (!for_each(reader,
		      "SELECT p.recording_id, p.path, p.format, p.problem,"
		      " (SELECT group_concat(name, char(10)) FROM capture_linktypes"
		      "  WHERE capture_id = p.id),"
		      " p.opened, p.packets, p.packets_filtered_out, p.bytes, p.wire_bytes,"
		      " p.backwards, p.first_ns, p.last_ns"
		      " FROM captures AS p WHERE p.recording_id = ?1 ORDER BY p.position",
		      &id, 1, read_capture) ||
	    !for_each(reader, "SELECT reason, packets FROM decode_counts WHERE recording_id = ?1",
		      &id, 1, read_reason))
		return false;
	for (size_t i = 0; !reader->empty && i < sizeof(summary_reads) / sizeof(summary_reads[0]);
	     i++) {
		if (!for_each(reader, summary_reads[i].sql, &id, 1, summary_reads[i].read))
			return false;
	}
	return true;
}

static bool read_id(struct reader *reader, sqlite3_stmt *row)
{
	void *items = reader->ids;
	int64_t *id = grow(&items, reader->id_count, sizeof(*id));

	reader->ids = items;
	if (!id)
		return no_memory(reader);
	reader->id_count++;
	*id = sqlite3_column_int64(row, 0);
	return true;
}

static bool read_all(struct reader *reader, const int64_t *recordings, size_t count)
{
	if (count == 0) {
		if (!for_each(reader, "SELECT id FROM recordings ORDER BY id", NULL, 0, read_id))
			return false;
		recordings = reader->ids;
		count = reader->id_count;
	}
	for (size_t i = 0; i < count; i++) {
		if (!read_recording(reader, recordings[i]))
			return false;
	}
	return read_examples(reader);
}

/* One row a value, in the enumeration's order; NULL names (absent values) are left out. */
#define TALLY_NAMES(tally, from, to, function)                    \
	for (int value = (int)(from); value < (int)(to); value++) \
	tally_name(tally, function(value))

static void name_tallies(struct summary *s)
{
	static const enum side ends[] = {SIDE_INITIATOR, SIDE_RESPONDER, SIDE_BOTH, SIDE_NONE};

	TALLY_NAMES(&s->teardown, 0, TEARDOWNS, teardown_name);
	TALLY_NAMES(&s->end_reason, 0, END_REASONS, end_reason_name);
	TALLY_NAMES(&s->fin_check, FIN_OK, FIN_CHECKS, fin_check_name);
	TALLY_NAMES(&s->time_wait_check, 0, TIME_WAIT_CHECKS, time_wait_check_name);
	TALLY_NAMES(&s->reuse_rule, 0, REUSE_RULES, reuse_rule_name);
	TALLY_NAMES(&s->reuse_answer, 0, REUSE_ANSWERS, reuse_answer_name);
	TALLY_NAMES(&s->rst_cause, 0, RST_CAUSES, rst_cause_name);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		tally_name(&s->closer, side_name(ends[i]));
		tally_name(&s->time_wait_holder, side_name(ends[i]));
		if (ends[i] < SIDES)
			tally_name(&s->rst_by, side_name(ends[i]));
	}
}

struct summary *summary_read(sqlite3 *db, const int64_t *recordings, size_t count,
			     struct error *err)
{
	struct reader reader = {.db = db, .err = err, .summary = calloc(1, sizeof(struct summary))};
	bool good;

	if (!reader.summary) {
		no_memory(&reader);
		return NULL;
	}
	reader.summary->msl_ns = NONE_NS;
	reader.summary->stuck_ns = NONE_NS;
	reader.summary->idle_timeout_ns = NONE_NS;
	name_tallies(reader.summary);
	/* one transaction, so that all numbers are of the same moment */
	good = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK || failed(&reader);
	if (good) {
		good = read_all(&reader, recordings, count);
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	}
	free(reader.ids);
	if (!good) {
		summary_free(reader.summary);
		return NULL;
	}
	return reader.summary;
}

void summary_free(struct summary *summary)
{
	if (!summary)
		return;
	for (size_t i = 0; i < summary->capture_count; i++) {
		struct summary_capture *capture = &summary->captures[i];

		free(capture->path);
		free(capture->format);
		free(capture->problem);
		free(capture->linktypes);
	}
	for (size_t i = 0; i < summary->finding_count; i++) {
		struct summary_finding *finding = &summary->findings[i];

		free(finding->code);
		free(finding->title);
		free(finding->advice);
		free(finding->basis);
		free(finding->example.initiator_ip);
		free(finding->example.responder_ip);
		free(finding->example.capture);
		free(finding->example.detail);
	}
	free(summary->captures);
	free(summary->findings);
	free(summary);
}
