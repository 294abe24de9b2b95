/* Runs ladders through the decoder and the engine, and holds the verdicts against what they expect. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/engine.h"
#include "parsers/decode.h"
#include "tests/ladder.h"
#include "tests/ladder_columns.h"
#include "tests/ladder_streams.h"

enum { ROWS_MAX = 64, FILES_MAX = 4096, LINKTYPE_ETHERNET = 1 };
#define NS_PER_S INT64_C(1000000000)
#define TRUST_NS (60 * NS_PER_S) /* see struct packet, ts_confirmed */

struct row {
	struct verdict verdict; /* its pointers are the row's own */
	char history[CASE_TEXT_MAX];
	struct finding *findings;
	struct state_entry *timeline;
	char stream[SIDES][CASE_TEXT_MAX]; /* what a reader got */
};

struct outcome {
	const char *path;
	const struct ladder_case *ladder;
	struct row row[ROWS_MAX];
	size_t rows;
	struct stream_log *log; /* NULL where nobody reads */
	uint64_t skipped;       /* segments the decoder turned away */
	unsigned failures;
};

static void *copy_of(const void *from, size_t size)
{
	void *copy = malloc(size > 0 ? size : 1);

	if (copy && size > 0)
		memcpy(copy, from, size);
	return copy;
}

static bool collect(void *context, const struct verdict *verdict, struct error *err)
{
	struct outcome *out = context;
	struct row *row = &out->row[out->rows];

	if (out->rows == ROWS_MAX)
		return error_set(err, "more than %d connections", ROWS_MAX);
	row->verdict = *verdict;
	row->findings = copy_of(verdict->findings, verdict->finding_count * sizeof(*row->findings));
	row->timeline = copy_of(verdict->timeline,
				verdict->timeline_count * sizeof(*row->timeline));
	snprintf(row->history, sizeof(row->history), "%s", verdict->history);
	row->verdict.findings = row->findings;
	row->verdict.timeline = row->timeline;
	row->verdict.history = row->history;
	for (int side = 0; out->log && side < SIDES; side++)
		stream_log_text(out->log, out->ladder, verdict, (enum side)side, row->stream[side]);
	out->rows++;
	if (!row->findings || !row->timeline)
		return error_set(err, "out of memory");
	return true;
}

static int row_order(const void *left, const void *right)
{
	const struct row *x = left, *y = right;

	if (x->verdict.first_ns != y->verdict.first_ns)
		return x->verdict.first_ns < y->verdict.first_ns ? -1 : 1;
	return x->verdict.first_packet < y->verdict.first_packet ? -1 : 1;
}

/* --- running --- */

static bool run_step(struct outcome *out, size_t index, struct decoder *decoder,
		     struct engine *engine, uint8_t *frame, struct error *err)
{
	const struct ladder_case *ladder = out->ladder;
	const struct case_step *step = &ladder->steps[index];
	struct packet packet = {
		.data = frame,
		.number = index + 1,
		.ts_ns = CASE_EPOCH_NS + step->ts_ns,
		.interface = step->interface,
		.linktype = LINKTYPE_ETHERNET,
		.ts_confirmed = index + 1 < ladder->step_count &&
				ladder->steps[index + 1].ts_ns >= step->ts_ns - TRUST_NS,
	};
	struct decoded decoded;

	packet.wirelen = (uint32_t)case_frame(ladder, step, frame);
	packet.caplen = packet.wirelen;
	if (ladder->snaplen > 0 && packet.caplen > ladder->snaplen)
		packet.caplen = ladder->snaplen;
	decoder_packet(decoder, &packet, &decoded);
	if (!engine_time(engine, packet.ts_ns, packet.ts_confirmed, err))
		return false;
	if (decoded.reason == DECODED_SEGMENT)
		return engine_segment(engine, &decoded.segment, err);
	if (!step->clock)
		out->skipped++;
	return true;
}

