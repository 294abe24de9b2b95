/* Findings: what is worth telling about a connection beside its columns.
 *
 * The numbers of the codes are stored in databases: append, never renumber. */
#ifndef LASTACK_ANALYZER_FINDING_H
#define LASTACK_ANALYZER_FINDING_H

#include <stdbool.h>
#include <stdint.h>

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITIES };

enum finding_code {
	/* FIN consumption, semantics section 4 */
	FINDING_FIN_NOT_CONSUMED,
	FINDING_FIN_OVER_ACKED,
	FINDING_FIN_SENDER_NOT_ADVANCED,
	FINDING_DATA_AFTER_FIN,
	FINDING_FIN_MOVED,
	FINDING_FIN_BELOW_DATA,
	FINDING_FIN_BEYOND_GAP,
	FINDING_FIN_UNACCEPTABLE,
	/* resets, sections 2 and 7 */
	FINDING_RST_IN_WINDOW,
	FINDING_RST_OUT_OF_WINDOW,
	FINDING_RST_INJECTED,
	/* incarnations and time, sections 1, 5 and 6 */
	FINDING_STRAY_SYN,
	FINDING_TIME_WAIT_REUSED_EARLY,
	FINDING_TIME_WAIT_CUT_SHORT,
	FINDING_TIME_WAIT_ASSASSINATED,
	FINDING_CLOSE_WAIT_STUCK,
	FINDING_FIN_WAIT_2_STUCK,
	FINDING_LAST_ACK_MISSING, /* both FINs sent, the last one never acknowledged */
	FINDING_FIN_UNANSWERED,
	/* ICMP errors about the connection */
	FINDING_ICMP_UNREACHABLE,
	FINDING_ICMP_PROHIBITED,
	FINDING_ICMP_TOO_BIG,
	FINDING_ICMP_TIME_EXCEEDED,
	FINDING_ICMP_OTHER,
	/* ours */
	FINDING_TRACKING_LIMIT,
	/* streams, where they are read */
	FINDING_OVERLAP_CONFLICT,
	FINDING_DATA_BEYOND_WINDOW,
	FINDING_DATA_AFTER_RST,
	FINDING_URGENT_DATA,
	FINDING_DPI_RISK,
	/* live captures */
	FINDING_CAPTURE_LOSS,
	FINDING_CODES
};

/* side: an enum side of verdict.h, of whom it is said (the sender of the FIN, RST or SYN). */
struct finding {
	uint8_t code;     /* enum finding_code */
	uint8_t severity; /* enum severity */
	uint8_t side;     /* SIDE_INITIATOR, SIDE_RESPONDER or SIDE_NONE */
	int64_t ts_ns;
	uint64_t packet; /* number in its file; 0 where no one packet shows it */
	uint32_t file;
	uint64_t count;   /* times it happened that this record stands for; >= 1 */
	char detail[200]; /* one plain sentence with the numbers */
};

/* What is documented of a code; see docs/findings.md for the long form. */
struct finding_kind {
	const char *code; /* "fin-not-consumed" */
	enum severity severity;
	const char *title;  /* what it means, a plain phrase */
	const char *advice; /* what to do about it, a plain sentence */
	const char *basis;  /* "RFC 9293, 3.10.7.4" */
};

const struct finding_kind *finding_kind(enum finding_code code);
/* By its name; FINDING_CODES where there is none such. */
enum finding_code finding_code_of(const char *name);
const char *severity_name(enum severity severity);

#endif
