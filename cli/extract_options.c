#include "cli/extract_options.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/captures.h"
#include "cli/command.h"
#include "cli/values.h"
#include "db/address.h"
#include "source/filter.h"
#include "streams/stream_files.h"

enum { GAPS_NOT_GIVEN = -1 };

/* in the order of enum gaps_mode */
static const char *const gaps_modes[] = {"skip", "zero", "split", NULL};

#define FIELD(name) offsetof(struct extract_options, name)

static const struct option_spec specs[] = {
	{.name = "streams",
	 .kind = OPTION_TEXT,
	 .value = "DIR",
	 .offset = FIELD(streams),
	 .help = "write the bytes each end sent to a file in this folder, with a table of them "
		 "(index.tsv)"},
	{.name = "pcap",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = FIELD(pcap),
	 .help = "write the packets instead, as they were captured; '-' is standard output"},
	{.name = "gaps",
	 .kind = OPTION_CHOICE,
	 .value = "MODE",
	 .choices = gaps_modes,
	 .offset = FIELD(gaps),
	 .help = "where the capture lacks bytes of a stream: skip (nothing stands for them), zero "
		 "(zeros), split (a new file begins)"},
	{.name = "overwrite",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(overwrite),
	 .help = "replace files that are there"},
	{.name = "connection",
	 .kind = OPTION_TEXTS,
	 .value = "ID",
	 .offset = FIELD(connections),
	 .help = "only this connection of the database, as 'lastack query' lists it; may be "
		 "repeated"},
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = FIELD(database),
	 .help = "database to select from (with --connection: lastack.db; with filters: none, the "
		 "captures are analysed first)"},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = FIELD(quiet),
	 .help = "only errors: no progress, no remarks"},
};

/* All filters of query. */
static const char *const filters[] = {
	"teardown",    "closer",      "end-reason", "incomplete",   "complete",     "cause",
	"stage",       "reset-by",    "injected",   "time-wait",    "state",        "finding",
	"severity",    "host",        "port",       "client",       "server",       "server-port",
	"application", "server-name", "contains",   "capture",      "vlan",         "tunnel",
	"midstream",   "since",       "until",      "min-duration", "max-duration", "community-id",
	NULL};
static const char *const analysis[] = {"filter",           "join",      "msl",
				       "idle-timeout",     "stuck",     "keep-duplicates",
				       "verify-checksums", "max-flows", "max-memory",
				       "stream-memory",    "overlap",   "hash-seed",
				       "no-sandbox",       NULL};

static const struct option_loan loans[] = {
	{.from = &query_option_table, .names = filters, .base = FIELD(filter)},
	{.from = &analyze_option_table, .names = analysis, .base = FIELD(analysis)},
};

static const struct option_table table = {
	.command = "lastack extract",
	.specs = specs,
	.count = sizeof(specs) / sizeof(specs[0]),
	.loans = loans,
	.loan_count = sizeof(loans) / sizeof(loans[0]),
};

