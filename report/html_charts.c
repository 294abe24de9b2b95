/* The charts whose numbers the summary and the diagnoses hold. */
#include <inttypes.h>
#include <string.h>

#include "report/format.h"
#include "report/html_parts.h"
#include "report/markup.h"

enum { AREA_HEIGHT = 280, BARS_HEIGHT = 240, LINES_HEIGHT = 240, LINES_MAX = 5 };

/* From orderly at the bottom to worst on top. */
static const enum teardown stacking[TEARDOWNS] = {
	TEARDOWN_FOUR_WAY,     TEARDOWN_THREE_SEGMENT,
	TEARDOWN_SIMULTANEOUS, TEARDOWN_OPEN,
	TEARDOWN_HALF_CLOSED,  TEARDOWN_FIN_UNANSWERED,
	TEARDOWN_UNANSWERED,   TEARDOWN_HANDSHAKE_INCOMPLETE,
	TEARDOWN_REFUSED,      TEARDOWN_HANDSHAKE_ABORTED,
	TEARDOWN_STRAY,        TEARDOWN_RST_AFTER_FIN,
	TEARDOWN_RST_ABORT,
};

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* --- classes over time --- */

static uint64_t bucket_total(const struct diagnoses *d, size_t bucket)
{
	uint64_t total = 0;

	for (int class = 0; class < TEARDOWNS; class ++)
		total += d->teardown[class].count[bucket];
	return total;
}

/* A stepped area between what lies below it and that plus its own counts. */
static void area(const struct chart *chart, const struct diagnosis_series *series,
		 const uint64_t *below, const char *name)
{
	FILE *out = chart->out;

	fprintf(out, "<path class=\"t-%s\" d=\"M%.1f %.1f", name, chart_x(chart, series->from_ns),
		chart_y(chart, (double)below[0]));
	for (size_t i = 0; i < series->buckets; i++)
		fprintf(out, "V%.1fH%.1f", chart_y(chart, (double)(below[i] + series->count[i])),
			chart_x(chart, series->from_ns + (int64_t)(i + 1) * series->step_ns));
	for (size_t i = series->buckets; i-- > 0;)
		fprintf(out, "V%.1fH%.1f", chart_y(chart, (double)below[i]),
			chart_x(chart, series->from_ns + (int64_t)i * series->step_ns));
	fputs("z\"/>\n", out);
}

/* A bucket's numbers, shown where the pointer rests. */
static void bucket_title(const struct chart *chart, const struct diagnoses *d, size_t i)
{
	const struct diagnosis_series *s = &d->teardown[0];
	int64_t from = s->from_ns + (int64_t)i * s->step_ns;
	double x = chart_x(chart, from), end = chart_x(chart, from + s->step_ns);
	char text[FORMAT_SIZE];

	fprintf(chart->out,
		"<rect class=\"hover\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>", x,
		CHART_TOP, end - x, chart->height - CHART_TOP - CHART_FOOT);
	write_markup(chart->out, format_time(text, from));
	for (int k = TEARDOWNS - 1; k >= 0; k--) {
		uint64_t count = d->teardown[stacking[k]].count[i];

		if (count > 0)
			write_markupf(chart->out, "\n%s %s", teardown_name(stacking[k]),
				      format_count(text, count));
	}
	fputs("</title></rect>\n", chart->out);
}

static void teardown_legend(struct html *html)
{
	const struct tally *tally = &html->summary->teardown;
	FILE *out = html->out;

	fputs("<ul class=\"legend\">\n", out);
	for (int k = TEARDOWNS - 1; k >= 0; k--) {
		const char *name = teardown_name(stacking[k]);
		uint64_t count = tally_get(tally, name);
		char number[FORMAT_SIZE], share[FORMAT_SIZE];

		if (count == 0)
			continue;
		fprintf(out,
			"<li><svg class=\"key\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">"
			"<rect class=\"t-%s\" width=\"12\" height=\"12\"/></svg> %s <b>%s</b>"
			" <span class=\"dim\">%s</span></li>\n",
			name, name, format_count(number, count),
			html_share(share, count, html->summary->connections));
	}
	fputs("</ul>\n", out);
}

