#include "monitor/alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So much may time go back without having been set. */
#define BACK_NS INT64_C(10000000000)

struct bucket {
	uint64_t matching, connections;
};

/* One condition's window: the bucket that fills, and as many full ones before it. */
struct window {
	struct bucket buckets[ALERT_WINDOW_BUCKETS + 1];
	struct bucket sum; /* of all */
	int64_t begin_ns;  /* since when it is watched */
	int64_t number;    /* of the bucket that fills: time / length */
	bool on;           /* it was told that the condition holds */
	int64_t began_ns;  /* where on */
	int64_t held_ns;   /* when it held last */
	struct alert_example example;
};

struct alerts {
	const struct alert_condition *conditions;
	size_t count;
	alert_sink *sink;
	void *context;
	bool started;
	int64_t now_ns;
	struct window windows[];
};

const char *alert_state_name(enum alert_state state)
{
	return state == ALERT_BEGAN ? "began" : state == ALERT_ENDED ? "ended" : "?";
}

struct alerts *alerts_new(const struct alert_condition *conditions, size_t count, alert_sink *sink,
			  void *context, struct error *err)
{
	struct alerts *alerts = calloc(1, sizeof(*alerts) + count * sizeof(alerts->windows[0]));

	if (!alerts) {
		error_set(err, "no memory for alerts");
		return NULL;
	}
	alerts->conditions = conditions;
	alerts->count = count;
	alerts->sink = sink;
	alerts->context = context;
	return alerts;
}

void alerts_free(struct alerts *alerts)
{
	free(alerts);
}

double alert_value(const struct alert_condition *condition, uint64_t matching, uint64_t connections)
{
	switch (condition->measure) {
	case ALERT_SHARE:
		return connections == 0 ? 0 : 100.0 * (double)matching / (double)connections;
	case ALERT_RATE:
		return (double)matching * (double)condition->unit_ns / (double)condition->window_ns;
	default:
		return (double)matching;
	}
}

static const char *unit_name(int64_t ns)
{
	const int64_t second = INT64_C(1000000000);

	return ns == second ? "s" : ns == 60 * second ? "min" : ns == 3600 * second ? "h" : "d";
}

const char *alert_value_text(const struct alert_condition *condition, double value,
			     char out[ALERT_VALUE_SIZE])
{
	if (condition->measure == ALERT_SHARE)
		snprintf(out, ALERT_VALUE_SIZE, "%.3g %%", value);
	else if (condition->measure == ALERT_RATE)
		snprintf(out, ALERT_VALUE_SIZE, "%.4g/%s", value, unit_name(condition->unit_ns));
	else
		snprintf(out, ALERT_VALUE_SIZE, "%.0f", value);
	return out;
}

const char *alert_sentence(const struct alert *alert, char out[ALERT_SENTENCE_SIZE])
{
	char value[ALERT_VALUE_SIZE];
	int used;

	alert_value_text(alert->condition, alert->value, value);
	used = snprintf(out, ALERT_SENTENCE_SIZE,
			"%s: %s, %" PRIu64 " of %" PRIu64 " connections: ",
			alert->state == ALERT_BEGAN ? "Alert" : "Alert over", value,
			alert->matching, alert->connections);
	if (used > 0 && used < ALERT_SENTENCE_SIZE)
		snprintf(out + used, (size_t)(ALERT_SENTENCE_SIZE - used), "%s",
			 alert->condition->text);
	return out;
}

static bool in_range(const struct address_range *range, const struct ip_address *address,
		     uint8_t version)
{
	uint8_t key[ADDRESS_KEY_SIZE];

	if (range->version != version)
		return false;
	address_key(address, version, key);
	return memcmp(key, range->low, sizeof(key)) >= 0 &&
	       memcmp(key, range->high, sizeof(key)) <= 0;
}

static bool scope_has(const struct alert_scope *scope, const struct verdict *v)
{
	const struct verdict_direction *initiator = &v->dir[SIDE_INITIATOR];
	const struct verdict_direction *responder = &v->dir[SIDE_RESPONDER];

	if (scope->has_port && responder->port != scope->port)
		return false;
	if (scope->has_client && !in_range(&scope->client, &initiator->address, v->ip_version))
		return false;
	if (scope->has_server && !in_range(&scope->server, &responder->address, v->ip_version))
		return false;
	return !scope->has_host || in_range(&scope->host, &initiator->address, v->ip_version) ||
	       in_range(&scope->host, &responder->address, v->ip_version);
}

static bool matches(const struct alert_condition *condition, const struct verdict *v)
{
	switch (condition->what) {
	case ALERT_ALL:
		return true;
	case ALERT_UNCLEAN:
		return !v->clean;
	case ALERT_TEARDOWN:
		return v->teardown == condition->value;
	case ALERT_CAUSE:
		return v->rst_cause == condition->value;
	default:
		for (size_t i = 0; i < v->finding_count; i++)
			if (condition->what == ALERT_FINDING
				    ? v->findings[i].code == condition->value
				    : v->findings[i].severity >= condition->value)
				return true;
		return false;
	}
}

/* Counts of findings do not wait for the end: who looks for a stuck connection wants it while it is. */
static bool can_match_open(const struct alert_condition *condition)
{
	return condition->what == ALERT_FINDING || condition->what == ALERT_SEVERITY;
}

/* It was counted when a finding was told while it was open. */
static bool matched_open(const struct alert_condition *condition, uint64_t told)
{
	for (unsigned code = 0; told != 0 && code < FINDING_CODES; code++)
		if (told >> code & 1 &&
		    (condition->what == ALERT_FINDING
			     ? code == condition->value
			     : condition->what == ALERT_SEVERITY &&
				       finding_kind((enum finding_code)code)->severity >=
					       condition->value))
			return true;
	return false;
}

