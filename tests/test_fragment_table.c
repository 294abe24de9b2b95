/* The fragment table by itself: its bounds, and random pieces against a plain map of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/fragment.h"

static const uint8_t hash_key[16];
static const struct ip_address address;
static const struct tunnel no_tunnel;

/* Bytes [start, end) of an IPv4 datagram. */
static enum fragment_result add(struct fragment_table *table, uint32_t id, uint32_t start,
				uint32_t end, bool more, const uint8_t *bytes,
				struct datagram *datagram)
{
	struct fragment f = {
		.ip_version = 4,
		.protocol = 6,
		.src = &address,
		.dst = &address,
		.tunnel = &no_tunnel,
		.id = id,
		.offset = start,
		.length = end - start,
		.more = more,
		.bytes = cursor_of(bytes, end - start),
	};

	return fragment_add(table, &f, datagram);
}

/* At the bound the oldest datagrams go; what is in use never exceeds it. */
static void test_memory_bound(void **state)
{
	enum { LENGTH = 8000, BOUND = 100000 };
	struct fragment_table *table = fragment_table_new(hash_key, BOUND);
	uint8_t bytes[LENGTH] = {0};
	struct datagram datagram;

	(void)state;
	assert_non_null(table);
	for (uint32_t id = 0; id < 1000; id++) {
		assert_int_equal(add(table, id, 0, LENGTH, true, bytes, &datagram), FRAGMENT_WAITS);
		assert_in_range(fragment_memory(table), 1, BOUND);
	}
	/* At 8 kB each about twelve have room. */
	assert_in_range(fragment_given_up(table), 1000 - 12, 1000 - 9);
	assert_int_equal(add(table, 999, LENGTH, 2 * LENGTH, false, bytes, &datagram),
			 FRAGMENT_COMPLETE);
	assert_int_equal(datagram.length, 2 * LENGTH);
	/* Long gone: waits for its first half. */
	assert_int_equal(add(table, 0, LENGTH, 2 * LENGTH, false, bytes, &datagram),
			 FRAGMENT_WAITS);
	fragment_table_free(table);

	table = fragment_table_new(hash_key, LENGTH / 2); /* too small for a single one */
	assert_non_null(table);
	assert_int_equal(add(table, 0, 0, LENGTH, true, bytes, &datagram), FRAGMENT_BAD);
	assert_int_equal(fragment_memory(table), 0);
	fragment_table_free(table);
}

static enum fragment_result add_in_vlan(struct fragment_table *table, uint64_t vlan_tags,
					uint32_t offset, bool more, const uint8_t *bytes,
					struct datagram *datagram)
{
	struct fragment f = {.ip_version = 4,
			     .protocol = 6,
			     .src = &address,
			     .dst = &address,
			     .tunnel = &no_tunnel,
			     .vlan_tags = vlan_tags,
			     .id = 7,
			     .offset = offset,
			     .length = 8,
			     .more = more,
			     .bytes = cursor_of(bytes, 8)};

	return fragment_add(table, &f, datagram);
}

/* Two VLANs may use the same addresses and identification at the same time. */
static void test_vlans_apart(void **state)
{
	struct fragment_table *table = fragment_table_new(hash_key, FRAGMENT_MEMORY_DEFAULT);
	static const uint8_t one[8] = {1, 1, 1, 1, 1, 1, 1, 1}, two[8] = {2, 2, 2, 2, 2, 2, 2, 2};
	struct datagram datagram;

	(void)state;
	assert_int_equal(add_in_vlan(table, 1, 0, true, one, &datagram), FRAGMENT_WAITS);
	assert_int_equal(add_in_vlan(table, 2, 0, true, two, &datagram), FRAGMENT_WAITS);
	assert_int_equal(add_in_vlan(table, 2, 8, false, two, &datagram), FRAGMENT_COMPLETE);
	assert_memory_equal(datagram.bytes.at, two, 8);
	assert_int_equal(add_in_vlan(table, 1, 8, false, one, &datagram), FRAGMENT_COMPLETE);
	assert_memory_equal(datagram.bytes.at, one, 8);
	fragment_table_free(table);
}

/* Nothing can follow the last fragment. */
static void test_more_at_the_end(void **state)
{
	struct fragment_table *table = fragment_table_new(hash_key, FRAGMENT_MEMORY_DEFAULT);
	uint8_t bytes[16] = {0};
	struct datagram datagram;

	(void)state;
	assert_non_null(table);
	assert_int_equal(add(table, 1, 8, 16, false, bytes, &datagram), FRAGMENT_WAITS);
	assert_int_equal(add(table, 1, 0, 16, true, bytes, &datagram), FRAGMENT_BAD);
	assert_int_equal(add(table, 1, 0, 8, true, bytes, &datagram), FRAGMENT_COMPLETE);
	fragment_table_free(table);
}

/* One datagram in random pieces, each with bytes of its own: first come, first kept. */
static void random_round(struct fragment_table *table, uint32_t id, uint32_t *random)
{
	enum { LENGTH = 256 };
	uint8_t expected[LENGTH] = {0}, bytes[LENGTH];
	bool held[LENGTH] = {false};
	enum fragment_result result = FRAGMENT_WAITS;
	struct datagram datagram;

	for (unsigned stamp = 1; result == FRAGMENT_WAITS; stamp++) {
		uint32_t start, end;
		size_t missing = 0;

		*random = *random * 1103515245 + 12345;
		start = (*random >> 16) % (LENGTH / 8) * 8;
		*random = *random * 1103515245 + 12345;
		end = start + ((*random >> 16) % 6 + 1) * 8;
		if (end > LENGTH)
			end = LENGTH;
		memset(bytes, (int)stamp, sizeof(bytes));
		for (uint32_t i = start; i < end; i++) {
			if (!held[i])
				expected[i] = (uint8_t)stamp;
			held[i] = true;
		}
		for (size_t i = 0; i < LENGTH; i++)
			missing += !held[i];
		result = add(table, id, start, end, end < LENGTH, bytes, &datagram);
		assert_int_equal(result, missing ? FRAGMENT_WAITS : FRAGMENT_COMPLETE);
	}
	assert_int_equal(datagram.length, LENGTH);
	assert_int_equal(datagram.bytes.left, LENGTH);
	assert_memory_equal(datagram.bytes.at, expected, LENGTH);
}

static void test_random(void **state)
{
	struct fragment_table *table = fragment_table_new(hash_key, FRAGMENT_MEMORY_DEFAULT);
	uint32_t random = 12345;

	(void)state;
	assert_non_null(table);
	for (uint32_t id = 0; id < 300; id++) {
		random_round(table, id, &random);
		fragment_release(table);
		assert_int_equal(fragment_memory(table), 0);
	}
	fragment_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_bound),
		cmocka_unit_test(test_vlans_apart),
		cmocka_unit_test(test_more_at_the_end),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
