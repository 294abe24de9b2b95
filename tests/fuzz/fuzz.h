/* What the fuzzing harnesses share: a byte string read as decisions, and rules that must hold.
 *
 * Each fuzz_NAME.c is one harness. libFuzzer calls it with strings of its own making (-Dfuzz=enabled),
 * replay.c with files, by any compiler; docs/fuzzing.md tells how. */
#ifndef LASTACK_TESTS_FUZZ_H
#define LASTACK_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The harness. Always 0; what is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where a rule does not hold, in a way that a fuzzer sees. */
#define MUST(rule)                                                                                \
	do {                                                                                      \
		if (!(rule)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #rule); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* What is left of the byte string; behind its end all decisions are 0. */
struct choices {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t choose_u8(struct choices *c)
{
	if (c->left == 0)
		return 0;
	c->left--;
	return *c->at++;
}

static inline uint16_t choose_u16(struct choices *c)
{
	uint16_t low = choose_u8(c);

	return (uint16_t)(low | choose_u8(c) << 8);
}

static inline uint32_t choose_u32(struct choices *c)
{
	uint32_t low = choose_u16(c);

	return low | (uint32_t)choose_u16(c) << 16;
}

static inline uint64_t choose_u64(struct choices *c)
{
	uint64_t low = choose_u32(c);

	return low | (uint64_t)choose_u32(c) << 32;
}

/* At most count bytes of the string itself; *count becomes how many they are. */
static inline const uint8_t *choose_bytes(struct choices *c, size_t *count)
{
	const uint8_t *bytes = c->at;

	if (*count > c->left)
		*count = c->left;
	if (*count > 0)
		c->at += *count;
	c->left -= *count;
	return bytes;
}

/* A copy in memory of exactly that size, so that a byte read beyond it is noticed. To be freed. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t count)
{
	uint8_t *copy = malloc(count > 0 ? count : 1);

	MUST(copy);
	for (size_t i = 0; i < count; i++)
		copy[i] = bytes[i];
	return copy;
}

/* What a writer wrote, between these two; its text is to be freed. */
struct written {
	char *text;
	size_t length;
	FILE *out;
};

static inline void written_begin(struct written *w)
{
	w->out = open_memstream(&w->text, &w->length);
	MUST(w->out);
}

static inline void written_end(struct written *w)
{
	MUST(fclose(w->out) == 0);
}

#endif
