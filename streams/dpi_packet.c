#include "streams/dpi_packet.h"

#include <string.h>

enum { IP4_HEADER = 20, IP6_HEADER = 40, TCP_HEADER = 20, PROTOCOL_TCP = 6, HOPS = 64 };

static void put_16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_32(uint8_t *at, uint32_t value)
{
	put_16(at, value >> 16);
	put_16(at + 2, value & 0xffff);
}

/* RFC 791, 3.1 */
static void write_ip4(const struct dpi_ends *ends, enum side from, size_t total, uint8_t *at)
{
	memset(at, 0, IP4_HEADER);
	at[0] = 0x45;
	put_16(at + 2, total);
	at[8] = HOPS;
	at[9] = PROTOCOL_TCP;
	memcpy(at + 12, ends->address[from].bytes, 4);
	memcpy(at + 16, ends->address[!from].bytes, 4);
}

/* RFC 8200, 3 */
static void write_ip6(const struct dpi_ends *ends, enum side from, size_t length, uint8_t *at)
{
	memset(at, 0, IP6_HEADER);
	at[0] = 0x60;
	put_16(at + 4, length);
	at[6] = PROTOCOL_TCP;
	at[7] = HOPS;
	memcpy(at + 8, ends->address[from].bytes, 16);
	memcpy(at + 24, ends->address[!from].bytes, 16);
}

/* RFC 9293, 3.1 */
static void write_tcp(const struct dpi_ends *ends, const struct dpi_packet *packet, uint8_t *at)
{
	memset(at, 0, TCP_HEADER);
	put_16(at, ends->port[packet->from]);
	put_16(at + 2, ends->port[!packet->from]);
	put_32(at + 4, packet->seq);
	put_32(at + 8, packet->ack);
	at[12] = (TCP_HEADER / 4) << 4;
	at[13] = packet->flags;
	put_16(at + 14, UINT16_MAX);
}

size_t dpi_packet_write(const struct dpi_ends *ends, const struct dpi_packet *packet,
			uint8_t room[DPI_PACKET_ROOM])
{
	size_t ip = ends->ip_version == 6 ? IP6_HEADER : IP4_HEADER;
	size_t total = ip + TCP_HEADER + packet->length;

	if (ends->ip_version == 6)
		write_ip6(ends, packet->from, TCP_HEADER + packet->length, room);
	else
		write_ip4(ends, packet->from, total, room);
	write_tcp(ends, packet, room + ip);
	if (packet->length > 0)
		memcpy(room + ip + TCP_HEADER, packet->payload, packet->length);
	memset(room + total, 0, DPI_PACKET_TAIL);
	return total;
}
