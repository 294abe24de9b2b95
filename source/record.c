#include "source/record.h"

#include <inttypes.h>

/* LINKTYPE_ values with packets larger than any network's. */
enum {
	LINKTYPE_USB_LINUX = 189,
	LINKTYPE_USB_LINUX_MMAPPED = 220,
	LINKTYPE_DBUS = 231,
	LINKTYPE_USBPCAP = 249
};

/* LIMIT_NETWORK is well above what segmentation offload hands to a tap (512 KiB). */
enum { LIMIT_USUAL = 256 * 1024, LIMIT_NETWORK = 1024 * 1024, LIMIT_MOST = 128 * 1024 * 1024 };

uint32_t record_limit(uint32_t linktype, uint32_t snaplen)
{
	switch (linktype) {
	case LINKTYPE_USB_LINUX:
	case LINKTYPE_USB_LINUX_MMAPPED:
	case LINKTYPE_DBUS:
	case LINKTYPE_USBPCAP:
		return LIMIT_MOST;
	default:
		break;
	}
	if (snaplen > LIMIT_NETWORK)
		return LIMIT_NETWORK;
	return snaplen > LIMIT_USUAL ? snaplen : LIMIT_USUAL;
}

enum record_result record_cut(const struct bytes *bytes, const char *what, uint64_t from,
			      uint64_t wanted, struct error *err)
{
	switch (bytes_end(bytes)) {
	case BYTES_NO_MEMORY:
		error_set(err, "out of memory");
		return RECORD_FAILED;
	case BYTES_DAMAGED:
		error_set(err, "%s", bytes_problem(bytes));
		return RECORD_DAMAGED;
	case BYTES_ENDED:
		break;
	}
	error_set(err, "the capture ends inside %s: %" PRIu64 " of %" PRIu64 " bytes are there",
		  what, bytes_offset(bytes) + bytes_left(bytes) - from, wanted);
	return RECORD_DAMAGED;
}

enum record_result record_end(const struct bytes *bytes, uint64_t packets, struct error *err)
{
	switch (bytes_end(bytes)) {
	case BYTES_ENDED:
		return RECORD_END;
	case BYTES_NO_MEMORY:
		error_set(err, "out of memory");
		return RECORD_FAILED;
	case BYTES_DAMAGED:
		break;
	}
	error_set(err, "%s", bytes_problem(bytes));
	record_place(bytes, "after packet", packets, bytes_offset(bytes), err);
	return RECORD_DAMAGED;
}

void record_place(const struct bytes *bytes, const char *relation, uint64_t packet, uint64_t offset,
		  struct error *err)
{
	const char *unpacked = bytes->packing != BYTES_PLAIN ? " unpacked" : "";

	if (packet > 0)
		error_prefix(err, "%s %" PRIu64 ", at byte %" PRIu64 "%s", relation, packet, offset,
			     unpacked);
	else
		error_prefix(err, "at byte %" PRIu64 "%s", offset, unpacked);
}
