/* Zeek's history: which segment adds which letter, and when it adds none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/zeek_scene.h"

/* ---- letters ---- */

static const struct trace letters[] = {
	/* a FIN with payload is F alone, data with ACK is D alone */
	{HANDSHAKE "> FA 1 a1 +50", "ShAF", ZEEK_S2},
	{"> S 0, < SA 0 a1, > A 1 a1 +5", "ShD", ZEEK_S1},
	/* once per side: A, D, I, Q */
	{HANDSHAKE "< A 1 a1, > A 1 a1, < A 1 a1, > A 1 a1 +5, > A 6 a1 +5", "ShAaD", ZEEK_S1},
	{HANDSHAKE "> FR 1, > FR 2, < FR 1, < FR 2", "ShAIi", ZEEK_REJ},
	{"> SR 0, > SR 9, < SFA 4 a1, < SRA 5 a1", "Qq", ZEEK_REJ},
	/* again only at another number: F by its end, R by its beginning */
	{HANDSHAKE "> FA 1 a1, > FA 1 a1, > FA 1 a1", "ShAF", ZEEK_S2},
	{HANDSHAKE "> FA 1 a1 +4, > FA 5 a1", "ShAF", ZEEK_S2},
	{HANDSHAKE "> FA 1 a1 +4, > FA 6 a1", "ShAFF", ZEEK_S2},
	{HANDSHAKE "> FA 1 a1, > FA 2 a1, > FA 1 a1", "ShAFFF", ZEEK_S2},
	{HANDSHAKE "> R 1, > R 1, > R 2", "ShARR", ZEEK_RSTO},
	{HANDSHAKE "> R 1, > RA 1 a1 +9", "ShAR", ZEEK_RSTO},
	/* S and H share a number: a repeated SYN adds nothing, not even as SYN|ACK */
	{"> S 0, > S 0, < SA 0 a1, < SA 0 a1", "Sh", ZEEK_S1},
	{"> S 0, < S 0, > SA 0 a1, < SA 0 a1", "Ss", ZEEK_S1},
	/* a SYN|ACK with another number takes the place of the one before */
	{"> S 0, < SA 0 a1, < SA 500 a1", "Sh", ZEEK_S1},
	{"> S 0, > SA 500 a1", "S", ZEEK_S0},
	/* but not after the side's FIN */
	{HANDSHAKE "< FA 1 a1, < SA 500 a1", "ShAfh", ZEEK_S3},
	/* T: payload that ends at or below what was sent */
	{HANDSHAKE "> A 1 a1 +10, > A 1 a1 +10", "ShADT", ZEEK_S1},
	{HANDSHAKE "> A 1 a1 +10, > A 6 a1 +5", "ShADT", ZEEK_S1},
	{HANDSHAKE "> A 1 a1 +10, > A 6 a1 +6", "ShAD", ZEEK_S1},
	{HANDSHAKE "> A 11 a1 +10, > A 1 a1 +10", "ShADT", ZEEK_S1},
	{HANDSHAKE "> A 1 a1 +10, > A 10 a1 +1", "ShADT", ZEEK_S1},
	{HANDSHAKE "> A 1 a1 +10, > A 10 a1", "ShAD", ZEEK_S1},
	/* a FIN again: T only with payload */
	{HANDSHAKE "> FA 1 a1, > FA 1 a1", "ShAF", ZEEK_S2},
	{HANDSHAKE "> A 1 a1 +2, > FA 3 a1 +5, > FA 3 a1 +5", "ShADFT", ZEEK_S2},
	/* the first FIN after nothing else never counts as one */
	{HANDSHAKE "> FA 1 a1 +5, > FA 1 a1 +5", "ShAFT", ZEEK_S2},
	/* no T after one's own RST */
	{HANDSHAKE "> A 1 a1 +10, > R 11, > A 1 a1 +10", "ShADR", ZEEK_RSTO},
	{HANDSHAKE "> A 1 a1 +10, < R 1, > A 1 a1 +10", "ShADrT", ZEEK_RSTR},
	/* payload of a SYN and of a RST counts as sent before */
	{"> S 0 +10", "ST", ZEEK_S0},
	{HANDSHAKE "> RA 1 a1 +10", "ShART", ZEEK_RSTO},
	/* but not far off, 1 MiB */
	{HANDSHAKE "> RA 2000000 a1 +10", "ShAR", ZEEK_RSTO},
	{HANDSHAKE "> RA -1048576 a1 +10", "ShAR", ZEEK_RSTO},
	{HANDSHAKE "> RA -1048575 a1 +10", "ShART", ZEEK_RSTO},
	/* midstream: the first segment is no repetition, the same again is */
	{"> A 50 a9 +10, > A 50 a9 +10", "DT", ZEEK_OTH},
	{"> A 50 a9 +10, > A 49 a9 +1", "DT", ZEEK_OTH},
	/* W: zero window, in the order letter, W, T */
	{"> S 0 w0", "SW", ZEEK_S0},
	{HANDSHAKE "< A 1 a1 w0", "ShAaw", ZEEK_S1},
	{HANDSHAKE "> A 1 a1 +5, > A 1 a1 +5 w0", "ShADWT", ZEEK_S1},
	{HANDSHAKE "> A 1 a1 +5, < A 1 a6 +5, < A 1 a6 +5 w0", "ShADdwt", ZEEK_S1},
	{HANDSHAKE "> FA 1 a1 w0", "ShAFW", ZEEK_S2},
	{HANDSHAKE "> FA 1 a1, > A 2 a1 w0", "ShAFW", ZEEK_S2},
	/* not in a RST, not after it, not after the peer's FIN */
	{HANDSHAKE "> R 1 w0", "ShAR", ZEEK_RSTO},
	{HANDSHAKE "> R 1, > A 1 a1 w0", "ShAR", ZEEK_RSTO},
	{HANDSHAKE "> R 1, < A 1 a1 w0", "ShARaw", ZEEK_RSTO},
	{HANDSHAKE "> FA 1 a1, < A 1 a2 w0", "ShAFa", ZEEK_S2},
	{HANDSHAKE "> FA 1 a1, > R 2, < A 1 a2 w0", "ShAFRaw", ZEEK_RSTO},
};

