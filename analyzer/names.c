/* The stable names of the enumerations, as the contract spells them. */
#include "analyzer/verdict.h"

/* NULL in the table is meant: an absent fact has no name. */
static const char *name_in(const char *const *names, size_t count, size_t value)
{
	return value < count ? names[value] : "?";
}

const char *teardown_name(enum teardown value)
{
	static const char *const names[TEARDOWNS] = {
		[TEARDOWN_STRAY] = "stray",
		[TEARDOWN_REFUSED] = "refused",
		[TEARDOWN_UNANSWERED] = "unanswered",
		[TEARDOWN_HANDSHAKE_ABORTED] = "handshake_aborted",
		[TEARDOWN_HANDSHAKE_INCOMPLETE] = "handshake_incomplete",
		[TEARDOWN_RST_ABORT] = "rst_abort",
		[TEARDOWN_RST_AFTER_FIN] = "rst_after_fin",
		[TEARDOWN_FOUR_WAY] = "four_way",
		[TEARDOWN_THREE_SEGMENT] = "three_segment",
		[TEARDOWN_SIMULTANEOUS] = "simultaneous",
		[TEARDOWN_HALF_CLOSED] = "half_closed",
		[TEARDOWN_FIN_UNANSWERED] = "fin_unanswered",
		[TEARDOWN_OPEN] = "open",
	};

	return name_in(names, TEARDOWNS, value);
}

const char *end_reason_name(enum end_reason value)
{
	static const char *const names[END_REASONS] = {
		[END_CLOSED] = "closed",         [END_RESET] = "reset",
		[END_SUPERSEDED] = "superseded", [END_IDLE_TIMEOUT] = "idle_timeout",
		[END_EVICTED] = "evicted",       [END_CAPTURE_END] = "capture_end",
	};

	return name_in(names, END_REASONS, value);
}

const char *fin_check_name(enum fin_check value)
{
	static const char *const names[FIN_CHECKS] = {
		[FIN_NONE] = "none",
		[FIN_OK] = "ok",
		[FIN_VIOLATED] = "violated",
		[FIN_UNVERIFIED] = "unverified",
	};

	return name_in(names, FIN_CHECKS, value);
}

const char *time_wait_check_name(enum time_wait_check value)
{
	static const char *const names[TIME_WAIT_CHECKS] = {
		[TIME_WAIT_NOT_APPLICABLE] = "not_applicable",
		[TIME_WAIT_HELD] = "held",
		[TIME_WAIT_UNVERIFIED] = "unverified",
		[TIME_WAIT_REUSED_OK] = "reused_ok",
		[TIME_WAIT_ASSASSINATED] = "assassinated",
		[TIME_WAIT_REUSED_EARLY] = "reused_early",
		[TIME_WAIT_CUT_SHORT] = "cut_short",
	};

	return name_in(names, TIME_WAIT_CHECKS, value);
}

const char *reuse_by_name(enum reuse_by value)
{
	static const char *const names[REUSE_BYS] = {
		[REUSE_BY_HOLDER] = "holder",
		[REUSE_BY_PEER] = "peer",
	};

	return name_in(names, REUSE_BYS, value);
}

const char *reuse_rule_name(enum reuse_rule value)
{
	static const char *const names[REUSE_RULES] = {
		[REUSE_RULE_NONE] = "none",
		[REUSE_RULE_TIMESTAMP_NEWER] = "timestamp_newer",
		[REUSE_RULE_TIMESTAMP_EQUAL_ISN_GREATER] = "timestamp_equal_isn_greater",
		[REUSE_RULE_ISN_GREATER] = "isn_greater",
		[REUSE_RULE_TIMESTAMPS_ADDED] = "timestamps_added",
	};

	return name_in(names, REUSE_RULES, value);
}

const char *reuse_answer_name(enum reuse_answer value)
{
	static const char *const names[REUSE_ANSWERS] = {
		[REUSE_ANSWER_SYN_ACK] = "syn_ack", [REUSE_ANSWER_ACK] = "ack",
		[REUSE_ANSWER_RST] = "rst",         [REUSE_ANSWER_SYN] = "syn",
		[REUSE_ANSWER_NONE] = "none",
	};

	return name_in(names, REUSE_ANSWERS, value);
}