void html_chart_teardowns(struct html *html)
{
	const struct diagnoses *d = html->diagnoses;
	const struct diagnosis_series *s = &d->teardown[0];
	struct chart chart = {.out = html->out,
			      .height = AREA_HEIGHT,
			      .from_ns = s->from_ns,
			      .until_ns = s->from_ns + (int64_t)s->buckets * s->step_ns};
	uint64_t below[DIAGNOSIS_BUCKETS] = {0}, most = 0;
	char step[FORMAT_SIZE], sentence[160];

	for (size_t i = 0; i < s->buckets; i++)
		most = bucket_total(d, i) > most ? bucket_total(d, i) : most;
	snprintf(sentence, sizeof(sentence),
		 "Connections by the time they began, each step %s, coloured by how they ended.",
		 format_duration(step, s->step_ns));
	chart_open(&chart, "classes", "How connections ended, over time", sentence);
	chart_values(&chart, (double)most);
	for (int k = 0; k < TEARDOWNS; k++) {
		const struct diagnosis_series *series = &d->teardown[stacking[k]];

		if (tally_get(&html->summary->teardown, teardown_name(stacking[k])) == 0)
			continue;
		area(&chart, series, below, teardown_name(stacking[k]));
		for (size_t i = 0; i < s->buckets; i++)
			below[i] += series->count[i];
	}
	for (size_t i = 0; i < s->buckets; i++)
		if (below[i] > 0)
			bucket_title(&chart, d, i);
	chart_times(&chart);
	chart_svg_close(&chart);
	teardown_legend(html);
	chart_close(&chart);
}

/* --- closers --- */

void html_chart_closers(struct html *html)
{
	static const struct {
		const char *name, *meaning;
	} closers[] = {{"initiator", "the end that opened it (client)"},
		       {"responder", "the end that was called (server)"},
		       {"both", "at the same time"},
		       {"none", "neither FIN nor accepted reset"}};
	const struct tally *tally = &html->summary->closer;
	FILE *out = html->out;

	fputs("<figure id=\"closers\">\n<figcaption><h3>Who closed first</h3></figcaption>\n"
	      "<table class=\"bars\">\n<tbody>\n",
	      out);
	for (size_t i = 0; i < sizeof(closers) / sizeof(closers[0]); i++) {
		uint64_t count = tally_get(tally, closers[i].name);
		uint64_t all = html->summary->connections;
		char number[FORMAT_SIZE], share[FORMAT_SIZE];

		fprintf(out,
			"<tr><th scope=\"row\">%s<span class=\"dim\">%s</span></th><td "
			"class=\"bar\">"
			"<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
			"aria-hidden=\"true\">"
			"<rect class=\"track\" width=\"100\" height=\"10\"/>"
			"<rect class=\"value\" width=\"%.2f\" height=\"10\"/></svg></td>"
			"<td class=\"number\">%s</td><td class=\"number\">%s</td></tr>\n",
			closers[i].name, closers[i].meaning,
			all > 0 ? 100.0 * (double)count / (double)all : 0,
			format_count(number, count), html_share(share, count, all));
	}
	fputs("</tbody>\n</table>\n</figure>\n", out);
}

/* --- silence before resets --- */

/* Silences that name a timeout somebody configured. */
static const struct {
	int64_t ns;
	const char *name;
} known_silences[] = {
	{INT64_C(1000000), "1 ms"},         {INT64_C(10000000), "10 ms"},
	{INT64_C(100000000), "100 ms"},     {INT64_C(1000000000), "1 s"},
	{INT64_C(5000000000), "5 s"},       {INT64_C(15000000000), "15 s"},
	{INT64_C(60000000000), "1 min"},    {INT64_C(300000000000), "5 min"},
	{INT64_C(1200000000000), "20 min"}, {INT64_C(7200000000000), "2 h"},
};

