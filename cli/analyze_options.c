#include "cli/analyze_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/engine.h"
#include "cli/captures.h"
#include "cli/command.h"
#include "cli/values.h"
#include "streams/marks.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

enum { FORMAT_NOT_GIVEN = -1 };

/* in the order of enum analyze_format, enum ladder_policy and enum overlap_policy */
static const char *const formats[] = {"text", "json", "none", NULL};
static const char *const ladder_policies[] = {"unclean", "all", "none", NULL};
static const char *const overlap_policies[] = {"first", "last", NULL};

#define FIELD(name) offsetof(struct analyze_options, name)

static const struct option_spec specs[] = {
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = FIELD(database),
	 .help = "database to store into (lastack.db); ':memory:' keeps nothing"},
	{.name = "filter",
	 .kind = OPTION_TEXT,
	 .value = "BPF",
	 .offset = FIELD(filter),
	 .help = "analyse only packets that match, such as 'tcp port 443'"},
	{.name = "join",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(join),
	 .help = "the captures are one continuous recording: connections go on from file to "
		 "file; without it each file stands alone"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = FIELD(format),
	 .help = "what to print: text (the report), json (the same, one document), none"},
	{.name = "fail-on",
	 .kind = OPTION_TEXT,
	 .value = "WHAT",
	 .offset = FIELD(fail_on_text),
	 .help = "exit with 4 where a finding has this code (fin-not-consumed), or this severity "
		 "or a worse one (info, warning, error)"},
	{.name = "msl",
	 .kind = OPTION_DURATION,
	 .value = "SECONDS",
	 .offset = FIELD(msl_ns),
	 .low = SECOND / 1000,
	 .high = DAY,
	 .help = "maximum segment lifetime (120); TIME_WAIT lasts twice as long; 30 is Linux"},
	{.name = "idle-timeout",
	 .kind = OPTION_DURATION,
	 .value = "SECONDS",
	 .offset = FIELD(idle_timeout_ns),
	 .high = 365 * DAY,
	 .help = "silence that ends a connection without an end (0: never)"},
	{.name = "stuck",
	 .kind = OPTION_DURATION,
	 .value = "SECONDS",
	 .offset = FIELD(stuck_ns),
	 .high = 365 * DAY,
	 .help = "CLOSE_WAIT or FIN_WAIT_2 of this length is a finding (60)"},
	{.name = "keep-duplicates",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(keep_duplicates),
	 .help = "do not look for packets that the capture holds twice"},
	{.name = "verify-checksums",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(verify_checksums),
	 .help = "drop packets with a wrong checksum (off: offloading makes them wrong at the "
		 "sender)"},
	{.name = "ladders",
	 .kind = OPTION_CHOICE,
	 .value = "WHICH",
	 .choices = ladder_policies,
	 .offset = FIELD(ladders),
	 .help = "whose segments to store: unclean (connections not cleanly closed), all, none"},
	{.name = "max-flows",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(max_flows),
	 .help = "connections to remember at once (0: no bound)"},
	{.name = "max-memory",
	 .kind = OPTION_SIZE,
	 .value = "SIZE",
	 .offset = FIELD(max_memory),
	 .help = "memory for connections, such as 512M (a quarter of the machine's, at most 1G; 0: "
		 "no "
		 "bound)"},
	{.name = "stream-memory",
	 .kind = OPTION_SIZE,
	 .value = "SIZE",
	 .offset = FIELD(stream_memory),
	 .help = "memory for bytes that came early, of all streams together (64M)"},
	{.name = "overlap",
	 .kind = OPTION_CHOICE,
	 .value = "WHICH",
	 .choices = overlap_policies,
	 .offset = FIELD(overlap),
	 .help = "where bytes of a stream came twice and differ: first (what most receivers "
		 "take), last"},
	{.name = "mark",
	 .kind = OPTION_TEXTS,
	 .value = "TEXT",
	 .offset = FIELD(mark_texts),
	 .help = "look for this in every stream, or for the bytes hex:0a0b0c; may be repeated; "
		 "'lastack query --contains' lists where it was found"},
	{.name = "check-streams",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(check_streams),
	 .help = "put all streams together to their ends, for findings such as overlap-conflict; "
		 "by default only as far as the application's name needs it"},
	{.name = "no-dpi",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(no_dpi),
	 .help = "do not identify applications"},
	{.name = "hash-seed",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(hash_seed),
	 .high = INT64_MAX,
	 .help = "fixed key for hash tables, for tests (random)"},
	{.name = "no-sandbox",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(no_sandbox),
	 .help = "keep all rights while reading what may be hostile: for debuggers, valgrind and "
		 "the like"},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = FIELD(quiet),
	 .help = "only errors: no progress, no warnings, and no report unless --format asks for "
		 "one"},
};

const struct option_table analyze_option_table = {
	.command = "lastack analyze", .specs = specs, .count = sizeof(specs) / sizeof(specs[0])};

