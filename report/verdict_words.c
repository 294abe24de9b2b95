#include "report/verdict_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report/format.h"

struct phrase {
	const char *value, *text;
};

static const struct phrase teardown_phrases[] = {
	{"stray", "Resets only: no segment of a connection was captured with them"},
	{"refused", "Refused: the SYN was answered by a reset"},
	{"unanswered", "Never answered: the SYN got no reply"},
	{"handshake_aborted", "Reset during the handshake"},
	{"handshake_incomplete", "The handshake was never finished"},
	{"rst_abort", "Aborted by a reset, without any FIN"},
	{"rst_after_fin", "Reset while closing: a FIN had been sent, the close was not finished"},
	{"four_way", "Closed by FIN, ACK, FIN, ACK"},
	{"three_segment", "Closed in three segments: the second FIN carried the ACK of the first"},
	{"simultaneous", "Closed by both ends at once: the FINs crossed"},
	{"half_closed", "Half closed: one end sent its FIN, the other never did"},
	{"fin_unanswered", "One FIN was sent and never acknowledged"},
	{"open", "Still open when the capture ended its account: neither FIN nor reset"},
	{NULL, NULL},
};

static const struct phrase closer_phrases[] = {
	{"initiator", "the initiator (client) closed first"},
	{"responder", "the responder (server) closed first"},
	{NULL, NULL},
};

static const struct phrase end_phrases[] = {
	{"superseded", "A new connection with the same addresses and ports took its place"},
	{"idle_timeout", "It was given up after silence (--idle-timeout)"},
	{"evicted", "It was forgotten early, at --max-flows or --max-memory"},
	{"capture_end", "The capture ended before it did"},
	{NULL, NULL},
};

static const struct phrase cause_phrases[] = {
	{"port_closed", "nothing listens on the port"},
	{"half_open", "it answers a SYN|ACK: a scan, or a socket that is gone"},
	{"data_after_close", "data came for a socket that had been closed"},
	{"no_such_connection", "its sender knew no such connection"},
	{"retransmission_failure", "retransmissions had gone unanswered"},
	{"keepalive_failure", "keep-alive probes had gone unanswered"},
	{"idle_timeout", "the connection had been silent for 60 s or more"},
	{"unread_data", "the socket was closed with data still unread"},
	{"application_abort", "the application or its system gave up"},
	{NULL, NULL},
};

/* "Sent by the responder in CLOSE_WAIT": the state is the sender's. */
static const struct phrase stage_phrases[] = {
	{"syn", "during the handshake"},
	{"established_no_data", "before any data"},
	{"after_first_data", "after the first data segment"},
	{"established", "while data was flowing"},
	{"fin_wait_1", "in FIN_WAIT_1"},
	{"fin_wait_2", "in FIN_WAIT_2"},
	{"close_wait", "in CLOSE_WAIT"},
	{"closing", "in CLOSING"},
	{"last_ack", "in LAST_ACK"},
	{NULL, NULL},
};

static const struct phrase time_wait_phrases[] = {
	{"held", "watched for all of 2MSL, and nothing disturbed it"},
	{"unverified", "nothing disturbed it, but the capture ended before 2MSL had passed"},
	{"reused_ok", "a new SYN used the tuple again, as RFC 6191 allows"},
	{"assassinated", "a late reset hit it (RFC 1337)"},
	{"reused_early", "a new SYN used the tuple again, which no rule of RFC 6191 allows"},
	{"cut_short", "its holder answered with a reset: it had forgotten the connection"},
	{NULL, NULL},
};

static const struct phrase check_phrases[] = {
	{"ok", "was consumed as exactly one number"},
	{"violated", "was not handled as one number (see the findings)"},
	{"unverified", "was never seen acknowledged exactly"},
	{NULL, NULL},
};

static const char *phrase_of(const struct phrase *phrases, const char *value)
{
	for (; phrases->value; phrases++) {
		if (strcmp(phrases->value, value) == 0)
			return phrases->text;
	}
	return "";
}

