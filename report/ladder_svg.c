#include "report/ladder_svg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/assets.h"
#include "report/format.h"
#include "report/markup.h"
#include "report/verdict_words.h"

/* Lengths are user units: pixels where the picture is not scaled. */
enum {
	WIDTH = 1000,
	MARGIN = 28,
	LEFT = 300, /* lifelines */
	RIGHT = 720,
	BAR = 8, /* width of a lifeline */
	ROW = 40,
	ROW_MARK = 22, /* more for each finding shown on an arrow */
	ROW_WAIT = 40, /* more for a wait that is told */
	SLOPE = 8,
	PILL = 20,
	LINE = 19,  /* of text */
	WRAP = 124, /* characters of a line of small text */
	WRAP_TITLE = 100,
	TITLE_MAX = 72, /* characters of a title in large letters */
	CHARACTER = 7,  /* of the labels' monospaced font, rounded up */
};
#define WAIT_SHOWN_NS INT64_C(1000000000)

struct picture {
	FILE *out;
	const struct ladder_view *view;
	int *y;          /* of each step's arrow */
	int top, bottom; /* of the lifelines */
};

static const char *severity_class(enum severity severity)
{
	return severity == SEVERITY_ERROR     ? "k-error"
	       : severity == SEVERITY_WARNING ? "k-warning"
					      : "k-info";
}

static const char *severity_color(enum severity severity)
{
	return severity == SEVERITY_ERROR     ? "#c4212f"
	       : severity == SEVERITY_WARNING ? "#a85d00"
					      : "#1668ac";
}

static const char *state_color(enum view_state state)
{
	static const char *const color[VIEW_STATES] = {
		[VIEW_UNSEEN] = "#c3cad2",      [VIEW_LISTEN] = "#a3adb8",
		[VIEW_SYN_SENT] = "#8f8fe6",    [VIEW_SYN_RECEIVED] = "#7070d0",
		[VIEW_ESTABLISHED] = "#2f9e62", [VIEW_FIN_WAIT_1] = "#54a8e8",
		[VIEW_FIN_WAIT_2] = "#2266c0",  [VIEW_CLOSING] = "#9350c8",
		[VIEW_TIME_WAIT] = "#2b9aa6",   [VIEW_CLOSE_WAIT] = "#e9a31f",
		[VIEW_LAST_ACK] = "#d8602c",    [VIEW_CLOSED] = "#a3adb8",
	};

	return color[state];
}

/* The class of a state: k-ESTABLISHED. */
static const char *state_class(enum view_state state)
{
	return state == VIEW_UNSEEN ? "UNSEEN" : view_state_name(state);
}

static int bar_x(enum side side)
{
	return side == SIDE_INITIATOR ? LEFT : RIGHT;
}

/* --- text --- */

/* One line, escaped. anchor: start, middle, end. */
static void text_line(FILE *out, int x, int y, const char *class, const char *anchor,
		      const char *text)
{
	fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\" text-anchor=\"%s\">", x, y, class,
		anchor);
	write_markup(out, text);
	fputs("</text>\n", out);
}

/* The bytes of text that fit a line of width characters, cut at a space where there is one. */
static size_t line_length(const char *text, size_t width)
{
	size_t length = strlen(text), at;

	if (length <= width)
		return length;
	for (at = width; at > width / 2 && text[at] != ' ';)
		at--;
	if (text[at] == ' ')
		return at;
	for (at = width; at > 1 && ((unsigned char)text[at] & 0xc0) == 0x80;)
		at--;
	return at;
}

/* Wrapped text from y on; returns the y behind it. out NULL only measures. */
static int text_block(FILE *out, int x, int y, const char *class, size_t width, const char *text)
{
	while (*text) {
		size_t length = line_length(text, width);
		char line[VERDICT_TEXT_SIZE];

		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		if (out)
			text_line(out, x, y, class, "start", line);
		y += LINE;
		text += length;
		text += strspn(text, " ");
	}
	return y;
}

/* --- layout --- */

static int marks_of(const struct ladder_view *view, size_t step)
{
	int marks = 0;

	for (size_t k = 0; k < view->finding_count; k++)
		marks += view->findings[k].shown && view->findings[k].step == step;
	return marks;
}

