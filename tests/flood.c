/* Writes hostile captures to standard output, for tests/exhaustion: flood KIND N [SEED]
 *
 *   syns       SYNs of N tuples
 *   bucket     SYNs of N tuples that share the low 14 bits of their hash under --hash-seed SEED
 *   open       N connections that are opened and never closed, two segments of data each
 *   fragments  first fragments of N datagrams that never get whole
 *   overlaps   N fragments of one datagram, each beside the others
 *   holes      N segments of one connection, between each two a hole
 *   vlans      SYNs of one tuple in N stacks of two VLAN tags
 *   tunnels    SYNs of one tuple in N VXLANs
 *   reuse      one tuple, used N times without an end
 *   zeros      N bytes of zeros behind the header of a pcap file: records without a length
 *   length     pcapng: N blocks that claim to be 4 GiB long
 *   interfaces pcapng: N interface descriptions
 *   record     pcap: a record that claims 2 GiB, and N bytes of it */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/flow_table.h"

enum { SYN = 2, PSH_ACK = 0x18, ACK = 0x10, LINK_ETHERNET = 1, LINK_RAW = 101, BUCKET_BITS = 14 };
#define STEP_US 10u

struct frame {
	uint8_t bytes[256];
	uint32_t used;
};

static uint64_t packets;

static void put(struct frame *f, uint64_t value, uint32_t bytes)
{
	while (bytes-- > 0)
		f->bytes[f->used++] = (uint8_t)(value >> (8 * bytes));
}

static void write_le32(uint32_t value)
{
	fwrite((uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			   (uint8_t)(value >> 24)},
	       4, 1, stdout);
}

static void begin(uint32_t linktype)
{
	write_le32(0xa1b2c3d4);
	write_le32(0x00040002);
	write_le32(0);
	write_le32(0);
	write_le32(262144);
	write_le32(linktype);
}

static void send(const struct frame *f)
{
	uint64_t us = packets++ * STEP_US;

	write_le32(1700000000 + (uint32_t)(us / 1000000));
	write_le32((uint32_t)(us % 1000000));
	write_le32(f->used);
	write_le32(f->used);
	fwrite(f->bytes, f->used, 1, stdout);
}

static void put_ip(struct frame *f, uint32_t length, uint32_t id, uint32_t fragment,
		   uint8_t protocol, uint32_t src, uint32_t dst)
{
	put(f, 0x4500, 2);
	put(f, 20 + length, 2);
	put(f, id & 0xffff, 2);
	put(f, fragment, 2);
	put(f, 64, 1);
	put(f, protocol, 1);
	put(f, 0, 2);
	put(f, src, 4);
	put(f, dst, 4);
}

static void put_tcp(struct frame *f, uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack,
		    uint32_t length)
{
	put(f, sport, 2);
	put(f, 80, 2);
	put(f, seq, 4);
	put(f, ack, 4);
	put(f, 0x50, 1);
	put(f, flags, 1);
	put(f, 64240, 2);
	put(f, 0, 4);
	for (uint32_t i = 0; i < length; i++)
		put(f, i, 1);
}

/* All clients are 10.0.0.0/8, in turn; the server is 192.0.2.1 port 80. */
static uint32_t client(uint64_t number)
{
	return 0x0a000000 | (uint32_t)(number >> 14 & 0xffffff);
}

static uint16_t port(uint64_t number)
{
	return (uint16_t)(32768 + (number & 16383));
}

static void segment(uint64_t tuple, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t length)
{
	struct frame f = {.used = 0};

	put_ip(&f, 20 + length, (uint32_t)packets + 1, 0, 6, client(tuple), 0xc0000201);
	put_tcp(&f, port(tuple), flags, seq, ack, length);
	send(&f);
}

static void syns(uint64_t count)
{
	begin(LINK_RAW);
	for (uint64_t i = 0; i < count; i++)
		segment(i, SYN, 1000, 0, 0);
}

static void open_ones(uint64_t count)
{
	begin(LINK_RAW);
	for (uint64_t i = 0; i < count; i++) {
		segment(i, SYN, 1000, 0, 0);
		segment(i, PSH_ACK, 1001, 5001, 10);
		segment(i, PSH_ACK, 1021, 5001, 10);
	}
}

static void bucket(uint64_t count, uint64_t seed)
{
	uint8_t key[16];
	struct flow_table *table;
	const struct tunnel none = {0};
	uint64_t found = 0;

	for (size_t i = 0; i < 16; i++)
		key[i] = (uint8_t)(seed >> (8 * (i % 8)));
	table = flow_table_new(key);
	if (!table)
		exit(EXIT_FAILURE);
	begin(LINK_RAW);
	for (uint64_t i = 0; found < count; i++) {
		uint32_t address = client(i);
		struct flow_key flow = {.low.bytes = {(uint8_t)(address >> 24),
						      (uint8_t)(address >> 16),
						      (uint8_t)(address >> 8), (uint8_t)address},
					.high.bytes = {192, 0, 2, 1},
					.low_port = port(i),
					.high_port = 80,
					.ip_version = 4};

		if (flow_hash(table, &flow, &none) & ((1u << BUCKET_BITS) - 1))
			continue;
		segment(i, SYN, 1000, 0, 0);
		found++;
	}
	flow_table_free(table);
}

