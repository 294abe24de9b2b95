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

enum { PCAP_RECORD_HEADER = 16 };

struct pcap_file {
	bool big_endian;
	uint32_t tick_ns;       /* unit of the time stamps' fraction */
	uint32_t record_header; /* bytes */
	enum pcap_lengths lengths;
	uint32_t linktype;
	uint32_t limit;   /* see record_limit() */
	uint64_t packets; /* read so far */
	bool usual;       /* little-endian, 16 bytes of record header, lengths in order */
};

/* True where the magic, as the file's first four bytes read big-endian, is of this format. */
bool pcap_file_recognise(uint32_t magic);

/* Reads the file header. */
enum record_result pcap_file_open(struct pcap_file *pcap, struct bytes *bytes, struct error *err);

/* Reads the next record. Fills all of *packet but file and ts_confirmed; data is valid until the
 * next read of bytes, unless held. */
enum record_result pcap_file_next(struct pcap_file *pcap, struct bytes *bytes,
				  struct packet *packet, struct error *err);

/* Private to both. */
struct pcap_record {
	uint32_t seconds, fraction, caplen, wirelen;
};

static inline void pcap_file_packet(struct pcap_file *p, const struct pcap_record *r,
				    uint64_t offset, const uint8_t *data, struct packet *packet)
{
	packet->data = data;
	packet->number = ++p->packets;
	packet->offset = offset;
	packet->ts_ns = (int64_t)r->seconds * 1000000000 + (int64_t)r->fraction * p->tick_ns;
	packet->caplen = r->caplen;
	packet->wirelen = r->wirelen > r->caplen ? r->wirelen : r->caplen;
	packet->interface = 0;
	packet->linktype = p->linktype;
}

/* The same where the record is of the usual kind and lies in the window of bytes as a whole: nothing is
 * read, nothing can fail, and what is held stays where it is. False: nothing was done. */
static inline bool pcap_file_ahead(struct pcap_file *p, struct bytes *bytes, struct packet *packet)
{
	struct cursor ahead = bytes_at(bytes, bytes_left(bytes)), header;
	struct pcap_record r = {0};

	if (!p->usual || !cursor_split(&ahead, PCAP_RECORD_HEADER, &header))
		return false;
	cursor_le32(&header, &r.seconds);
	cursor_le32(&header, &r.fraction);
	cursor_le32(&header, &r.caplen);
	cursor_le32(&header, &r.wirelen);
	if (r.caplen > p->limit || r.caplen > ahead.left)
		return false;
	pcap_file_packet(p, &r, bytes_offset(bytes), ahead.at, packet);
	bytes_take(bytes, PCAP_RECORD_HEADER + (size_t)r.caplen);
	return true;
}

#endif
