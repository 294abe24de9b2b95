/* analyzer/flow_table.h: identity, VLAN lanes, growth, queues, chains of incarnations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/flow_table.h"
#include "tests/engine_scene.h"

static const uint8_t hash_key[16] = {1, 2, 3};
static const struct tunnel no_tunnel;

static struct flow_key key_from(const struct ends *ends, enum side from, enum way *way)
{
	enum side to = from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;

	return flow_key_of(&ends->address[from], ends->port[from], &ends->address[to],
			   ends->port[to], ends->ip_version, way);
}

static struct flow *add(struct flow_table *t, const struct flow_key *key,
			const struct tunnel *tunnel)
{
	struct flow *f = flow_add(t, flow_hash(t, key, tunnel), key, tunnel);

	assert_non_null(f);
	return f;
}

static struct flow *find(struct flow_table *t, const struct flow_key *key,
			 const struct tunnel *tunnel, enum way way, uint64_t vlan_tags)
{
	bool bound;
	struct flow *f = flow_find(t, flow_hash(t, key, tunnel), key, tunnel, way, vlan_tags,
				   &bound);

	assert_false(bound);
	return f;
}

static struct flow *find_any(struct flow_table *t, const struct flow_key *key,
			     const struct tunnel *tunnel)
{
	return flow_find_any(t, flow_hash(t, key, tunnel), key, tunnel);
}

static struct flow_key key_of_number(uint32_t number)
{
	struct ends ends = ends_of(number);
	enum way way;

	return key_from(&ends, SIDE_INITIATOR, &way);
}

/* A segment of this VLAN was placed there, as the engine does it. */
static void goes(struct flow_table *t, struct flow *f, enum way way, uint64_t vlan_tags)
{
	assert_true(flow_sees(t, f, way, vlan_tags));
}

/* ---- identity ---- */

static void assert_one_key(struct flow_table *t, const struct ends *ends)
{
	enum way there, back;
	struct flow_key x = key_from(ends, SIDE_INITIATOR, &there);
	struct flow_key y = key_from(ends, SIDE_RESPONDER, &back);

	assert_memory_equal(&x, &y, sizeof(x));
	assert_int_not_equal(there, back);
	assert_true(flow_hash(t, &x, &no_tunnel) == flow_hash(t, &y, &no_tunnel));
	assert_true(memcmp(&x.low, &x.high, sizeof(x.low)) < 0 ||
		    (memcmp(&x.low, &x.high, sizeof(x.low)) == 0 && x.low_port < x.high_port));
}

static void both_directions_have_one_key(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct ends ends = ends_of(5);

	(void)state;
	assert_non_null(t);
	assert_one_key(t, &ends);
	ends.address[SIDE_RESPONDER] = ends.address[SIDE_INITIATOR]; /* on one host */
	assert_one_key(t, &ends);
	ends = ends_of(5);
	ends.port[SIDE_RESPONDER] = ends.port[SIDE_INITIATOR];
	assert_one_key(t, &ends);
	ends.ip_version = 6;
	for (int side = 0; side < SIDES; side++)
		for (int i = 0; i < 16; i++)
			ends.address[side].bytes[i] = (uint8_t)(0x20 + i);
	ends.address[SIDE_RESPONDER].bytes[15] = 0;
	assert_one_key(t, &ends);
	flow_table_free(t);
}

/* Every byte of the tuple tells connections apart. */
static void every_part_of_the_tuple_counts(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct ends ends = ends_of(0x010203), other;
	enum way way;
	struct flow_key key = key_from(&ends, SIDE_INITIATOR, &way), k;

	(void)state;
	goes(t, add(t, &key, &no_tunnel), way, 0);
	for (int version = 4; version <= 6; version += 2) {
		for (int side = 0; side < SIDES; side++) {
			int bytes = version == 4 ? 4 : 16;

			for (int i = 0; i < bytes; i++) {
				other = ends;
				other.ip_version = (uint8_t)version;
				other.address[side].bytes[i] ^= 1;
				k = key_from(&other, SIDE_INITIATOR, &way);
				assert_null(find_any(t, &k, &no_tunnel));
			}
			other = ends;
			other.ip_version = (uint8_t)version;
			other.port[side] ^= 0x100;
			k = key_from(&other, SIDE_INITIATOR, &way);
			assert_null(find_any(t, &k, &no_tunnel));
		}
	}
	/* the same bytes as IPv6 */
	other = ends;
	other.ip_version = 6;
	k = key_from(&other, SIDE_INITIATOR, &way);
	assert_null(find_any(t, &k, &no_tunnel));
	/* addresses and ports crosswise: another connection */
	other = ends;
	other.port[0] = ends.port[1];
	other.port[1] = ends.port[0];
	k = key_from(&other, SIDE_INITIATOR, &way);
	assert_null(find_any(t, &k, &no_tunnel));
	assert_non_null(find_any(t, &key, &no_tunnel));
	flow_table_free(t);
}

