/* The report as Markdown, for tickets and wikis. */
#include <inttypes.h>
#include <string.h>

#include "report/diagnosis_report.h"
#include "report/format.h"

/* Text in a sentence: what Markdown or HTML would take for markup is escaped. */
static void say(FILE *out, const char *text)
{
	write_markdown(out, text ? text : "", text ? strlen(text) : 0);
}

static void tell_tally(FILE *out, const char *title, const struct tally *tally, uint64_t total)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE];

	if (tally_total(tally) == 0 || total == 0)
		return;
	fprintf(out, "\n## %s\n\n| | connections | share |\n|---|---:|---:|\n", title);
	for (size_t i = 0; i < tally->count; i++) {
		if (tally->item[i].count == 0 || strcmp(tally->item[i].name, "not_applicable") == 0)
			continue;
		fprintf(out, "| `%s` | %s | %s |\n", tally->item[i].name,
			format_count(count, tally->item[i].count),
			format_share(share, tally->item[i].count, total));
	}
}

static void tell_read(FILE *out, const struct summary *summary)
{
	char packets[FORMAT_SIZE], first[FORMAT_SIZE], last[FORMAT_SIZE], count[FORMAT_SIZE];

	fputs("\n| capture | packets | first | last |\n|---|---:|---|---|\n", out);
	for (size_t i = 0; i < summary->capture_count; i++) {
		const struct summary_capture *c = &summary->captures[i];

		fputs("| ", out);
		say(out, c->path);
		fprintf(out, " | %s | %s | %s |\n", format_count(packets, c->packets),
			c->timed ? format_time(first, c->first_ns) : "-",
			c->timed ? format_time(last, c->last_ns) : "-");
	}
	for (size_t i = 0; i < summary->capture_count; i++) {
		if (!summary->captures[i].problem)
			continue;
		fputs("\n**Damage:** ", out);
		say(out, summary->captures[i].problem);
		putc('\n', out);
	}
	fprintf(out, "\n%s TCP connections.\n", format_count(count, summary->connections));
}

static void tell_brief(FILE *out, const struct diagnoses *diagnoses)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE], name[96];

	if (diagnoses->count == 0) {
		fputs("\nNothing here ends in a way that asks for more.\n", out);
		return;
	}
	fputs("\n| severity | diagnosis | connections | share | first of all at |\n"
	      "|---|---|---:|---:|---|\n",
	      out);
	for (size_t i = 0; i < diagnoses->count; i++) {
		const struct diagnosis *d = &diagnoses->items[i];

		fprintf(out, "| %s | `%s` %s | %s | %s | ", severity_name(d->severity),
			d->kind->code, d->kind->title, format_count(count, d->connections),
			format_share(share, d->connections, d->of));
		if (d->party_count > 0)
			say(out, endpoint_text(name, sizeof(name), d->parties[0].address,
					       d->parties[0].port));
		fputs(" |\n", out);
	}
}

static void tell_parties(FILE *out, const struct diagnosis *d)
{
	char name[96], count[FORMAT_SIZE], of[FORMAT_SIZE];

	fputs("- **Who:** ", out);
	for (size_t i = 0; i < d->party_count; i++) {
		const struct diagnosis_party *p = &d->parties[i];

		if (i > 0)
			fputs("; ", out);
		say(out, endpoint_text(name, sizeof(name), p->address, p->port));
		if (p->application) {
			fputs(" (", out);
			say(out, p->application);
			putc(')', out);
		}
		fprintf(out, ": %s%s%s", format_count(count, p->connections),
			p->of > 0 ? " of its " : "", p->of > 0 ? format_count(of, p->of) : "");
		if (p->clients) {
			fputs(", mostly from ", out);
			say(out, p->clients);
		}
	}
	if (d->parties_total > d->party_count)
		fprintf(out, "; and %s more",
			format_count(count, d->parties_total - d->party_count));
	putc('\n', out);
}