static void fragments(uint64_t count)
{
	begin(LINK_RAW);
	for (uint64_t i = 0; i < count; i++) {
		struct frame f = {.used = 0};

		put_ip(&f, 64, (uint32_t)i, 0x2000, 6, client(i), 0xc0000201);
		put_tcp(&f, port(i), ACK, 1, 1, 44);
		send(&f);
	}
}

static void overlaps(uint64_t count)
{
	begin(LINK_RAW);
	for (uint64_t i = 0; i < count; i++) {
		struct frame f = {.used = 0};

		put_ip(&f, 8, 7, 0x2000 | (uint32_t)(1 + 2 * (i % 4000)), 6, client(0), 0xc0000201);
		put(&f, i, 8);
		send(&f);
	}
}

static void holes(uint64_t count)
{
	begin(LINK_RAW);
	segment(0, SYN, 1000, 0, 0);
	for (uint64_t i = 0; i < count; i++)
		segment(0, PSH_ACK, (uint32_t)(1101 + 200 * i), 5001, 100);
}

static void vlans(uint64_t count)
{
	begin(LINK_ETHERNET);
	for (uint64_t i = 0; i < count; i++) {
		struct frame f = {.used = 12};

		put(&f, 0x88a8, 2);
		put(&f, 1 + i / 4000 % 4000, 2);
		put(&f, 0x8100, 2);
		put(&f, 1 + i % 4000, 2);
		put(&f, 0x0800, 2);
		put_ip(&f, 20, 1, 0, 6, client(0), 0xc0000201);
		put_tcp(&f, port(0), SYN, 1000, 0, 0);
		send(&f);
	}
}

static void tunnels(uint64_t count)
{
	begin(LINK_RAW);
	for (uint64_t i = 0; i < count; i++) {
		struct frame f = {.used = 0};

		put_ip(&f, 8 + 8 + 14 + 40, 1, 0, 17, client(1), client(2));
		put(&f, 0x12b512b5, 4);
		put(&f, 8 + 8 + 14 + 40, 2);
		put(&f, 0, 2);
		put(&f, 0x08000000, 4);
		put(&f, (i & 0xffffff) << 8, 4);
		f.used += 12;
		put(&f, 0x0800, 2);
		put_ip(&f, 20, 1, 0, 6, client(0), 0xc0000201);
		put_tcp(&f, port(0), SYN, 1000, 0, 0);
		send(&f);
	}
}

static void reuse(uint64_t count)
{
	begin(LINK_RAW);
	for (uint64_t i = 0; i < count; i++)
		segment(0, SYN, (uint32_t)(1000 + 7919 * i), 0, 0);
}

static void zeros(uint64_t count)
{
	static const uint8_t nothing[1 << 16];

	begin(LINK_ETHERNET);
	for (uint64_t done = 0; done < count; done += sizeof(nothing))
		fwrite(nothing, sizeof(nothing), 1, stdout);
}

static void section(void)
{
	write_le32(0x0a0d0d0a);
	write_le32(28);
	write_le32(0x1a2b3c4d);
	write_le32(1);
	write_le32(0xffffffff);
	write_le32(0xffffffff);
	write_le32(28);
}

static void lengths(uint64_t count)
{
	section();
	for (uint64_t i = 0; i < count; i++) {
		write_le32(6);
		write_le32(0xfffffffc);
		for (int k = 0; k < 6; k++)
			write_le32(0);
	}
}

static void interfaces(uint64_t count)
{
	section();
	for (uint64_t i = 0; i < count; i++) {
		write_le32(1);
		write_le32(20);
		write_le32(1);
		write_le32(65535);
		write_le32(20);
	}
}

static void record(uint64_t count)
{
	begin(LINK_ETHERNET);
	write_le32(1);
	write_le32(0);
	write_le32(0x7fffffff);
	write_le32(0x7fffffff);
	for (uint64_t i = 0; i < count; i += 4)
		write_le32(0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*make)(uint64_t count);
	} kinds[] = {
		{"syns", syns},         {"open", open_ones},        {"fragments", fragments},
		{"overlaps", overlaps}, {"holes", holes},           {"vlans", vlans},
		{"tunnels", tunnels},   {"reuse", reuse},           {"zeros", zeros},
		{"length", lengths},    {"interfaces", interfaces}, {"record", record},
	};
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (argc > 2 && strcmp(argv[1], "bucket") == 0) {
		bucket(count, argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
		return fflush(stdout) != 0;
	}
	for (size_t i = 0; argc > 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0) {
			kinds[i].make(count);
			return fflush(stdout) != 0;
		}
	fputs("usage: flood KIND N [SEED]; its source lists the kinds\n", stderr);
	return 2;
}
