#include "report/report.h"

#include <string.h>

#include "report/advice.h"
#include "report/diagnosis_report.h"
#include "report/format.h"
#include "report/page.h"

enum { CAPTURES_SHOWN = 12, NAME_COLUMNS = 23 };
/* Where a line of a tally has its phrase and its bar, and from which width on it has a bar. */
enum { PHRASE_COLUMN = 45, BAR_COLUMN = PHRASE_COLUMN + 37, BAR_FROM_WIDTH = BAR_COLUMN + 10 };

/* What a value means, in at most 37 columns, so that a line fits 80. */
struct meaning {
	const char *name, *phrase;
};

static const struct meaning teardown_meaning[] = {
	{"stray", "resets without a connection"},
	{"refused", "SYN answered by a reset"},
	{"unanswered", "SYN without any answer"},
	{"handshake_aborted", "reset during the handshake"},
	{"handshake_incomplete", "the handshake was never finished"},
	{"rst_abort", "reset without any FIN"},
	{"rst_after_fin", "reset while closing"},
	{"four_way", "FIN, ACK, FIN, ACK"},
	{"three_segment", "the second FIN carried the ACK"},
	{"simultaneous", "both FINs crossed"},
	{"half_closed", "one end closed, the other never did"},
	{"fin_unanswered", "one FIN, never acknowledged"},
	{"open", "neither FIN nor reset captured"},
	{NULL, NULL},
};

static const struct meaning closer_meaning[] = {
	{"initiator", "the end that opened it (client)"},
	{"responder", "the end that was called (server)"},
	{"both", "at the same time"},
	{"none", "neither FIN nor accepted reset"},
	{NULL, NULL},
};

static const struct meaning fin_meaning[] = {
	{"ok", "consumed exactly one number"},
	{"violated", "see the findings"},
	{"unverified", "no ACK for it captured"},
	{NULL, NULL},
};

static const struct meaning time_wait_meaning[] = {
	{"held", "watched for all of 2MSL"},
	{"unverified", "not watched for all of 2MSL"},
	{"reused_ok", "new SYN, allowed by RFC 6191"},
	{"assassinated", "hit by a late reset, RFC 1337"},
	{"reused_early", "new SYN, not allowed by RFC 6191"},
	{"cut_short", "its holder had forgotten it early"},
	{NULL, NULL},
};

static const struct meaning cause_meaning[] = {
	{"port_closed", "nothing listens on the port"},
	{"half_open", "SYN|ACK answered by a reset: a scan?"},
	{"data_after_close", "data came for a closed socket"},
	{"no_such_connection", "its sender knew no such connection"},
	{"retransmission_failure", "retransmissions went unanswered"},
	{"keepalive_failure", "keep-alive probes went unanswered"},
	{"idle_timeout", "after 60 s or more of silence"},
	{"unread_data", "closed with data unread"},
	{"application_abort", "aborted by application or system"},
	{NULL, NULL},
};

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static const char *phrase_of(const struct meaning *meanings, const char *name)
{
	for (; meanings->name; meanings++) {
		if (strcmp(meanings->name, name) == 0)
			return meanings->phrase;
	}
	return "";
}

static void tally_line(const struct page *page, const struct tally_item *item, uint64_t total,
		       const char *phrase)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE];
	unsigned width = page->style.width;
	unsigned bar = width >= BAR_FROM_WIDTH ? width - BAR_COLUMN : 0;

	format_count(count, item->count);
	format_share(share, item->count, total);
	if (width < PHRASE_COLUMN + strlen(phrase)) { /* the phrase goes below */
		fprintf(page->out, "  %-*s%7s %7s\n", NAME_COLUMNS - 1, item->name, count, share);
		page_wrap(page, 4, "%s", phrase);
		return;
	}
	fprintf(page->out, "  %-*s%8s  %8s  ", NAME_COLUMNS, item->name, count, share);
	fprintf(page->out, bar > 0 ? "%-37s" : "%s", phrase);
	if (bar > 0)
		page_bar(page, item->count, total, bar > 40 ? 40 : bar);
	putc('\n', page->out);
}