static void tell_examples(FILE *out, const struct diagnosis *d)
{
	for (size_t i = 0; i < d->example_count; i++) {
		const struct diagnosis_example *e = &d->examples[i];
		char initiator[96], responder[96];

		endpoint_text(initiator, sizeof(initiator), e->initiator_ip, e->initiator_port);
		endpoint_text(responder, sizeof(responder), e->responder_ip, e->responder_port);
		fprintf(out, "- **Evidence:** connection %" PRId64 ", ", e->connection_id);
		say(out, initiator);
		fputs(" to ", out);
		say(out, responder);
		if (e->packet > 0)
			fprintf(out, ", packet %" PRIu64 " of ", e->packet);
		else
			fputs(", ", out);
		say(out, e->capture);
		fputs(": ", out);
		say(out, e->detail);
		putc('\n', out);
	}
}

static void tell_diagnosis(FILE *out, const struct diagnosis *d)
{
	char since[FORMAT_SIZE], until[FORMAT_SIZE], count[FORMAT_SIZE], of[FORMAT_SIZE];
	char share[FORMAT_SIZE];

	fprintf(out, "\n### %s: %s (`%s`)\n\n", severity_name(d->severity), d->kind->title,
		d->kind->code);
	say(out, d->sentence);
	fprintf(out, "\n\n- **How many:** %s of %s %s (%s)\n", format_count(count, d->connections),
		format_count(of, d->of), d->of_what, format_share(share, d->connections, d->of));
	tell_parties(out, d);
	if (d->since_ns != NONE_NS && d->since_ns <= d->until_ns)
		fprintf(out, "- **Since:** %s, last at %s\n", format_time(since, d->since_ns),
			format_time(until, d->until_ns));
	fputs("- **Means:** ", out);
	say(out, d->kind->meaning);
	fputs("\n- **What to do:** ", out);
	say(out, d->advice);
	fprintf(out, " (%s)\n", d->kind->basis);
	tell_examples(out, d);
}

static void tell_aborts(FILE *out, const struct diagnoses *diagnoses)
{
	fputs("\n## Ended without FIN: how far, and with what\n\n"
	      "| | RST | RST\\|ACK | several | silence |\n|---|---:|---:|---:|---:|\n",
	      out);
	for (int stage = 0; stage < ABORT_STAGES; stage++) {
		char count[FORMAT_SIZE];

		fprintf(out, "| `%s` |", abort_stage_name((enum abort_stage)stage));
		for (int by = 0; by < ABORT_BYS; by++)
			fprintf(out, " %s |", format_count(count, diagnoses->abort[stage][by]));
		putc('\n', out);
	}
}

static void tell_findings(FILE *out, const struct summary *summary)
{
	char count[FORMAT_SIZE], connections[FORMAT_SIZE];

	if (summary->finding_count == 0)
		return;
	fputs("\n## Findings\n\n| severity | code | times | connections | |\n"
	      "|---|---|---:|---:|---|\n",
	      out);
	for (size_t i = 0; i < summary->finding_count; i++) {
		const struct summary_finding *f = &summary->findings[i];

		fprintf(out, "| %s | `%s` | %s | %s | ", severity_name(f->severity), f->code,
			format_count(count, f->occurrences),
			format_count(connections, f->connections));
		say(out, f->title);
		fputs(" |\n", out);
	}
}

void report_markdown(FILE *out, const struct summary *summary, const struct diagnoses *diagnoses,
		     const struct report_origin *origin)
{
	fputs("# Teardown report\n", out);
	tell_read(out, summary);
	if (summary->connections > 0) {
		fputs("\n## What ends badly, worst first\n", out);
		tell_brief(out, diagnoses);
		for (size_t i = 0; i < diagnoses->count; i++)
			tell_diagnosis(out, &diagnoses->items[i]);
		tell_tally(out, "How the connections ended", &summary->teardown,
			   summary->connections);
		tell_tally(out, "Who closed first", &summary->closer, summary->connections);
		tell_tally(out, "TIME\\_WAIT", &summary->time_wait_check, summary->connections);
		tell_tally(out, "Resets by cause", &summary->rst_cause,
			   tally_total(&summary->rst_cause));
		tell_aborts(out, diagnoses);
		tell_findings(out, summary);
	}
	fprintf(out, "\nlastack %s", origin->version);
	if (strcmp(origin->database, ":memory:") != 0) {
		fputs(", database ", out);
		say(out, origin->database);
	}
	fputs("\n", out);
}
