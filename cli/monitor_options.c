#include "cli/monitor_options.h"

#include <string.h>

#include "monitor/config.h"
#include "monitor/replay.h"
#include "source/live.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)
#define MIB    (UINT64_C(1) << 20)

/* in the order of enum monitor_format */
static const char *const formats[] = {"text", "json", NULL};

#define FIELD(name) offsetof(struct monitor_options, name)

static const struct option_spec specs[] = {
	{.name = "interface",
	 .letter = 'i',
	 .kind = OPTION_TEXTS,
	 .value = "NAME",
	 .offset = FIELD(interfaces),
	 .help = "interface to watch; may be repeated; 'any' is all of them"},
	{.name = "list",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(list),
	 .help = "list the interfaces there are"},
	{.name = "buffer",
	 .kind = OPTION_SIZE,
	 .value = "SIZE",
	 .offset = FIELD(buffer),
	 .low = 1 << 20,
	 .high = INT64_C(1) << 30,
	 .help = "memory for packets that wait, of each interface, in the kernel and here (64M)"},
	{.name = "snaplen",
	 .kind = OPTION_COUNT,
	 .value = "BYTES",
	 .offset = FIELD(snaplen),
	 .low = 96,
	 .high = LIVE_SNAPLEN_ALL,
	 .help = "of each packet (256: headers; with --dpi all)"},
	{.name = "promiscuous",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(promiscuous),
	 .help = "also packets for others, as on a mirror port"},
	{.name = "workers",
	 .kind = OPTION_COUNT,
	 .value = "N",
	 .offset = FIELD(workers),
	 .low = 1,
	 .high = MONITOR_WORKERS,
	 .help = "threads that analyse (1)"},
	{.name = "dpi",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(dpi),
	 .help = "identify applications, which takes whole packets"},
	{.name = "keep",
	 .kind = OPTION_DURATION,
	 .value = "TIME",
	 .offset = FIELD(keep_ns),
	 .high = 36500 * DAY,
	 .help = "delete connections that ended longer ago, such as 7d (0: keep all)"},
	{.name = "keep-size",
	 .kind = OPTION_SIZE,
	 .value = "SIZE",
	 .offset = FIELD(keep_size),
	 .help = "delete the oldest connections where the database grows beyond, such as 2GiB (0: "
		 "no "
		 "bound)"},
	{.name = "backlog",
	 .kind = OPTION_SIZE,
	 .value = "SIZE",
	 .offset = FIELD(backlog),
	 .low = 1 << 20,
	 .high = INT64_C(1) << 40,
	 .help = "memory for rows that wait while the database is locked or the disk full (256M)"},
	{.name = "no-view",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(no_view),
	 .help = "lines also on a terminal, no full screen"},
	{.name = "format",
	 .kind = OPTION_CHOICE,
	 .value = "FORMAT",
	 .choices = formats,
	 .offset = FIELD(format),
	 .help = "of the lines: text, json (one object a line)"},
	{.name = "interval",
	 .kind = OPTION_DURATION,
	 .value = "TIME",
	 .offset = FIELD(interval_ns),
	 .high = DAY,
	 .help = "between summary lines (60; 0: none)"},
	{.name = "metrics",
	 .kind = OPTION_TEXT,
	 .value = "ADDRESS:PORT",
	 .offset = FIELD(metrics),
	 .help = "serve counters for Prometheus there, such as 127.0.0.1:9477"},
	{.name = "alert",
	 .kind = OPTION_TEXTS,
	 .value = "CONDITION",
	 .offset = FIELD(alerts),
	 .help = "tell when this begins and ends to hold, such as 'share(rst_abort) > 5% over 1m'; "
		 "may be repeated"},
	{.name = "alert-command",
	 .kind = OPTION_TEXT,
	 .value = "PROGRAM",
	 .offset = FIELD(alert_command),
	 .help = "run this program, without a shell, when an alert begins or ends"},
	{.name = "owners",
	 .kind = OPTION_FLAG,
	 .offset = FIELD(owners),
	 .help = "name the processes that own this host's sockets stuck in CLOSE_WAIT or busy with "
		 "TIME_WAIT"},
	{.name = "user",
	 .kind = OPTION_TEXT,
	 .value = "NAME",
	 .offset = FIELD(user),
	 .help = "give up root for this user once the interfaces are open"},
};