/* Time is compressed: a row a segment, and room where a wait is told. */
static bool lay_out(struct picture *p)
{
	const struct ladder_view *view = p->view;
	int y = p->top + 44;

	p->y = calloc(view->step_count > 0 ? view->step_count : 1, sizeof(*p->y));
	if (!p->y)
		return false;
	for (size_t i = 0; i < view->step_count; i++) {
		const struct view_step *step = &view->steps[i];

		if (step->segment.after_gap || step->wait_ns >= WAIT_SHOWN_NS || step->wait_ns < 0)
			y += ROW_WAIT;
		p->y[i] = y;
		y += ROW + ROW_MARK * marks_of(view, i);
	}
	p->bottom = y + (view->step_count > 0 ? 0 : 2 * ROW);
	return true;
}

/* --- lifelines --- */

static void bar(struct picture *p, enum side side, enum view_state state, int from, int to)
{
	bool unknown = state == VIEW_UNSEEN;

	if (to <= from)
		return;
	fprintf(p->out,
		"<rect class=\"k-fill k-%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
		"fill=\"%s\""
		" rx=\"%d\"/>\n",
		state_class(state), bar_x(side) - (unknown ? 1 : BAR / 2), from, unknown ? 2 : BAR,
		to - from, state_color(state), unknown ? 1 : 3);
}

/* The state's name beside the lifeline, where it is entered. */
static void pill(struct picture *p, enum side side, enum view_state state, int y,
		 const char *duration)
{
	char text[64];
	int width, x;

	snprintf(text, sizeof(text), "%s%s%s", view_state_name(state), *duration ? " " : "",
		 duration);
	width = (int)strlen(text) * CHARACTER + 16;
	x = side == SIDE_INITIATOR ? LEFT - BAR - 6 - width : RIGHT + BAR + 6;
	fprintf(p->out,
		"<rect class=\"k-pill k-line k-%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\""
		" rx=\"%d\" fill=\"#ffffff\" stroke=\"%s\" stroke-width=\"1.5\"/>\n",
		state_class(state), x, y - PILL / 2, width, PILL, PILL / 2, state_color(state));
	text_line(p->out, x + width / 2, y + 4, "k-mono k-state", "middle", text);
}

/* How long an end stayed in the state it entered with this step, where that is worth telling. */
static const char *dwell_of(const struct ladder_view *view, enum side side, enum view_state state,
			    char out[FORMAT_SIZE])
{
	out[0] = '\0';
	for (size_t i = 0; i < view->timeline_count; i++) {
		const struct view_dwell *d = &view->timeline[i];

		if (d->side == side && d->state == state && d->dwell_ns != NONE_NS &&
		    d->dwell_ns >= WAIT_SHOWN_NS)
			return format_duration(out, d->dwell_ns);
	}
	return out;
}

static void lifeline(struct picture *p, enum side side)
{
	const struct ladder_view *view = p->view;
	enum view_state state = view->before[side];
	char duration[FORMAT_SIZE];
	int from = p->top;

	if (state != VIEW_UNSEEN)
		pill(p, side, state, p->top + 2, "");
	for (size_t i = 0; i < view->step_count; i++) {
		/* the sender is in the state as it sends, the receiver as it receives */
		int lean = view->steps[i].segment.from == side ? -SLOPE / 2 : SLOPE / 2;

		if (!view->steps[i].entered[side])
			continue;
		bar(p, side, state, from, p->y[i] + lean - 1);
		state = view->steps[i].state[side];
		from = p->y[i] + lean + 1;
		pill(p, side, state, p->y[i] + lean, dwell_of(view, side, state, duration));
	}
	bar(p, side, state, from, p->bottom);
}

/* --- arrows --- */

static void arrow_title(struct picture *p, const struct view_step *step)
{
	const struct ladder_segment *s = &step->segment;
	char time[FORMAT_SIZE];

	fputs("<title>", p->out);
	write_markupf(p->out, "packet %" PRIu64 ", %s, from the %s, TTL %u, window %" PRIu32 "%s%s",
		      s->packet, format_time(time, s->ts_ns), side_name((enum side)s->from), s->ttl,
		      s->window, step->repeated ? ", sent again" : "",
		      step->accepted_reset ? ", this reset ended the connection" : "");
	fputs("</title>\n", p->out);
}

