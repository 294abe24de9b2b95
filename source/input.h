/* One file of a feed: opened, described, read packet by packet through the filter, with its counts. */
#ifndef LASTACK_SOURCE_INPUT_H
#define LASTACK_SOURCE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/capture.h"
#include "source/feed.h"
#include "source/filter.h"
#include "source/packet.h"

struct input {
	struct feed_file file; /* what is told of it; its strings are those below */
	char *path, *real_path, *problem;
	uint32_t *linktypes;
	size_t linktype_capacity;
	uint32_t index;          /* in the feed */
	struct capture *capture; /* NULL: not opened */
	bool ended;
	bool has_head;
	struct packet head;       /* the next packet that passes the filter, where has_head */
	int64_t previous_ns;      /* time of the last packet read */
	uint32_t latest_linktype; /* of the last packet read */
	bool filter_meant;        /* the filter had a meaning for a packet of this file */
};

/* How files are read. */
struct input_reading {
	size_t block; /* bytes read at a time */
	bool ahead;   /* packed files on disk: in a thread of their own (bytes_read_ahead()) */
};

/* Opens path ("-": standard input) into a zeroed *input. A file that cannot be opened has its problem;
 * false only where there is no memory. */
bool input_open(struct input *input, const char *path, uint32_t index,
		const struct input_reading *how, struct error *err);
/* The same for an interface, of which there is nothing to read. */
bool input_interface(struct input *input, const char *name, uint32_t index);
/* Sets what is known of it. False with err without memory. */
bool input_tell(struct input *input, const struct feed_interface *counts, struct error *err);
void input_close(struct input *input);

/* Reads on to the next head. held: the head before, as copied by the caller, whose data stays valid
 * until the next but one call; NULL: none. filter may be NULL. False where there is no memory. */
bool input_advance(struct input *input, struct filter *filter, struct packet *held,
		   struct error *err);

#endif
