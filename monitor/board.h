/* What a live run shows while it runs: one page of shared memory, written by the process that analyses,
 * read by the one that talks to people (screen, lines, metrics).
 *
 * Its reader trusts nothing in it: the writer has parsed what strangers sent. Numbers are read as they
 * are, counts and indexes are bounded before use, texts are cut at their size and cleaned when shown.
 * Counters only grow; gauges are marked so. Everything is a lone atomic, but for the boxes, which are
 * guarded by a sequence count (see board_box). */
#ifndef LASTACK_MONITOR_BOARD_H
#define LASTACK_MONITOR_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"
#include "base/error.h"
#include "parsers/segment.h"

enum {
	BOARD_INTERFACES = 16,
	BOARD_INTERFACE_NAME = 16, /* IFNAMSIZ */
	BOARD_SERVERS = 64,
	BOARD_EVENTS = 4096,    /* a power of two */
	BOARD_TEARDOWNS = 1024, /* a power of two */
	BOARD_DETAIL = 200,
	BOARD_TROUBLE = 256,
	BOARD_WORKERS = 64,
	BOARD_ALERTS = 64,
};

/* Packets are lost in three places, told apart: */
enum board_drop {
	BOARD_DROP_KERNEL,    /* the socket's buffer was full (ps_drop) */
	BOARD_DROP_INTERFACE, /* the interface or its driver said so (ps_ifdrop) */
	BOARD_DROP_OWN,       /* the ring to the analysis was full */
	BOARD_DROPS
};

struct board_interface {
	char name[BOARD_INTERFACE_NAME]; /* set before the processes part */
	_Atomic uint64_t packets, bytes; /* taken from the kernel; bytes as on the wire */
	_Atomic uint64_t drops[BOARD_DROPS];
	_Atomic uint64_t reopened; /* times */
	_Atomic uint32_t up;       /* gauge, 0 or 1 */
};

enum board_store_state {
	BOARD_STORE_FINE,
	BOARD_STORE_LOCKED, /* another process writes: rows wait */
	BOARD_STORE_FULL,   /* no room on the disk: rows wait */
	BOARD_STORE_FAILED, /* something else, see trouble: tried again */
	BOARD_STORE_STATES
};

/* A small struct that is read whole or not: the writer makes sequence odd, writes, makes it even. */
struct board_box {
	_Atomic uint32_t sequence;
};

struct board_end {
	struct ip_address address;
	uint16_t port;
	uint8_t ip_version; /* 4 or 6 */
};

/* A responder, those with the most bad endings first. Bad is what Report calls so: every connection
 * that reached a handshake or was refused and whose outcome is not clean. */
struct board_server {
	struct board_end end;
	uint64_t connections, bad;
	uint64_t teardowns[TEARDOWNS];
};

enum board_event_kind { BOARD_TEARDOWN, BOARD_FINDING, BOARD_ALERT, BOARD_TROUBLE_EVENT };

/* Something that happened, newest last. Teardowns have a ring and numbers of their own, as there may be
 * more in a second than anybody can read: they shall not push out a finding. */
struct board_event {
	struct board_box box;
	uint64_t number; /* from 1, without holes in its ring: how a reader sees what it missed */
	uint8_t kind;    /* enum board_event_kind */
	uint8_t severity, side;
	uint8_t teardown, end_reason, closer, rst_cause; /* of a teardown */
	uint16_t code;                                   /* of a finding */
	uint16_t alert;      /* of an alert: which of the run's conditions, from 0 */
	uint8_t alert_state; /* enum alert_state of monitor/alert.h */
	uint64_t alert_matching, alert_connections; /* in its window */
	int64_t ts_ns;
	int64_t connection_id; /* in the database, 0: not stored */
	struct board_end initiator, responder;
	char detail[BOARD_DETAIL]; /* one sentence, UTF-8, ends with NUL */
};

struct board {
	int64_t started_ns; /* CLOCK_REALTIME */
	uint32_t interface_count;
	struct board_interface interfaces[BOARD_INTERFACES];

	/* What was read and made of it. */
	_Atomic int64_t last_packet_ns; /* gauge */
	_Atomic uint64_t packets, bytes, segments, duplicates;
	_Atomic uint64_t connections; /* ended and told */
	_Atomic uint64_t teardowns[TEARDOWNS], end_reasons[END_REASONS], rst_causes[RST_CAUSES];
	_Atomic uint64_t fin_violations, time_wait_checks[TIME_WAIT_CHECKS];
	_Atomic uint64_t findings[FINDING_CODES];
	_Atomic uint64_t alerts;
	/* Gauges: since when an alert holds, 0: it does not. Each of the run's conditions. */
	_Atomic int64_t alert_began_ns[BOARD_ALERTS];
	_Atomic uint64_t lossy_connections; /* told to have been open while packets were lost */
	_Atomic uint64_t evicted, clock_steps;

	/* Gauges. */
	_Atomic uint64_t open_connections, memory; /* bytes, by the engine's account */
	/* Open ones by the state of the end that is further on; [STATE_CLOSED]: in no state, that is
	 * attempts and those without a handshake. Counted a few times a minute. */
	_Atomic uint64_t open_by_state[ENDPOINT_STATES];

	/* Storing. */
	_Atomic uint64_t rows, commits, rows_lost,
		rows_expired;            /* expired: by --keep, --keep-size */
	_Atomic uint64_t backlog;        /* gauge: rows that wait */
	_Atomic uint64_t database_bytes; /* gauge */
	_Atomic uint32_t store_state;    /* gauge: enum board_store_state */
	_Atomic int64_t last_commit_ns;  /* gauge */
	struct board_box trouble_box;
	char trouble[BOARD_TROUBLE]; /* what stands in the way, if anything */

	struct board_box servers_box;
	uint32_t server_count;
	struct board_server servers[BOARD_SERVERS];

	_Atomic uint64_t last_event;             /* number of the newest; 0: none */
	struct board_event events[BOARD_EVENTS]; /* number n is at n % BOARD_EVENTS */
	_Atomic uint64_t last_teardown;          /* the same of teardowns */
	struct board_event teardown_events[BOARD_TEARDOWNS];
};

/* Anonymous shared memory, kept over fork(). NULL with err. */
struct board *board_new(struct error *err);
void board_free(struct board *board); /* NULL is fine; each process frees its own mapping */

/* For a writer that takes over from one that died: what that had half written is readable again. */
void board_take_over(struct board *board);
/* For the writer. The event's number and box are filled by the call, which chooses the ring. */
void board_tell(struct board *board, const struct board_event *event);
void board_put_servers(struct board *board, const struct board_server *servers, uint32_t count);
void board_put_trouble(struct board *board, const char *text); /* "" : none */

/* For the reader. False where that event is no longer, or not yet, there. */
bool board_event(const struct board *board, uint64_t number, struct board_event *event);
bool board_teardown(const struct board *board, uint64_t number, struct board_event *event);
/* At most room of them; returns how many. */
uint32_t board_servers(const struct board *board, struct board_server *servers, uint32_t room);
void board_trouble(const struct board *board, char text[BOARD_TROUBLE]);

#endif
