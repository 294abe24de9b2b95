/* The process that captures one interface: from libpcap into a ring, and nothing else. */
#ifndef LASTACK_MONITOR_CAPTURE_H
#define LASTACK_MONITOR_CAPTURE_H

#include "monitor/clock.h"
#include "monitor/config.h"
#include "monitor/ring.h"

/* How the process ends. */
enum capture_end {
	CAPTURE_STOPPED = 0, /* SIGTERM came: all that was there is in the ring */
	CAPTURE_FAILED = 1,  /* told on the status pipe */
	CAPTURE_GONE = 3,    /* the interface is not there, or not any more */
};

struct capture_setup {
	const struct monitor_config *config;
	size_t index; /* of the interface */
	struct ring *ring;
	struct clock_axis axis;
	int status; /* pipe, see monitor/status.h */
};

/* Runs until SIGTERM, which the caller has caught: *stop becomes true. */
enum capture_end capture_run(const struct capture_setup *setup, const volatile bool *stop);

#endif
