#include "cli/query_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/finding.h"
#include "cli/values.h"
#include "db/query.h"

/* in the order of enum rows_format */
static const char *const formats[] = {"table", "json", "csv", NULL};

/* in the order of enum query_group */
static const char *const groups[] = {"host",   "client", "server", "application", "teardown",
				     "closer", "cause",  "state",  "hour",        NULL};

static const char *const teardowns[] = {"stray",
					"refused",
					"unanswered",
					"handshake_aborted",
					"handshake_incomplete",
					"rst_abort",
					"rst_after_fin",
					"four_way",
					"three_segment",
					"simultaneous",
					"half_closed",
					"fin_unanswered",
					"open",
					NULL};
static const char *const closers[] = {"initiator", "responder", "both", "none", NULL};
static const char *const ends[] = {"initiator", "responder", NULL};
static const char *const end_reasons[] = {"closed",  "reset",       "superseded", "idle_timeout",
					  "evicted", "capture_end", NULL};
static const char *const causes[] = {"port_closed",
				     "half_open",
				     "data_after_close",
				     "no_such_connection",
				     "retransmission_failure",
				     "keepalive_failure",
				     "idle_timeout",
				     "unread_data",
				     "application_abort",
				     NULL};
static const char *const stages[] = {
	"syn",        "established_no_data", "after_first_data", "established", "fin_wait_1",
	"fin_wait_2", "close_wait",          "closing",          "last_ack",    NULL};
static const char *const states[] = {"S0",   "S1",     "SF",    "REJ", "S2",  "S3",  "RSTO",
				     "RSTR", "RSTOS0", "RSTRH", "SH",  "SHR", "OTH", NULL};
static const char *const time_waits[] = {"held",           "unverified", "reused_ok",
					 "reused_early",   "cut_short",  "assassinated",
					 "not_applicable", NULL};
static const char *const severities[] = {"info", "warning", "error", NULL};

#define FIELD(name) offsetof(struct query_options, name)

