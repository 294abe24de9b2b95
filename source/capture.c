#include "source/capture.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "source/pcap_file.h"
#include "source/pcapng_file.h"

enum capture_format { FORMAT_PCAP, FORMAT_PCAPNG };

struct capture {
	struct bytes *bytes;
	enum capture_format format;
	union {
		struct pcap_file pcap;
		struct pcapng_file pcapng;
	} reader;
};

/* Bytes that tell what a file is. */
enum { MAGIC_PCAP = 4, MAGIC_PCAPNG = 12, MAGIC_MOST = 512 };

/* What people hand over by mistake, for a message that helps. */
struct foreign_kind {
	size_t offset, count;
	const char *magic;
	const char *name;
};

static const struct foreign_kind foreign_kinds[] = {
	{0, 8, "snoop\0\0\0", "a snoop capture"},
	{0, 8, "btsnoop\0", "a Bluetooth HCI log"},
	{0, 4, "GMBU", "a Microsoft Network Monitor capture"},
	{0, 4, "RTSS", "a Microsoft Network Monitor capture"},
	{0, 16, "TRSNIFF data    ", "a Sniffer capture"},
	{0, 4, "XCP\0", "a NetXRay capture"},
	{0, 7, "iptrace", "an AIX iptrace capture"},
	{0, 4, "\177ver", "an OmniPeek capture"},
	{0, 4, "\xac\x01\x00\x1c", "an Ixia capture"},
	{0, 6,
	 "\xfd"
	 "7zXZ\0",
	 "xz data; unpack it first"},
	{0, 3, "BZh", "bzip2 data; unpack it first"},
	{0, 4, "\x04\x22\x4d\x18", "lz4 data; unpack it first"},
	{0, 6, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"},
	{0, 4, "PK\x03\x04", "a zip archive; unpack it first"},
	{257, 5, "ustar", "a tar archive; unpack it first"},
	{0, 3, "\x1f\x8b\x08", "packed twice; unpack it first"},
	{0, 4, "\x28\xb5\x2f\xfd", "packed twice; unpack it first"},
	{0, 16, "SQLite format 3\0", "an SQLite database"},
	{0, 4, "\177ELF", "a program"},
	{0, 4, "%PDF", "a PDF document"},
	{0, 5, "<?xml", "an XML document"},
};

static const char *foreign_name(const uint8_t *first, size_t count)
{
	for (size_t i = 0; i < sizeof(foreign_kinds) / sizeof(foreign_kinds[0]); i++) {
		const struct foreign_kind *kind = &foreign_kinds[i];

		if (kind->offset + kind->count <= count &&
		    memcmp(first + kind->offset, kind->magic, kind->count) == 0)
			return kind->name;
	}
	return NULL;
}

static bool is_text(struct cursor c)
{
	uint8_t byte;

	while (cursor_u8(&c, &byte)) {
		if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
			return false;
	}
	return true;
}

/* Neither format's magic: says what it may be. */
static enum capture_open capture_foreign(struct bytes *bytes, struct error *err)
{
	struct cursor c;
	const char *name;
	uint32_t magic = 0;

	bytes_want(bytes, MAGIC_MOST);
	if (bytes_left(bytes) < MAGIC_MOST && bytes_end(bytes) != BYTES_ENDED) {
		record_end(bytes, 0, err);
		return bytes_end(bytes) == BYTES_NO_MEMORY ? CAPTURE_NO_MEMORY : CAPTURE_DAMAGED;
	}
	if (bytes_left(bytes) == 0) {
		error_set(err, "this is empty");
		return CAPTURE_FOREIGN;
	}
	c = bytes_at(bytes, bytes_left(bytes));
	name = foreign_name(c.at, c.left);
	if (name == NULL && is_text(c))
		name = "text";
	if (name != NULL)
		error_set(err, "this is no pcap or pcapng capture but %s", name);
	else if (cursor_be32(&c, &magic))
		error_set(err, "this is no pcap or pcapng capture: it begins with 0x%08x", magic);
	else
		error_set(err, "this is no pcap or pcapng capture: it has only %zu bytes", c.left);
	return CAPTURE_FOREIGN;
}

static enum capture_open capture_recognise(struct capture *capture, struct error *err)
{
	struct bytes *bytes = capture->bytes;
	enum record_result result;
	uint32_t magic = 0;
	struct cursor c;

	if (bytes_want(bytes, MAGIC_PCAP)) {
		c = bytes_at(bytes, MAGIC_PCAP);
		cursor_be32(&c, &magic);
	}
	if (pcap_file_recognise(magic)) {
		capture->format = FORMAT_PCAP;
		result = pcap_file_open(&capture->reader.pcap, bytes, err);
	} else if (bytes_want(bytes, MAGIC_PCAPNG) &&
		   pcapng_file_recognise(bytes_at(bytes, MAGIC_PCAPNG).at)) {
		capture->format = FORMAT_PCAPNG;
		result = pcapng_file_open(&capture->reader.pcapng, bytes, err);
	} else {
		return capture_foreign(bytes, err);
	}
	if (result == RECORD_PACKET)
		return CAPTURE_OPENED;
	return result == RECORD_FAILED ? CAPTURE_NO_MEMORY : CAPTURE_DAMAGED;
}

enum capture_open capture_open(int fd, size_t block, struct capture **out, struct error *err)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	struct bytes *bytes = bytes_open(fd, block, err);
	enum capture_open result;

	*out = NULL;
	if (capture == NULL || bytes == NULL) {
		error_set(err, "out of memory");
		bytes_close(bytes);
		free(capture);
		return CAPTURE_NO_MEMORY;
	}
	capture->bytes = bytes;
	result = capture_recognise(capture, err);
	if (result == CAPTURE_OPENED)
		*out = capture;
	else
		capture_close(capture);
	return result;
}

void capture_read_ahead(struct capture *capture)
{
	bytes_read_ahead(capture->bytes);
}

void capture_close(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->format == FORMAT_PCAPNG)
		pcapng_file_close(&capture->reader.pcapng);
	bytes_close(capture->bytes);
	free(capture);
}

enum record_result capture_next(struct capture *capture, struct packet *packet, struct error *err)
{
	if (capture->format == FORMAT_PCAP)
		return pcap_file_next(&capture->reader.pcap, capture->bytes, packet, err);
	return pcapng_file_next(&capture->reader.pcapng, capture->bytes, packet, err);
}

bool capture_ahead(struct capture *capture, struct packet *packet)
{
	return capture->format == FORMAT_PCAP &&
	       pcap_file_ahead(&capture->reader.pcap, capture->bytes, packet);
}

void capture_hold(struct capture *capture, struct packet *packet)
{
	if (packet != NULL)
		bytes_hold(capture->bytes, &packet->data, packet->caplen);
	else
		bytes_hold(capture->bytes, NULL, 0);
}

const char *capture_format(const struct capture *capture)
{
	static const char *const names[][2] = {
		[BYTES_PLAIN] = {"pcap", "pcapng"},
		[BYTES_GZIP] = {"gzip pcap", "gzip pcapng"},
		[BYTES_ZSTD] = {"zstd pcap", "zstd pcapng"},
	};

	return names[capture->bytes->packing][capture->format];
}

uint64_t capture_interfaces(const struct capture *capture)
{
	const struct pcapng_file *pcapng = &capture->reader.pcapng;

	if (capture->format == FORMAT_PCAP)
		return 1;
	return pcapng->interfaces_before + pcapng->interface_count;
}
