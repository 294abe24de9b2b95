#include "streams/stream_files.h"

#include <stdlib.h>
#include <string.h>

#include "streams/folder.h"
#include "streams/stream_index.h"
#include "streams/stream_name.h"
#include "streams/writer.h"

#define BUFFER_MAX ((size_t)64 << 20)
enum { OPEN_MAX = 128, TAKE_BACK_BLOCK = 64 * 1024 };

struct gap {
	uint64_t offset, length;
	struct moment shown;
};

/* Bytes without a gap between them where gaps split, else all of a direction. */
struct part {
	struct writer writer;
	struct part *next;
	uint64_t offset, bytes;
	uint64_t gaps, gap_bytes; /* since the part before, and inside */
};

struct direction {
	struct part *first, *last;
	bool cut; /* a gap came: what follows is a new part, where gaps split */
	struct gap *gaps;
	size_t gap_count, gap_capacity;
	uint64_t gaps_before, gap_bytes_before; /* of the next part, while there is none */
};

/* A connection's files; in a list, so that none is forgotten whatever happens. */
struct connection_files {
	struct direction *dir[SIDES]; /* NULL until something comes */
	struct connection_files *older, *newer;
};

struct stream_files {
	struct stream_files_config config;
	struct folder folder;
	struct writer_pool pool;
	struct stream_index index;
	struct writer journal;  /* names published so far, each with its NUL */
	uint64_t journal_valid; /* the bytes of it that tell of files that are ours */
	struct connection_files *newest;
	struct selection *selection;
	const struct feed *feed;
	uint32_t first_capture;
	struct stream_files_counts counts;
	bool finished;
};

static bool no_memory(struct error *err)
{
	return error_set(err, "out of memory while writing streams");
}

struct stream_files *stream_files_new(const struct stream_files_config *config, struct error *err)
{
	struct stream_files *files = calloc(1, sizeof(*files));

	if (!files) {
		no_memory(err);
		return NULL;
	}
	files->config = *config;
	files->pool = (struct writer_pool){
		.folder = &files->folder,
		.buffered_max = config->buffer_max ? config->buffer_max : BUFFER_MAX,
		.open_max = config->open_max ? config->open_max : OPEN_MAX,
	};
	if (folder_open(&files->folder, config->folder, true, config->overwrite, err) &&
	    stream_index_start(&files->index, &files->pool, err))
		return files;
	stream_files_free(files);
	return NULL;
}

void stream_files_begin(struct stream_files *files, const struct feed *feed, uint32_t first_capture,
			struct selection *selection)
{
	files->feed = feed;
	files->first_capture = first_capture;
	files->selection = selection;
}

static void direction_free(struct stream_files *files, struct direction *d)
{
	if (!d)
		return;
	while (d->first) {
		struct part *part = d->first;

		d->first = part->next;
		writer_discard(&files->pool, &part->writer);
		free(part);
	}
	free(d->gaps);
	free(d);
}

static void connection_files_free(struct stream_files *files, struct connection_files *c)
{
	for (int side = 0; side < SIDES; side++)
		direction_free(files, c->dir[side]);
	*(c->newer ? &c->newer->older : &files->newest) = c->older;
	if (c->older)
		c->older->newer = c->newer;
	free(c);
}

static bool open_connection(void *context, const struct stream_origin *origin,
			    struct reading *reading, struct error *err)
{
	struct stream_files *files = context;
	struct connection_files *c;

	if (files->selection && !selection_may_take(files->selection, origin))
		return true;
	c = calloc(1, sizeof(*c));
	if (!c)
		return no_memory(err);
	c->older = files->newest;
	if (c->older)
		c->older->newer = c;
	files->newest = c;
	reading->state = c;
	reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = true;
	return true;
}

static bool note_gap(struct direction *d, const struct stream_data *data, struct error *err)
{
	struct gap *grown;

	if (d->gap_count == d->gap_capacity) {
		d->gap_capacity = d->gap_capacity ? 2 * d->gap_capacity : 4;
		grown = realloc(d->gaps, d->gap_capacity * sizeof(*grown));
		if (!grown)
			return no_memory(err);
		d->gaps = grown;
	}
	d->gaps[d->gap_count++] = (struct gap){data->offset, data->length, data->at};
	return true;
}

