#include "source/pcap_file.h"

#include <stddef.h>

#include "base/cursor.h"

enum { FILE_HEADER = 24, RECORD_HEADER_MODIFIED = 24 };

enum { VERSION_MAJOR = 2, VERSION_MAJOR_DGUX = 543 };

/* The lower bits of the link type's word; above are the FCS length and its flags. */
#define LINKTYPE_MASK UINT32_C(0x03ffffff)

struct pcap_magic {
	uint32_t value;
	uint32_t tick_ns;
	uint32_t record_header;
};

static const struct pcap_magic magics[] = {
	{0xa1b2c3d4, 1000, PCAP_RECORD_HEADER},
	{0xa1b23c4d, 1, PCAP_RECORD_HEADER},
	{0xa1b2cd34, 1000, RECORD_HEADER_MODIFIED}, /* Kuznetzov's patches to tcpdump */
};

static const struct pcap_magic *magic_find(uint32_t value, bool *swapped)
{
	uint32_t other = __builtin_bswap32(value);

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		*swapped = magics[i].value == other;
		if (*swapped || magics[i].value == value)
			return &magics[i];
	}
	return NULL;
}

bool pcap_file_recognise(uint32_t magic)
{
	bool swapped;

	return magic_find(magic, &swapped) != NULL;
}

static enum pcap_lengths lengths_of_version(uint16_t major, uint16_t minor)
{
	if (major == VERSION_MAJOR_DGUX || minor < 3)
		return PCAP_LENGTHS_SWAPPED;
	return minor == 3 ? PCAP_LENGTHS_UNSURE : PCAP_LENGTHS_NORMAL;
}

enum record_result pcap_file_open(struct pcap_file *p, struct bytes *bytes, struct error *err)
{
	const struct pcap_magic *magic;
	uint32_t magic_value = 0, snaplen = 0, link = 0;
	uint16_t major = 0, minor = 0;
	bool swapped = false;
	struct cursor c;

	if (!bytes_want(bytes, FILE_HEADER))
		return record_cut(bytes, "the pcap file header", 0, FILE_HEADER, err);
	c = bytes_at(bytes, FILE_HEADER);
	cursor_be32(&c, &magic_value);
	magic = magic_find(magic_value, &swapped);
	if (magic == NULL) {
		error_set(err, "not a pcap magic: 0x%08x", magic_value);
		return RECORD_DAMAGED;
	}
	*p = (struct pcap_file){.big_endian = !swapped,
				.tick_ns = magic->tick_ns,
				.record_header = magic->record_header};
	record_u16(&c, p->big_endian, &major);
	record_u16(&c, p->big_endian, &minor);
	cursor_skip(&c, 8); /* time zone and accuracy: never used */
	record_u32(&c, p->big_endian, &snaplen);
	record_u32(&c, p->big_endian, &link);
	if (major != VERSION_MAJOR && major != VERSION_MAJOR_DGUX) {
		error_set(err, "pcap version %u.%u is not supported (2.0 to 2.4 are)", major,
			  minor);
		return RECORD_DAMAGED;
	}
	p->lengths = lengths_of_version(major, minor);
	p->linktype = link & LINKTYPE_MASK;
	p->limit = record_limit(p->linktype, snaplen);
	p->usual = !p->big_endian && p->lengths == PCAP_LENGTHS_NORMAL &&
		   p->record_header == PCAP_RECORD_HEADER;
	bytes_take(bytes, FILE_HEADER);
	return RECORD_PACKET;
}

static void lengths_order(const struct pcap_file *p, uint32_t *caplen, uint32_t *wirelen)
{
	uint32_t first = *caplen;

	if (p->lengths == PCAP_LENGTHS_SWAPPED ||
	    (p->lengths == PCAP_LENGTHS_UNSURE && *caplen > *wirelen)) {
		*caplen = *wirelen;
		*wirelen = first;
	}
}

/* The record cannot be read: says so, and which one. */
static enum record_result record_problem(const struct pcap_file *p, const struct bytes *bytes,
					 uint64_t offset, enum record_result result,
					 struct error *err)
{
	if (result == RECORD_DAMAGED)
		record_place(bytes, "packet", p->packets + 1, offset, err);
	return result;
}

static enum record_result header_cut(const struct pcap_file *p, const struct bytes *bytes,
				     uint64_t offset, struct error *err)
{
	enum record_result result;

	if (bytes_left(bytes) == 0)
		return record_end(bytes, p->packets, err);
	result = record_cut(bytes, "the record's header", offset, p->record_header, err);
	return record_problem(p, bytes, offset, result, err);
}

static enum record_result length_bad(const struct pcap_file *p, const struct bytes *bytes,
				     uint64_t offset, uint32_t caplen, struct error *err)
{
	error_set(err, "the record claims %u captured bytes, more than the %u that can be", caplen,
		  p->limit);
	return record_problem(p, bytes, offset, RECORD_DAMAGED, err);
}

enum record_result pcap_file_next(struct pcap_file *p, struct bytes *bytes, struct packet *packet,
				  struct error *err)
{
	const bool big_endian = p->big_endian;
	const uint64_t offset = bytes_offset(bytes);
	struct pcap_record r = {0};
	struct cursor c;

	if (!bytes_want(bytes, p->record_header))
		return header_cut(p, bytes, offset, err);
	c = bytes_at(bytes, p->record_header);
	record_u32(&c, big_endian, &r.seconds);
	record_u32(&c, big_endian, &r.fraction);
	record_u32(&c, big_endian, &r.caplen);
	record_u32(&c, big_endian, &r.wirelen);
	lengths_order(p, &r.caplen, &r.wirelen);
	if (r.caplen > p->limit)
		return length_bad(p, bytes, offset, r.caplen, err);
	bytes_take(bytes, p->record_header);
	if (!bytes_want(bytes, r.caplen))
		return record_problem(
			p, bytes, offset,
			record_cut(bytes, "the packet's bytes", bytes_offset(bytes), r.caplen, err),
			err);

	pcap_file_packet(p, &r, offset, bytes_at(bytes, r.caplen).at, packet);
	bytes_take(bytes, r.caplen);
	return RECORD_PACKET;
}
