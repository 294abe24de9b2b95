/* The numbers of a live run for Prometheus: OpenMetrics 1.0, or Prometheus' text format 0.0.4 for a client
 * that does not ask for OpenMetrics. docs/monitor.md lists the names.
 *
 * Labels are names of lastack's taxonomies and of interfaces only: what was captured never makes a series. */
#ifndef LASTACK_MONITOR_METRICS_H
#define LASTACK_MONITOR_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "monitor/board.h"
#include "monitor/snapshot.h"

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

#define METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_TYPE_PROMETHEUS  "text/plain; version=0.0.4; charset=utf-8"

void metrics_write(FILE *out, const struct snapshot *snapshot, enum metrics_format format);
/* What a client's Accept header asks for; NULL is none. */
enum metrics_format metrics_format_of(const char *accept);

/* GET /metrics and a page at /, on one thread: the caller's. */
struct metrics_server;

/* address: "9000", "127.0.0.1:9000", "[::1]:9000"; a port alone is 127.0.0.1's, 0 is any that is free.
 * NULL with err: no address, in use, or lastack was built without libmicrohttpd. */
struct metrics_server *metrics_open(const struct board *board, const char *address,
				    struct error *err);
void metrics_close(struct metrics_server *server); /* NULL is fine */

uint16_t metrics_port(const struct metrics_server *server);
/* To be polled for input. */
int metrics_descriptor(const struct metrics_server *server);
/* Serves what is due, without waiting; a few times a second also where nothing came, for time limits. */
void metrics_serve(struct metrics_server *server);
/* In a process forked from the one that serves: closes what was inherited. */
void metrics_forked(const struct metrics_server *server);

#endif
