/* Many files written side by side, with few descriptors and a bounded buffer.
 *
 * A small file waits in memory and costs one open, write and rename in the end; a large one is
 * written in blocks. Beyond the bounds the writers not used longest give way: their bytes go to the
 * file, their descriptors are closed until they are needed again. */
#ifndef LASTACK_STREAMS_WRITER_H
#define LASTACK_STREAMS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "streams/folder.h"
#include "streams/lru.h"

enum { WRITER_BLOCK = 64 * 1024 };

/* What the writers of one folder share. */
struct writer_pool {
	struct folder *folder;
	struct lru buffers;            /* writers that have a buffer */
	size_t buffered, buffered_max; /* bytes allocated for buffers */
	struct lru descriptors;        /* writers whose file is open */
	size_t open, open_max;
};

/* Zeroed, it is an empty file that was not written to yet. It must not be moved. */
struct writer {
	uint64_t length; /* of the file, with what is still in the buffer */
	struct new_file file;
	uint64_t stored; /* up to here it is in the file */
	uint8_t *buffer; /* owned: the bytes from stored on, as far as used */
	uint32_t used, capacity;
	struct lru_node buffer_node, descriptor_node;
};

bool writer_add(struct writer_pool *pool, struct writer *w, const void *bytes, size_t count,
		struct error *err);
/* count bytes that read as zeros and take no room on the disk. */
bool writer_skip(struct writer_pool *pool, struct writer *w, uint64_t count, struct error *err);
/* count bytes from a place on, which must have been written. */
bool writer_read(struct writer_pool *pool, struct writer *w, uint64_t at, void *bytes, size_t count,
		 struct error *err);
/* Gives the file its name and ends the writer, also on failure. */
bool writer_publish(struct writer_pool *pool, struct writer *w, const char *name,
		    struct error *err);
void writer_discard(struct writer_pool *pool, struct writer *w);

#endif
