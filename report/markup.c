#include "report/markup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "report/format.h"

enum { TEXT_SIZE = 2048 };

static void write_character(FILE *out, const char *text, size_t bytes, uint32_t c)
{
	switch (c) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&#39;", out);
		break;
	default:
		/* U+FFFE and U+FFFF are no characters of XML */
		if (character_unsafe(c) || (c & 0xfffe) == 0xfffe)
			fprintf(out, "\\u{%x}", c);
		else
			fwrite(text, 1, bytes, out);
	}
}

static void write_bytes(FILE *out, const char *text, size_t left)
{
	while (left > 0) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(text, left, &c);

		if (bytes == 0) {
			fprintf(out, "\\x%02x", (uint8_t)*text);
			bytes = 1;
		} else {
			write_character(out, text, bytes, c);
		}
		text += bytes;
		left -= bytes;
	}
}

void write_markup(FILE *out, const char *text)
{
	write_bytes(out, text, strlen(text));
}

void write_markupf(FILE *out, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	write_markup(out, text);
}

void write_prose(FILE *out, const char *text)
{
	bool code = false;

	while (*text) {
		size_t length = strcspn(text, "`");
		bool pair = text[length] && (code || strchr(text + length + 1, '`'));

		write_bytes(out, text, length + (text[length] && !pair));
		if (pair) {
			code = !code;
			fputs(code ? "<code>" : "</code>", out);
		}
		text += length + (text[length] != '\0');
	}
}
