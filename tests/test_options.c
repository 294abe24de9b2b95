/* Option values and the option table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cli/analyze_options.h"
#include "cli/options.h"
#include "cli/values.h"

#define NS_PER_S INT64_C(1000000000)

struct target {
	bool flag;
	const char *text;
	uint64_t count, size;
	int64_t duration, time;
	int choice;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct option_spec specs[] = {
	{.name = "flag",
	 .letter = 'f',
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct target, flag),
	 .help = "sets the flag, which this sentence goes on about for longer than a line of help "
		 "has room for"},
	{.name = "text",
	 .letter = 't',
	 .kind = OPTION_TEXT,
	 .value = "TEXT",
	 .offset = offsetof(struct target, text),
	 .help = "sets the text, which this sentence goes on about for longer than a line of help "
		 "has room for"},
	{.name = "count",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .low = 2,
	 .high = 10,
	 .offset = offsetof(struct target, count),
	 .help = "sets the count, which this sentence goes on about for longer than a line of help "
		 "has room for"},
	{.name = "size",
	 .kind = OPTION_SIZE,
	 .value = "SIZE",
	 .offset = offsetof(struct target, size),
	 .help = "sets the size, which this sentence goes on about for longer than a line of help "
		 "has room for"},
	{.name = "duration",
	 .kind = OPTION_DURATION,
	 .value = "SECONDS",
	 .low = 1,
	 .high = 100 * NS_PER_S,
	 .offset = offsetof(struct target, duration),
	 .help = "sets the duration, which this sentence goes on about for longer than a line of "
		 "help has room for"},
	{.name = "time",
	 .kind = OPTION_TIME,
	 .value = "TIME",
	 .offset = offsetof(struct target, time),
	 .help = "sets the time, which this sentence goes on about for longer than a line of help "
		 "has room for"},
	{.name = "choice",
	 .kind = OPTION_CHOICE,
	 .value = "COLOUR",
	 .choices = colours,
	 .offset = offsetof(struct target, choice),
	 .help = "sets the choice, which this sentence goes on about for longer than a line of "
		 "help has room for"},
};

static const struct option_table table = {
	.command = "lastack test", .specs = specs, .count = sizeof(specs) / sizeof(specs[0])};

enum { WORDS_MAX = 8 };

/* A parse of up to eight words, ended by NULL. */
struct parse {
	char *words[WORDS_MAX + 1];
	struct target target;
	struct operands operands;
	struct error err;
	enum options_result result;
};

static void parse(struct parse *p, const char *const *words)
{
	static char copies[WORDS_MAX][64];
	int count = 0;

	memset(p, 0, sizeof(*p));
	for (; words[count]; count++) {
		assert_true(count < WORDS_MAX);
		snprintf(copies[count], sizeof(copies[count]), "%s", words[count]);
		p->words[count] = copies[count];
	}
	p->result = options_parse(&table, count, p->words, &p->target, &p->operands, &p->err);
}

#define PARSE(p, ...) parse(p, (const char *const[]){__VA_ARGS__, NULL})

static void assert_misuse(const struct parse *p, const char *message)
{
	assert_int_equal(p->result, OPTIONS_MISUSE);
	if (!strstr(p->err.text, message))
		fail_msg("'%s' does not hold '%s'", p->err.text, message);
}

static void values_come_in_both_forms(void **state)
{
	struct parse p;

	(void)state;
	PARSE(&p, "--text", "one", "--count=7", "--choice", "blue", "--flag");
	assert_int_equal(p.result, OPTIONS_DONE);
	assert_string_equal(p.target.text, "one");
	assert_int_equal(p.target.count, 7);
	assert_int_equal(p.target.choice, 2);
	assert_true(p.target.flag);
	assert_int_equal(p.operands.count, 0);
	PARSE(&p, "--text=", "--duration=0.25", "--size=1.5K", "--time=1.5");
	assert_int_equal(p.result, OPTIONS_DONE);
	assert_string_equal(p.target.text, "");
	assert_int_equal(p.target.duration, NS_PER_S / 4);
	assert_int_equal(p.target.size, 1536);
	assert_int_equal(p.target.time, 3 * NS_PER_S / 2);
}

static void a_value_may_look_like_an_option(void **state)
{
	struct parse p;

	(void)state;
	PARSE(&p, "--text", "--flag", "-t", "-", "-tx");
	assert_int_equal(p.result, OPTIONS_DONE);
	assert_string_equal(p.target.text, "x");
	assert_false(p.target.flag);
	assert_int_equal(p.operands.count, 0);
}

