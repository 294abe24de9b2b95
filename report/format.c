#include "report/format.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define NS_PER_US   INT64_C(1000)
#define NS_PER_MS   INT64_C(1000000)
#define NS_PER_S    INT64_C(1000000000)
#define REPLACEMENT 0xfffdu

const char *format_time(char out[FORMAT_SIZE], int64_t ns)
{
	int64_t second = ns / NS_PER_S;
	int64_t rest = ns % NS_PER_S;
	time_t when;
	struct tm tm;
	size_t length;

	if (rest < 0) {
		rest += NS_PER_S;
		second--;
	}
	when = (time_t)second;
	if (!gmtime_r(&when, &tm)) {
		snprintf(out, FORMAT_SIZE, "%" PRId64 " ns", ns);
		return out;
	}
	length = strftime(out, FORMAT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + length, FORMAT_SIZE - length, ".%06" PRId64 "Z", rest / NS_PER_US);
	return out;
}

/* Two units, the smaller one left out where it is zero. */
static void format_long_duration(char *out, size_t size, uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} unit[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;
	uint64_t big, small;

	while (i < 2 && seconds < unit[i].seconds)
		i++;
	big = seconds / unit[i].seconds;
	small = seconds % unit[i].seconds / unit[i + 1].seconds;
	if (small > 0)
		snprintf(out, size, "%" PRIu64 " %s %" PRIu64 " %s", big, unit[i].name, small,
			 unit[i + 1].name);
	else
		snprintf(out, size, "%" PRIu64 " %s", big, unit[i].name);
}

const char *format_duration(char out[FORMAT_SIZE], int64_t ns)
{
	uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	size_t used = 0;

	if (ns < 0)
		out[used++] = '-';
	if (size < NS_PER_US)
		snprintf(out + used, FORMAT_SIZE - used, "%" PRIu64 " ns", size);
	else if (size < NS_PER_MS)
		snprintf(out + used, FORMAT_SIZE - used, "%.4g us", (double)size / NS_PER_US);
	else if (size < NS_PER_S)
		snprintf(out + used, FORMAT_SIZE - used, "%.4g ms", (double)size / NS_PER_MS);
	else if (size < 60 * (uint64_t)NS_PER_S)
		snprintf(out + used, FORMAT_SIZE - used, "%.4g s", (double)size / NS_PER_S);
	else
		format_long_duration(out + used, FORMAT_SIZE - used, size / NS_PER_S);
	return out;
}

const char *format_count(char out[FORMAT_SIZE], uint64_t count)
{
	char digits[FORMAT_SIZE];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	return out;
}

