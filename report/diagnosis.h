/* Diagnoses: what the findings and verdicts of many connections say together.
 *
 * A diagnosis tells in plain sentences what ends badly, how often, who does it, since when, what it
 * means and what to do. Everything is worked out from the database. docs/diagnoses.md documents each
 * code. Text in here comes from captures and files: it reaches an output only through the write_*
 * functions of report/format.h (or an escaper as strict).
 *
 * Times are ns since the Unix epoch, durations ns; NONE_NS (analyzer/verdict.h): unknown. */
#ifndef LASTACK_REPORT_DIAGNOSIS_H
#define LASTACK_REPORT_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"
#include "base/error.h"

enum { DIAGNOSIS_EXAMPLES = 3, DIAGNOSIS_PARTIES = 5, DIAGNOSIS_BUCKETS = 48 };

/* What is documented of a code: static, in docs/diagnoses.md at length. */
struct diagnosis_kind {
	const char *code;    /* "close-wait-held": stable, lower-case, hyphenated */
	const char *title;   /* a plain phrase, lower-case, without final stop */
	const char *meaning; /* one or two sentences */
	const char *advice;  /* what to do, one or two sentences */
	const char *basis;   /* "RFC 9293, 3.3.2" */
};

/* Who: mostly a service (address and port of the called end), else a host. */
struct diagnosis_party {
	char *address;        /* owned */
	uint16_t port;        /* 0: the whole host is meant */
	char *application;    /* owned; the one most of them used; NULL: unknown */
	char *clients;        /* owned; prefix that half of them or more came from, else NULL */
	uint64_t connections; /* of this diagnosis */
	uint64_t of;          /* all connections of that service (host); 0: not counted */
};

/* How often over time: count[i] began in [from_ns + i * step_ns, from_ns + (i + 1) * step_ns). */
struct diagnosis_series {
	int64_t from_ns, step_ns; /* the same for all series of a struct diagnoses */
	size_t buckets;           /* 1 to DIAGNOSIS_BUCKETS; 0: no time is known */
	uint64_t count[DIAGNOSIS_BUCKETS];
};

struct diagnosis_example {
	int64_t connection_id; /* for `lastack show` */
	char *capture;         /* owned, as all text here: the file in which packet counts */
	uint64_t packet;       /* as Wireshark counts; 0: no one packet shows it */
	int64_t ts_ns;
	char *initiator_ip, *responder_ip;
	uint16_t initiator_port, responder_port;
	char *detail; /* one sentence about this connection */
};

struct diagnosis {
	const struct diagnosis_kind *kind;
	enum severity severity;
	char *sentence;       /* owned: what happens, how often, who, with the numbers */
	char *advice;         /* owned: kind->advice, or one that names the numbers found */
	uint64_t connections; /* that show it */
	uint64_t of;         /* out of these (for the share): all connections, or all of one kind */
	const char *of_what; /* static: "connections", "resets", "closed connections", ... */
	int64_t since_ns, until_ns; /* first and last time it shows */
	int64_t silence_ns;         /* middle of the cluster of silences it rests on, or NONE_NS */
	struct diagnosis_series over_time;
	struct diagnosis_party parties[DIAGNOSIS_PARTIES]; /* most affected first */
	size_t party_count;
	uint64_t parties_total; /* how many there are, shown ones included */
	struct diagnosis_example examples[DIAGNOSIS_EXAMPLES];
	size_t example_count;
};

/* How far a connection without orderly end had come, and what ended it. */
enum abort_stage {
	ABORT_AFTER_SYN,
	ABORT_AFTER_ACK,
	ABORT_AFTER_FIRST_DATA,
	ABORT_LATER,
	ABORT_STAGES
};
enum abort_by { ABORT_RST, ABORT_RST_ACK, ABORT_SEVERAL, ABORT_SILENCE, ABORT_BYS };

/* TIME_WAITs that one address holds at once, taken to last 2MSL (--msl) each. */
struct time_wait_load {
	char *address;       /* owned */
	uint64_t held;       /* in all */
	uint64_t initiated;  /* of these, of connections that it opened: each binds an own port */
	uint64_t peak;       /* most at once */
	int64_t peak_ns;     /* when that was reached */
	uint64_t peak_ports; /* most at once of those it opened, to one service: ports bound */
	uint64_t peak_60s;   /* `peak` if each lasted 60 s, as on Linux */
	struct diagnosis_series at_once; /* count[i]: the most in that interval */
};

/* The shortest time after which an address in TIME_WAIT took its tuple into use again and the
 * connection was answered: what its MSL is at most in practice. */
struct effective_msl {
	char *address; /* owned */
	int64_t shortest_ns;
	uint64_t reuses;
	int64_t connection_id; /* the one reused the soonest */
};

/* Silences before accepted resets. The bins are narrow where timers are often set. */
enum { SILENCE_BINS = 56 };
struct silence_histogram {
	uint64_t count[SILENCE_BINS];
	uint64_t total;
};
/* Lower edge of a bin in ns; of bin 0 it is 0. INT64_MAX for SILENCE_BINS: the last has no upper edge. */
int64_t silence_bin_ns(size_t bin);

enum { EPHEMERAL_PORTS = 28232 }; /* of Linux by default: 32768 to 60999 */

struct diagnoses {
	struct diagnosis *items; /* worst first, then by connections */
	size_t count;
	uint64_t connections; /* all that were looked at */
	uint64_t abort[ABORT_STAGES][ABORT_BYS];
	struct diagnosis_series teardown[TEARDOWNS]; /* classes over time, by first segment */
	struct silence_histogram rst_silence;
	struct time_wait_load *loads; /* highest peak first, at most 8 */
	size_t load_count;
	struct effective_msl *msls; /* shortest first, at most 8 */
	size_t msl_count;
};

/* The codes in the order of docs/diagnoses.md; NULL behind the last one. */
const struct diagnosis_kind *diagnosis_kind_at(size_t index);
/* A finding of this code is told by a diagnosis. */
bool diagnosis_covers(enum finding_code code);
const char *abort_stage_name(enum abort_stage stage); /* "after_syn", ... */
const char *abort_by_name(enum abort_by by);          /* "rst", "rst_ack", "several", "silence" */

/* Reads the recordings given by id (count > 0), or all (count 0), inside a transaction of its own
 * unless one is open. One pass over the connections, some 50 bytes a TIME_WAIT of the eight busiest hosts. NULL with err: SQLite
 * failed, or no memory. */
struct diagnoses *diagnoses_read(sqlite3 *db, const int64_t *recordings, size_t count,
				 struct error *err);
void diagnoses_free(struct diagnoses *diagnoses); /* NULL is fine */

#endif
