/* One captured packet as the source delivers it: bytes, lengths and where it came from. */
#ifndef LASTACK_SOURCE_PACKET_H
#define LASTACK_SOURCE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

struct packet {
	const uint8_t *data; /* borrowed from the source until its next packet is asked for */
	uint64_t number;     /* within its file, from 1, as Wireshark counts frames */
	uint64_t offset;     /* of the record in the (unpacked) file, bytes */
	int64_t ts_ns;       /* since the Unix epoch */
	uint32_t caplen;     /* bytes at data */
	uint32_t wirelen;    /* bytes the frame had on the wire; >= caplen */
	uint32_t file;       /* which of the feed's files, from 0 */
	uint32_t interface;  /* within the file, counted over all sections, from 0 */
	uint32_t linktype;   /* LINKTYPE_ value as in the file */
	bool ts_confirmed; /* the next packet is not more than 60 s earlier: timers may trust ts_ns;
	                       * the last packet has none that could tell, and is not confirmed */
};

#endif
