/* A process that ends early is started anew a few times an hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/restarts.h"

#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)

static void test_five_at_once_and_no_more(void **state)
{
	struct restarts r = {0};

	(void)state;
	for (int i = 0; i < RESTARTS_AN_HOUR; i++)
		assert_true(restarts_allow(&r, 7 * SECOND + i));
	assert_false(restarts_allow(&r, 8 * SECOND));
	assert_false(restarts_allow(&r, 7 * SECOND + HOUR - 1));
	assert_true(restarts_allow(&r, 7 * SECOND + HOUR));
	assert_true(restarts_allow(&r, 7 * SECOND + HOUR + 1));
	assert_int_equal(r.count, RESTARTS_AN_HOUR + 2);
}

static void test_seldom_is_for_ever(void **state)
{
	struct restarts r = {0};

	(void)state;
	for (int64_t i = 0; i < 1000; i++)
		assert_true(restarts_allow(&r, i * HOUR / RESTARTS_AN_HOUR));
	assert_true(restarts_allow(&r, 1000 * HOUR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_five_at_once_and_no_more),
		cmocka_unit_test(test_seldom_is_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