static bool run(struct outcome *out, struct error *err)
{
	const struct ladder_case *ladder = out->ladder;
	struct decoder_config decoding = {.verify_checksums = true};
	struct engine_config config = engine_defaults();
	struct decoder *decoder = decoder_new(&decoding, err);
	struct engine *engine = NULL;
	uint8_t *frame = malloc(CASE_FRAME_MAX);
	bool good = false;

	config.msl_ns = ladder->msl_ns;
	config.idle_timeout_ns = ladder->idle_timeout_ns;
	config.stuck_ns = ladder->stuck_ns;
	config.max_flows = ladder->max_flows;
	config.keep_duplicates = ladder->keep_duplicates;
	config.ladders = LADDERS_ALL;
	config.stream_memory = ladder->stream_memory;
	config.overlap = ladder->overlap_last ? OVERLAP_LAST : OVERLAP_FIRST;
	if (decoder)
		engine = engine_new(&config,
				    (struct engine_sink){.verdict = collect, .context = out}, err);
	if (engine && ladder->streams) {
		const struct consumer reader = stream_log_consumer(&out->log);

		engine_consume(engine, &reader);
	}
	if (!frame)
		error_set(err, "out of memory");
	else if (engine)
		good = true;
	for (size_t i = 0; good && i < ladder->step_count; i++)
		good = run_step(out, i, decoder, engine, frame, err);
	if (good)
		good = engine_finish(engine, err);
	qsort(out->row, out->rows, sizeof(out->row[0]), row_order);
	engine_free(engine);
	decoder_free(decoder);
	free(frame);
	return good;
}

/* --- comparing --- */

static void miss(struct outcome *out, const struct case_expectation *e, const char *column,
		 const char *expected, const char *got)
{
	printf("%s:%u: connection %u: %s: expected %s, got %s\n", out->path, e->line, e->row,
	       column, expected, got);
	out->failures++;
}

static void check_column(struct outcome *out, const struct case_expectation *e,
			 const struct verdict *v)
{
	char expected[CASE_TEXT_MAX], got[CASE_TEXT_MAX];

	snprintf(expected, sizeof(expected), "%s", e->value);
	case_column_normalise(e->name, expected);
	if (!case_column(out->ladder, v, e->name, got))
		miss(out, e, e->name, expected, "no such column");
	else if (strcmp(expected, got) != 0)
		miss(out, e, e->name, expected, got);
}

/* Times a code was found, of one side or of any. */
static uint64_t finding_count(const struct verdict *v, const char *code, enum side side)
{
	uint64_t count = 0;

	for (size_t i = 0; i < v->finding_count; i++) {
		const struct finding *f = &v->findings[i];

		if (f->code == finding_code_of(code) && (side == SIDE_NONE || f->side == side))
			count += f->count;
	}
	return count;
}

static void check_finding(struct outcome *out, const struct case_expectation *e,
			  const struct verdict *v)
{
	uint64_t count = finding_count(v, e->name, e->side);
	char expected[CASE_TEXT_MAX], got[CASE_TEXT_MAX], name[CASE_TEXT_MAX];

	snprintf(name, sizeof(name), "finding %s%s%s", e->name, e->side == SIDE_NONE ? "" : " of ",
		 e->side == SIDE_NONE ? "" : side_name(e->side));
	snprintf(got, sizeof(got), "%" PRIu64, count);
	snprintf(expected, sizeof(expected), "%" PRIu64, e->count);
	if (e->kind == CASE_NO_FINDING) {
		if (count > 0)
			miss(out, e, name, "0", got);
	} else if (e->count > 0 ? count != e->count : count == 0) {
		miss(out, e, name, e->count > 0 ? expected : "1 or more", got);
	}
}

static void check_no_other(struct outcome *out, const struct case_expectation *e,
			   const struct verdict *v)
{
	for (size_t i = 0; i < v->finding_count; i++) {
		bool named = false;

		for (size_t k = 0; k < out->ladder->expectation_count; k++) {
			const struct case_expectation *other = &out->ladder->expectations[k];

			if (other->kind == CASE_FINDING && other->row == e->row &&
			    finding_code_of(other->name) == v->findings[i].code)
				named = true;
		}
		if (!named)
			miss(out, e, "findings", "no other",
			     finding_kind(v->findings[i].code)->code);
	}
}

/* Writes "STATE TIME [for SECONDS] ..." in the form of case_states; tells whether dwells are told. */
static bool states_normalise(const char *value, char text[static CASE_TEXT_MAX])
{
	char copy[CASE_TEXT_MAX], seconds[CASE_TEXT_MAX], *save;
	size_t used = 0;
	bool dwells = false;
	int64_t ns;

	snprintf(copy, sizeof(copy), "%s", value);
	text[0] = '\0';
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, "for") == 0)
			dwells = true;
		if (case_seconds(word, &ns))
			case_seconds_text(ns, seconds);
		else
			snprintf(seconds, sizeof(seconds), "%s", word);
		used += (size_t)snprintf(text + used, CASE_TEXT_MAX - used, "%s%s",
					 used > 0 ? " " : "", seconds);
	}
	return dwells;
}

