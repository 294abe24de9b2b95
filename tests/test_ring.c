/* The ring between two processes, and the merging of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/merge.h"
#include "monitor/ring.h"

static struct ring *new_ring(void)
{
	struct error err = {""};
	struct ring *ring = ring_new(1, -1, &err);

	assert_non_null(ring);
	return ring;
}

static bool put(struct ring *ring, int64_t ts_ns, uint32_t size, uint8_t fill)
{
	static uint8_t data[RING_PACKET_MAX + 1];
	struct ring_packet packet = {.ts_ns = ts_ns, .caplen = size, .wirelen = size + 1};

	memset(data, fill, size);
	return ring_put(ring, &packet, data);
}

static void what_is_published_is_read_in_order(void **state)
{
	struct ring *ring = new_ring();
	struct ring_packet packet;
	const uint8_t *data;

	(void)state;
	assert_true(put(ring, 1, 100, 'a'));
	assert_false(ring_peek(ring, &packet, &data));
	ring_publish(ring);
	assert_true(put(ring, 2, 0, 0));
	assert_true(ring_peek(ring, &packet, &data));
	assert_int_equal(packet.ts_ns, 1);
	assert_int_equal(packet.caplen, 100);
	assert_int_equal(packet.wirelen, 101);
	assert_int_equal(data[99], 'a');
	ring_take(ring);
	assert_false(ring_peek(ring, &packet, &data));
	ring_publish(ring);
	assert_true(ring_peek(ring, &packet, &data));
	assert_int_equal(packet.caplen, 0);
	ring_take(ring);
	assert_int_equal(ring_used(ring) > 0 && ring_peek(ring, &packet, &data), 0);
	ring_free(ring);
}

/* Round and round, sizes of all kinds: nothing is lost or changed, a full ring refuses. */
static void it_goes_round(void **state)
{
	struct ring *ring = new_ring();
	uint64_t written = 0, read = 0, refused = 0;
	uint32_t random = 1;

	(void)state;
	while (read < 50000) {
		struct ring_packet packet;
		const uint8_t *data;

		for (int i = 0; i < 40; i++) {
			random = random * 1103515245 + 12345;
			if (put(ring, (int64_t)written, (random >> 16) % 3000, (uint8_t)written))
				written++;
			else
				refused++;
		}
		ring_publish(ring);
		for (int i = 0; i < 35 && ring_peek(ring, &packet, &data); i++) {
			assert_int_equal(packet.ts_ns, read);
			if (packet.caplen > 0) {
				assert_int_equal(data[0], (uint8_t)read);
				assert_int_equal(data[packet.caplen - 1], (uint8_t)read);
			}
			ring_take(ring);
			read++;
		}
	}
	assert_true(refused > 0);
	assert_false(ring_broken(ring));
	ring_free(ring);
}

static void what_is_too_long_is_refused(void **state)
{
	struct ring *ring = new_ring();

	(void)state;
	assert_false(put(ring, 1, RING_PACKET_MAX + 1, 0));
	assert_true(put(ring, 1, RING_PACKET_MAX, 0));
	ring_free(ring);
}

/* A writer in another process, killed and replaced: the ring goes on. */
static void writers_are_other_processes(void **state)
{
	struct ring *ring = new_ring();
	struct ring_packet packet;
	const uint8_t *data;
	int64_t expected = 0;

	(void)state;
	for (int64_t writer = 0; writer < 3; writer++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (int64_t i = 0; i < 100; i++)
				put(ring, writer * 100 + i, 500, (uint8_t)writer);
			ring_publish(ring);
			put(ring, -1, 500, 0); /* never published */
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		while (ring_peek(ring, &packet, &data)) {
			assert_int_equal(packet.ts_ns, expected++);
			ring_take(ring);
		}
	}
	assert_int_equal(expected, 300);
	ring_free(ring);
}

/* Whatever stands there, the reader stays inside and goes on. */
static void a_hostile_writer_is_thrown_away(void **state)
{
	static const uint32_t sizes[] = {0, 1, 8, 16, 24, 0x7fffffff, 0xfffffff0, 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ring *ring = new_ring();
		struct ring_packet packet;
		const uint8_t *data = NULL;
		uint32_t *words;

		assert_true(put(ring, 1, 64, 'x'));
		ring_publish(ring);
		assert_true(ring_peek(ring, &packet, &data));
		/* size, skip, then the packet's head: time, caplen */
		words = (uint32_t *)(uintptr_t)(data - 32);
		words[0] = sizes[i];
		words[4] = 0xffffff;
		assert_false(ring_peek(ring, &packet, &data));
		assert_true(ring_broken(ring));
		assert_true(put(ring, 2, 64, 'y'));
		ring_publish(ring);
		assert_true(ring_peek(ring, &packet, &data));
		assert_int_equal(packet.ts_ns, 2);
		ring_free(ring);
	}
}

static void merging_waits_for_the_slower_ring(void **state)
{
	struct ring *rings[] = {new_ring(), new_ring()};
	struct merge merge = merge_of(rings, 2);
	struct ring_packet packet;
	const uint8_t *data;
	size_t index;

	(void)state;
	put(rings[0], 1000, 10, 0);
	put(rings[0], 3000, 10, 0);
	ring_publish(rings[0]);
	assert_false(merge_next(&merge, 1000, &packet, &data, &index));
	put(rings[1], 2000, 10, 0);
	ring_publish(rings[1]);
	for (int64_t i = 1; i <= 2; i++) {
		assert_true(merge_next(&merge, 3000, &packet, &data, &index));
		assert_int_equal(packet.ts_ns, i * 1000);
		assert_int_equal(index, i - 1);
	}
	assert_false(merge_next(&merge, 3000, &packet, &data, &index));
	assert_true(merge_next(&merge, 3000 + MERGE_PATIENCE_NS, &packet, &data, &index));
	assert_int_equal(packet.ts_ns, 3000);
	/* whose writer is done is not waited for */
	put(rings[0], 4000, 10, 0);
	ring_publish(rings[0]);
	assert_false(merge_next(&merge, 4000, &packet, &data, &index));
	atomic_store(&ring_board(rings[1])->ended, 1);
	assert_true(merge_next(&merge, 4000, &packet, &data, &index));
	merge_release(&merge);
	ring_free(rings[0]);
	ring_free(rings[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_published_is_read_in_order),
		cmocka_unit_test(it_goes_round),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(writers_are_other_processes),
		cmocka_unit_test(a_hostile_writer_is_thrown_away),
		cmocka_unit_test(merging_waits_for_the_slower_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
