#include "report/ladder_notation.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "report/format.h"

enum { SECONDS_SIZE = 40, NEXT_MAX = 8, GROUP_MAX = 8 };

enum kind { WORD, MOMENT, DURATION, FIN_SEQ };

struct column {
	const char *name; /* without the side, where it has one */
	enum kind kind;
	bool sided;
	bool reuse; /* of the tuple, by the next incarnation */
};

/* A line of expectations each group. */
static const struct column groups[][GROUP_MAX] = {
	{{.name = "teardown"},
	 {.name = "complete"},
	 {.name = "closer"},
	 {.name = "end_reason"},
	 {.name = "end_ns", .kind = MOMENT},
	 {.name = "midstream"}},
	{{.name = "fin_check", .sided = true}, {.name = "fin_seq", .kind = FIN_SEQ, .sided = true}},
	{{.name = "fin_acked_after_ns", .kind = DURATION, .sided = true},
	 {.name = "fin_retransmissions", .sided = true},
	 {.name = "fin_payload", .sided = true}},
	{{.name = "time_wait_holder"},
	 {.name = "time_wait_check"},
	 {.name = "time_wait_entry_ns", .kind = MOMENT},
	 {.name = "time_wait_observed_ns", .kind = DURATION},
	 {.name = "time_wait_restarts"}},
	{{.name = "reuse_delay_ns", .kind = DURATION, .reuse = true},
	 {.name = "reuse_by", .reuse = true},
	 {.name = "reuse_rule", .reuse = true},
	 {.name = "reuse_answer", .reuse = true}},
	{{.name = "rst_by"},
	 {.name = "rst_stage"},
	 {.name = "rst_cause"},
	 {.name = "rst_silence_ns", .kind = DURATION},
	 {.name = "rst_injected"},
	 {.name = "rst_in_window"},
	 {.name = "rst_out_of_window"}},
	{{.name = "bytes", .sided = true},
	 {.name = "retransmitted", .sided = true},
	 {.name = "missing", .sided = true},
	 {.name = "half_close_bytes"}},
	{{.name = "conn_state"},
	 {.name = "history"},
	 {.name = "handshake_rtt_ns", .kind = DURATION}},
};

/* Text of the database, which another program may have put there. */
static void put(FILE *out, const char *text)
{
	write_terminal(out, text, strlen(text), false);
}

/* Seconds with up to nine decimals, as the notation reads them. */
static const char *seconds(int64_t ns, char out[SECONDS_SIZE])
{
	uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	int length = snprintf(out, SECONDS_SIZE, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "",
			      size / 1000000000, size % 1000000000);

	while (out[length - 1] == '0')
		out[--length] = '\0';
	if (out[length - 1] == '.')
		out[--length] = '\0';
	return out;
}

static bool is(const struct ladder_view *view, const char *column, const char *value)
{
	return strcmp(view_text(view, column), value) == 0;
}

/* --- what the notation cannot hold --- */

/* A ladder has no other connections, TCP options or time-outs of memory. What rests on them is no
 * expectation; a comment says so. */
struct limits {
	bool timestamps; /* the reuse was judged by TCP timestamps */
	bool scale;      /* resets were held against a window, whose scale is not known */
	bool evictions;  /* connections were forgotten early */
	bool alone;      /* it was superseded, and by what is not told */
};

/* The next incarnation's initiator is this one's responder. */
static bool is_swapped(const struct ladder_view *view, const struct ladder_view *next)
{
	return !is(next, "initiator_ip", view_text(view, "initiator_ip")) ||
	       view_number(next, "initiator_port") != view_number(view, "initiator_port");
}

/* Rule none, although the ISN lies above the FIN: timestamps forbade it. */
static bool isn_allows(const struct ladder_view *view, const struct ladder_view *next)
{
	enum side side = is_swapped(view, next) ? SIDE_RESPONDER : SIDE_INITIATOR;
	uint32_t fin_seq = (uint32_t)view_number_of(view, "fin_seq", side);

	return !view_is_null_of(view, "fin_seq", side) &&
	       (int32_t)(next->isn[SIDE_INITIATOR] - fin_seq) > 0;
}

