/* Text made safe for XML and HTML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "report/markup.h"

static void check(void (*write)(FILE *out, const char *text), const char *text, const char *wanted)
{
	char *got = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&got, &size);

	assert_non_null(out);
	write(out, text);
	fclose(out);
	assert_string_equal(got, wanted);
	free(got);
}

static void test_special(void **state)
{
	(void)state;
	check(write_markup, "", "");
	check(write_markup, "plain text: \u00e4\u2192\U0001f600",
	      "plain text: \u00e4\u2192\U0001f600");
	check(write_markup, "<a href=\"x\" b='y'>&amp;",
	      "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
	check(write_markup, "</script><!--]]>", "&lt;/script&gt;&lt;!--]]&gt;");
}

/* What would end the document's text, turn its direction or be no character of XML. */
static void test_unsafe(void **state)
{
	(void)state;
	check(write_markup, "a\033[31m\n\tb\177", "a\\u{1b}[31m\\u{a}\\u{9}b\\u{7f}");
	check(write_markup, "\u202eevil\u2028", "\\u{202e}evil\\u{2028}");
	check(write_markup, "\xef\xbf\xbe\xef\xbf\xbf", "\\u{fffe}\\u{ffff}");
	check(write_markup, "\xff<\xc3", "\\xff&lt;\\xc3");
	check(write_markup, "\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
}

static void test_prose(void **state)
{
	(void)state;
	check(write_prose, "run `ss -tan <x>` now", "run <code>ss -tan &lt;x&gt;</code> now");
	check(write_prose, "`a``b`", "<code>a</code><code>b</code>");
	check(write_prose, "one ` alone", "one ` alone");
	check(write_prose, "`a` and ` alone", "<code>a</code> and ` alone");
	check(write_prose, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_unsafe),
		cmocka_unit_test(test_prose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
