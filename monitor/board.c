#include "monitor/board.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { TRIES = 100 }; /* of a reader to find a box at rest */

struct board *board_new(struct error *err)
{
	void *page = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		error_set(err, "no memory for the board");
		return NULL;
	}
	return page;
}

void board_free(struct board *board)
{
	if (board)
		munmap(board, sizeof(*board));
}

static void box_open(struct board_box *box)
{
	uint32_t sequence = atomic_load_explicit(&box->sequence, memory_order_relaxed);

	atomic_store_explicit(&box->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void box_close(struct board_box *box)
{
	uint32_t sequence = atomic_load_explicit(&box->sequence, memory_order_relaxed);

	atomic_store_explicit(&box->sequence, sequence + 1, memory_order_release);
}

/* Copies size bytes at from that box guards; false where the writer never rests. */
static bool box_read(const struct board_box *box, void *to, const void *from, size_t size)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_explicit(&box->sequence, memory_order_acquire);

		if (before % 2 != 0)
			continue;
		memcpy(to, from, size);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&box->sequence, memory_order_relaxed) == before)
			return true;
	}
	return false;
}

/* Its struct may be half of one event and half of another; the next that is put there makes it good. */
static void box_mend(struct board_box *box)
{
	uint32_t sequence = atomic_load_explicit(&box->sequence, memory_order_relaxed);

	if (sequence % 2 != 0)
		atomic_store_explicit(&box->sequence, sequence + 1, memory_order_release);
}

void board_take_over(struct board *board)
{
	for (size_t i = 0; i < BOARD_EVENTS; i++)
		box_mend(&board->events[i].box);
	for (size_t i = 0; i < BOARD_TEARDOWNS; i++)
		box_mend(&board->teardown_events[i].box);
	box_mend(&board->servers_box);
	box_mend(&board->trouble_box);
}

static void ring_put(struct board_event *ring, uint64_t size, _Atomic uint64_t *last,
		     const struct board_event *event)
{
	uint64_t number = atomic_load_explicit(last, memory_order_relaxed) + 1;
	struct board_event *place = &ring[number % size];
	const size_t head = offsetof(struct board_event, number);

	box_open(&place->box);
	memcpy((char *)place + head, (const char *)event + head, sizeof(*event) - head);
	place->number = number;
	place->detail[BOARD_DETAIL - 1] = '\0';
	box_close(&place->box);
	atomic_store_explicit(last, number, memory_order_release);
}

void board_tell(struct board *board, const struct board_event *event)
{
	if (event->kind == BOARD_TEARDOWN)
		ring_put(board->teardown_events, BOARD_TEARDOWNS, &board->last_teardown, event);
	else
		ring_put(board->events, BOARD_EVENTS, &board->last_event, event);
}

static bool ring_get(const struct board_event *ring, uint64_t size, uint64_t number,
		     struct board_event *event)
{
	const struct board_event *place = &ring[number % size];

	if (number == 0 || !box_read(&place->box, event, place, sizeof(*event)))
		return false;
	event->detail[BOARD_DETAIL - 1] = '\0';
	return event->number == number;
}

bool board_event(const struct board *board, uint64_t number, struct board_event *event)
{
	return ring_get(board->events, BOARD_EVENTS, number, event);
}

bool board_teardown(const struct board *board, uint64_t number, struct board_event *event)
{
	return ring_get(board->teardown_events, BOARD_TEARDOWNS, number, event);
}

void board_put_servers(struct board *board, const struct board_server *servers, uint32_t count)
{
	if (count > BOARD_SERVERS)
		count = BOARD_SERVERS;
	box_open(&board->servers_box);
	memcpy(board->servers, servers, count * sizeof(*servers));
	board->server_count = count;
	box_close(&board->servers_box);
}

uint32_t board_servers(const struct board *board, struct board_server *servers, uint32_t room)
{
	struct {
		uint32_t count;
		struct board_server servers[BOARD_SERVERS];
	} copy;
	const size_t from = offsetof(struct board, server_count);

	_Static_assert(sizeof(copy) == offsetof(struct board, servers) + sizeof(copy.servers) -
					       offsetof(struct board, server_count),
		       "server_count and servers lie as in the copy");
	if (!box_read(&board->servers_box, &copy, (const char *)board + from, sizeof(copy)))
		return 0;
	if (copy.count > BOARD_SERVERS)
		copy.count = BOARD_SERVERS;
	if (copy.count > room)
		copy.count = room;
	memcpy(servers, copy.servers, copy.count * sizeof(*servers));
	return copy.count;
}

void board_put_trouble(struct board *board, const char *text)
{
	box_open(&board->trouble_box);
	memset(board->trouble, 0, sizeof(board->trouble));
	strncpy(board->trouble, text, sizeof(board->trouble) - 1);
	box_close(&board->trouble_box);
}

void board_trouble(const struct board *board, char text[BOARD_TROUBLE])
{
	if (!box_read(&board->trouble_box, text, board->trouble, BOARD_TROUBLE))
		text[0] = '\0';
	text[BOARD_TROUBLE - 1] = '\0';
}