static void operands_mix_with_options(void **state)
{
	struct parse p;

	(void)state;
	PARSE(&p, "a", "--flag", "-", "--count", "3", "b", "--", "--flag");
	assert_int_equal(p.result, OPTIONS_DONE);
	assert_int_equal(p.operands.count, 4);
	assert_string_equal(p.operands.items[0], "a");
	assert_string_equal(p.operands.items[1], "-");
	assert_string_equal(p.operands.items[2], "b");
	assert_string_equal(p.operands.items[3], "--flag");
}

static void help_is_seen_wherever_it_stands(void **state)
{
	struct parse p;

	(void)state;
	PARSE(&p, "a", "--help");
	assert_int_equal(p.result, OPTIONS_HELP);
	PARSE(&p, "-h", "--nonsense");
	assert_int_equal(p.result, OPTIONS_HELP);
	PARSE(&p, "--", "--help");
	assert_int_equal(p.result, OPTIONS_DONE);
}

static void misuse_names_the_word_and_the_next_step(void **state)
{
	struct parse p;

	(void)state;
	PARSE(&p, "--cuont", "3");
	assert_misuse(&p, "unknown option '--cuont'; did you mean '--count'?");
	PARSE(&p, "--dur=3");
	assert_misuse(&p, "did you mean '--duration'?");
	PARSE(&p, "--zzzzzzzz");
	assert_misuse(&p, "unknown option '--zzzzzzzz'; 'lastack test --help' lists the options");
	PARSE(&p, "-x");
	assert_misuse(&p, "unknown option '-x'");
	PARSE(&p, "--text");
	assert_misuse(&p, "'--text' needs a value: --text TEXT");
	PARSE(&p, "--flag=yes");
	assert_misuse(&p, "'--flag' takes no value, but '--flag=yes' gives one");
	PARSE(&p, "-fx");
	assert_misuse(&p, "'--flag' takes no value, but '-fx' gives one");
	PARSE(&p, "--choice", "pink");
	assert_misuse(&p, "--choice: 'pink' is none of red, green, blue");
	PARSE(&p, "--count", "three");
	assert_misuse(&p, "--count: 'three' is not a count");
}

static void numbers_keep_their_bounds(void **state)
{
	struct parse p;

	(void)state;
	PARSE(&p, "--count", "2");
	assert_int_equal(p.result, OPTIONS_DONE);
	PARSE(&p, "--count", "10");
	assert_int_equal(p.result, OPTIONS_DONE);
	PARSE(&p, "--count", "1");
	assert_misuse(&p, "'1' is outside 2 to 10");
	PARSE(&p, "--count", "18446744073709551615");
	assert_misuse(&p, "is outside 2 to 10");
	PARSE(&p, "--duration", "0");
	assert_misuse(&p, "'0' is outside 1e-09 to 100 seconds");
	PARSE(&p, "--duration", "100.000000001");
	assert_misuse(&p, "to 100 seconds");
}

