/* What the readers of the two capture formats share: how reading a record can end, which lengths
 * are believed, integers in the byte order of the file, and how a cut record is worded. */
#ifndef LASTACK_SOURCE_RECORD_H
#define LASTACK_SOURCE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/error.h"
#include "source/bytes.h"

enum record_result {
	RECORD_PACKET,  /* a packet was read */
	RECORD_END,     /* the capture ends here, in order */
	RECORD_DAMAGED, /* the capture cannot be read on; err says where and why */
	RECORD_FAILED,  /* no memory; err is filled */
};

/* Times are kept within +-2^62 ns of 1970 (the years 1823 to 2116), so that differences of two never
 * overflow; absurd ones are moved to the nearest bound. */
#define RECORD_TS_MAX (INT64_MAX / 2)

/* The most captured bytes believed of one packet: 256 KiB as libpcap and Wireshark do, the snaplen
 * where that is larger but at most 1 MiB, 128 MiB for USB and D-Bus. */
uint32_t record_limit(uint32_t linktype, uint32_t snaplen);

/* Tells why bytes_want() was false in the middle of what ("the record's header"), which begins at from
 * and has wanted bytes: RECORD_DAMAGED or RECORD_FAILED. */
enum record_result record_cut(const struct bytes *bytes, const char *what, uint64_t from,
			      uint64_t wanted, struct error *err);

/* Tells how the capture ended where nothing is left between two records. packets: read before. */
enum record_result record_end(const struct bytes *bytes, uint64_t packets, struct error *err);

/* Puts where a message is about in front of it: "RELATION PACKET, at byte OFFSET: ",
 * without the packet where that is 0. */
void record_place(const struct bytes *bytes, const char *relation, uint64_t packet, uint64_t offset,
		  struct error *err);

static inline bool record_u16(struct cursor *c, bool big_endian, uint16_t *out)
{
	return big_endian ? cursor_be16(c, out) : cursor_le16(c, out);
}

static inline bool record_u32(struct cursor *c, bool big_endian, uint32_t *out)
{
	return big_endian ? cursor_be32(c, out) : cursor_le32(c, out);
}

#endif
