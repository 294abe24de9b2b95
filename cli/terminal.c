#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/format.h"

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 40, WIDTH_MAX = 200, MESSAGE_SIZE = 4096 };

static bool locale_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static unsigned terminal_width(int descriptor)
{
	struct winsize size = {0};

	if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	if (size.ws_col < WIDTH_MIN)
		return WIDTH_MIN;
	return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

struct style terminal_style(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool terminal = isatty(fileno(stream)) == 1;
	bool plain = (no_color && *no_color) || !term || strcmp(term, "dumb") == 0;

	return (struct style){
		.color = terminal && !plain,
		.unicode = locale_is_utf8(),
		.width = terminal ? terminal_width(fileno(stream)) : WIDTH_DEFAULT,
	};
}

void complain(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fputs("lastack: ", stderr);
	write_terminal(stderr, text, strlen(text), locale_is_utf8());
	putc('\n', stderr);
}

void streams_reserve(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0) /* the lowest that is free, which is this one */
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

bool output_flush(struct error *err)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) != 0)
		failed = true;
	clearerr(stdout);
	if (failed)
		return error_set(err, "standard output could not be written%s%s", errno ? ": " : "",
				 errno ? strerror(errno) : "");
	return true;
}

bool output_finish(void)
{
	struct error err = {""};

	if (output_flush(&err))
		return true;
	complain("%s", err.text);
	return false;
}
