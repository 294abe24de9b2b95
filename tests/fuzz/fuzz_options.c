/* Command lines: every command's options, the values in them, and the query that filters become.
 *
 * One byte chooses the command; the rest are the arguments, each ended by a zero byte. */
#include <string.h>

#include <sqlite3.h>

#include "cli/analyze_options.h"
#include "cli/extract_options.h"
#include "cli/monitor_options.h"
#include "cli/query_options.h"
#include "cli/values.h"
#include "db/schema.h"
#include "db/tuple.h"
#include "monitor/alert.h"
#include "tests/fuzz/fuzz.h"

enum { ARGUMENTS_MAX = 40, ROWS_MAX = 8, SQL_STEPS = 2000 };
enum command { ANALYZE, EXTRACT, QUERY, VALUES, MONITOR, ALERTS, COMMANDS };

/* Of our own, so that a message never carries what a terminal would act upon. */
static void check_message(enum options_result result, const struct error *err)
{
	MUST((result == OPTIONS_MISUSE) == (err->text[0] != '\0'));
	for (const char *p = err->text; *p; p++)
		MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_analyze(int argc, char **argv)
{
	struct analyze_options options;
	struct operands captures;
	struct error err = {""};
	enum options_result result = analyze_options_parse(argc, argv, &options, &captures, &err);

	check_message(result, &err);
	if (result == OPTIONS_DONE) {
		MUST(captures.count > 0);
		MUST(options.msl_ns > 0 && options.stuck_ns >= 0 && options.idle_timeout_ns >= 0);
		MUST((unsigned)options.format <= ANALYZE_NONE);
	}
	analyze_options_free(&options);
}

static void check_extract(int argc, char **argv)
{
	struct extract_options options;
	struct operands captures;
	struct error err = {""};
	enum options_result result = extract_options_parse(argc, argv, &options, &captures, &err);

	check_message(result, &err);
	if (result == OPTIONS_DONE)
		MUST((options.streams != NULL) != (options.pcap != NULL));
	extract_options_free(&options);
}

static int stop(void *steps)
{
	return --*(int *)steps <= 0;
}

/* An empty database. One for the filters, one for --sql, which leaves its handle unable to write. */
static struct store *empty_store(bool for_sql)
{
	static struct store *stores[2];
	struct error err = {""};

	if (!stores[for_sql]) {
		stores[for_sql] = store_open(":memory:", STORE_WRITE, &err);
		MUST(stores[for_sql] && schema_create(store_handle(stores[for_sql]), &err));
	}
	return stores[for_sql];
}

/* What the filters become must be SQL, and whatever --sql holds must only read. */
static void check_statement(const struct query_options *options)
{
	struct store *store = empty_store(options->sql != NULL);
	struct error err = {""};
	int steps = SQL_STEPS;
	sqlite3_stmt *statement = query_options_prepare(store, options, 10, &err);

	MUST((statement == NULL) == (err.text[0] != '\0'));
	sqlite3_progress_handler(store_handle(store), 100, stop, &steps);
	if (statement)
		MUST(sqlite3_stmt_readonly(statement));
	for (int i = 0; statement && i < ROWS_MAX && sqlite3_step(statement) == SQLITE_ROW; i++)
		MUST(options->sql || options->by >= 0);
	sqlite3_finalize(statement);
}

static void check_query(int argc, char **argv)
{
	struct query_options options;
	struct operands operands;
	struct error err = {""};
	enum options_result result = query_options_parse(argc, argv, &options, &operands, &err);

	check_message(result, &err);
	if (result == OPTIONS_DONE)
		check_statement(&options);
}

static void check_values(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		struct error err = {""};
		struct tuple tuple;
		uint8_t *bytes = NULL;
		uint64_t number;
		size_t length;
		int64_t ns;

		MUST(value_count(argv[i], &number, &err) || err.text[0]);
		MUST(value_size(argv[i], &number, &err) || err.text[0]);
		if (value_duration(argv[i], &ns, &err))
			MUST(ns >= 0);
		(void)value_time(argv[i], &ns, &err);
		if (value_bytes(argv[i], &bytes, &length, &err))
			MUST(length > 0);
		free(bytes);
		(void)tuple_parse(argv[i], &tuple, &err);
	}
}

static void check_monitor(int argc, char **argv)
{
	struct monitor_options options;
	struct error err = {""};
	enum options_result result = monitor_options_parse(argc, argv, &options, &err);

	check_message(result, &err);
	if (result == OPTIONS_DONE)
		MUST(options.list || options.interfaces.count > 0);
	monitor_options_free(&options);
}

static void check_alerts(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		struct alert_condition condition;
		struct error err = {""};
		bool good = alert_parse(argv[i], &condition, &err);

		check_message(good ? OPTIONS_DONE : OPTIONS_MISUSE, &err);
		if (good)
			MUST(condition.window_ns > 0 && condition.limit >= 0 &&
			     (condition.measure != ALERT_RATE || condition.unit_ns > 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[COMMANDS])(int, char **) = {
		[ANALYZE] = check_analyze, [EXTRACT] = check_extract, [QUERY] = check_query,
		[VALUES] = check_values,   [MONITOR] = check_monitor, [ALERTS] = check_alerts,
	};
	struct choices c = {data, size};
	uint8_t command = choose_u8(&c) % COMMANDS;
	char *argument[ARGUMENTS_MAX + 1] = {NULL}, *owned[ARGUMENTS_MAX];
	int count = 0;

	while (c.left > 0 && count < ARGUMENTS_MAX) {
		size_t length = strnlen((const char *)c.at, c.left);

		argument[count++] = strndup((const char *)c.at, length);
		length = length < c.left ? length + 1 : length;
		choose_bytes(&c, &length);
	}
	memcpy(owned, argument, sizeof(owned));
	checks[command](count, argument);
	for (int i = 0; i < count; i++)
		free(owned[i]);
	return 0;
}
