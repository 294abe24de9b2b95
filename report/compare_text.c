/* A comparison for people and machines. */
#include <inttypes.h>
#include <string.h>

#include "report/compare.h"
#include "report/diagnosis_report.h"
#include "report/format.h"

enum { SENTENCE_SIZE = 400 };

/* "8 of 89 connections (9.0 %), before 2 of 120 (1.7 %)." */
static void write_counts(char *out, size_t size, const struct compare_row *row)
{
	char text[6][FORMAT_SIZE];

	snprintf(out, size, "%s of %s (%s), before %s of %s (%s)",
		 format_count(text[0], row->hits[COMPARE_AFTER]),
		 format_count(text[1], row->of[COMPARE_AFTER]),
		 format_share(text[2], row->hits[COMPARE_AFTER], row->of[COMPARE_AFTER]),
		 format_count(text[3], row->hits[COMPARE_BEFORE]),
		 format_count(text[4], row->of[COMPARE_BEFORE]),
		 format_share(text[5], row->hits[COMPARE_BEFORE], row->of[COMPARE_BEFORE]));
}

/* One side has no connection at all. */
static bool is_one_sided(const struct compare_row *row)
{
	return row->of[COMPARE_BEFORE] == 0 || row->of[COMPARE_AFTER] == 0;
}

static const char *verdict_phrase(const struct compare_row *row)
{
	if (is_one_sided(row))
		return "Nothing to compare it with";
	switch (row->verdict) {
	case COMPARE_MORE:
		return row->hits[COMPARE_BEFORE] == 0 ? "New" : "More often than before";
	case COMPARE_LESS:
		return row->hits[COMPARE_AFTER] == 0 ? "Gone" : "Less often than before";
	case COMPARE_UNSUPPORTED:
		return "The counts do not support a difference";
	default:
		return "As often as before";
	}
}

static void write_sentence(char *out, size_t size, const struct compare_row *row)
{
	char counts[SENTENCE_SIZE / 2];

	write_counts(counts, sizeof(counts), row);
	if (row->verdict == COMPARE_UNSUPPORTED && !is_one_sided(row) && row->p >= 0.01)
		snprintf(out, size, "%s: %s; chance alone would do this in %.0f %% of cases.",
			 verdict_phrase(row), counts, 100 * row->p);
	else
		snprintf(out, size, "%s: %s.", verdict_phrase(row), counts);
}

static void tell_side(const struct page *page, const char *label, const struct compared *side)
{
	char count[FORMAT_SIZE], first[FORMAT_SIZE], last[FORMAT_SIZE];
	int64_t first_ns = INT64_MAX, last_ns = INT64_MIN;

	for (size_t i = 0; i < side->summary->capture_count; i++) {
		const struct summary_capture *c = &side->summary->captures[i];

		if (c->timed && c->first_ns < first_ns)
			first_ns = c->first_ns;
		if (c->timed && c->last_ns > last_ns)
			last_ns = c->last_ns;
	}
	page_label(page, 2, label, "%s, %s connection%s%s%s%s%s", side->database,
		   format_count(count, side->summary->connections),
		   side->summary->connections == 1 ? "" : "s", first_ns <= last_ns ? ", " : "",
		   first_ns <= last_ns ? format_time(first, first_ns) : "",
		   first_ns <= last_ns ? " to " : "",
		   first_ns <= last_ns ? format_time(last, last_ns) : "");
}

static void tell_row(const struct page *page, const struct compare_row *row)
{
	static const enum ink ink[] = {
		[COMPARE_MORE] = INK_YELLOW,
		[COMPARE_LESS] = INK_GREEN,
		[COMPARE_UNSUPPORTED] = INK_DIM,
		[COMPARE_SAME] = INK_DIM,
	};
	char sentence[SENTENCE_SIZE];

	fprintf(page->out, "  %-9s ", compare_group_name(row->group));
	if (row->verdict == COMPARE_UNSUPPORTED) { /* a line: the heading says it of all */
		write_counts(sentence, sizeof(sentence), row);
		fprintf(page->out, "%s: %s\n", row->name, sentence);
		return;
	}
	page_ink(page, ink[row->verdict], row->name);
	if (row->title)
		fprintf(page->out, ": %s", row->title);
	putc('\n', page->out);
	write_sentence(sentence, sizeof(sentence), row);
	page_wrap(page, 12, "%s", sentence);
}

static void tell_rows(const struct page *page, const struct comparison *c, const char *title,
		      enum compare_verdict low, enum compare_verdict high, const char *none)
{
	size_t told = 0;

	page_heading(page, title);
	for (size_t i = 0; i < c->count; i++)
		if (c->rows[i].verdict >= low && c->rows[i].verdict <= high) {
			tell_row(page, &c->rows[i]);
			told++;
		}
	if (told == 0)
		page_wrap(page, 2, "%s", none);
}

