/* One connection as it can be drawn: its segments with the states of both ends after each, and its
 * findings at the segments that show them. Terminal, SVG and test notation draw this one model.
 *
 * The states up to ESTABLISHED follow from the stored segments (RFC 9293, 3.3.2 and figure 5), those
 * from the first FIN on are the timeline's. An end enters a state with the segment that proves it. */
#ifndef LASTACK_REPORT_LADDER_VIEW_H
#define LASTACK_REPORT_LADDER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"
#include "base/error.h"
#include "db/store.h"

enum view_state {
	VIEW_UNSEEN, /* the capture does not tell */
	VIEW_LISTEN,
	VIEW_SYN_SENT,
	VIEW_SYN_RECEIVED,
	VIEW_ESTABLISHED,
	VIEW_FIN_WAIT_1,
	VIEW_FIN_WAIT_2,
	VIEW_CLOSING,
	VIEW_TIME_WAIT,
	VIEW_CLOSE_WAIT,
	VIEW_LAST_ACK,
	VIEW_CLOSED,
	VIEW_STATES
};

#define VIEW_NO_STEP SIZE_MAX

struct view_finding {
	char *code, *detail, *title, *advice, *basis; /* owned by the view */
	enum severity severity;
	enum side side; /* SIDE_NONE: of neither */
	int64_t ts_ns;
	uint64_t packet; /* 0: no one packet shows it */
	uint64_t count;
	size_t step; /* where to draw it; VIEW_NO_STEP without stored segments */
	bool shown;  /* the step is the packet itself; else the last one before it */
};

struct view_step {
	struct ladder_segment segment;
	uint32_t seq, ack; /* less the sender's and the receiver's isn */
	int64_t wait_ns;   /* since the step before; negative where capture time went back */
	enum view_state state[SIDES]; /* with and after this segment */
	bool entered[SIDES];          /* the state is new */
	bool repeated;                /* payload, SYN or FIN at numbers stored before */
	bool accepted_reset;          /* the reset that ended the connection */
	enum severity severity;       /* worst of its findings, valid where marked */
	bool marked;                  /* at least one finding is shown by it */
};

struct view_dwell {
	enum side side;
	enum view_state state;
	int64_t entry_ns, dwell_ns; /* dwell NONE_NS of CLOSED */
};

/* Owned by the caller; the statement belongs to the store, which must outlive the view. */
struct ladder_view {
	int64_t id;
	sqlite3_stmt *row; /* stands on the connection's row of `teardowns` */
	uint32_t isn[SIDES];
	int64_t msl_ns, stuck_ns, idle_timeout_ns;
	bool evictions;     /* its recording forgot connections early */
	int64_t watched_ns; /* largest time of its capture's packets; NONE_NS: unknown */
	char *vlans[SIDES]; /* "100,200" or NULL */

	struct view_finding *findings; /* worst first, then in order of time */
	size_t finding_count;
	struct view_dwell *timeline; /* by side, then time */
	size_t timeline_count;
	struct view_step *steps; /* empty: no segments were stored */
	size_t step_count;
	enum view_state before[SIDES]; /* before the first step */
	bool whole;                    /* the steps are all segments of the connection */
};

/* NULL with err: no such connection, damaged, no memory. */
struct ladder_view *ladder_view_read(struct store *store, int64_t id, struct error *err);
void ladder_view_free(struct ladder_view *view); /* NULL is fine */

/* Columns of the view `teardowns`, and `community_id`, by their names. The text is valid while the view is; ""
 * for NULL, and for what is no text. */
const char *view_text(const struct ladder_view *view, const char *column);
/* 0 for NULL. */
int64_t view_number(const struct ladder_view *view, const char *column);
bool view_is_number(const struct ladder_view *view, const char *column);
bool view_is_null(const struct ladder_view *view, const char *column);
/* The same of a direction: column "bytes" is "bytes_initiator" or "bytes_responder". */
const char *view_text_of(const struct ladder_view *view, const char *column, enum side side);
int64_t view_number_of(const struct ladder_view *view, const char *column, enum side side);
bool view_is_null_of(const struct ladder_view *view, const char *column, enum side side);

const char *view_state_name(enum view_state state); /* "ESTABLISHED"; "?" of VIEW_UNSEEN */

enum { VIEW_END_SIZE = 80, VIEW_FLAGS_SIZE = 40, VIEW_LABEL_SIZE = 160 };

/* "192.0.2.1:80", "[2001:db8::1]:80" */
const char *view_end(const struct ladder_view *view, enum side side, char out[VIEW_END_SIZE]);
/* "FIN|ACK"; "no flags" */
const char *view_flags(uint8_t flags, char out[VIEW_FLAGS_SIZE]);
/* A relative number; "=N", as on the wire, where it lies far below the isn and tells nothing so. */
const char *view_relative(uint32_t relative, uint32_t isn, char out[VIEW_FLAGS_SIZE]);
/* What stands on the arrow without the flags: "seq 101 ack 301 len 100 win 0". */
const char *view_numbers(const struct ladder_view *view, const struct view_step *step,
			 char out[VIEW_LABEL_SIZE]);

#endif
