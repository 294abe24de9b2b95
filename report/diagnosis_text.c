/* Diagnoses for a terminal. */
#include <inttypes.h>
#include <string.h>

#include "report/diagnosis_report.h"
#include "report/format.h"

enum { BRIEF_MAX = 8, LOADS_SHOWN = 3, TITLE_COLUMNS = 44, BAR_COLUMNS = 30 };

const char *endpoint_text(char *out, size_t size, const char *address, uint16_t port)
{
	if (port == 0)
		snprintf(out, size, "%s", address);
	else
		snprintf(out, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
	return out;
}

static void tell_severity(const struct page *page, enum severity severity)
{
	static const enum ink ink[SEVERITIES] = {
		[SEVERITY_INFO] = INK_CYAN,
		[SEVERITY_WARNING] = INK_YELLOW,
		[SEVERITY_ERROR] = INK_RED,
	};

	fputs("  ", page->out);
	page_ink(page, ink[severity], severity_name(severity));
	fprintf(page->out, "%*s", 8 - (int)strlen(severity_name(severity)), "");
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* What, how many, where and since when, in two lines each; remarks are left to the diagnoses. */
void diagnoses_brief(const struct page *page, const struct diagnoses *diagnoses)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE], since[FORMAT_SIZE];
	size_t shown = 0, more = 0;

	page_heading(page, "What ends badly, worst first");
	for (size_t i = 0; i < diagnoses->count; i++) {
		const struct diagnosis *d = &diagnoses->items[i];
		char who[96] = "many hosts";

		if (d->severity == SEVERITY_INFO)
			continue;
		if (shown == BRIEF_MAX) {
			more++;
			continue;
		}
		shown++;
		if (d->party_count > 0)
			endpoint_text(who, sizeof(who), d->parties[0].address, d->parties[0].port);
		tell_severity(page, d->severity);
		page_title(page, 10, d->kind->title);
		page_wrap(page, 10, "%s connection%s (%s)%s%s%s, since %s",
			  format_count(count, d->connections), plural(d->connections),
			  format_share(share, d->connections, d->of),
			  d->parties_total > 1 ? ", first of all " : ", ", who,
			  d->silence_ns != NONE_NS ? ", always after the same silence" : "",
			  d->since_ns == NONE_NS ? "?" : format_time(since, d->since_ns));
	}
	if (more > 0)
		page_wrap(page, 2, "and %s more, below", format_count(count, more));
	if (shown == 0)
		page_wrap(page, 2, "Nothing above the level of a remark.");
}

/* The series as one character an interval. */
static void tell_series(const struct page *page, const struct diagnosis_series *series)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char marks[] = " .:-=+*#@";
	char step[FORMAT_SIZE], most_text[FORMAT_SIZE];
	uint64_t most = 0;

	for (size_t i = 0; i < series->buckets; i++)
		most = series->count[i] > most ? series->count[i] : most;
	if (series->buckets < 2 || most == 0)
		return;
	fputs("    ", page->out);
	page_ink(page, INK_DIM, "Over time:");
	fputs(" |", page->out);
	for (size_t i = 0; i < series->buckets; i++) {
		uint64_t height = (series->count[i] * 8 + most - 1) / most;

		if (page->style.unicode)
			fputs(blocks[height], page->out);
		else
			putc(marks[height], page->out);
	}
	fputs("|\n", page->out);
	page_wrap(page, 15, "one mark is %s, the highest %s",
		  format_duration(step, series->step_ns), format_count(most_text, most));
}

static void tell_parties(const struct page *page, const struct diagnosis *d)
{
	char name[96], count[FORMAT_SIZE], of[FORMAT_SIZE];

	for (size_t i = 0; i < d->party_count; i++) {
		const struct diagnosis_party *party = &d->parties[i];
		bool counted = party->of > 0;

		page_label(page, 4, i == 0 ? "Who:" : "    ", "%s%s%s%s: %s%s%s%s%s",
			   endpoint_text(name, sizeof(name), party->address, party->port),
			   party->application ? " (" : "",
			   party->application ? party->application : "",
			   party->application ? ")" : "", format_count(count, party->connections),
			   counted ? " of its " : "", counted ? format_count(of, party->of) : "",
			   party->clients ? ", mostly from " : "",
			   party->clients ? party->clients : "");
	}
	if (d->parties_total > d->party_count)
		page_wrap(page, 9, "and %s more",
			  format_count(count, d->parties_total - d->party_count));
}

