/* Slots to diagnoses: sentences with the numbers, the parties, the examples. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/clusters.h"
#include "report/diagnosis_private.h"
#include "report/format.h"
#include "report/stored.h"

enum { TEXT_SIZE = 1024, WHO_SIZE = 320 };

char *walk_address(struct diagnosis_walk *w, int64_t host_id)
{
	sqlite3_stmt *s = walk_statement(w, WALK_ADDRESS, host_id);
	char *copy = NULL;

	if (!s)
		return NULL;
	if (walk_row(w, s))
		copy = walk_text(w, s, 0);
	sqlite3_reset(s);
	if (!copy && !w->broken)
		error_set(w->err, "reading the report: the database lacks host %" PRId64, host_id);
	return copy;
}

/* "10.0.0.1:443", "[2001:db8::1]:443", "10.0.0.1". */
static void write_party(char *out, size_t size, const struct diagnosis_party *party)
{
	if (party->port == 0)
		snprintf(out, size, "%s", party->address);
	else
		snprintf(out, size, strchr(party->address, ':') ? "[%s]:%u" : "%s:%u",
			 party->address, party->port);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* "10.0.0.1:443 (TLS)", "10.0.0.1:443 (TLS) and 3 others". */
static void write_who(char *out, size_t size, const struct diagnosis *d)
{
	char name[128], count[FORMAT_SIZE];
	const struct diagnosis_party *first = &d->parties[0];
	uint64_t others = d->parties_total > 0 ? d->parties_total - 1 : 0;

	if (d->party_count == 0) {
		snprintf(out, size, "many hosts");
		return;
	}
	write_party(name, sizeof(name), first);
	snprintf(out, size, "%s%s%s%s%s%s%s%s", name, first->application ? " (" : "",
		 first->application ? first->application : "", first->application ? ")" : "",
		 others > 0 ? " and " : "", others > 0 ? format_count(count, others) : "",
		 others > 0 ? " other" : "", others > 1 ? "s" : "");
}

struct teller {
	struct diagnosis *d;
	const struct slot *slot;
	char out[TEXT_SIZE];
	size_t used;
	int64_t stuck_ns;
};

static void append(struct teller *t, const char *text)
{
	int written;

	if (t->used >= sizeof(t->out))
		return;
	written = snprintf(t->out + t->used, sizeof(t->out) - t->used, "%s", text);
	t->used += (size_t)written;
	if (t->used >= sizeof(t->out))
		t->used = sizeof(t->out) - 1;
}

/* A silence as people set timers: whole seconds where it is one within 3 %. */
static const char *format_timer(char out[FORMAT_SIZE], int64_t ns)
{
	int64_t second = INT64_C(1000000000), whole = (ns + second / 2) / second * second;
	int64_t off = ns > whole ? ns - whole : whole - ns;

	if (whole > 0 && off * 33 <= whole)
		return format_duration(out, whole);
	return format_duration(out, ns - ns % (second / 100));
}

static void append_field(struct teller *t, const char *name, size_t length)
{
	char text[WHO_SIZE], count[FORMAT_SIZE], time[FORMAT_SIZE];
	const char *hint = timer_hint(t->slot->silence_ns);

	if (strncmp(name, "n", length) == 0) {
		snprintf(text, sizeof(text), "%s connection%s",
			 format_count(count, t->d->connections), plural(t->d->connections));
		append(t, text);
	} else if (strncmp(name, "were", length) == 0) {
		append(t, t->d->connections == 1 ? "was" : "were");
	} else if (strncmp(name, "who", length) == 0) {
		write_who(text, sizeof(text), t->d);
		append(t, text);
	} else if (strncmp(name, "time", length) == 0) {
		append(t, format_timer(time, t->slot->silence_ns));
	} else if (strncmp(name, "silence", length) == 0) {
		snprintf(text, sizeof(text), "%s%s%s%s", format_timer(time, t->slot->silence_ns),
			 hint ? " (known of: " : "", hint ? hint : "", hint ? ")" : "");
		append(t, text);
	} else if (strncmp(name, "range", length) == 0) {
		format_timer(time, t->slot->shortest_ns);
		format_timer(count, t->slot->longest_ns);
		append(t, time);
		if (strcmp(time, count) != 0) {
			append(t, " to ");
			append(t, count);
		}
	} else if (strncmp(name, "stuck", length) == 0) {
		append(t, format_duration(time, t->stuck_ns));
	}
}

/* The template with its {fields} filled in; the first letter is made a capital. */
static char *fill(struct teller *t, const char *template)
{
	t->used = 0;
	t->out[0] = '\0';
	while (*template) {
		const char *open = strchr(template, '{'), *close = open ? strchr(open, '}') : NULL;
		char piece[TEXT_SIZE];

		snprintf(piece, sizeof(piece), "%.*s",
			 (int)(close ? (size_t)(open - template) : strlen(template)), template);
		append(t, piece);
		if (!close)
			break;
		append_field(t, open + 1, (size_t)(close - open - 1));
		template = close + 1;
	}
	t->out[0] = (char)toupper((unsigned char)t->out[0]);
	return strdup(t->out);
}

/* Its ports run out; those of a server cannot. */
static bool is_mostly_client(const struct time_wait_load *load)
{
	return load->initiated * 2 >= load->held;
}

static const char *pressure_advice(const struct time_wait_load *load)
{
	if (is_mostly_client(load))
		return "Keep connections open and use them again, or let the server close first; "
		       "as a stop-gap widen net.ipv4.ip_local_port_range or turn on "
		       "net.ipv4.tcp_tw_reuse.";
	return "Nothing, as long as memory and net.ipv4.tcp_max_tw_buckets suffice. Else let the "
	       "clients close first, or keep connections open longer.";
}

/* TIME_WAIT pressure has numbers of its own. */
static char *tell_pressure(struct teller *t, enum severity *severity)
{
	const struct time_wait_load *load = &t->slot->load;
	char who[WHO_SIZE], peak[FORMAT_SIZE], sixty[FORMAT_SIZE], ports[FORMAT_SIZE];
	char share[FORMAT_SIZE], when[FORMAT_SIZE];

	*severity = load->peak_ports * 4 >= EPHEMERAL_PORTS * 3 ? SEVERITY_ERROR
		    : load->peak_ports * 4 >= EPHEMERAL_PORTS   ? SEVERITY_WARNING
								: SEVERITY_INFO;
	write_who(who, sizeof(who), t->d);
	format_count(peak, load->peak);
	format_count(sixty, load->peak_60s);
	format_time(when, load->peak_ns);
	if (is_mostly_client(load))
		snprintf(
			t->out, sizeof(t->out),
			"%s held up to %s TIME_WAITs at once (%s if each lasts 60 s, as on Linux), "
			"the most at %s. Towards one service they bound up to %s ports, %s of the "
			"28,232 that Linux has by default. It closes first, mostly as the client: "
			"the server should close instead.",
			who, peak, sixty, when, format_count(ports, load->peak_ports),
			format_share(share, load->peak_ports, EPHEMERAL_PORTS));
	else
		snprintf(
			t->out, sizeof(t->out),
			"%s held up to %s TIME_WAITs at once (%s if each lasts 60 s, as on Linux), "
			"the most at %s. It closes first, mostly as the server: these take memory, "
			"but bind no port of its own.",
			who, peak, sixty, when);
	return strdup(t->out);
}

static char *tell_msl(struct teller *t)
{
	char name[128], shortest[FORMAT_SIZE], n[FORMAT_SIZE];

	if (t->d->party_count == 0)
		return strdup("");
	write_party(name, sizeof(name), &t->d->parties[0]);
	snprintf(t->out, sizeof(t->out),
		 "%s reuse%s of a port pair in TIME_WAIT that no rule forbids: the soonest by %s, "
		 "%s "
		 "after it had entered the state.",
		 format_count(n, t->d->connections), plural(t->d->connections), name,
		 format_duration(shortest, t->slot->shortest_ns));
	return strdup(t->out);
}

static bool tell_sentences(struct diagnosis_walk *w, const struct slot *slot, struct diagnosis *d)
{
	const struct diagnosis_telling *telling = diagnosis_telling(slot->code);
	struct teller t = {.d = d, .slot = slot, .stuck_ns = w->stuck_ns};
	bool clustered = slot->silence_ns != NONE_NS && telling->clustered;

	if (slot->code == DIAGNOSIS_TIME_WAIT_PRESSURE)
		d->sentence = tell_pressure(&t, &d->severity);
	else if (slot->code == DIAGNOSIS_EFFECTIVE_MSL)
		d->sentence = tell_msl(&t);
	else
		d->sentence = fill(&t, clustered ? telling->clustered : telling->sentence);
	if (slot->code == DIAGNOSIS_KEEPALIVE_RACE && !clustered && d->severity > SEVERITY_WARNING)
		d->severity =
			SEVERITY_WARNING; /* no timer shows: it may be the end of a dialogue */
	if (slot->code == DIAGNOSIS_TIME_WAIT_PRESSURE)
		d->advice = strdup(pressure_advice(&slot->load));
	else if (clustered && telling->clustered_advice)
		d->advice = fill(&t, telling->clustered_advice);
	else
		d->advice = strdup(telling->kind.advice);
	if (d->sentence && slot->support > 0) {
		char count[FORMAT_SIZE], time[FORMAT_SIZE];
		char *longer = NULL;

		if (asprintf(&longer,
			     "%s It closed %s other idle connection%s after the same time without "
			     "harm, so that its timeout is about %s.",
			     d->sentence, format_count(count, slot->support), plural(slot->support),
			     format_timer(time, slot->silence_ns)) < 0)
			return walk_no_memory(w);
		free(d->sentence);
		d->sentence = longer;
	}
	return (d->sentence && d->advice) || walk_no_memory(w);
}

static int worse_first(const void *left, const void *right)
{
	const struct diagnosis *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->connections != b->connections)
		return a->connections > b->connections ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->silence_ns > b->silence_ns) - (a->silence_ns < b->silence_ns);
}

