/* Which connection shows what: a table to hold against docs/diagnoses.md. */
#include "report/diagnosis_private.h"

#define NS_PER_S  INT64_C(1000000000)
#define IDLE_NS   (5 * NS_PER_S) /* from here on a silence may be a timer's */
#define RACE_NS   (1 * NS_PER_S) /* the shortest keep-alive timeout in use */
#define SILENT_NS (300 * NS_PER_S)
#define GONE_NS   (60 * NS_PER_S) /* silence that counts as an end in the table of aborts */
#define ANSWER_NS (3 * NS_PER_S)  /* the initial timeout of RFC 1122, 4.2.3.1 */

#define T(name)     (1u << TEARDOWN_##name)
#define STAGE(name) (1u << RST_STAGE_##name)
#define CAUSE(name) (1u << RST_CAUSE_##name)
#define F(name)     (1u << FINDING_##name)
#define I           (1u << SIDE_INITIATOR)
#define R           (1u << SIDE_RESPONDER)

#define RESET (T(RST_ABORT) | T(RST_AFTER_FIN))
#define FIN_VIOLATIONS                                                          \
	(F(FIN_NOT_CONSUMED) | F(FIN_OVER_ACKED) | F(FIN_SENDER_NOT_ADVANCED) | \
	 F(DATA_AFTER_FIN) | F(FIN_MOVED) | F(FIN_BELOW_DATA))

/* The server had answered before, and its FIN came out of a silence. */
static bool is_race(const struct facts *f)
{
	return f->answered && f->fin_silence_ns >= RACE_NS;
}

/* Where one end was not captured, its packets are no silence. */
static bool is_idle(const struct facts *f)
{
	return f->both_captured && f->rst_silence_ns >= IDLE_NS;
}

static bool is_resumed(const struct facts *f)
{
	return f->rst_idle_ns >= IDLE_NS && f->rst_silence_ns < IDLE_NS;
}

/* What failed at one port alone; a scanner's attempts are told once. */
static bool is_no_scanner(const struct facts *f)
{
	return !f->scanner;
}

static bool is_scanner(const struct facts *f)
{
	return f->scanner;
}

/* From then to the end of the recording. */
static int64_t watched_since(const struct facts *f, int64_t ts_ns)
{
	int64_t watched;

	if (f->watched_until_ns == NONE_NS)
		return 0;
	if (__builtin_sub_overflow(f->watched_until_ns, ts_ns, &watched))
		return INT64_MAX; /* captures may hold times centuries apart */
	return watched;
}

/* From its last segment on. */
static int64_t silent_at_end(const struct facts *f)
{
	return watched_since(f, f->last_ns);
}

/* The capture did not merely end before the answer: SYNs sent again wait since the first. */
static bool had_time_to_answer(const struct facts *f)
{
	return is_no_scanner(f) && watched_since(f, f->first_ns) >= ANSWER_NS;
}

/* An aborted handshake is over, an unfinished one may go on behind the capture's end. */
static bool had_time_to_finish(const struct facts *f)
{
	return is_no_scanner(f) && (f->outcome->teardown != TEARDOWN_HANDSHAKE_INCOMPLETE ||
				    silent_at_end(f) >= ANSWER_NS);
}

static bool fell_silent(const struct facts *f)
{
	return silent_at_end(f) >= SILENT_NS;
}

static bool has_no_stuck_finding(const struct facts *f)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->finding[i].code == FINDING_CLOSE_WAIT_STUCK ||
		    f->finding[i].code == FINDING_FIN_WAIT_2_STUCK)
			return false;
	return true;
}

/* The end in CLOSE_WAIT, or the peer of the one in FIN_WAIT_2, is the responder. */
static bool responder_holds(const struct facts *f)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->finding[i].code == FINDING_CLOSE_WAIT_STUCK &&
		    f->finding[i].side == SIDE_RESPONDER)
			return true;
	return false;
}

static bool initiator_holds(const struct facts *f)
{
	for (size_t i = 0; i < f->finding_count; i++)
		if (f->finding[i].code == FINDING_FIN_WAIT_2_STUCK &&
		    f->finding[i].side == SIDE_RESPONDER)
			return true;
	return false;
}

static int64_t fin_silence(const struct facts *f)
{
	return f->fin_silence_ns;
}

static int64_t rst_silence(const struct facts *f)
{
	return f->rst_silence_ns;
}

