/* Writes the streams of connections to files: a consumer (analyzer/consumer.h), a file a direction.
 *
 * A file has its name once its connection is judged. A run that fails takes all its files back, so that
 * the folder is as it was, and can be started again. */
#ifndef LASTACK_STREAMS_STREAM_FILES_H
#define LASTACK_STREAMS_STREAM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "base/error.h"
#include "source/feed.h"
#include "streams/selection.h"

/* What stands in a file where the capture lacks bytes. */
enum gaps_mode {
	GAPS_SKIP,  /* nothing */
	GAPS_ZERO,  /* zeros, as holes of the file */
	GAPS_SPLIT, /* a new file begins */
	GAPS_MODES
};

struct stream_files_config {
	const char *folder; /* borrowed; made where it is not there */
	bool overwrite;
	enum gaps_mode gaps;
	size_t buffer_max; /* bytes; 0: the default, 64 MiB */
	size_t open_max;   /* descriptors; 0: the default, 128 */
};

struct stream_files_counts {
	uint64_t connections, files, bytes, gaps, gap_bytes;
};

struct stream_files;

struct stream_files *stream_files_new(const struct stream_files_config *config, struct error *err);
/* Before each recording. feed names the captures and must stay until it is over. first_capture: the
 * number of its first file, from 1 on; 0: it is the only one. selection: NULL takes all. */
void stream_files_begin(struct stream_files *files, const struct feed *feed, uint32_t first_capture,
			struct selection *selection);
/* To be handed to engine_consume(); the engine must be freed before *files. */
struct consumer stream_files_consumer(struct stream_files *files);
/* All recordings are read: the index gets its name, and what was written stays. */
bool stream_files_finish(struct stream_files *files, struct error *err);
const struct stream_files_counts *stream_files_counts(const struct stream_files *files);
/* Without stream_files_finish() before, takes everything back. NULL is fine. */
void stream_files_free(struct stream_files *files);

#endif
