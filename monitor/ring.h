/* Packets on their way from one process to another: a ring of bytes in shared memory, with one writer
 * and one reader, which never wait for each other.
 *
 * The mapping is made before the processes part. The writer fills, then publishes many packets at once;
 * one that finds no room counts them as lost. The reader trusts nothing that the writer wrote: lengths
 * are held against the ring's own before a byte is touched. */
#ifndef LASTACK_MONITOR_RING_H
#define LASTACK_MONITOR_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ring;

enum {
	RING_PACKET_MAX = 256 * 1024, /* bytes of one packet */
	/* A reader that starts anew finds so many packets at most that the one before it had taken. */
	RING_REREAD = 64,
};

struct ring_packet {
	int64_t ts_ns;    /* on the steady axis, see monitor/clock.h */
	uint32_t caplen;  /* bytes */
	uint32_t wirelen; /* bytes the frame had on the wire */
	uint32_t linktype;
	uint32_t kind; /* the user's own */
};

/* Where packets were lost before they came here. Each only grows. */
enum ring_loss { RING_LOSS_KERNEL, RING_LOSS_INTERFACE, RING_LOSS_OWN, RING_LOSSES };

/* What the writer tells beside the packets; a lone atomic each. */
struct ring_board {
	_Atomic uint64_t lost[RING_LOSSES];
	_Atomic uint64_t packets,
		bytes; /* taken so far, the lost ones left out; bytes on the wire */
	/* Steady time at which the interface was watched last; 0: not yet, or it was gone. And the latest
	 * time in which it should have been watched and was not, and how many there were. */
	_Atomic int64_t watched_ns, gap_from_ns, gap_to_ns;
	_Atomic uint64_t gaps;
	_Atomic uint32_t linktype;
	_Atomic uint32_t ended; /* 1: the writer is done, what is published is all there is */
	/* The writer's clock, where it is not the machine's: a file that is replayed. 0: it is. */
	_Atomic int64_t real_ns, boot_ns;
};

/* Shared memory of at least bytes for packets. wake: an eventfd that a sleeping reader waits for, shared by
 * many rings; borrowed, -1: none. NULL with err. */
struct ring *ring_new(size_t bytes, int wake, struct error *err);
void ring_free(struct ring *ring); /* each process its own mapping; NULL is fine */
struct ring_board *ring_board(struct ring *ring);

/* The writer. False: no room, or too long a packet; the caller counts it. */
bool ring_put(struct ring *ring, const struct ring_packet *packet, const void *data);
void ring_publish(struct ring *ring); /* what was put becomes visible; wakes the reader */

/* The reader. data is valid until ring_take. False: nothing there. */
bool ring_peek(struct ring *ring, struct ring_packet *packet, const uint8_t **data);
void ring_take(struct ring *ring); /* the packet peeked at is done with */
/* Before it waits: true where there is nothing, and the writer will wake it. */
bool ring_sleep(struct ring *ring);
void ring_awake(struct ring *ring);
size_t ring_used(const struct ring *ring); /* bytes published and not taken */
size_t ring_size(const struct ring *ring);
/* True once where the writer wrote what cannot be: the rest is thrown away. */
bool ring_broken(struct ring *ring);

#endif