static struct part *part_for(struct stream_files *files, struct direction *d,
			     const struct stream_data *data, struct error *err)
{
	struct part *part = d->last;

	if (part && !(d->cut && files->config.gaps == GAPS_SPLIT))
		return part;
	part = calloc(1, sizeof(*part));
	if (!part) {
		no_memory(err);
		return NULL;
	}
	part->offset = data->offset;
	part->gaps = d->gaps_before;
	part->gap_bytes = d->gap_bytes_before;
	d->gaps_before = d->gap_bytes_before = 0;
	d->cut = false;
	*(d->last ? &d->last->next : &d->first) = part;
	d->last = part;
	return part;
}

/* A file of zeros alone would claim bytes that nobody captured: a part begins with real ones, and a
 * gap before them is written when they come. */
static bool take_gap(struct stream_files *files, struct direction *d,
		     const struct stream_data *data, struct error *err)
{
	d->cut = true;
	if (!note_gap(d, data, err))
		return false;
	if (!d->last || files->config.gaps == GAPS_SPLIT) {
		d->gaps_before++;
		d->gap_bytes_before += data->length;
		return true;
	}
	d->last->gaps++;
	d->last->gap_bytes += data->length;
	return files->config.gaps != GAPS_ZERO ||
	       writer_skip(&files->pool, &d->last->writer, data->length, err);
}

static bool take_bytes(struct stream_files *files, struct direction *d,
		       const struct stream_data *data, struct error *err)
{
	struct part *part = part_for(files, d, data, err);

	if (!part)
		return false;
	if (part->bytes == 0 && files->config.gaps == GAPS_ZERO && part->gap_bytes > 0) {
		part->offset = 0;
		if (!writer_skip(&files->pool, &part->writer, part->gap_bytes, err))
			return false;
	}
	part->bytes += data->length;
	return writer_add(&files->pool, &part->writer, data->bytes, (size_t)data->length, err);
}

static bool take_data(void *context, struct reading *reading, const struct stream_data *data,
		      struct error *err)
{
	struct stream_files *files = context;
	struct connection_files *c = reading->state;
	struct direction **d = &c->dir[data->side];

	if (!*d)
		*d = calloc(1, sizeof(**d));
	if (!*d)
		return no_memory(err);
	return data->bytes ? take_bytes(files, *d, data, err) : take_gap(files, *d, data, err);
}

static const char *capture_name(const struct stream_files *files, uint32_t file)
{
	const struct feed_file *found = files->feed ? feed_file(files->feed, file) : NULL;

	return found ? found->path : "-";
}

/* The journal first: a file that nobody knows of could not be taken back. */
static bool publish_part(struct stream_files *files, struct part *part, struct index_line *line,
			 struct error *err)
{
	char text[STREAM_NAME_MAX];
	struct stream_name name = {
		.verdict = line->verdict,
		.from = line->side,
		.capture = files->first_capture ? files->first_capture + line->verdict->file : 0,
		.part = files->config.gaps == GAPS_SPLIT,
		.offset = part->offset,
	};

	stream_name_text(&name, text);
	line->file = text;
	line->offset = part->offset;
	line->bytes = part->bytes;
	line->gaps = part->gaps;
	line->gap_bytes = part->gap_bytes;
	if (!writer_add(&files->pool, &files->journal, text, strlen(text) + 1, err) ||
	    !writer_publish(&files->pool, &part->writer, text, err))
		return false;
	files->journal_valid = files->journal.length;
	if (!stream_index_add(&files->index, line, err))
		return false;
	files->counts.files++;
	files->counts.bytes += part->bytes;
	return true;
}