/* Bins are drawn equally wide, though they are not: that is what makes a timer's peak stand out. */
struct silence_axis {
	size_t first, end; /* bins shown */
};

static double axis_x(const struct silence_axis *axis, size_t bin)
{
	double width = CHART_WIDTH - CHART_LEFT - CHART_RIGHT;

	return CHART_LEFT + width * (double)(bin - axis->first) / (double)(axis->end - axis->first);
}

/* Names below the bins that hold them; a name has room for itself. */
static void silence_names(const struct chart *chart, const struct silence_axis *axis)
{
	double last = 0;

	for (size_t k = 0; k < sizeof(known_silences) / sizeof(known_silences[0]); k++) {
		size_t bin = 0;
		double x;

		while (bin + 1 < SILENCE_BINS && silence_bin_ns(bin + 1) <= known_silences[k].ns)
			bin++;
		if (bin < axis->first || bin >= axis->end)
			continue;
		x = (axis_x(axis, bin) + axis_x(axis, bin + 1)) / 2;
		if (x < last + 48)
			continue;
		last = x;
		fprintf(chart->out,
			"<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" "
			"y=\"%d\">%s</text>\n",
			x, chart->height - 8, known_silences[k].name);
	}
}

/* "58 s to 1 min 2 s" */
static const char *bin_text(size_t bin, char out[2 * FORMAT_SIZE])
{
	char from[FORMAT_SIZE], to[FORMAT_SIZE];

	format_duration(from, silence_bin_ns(bin));
	if (bin + 1 == SILENCE_BINS)
		snprintf(out, 2 * FORMAT_SIZE, "%s or more", from);
	else if (bin == 0)
		snprintf(out, 2 * FORMAT_SIZE, "less than %s",
			 format_duration(to, silence_bin_ns(1)));
	else
		snprintf(out, 2 * FORMAT_SIZE, "%s to %s", from,
			 format_duration(to, silence_bin_ns(bin + 1)));
	return out;
}

static void silence_bars(const struct chart *chart, const struct silence_histogram *h,
			 const struct silence_axis *axis)
{
	for (size_t bin = axis->first; bin < axis->end; bin++) {
		double x = axis_x(axis, bin), width = axis_x(axis, bin + 1) - x - 1.5;
		double y = chart_y(chart, (double)h->count[bin]);
		char text[2 * FORMAT_SIZE];

		if (h->count[bin] == 0)
			continue;
		fprintf(chart->out,
			"<rect class=\"value\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			"height=\"%.1f\">"
			"<title>%s: %" PRIu64 " reset%s</title></rect>\n",
			x + 0.75, y, width, chart->height - CHART_FOOT - y, bin_text(bin, text),
			h->count[bin], plural(h->count[bin]));
	}
}

void html_chart_silence(struct html *html)
{
	const struct silence_histogram *h = &html->diagnoses->rst_silence;
	struct chart chart = {.out = html->out, .height = BARS_HEIGHT};
	size_t first = SILENCE_BINS, end = 0, top = 0;
	struct silence_axis axis;
	char sentence[256], most[2 * FORMAT_SIZE], total[FORMAT_SIZE];

	for (size_t bin = 0; bin < SILENCE_BINS; bin++) {
		if (h->count[bin] == 0)
			continue;
		first = bin < first ? bin : first;
		end = bin + 1;
		top = h->count[bin] > h->count[top] ? bin : top;
	}
	if (end == 0)
		return;
	/* some bins around them, so that one bar is no wall */
	axis.first = first > 3 ? first - 4 : 0;
	axis.end = end + 4 < SILENCE_BINS ? end + 4 : SILENCE_BINS;
	snprintf(sentence, sizeof(sentence),
		 "Of %s reset%s. A peak names a timeout; the highest bar is %s. Each bar is an "
		 "interval, longer to the right, but short where timers are often set.",
		 format_count(total, h->total), plural(h->total), bin_text(top, most));
	chart_open(&chart, "silence", "Silence before resets", sentence);
	chart_values(&chart, (double)h->count[top]);
	silence_names(&chart, &axis);
	silence_bars(&chart, h, &axis);
	chart_svg_close(&chart);
	chart_close(&chart);
}