const char *format_bytes(char out[FORMAT_SIZE], uint64_t bytes)
{
	static const char *const unit[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes / 1000;
	size_t i = 0;

	if (bytes < 1000) {
		snprintf(out, FORMAT_SIZE, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
		return out;
	}
	while (value >= 999.95 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		value /= 1000;
		i++;
	}
	snprintf(out, FORMAT_SIZE, "%.1f %s", value, unit[i]);
	return out;
}

const char *format_share(char out[FORMAT_SIZE], uint64_t part, uint64_t whole)
{
	double share = whole == 0 ? 0 : 100.0 * (double)part / (double)whole;

	if (whole == 0)
		snprintf(out, FORMAT_SIZE, "-");
	else if (part > 0 && share < 0.1)
		snprintf(out, FORMAT_SIZE, "<0.1 %%");
	else if (part < whole && share > 99.9)
		snprintf(out, FORMAT_SIZE, ">99.9 %%");
	else
		snprintf(out, FORMAT_SIZE, "%.1f %%", share);
	return out;
}

/* By its first byte; 0 where no character starts with it. */
static size_t utf8_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

size_t utf8_decode(const char *text, size_t left, uint32_t *character)
{
	uint8_t first = (uint8_t)text[0];
	size_t length = utf8_length(first);
	uint32_t value;

	if (length == 0 || length > left)
		return 0;
	value = length == 1 ? first : first & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		uint8_t byte = (uint8_t)text[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		value = (value << 6) | (byte & 0x3fu);
	}
	/* overlong forms, surrogates and numbers past the last plane */
	if ((length == 3 && value < 0x800) || (length == 4 && value < 0x10000) ||
	    (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
		return 0;
	*character = value;
	return length;
}

bool character_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static size_t character_columns(uint32_t c)
{
	int columns = c < 0x80 ? 1 : wcwidth((wchar_t)c);

	return columns < 0 ? 1 : (size_t)columns;
}

size_t write_terminal(FILE *out, const char *text, size_t length, bool unicode)
{
	size_t columns = 0;
	size_t at = 0;

	while (at < length) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(text + at, length - at, &c);
		char escape[16];

		if (bytes > 0 && !character_unsafe(c) && (c < 0x80 || unicode)) {
			if (out)
				fwrite(text + at, 1, bytes, out);
			columns += character_columns(c);
			at += bytes;
			continue;
		}
		if (bytes > 1)
			snprintf(escape, sizeof(escape), "\\u{%x}", c);
		else
			snprintf(escape, sizeof(escape), "\\x%02x", (uint8_t)text[at]);
		if (out)
			fputs(escape, out);
		columns += strlen(escape);
		at += bytes > 0 ? bytes : 1;
	}
	return columns;
}

static void write_json_character(FILE *out, const char *text, size_t bytes, uint32_t c)
{
	static const char short_form[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (int)c);
	else if (c < 0x20 && short_form[c])
		fprintf(out, "\\%c", short_form[c]);
	else if (character_unsafe(c))
		fprintf(out, "\\u%04x", c);
	else
		fwrite(text, 1, bytes, out);
}

void write_json(FILE *out, const char *text, size_t length)
{
	size_t at = 0;

	putc('"', out);
	while (at < length) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(text + at, length - at, &c);

		if (bytes == 0) {
			fprintf(out, "\\u%04x", REPLACEMENT);
			at++;
			continue;
		}
		write_json_character(out, text + at, bytes, c);
		at += bytes;
	}
	putc('"', out);
}

void write_markdown(FILE *out, const char *text, size_t length)
{
	static const char special[] = "\\`*_{}[]<>|~$^#!&@";
	size_t at = 0;

	while (at < length) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(text + at, length - at, &c);

		if (bytes == 0 || character_unsafe(c)) {
			if (bytes > 1)
				fprintf(out, "\\\\u\\{%x\\}", c);
			else
				fprintf(out, "\\\\x%02x", (uint8_t)text[at]);
			at += bytes > 0 ? bytes : 1;
			continue;
		}
		if ((c < 0x80 && strchr(special, (int)c)) ||
		    (c == ':' && length - at > 1 && text[at + 1] == '/')) /* "http://" is no link */
			putc('\\', out);
		fwrite(text + at, 1, bytes, out);
		at += bytes;
	}
}

/* As it is, but for what would steer a terminal; line breaks may stand in quotes. */
static void write_cell(FILE *out, const char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(text + at, length - at, &c);

		if (c == '"')
			putc('"', out);
		if (bytes > 0 && character_unsafe(c) && c != '\t' && c != '\r' && c != '\n')
			fprintf(out, "\\u{%x}", c);
		else
			fwrite(text + at, 1, bytes > 0 ? bytes : 1, out);
		at += bytes > 0 ? bytes : 1;
	}
}

void write_csv(FILE *out, const char *text, size_t length)
{
	bool formula = length > 1 && strchr("=+-@\t\r", text[0]);
	bool quoted = length == 0 || formula;

	for (size_t i = 0; i < length && !quoted; i++)
		quoted = text[i] == '"' || text[i] == ',' || text[i] == '\r' || text[i] == '\n';
	if (quoted)
		fputs(formula ? "\"'" : "\"", out);
	write_cell(out, text, length);
	if (quoted)
		putc('"', out);
}
