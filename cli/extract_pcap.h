/* The packets of connections into one pcap file. */
#ifndef LASTACK_CLI_EXTRACT_PCAP_H
#define LASTACK_CLI_EXTRACT_PCAP_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/extract_options.h"
#include "streams/packet_list.h"

/* lists: what a first reading found, one a recording. *written is the number of packets; where it is
 * 0, there is no file. */
bool extract_pcap(const struct extract_options *options, const struct operands *captures,
		  const struct packet_list *lists, uint64_t *written, struct error *err);

#endif