static int64_t rst_idle(const struct facts *f)
{
	return f->rst_idle_ns;
}

/* Exclusive ones: the first that fits a connection. */
static const struct rule rules[] = {
	{.code = DIAGNOSIS_RESET_INJECTED,
	 .exclusive = true,
	 .who = WHO_FINDING,
	 .findings = F(RST_INJECTED),
	 .injected = true},
	{.code = DIAGNOSIS_KEEPALIVE_RACE,
	 .exclusive = true,
	 .who = WHO_RESPONDER,
	 .teardown = T(RST_AFTER_FIN),
	 .closer = R,
	 .rst_by = R,
	 .rst_cause = CAUSE(DATA_AFTER_CLOSE) | CAUSE(NO_SUCH_CONNECTION),
	 .also = is_race,
	 .silence = fin_silence},
	{.code = DIAGNOSIS_KEEPALIVE_FAILED,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = RESET,
	 .rst_cause = CAUSE(KEEPALIVE_FAILURE)},
	{.code = DIAGNOSIS_RETRANSMISSION_FAILED,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = RESET,
	 .rst_cause = CAUSE(RETRANSMISSION_FAILURE)},
	{.code = DIAGNOSIS_RESET_ON_IDLE,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = T(RST_ABORT),
	 .also = is_idle,
	 .silence = rst_silence},
	{.code = DIAGNOSIS_RESET_ON_RESUME,
	 .exclusive = true,
	 .who = WHO_RESPONDER,
	 .teardown = T(RST_ABORT),
	 .rst_cause = CAUSE(NO_SUCH_CONNECTION),
	 .also = is_resumed,
	 .silence = rst_idle},
	{.code = DIAGNOSIS_RESET_STATE_LOST,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = T(RST_ABORT),
	 .rst_cause = CAUSE(NO_SUCH_CONNECTION)},
	{.code = DIAGNOSIS_RESET_UNREAD_DATA,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = T(RST_ABORT),
	 .rst_cause = CAUSE(UNREAD_DATA)},
	{.code = DIAGNOSIS_RESET_AFTER_ACCEPT,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = T(RST_ABORT),
	 .rst_stage = STAGE(ESTABLISHED_NO_DATA)},
	{.code = DIAGNOSIS_RESET_IN_TRANSFER,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = T(RST_ABORT)},
	{.code = DIAGNOSIS_RESET_AFTER_CLOSE,
	 .exclusive = true,
	 .who = WHO_RST,
	 .teardown = T(RST_AFTER_FIN)},

	{.code = DIAGNOSIS_BLIND_RESET,
	 .who = WHO_FINDING,
	 .findings = F(RST_IN_WINDOW) | F(RST_OUT_OF_WINDOW)},
	{.code = DIAGNOSIS_CLOSE_WAIT_HELD,
	 .who = WHO_RESPONDER,
	 .findings = F(CLOSE_WAIT_STUCK),
	 .also = responder_holds},
	{.code = DIAGNOSIS_FIN_WAIT_2_HELD,
	 .who = WHO_RESPONDER,
	 .findings = F(FIN_WAIT_2_STUCK),
	 .also = initiator_holds},
	{.code = DIAGNOSIS_HALF_CLOSED,
	 .who = WHO_CLOSER,
	 .teardown = T(HALF_CLOSED),
	 .also = has_no_stuck_finding},
	{.code = DIAGNOSIS_FIN_UNANSWERED, .who = WHO_FINDING, .findings = F(FIN_UNANSWERED)},
	{.code = DIAGNOSIS_LAST_ACK_MISSING, .who = WHO_FINDING, .findings = F(LAST_ACK_MISSING)},
	{.code = DIAGNOSIS_FELL_SILENT,
	 .who = WHO_RESPONDER,
	 .teardown = T(OPEN),
	 .also = fell_silent},
	{.code = DIAGNOSIS_FIN_VIOLATED, .who = WHO_FINDING, .findings = FIN_VIOLATIONS},

	{.code = DIAGNOSIS_PORT_SCAN,
	 .who = WHO_INITIATOR,
	 .teardown = T(REFUSED) | T(UNANSWERED) | T(HANDSHAKE_ABORTED) | T(HANDSHAKE_INCOMPLETE),
	 .also = is_scanner},
	{.code = DIAGNOSIS_PORT_REFUSED,
	 .who = WHO_RESPONDER,
	 .teardown = T(REFUSED),
	 .also = is_no_scanner},
	{.code = DIAGNOSIS_PORT_UNANSWERED,
	 .who = WHO_RESPONDER,
	 .teardown = T(UNANSWERED),
	 .also = had_time_to_answer},
	{.code = DIAGNOSIS_HANDSHAKE_UNFINISHED,
	 .who = WHO_RESPONDER,
	 .teardown = T(HANDSHAKE_ABORTED) | T(HANDSHAKE_INCOMPLETE),
	 .also = had_time_to_finish},
	{.code = DIAGNOSIS_PATH_REFUSED,
	 .who = WHO_FINDING_PEER,
	 .findings = F(ICMP_UNREACHABLE) | F(ICMP_PROHIBITED)},

	{.code = DIAGNOSIS_REUSED_EARLY,
	 .who = WHO_RESPONDER,
	 .findings = F(TIME_WAIT_REUSED_EARLY)},
	{.code = DIAGNOSIS_TIME_WAIT_CUT_SHORT,
	 .who = WHO_FINDING,
	 .findings = F(TIME_WAIT_CUT_SHORT)},
	{.code = DIAGNOSIS_TIME_WAIT_ASSASSINATED,
	 .who = WHO_FINDING,
	 .findings = F(TIME_WAIT_ASSASSINATED)},
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };
_Static_assert(RULES <= 64, "an outcome has one bit for each rule");

