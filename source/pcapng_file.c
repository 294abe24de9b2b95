#include "source/pcapng_file.h"

#include <stdlib.h>

#include "base/cursor.h"

enum block_type {
	BLOCK_INTERFACE = 0x00000001,
	BLOCK_PACKET = 0x00000002, /* obsolete */
	BLOCK_SIMPLE_PACKET = 0x00000003,
	BLOCK_ENHANCED_PACKET = 0x00000006,
	BLOCK_JOURNAL = 0x00000009, /* systemd journal export */
	BLOCK_SYSDIG_EVENT = 0x00000204,
	BLOCK_SYSDIG_EVENT_V2 = 0x00000216,
	BLOCK_SYSDIG_EVENT_V2_LARGE = 0x00000221,
	BLOCK_CUSTOM = 0x00000bad,
	BLOCK_CUSTOM_NO_COPY = 0x40000bad,
	BLOCK_SECTION = 0x0a0d0d0a, /* the same in either byte order */
};

enum option_code { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

enum {
	BLOCK_HEADER = 8,  /* type, length */
	BLOCK_TRAILER = 4, /* length again */
	BLOCK_LEAST = BLOCK_HEADER + BLOCK_TRAILER,
	SECTION_LEAST = 28,
	ENHANCED_HEADER = 20,
	SIMPLE_HEADER = 4,
	PACKET_OPTIONS_MOST = 1024 *
			      1024, /* beside the packet's bytes; Wireshark writes comments */
	INTERFACES_MOST = 1024 * 1024,
	INTERFACE_BLOCK_MOST = 1024 * 1024,
};

#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)

/* A block as its header tells it. */
struct block {
	uint64_t offset; /* in the stream */
	uint32_t type;
	uint32_t length; /* whole, as written */
	uint64_t padded; /* to 32 bits: some writers count only the bytes before the padding */
};

bool pcapng_file_recognise(const uint8_t first[12])
{
	struct cursor c = cursor_of(first, 12);
	uint32_t type, magic;

	return cursor_be32(&c, &type) && cursor_skip(&c, 4) && cursor_be32(&c, &magic) &&
	       type == BLOCK_SECTION &&
	       (magic == BYTE_ORDER_MAGIC || magic == __builtin_bswap32(BYTE_ORDER_MAGIC));
}

void pcapng_file_close(struct pcapng_file *p)
{
	free(p->interfaces);
	p->interfaces = NULL;
}

static bool block_is_packet(uint32_t type)
{
	return type == BLOCK_PACKET || type == BLOCK_SIMPLE_PACKET || type == BLOCK_ENHANCED_PACKET;
}

/* Frames of Wireshark 4.0 that are not packets. */
static bool block_is_other_frame(uint32_t type)
{
	switch (type) {
	case BLOCK_JOURNAL:
	case BLOCK_SYSDIG_EVENT:
	case BLOCK_SYSDIG_EVENT_V2:
	case BLOCK_SYSDIG_EVENT_V2_LARGE:
	case BLOCK_CUSTOM:
	case BLOCK_CUSTOM_NO_COPY:
		return true;
	default:
		return false;
	}
}

/* err has the reason: says where. */
static enum record_result block_problem(const struct pcapng_file *p, const struct bytes *bytes,
					const struct block *block, enum record_result result,
					struct error *err)
{
	if (result != RECORD_DAMAGED)
		return result;
	if (block_is_packet(block->type))
		record_place(bytes, "packet", p->frames + 1, block->offset, err);
	else
		record_place(bytes, "after packet", p->frames, block->offset, err);
	return result;
}

#define BLOCK_DAMAGED(p, bytes, block, err, ...) \
	(error_set(err, __VA_ARGS__), block_problem(p, bytes, block, RECORD_DAMAGED, err))

static enum record_result block_cut(const struct pcapng_file *p, const struct bytes *bytes,
				    const struct block *block, const char *what, uint64_t wanted,
				    struct error *err)
{
	return block_problem(p, bytes, block, record_cut(bytes, what, block->offset, wanted, err),
			     err);
}

/* Looks at the next block's type and length without taking anything. A section header is read in its
 * own byte order, which becomes the reader's. */
static enum record_result block_begin(struct pcapng_file *p, struct bytes *bytes,
				      struct block *block, struct error *err)
{
	uint32_t magic = BYTE_ORDER_MAGIC;
	struct cursor c;

