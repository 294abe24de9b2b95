/* Inside the parser of the ladder notation: the words of a line, and what takes them. */
#ifndef LASTACK_TESTS_LADDER_READER_H
#define LASTACK_TESTS_LADDER_READER_H

#include "tests/ladder.h"

enum { CASE_STEPS_MAX = 4096, CASE_EXPECTATIONS_MAX = 512 };

#define NS_PER_S INT64_C(1000000000)

struct reader {
	const char *path;
	unsigned line;
	struct ladder_case *ladder;
	int64_t now_ns;
	uint16_t next_ip_id[SIDES];
	struct error *err;
};

/* Puts file and line in front; returns false. */
bool reader_fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole decimal number from low to high. */
bool word_number(const char *text, int64_t low, int64_t high, int64_t *out);
/* A sequence or acknowledgement number: relative to isn, or =N as on the wire. */
bool word_sequence(const char *text, uint32_t isn, uint32_t *out);
/* "10", "10.20" (outermost first) or "none". */
bool word_vlans(const char *text, uint16_t vlan[CASE_VLANS_MAX], uint8_t *count);

/* ladder_connections.c */
void connection_first(struct case_connection *c);
void connection_another(struct ladder_case *ladder, unsigned index);
/* The words behind "options:" (index 0) and "connection N:" (index N - 1). */
bool reader_connection(struct reader *r, unsigned index, char **words, size_t count);

/* ladder_steps.c: a line that starts with a time. */
bool reader_step(struct reader *r, char **words, size_t count);

/* ladder_expectations.c: what stands behind the keyword. */
bool reader_expect(struct reader *r, unsigned row, char **words, size_t count);
bool reader_findings(struct reader *r, enum case_expectation_kind kind, unsigned row, char **words,
		     size_t count);
bool reader_of_side(struct reader *r, enum case_expectation_kind kind, unsigned row, char **words,
		    size_t count);
bool reader_count(struct reader *r, enum case_expectation_kind kind, char **words, size_t count);

#endif
