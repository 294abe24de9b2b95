/* Reassembly of IPv4 and IPv6 fragments, within bounds of memory and capture time.
 *
 * Overlaps: in IPv4 the bytes that came first win (RFC 791 leaves it open); in IPv6 any overlap drops
 * the whole datagram with all that still comes of it (RFC 5722), exact copies of bytes already held
 * excepted (RFC 8200, 4.5). A datagram is given up 30 s (IPv4) or 60 s (IPv6, RFC 8200, 4.5) after its
 * first fragment, and the oldest first where memory runs out.
 *
 * A fragment cut by the capture counts with its length on the wire: the datagram is then complete in
 * length, and its bytes are there as far as no cut fragment interrupts them. */
#ifndef LASTACK_PARSERS_FRAGMENT_H
#define LASTACK_PARSERS_FRAGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "parsers/segment.h"

/* Bytes of a datagram may lie in this many separate pieces; more and it is given up. */
enum { FRAGMENT_RANGES_MAX = 32 };
#define FRAGMENT_MEMORY_DEFAULT ((size_t)4 << 20)

struct fragment_table;

struct fragment {
	uint8_t ip_version; /* 4 or 6 */
	uint8_t protocol; /* IPv4: part of the identity; IPv6: that of the fragment at offset 0 counts */
	const struct ip_address *src, *dst;
	const struct tunnel *tunnel; /* around it: part of the identity */
	uint64_t vlan_tags;          /* likewise: VLANs may use the same addresses */
	uint32_t id;
	uint32_t offset;     /* bytes */
	uint32_t length;     /* bytes on the wire */
	bool more;           /* another one follows */
	struct cursor bytes; /* captured; bytes.left <= length */
	int64_t ts_ns;
	/* the packets that brought it: one, or more where it came itself in pieces of a tunnel's */
	const struct packet_place *places;
	uint32_t place_count;
};

struct datagram {
	struct cursor bytes; /* captured; owned by the table until fragment_release */
	size_t length;       /* bytes on the wire */
	uint8_t protocol;
	/* the packets of its fragments, owned as the bytes are */
	const struct packet_place *places;
	uint32_t place_count;
};

enum fragment_result {
	FRAGMENT_WAITS,
	FRAGMENT_COMPLETE, /* *datagram is filled */
	FRAGMENT_BAD,      /* contradicts itself or the others, or there is no room */
};

/* memory_bound in bytes, bookkeeping included. NULL where there is no memory. */
struct fragment_table *fragment_table_new(const uint8_t hash_key[16], size_t memory_bound);
enum fragment_result fragment_add(struct fragment_table *table, const struct fragment *fragment,
				  struct datagram *datagram);
/* Gives up what is too old at now_ns (a time stamp to be trusted). */
void fragment_expire(struct fragment_table *table, int64_t now_ns);
/* Frees the datagrams handed out so far. */
void fragment_release(struct fragment_table *table);
/* Fragments held in datagrams that were given up. */
uint64_t fragment_given_up(const struct fragment_table *table);
/* Bytes in use now, with the datagrams handed out and not released. */
size_t fragment_memory(const struct fragment_table *table);
void fragment_table_free(struct fragment_table *table); /* NULL is fine */

#endif
