#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/terminal.h"
#include "report/format.h"

#define NS_PER_S   INT64_C(1000000000)
#define TELL_EVERY (NS_PER_S / 10)
#define TELL_FIRST (NS_PER_S / 2) /* short runs stay silent */

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

void progress_start(struct progress *progress, const struct feed *feed)
{
	progress->feed = feed;
	progress->started_ns = monotonic_ns();
	progress->told_ns = progress->started_ns + TELL_FIRST - TELL_EVERY;
}

/* The part of the file behind us, where its size on disk tells: not for compressed files. */
static void tell_share(const struct feed_file *file, uint64_t offset, char *out, size_t size)
{
	bool plain = file->format &&
		     (strcmp(file->format, "pcap") == 0 || strcmp(file->format, "pcapng") == 0);

	out[0] = '\0';
	if (plain && file->file_bytes > 0 && offset <= file->file_bytes)
		snprintf(out, size, "  %d %%",
			 (int)(100.0 * (double)offset / (double)file->file_bytes));
}

void progress_tell(void *context, const struct pipeline_progress *now)
{
	struct progress *progress = context;
	const struct feed_file *file;
	struct style style;
	char packets[FORMAT_SIZE], bytes[FORMAT_SIZE], rate[FORMAT_SIZE];
	char share[16], facts[160];
	int64_t clock;
	size_t room;

	if (!progress->shown)
		return;
	clock = monotonic_ns();
	if (clock - progress->told_ns < TELL_EVERY)
		return;
	progress->told_ns = clock;
	style = terminal_style(stderr);
	file = feed_file(progress->feed, now->file);
	tell_share(file, now->offset, share, sizeof(share));
	format_count(rate, (uint64_t)((double)now->packets * (double)NS_PER_S /
				      (double)(clock - progress->started_ns)));
	snprintf(facts, sizeof(facts), "%s packets  %s%s  %s packets/s",
		 format_count(packets, now->packets), format_bytes(bytes, now->bytes), share, rate);
	room = style.width > strlen(facts) + 3 ? style.width - strlen(facts) - 3 : 0;
	fputs("\r\033[K", stderr);
	if (write_terminal(NULL, file->path, strlen(file->path), style.unicode) <= room) {
		write_terminal(stderr, file->path, strlen(file->path), style.unicode);
		fputs("  ", stderr);
	}
	fprintf(stderr, "%.*s", (int)style.width - 1, facts);
	fflush(stderr);
	progress->dirty = true;
}

void progress_clear(struct progress *progress)
{
	if (progress->dirty)
		fputs("\r\033[K", stderr);
	progress->dirty = false;
}
