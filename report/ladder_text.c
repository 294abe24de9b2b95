#include "report/ladder_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/format.h"

/* Columns: time, state, lifeline, arrow, lifeline, state, packet. */
enum {
	TIME_COLUMNS = 11,
	STATE_COLUMNS = 12,
	PACKET_COLUMNS = 8,
	ARROW_MIN = 14,
	ARROW_MAX = 64,
	LINE_SIZE = 256,
};
#define WAIT_SHOWN_NS INT64_C(1000000000)

struct drawing {
	const struct page *page;
	const struct ladder_view *view;
	unsigned arrow; /* columns between the lifelines */
	const char *bar, *dash, *again, *left, *right, *broken, *cross;
};

static enum ink state_ink(enum view_state state)
{
	switch (state) {
	case VIEW_ESTABLISHED:
		return INK_GREEN;
	case VIEW_FIN_WAIT_1:
	case VIEW_FIN_WAIT_2:
	case VIEW_CLOSING:
	case VIEW_TIME_WAIT:
		return INK_CYAN;
	case VIEW_CLOSE_WAIT:
	case VIEW_LAST_ACK:
		return INK_YELLOW;
	case VIEW_CLOSED:
	case VIEW_LISTEN:
	case VIEW_UNSEEN:
		return INK_DIM;
	default:
		return INK_PLAIN;
	}
}

static enum ink severity_ink(enum severity severity)
{
	return severity == SEVERITY_ERROR     ? INK_RED
	       : severity == SEVERITY_WARNING ? INK_YELLOW
					      : INK_CYAN;
}

static void pad(const struct drawing *d, size_t columns)
{
	fprintf(d->page->out, "%*s", (int)columns, "");
}

static void put_state(const struct drawing *d, enum view_state state, bool told, bool right)
{
	char text[LINE_SIZE];

	snprintf(text, sizeof(text), right ? "%*s" : "%-*s", STATE_COLUMNS,
		 told ? view_state_name(state) : "");
	page_ink(d->page, told ? state_ink(state) : INK_PLAIN, text);
}

static void put_line(const struct drawing *d, enum view_state state, const char *bar)
{
	page_ink(d->page, state_ink(state), bar);
}

/* The longest of the forms that leaves two dashes beside it. SEQ goes last: without it nobody sees
 * what a FIN, a reset or the data behind them did. */
static void arrow_label(const struct drawing *d, const struct view_step *step, char out[LINE_SIZE])
{
	char flags[VIEW_FLAGS_SIZE], numbers[VIEW_LABEL_SIZE], number[VIEW_FLAGS_SIZE];
	const char *seq = view_relative(step->seq, d->view->isn[step->segment.from], number);
	size_t room = d->arrow - 4;

	view_flags(step->segment.flags, flags);
	view_numbers(d->view, step, numbers);
	snprintf(out, LINE_SIZE, "%s %s%s", flags, numbers, step->repeated ? " again" : "");
	if (strlen(out) > room)
		snprintf(out, LINE_SIZE, "%s %s", flags, numbers);
	if (strlen(out) > room && step->segment.payload_len > 0)
		snprintf(out, LINE_SIZE, "%s seq %s len %" PRIu32, flags, seq,
			 step->segment.payload_len);
	if (strlen(out) > room)
		snprintf(out, LINE_SIZE, "%s seq %s", flags, seq);
	if (strlen(out) > room)
		snprintf(out, LINE_SIZE, "%s", flags);
	if (strlen(out) > room)
		out[room] = '\0';
}