static void arrow_line(struct picture *p, const struct view_step *step, int y)
{
	bool to_right = step->segment.from == SIDE_INITIATOR;
	bool reset = step->segment.flags & TCP_RST;
	int tail = to_right ? LEFT + BAR / 2 + 3 : RIGHT - BAR / 2 - 3;
	int head = to_right ? RIGHT - BAR / 2 - 3 : LEFT + BAR / 2 + 3;
	int back = to_right ? -9 : 9;
	const char *class = step->marked ? severity_class(step->severity)
			    : reset      ? "k-error"
					 : "k-arrow";
	const char *color = step->marked ? severity_color(step->severity)
			    : reset      ? severity_color(SEVERITY_ERROR)
					 : "#3d4a58";

	fprintf(p->out,
		"<line class=\"k-line %s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\""
		" stroke-width=\"%s\"%s/>\n",
		class, tail, y - SLOPE / 2, head + back, y + SLOPE / 2, color,
		step->marked || reset ? "2.25" : "1.5",
		step->repeated ? " stroke-dasharray=\"6 4\"" : "");
	fprintf(p->out, "<path class=\"k-fill %s\" d=\"M%d %dl%d -5v10z\" fill=\"%s\"/>\n", class,
		head, y + SLOPE / 2, back, color);
}

static void arrow_label(struct picture *p, const struct view_step *step, int y)
{
	char flags[VIEW_FLAGS_SIZE], numbers[VIEW_LABEL_SIZE];
	bool reset = step->segment.flags & TCP_RST;

	fprintf(p->out,
		"<text x=\"%d\" y=\"%d\" class=\"k-mono k-ink\" text-anchor=\"middle\">"
		"<tspan class=\"k-flags%s\" font-weight=\"700\">%s</tspan> <tspan class=\"k-dim\">",
		(LEFT + RIGHT) / 2, y - 7, reset ? " k-text-error" : "",
		view_flags(step->segment.flags, flags));
	write_markup(p->out, view_numbers(p->view, step, numbers));
	fprintf(p->out, "%s</tspan></text>\n", step->repeated ? " (again)" : "");
}

static void arrow_marks(struct picture *p, size_t i, int y)
{
	const struct ladder_view *view = p->view;
	int row = 0;

	for (size_t k = 0; k < view->finding_count; k++) {
		const struct view_finding *f = &view->findings[k];
		char text[64];
		int width, x, top;

		if (!f->shown || f->step != i)
			continue;
		snprintf(text, sizeof(text), "%s", f->code);
		width = (int)strlen(text) * CHARACTER + 34;
		x = (LEFT + RIGHT - width) / 2;
		top = y + 9 + row++ * ROW_MARK;
		fprintf(p->out,
			"<rect class=\"k-fill %s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"18\""
			" rx=\"4\" fill=\"%s\"/>\n",
			severity_class(f->severity), x, top, width, severity_color(f->severity));
		fprintf(p->out,
			"<path class=\"k-on\" fill=\"#ffffff\" d=\"M%d %dl5.5 -10 5.5 10z\"/>\n",
			x + 8, top + 14);
		fprintf(p->out,
			"<text class=\"k-mono k-on\" font-weight=\"700\" fill=\"#ffffff\" x=\"%d\""
			" y=\"%d\" text-anchor=\"start\">",
			x + 25, top + 13);
		write_markup(p->out, text);
		fputs("</text>\n", p->out);
	}
}

/* What lies between two segments: a wait, or segments that were not kept. */
static void between(struct picture *p, const struct view_step *step, int y)
{
	char text[80], wait[FORMAT_SIZE];
	int width, middle = (LEFT + RIGHT) / 2;

	if (step->segment.after_gap)
		snprintf(text, sizeof(text), "segments not kept%s%s",
			 step->wait_ns >= WAIT_SHOWN_NS ? ", " : "",
			 step->wait_ns >= WAIT_SHOWN_NS ? format_duration(wait, step->wait_ns)
							: "");
	else if (step->wait_ns >= WAIT_SHOWN_NS)
		snprintf(text, sizeof(text), "%s later", format_duration(wait, step->wait_ns));
	else
		snprintf(text, sizeof(text), "captured out of order");
	width = (int)strlen(text) * CHARACTER + 24;
	for (int side = 0; side < SIDES; side++)
		fprintf(p->out,
			"<path class=\"k-cut\" fill=\"#ffffff\" d=\"M%d %dl20 -5v6l-20 5z\"/>\n",
			bar_x((enum side)side) - 10, y);
	fprintf(p->out,
		"<line class=\"k-line k-faint\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\""
		" stroke=\"#c3cad2\" stroke-dasharray=\"2 5\"/>\n",
		LEFT + 18, y, RIGHT - 18, y);
	fprintf(p->out,
		"<rect class=\"k-wait\" fill=\"#eef1f4\" x=\"%d\" y=\"%d\" width=\"%d\""
		" height=\"20\" rx=\"10\"/>\n",
		middle - width / 2, y - 10, width);
	text_line(p->out, middle, y + 4, "k-mono k-ink", "middle", text);
}

