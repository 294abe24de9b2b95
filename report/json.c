#include "report/report.h"

#include <inttypes.h>
#include <string.h>

#include "report/format.h"

enum { REPORT_JSON_VERSION = 1 };

/* A place within objects and arrays; a comma is due before the next member. */
struct json {
	FILE *out;
	bool due;
};

static void comma(struct json *json)
{
	if (json->due)
		putc(',', json->out);
	json->due = true;
}

static void text(struct json *json, const char *value)
{
	if (value)
		write_json(json->out, value, strlen(value));
	else
		fputs("null", json->out);
}

static void key(struct json *json, const char *name)
{
	comma(json);
	text(json, name);
	putc(':', json->out);
}

static void open_key(struct json *json, const char *name, char bracket)
{
	key(json, name);
	putc(bracket, json->out);
	json->due = false;
}

static void open_item(struct json *json, char bracket)
{
	comma(json);
	putc(bracket, json->out);
	json->due = false;
}

static void close_with(struct json *json, char bracket)
{
	putc(bracket, json->out);
	json->due = true;
}

static void key_text(struct json *json, const char *name, const char *value)
{
	key(json, name);
	text(json, value);
}

static void key_count(struct json *json, const char *name, uint64_t value)
{
	key(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

static void key_ns(struct json *json, const char *name, int64_t value, bool known)
{
	key(json, name);
	if (known)
		fprintf(json->out, "%" PRId64, value);
	else
		fputs("null", json->out);
}

static void key_tally(struct json *json, const char *name, const struct tally *tally)
{
	open_key(json, name, '{');
	for (size_t i = 0; i < tally->count; i++)
		key_count(json, tally->item[i].name, tally->item[i].count);
	close_with(json, '}');
}

/* Top-level members start a line each. */
static void section(struct json *json)
{
	if (json->due)
		putc(',', json->out);
	putc('\n', json->out);
	json->due = false;
}

static void tell_capture(struct json *json, const struct summary_capture *capture)
{
	const char *at = capture->linktypes ? capture->linktypes : "";

	open_item(json, '{');
	key_ns(json, "recording_id", capture->recording_id, true);
	key_text(json, "path", capture->path);
	key_text(json, "format", capture->format);
	open_key(json, "link_types", '[');
	while (*at) {
		size_t length = strcspn(at, "\n");

		comma(json);
		write_json(json->out, at, length);
		at += length + (at[length] == '\n');
	}
	close_with(json, ']');
	key_count(json, "packets", capture->packets);
	key_count(json, "packets_filtered_out", capture->packets_filtered_out);
	key_count(json, "bytes", capture->bytes);
	key_count(json, "wire_bytes", capture->wire_bytes);
	key_count(json, "backwards", capture->backwards);
	key_ns(json, "first_ns", capture->first_ns, capture->timed);
	key_ns(json, "last_ns", capture->last_ns, capture->timed);
	key_text(json, "problem", capture->problem);
	close_with(json, '}');
}

static void tell_settings(struct json *json, const struct summary *summary)
{
	open_key(json, "settings", '{');
	key_ns(json, "msl_ns", summary->msl_ns, summary->msl_ns != NONE_NS);
	key_ns(json, "idle_timeout_ns", summary->idle_timeout_ns,
	       summary->idle_timeout_ns != NONE_NS);
	key_ns(json, "stuck_ns", summary->stuck_ns, summary->stuck_ns != NONE_NS);
	close_with(json, '}');
}

static void tell_packets(struct json *json, const struct summary *summary)
{
	const struct summary_counts *counts = &summary->counts;

	open_key(json, "packets", '{');
	for (int i = 0; i < DECODE_REASONS; i++)
		key_count(json, decode_reason_key((enum decode_reason)i), counts->reason[i]);
	close_with(json, '}');
	section(json);
	open_key(json, "segments", '{');
	key_count(json, "judged", counts->segments);
	key_count(json, "duplicates", counts->duplicates);
	key_count(json, "tunnelled", counts->tunnelled);
	key_count(json, "bad_options", counts->bad_options);
	close_with(json, '}');
	section(json);
	open_key(json, "fragments", '{');
	key_count(json, "seen", counts->fragments);
	key_count(json, "datagrams_reassembled", counts->datagrams_reassembled);
	key_count(json, "expired", counts->fragments_expired);
	close_with(json, '}');
	section(json);
	open_key(json, "evicted", '{');
	key_count(json, "total", counts->evicted);
	key_count(json, "unanswered", counts->evicted_unanswered);
	key_count(json, "ended", counts->evicted_ended);
	key_count(json, "alive", counts->evicted_alive);
	close_with(json, '}');
}

static void tell_connections(struct json *json, const struct summary *summary)
{
	open_key(json, "connections", '{');
	key_count(json, "total", summary->connections);
	key_count(json, "complete", summary->complete);
	key_count(json, "clean", summary->clean);
	key_count(json, "midstream", summary->midstream);
	key_count(json, "payload_bytes", summary->traffic.bytes);
	key_count(json, "retransmitted_segments", summary->traffic.retransmitted);
	key_count(json, "missing_bytes", summary->traffic.missing);
	close_with(json, '}');
	section(json);
	key_tally(json, "teardown", &summary->teardown);
	section(json);
	key_tally(json, "closer", &summary->closer);
	section(json);
	key_tally(json, "end_reason", &summary->end_reason);
	section(json);
	key_tally(json, "fin_check", &summary->fin_check);
	section(json);
	open_key(json, "time_wait", '{');
	key_tally(json, "check", &summary->time_wait_check);
	key_tally(json, "holder", &summary->time_wait_holder);
	key_count(json, "restarts", summary->traffic.time_wait_restarts);
	key_tally(json, "reuse_rule", &summary->reuse_rule);
	key_tally(json, "reuse_answer", &summary->reuse_answer);
	close_with(json, '}');
	section(json);
	open_key(json, "resets", '{');
	key_count(json, "accepted", summary->rst_accepted);
	key_tally(json, "by", &summary->rst_by);
	key_tally(json, "cause", &summary->rst_cause);
	key_count(json, "injected", summary->rst_injected);
	key_count(json, "in_window", summary->traffic.rst_in_window);
	key_count(json, "out_of_window", summary->traffic.rst_out_of_window);
	close_with(json, '}');
}

static void tell_finding(struct json *json, const struct summary_finding *finding)
{
	const struct summary_example *example = &finding->example;

	open_item(json, '{');
	key_text(json, "code", finding->code);
	key_text(json, "severity", severity_name(finding->severity));
	key_text(json, "title", finding->title);
	key_text(json, "advice", finding->advice);
	key_text(json, "basis", finding->basis);
	key_count(json, "connections", finding->connections);
	key_count(json, "occurrences", finding->occurrences);
	open_key(json, "example", '{');
	key_ns(json, "connection_id", example->connection_id, true);
	key_text(json, "capture", example->capture);
	key_text(json, "initiator_ip", example->initiator_ip);
	key_count(json, "initiator_port", example->initiator_port);
	key_text(json, "responder_ip", example->responder_ip);
	key_count(json, "responder_port", example->responder_port);
	key_text(json, "side", example->side == SIDE_NONE ? NULL : side_name(example->side));
	key_ns(json, "ts_ns", example->ts_ns, true);
	key_ns(json, "packet", (int64_t)example->packet, example->packet > 0);
	key_text(json, "detail", example->detail);
	close_with(json, '}');
	close_with(json, '}');
}

void report_json(FILE *out, const struct summary *summary, const struct report_origin *origin)
{
	struct json json = {.out = out};
	bool kept = strcmp(origin->database, ":memory:") != 0;

	putc('{', out);
	section(&json);
	key_count(&json, "version", REPORT_JSON_VERSION);
	key_text(&json, "lastack", origin->version);
	key_text(&json, "database", kept ? origin->database : NULL);
	section(&json);
	tell_settings(&json, summary);
	section(&json);
	key_count(&json, "recordings", summary->recordings);
	open_key(&json, "captures", '[');
	for (size_t i = 0; i < summary->capture_count; i++)
		tell_capture(&json, &summary->captures[i]);
	close_with(&json, ']');
	section(&json);
	tell_packets(&json, summary);
	section(&json);
	tell_connections(&json, summary);
	section(&json);
	open_key(&json, "findings", '[');
	for (size_t i = 0; i < summary->finding_count; i++)
		tell_finding(&json, &summary->findings[i]);
	close_with(&json, ']');
	fputs("\n}\n", out);
}
