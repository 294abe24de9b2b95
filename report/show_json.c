#include <inttypes.h>
#include <string.h>

#include "report/format.h"
#include "report/show.h"

static void text(FILE *out, const char *value)
{
	write_json(out, value, strlen(value));
}

static void side(FILE *out, enum side value)
{
	if (value == SIDE_NONE)
		fputs("null", out);
	else
		text(out, side_name(value));
}

/* Every column of `teardowns` under its name. */
static void tell_row(FILE *out, const struct ladder_view *view)
{
	int count = sqlite3_column_count(view->row);

	for (int i = 0; i < count; i++) {
		const char *name = sqlite3_column_name(view->row, i);

		fputs(i > 0 ? "," : "", out);
		text(out, name);
		putc(':', out);
		if (sqlite3_column_type(view->row, i) == SQLITE_NULL)
			fputs("null", out);
		else if (sqlite3_column_type(view->row, i) == SQLITE_INTEGER)
			fprintf(out, "%" PRId64, view_number(view, name));
		else
			text(out, view_text(view, name));
	}
}

static void tell_timeline(FILE *out, const struct ladder_view *view)
{
	fputs(",\"timeline\":[", out);
	for (size_t i = 0; i < view->timeline_count; i++) {
		const struct view_dwell *d = &view->timeline[i];

		fprintf(out,
			"%s{\"side\":\"%s\",\"state\":\"%s\",\"entry_ns\":%" PRId64
			",\"dwell_ns\":",
			i > 0 ? "," : "", side_name(d->side), view_state_name(d->state),
			d->entry_ns);
		if (d->dwell_ns == NONE_NS)
			fputs("null}", out);
		else
			fprintf(out, "%" PRId64 "}", d->dwell_ns);
	}
	putc(']', out);
}

static void tell_findings(FILE *out, const struct ladder_view *view)
{
	fputs(",\"findings\":[", out);
	for (size_t i = 0; i < view->finding_count; i++) {
		const struct view_finding *f = &view->findings[i];

		fprintf(out, "%s{\"code\":", i > 0 ? "," : "");
		text(out, f->code);
		fprintf(out, ",\"severity\":\"%s\",\"side\":", severity_name(f->severity));
		side(out, f->side);
		fprintf(out, ",\"ts_ns\":%" PRId64 ",\"packet\":", f->ts_ns);
		if (f->packet > 0)
			fprintf(out, "%" PRIu64, f->packet);
		else
			fputs("null", out);
		fprintf(out, ",\"count\":%" PRIu64 ",\"detail\":", f->count);
		text(out, f->detail);
		fputs(",\"title\":", out);
		text(out, f->title);
		fputs(",\"advice\":", out);
		text(out, f->advice);
		fputs(",\"basis\":", out);
		text(out, f->basis);
		putc('}', out);
	}
	putc(']', out);
}

static void tell_ladder(FILE *out, const struct ladder_view *view)
{
	char flags[VIEW_FLAGS_SIZE];

	fputs(",\"ladder\":[", out);
	for (size_t i = 0; i < view->step_count; i++) {
		const struct view_step *step = &view->steps[i];
		const struct ladder_segment *s = &step->segment;

		fprintf(out,
			"%s{\"ts_ns\":%" PRId64 ",\"packet\":%" PRIu64
			",\"from\":\"%s\",\"flags\":\"%s\",\"seq\":%" PRIu32 ",\"ack\":",
			i > 0 ? "," : "", s->ts_ns, s->packet, side_name((enum side)s->from),
			s->flags ? view_flags(s->flags, flags) : "", step->seq);
		if (s->flags & TCP_ACK)
			fprintf(out, "%" PRIu32, step->ack);
		else
			fputs("null", out);
		fprintf(out,
			",\"payload\":%" PRIu32 ",\"window\":%" PRIu32
			",\"ttl\":%u,\"after_gap\":%s,\"initiator_state\":\"%s\""
			",\"responder_state\":\"%s\"}",
			s->payload_len, s->window, s->ttl, s->after_gap ? "true" : "false",
			view_state_name(step->state[SIDE_INITIATOR]),
			view_state_name(step->state[SIDE_RESPONDER]));
	}
	fprintf(out, "],\"ladder_complete\":%s", view->whole ? "true" : "false");
}

void show_json(FILE *out, const struct ladder_view *view)
{
	putc('{', out);
	tell_row(out, view);
	tell_timeline(out, view);
	tell_findings(out, view);
	tell_ladder(out, view);
	fputs("}\n", out);
}