static void tell_when(const struct page *page, const struct diagnosis *d)
{
	char since[FORMAT_SIZE], until[FORMAT_SIZE];

	if (d->since_ns == NONE_NS || d->since_ns > d->until_ns)
		return;
	if (d->since_ns == d->until_ns) {
		page_label(page, 4, "When:", "%s", format_time(since, d->since_ns));
		return;
	}
	page_label(page, 4, "Since:", "%s, last at %s", format_time(since, d->since_ns),
		   format_time(until, d->until_ns));
	tell_series(page, &d->over_time);
}

/* The first one in full, the others by their number. */
static void tell_examples(const struct page *page, const struct diagnosis *d)
{
	const struct diagnosis_example *e = &d->examples[0];
	char initiator[96], responder[96], packet[48] = "";
	const char *family;

	if (d->example_count == 0)
		return;
	family = strchr(e->initiator_ip, ':') ? "ipv6" : "ip";
	endpoint_text(initiator, sizeof(initiator), e->initiator_ip, e->initiator_port);
	endpoint_text(responder, sizeof(responder), e->responder_ip, e->responder_port);
	if (e->packet > 0)
		snprintf(packet, sizeof(packet), "packet %" PRIu64 " of ", e->packet);
	page_label(page, 4, "Evidence:", "connection %" PRId64 ", %s to %s, %s%s: %s",
		   e->connection_id, initiator, responder, packet, e->capture, e->detail);
	page_paste(page, 4, "%s.addr==%s && %s.addr==%s && tcp.port==%u && tcp.port==%u", family,
		   e->initiator_ip, family, e->responder_ip, e->initiator_port, e->responder_port);
	if (d->example_count == 2)
		page_label(page, 4, "Also:", "connection %" PRId64, d->examples[1].connection_id);
	if (d->example_count == 3)
		page_label(page, 4, "Also:", "connections %" PRId64 " and %" PRId64,
			   d->examples[1].connection_id, d->examples[2].connection_id);
}

static void tell_diagnosis(const struct page *page, const struct diagnosis *d)
{
	char share[FORMAT_SIZE], count[FORMAT_SIZE], of[FORMAT_SIZE], title[128];

	putc('\n', page->out);
	tell_severity(page, d->severity);
	page_ink(page, INK_BOLD, d->kind->code);
	snprintf(title, sizeof(title), ": %s", d->kind->title);
	page_rest(page, 10, 10 + strlen(d->kind->code), title);
	page_wrap(page, 4, "%s", d->sentence);
	page_label(page, 4, "How many:", "%s of %s %s (%s)", format_count(count, d->connections),
		   format_count(of, d->of), d->of_what, format_share(share, d->connections, d->of));
	tell_parties(page, d);
	tell_when(page, d);
	page_label(page, 4, "Means:", "%s", d->kind->meaning);
	page_label(page, 4, "What to do:", "%s (%s)", d->advice, d->kind->basis);
	tell_examples(page, d);
}

void diagnoses_text(const struct page *page, const struct diagnoses *diagnoses)
{
	page_heading(page, "Diagnoses");
	if (diagnoses->count == 0) {
		page_wrap(page, 2, "None: nothing here ends in a way that asks for more.");
		return;
	}
	page_wrap(page, 2, "The line below the evidence is a Wireshark display filter to paste.");
	for (size_t i = 0; i < diagnoses->count; i++)
		tell_diagnosis(page, &diagnoses->items[i]);
}

