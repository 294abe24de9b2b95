/* Names of enumerations, and the table of findings against its documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/finding.h"
#include "analyzer/verdict.h"

#ifndef SOURCE_ROOT
#error "SOURCE_ROOT must name the folder with docs/findings.md"
#endif

enum { NAMES_MAX = 32 };

/* Which values stand for NULL in the contract. */
enum nullable { NEVER_NULL, ZERO_IS_NULL };

/* Every value has its own name; the value behind the last one has none. */
static void check_names(const char *const *names, size_t count, enum nullable nullable,
			const char *beyond)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0 && nullable == ZERO_IS_NULL) {
			assert_null(names[i]);
			continue;
		}
		assert_non_null(names[i]);
		assert_true(names[i][0] != '\0');
		assert_string_not_equal(names[i], "?");
		for (size_t j = nullable == ZERO_IS_NULL; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	assert_string_equal(beyond, "?");
}

/* One test a naming function: name_of(value) for all values below count. */
#define NAMES_TEST(type, name_of, count, nullable)                           \
	static void name_of##_is_complete(void **state)                      \
	{                                                                    \
		const char *names[NAMES_MAX];                                \
                                                                             \
		(void)state;                                                 \
		assert_in_range(count, 1, NAMES_MAX);                        \
		for (size_t i = 0; i < (size_t)(count); i++)                 \
			names[i] = name_of((type)i);                         \
		check_names(names, count, nullable, name_of((type)(count))); \
		assert_string_equal(name_of((type)-1), "?");                 \
	}

NAMES_TEST(enum teardown, teardown_name, TEARDOWNS, NEVER_NULL)
NAMES_TEST(enum end_reason, end_reason_name, END_REASONS, NEVER_NULL)
NAMES_TEST(enum fin_check, fin_check_name, FIN_CHECKS, NEVER_NULL)
NAMES_TEST(enum time_wait_check, time_wait_check_name, TIME_WAIT_CHECKS, NEVER_NULL)
NAMES_TEST(enum reuse_by, reuse_by_name, REUSE_BYS, ZERO_IS_NULL)
NAMES_TEST(enum reuse_rule, reuse_rule_name, REUSE_RULES, ZERO_IS_NULL)
NAMES_TEST(enum reuse_answer, reuse_answer_name, REUSE_ANSWERS, ZERO_IS_NULL)
NAMES_TEST(enum rst_stage, rst_stage_name, RST_STAGES, ZERO_IS_NULL)
NAMES_TEST(enum rst_cause, rst_cause_name, RST_CAUSES, ZERO_IS_NULL)
NAMES_TEST(enum conn_state, conn_state_name, CONN_STATES, NEVER_NULL)
NAMES_TEST(enum endpoint_state, endpoint_state_name, ENDPOINT_STATES, NEVER_NULL)
NAMES_TEST(enum side, side_name, SIDE_NONE + 1, NEVER_NULL)
NAMES_TEST(enum severity, severity_name, SEVERITIES, NEVER_NULL)

/* A sample of each group, so that a table shifted as a whole does not pass. */
static void names_are_those_of_the_contract(void **state)
{
	(void)state;
	assert_string_equal(teardown_name(TEARDOWN_STRAY), "stray");
	assert_string_equal(teardown_name(TEARDOWN_RST_AFTER_FIN), "rst_after_fin");
	assert_string_equal(teardown_name(TEARDOWN_FOUR_WAY), "four_way");
	assert_string_equal(teardown_name(TEARDOWN_OPEN), "open");
	assert_string_equal(end_reason_name(END_CAPTURE_END), "capture_end");
	assert_string_equal(fin_check_name(FIN_UNVERIFIED), "unverified");
	assert_string_equal(time_wait_check_name(TIME_WAIT_CUT_SHORT), "cut_short");
	assert_string_equal(reuse_by_name(REUSE_BY_HOLDER), "holder");
	assert_string_equal(reuse_rule_name(REUSE_RULE_NONE), "none");
	assert_string_equal(reuse_rule_name(REUSE_RULE_TIMESTAMPS_ADDED), "timestamps_added");
	assert_string_equal(reuse_answer_name(REUSE_ANSWER_SYN_ACK), "syn_ack");
	assert_string_equal(reuse_answer_name(REUSE_ANSWER_NONE), "none");
	assert_string_equal(rst_stage_name(RST_STAGE_LAST_ACK), "last_ack");
	assert_string_equal(rst_cause_name(RST_CAUSE_UNREAD_DATA), "unread_data");
	assert_string_equal(conn_state_name(ZEEK_OTH), "OTH");
	assert_string_equal(conn_state_name(ZEEK_RSTOS0), "RSTOS0");
	assert_string_equal(conn_state_name(ZEEK_SHR), "SHR");
	assert_string_equal(endpoint_state_name(STATE_FIN_WAIT_2), "FIN_WAIT_2");
	assert_string_equal(endpoint_state_name(STATE_CLOSED), "CLOSED");
	assert_string_equal(side_name(SIDE_INITIATOR), "initiator");
	assert_string_equal(side_name(SIDE_RESPONDER), "responder");
	assert_string_equal(side_name(SIDE_BOTH), "both");
	assert_string_equal(side_name(SIDE_NONE), "none");
	assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
}

