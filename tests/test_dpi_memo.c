/* streams/dpi_memo.h: who says the same again gets the same answer, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "streams/dpi_memo.h"
#include "tests/dpi_scene.h"

static const char request[] = "GET /health HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: x\r\n\r\nfine\n";
static const char program[] =
	"HTTP/1.1 200 OK\r\nContent-Type: application/x-msdownload\r\nServer: x\r\n\r\nMZ";

/* What an open connection says. */
static void converse(struct dpi_scene *s, const char *answer)
{
	dpi_deliver_text(s, SIDE_INITIATOR, request);
	dpi_deliver_text(s, SIDE_RESPONDER, answer);
}

static void ask(struct dpi_scene *s, struct dpi *dpi, uint16_t from_port, const char *answer)
{
	dpi_open_between(s, dpi, from_port, 80, false);
	converse(s, answer);
}

/* The names of its risks, in order. */
static void risks_into(const struct application *a, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < a->risk_count; i++)
		at += (size_t)snprintf(text + at, size - at, "%s;", a->risks[i]);
	assert_true(at < size);
}

static void expect_same(const struct application *a, const struct application *b)
{
	char of_a[1024], of_b[1024];

	assert_int_equal(a == NULL, b == NULL);
	if (!a)
		return;
	risks_into(a, of_a, sizeof(of_a));
	risks_into(b, of_b, sizeof(of_b));
	assert_string_equal(of_a, of_b);
	assert_int_equal(a->guessed, b->guessed);
	assert_string_equal(a->name ? a->name : "-", b->name ? b->name : "-");
	assert_string_equal(a->category ? a->category : "-", b->category ? b->category : "-");
	assert_string_equal(a->server_name ? a->server_name : "-",
			    b->server_name ? b->server_name : "-");
}

static void test_the_same_again(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene first, again;

	(void)state;
	ask(&first, dpi, 40000, fine);
	assert_false(first.reading.wants[0]);
	assert_int_equal(dpi_counts(dpi)->repeated, 0);
	ask(&again, dpi, 40001, fine);
	assert_false(again.reading.wants[0]);
	assert_int_equal(dpi_counts(dpi)->repeated, 1);
	assert_int_equal(dpi_counts(dpi)->identified, 2);
	assert_int_equal(dpi_counts(dpi)->peak_undecided, 1);
	expect_same(dpi_finish(&first), dpi_finish(&again));
	assert_int_equal(first.epilogue.application_at.packet,
			 again.epilogue.application_at.packet);
	dpi_close(&first);
	dpi_end(&again, "HTTP", false, "www.example.org");
	dpi_free(dpi);
}

/* It has a risk of its own, and is known as well from then on. */
static void test_another_answer(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults()), *fresh = dpi_with(dpi_defaults());
	struct dpi_scene s, alone;

	(void)state;
	ask(&s, dpi, 40000, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	for (uint32_t known = 0; known < 3; known++) {
		ask(&s, dpi, 40000, program);
		assert_int_equal(dpi_counts(dpi)->repeated, known);
		ask(&alone, fresh, (uint16_t)(40001 + known), program);
		expect_same(dpi_finish(&s), dpi_finish(&alone));
		assert_true(s.epilogue.application->risk_count > 0);
		dpi_close(&s);
		dpi_close(&alone);
	}
	ask(&s, dpi, 40000, fine);
	assert_int_equal(dpi_counts(dpi)->repeated, 3);
	dpi_end(&s, "HTTP", false, "www.example.org");
	dpi_free(dpi);
	dpi_free(fresh);
}

