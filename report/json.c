#include "report/report.h"

#include <inttypes.h>
#include <string.h>

#include "report/diagnosis_report.h"
#include "report/format.h"
#include "report/json_writer.h"

enum { REPORT_JSON_VERSION = 1 };

static void tell_capture(struct json *json, const struct summary_capture *capture)
{
	const char *at = capture->linktypes ? capture->linktypes : "";

	json_open_item(json, '{');
	json_key_ns(json, "recording_id", capture->recording_id, true);
	json_key_text(json, "path", capture->path);
	json_key_text(json, "format", capture->format);
	json_open_key(json, "link_types", '[');
	while (*at) {
		size_t length = strcspn(at, "\n");

		json_comma(json);
		write_json(json->out, at, length);
		at += length + (at[length] == '\n');
	}
	json_close(json, ']');
	json_key_count(json, "packets", capture->packets);
	json_key_count(json, "packets_filtered_out", capture->packets_filtered_out);
	json_key_count(json, "bytes", capture->bytes);
	json_key_count(json, "wire_bytes", capture->wire_bytes);
	json_key_count(json, "backwards", capture->backwards);
	json_key_ns(json, "first_ns", capture->first_ns, capture->timed);
	json_key_ns(json, "last_ns", capture->last_ns, capture->timed);
	json_key_text(json, "problem", capture->problem);
	json_close(json, '}');
}

static void tell_settings(struct json *json, const struct summary *summary)
{
	json_open_key(json, "settings", '{');
	json_key_ns(json, "msl_ns", summary->msl_ns, summary->msl_ns != NONE_NS);
	json_key_ns(json, "idle_timeout_ns", summary->idle_timeout_ns,
		    summary->idle_timeout_ns != NONE_NS);
	json_key_ns(json, "stuck_ns", summary->stuck_ns, summary->stuck_ns != NONE_NS);
	json_close(json, '}');
}

static void tell_packets(struct json *json, const struct summary *summary)
{
	const struct summary_counts *counts = &summary->counts;

	json_open_key(json, "packets", '{');
	for (int i = 0; i < DECODE_REASONS; i++)
		json_key_count(json, decode_reason_key((enum decode_reason)i), counts->reason[i]);
	json_close(json, '}');
	json_section(json);
	json_open_key(json, "segments", '{');
	json_key_count(json, "judged", counts->segments);
	json_key_count(json, "duplicates", counts->duplicates);
	json_key_count(json, "tunnelled", counts->tunnelled);
	json_key_count(json, "bad_options", counts->bad_options);
	json_close(json, '}');
	json_section(json);
	json_open_key(json, "fragments", '{');
	json_key_count(json, "seen", counts->fragments);
	json_key_count(json, "datagrams_reassembled", counts->datagrams_reassembled);
	json_key_count(json, "expired", counts->fragments_expired);
	json_close(json, '}');
	json_section(json);
	json_open_key(json, "evicted", '{');
	json_key_count(json, "total", counts->evicted);
	json_key_count(json, "unanswered", counts->evicted_unanswered);
	json_key_count(json, "ended", counts->evicted_ended);
	json_key_count(json, "alive", counts->evicted_alive);
	json_close(json, '}');
}

static void tell_connections(struct json *json, const struct summary *summary)
{
	json_open_key(json, "connections", '{');
	json_key_count(json, "total", summary->connections);
	json_key_count(json, "complete", summary->complete);
	json_key_count(json, "clean", summary->clean);
	json_key_count(json, "midstream", summary->midstream);
	json_key_count(json, "payload_bytes", summary->traffic.bytes);
	json_key_count(json, "retransmitted_segments", summary->traffic.retransmitted);
	json_key_count(json, "missing_bytes", summary->traffic.missing);
	json_close(json, '}');
	json_section(json);
	json_key_tally(json, "teardown", &summary->teardown);
	json_section(json);
	json_key_tally(json, "closer", &summary->closer);
	json_section(json);
	json_key_tally(json, "end_reason", &summary->end_reason);
	json_section(json);
	json_key_tally(json, "fin_check", &summary->fin_check);
	json_section(json);
	json_open_key(json, "time_wait", '{');
	json_key_tally(json, "check", &summary->time_wait_check);
	json_key_tally(json, "holder", &summary->time_wait_holder);
	json_key_count(json, "restarts", summary->traffic.time_wait_restarts);
	json_key_tally(json, "reuse_rule", &summary->reuse_rule);
	json_key_tally(json, "reuse_answer", &summary->reuse_answer);
	json_close(json, '}');
	json_section(json);
	json_open_key(json, "resets", '{');
	json_key_count(json, "accepted", summary->rst_accepted);
	json_key_tally(json, "by", &summary->rst_by);
	json_key_tally(json, "cause", &summary->rst_cause);
	json_key_count(json, "injected", summary->rst_injected);
	json_key_count(json, "in_window", summary->traffic.rst_in_window);
	json_key_count(json, "out_of_window", summary->traffic.rst_out_of_window);
	json_close(json, '}');
}

static void tell_finding(struct json *json, const struct summary_finding *finding)
{
	const struct summary_example *example = &finding->example;

	json_open_item(json, '{');
	json_key_text(json, "code", finding->code);
	json_key_text(json, "severity", severity_name(finding->severity));
	json_key_text(json, "title", finding->title);
	json_key_text(json, "advice", finding->advice);
	json_key_text(json, "basis", finding->basis);
	json_key_count(json, "connections", finding->connections);
	json_key_count(json, "occurrences", finding->occurrences);
	json_open_key(json, "example", '{');
	json_key_ns(json, "connection_id", example->connection_id, true);
	json_key_text(json, "capture", example->capture);
	json_key_text(json, "initiator_ip", example->initiator_ip);
	json_key_count(json, "initiator_port", example->initiator_port);
	json_key_text(json, "responder_ip", example->responder_ip);
	json_key_count(json, "responder_port", example->responder_port);
	json_key_text(json, "side", example->side == SIDE_NONE ? NULL : side_name(example->side));
	json_key_ns(json, "ts_ns", example->ts_ns, true);
	json_key_ns(json, "packet", (int64_t)example->packet, example->packet > 0);
	json_key_text(json, "detail", example->detail);
	json_close(json, '}');
	json_close(json, '}');
}

void report_json(FILE *out, const struct summary *summary, const struct diagnoses *diagnoses,
		 const struct report_origin *origin)
{
	struct json json = {.out = out};
	bool kept = strcmp(origin->database, ":memory:") != 0;

	putc('{', out);
	json_section(&json);
	json_key_count(&json, "version", REPORT_JSON_VERSION);
	json_key_text(&json, "lastack", origin->version);
	json_key_text(&json, "database", kept ? origin->database : NULL);
	json_section(&json);
	tell_settings(&json, summary);
	json_section(&json);
	json_key_count(&json, "recordings", summary->recordings);
	json_open_key(&json, "captures", '[');
	for (size_t i = 0; i < summary->capture_count; i++)
		tell_capture(&json, &summary->captures[i]);
	json_close(&json, ']');
	json_section(&json);
	tell_packets(&json, summary);
	json_section(&json);
	tell_connections(&json, summary);
	json_section(&json);
	json_open_key(&json, "findings", '[');
	for (size_t i = 0; i < summary->finding_count; i++)
		tell_finding(&json, &summary->findings[i]);
	json_close(&json, ']');
	diagnoses_json(&json, diagnoses);
	fputs("\n}\n", out);
}