/* Each connection counts once in a condition: when it ends, or when it matches while it is open. */
static bool counts_now(const struct alert_condition *condition, const struct verdict *v)
{
	if (!scope_has(&condition->scope, v) || matched_open(condition, v->told))
		return false;
	return !v->open || (can_match_open(condition) && matches(condition, v));
}

static struct bucket *bucket_at(struct window *window, int64_t number)
{
	return &window->buckets[(uint64_t)number % (ALERT_WINDOW_BUCKETS + 1)];
}

void alerts_resume(struct alerts *alerts, size_t index, int64_t began_ns)
{
	alerts->windows[index].on = true;
	alerts->windows[index].began_ns = began_ns;
}

void alerts_take(struct alerts *alerts, const struct verdict *verdict)
{
	if (verdict->again)
		return;
	for (size_t i = 0; i < alerts->count; i++) {
		const struct alert_condition *condition = &alerts->conditions[i];
		struct window *window = &alerts->windows[i];
		struct bucket *bucket = bucket_at(window, window->number);

		if (!counts_now(condition, verdict))
			continue;
		bucket->connections++;
		window->sum.connections++;
		if (!matches(condition, verdict))
			continue;
		bucket->matching++;
		window->sum.matching++;
		window->example = (struct alert_example){
			.ip_version = verdict->ip_version,
			.initiator = verdict->dir[SIDE_INITIATOR].address,
			.responder = verdict->dir[SIDE_RESPONDER].address,
			.initiator_port = verdict->dir[SIDE_INITIATOR].port,
			.responder_port = verdict->dir[SIDE_RESPONDER].port,
		};
	}
}

static void window_clear(struct window *window, int64_t now_ns)
{
	memset(window->buckets, 0, sizeof(window->buckets));
	window->sum = (struct bucket){0};
	window->begin_ns = now_ns;
}

/* Lets the buckets go that are older than the window. */
static void window_move(struct window *window, int64_t number)
{
	while (window->number < number) {
		struct bucket *oldest = bucket_at(window, ++window->number);

		window->sum.matching -= oldest->matching;
		window->sum.connections -= oldest->connections;
		*oldest = (struct bucket){0};
	}
}

/* What stays below a limit is true of every window that has only begun: it must have been watched for
 * all its length. */
static bool holds(const struct alert_condition *condition, const struct window *window,
		  int64_t now_ns)
{
	double value = alert_value(condition, window->sum.matching, window->sum.connections);
	bool whole = now_ns - window->begin_ns >= condition->window_ns;

	if (window->sum.connections < condition->minimum ||
	    (condition->measure == ALERT_SHARE && window->sum.connections == 0))
		return false;
	switch (condition->comparison) {
	case ALERT_ABOVE:
		return value > condition->limit;
	case ALERT_AT_LEAST:
		return value >= condition->limit;
	case ALERT_BELOW:
		return whole && value < condition->limit;
	default:
		return whole && value <= condition->limit;
	}
}

static void tell(const struct alerts *alerts, size_t i, enum alert_state state)
{
	const struct alert_condition *condition = &alerts->conditions[i];
	const struct window *window = &alerts->windows[i];
	struct alert alert = {
		.index = (unsigned)i,
		.condition = condition,
		.state = state,
		.began_ns = window->began_ns,
		.ended_ns = state == ALERT_ENDED ? alerts->now_ns : NONE_NS,
		.matching = window->sum.matching,
		.connections = window->sum.connections,
		.value = alert_value(condition, window->sum.matching, window->sum.connections),
		.example = window->example,
	};

	alerts->sink(alerts->context, &alert);
}

static void judge(struct alerts *alerts, size_t i)
{
	const struct alert_condition *condition = &alerts->conditions[i];
	struct window *window = &alerts->windows[i];

	if (holds(condition, window, alerts->now_ns)) {
		window->held_ns = alerts->now_ns;
		if (!window->on) {
			window->on = true;
			window->began_ns = alerts->now_ns;
			tell(alerts, i, ALERT_BEGAN);
		}
	} else if (window->on && alerts->now_ns - window->held_ns >= condition->window_ns) {
		window->on = false;
		tell(alerts, i, ALERT_ENDED);
	}
}

/* The clock was set: what stands in the windows has no time any more. An alert that is on stays so for
 * a window from now. */
static bool clock_was_set(const struct alerts *alerts, int64_t now_ns, int64_t window_ns)
{
	return !alerts->started || now_ns < alerts->now_ns || now_ns - alerts->now_ns > window_ns;
}

void alerts_tick(struct alerts *alerts, int64_t now_ns)
{
	int64_t before_ns = alerts->now_ns;
	bool started = alerts->started;

	if (started && now_ns < before_ns && before_ns - now_ns < BACK_NS)
		return; /* the last packets of two interfaces, not a clock that was set */
	for (size_t i = 0; i < alerts->count; i++) {
		struct window *window = &alerts->windows[i];
		int64_t length = alerts->conditions[i].window_ns / ALERT_WINDOW_BUCKETS;

		if (clock_was_set(alerts, now_ns, alerts->conditions[i].window_ns)) {
			/* before the first tick connections may have come */
			struct bucket kept = started ? (struct bucket){0} : window->sum;

			window_clear(window, now_ns);
			window->number = now_ns / length;
			window->held_ns += window->on ? now_ns - before_ns : 0;
			window->sum = *bucket_at(window, window->number) = kept;
		} else {
			window_move(window, now_ns / length);
		}
	}
	alerts->started = true;
	alerts->now_ns = now_ns;
	for (size_t i = 0; i < alerts->count; i++)
		judge(alerts, i);
}