	*block = (struct block){.offset = bytes_offset(bytes)};
	if (!bytes_want(bytes, BLOCK_LEAST)) {
		if (bytes_left(bytes) == 0)
			return record_end(bytes, p->frames, err);
		return block_cut(p, bytes, block, "a block's header", BLOCK_LEAST, err);
	}
	c = bytes_at(bytes, BLOCK_LEAST);
	record_u32(&c, p->big_endian, &block->type);
	if (block->type == BLOCK_SECTION) {
		struct cursor order = c;

		cursor_skip(&order, 4);
		cursor_be32(&order, &magic);
		p->big_endian = magic == BYTE_ORDER_MAGIC;
		if (!p->big_endian && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
			return BLOCK_DAMAGED(p, bytes, block, err,
					     "the section header's byte-order magic is 0x%08x",
					     magic);
	}
	record_u32(&c, p->big_endian, &block->length);
	block->padded = ((uint64_t)block->length + 3) & ~UINT64_C(3);
	if (block->length < BLOCK_LEAST)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "a block of type 0x%08x claims %u bytes, fewer than its own "
				     "frame of %d",
				     block->type, block->length, BLOCK_LEAST);
	return RECORD_PACKET;
}

/* Makes sure of the whole block, its trailer included, and gives its body. */
static enum record_result block_body(const struct pcapng_file *p, struct bytes *bytes,
				     const struct block *block, struct cursor *body,
				     struct error *err)
{
	uint32_t trailer = 0;
	struct cursor c;

	if (!bytes_want(bytes, (size_t)block->padded))
		return block_cut(p, bytes, block, "the block", block->padded, err);
	c = bytes_at(bytes, (size_t)block->padded);
	cursor_skip(&c, BLOCK_HEADER);
	cursor_split(&c, (size_t)block->padded - BLOCK_LEAST, body);
	record_u32(&c, p->big_endian, &trailer);
	if (trailer != block->length && trailer != block->padded)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "the block's two lengths differ: %u and %u", block->length,
				     trailer);
	return RECORD_PACKET;
}

/* Passes over a block whatever its size. */
static enum record_result block_pass(const struct pcapng_file *p, struct bytes *bytes,
				     const struct block *block, struct error *err)
{
	uint32_t trailer = 0;
	struct cursor c;

	if (!bytes_skip(bytes, block->padded - BLOCK_TRAILER) || !bytes_want(bytes, BLOCK_TRAILER))
		return block_cut(p, bytes, block, "a block", block->padded, err);
	c = bytes_at(bytes, BLOCK_TRAILER);
	record_u32(&c, p->big_endian, &trailer);
	if (trailer != block->length && trailer != block->padded)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "a block's two lengths differ: %u and %u", block->length,
				     trailer);
	bytes_take(bytes, BLOCK_TRAILER);
	return RECORD_PACKET;
}

static enum record_result section_begin(struct pcapng_file *p, struct bytes *bytes,
					const struct block *block, struct error *err)
{
	uint16_t major = 0, minor = 0;
	struct cursor c;

	if (block->length < SECTION_LEAST)
		return BLOCK_DAMAGED(p, bytes, block, err, "a section header of %u bytes",
				     block->length);
	if (!bytes_want(bytes, SECTION_LEAST))
		return block_cut(p, bytes, block, "the section header", block->padded, err);
	c = bytes_at(bytes, SECTION_LEAST);
	cursor_skip(&c, BLOCK_HEADER + 4);
	record_u16(&c, p->big_endian, &major);
	record_u16(&c, p->big_endian, &minor);
	if (major != 1 || (minor != 0 && minor != 2)) /* 1.2 is read as 1.0: draft, 4.1 */
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "pcapng version %u.%u is not supported (1.0 is)", major,
				     minor);
	p->interfaces_before += (uint32_t)p->interface_count;
	p->interface_count = 0;
	return block_pass(p, bytes, block, err);
}

enum record_result pcapng_file_open(struct pcapng_file *p, struct bytes *bytes, struct error *err)
{
	enum record_result result;
	struct block block;

