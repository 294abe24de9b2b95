/* What `lastack extract` was asked for. */
#ifndef LASTACK_CLI_EXTRACT_OPTIONS_H
#define LASTACK_CLI_EXTRACT_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/analyze_options.h"
#include "cli/options.h"
#include "cli/query_options.h"

enum extract_selection {
	EXTRACT_ALL,
	EXTRACT_CONNECTIONS, /* --connection, looked up in the database */
	EXTRACT_QUERY,       /* filters, over the database */
	EXTRACT_FIRST_PASS,  /* filters, over what a first pass finds */
};

struct extract_options {
	const char *database; /* NULL: not given; lastack.db where one is needed */
	const char *streams;  /* a folder, or */
	const char *pcap;     /* a file: exactly one is given */
	struct option_texts connections;
	int gaps; /* enum gaps_mode */
	bool overwrite, quiet;
	enum extract_selection selection;
	struct analyze_options analysis; /* what changes what a connection is */
	struct query_options filter;
};

/* As options_parse, with all checked that can be without reading. What connections holds is freed by
 * extract_options_free(), whatever comes back. */
enum options_result extract_options_parse(int argc, char **argv, struct extract_options *options,
					  struct operands *captures, struct error *err);
void extract_options_free(struct extract_options *options);
void extract_usage(FILE *out);

#endif
