#include "cli/readers.h"

#include <string.h>

#include "streams/dpi.h"
#include "streams/read_all.h"

static void add(struct pipeline *pipeline, struct consumer consumer)
{
	pipeline->consumers[pipeline->consumer_count++] = consumer;
}

static bool add_dpi(struct readers *readers, struct pipeline *pipeline, struct error *err)
{
	struct dpi_config config = dpi_defaults();

	memcpy(config.hash_key, pipeline->engine.hash_key, sizeof(config.hash_key));
	readers->dpi = dpi_new(&config, err);
	if (readers->dpi)
		add(pipeline, dpi_consumer(readers->dpi));
	return readers->dpi;
}

static bool add_marks(struct readers *readers, const struct analyze_options *options,
		      struct pipeline *pipeline, struct error *err)
{
	struct mark mark[MARKS_MAX];

	for (size_t i = 0; i < options->mark_count; i++) {
		const struct wanted_mark *wanted = &options->marks[i];

		mark[i] = (struct mark){.bytes = wanted->bytes, .length = wanted->length};
		readers->recorded[i] = (struct recording_mark){
			.text = wanted->text, .bytes = wanted->bytes, .length = wanted->length};
	}
	readers->marks = marks_new(mark, options->mark_count, err);
	if (!readers->marks)
		return false;
	add(pipeline, marks_consumer(readers->marks));
	pipeline->recording.marks = readers->recorded;
	pipeline->recording.mark_count = options->mark_count;
	return true;
}

bool readers_open(struct readers *readers, const struct analyze_options *options,
		  struct pipeline *pipeline, struct error *err)
{
	*readers = (struct readers){0};
	if (!options->no_dpi && dpi_version() && !add_dpi(readers, pipeline, err))
		return false;
	if (options->mark_count > 0 && !add_marks(readers, options, pipeline, err))
		return false;
	if (options->check_streams)
		add(pipeline, read_all_consumer());
	return true;
}

void readers_close(struct readers *readers)
{
	dpi_free(readers->dpi);
	marks_free(readers->marks);
}
