/* What `lastack monitor` was asked for. */
#ifndef LASTACK_CLI_MONITOR_OPTIONS_H
#define LASTACK_CLI_MONITOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/analyze_options.h"
#include "cli/options.h"

enum monitor_format { MONITOR_TEXT, MONITOR_JSON };

struct monitor_options {
	struct analyze_options
		analyze; /* the rows it lends: database, filter, times, bounds, ladders */
	struct option_texts interfaces;
	bool list;
	uint64_t buffer, snaplen, workers, backlog, keep_size;
	int64_t keep_ns;
	bool promiscuous, dpi;
	/* telling */
	int format;          /* enum monitor_format */
	int64_t interval_ns; /* 0: no summary lines */
	bool no_view, owners;
	const char *metrics; /* ADDRESS:PORT; NULL: none */
	struct option_texts alerts;
	const char *alert_command;
	const char *user;
};

extern const struct option_table monitor_option_table;

/* As options_parse; without operands, and at least one interface, unless they are only listed. */
enum options_result monitor_options_parse(int argc, char **argv, struct monitor_options *options,
					  struct error *err);
void monitor_options_free(struct monitor_options *options);
void monitor_usage(FILE *out);

#endif