static void check_states(struct outcome *out, const struct case_expectation *e,
			 const struct verdict *v)
{
	char expected[CASE_TEXT_MAX], got[CASE_TEXT_MAX];
	bool dwells = states_normalise(e->value, expected);

	case_states(v, e->side, !dwells, got);
	if (strcmp(expected, got) != 0)
		miss(out, e, e->side == SIDE_INITIATOR ? "states initiator" : "states responder",
		     expected, got);
}

static void check_stream(struct outcome *out, const struct case_expectation *e)
{
	const char *got = out->row[e->row - 1].stream[e->side];

	if (strcmp(e->value, got) != 0)
		miss(out, e, e->side == SIDE_INITIATOR ? "stream initiator" : "stream responder",
		     e->value, got);
}

static void check_count(struct outcome *out, const struct case_expectation *e, const char *what,
			uint64_t got)
{
	if (e->count != got) {
		printf("%s:%u: %s: expected %" PRIu64 ", got %" PRIu64 "\n", out->path, e->line,
		       what, e->count, got);
		out->failures++;
	}
}

static void check(struct outcome *out, const struct case_expectation *e)
{
	const struct verdict *v;

	if (e->kind == CASE_ROWS) {
		check_count(out, e, "rows", out->rows);
		return;
	}
	if (e->kind == CASE_SKIPPED) {
		check_count(out, e, "skipped", out->skipped);
		return;
	}
	if (e->row > out->rows) {
		miss(out, e, "row", "one", "none");
		return;
	}
	v = &out->row[e->row - 1].verdict;
	if (e->kind == CASE_COLUMN)
		check_column(out, e, v);
	else if (e->kind == CASE_STATES)
		check_states(out, e, v);
	else if (e->kind == CASE_STREAM)
		check_stream(out, e);
	else if (e->kind == CASE_NO_OTHER)
		check_no_other(out, e, v);
	else
		check_finding(out, e, v);
}

static void show(const struct outcome *out)
{
	char text[CASE_TEXT_MAX];

	for (size_t i = 0; i < out->rows; i++) {
		const struct verdict *v = &out->row[i].verdict;

		printf("connection %zu:", i + 1);
		for (size_t k = 0; case_column_name(k); k++) {
			case_column(out->ladder, v, case_column_name(k), text);
			printf(" %s=%s", case_column_name(k), text);
		}
		printf("\n");
		for (int side = 0; side < SIDES; side++) {
			case_states(v, side, false, text);
			printf("  states %s: %s\n", side_name(side), text);
			if (out->ladder->streams)
				printf("  stream %s: %s\n", side_name(side),
				       out->row[i].stream[side]);
		}
		for (size_t k = 0; k < v->finding_count; k++)
			printf("  finding %s:%s*%" PRIu64 " packet %" PRIu64 ": %s\n",
			       finding_kind(v->findings[k].code)->code,
			       side_name(v->findings[k].side), v->findings[k].count,
			       v->findings[k].packet, v->findings[k].detail);
	}
}

/* True where every expectation of the file is met. */
static bool run_file(const char *path, bool verbose)
{
	struct error err = {""};
	struct outcome *out = calloc(1, sizeof(*out));
	struct ladder_case *ladder = case_read(path, &err);
	bool skipped_told = false, rows_told = false, good;

	if (!out || !ladder) {
		printf("%s\n", ladder ? "out of memory" : err.text);
		case_free(ladder);
		free(out);
		return false;
	}
	*out = (struct outcome){.path = path, .ladder = ladder};
	if (!run(out, &err)) {
		printf("%s: %s\n", path, err.text);
		out->failures++;
	}
	if (verbose)
		show(out);
	for (size_t i = 0; i < ladder->expectation_count; i++) {
		skipped_told |= ladder->expectations[i].kind == CASE_SKIPPED;
		rows_told |= ladder->expectations[i].kind == CASE_ROWS;
		check(out, &ladder->expectations[i]);
	}
	if (!skipped_told)
		check_count(out, &(struct case_expectation){.line = 1}, "skipped", out->skipped);
	if (!rows_told)
		check_count(out, &(struct case_expectation){.line = 1, .count = 1}, "rows",
			    out->rows);
	for (size_t i = 0; i < out->rows; i++) {
		free(out->row[i].findings);
		free(out->row[i].timeline);
	}
	good = out->failures == 0;
	case_free(ladder);
	free(out);
	return good;
}

