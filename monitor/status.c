#include "monitor/status.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void status_say(int pipe, enum status_kind kind, const char *text)
{
	char line[1200];
	int size = snprintf(line, sizeof(line), "%c%s\n", (char)kind, text);

	if (size > 0 && (size_t)size < sizeof(line))
		while (write(pipe, line, (size_t)size) < 0)
			break;
}

void status_read(struct status_lines *lines, int pipe,
		 void (*take)(void *context, const char *line), void *context)
{
	ssize_t got = read(pipe, lines->text + lines->used, sizeof(lines->text) - 1 - lines->used);
	char *start = lines->text, *end;

	if (got <= 0)
		return;
	lines->used += (size_t)got;
	while ((end = memchr(start, '\n', lines->used - (size_t)(start - lines->text)))) {
		*end = '\0';
		take(context, start);
		start = end + 1;
	}
	lines->used -= (size_t)(start - lines->text);
	memmove(lines->text, start, lines->used);
	if (lines->used == sizeof(lines->text) - 1)
		lines->used = 0; /* no line of ours is that long */
}

const char *status_end_text(int status, const char *reason, char out[STATUS_END_SIZE])
{
	snprintf(out, STATUS_END_SIZE, "(%s %d)%s%s", WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		 reason[0] ? ": " : "", reason);
	return out;
}
