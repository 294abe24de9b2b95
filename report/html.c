#include "report/html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/assets.h"
#include "report/format.h"
#include "report/html_parts.h"
#include "report/markup.h"

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* --- head --- */

static void tell_head(FILE *out, const char *title)
{
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n<title>",
		asset_style_hash, asset_script_hash);
	write_markup(out, title);
	fputs("</title>\n<style>", out);
	fwrite(asset_style, 1, asset_style_size, out);
	fputs("</style>\n</head>\n<body>\n"
	      "<a class=\"skip\" href=\"#connections\">Skip to the connections</a>\n",
	      out);
}

/* The span of all captures' packets. */
static bool span_of(const struct summary *summary, int64_t *first_ns, int64_t *last_ns)
{
	bool any = false;

	for (size_t i = 0; i < summary->capture_count; i++) {
		const struct summary_capture *c = &summary->captures[i];

		if (!c->timed)
			continue;
		*first_ns = !any || c->first_ns < *first_ns ? c->first_ns : *first_ns;
		*last_ns = !any || c->last_ns > *last_ns ? c->last_ns : *last_ns;
		any = true;
	}
	return any;
}

/* With a space for the T of ISO 8601. */
static const char *human_time(char out[FORMAT_SIZE], int64_t ns)
{
	char *t = strchr(format_time(out, ns), 'T');

	if (t)
		*t = ' ';
	return out;
}

static void tell_header(FILE *out, const struct summary *summary)
{
	char count[FORMAT_SIZE], first[FORMAT_SIZE], last[FORMAT_SIZE], duration[FORMAT_SIZE];
	int64_t first_ns = 0, last_ns = 0;

	fputs("<header>\n<p class=\"product\">lastack</p>\n<h1>Teardown report</h1>\n<p>", out);
	fprintf(out, "%s connection%s", format_count(count, summary->connections),
		plural(summary->connections));
	if (summary->capture_count == 1) {
		fputs(" in ", out);
		write_markup(out, summary->captures[0].path);
	} else {
		fprintf(out, " in %zu captures", summary->capture_count);
	}
	if (span_of(summary, &first_ns, &last_ns))
		fprintf(out, ", %.19s to %.19s UTC (%s)", human_time(first, first_ns),
			human_time(last, last_ns), format_duration(duration, last_ns - first_ns));
	fputs("</p>\n</header>\n<main>\n", out);
}

/* --- summary --- */

static uint64_t sum_of(const struct tally *tally, const char *const *names)
{
	uint64_t sum = 0;

	for (; *names; names++)
		sum += tally_get(tally, *names);
	return sum;
}

const char *html_share(char out[FORMAT_SIZE], uint64_t part, uint64_t whole)
{
	char share[FORMAT_SIZE];
	const char *sign = "";

	format_share(share, part, whole);
	if (*share == '<')
		sign = "&lt;";
	else if (*share == '>')
		sign = "&gt;";
	snprintf(out, FORMAT_SIZE, "%s%.*s", sign, FORMAT_SIZE - 5, share + (*sign != '\0'));
	return out;
}

static void tile(FILE *out, const char *class, uint64_t count, uint64_t all, const char *text)
{
	char number[FORMAT_SIZE], share[FORMAT_SIZE];

	fprintf(out,
		"<li class=\"%s\"><b>%s</b> <span>%s</span><span class=\"dim\">%s</span></li>\n",
		class, format_count(number, count), text, html_share(share, count, all));
}

static void tell_tiles(FILE *out, const struct summary *summary)
{
	static const char *const orderly[] = {"four_way", "three_segment", "simultaneous", NULL};
	static const char *const half[] = {"half_closed", "fin_unanswered", NULL};
	static const char *const reset[] = {"rst_abort", "rst_after_fin", "stray", NULL};
	static const char *const failed[] = {"refused", "unanswered", "handshake_aborted",
					     "handshake_incomplete", NULL};
	static const char *const open[] = {"open", NULL};
	const struct tally *tally = &summary->teardown;
	uint64_t all = summary->connections;

	fputs("<ul class=\"tiles\">\n", out);
	tile(out, "good", sum_of(tally, orderly), all, "closed in order");
	tile(out, "bad", sum_of(tally, reset), all, "ended by a reset");
	tile(out, "odd", sum_of(tally, half), all, "closed by one end only");
	tile(out, "odd", sum_of(tally, failed), all, "never came about");
	tile(out, "plain", sum_of(tally, open), all, "still open");
	fputs("</ul>\n", out);
}

static uint64_t count_severity(const struct diagnoses *d, enum severity severity)
{
	uint64_t count = 0;

	for (size_t i = 0; i < d->count; i++)
		count += d->items[i].severity == severity;
	return count;
}

