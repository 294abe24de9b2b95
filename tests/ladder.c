/* Parser of the ladder notation: one line at a time, every default resolved on the way. */
#include "tests/ladder_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, NS_DIGITS = 9 };

bool reader_fail(struct reader *r, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(r->err, "%s:%u: %s", r->path, r->line, text);
}

bool word_number(const char *text, int64_t low, int64_t high, int64_t *out)
{
	char *end;
	long long value = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || value < low || value > high)
		return false;
	*out = value;
	return true;
}

bool case_seconds(const char *text, int64_t *ns)
{
	bool negative = *text == '-';
	int64_t whole = 0, part = 0;
	int digits = 0;
	const char *p = negative ? text + 1 : text;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (whole > 200000000) /* 2,000,000,009 s are 63 years */
			return false;
		whole = whole * 10 + (*p - '0');
	}
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && digits < NS_DIGITS; p++, digits++)
			part = part * 10 + (*p - '0');
	if (*p != '\0')
		return false;
	for (; digits < NS_DIGITS; digits++)
		part *= 10;
	*ns = whole * NS_PER_S + part;
	if (negative)
		*ns = -*ns;
	return true;
}

bool word_sequence(const char *text, uint32_t isn, uint32_t *out)
{
	bool absolute = *text == '=';
	int64_t value;

	if (!word_number(text + (absolute ? 1 : 0), absolute ? 0 : -(INT64_C(1) << 31), UINT32_MAX,
			 &value))
		return false;
	*out = absolute ? (uint32_t)value : isn + (uint32_t)value;
	return true;
}

bool word_vlans(const char *text, uint16_t vlan[CASE_VLANS_MAX], uint8_t *count)
{
	char copy[64], *save, *word;
	int64_t id;

	*count = 0;
	if (strcmp(text, "none") == 0)
		return true;
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	for (word = strtok_r(copy, ".", &save); word; word = strtok_r(NULL, ".", &save)) {
		if (*count == CASE_VLANS_MAX || !word_number(word, 0, 4095, &id))
			return false;
		vlan[(*count)++] = (uint16_t)id;
	}
	return *count > 0;
}

/* "KEY:" or "KEY N:" or "no findings [N]:"; what is left of the words is its content. */
static bool keyword_line(struct reader *r, char **words, size_t count, bool *known)
{
	size_t used = 0;
	bool no = strcmp(words[0], "no") == 0 && count > 1;
	const char *key = words[no ? 1 : 0];
	size_t length = strlen(key);
	int64_t index = 1;
	char name[32];

	*known = true;
	used = no ? 2 : 1;
	if (key[length - 1] == ':') {
		length--;
	} else if (count > used && words[used][strlen(words[used]) - 1] == ':') {
		words[used][strlen(words[used]) - 1] = '\0';
		if (!word_number(words[used], 1, 1000, &index))
			return reader_fail(r, "'%s' is no number", words[used]);
		used++;
	} else {
		*known = false;
		return true;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(length < 31 ? length : 31), key);
	words += used;
	count -= used;
	if (no && strcmp(name, "findings") == 0)
		return reader_findings(r, CASE_NO_FINDING, (unsigned)index, words, count);
	if (strcmp(name, "spec") == 0)
		return true;
	if (strcmp(name, "options") == 0)
		return reader_connection(r, 0, words, count);
	if (strcmp(name, "connection") == 0 && index > 1 && index <= CASE_CONNECTIONS_MAX)
		return reader_connection(r, (unsigned)index - 1, words, count);
	if (strcmp(name, "expect") == 0)
		return reader_expect(r, (unsigned)index, words, count);
	if (strcmp(name, "findings") == 0)
		return reader_findings(r, CASE_FINDING, (unsigned)index, words, count);
	if (strcmp(name, "states") == 0)
		return reader_of_side(r, CASE_STATES, (unsigned)index, words, count);
	if (strcmp(name, "stream") == 0) {
		r->ladder->streams = true;
		return reader_of_side(r, CASE_STREAM, (unsigned)index, words, count);
	}
	if (strcmp(name, "rows") == 0)
		return reader_count(r, CASE_ROWS, words, count);
	if (strcmp(name, "skipped") == 0)
		return reader_count(r, CASE_SKIPPED, words, count);
	return reader_fail(r, "'%s' is no keyword", name);
}

static void strip_comment(char *line)
{
	for (char *p = line; *p; p++)
		if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			return;
		}
}

static bool read_line(struct reader *r, char *line)
{
	static const char blank[] = " \t\r\n";
	char *words[WORDS_MAX], *save;
	size_t count = 0;
	bool known;

	if (strncmp(line, "why:", 4) == 0) {
		snprintf(r->ladder->why, sizeof(r->ladder->why), "%s",
			 line + 4 + strspn(line + 4, blank));
		r->ladder->why[strcspn(r->ladder->why, "\r\n")] = '\0';
		return true;
	}
	strip_comment(line);
	for (char *word = strtok_r(line, blank, &save); word; word = strtok_r(NULL, blank, &save)) {
		if (count == WORDS_MAX)
			return reader_fail(r, "more than %d words", WORDS_MAX);
		words[count++] = word;
	}
	if (count == 0 || strcmp(words[0], "...") == 0)
		return true;
	if (!keyword_line(r, words, count, &known))
		return false;
	return known || reader_step(r, words, count);
}

static struct ladder_case *case_new(struct error *err)
{
	struct ladder_case *ladder = calloc(1, sizeof(*ladder));

	if (ladder) {
		ladder->msl_ns = 120 * NS_PER_S;
		ladder->stuck_ns = 60 * NS_PER_S;
		ladder->stream_memory = (size_t)64 << 20;
		ladder->steps = calloc(CASE_STEPS_MAX, sizeof(*ladder->steps));
		ladder->expectations = calloc(CASE_EXPECTATIONS_MAX, sizeof(*ladder->expectations));
		connection_first(&ladder->connection[0]);
	}
	if (!ladder || !ladder->steps || !ladder->expectations) {
		case_free(ladder);
		error_set(err, "out of memory");
		return NULL;
	}
	return ladder;
}

struct ladder_case *case_read(const char *path, struct error *err)
{
	struct reader r = {.path = path, .err = err, .next_ip_id = {1, 0x8001}};
	char *line = NULL;
	size_t size = 0;
	bool good = true;
	FILE *file = fopen(path, "r");

	if (!file) {
		error_set(err, "%s: %s", path, strerror(errno));
		return NULL;
	}
	r.ladder = case_new(err);
	while (r.ladder && good && getline(&line, &size, file) > 0) {
		r.line++;
		good = read_line(&r, line);
	}
	if (r.ladder && good && r.ladder->why[0] == '\0')
		good = reader_fail(&r, "no 'why:' line");
	if (r.ladder && good && r.ladder->expectation_count == 0)
		good = reader_fail(&r, "nothing is expected");
	free(line);
	fclose(file);
	if (good)
		return r.ladder;
	case_free(r.ladder);
	return NULL;
}

void case_free(struct ladder_case *ladder)
{
	if (!ladder)
		return;
	free(ladder->steps);
	free(ladder->expectations);
	free(ladder);
}