/* False: a side without connections, which is said. */
static bool is_comparable(const struct page *page, const struct comparison *c)
{
	bool empty = false;

	for (int side = 0; side < COMPARE_SIDES; side++) {
		if (c->of[side].summary->connections > 0)
			continue;
		if (!empty)
			putc('\n', page->out);
		page_wrap(page, 0, "There is nothing to compare: %s holds no connection.",
			  c->of[side].database);
		empty = true;
	}
	return !empty;
}

void comparison_text(FILE *out, const struct style *style, const struct comparison *c)
{
	struct page page = {.out = out, .style = *style};

	page_ink(&page, INK_BOLD, "lastack: what changed");
	fputs("\n\n", out);
	tell_side(&page, "Before:", &c->of[COMPARE_BEFORE]);
	tell_side(&page, "Now:   ", &c->of[COMPARE_AFTER]);
	if (!is_comparable(&page, c))
		return;
	tell_rows(&page, c, "Changed, and the counts support it", COMPARE_MORE, COMPARE_LESS,
		  "Nothing.");
	tell_rows(&page, c, "Different, but the counts do not support it: it may be chance",
		  COMPARE_UNSUPPORTED, COMPARE_UNSUPPORTED, "Nothing.");
	tell_rows(&page, c, "Unchanged", COMPARE_SAME, COMPARE_SAME, "Nothing.");
	page_heading(&page, "How this is judged");
	page_wrap(
		&page, 2,
		"Each share is tested by itself: Fisher's exact test where counts are small, else "
		"the "
		"two-proportion z-test; 5 %% in all, divided by the %zu rows (Bonferroni). "
		"Connections that share a cause are no independent trials: read a supported change "
		"as one worth a look.",
		c->count);
}

void comparison_markdown(FILE *out, const struct comparison *c)
{
	fputs("# What changed\n\n| | database | connections |\n|---|---|---:|\n", out);
	for (int side = 0; side < COMPARE_SIDES; side++) {
		char count[FORMAT_SIZE];

		fprintf(out, "| %s | ", side == COMPARE_BEFORE ? "before" : "now");
		write_markdown(out, c->of[side].database, strlen(c->of[side].database));
		fprintf(out, " | %s |\n", format_count(count, c->of[side].summary->connections));
	}
	fputs("\n| | what | before | now | judgement |\n|---|---|---:|---:|---|\n", out);
	for (size_t i = 0; i < c->count; i++) {
		const struct compare_row *row = &c->rows[i];
		char text[4][FORMAT_SIZE];

		fprintf(out, "| %s | `%s` | %s (%s) | %s (%s) | %s |\n",
			compare_group_name(row->group), row->name,
			format_count(text[0], row->hits[COMPARE_BEFORE]),
			format_share(text[1], row->hits[COMPARE_BEFORE], row->of[COMPARE_BEFORE]),
			format_count(text[2], row->hits[COMPARE_AFTER]),
			format_share(text[3], row->hits[COMPARE_AFTER], row->of[COMPARE_AFTER]),
			verdict_phrase(row));
	}
	fprintf(out,
		"\nFisher's exact test or two-proportion z-test of each share; 5 %% in all, "
		"divided by "
		"%zu rows.\n",
		c->count);
}

void comparison_json(FILE *out, const struct comparison *c, const char *version)
{
	struct json json = {.out = out};

	putc('{', out);
	json_section(&json);
	json_key_count(&json, "version", 1);
	json_key_text(&json, "lastack", version);
	for (int side = 0; side < COMPARE_SIDES; side++) {
		json_section(&json);
		json_open_key(&json, side == COMPARE_BEFORE ? "before" : "now", '{');
		json_key_text(&json, "database", c->of[side].database);
		json_key_count(&json, "connections", c->of[side].summary->connections);
		json_close(&json, '}');
	}
	json_section(&json);
	json_open_key(&json, "changes", '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct compare_row *row = &c->rows[i];
		char sentence[SENTENCE_SIZE];

		write_sentence(sentence, sizeof(sentence), row);
		json_open_item(&json, '{');
		json_key_text(&json, "group", compare_group_name(row->group));
		json_key_text(&json, "name", row->name);
		json_key_text(&json, "title", row->title);
		json_key_count(&json, "before", row->hits[COMPARE_BEFORE]);
		json_key_count(&json, "now", row->hits[COMPARE_AFTER]);
		json_key(&json, "p");
		fprintf(out, "%.6g", row->p);
		json_key_text(&json, "judgement", compare_verdict_name(row->verdict));
		json_key_text(&json, "sentence", sentence);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	fputs("\n}\n", out);
}
