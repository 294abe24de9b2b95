#include "report/page.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "report/format.h"

enum { TEXT_SIZE = 8192 };

void page_ink(const struct page *page, enum ink ink, const char *text)
{
	static const char *const code[] = {
		[INK_PLAIN] = "",         [INK_BOLD] = "\033[1m",    [INK_DIM] = "\033[2m",
		[INK_RED] = "\033[1;31m", [INK_YELLOW] = "\033[33m", [INK_GREEN] = "\033[32m",
		[INK_CYAN] = "\033[36m",
	};

	bool colored = page->style.color && ink != INK_PLAIN;

	if (colored)
		fputs(code[ink], page->out);
	write_terminal(page->out, text, strlen(text), page->style.unicode);
	if (colored)
		fputs("\033[0m", page->out);
}

/* The next word; a number and its unit are one. */
static size_t word_length(const char *text)
{
	size_t length = strcspn(text, " ");

	while (length > 0 && text[length] == ' ' && isdigit((unsigned char)text[length - 1])) {
		size_t next = strcspn(text + length + 1, " ");

		if (next == 0 || next > 3)
			break;
		length += 1 + next;
	}
	return length;
}

/* From column on, which is at or right of indent. Each caller ends the line. */
static void wrap(const struct page *page, unsigned indent, size_t column, const char *text)
{
	bool fresh = true; /* no word in this line yet */

	while (*text) {
		size_t length = word_length(text);
		size_t columns = write_terminal(NULL, text, length, page->style.unicode);

		if (!fresh && column + 1 + columns > page->style.width) {
			fprintf(page->out, "\n%*s", (int)indent, "");
			column = indent;
			fresh = true;
		}
		if (!fresh) {
			putc(' ', page->out);
			column++;
		}
		write_terminal(page->out, text, length, page->style.unicode);
		column += columns;
		fresh = false;
		text += length;
		text += strspn(text, " ");
	}
}

void page_rest(const struct page *page, unsigned indent, size_t column, const char *text)
{
	wrap(page, indent, column, text);
	putc('\n', page->out);
}

void page_title(const struct page *page, unsigned indent, const char *title)
{
	fputs(page->style.color ? "\033[1m" : "", page->out);
	wrap(page, indent, indent, title);
	fputs(page->style.color ? "\033[0m\n" : "\n", page->out);
}

void page_heading(const struct page *page, const char *title)
{
	putc('\n', page->out);
	page_title(page, 0, title);
}

void page_wrap(const struct page *page, unsigned indent, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(page->out, "%*s", (int)indent, "");
	page_rest(page, indent, indent, text);
}

void page_label(const struct page *page, unsigned indent, const char *label, const char *format,
		...)
{
	char text[TEXT_SIZE];
	unsigned inner = indent + (unsigned)strlen(label) + 1;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(page->out, "%*s", (int)indent, "");
	page_ink(page, INK_DIM, label);
	putc(' ', page->out);
	page_rest(page, inner, inner, text);
}

void page_paste(const struct page *page, unsigned indent, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(page->out, "%*s%s", (int)indent, "", page->style.color ? "\033[36m" : "");
	write_terminal(page->out, text, strlen(text), page->style.unicode);
	fputs(page->style.color ? "\033[0m\n" : "\n", page->out);
}

void page_bar(const struct page *page, uint64_t part, uint64_t whole, unsigned columns)
{
	/* one eighth to eight eighths of a block */
	static const char *const block[] = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
	unsigned eighths;

	if (whole == 0 || part == 0)
		return;
	eighths = (unsigned)(8.0 * columns * (double)part / (double)whole + 0.5);
	if (eighths == 0)
		eighths = 1;
	if (!page->style.unicode) {
		for (unsigned i = 0; i < (eighths + 7) / 8; i++)
			putc('#', page->out);
		return;
	}
	for (; eighths >= 8; eighths -= 8)
		fputs(block[7], page->out);
	if (eighths > 0)
		fputs(block[eighths - 1], page->out);
}
