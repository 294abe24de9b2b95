/* Texts and their ids: what is found is what was put last, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/text_cache.h"

enum { PLACES = 64 };

static int set_up(void **state)
{
	static struct text_cache cache;

	*state = &cache;
	return text_cache_init(&cache, PLACES) ? 0 : -1;
}

static int tear_down(void **state)
{
	text_cache_free(*state);
	return 0;
}

static void a_text_is_found_until_all_is_forgotten(void **state)
{
	struct text_cache *cache = *state;

	assert_int_equal(text_cache_get(cache, "", 0), 0);
	assert_int_equal(text_cache_get(cache, "TLS", 3), 0);
	text_cache_put(cache, "TLS", 3, 7);
	assert_int_equal(text_cache_get(cache, "TLS", 3), 7);
	assert_int_equal(text_cache_get(cache, "TLS", 3), 7);
	text_cache_put(cache, "TLS", 3, 8);
	assert_int_equal(text_cache_get(cache, "TLS", 3), 8);
	text_cache_clear(cache);
	assert_int_equal(text_cache_get(cache, "TLS", 3), 0);
}

/* The first bytes of each other, bytes of value 0, and one letter that differs in any place. */
static void similar_texts_are_told_apart(void **state)
{
	static const char text[] = "HTTP\0Web\0a.example\0", *const zeros = "\0\0\0\0\0\0\0\0\0";
	struct text_cache *cache = *state;
	char other[sizeof(text)];

	text_cache_put(cache, text, sizeof(text), 1);
	for (size_t size = 0; size < sizeof(text); size++)
		assert_int_equal(text_cache_get(cache, text, size), 0);
	for (size_t i = 0; i < sizeof(text); i++) {
		memcpy(other, text, sizeof(text));
		other[i] ^= 1;
		assert_int_equal(text_cache_get(cache, other, sizeof(other)), 0);
	}
	assert_int_equal(text_cache_get(cache, text, sizeof(text)), 1);
	for (size_t size = 0; size <= 9; size++) {
		text_cache_put(cache, zeros, size, (int64_t)size + 1);
		assert_int_equal(text_cache_get(cache, zeros, size), (int64_t)size + 1);
		assert_int_equal(text_cache_get(cache, zeros, size + 1), 0);
	}
}

static void a_text_too_long_is_not_kept(void **state)
{
	struct text_cache *cache = *state;
	char text[TEXT_CACHE_MAX + 1];

	memset(text, 'x', sizeof(text));
	text_cache_put(cache, text, TEXT_CACHE_MAX, 1);
	text_cache_put(cache, text, TEXT_CACHE_MAX + 1, 2);
	assert_int_equal(text_cache_get(cache, text, TEXT_CACHE_MAX), 1);
	assert_int_equal(text_cache_get(cache, text, TEXT_CACHE_MAX + 1), 0);
}

/* Ten times as many as there are places. */
static void what_is_found_is_right(void **state)
{
	struct text_cache *cache = *state;
	int found = 0;
	char text[32];

	for (int i = 1; i <= 10 * PLACES; i++) {
		int size = snprintf(text, sizeof(text), "host%d.example", i);

		text_cache_put(cache, text, (size_t)size, i);
		assert_int_equal(text_cache_get(cache, text, (size_t)size), i);
	}
	for (int i = 1; i <= 10 * PLACES; i++) {
		int size = snprintf(text, sizeof(text), "host%d.example", i);
		int64_t id = text_cache_get(cache, text, (size_t)size);

		assert_true(id == 0 || id == i);
		found += id != 0;
	}
	assert_in_range(found, PLACES / 2, PLACES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_text_is_found_until_all_is_forgotten, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(similar_texts_are_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_text_too_long_is_not_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_found_is_right, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