static void letters_tell_what_was_sent(void **state)
{
	(void)state;
	CHECK(letters);
	CHECK_AT(letters, scene_at(UINT32_MAX - 5, 0x7ffffffe));
}

/* T and W come at 1, 10, 100, ..., each side for itself. */
static void repetitions_are_told_on_a_log_scale(void **state)
{
	struct scene scene = scene_new();
	char expected[16] = "ShADT";

	(void)state;
	play(&scene, HANDSHAKE "> A 1 a1 +10");
	for (unsigned times = 1; times <= 10000; times++) {
		play(&scene, "> A 1 a1 +10");
		if (times == 10 || times == 100 || times == 1000 || times == 10000)
			strcat(expected, "T");
		assert_string_equal(zeek_history(&scene.zeek), expected);
	}
	for (unsigned times = 1; times <= 100; times++)
		play(&scene, "< A 1 a11 w0");
	expect(&scene, "ShADTTTTTawww", ZEEK_S1);
}

static void syn_and_fin_alone_tell_of_gigabytes(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, HANDSHAKE "> FA 3000000000 a1, > R 3000000001, < R 1");
	expect(&scene, "ShAFRr", ZEEK_RSTR);
	/* what comes below it then is a repetition */
	scene = scene_new();
	play(&scene, HANDSHAKE "> FA 3000000000 a1, > A 2999999000 a1 +10");
	expect(&scene, "ShAFDT", ZEEK_S2);
}

static void numbers_wrap_in_a_long_transfer(void **state)
{
	struct scene scene = scene_new();
	char text[64];

	(void)state;
	play(&scene, HANDSHAKE);
	for (uint64_t seq = 1; seq < UINT64_C(9000000000); seq += 1000000000) {
		snprintf(text, sizeof(text), "> A %llu a1 +1000000000", (unsigned long long)seq);
		play(&scene, text);
	}
	expect(&scene, "ShAD", ZEEK_S1);
	play(&scene, "> A 8000000001 a1 +1000000000");
	expect(&scene, "ShADT", ZEEK_S1);
}

/* ---- the bound ---- */

static void history_is_bounded(void **state)
{
	struct scene scene = scene_new();
	char full[ZEEK_HISTORY_MAX + 1] = "ShA", text[32];

	(void)state;
	memset(full + 3, 'R', ZEEK_HISTORY_MAX - 3);
	play(&scene, HANDSHAKE);
	for (unsigned i = 0; i < ZEEK_HISTORY_MAX - 3; i++) {
		assert_false(zeek_history_full(&scene.zeek));
		snprintf(text, sizeof(text), "> R %u", i + 1);
		play(&scene, text);
	}
	/* 64 letters fit, and what adds no letter loses none */
	expect(&scene, full, ZEEK_RSTO);
	play(&scene, "> R 61, > A 1 a1");
	assert_false(zeek_history_full(&scene.zeek));
	play(&scene, "< A 1 a1");
	assert_true(zeek_history_full(&scene.zeek));
	expect(&scene, full, ZEEK_RSTO);
	/* the states go on */
	play(&scene, "< FA 1 a1 +1, < R 3");
	expect(&scene, full, ZEEK_RSTR);
}

