/* What a live run does; filled from the options, never changed afterwards. */
#ifndef LASTACK_MONITOR_CONFIG_H
#define LASTACK_MONITOR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/engine.h"
#include "db/store.h"
#include "monitor/alert.h"

enum { MONITOR_INTERFACES = 16, MONITOR_WORKERS = 64 };

struct monitor_config {
	const char *
		interface[MONITOR_INTERFACES]; /* "eth0", "any", or "file:..." (monitor/replay.h) */
	size_t interface_count;
	const char *filter; /* NULL: the default */
	uint32_t snaplen;
	size_t buffer; /* bytes the kernel holds for each interface, and as much in our ring */
	bool promiscuous;
	size_t workers;
	bool dpi;
	struct engine_config engine;
	struct recording recording; /* without feed */
	const char *database;
	size_t backlog; /* bytes of rows that wait in memory */
	uint64_t batch_rows;
	int64_t keep_ns;
	uint64_t keep_bytes;
	struct alert_condition condition[ALERT_CONDITIONS];
	size_t condition_count;
	const char *user; /* whose rights are kept; NULL: whoever started it */
	bool sandbox;     /* each process gives up what it does not need */
	bool runs_programs, looks_at_processes; /* what the front does (alert command, owners) */
};

#endif
