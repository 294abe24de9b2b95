/* The notation of ladders: any text as a case; what can be read is played through decoder and engine. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/engine.h"
#include "parsers/decode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/ladder.h"
#include "tests/ladder_columns.h"

enum { LINKTYPE_ETHERNET = 1 };

/* Each column has a text, of whatever verdict. */
static bool take_verdict(void *context, const struct verdict *verdict, struct error *err)
{
	char text[CASE_TEXT_MAX];

	(void)err;
	for (size_t i = 0; case_column_name(i); i++)
		MUST(case_column(context, verdict, case_column_name(i), text));
	for (int side = 0; side < SIDES; side++)
		case_states(verdict, (enum side)side, side == SIDE_INITIATOR, text);
	return true;
}

static void check_frame(const struct ladder_case *ladder, const struct case_step *step,
			const struct decoded *decoded, bool whole)
{
	const struct segment *s = &decoded->segment;

	MUST(step->connection < CASE_CONNECTIONS_MAX && step->from < SIDES);
	if (step->clock || !whole || decoded->reason != DECODED_SEGMENT)
		return;
	MUST(s->seq == step->seq && s->flags == step->flags);
	MUST(s->payload_len == step->payload_len && s->window == step->window);
	MUST(s->sport == ladder->connection[step->connection].end[step->from].port);
}

static void play(struct ladder_case *ladder, uint8_t *frame)
{
	struct decoder_config decoding = {.verify_checksums = true};
	struct engine_config config = engine_defaults();
	struct error err = {""};
	struct decoder *decoder = decoder_new(&decoding, &err);
	struct engine *engine;

	config.max_flows = ladder->max_flows;
	config.keep_duplicates = ladder->keep_duplicates;
	config.stream_memory = ladder->stream_memory;
	engine = engine_new(&config,
			    (struct engine_sink){.verdict = take_verdict, .context = ladder}, &err);
	MUST(decoder && engine);
	for (size_t i = 0; i < ladder->step_count; i++) {
		const struct case_step *step = &ladder->steps[i];
		size_t length = case_frame(ladder, step, frame);
		struct packet packet = {
			.data = frame,
			.number = i + 1,
			.ts_ns = CASE_EPOCH_NS + step->ts_ns,
			.linktype = LINKTYPE_ETHERNET,
			.ts_confirmed = true,
			.wirelen = (uint32_t)length,
			.caplen = (uint32_t)length,
		};
		struct decoded decoded;

		MUST(length <= CASE_FRAME_MAX);
		if (ladder->snaplen > 0 && packet.caplen > ladder->snaplen)
			packet.caplen = ladder->snaplen;
		decoder_packet(decoder, &packet, &decoded);
		check_frame(ladder, step, &decoded, packet.caplen == packet.wirelen);
		MUST(engine_time(engine, packet.ts_ns, true, &err));
		if (decoded.reason == DECODED_SEGMENT)
			MUST(engine_segment(engine, &decoded.segment, &err));
	}
	MUST(engine_finish(engine, &err));
	engine_free(engine);
	decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("ladder", MFD_CLOEXEC);
	struct error err = {""};
	struct ladder_case *ladder;
	uint8_t *frame = malloc(CASE_FRAME_MAX);
	char path[64];

	MUST(fd >= 0 && frame);
	MUST(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ladder = case_read(path, &err);
	MUST((ladder == NULL) == (err.text[0] != '\0'));
	if (ladder)
		play(ladder, frame);
	case_free(ladder);
	free(frame);
	close(fd);
	return 0;
}