static bool tell_slot(struct diagnosis_walk *w, size_t index)
{
	const struct slot *slot = &w->slots.slot[index];
	const struct diagnosis_telling *telling = diagnosis_telling(slot->code);
	struct diagnosis *d = &w->out->items[w->out->count++];

	*d = (struct diagnosis){
		.kind = &telling->kind,
		.severity = telling->severity,
		.connections = slot->connections,
		.of = w->out->connections,
		.of_what = "connections",
		.since_ns = slot->since_ns,
		.until_ns = slot->until_ns,
		.silence_ns = slot->silence_ns,
		.over_time = slot->series,
		.parties_total = slot->parties,
	};
	return diagnosis_parties(w, index, d) && diagnosis_examples(w, index, d) &&
	       tell_sentences(w, slot, d);
}

bool diagnoses_tell(struct diagnosis_walk *w)
{
	w->out->items = calloc(w->slots.count, sizeof(*w->out->items));
	if (!w->out->items)
		return walk_no_memory(w);
	for (size_t i = 0; i < w->slots.count; i++)
		if (w->slots.slot[i].connections > 0 && !tell_slot(w, i))
			return false;
	if (w->out->count > 1)
		qsort(w->out->items, w->out->count, sizeof(*w->out->items), worse_first);
	return true;
}
