/* The classic pcap format, versions 2.0 to 2.4 (draft-ietf-opsawg-pcap): both byte orders, micro- and
 * nanoseconds, and the "modified" variant with longer record headers. */
#ifndef LASTACK_SOURCE_PCAP_FILE_H
#define LASTACK_SOURCE_PCAP_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "source/bytes.h"
#include "source/packet.h"
#include "source/record.h"

/* How the two lengths of a record are ordered: some old writers had them the other way round. */
enum pcap_lengths { PCAP_LENGTHS_NORMAL, PCAP_LENGTHS_UNSURE, PCAP_LENGTHS_SWAPPED };

struct pcap_file {
	bool big_endian;
	uint32_t tick_ns;       /* unit of the time stamps' fraction */
	uint32_t record_header; /* bytes */
	enum pcap_lengths lengths;
	uint32_t linktype;
	uint32_t limit;   /* see record_limit() */
	uint64_t packets; /* read so far */
};

/* True where the magic, as the file's first four bytes read big-endian, is of this format. */
bool pcap_file_recognise(uint32_t magic);

/* Reads the file header. */
enum record_result pcap_file_open(struct pcap_file *pcap, struct bytes *bytes, struct error *err);

/* Reads the next record. Fills all of *packet but file and ts_confirmed; data is valid until the
 * next read of bytes, unless held. */
enum record_result pcap_file_next(struct pcap_file *pcap, struct bytes *bytes,
				  struct packet *packet, struct error *err);

#endif
