/* The heat map of time to close: from the first FIN to the end, by when the connection began. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "db/sql_error.h"
#include "report/format.h"
#include "report/html_parts.h"
#include "report/markup.h"

enum { COLUMNS = DIAGNOSIS_BUCKETS, ROWS = 9, SHADES = 6, ROW_HEIGHT = 24 };

/* Upper bounds of the rows, from the bottom; the last one has none. */
static const struct {
	int64_t below_ns;
	const char *name;
} rows[ROWS] = {
	{INT64_C(1000000), "< 1 ms"},
	{INT64_C(10000000), "1-10 ms"},
	{INT64_C(100000000), "10-100 ms"},
	{INT64_C(1000000000), "0.1-1 s"},
	{INT64_C(10000000000), "1-10 s"},
	{INT64_C(60000000000), "10-60 s"},
	{INT64_C(300000000000), "1-5 min"},
	{INT64_C(3600000000000), "5-60 min"},
	{INT64_MAX, "> 1 h"},
};

struct heat {
	uint64_t count[COLUMNS][ROWS];
	uint64_t most, total, slow; /* slow: a minute or more */
};

static void add(struct heat *heat, const struct chart *chart, int64_t first_ns, int64_t took_ns)
{
	double share = (double)(first_ns - chart->from_ns) /
		       (double)(chart->until_ns > chart->from_ns ? chart->until_ns - chart->from_ns
								 : 1);
	int column = share <= 0 ? 0 : share >= 1 ? COLUMNS - 1 : (int)(share * COLUMNS);
	int row = 0;

	while (row < ROWS - 1 && took_ns >= rows[row].below_ns)
		row++;
	heat->count[column][row]++;
	if (heat->count[column][row] > heat->most)
		heat->most = heat->count[column][row];
	heat->total++;
	heat->slow += took_ns >= INT64_C(60000000000);
}

static bool read_heat(struct html *html, struct heat *heat, const struct chart *chart,
		      struct error *err)
{
	static const char sql[] =
		"SELECT first_ns, end_ns - min(coalesce(fin_ns_initiator, fin_ns_responder),"
		" coalesce(fin_ns_responder, fin_ns_initiator)) FROM teardowns"
		" WHERE teardown IN ('four_way', 'three_segment', 'simultaneous', 'rst_after_fin')"
		" AND end_ns IS NOT NULL AND end_reason IN ('closed', 'reset')";
	sqlite3 *db = store_handle(html->store);
	sqlite3_stmt *s;
	int step;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return sql_error(db, err);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		if (sqlite3_column_type(s, 1) != SQLITE_NULL)
			add(heat, chart, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1));
	}
	sqlite3_finalize(s);
	return step == SQLITE_DONE || sql_error(db, err);
}

/* One to SHADES, by the logarithm of the count. */
static int shade_of(uint64_t count, uint64_t most)
{
	double share = most > 1 ? log((double)count) / log((double)most) : 1;

	return 1 + (int)(share * (SHADES - 1) + 0.5);
}

static void cells(const struct chart *chart, const struct heat *heat)
{
	double width = (double)(CHART_WIDTH - CHART_LEFT - CHART_RIGHT) / COLUMNS;
	int64_t step = (chart->until_ns - chart->from_ns) / COLUMNS;

	for (int c = 0; c < COLUMNS; c++) {
		for (int r = 0; r < ROWS; r++) {
			char time[40], count[FORMAT_SIZE];

			if (heat->count[c][r] == 0)
				continue;
			fprintf(chart->out,
				"<rect class=\"h%d\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
				"height=\"%d\""
				" rx=\"2\"><title>%s, closed in %s: %s</title></rect>\n",
				shade_of(heat->count[c][r], heat->most),
				CHART_LEFT + c * width + 0.5,
				CHART_TOP + (ROWS - 1 - r) * ROW_HEIGHT + 1, width - 1,
				ROW_HEIGHT - 2, chart_time(chart, chart->from_ns + c * step, time),
				r == 0          ? "less than 1 ms"
				: r == ROWS - 1 ? "more than 1 h"
						: rows[r].name,
				format_count(count, heat->count[c][r]));
		}
	}
}

static void scale(const struct chart *chart, const struct heat *heat)
{
	char most[FORMAT_SIZE];

	fputs("<p class=\"scale\">1 ", chart->out);
	for (int shade = 1; shade <= SHADES; shade++)
		fprintf(chart->out,
			"<svg class=\"key\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">"
			"<rect class=\"h%d\" width=\"12\" height=\"12\"/></svg>",
			shade);
	fprintf(chart->out, " %s connection%s</p>\n", format_count(most, heat->most),
		heat->most == 1 ? "" : "s");
}

bool html_chart_heat(struct html *html, struct error *err)
{
	const struct diagnosis_series *s = &html->diagnoses->teardown[0];
	struct chart chart = {.out = html->out,
			      .height = CHART_TOP + ROWS * ROW_HEIGHT + CHART_FOOT,
			      .from_ns = s->from_ns,
			      .until_ns = s->from_ns + (int64_t)s->buckets * s->step_ns};
	struct heat heat = {.total = 0};
	char sentence[256], total[FORMAT_SIZE], slow[FORMAT_SIZE];

	if (!read_heat(html, &heat, &chart, err))
		return false;
	if (heat.total == 0)
		return true;
	snprintf(sentence, sizeof(sentence),
		 "From the first FIN to the end, of %s connection%s that closed; %s of them took a "
		 "minute or more.",
		 format_count(total, heat.total), heat.total == 1 ? "" : "s",
		 format_count(slow, heat.slow));
	chart_open(&chart, "heat", "Time to close", sentence);
	for (int r = 0; r < ROWS; r++) {
		fprintf(chart.out, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%d\">",
			CHART_LEFT - 8, CHART_TOP + (ROWS - 1 - r) * ROW_HEIGHT + 16);
		write_markup(chart.out, rows[r].name);
		fputs("</text>\n", chart.out);
	}
	cells(&chart, &heat);
	chart_times(&chart);
	chart_svg_close(&chart);
	scale(&chart, &heat);
	chart_close(&chart);
	return true;
}
