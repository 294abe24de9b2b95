/* The ladder notation: one teardown case as text, segment by segment, with what must be said of it.
 *
 * docs/ladders.md is the grammar. The parser resolves every default, so that a step holds the numbers
 * that go on the wire; case_frame turns a step into an Ethernet frame with real checksums. */
#ifndef LASTACK_TESTS_LADDER_H
#define LASTACK_TESTS_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "parsers/segment.h"

enum {
	CASE_CONNECTIONS_MAX = 16,
	CASE_VLANS_MAX = 4,
	CASE_FRAME_MAX = 66000, /* bytes; no step's frame is larger */
};

/* Time zero of every ladder, ns since the Unix epoch. */
#define CASE_EPOCH_NS INT64_C(1700000000000000000)

struct case_end {
	struct ip_address address;
	uint16_t port;
	uint16_t vlan[CASE_VLANS_MAX]; /* of its segments where a line names none */
	uint8_t vlan_count;
	uint32_t isn;
	uint32_t next; /* SND.NXT so far; meaningless before sent */
	bool sent;     /* it has a line, seen at the tap or not */
};

/* A numbering: a tuple with two initial sequence numbers. Reuse of a tuple is a second one. */
struct case_connection {
	uint8_t ip_version;
	struct case_end end[SIDES];
	bool gre; /* carried in GRE with this key */
	uint32_t gre_key;
	bool declared;
};

struct case_step {
	unsigned line;
	bool clock;         /* no TCP: a packet that only moves capture time */
	int64_t ts_ns;      /* since the ladder's zero */
	uint8_t connection; /* index */
	uint8_t from;       /* enum side */
	uint8_t flags;      /* enum tcp_flag */
	uint32_t seq, ack;  /* as on the wire */
	uint32_t payload_len;
	uint16_t window;
	uint8_t ttl;
	uint16_t ip_id;                /* IPv4 only */
	uint16_t vlan[CASE_VLANS_MAX]; /* outermost first; id 0 is a priority tag */
	uint8_t vlan_count;
	uint32_t interface;
	/* options */
	uint8_t wscale; /* WSCALE_NONE without */
	uint16_t mss;   /* 0: without */
	bool has_timestamp, sack_permitted, fast_open;
	uint32_t ts_val, ts_ecr;
	uint16_t urgent;
	bool other; /* the payload is not what its numbers stand for */
};

enum case_expectation_kind {
	CASE_COLUMN,     /* name, value */
	CASE_ROWS,       /* value: how many connections */
	CASE_SKIPPED,    /* value: how many segments the decoder turned away */
	CASE_FINDING,    /* name: a code, side and count where the case names them */
	CASE_NO_FINDING, /* name: a code that must not be there */
	CASE_NO_OTHER,   /* no finding but those named for this row */
	CASE_STREAM,     /* side, value: what a reader of the side's stream gets, as written */
	CASE_STATES,     /* side, value: the side's whole timeline, as written */
};

struct case_expectation {
	enum case_expectation_kind kind;
	unsigned line;
	unsigned row; /* from 1, in order of first_ns */
	char name[64];
	char value[256];
	enum side side; /* SIDE_NONE: any */
	uint64_t count; /* of a finding, 0: any */
};

struct ladder_case {
	char why[256];
	int64_t msl_ns, idle_timeout_ns, stuck_ns;
	size_t max_flows, stream_memory;
	bool streams; /* somebody reads them */
	bool overlap_last;
	uint32_t snaplen; /* 0: whole packets */
	bool keep_duplicates, zero_ip_id;
	struct case_connection connection[CASE_CONNECTIONS_MAX];
	struct case_step *steps;
	size_t step_count;
	struct case_expectation *expectations;
	size_t expectation_count;
};

/* Reads a ladder. NULL with err (file:line: what is wrong) where it is not well-formed, has no
 * `why:` or expects nothing. */
struct ladder_case *case_read(const char *path, struct error *err);
void case_free(struct ladder_case *ladder); /* NULL is fine */

/* The byte that stands at a sequence number; other: a different one. */
uint8_t case_byte(uint32_t seq, bool other);
/* Writes the step's Ethernet frame; returns its length in bytes. */
size_t case_frame(const struct ladder_case *ladder, const struct case_step *step,
		  uint8_t frame[static CASE_FRAME_MAX]);

/* Seconds with up to nine decimals, a sign allowed, to nanoseconds. False where text is no time. */
bool case_seconds(const char *text, int64_t *ns);

#endif
