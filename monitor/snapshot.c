#include "monitor/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "db/address.h"

static uint64_t get(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

static void get_all(uint64_t *to, const _Atomic uint64_t *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = get(&from[i]);
}

static void take_interfaces(const struct board *board, struct snapshot *s)
{
	s->interface_count = board->interface_count < BOARD_INTERFACES ? board->interface_count
								       : BOARD_INTERFACES;
	memset(s->drops, 0, sizeof(s->drops));
	for (uint32_t i = 0; i < s->interface_count; i++) {
		const struct board_interface *from = &board->interfaces[i];
		struct snapshot_interface *to = &s->interfaces[i];

		memcpy(to->name, from->name, sizeof(to->name));
		to->name[sizeof(to->name) - 1] = '\0';
		to->packets = get(&from->packets);
		to->bytes = get(&from->bytes);
		get_all(to->drops, from->drops, BOARD_DROPS);
		to->reopened = get(&from->reopened);
		to->up = atomic_load_explicit(&from->up, memory_order_relaxed) != 0;
		for (int drop = 0; drop < BOARD_DROPS; drop++)
			s->drops[drop] += to->drops[drop];
	}
}

static void take_store(const struct board *board, struct snapshot *s)
{
	uint32_t state = atomic_load_explicit(&board->store_state, memory_order_relaxed);

	s->rows = get(&board->rows);
	s->commits = get(&board->commits);
	s->rows_lost = get(&board->rows_lost);
	s->rows_expired = get(&board->rows_expired);
	s->backlog = get(&board->backlog);
	s->database_bytes = get(&board->database_bytes);
	s->store_state = state < BOARD_STORE_STATES ? state : BOARD_STORE_FAILED;
	s->last_commit_ns = atomic_load_explicit(&board->last_commit_ns, memory_order_relaxed);
	board_trouble(board, s->trouble);
}

void snapshot_take(const struct board *board, struct snapshot *s)
{
	s->started_ns = board->started_ns;
	s->last_packet_ns = atomic_load_explicit(&board->last_packet_ns, memory_order_relaxed);
	s->packets = get(&board->packets);
	s->bytes = get(&board->bytes);
	s->segments = get(&board->segments);
	s->duplicates = get(&board->duplicates);
	s->connections = get(&board->connections);
	get_all(s->teardowns, board->teardowns, TEARDOWNS);
	get_all(s->end_reasons, board->end_reasons, END_REASONS);
	get_all(s->rst_causes, board->rst_causes, RST_CAUSES);
	s->fin_violations = get(&board->fin_violations);
	get_all(s->time_wait_checks, board->time_wait_checks, TIME_WAIT_CHECKS);
	get_all(s->findings, board->findings, FINDING_CODES);
	s->alerts = get(&board->alerts);
	s->lossy_connections = get(&board->lossy_connections);
	s->evicted = get(&board->evicted);
	s->clock_steps = get(&board->clock_steps);
	s->open_connections = get(&board->open_connections);
	s->memory = get(&board->memory);
	get_all(s->open_by_state, board->open_by_state, ENDPOINT_STATES);
	take_interfaces(board, s);
	take_store(board, s);
}

double snapshot_rate(uint64_t before, uint64_t now, int64_t elapsed_ns)
{
	if (elapsed_ns <= 0 || now <= before)
		return 0;
	return (double)(now - before) * 1e9 / (double)elapsed_ns;
}

const char *board_drop_name(enum board_drop drop)
{
	static const char *const names[BOARD_DROPS] = {[BOARD_DROP_KERNEL] = "kernel",
						       [BOARD_DROP_INTERFACE] = "interface",
						       [BOARD_DROP_OWN] = "own"};

	return (size_t)drop < BOARD_DROPS ? names[drop] : "?";
}

const char *board_store_state_name(enum board_store_state state)
{
	static const char *const names[BOARD_STORE_STATES] = {[BOARD_STORE_FINE] = "fine",
							      [BOARD_STORE_LOCKED] = "locked",
							      [BOARD_STORE_FULL] = "full",
							      [BOARD_STORE_FAILED] = "failed"};

	return (size_t)state < BOARD_STORE_STATES ? names[state] : "?";
}

const char *board_end_text(const struct board_end *end, char out[BOARD_END_SIZE])
{
	char address[ADDRESS_TEXT_MAX];

	address_text(&end->address, end->ip_version, address);
	snprintf(out, BOARD_END_SIZE, end->ip_version == 6 ? "[%s]:%u" : "%s:%u", address,
		 end->port);
	return out;
}
