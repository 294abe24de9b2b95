/* Text from captures and files on its way out: to a terminal, JSON, CSV, Markdown, HTML, into messages.
 *
 * Eight bytes are a number to be shown; the rest is the text. What comes out is held against what the
 * reader of each kind could take for more than text. */
#include <string.h>

#include <sqlite3.h>

#include "base/error.h"
#include "report/format.h"
#include "report/json_writer.h"
#include "report/markup.h"
#include "report/page.h"
#include "tests/fuzz/fuzz.h"

/* Valid UTF-8 without anything that moves a cursor; newlines only where lines are meant. */
static void check_plain(const struct written *w, bool lines, bool ascii)
{
	for (size_t at = 0, step; at < w->length; at += step) {
		uint32_t character;

		step = utf8_decode(w->text + at, w->length - at, &character);
		MUST(step > 0);
		MUST(!character_unsafe(character) || (lines && character == '\n'));
		MUST(!ascii || character < 0x80);
	}
}

static void check_terminal(const char *text, size_t length)
{
	for (int unicode = 0; unicode < 2; unicode++) {
		struct written w;
		size_t columns;

		written_begin(&w);
		columns = write_terminal(w.out, text, length, unicode);
		written_end(&w);
		check_plain(&w, false, !unicode);
		MUST(columns == write_terminal(NULL, text, length, unicode));
		MUST(unicode || columns == w.length);
		free(w.text);
	}
}

static void check_page(const char *text)
{
	for (unsigned width = 20; width <= 80; width += 60) {
		struct written w;
		struct page page = {.style = {.unicode = true, .width = width}};

		written_begin(&w);
		page.out = w.out;
		page_wrap(&page, 2, "%s: %s", text, text);
		page_label(&page, 2, "Label:", "%s", text);
		page_paste(&page, 2, "%s", text);
		written_end(&w);
		check_plain(&w, true, false);
		free(w.text);
	}
}

static bool json_is_valid(const char *text, size_t length)
{
	static sqlite3 *db;
	static sqlite3_stmt *statement;
	bool valid;

	if (!db) {
		MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
		MUST(sqlite3_prepare_v2(db, "SELECT json_valid(?)", -1, &statement, NULL) ==
		     SQLITE_OK);
	}
	sqlite3_reset(statement);
	sqlite3_bind_text(statement, 1, text, (int)length, SQLITE_STATIC);
	MUST(sqlite3_step(statement) == SQLITE_ROW);
	valid = sqlite3_column_int(statement, 0);
	sqlite3_reset(statement);
	return valid;
}

static void check_json(const char *text, size_t length, uint64_t number)
{
	struct written w;
	struct json json;

	written_begin(&w);
	json = (struct json){.out = w.out};
	json_open_item(&json, '{');
	json_key_text(&json, "text", text);
	json_key_count(&json, "count", number);
	json_key_ns(&json, "ns", (int64_t)number, number % 2);
	json_open_key(&json, "list", '[');
	json_comma(&json);
	json_text(&json, text);
	json_comma(&json);
	json_text(&json, NULL);
	json_close(&json, ']');
	json_key(&json, text);
	write_json(w.out, text, length);
	json_close(&json, '}');
	written_end(&w);
	check_plain(&w, false, false);
	MUST(json_is_valid(w.text, w.length));
	free(w.text);
}

/* What a cell says instead of the character at text, where that would steer a terminal; else "". */
static void told_instead(const char *text, size_t length, char instead[16], size_t *bytes)
{
	uint32_t c = 0;

	instead[0] = '\0';
	*bytes = utf8_decode(text, length, &c);
	if (*bytes > 0 && character_unsafe(c) && c != '\t' && c != '\r' && c != '\n')
		snprintf(instead, 16, "\\u{%x}", c);
}

/* Read as RFC 4180 says, it is the text again, but for the apostrophe before a formula and for what would
 * steer a terminal. */
static void check_csv(const char *text, size_t length)
{
	struct written w;
	const char *from, *to;
	char instead[16];
	size_t at = 0, bytes;
	bool quoted;

	written_begin(&w);
	write_csv(w.out, text, length);
	written_end(&w);
	MUST(w.length > 0);
	quoted = w.text[0] == '"';
	from = w.text + quoted;
	to = w.text + w.length - quoted;
	MUST(!quoted || (w.length >= 2 && *to == '"'));
	MUST(length < 2 || !strchr("=+-@\t\r", text[0]) || *from == '\'');
	if (length >= 2 && strchr("=+-@\t\r", text[0]) && *from == '\'')
		from++;
	for (; from < to; from++, at++) {
		MUST(quoted || !strchr("\",\r\n", *from));
		MUST(at < length);
		told_instead(text + at, length - at, instead, &bytes);
		if (instead[0] != '\0') {
			MUST((size_t)(to - from) >= strlen(instead) &&
			     memcmp(from, instead, strlen(instead)) == 0);
			from += strlen(instead) - 1;
			at += bytes - 1;
			continue;
		}
		MUST(*from == text[at]);
		if (*from == '"')
			MUST(++from < to && *from == '"');
	}
	MUST(at == length);
	free(w.text);
}

static void check_markup(const char *text)
{
	struct written w;

	written_begin(&w);
	write_markup(w.out, text);
	written_end(&w);
	check_plain(&w, false, false);
	for (size_t i = 0; i < w.length; i++) {
		MUST(!strchr("<>\"'", w.text[i]));
		MUST(w.text[i] != '&' ||
		     memchr(w.text + i, ';', w.length - i < 8 ? w.length - i : 8));
	}
	free(w.text);
	written_begin(&w);
	write_markupf(w.out, "%s|%s", text, text);
	write_prose(w.out, text);
	written_end(&w);
	check_plain(&w, false, false);
	for (size_t i = 0; i < w.length; i++)
		if (w.text[i] == '<') /* of our own */
			MUST(strncmp(w.text + i, "<code>", 6) == 0 ||
			     strncmp(w.text + i, "</code>", 7) == 0);
	free(w.text);
}

static void check_markdown(const char *text, size_t length)
{
	static const char special[] = "<>|*_`[]#~";
	struct written w;

	written_begin(&w);
	write_markdown(w.out, text, length);
	written_end(&w);
	check_plain(&w, false, false);
	for (size_t i = 0; i < w.length; i++)
		if (strchr(special, w.text[i])) /* escaped, or part of an entity: &#91; */
			MUST(i > 0 && (w.text[i - 1] == '\\' || w.text[i - 1] == '&'));
	free(w.text);
}

static void check_numbers(uint64_t number, const char *text)
{
	char out[FORMAT_SIZE];
	struct error err = {""};

	MUST(strlen(format_time(out, (int64_t)number)) < FORMAT_SIZE);
	MUST(strlen(format_duration(out, (int64_t)number)) < FORMAT_SIZE);
	MUST(strlen(format_count(out, number)) < FORMAT_SIZE);
	MUST(strlen(format_bytes(out, number)) < FORMAT_SIZE);
	MUST(strlen(format_share(out, number & UINT32_MAX, number)) < FORMAT_SIZE);
	error_set(&err, "%s", text);
	error_prefix(&err, "%s", text);
	for (const char *p = err.text; *p; p++)
		MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	uint64_t number = choose_u64(&c);
	char *text = c.left > 0 ? strndup((const char *)c.at, c.left) : strdup("");
	size_t length;

	MUST(text);
	length = strlen(text);
	check_terminal(text, length);
	check_page(text);
	check_json(text, length, number);
	check_csv(text, length);
	check_markup(text);
	check_markdown(text, length);
	check_numbers(number, text);
	free(text);
	return 0;
}