static void put_arrow(const struct drawing *d, const struct view_step *step)
{
	bool to_right = step->segment.from == SIDE_INITIATOR;
	enum ink ink = step->marked                    ? severity_ink(step->severity)
		       : step->segment.flags & TCP_RST ? INK_RED
						       : INK_PLAIN;
	const char *dash = step->repeated ? d->again : d->dash;
	char label[LINE_SIZE], text[2 * LINE_SIZE];
	size_t used = 0, dashes;

	arrow_label(d, step, label);
	dashes = d->arrow - strlen(label) - 3; /* two spaces and the head */
	if (!to_right)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", d->left);
	for (size_t i = 0; i < dashes / 2; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", dash);
	used += (size_t)snprintf(text + used, sizeof(text) - used, " %s ", label);
	for (size_t i = dashes / 2; i < dashes; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", dash);
	if (to_right)
		snprintf(text + used, sizeof(text) - used, "%s", d->right);
	page_ink(d->page, ink, text);
}

/* A line between two segments: text in the middle, the states in which the time passes beside it. */
static void put_between(const struct drawing *d, const enum view_state state[SIDES], bool told,
			const char *format, ...) __attribute__((format(printf, 4, 5)));

static void put_between(const struct drawing *d, const enum view_state state[SIDES], bool told,
			const char *format, ...)
{
	char text[LINE_SIZE];
	size_t length, left;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	length = strlen(text);
	if (length > d->arrow)
		text[length = d->arrow] = '\0';
	left = (d->arrow - length) / 2;
	pad(d, TIME_COLUMNS + 1);
	put_state(d, state[SIDE_INITIATOR], told, true);
	putc(' ', d->page->out);
	put_line(d, state[SIDE_INITIATOR], d->broken);
	pad(d, left);
	page_ink(d->page, INK_DIM, text);
	pad(d, d->arrow - length - left);
	put_line(d, state[SIDE_RESPONDER], d->broken);
	if (told) {
		putc(' ', d->page->out);
		page_ink(d->page, state_ink(state[SIDE_RESPONDER]),
			 view_state_name(state[SIDE_RESPONDER]));
	}
	putc('\n', d->page->out);
}

/* The codes of the findings of step i, below its arrow. */
static void put_findings(const struct drawing *d, size_t i)
{
	const struct ladder_view *view = d->view;
	const enum view_state *state = view->steps[i].state;

	for (size_t k = 0; k < view->finding_count; k++) {
		const struct view_finding *f = &view->findings[k];
		char text[LINE_SIZE];
		size_t length;

		if (f->step != i || !f->shown)
			continue;
		snprintf(text, sizeof(text), "%s %s", d->cross, f->code);
		/* the mark is one column, whatever its bytes */
		length = strlen(f->code) + 2;
		if (length > d->arrow)
			continue;
		pad(d, TIME_COLUMNS + STATE_COLUMNS + 2);
		put_line(d, state[SIDE_INITIATOR], d->bar);
		pad(d, (d->arrow - length) / 2);
		page_ink(d->page, severity_ink(f->severity), text);
		pad(d, d->arrow - length - (d->arrow - length) / 2);
		put_line(d, state[SIDE_RESPONDER], d->bar);
		putc('\n', d->page->out);
	}
}

static void put_step(const struct drawing *d, size_t i)
{
	const struct view_step *step = &d->view->steps[i];
	const enum view_state *earlier = i == 0 ? d->view->before : d->view->steps[i - 1].state;
	int64_t since = step->segment.ts_ns - view_number(d->view, "first_ns");
	char text[LINE_SIZE], wait[FORMAT_SIZE];

	if (step->segment.after_gap)
		put_between(d, earlier, false, "(segments not kept)");
	if (step->wait_ns >= WAIT_SHOWN_NS)
		put_between(d, earlier, true, "%s later", format_duration(wait, step->wait_ns));
	else if (step->wait_ns < 0)
		put_between(d, earlier, false, "%s (captured out of order)",
			    format_duration(wait, step->wait_ns));
	snprintf(text, sizeof(text), "%*.6f ", TIME_COLUMNS, (double)since / 1e9);
	page_ink(d->page, INK_DIM, text);
	put_state(d, step->state[SIDE_INITIATOR], step->entered[SIDE_INITIATOR], true);
	putc(' ', d->page->out);
	put_line(d, step->state[SIDE_INITIATOR], d->bar);
	put_arrow(d, step);
	put_line(d, step->state[SIDE_RESPONDER], d->bar);
	putc(' ', d->page->out);
	put_state(d, step->state[SIDE_RESPONDER], step->entered[SIDE_RESPONDER], false);
	snprintf(text, sizeof(text), " #%" PRIu64, step->segment.packet);
	page_ink(d->page, INK_DIM, text);
	putc('\n', d->page->out);
	put_findings(d, i);
}

static void put_heads(const struct drawing *d)
{
	char initiator[VIEW_END_SIZE], responder[VIEW_END_SIZE];
	size_t total = 2 * STATE_COLUMNS + d->arrow + 4;
	size_t length;

	view_end(d->view, SIDE_INITIATOR, initiator);
	view_end(d->view, SIDE_RESPONDER, responder);
	length = strlen(initiator) + strlen(responder);
	/* both in one line where they fit, else one below the other */
	pad(d, TIME_COLUMNS + 1);
	page_ink(d->page, INK_BOLD, initiator);
	if (length + 2 > total) {
		fputs("\n", d->page->out);
		pad(d,
		    TIME_COLUMNS + 1 + (total > strlen(responder) ? total - strlen(responder) : 0));
	} else {
		pad(d, total - length);
	}
	page_ink(d->page, INK_BOLD, responder);
	putc('\n', d->page->out);
	pad(d, TIME_COLUMNS + 1);
	page_ink(d->page, INK_DIM, "initiator");
	pad(d, total - strlen("initiator") - strlen("responder"));
	page_ink(d->page, INK_DIM, "responder");
	putc('\n', d->page->out);
}

void ladder_text(const struct page *page, const struct ladder_view *view)
{
	unsigned fixed = TIME_COLUMNS + 2 * STATE_COLUMNS + PACKET_COLUMNS + 6;
	unsigned room = page->style.width > fixed ? page->style.width - fixed : 0;
	bool unicode = page->style.unicode;
	struct drawing d = {
		.page = page,
		.view = view,
		.arrow = room < ARROW_MIN   ? ARROW_MIN
			 : room > ARROW_MAX ? ARROW_MAX
					    : room,
		.bar = unicode ? "│" : "|",
		.dash = unicode ? "─" : "-",
		.again = unicode ? "╌" : ".",
		.left = unicode ? "◀" : "<",
		.right = unicode ? "▶" : ">",
		.broken = unicode ? "┊" : ":",
		.cross = unicode ? "▲" : "^",
	};

	if (view->step_count == 0)
		return;
	put_heads(&d);
	put_between(&d, view->before, true, "%s", "");
	for (size_t i = 0; i < view->step_count; i++)
		put_step(&d, i);
	put_between(&d, view->steps[view->step_count - 1].state, true, "%s", "");
}