/* The values that occurred, the most frequent first, equal ones in their enumeration's order. */
static void tally_table(const struct page *page, const struct tally *tally, uint64_t total,
			const struct meaning *meanings)
{
	bool told[TALLY_MAX] = {false};

	for (size_t round = 0; round < tally->count; round++) {
		const struct tally_item *most = NULL;

		for (size_t i = 0; i < tally->count; i++) {
			if (!told[i] && tally->item[i].count > (most ? most->count : 0) &&
			    *phrase_of(meanings, tally->item[i].name))
				most = &tally->item[i];
		}
		if (!most)
			break;
		told[most - tally->item] = true;
		tally_line(page, most, total, phrase_of(meanings, most->name));
	}
}

/* "initiator 3, responder 200": what occurred of a tally, in its order. */
static const char *tally_list(const struct tally *tally, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < tally->count && used < size; i++) {
		char count[FORMAT_SIZE];

		if (tally->item[i].count > 0)
			used += (size_t)snprintf(out + used, size - used, "%s%s %s",
						 used > 0 ? ", " : "", tally->item[i].name,
						 format_count(count, tally->item[i].count));
	}
	return out;
}

static void tell_capture(const struct page *page, const struct summary_capture *capture)
{
	char packets[FORMAT_SIZE], bytes[FORMAT_SIZE], linktypes[1024] = "";
	const char *at = capture->linktypes ? capture->linktypes : "";
	size_t used = 0;

	while (*at && used < sizeof(linktypes)) {
		int length = (int)strcspn(at, "\n");

		used += (size_t)snprintf(linktypes + used, sizeof(linktypes) - used, ", %.*s",
					 length, at);
		at += length + (at[length] == '\n');
	}
	page_wrap(page, 2, "%s: %s%s, %s packet%s, %s", capture->path,
		  capture->format ? capture->format : "not read", linktypes,
		  format_count(packets, capture->packets), plural(capture->packets),
		  format_bytes(bytes, capture->bytes));
}

static void tell_span(const struct page *page, const struct summary *summary)
{
	char first[FORMAT_SIZE], last[FORMAT_SIZE], span[FORMAT_SIZE];
	int64_t first_ns = INT64_MAX, last_ns = INT64_MIN, length;

	for (size_t i = 0; i < summary->capture_count; i++) {
		const struct summary_capture *capture = &summary->captures[i];

		if (!capture->timed)
			continue;
		first_ns = capture->first_ns < first_ns ? capture->first_ns : first_ns;
		last_ns = capture->last_ns > last_ns ? capture->last_ns : last_ns;
	}
	if (first_ns > last_ns)
		return;
	if (__builtin_sub_overflow(last_ns, first_ns, &length))
		length = INT64_MAX;
	page_label(page, 2, "Time:", "%s to %s (%s)", format_time(first, first_ns),
		   format_time(last, last_ns), format_duration(span, length));
}

static void tell_reasons(const struct page *page, const struct summary *summary, const char *label,
			 enum decode_reason from, enum decode_reason to)
{
	char text[2048];
	size_t used = 0;

	for (int i = (int)from; i <= (int)to && used < sizeof(text); i++) {
		char count[FORMAT_SIZE];

		if (summary->counts.reason[i] > 0)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s: %s",
						 used > 0 ? "; " : "",
						 decode_reason_text((enum decode_reason)i),
						 format_count(count, summary->counts.reason[i]));
	}
	if (used > 0)
		page_label(page, 2, label, "%s", text);
}

static void tell_skipped(const struct page *page, const struct summary *summary)
{
	uint64_t filtered = 0;
	char count[FORMAT_SIZE];

	for (size_t i = 0; i < summary->capture_count; i++)
		filtered += summary->captures[i].packets_filtered_out;
	if (filtered > 0)
		page_label(page, 2, "Filter:", "%s packet%s left out",
			   format_count(count, filtered), plural(filtered));
	tell_reasons(page, summary, "Other traffic:", DECODED_ICMP_ERROR, SKIP_ENCRYPTED);
	tell_reasons(page, summary, "Cut by the snaplen:", SKIP_TRUNCATED_LINK, SKIP_TRUNCATED_TCP);
	tell_reasons(page, summary, "Malformed:", SKIP_BAD_LINK, SKIP_BAD_FRAGMENT);
	tell_reasons(page, summary, "Not followed:", SKIP_TUNNEL_DEPTH, SKIP_LINKTYPE);
}

