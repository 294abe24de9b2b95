/* The teardown report as numbers, read from a database: what report/text.c and report/json.c tell. */
#ifndef LASTACK_REPORT_SUMMARY_H
#define LASTACK_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"
#include "base/error.h"
#include "parsers/decode.h"
#include "report/tally.h"

/* One capture file. Strings are owned by the summary, NULL where unknown. */
struct summary_capture {
	int64_t recording_id;
	char *path, *format, *problem;
	char *linktypes; /* names, one a line; NULL without packets */
	bool opened, timed;
	uint64_t packets, packets_filtered_out, bytes, wire_bytes, backwards;
	int64_t first_ns, last_ns; /* valid where timed */
};

/* All findings of one code and severity. Strings are owned by the summary. */
struct summary_finding {
	int64_t code_id;
	enum severity severity;
	char *code, *title, *advice, *basis;
	uint64_t connections, occurrences;
	/* the first finding of the connection that has most of them */
	struct summary_example {
		int64_t connection_id, ts_ns;
		uint64_t occurrences; /* in that connection */
		char *initiator_ip, *responder_ip;
		uint16_t initiator_port, responder_port;
		enum side side; /* of whom it is said; SIDE_NONE: of neither */
		char *capture, *detail;
		uint64_t packet; /* 0: no one packet shows it */
	} example;
};

/* Engine and store counts, summed over the recordings. */
struct summary_counts {
	uint64_t segments, duplicates; /* judged; capture duplicates left out */
	uint64_t evicted, evicted_unanswered, evicted_ended, evicted_alive;
	uint64_t fragments, datagrams_reassembled, fragments_expired;
	uint64_t tunnelled, bad_options;
	uint64_t reason[DECODE_REASONS]; /* packets */
};

/* Facts summed over the connections. */
struct summary_traffic {
	uint64_t bytes, retransmitted, missing;
	uint64_t rst_in_window, rst_out_of_window;
	uint64_t time_wait_restarts;
};

struct summary {
	uint64_t recordings;
	struct summary_capture *captures; /* by recording, then position */
	size_t capture_count;
	struct summary_counts counts;
	struct summary_traffic traffic;

	uint64_t connections, complete, clean, midstream, rst_injected, rst_accepted;
	struct tally teardown, closer, end_reason;
	struct tally fin_check; /* one for each FIN: ok, violated, unverified */
	struct tally time_wait_check, time_wait_holder, reuse_rule, reuse_answer;
	struct tally rst_cause, rst_by;

	struct summary_finding *findings; /* worst first, then by connections */
	size_t finding_count;

	/* the settings, where all recordings share them; NONE_NS where they differ */
	int64_t msl_ns, stuck_ns, idle_timeout_ns;
};

/* Reads the recordings given by id (count > 0), or all (count 0). NULL with err: SQLite failed, or
 * no memory. */
struct summary *summary_read(sqlite3 *db, const int64_t *recordings, size_t count,
			     struct error *err);
void summary_free(struct summary *summary); /* NULL is fine */

#endif
