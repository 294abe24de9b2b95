/* Columns of a verdict as text, one table row a column. */
#include "tests/ladder_columns.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum column_kind {
	COLUMN_ADDRESS,
	COLUMN_PORT,
	COLUMN_VLAN,
	COLUMN_BOOL,
	COLUMN_U32,
	COLUMN_U64,
	COLUMN_TIME,
	COLUMN_DURATION,
	COLUMN_FIN_SEQ,
	COLUMN_FIN_PAYLOAD,
	COLUMN_FIN_COUNT,
	COLUMN_FIN_TIME,
	COLUMN_FIN_ACKED,
	COLUMN_TEXT,
	COLUMN_SIDE,
	COLUMN_SIDE_OR_NULL,
	COLUMN_TEARDOWN,
	COLUMN_END_REASON,
	COLUMN_FIN_CHECK,
	COLUMN_TIME_WAIT_CHECK,
	COLUMN_REUSE_BY,
	COLUMN_REUSE_RULE,
	COLUMN_REUSE_ANSWER,
	COLUMN_RST_STAGE,
	COLUMN_RST_CAUSE,
	COLUMN_CONN_STATE,
};

struct column {
	const char *name;
	enum column_kind kind;
	size_t offset; /* in struct verdict; of a direction's columns the direction's */
};

#define DIR(side)           (offsetof(struct verdict, dir) + (side) * sizeof(struct verdict_direction))
#define IN_DIR(side, field) (DIR(side) + offsetof(struct verdict_direction, field))
#define FIELD(name, kind)                                   \
	{                                                   \
#name, kind, offsetof(struct verdict, name) \
	}
#define BOTH(name, kind, offset)                                \
	{name "_initiator", kind, offset(SIDE_INITIATOR)},      \
	{                                                       \
		name "_responder", kind, offset(SIDE_RESPONDER) \
	}
#define COUNT(name, field)                                                   \
	{name "_initiator", COLUMN_U64, IN_DIR(SIDE_INITIATOR, field)},      \
	{                                                                    \
		name "_responder", COLUMN_U64, IN_DIR(SIDE_RESPONDER, field) \
	}

static const struct column columns[] = {
	{"initiator_ip", COLUMN_ADDRESS, DIR(SIDE_INITIATOR)},
	{"initiator_port", COLUMN_PORT, DIR(SIDE_INITIATOR)},
	{"responder_ip", COLUMN_ADDRESS, DIR(SIDE_RESPONDER)},
	{"responder_port", COLUMN_PORT, DIR(SIDE_RESPONDER)},
	{"vlan", COLUMN_VLAN, 0},
	FIELD(midstream, COLUMN_BOOL),
	FIELD(first_ns, COLUMN_TIME),
	FIELD(last_ns, COLUMN_TIME),
	COUNT("packets", packets),
	FIELD(duplicates, COLUMN_U64),
	COUNT("bytes", bytes),
	COUNT("retransmitted", retransmitted),
	COUNT("missing", missing),
	FIELD(teardown, COLUMN_TEARDOWN),
	FIELD(complete, COLUMN_BOOL),
	FIELD(closer, COLUMN_SIDE),
	FIELD(end_reason, COLUMN_END_REASON),
	FIELD(half_close_bytes, COLUMN_U64),
	BOTH("fin_check", COLUMN_FIN_CHECK, DIR),
	BOTH("fin_seq", COLUMN_FIN_SEQ, DIR),
	BOTH("fin_payload", COLUMN_FIN_PAYLOAD, DIR),
	BOTH("fin_retransmissions", COLUMN_FIN_COUNT, DIR),
	BOTH("fin_acked_after_ns", COLUMN_FIN_ACKED, DIR),
	FIELD(time_wait_holder, COLUMN_SIDE),
	FIELD(time_wait_check, COLUMN_TIME_WAIT_CHECK),
	FIELD(time_wait_entry_ns, COLUMN_TIME),
	FIELD(time_wait_observed_ns, COLUMN_DURATION),
	FIELD(time_wait_restarts, COLUMN_U32),
	FIELD(reuse_delay_ns, COLUMN_DURATION),
	FIELD(reuse_by, COLUMN_REUSE_BY),
	FIELD(reuse_rule, COLUMN_REUSE_RULE),
	FIELD(reuse_answer, COLUMN_REUSE_ANSWER),
	FIELD(close_wait_ns, COLUMN_DURATION),
	FIELD(fin_wait_1_ns, COLUMN_DURATION),
	FIELD(fin_wait_2_ns, COLUMN_DURATION),
	FIELD(last_ack_ns, COLUMN_DURATION),
	FIELD(rst_by, COLUMN_SIDE_OR_NULL),
	FIELD(rst_stage, COLUMN_RST_STAGE),
	FIELD(rst_cause, COLUMN_RST_CAUSE),
	FIELD(rst_silence_ns, COLUMN_DURATION),
	FIELD(rst_injected, COLUMN_BOOL),
	FIELD(rst_in_window, COLUMN_U64),
	FIELD(rst_out_of_window, COLUMN_U64),
	FIELD(conn_state, COLUMN_CONN_STATE),
	FIELD(history, COLUMN_TEXT),
	FIELD(handshake_rtt_ns, COLUMN_DURATION),
	BOTH("fin_ns", COLUMN_FIN_TIME, DIR),
	FIELD(rst_ns, COLUMN_TIME),
	FIELD(end_ns, COLUMN_TIME),
	FIELD(closing_ns, COLUMN_DURATION),
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static const struct column *column_of(const char *name)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i].name, name) == 0)
			return &columns[i];
	return NULL;
}

