/* Diagnoses as members of the JSON report. docs/report-json.md documents them. */
#include <string.h>

#include "report/diagnosis_report.h"

static void tell_series(struct json *json, const char *name, const struct diagnosis_series *series)
{
	json_open_key(json, name, '{');
	json_key_ns(json, "from_ns", series->from_ns, series->buckets > 0);
	json_key_ns(json, "step_ns", series->step_ns, series->buckets > 0);
	json_open_key(json, "count", '[');
	for (size_t i = 0; i < series->buckets; i++) {
		json_comma(json);
		fprintf(json->out, "%llu", (unsigned long long)series->count[i]);
	}
	json_close(json, ']');
	json_close(json, '}');
}

static void tell_party(struct json *json, const struct diagnosis_party *party)
{
	json_open_item(json, '{');
	json_key_text(json, "address", party->address);
	json_key_ns(json, "port", party->port, party->port != 0);
	json_key_text(json, "application", party->application);
	json_key_text(json, "clients", party->clients);
	json_key_count(json, "connections", party->connections);
	json_key_ns(json, "of", (int64_t)party->of, party->of != 0);
	json_close(json, '}');
}

static void tell_example(struct json *json, const struct diagnosis_example *example)
{
	json_open_item(json, '{');
	json_key_ns(json, "connection_id", example->connection_id, true);
	json_key_text(json, "capture", example->capture);
	json_key_text(json, "initiator_ip", example->initiator_ip);
	json_key_count(json, "initiator_port", example->initiator_port);
	json_key_text(json, "responder_ip", example->responder_ip);
	json_key_count(json, "responder_port", example->responder_port);
	json_key_ns(json, "ts_ns", example->ts_ns, true);
	json_key_ns(json, "packet", (int64_t)example->packet, example->packet > 0);
	json_key_text(json, "detail", example->detail);
	json_close(json, '}');
}

static void tell_diagnosis(struct json *json, const struct diagnosis *d)
{
	json_open_item(json, '{');
	json_key_text(json, "code", d->kind->code);
	json_key_text(json, "severity", severity_name(d->severity));
	json_key_text(json, "title", d->kind->title);
	json_key_text(json, "sentence", d->sentence);
	json_key_text(json, "meaning", d->kind->meaning);
	json_key_text(json, "advice", d->advice);
	json_key_text(json, "basis", d->kind->basis);
	json_key_count(json, "connections", d->connections);
	json_key_count(json, "of", d->of);
	json_key_ns(json, "since_ns", d->since_ns, d->since_ns != NONE_NS);
	json_key_ns(json, "until_ns", d->until_ns, d->until_ns != NONE_NS);
	json_key_ns(json, "silence_ns", d->silence_ns, d->silence_ns != NONE_NS);
	tell_series(json, "over_time", &d->over_time);
	json_key_count(json, "parties_total", d->parties_total);
	json_open_key(json, "parties", '[');
	for (size_t i = 0; i < d->party_count; i++)
		tell_party(json, &d->parties[i]);
	json_close(json, ']');
	json_open_key(json, "examples", '[');
	for (size_t i = 0; i < d->example_count; i++)
		tell_example(json, &d->examples[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void tell_aborts(struct json *json, const struct diagnoses *diagnoses)
{
	json_open_key(json, "aborts", '{');
	for (int stage = 0; stage < ABORT_STAGES; stage++) {
		json_open_key(json, abort_stage_name((enum abort_stage)stage), '{');
		for (int by = 0; by < ABORT_BYS; by++)
			json_key_count(json, abort_by_name((enum abort_by)by),
				       diagnoses->abort[stage][by]);
		json_close(json, '}');
	}
	json_close(json, '}');
}

static void tell_load(struct json *json, const struct time_wait_load *load)
{
	json_open_item(json, '{');
	json_key_text(json, "address", load->address);
	json_key_count(json, "held", load->held);
	json_key_count(json, "initiated", load->initiated);
	json_key_count(json, "peak", load->peak);
	json_key_ns(json, "peak_ns", load->peak_ns, true);
	json_key_count(json, "peak_ports", load->peak_ports);
	json_key_count(json, "peak_60s", load->peak_60s);
	tell_series(json, "at_once", &load->at_once);
	json_close(json, '}');
}

static void tell_msl(struct json *json, const struct effective_msl *msl)
{
	json_open_item(json, '{');
	json_key_text(json, "address", msl->address);
	json_key_ns(json, "shortest_ns", msl->shortest_ns, true);
	json_key_count(json, "reuses", msl->reuses);
	json_key_ns(json, "connection_id", msl->connection_id, true);
	json_close(json, '}');
}

/* Empty bins are left out. */
static void tell_silences(struct json *json, const struct silence_histogram *histogram)
{
	json_open_key(json, "rst_silence", '[');
	for (size_t bin = 0; bin < SILENCE_BINS; bin++) {
		if (histogram->count[bin] == 0)
			continue;
		json_open_item(json, '{');
		json_key_ns(json, "from_ns", silence_bin_ns(bin), true);
		json_key_ns(json, "to_ns", silence_bin_ns(bin + 1), bin + 1 < SILENCE_BINS);
		json_key_count(json, "count", histogram->count[bin]);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void diagnoses_json(struct json *json, const struct diagnoses *diagnoses)
{
	json_section(json);
	json_open_key(json, "diagnoses", '[');
	for (size_t i = 0; i < diagnoses->count; i++)
		tell_diagnosis(json, &diagnoses->items[i]);
	json_close(json, ']');
	json_section(json);
	tell_aborts(json, diagnoses);
	json_section(json);
	json_open_key(json, "time_wait_load", '[');
	for (size_t i = 0; i < diagnoses->load_count; i++)
		tell_load(json, &diagnoses->loads[i]);
	json_close(json, ']');
	json_section(json);
	json_open_key(json, "effective_msl", '[');
	for (size_t i = 0; i < diagnoses->msl_count; i++)
		tell_msl(json, &diagnoses->msls[i]);
	json_close(json, ']');
	json_section(json);
	tell_silences(json, &diagnoses->rst_silence);
	json_section(json);
	json_open_key(json, "teardown_over_time", '{');
	for (int i = 0; i < TEARDOWNS; i++)
		tell_series(json, teardown_name((enum teardown)i), &diagnoses->teardown[i]);
	json_close(json, '}');
}
