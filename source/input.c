#include "source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char standard_input[] = "-";

/* The reason becomes the file's problem, unless it has one already. */
static bool input_problem(struct input *in, struct error *reason, struct error *err)
{
	bool named = strcmp(in->path, standard_input) != 0;

	if (in->problem != NULL)
		return true;
	error_prefix(reason, "%s", named ? in->path : "standard input");
	in->problem = strdup(reason->text);
	if (in->problem == NULL)
		return error_set(err, "out of memory");
	in->file.problem = in->problem;
	return true;
}

/* What the file system knows. Pipes and devices are like standard input: they have no name to come
 * back to. False with reason where it is a directory. */
static bool input_describe(struct input *in, int fd, struct error *reason)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_set(reason, "cannot be opened: %s", strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		in->file.foreign = true;
		return error_set(reason, "this is a directory, not a capture");
	}
	if (!S_ISREG(st.st_mode) || strcmp(in->path, standard_input) == 0)
		return true;
	in->real_path = realpath(in->path, NULL);
	in->file.real_path = in->real_path;
	in->file.file_bytes = (uint64_t)st.st_size;
	in->file.modified_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 +
			       (uint64_t)st.st_mtim.tv_nsec;
	return true;
}

/* -1 with reason where it cannot be opened. */
static int input_fd(struct input *in, struct error *reason)
{
	int fd;

	if (strcmp(in->path, standard_input) == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(in->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		error_set(reason, "cannot be opened: %s", strerror(errno));
		return -1;
	}
	if (!input_describe(in, fd, reason)) {
		close(fd);
		return -1;
	}
	return fd;
}

bool input_open(struct input *in, const char *path, uint32_t index, const struct input_reading *how,
		struct error *err)
{
	struct error reason = {""};
	int fd;

	in->path = strdup(path);
	if (in->path == NULL)
		return error_set(err, "out of memory");
	in->file.path = in->path;
	in->index = index;
	in->ended = true;
	fd = input_fd(in, &reason);
	if (fd < 0)
		return input_problem(in, &reason, err);

	switch (capture_open(fd, how->block, &in->capture, &reason)) {
	case CAPTURE_OPENED:
		if (how->ahead && in->real_path != NULL) /* else a read may wait for long */
			capture_read_ahead(in->capture);
		in->ended = false;
		in->file.opened = true;
		in->file.format = capture_format(in->capture);
		in->file.interfaces = capture_interfaces(in->capture);
		return true;
	case CAPTURE_FOREIGN:
		in->file.foreign = true;
		break;
	case CAPTURE_DAMAGED:
		break;
	case CAPTURE_NO_MEMORY:
		return error_set(err, "out of memory");
	}
	return input_problem(in, &reason, err);
}

void input_close(struct input *in)
{
	capture_close(in->capture);
	free(in->path);
	free(in->real_path);
	free(in->problem);
	free(in->linktypes);
}

/* Keeps the link types distinct and ascending. */
static bool input_linktype(struct input *in, uint32_t linktype, struct error *err)
{
	size_t count = in->file.linktype_count, at = 0;

	while (at < count && in->linktypes[at] < linktype)
		at++;
	if (at < count && in->linktypes[at] == linktype)
		return true;
	if (count == in->linktype_capacity) {
		size_t capacity = count > 0 ? 2 * count : 4;
		uint32_t *grown = realloc(in->linktypes, capacity * sizeof(*grown));

		if (grown == NULL)
			return error_set(err, "out of memory");
		in->linktypes = grown;
		in->linktype_capacity = capacity;
	}
	memmove(in->linktypes + at + 1, in->linktypes + at, (count - at) * sizeof(*in->linktypes));
	in->linktypes[at] = linktype;
	in->file.linktypes = in->linktypes;
	in->file.linktype_count++;
	return true;
}

bool input_interface(struct input *in, const char *name, uint32_t index)
{
	in->path = strdup(name);
	if (in->path == NULL)
		return false;
	in->file.path = in->path;
	in->file.format = "live";
	in->file.opened = true;
	in->file.interfaces = 1;
	in->index = index;
	in->ended = true;
	return true;
}

bool input_tell(struct input *in, const struct feed_interface *counts, struct error *err)
{
	struct feed_file *file = &in->file;

	file->packets = counts->packets;
	file->bytes = counts->bytes;
	file->wire_bytes = counts->wire_bytes;
	file->backwards = counts->backwards;
	file->first_ns = counts->first_ns;
	file->last_ns = counts->last_ns;
	return counts->packets == 0 || input_linktype(in, counts->linktype, err);
}

/* The first of its file, or the first of its link type behind others. */
static bool input_count_first(struct input *in, const struct packet *packet, struct error *err)
{
	struct feed_file *file = &in->file;

	if (!input_linktype(in, packet->linktype, err))
		return false;
	in->latest_linktype = packet->linktype;
	if (file->packets == 0)
		file->first_ns = file->last_ns = in->previous_ns = packet->ts_ns;
	return true;
}

static inline bool input_count(struct input *in, const struct packet *packet, struct error *err)
{
	struct feed_file *file = &in->file;

	if ((file->packets == 0 || packet->linktype != in->latest_linktype) &&
	    !input_count_first(in, packet, err))
		return false;
	if (packet->ts_ns < file->first_ns)
		file->first_ns = packet->ts_ns;
	if (packet->ts_ns > file->last_ns)
		file->last_ns = packet->ts_ns;
	if (packet->ts_ns < in->previous_ns)
		file->backwards++;
	in->previous_ns = packet->ts_ns;
	file->packets++;
	file->bytes += packet->caplen;
	file->wire_bytes += packet->wirelen;
	return true;
}

/* Nothing more comes. A filter that meant nothing here would else look like a quiet capture. */
static bool input_end(struct input *in, const struct filter *filter, enum record_result result,
		      struct error *reason, struct error *err)
{
	in->ended = true;
	if (result == RECORD_FAILED)
		return error_set(err, "%s", reason->text);
	if (result == RECORD_DAMAGED)
		return input_problem(in, reason, err);
	if (filter != NULL && in->file.packets > 0 && !in->filter_meant) {
		filter_refusal(filter, in->latest_linktype, reason);
		return input_problem(in, reason, err);
	}
	return true;
}

static void input_place(struct input *in)
{
	in->has_head = true;
	in->head.file = in->index;
	in->head.ts_confirmed = false;
}

static bool input_read(struct input *in, struct filter *filter, struct error *err)
{
	struct error reason;

	reason.text[0] = '\0';
	while (!in->has_head) {
		enum record_result result = capture_next(in->capture, &in->head, &reason);
		enum filter_result match = FILTER_MATCH;

		in->file.interfaces = capture_interfaces(in->capture);
		if (result != RECORD_PACKET)
			return input_end(in, filter, result, &reason, err);
		if (!input_count(in, &in->head, err))
			return false;
		if (filter != NULL)
			match = filter_packet(filter, &in->head);
		if (match == FILTER_NO_MEMORY)
			return error_set(err, "out of memory");
		in->filter_meant = in->filter_meant || match != FILTER_NO_MEANING;
		if (match == FILTER_MATCH)
			input_place(in);
		else
			in->file.packets_filtered_out++;
	}
	return true;
}

bool input_advance(struct input *in, struct filter *filter, struct packet *held, struct error *err)
{
	bool ok;

	in->has_head = false;
	if (in->ended)
		return true;
	if (filter == NULL && capture_ahead(in->capture, &in->head)) {
		input_place(in);
		return input_count(in, &in->head, err);
	}
	capture_hold(in->capture, held);
	ok = input_read(in, filter, err);
	capture_hold(in->capture, NULL);
	return ok;
}
