/* The diagnoses as cards: what, who, since when, what to do, and evidence to open. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/format.h"
#include "report/html_parts.h"
#include "report/ladder_svg.h"
#include "report/markup.h"

enum { SPARK_WIDTH = 240, SPARK_HEIGHT = 32 };

static void put_end(FILE *out, const char *address, uint16_t port)
{
	write_markupf(out, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
}

/* --- when --- */

static void spark(FILE *out, const struct diagnosis_series *s)
{
	double width = s->buckets > 0 ? (double)SPARK_WIDTH / (double)s->buckets : 0;
	uint64_t most = 0;

	for (size_t i = 0; i < s->buckets; i++)
		most = s->count[i] > most ? s->count[i] : most;
	if (most == 0)
		return;
	fprintf(out,
		"<svg class=\"spark\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\">"
		"<rect class=\"track\" y=\"%d\" width=\"%d\" height=\"1\"/>",
		SPARK_WIDTH, SPARK_HEIGHT, SPARK_HEIGHT - 1, SPARK_WIDTH);
	for (size_t i = 0; i < s->buckets; i++) {
		double height = (double)s->count[i] / (double)most * (SPARK_HEIGHT - 2);

		if (s->count[i] == 0)
			continue;
		height = height < 2 ? 2 : height;
		fprintf(out,
			"<rect class=\"value\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			"height=\"%.1f\"/>",
			(double)i * width, SPARK_HEIGHT - 1 - height,
			width > 1.5 ? width - 0.8 : width, height);
	}
	fputs("</svg>\n", out);
}

static void tell_when(FILE *out, const struct diagnosis *d)
{
	char since[FORMAT_SIZE], until[FORMAT_SIZE];

	if (d->since_ns == NONE_NS)
		return;
	fprintf(out, "<div class=\"when\">");
	spark(out, &d->over_time);
	fprintf(out, "<p class=\"dim\">%.19s", format_time(since, d->since_ns));
	if (d->until_ns != NONE_NS && d->until_ns != d->since_ns)
		fprintf(out, " to %.19s", format_time(until, d->until_ns));
	fputs(" UTC</p></div>\n", out);
}

/* --- who --- */

static void tell_parties(FILE *out, const struct diagnosis *d, size_t number)
{
	char text[FORMAT_SIZE];

	if (d->party_count == 0)
		return;
	fprintf(out,
		"<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Who shows "
		"diagnosis %zu, %s\">"
		"<table>\n<thead><tr><th scope=\"col\">who</th>"
		"<th scope=\"col\">application</th><th scope=\"col\">mostly from</th>"
		"<th scope=\"col\" class=\"number\">connections</th>"
		"<th scope=\"col\" class=\"number\">of all of it</th></tr></thead>\n<tbody>\n",
		number + 1, d->kind->code);
	for (size_t i = 0; i < d->party_count; i++) {
		const struct diagnosis_party *p = &d->parties[i];

		fputs("<tr><th scope=\"row\">", out);
		if (p->port > 0)
			put_end(out, p->address, p->port);
		else
			write_markup(out, p->address);
		fputs("</th><td>", out);
		write_markup(out, p->application ? p->application : "-");
		fputs("</td><td>", out);
		write_markup(out, p->clients ? p->clients : "-");
		fprintf(out, "</td><td class=\"number\">%s</td>",
			format_count(text, p->connections));
		fprintf(out, "<td class=\"number\">%s</td></tr>\n",
			html_share(text, p->connections, p->of));
	}
	fputs("</tbody></table></div>\n", out);
	if (d->parties_total > d->party_count)
		fprintf(out, "<p class=\"dim\">and %s more</p>\n",
			format_count(text, d->parties_total - d->party_count));
}

/* --- evidence --- */

static bool is_drawn(const struct html *html, int64_t id)
{
	for (size_t i = 0; i < html->drawn_count; i++) {
		if (html->drawn[i] == id)
			return true;
	}
	return false;
}

static bool remember(struct html *html, int64_t id, struct error *err)
{
	int64_t *bigger = realloc(html->drawn, (html->drawn_count + 1) * sizeof(*bigger));

	if (!bigger)
		return error_set(err, "out of memory");
	html->drawn = bigger;
	html->drawn[html->drawn_count++] = id;
	return true;
}

