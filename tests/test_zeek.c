/* Zeek's conn_state: known traces, final states, sizes, what each segment does to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/zeek_scene.h"

/* ---- what Zeek says of its own regression traces ---- */

/* Flips and gaps left out; the segments are those that the histories tell. */
static const struct trace known[] = {
	/* single-rst, syn-then-rst, syn-then-ack-then-rst, syn-then-stuff-then-rst */
	{"> R 1", "R", ZEEK_OTH},
	{"> S 0, > R 1", "SR", ZEEK_RSTOS0},
	{"> S 0, < A 5 a1, > R 1", "SaR", ZEEK_RSTOS0},
	{"> S 0, < A 5 a1, > FA 1 a5, > R 2", "SaFR", ZEEK_OTH},
	/* psql-aws-ssl-require: resets of both after FINs of both */
	{HANDSHAKE "> A 1 a1 +8, < A 1 a9, < A 1 a9 +1, < A 1 a9 +1, > FA 9 a2, > R 10,"
		   "< FA 2 a10, < R 3",
	 "ShADadtFRfr", ZEEK_SF},
	/* irc-starttls, imap-starttls */
	{HANDSHAKE "> A 1 a1 +8, < A 1 a9, < A 1 a9 +5, > FA 9 a6, > R 10, < FA 6 a10", "ShADadFRf",
	 ZEEK_SF},
	{HANDSHAKE "> A 1 a1 +8, < A 1 a9, < A 1 a9 +5, < FA 6 a9, > FA 9 a7, < R 7", "ShADadfFr",
	 ZEEK_SF},
	/* missing SYN */
	{"< SA 0 a1, > A 1 a1, > A 1 a1 +98, < A 1 a99 +500, > FA 99 a501, < A 501 a100,"
	 "< FA 501 a100",
	 "hADdFaf", ZEEK_SF},
	/* wikipedia: midstream, unfinished, a lone SYN|ACK */
	{"> A 1 a1 +463, < A 1 a464 +350, > A 464 a351", "DdA", ZEEK_OTH},
	{HANDSHAKE "> A 1 a1 +534, < A 1 a535, < A 1 a535 +412", "ShADad", ZEEK_S1},
	{"< SA 0 a1", "h", ZEEK_OTH},
	/* ssh, one direction only, the row split at the attempt's timeout */
	{"> S 0, > A 1 a1, > A 1 a1 +20", "SAD", ZEEK_S0},
	{"> A 21 a9 +30, > A 51 a9, > FA 51 a9", "DAF", ZEEK_SH},
	/* modbus on a closing port, and its late row */
	{"> S 0, < SA 0 a1, > R 1", "ShR", ZEEK_RSTO},
	{"> A 1 a1 +12, < R 1", "Dr", ZEEK_RSTRH},
	/* a refused pop3 */
	{"> S 0, < RA 0 a1", "Sr", ZEEK_REJ},
	{"< R 1", "r", ZEEK_RSTRH},
	/* retransmit-fast009, its gaps left out */
	{HANDSHAKE "> A 1 a1 +474, < A 1 a475, < A 1 a475 +500, < A 1 a475 +500, > RA 475 a501",
	 "ShADadtR", ZEEK_RSTO},
	/* a server that gives up after the login */
	{"> S 0, < SA 0 a1, > A 1 a1, > A 1 a1 +97, > A 1 a1 +97, < A 1 a98 +19, < A 1 a98 +19,"
	 "< R 20",
	 "ShADTdtr", ZEEK_RSTR},
};

static void known_traces_give_zeeks_words(void **state)
{
	(void)state;
	CHECK(known);
}

/* The same connections with every number about to wrap. */
static void known_traces_do_not_depend_on_the_numbers(void **state)
{
	(void)state;
	CHECK_AT(known, scene_at(UINT32_MAX - 4, UINT32_MAX - 3));
	CHECK_AT(known, scene_at(0x7ffffffc, 0x7ffffffe));
	CHECK_AT(known, scene_at(UINT32_MAX, 0));
}

/* ---- conn_state over the final states ---- */