void analyze_usage(FILE *out)
{
	fputs("Usage: lastack analyze [OPTION...] CAPTURE...\n"
	      "\n"
	      "Reads capture files (pcap or pcapng, also with gzip or zstd; '-' is standard\n"
	      "input), judges how every TCP connection ended, stores it in a database and\n"
	      "prints the teardown report.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&analyze_option_table, out);
	fputs("\n"
	      "Exit codes: 0 done; 1 failed: no capture could be opened or decoded, or the\n"
	      "result could not be stored; 2 usage error; 3 done, but part of the input could\n"
	      "not be read; 4 done, and --fail-on matched (also where part could not be read).\n"
	      "\n"
	      "Examples:\n"
	      "  lastack analyze capture.pcap\n"
	      "  lastack analyze --db office.db --join day-*.pcapng.gz\n"
	      "  tcpdump -w - -c 10000 tcp | lastack analyze --fail-on error -\n",
	      out);
}

static bool parse_marks(struct analyze_options *options, struct error *err)
{
	const struct option_texts *texts = &options->mark_texts;

	if (texts->count > MARKS_MAX)
		return error_set(err,
				 "--mark: %zu strings are more than the %d that can be looked "
				 "for at once",
				 texts->count, MARKS_MAX);
	options->marks = calloc(texts->count + 1, sizeof(*options->marks));
	if (!options->marks)
		return error_set(err, "out of memory");
	for (size_t i = 0; i < texts->count; i++) {
		struct wanted_mark *mark = &options->marks[i];

		if (!value_bytes(texts->items[i], &mark->bytes, &mark->length, err))
			return error_prefix(err, "--mark");
		mark->text = texts->items[i];
		options->mark_count++;
		if (mark->length > MARK_BYTES_MAX)
			return error_set(err,
					 "--mark: '%.40s...' is %zu bytes long; at most %d can be "
					 "looked for",
					 mark->text, mark->length, MARK_BYTES_MAX);
	}
	return true;
}

void analyze_options_free(struct analyze_options *options)
{
	for (size_t i = 0; i < options->mark_count; i++)
		free(options->marks[i].bytes);
	free(options->marks);
	option_texts_free(&options->mark_texts);
}

/* A code or a severity; the sentence in err suggests the nearest where it is neither. */
static bool parse_fail_on(const char *text, struct fail_on *out, struct error *err)
{
	const char *names[FINDING_CODES + SEVERITIES + 1] = {NULL};
	const char *meant;

	*out = (struct fail_on){.asked = true, .code = finding_code_of(text)};
	if (out->code != FINDING_CODES)
		return true;
	for (int i = 0; i < SEVERITIES; i++) {
		out->at_least = (enum severity)i;
		names[i] = severity_name(out->at_least);
		if (strcmp(names[i], text) == 0)
			return true;
	}
	for (int i = 0; i < FINDING_CODES; i++)
		names[SEVERITIES + i] = finding_kind((enum finding_code)i)->code;
	meant = options_suggest(text, names);
	if (meant)
		return error_set(
			err,
			"--fail-on: '%s' is neither a finding nor a severity; did you mean '%s'?",
			text, meant);
	return error_set(err,
			 "--fail-on: '%s' is neither a finding's code, such as fin-not-consumed, "
			 "nor a severity (info, warning, error)",
			 text);
}

/* A quarter of the machine's memory, at most 1 GiB. */
static uint64_t memory_default(void)
{
	const uint64_t most = UINT64_C(1) << 30;
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t quarter;

	if (pages <= 0 || size <= 0)
		return most;
	quarter = (uint64_t)pages / 4 * (uint64_t)size;
	return quarter < most ? quarter : most;
}

struct analyze_options analyze_options_defaults(void)
{
	return (struct analyze_options){
		.database = DEFAULT_DATABASE,
		.msl_ns = 120 * SECOND,
		.stuck_ns = 60 * SECOND,
		.max_memory = memory_default(),
		.stream_memory = engine_defaults().stream_memory,
		.hash_seed = HASH_SEED_RANDOM,
		.format = FORMAT_NOT_GIVEN,
	};
}

enum options_result analyze_options_parse(int argc, char **argv, struct analyze_options *options,
					  struct operands *captures, struct error *err)
{
	enum options_result result;

	*options = analyze_options_defaults();
	result = options_parse(&analyze_option_table, argc, argv, options, captures, err);
	if (result != OPTIONS_DONE)
		return result;
	if (options->format == FORMAT_NOT_GIVEN)
		options->format = options->quiet ? ANALYZE_NONE : ANALYZE_TEXT;
	if (options->fail_on_text && !parse_fail_on(options->fail_on_text, &options->fail_on, err))
		return OPTIONS_MISUSE;
	return parse_marks(options, err) && captures_check(captures, err) ? OPTIONS_DONE
									  : OPTIONS_MISUSE;
}