const struct rule *diagnosis_rules(void)
{
	return rules;
}

uint64_t rules_of_finding(enum finding_code code)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < RULES; i++)
		if (!rules[i].injected && (rules[i].findings >> code & 1))
			bits |= UINT64_C(1) << i;
	return bits;
}

uint32_t rule_findings(enum diagnosis_code code)
{
	uint32_t findings = 0;

	for (size_t i = 0; i < RULES; i++)
		if (rules[i].code == code)
			findings |= rules[i].findings;
	return findings;
}

bool diagnosis_covers(enum finding_code code)
{
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].findings >> code & 1)
			return true;
	return false;
}

static bool fits(uint32_t wanted, unsigned value)
{
	return wanted == 0 || (wanted >> value & 1);
}

uint64_t rules_of_outcome(const struct outcome *o)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < RULES; i++) {
		const struct rule *r = &rules[i];
		bool by_outcome = !r->findings || r->injected;

		if (by_outcome && (!r->injected || o->injected) && fits(r->teardown, o->teardown) &&
		    fits(r->closer, o->closer) && fits(r->rst_by, o->rst_by) &&
		    fits(r->rst_stage, o->rst_stage) && fits(r->rst_cause, o->rst_cause))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

bool abort_of(const struct facts *f, enum abort_stage *stage, enum abort_by *by)
{
	static const uint8_t of_stage[RST_STAGES] = {
		[RST_STAGE_ESTABLISHED_NO_DATA] = ABORT_AFTER_ACK,
		[RST_STAGE_AFTER_FIRST_DATA] = ABORT_AFTER_FIRST_DATA,
		[RST_STAGE_ESTABLISHED] = ABORT_LATER,
	};
	static const uint8_t of_form[RST_FORMS] = {
		[RST_FORM_NULL] = ABORT_SILENCE,
		[RST_FORM_RST] = ABORT_RST,
		[RST_FORM_RST_ACK] = ABORT_RST_ACK,
		[RST_FORM_SEVERAL] = ABORT_SEVERAL,
	};
	const struct outcome *o = f->outcome;

	switch (o->teardown) {
	case TEARDOWN_REFUSED:
	case TEARDOWN_UNANSWERED:
	case TEARDOWN_HANDSHAKE_ABORTED:
	case TEARDOWN_HANDSHAKE_INCOMPLETE:
		*stage = ABORT_AFTER_SYN;
		break;
	case TEARDOWN_RST_ABORT:
		*stage = (enum abort_stage)of_stage[o->rst_stage];
		break;
	case TEARDOWN_OPEN:
		*stage = (enum abort_stage)of_stage[o->open_stage];
		break;
	default:
		return false;
	}
	*by = (enum abort_by)of_form[o->rst_form];
	return *by != ABORT_SILENCE || silent_at_end(f) >= GONE_NS;
}
