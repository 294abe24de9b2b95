/* The board's numbers at one moment, as plain values: what lines, metrics and the view are made of.
 *
 * Whatever the board holds, counts and indexes here are within their bounds and texts end. */
#ifndef LASTACK_MONITOR_SNAPSHOT_H
#define LASTACK_MONITOR_SNAPSHOT_H

#include "monitor/board.h"

struct snapshot_interface {
	char name[BOARD_INTERFACE_NAME];
	uint64_t packets, bytes, drops[BOARD_DROPS], reopened;
	bool up;
};

/* Members as in struct board. */
struct snapshot {
	int64_t started_ns, last_packet_ns, last_commit_ns;
	uint32_t interface_count;
	struct snapshot_interface interfaces[BOARD_INTERFACES];
	uint64_t packets, bytes, segments, duplicates, connections;
	uint64_t teardowns[TEARDOWNS], end_reasons[END_REASONS], rst_causes[RST_CAUSES];
	uint64_t fin_violations, time_wait_checks[TIME_WAIT_CHECKS], findings[FINDING_CODES];
	uint64_t alerts, lossy_connections, evicted, clock_steps;
	uint64_t open_connections, memory, open_by_state[ENDPOINT_STATES];
	uint64_t rows, commits, rows_lost, rows_expired, backlog, database_bytes;
	enum board_store_state store_state;
	char trouble[BOARD_TROUBLE];
	uint64_t drops[BOARD_DROPS]; /* of all interfaces */
};

void snapshot_take(const struct board *board, struct snapshot *snapshot);

/* Of what grew between two of them, a second; 0 where time did not go on or the count fell. */
double snapshot_rate(uint64_t before, uint64_t now, int64_t elapsed_ns);

const char *board_drop_name(enum board_drop drop);                /* "kernel", "interface", "own" */
const char *board_store_state_name(enum board_store_state state); /* "fine", "locked", ... */

/* "192.0.2.1:80", "[2001:db8::1]:80" */
enum { BOARD_END_SIZE = 64 };
const char *board_end_text(const struct board_end *end, char out[BOARD_END_SIZE]);

#endif