static void step(struct picture *p, size_t i)
{
	const struct view_step *step = &p->view->steps[i];
	int64_t since = step->segment.ts_ns - view_number(p->view, "first_ns");
	char text[64];
	int y = p->y[i];

	if (step->segment.after_gap || step->wait_ns >= WAIT_SHOWN_NS || step->wait_ns < 0)
		between(p, step, y - ROW_WAIT + 4);
	fputs("<g>\n", p->out);
	arrow_title(p, step);
	arrow_line(p, step, y);
	arrow_label(p, step, y);
	arrow_marks(p, i, y);
	snprintf(text, sizeof(text), "%.6f", (double)since / 1e9);
	text_line(p->out, MARGIN + 76, y + 4, "k-mono k-dim", "end", text);
	snprintf(text, sizeof(text), "#%" PRIu64, step->segment.packet);
	text_line(p->out, WIDTH - MARGIN, y + 4, "k-mono k-dim", "end", text);
	fputs("</g>\n", p->out);
}

/* --- head and foot --- */

static void head_of(struct picture *p, enum side side, int y)
{
	char end[VIEW_END_SIZE];
	int width, x;

	view_end(p->view, side, end);
	width = (int)strlen(end) * 79 / 10 + 24; /* two of the longest fit */
	x = bar_x(side) - width / 2;
	if (x < MARGIN)
		x = MARGIN;
	if (x + width > WIDTH - MARGIN)
		x = WIDTH - MARGIN - width;
	fprintf(p->out,
		"<rect class=\"k-head\" fill=\"#eef1f4\" x=\"%d\" y=\"%d\" width=\"%d\""
		" height=\"44\" rx=\"8\"/>\n",
		x, y, width);
	text_line(p->out, x + width / 2, y + 18, "k-mono k-end", "middle", end);
	text_line(p->out, x + width / 2, y + 35, "k-small k-dim", "middle", side_name(side));
}

/* Title, verdict; returns the y behind them. out NULL only measures. */
static int head(FILE *out, const struct ladder_view *view)
{
	char initiator[VIEW_END_SIZE], responder[VIEW_END_SIZE], line[VERDICT_TEXT_SIZE];
	char text[3 * VIEW_END_SIZE], time[FORMAT_SIZE];
	int y = MARGIN + 16;

	snprintf(text, sizeof(text), "%s \u2192 %s", view_end(view, SIDE_INITIATOR, initiator),
		 view_end(view, SIDE_RESPONDER, responder));
	if (out)
		text_line(out, MARGIN, y,
			  strlen(text) > TITLE_MAX ? "k-mono k-end" : "k-title k-ink", "start",
			  text);
	y = text_block(out, MARGIN, y + 24, "k-verdict k-ink", WRAP_TITLE,
		       verdict_line(view, line));
	if (!view_is_null(view, "rst_by")) {
		char reset[VERDICT_TEXT_SIZE + 16];

		verdict_reset(view, line);
		snprintf(reset, sizeof(reset), "Reset: s%s", *line ? line + 1 : "");
		y = text_block(out, MARGIN, y, "k-verdict k-ink", WRAP_TITLE, reset);
	}
	snprintf(text, sizeof(text), "%s \u00b7 connection %" PRId64 " \u00b7 %s",
		 view_text(view, "teardown"), view->id,
		 format_time(time, view_number(view, "first_ns")));
	if (out)
		text_line(out, MARGIN, y, "k-small k-dim", "start", text);
	return y + 16;
}

