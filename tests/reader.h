/* A consumer that reads all there is to read of each connection, and keeps a digest of it. */
#ifndef LASTACK_TESTS_READER_H
#define LASTACK_TESTS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"

/* One connection. */
struct read_digest {
	uint64_t first_packet;
	uint64_t digest; /* of every call, in order, with its arguments and bytes */
	uint32_t pieces, gaps;
};

struct reader {
	bool early;                 /* for struct consumer */
	struct read_digest *digest; /* in the order in which connections were told */
	size_t count, capacity;
};

/* Zeroed before, but for early. Every third connection it has had enough of after some pieces, every fourth it also wants to
 * see segments. */
void reader_attach(struct reader *reader, struct engine *engine);
/* By first packet. */
void reader_sort(struct reader *reader);
void reader_free(struct reader *reader);

#endif
