/* The packets of one recording, in the order to analyse them: one capture file (or standard input),
 * or several joined ones merged by time stamp.
 *
 * A feed applies the BPF filter, looks one packet ahead to tell which time stamps are to be trusted,
 * and keeps for each file what was read, skipped and damaged. Files stay where they are: .gz and .zst
 * are streamed. */
#ifndef LASTACK_SOURCE_FEED_H
#define LASTACK_SOURCE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/packet.h"

struct feed;
struct filter;

struct feed_config {
	const char *const *paths; /* as given; "-" is standard input */
	size_t path_count;        /* 1, or more to join */
	const char *filter;       /* BPF expression or NULL; compiled once a link type */
	struct filter *compiled;  /* the same, by filter_new(); borrowed. NULL: made from filter */
};

/* What is known of one file. Strings are owned by the feed. */
struct feed_file {
	const char *path;      /* as given */
	const char *real_path; /* resolved; NULL for standard input */
	const char *format; /* "pcap", "pcapng", with "gzip " or "zstd " before; NULL: not opened */
	const char *problem;  /* NULL, or why it could not be opened or where it is damaged: a whole
	                           * sentence that names file, packet number or offset, and reason */
	bool opened;          /* false: nothing of it was read */
	bool foreign;         /* not opened because it is no capture, is empty or a directory */
	uint64_t file_bytes;  /* size on disk; 0 for standard input */
	uint64_t modified_ns; /* mtime; 0 for standard input */
	uint64_t packets;     /* read, before the filter */
	uint64_t packets_filtered_out;
	uint64_t bytes; /* captured bytes of the packets read */
	uint64_t wire_bytes;
	uint64_t backwards;        /* packets earlier than the one before them in the file */
	int64_t first_ns, last_ns; /* smallest and largest time; valid where packets > 0 */
	const uint32_t *linktypes; /* distinct link types that occurred, ascending */
	size_t linktype_count;
	uint64_t interfaces;
};

enum feed_result {
	FEED_PACKET, /* *packet is filled */
	FEED_END,    /* nothing more; see the files for problems */
	FEED_FAILED, /* err says why (out of memory): the run cannot go on */
};

/* NULL with err on a bad filter expression or no memory. A file that cannot be opened is not an
 * error here: its feed_file says so, and the others are read. */
struct feed *feed_open(const struct feed_config *config, struct error *err);
/* What was counted of an interface, whose packets come another way. */
struct feed_interface {
	uint64_t packets, bytes, wire_bytes, backwards;
	int64_t first_ns, last_ns;
	uint32_t linktype; /* valid where packets > 0 */
};

/* A feed that is no file's: interfaces. feed_next gives nothing of it. NULL with err without memory. */
struct feed *feed_of_interfaces(const char *const *names, size_t count, struct error *err);
/* Of such a feed: what is known of an interface now. False with err without memory. */
bool feed_tell(struct feed *feed, size_t index, const struct feed_interface *counts,
	       struct error *err);
enum feed_result feed_next(struct feed *feed, struct packet *packet, struct error *err);
size_t feed_file_count(const struct feed *feed);
/* Complete once feed_next has returned FEED_END, true so far before. */
const struct feed_file *feed_file(const struct feed *feed, size_t index);
void feed_close(struct feed *feed); /* NULL is fine */

#endif
