#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report/format.h"
#include "report/html_parts.h"
#include "report/markup.h"

#define NS_PER_S INT64_C(1000000000)
#define DAY_NS   (86400 * NS_PER_S)

void chart_open(struct chart *chart, const char *id, const char *title, const char *sentence)
{
	fprintf(chart->out, "<figure id=\"%s\">\n<figcaption><h3>", id);
	write_markup(chart->out, title);
	fputs("</h3>\n<p>", chart->out);
	write_markup(chart->out, sentence);
	fprintf(chart->out,
		"</p></figcaption>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
		"aria-label=\""
		"%s, picture\">\n<svg class=\"chart\" role=\"img\" aria-labelledby=\"%s-title\""
		" viewBox=\"0 0 %d %d\">\n<title id=\"%s-title\">",
		title, id, CHART_WIDTH, chart->height, id);
	write_markupf(chart->out, "%s. %s", title, sentence);
	fputs("</title>\n", chart->out);
}

void chart_svg_close(struct chart *chart)
{
	fputs("</svg>\n</div>\n", chart->out);
}

void chart_close(struct chart *chart)
{
	fputs("</figure>\n", chart->out);
}

double chart_x(const struct chart *chart, int64_t ns)
{
	double span = (double)(chart->until_ns - chart->from_ns);
	double width = CHART_WIDTH - CHART_LEFT - CHART_RIGHT;

	return CHART_LEFT + (span > 0 ? (double)(ns - chart->from_ns) / span * width : 0);
}

double chart_y(const struct chart *chart, double value)
{
	double height = chart->height - CHART_TOP - CHART_FOOT;

	return CHART_TOP + height - (chart->max > 0 ? value / chart->max * height : 0);
}

/* 1, 2 or 5 times a power of ten, of which three to five make max. */
static double round_step(double max)
{
	double step = pow(10, floor(log10(max > 1 ? max : 1)));

	if (max / step < 2)
		step /= 5;
	else if (max / step < 4)
		step /= 2;
	return step < 1 ? 1 : step;
}

void chart_values(struct chart *chart, double max)
{
	double step = round_step(max);

	chart->max = ceil((max > 0 ? max : 1) / step) * step;
	for (double value = 0; value <= chart->max + step / 2; value += step) {
		char text[FORMAT_SIZE];
		double y = chart_y(chart, value);

		fprintf(chart->out,
			"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%s</text>\n",
			CHART_LEFT, CHART_WIDTH - CHART_RIGHT, y, y, CHART_LEFT - 8, y + 4,
			format_count(text, (uint64_t)value));
	}
}

const char *chart_time(const struct chart *chart, int64_t ns, char out[40])
{
	int64_t span = chart->until_ns - chart->from_ns;
	time_t when = (time_t)(ns / NS_PER_S);
	struct tm tm;

	out[0] = '\0';
	if (!gmtime_r(&when, &tm))
		return out;
	if (span >= 7 * DAY_NS)
		strftime(out, 40, "%b %e", &tm);
	else if (span >= DAY_NS)
		strftime(out, 40, "%b %e %H:%M", &tm);
	else if (span >= 600 * NS_PER_S)
		strftime(out, 40, "%H:%M", &tm);
	else if (span >= 10 * NS_PER_S)
		strftime(out, 40, "%H:%M:%S", &tm);
	else
		snprintf(out, 40, "+%.3f s", (double)(ns - chart->from_ns) / NS_PER_S);
	return out;
}

void chart_times(struct chart *chart)
{
	static const char *const anchor[] = {"start", "middle", "middle", "middle", "end"};
	int64_t span = chart->until_ns - chart->from_ns;

	for (int i = 0; i <= 4; i++) {
		int64_t ns = chart->from_ns + span / 4 * i;
		char text[40];

		fprintf(chart->out,
			"<text class=\"tick\" text-anchor=\"%s\" x=\"%.1f\" y=\"%d\">%s</text>\n",
			anchor[i], chart_x(chart, ns), chart->height - 8,
			chart_time(chart, ns, text));
	}
}