static void hash_is_keyed(void **state)
{
	static const uint8_t other_key[16] = {3, 2, 1};
	struct flow_table *t = flow_table_new(hash_key), *u = flow_table_new(other_key);
	struct flow_key key = key_of_number(1);

	(void)state;
	assert_true(flow_hash(t, &key, &no_tunnel) != flow_hash(u, &key, &no_tunnel));
	flow_table_free(t);
	flow_table_free(u);
}

/* Hashes are kept for a while: none of them may be another tuple's. */
static void hash_is_the_tuples_own(void **state)
{
	enum { TUPLES = 3000 };
	struct flow_table *t = flow_table_new(hash_key), *fresh;
	const struct flow_key none = {.ip_version = 4};

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < TUPLES; i++) {
			struct flow_key key = i == 0 ? none : key_of_number(i);

			fresh = flow_table_new(hash_key);
			assert_true(flow_hash(t, &key, &no_tunnel) ==
				    flow_hash(fresh, &key, &no_tunnel));
			key.low_port ^= 0x8000;
			assert_true(flow_hash(t, &key, &no_tunnel) !=
				    flow_hash(fresh, &none, &no_tunnel));
			flow_table_free(fresh);
		}
	flow_table_free(t);
}

enum { CROWD = 300, CROWD_BITS = 12 };

/* Tuples that share the lower bits of their hash under hash_key. */
static void find_crowd(struct flow_table *t, struct flow_key crowd[CROWD])
{
	for (uint32_t i = 0, found = 0; found < CROWD; i++) {
		crowd[found] = key_of_number(i);
		if (i % 5 == 0)
			crowd[found].ip_version = 6;
		if ((flow_hash(t, &crowd[found], &no_tunnel) & ((1u << CROWD_BITS) - 1)) == 0)
			found++;
	}
}

/* Who knows the hash fills one chain: the chains' key is changed, and all are found as before, newest first. The
 * hash that others go by stays. */
static void a_crowded_chain_is_taken_apart(void **state)
{
	struct flow_table *t = flow_table_new(hash_key), *fresh = flow_table_new(hash_key);
	struct flow_key crowd[CROWD];
	struct flow *tagged[CROWD], *plain[CROWD], *next[CROWD] = {NULL};

	(void)state;
	find_crowd(t, crowd);
	for (int i = 0; i < CROWD; i++) {
		assert_null(find(t, &crowd[i], &no_tunnel, LOW_TO_HIGH, 0));
		tagged[i] = add(t, &crowd[i], &no_tunnel);
		goes(t, tagged[i], LOW_TO_HIGH, 10);
		plain[i] = add(t, &crowd[i], &no_tunnel);
		goes(t, plain[i], LOW_TO_HIGH, 0);
		if (i % 3 == 0) {
			next[i] = add(t, &crowd[i], &no_tunnel);
			flow_retire(t, plain[i], next[i]);
			goes(t, next[i], LOW_TO_HIGH, 0);
		}
	}
	/* what was passed in vain, some 300 more each time, costs as much only once */
	assert_int_equal(flow_table_rekeyed(t), 1);
	for (int i = 0; i < CROWD; i++)
		assert_true(flow_hash(t, &crowd[i], &no_tunnel) ==
			    flow_hash(fresh, &crowd[i], &no_tunnel));
	flow_table_free(fresh);
	for (int i = 0; i < CROWD; i++) {
		struct flow *newest = next[i] ? next[i] : plain[i];

		assert_ptr_equal(find(t, &crowd[i], &no_tunnel, LOW_TO_HIGH, 10), tagged[i]);
		assert_ptr_equal(find(t, &crowd[i], &no_tunnel, LOW_TO_HIGH, 0), newest);
		assert_ptr_equal(find_any(t, &crowd[i], &no_tunnel), newest);
	}
	for (int i = 0; i < CROWD; i++) {
		if (next[i])
			flow_remove(t, next[i]);
		assert_ptr_equal(find(t, &crowd[i], &no_tunnel, LOW_TO_HIGH, 0), plain[i]);
		flow_remove(t, plain[i]);
		flow_remove(t, tagged[i]);
		assert_null(find_any(t, &crowd[i], &no_tunnel));
	}
	assert_int_equal(flow_count(t), 0);
	flow_table_free(t);
}