static void codes_lead_back_to_their_kind(void **state)
{
	(void)state;
	for (unsigned code = 0; code < FINDING_CODES; code++) {
		const struct finding_kind *kind = finding_kind(code);

		assert_non_null(kind->code);
		assert_int_equal(finding_code_of(kind->code), code);
		assert_int_equal(strspn(kind->code, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(kind->code));
		assert_true(strlen(kind->title) > 10);
		assert_true(strlen(kind->advice) > 20);
		assert_int_equal(kind->advice[strlen(kind->advice) - 1], '.');
		assert_true(strlen(kind->basis) > 0);
		assert_in_range(kind->severity, SEVERITY_INFO, SEVERITY_ERROR);
	}
}

static void unknown_codes_have_no_kind(void **state)
{
	(void)state;
	assert_int_equal(finding_code_of("no-such-code"), FINDING_CODES);
	assert_int_equal(finding_code_of(""), FINDING_CODES);
	assert_int_equal(finding_code_of("FIN-MOVED"), FINDING_CODES);
	assert_string_equal(finding_kind(FINDING_CODES)->code, "?");
	assert_string_equal(finding_kind((enum finding_code) - 1)->code, "?");
}

static void severities_are_as_documented(void **state)
{
	(void)state;
	assert_int_equal(finding_kind(FINDING_FIN_NOT_CONSUMED)->severity, SEVERITY_ERROR);
	assert_int_equal(finding_kind(FINDING_RST_INJECTED)->severity, SEVERITY_ERROR);
	assert_int_equal(finding_kind(FINDING_CLOSE_WAIT_STUCK)->severity, SEVERITY_WARNING);
	assert_int_equal(finding_kind(FINDING_FIN_BEYOND_GAP)->severity, SEVERITY_INFO);
	assert_int_equal(finding_kind(FINDING_TRACKING_LIMIT)->severity, SEVERITY_INFO);
}

/* The whole page, NUL-terminated; the caller frees it. */
static char *read_page(void)
{
	FILE *file = fopen(SOURCE_ROOT "/docs/findings.md", "rb");
	const size_t room = 1 << 20;
	char *text = malloc(room);
	size_t length;

	assert_non_null(file);
	assert_non_null(text);
	length = fread(text, 1, room - 1, file);
	assert_true(length < room - 1);
	fclose(file);
	text[length] = '\0';
	return text;
}

/* Each code has a section that tells the same severity and the same section of the RFC. */
static void page_documents_every_code(void **state)
{
	char *page = read_page();

	(void)state;
	for (unsigned code = 0; code < FINDING_CODES; code++) {
		const struct finding_kind *kind = finding_kind(code);
		char heading[64], severity[64], basis[96];
		char *section, *end;

		snprintf(heading, sizeof(heading), "\n### %s\n", kind->code);
		section = strstr(page, heading);
		if (section == NULL)
			fail_msg("docs/findings.md has no section \"%s\"", kind->code);
		section = strdup(section + strlen(heading));
		assert_non_null(section);
		end = strstr(section, "\n#");
		if (end != NULL)
			*end = '\0';
		snprintf(severity, sizeof(severity), "- **Severity:** %s\n",
			 severity_name(kind->severity));
		snprintf(basis, sizeof(basis), "- **Basis:** %s",
			 strncmp(kind->basis, "RFC", 3) == 0 ? kind->basis : "none");
		if (strstr(section, severity) == NULL || strstr(section, basis) == NULL)
			fail_msg("docs/findings.md tells severity or basis of %s differently",
				 kind->code);
		assert_non_null(strstr(section, "- **Means:** "));
		assert_non_null(strstr(section, "- **Evidence:** "));
		assert_non_null(strstr(section, "- **What to do:** "));
		free(section);
	}
	free(page);
}

/* Nor may it document a code that does not exist. */
static void page_documents_nothing_else(void **state)
{
	char *page = read_page();
	size_t sections = 0;

	(void)state;
	for (const char *at = page; (at = strstr(at, "\n### ")) != NULL; at++)
		sections++;
	assert_int_equal(sections, FINDING_CODES);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(teardown_name_is_complete),
		cmocka_unit_test(end_reason_name_is_complete),
		cmocka_unit_test(fin_check_name_is_complete),
		cmocka_unit_test(time_wait_check_name_is_complete),
		cmocka_unit_test(reuse_by_name_is_complete),
		cmocka_unit_test(reuse_rule_name_is_complete),
		cmocka_unit_test(reuse_answer_name_is_complete),
		cmocka_unit_test(rst_stage_name_is_complete),
		cmocka_unit_test(rst_cause_name_is_complete),
		cmocka_unit_test(conn_state_name_is_complete),
		cmocka_unit_test(endpoint_state_name_is_complete),
		cmocka_unit_test(side_name_is_complete),
		cmocka_unit_test(severity_name_is_complete),
		cmocka_unit_test(names_are_those_of_the_contract),
		cmocka_unit_test(codes_lead_back_to_their_kind),
		cmocka_unit_test(unknown_codes_have_no_kind),
		cmocka_unit_test(severities_are_as_documented),
		cmocka_unit_test(page_documents_every_code),
		cmocka_unit_test(page_documents_nothing_else),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