/* --- TIME_WAIT --- */

static void load_line(const struct chart *chart, const struct time_wait_load *load, size_t k)
{
	const struct diagnosis_series *s = &load->at_once;

	fprintf(chart->out, "<path class=\"line l%zu\" d=\"M%.1f %.1f", k,
		chart_x(chart, s->from_ns), chart_y(chart, (double)s->count[0]));
	for (size_t i = 0; i < s->buckets; i++)
		fprintf(chart->out, "V%.1fH%.1f", chart_y(chart, (double)s->count[i]),
			chart_x(chart, s->from_ns + (int64_t)(i + 1) * s->step_ns));
	fputs("\"><title>", chart->out);
	write_markup(chart->out, load->address);
	fputs("</title></path>\n", chart->out);
}

static void load_table(struct html *html)
{
	const struct diagnoses *d = html->diagnoses;
	FILE *out = html->out;

	fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"TIME_WAIT by "
	      "address,"
	      " table\"><table>\n<thead><tr><th scope=\"col\">address</th>"
	      "<th scope=\"col\" class=\"number\">most at once</th>"
	      "<th scope=\"col\">when</th><th scope=\"col\" class=\"number\">in all</th>"
	      "<th scope=\"col\" class=\"number\">ports bound to one service</th>"
	      "<th scope=\"col\" class=\"number\">of 28,232</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t k = 0; k < d->load_count; k++) {
		const struct time_wait_load *load = &d->loads[k];
		char peak[FORMAT_SIZE], held[FORMAT_SIZE], ports[FORMAT_SIZE], share[FORMAT_SIZE];
		char when[FORMAT_SIZE];

		fputs("<tr><th scope=\"row\">", out);
		if (k < LINES_MAX)
			fprintf(out,
				"<svg class=\"key\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">"
				"<rect class=\"f%zu\" width=\"12\" height=\"12\"/></svg> ",
				k);
		write_markup(out, load->address);
		fprintf(out,
			"</th><td class=\"number\">%s</td><td>%.19s</td><td "
			"class=\"number\">%s</td>"
			"<td class=\"number\">%s</td><td class=\"number\">%s</td></tr>\n",
			format_count(peak, load->peak), format_time(when, load->peak_ns),
			format_count(held, load->held), format_count(ports, load->peak_ports),
			html_share(share, load->peak_ports, EPHEMERAL_PORTS));
	}
	fputs("</tbody></table></div>\n", out);
}

void html_chart_time_wait(struct html *html)
{
	const struct diagnoses *d = html->diagnoses;
	struct chart chart = {.out = html->out, .height = LINES_HEIGHT};
	char sentence[256], peak[FORMAT_SIZE];
	const struct diagnosis_series *s;

	if (d->load_count == 0)
		return;
	s = &d->loads[0].at_once;
	chart.from_ns = s->from_ns;
	chart.until_ns = s->from_ns + (int64_t)s->buckets * s->step_ns;
	snprintf(sentence, sizeof(sentence),
		 "How many connections each address held in TIME_WAIT at once, taken to last 2MSL "
		 "each; the most was %s. Drawn are the addresses with most.",
		 format_count(peak, d->loads[0].peak));
	chart_open(&chart, "time-wait", "TIME_WAIT over time", sentence);
	chart_values(&chart, (double)d->loads[0].peak);
	for (size_t k = d->load_count < LINES_MAX ? d->load_count : LINES_MAX; k-- > 0;)
		load_line(&chart, &d->loads[k], k);
	chart_times(&chart);
	chart_svg_close(&chart);
	load_table(html);
	chart_close(&chart);
}