static const char *const lent[] = {"db",
				   "filter",
				   "msl",
				   "idle-timeout",
				   "stuck",
				   "keep-duplicates",
				   "verify-checksums",
				   "ladders",
				   "max-flows",
				   "max-memory",
				   "hash-seed",
				   "no-sandbox",
				   "quiet",
				   NULL};

static const struct option_loan loans[] = {
	{.from = &analyze_option_table, .names = lent, .base = FIELD(analyze)},
};

const struct option_table monitor_option_table = {
	.command = "lastack monitor",
	.specs = specs,
	.count = sizeof(specs) / sizeof(specs[0]),
	.loans = loans,
	.loan_count = 1,
};

void monitor_usage(FILE *out)
{
	fputs("Usage: lastack monitor -i INTERFACE [OPTION...]\n"
	      "\n"
	      "Watches interfaces for as long as it runs, judges how every TCP connection ended\n"
	      "and stores it in a database, which 'report', 'query' and 'show' read meanwhile.\n"
	      "Needs root or the capability CAP_NET_RAW. Ends with SIGINT (Ctrl-C) or SIGTERM;\n"
	      "a second one leaves at once. SIGHUP reopens the interfaces and the database.\n"
	      "\n"
	      "Options:\n",
	      out);
	options_help(&monitor_option_table, out);
	fputs("\n"
	      "Connections that are silent for a day are forgotten (--idle-timeout 24h).\n"
	      "\n"
	      "Exit codes: 0 ended when asked to; 1 failed; 2 usage error.\n"
	      "\n"
	      "Examples:\n"
	      "  lastack monitor -i eth0\n"
	      "  lastack monitor -i eth0 -i eth1 --db /var/lib/lastack/lastack.db --keep 7d\n"
	      "  lastack query --open\n",
	      out);
}

static struct monitor_options defaults(void)
{
	struct monitor_options options = {
		.analyze = analyze_options_defaults(),
		.buffer = 64 * MIB,
		.workers = 1,
		.backlog = 256 * MIB,
		.interval_ns = 60 * SECOND,
	};

	options.analyze.idle_timeout_ns = DAY;
	return options;
}

static bool check_interfaces(const struct option_texts *interfaces, struct error *err)
{
	if (interfaces->count == 0)
		return error_set(err, "no interface is given (-i eth0); 'lastack monitor --list' "
				      "names those there are");
	if (interfaces->count > MONITOR_INTERFACES)
		return error_set(err, "%zu interfaces are more than the %d that can be watched",
				 interfaces->count, MONITOR_INTERFACES);
	for (size_t i = 0; i < interfaces->count; i++) {
		if (replay_named(interfaces->items[i]) && interfaces->count > 1)
			return error_set(err, "a file is replayed alone");
		for (size_t n = 0; n < i; n++)
			if (strcmp(interfaces->items[i], interfaces->items[n]) == 0)
				return error_set(err, "interface %s is given twice",
						 interfaces->items[i]);
	}
	return true;
}

static bool check_alerts(const struct monitor_options *options, struct error *err)
{
	struct alert_condition condition;

	if (options->alerts.count > ALERT_CONDITIONS)
		return error_set(err, "%zu alerts are more than the %d that can be watched for",
				 options->alerts.count, ALERT_CONDITIONS);
	if (options->alert_command && options->alerts.count == 0)
		return error_set(err, "--alert-command has nothing to do without --alert");
	for (size_t i = 0; i < options->alerts.count; i++)
		if (!alert_parse(options->alerts.items[i], &condition, err))
			return false;
	return true;
}

enum options_result monitor_options_parse(int argc, char **argv, struct monitor_options *options,
					  struct error *err)
{
	enum options_result result;
	struct operands operands;

	*options = defaults();
	result = options_parse(&monitor_option_table, argc, argv, options, &operands, err);
	if (result != OPTIONS_DONE)
		return result;
	if (operands.count > 0) {
		error_set(err, "'%s' is no option; an interface is given with -i",
			  operands.items[0]);
		return OPTIONS_MISUSE;
	}
	if (!options->list && !check_interfaces(&options->interfaces, err))
		return OPTIONS_MISUSE;
	if (!check_alerts(options, err))
		return OPTIONS_MISUSE;
	if (options->snaplen == 0)
		options->snaplen = options->dpi ? LIVE_SNAPLEN_ALL : LIVE_SNAPLEN_HEADERS;
	return OPTIONS_DONE;
}

void monitor_options_free(struct monitor_options *options)
{
	analyze_options_free(&options->analyze);
	option_texts_free(&options->interfaces);
	option_texts_free(&options->alerts);
}