struct writer {
	const struct ladder_view *view;
	struct verdict_word *words;
	size_t count;
	size_t used; /* of the last one's text */
};

static void say(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct writer *w, const char *format, ...)
{
	struct verdict_word *word = &w->words[w->count - 1];
	va_list arguments;
	int n;

	if (w->used >= sizeof(word->text))
		return;
	va_start(arguments, format);
	n = vsnprintf(word->text + w->used, sizeof(word->text) - w->used, format, arguments);
	va_end(arguments);
	w->used += n > 0 ? (size_t)n : 0;
}

static void begin(struct writer *w, const char *label)
{
	if (w->count < VERDICT_WORDS_MAX)
		w->count++;
	w->words[w->count - 1].label = label;
	w->words[w->count - 1].text[0] = '\0';
	w->used = 0;
}

static void say_ending(struct writer *w)
{
	const struct ladder_view *v = w->view;
	const char *closer = phrase_of(closer_phrases, view_text(v, "closer"));
	const char *why = phrase_of(end_phrases, view_text(v, "end_reason"));

	say(w, "%s", phrase_of(teardown_phrases, view_text(v, "teardown")));
	/* without a FIN it is the sender of the reset, of whom the next line tells */
	if (*closer &&
	    !(view_is_null(v, "fin_ns_initiator") && view_is_null(v, "fin_ns_responder")))
		say(w, "; %s", closer);
	say(w, ".");
	if (view_number(v, "complete"))
		say(w, " Complete.");
	else if (*why)
		say(w, " Not complete: %s%s.",
		    *why == 'I'   ? "it"
		    : *why == 'T' ? "the"
				  : "a",
		    why + (*why == 'I'   ? 2
			   : *why == 'T' ? 3
					 : 1));
}

static void say_opening(struct writer *w)
{
	const struct ladder_view *v = w->view;
	char text[FORMAT_SIZE];

	if (view_number(v, "midstream"))
		say(w, "Begun before the capture: no SYN was seen.");
	else if (!view_is_null(v, "handshake_rtt_ns"))
		say(w, "Handshake done in %s.",
		    format_duration(text, view_number(v, "handshake_rtt_ns")));
	else
		say(w, "No handshake round trip was seen.");
	for (int side = 0; side < SIDES; side++) {
		char packets[FORMAT_SIZE], bytes[FORMAT_SIZE];

		say(w, "%s %s of the %s in %s packet%s%s",
		    side == SIDE_INITIATOR ? " Payload:" : ",",
		    format_bytes(bytes, (uint64_t)view_number_of(v, "bytes", side)),
		    side_name(side),
		    format_count(packets, (uint64_t)view_number_of(v, "packets", side)),
		    view_number_of(v, "packets", side) == 1 ? "" : "s",
		    side == SIDE_INITIATOR ? "" : ".");
	}
}

static void say_fins(struct writer *w)
{
	const struct ladder_view *v = w->view;
	bool first = true;

	for (int side = 0; side < SIDES; side++) {
		const char *check = phrase_of(check_phrases, view_text_of(v, "fin_check", side));
		int64_t again = view_number_of(v, "fin_retransmissions", side);
		char text[FORMAT_SIZE];

		if (!*check)
			continue;
		if (first)
			begin(w, "FINs");
		say(w, "%sThe %s's FIN %s", first ? "" : " ", side_name(side), check);
		if (!view_is_null_of(v, "fin_acked_after_ns", side))
			say(w, ", acknowledged after %s",
			    format_duration(text, view_number_of(v, "fin_acked_after_ns", side)));
		if (again > 0)
			say(w, ", sent %" PRId64 " time%s again", again, again == 1 ? "" : "s");
		say(w, ".");
		first = false;
	}
	if (view_number(v, "half_close_bytes") > 0) {
		char text[FORMAT_SIZE];

		say(w, " After the first FIN the other end still sent %s.",
		    format_bytes(text, (uint64_t)view_number(v, "half_close_bytes")));
	}
}