/* Many lanes of one tuple are no crowd: another key would not take them apart. */
static void lanes_are_no_crowd(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);

	(void)state;
	for (int i = 0; i < 3 * FLOW_LANES_MAX; i++) {
		bool bound;

		flow_find(t, flow_hash(t, &key, &no_tunnel), &key, &no_tunnel, LOW_TO_HIGH, 5000,
			  &bound);
		goes(t, add(t, &key, &no_tunnel), LOW_TO_HIGH, (uint64_t)i);
	}
	assert_int_equal(flow_table_rekeyed(t), 0);
	flow_table_free(t);
}

static void all_go_at_once(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	size_t memory = flow_table_memory(t);
	struct flow_key key;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 500; i++) {
			key = key_of_number(i);
			flow_touch(t, add(t, &key, &no_tunnel), QUEUE_ALIVE, i);
		}
		assert_int_equal(flow_count(t), 500);
		assert_true(flow_table_memory(t) > memory);
		flow_clear(t);
		assert_int_equal(flow_count(t), 0);
		assert_null(flow_queue_head(t, QUEUE_ALIVE));
		for (uint32_t i = 0; i < 500; i++) {
			key = key_of_number(i);
			assert_null(find_any(t, &key, &no_tunnel));
		}
	}
	flow_table_free(t);
}

static void tunnels_are_apart(void **state)
{
	const struct tunnel tunnels[] = {
		{0},
		{1, {{TUNNEL_GRE, 7}}},
		{1, {{TUNNEL_GRE, 8}}},
		{1, {{TUNNEL_VXLAN, 7}}},
		{2, {{TUNNEL_GRE, 7}, {TUNNEL_VXLAN, 7}}},
		{2, {{TUNNEL_VXLAN, 7}, {TUNNEL_GRE, 7}}},
		{2, {{TUNNEL_GRE, 7}, {TUNNEL_GRE, 7}}},
	};
	enum { TUNNELS = sizeof(tunnels) / sizeof(tunnels[0]) };
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);
	struct flow *flow[TUNNELS];

	(void)state;
	for (int i = 0; i < TUNNELS; i++) {
		assert_null(find_any(t, &key, &tunnels[i]));
		flow[i] = add(t, &key, &tunnels[i]);
		goes(t, flow[i], LOW_TO_HIGH, 0);
	}
	for (int i = 0; i < TUNNELS; i++) {
		assert_ptr_equal(find_any(t, &key, &tunnels[i]), flow[i]);
		assert_ptr_equal(find(t, &key, &tunnels[i], LOW_TO_HIGH, 0), flow[i]);
		assert_ptr_equal(find(t, &key, &tunnels[i], HIGH_TO_LOW, 55), flow[i]);
		assert_null(find(t, &key, &tunnels[i], LOW_TO_HIGH, 55));
	}
	flow_remove(t, flow[1]);
	assert_null(find_any(t, &key, &tunnels[1]));
	assert_ptr_equal(find_any(t, &key, &tunnels[2]), flow[2]);
	flow_table_free(t);
}

/* ---- VLAN lanes (semantics section 1) ---- */