const char *case_column_name(size_t index)
{
	return index < COLUMNS ? columns[index].name : NULL;
}

void case_seconds_text(int64_t ns, char text[static CASE_TEXT_MAX])
{
	uint64_t size = ns < 0 ? (uint64_t)-ns : (uint64_t)ns;
	int length = snprintf(text, CASE_TEXT_MAX, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "",
			      size / 1000000000, size % 1000000000);

	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[--length] = '\0';
}

static void put_text(char *text, const char *value)
{
	snprintf(text, CASE_TEXT_MAX, "%s", value ? value : "NULL");
}

static void put_count(char *text, uint64_t value)
{
	snprintf(text, CASE_TEXT_MAX, "%" PRIu64, value);
}

static void put_time(char *text, int64_t ns, int64_t zero)
{
	if (ns == NONE_NS)
		put_text(text, NULL);
	else
		case_seconds_text(ns - zero, text);
}

/* The ISN the ladder gave the sender, by the numbering of the connection's first segment. */
uint32_t case_isn(const struct ladder_case *ladder, const struct verdict *verdict,
		  const struct verdict_direction *dir)
{
	uint64_t index = verdict->first_packet - 1;
	const struct case_connection *c = &ladder->connection[0];
	const struct case_end *end;

	if (index < ladder->step_count)
		c = &ladder->connection[ladder->steps[index].connection];
	end = &c->end[SIDE_RESPONDER];
	if (dir->port == end->port &&
	    memcmp(&dir->address, &end->address, sizeof(dir->address)) == 0)
		return end->isn;
	return c->end[SIDE_INITIATOR].isn;
}

static void put_vlan(char *text, const struct verdict *v)
{
	bool from_initiator = v->dir[SIDE_INITIATOR].seen;
	uint64_t tags = v->dir[from_initiator ? SIDE_INITIATOR : SIDE_RESPONDER].vlan_tags;

	if (tags == 0)
		put_text(text, NULL);
	else
		put_count(text, tags & 0xfff);
}

static void put_direction(const struct ladder_case *ladder, const struct verdict *v,
			  const struct column *column, char *text)
{
	const struct verdict_direction *dir =
		(const struct verdict_direction *)(const void *)((const char *)v + column->offset);
	bool fin = dir->fin_check != FIN_NONE;

	if (column->kind == COLUMN_ADDRESS)
		inet_ntop(v->ip_version == 4 ? AF_INET : AF_INET6, dir->address.bytes, text,
			  CASE_TEXT_MAX);
	else if (column->kind == COLUMN_PORT)
		put_count(text, dir->port);
	else if (column->kind == COLUMN_FIN_CHECK)
		put_text(text, fin_check_name(dir->fin_check));
	else if (column->kind == COLUMN_FIN_COUNT)
		put_count(text, fin ? dir->fin_retransmissions : 0);
	else if (!fin)
		put_text(text, NULL);
	else if (column->kind == COLUMN_FIN_SEQ)
		snprintf(text, CASE_TEXT_MAX, "%" PRId32,
			 (int32_t)(dir->fin_seq - case_isn(ladder, v, dir)));
	else if (column->kind == COLUMN_FIN_PAYLOAD)
		put_count(text, dir->fin_payload);
	else if (column->kind == COLUMN_FIN_TIME)
		put_time(text, dir->fin_ns, CASE_EPOCH_NS);
	else
		put_time(text, dir->fin_acked_after_ns, 0);
}