	*p = (struct pcapng_file){0};
	result = block_begin(p, bytes, &block, err);
	return result == RECORD_PACKET ? section_begin(p, bytes, &block, err) : result;
}

static int64_t offset_seconds(struct cursor value, bool big_endian)
{
	uint32_t first = 0, second = 0;

	record_u32(&value, big_endian, &first);
	record_u32(&value, big_endian, &second);
	if (big_endian)
		return (int64_t)(((uint64_t)first << 32) | second);
	return (int64_t)(((uint64_t)second << 32) | first);
}

/* False where an option runs past the end of the block. Options of a wrong size are passed over. */
static bool interface_options(const struct pcapng_file *p, struct cursor options,
			      struct pcapng_interface *interface)
{
	uint8_t resolution = PCAPNG_TSRESOL_DEFAULT;
	int64_t offset_s = 0;
	uint16_t code = OPTION_END, length = 0;

	while (record_u16(&options, p->big_endian, &code) && code != OPTION_END) {
		struct cursor value;

		if (!record_u16(&options, p->big_endian, &length) ||
		    !cursor_split(&options, length, &value))
			return false;
		cursor_skip(&options, -length & 3); /* to 32 bits */
		if (code == OPTION_TSRESOL && length == 1)
			cursor_u8(&value, &resolution);
		else if (code == OPTION_TSOFFSET && length == 8)
			offset_s = offset_seconds(value, p->big_endian);
	}
	interface->time = pcapng_time_of(resolution, offset_s);
	return true;
}

static bool interface_add(struct pcapng_file *p, const struct pcapng_interface *interface)
{
	if (p->interface_count == p->interface_capacity) {
		size_t capacity = p->interface_capacity > 0 ? 2 * p->interface_capacity : 4;
		struct pcapng_interface *grown = realloc(p->interfaces,
							 capacity * sizeof(*p->interfaces));

		if (grown == NULL)
			return false;
		p->interfaces = grown;
		p->interface_capacity = capacity;
	}
	p->interfaces[p->interface_count++] = *interface;
	return true;
}

static enum record_result interface_read(struct pcapng_file *p, struct bytes *bytes,
					 const struct block *block, struct error *err)
{
	struct pcapng_interface interface = {0};
	enum record_result result;
	uint16_t linktype = 0;
	struct cursor body = {0};

	if (block->padded > INTERFACE_BLOCK_MOST)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "an interface description claims %u bytes", block->length);
	result = block_body(p, bytes, block, &body, err);
	if (result != RECORD_PACKET)
		return result;
	if (!record_u16(&body, p->big_endian, &linktype) || !cursor_skip(&body, 2) ||
	    !record_u32(&body, p->big_endian, &interface.snaplen))
		return BLOCK_DAMAGED(p, bytes, block, err, "an interface description of %u bytes",
				     block->length);
	interface.linktype = linktype;
	interface.limit = record_limit(linktype, interface.snaplen);
	if (!interface_options(p, body, &interface))
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "an option of the interface description runs past its end");
	if (p->interfaces_before + p->interface_count >= INTERFACES_MOST)
		return BLOCK_DAMAGED(p, bytes, block, err, "more than %d interfaces",
				     INTERFACES_MOST);
	if (!interface_add(p, &interface)) {
		error_set(err, "out of memory");
		return RECORD_FAILED;
	}
	bytes_take(bytes, (size_t)block->padded);
	return RECORD_PACKET;
}

/* The fields of a packet block, of whichever kind. */
struct packet_fields {
	uint32_t interface; /* of the section */
	uint32_t caplen, wirelen;
	uint64_t units; /* time stamp */
	bool timeless;
};

/* Splits the fields in front of the packet's bytes off the body. */
static bool packet_fields_read(const struct pcapng_file *p, uint32_t type, struct cursor *body,
			       struct packet_fields *f)
{
	uint32_t high = 0, low = 0;
	uint16_t interface = 0;
	bool there;

	if (type == BLOCK_SIMPLE_PACKET) {
		f->timeless = true;
		return record_u32(body, p->big_endian, &f->wirelen);
	}
	if (type == BLOCK_PACKET) {
		there = record_u16(body, p->big_endian, &interface) && cursor_skip(body, 2);
		f->interface = interface;
	} else {
		there = record_u32(body, p->big_endian, &f->interface);
	}
	there = there && record_u32(body, p->big_endian, &high) &&
		record_u32(body, p->big_endian, &low) &&
		record_u32(body, p->big_endian, &f->caplen) &&
		record_u32(body, p->big_endian, &f->wirelen);
	f->units = ((uint64_t)high << 32) | low;
	return there;
}