/* The findings in words; returns the y behind them. */
static int foot(FILE *out, const struct ladder_view *view, int y)
{
	y += view->finding_count > 0 ? 30 : 0;
	for (size_t k = 0; k < view->finding_count; k++) {
		const struct view_finding *f = &view->findings[k];
		char text[VERDICT_TEXT_SIZE];

		snprintf(text, sizeof(text), "%s (%s)", f->detail, f->basis);
		if (out) {
			char title[96];

			fprintf(out,
				"<rect class=\"k-fill %s\" fill=\"%s\" x=\"%d\" y=\"%d\" "
				"width=\"4\""
				" height=\"%d\" rx=\"2\"/>\n",
				severity_class(f->severity), severity_color(f->severity), MARGIN,
				y - 13, text_block(NULL, 0, LINE, "", WRAP, text) - 2);
			snprintf(title, sizeof(title), "%s %s", severity_name(f->severity),
				 f->code);
			text_line(out, MARGIN + 14, y, "k-mono k-strong", "start", title);
		}
		y = text_block(out, MARGIN + 14, y + LINE, "k-small k-ink", WRAP, text) + 10;
	}
	return y;
}

/* What a reader who does not see the picture needs of it. */
static void description(FILE *out, const struct ladder_view *view)
{
	char line[VERDICT_TEXT_SIZE], flags[VIEW_FLAGS_SIZE], numbers[VIEW_LABEL_SIZE];

	fprintf(out, "<desc id=\"lastack-desc-%" PRId64 "\">", view->id);
	write_markup(out, verdict_line(view, line));
	for (size_t k = 0; k < view->finding_count; k++)
		write_markupf(out, " %s: %s", view->findings[k].code, view->findings[k].detail);
	for (size_t i = 0; i < view->step_count; i++) {
		const struct view_step *s = &view->steps[i];

		write_markupf(out, " %s: %s %s", side_name((enum side)s->segment.from),
			      view_flags(s->segment.flags, flags), view_numbers(view, s, numbers));
		for (int side = 0; side < SIDES; side++) {
			if (s->entered[side])
				write_markupf(out, ", %s in %s", side_name((enum side)side),
					      view_state_name(s->state[side]));
		}
		putc('.', out);
	}
	fputs("</desc>\n", out);
}

static void open_svg(FILE *out, const struct ladder_view *view, bool alone, int height)
{
	char initiator[VIEW_END_SIZE], responder[VIEW_END_SIZE];

	if (alone)
		fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"k-ladder\" role=\"img\""
		" aria-labelledby=\"lastack-title-%" PRId64
		"\" aria-describedby=\"lastack-desc-%" PRId64
		"\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n",
		view->id, view->id, WIDTH, height, WIDTH, height);
	fprintf(out, "<title id=\"lastack-title-%" PRId64 "\">", view->id);
	write_markupf(out, "How the TCP connection from %s to %s ended: %s",
		      view_end(view, SIDE_INITIATOR, initiator),
		      view_end(view, SIDE_RESPONDER, responder), view_text(view, "teardown"));
	fputs("</title>\n", out);
	description(out, view);
	if (alone) {
		fputs("<style>\n", out);
		fwrite(asset_ladder_style, 1, asset_ladder_style_size, out);
		fputs("</style>\n", out);
		fprintf(out,
			"<rect class=\"k-paper\" fill=\"#ffffff\" width=\"%d\" height=\"%d\"/>\n",
			WIDTH, height);
	}
}

bool ladder_svg(FILE *out, const struct ladder_view *view, bool alone, struct error *err)
{
	int heads = head(NULL, view);
	struct picture p = {.out = out, .view = view, .top = heads + 64};

	if (!lay_out(&p))
		return error_set(err, "out of memory");
	open_svg(out, view, alone, foot(NULL, view, p.bottom) + MARGIN);
	head(out, view);
	head_of(&p, SIDE_INITIATOR, heads);
	head_of(&p, SIDE_RESPONDER, heads);
	lifeline(&p, SIDE_INITIATOR);
	lifeline(&p, SIDE_RESPONDER);
	for (size_t i = 0; i < view->step_count; i++)
		step(&p, i);
	if (view->step_count == 0)
		text_line(out, (LEFT + RIGHT) / 2, p.top + ROW, "k-small k-dim", "middle",
			  "segments were not stored (analyze --ladders all)");
	foot(out, view, p.bottom);
	fputs("</svg>\n", out);
	free(p.y);
	return true;
}