static const char *enum_text(const struct verdict *v, enum column_kind kind)
{
	switch (kind) {
	case COLUMN_TEARDOWN:
		return teardown_name(v->teardown);
	case COLUMN_END_REASON:
		return end_reason_name(v->end_reason);
	case COLUMN_TIME_WAIT_CHECK:
		return time_wait_check_name(v->time_wait_check);
	case COLUMN_REUSE_BY:
		return reuse_by_name(v->reuse_by);
	case COLUMN_REUSE_RULE:
		return reuse_rule_name(v->reuse_rule);
	case COLUMN_REUSE_ANSWER:
		return reuse_answer_name(v->reuse_answer);
	case COLUMN_RST_STAGE:
		return rst_stage_name(v->rst_stage);
	case COLUMN_RST_CAUSE:
		return rst_cause_name(v->rst_cause);
	case COLUMN_CONN_STATE:
		return conn_state_name(v->conn_state);
	default:
		return v->history;
	}
}

bool case_column(const struct ladder_case *ladder, const struct verdict *verdict, const char *name,
		 char text[static CASE_TEXT_MAX])
{
	const struct column *column = column_of(name);
	const char *at;
	enum side side;
	uint32_t u32;
	uint64_t u64;
	int64_t ns;

	if (!column)
		return false;
	at = (const char *)verdict + column->offset;
	switch (column->kind) {
	case COLUMN_VLAN:
		put_vlan(text, verdict);
		break;
	case COLUMN_BOOL:
		put_count(text, *(const bool *)at);
		break;
	case COLUMN_U32:
		memcpy(&u32, at, sizeof(u32));
		put_count(text, u32);
		break;
	case COLUMN_U64:
		memcpy(&u64, at, sizeof(u64));
		put_count(text, u64);
		break;
	case COLUMN_TIME:
	case COLUMN_DURATION:
		memcpy(&ns, at, sizeof(ns));
		put_time(text, ns, column->kind == COLUMN_TIME ? CASE_EPOCH_NS : 0);
		break;
	case COLUMN_SIDE:
	case COLUMN_SIDE_OR_NULL:
		memcpy(&side, at, sizeof(side));
		put_text(text, column->kind == COLUMN_SIDE_OR_NULL && side == SIDE_NONE
				       ? NULL
				       : side_name(side));
		break;
	case COLUMN_ADDRESS:
	case COLUMN_PORT:
	case COLUMN_FIN_CHECK:
	case COLUMN_FIN_SEQ:
	case COLUMN_FIN_PAYLOAD:
	case COLUMN_FIN_COUNT:
	case COLUMN_FIN_TIME:
	case COLUMN_FIN_ACKED:
		put_direction(ladder, verdict, column, text);
		break;
	default:
		put_text(text, enum_text(verdict, column->kind));
		break;
	}
	return true;
}

void case_column_normalise(const char *name, char text[static CASE_TEXT_MAX])
{
	size_t length = strlen(name);
	int64_t ns;

	if ((strstr(name, "_ns_") || (length > 3 && strcmp(name + length - 3, "_ns") == 0)) &&
	    case_seconds(text, &ns))
		case_seconds_text(ns, text);
}

void case_states(const struct verdict *verdict, enum side side, bool bare,
		 char text[static CASE_TEXT_MAX])
{
	size_t used = 0;

	put_text(text, "none");
	for (size_t i = 0; i < verdict->timeline_count; i++) {
		const struct state_entry *entry = &verdict->timeline[i];
		char at[CASE_TEXT_MAX], dwell[CASE_TEXT_MAX];
		int n;

		if (entry->side != side)
			continue;
		case_seconds_text(entry->entry_ns - CASE_EPOCH_NS, at);
		put_time(dwell, entry->dwell_ns, 0);
		n = snprintf(text + used, CASE_TEXT_MAX - used, "%s%s %s%s%s", used > 0 ? " " : "",
			     endpoint_state_name(entry->state), at, bare ? "" : " for ",
			     bare ? "" : dwell);
		if (n < 0 || (size_t)n >= CASE_TEXT_MAX - used)
			return;
		used += (size_t)n;
	}
}
