#include "cli/captures.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/pipeline.h"
#include "cli/terminal.h"
#include "parsers/decode.h"

bool captures_check(const struct operands *captures, struct error *err)
{
	size_t standard_inputs = 0;

	if (captures->count == 0)
		return error_set(err,
				 "no capture file is given; name one, or - for standard input");
	for (size_t i = 0; i < captures->count; i++) {
		if (captures->items[i][0] == '\0')
			return error_set(err, "a capture's name is empty ('')");
		standard_inputs += strcmp(captures->items[i], "-") == 0;
	}
	if (standard_inputs > 1)
		return error_set(err, "'-', the standard input, can be read only once");
	if (standard_inputs == 1 && isatty(STDIN_FILENO) == 1)
		return error_set(err, "'-': standard input is a terminal; pipe a capture into it");
	return true;
}

const char *captures_only_once(const struct operands *captures)
{
	struct stat status;

	for (size_t i = 0; i < captures->count; i++) {
		const char *name = captures->items[i];

		if (strcmp(name, "-") == 0 ||
		    (stat(name, &status) == 0 && S_ISFIFO(status.st_mode)))
			return name;
	}
	return NULL;
}

/* The real path of a regular file; NULL for standard input, pipes and what is not there. */
static char *regular_path(const char *name)
{
	struct stat status;

	if (stat(name, &status) != 0 || !S_ISREG(status.st_mode))
		return NULL;
	return realpath(name, NULL);
}

const char **captures_without_repeats(struct operands *captures, bool quiet)
{
	const char **items = calloc(captures->count, sizeof(*items));
	char **paths = calloc(captures->count, sizeof(*paths));
	size_t count = 0;

	for (size_t i = 0; items && paths && i < captures->count; i++) {
		char *path = regular_path(captures->items[i]);
		bool before = false;

		for (size_t k = 0; path && k < count && !before; k++)
			before = paths[k] && strcmp(path, paths[k]) == 0;
		if (before) {
			if (!quiet)
				complain("%s: named twice; analysed once", captures->items[i]);
			free(path);
			continue;
		}
		paths[count] = path;
		items[count++] = captures->items[i];
	}
	if (!paths) {
		free(items);
		return NULL;
	}
	for (size_t k = 0; k < count; k++)
		free(paths[k]);
	free(paths);
	*captures = (struct operands){.items = items, .count = count};
	return items;
}

void captures_allow_many(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

bool captures_any_opened(const struct feed *feed)
{
	for (size_t i = 0; i < feed_file_count(feed); i++) {
		if (feed_file(feed, i)->opened)
			return true;
	}
	return false;
}

static void complain_link_types(const struct feed_file *file)
{
	for (size_t i = 0; i < file->linktype_count; i++) {
		complain("%s: packets of link type %u (%s) are not decoded; nothing of it is "
			 "analysed",
			 file->path, file->linktypes[i], decode_linktype_name(file->linktypes[i]));
	}
}

bool captures_tell_problems(const struct feed *feed)
{
	bool any = false;

	for (size_t i = 0; i < feed_file_count(feed); i++) {
		const struct feed_file *file = feed_file(feed, i);

		if (file->problem)
			complain("%s", file->problem);
		if (file->opened && !pipeline_file_decodable(file))
			complain_link_types(file);
		else if (!file->problem && file->opened)
			continue;
		any = true;
	}
	return any;
}
