#include "cli/pipeline.h"

#include <string.h>

#include "cli/signals.h"
#include "parsers/decode.h"

enum { LOOK_EVERY = 4096, SQL_LOOK_EVERY = 100000 };

struct run {
	struct pipeline *pipeline;
	struct decoder *decoder;
	struct engine *engine;
	struct pipeline_progress progress;
	uint64_t verdicts;
};

static bool interrupted(struct error *err)
{
	return signals_pending() != 0 && !error_set(err, "interrupted");
}

static bool goes_on(struct run *run, struct error *err)
{
	return ++run->verdicts % LOOK_EVERY != 0 || !interrupted(err);
}

static bool take_verdict(void *context, const struct verdict *verdict, struct error *err)
{
	struct run *run = context;
	const struct pipeline_watch *watch = &run->pipeline->watch;

	if (!goes_on(run, err))
		return false;
	if (watch->verdict)
		watch->verdict(watch->context, verdict);
	return !run->pipeline->store || store_verdict(run->pipeline->store, verdict, err);
}

static bool take_closed(void *context, const struct closed *closed, struct error *err)
{
	struct run *run = context;

	return goes_on(run, err) && store_closed(run->pipeline->store, closed, err);
}

static bool take_packet(struct run *run, const struct packet *packet, struct decoded *decoded,
			struct error *err)
{
	if (!engine_time(run->engine, packet->ts_ns, packet->ts_confirmed, err))
		return false;
	decoder_packet(run->decoder, packet, decoded);
	if (decoded->reason == DECODED_SEGMENT)
		return engine_segment(run->engine, &decoded->segment, err);
	if (decoded->reason == DECODED_ICMP_ERROR)
		return engine_icmp(run->engine, &decoded->icmp, err);
	return true;
}

static void look_up(struct run *run, const struct packet *packet)
{
	const struct pipeline_watch *watch = &run->pipeline->watch;

	run->progress.file = packet->file;
	run->progress.offset = packet->offset;
	if (watch->progress)
		watch->progress(watch->context, &run->progress);
}

static bool take_packets(struct run *run, struct error *err)
{
	struct packet packet;
	struct decoded decoded;
	enum feed_result result;

	while ((result = feed_next(run->pipeline->feed, &packet, err)) == FEED_PACKET) {
		run->progress.bytes += packet.caplen;
		if (++run->progress.packets % LOOK_EVERY == 0)
			look_up(run, &packet);
		/* before the next read, which may wait */
		if (interrupted(err))
			return false;
		if (!take_packet(run, &packet, &decoded, err))
			return false;
	}
	return result == FEED_END;
}

bool pipeline_file_decodable(const struct feed_file *file)
{
	for (size_t i = 0; i < file->linktype_count; i++) {
		if (decode_linktype_supported(file->linktypes[i]))
			return true;
	}
	return file->packets == 0;
}

/* True where there is something to store: a file that could be read, be it without packets. */
static bool any_decodable(const struct feed *feed)
{
	for (size_t i = 0; i < feed_file_count(feed); i++) {
		const struct feed_file *file = feed_file(feed, i);

		if (file->opened && pipeline_file_decodable(file))
			return true;
	}
	return false;
}

static enum pipeline_result run_transaction(struct run *run, int64_t *recording_id,
					    struct error *err)
{
	struct pipeline *pipeline = run->pipeline;
	struct store *store = pipeline->store;

	if ((store && !store_begin(store, &pipeline->recording, recording_id, err)) ||
	    !take_packets(run, err))
		return PIPELINE_FAILED;
	if (signals_pending() == 0 && !any_decodable(pipeline->feed))
		return PIPELINE_UNDECODED;
	if (!engine_finish(run->engine, err) || interrupted(err))
		return PIPELINE_FAILED;
	if (store && !store_commit(store, &pipeline->recording, decoder_counts(run->decoder),
				   engine_counts(run->engine), err))
		return PIPELINE_FAILED;
	return PIPELINE_STORED;
}

/* Lets a signal end long statements, too. */
static int stop_statement(void *context)
{
	(void)context;
	return signals_pending() != 0;
}

enum pipeline_result pipeline_run(struct pipeline *pipeline, int64_t *recording_id,
				  struct error *err)
{
	struct run run = {.pipeline = pipeline};
	struct engine_sink sink = {.verdict = take_verdict, .context = &run};
	struct decoder_config decoder = {.verify_checksums = pipeline->recording.verify_checksums};
	sqlite3 *handle = pipeline->store ? store_handle(pipeline->store) : NULL;
	enum pipeline_result result = PIPELINE_FAILED;

	memcpy(decoder.hash_key, pipeline->engine.hash_key, sizeof(decoder.hash_key));
	pipeline->recording.feed = pipeline->feed;
	/* who looks at verdicts wants all of them, now */
	if (pipeline->store && !pipeline->watch.verdict)
		sink.closed = take_closed;
	if (handle)
		sqlite3_progress_handler(handle, SQL_LOOK_EVERY, stop_statement, NULL);
	run.decoder = decoder_new(&decoder, err);
	if (run.decoder)
		run.engine = engine_new(&pipeline->engine, sink, err);
	for (size_t i = 0; run.engine && i < pipeline->consumer_count; i++)
		engine_consume(run.engine, &pipeline->consumers[i]);
	if (run.engine)
		result = run_transaction(&run, recording_id, err);
	if (handle)
		sqlite3_progress_handler(handle, 0, NULL, NULL);
	if (handle && result != PIPELINE_STORED)
		store_rollback(pipeline->store);
	if (result == PIPELINE_FAILED && signals_pending() != 0)
		result = PIPELINE_INTERRUPTED;
	engine_free(run.engine);
	decoder_free(run.decoder);
	return result;
}