static struct limits limits_of(const struct ladder_view *view, const struct ladder_view *next)
{
	return (struct limits){
		.timestamps = strncmp(view_text(view, "reuse_rule"), "timestamp", 9) == 0 ||
			      (is(view, "reuse_rule", "none") && next && isn_allows(view, next)),
		.scale = view_number(view, "rst_in_window") +
				 view_number(view, "rst_out_of_window") >
			 0,
		.evictions = view->evictions,
		.alone = !next && is(view, "end_reason", "superseded"),
	};
}

static void tell_limits(FILE *out, const struct limits *limits)
{
	if (limits->timestamps)
		fputs("# The reuse was judged by TCP timestamps, so it is left out.\n", out);
	if (limits->scale)
		fputs("# Resets were held against a scaled window, so they are left out.\n", out);
	if (limits->evictions)
		fputs("# Connections were forgotten early, so the end of watching is left out.\n",
		      out);
	if (limits->alone)
		fputs("# What took its place is not stored, so the end is left out.\n", out);
}

static bool column_told(const struct limits *limits, const char *name)
{
	if (strncmp(name, "reuse_", 6) == 0 || strcmp(name, "time_wait_check") == 0)
		return !limits->timestamps;
	if (strcmp(name, "rst_in_window") == 0 || strcmp(name, "rst_out_of_window") == 0)
		return !limits->scale;
	if (strcmp(name, "end_reason") == 0 || strcmp(name, "end_ns") == 0)
		return !limits->alone && !limits->evictions;
	return strcmp(name, "time_wait_observed_ns") != 0 || !limits->evictions;
}

/* ICMP errors, and what the streams' payload shows. */
static bool is_of_content(const char *code)
{
	enum finding_code number = finding_code_of(code);

	return strncmp(code, "icmp-", 5) == 0 ||
	       (number >= FINDING_OVERLAP_CONFLICT && number <= FINDING_CAPTURE_LOSS);
}

static bool finding_told(const struct limits *limits, const char *code)
{
	if (strcmp(code, "time-wait-reused-early") == 0)
		return !limits->timestamps;
	if (strcmp(code, "rst-in-window") == 0 || strcmp(code, "rst-out-of-window") == 0)
		return !limits->scale;
	return !is_of_content(code);
}

/* --- segments --- */

static const char *letters(uint8_t flags, char out[VIEW_FLAGS_SIZE])
{
	static const struct {
		uint8_t flag;
		char letter;
	} names[] = {{TCP_SYN, 'S'}, {TCP_FIN, 'F'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'},
		     {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'W'}, {TCP_ACK, '.'}};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & names[i].flag)
			out[used++] = names[i].letter;
	}
	out[used] = '\0';
	return used > 0 ? out : "none";
}

static void tell_segment(FILE *out, const struct ladder_view *view, const struct view_step *step,
			 int64_t zero, bool from_initiator, const char *connection)
{
	const struct ladder_segment *s = &step->segment;
	char number[VIEW_FLAGS_SIZE], at[SECONDS_SIZE];
	enum side peer = s->from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;

	fprintf(out, "%s%s %c %s", seconds(s->ts_ns - zero, at), connection,
		from_initiator ? '>' : '<', letters(s->flags, number));
	fprintf(out, " %s", view_relative(step->seq, view->isn[s->from], number));
	if (s->payload_len > 0)
		fprintf(out, " len %" PRIu32, s->payload_len);
	if (s->flags & TCP_ACK)
		fprintf(out, " ack %s", view_relative(step->ack, view->isn[peer], number));
	else if (s->ack != 0)
		fprintf(out, " ack =%" PRIu32, s->ack);
	fprintf(out, " win %" PRIu32 " ttl %u\n", s->window, s->ttl);
}

/* The next incarnation's first segments: up to the first that comes back. */
static size_t next_count(const struct ladder_view *next)
{
	size_t count = 0;

	while (next && count < next->step_count && count < NEXT_MAX) {
		count++;
		if (next->steps[count - 1].segment.from != next->steps[0].segment.from)
			break;
	}
	return count;
}

static bool captured_before(const struct ladder_segment *one, const struct ladder_segment *other)
{
	return one->file != other->file ? one->file < other->file : one->packet < other->packet;
}

/* The capture's later packets. A time-out needs one that confirms the time of the one before it. */
static void tell_clock(FILE *out, const struct ladder_view *view, int64_t zero)
{
	char at[SECONDS_SIZE];

	for (int i = is(view, "end_reason", "idle_timeout") ? 0 : 1; i < 2; i++)
		fprintf(out, "%s clock # the capture went on until here\n",
			seconds(view->watched_ns - zero, at));
}