static void tell_summary(const struct html *html)
{
	const struct summary *summary = html->summary;
	const struct diagnoses *d = html->diagnoses;
	uint64_t errors = count_severity(d, SEVERITY_ERROR);
	uint64_t warnings = count_severity(d, SEVERITY_WARNING);
	FILE *out = html->out;
	char count[FORMAT_SIZE], share[FORMAT_SIZE];

	fputs("<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">In short</h2>\n<p class="
	      "\"lead\">",
	      out);
	if (summary->connections == 0) {
		fputs("No TCP connection was found.</p>\n</section>\n", out);
		return;
	}
	fprintf(out, "%s of all connections are complete: ",
		html_share(share, summary->complete, summary->connections));
	fprintf(out, "both FINs were acknowledged, or a reset ended them. %s ",
		format_count(count, summary->clean));
	fprintf(out, "(%s) closed in order with nothing to remark. ",
		html_share(share, summary->clean, summary->connections));
	if (errors + warnings > 0)
		fprintf(out, "%" PRIu64 " thing%s went wrong, %" PRIu64 " deserve%s a look.",
			errors, plural(errors), warnings, warnings == 1 ? "s" : "");
	else
		fputs("Nothing needs to be done.", out);
	fputs("</p>\n", out);
	if (errors + warnings > 0) {
		fputs("<ol class=\"lead\">\n", out);
		for (size_t i = 0; i < d->count && i < 5; i++) {
			if (d->items[i].severity == SEVERITY_INFO)
				continue;
			fprintf(out, "<li><a href=\"#d%zu\">", i);
			write_markup(out, d->items[i].sentence);
			fputs("</a></li>\n", out);
		}
		fputs("</ol>\n", out);
	}
	tell_tiles(out, summary);
	fputs("</section>\n", out);
}

/* --- foot --- */

static void tell_captures(FILE *out, const struct summary *summary)
{
	fputs("<section aria-labelledby=\"read\">\n<h2 id=\"read\">What was read</h2>\n<div class="
	      "\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Captures, table\"><table>\n"
	      "<thead><tr><th scope=\"col\">capture</th><th scope=\"col\">format</th>"
	      "<th scope=\"col\" class=\"number\">packets</th><th scope=\"col\" "
	      "class=\"number\">size"
	      "</th><th scope=\"col\">problem</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t i = 0; i < summary->capture_count; i++) {
		const struct summary_capture *c = &summary->captures[i];
		char packets[FORMAT_SIZE], bytes[FORMAT_SIZE];

		fputs("<tr><th scope=\"row\">", out);
		write_markup(out, c->path ? c->path : "?");
		fputs("</th><td>", out);
		write_markup(out, c->format ? c->format : "-");
		fprintf(out, "</td><td class=\"number\">%s</td><td class=\"number\">%s</td><td>",
			format_count(packets, c->packets), format_bytes(bytes, c->bytes));
		write_markup(out, c->problem ? c->problem : "none");
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

static void tell_foot(FILE *out, const struct summary *summary, const struct report_origin *origin)
{
	char segments[FORMAT_SIZE], duplicates[FORMAT_SIZE], msl[FORMAT_SIZE];

	tell_captures(out, summary);
	fprintf(out, "<p>%s TCP segments were judged, %s captured twice were left out.",
		format_count(segments, summary->counts.segments),
		format_count(duplicates, summary->counts.duplicates));
	if (summary->msl_ns != NONE_NS)
		fprintf(out, " 2MSL is taken as %s.", format_duration(msl, 2 * summary->msl_ns));
	fputs("</p>\n</section>\n</main>\n<footer><p>Made by lastack ", out);
	write_markup(out, origin->version);
	fputs(" from ", out);
	write_markup(out, origin->database);
	fputs(". Times are UTC. This page needs nothing but itself.</p></footer>\n<script>", out);
	fwrite(asset_script, 1, asset_script_size, out);
	fputs("</script>\n</body>\n</html>\n", out);
}

static bool tell_charts(struct html *html, struct error *err)
{
	bool good;

	if (html->diagnoses->teardown[0].buckets == 0)
		return true;
	fputs("<section aria-labelledby=\"charts\">\n<h2 id=\"charts\">Over time, and by "
	      "whom</h2>\n",
	      html->out);
	html_chart_teardowns(html);
	html_chart_closers(html);
	good = html_chart_heat(html, err);
	html_chart_silence(html);
	html_chart_time_wait(html);
	fputs("</section>\n", html->out);
	return good;
}

bool report_html(FILE *out, struct store *store, const struct summary *summary,
		 const struct diagnoses *diagnoses, const struct report_origin *origin,
		 struct error *err)
{
	struct html html = {.out = out, .store = store, .summary = summary, .diagnoses = diagnoses};
	char title[512];
	bool good;

	snprintf(title, sizeof(title), "Teardown report: %s",
		 summary->capture_count == 1 && summary->captures[0].path
			 ? summary->captures[0].path
			 : origin->database);
	tell_head(out, title);
	tell_header(out, summary);
	tell_summary(&html);
	good = html_diagnoses(&html, err) && tell_charts(&html, err) && html_table(&html, err);
	tell_foot(out, summary, origin);
	free(html.drawn);
	return good;
}
