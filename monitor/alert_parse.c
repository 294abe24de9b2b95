/* The language of alert conditions, read from left to right, a function a part:
 *
 *   MEASURE ( WHAT ) COMPARISON LIMIT over DURATION { for SCOPE VALUE | min COUNT }
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "monitor/alert.h"

enum { WORD_SIZE = 64, HINT_SIZE = 400, QUOTE_SIZE = 400 };

#define NS_PER_S   INT64_C(1000000000)
#define NUMBER_MAX 1e12

struct reader {
	const char *text, *at;
	struct error *err;
};

static const int64_t window_min_ns = NS_PER_S, window_max_ns = 7 * 86400 * NS_PER_S;

/* The text with a mark below the place, as compilers do. */
static bool refuse_at(struct reader *r, const char *place, const char *expected)
{
	size_t before = (size_t)(place - r->text);

	if (strlen(r->text) > QUOTE_SIZE)
		return error_set(r->err, "the alert condition is too long: %zu characters",
				 strlen(r->text));
	if (*place == '\0')
		return error_set(r->err, "alert condition '%s': %s expected at its end", r->text,
				 expected);
	return error_set(r->err, "alert condition '%.*s >>> %s': %s expected at '>>>'", (int)before,
			 r->text, place, expected);
}

static void skip_space(struct reader *r)
{
	while (isspace((unsigned char)*r->at))
		r->at++;
}

static bool refuse(struct reader *r, const char *expected)
{
	skip_space(r);
	return refuse_at(r, r->at, expected);
}

static bool take(struct reader *r, const char *sign)
{
	skip_space(r);
	if (strncmp(r->at, sign, strlen(sign)) != 0)
		return false;
	r->at += strlen(sign);
	return true;
}

/* Letters, digits, '_', '-', and what the caller adds; cut where it does not fit, which no name does. */
static void read_word(struct reader *r, const char *more, char word[WORD_SIZE])
{
	size_t length = 0;

	skip_space(r);
	while (isalnum((unsigned char)*r->at) || (*r->at && strchr("_-", *r->at)) ||
	       (*r->at && strchr(more, *r->at))) {
		if (length < WORD_SIZE - 1)
			word[length++] = *r->at;
		r->at++;
	}
	word[length] = '\0';
}

static bool take_word(struct reader *r, const char *wanted)
{
	const char *before = r->at;
	char word[WORD_SIZE];

	read_word(r, "", word);
	if (strcmp(word, wanted) == 0)
		return true;
	r->at = before;
	return false;
}

/* Not by strtod: the locale has no say in what a dot means. */
static bool read_number(struct reader *r, double *number)
{
	double part = 1;

	skip_space(r);
	if (!isdigit((unsigned char)*r->at))
		return refuse(r, "a number");
	for (*number = 0; isdigit((unsigned char)*r->at); r->at++)
		*number = *number * 10 + (*r->at - '0');
	if (*r->at == '.')
		for (r->at++; isdigit((unsigned char)*r->at); r->at++)
			*number += (part /= 10) * (*r->at - '0');
	return *number <= NUMBER_MAX || refuse(r, "a smaller number before this");
}

struct time_unit {
	const char *name;
	int64_t ns;
};

static const struct time_unit time_units[] = {
	{"s", NS_PER_S},         {"sec", NS_PER_S},         {"m", 60 * NS_PER_S},
	{"min", 60 * NS_PER_S},  {"h", 3600 * NS_PER_S},    {"hour", 3600 * NS_PER_S},
	{"d", 86400 * NS_PER_S}, {"day", 86400 * NS_PER_S},
};

static bool read_unit(struct reader *r, int64_t *ns)
{
	const char *before;
	char word[WORD_SIZE];

	skip_space(r);
	before = r->at;
	read_word(r, "", word);
	for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++)
		if (strcmp(word, time_units[i].name) == 0) {
			*ns = time_units[i].ns;
			return true;
		}
	return refuse_at(r, before, "s, min, h or d");
}

static bool read_duration(struct reader *r, int64_t *ns)
{
	const char *before;
	double number;
	int64_t unit;

	skip_space(r);
	before = r->at;
	if (!read_number(r, &number) || !read_unit(r, &unit))
		return false;
	number *= (double)unit;
	if (number < (double)window_min_ns || number > (double)window_max_ns)
		return refuse_at(r, before, "a time from 1s to 7d");
	*ns = (int64_t)number;
	return true;
}

/* What may be counted: a prefix and its names. Without prefix the first that has the name is meant. */
static const char *name_of(enum alert_what what, unsigned value)
{
	switch (what) {
	case ALERT_TEARDOWN:
		return value < TEARDOWNS ? teardown_name((enum teardown)value) : NULL;
	case ALERT_CAUSE: /* from 1: 0 is none */
		return value + 1 < RST_CAUSES ? rst_cause_name((enum rst_cause)(value + 1)) : NULL;
	case ALERT_FINDING:
		return value < FINDING_CODES ? finding_kind((enum finding_code)value)->code : NULL;
	case ALERT_SEVERITY:
		return value < SEVERITIES ? severity_name((enum severity)value) : NULL;
	default:
		return NULL;
	}
}

static bool find_name(enum alert_what what, const char *word, struct alert_condition *condition)
{
	const char *name;

	for (unsigned value = 0; (name = name_of(what, value)) != NULL; value++)
		if (strcmp(name, word) == 0) {
			condition->what = what;
			condition->value = what == ALERT_CAUSE ? value + 1 : value;
			return true;
		}
	return false;
}

