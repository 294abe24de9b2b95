/* One capture of either format, recognised by content, packed or not. */
#ifndef LASTACK_SOURCE_CAPTURE_H
#define LASTACK_SOURCE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/bytes.h"
#include "source/packet.h"
#include "source/record.h"

struct capture;

enum capture_open {
	CAPTURE_OPENED,
	CAPTURE_FOREIGN, /* empty, or no capture; err says what it is instead where that is known */
	CAPTURE_DAMAGED, /* a capture, but nothing of it can be read; err says why */
	CAPTURE_NO_MEMORY,
};

/* Takes fd over, also on failure. block: bytes read at a time. */
enum capture_open capture_open(int fd, size_t block, struct capture **capture, struct error *err);
/* See bytes_read_ahead(). */
void capture_read_ahead(struct capture *capture);
void capture_close(struct capture *capture); /* NULL is fine */

/* The next packet: all of it but file and ts_confirmed. Its data is valid until the next call; longer
 * where capture_hold() was asked for it. Messages do not name the file. */
enum record_result capture_next(struct capture *capture, struct packet *packet, struct error *err);
/* The same where nothing has to be read for it, as for most packets: no data moves, held or not. False:
 * nothing was done. */
bool capture_ahead(struct capture *capture, struct packet *packet);

/* The data of packet, which is the last one read, stays valid over the calls of capture_next() that
 * follow (packet->data may change), and until capture_hold() is called for another packet and
 * capture_next() after it. NULL ends the holding: then packet may go, its data stays. */
void capture_hold(struct capture *capture, struct packet *packet);

/* "pcap", "gzip pcapng", ... */
const char *capture_format(const struct capture *capture);
/* Described so far. */
uint64_t capture_interfaces(const struct capture *capture);

#endif
