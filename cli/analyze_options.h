/* What `lastack analyze` was asked for. */
#ifndef LASTACK_CLI_ANALYZE_OPTIONS_H
#define LASTACK_CLI_ANALYZE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/finding.h"
#include "base/error.h"
#include "cli/options.h"

enum analyze_format { ANALYZE_TEXT, ANALYZE_JSON, ANALYZE_NONE };

/* The findings that make --fail-on match. */
struct fail_on {
	bool asked;
	enum finding_code code; /* FINDING_CODES: judge by severity */
	enum severity at_least;
};

/* A string to look for in streams. */
struct wanted_mark {
	const char *text; /* as written */
	uint8_t *bytes;   /* owned */
	size_t length;
};

struct analyze_options {
	const char *database, *filter, *fail_on_text;
	struct fail_on fail_on;
	int64_t msl_ns, idle_timeout_ns, stuck_ns;
	uint64_t max_flows, max_memory, stream_memory;
	uint64_t hash_seed; /* HASH_SEED_RANDOM: the system's random numbers */
	int format;         /* enum analyze_format */
	int ladders;        /* enum ladder_policy */
	int overlap;        /* enum overlap_policy */
	bool join, keep_duplicates, verify_checksums, no_dpi, check_streams, no_sandbox, quiet;
	struct option_texts mark_texts;
	struct wanted_mark *marks; /* owned; what mark_texts say */
	size_t mark_count;
};

#define HASH_SEED_RANDOM UINT64_MAX

extern const struct option_table analyze_option_table;

struct analyze_options analyze_options_defaults(void);
void analyze_options_free(struct analyze_options *options);
/* As options_parse, with the operands checked, too: one capture at least, standard input once. */
enum options_result analyze_options_parse(int argc, char **argv, struct analyze_options *options,
					  struct operands *captures, struct error *err);
void analyze_usage(FILE *out);

#endif