static void say_reset(struct writer *w)
{
	const struct ladder_view *v = w->view;
	const char *stage = phrase_of(stage_phrases, view_text(v, "rst_stage"));
	char text[FORMAT_SIZE];

	if (view_is_null(v, "rst_by"))
		return;
	begin(w, "Reset");
	say(w, "Sent by the %s", view_text(v, "rst_by"));
	if (*stage)
		say(w, " %s", stage);
	if (view_number(v, "rst_silence_ns") > 0)
		say(w, ", after %s of silence",
		    format_duration(text, view_number(v, "rst_silence_ns")));
	if (!view_is_null(v, "rst_cause"))
		say(w, ". Likely cause: %s", phrase_of(cause_phrases, view_text(v, "rst_cause")));
	say(w, ".");
}

static void say_time_wait(struct writer *w)
{
	const struct ladder_view *v = w->view;
	const char *check = phrase_of(time_wait_phrases, view_text(v, "time_wait_check"));
	const char *holder = view_text(v, "time_wait_holder");
	char text[FORMAT_SIZE];

	if (!*check)
		return;
	begin(w, "TIME_WAIT");
	say(w, "Held by %s%s; %s.", strcmp(holder, "both") == 0 ? "both ends" : "the ",
	    strcmp(holder, "both") == 0 ? "" : holder, check);
	if (!view_is_null(v, "time_wait_observed_ns"))
		say(w, " Watched for %s",
		    format_duration(text, view_number(v, "time_wait_observed_ns")));
	say(w, " of %s.", format_duration(text, 2 * v->msl_ns));
}

static void say_losses(struct writer *w)
{
	static const struct {
		const char *column, *one, *many;
	} counts[] = {
		{"duplicates", "packet captured twice", "packets captured twice"},
		{"retransmitted_initiator", "segment sent again by the initiator",
		 "segments sent again by the initiator"},
		{"retransmitted_responder", "segment sent again by the responder",
		 "segments sent again by the responder"},
		{"missing_initiator", "byte of the initiator acknowledged but not captured",
		 "bytes of the initiator acknowledged but not captured"},
		{"missing_responder", "byte of the responder acknowledged but not captured",
		 "bytes of the responder acknowledged but not captured"},
		{"rst_in_window", "reset inside the window that was not accepted",
		 "resets inside the window that were not accepted"},
		{"rst_out_of_window", "reset outside the window", "resets outside the window"},
	};
	bool first = true;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint64_t count = (uint64_t)view_number(w->view, counts[i].column);
		char text[FORMAT_SIZE];

		if (count == 0)
			continue;
		if (first)
			begin(w, "Also seen");
		say(w, "%s%s %s", first ? "" : ", ", format_count(text, count),
		    count == 1 ? counts[i].one : counts[i].many);
		first = false;
	}
	if (!first)
		say(w, ".");
}

size_t verdict_words(const struct ladder_view *view,
		     struct verdict_word words[static VERDICT_WORDS_MAX])
{
	struct writer w = {.view = view, .words = words};

	begin(&w, "How it ended");
	say_ending(&w);
	say_reset(&w);
	say_fins(&w);
	say_time_wait(&w);
	begin(&w, "Before");
	say_opening(&w);
	say_losses(&w);
	begin(&w, "Zeek");
	say(&w, "conn_state %s, history %s", view_text(view, "conn_state"),
	    *view_text(view, "history") ? view_text(view, "history") : "(none)");
	return w.count;
}

const char *verdict_line(const struct ladder_view *view, char out[static VERDICT_TEXT_SIZE])
{
	struct verdict_word word;
	struct writer w = {.view = view, .words = &word};

	begin(&w, "");
	say_ending(&w);
	memcpy(out, word.text, VERDICT_TEXT_SIZE);
	return out;
}

const char *verdict_reset(const struct ladder_view *view, char out[static VERDICT_TEXT_SIZE])
{
	struct verdict_word word = {.text = ""};
	struct writer w = {.view = view, .words = &word};

	say_reset(&w);
	memcpy(out, word.text, VERDICT_TEXT_SIZE);
	return out;
}
