/* One recording from its packets to its rows, or to those who read along: feed, decoder, engine,
 * store, consumers. */
#ifndef LASTACK_CLI_PIPELINE_H
#define LASTACK_CLI_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"
#include "base/error.h"
#include "db/store.h"
#include "source/feed.h"

/* How far it is; the packet's place tells the share of a file that is not compressed. */
struct pipeline_progress {
	uint64_t packets, bytes; /* of all files so far */
	uint32_t file;           /* of the feed */
	uint64_t offset;         /* of the packet in its unpacked file */
};

/* Looks on while it runs; both may be NULL. */
struct pipeline_watch {
	void *context;
	void (*progress)(void *context,
			 const struct pipeline_progress *progress); /* now and then */
	void (*verdict)(void *context, const struct verdict *verdict);
};

struct pipeline {
	struct feed *feed;
	struct store *store;        /* NULL: nothing is stored */
	struct recording recording; /* its feed is the one above */
	struct engine_config engine;
	struct consumer consumers[CONSUMERS_MAX]; /* who reads the streams along */
	size_t consumer_count;
	struct pipeline_watch watch;
};

enum pipeline_result {
	PIPELINE_STORED, /* committed, where there is a store; damaged files may be among them: see the feed's */
	PIPELINE_UNDECODED,   /* packets, but none of a link type that is decoded: nothing stored */
	PIPELINE_INTERRUPTED, /* a signal is pending: rolled back */
	PIPELINE_FAILED,      /* err says why: rolled back */
};

/* Runs the recording to its end. recording_id is set where PIPELINE_STORED and there is a
 * store. */
enum pipeline_result pipeline_run(struct pipeline *pipeline, int64_t *recording_id,
				  struct error *err);

/* False where the file holds packets and all are of link types that are not decoded. */
bool pipeline_file_decodable(const struct feed_file *file);

#endif
