#include "monitor/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 16, PAGE = 4096, LINE = 64, RELEASE_EVERY = RING_REREAD, SIZE_MIN = 1024 * 1024 };

/* In front of each packet; the first word alone where the ring's end is skipped. */
struct record {
	uint32_t size; /* of the record with its data, a multiple of ALIGN */
	uint32_t skip; /* 1: nothing but a way to the ring's start */
	struct ring_packet packet;
};

/* The page in front of the data. Positions count bytes since the start and never wrap. */
struct header {
	_Alignas(LINE) _Atomic uint64_t head; /* the writer's */
	_Alignas(LINE) _Atomic uint64_t tail; /* the reader's */
	_Atomic uint32_t sleeping;
	_Alignas(LINE) struct ring_board board;
};

struct ring {
	struct header *header;
	uint8_t *data;
	size_t size; /* of data, a power of two */
	int wake;
	/* the writer's own: how far it has filled, and the tail as last seen; a writer that starts anew goes
	 * on at the published head */
	uint64_t filled, tail_seen;
	bool writing;
	/* the reader's own */
	uint64_t read, head_seen, next;
	uint32_t unreleased;
	bool reading, broken;
};

static size_t rounded(size_t bytes)
{
	size_t size = SIZE_MIN;

	while (size < bytes)
		size *= 2;
	return size;
}

struct ring *ring_new(size_t bytes, int wake, struct error *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	void *memory;

	_Static_assert(sizeof(struct header) <= PAGE, "the header fits its page");
	if (!ring) {
		error_set(err, "out of memory");
		return NULL;
	}
	ring->size = rounded(bytes);
	ring->wake = wake;
	memory = mmap(NULL, PAGE + ring->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (memory == MAP_FAILED) {
		error_set(err, "no memory for a ring of %zu bytes", ring->size);
		free(ring);
		return NULL;
	}
	ring->header = memory;
	ring->data = (uint8_t *)memory + PAGE;
	return ring;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	munmap(ring->header, PAGE + ring->size);
	free(ring);
}

struct ring_board *ring_board(struct ring *ring)
{
	return &ring->header->board;
}

static void *at(const struct ring *ring, uint64_t position)
{
	return ring->data + (position & (ring->size - 1));
}

/* Bytes from position to the ring's end. */
static size_t to_end(const struct ring *ring, uint64_t position)
{
	return ring->size - (size_t)(position & (ring->size - 1));
}

static void start_writing(struct ring *ring)
{
	ring->filled = atomic_load_explicit(&ring->header->head, memory_order_relaxed);
	ring->tail_seen = atomic_load_explicit(&ring->header->tail, memory_order_acquire);
	ring->writing = true;
}

static bool room_for(struct ring *ring, size_t bytes)
{
	if (ring->filled + bytes - ring->tail_seen <= ring->size)
		return true;
	ring->tail_seen = atomic_load_explicit(&ring->header->tail, memory_order_acquire);
	return ring->filled + bytes - ring->tail_seen <= ring->size;
}

bool ring_put(struct ring *ring, const struct ring_packet *packet, const void *data)
{
	size_t size = (sizeof(struct record) + packet->caplen + ALIGN - 1) / ALIGN * ALIGN;
	struct record *record;
	size_t left;

	if (!ring->writing)
		start_writing(ring);
	if (packet->caplen > RING_PACKET_MAX)
		return false;
	left = to_end(ring, ring->filled);
	if (!room_for(ring, left < size ? left + size : size))
		return false;
	if (left < size) { /* a packet lies in one piece */
		uint32_t skip[2] = {(uint32_t)left, 1};

		memcpy(at(ring, ring->filled), skip, sizeof(skip));
		ring->filled += left;
	}
	record = at(ring, ring->filled);
	record->size = (uint32_t)size;
	record->skip = 0;
	record->packet = *packet;
	if (packet->caplen > 0)
		memcpy(record + 1, data, packet->caplen);
	ring->filled += size;
	return true;
}

void ring_publish(struct ring *ring)
{
	static const uint64_t one = 1;

	if (!ring->writing)
		start_writing(ring);
	/* in one order with the reader's look before it sleeps */
	atomic_store_explicit(&ring->header->head, ring->filled, memory_order_seq_cst);
	if (ring->wake >= 0 &&
	    atomic_load_explicit(&ring->header->sleeping, memory_order_seq_cst) != 0 &&
	    atomic_exchange(&ring->header->sleeping, 0) != 0)
		while (write(ring->wake, &one, sizeof(one)) < 0)
			break;
}

static void start_reading(struct ring *ring)
{
	ring->read = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);
	ring->head_seen = ring->next = ring->read;
	ring->reading = true;
}

static void release(struct ring *ring)
{
	atomic_store_explicit(&ring->header->tail, ring->read, memory_order_release);
	ring->unreleased = 0;
}

/* What is published; false: nothing beyond what was read. */
static bool look(struct ring *ring)
{
	if (ring->head_seen != ring->read)
		return true;
	if (ring->unreleased > 0)
		release(ring);
	ring->head_seen = atomic_load_explicit(&ring->header->head, memory_order_acquire);
	return ring->head_seen != ring->read;
}

/* The writer has written what cannot be: all of it is thrown away. */
static bool throw_away(struct ring *ring)
{
	ring->broken = true;
	ring->read = ring->head_seen;
	release(ring);
	return false;
}

bool ring_peek(struct ring *ring, struct ring_packet *packet, const uint8_t **data)
{
	if (!ring->reading)
		start_reading(ring);
	while (look(ring)) {
		const struct record *record = at(ring, ring->read);
		size_t left = to_end(ring, ring->read);
		uint64_t there = ring->head_seen - ring->read;
		uint32_t head[2];

		memcpy(head, record, sizeof(head));
		if (there > ring->size || head[0] == 0 || head[0] % ALIGN != 0 || head[0] > there ||
		    head[0] > left)
			return throw_away(ring);
		if (head[1] != 0) {
			ring->read += head[0];
			continue;
		}
		if (head[0] < sizeof(*record))
			return throw_away(ring);
		*packet = record->packet;
		if (packet->caplen > head[0] - sizeof(*record))
			return throw_away(ring);
		*data = (const uint8_t *)(record + 1);
		ring->next = ring->read + head[0];
		return true;
	}
	return false;
}

void ring_take(struct ring *ring)
{
	ring->read = ring->next;
	if (++ring->unreleased >= RELEASE_EVERY)
		release(ring);
}

bool ring_sleep(struct ring *ring)
{
	if (!ring->reading)
		start_reading(ring);
	atomic_store_explicit(&ring->header->sleeping, 1, memory_order_seq_cst);
	ring->head_seen = atomic_load_explicit(&ring->header->head, memory_order_seq_cst);
	if (ring->head_seen == ring->read)
		return true;
	ring_awake(ring);
	return false;
}

void ring_awake(struct ring *ring)
{
	atomic_store_explicit(&ring->header->sleeping, 0, memory_order_relaxed);
}

size_t ring_used(const struct ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);
	uint64_t used = head - tail;

	return used > ring->size ? ring->size : (size_t)used;
}

size_t ring_size(const struct ring *ring)
{
	return ring->size;
}

bool ring_broken(struct ring *ring)
{
	bool broken = ring->broken;

	ring->broken = false;
	return broken;
}
