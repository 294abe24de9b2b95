/* Packets into a pcap file, as they were captured: the classic format, by libpcap.
 *
 * A pcap file has one link type, and one unit of time for all its packets: so all packets are shown
 * to a survey first, and written then. */
#ifndef LASTACK_STREAMS_PCAP_OUT_H
#define LASTACK_STREAMS_PCAP_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "source/packet.h"

/* Zeroed at the start. */
struct pcap_survey {
	uint64_t packets;
	uint32_t linktype;
	uint32_t caplen_max;
	bool nanoseconds;          /* microseconds would not do */
	uint64_t first_packet;     /* for messages: number and file of the first packet */
	const char *first_capture; /* borrowed */
};

/* False with err where the packet cannot be in one file with those before. capture, its file's name,
 * is borrowed until the survey is over. */
bool pcap_survey_add(struct pcap_survey *survey, const struct packet *packet, const char *capture,
		     struct error *err);

struct pcap_out;

/* path "-" is standard output. Another file appears when it is whole, and replaces what is there only
 * with overwrite. NULL with err. */
struct pcap_out *pcap_out_open(const char *path, bool overwrite, const struct pcap_survey *survey,
			       struct error *err);
/* What pcap_out_open() would refuse, without making anything. */
bool pcap_out_check(const char *path, bool overwrite, struct error *err);
bool pcap_out_write(struct pcap_out *out, const struct packet *packet, struct error *err);
bool pcap_out_finish(struct pcap_out *out, struct error *err);
void pcap_out_free(struct pcap_out *out); /* not finished: nothing stays. NULL is fine */

#endif