static void tell_segments(FILE *out, const struct ladder_view *view, const struct ladder_view *next)
{
	int64_t zero = view_number(view, "first_ns"), latest = zero;
	size_t of_next = next_count(next), k = 0;

	for (size_t i = 0; i < view->step_count || k < of_next;) {
		const struct view_step *one = i < view->step_count ? &view->steps[i] : NULL;
		const struct view_step *other = k < of_next ? &next->steps[k] : NULL;
		const struct view_step *told = one;

		if (other && (!one || captured_before(&other->segment, &one->segment))) {
			bool from_initiator = other->segment.from == SIDE_INITIATOR;

			tell_segment(out, next, other, zero,
				     from_initiator != is_swapped(view, next), " [2]");
			told = other;
			k++;
		} else {
			assert(one != NULL); /* as one of the two is left */
			if (one->segment.after_gap)
				fputs("...\n", out);
			tell_segment(out, view, one, zero, one->segment.from == SIDE_INITIATOR, "");
			i++;
		}
		if (told->segment.ts_ns > latest)
			latest = told->segment.ts_ns;
	}
	if (view->watched_ns != NONE_NS && view->watched_ns > latest)
		tell_clock(out, view, zero);
}

/* --- options --- */

static void tell_ends(FILE *out, const struct ladder_view *view)
{
	char end[VIEW_END_SIZE];

	for (int side = 0; side < SIDES; side++) {
		fprintf(out, " %s=", side_name(side));
		put(out, view_end(view, side, end));
		fprintf(out, " isn-%s=%" PRIu32, side_name(side), view->isn[side]);
	}
}

static void tell_options(FILE *out, const struct ladder_view *view, const struct ladder_view *next)
{
	char text[SECONDS_SIZE];
	uint64_t key;

	fprintf(out, "options: msl=%s", seconds(view->msl_ns, text));
	fprintf(out, " stuck=%s", seconds(view->stuck_ns, text));
	if (view->idle_timeout_ns > 0)
		fprintf(out, " idle-timeout=%s", seconds(view->idle_timeout_ns, text));
	fputs("\noptions:", out);
	tell_ends(out, view);
	for (int side = 0; side < SIDES; side++) {
		if (!view->vlans[side])
			continue;
		fprintf(out, " vlan-%s=", side_name(side));
		for (const char *at = view->vlans[side]; *at; at++)
			write_terminal(out, *at == ',' ? "." : at, 1, false);
	}
	if (sscanf(view_text(view, "tunnel"), "gre(key %" SCNu64 ")", &key) == 1)
		fprintf(out, " gre=%" PRIu64, key);
	putc('\n', out);
	if (next) {
		bool swapped = is_swapped(view, next);

		/* the ends of both numberings are those of the first one */
		fprintf(out, "connection 2: isn-initiator=%" PRIu32 " isn-responder=%" PRIu32 "\n",
			next->isn[swapped ? SIDE_RESPONDER : SIDE_INITIATOR],
			next->isn[swapped ? SIDE_INITIATOR : SIDE_RESPONDER]);
	}
}

/* --- expectations --- */

static void tell_value(FILE *out, const struct ladder_view *view, const struct column *column,
		       enum side side)
{
	char name[64], text[SECONDS_SIZE];
	int64_t value;

	snprintf(name, sizeof(name), "%s%s%s", column->name, column->sided ? "_" : "",
		 column->sided ? side_name(side) : "");
	fprintf(out, " %s=", name);
	value = view_number(view, name);
	if (view_is_null(view, name))
		fputs("NULL", out);
	else if (column->kind == MOMENT)
		fputs(seconds(value - view_number(view, "first_ns"), text), out);
	else if (column->kind == DURATION)
		fputs(seconds(value, text), out);
	else if (column->kind == FIN_SEQ)
		fprintf(out, "%" PRId32, (int32_t)((uint32_t)value - view->isn[side]));
	else if (view_is_number(view, name))
		fprintf(out, "%" PRId64, value);
	else
		put(out, view_text(view, name));
}

/* What a ladder can be held against: an empty history has no word in the notation. */
static bool is_expected(const struct ladder_view *view, const struct limits *limits,
			const struct column *column)
{
	return column_told(limits, column->name) &&
	       (strcmp(column->name, "history") != 0 || *view_text(view, "history"));
}

