/* Reading ahead in a thread: the same bytes and the same end as without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

#include "source/ahead.h"
#include "source/bytes.h"
#include "tests/capture_builder.h"

enum { STREAM = 6000, WANT_MAX = 400 };

static uint8_t stream_byte(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

/* The stream as a gzip file, without the last cut bytes of it. */
static const char *packed_file(size_t cut)
{
	const char *path = file_write("", 0);
	uint8_t stream[STREAM];
	gzFile file = gzopen(path, "wb");
	FILE *whole;
	long size;

	assert_non_null(file);
	for (size_t i = 0; i < STREAM; i++)
		stream[i] = stream_byte(i);
	assert_int_equal(gzwrite(file, stream, STREAM), STREAM);
	assert_int_equal(gzclose(file), Z_OK);
	whole = fopen(path, "rb");
	assert_non_null(whole);
	assert_int_equal(fseek(whole, 0, SEEK_END), 0);
	size = ftell(whole);
	fclose(whole);
	assert_int_equal(truncate(path, size - (long)cut), 0);
	return path;
}

/* How a stream ended. */
struct ending {
	size_t count;
	enum bytes_end end;
	char problem[sizeof(struct error)];
};

/* Takes all of it in pieces of any length, each of them held over what follows, and compares. */
static struct ending read_through(const char *path, size_t block, unsigned seed, bool ahead)
{
	struct error err = {""};
	struct bytes *b = bytes_open(open(path, O_RDONLY | O_CLOEXEC), block, &err);
	struct ending ending = {0};

	assert_non_null(b);
	if (ahead)
		bytes_read_ahead(b);
	for (size_t want = 1; bytes_want(b, want);) {
		const uint8_t *held = bytes_at(b, want).at;
		size_t count = want;

		bytes_take(b, count);
		bytes_hold(b, &held, count);
		seed = seed * 1103515245u + 12345u;
		want = 1 + (seed >> 16) % WANT_MAX;
		bytes_want(b, want);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(held[i], stream_byte(ending.count + i));
		ending.count += count;
		assert_int_equal(bytes_offset(b), ending.count);
		bytes_hold(b, NULL, 0);
	}
	while (bytes_left(b) > 0) {
		assert_int_equal(*bytes_at(b, 1).at, stream_byte(ending.count++));
		bytes_take(b, 1);
	}
	ending.end = bytes_end(b);
	snprintf(ending.problem, sizeof(ending.problem), "%s", bytes_problem(b));
	bytes_close(b);
	return ending;
}

static void test_every_block_size(void **state)
{
	const char *whole = packed_file(0), *cut = packed_file(9);

	(void)state;
	for (size_t block = 1; block < 700; block += block < 40 ? 1 : 13) {
		struct ending with = read_through(whole, block, (unsigned)block, true);
		struct ending without;

		assert_int_equal(with.count, STREAM);
		assert_int_equal(with.end, BYTES_ENDED);
		with = read_through(cut, block, (unsigned)block, true);
		without = read_through(cut, block, (unsigned)block, false);
		assert_int_equal(with.count, without.count);
		assert_int_equal(with.end, BYTES_DAMAGED);
		assert_int_equal(without.end, BYTES_DAMAGED);
		assert_string_equal(with.problem, without.problem);
		assert_non_null(strstr(with.problem, "cut off"));
	}
}

/* Closed anywhere on the way: nothing is left over, and nobody waits. */
static void test_closed_early(void **state)
{
	const char *path = packed_file(0);
	struct error err = {""};

	(void)state;
	for (size_t taken = 0; taken < STREAM; taken += 97) {
		struct bytes *b = bytes_open(open(path, O_RDONLY | O_CLOEXEC), 64, &err);

		assert_non_null(b);
		bytes_read_ahead(b);
		assert_true(bytes_skip(b, taken));
		bytes_close(b);
	}
}

/* Blocks of ever the same byte, so many; then an end of this kind. */
struct source {
	size_t blocks;
	enum bytes_end end;
	int pipe; /* read from first; -1: not */
};

static size_t source_read(void *context, uint8_t *out, size_t room, enum bytes_end *end,
			  struct error *err)
{
	struct source *s = context;

	if (s->pipe >= 0 && read(s->pipe, out, 1) < 0)
		return 0;
	if (s->blocks == 0) {
		*end = s->end;
		error_set(err, "as it was told");
		return 0;
	}
	memset(out, (int)s->blocks--, room);
	return room;
}

static void test_the_end_is_told_again(void **state)
{
	(void)state;
	for (size_t blocks = 0; blocks < 10; blocks++) {
		struct source source = {.blocks = blocks, .end = BYTES_NO_MEMORY, .pipe = -1};
		struct ahead *ahead = ahead_start(source_read, &source, 10, 3);
		struct error err = {""};
		enum bytes_end end = BYTES_ENDED;
		uint8_t *block;
		size_t count;

		assert_non_null(ahead);
		for (size_t i = 0; i < blocks; i++) {
			block = ahead_take(ahead, &count, &end, &err);
			assert_non_null(block);
			assert_int_equal(count, 10);
			assert_int_equal(block[9], blocks - i);
			memset(block - 3, 0xff, 3);
			ahead_give_back(ahead);
		}
		for (int again = 0; again < 3; again++) {
			assert_null(ahead_take(ahead, &count, &end, &err));
			assert_int_equal(end, BYTES_NO_MEMORY);
			assert_string_equal(err.text, "as it was told");
		}
		ahead_stop(ahead);
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* As a read(2) would be. */
static void test_a_signal_ends_the_waiting(void **state)
{
	struct sigaction action = {.sa_handler = on_alarm};
	/* again and again: one alarm might come before the waiting begins */
	const struct itimerval often = {{.tv_usec = 10000}, {.tv_usec = 10000}}, never = {0};
	struct error err = {""};
	enum bytes_end end = BYTES_ENDED;
	struct source source = {.blocks = 0};
	struct ahead *ahead;
	int pipes[2];
	size_t count;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	source.pipe = pipes[0];
	ahead = ahead_start(source_read, &source, 10, 0);
	assert_non_null(ahead);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_null(ahead_take(ahead, &count, &end, &err));
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(end, BYTES_DAMAGED);
	assert_string_equal(err.text, "cannot read on: Interrupted system call");
	close(pipes[1]); /* and its read comes back */
	ahead_stop(ahead);
	close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_block_size),
		cmocka_unit_test(test_closed_early),
		cmocka_unit_test(test_the_end_is_told_again),
		cmocka_unit_test(test_a_signal_ends_the_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, files_remove);
}