/* --- files --- */

struct files {
	char *path[FILES_MAX]; /* owned */
	size_t count;
};

static bool files_add(struct files *files, const char *folder, const char *name)
{
	char *path;

	if (files->count == FILES_MAX ||
	    asprintf(&path, "%s%s%s", folder, *folder ? "/" : "", name) < 0)
		return false;
	files->path[files->count++] = path;
	return true;
}

static int is_ladder(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".ladder") == 0;
}

static bool files_gather(struct files *files, const char *path)
{
	struct stat about;
	struct dirent **entries;
	bool good = true;
	int count;

	if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
		return files_add(files, "", path);
	count = scandir(path, &entries, is_ladder, alphasort);
	if (count < 0) {
		printf("%s: %s\n", path, strerror(errno));
		return false;
	}
	if (count == 0) {
		printf("%s: no ladder in this folder\n", path);
		good = false;
	}
	for (int i = 0; i < count; i++) {
		good = good && files_add(files, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return good;
}

/* --- captures of the cases --- */

static bool put_record(FILE *out, const struct ladder_case *ladder, size_t index, uint8_t *frame)
{
	const struct case_step *step = &ladder->steps[index];
	int64_t ts_ns = CASE_EPOCH_NS + step->ts_ns;
	uint32_t length = (uint32_t)case_frame(ladder, step, frame);
	uint32_t kept = ladder->snaplen > 0 && length > ladder->snaplen ? ladder->snaplen : length;
	const uint32_t head[] = {(uint32_t)(ts_ns / NS_PER_S), (uint32_t)(ts_ns % NS_PER_S), kept,
				 length};

	return fwrite(head, sizeof(head), 1, out) == 1 && fwrite(frame, kept, 1, out) == 1;
}

/* FOLDER/NAME.pcap, and beside it NAME.options with what lastack analyze needs. */
static bool put_case(const char *folder, const char *path)
{
	static const uint32_t head[] = {0xa1b23c4d, 4 << 16 | 2, 0, 0, 262144, LINKTYPE_ETHERNET};
	struct error err = {""};
	struct ladder_case *ladder = case_read(path, &err);
	const char *slash = strrchr(path, '/');
	int length = (int)strcspn(slash ? slash + 1 : path, ".");
	uint8_t *frame = malloc(CASE_FRAME_MAX);
	char name[512];
	FILE *out;
	bool good;

	snprintf(name, sizeof(name), "%s/%.*s.pcap", folder, length, slash ? slash + 1 : path);
	out = ladder && frame ? fopen(name, "we") : NULL;
	good = out && fwrite(head, sizeof(head), 1, out) == 1;
	for (size_t i = 0; good && i < ladder->step_count; i++)
		good = put_record(out, ladder, i, frame);
	good = out && fclose(out) == 0 && good;
	snprintf(name, sizeof(name), "%s/%.*s.options", folder, length, slash ? slash + 1 : path);
	out = good ? fopen(name, "we") : NULL;
	if (out) {
		fprintf(out,
			"--msl %" PRId64 "ns --stuck %" PRId64 "ns --idle-timeout %" PRId64
			"ns --max-flows %zu%s\n",
			ladder->msl_ns, ladder->stuck_ns, ladder->idle_timeout_ns,
			ladder->max_flows, ladder->keep_duplicates ? " --keep-duplicates" : "");
		good = fclose(out) == 0;
	}
	if (!good || !out)
		printf("%s: %s\n", path, err.text[0] ? err.text : strerror(errno));
	case_free(ladder);
	free(frame);
	return good && out;
}

int main(int argc, char **argv)
{
	const char *folder = argc > 3 && strcmp(argv[1], "--pcap") == 0 ? argv[2] : NULL;
	struct files files = {.count = 0};
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	unsigned passed = 0, failed = 0;

	if (argc < (verbose ? 3 : 2)) {
		fprintf(stderr, "usage: run_ladders [-v | --pcap FOLDER] FILE-OR-FOLDER...\n");
		return 2;
	}
	for (int i = folder ? 3 : verbose ? 2 : 1; i < argc; i++)
		if (!files_gather(&files, argv[i]))
			failed++;
	for (size_t i = 0; i < files.count; i++) {
		if (folder ? put_case(folder, files.path[i]) : run_file(files.path[i], verbose))
			passed++;
		else
			failed++;
		free(files.path[i]);
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 ? 1 : 0;
}