static void same_direction_with_its_tags_comes_first(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);
	struct flow *ten = add(t, &key, &no_tunnel), *twenty = add(t, &key, &no_tunnel);

	(void)state;
	goes(t, ten, LOW_TO_HIGH, 10);
	goes(t, twenty, LOW_TO_HIGH, 20);
	goes(t, twenty, HIGH_TO_LOW, 10);
	assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10), ten);
	assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 20), twenty);
	assert_null(find(t, &key, &no_tunnel, LOW_TO_HIGH, 30));
	/* its tags in the same direction win over the silent direction of ten */
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 10), twenty);
	flow_table_free(t);
}

/* Each direction may be tagged differently: a silent direction takes any tags. */
static void silent_direction_takes_what_comes(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);
	struct flow *ten, *twenty;

	(void)state;
	ten = add(t, &key, &no_tunnel);
	goes(t, ten, LOW_TO_HIGH, 10);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 20), ten);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 0), ten);

	/* of several, the one that has these tags in the other direction, in either order */
	twenty = add(t, &key, &no_tunnel);
	goes(t, twenty, LOW_TO_HIGH, 20);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 10), ten);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 20), twenty);
	assert_non_null(find(t, &key, &no_tunnel, HIGH_TO_LOW, 30));

	/* once it has spoken, other tags are another connection */
	goes(t, ten, HIGH_TO_LOW, 11);
	goes(t, twenty, HIGH_TO_LOW, 21);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 11), ten);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 21), twenty);
	assert_null(find(t, &key, &no_tunnel, HIGH_TO_LOW, 10));
	assert_null(find(t, &key, &no_tunnel, HIGH_TO_LOW, 0));
	flow_table_free(t);
}

/* A stack of tags is one identity: 10 in 20 is neither 10 nor 20 nor 20 in 10. */
static void stacks_of_tags_are_apart(void **state)
{
	const uint64_t stacks[] = {0, 10, 20, 10 | 20 << 12, 20 | 10 << 12, 10 | 10 << 12};
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);
	struct flow *flow[6];

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_null(find(t, &key, &no_tunnel, LOW_TO_HIGH, stacks[i]));
		flow[i] = add(t, &key, &no_tunnel);
		goes(t, flow[i], LOW_TO_HIGH, stacks[i]);
		goes(t, flow[i], HIGH_TO_LOW, stacks[i]);
	}
	for (int i = 0; i < 6; i++)
		assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, stacks[i]), flow[i]);
	flow_table_free(t);
}

/* A new incarnation inherits its lane's tags: its silent direction is no place for other lanes' own. */
static void new_incarnation_keeps_the_lane(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);
	struct flow *old = add(t, &key, &no_tunnel), *other = add(t, &key, &no_tunnel), *new;

	(void)state;
	goes(t, old, LOW_TO_HIGH, 10);
	goes(t, old, HIGH_TO_LOW, 11);
	goes(t, other, LOW_TO_HIGH, 20);
	new = add(t, &key, &no_tunnel);
	flow_retire(t, old, new);
	goes(t, new, LOW_TO_HIGH, 10);
	assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10), new);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 11), new);
	assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 20), other);
	flow_table_free(t);
}

/* ---- growth and removal ---- */

enum { MANY = 20000, LANES = 3 };

static void assert_newest_first(struct flow_table *t, struct flow *const *newest, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct flow_key key = key_of_number(i);

		assert_ptr_equal(find_any(t, &key, &no_tunnel), newest[i]);
	}
}

static void growth_keeps_newest_first(void **state)
{
	static struct flow *flow[LANES][MANY];
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key seventh = key_of_number(7);

	(void)state;
	for (uint32_t lane = 0; lane < LANES; lane++) {
		for (uint32_t i = 0; i < MANY; i++) {
			struct flow_key key = key_of_number(i);

			flow[lane][i] = add(t, &key, &no_tunnel);
			goes(t, flow[lane][i], LOW_TO_HIGH, 100 + lane);
			goes(t, flow[lane][i], HIGH_TO_LOW, 100 + lane);
		}
		assert_int_equal(flow_count(t), (lane + 1) * MANY);
		assert_newest_first(t, flow[lane], MANY);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct flow_key key = key_of_number(i);

		for (uint32_t lane = 0; lane < LANES; lane++)
			assert_ptr_equal(find(t, &key, &no_tunnel, HIGH_TO_LOW, 100 + lane),
					 flow[lane][i]);
	}
	/* without the newest, the newest of the others */
	flow_remove(t, flow[LANES - 1][7]);
	assert_ptr_equal(find_any(t, &seventh, &no_tunnel), flow[LANES - 2][7]);
	flow_remove(t, flow[LANES - 2][7]);
	assert_ptr_equal(find_any(t, &seventh, &no_tunnel), flow[0][7]);
	flow_table_free(t);
}