const char *rst_stage_name(enum rst_stage value)
{
	static const char *const names[RST_STAGES] = {
		[RST_STAGE_SYN] = "syn",
		[RST_STAGE_ESTABLISHED_NO_DATA] = "established_no_data",
		[RST_STAGE_AFTER_FIRST_DATA] = "after_first_data",
		[RST_STAGE_ESTABLISHED] = "established",
		[RST_STAGE_FIN_WAIT_1] = "fin_wait_1",
		[RST_STAGE_FIN_WAIT_2] = "fin_wait_2",
		[RST_STAGE_CLOSE_WAIT] = "close_wait",
		[RST_STAGE_CLOSING] = "closing",
		[RST_STAGE_LAST_ACK] = "last_ack",
	};

	return name_in(names, RST_STAGES, value);
}

const char *rst_cause_name(enum rst_cause value)
{
	static const char *const names[RST_CAUSES] = {
		[RST_CAUSE_PORT_CLOSED] = "port_closed",
		[RST_CAUSE_HALF_OPEN] = "half_open",
		[RST_CAUSE_DATA_AFTER_CLOSE] = "data_after_close",
		[RST_CAUSE_NO_SUCH_CONNECTION] = "no_such_connection",
		[RST_CAUSE_RETRANSMISSION_FAILURE] = "retransmission_failure",
		[RST_CAUSE_KEEPALIVE_FAILURE] = "keepalive_failure",
		[RST_CAUSE_IDLE_TIMEOUT] = "idle_timeout",
		[RST_CAUSE_UNREAD_DATA] = "unread_data",
		[RST_CAUSE_APPLICATION_ABORT] = "application_abort",
	};

	return name_in(names, RST_CAUSES, value);
}

const char *rst_form_name(enum rst_form value)
{
	static const char *const names[RST_FORMS] = {
		[RST_FORM_RST] = "rst",
		[RST_FORM_RST_ACK] = "rst_ack",
		[RST_FORM_SEVERAL] = "several",
	};

	return name_in(names, RST_FORMS, value);
}

const char *conn_state_name(enum conn_state value)
{
	static const char *const names[CONN_STATES] = {
		[ZEEK_OTH] = "OTH",       [ZEEK_S0] = "S0",       [ZEEK_S1] = "S1",
		[ZEEK_SF] = "SF",         [ZEEK_REJ] = "REJ",     [ZEEK_S2] = "S2",
		[ZEEK_S3] = "S3",         [ZEEK_RSTO] = "RSTO",   [ZEEK_RSTR] = "RSTR",
		[ZEEK_RSTOS0] = "RSTOS0", [ZEEK_RSTRH] = "RSTRH", [ZEEK_SH] = "SH",
		[ZEEK_SHR] = "SHR",
	};

	return name_in(names, CONN_STATES, value);
}

const char *endpoint_state_name(enum endpoint_state value)
{
	static const char *const names[ENDPOINT_STATES] = {
		[STATE_ESTABLISHED] = "ESTABLISHED", [STATE_FIN_WAIT_1] = "FIN_WAIT_1",
		[STATE_FIN_WAIT_2] = "FIN_WAIT_2",   [STATE_CLOSING] = "CLOSING",
		[STATE_TIME_WAIT] = "TIME_WAIT",     [STATE_CLOSE_WAIT] = "CLOSE_WAIT",
		[STATE_LAST_ACK] = "LAST_ACK",       [STATE_CLOSED] = "CLOSED",
	};

	return name_in(names, ENDPOINT_STATES, value);
}

const char *side_name(enum side value)
{
	static const char *const names[] = {
		[SIDE_INITIATOR] = "initiator",
		[SIDE_RESPONDER] = "responder",
		[SIDE_BOTH] = "both",
		[SIDE_NONE] = "none",
	};

	return name_in(names, sizeof(names) / sizeof(names[0]), value);
}
