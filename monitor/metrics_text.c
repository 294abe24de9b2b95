/* The metrics as text. Prometheus' older format differs in three things: families of counters carry
 * _total in their name, there is no UNIT, and no end. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "monitor/metrics.h"

enum { NAME_SIZE = 80 };

#define NS_PER_S INT64_C(1000000000)

struct writer {
	FILE *out;
	bool open;            /* OpenMetrics */
	char name[NAME_SIZE]; /* of the samples of this family */
};

static void family(struct writer *w, const char *name, const char *type, const char *unit,
		   const char *help)
{
	bool counter = strcmp(type, "counter") == 0;

	snprintf(w->name, sizeof(w->name), "lastack_%s%s", name, counter ? "_total" : "");
	if (w->open) {
		fprintf(w->out, "# TYPE lastack_%s %s\n", name, type);
		if (unit)
			fprintf(w->out, "# UNIT lastack_%s %s\n", name, unit);
		fprintf(w->out, "# HELP lastack_%s %s\n", name, help);
	} else {
		fprintf(w->out, "# HELP %s %s\n# TYPE %s %s\n", w->name, help, w->name, type);
	}
}

/* Names of interfaces are what an administrator made them: escaped, and ASCII. */
static void label_value(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else if (*value >= ' ' && *value <= '~')
			putc(*value, out);
		else
			putc('?', out);
	}
}

static void sample(const struct writer *w, uint64_t value)
{
	fprintf(w->out, "%s %" PRIu64 "\n", w->name, value);
}

static void sample_of(const struct writer *w, const char *label, const char *of, uint64_t value)
{
	fprintf(w->out, "%s{%s=\"", w->name, label);
	label_value(w->out, of);
	fprintf(w->out, "\"} %" PRIu64 "\n", value);
}

static void single(struct writer *w, const char *name, const char *type, const char *unit,
		   const char *help, uint64_t value)
{
	family(w, name, type, unit, help);
	sample(w, value);
}

static void seconds(struct writer *w, const char *name, const char *help, int64_t ns)
{
	family(w, name, "gauge", "seconds", help);
	fprintf(w->out, "%s %" PRId64 ".%03d\n", w->name, ns / NS_PER_S,
		(int)(ns % NS_PER_S / 1000000));
}

static void write_capture(struct writer *w, const struct snapshot *s)
{
	family(w, "packets", "counter", NULL, "Packets taken from an interface.");
	for (uint32_t i = 0; i < s->interface_count; i++)
		sample_of(w, "interface", s->interfaces[i].name, s->interfaces[i].packets);
	family(w, "bytes", "counter", "bytes", "Their length on the wire.");
	for (uint32_t i = 0; i < s->interface_count; i++)
		sample_of(w, "interface", s->interfaces[i].name, s->interfaces[i].bytes);
	family(w, "drops", "counter", NULL,
	       "Packets lost: kernel, the socket's buffer was full; interface, its driver says so; "
	       "own, the analysis was too slow.");
	for (uint32_t i = 0; i < s->interface_count; i++)
		for (int drop = 0; drop < BOARD_DROPS; drop++) {
			fprintf(w->out, "%s{interface=\"", w->name);
			label_value(w->out, s->interfaces[i].name);
			fprintf(w->out, "\",place=\"%s\"} %" PRIu64 "\n",
				board_drop_name((enum board_drop)drop),
				s->interfaces[i].drops[drop]);
		}
	family(w, "interface_up", "gauge", NULL, "1 where the interface can be captured on.");
	for (uint32_t i = 0; i < s->interface_count; i++)
		sample_of(w, "interface", s->interfaces[i].name, s->interfaces[i].up);
	family(w, "interface_reopened", "counter", NULL, "Times an interface was opened again.");
	for (uint32_t i = 0; i < s->interface_count; i++)
		sample_of(w, "interface", s->interfaces[i].name, s->interfaces[i].reopened);
}

