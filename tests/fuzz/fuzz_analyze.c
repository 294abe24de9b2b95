/* From a capture to a report: all steps together, as `lastack analyze` joins them.
 *
 * One byte of settings; the rest is the capture. What it becomes is stored in memory and reported as JSON. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sqlite3.h>

#include "cli/pipeline.h"
#include "report/report.h"
#include "streams/marks.h"
#include "tests/fuzz/fuzz.h"

enum setting {
	KEEP_DUPLICATES = 1,
	VERIFY_CHECKSUMS = 2,
	ALL_LADDERS = 4,
	FEW_FLOWS = 8,
	MARKED = 16,
	LAST_COPY = 32
};

static const struct mark wanted[] = {{(const uint8_t *)"GET ", 4}, {(const uint8_t *)"aa", 2}};
static const struct recording_mark recorded[] = {{"GET ", (const uint8_t *)"GET ", 4},
						 {"aa", (const uint8_t *)"aa", 2}};

static void count_verdict(void *context, const struct verdict *verdict)
{
	uint64_t *told = context;

	*told += !verdict->again;
	MUST(verdict->number <= *told);
	for (size_t i = 0; i < verdict->mark_count; i++)
		MUST(verdict->marks[i].mark < 2 && verdict->marks[i].side < SIDES &&
		     verdict->marks[i].count > 0);
}

static bool json_is_valid(const char *text, size_t length)
{
	static sqlite3 *db;
	static sqlite3_stmt *statement;
	bool valid;

	if (!db)
		MUST(sqlite3_open(":memory:", &db) == SQLITE_OK &&
		     sqlite3_prepare_v2(db, "SELECT json_valid(?)", -1, &statement, NULL) ==
			     SQLITE_OK);
	sqlite3_bind_text(statement, 1, text, (int)length, SQLITE_STATIC);
	MUST(sqlite3_step(statement) == SQLITE_ROW);
	valid = sqlite3_column_int(statement, 0);
	sqlite3_reset(statement);
	return valid;
}

static void check_report(struct store *store, uint64_t told)
{
	static const struct report_origin origin = {.database = ":memory:", .version = "0"};
	struct error err = {""};
	struct summary *summary = summary_read(store_handle(store), NULL, 0, &err);
	struct diagnoses *diagnoses = diagnoses_read(store_handle(store), NULL, 0, &err);
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	MUST(summary && diagnoses && out);
	MUST(summary->connections == told && diagnoses->connections == told);
	report_json(out, summary, diagnoses, &origin);
	fclose(out);
	MUST(json_is_valid(text, length));
	free(text);
	diagnoses_free(diagnoses);
	summary_free(summary);
}

static void analyze(const char *path, uint8_t settings)
{
	struct feed_config config = {.paths = &path, .path_count = 1};
	struct error err = {""};
	struct marks *marks = marks_new(wanted, 2, &err);
	uint64_t told = 0;
	int64_t id;
	struct pipeline pipeline = {
		.feed = feed_open(&config, &err),
		.store = store_open(":memory:", STORE_WRITE, &err),
		.engine = engine_defaults(),
		.watch = {.context = &told, .verdict = count_verdict},
	};
	enum pipeline_result result;

	MUST(pipeline.feed && pipeline.store && marks);
	pipeline.engine.keep_duplicates = settings & KEEP_DUPLICATES;
	pipeline.engine.ladders = settings & ALL_LADDERS ? LADDERS_ALL : LADDERS_UNCLEAN;
	pipeline.engine.max_flows = settings & FEW_FLOWS ? 2 : 0;
	pipeline.engine.overlap = settings & LAST_COPY ? OVERLAP_LAST : OVERLAP_FIRST;
	pipeline.recording = (struct recording){
		.msl_ns = pipeline.engine.msl_ns,
		.stuck_ns = pipeline.engine.stuck_ns,
		.verify_checksums = settings & VERIFY_CHECKSUMS,
		.marks = recorded,
		.mark_count = settings & MARKED ? 2 : 0,
	};
	if (settings & MARKED)
		pipeline.consumers[pipeline.consumer_count++] = marks_consumer(marks);
	result = pipeline_run(&pipeline, &id, &err);
	MUST(result == PIPELINE_STORED || result == PIPELINE_UNDECODED);
	if (result == PIPELINE_STORED)
		check_report(pipeline.store, told);
	store_close(pipeline.store);
	feed_close(pipeline.feed);
	marks_free(marks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	uint8_t settings = choose_u8(&c);
	int fd = memfd_create("capture", MFD_CLOEXEC);
	char path[64];

	MUST(fd >= 0 && write(fd, c.at, c.left) == (ssize_t)c.left);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	analyze(path, settings);
	close(fd);
	return 0;
}
