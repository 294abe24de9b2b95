#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char separator[] = ": ";

static void replace_controls(char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			*text = '?';
	}
}

/* Behind what is already there. */
static void format_text(struct error *err, size_t behind, const char *format, va_list arguments)
{
	char text[sizeof(
		err->text)]; /* apart from err, whose own text may be among the arguments */

	vsnprintf(text, sizeof(text) - behind, format, arguments);
	replace_controls(text);
	memcpy(err->text + behind, text, strlen(text) + 1);
}

void error_format(struct error *err, const char *format, ...)
{
	va_list arguments;

	if (err == NULL)
		return;
	va_start(arguments, format);
	format_text(err, 0, format, arguments);
	va_end(arguments);
}

void error_format_unnamed(struct error *err, const char *format, ...)
{
	va_list arguments;

	if (err == NULL)
		return;
	va_start(arguments, format);
	format_text(err, strlen(separator), format, arguments);
	va_end(arguments);
	memcpy(err->text, separator, strlen(separator));
}

bool error_is_unnamed(const struct error *err)
{
	return strncmp(err->text, separator, strlen(separator)) == 0;
}

bool error_is_memory(const struct error *err)
{
	static const char memory[] = "out of memory";
	size_t length = strlen(err->text);

	return length >= strlen(memory) && strcmp(err->text + length - strlen(memory), memory) == 0;
}

void error_format_prefix(struct error *err, const char *format, ...)
{
	char prefix[sizeof(err->text)];
	va_list arguments;
	const size_t room = sizeof(err->text) - sizeof(separator);
	size_t text_length, prefix_length, prefix_room;

	if (err == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(prefix, sizeof(prefix), format, arguments);
	va_end(arguments);
	replace_controls(prefix);
	if (error_is_unnamed(err))
		memmove(err->text, err->text + strlen(separator),
			strlen(err->text + strlen(separator)) + 1);

	/* A prefix that is too long (a deep path) is cut: the reason behind it matters more. */
	prefix_length = strlen(prefix);
	text_length = strlen(err->text);
	prefix_room = room - (text_length < room / 2 ? text_length : room / 2);
	if (prefix_length > prefix_room) {
		prefix_length = prefix_room;
		memset(prefix + prefix_length - 3, '.', 3);
	}
	if (text_length > room - prefix_length)
		text_length = room - prefix_length;
	memmove(err->text + prefix_length + strlen(separator), err->text, text_length);
	err->text[prefix_length + strlen(separator) + text_length] = '\0';
	memcpy(err->text + prefix_length, separator, strlen(separator));
	memcpy(err->text, prefix, prefix_length);
}