static void test_other_ends(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene s;

	(void)state;
	ask(&s, dpi, 40000, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	/* a port of a service, as far as nDPI knows, and one that nobody's system chose */
	ask(&s, dpi, 6379, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	ask(&s, dpi, 1025, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	dpi_open(&s, dpi, 8080, false);
	converse(&s, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	dpi_open(&s, dpi, 80, true);
	converse(&s, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	dpi_open_of(&s, dpi,
		    &(struct stream_origin){.ip_version = 4,
					    .address = {{{10, 0, 0, 1}}, {{10, 0, 0, 3}}},
					    .port = {40000, 80}});
	converse(&s, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	dpi_open_of(&s, dpi,
		    &(struct stream_origin){.ip_version = 6,
					    .address = {{{10, 0, 0, 1}}, {{10, 0, 0, 2}}},
					    .port = {40000, 80}});
	converse(&s, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	assert_int_equal(dpi_counts(dpi)->repeated, 0);
	dpi_free(dpi);
}

static void test_it_stops_halfway(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene s;
	struct error err = {{0}};

	(void)state;
	ask(&s, dpi, 40000, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	/* it ends behind the request */
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(&s, SIDE_INITIATOR, request);
	assert_int_equal(dpi_counts(dpi)->undecided, 0);
	assert_true(s.consumer.ended(s.consumer.context, &s.reading, &err));
	dpi_end(&s, "HTTP", false, "www.example.org");
	/* the answer is missing */
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(&s, SIDE_INITIATOR, request);
	dpi_deliver(&s, SIDE_RESPONDER, NULL, 100);
	dpi_end(&s, "HTTP", false, "www.example.org");
	/* the run fails meanwhile */
	dpi_open(&s, dpi, 80, false);
	dpi_deliver_text(&s, SIDE_INITIATOR, request);
	dpi_close(&s);
	assert_int_equal(dpi_counts(dpi)->repeated, 0);
	dpi_free(dpi);
}

/* What nDPI guesses may depend on what it has seen of others. */
static void test_guesses_are_asked_for_again(void **state)
{
	struct dpi *dpi = dpi_with(dpi_defaults());
	struct dpi_scene s;

	(void)state;
	for (int i = 0; i < 3; i++) {
		dpi_open(&s, dpi, 5432, false);
		dpi_deliver_text(&s, SIDE_INITIATOR, "?");
		dpi_end(&s, "PostgreSQL", true, NULL);
	}
	assert_int_equal(dpi_counts(dpi)->repeated, 0);
	dpi_free(dpi);
}

/* ---- any conversation: the same as with an nDPI that has seen no other ---- */

static uint32_t random_below(uint32_t *random, uint32_t bound)
{
	*random = *random * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*random * bound) >> 32);
}

static void say_anything(struct dpi_scene *s, struct dpi *dpi, uint32_t random)
{
	static const char *const pieces[] = {
		request,
		fine,
		program,
		"GET /a HTTP/1.0\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"220 mail.example.org ESMTP\r\n",
		"EHLO x\r\n",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
		"x",
	};
	static const uint16_t ports[] = {80, 22, 25, 443, 9999};
	uint32_t count = 1 + random_below(&random, 5);
	bool web = random_below(&random, 2);

	dpi_open_between(s, dpi, (uint16_t)(40000 + random_below(&random, 3)),
			 web ? 80 : ports[random_below(&random, 5)],
			 random_below(&random, 20) == 0);
	if (web)
		dpi_deliver_text(s, SIDE_INITIATOR, request);
	for (uint32_t i = 0; i < count; i++) {
		enum side from = (enum side)random_below(&random, SIDES);

		if (random_below(&random, 25) == 0)
			dpi_deliver(s, from, NULL, 10);
		else
			dpi_deliver_text(s, from, pieces[random_below(&random, 9)]);
	}
}

/* Who says the same, alone with nDPI. */
struct loner {
	struct dpi *dpi;
	struct dpi_scene scene;
};

static void test_any_conversation(void **state)
{
	enum { KINDS = 24, CONVERSATIONS = 1000 };
	struct dpi *dpi = dpi_with(dpi_defaults());
	static struct loner loner[KINDS];
	uint32_t random = 7;

	(void)state;
	for (uint32_t kind = 0; kind < KINDS; kind++) {
		loner[kind].dpi = dpi_with(dpi_defaults());
		say_anything(&loner[kind].scene, loner[kind].dpi, kind * 2654435761u);
		dpi_finish(&loner[kind].scene);
	}
	for (int i = 0; i < CONVERSATIONS; i++) {
		uint32_t kind = random_below(&random, KINDS);
		const struct epilogue *alone = &loner[kind].scene.epilogue;
		struct dpi_scene s;

		say_anything(&s, dpi, kind * 2654435761u);
		expect_same(dpi_finish(&s), alone->application);
		assert_int_equal(s.epilogue.application_at.packet, alone->application_at.packet);
		dpi_close(&s);
	}
	assert_in_range(dpi_counts(dpi)->repeated, CONVERSATIONS / 10, CONVERSATIONS);
	for (uint32_t kind = 0; kind < KINDS; kind++) {
		dpi_close(&loner[kind].scene);
		dpi_free(loner[kind].dpi);
	}
	dpi_free(dpi);
}

/* ---- what followed last is looked at first ---- */

static struct dpi_step *found(struct dpi_memo *memo, struct dpi_step *from, enum side side,
			      const char *piece)
{
	struct dpi_step *step = dpi_memo_find(memo, from, side, (const uint8_t *)piece,
					      strlen(piece));

	dpi_memo_leave(memo, step);
	return step;
}

static void test_what_followed_last(void **state)
{
	enum { MAX = 4000 };
	static const uint8_t key[16] = {1};
	static uint8_t filler[1000];
	struct application_table *table = application_table_new(1 << 20, key);
	struct dpi_memo *memo = dpi_memo_new(MAX, key, table);
	struct dpi_ends ends = {.ip_version = 4, .port = {1, 2}};
	struct dpi_step *root = dpi_memo_start(memo, &ends), *a, *b;

	(void)state;
	a = dpi_memo_add(memo, root, SIDE_INITIATOR, (const uint8_t *)"one", 3);
	b = dpi_memo_add(memo, root, SIDE_INITIATOR, (const uint8_t *)"two", 3);
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(found(memo, root, SIDE_INITIATOR, "one"), a);
		assert_ptr_equal(found(memo, root, SIDE_INITIATOR, "one"), a);
		assert_null(found(memo, root, SIDE_RESPONDER, "one"));
		assert_null(found(memo, root, SIDE_INITIATOR, "on"));
		assert_null(found(memo, root, SIDE_INITIATOR, "once"));
		assert_ptr_equal(found(memo, root, SIDE_INITIATOR, "two"), b);
	}
	dpi_memo_leave(memo, a);
	/* forgotten with all others: b, which was found last and is held, and a */
	for (uint32_t i = 0; i < MAX / sizeof(filler); i++) {
		memcpy(filler, &i, sizeof(i));
		dpi_memo_leave(memo,
			       dpi_memo_add(memo, root, SIDE_RESPONDER, filler, sizeof(filler)));
	}
	assert_null(found(memo, root, SIDE_INITIATOR, "two"));
	assert_null(found(memo, root, SIDE_INITIATOR, "one"));
	dpi_memo_leave(memo, b);
	dpi_memo_leave(memo, root);
	dpi_memo_free(memo);
	application_table_free(table);
}

/* ---- its bounds ---- */

static void test_bounds(void **state)
{
	enum { MAX = 20000, HOLDERS = 64 };
	static const uint8_t key[16] = {1};
	static uint8_t bytes[DPI_MEMO_PIECE_MAX + 1];
	struct application_table *table = application_table_new(1 << 20, key);
	struct dpi_memo *memo = dpi_memo_new(MAX, key, table);
	struct dpi_ends ends = {.ip_version = 4, .port = {1, 2}};
	struct dpi_step *root = dpi_memo_start(memo, &ends), *step, *held[HOLDERS];

	(void)state;
	assert_non_null(root);
	assert_null(dpi_memo_add(memo, root, SIDE_INITIATOR, bytes, sizeof(bytes)));
	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(bytes, &i, sizeof(i));
		step = dpi_memo_add(memo, root, SIDE_INITIATOR, bytes, 100);
		assert_non_null(step);
		assert_true(dpi_memo_bytes(memo) <= 2 * MAX);
		dpi_memo_leave(memo, step);
	}
	/* all held: no more than twice the bound */
	for (uint32_t i = 0; i < HOLDERS; i++) {
		memcpy(bytes, &i, sizeof(i));
		held[i] = dpi_memo_add(memo, root, SIDE_RESPONDER, bytes, 1000);
		assert_true(dpi_memo_bytes(memo) <= 2 * MAX);
	}
	assert_non_null(held[0]);
	assert_null(held[HOLDERS - 1]);
	for (uint32_t i = 0; i < HOLDERS; i++)
		dpi_memo_leave(memo, held[i]);
	dpi_memo_leave(memo, root);
	dpi_memo_free(memo);
	application_table_free(table);
}

/* A piece that is what its place is hashed as: it must not make the hash known. */
static void test_no_hash_is_known(void **state)
{
	static const uint8_t key[16] = {1};
	struct application_table *table = application_table_new(1 << 20, key);
	struct dpi_memo *memo = dpi_memo_new(1 << 20, key, table);
	struct dpi_step *root[2], *step[2];

	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		struct dpi_ends ends = {.ip_version = 4, .port = {1, i}};
		uint64_t piece[2] = {0, (uint64_t)SIDE_RESPONDER << 32 | sizeof(piece)};

		root[i] = dpi_memo_start(memo, &ends);
		piece[0] = root[i]->serial;
		step[i] = dpi_memo_add(memo, root[i], SIDE_RESPONDER, (const uint8_t *)piece,
				       sizeof(piece));
	}
	assert_int_not_equal(step[0]->hash, step[1]->hash);
	for (int i = 0; i < 2; i++) {
		dpi_memo_leave(memo, step[i]);
		dpi_memo_leave(memo, root[i]);
	}
	dpi_memo_free(memo);
	application_table_free(table);
}

/* Whose result lacks the name, as there was no room for it, is asked for again. */
static void test_shortened_results_are_not_kept(void **state)
{
	struct dpi_config config = dpi_defaults();
	struct dpi_scene first, s;
	struct dpi *dpi;

	(void)state;
	config.max_results = 200;
	dpi = dpi_with(config);
	dpi_open(&first, dpi, 80, false);
	dpi_deliver_text(&first, SIDE_INITIATOR,
			 "GET / HTTP/1.1\r\nHost: long-name-that-takes-the-room.example\r\n\r\n");
	dpi_finish(&first);
	for (uint64_t i = 1; i <= 2; i++) {
		ask(&s, dpi, 40000, fine);
		assert_int_equal(dpi_counts(dpi)->shortened, i);
		dpi_end(&s, "HTTP", false, NULL);
	}
	assert_int_equal(dpi_counts(dpi)->repeated, 0);
	dpi_close(&first);
	ask(&s, dpi, 40000, fine);
	dpi_end(&s, "HTTP", false, "www.example.org");
	dpi_free(dpi);
}

static void test_depth(void **state)
{
	static const uint8_t key[16] = {1};
	struct application_table *table = application_table_new(1 << 20, key);
	struct dpi_memo *memo = dpi_memo_new(1 << 20, key, table);
	struct dpi_ends ends = {.ip_version = 4, .port = {1, 2}};
	struct dpi_step *at = dpi_memo_start(memo, &ends), *next;

	(void)state;
	for (int i = 0; i < DPI_MEMO_DEPTH_MAX; i++) {
		next = dpi_memo_add(memo, at, SIDE_INITIATOR, (const uint8_t *)"x", 1);
		assert_non_null(next);
		assert_ptr_equal(next->before, at);
		dpi_memo_leave(memo, at);
		at = next;
	}
	assert_null(dpi_memo_add(memo, at, SIDE_INITIATOR, (const uint8_t *)"x", 1));
	assert_null(dpi_memo_find(memo, at, SIDE_INITIATOR, (const uint8_t *)"x", 1));
	dpi_memo_leave(memo, at);
	assert_true(dpi_memo_bytes(memo) > 0);
	dpi_memo_free(memo);
	application_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_again),
		cmocka_unit_test(test_another_answer),
		cmocka_unit_test(test_other_ends),
		cmocka_unit_test(test_it_stops_halfway),
		cmocka_unit_test(test_guesses_are_asked_for_again),
		cmocka_unit_test(test_any_conversation),
		cmocka_unit_test(test_what_followed_last),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_no_hash_is_known),
		cmocka_unit_test(test_shortened_results_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
