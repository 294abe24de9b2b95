#include "report/show.h"

#include <inttypes.h>
#include <string.h>

#include "report/format.h"
#include "report/ladder_text.h"
#include "report/page.h"
#include "report/verdict_words.h"

enum { LABEL_COLUMNS = 13 };

static void tell_head(const struct page *page, const struct ladder_view *view)
{
	char initiator[VIEW_END_SIZE], responder[VIEW_END_SIZE], title[256];
	char first[FORMAT_SIZE], last[FORMAT_SIZE], duration[FORMAT_SIZE];
	int64_t first_ns = view_number(view, "first_ns"), last_ns = view_number(view, "last_ns");

	snprintf(title, sizeof(title), "Connection %" PRId64 ": %s to %s", view->id,
		 view_end(view, SIDE_INITIATOR, initiator),
		 view_end(view, SIDE_RESPONDER, responder));
	page_ink(page, INK_BOLD, title);
	putc('\n', page->out);
	page_wrap(page, 2, "%s to %s (%s), in %s", format_time(first, first_ns),
		  format_time(last, last_ns), format_duration(duration, last_ns - first_ns),
		  view_text(view, "capture"));
	if (!view_is_null(view, "application"))
		page_wrap(page, 2, "Application: %s%s%s", view_text(view, "application"),
			  view_is_null(view, "server_name") ? "" : ", server ",
			  view_text(view, "server_name"));
	if (!view_is_null(view, "tunnel"))
		page_wrap(page, 2, "Inside %s", view_text(view, "tunnel"));
	if (!view_is_null(view, "community_id"))
		page_wrap(page, 2, "Community ID %s", view_text(view, "community_id"));
	if (!view_is_null(view, "vlan"))
		page_wrap(page, 2, "VLAN %" PRId64, view_number(view, "vlan"));
}

static void tell_verdict(const struct page *page, const struct ladder_view *view)
{
	struct verdict_word words[VERDICT_WORDS_MAX];
	size_t count = verdict_words(view, words);
	char title[128];

	snprintf(title, sizeof(title), "Verdict: %s", view_text(view, "teardown"));
	page_heading(page, title);
	for (size_t i = 0; i < count; i++) {
		char label[LABEL_COLUMNS + 1];

		snprintf(label, sizeof(label), "%-*s", LABEL_COLUMNS, words[i].label);
		page_label(page, 2, label, "%s", words[i].text);
	}
}

static void tell_timeline(const struct page *page, const struct ladder_view *view)
{
	const char *arrow = page->style.unicode ? "→" : "->";

	if (view->timeline_count == 0)
		return;
	page_heading(page, "States from the first FIN on");
	for (int side = 0; side < SIDES; side++) {
		char text[512] = "", label[LABEL_COLUMNS + 1], duration[FORMAT_SIZE];
		size_t used = 0;

		for (size_t i = 0; i < view->timeline_count; i++) {
			const struct view_dwell *d = &view->timeline[i];

			if (d->side != (enum side)side)
				continue;
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%s%s%s%s%s",
				used > 0 ? " " : "", used > 0 ? arrow : "", used > 0 ? " " : "",
				view_state_name(d->state), d->dwell_ns == NONE_NS ? "" : " ",
				d->dwell_ns == NONE_NS ? ""
						       : format_duration(duration, d->dwell_ns));
		}
		snprintf(label, sizeof(label), "%-*s", LABEL_COLUMNS, side_name(side));
		page_label(page, 2, label, "%s", used > 0 ? text : "ESTABLISHED throughout");
	}
}

static void tell_finding(const struct page *page, const struct view_finding *f)
{
	static const enum ink inks[SEVERITIES] = {INK_CYAN, INK_YELLOW, INK_RED};
	char label[64];

	snprintf(label, sizeof(label), "%s", severity_name(f->severity));
	fputs("\n  ", page->out);
	page_ink(page, inks[f->severity], label);
	putc(' ', page->out);
	page_ink(page, INK_BOLD, f->code);
	putc('\n', page->out);
	if (f->packet > 0)
		page_wrap(page, 4, "%s (packet %" PRIu64 "%s)", f->detail, f->packet,
			  f->count > 1 ? " and others" : "");
	else
		page_wrap(page, 4, "%s", f->detail);
	page_label(page, 4, "What to do:", "%s (%s)", f->advice, f->basis);
}

static void tell_findings(const struct page *page, const struct ladder_view *view)
{
	if (view->finding_count == 0) {
		page_heading(page, "Findings: none");
		return;
	}
	page_heading(page, "Findings, worst first");
	for (size_t i = 0; i < view->finding_count; i++)
		tell_finding(page, &view->findings[i]);
}

static void tell_ladder(const struct page *page, const struct ladder_view *view)
{
	page_heading(page, view->whole || view->step_count == 0 ? "Ladder"
								: "Ladder (the segments kept)");
	if (view->step_count > 0) {
		ladder_text(page, view);
		return;
	}
	page_wrap(page, 2,
		  "Its segments were not stored: by default only those of connections that were "
		  "not cleanly closed are. To keep those of all:");
	page_paste(page, 2, "lastack analyze --ladders all %s", view_text(view, "capture"));
}

void show_text(FILE *out, const struct style *style, const struct ladder_view *view)
{
	struct page page = {.out = out, .style = *style};

	tell_head(&page, view);
	tell_verdict(&page, view);
	tell_timeline(&page, view);
	tell_findings(&page, view);
	tell_ladder(&page, view);
}