/* A tuple used again and again hangs in its bucket once; lanes beyond the bound are not looked at. */
static void search_is_bounded(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct flow_key key = key_of_number(1);
	struct flow *running = add(t, &key, &no_tunnel), *first;
	bool bound;

	(void)state;
	goes(t, running, LOW_TO_HIGH, 10);
	goes(t, running, HIGH_TO_LOW, 10);
	for (int i = 0; i < 5000; i++) {
		struct flow *next = add(t, &key, &no_tunnel);

		flow_retire(t, running, next);
		assert_false(running->running);
		assert_null(running->next);
		running = next;
	}
	assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10), running);
	first = running;
	for (uint32_t lane = 1; lane < FLOW_LANES_MAX; lane++) {
		struct flow *f = add(t, &key, &no_tunnel);

		goes(t, f, LOW_TO_HIGH, 10 + lane);
		goes(t, f, HIGH_TO_LOW, 10 + lane);
	}
	assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10), first);
	goes(t, add(t, &key, &no_tunnel), LOW_TO_HIGH, 10 + FLOW_LANES_MAX);
	assert_null(flow_find(t, flow_hash(t, &key, &no_tunnel), &key, &no_tunnel, LOW_TO_HIGH, 10,
			      &bound));
	assert_true(bound);
	flow_table_free(t);
}

/* Slots are used again, and the serial tells old handles from new ones. */
static void slots_are_used_again(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	uint64_t last = 0;
	size_t bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		struct flow_key key = key_of_number(i);
		struct flow *f = add(t, &key, &no_tunnel);

		assert_true(f->serial > last);
		last = f->serial;
		flow_set_live(f, calloc(1, sizeof(struct connection)));
		assert_non_null(f->as.live);
		flow_touch(t, f, QUEUE_ALIVE, 1);
		if (i == 0)
			bytes = flow_table_memory(t);
		flow_remove(t, f);
		assert_int_equal(f->serial, 0);
		assert_null(find_any(t, &key, &no_tunnel));
		assert_int_equal(flow_count(t), 0);
	}
	assert_int_equal(flow_table_memory(t), bytes);
	assert_null(flow_queue_head(t, QUEUE_ALIVE));
	flow_table_free(t);
}

/* Incarnations of one lane: the oldest, the middle and the newest can go. What comes after the newest
 * has gone finds the one before it. */
static void chain_of_incarnations_heals(void **state)
{
	struct flow_key key = key_of_number(1);

	(void)state;
	for (int gone = 0; gone < 3; gone++) {
		struct flow_table *t = flow_table_new(hash_key);
		struct flow *f[3], *rest[2];

		for (int i = 0; i < 3; i++) {
			f[i] = add(t, &key, &no_tunnel);
			if (i > 0)
				flow_retire(t, f[i - 1], f[i]);
			goes(t, f[i], LOW_TO_HIGH, 10);
		}
		rest[0] = f[gone == 0 ? 1 : 0];
		rest[1] = f[gone == 2 ? 1 : 2];
		flow_remove(t, f[gone]);
		assert_int_equal(flow_count(t), 2);
		assert_null(flow_older(t, rest[0]));
		assert_ptr_equal(flow_newer(t, rest[0]), rest[1]);
		assert_ptr_equal(flow_older(t, rest[1]), rest[0]);
		assert_null(flow_newer(t, rest[1]));
		assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10), rest[1]);
		flow_remove(t, rest[1]);
		assert_ptr_equal(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10), rest[0]);
		flow_remove(t, rest[0]);
		assert_null(find(t, &key, &no_tunnel, LOW_TO_HIGH, 10));
		flow_table_free(t);
	}
}

/* ---- queues ---- */

