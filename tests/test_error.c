/* The error sentence: control characters, long prefixes, its own text as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void test_set(void **state)
{
	struct error err = {"old"};

	(void)state;
	assert_false(error_set(&err, "%s: %d", "bad\n\x1b[31m\x7f", 7));
	assert_string_equal(err.text, "bad??[31m?: 7");
	assert_false(error_set(&err, "again %s", err.text));
	assert_string_equal(err.text, "again bad??[31m?: 7");
	assert_false(error_set(NULL, "nobody listens"));
}

static void test_prefix(void **state)
{
	struct error err = {"reason"};

	(void)state;
	assert_false(error_prefix(&err, "a\tfile"));
	assert_string_equal(err.text, "a?file: reason");
	assert_false(error_prefix(&err, "%s", ""));
	assert_string_equal(err.text, ": a?file: reason");
	assert_false(error_prefix(NULL, "nobody listens"));
}

/* A text and a prefix of every size: it always fits, and a short reason survives any prefix. */
static void test_lengths(void **state)
{
	static char prefix[2 * sizeof(struct error)], text[sizeof(struct error)];
	struct error err;

	(void)state;
	for (size_t p = 0; p < sizeof(prefix); p += 37) {
		for (size_t t = 0; t < sizeof(text); t += 31) {
			memset(prefix, 'p', sizeof(prefix));
			memset(text, 't', sizeof(text));
			prefix[p] = '\0';
			text[t] = '\0';
			error_set(&err, "%s", text);
			error_prefix(&err, "%s", prefix);
			assert_true(strlen(err.text) < sizeof(err.text));
			if (p + 2 + t < sizeof(err.text))
				assert_int_equal(strlen(err.text), p + 2 + t);
			else
				assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
			assert_non_null(strstr(err.text, ": "));
			if (t < sizeof(err.text) / 2 - 2)
				assert_string_equal(strstr(err.text, ": ") + 2, text);
		}
	}
}

/* Who knows the name of what it is about puts it in front. */
static void test_unnamed(void **state)
{
	static char long_text[2 * sizeof(struct error)];
	struct error err = {""};

	(void)state;
	assert_false(error_is_unnamed(&err));
	assert_false(error_unnamed(&err, "no such %s\n", "table"));
	assert_true(error_is_unnamed(&err));
	assert_false(error_unnamed(&err, "reading%s", err.text));
	assert_string_equal(err.text, ": reading: no such table?");
	assert_false(error_prefix(&err, "%s", "t.db"));
	assert_string_equal(err.text, "t.db: reading: no such table?");
	assert_false(error_is_unnamed(&err));
	memset(long_text, 't', sizeof(long_text) - 1);
	assert_false(error_unnamed(&err, "%s", long_text));
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_false(error_unnamed(NULL, "nobody listens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_unnamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