void aborts_text(const struct page *page, const struct diagnoses *diagnoses)
{
	static const char *const rows[ABORT_STAGES] = {
		[ABORT_AFTER_SYN] = "after the SYN",
		[ABORT_AFTER_ACK] = "after the handshake",
		[ABORT_AFTER_FIRST_DATA] = "after the first data",
		[ABORT_LATER] = "later",
	};
	int label = page->style.width < 63 ? 20 : 23; /* as in the tallies, where there is room */
	uint64_t any = 0;

	for (int stage = 0; stage < ABORT_STAGES; stage++)
		for (int by = 0; by < ABORT_BYS; by++)
			any += diagnoses->abort[stage][by];
	if (any == 0)
		return;
	page_heading(page, "Ended without FIN: how far, and with what");
	fprintf(page->out, "  %-*s%8s  %8s  %8s  %8s\n", label, "", "RST", "RST|ACK", "several",
		"silence");
	for (int stage = 0; stage < ABORT_STAGES; stage++) {
		fprintf(page->out, "  %-*s", label, rows[stage]);
		for (int by = 0; by < ABORT_BYS; by++) {
			uint64_t n = diagnoses->abort[stage][by];
			char count[FORMAT_SIZE];

			fprintf(page->out, "%s%8s", by > 0 ? "  " : "",
				n > 0 ? format_count(count, n) : "-");
		}
		putc('\n', page->out);
	}
	page_wrap(page, 2,
		  "Several: more than one reset of the same end. Silence: nothing for the last 60 "
		  "s of "
		  "the capture or longer.");
}

void time_wait_text(const struct page *page, const struct diagnoses *diagnoses)
{
	char peak[FORMAT_SIZE], when[FORMAT_SIZE], ports[FORMAT_SIZE], share[FORMAT_SIZE];

	for (size_t i = 0; i < diagnoses->load_count && i < LOADS_SHOWN; i++) {
		const struct time_wait_load *load = &diagnoses->loads[i];

		if (load->initiated == 0)
			page_label(page, 2, "Most at once:", "%s held %s as a server, at %s",
				   load->address, format_count(peak, load->peak),
				   format_time(when, load->peak_ns));
		else
			page_label(page, 2, "Most at once:",
				   "%s held %s, at %s; up to %s port%s bound to one service, %s of "
				   "28,232",
				   load->address, format_count(peak, load->peak),
				   format_time(when, load->peak_ns),
				   format_count(ports, load->peak_ports), plural(load->peak_ports),
				   format_share(share, load->peak_ports, EPHEMERAL_PORTS));
	}
	for (size_t i = 0; i < diagnoses->msl_count && i < LOADS_SHOWN; i++) {
		const struct effective_msl *msl = &diagnoses->msls[i];

		page_label(page, 2, "Effective MSL:",
			   "%s took a tuple again after %s (connection %" PRId64 ")", msl->address,
			   format_duration(peak, msl->shortest_ns), msl->connection_id);
	}
}

/* Bins of the histogram that people think in. */
void silences_text(const struct page *page, const struct diagnoses *diagnoses)
{
	static const struct {
		int64_t below_ns;
		const char *label;
	} bands[] = {
		{INT64_C(10000000), "below 10 ms"},     {INT64_C(1000000000), "10 ms to 1 s"},
		{INT64_C(10000000000), "1 to 10 s"},    {INT64_C(50000000000), "10 to 50 s"},
		{INT64_C(100000000000), "50 to 100 s"}, {INT64_C(400000000000), "100 to 400 s"},
		{INT64_MAX, "400 s and more"},
	};
	const struct silence_histogram *h = &diagnoses->rst_silence;
	size_t bin = 0;

	if (h->total == 0)
		return;
	page_heading(page, "Silence before the resets");
	for (size_t i = 0; i < sizeof(bands) / sizeof(bands[0]); i++) {
		char text[FORMAT_SIZE];
		uint64_t count = 0;

		for (; bin < SILENCE_BINS && silence_bin_ns(bin + 1) <= bands[i].below_ns; bin++)
			count += h->count[bin];
		if (count == 0)
			continue;
		fprintf(page->out, "  %-23s%8s  ", bands[i].label, format_count(text, count));
		page_bar(page, count, h->total, BAR_COLUMNS);
		putc('\n', page->out);
	}
}