static void counts(void **state)
{
	static const char *const wrong[] = {"",
					    " 1",
					    "1 ",
					    "-1",
					    "+1",
					    "1.0",
					    "0x10",
					    "1k",
					    "18446744073709551616",
					    "99999999999999999999"};
	uint64_t value;
	struct error err;

	(void)state;
	assert_true(value_count("0", &value, NULL));
	assert_int_equal(value, 0);
	assert_true(value_count("18446744073709551615", &value, NULL));
	assert_true(value == UINT64_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (value_count(wrong[i], &value, &err))
			fail_msg("'%s' was taken for a count", wrong[i]);
		assert_non_null(strstr(err.text, wrong[i]));
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} right[] = {
		{"0", 0},
		{"4096", 4096},
		{"1B", 1},
		{"64k", 65536},
		{"512M", UINT64_C(512) << 20},
		{"1.5GiB", UINT64_C(3) << 29},
		{"100MB", 100000000},
		{"0.5kb", 500},
		{"2T", UINT64_C(2) << 40},
		{"1.0000000000000000000000001K", 1024},
	};
	static const char *const wrong[] = {"",    "M",  "1.",    "1.5.5M",    "-1M",
					    "1 M", "1X", "1MiBs", "20000000T", "1e6"};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		if (!value_size(right[i].text, &value, NULL))
			fail_msg("'%s' was refused", right[i].text);
		assert_int_equal(value, right[i].bytes);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (value_size(wrong[i], &value, NULL))
			fail_msg("'%s' was taken for a size", wrong[i]);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} right[] = {
		{"0", 0},
		{"120", 120 * NS_PER_S},
		{"0.1", 100000000},
		{"0.000000001", 1},
		{"0.0000000009", 0},
		{"1.999999999", 1999999999},
		{"500ms", 500000000},
		{"2.5us", 2500},
		{"7ns", 7},
		{"2m", 120 * NS_PER_S},
		{"1.5h", 5400 * NS_PER_S},
		{"1d", 86400 * NS_PER_S},
		{"9223372036", INT64_C(9223372036) * NS_PER_S},
	};
	static const char *const wrong[] = {"",     "s",          "1.s", "-1",  "1 s", "1w",
					    "1:30", "9223372037", "nan", "inf", "1e3"};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		if (!value_duration(right[i].text, &value, NULL))
			fail_msg("'%s' was refused", right[i].text);
		assert_true(value == right[i].ns);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (value_duration(wrong[i], &value, NULL))
			fail_msg("'%s' was taken for a duration", wrong[i]);
	}
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds, ns;
	} right[] = {
		{"0", 0, 0},
		{"1714557600", 1714557600, 0},
		{"1714557600.000000001", 1714557600, 1},
		{"1970-01-01", 0, 0},
		{"2024-05-01T10:00:00Z", 1714557600, 0},
		{"2024-05-01T10:00:00", 1714557600, 0},
		{"2024-05-01 10:00", 1714557600, 0},
		{"2024-05-01t12:00:00+02:00", 1714557600, 0},
		{"2024-05-01T04:30:00-0530", 1714557600, 0},
		{"2024-05-01T11:00:00.25+01", 1714557600, 250000000},
		{"2024-02-29", 1709164800, 0},
		{"2000-02-29T23:59:59Z", 951868799, 0},
		{"1969-12-31T23:59:59Z", -1, 0},
		{"1900-03-01", -2203891200, 0},
	};
	static const char *const wrong[] = {"",
					    "now",
					    "2024",
					    "2024-5-1",
					    "2023-02-29",
					    "1900-02-29",
					    "2024-13-01",
					    "2024-00-10",
					    "2024-04-31",
					    "2024-05-01T",
					    "2024-05-01T24:00:00Z",
					    "2024-05-01T10",
					    "2024-05-01T10:00:00X",
					    "2024-05-01T10:00:00Z ",
					    "2024-05-01T10:00:00.Z",
					    "2024-05-01T10:00:00+2",
					    "2300-01-01",
					    "1500-01-01",
					    "-5",
					    "10000000000000",
					    "1.",
					    "1.5s"};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		if (!value_time(right[i].text, &value, NULL))
			fail_msg("'%s' was refused", right[i].text);
		if (value != right[i].seconds * NS_PER_S + right[i].ns)
			fail_msg("'%s' is %lld", right[i].text, (long long)value);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (value_time(wrong[i], &value, NULL))
			fail_msg("'%s' was taken for a time", wrong[i]);
	}
}

static void suggestions(void **state)
{
	static const char *const words[] = {"analyze", "query", "report", NULL};

	(void)state;
	assert_string_equal(options_suggest("analyse", words), "analyze");
	assert_string_equal(options_suggest("qurey", words), "query");
	assert_string_equal(options_suggest("rep", words), "report");
	assert_null(options_suggest("monitor", words));
	assert_null(options_suggest("", words));
	assert_null(options_suggest("a-word-that-is-longer-than-any-name-in-the-list", words));
}

/* Every line within 80 columns, every option named. */
static void help_fits_the_screen(void **state)
{
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	size_t column = 0;

	(void)state;
	assert_non_null(out);
	options_help(&table, out);
	fclose(out);
	for (size_t i = 0; i < table.count; i++) {
		char name[40];

		snprintf(name, sizeof(name), "--%s", specs[i].name);
		assert_non_null(strstr(text, name));
	}
	assert_non_null(strstr(text, "-h, --help"));
	for (const char *at = text; *at; at++) {
		column = *at == '\n' ? 0 : column + 1;
		assert_true(column < 80);
	}
}

/* A quarter of what the kernel says the machine has, at most 1 GiB. */
static void test_memory_default(void **state)
{
	uint64_t most = UINT64_C(1) << 30, told = analyze_options_defaults().max_memory;
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fscanf(file, "MemTotal: %llu kB", &kib), 1);
	fclose(file);
	assert_in_range(told, 1, most);
	if (kib * 1024 / 4 >= most)
		assert_int_equal(told, most);
	else
		assert_in_range(told, kib * 1024 / 4, kib * 1024 / 4 + 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_in_both_forms),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(operands_mix_with_options),
		cmocka_unit_test(help_is_seen_wherever_it_stands),
		cmocka_unit_test(misuse_names_the_word_and_the_next_step),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(counts),
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(times),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(help_fits_the_screen),
		cmocka_unit_test(test_memory_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