/* The checks that need the interface. A simple packet's captured length follows from its snaplen. */
static const struct pcapng_interface *packet_interface(const struct pcapng_file *p,
						       struct packet_fields *f)
{
	const struct pcapng_interface *interface;

	if (f->interface >= p->interface_count)
		return NULL;
	interface = &p->interfaces[f->interface];
	if (f->timeless) {
		f->caplen = f->wirelen;
		if (interface->snaplen > 0 && f->caplen > interface->snaplen)
			f->caplen = interface->snaplen;
	}
	return interface;
}

static void packet_fill(struct pcapng_file *p, const struct block *block,
			const struct packet_fields *f, const struct pcapng_interface *interface,
			const uint8_t *data, struct packet *packet)
{
	if (!f->timeless)
		p->last_ns = pcapng_time_ns(&interface->time, f->units);
	packet->data = data;
	packet->number = ++p->frames;
	packet->offset = block->offset;
	packet->ts_ns = p->last_ns;
	packet->caplen = f->caplen;
	packet->wirelen = f->wirelen > f->caplen ? f->wirelen : f->caplen;
	packet->interface = p->interfaces_before + f->interface;
	packet->linktype = interface->linktype;
}

static enum record_result packet_read(struct pcapng_file *p, struct bytes *bytes,
				      const struct block *block, struct packet *packet,
				      struct error *err)
{
	const uint32_t header = block->type == BLOCK_SIMPLE_PACKET ? SIMPLE_HEADER
								   : ENHANCED_HEADER;
	const struct pcapng_interface *interface;
	struct packet_fields f = {0};
	enum record_result result;
	struct cursor body = {0};

	/* The fields come first, so that a block is read whole only if its packet can be. */
	if (block->length < BLOCK_LEAST + header)
		return BLOCK_DAMAGED(p, bytes, block, err, "a packet block of %u bytes",
				     block->length);
	if (!bytes_want(bytes, BLOCK_HEADER + header))
		return block_cut(p, bytes, block, "the packet block", block->padded, err);
	body = bytes_at(bytes, BLOCK_HEADER + header);
	cursor_skip(&body, BLOCK_HEADER);
	packet_fields_read(p, block->type, &body, &f);
	interface = packet_interface(p, &f);
	if (interface == NULL)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "interface %u is not described, only %zu before it are",
				     f.interface, p->interface_count);
	if (f.caplen > interface->limit)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "the block claims %u captured bytes, more than the %u that "
				     "can be",
				     f.caplen, interface->limit);
	if (f.caplen > block->padded - BLOCK_LEAST - header ||
	    block->padded - BLOCK_LEAST - header - f.caplen > PACKET_OPTIONS_MOST)
		return BLOCK_DAMAGED(p, bytes, block, err,
				     "a packet of %u captured bytes in a block of %u bytes",
				     f.caplen, block->length);
	result = block_body(p, bytes, block, &body, err);
	if (result != RECORD_PACKET)
		return result;
	cursor_skip(&body, header);
	packet_fill(p, block, &f, interface, body.at, packet);
	bytes_take(bytes, (size_t)block->padded);
	return RECORD_PACKET;
}

enum record_result pcapng_file_next(struct pcapng_file *p, struct bytes *bytes,
				    struct packet *packet, struct error *err)
{
	for (;;) {
		struct block block;
		enum record_result result = block_begin(p, bytes, &block, err);

		if (result != RECORD_PACKET)
			return result;
		if (block_is_packet(block.type))
			return packet_read(p, bytes, &block, packet, err);
		if (block.type == BLOCK_SECTION)
			result = section_begin(p, bytes, &block, err);
		else if (block.type == BLOCK_INTERFACE)
			result = interface_read(p, bytes, &block, err);
		else
			result = block_pass(p, bytes, &block, err);
		if (result != RECORD_PACKET)
			return result;
		if (block_is_other_frame(block.type))
			p->frames++;
	}
}