static void write_analysis(struct writer *w, const struct snapshot *s)
{
	single(w, "analyzed_packets", "counter", NULL, "Packets that were analyzed.", s->packets);
	single(w, "segments", "counter", NULL, "TCP segments in them.", s->segments);
	single(w, "duplicates", "counter", NULL, "Segments that were captured twice.",
	       s->duplicates);
	single(w, "connections", "counter", NULL, "Connections that ended and were judged.",
	       s->connections);
	family(w, "teardowns", "counter", NULL, "Connections by the way they ended.");
	for (int i = 0; i < TEARDOWNS; i++)
		sample_of(w, "teardown", teardown_name((enum teardown)i), s->teardowns[i]);
	family(w, "end_reasons", "counter", NULL, "Connections by what ended their observation.");
	for (int i = 0; i < END_REASONS; i++)
		sample_of(w, "reason", end_reason_name((enum end_reason)i), s->end_reasons[i]);
	family(w, "resets", "counter", NULL, "Connections that were reset, by the cause.");
	for (int i = 1; i < RST_CAUSES; i++)
		sample_of(w, "cause", rst_cause_name((enum rst_cause)i), s->rst_causes[i]);
	family(w, "time_wait_checks", "counter", NULL, "Connections by what became of TIME_WAIT.");
	for (int i = 0; i < TIME_WAIT_CHECKS; i++)
		sample_of(w, "check", time_wait_check_name((enum time_wait_check)i),
			  s->time_wait_checks[i]);
	single(w, "fin_violations", "counter", NULL, "FINs that were not consumed as they must be.",
	       s->fin_violations);
	family(w, "findings", "counter", NULL, "Findings by code.");
	for (int i = 0; i < FINDING_CODES; i++) {
		const struct finding_kind *kind = finding_kind((enum finding_code)i);

		fprintf(w->out, "%s{code=\"%s\",severity=\"%s\"} %" PRIu64 "\n", w->name,
			kind->code, severity_name(kind->severity), s->findings[i]);
	}
	single(w, "alerts", "counter", NULL, "Alerts that began.", s->alerts);
	single(w, "lossy_connections", "counter", NULL,
	       "Connections that were open while packets were lost.", s->lossy_connections);
	single(w, "evicted_connections", "counter", NULL,
	       "Connections forgotten early for want of room.", s->evicted);
	single(w, "clock_steps", "counter", NULL, "Times the machine's clock was set.",
	       s->clock_steps);
}

static void write_gauges(struct writer *w, const struct snapshot *s)
{
	family(w, "open_connections", "gauge", NULL,
	       "Connections that are open, by the state of the end that is further on; opening: "
	       "not yet established.");
	for (int i = 0; i < ENDPOINT_STATES; i++)
		sample_of(w, "state",
			  i == STATE_CLOSED ? "opening"
					    : endpoint_state_name((enum endpoint_state)i),
			  s->open_by_state[i]);
	single(w, "memory_bytes", "gauge", "bytes", "Memory that connections take.", s->memory);
	seconds(w, "last_packet_timestamp_seconds", "Time of the newest packet.",
		s->last_packet_ns);
}

static void write_store(struct writer *w, const struct snapshot *s)
{
	single(w, "store_rows", "counter", NULL, "Connections written to the database.", s->rows);
	single(w, "store_commits", "counter", NULL, "Transactions committed.", s->commits);
	single(w, "store_rows_lost", "counter", NULL,
	       "Connections not written, as too many waited.", s->rows_lost);
	single(w, "store_rows_expired", "counter", NULL, "Connections deleted by retention.",
	       s->rows_expired);
	single(w, "store_backlog_rows", "gauge", NULL, "Connections that wait to be written.",
	       s->backlog);
	single(w, "database_bytes", "gauge", "bytes", "Size of the database.", s->database_bytes);
	family(w, "store_state", w->open ? "stateset" : "gauge", NULL,
	       "How the database takes rows: fine, locked by another, full disk, failed.");
	for (int i = 0; i < BOARD_STORE_STATES; i++)
		sample_of(w, "lastack_store_state",
			  board_store_state_name((enum board_store_state)i),
			  i == (int)s->store_state);
	seconds(w, "last_commit_timestamp_seconds", "Time of the last commit.", s->last_commit_ns);
}

void metrics_write(FILE *out, const struct snapshot *s, enum metrics_format format)
{
	struct writer w = {.out = out, .open = format == METRICS_OPENMETRICS};

	write_capture(&w, s);
	write_analysis(&w, s);
	write_gauges(&w, s);
	write_store(&w, s);
	seconds(&w, "start_time_seconds", "When the run began.", s->started_ns);
	if (w.open)
		fputs("# TYPE lastack_build info\n# HELP lastack_build The program's version.\n",
		      out);
	else
		fputs("# HELP lastack_build_info The program's version.\n"
		      "# TYPE lastack_build_info gauge\n",
		      out);
	fputs("lastack_build_info{version=\"" LASTACK_VERSION "\"} 1\n", out);
	if (w.open)
		fputs("# EOF\n", out);
}

/* Prometheus names the format it likes best; a quality of 0 would be a refusal, which nobody sends. */
enum metrics_format metrics_format_of(const char *accept)
{
	return accept && strcasestr(accept, "application/openmetrics-text") ? METRICS_OPENMETRICS
									    : METRICS_PROMETHEUS;
}