void extract_usage(FILE *out)
{
	fputs("Usage: lastack extract --streams DIR [OPTION...] CAPTURE...\n"
	      "       lastack extract --pcap FILE [OPTION...] CAPTURE...\n"
	      "\n"
	      "Writes the byte streams of TCP connections, reassembled, or their packets. All\n"
	      "connections are taken, or those that are named by --connection, or those that\n"
	      "all filters given let through.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&table, out);
	fputs("\n"
	      "Exit codes: 0 done; 1 failed, and nothing was written; or a connection that was\n"
	      "named is not there; 2 usage error; 3 done, but part of the input could not be\n"
	      "read.\n"
	      "\n"
	      "Examples:\n"
	      "  lastack extract --streams out capture.pcap\n"
	      "  lastack extract --streams out --host 10.0.0.7 --port 443 capture.pcap\n"
	      "  lastack extract --pcap stuck.pcap --finding close-wait-stuck capture.pcap\n"
	      "  lastack extract --pcap - --connection 17 capture.pcap | tshark -r -\n",
	      out);
}

static bool check_output(const struct extract_options *options, struct error *err)
{
	if (!options->streams && !options->pcap)
		return error_set(err, "what to write is not said: --streams DIR or --pcap FILE");
	if (options->streams && options->pcap)
		return error_set(err, "--streams and --pcap cannot be had at once");
	if ((options->streams && options->streams[0] == '\0') ||
	    (options->pcap && options->pcap[0] == '\0'))
		return error_set(err, "the name of the output is empty ('')");
	if (options->pcap && options->gaps != GAPS_NOT_GIVEN)
		return error_set(err, "--gaps is for --streams; packets are written as they are");
	if (options->pcap && strcmp(options->pcap, "-") == 0 && isatty(STDOUT_FILENO) == 1)
		return error_set(err, "--pcap -: standard output is a terminal; pipe it somewhere");
	return true;
}

static bool check_selection(struct extract_options *options, struct error *err)
{
	bool filtered = query_options_filtered(&options->filter);

	if (options->connections.count > 0 && filtered)
		return error_set(err, "--connection takes no filters beside it");
	if (options->database && strcmp(options->database, ":memory:") == 0)
		return error_set(err, "':memory:' keeps nothing to read; name a database file");
	if (options->database && options->connections.count == 0 && !filtered)
		return error_set(err, "--db is there to select from; give --connection, or a "
				      "filter such as --teardown");
	if (!options->database && (options->filter.application || options->filter.server_name ||
				   options->filter.contains))
		return error_set(err, "applications, server names and marked strings are what "
				      "'lastack analyze' finds; name its database with --db");
	if (options->connections.count > 0)
		options->selection = EXTRACT_CONNECTIONS;
	else if (filtered)
		options->selection = options->database ? EXTRACT_QUERY : EXTRACT_FIRST_PASS;
	if (options->selection == EXTRACT_CONNECTIONS && !options->database)
		options->database = DEFAULT_DATABASE;
	return query_options_check(&options->filter, err);
}

/* Values that else only their readers would judge, after the captures were read. */
static bool check_values(const struct extract_options *options, struct error *err)
{
	const struct {
		const char *option, *address;
	} addresses[] = {{"host", options->filter.host},
			 {"client", options->filter.client},
			 {"server", options->filter.server}};
	struct address_range range;
	struct filter *filter;
	uint64_t id;

	for (size_t i = 0; i < options->connections.count; i++)
		if (!value_count(options->connections.items[i], &id, err))
			return error_prefix(err, "--connection");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (addresses[i].address && !address_range_parse(addresses[i].address, &range))
			return error_set(err,
					 "--%s: '%s' is neither an address nor a prefix like "
					 "10.0.0.0/8",
					 addresses[i].option, addresses[i].address);
	if (!options->analysis.filter)
		return true;
	filter = filter_new(options->analysis.filter, err);
	filter_free(filter);
	return filter != NULL;
}

/* Where the captures are read more than once. */
static bool check_passes(const struct extract_options *options, const struct operands *captures,
			 struct error *err)
{
	const char *once = captures_only_once(captures);

	if (!once)
		return true;
	if (options->pcap)
		return error_set(err,
				 "'%s' can be read only once, and --pcap reads twice: first which "
				 "packets belong to connections, then the packets; save it to a "
				 "file",
				 once);
	if (options->selection == EXTRACT_FIRST_PASS)
		return error_set(err,
				 "'%s' can be read only once, and filters read twice: first how "
				 "connections end, then their bytes; save it to a file, or give a "
				 "database that has it analysed (--db)",
				 once);
	return true;
}

/* The output must not be one of the captures. */
static bool check_apart(const struct extract_options *options, const struct operands *captures,
			struct error *err)
{
	struct stat out, in;

	if (!options->pcap || stat(options->pcap, &out) != 0)
		return true;
	for (size_t i = 0; i < captures->count; i++) {
		if (stat(captures->items[i], &in) == 0 && in.st_dev == out.st_dev &&
		    in.st_ino == out.st_ino)
			return error_set(err, "--pcap: '%s' is one of the captures to read",
					 options->pcap);
	}
	return true;
}

enum options_result extract_options_parse(int argc, char **argv, struct extract_options *options,
					  struct operands *captures, struct error *err)
{
	enum options_result result;

	*options = (struct extract_options){.gaps = GAPS_NOT_GIVEN,
					    .analysis = analyze_options_defaults(),
					    .filter = query_options_defaults()};
	result = options_parse(&table, argc, argv, options, captures, err);
	if (result != OPTIONS_DONE)
		return result;
	if (!check_output(options, err) || !check_selection(options, err) ||
	    !check_values(options, err) || !captures_check(captures, err) ||
	    !check_passes(options, captures, err) || !check_apart(options, captures, err))
		return OPTIONS_MISUSE;
	if (options->gaps == GAPS_NOT_GIVEN)
		options->gaps = GAPS_SKIP;
	return OPTIONS_DONE;
}

void extract_options_free(struct extract_options *options)
{
	option_texts_free(&options->connections);
}
