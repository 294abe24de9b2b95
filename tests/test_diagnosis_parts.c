/* What diagnoses are made of: peaks of silences, known timers, tests of shares, Community IDs, counts of parties. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/community_id.h"
#include "report/clusters.h"
#include "report/diagnosis.h"
#include "report/party_counts.h"
#include "report/significance.h"

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static void test_one_peak(void **state)
{
	int64_t values[] = {60010 * MS, 300 * S, 60 * S, 60100 * MS, 7 * S, 60020 * MS};
	struct cluster found[CLUSTERS_MAX];

	(void)state;
	assert_int_equal(clusters_find(values, 6, found), 1);
	assert_int_equal(found[0].count, 4);
	assert_int_equal(found[0].low_ns, 60 * S);
	assert_int_equal(found[0].high_ns, 60100 * MS);
	assert_int_equal(found[0].middle_ns, 60020 * MS);
}

static void test_two_peaks_largest_first(void **state)
{
	int64_t values[64];
	struct cluster found[CLUSTERS_MAX];
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		values[count++] = 350 * S + i * 10 * MS;
	for (int i = 0; i < 20; i++)
		values[count++] = 5 * S + i * MS;
	assert_int_equal(clusters_find(values, count, found), 2);
	assert_int_equal(found[0].count, 20);
	assert_int_equal(found[1].count, 10);
	assert_true(found[1].low_ns == 350 * S);
}

static void test_too_few_or_spread_out_is_no_peak(void **state)
{
	int64_t two[] = {75 * S, 75 * S};
	int64_t spread[40];
	struct cluster found[CLUSTERS_MAX];
	double at = 5e9;

	(void)state;
	assert_int_equal(clusters_find(two, 0, found), 0);
	assert_int_equal(clusters_find(two, 2, found), 0);
	for (int i = 0; i < 40; i++, at *= 1.2) /* even over the logarithm */
		spread[i] = (int64_t)at;
	assert_int_equal(clusters_find(spread, 40, found), 0);
}

static void test_timers(void **state)
{
	(void)state;
	assert_non_null(strstr(timer_hint(350 * S), "AWS Network Load Balancer"));
	assert_non_null(strstr(timer_hint(5001 * MS), "Node.js"));
	assert_non_null(strstr(timer_hint(240 * S), "Azure"));
	assert_null(timer_hint(INT64_MIN));
	assert_null(timer_hint(42 * S));
	assert_null(timer_hint(100 * S));
}

static void expect_p(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b, double expected)
{
	uint64_t hits[] = {a, b}, of[] = {of_a, of_b};
	double p = significance_p(hits, of);

	if (fabs(p - expected) > 0.0005)
		fail_msg("%g for %d/%d and %d/%d, expected %g", p, (int)a, (int)of_a, (int)b,
			 (int)of_b, expected);
}

static void test_significance(void **state)
{
	(void)state;
	expect_p(3, 4, 1, 4, 0.4857);           /* Fisher's lady tasting tea */
	expect_p(1, 10, 11, 14, 0.0028);        /* a table of many textbooks: 0.002759 */
	expect_p(8, 100, 8, 100, 1);            /* equal */
	expect_p(150, 1000, 100, 1000, 0.0007); /* z = 3.381 */
	expect_p(0, 0, 5, 10, 1);
	expect_p(0, 10, 0, 20, 1);
	assert_true(significance_supports(0.04, 1));
	assert_false(significance_supports(0.04, 2));
}

static void expect_id(const char *one, uint16_t one_port, const char *other, uint16_t other_port,
		      const char *expected)
{
	char id[COMMUNITY_ID_SIZE];

	assert_true(community_id(one, one_port, other, other_port, id));
	assert_string_equal(id, expected);
	assert_true(community_id(other, other_port, one, one_port, id));
	assert_string_equal(id, expected);
}

/* From the specification's baseline, seed 0. */
static void test_community_id(void **state)
{
	char id[COMMUNITY_ID_SIZE];

	(void)state;
	expect_id("128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	expect_id("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25,
		  "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
	assert_false(community_id("10.0.0.1", 1, "2001:db8::1", 2, id));
	assert_false(community_id("", 1, "", 2, id));
}

static void test_silence_bins_grow(void **state)
{
	(void)state;
	assert_int_equal(silence_bin_ns(0), 0);
	for (size_t i = 1; i <= SILENCE_BINS; i++)
		assert_true(silence_bin_ns(i) > silence_bin_ns(i - 1));
}

/* Whoever is counted, is counted in full; a flood takes no more memory than so much. */
static void test_parties_are_counted_up_to_a_bound(void **state)
{
	struct party_counts counts = {.key = {1}};

	(void)state;
	assert_int_equal(party_counts_of(&counts, 1, 80), 0);
	for (int64_t host = 1; host <= PARTY_COUNTS_CLIENTS + PARTY_COUNTS_MAX + 1000; host++) {
		assert_true(party_counts_add(&counts, host, 0));
		assert_true(host > 9 || party_counts_add(&counts, host, 80));
	}
	for (int64_t host = 1; host <= 5; host++)
		assert_true(party_counts_add(&counts, host, 80));
	assert_int_equal(party_counts_of(&counts, 5, 80), 2);
	assert_int_equal(party_counts_of(&counts, 6, 80), 1);
	assert_int_equal(party_counts_of(&counts, 10, 80), 0);
	assert_int_equal(party_counts_of(&counts, PARTY_COUNTS_MAX / 2, 0), 1);
	assert_int_equal(party_counts_of(&counts, PARTY_COUNTS_CLIENTS - 1, 0), 1);
	assert_int_equal(party_counts_of(&counts, PARTY_COUNTS_CLIENTS, 0), 1);
	assert_int_equal(party_counts_of(&counts, PARTY_COUNTS_CLIENTS + PARTY_COUNTS_MAX + 999, 0),
			 0);
	assert_int_equal(party_counts_of(&counts, 0, 0), 0);
	assert_int_equal(counts.used, PARTY_COUNTS_MAX);
	assert_in_range(counts.places * sizeof(*counts.place), 1, 64 << 20);
	assert_in_range(counts.clients, 1, PARTY_COUNTS_CLIENTS);
	party_counts_free(&counts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_peak),
		cmocka_unit_test(test_two_peaks_largest_first),
		cmocka_unit_test(test_too_few_or_spread_out_is_no_peak),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_significance),
		cmocka_unit_test(test_community_id),
		cmocka_unit_test(test_silence_bins_grow),
		cmocka_unit_test(test_parties_are_counted_up_to_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