static void tell_oddities(const struct page *page, const struct summary *summary)
{
	const struct summary_counts *counts = &summary->counts;
	char one[FORMAT_SIZE], two[FORMAT_SIZE], three[FORMAT_SIZE], four[FORMAT_SIZE];
	uint64_t backwards = 0;

	for (size_t i = 0; i < summary->capture_count; i++)
		backwards += summary->captures[i].backwards;
	if (counts->duplicates > 0)
		page_label(page, 2, "Duplicates:", "%s segment%s captured twice, judged once",
			   format_count(one, counts->duplicates), plural(counts->duplicates));
	if (backwards > 0)
		page_label(page, 2, "Clock:", "%s packet%s earlier than the one before",
			   format_count(one, backwards), plural(backwards));
	if (summary->traffic.missing > 0)
		page_label(page, 2, "Missing:", "%s acknowledged but not in the capture",
			   format_bytes(one, summary->traffic.missing));
	if (counts->fragments > 0)
		page_label(page, 2, "Fragments:",
			   "%s, of which %s datagram%s could be put together; %s given up",
			   format_count(one, counts->fragments),
			   format_count(two, counts->datagrams_reassembled),
			   plural(counts->datagrams_reassembled),
			   format_count(three, counts->fragments_expired));
	if (counts->tunnelled > 0)
		page_label(page, 2, "Tunnels:", "%s segment%s found inside",
			   format_count(one, counts->tunnelled), plural(counts->tunnelled));
	if (counts->bad_options > 0)
		page_label(page, 2, "Options:", "%s segment%s with malformed TCP options",
			   format_count(one, counts->bad_options), plural(counts->bad_options));
	if (counts->evicted > 0)
		page_label(page, 2, "Memory bound:",
			   "%s connection%s forgotten early (%s never answered, %s ended, %s "
			   "alive): raise --max-memory or --max-flows",
			   format_count(one, counts->evicted), plural(counts->evicted),
			   format_count(two, counts->evicted_unanswered),
			   format_count(three, counts->evicted_ended),
			   format_count(four, counts->evicted_alive));
}

static void tell_damage(const struct page *page, const struct summary *summary)
{
	char count[FORMAT_SIZE];
	uint64_t damaged = 0;

	for (size_t i = 0; i < summary->capture_count; i++) {
		if (summary->captures[i].problem && damaged++ < CAPTURES_SHOWN)
			page_label(page, 2, "Damage:", "%s", summary->captures[i].problem);
	}
	if (damaged > CAPTURES_SHOWN)
		page_label(page, 2, "Damage:", "... and in %s more files",
			   format_count(count, damaged - CAPTURES_SHOWN));
}

static void tell_read(const struct page *page, const struct summary *summary)
{
	char packets[FORMAT_SIZE], segments[FORMAT_SIZE], connections[FORMAT_SIZE];
	char payload[FORMAT_SIZE], count[FORMAT_SIZE];
	uint64_t total = 0;

	page_heading(page, "What was read");
	for (size_t i = 0; i < summary->capture_count; i++) {
		total += summary->captures[i].packets;
		if (i < CAPTURES_SHOWN)
			tell_capture(page, &summary->captures[i]);
	}
	if (summary->capture_count > CAPTURES_SHOWN)
		page_wrap(page, 2, "... and %s more files",
			  format_count(count, summary->capture_count - CAPTURES_SHOWN));
	tell_span(page, summary);
	page_label(page, 2,
		   "In all:", "%s packet%s; %s TCP segment%s of %s connection%s, %s of payload",
		   format_count(packets, total), plural(total),
		   format_count(segments, summary->counts.segments),
		   plural(summary->counts.segments),
		   format_count(connections, summary->connections), plural(summary->connections),
		   format_bytes(payload, summary->traffic.bytes));
	tell_skipped(page, summary);
	tell_oddities(page, summary);
	tell_damage(page, summary);
}

