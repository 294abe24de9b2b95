/* The pcapng format (draft-ietf-opsawg-pcapng): any number of sections, each with its own byte order
 * and interfaces; enhanced, simple and obsolete packet blocks. Other blocks are passed over, but those
 * that Wireshark shows as frames count in packet numbers. */
#ifndef LASTACK_SOURCE_PCAPNG_FILE_H
#define LASTACK_SOURCE_PCAPNG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/bytes.h"
#include "source/packet.h"
#include "source/pcapng_time.h"
#include "source/record.h"

struct pcapng_interface {
	uint32_t linktype;
	uint32_t snaplen; /* 0: no limit */
	uint32_t limit;   /* see record_limit() */
	struct pcapng_time time;
};

struct pcapng_file {
	bool big_endian;                     /* of the section */
	struct pcapng_interface *interfaces; /* of the section */
	size_t interface_count, interface_capacity;
	uint32_t interfaces_before; /* of earlier sections */
	uint64_t frames;            /* numbers given so far */
	int64_t last_ns;            /* of the last packet, for packets without time */
};

/* True where the file's first twelve bytes are of this format. */
bool pcapng_file_recognise(const uint8_t first[12]);

/* Reads the first section header. */
enum record_result pcapng_file_open(struct pcapng_file *pcapng, struct bytes *bytes,
				    struct error *err);
void pcapng_file_close(struct pcapng_file *pcapng);

/* Reads on to the next packet. Fills all of *packet but file and ts_confirmed; data is valid until the
 * next read of bytes, unless held. A simple packet block has no time: it gets that of the packet before
 * it. */
enum record_result pcapng_file_next(struct pcapng_file *pcapng, struct bytes *bytes,
				    struct packet *packet, struct error *err);

#endif