static const struct option_spec specs[] = {
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = FIELD(database),
	 .help = "database to read (lastack.db), as the operand does"},
	{.name = "teardown",
	 .kind = OPTION_CHOICE,
	 .value = "CLASS",
	 .choices = teardowns,
	 .offset = FIELD(teardown),
	 .help = "ended this way: four_way, three_segment, simultaneous, rst_abort, rst_after_fin, "
		 "half_closed, fin_unanswered, open, refused, unanswered, handshake_aborted, "
		 "handshake_incomplete, stray"},
	{.name = "closer",
	 .kind = OPTION_CHOICE,
	 .value = "END",
	 .choices = closers,
	 .offset = FIELD(closer),
	 .help = "closed first by: initiator, responder, both, none"},
	{.name = "end-reason",
	 .kind = OPTION_CHOICE,
	 .value = "REASON",
	 .choices = end_reasons,
	 .offset = FIELD(end_reason),
	 .help = "ended by: closed, reset, superseded, idle_timeout, evicted, capture_end"},
	{.name = "incomplete",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(incomplete),
	 .help = "neither both FINs acknowledged nor reset"},
	{.name = "complete",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(complete),
	 .help = "both FINs acknowledged, or reset"},
	{.name = "cause",
	 .kind = OPTION_CHOICE,
	 .value = "CAUSE",
	 .choices = causes,
	 .offset = FIELD(cause),
	 .help = "reset for this likely cause: port_closed, half_open, data_after_close, "
		 "no_such_connection, retransmission_failure, keepalive_failure, idle_timeout, "
		 "unread_data, application_abort"},
	{.name = "stage",
	 .kind = OPTION_CHOICE,
	 .value = "STAGE",
	 .choices = stages,
	 .offset = FIELD(stage),
	 .help = "reset at this stage: syn, established_no_data, after_first_data, established, "
		 "fin_wait_1, fin_wait_2, close_wait, closing, last_ack"},
	{.name = "reset-by",
	 .kind = OPTION_CHOICE,
	 .value = "END",
	 .choices = ends,
	 .offset = FIELD(reset_by),
	 .help = "reset by: initiator, responder"},
	{.name = "injected",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(injected),
	 .help = "with a reset that looks injected"},
	{.name = "time-wait",
	 .kind = OPTION_CHOICE,
	 .value = "CHECK",
	 .choices = time_waits,
	 .offset = FIELD(time_wait),
	 .help = "whose TIME_WAIT was: held, unverified, reused_ok, reused_early, cut_short, "
		 "assassinated, not_applicable"},
	{.name = "state",
	 .kind = OPTION_CHOICE,
	 .value = "STATE",
	 .choices = states,
	 .offset = FIELD(state),
	 .help = "Zeek's conn_state: S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, "
		 "OTH"},
	{.name = "finding",
	 .kind = OPTION_TEXT,
	 .value = "CODE",
	 .offset = FIELD(finding),
	 .help = "has this finding, such as close-wait-stuck"},
	{.name = "severity",
	 .kind = OPTION_CHOICE,
	 .value = "LEVEL",
	 .choices = severities,
	 .offset = FIELD(severity),
	 .help = "has a finding of this severity or a worse one: info, warning, error"},
	{.name = "host",
	 .kind = OPTION_TEXT,
	 .value = "ADDRESS",
	 .offset = FIELD(host),
	 .help = "either end has this address, or is in this prefix (10.0.0.0/8, 2001:db8::/32)"},
	{.name = "port",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(port),
	 .low = 0,
	 .high = 65535,
	 .help = "either end has this port; with --host, that end"},
	{.name = "client",
	 .kind = OPTION_TEXT,
	 .value = "ADDRESS",
	 .offset = FIELD(client),
	 .help = "the initiator has this address, or is in this prefix"},
	{.name = "server",
	 .kind = OPTION_TEXT,
	 .value = "ADDRESS",
	 .offset = FIELD(server),
	 .help = "the responder has this address, or is in this prefix"},
	{.name = "server-port",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(server_port),
	 .low = 0,
	 .high = 65535,
	 .help = "the responder has this port"},
	{.name = "application",
	 .kind = OPTION_TEXT,
	 .value = "NAME",
	 .offset = FIELD(application),
	 .help = "nDPI's name of it, whole or one part: TLS, Google, TLS.Google; or its category"},
	{.name = "server-name",
	 .kind = OPTION_TEXT,
	 .value = "TEXT",
	 .offset = FIELD(server_name),
	 .help = "the name asked for in TLS (SNI) or HTTP contains this"},
	{.name = "contains",
	 .kind = OPTION_TEXT,
	 .value = "TEXT",
	 .offset = FIELD(contains),
	 .help = "one of its streams contains this, or the bytes hex:0a0b0c; 'analyze --mark' must "
		 "have looked for it"},
	{.name = "capture",
	 .kind = OPTION_TEXT,
	 .value = "FILE",
	 .offset = FIELD(capture),
	 .help = "from this capture, as it was named for analyze"},
	{.name = "vlan",
	 .kind = OPTION_COUNT,
	 .value = "ID",
	 .offset = FIELD(vlan),
	 .low = 0,
	 .high = 4095,
	 .help = "in this VLAN (the outer tag)"},
	{.name = "tunnel",
	 .kind = OPTION_TEXT,
	 .value = "TEXT",
	 .offset = FIELD(tunnel),
	 .help = "in a tunnel whose description has this text, such as 'vni 42'"},
	{.name = "midstream",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(midstream),
	 .help = "begun before the capture"},
	{.name = "since",
	 .kind = OPTION_TIME,
	 .value = "TIME",
	 .offset = FIELD(since_ns),
	 .help = "first segment at or after: 2024-05-01T10:00:00Z (UTC without a zone), or seconds "
		 "since 1970"},
	{.name = "until",
	 .kind = OPTION_TIME,
	 .value = "TIME",
	 .offset = FIELD(until_ns),
	 .help = "first segment before"},
	{.name = "min-duration",
	 .kind = OPTION_DURATION,
	 .value = "TIME",
	 .offset = FIELD(min_ns),
	 .help = "from first to last segment this long or longer: 5, 500ms, 2m"},
	{.name = "max-duration",
	 .kind = OPTION_DURATION,
	 .value = "TIME",
	 .offset = FIELD(max_ns),
	 .help = "not longer than this"},
	{.name = "community-id",
	 .kind = OPTION_TEXT,
	 .value = "ID",
	 .offset = FIELD(community_id),
	 .help = "with this Community ID, from Zeek's or Suricata's logs"},
	{.name = "open",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(open),
	 .help = "instead: connections that go on while 'lastack monitor' runs, with the state of "
		 "both ends, a few seconds old"},
	{.name = "by",
	 .kind = OPTION_CHOICE,
	 .value = "GROUP",
	 .choices = groups,
	 .offset = FIELD(by),
	 .help = "one row a group instead, with counts and durations (50th, 90th, 99th percentile, "
		 "longest): host, client, server, application, teardown, closer, cause, state, "
		 "hour"},
	{.name = "limit",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(limit),
	 .help = "at most so many rows, the earliest (table: 100, else all; 0: all)"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = FIELD(format),
	 .help = "table (a readable choice of columns), json (one object a line), csv; these two "
		 "have all columns and the Community ID, times in nanoseconds"},
	{.name = "sql",
	 .kind = OPTION_TEXT,
	 .value = "STATEMENT",
	 .offset = FIELD(sql),
	 .help = "the rows of a statement of your own that only reads, instead of the filters"},
	{.name = "no-sandbox",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(no_sandbox),
	 .help = "keep all rights while reading what may be hostile: for debuggers, valgrind and "
		 "the like"},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = FIELD(quiet),
	 .help = "no remarks, only rows and errors"},
};

