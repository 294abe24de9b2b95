/* Inside the HTML report: its sections, each in a file of its own. */
#ifndef LASTACK_REPORT_HTML_PARTS_H
#define LASTACK_REPORT_HTML_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "db/store.h"
#include "report/diagnosis.h"
#include "report/format.h"
#include "report/summary.h"

struct html {
	FILE *out;
	struct store *store;
	const struct summary *summary;
	const struct diagnoses *diagnoses;
	int64_t *drawn; /* owned: connections whose ladder is on the page already */
	size_t drawn_count;
};

/* html_diagnoses.c: the cards, with their evidence. */
bool html_diagnoses(struct html *html, struct error *err);

/* html_charts.c */
void html_chart_teardowns(struct html *html);
void html_chart_closers(struct html *html);
void html_chart_silence(struct html *html);
void html_chart_time_wait(struct html *html);
/* html_heat.c */
bool html_chart_heat(struct html *html, struct error *err);

/* format_share (report/format.h) with its < and > escaped. */
const char *html_share(char out[FORMAT_SIZE], uint64_t part, uint64_t whole);

/* html_table.c: the table's frame, and all connections as data for the script. */
bool html_table(struct html *html, struct error *err);

/* chart.c: what the charts share. Lengths are user units of a picture CHART_WIDTH wide. */
enum { CHART_WIDTH = 960, CHART_LEFT = 80, CHART_RIGHT = 16, CHART_TOP = 12, CHART_FOOT = 30 };

struct chart {
	FILE *out;
	int height;                /* of the whole picture */
	double max;                /* value at the upper edge */
	int64_t from_ns, until_ns; /* of the time axis */
};

/* <figure> with heading, sentence (already plain text) and the opened <svg>. id: a word. */
void chart_open(struct chart *chart, const char *id, const char *title, const char *sentence);
/* Closes the svg; <details> with a table of the numbers is to follow, then chart_close. */
void chart_svg_close(struct chart *chart);
void chart_close(struct chart *chart);
double chart_x(const struct chart *chart, int64_t ns);
double chart_y(const struct chart *chart, double value);
/* Grid lines and numbers at round values up to max, which becomes the last of them. */
void chart_values(struct chart *chart, double max);
/* Moments below the picture, as dates or times of day. */
void chart_times(struct chart *chart);
/* "09:15", "Jan 5 09:15": by the span of the axis. */
const char *chart_time(const struct chart *chart, int64_t ns, char out[40]);

#endif