static void it_stays_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct zeek) <= 128);
}

/* ---- SYNs of another connection ---- */

static void stray_syn_adds_its_letter_and_nothing_else(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, HANDSHAKE "> A 1 a1 +10, > S 5000000 +7 w0");
	expect(&scene, "ShADS", ZEEK_S1);
	/* the numbers are still those of the connection */
	play(&scene, "> A 11 a1 +10");
	expect(&scene, "ShADS", ZEEK_S1);
	play(&scene, "> A 1 a1 +10, > R 21, < R 1");
	expect(&scene, "ShADSTRr", ZEEK_RSTR);
}

static void stray_syn_again_adds_nothing(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, HANDSHAKE "> S 5000, > S 5000");
	expect(&scene, "ShAS", ZEEK_S1);
	play(&scene, "> S 6000");
	expect(&scene, "ShASS", ZEEK_S1);
}

static void stray_syn_is_taken_back(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, HANDSHAKE "> S 5000, < A 1 a1");
	expect(&scene, "ShASa", ZEEK_S1);
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	expect(&scene, "ShAa", ZEEK_S1);
	/* once is enough */
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	zeek_take_back_syn(&scene.zeek, SIDE_RESPONDER);
	expect(&scene, "ShAa", ZEEK_S1);
}

static void repeated_stray_syn_is_taken_back_once(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, HANDSHAKE "> S 5000, < A 1 a1, > S 5000");
	expect(&scene, "ShASa", ZEEK_S1);
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	expect(&scene, "ShAa", ZEEK_S1);
}

static void repeated_syn_has_nothing_to_take_back(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, "> S 0, < RA 0 a1, > S 0");
	expect(&scene, "Sr", ZEEK_REJ);
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	expect(&scene, "Sr", ZEEK_REJ);
}

static void strays_of_both_sides_are_taken_back_in_any_order(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	play(&scene, HANDSHAKE "> S 5000, < S 6000, > A 1 a1 +4");
	expect(&scene, "ShASsD", ZEEK_S1);
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	expect(&scene, "ShAsD", ZEEK_S1);
	zeek_take_back_syn(&scene.zeek, SIDE_RESPONDER);
	expect(&scene, "ShAD", ZEEK_S1);
}

static void taken_back_midstream_syn_leaves_no_trace(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	/* from the side that had sent nothing yet */
	play(&scene, "< A 1 a1 +10, > S 0 +3 w0");
	expect(&scene, "dSWT", ZEEK_OTH);
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	expect(&scene, "d", ZEEK_OTH);
	play(&scene, "> FA 1 a11");
	expect(&scene, "dF", ZEEK_SH);
	/* from the side that had */
	scene = scene_new();
	play(&scene, "> A 1 a1 +10, > S 0");
	expect(&scene, "DS", ZEEK_S0);
	zeek_take_back_syn(&scene.zeek, SIDE_INITIATOR);
	expect(&scene, "D", ZEEK_OTH);
	play(&scene, "> S 0");
	expect(&scene, "DS", ZEEK_S0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_tell_what_was_sent),
		cmocka_unit_test(repetitions_are_told_on_a_log_scale),
		cmocka_unit_test(syn_and_fin_alone_tell_of_gigabytes),
		cmocka_unit_test(numbers_wrap_in_a_long_transfer),
		cmocka_unit_test(history_is_bounded),
		cmocka_unit_test(it_stays_small),
		cmocka_unit_test(stray_syn_adds_its_letter_and_nothing_else),
		cmocka_unit_test(stray_syn_again_adds_nothing),
		cmocka_unit_test(stray_syn_is_taken_back),
		cmocka_unit_test(repeated_stray_syn_is_taken_back_once),
		cmocka_unit_test(repeated_syn_has_nothing_to_take_back),
		cmocka_unit_test(strays_of_both_sides_are_taken_back_in_any_order),
		cmocka_unit_test(taken_back_midstream_syn_leaves_no_trace),
	};

	return cmocka_run_group_tests_name("zeek history", tests, NULL, NULL);
}