const struct option_table query_option_table = {
	.command = "lastack query", .specs = specs, .count = sizeof(specs) / sizeof(specs[0])};

void query_usage(FILE *out)
{
	fputs("Usage: lastack query [OPTION...] [DATABASE]\n"
	      "\n"
	      "Lists connections, the earliest first. All filters given must hold.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&query_option_table, out);
	fputs("\n"
	      "Examples:\n"
	      "  lastack query --teardown rst_abort --host 10.0.0.0/8\n"
	      "  lastack query --finding close-wait-stuck --format csv > stuck.csv\n"
	      "  lastack query --open\n"
	      "  lastack query --by server --severity warning\n"
	      "  lastack query --sql 'SELECT closer, count(*) FROM teardowns GROUP BY 1'\n",
	      out);
}

static bool check_finding(const char *code, struct error *err)
{
	const char *names[FINDING_CODES + 1] = {NULL};
	const char *meant;

	if (!code || finding_code_of(code) != FINDING_CODES)
		return true;
	for (int i = 0; i < FINDING_CODES; i++)
		names[i] = finding_kind((enum finding_code)i)->code;
	meant = options_suggest(code, names);
	return error_set(err, "--finding: '%s' is no finding's code; %s%s%s", code,
			 meant ? "did you mean '" : "one is ", meant ? meant : names[0],
			 meant ? "'?" : "");
}

static const char *choice(const char *const *words, int index)
{
	return index < 0 ? NULL : words[index];
}

static struct query_filter filter_of(const struct query_options *o)
{
	return (struct query_filter){
		.teardown = choice(teardowns, o->teardown),
		.closer = choice(closers, o->closer),
		.end_reason = choice(end_reasons, o->end_reason),
		.time_wait = choice(time_waits, o->time_wait),
		.rst_by = choice(ends, o->reset_by),
		.rst_stage = choice(stages, o->stage),
		.rst_cause = choice(causes, o->cause),
		.conn_state = choice(states, o->state),
		.finding = o->finding,
		.severity = choice(severities, o->severity),
		.host = o->host,
		.client = o->client,
		.server = o->server,
		.application = o->application,
		.server_name = o->server_name,
		.contains = o->contains,
		.capture = o->capture,
		.tunnel = o->tunnel,
		.community_id = o->community_id,
		.has_port = o->port != UNSET_COUNT,
		.port = (uint16_t)o->port,
		.has_server_port = o->server_port != UNSET_COUNT,
		.server_port = (uint16_t)o->server_port,
		.has_vlan = o->vlan != UNSET_COUNT,
		.vlan = (uint16_t)o->vlan,
		.incomplete = o->incomplete,
		.complete = o->complete,
		.midstream = o->midstream,
		.injected = o->injected,
		.has_since = o->since_ns != UNSET_NS,
		.since_ns = o->since_ns,
		.has_until = o->until_ns != UNSET_NS,
		.until_ns = o->until_ns,
		.has_min_duration = o->min_ns != UNSET_NS,
		.min_duration_ns = o->min_ns,
		.has_max_duration = o->max_ns != UNSET_NS,
		.max_duration_ns = o->max_ns,
	};
}

bool query_options_filtered(const struct query_options *o)
{
	return o->teardown >= 0 || o->closer >= 0 || o->end_reason >= 0 || o->cause >= 0 ||
	       o->stage >= 0 || o->reset_by >= 0 || o->state >= 0 || o->time_wait >= 0 ||
	       o->severity >= 0 || o->finding || o->host || o->client || o->server ||
	       o->application || o->server_name || o->contains || o->capture || o->tunnel ||
	       o->community_id || o->port != UNSET_COUNT || o->server_port != UNSET_COUNT ||
	       o->vlan != UNSET_COUNT || o->since_ns != UNSET_NS || o->until_ns != UNSET_NS ||
	       o->min_ns != UNSET_NS || o->max_ns != UNSET_NS || o->incomplete || o->complete ||
	       o->midstream || o->injected;
}

bool query_options_check(const struct query_options *o, struct error *err)
{
	if (o->sql && query_options_filtered(o))
		return error_set(err,
				 "--sql takes no filters beside it; put them into the statement");
	if (o->sql && o->by >= 0)
		return error_set(err, "--sql groups by itself: --by cannot stand beside it");
	if (o->open && (o->sql || o->by >= 0 || query_options_filtered(o)))
		return error_set(err,
				 "--open takes no filters beside it; --sql can filter the table "
				 "open_connections");
	if (o->incomplete && o->complete)
		return error_set(err, "--complete and --incomplete exclude each other");
	return check_finding(o->finding, err);
}

/* The clock in milliseconds is as fine as a dwell needs to be. */
#define NOW_NS "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000"

static const char open_sql[] =
	"SELECT initiator_ip, initiator_port, responder_ip, responder_port, state_initiator,"
	" state_responder, vlan, tunnel, midstream, first_ns, last_ns, packets_initiator,"
	" packets_responder, bytes_initiator, bytes_responder, teardown, capture, as_of_ns,"
	" max(as_of_ns, now_ns) - since_initiator_ns AS dwell_initiator_ns,"
	" max(as_of_ns, now_ns) - since_responder_ns AS dwell_responder_ns"
	" FROM open_connections, (SELECT " NOW_NS " AS now_ns) ORDER BY first_ns";

sqlite3_stmt *query_options_prepare(struct store *store, const struct query_options *options,
				    uint64_t limit, struct error *err)
{
	struct query_filter filter = filter_of(options);
	sqlite3_stmt *statement;
	uint8_t *bytes = NULL;

	/* one more, to see whether the limit cuts */
	filter.limit = limit == 0 || limit >= INT64_MAX ? 0 : limit + 1;
	if (options->sql) {
		store_allow_all_steps(store);
		return query_prepare_sql(store, options->sql, err);
	}
	if (options->open)
		return query_prepare_sql(store, open_sql, err);
	if (options->contains &&
	    !value_bytes(options->contains, &bytes, &filter.contains_length, err)) {
		error_prefix(err, "--contains");
		return NULL;
	}
	filter.contains_bytes = bytes;
	if (options->by >= 0)
		statement = query_prepare_groups(store, &filter, (enum query_group)options->by,
						 err);
	else
		statement = query_prepare(store, &filter, err);
	free(bytes);
	return statement;
}

struct query_options query_options_defaults(void)
{
	return (struct query_options){
		.teardown = -1,
		.closer = -1,
		.end_reason = -1,
		.cause = -1,
		.stage = -1,
		.reset_by = -1,
		.state = -1,
		.time_wait = -1,
		.severity = -1,
		.by = -1,
		.port = UNSET_COUNT,
		.server_port = UNSET_COUNT,
		.vlan = UNSET_COUNT,
		.limit = UNSET_COUNT,
		.since_ns = UNSET_NS,
		.until_ns = UNSET_NS,
		.min_ns = UNSET_NS,
		.max_ns = UNSET_NS,
	};
}

enum options_result query_options_parse(int argc, char **argv, struct query_options *o,
					struct operands *operands, struct error *err)
{
	enum options_result result;

	*o = query_options_defaults();
	result = options_parse(&query_option_table, argc, argv, o, operands, err);
	if (result == OPTIONS_DONE && !query_options_check(o, err))
		return OPTIONS_MISUSE;
	return result;
}