static void tell_teardowns(const struct page *page, const struct summary *summary)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE], midstream[FORMAT_SIZE];

	page_heading(page, "How the connections ended");
	tally_table(page, &summary->teardown, summary->connections, teardown_meaning);
	page_wrap(page, 2, "Complete, both FINs acknowledged or reset: %s (%s).%s%s%s",
		  format_count(count, summary->complete),
		  format_share(share, summary->complete, summary->connections),
		  summary->midstream > 0 ? " Begun before the capture: " : "",
		  summary->midstream > 0 ? format_count(midstream, summary->midstream) : "",
		  summary->midstream > 0 ? "." : "");
	page_heading(page, "Who closed first");
	tally_table(page, &summary->closer, summary->connections, closer_meaning);
}

static void tell_fins(const struct page *page, const struct summary *summary)
{
	uint64_t fins = tally_total(&summary->fin_check);

	page_heading(page, "FIN sequence checks");
	if (fins == 0)
		page_wrap(page, 2, "No FIN was captured.");
	else
		tally_table(page, &summary->fin_check, fins, fin_meaning);
}

static void tell_time_wait(const struct page *page, const struct summary *summary)
{
	uint64_t entered = tally_total(&summary->time_wait_check) -
			   tally_get(&summary->time_wait_check, "not_applicable");
	struct tally holders = summary->time_wait_holder;
	char list[160], count[FORMAT_SIZE], length[FORMAT_SIZE];
	uint64_t restarts = summary->traffic.time_wait_restarts;

	page_heading(page, "TIME_WAIT");
	if (entered == 0) {
		page_wrap(page, 2, "Nobody was seen entering TIME_WAIT.");
		return;
	}
	tally_table(page, &summary->time_wait_check, entered, time_wait_meaning);
	for (size_t i = 0; i < holders.count; i++) {
		if (strcmp(holders.item[i].name, "none") == 0)
			holders.item[i].count = 0;
	}
	page_wrap(page, 2, "Held by: %s.%s%s%s%s", tally_list(&holders, list, sizeof(list)),
		  restarts > 0 ? " Restarted by a repeated FIN: " : "",
		  restarts > 0 ? format_count(count, restarts) : "", restarts > 0 ? "." : "",
		  summary->msl_ns == NONE_NS ? " 2MSL differs between the recordings." : "");
	if (summary->msl_ns != NONE_NS)
		page_wrap(page, 2, "2MSL is taken as %s (--msl).",
			  format_duration(length, 2 * summary->msl_ns));
}

static void tell_resets(const struct page *page, const struct summary *summary)
{
	const struct summary_traffic *traffic = &summary->traffic;
	char list[160], one[FORMAT_SIZE], two[FORMAT_SIZE];
	uint64_t explained = tally_total(&summary->rst_cause);

	page_heading(page, "Resets by cause");
	if (summary->rst_accepted == 0)
		page_wrap(page, 2, "No connection was ended by a reset.");
	if (explained > 0)
		tally_table(page, &summary->rst_cause, explained, cause_meaning);
	if (summary->rst_accepted > 0)
		page_wrap(page, 2, "Sent by: %s.",
			  tally_list(&summary->rst_by, list, sizeof(list)));
	if (summary->rst_injected > 0)
		page_wrap(page, 2, "Connections with a reset that looks injected: %s.",
			  format_count(one, summary->rst_injected));
	if (traffic->rst_in_window + traffic->rst_out_of_window > 0)
		page_wrap(page, 2, "Resets that ended nothing: %s inside the window, %s outside.",
			  format_count(one, traffic->rst_in_window),
			  format_count(two, traffic->rst_out_of_window));
}

void report_text(FILE *out, const struct style *style, const struct summary *summary,
		 const struct diagnoses *diagnoses, const struct report_origin *origin)
{
	struct page page = {.out = out, .style = *style};

	page_ink(&page, INK_BOLD, "lastack: teardown report");
	putc('\n', out);
	if (summary->connections > 0) {
		diagnoses_brief(&page, diagnoses);
		diagnoses_text(&page, diagnoses);
	}
	tell_read(&page, summary);
	if (summary->connections == 0) {
		page_heading(&page, "How the connections ended");
		page_wrap(&page, 2, "There is no TCP connection in what was read.");
		return;
	}
	tell_teardowns(&page, summary);
	tell_fins(&page, summary);
	tell_time_wait(&page, summary);
	time_wait_text(&page, diagnoses);
	tell_resets(&page, summary);
	silences_text(&page, diagnoses);
	aborts_text(&page, diagnoses);
	advice_findings(&page, summary);
	advice_next(&page, summary, origin);
}