static const struct {
	const char *prefix;
	enum alert_what what;
} kinds[] = {{"teardown:", ALERT_TEARDOWN},
	     {"cause:", ALERT_CAUSE},
	     {"finding:", ALERT_FINDING},
	     {"severity:", ALERT_SEVERITY}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Names what there is: "stray, refused, ...". */
static bool refuse_name(struct reader *r, const char *place, enum alert_what what)
{
	char hint[HINT_SIZE] = "";
	const char *name;
	size_t used = 0;

	for (unsigned value = 0; (name = name_of(what, value)) != NULL; value++) {
		if (used + strlen(name) + 8 >= sizeof(hint)) {
			used += (size_t)snprintf(hint + used, sizeof(hint) - used, ", ...");
			break;
		}
		used += (size_t)snprintf(hint + used, sizeof(hint) - used, "%s%s",
					 used > 0 ? ", " : "", name);
	}
	return refuse_at(r, place, hint);
}

static bool read_what(struct reader *r, struct alert_condition *condition)
{
	const char *before;
	char word[WORD_SIZE];

	skip_space(r);
	before = r->at;
	read_word(r, ":", word);
	if (strcmp(word, "connections") == 0 || strcmp(word, "unclean") == 0) {
		condition->what = *word == 'c' ? ALERT_ALL : ALERT_UNCLEAN;
		return true;
	}
	for (size_t i = 0; i < KINDS; i++) {
		size_t length = strlen(kinds[i].prefix);

		if (strncmp(word, kinds[i].prefix, length) == 0)
			return find_name(kinds[i].what, word + length, condition) ||
			       refuse_name(r, before + length, kinds[i].what);
	}
	for (size_t i = 0; i < KINDS; i++)
		if (find_name(kinds[i].what, word, condition))
			return true;
	return refuse_at(r, before,
			 "connections, unclean, a teardown's class, cause:NAME, finding:CODE or "
			 "severity:NAME");
}

static bool read_measure(struct reader *r, struct alert_condition *condition)
{
	static const char *const names[] = {
		[ALERT_SHARE] = "share", [ALERT_RATE] = "rate", [ALERT_COUNT] = "count"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (take_word(r, names[i])) {
			condition->measure = i;
			if (!take(r, "("))
				return refuse(r, "(");
			if (!read_what(r, condition))
				return false;
			return take(r, ")") || refuse(r, ")");
		}
	return refuse(r, "share, rate or count");
}

static bool read_limit(struct reader *r, struct alert_condition *condition)
{
	const char *before;

	if (take(r, ">="))
		condition->comparison = ALERT_AT_LEAST;
	else if (take(r, ">"))
		condition->comparison = ALERT_ABOVE;
	else if (take(r, "<="))
		condition->comparison = ALERT_AT_MOST;
	else if (take(r, "<"))
		condition->comparison = ALERT_BELOW;
	else
		return refuse(r, ">, >=, < or <=");
	skip_space(r);
	before = r->at;
	if (!read_number(r, &condition->limit))
		return false;
	if (condition->measure == ALERT_SHARE) {
		if (!take(r, "%"))
			return refuse(r, "%");
		return condition->limit <= 100 || refuse_at(r, before, "at most 100%");
	}
	if (condition->measure == ALERT_RATE)
		return take(r, "/") ? read_unit(r, &condition->unit_ns)
				    : refuse(r, "/s, /min, /h or /d");
	return true;
}

static bool read_range(struct reader *r, bool *has, struct address_range *range)
{
	const char *before;
	char word[WORD_SIZE];

	skip_space(r);
	before = r->at;
	if (*has)
		return refuse_at(r, before, "this to be said once");
	read_word(r, ".:/", word);
	*has = address_range_parse(word, range);
	return *has || refuse_at(r, before, "an address or a prefix such as 10.0.0.0/8");
}

static bool read_whole(struct reader *r, double most, const char *expected, double *number)
{
	const char *before;

	skip_space(r);
	before = r->at;
	if (!read_number(r, number))
		return false;
	return (*number == floor(*number) && *number <= most) || refuse_at(r, before, expected);
}

static bool read_scope(struct reader *r, struct alert_scope *scope)
{
	double number;

	if (take_word(r, "host"))
		return read_range(r, &scope->has_host, &scope->host);
	if (take_word(r, "client"))
		return read_range(r, &scope->has_client, &scope->client);
	if (take_word(r, "server"))
		return read_range(r, &scope->has_server, &scope->server);
	if (!take_word(r, "port"))
		return refuse(r, "host, client, server or port");
	if (scope->has_port)
		return refuse(r, "this to be said once");
	if (!read_whole(r, UINT16_MAX, "a port up to 65535", &number))
		return false;
	scope->port = (uint16_t)number;
	scope->has_port = true;
	return true;
}

static bool read_tail(struct reader *r, struct alert_condition *condition)
{
	double number;

	for (;;) {
		skip_space(r);
		if (*r->at == '\0')
			return true;
		if (take_word(r, "for")) {
			if (!read_scope(r, &condition->scope))
				return false;
		} else if (take_word(r, "min")) {
			if (!read_whole(r, NUMBER_MAX, "a whole number of connections", &number))
				return false;
			condition->minimum = (uint64_t)number;
		} else {
			return refuse(r, "for, min or nothing");
		}
	}
}

bool alert_parse(const char *text, struct alert_condition *condition, struct error *err)
{
	struct reader r = {.text = text, .at = text, .err = err};

	*condition = (struct alert_condition){.text = text};
	if (!read_measure(&r, condition) || !read_limit(&r, condition))
		return false;
	if (condition->measure == ALERT_SHARE)
		condition->minimum = ALERT_MINIMUM;
	if (!take_word(&r, "over"))
		return refuse(&r, "over and a time");
	return read_duration(&r, &condition->window_ns) && read_tail(&r, condition);
}
