/* The Internet checksum (RFC 1071). */
#include "parsers/checksum.h"

enum { PROTOCOL_TCP = 6 };

/* Adds 16-bit words in network order; only the last piece of a sum may have an odd length. */
static uint64_t sum_add(uint64_t sum, struct cursor bytes)
{
	uint32_t word;
	uint16_t half;
	uint8_t last;

	while (cursor_be32(&bytes, &word))
		sum += word;
	if (cursor_be16(&bytes, &half))
		sum += half;
	if (cursor_u8(&bytes, &last))
		sum += (uint32_t)last << 8;
	return sum;
}

static bool sum_is_zero(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

bool checksum_ip4_ok(struct cursor header)
{
	return sum_is_zero(sum_add(0, header));
}

bool checksum_tcp_ok(uint8_t ip_version, const struct ip_address *src, const struct ip_address *dst,
		     struct cursor segment)
{
	size_t address_length = ip_version == 4 ? 4 : 16;
	uint64_t sum = PROTOCOL_TCP + (uint64_t)segment.left;

	sum = sum_add(sum, cursor_of(src->bytes, address_length));
	sum = sum_add(sum, cursor_of(dst->bytes, address_length));
	return sum_is_zero(sum_add(sum, segment));
}
