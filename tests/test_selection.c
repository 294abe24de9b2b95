/* Which connections are wanted, and how the database tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/path.h"
#include "streams/selection.h"

static const uint8_t hash_key[16] = {1, 2, 3};

static struct wanted wanted_of(unsigned n)
{
	struct wanted w = {.id = n + 1, .ip_version = 4, .first_ns = n};

	w.address[0] = (struct ip_address){.bytes = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}};
	w.address[1] = (struct ip_address){.bytes = {10, 1, 0, 1}};
	w.port[0] = (uint16_t)(n % 60000);
	w.port[1] = 80;
	return w;
}

static struct verdict verdict_of(const struct wanted *w)
{
	struct verdict v = {
		.ip_version = w->ip_version, .first_ns = w->first_ns, .tunnel = w->tunnel};

	for (int side = 0; side < SIDES; side++) {
		v.dir[side].address = w->address[side];
		v.dir[side].port = w->port[side];
		v.dir[side].seen = true;
		v.dir[side].vlan_tags = w->vlan;
	}
	return v;
}

static struct stream_origin origin_of(const struct wanted *w)
{
	return (struct stream_origin){.ip_version = w->ip_version,
				      .address = {w->address[0], w->address[1]},
				      .port = {w->port[0], w->port[1]},
				      .tunnel = w->tunnel.depth ? &w->tunnel : NULL,
				      .first_ns = w->first_ns};
}

static void turn_round(struct wanted *w)
{
	struct ip_address address = w->address[0];
	uint16_t port = w->port[0];

	w->address[0] = w->address[1];
	w->address[1] = address;
	w->port[0] = w->port[1];
	w->port[1] = port;
}

static void test_found_again(void **state)
{
	enum { COUNT = 20000 };
	struct selection *s = selection_new(hash_key);
	struct error err = {""};

	(void)state;
	for (unsigned n = 0; n < COUNT; n += 2) {
		struct wanted w = wanted_of(n);

		assert_true(selection_add(s, &w, &err));
	}
	assert_int_equal(selection_count(s), COUNT / 2);
	for (unsigned n = 0; n < COUNT; n++) {
		struct wanted w = wanted_of(n);
		struct stream_origin origin;
		struct verdict v;
		const struct wanted *found;

		/* who is called the initiator does not matter */
		if (n % 4 < 2)
			turn_round(&w);
		origin = origin_of(&w);
		v = verdict_of(&w);
		found = selection_take(s, &v);
		assert_int_equal(selection_may_take(s, &origin), n % 2 == 0);
		if (n % 2 == 0)
			assert_int_equal(found->id, n + 1);
		else
			assert_null(found);
	}
	for (size_t i = 0; i < selection_count(s); i++)
		assert_true(selection_at(s, i)->found);
	selection_free(s);
}

/* Incarnations of one tuple differ in the time, mirrored ones in the VLAN, tunnelled ones in the
 * tunnel. */
static void test_told_apart(void **state)
{
	struct selection *s = selection_new(hash_key);
	struct wanted w = wanted_of(1);
	struct error err = {""};
	struct verdict v;
	struct stream_origin origin;

	(void)state;
	w.vlan = 7;
	w.tunnel = (struct tunnel){.depth = 1, .hop = {{TUNNEL_VXLAN, 42}}};
	assert_true(selection_add(s, &w, &err));
	w.first_ns = 99;
	w.id = 99;
	assert_true(selection_add(s, &w, &err));
	v = verdict_of(&w);
	assert_int_equal(selection_take(s, &v)->id, 99);
	v.first_ns = 1;
	assert_int_equal(selection_take(s, &v)->id, 2);
	v.first_ns = 2;
	assert_null(selection_take(s, &v));
	v.first_ns = 1;
	v.dir[SIDE_INITIATOR].vlan_tags = 8;
	assert_null(selection_take(s, &v));
	/* of the responder, where the initiator sent nothing */
	v.dir[SIDE_INITIATOR].seen = false;
	assert_int_equal(selection_take(s, &v)->id, 2);
	v.tunnel.hop[0].id = 43;
	assert_null(selection_take(s, &v));
	origin = origin_of(&w);
	assert_true(selection_may_take(s, &origin));
	origin.tunnel = NULL;
	assert_false(selection_may_take(s, &origin));
	selection_free(s);
}

static void test_empty(void **state)
{
	struct selection *s = selection_new(hash_key);
	struct wanted w = wanted_of(1);
	struct stream_origin origin = origin_of(&w);
	struct verdict v = verdict_of(&w);

	(void)state;
	assert_false(selection_may_take(s, &origin));
	assert_null(selection_take(s, &v));
	selection_free(s);
}

static void test_tunnel_text(void **state)
{
	static const struct tunnel tunnels[] = {
		{.depth = 0},
		{.depth = 1, .hop = {{TUNNEL_GRE, 0}}},
		{.depth = 2, .hop = {{TUNNEL_GRE, 5}, {TUNNEL_VXLAN, 42}}},
		{.depth = 4,
		 .hop = {{TUNNEL_IPIP, 0},
			 {TUNNEL_6IN4, 0},
			 {TUNNEL_GENEVE, UINT32_MAX},
			 {TUNNEL_4IN6, 0}}},
		{.depth = 1, .hop = {{TUNNEL_6IN6, 0}}},
	};
	static const char *const none[] = {
		"x",       "gre ",         "gre(key 5",
		"gre > ",  "vxlan(vni )",  " > gre",
		"gre>gre", "gre(key 5) x", "ipip > ipip > ipip > ipip > ipip",
	};
	char text[TUNNEL_TEXT_MAX];
	struct tunnel back;

	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		tunnel_text(&tunnels[i], text);
		assert_true(tunnel_parse(text, &back));
		assert_memory_equal(&back, &tunnels[i], sizeof(back));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (tunnel_parse(none[i], &back))
			fail_msg("'%s' is a tunnel", none[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_told_apart),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_tunnel_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
