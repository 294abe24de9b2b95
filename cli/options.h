/* Command-line options as a table: one row an option drives parsing, help and suggestions.
 *
 * Long options take values as "--name VALUE" and "--name=VALUE"; options and operands may mix, and
 * after "--" all are operands. Names are never abbreviated, so that a later option breaks no script. */
#ifndef LASTACK_CLI_OPTIONS_H
#define LASTACK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum option_kind {
	OPTION_FLAG,     /* bool: set to true */
	OPTION_TEXT,     /* const char *: borrowed from argv */
	OPTION_TEXTS,    /* struct option_texts: may be given several times */
	OPTION_COUNT,    /* uint64_t */
	OPTION_SIZE,     /* uint64_t, bytes */
	OPTION_DURATION, /* int64_t, ns */
	OPTION_TIME,     /* int64_t, ns since the Unix epoch */
	OPTION_CHOICE,   /* int: index of the word in choices */
};

/* Zeroed, there are none. */
struct option_texts {
	const char **items; /* owned; the texts are borrowed from argv */
	size_t count;
};

void option_texts_free(struct option_texts *texts); /* empties it */

struct option_spec {
	const char *name; /* without the dashes */
	char letter;      /* short form, 0: none */
	enum option_kind kind;
	const char *value;          /* what help calls the value; NULL for flags */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
	size_t offset;              /* of the field in the target struct */
	int64_t low, high;          /* bounds of numbers, where high is not 0 */
	const char *help;           /* a phrase, without the final stop */
};

/* Rows that one command shares with another, whose struct is part of its own. */
struct option_loan {
	const struct option_table *from;
	const char *const *names; /* of the rows; NULL-terminated */
	size_t base;              /* of the other's struct in the target */
};

struct option_table {
	const char *command;             /* "lastack analyze", for messages */
	const struct option_spec *specs; /* --help is understood without a row */
	size_t count;
	const struct option_loan
		*loans; /* further rows; those of from must not be lent themselves */
	size_t loan_count;
};

/* What is left after the options: borrowed from argv, operands moved to its front. */
struct operands {
	const char *const *items;
	size_t count;
};

enum options_result { OPTIONS_DONE, OPTIONS_HELP, OPTIONS_MISUSE };

/* Reads argv[0..argc) (without the command's own name) into *target, which holds the defaults.
 * On OPTIONS_MISUSE err names the offending word and the next step. */
enum options_result options_parse(const struct option_table *table, int argc, char **argv,
				  void *target, struct operands *operands, struct error *err);

/* The option lines of --help, wrapped to 80 columns. */
void options_help(const struct option_table *table, FILE *out);

/* The word of list (NULL-terminated) that word was probably meant to be, or NULL. */
const char *options_suggest(const char *word, const char *const *list);

#endif