/* Rows: the initiator's state, columns: the responder's; both sent data. */
static const uint8_t final_states[ZEEK_STATES][ZEEK_STATES] = {
#define ROW(state, inactive, syn_sent, syn_ack_sent, partial, established, closed, reset) \
	[ZEEK_##state] = {                                                                \
		ZEEK_##inactive,    ZEEK_##syn_sent, ZEEK_##syn_ack_sent, ZEEK_##partial, \
		ZEEK_##established, ZEEK_##closed,   ZEEK_##reset}
	ROW(INACTIVE, OTH, OTH, OTH, OTH, OTH, SHR, RSTRH),
	ROW(SYN_SENT, S0, OTH, OTH, OTH, OTH, S3, REJ),
	ROW(SYN_ACK_SENT, OTH, OTH, OTH, OTH, OTH, S3, REJ),
	ROW(PARTIAL, OTH, OTH, OTH, OTH, OTH, SHR, RSTRH),
	ROW(ESTABLISHED, OTH, OTH, OTH, OTH, S1, S3, RSTR),
	ROW(CLOSED, SH, S2, S2, SH, S2, SF, RSTR),
	ROW(RESET, OTH, RSTO, RSTO, OTH, RSTO, RSTO, RSTR),
#undef ROW
};

static struct zeek zeek_in(unsigned initiator, unsigned responder, const char *history)
{
	struct zeek z = {0};

	for (int side = 0; side < SIDES; side++) {
		z.end[side].start = 1000;
		z.end[side].last = 1500;
	}
	z.end[SIDE_INITIATOR].state = initiator & 7;
	z.end[SIDE_RESPONDER].state = responder & 7;
	assert_true(strlen(history) <= ZEEK_HISTORY_MAX);
	memcpy(z.history, history, strlen(history) + 1);
	return z;
}

static void every_pair_of_final_states(void **state)
{
	(void)state;
	for (unsigned o = 0; o < ZEEK_STATES; o++)
		for (unsigned r = 0; r < ZEEK_STATES; r++) {
			struct zeek z = zeek_in(o, r, "Dd");

			if (zeek_conn_state(&z) != final_states[o][r])
				fail_msg("%u, %u: %s instead of %s", o, r,
					 conn_state_name(zeek_conn_state(&z)),
					 conn_state_name(final_states[o][r]));
		}
}

static void history_tells_a_syn_scan(void **state)
{
	static const struct {
		const char *history;
		enum conn_state state;
	} cases[] = {
		{"SR", ZEEK_RSTOS0},  {"SaR", ZEEK_RSTOS0}, {"SDTR", ZEEK_RSTOS0},
		{"SWR", ZEEK_RSTOS0}, {"SRA", ZEEK_RSTOS0}, {"SAR", ZEEK_OTH},
		{"SFR", ZEEK_OTH},    {"SQR", ZEEK_OTH},    {"SI", ZEEK_OTH},
		{"HR", ZEEK_OTH},     {"R", ZEEK_OTH},      {"RS", ZEEK_OTH},
		{"aSR", ZEEK_OTH},    {"Sr", ZEEK_OTH},     {"", ZEEK_OTH},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned r = 0; r < ZEEK_STATES; r++) {
			struct zeek z = zeek_in(ZEEK_RESET, r, cases[i].history);
			bool inactive = r == ZEEK_INACTIVE || r == ZEEK_PARTIAL;
			enum conn_state expected = inactive          ? cases[i].state
						   : r == ZEEK_RESET ? ZEEK_RSTR
								     : ZEEK_RSTO;

			assert_int_equal(zeek_conn_state(&z), expected);
		}
}

/* ---- sizes: both sides reset, nothing sent ---- */

static const struct trace sizes[] = {
	{"> S 0, < SA 0 a1, > R 1, < R 1", "ShRr", ZEEK_REJ},
	{HANDSHAKE "> R 1, < R 1", "ShARr", ZEEK_REJ},
	{HANDSHAKE "> A 1 a1 +1, > R 2, < R 1", "ShADRr", ZEEK_RSTR},
	{HANDSHAKE "< A 1 a1 +1, > R 1, < R 2", "ShAdRr", ZEEK_RSTR},
	/* never captured, but acknowledged */
	{HANDSHAKE "< A 1 a2, > R 1, < R 1", "ShAaRr", ZEEK_RSTR},
	{HANDSHAKE "< A 1 a500, > R 1, < R 1", "ShAaRr", ZEEK_RSTR},
	/* a RST's ACK is not believed, its number is */
	{HANDSHAKE "> R 1, < RA 1 a500", "ShARr", ZEEK_REJ},
	{HANDSHAKE "> R 500, < R 1", "ShARr", ZEEK_RSTR},
	/* unless it jumps by more than 1 MiB; payload of a RST counts never */
	{HANDSHAKE "> R 1048577, < R 1", "ShARr", ZEEK_RSTR},
	{HANDSHAKE "> R 1048578, < R 1", "ShARr", ZEEK_REJ},
	{HANDSHAKE "> RA 1 a1 +30, < R 1", "ShARTr", ZEEK_REJ},
	/* a FIN takes one number */
	{HANDSHAKE "> FA 1 a1, > R 2, < R 1", "ShAFRr", ZEEK_REJ},
	{HANDSHAKE "> FA 1 a1 +1, > R 3, < R 1", "ShAFRr", ZEEK_RSTR},
	{HANDSHAKE "> FA 1 a1, < A 1 a2, > R 2, < R 1", "ShAFaRr", ZEEK_REJ},
	/* a SYN|ACK corrects the numbers that a forged reset began with */
	{"> S 0, < R -900000, < SA 0 a1, > A 1 a1, > R 1", "SrhAR", ZEEK_REJ},
	/* payload in the SYN is payload */
	{"> S 0 +20, < SA 0 a1, > R 1, < R 1", "SThRr", ZEEK_RSTR},
	/* a SYN again begins the count anew */
	{HANDSHAKE "> A 1 a1 +9, > S 0, > R 1, < R 1", "ShADRr", ZEEK_REJ},
	/* from one below the first segment without a SYN */
	{"> RA 50 a9, < R 9", "Rr", ZEEK_REJ},
	{"> A 50 a9 +1, > R 51, < R 9", "DRr", ZEEK_RSTR},
};

static void rejected_means_nothing_was_sent(void **state)
{
	(void)state;
	CHECK(sizes);
	CHECK_AT(sizes, scene_at(UINT32_MAX - 2, 0x7fffffff));
}

static void ack_of_zero_is_not_believed_far_off(void **state)
{
	struct scene far = scene_at((uint32_t)0 - 1048577, 5000);
	struct scene near = scene_at((uint32_t)0 - 1048576, 5000);

	(void)state;
	play(&far, "> S 0, < SA 0 a1, < A 1 a1048577, > R 1, < R 1");
	expect(&far, "ShaRr", ZEEK_RSTR);
	far = scene_at((uint32_t)0 - 1048578, 5000);
	play(&far, "> S 0, < SA 0 a1, < A 1 a1048578, > R 1, < R 1");
	expect(&far, "ShaRr", ZEEK_REJ);
	play(&near, "> S 0, < SA 0 a1, < A 1 a1048576, > R 1, < R 1");
	expect(&near, "ShaRr", ZEEK_RSTR);
}

/* ---- states ---- */

static const struct trace states[] = {
	{"", "", ZEEK_OTH},
	{"> S 0", "S", ZEEK_S0},
	/* a SYN|ACK establishes both at once, no ACK needed */
	{"> S 0, < SA 0 a1", "Sh", ZEEK_S1},
	{"> S 0, < S 0", "Ss", ZEEK_S1},
	{"> SA 0 a1, < RA 1 a1", "Hr", ZEEK_REJ},
	/* SYN|ACK captured before the SYN */
	{"< SA 0 a1, > S 0, > A 1 a1", "hSA", ZEEK_S1},
	/* without the SYN, its ACK will do */
	{"< SA 0 a1, > A 1 a1", "hA", ZEEK_S1},
	{"< SA 0 a1, > - 1 +5", "hD", ZEEK_OTH},
	/* a bare ACK does not wake the responder, payload does */
	{"> S 0, < A 5 a1", "Sa", ZEEK_S0},
	{"> S 0, < A 5 a1 +3", "Sd", ZEEK_OTH},
	{"> S 0, < A 5 a1, < SA 0 a1", "Sah", ZEEK_S1},
	/* SYN after its first data */
	{"> - 1 +4, > S 0", "DS", ZEEK_S0},
	{"> A 1 a1 +4, < A 1 a5, > S 0", "DaS", ZEEK_OTH},
	{"> A 1 a1 +4, < A 1 a5, > S 0, < R 1", "DaSr", ZEEK_RSTRH},
	{"> A 1 a1, > SA 0 a1", "AH", ZEEK_OTH},
	/* FIN */
	{HANDSHAKE "> FA 1 a1", "ShAF", ZEEK_S2},
	{HANDSHAKE "< FA 1 a1", "ShAf", ZEEK_S3},
	{HANDSHAKE "> FA 1 a1, < FA 1 a1", "ShAFf", ZEEK_SF},
	{"> S 0, > F 1", "SF", ZEEK_SH},
	{"< SA 0 a1, < FA 1 a1", "hf", ZEEK_SHR},
	{"> S 0, < FA 0 a1", "Sf", ZEEK_S3},
	{"> A 1 a1, > FA 1 a1, < A 1 a2", "AFa", ZEEK_SH},
	{"> A 1 a1, < A 1 a1 +5, < FA 6 a1", "Adf", ZEEK_SHR},
	{"> A 1 a1, < FA 1 a1, > FA 1 a2", "AfF", ZEEK_SF},
	/* RST: the responder's goes first, whoever was first */
	{HANDSHAKE "> A 1 a1 +5, > R 6", "ShADR", ZEEK_RSTO},
	{HANDSHAKE "> A 1 a1 +5, > R 6, < R 1", "ShADRr", ZEEK_RSTR},
	{HANDSHAKE "> A 1 a1 +5, < R 1, > R 6", "ShADrR", ZEEK_RSTR},
	{"> S 0, < A 5 a9, > R 9", "SaR", ZEEK_RSTOS0},
	{"< SA 0 a1, > R 1", "hR", ZEEK_RSTO},
	{"< SA 0 a1, < R 1", "hr", ZEEK_RSTRH},
	{"> A 1 a1, > R 1", "AR", ZEEK_OTH},
	{"> A 1 a1, < R 1", "Ar", ZEEK_RSTRH},
	/* RST after FIN: taken back by the peer's FIN, and nothing after both FINs */
	{HANDSHAKE "> FA 1 a1, > R 2", "ShAFR", ZEEK_RSTO},
	{HANDSHAKE "> FA 1 a1, > R 2, < FA 1 a2", "ShAFRf", ZEEK_SF},
	{HANDSHAKE "< FA 1 a1, < R 2, > FA 1 a2", "ShAfrF", ZEEK_SF},
	{HANDSHAKE "> FA 1 a1, < FA 1 a2, > R 2, < R 2", "ShAFfRr", ZEEK_SF},
	{HANDSHAKE "> FA 1 a1, < R 1", "ShAFr", ZEEK_RSTR},
	/* RST without FIN before it is final */
	{HANDSHAKE "> R 1, < FA 1 a1", "ShARf", ZEEK_RSTO},
	{HANDSHAKE "< R 1, > FA 1 a1", "ShArF", ZEEK_RSTR},
	{HANDSHAKE "> R 1, > FA 1 a1, < FA 1 a1", "ShARFf", ZEEK_RSTO},
	/* nothing is checked: a RST from nowhere counts */
	{HANDSHAKE "> A 1 a1 +5, < R 900000", "ShADr", ZEEK_RSTR},
	/* more than one flag */
	{HANDSHAKE "> A 1 a1 +5, > FR 6", "ShADI", ZEEK_RSTO},
	{HANDSHAKE "> FRA 1 a1, < FA 1 a1", "ShAIf", ZEEK_RSTO},
	{"> S 0, > FR 1, > A 1 a1", "SIA", ZEEK_OTH},
	{"> SF 0, < SA 0 a2", "Qh", ZEEK_S2},
	{"> S 0, < SFA 0 a1, > FA 1 a2", "SqF", ZEEK_SF},
	{"> SR 0", "Q", ZEEK_OTH},
	{HANDSHAKE "> SR 5000", "ShAQ", ZEEK_RSTO},
	{"> S 0, < SRA 0 a1", "Sq", ZEEK_RSTR},
	{"> FR 0, < FA 0 a1", "If", ZEEK_RSTO},
	/* flags of no interest */
	{HANDSHAKE "> - 1, < - 1", "ShA", ZEEK_S1},
};

static void segments_move_the_states(void **state)
{
	(void)state;
	CHECK(states);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_traces_give_zeeks_words),
		cmocka_unit_test(known_traces_do_not_depend_on_the_numbers),
		cmocka_unit_test(every_pair_of_final_states),
		cmocka_unit_test(history_tells_a_syn_scan),
		cmocka_unit_test(rejected_means_nothing_was_sent),
		cmocka_unit_test(ack_of_zero_is_not_believed_far_off),
		cmocka_unit_test(segments_move_the_states),
	};

	return cmocka_run_group_tests_name("zeek", tests, NULL, NULL);
}