static bool write_gaps(struct stream_files *files, const struct direction *d,
		       const struct index_line *line, struct error *err)
{
	for (size_t i = 0; i < d->gap_count; i++) {
		struct gap_line gap = {
			.verdict = line->verdict,
			.capture = line->capture,
			.side = line->side,
			.offset = d->gaps[i].offset,
			.length = d->gaps[i].length,
			.shown_capture = capture_name(files, d->gaps[i].shown.file),
			.shown = d->gaps[i].shown,
		};

		if (!stream_index_add_gap(&files->index, &gap, err))
			return false;
		files->counts.gaps++;
		files->counts.gap_bytes += gap.length;
	}
	return true;
}

static bool publish_direction(struct stream_files *files, struct direction *d,
			      struct index_line *line, struct error *err)
{
	if (!d)
		return stream_index_add(&files->index, line, err);
	/* gaps behind the last bytes */
	if (d->last) {
		d->last->gaps += d->gaps_before;
		d->last->gap_bytes += d->gap_bytes_before;
	} else {
		line->gaps = d->gaps_before;
		line->gap_bytes = d->gap_bytes_before;
		if (!stream_index_add(&files->index, line, err))
			return false;
	}
	for (struct part *part = d->first; part; part = part->next)
		if (!publish_part(files, part, line, err))
			return false;
	return write_gaps(files, d, line, err);
}

static bool publish(struct stream_files *files, struct connection_files *c,
		    const struct verdict *verdict, int64_t id, struct error *err)
{
	files->counts.connections++;
	for (int side = 0; side < SIDES; side++) {
		struct index_line line = {
			.verdict = verdict,
			.id = id,
			.capture = capture_name(files, verdict->file),
			.side = (enum side)side,
		};

		if (!publish_direction(files, c->dir[side], &line, err))
			return false;
	}
	return true;
}

static bool close_connection(void *context, struct reading *reading, const struct verdict *verdict,
			     struct error *err)
{
	struct stream_files *files = context;
	struct connection_files *c = reading->state;
	const struct wanted *wanted = NULL;
	bool ok = true;

	if (!c)
		return true;
	if (verdict && files->selection)
		wanted = selection_take(files->selection, verdict);
	if (verdict && (wanted || !files->selection))
		ok = publish(files, c, verdict, wanted ? wanted->id : 0, err);
	connection_files_free(files, c);
	reading->state = NULL;
	return ok;
}

struct consumer stream_files_consumer(struct stream_files *files)
{
	return (struct consumer){
		.context = files,
		.open = open_connection,
		.data = take_data,
		.close = close_connection,
	};
}

bool stream_files_finish(struct stream_files *files, struct error *err)
{
	files->finished = stream_index_publish(&files->index, err);
	return files->finished;
}

const struct stream_files_counts *stream_files_counts(const struct stream_files *files)
{
	return &files->counts;
}

/* Removes the files whose whole names are in the block; how many bytes they took. */
static size_t take_back_names(struct stream_files *files, char *names, size_t count)
{
	size_t done = 0;

	while (done < count) {
		char *end = memchr(names + done, '\0', count - done);

		if (!end)
			break;
		folder_remove(&files->folder, names + done);
		done = (size_t)(end - names) + 1;
	}
	return done;
}

static void take_back(struct stream_files *files)
{
	char *block = malloc(TAKE_BACK_BLOCK);
	uint64_t at = 0;

	while (block && at < files->journal_valid) {
		uint64_t left = files->journal_valid - at;
		size_t count = left < TAKE_BACK_BLOCK ? (size_t)left : TAKE_BACK_BLOCK, done;

		if (!writer_read(&files->pool, &files->journal, at, block, count, NULL))
			break;
		done = take_back_names(files, block, count);
		if (done == 0)
			break;
		at += done;
	}
	free(block);
}

void stream_files_free(struct stream_files *files)
{
	if (!files)
		return;
	while (files->newest)
		connection_files_free(files, files->newest);
	if (!files->finished && files->folder.fd >= 0)
		take_back(files);
	if (files->index.pool)
		stream_index_discard(&files->index);
	writer_discard(&files->pool, &files->journal);
	folder_close(&files->folder, files->finished);
	free(files);
}
