#include "cli/extract_pcap.h"

#include "cli/signals.h"
#include "source/feed.h"
#include "streams/pcap_out.h"

/* One reading of the captures: to look at the packets first, then to write them. */
struct copy {
	const struct extract_options *options;
	const struct operands *captures;
	const struct packet_list *lists;
	struct pcap_survey survey;
	struct pcap_out *out; /* NULL: only look */
};

static bool take_packet(struct copy *copy, const struct packet *packet, size_t first_capture,
			struct error *err)
{
	if (copy->out)
		return pcap_out_write(copy->out, packet, err);
	return pcap_survey_add(&copy->survey, packet,
			       copy->captures->items[first_capture + packet->file], err);
}

static bool copy_recording(struct copy *copy, const struct operands *captures, size_t first_capture,
			   const struct packet_set *set, struct error *err)
{
	struct feed_config config = {.paths = captures->items, .path_count = captures->count};
	struct feed *feed = feed_open(&config, err);
	uint64_t left = set->count;
	struct packet packet;
	bool ok = feed != NULL;

	while (ok && left > 0) {
		enum feed_result result = feed_next(feed, &packet, err);

		if (result != FEED_PACKET) {
			ok = result == FEED_END;
			break;
		}
		if (signals_pending() != 0)
			ok = error_set(err, "interrupted");
		else if (packet_set_has(set, packet.file, packet.number)) {
			ok = take_packet(copy, &packet, first_capture, err);
			left--;
		}
	}
	feed_close(feed);
	return ok;
}

static bool copy_all(struct copy *copy, struct error *err)
{
	size_t step = copy->options->analysis.join ? copy->captures->count : 1;

	for (size_t i = 0; i < copy->captures->count; i += step) {
		struct operands part = {.items = copy->captures->items + i, .count = step};

		if (copy->lists[i / step].set.count > 0 &&
		    !copy_recording(copy, &part, i, &copy->lists[i / step].set, err))
			return false;
	}
	return true;
}

bool extract_pcap(const struct extract_options *options, const struct operands *captures,
		  const struct packet_list *lists, uint64_t *written, struct error *err)
{
	struct copy copy = {.options = options, .captures = captures, .lists = lists};
	bool ok;

	if (!copy_all(&copy, err))
		return false;
	*written = copy.survey.packets;
	if (*written == 0)
		return true;
	copy.out = pcap_out_open(options->pcap, options->overwrite, &copy.survey, err);
	ok = copy.out && copy_all(&copy, err) && pcap_out_finish(copy.out, err);
	pcap_out_free(copy.out);
	return ok;
}
