/* Which stuck connections were told: against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/stuck.h"

enum { CONNECTIONS = 3000 };

static const uint8_t key[16] = {1, 2, 3};

static struct verdict verdict_of(uint64_t number, const struct finding *findings, size_t count)
{
	return (struct verdict){.number = 7,
				.file = (uint32_t)(number % 2),
				.first_packet = number,
				.findings = findings,
				.finding_count = count};
}

static void each_is_told_once(void **state)
{
	static const struct finding findings[] = {{.code = FINDING_DATA_AFTER_FIN},
						  {.code = FINDING_CLOSE_WAIT_STUCK},
						  {.code = FINDING_FIN_WAIT_2_STUCK}};
	struct stuck *s = stuck_new(key, NULL);
	struct finding found[STUCK_FINDINGS];
	struct verdict open, v = verdict_of(1, findings, 2);

	(void)state;
	assert_true(stuck_look(s, &v, &open, found));
	assert_true(open.open);
	assert_int_equal(open.number, 0);
	assert_int_equal(open.finding_count, 1);
	assert_int_equal(open.findings[0].code, FINDING_CLOSE_WAIT_STUCK);
	assert_true(stuck_look(s, &v, &open, found)); /* not told so far */
	stuck_told(s, &open);
	assert_false(stuck_look(s, &v, &open, found));
	v.finding_count = 3; /* the other end, too */
	assert_true(stuck_look(s, &v, &open, found));
	assert_int_equal(open.finding_count, 1);
	assert_int_equal(open.told, UINT64_C(1) << FINDING_CLOSE_WAIT_STUCK);
	stuck_told(s, &open);
	v.again = true;
	assert_int_equal(stuck_over(s, &v), 0);
	v.again = false;
	assert_int_equal(stuck_over(s, &v), UINT64_C(1) << FINDING_CLOSE_WAIT_STUCK |
						    UINT64_C(1) << FINDING_FIN_WAIT_2_STUCK);
	assert_int_equal(stuck_over(s, &v), 0);
	v.finding_count = 1;
	assert_false(stuck_look(s, &v, &open, found));
	stuck_free(s);
}

static void many_come_and_go(void **state)
{
	static const struct finding finding = {.code = FINDING_CLOSE_WAIT_STUCK};
	static bool there[CONNECTIONS];
	struct stuck *s = stuck_new(key, NULL);
	struct finding found[STUCK_FINDINGS];
	uint32_t random = 1;

	(void)state;
	for (int step = 0; step < 20 * CONNECTIONS; step++) {
		struct verdict open, v;
		uint64_t number;

		random = random * 1664525u + 1013904223u;
		number = (random >> 8) % CONNECTIONS;
		v = verdict_of(number, &finding, 1);
		assert_int_equal(stuck_look(s, &v, &open, found), !there[number]);
		if (there[number])
			assert_int_not_equal(stuck_over(s, &v), 0);
		else
			stuck_told(s, &open);
		there[number] = !there[number];
	}
	stuck_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_told_once),
		cmocka_unit_test(many_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