static void tell_columns(FILE *out, const struct ladder_view *view, const struct ladder_view *next,
			 const struct limits *limits, const char *mark)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		bool begun = false;

		for (size_t i = 0; i < GROUP_MAX && groups[g][i].name; i++) {
			const struct column *column = &groups[g][i];

			if ((column->reuse && !next) || !is_expected(view, limits, column))
				continue;
			if (!begun)
				fprintf(out, "%sexpect:", mark);
			begun = true;
			for (int side = 0; side < (column->sided ? SIDES : 1); side++)
				tell_value(out, view, column, (enum side)side);
		}
		if (begun)
			putc('\n', out);
	}
}

static void tell_states(FILE *out, const struct ladder_view *view, const char *mark)
{
	char text[SECONDS_SIZE];

	for (int side = 0; side < SIDES; side++) {
		bool any = false;

		fprintf(out, "%sstates: %s", mark, side_name(side));
		for (size_t i = 0; i < view->timeline_count; i++) {
			const struct view_dwell *d = &view->timeline[i];

			if (d->side != (enum side)side)
				continue;
			fprintf(out, " %s %s", view_state_name(d->state),
				seconds(d->entry_ns - view_number(view, "first_ns"), text));
			any = true;
		}
		fputs(any ? "\n" : " none\n", out);
	}
}

static bool same_finding(const struct view_finding *one, const struct view_finding *other)
{
	return one->side == other->side && strcmp(one->code, other->code) == 0;
}

/* Codes, each with its side and how often. */
static void tell_findings(FILE *out, const struct ladder_view *view, const struct limits *limits,
			  const char *mark)
{
	bool any = false, others = limits->timestamps || limits->scale, content = false;

	fprintf(out, "%sfindings:", mark);
	for (size_t i = 0; i < view->finding_count; i++) {
		const struct view_finding *f = &view->findings[i];
		uint64_t count = 0;
		bool told = false;

		if (!finding_told(limits, f->code)) {
			content = content || is_of_content(f->code);
			continue;
		}
		for (size_t k = 0; k < view->finding_count; k++) {
			if (!same_finding(f, &view->findings[k]))
				continue;
			told = told || k < i;
			count += view->findings[k].count;
		}
		if (told)
			continue;
		any = true;
		putc(' ', out);
		put(out, f->code);
		if (f->side != SIDE_NONE)
			fprintf(out, ":%s", side_name(f->side));
		fprintf(out, "*%" PRIu64, count);
	}
	fputs(others ? " ...\n" : any ? "\n" : " none\n", out);
	if (content)
		fputs("# Findings that rest on ICMP or on payload are left out: a ladder has "
		      "neither.\n",
		      out);
}

void ladder_notation(FILE *out, const struct ladder_view *view, const struct ladder_view *next)
{
	const char *mark = view->whole ? "" : "# ";
	const char *capture = view_text(view, "capture");
	char initiator[VIEW_END_SIZE], responder[VIEW_END_SIZE], time[FORMAT_SIZE];
	struct limits limits;

	/* what began after this one had been forgotten is no part of its account */
	if (is(view, "end_reason", "idle_timeout") || is(view, "teardown", "stray"))
		next = NULL;
	limits = limits_of(view, next);
	fprintf(out, "why: Connection %" PRId64 " of ", view->id);
	write_terminal(out, capture, strlen(capture) > 100 ? 100 : strlen(capture), false);
	fputs(", ", out);
	put(out, view_end(view, SIDE_INITIATOR, initiator));
	fputs(" to ", out);
	put(out, view_end(view, SIDE_RESPONDER, responder));
	fputs(".\n", out);
	fprintf(out, "# Zero is %s. ", format_time(time, view_number(view, "first_ns")));
	fputs("TCP options (window scale, timestamps) are not stored.\n", out);
	if (!view->whole)
		fputs("# Not all segments were stored, so that the expectations are comments.\n",
		      out);
	tell_options(out, view, next);
	tell_segments(out, view, next);
	tell_limits(out, &limits);
	if (next)
		fprintf(out, "%srows: 2\n", mark);
	tell_columns(out, view, next, &limits, mark);
	tell_states(out, view, mark);
	tell_findings(out, view, &limits, mark);
}