static void assert_queue(const struct flow_table *t, enum flow_queue queue, size_t count,
			 struct flow *const *order)
{
	const struct flow *f = flow_queue_head(t, queue), *ahead = NULL;

	for (size_t i = 0; i < count; i++, f = flow_behind(t, f)) {
		assert_ptr_equal(f, order[i]);
		assert_ptr_equal(flow_ahead(t, f), ahead);
		assert_int_equal(f->queue, queue);
		ahead = f;
	}
	assert_null(f);
}

static void queues_keep_the_order_of_activity(void **state)
{
	struct flow_table *t = flow_table_new(hash_key);
	struct flow *f[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct flow_key key = key_of_number(i);

		f[i] = add(t, &key, &no_tunnel);
		assert_int_equal(f[i]->queue, FLOW_QUEUES);
		flow_touch(t, f[i], QUEUE_ALIVE, 100 + i);
	}
	assert_queue(t, QUEUE_ALIVE, 4, (struct flow *[]){f[0], f[1], f[2], f[3]});
	flow_touch(t, f[0], QUEUE_ALIVE, 200); /* head to tail */
	assert_true(f[0]->active_ns == 200);
	assert_queue(t, QUEUE_ALIVE, 4, (struct flow *[]){f[1], f[2], f[3], f[0]});
	flow_touch(t, f[0], QUEUE_ALIVE, 201); /* stays */
	assert_true(f[0]->active_ns == 201);
	assert_queue(t, QUEUE_ALIVE, 4, (struct flow *[]){f[1], f[2], f[3], f[0]});
	flow_touch(t, f[3], QUEUE_ENDED, 202); /* out of the middle, to another queue */
	flow_touch(t, f[1], QUEUE_ENDED, 203);
	assert_queue(t, QUEUE_ALIVE, 2, (struct flow *[]){f[2], f[0]});
	assert_queue(t, QUEUE_ENDED, 2, (struct flow *[]){f[3], f[1]});
	flow_touch(t, f[3], QUEUE_ALIVE, 204); /* and back */
	assert_queue(t, QUEUE_ALIVE, 3, (struct flow *[]){f[2], f[0], f[3]});
	flow_remove(t, f[0]);
	assert_queue(t, QUEUE_ALIVE, 2, (struct flow *[]){f[2], f[3]});
	flow_remove(t, f[3]);
	flow_remove(t, f[2]);
	flow_remove(t, f[1]);
	for (int queue = 0; queue < FLOW_QUEUES; queue++)
		assert_null(flow_queue_head(t, (enum flow_queue)queue));
	flow_table_free(t);
}

static void sides_follow_the_initiator(void **state)
{
	struct flow f = {.initiator_way = HIGH_TO_LOW};

	(void)state;
	assert_int_equal(flow_side(&f, HIGH_TO_LOW), SIDE_INITIATOR);
	assert_int_equal(flow_side(&f, LOW_TO_HIGH), SIDE_RESPONDER);
	for (int way = 0; way < WAYS; way++) {
		f.initiator_way = LOW_TO_HIGH;
		assert_int_equal(flow_way(&f, flow_side(&f, (enum way)way)), way);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_have_one_key),
		cmocka_unit_test(every_part_of_the_tuple_counts),
		cmocka_unit_test(hash_is_keyed),
		cmocka_unit_test(hash_is_the_tuples_own),
		cmocka_unit_test(a_crowded_chain_is_taken_apart),
		cmocka_unit_test(lanes_are_no_crowd),
		cmocka_unit_test(all_go_at_once),
		cmocka_unit_test(tunnels_are_apart),
		cmocka_unit_test(same_direction_with_its_tags_comes_first),
		cmocka_unit_test(silent_direction_takes_what_comes),
		cmocka_unit_test(stacks_of_tags_are_apart),
		cmocka_unit_test(new_incarnation_keeps_the_lane),
		cmocka_unit_test(growth_keeps_newest_first),
		cmocka_unit_test(search_is_bounded),
		cmocka_unit_test(slots_are_used_again),
		cmocka_unit_test(chain_of_incarnations_heals),
		cmocka_unit_test(queues_keep_the_order_of_activity),
		cmocka_unit_test(sides_follow_the_initiator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
