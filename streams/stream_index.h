/* What was written: index.tsv, a line a file (and a line a direction without bytes), and gaps.tsv, a
 * line a gap. Both are tables with a head line, tabs between columns and "-" for what is not known. */
#ifndef LASTACK_STREAMS_STREAM_INDEX_H
#define LASTACK_STREAMS_STREAM_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "streams/writer.h"

#define INDEX_NAME "index.tsv"
#define GAPS_NAME  "gaps.tsv"

struct stream_index {
	struct writer_pool *pool;
	struct writer index, gaps;
};

/* A direction of a connection, or a part of it. */
struct index_line {
	const struct verdict *verdict;
	int64_t id;          /* in the database; 0: not looked up */
	const char *capture; /* its name as given */
	enum side side;      /* who sent it */
	const char *file;    /* NULL: no bytes, none was written */
	uint64_t offset;     /* of its first byte in the stream */
	uint64_t bytes;      /* captured, without gaps */
	uint64_t gaps, gap_bytes;
};

struct gap_line {
	const struct verdict *verdict;
	const char *capture;
	enum side side;
	uint64_t offset, length; /* in the stream */
	const char *shown_capture;
	struct moment shown; /* the segment that showed it */
};

/* Writes the head lines. False with err also where one of the two files must not be replaced. */
bool stream_index_start(struct stream_index *index, struct writer_pool *pool, struct error *err);
bool stream_index_add(struct stream_index *index, const struct index_line *line, struct error *err);
bool stream_index_add_gap(struct stream_index *index, const struct gap_line *line,
			  struct error *err);
bool stream_index_publish(struct stream_index *index, struct error *err);
void stream_index_discard(struct stream_index *index);

#endif