/* The ladder, once a connection; ids of its elements are made of the connection's. */
static bool draw(struct html *html, int64_t id, struct error *err)
{
	struct ladder_view *view;
	bool good = true;

	if (is_drawn(html, id)) {
		fprintf(html->out,
			"<p><a href=\"#c%" PRId64 "\">Its ladder is drawn above.</a></p>\n", id);
		return true;
	}
	if (!remember(html, id, err))
		return false;
	view = ladder_view_read(html->store, id, err);
	if (!view)
		return false;
	if (view->step_count > 0) {
		fprintf(html->out,
			"<div class=\"scroll ladder\" id=\"c%" PRId64
			"\" role=\"region\" tabindex=\"0\""
			" aria-label=\"Ladder of connection %" PRId64 "\">\n",
			id, id);
		good = ladder_svg(html->out, view, false, err);
		fputs("</div>\n", html->out);
	} else {
		fputs("<p class=\"dim\">Its segments were not stored: <code>lastack analyze"
		      " --ladders all</code> keeps them.</p>\n",
		      html->out);
	}
	ladder_view_free(view);
	return good;
}

static bool tell_example(struct html *html, const struct diagnosis_example *e, struct error *err)
{
	FILE *out = html->out;

	fprintf(out, "<h4>Connection %" PRId64 ": ", e->connection_id);
	put_end(out, e->initiator_ip, e->initiator_port);
	fputs(" to ", out);
	put_end(out, e->responder_ip, e->responder_port);
	fputs("</h4>\n<p>", out);
	write_markup(out, e->detail);
	if (e->packet > 0) {
		fprintf(out, " <span class=\"dim\">Packet %" PRIu64 " of ", e->packet);
		write_markup(out, e->capture ? e->capture : "the capture");
		fputs(".</span>", out);
	}
	fprintf(out, "</p>\n<p><code>lastack show %" PRId64 "</code></p>\n", e->connection_id);
	return draw(html, e->connection_id, err);
}

static bool tell_diagnosis(struct html *html, const struct diagnosis *d, size_t number,
			   struct error *err)
{
	FILE *out = html->out;
	char count[FORMAT_SIZE], share[FORMAT_SIZE];

	fprintf(out,
		"<article class=\"diagnosis %s\" aria-labelledby=\"d%zu\">\n<h3 id=\"d%zu\">"
		"<span class=\"badge\">%s</span> ",
		severity_name(d->severity), number, number, severity_name(d->severity));
	fprintf(out, "%c", toupper((unsigned char)*d->kind->title));
	write_markup(out, *d->kind->title ? d->kind->title + 1 : "");
	fprintf(out, " <span class=\"dim\">%s of ", format_count(count, d->connections));
	fprintf(out, "%s ", format_count(count, d->of));
	write_markup(out, d->of_what ? d->of_what : "connections");
	fprintf(out, ", %s</span></h3>\n<p class=\"sentence\">",
		html_share(share, d->connections, d->of));
	write_prose(out, d->sentence);
	fputs("</p>\n", out);
	tell_when(out, d);
	fputs("<p><b>What to do:</b> ", out);
	write_prose(out, d->advice);
	fputs(" <span class=\"dim\">(", out);
	write_markup(out, d->kind->basis);
	fputs(")</span></p>\n<details>\n<summary>Who, and evidence</summary>\n<p>", out);
	write_prose(out, d->kind->meaning);
	fputs("</p>\n", out);
	tell_parties(out, d, number);
	for (size_t i = 0; i < d->example_count; i++) {
		if (!tell_example(html, &d->examples[i], err))
			return false;
	}
	fputs("</details>\n</article>\n", out);
	return true;
}

bool html_diagnoses(struct html *html, struct error *err)
{
	const struct diagnoses *d = html->diagnoses;

	fputs("<section aria-labelledby=\"diagnoses\">\n<h2 id=\"diagnoses\">Diagnoses, worst "
	      "first</h2>\n",
	      html->out);
	if (d->count == 0)
		fputs("<p>Nothing ended badly enough to be told.</p>\n", html->out);
	for (size_t i = 0; i < d->count; i++) {
		if (!tell_diagnosis(html, &d->items[i], i, err))
			return false;
	}
	fputs("</section>\n", html->out);
	return true;
}
