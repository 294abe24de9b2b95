#include "report/advice.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "report/diagnosis.h"
#include "report/format.h"

enum { PATH_SHELL_SIZE = 4096 };

static void endpoint(char *out, size_t size, const char *address, uint16_t port)
{
	snprintf(out, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
}

static const char *times(char *out, size_t size, uint64_t count)
{
	char digits[FORMAT_SIZE];

	if (count == 1)
		return "once";
	if (count == 2)
		return "twice";
	snprintf(out, size, "%s times", format_count(digits, count));
	return out;
}

enum { CODE_COLUMNS = 25 };

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

static void tell_example(const struct page *page, const struct summary_finding *finding)
{
	const struct summary_example *example = &finding->example;
	const char *family = strchr(example->initiator_ip, ':') ? "ipv6" : "ip";
	char initiator[80], responder[80], packet[48] = "";

	endpoint(initiator, sizeof(initiator), example->initiator_ip, example->initiator_port);
	endpoint(responder, sizeof(responder), example->responder_ip, example->responder_port);
	if (example->packet > 0)
		snprintf(packet, sizeof(packet), ", packet %" PRIu64, example->packet);
	page_label(page, 4, "Such as:", "connection %" PRId64 ", %s to %s%s of %s: %s",
		   example->connection_id, initiator, responder, packet, example->capture,
		   example->detail);
	page_paste(page, 4, "%s.addr==%s && %s.addr==%s && tcp.port==%u && tcp.port==%u", family,
		   example->initiator_ip, family, example->responder_ip, example->initiator_port,
		   example->responder_port);
}

/* As a sentence begins; nDPI stays nDPI. */
static char first_letter(const char *title)
{
	bool name = title[0] != '\0' && isupper((unsigned char)title[1]);

	return name ? title[0] : (char)toupper((unsigned char)title[0]);
}

static void tell_finding(const struct page *page, const struct summary_finding *finding)
{
	char number[FORMAT_SIZE], count[FORMAT_SIZE];

	putc('\n', page->out);
	tell_severity(page, finding->severity);
	page_ink(page, INK_BOLD, finding->code);
	putc('\n', page->out);
	page_wrap(page, 4, "%c%s. Seen %s, on %s connection%s.", first_letter(finding->title),
		  finding->title + (finding->title[0] != '\0'),
		  times(number, sizeof(number), finding->occurrences),
		  format_count(count, finding->connections), finding->connections == 1 ? "" : "s");
	tell_example(page, finding);
	page_label(page, 4, "What to do:", "%s (%s)", finding->advice, finding->basis);
}

/* A line each: those behind diagnoses are told there. */
static void tell_line(const struct page *page, const struct summary_finding *finding)
{
	char count[FORMAT_SIZE], connections[FORMAT_SIZE];
	size_t columns;

	tell_severity(page, finding->severity);
	columns = write_terminal(page->out, finding->code, strlen(finding->code),
				 page->style.unicode);
	fprintf(page->out, "%*s", columns < CODE_COLUMNS ? (int)(CODE_COLUMNS - columns) : 0, "");
	page_wrap(page, 0, "%s on %s connection%s", format_count(count, finding->occurrences),
		  format_count(connections, finding->connections),
		  finding->connections == 1 ? "" : "s");
}

void advice_findings(const struct page *page, const struct summary *summary)
{
	page_heading(page, "Findings, worst first");
	if (summary->finding_count == 0)
		page_wrap(page, 2, "None.");
	for (size_t i = 0; i < summary->finding_count; i++)
		tell_line(page, &summary->findings[i]);
	for (size_t i = 0; i < summary->finding_count; i++)
		if (!diagnosis_covers((enum finding_code)summary->findings[i].code_id))
			tell_finding(page, &summary->findings[i]);
}

/* A word as a POSIX shell takes it. */
static const char *shell_word(const char *text, char *out, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./:,@%+=";
	size_t used = 0;

	if (*text && text[strspn(text, plain)] == '\0')
		return text;
	if (strlen(text) > (size - 3) / 4)
		return "FILE";
	out[used++] = '\'';
	for (; *text; text++) {
		if (*text == '\'') {
			memcpy(out + used, "'\\''", 4);
			used += 4;
		} else {
			out[used++] = *text;
		}
	}
	out[used++] = '\'';
	out[used] = '\0';
	return out;
}

/* The class that most connections show and that is not an orderly close; NULL: none. */
static const char *worst_teardown(const struct summary *summary)
{
	static const char *const orderly[] = {"four_way", "three_segment", "simultaneous", "open"};
	const struct tally_item *most = NULL;

	for (size_t i = 0; i < summary->teardown.count; i++) {
		const struct tally_item *item = &summary->teardown.item[i];
		bool good = false;

		for (size_t k = 0; k < sizeof(orderly) / sizeof(orderly[0]); k++)
			good = good || strcmp(item->name, orderly[k]) == 0;
		if (!good && item->count > (most ? most->count : 0))
			most = item;
	}
	return most ? most->name : NULL;
}

void advice_next(const struct page *page, const struct summary *summary,
		 const struct report_origin *origin)
{
	char room[PATH_SHELL_SIZE];
	const char *database = shell_word(origin->database, room, sizeof(room));
	const char *teardown = worst_teardown(summary);
	bool usual = strcmp(origin->database, "lastack.db") == 0;

	page_heading(page, "Where to look next");
	if (strcmp(origin->database, ":memory:") == 0) {
		page_wrap(page, 2,
			  "Nothing was kept (--db :memory:). Without that option every connection "
			  "is a row to query.");
		return;
	}
	if (summary->finding_count > 0)
		page_paste(page, 2, "lastack query --finding %s%s%s", summary->findings[0].code,
			   usual ? "" : " ", usual ? "" : database);
	if (teardown)
		page_paste(page, 2, "lastack query --teardown %s%s%s", teardown, usual ? "" : " ",
			   usual ? "" : database);
	page_paste(page, 2, "lastack query --format csv%s%s", usual ? "" : " ",
		   usual ? "" : database);
	page_paste(page, 2, "sqlite3 %s \\", database);
	page_paste(page, 4,
		   "'SELECT responder_ip, teardown, count(*) FROM teardowns GROUP BY 1, 2'");
	if (summary->finding_count == 0)
		return;
	page_paste(page, 2, "sqlite3 %s \\", database);
	page_paste(page, 4, "'SELECT * FROM findings WHERE connection_id = %" PRId64 "'",
		   summary->findings[0].example.connection_id);
}
