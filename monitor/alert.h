/* Alerts: conditions over what the last seconds or hours brought, and when they begin and end to hold.
 *
 *   share(rst_abort) > 5% over 1m
 *   rate(finding:close-wait-stuck) > 3/min over 5m for port 443
 *   count(cause:port_closed) >= 10 over 10s for host 10.0.0.5
 *
 * docs/monitor.md explains the language. Time is told by the caller, in ns since the Unix epoch. A
 * condition's window is kept as WINDOW_BUCKETS counts, so its memory does not grow with the traffic and
 * its length is exact to a sixtieth. */
#ifndef LASTACK_MONITOR_ALERT_H
#define LASTACK_MONITOR_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "db/address.h"

enum {
	ALERT_CONDITIONS = 64, /* the most of a run */
	ALERT_WINDOW_BUCKETS = 60,
	ALERT_MINIMUM = 20, /* connections a share needs, where nothing else is said */
};

enum alert_measure {
	ALERT_SHARE, /* matching of all connections, in percent */
	ALERT_RATE,  /* matching connections a unit of time */
	ALERT_COUNT, /* matching connections in the window */
};

enum alert_what {
	ALERT_ALL,      /* connections: each */
	ALERT_UNCLEAN,  /* unclean: each that is not clean (struct verdict) */
	ALERT_TEARDOWN, /* a class */
	ALERT_CAUSE,    /* of the reset */
	ALERT_FINDING,  /* has at least one of this code */
	ALERT_SEVERITY, /* has a finding of this severity or a worse one */
};

enum alert_comparison { ALERT_ABOVE, ALERT_AT_LEAST, ALERT_BELOW, ALERT_AT_MOST };

/* Which connections are looked at at all. */
struct alert_scope {
	bool has_port, has_host, has_client, has_server;
	uint16_t port; /* of the responder */
	struct address_range host, client, server;
};

struct alert_condition {
	const char *text; /* as the user wrote it; borrowed */
	enum alert_measure measure;
	enum alert_what what;
	unsigned value; /* the teardown, cause, code or severity */
	enum alert_comparison comparison;
	double limit;    /* percent, connections a unit, or connections */
	int64_t unit_ns; /* of a rate */
	int64_t window_ns;
	struct alert_scope scope;
	uint64_t minimum; /* connections in the window below which it does not hold */
};

/* False with err, which shows the place where text could not be read on. */
bool alert_parse(const char *text, struct alert_condition *condition, struct error *err);

enum alert_state { ALERT_BEGAN, ALERT_ENDED, ALERT_STATES };
const char *alert_state_name(enum alert_state state); /* "began", "ended" */

/* What is told. Once when the condition begins to hold, and once when it has not held for a whole
 * window: what comes and goes within one is one alert. */
struct alert {
	unsigned index; /* of the condition */
	const struct alert_condition *condition;
	enum alert_state state;
	int64_t began_ns, ended_ns;     /* ended: NONE_NS while it holds */
	uint64_t matching, connections; /* in the window, now */
	double value;                   /* what was compared, now; 0 of a share of nothing */
	/* The latest matching connection; of one that never matched (a limit from above), version 0. */
	struct alert_example {
		uint8_t ip_version;
		struct ip_address initiator, responder;
		uint16_t initiator_port, responder_port;
	} example;
};

/* The value in the condition's terms: "12.5 %", "4.2/min", "17". */
enum { ALERT_VALUE_SIZE = 40, ALERT_SENTENCE_SIZE = 200 };
double alert_value(const struct alert_condition *condition, uint64_t matching,
		   uint64_t connections);
const char *alert_value_text(const struct alert_condition *condition, double value,
			     char out[ALERT_VALUE_SIZE]);
/* One sentence for people, with the condition. */
const char *alert_sentence(const struct alert *alert, char out[ALERT_SENTENCE_SIZE]);

typedef void alert_sink(void *context, const struct alert *alert);

struct alerts;

/* conditions are borrowed. NULL with err: no memory. */
struct alerts *alerts_new(const struct alert_condition *conditions, size_t count, alert_sink *sink,
			  void *context, struct error *err);
void alerts_free(struct alerts *alerts); /* NULL is fine */

/* Before the first tick: the condition of that index held already, as another process told. */
void alerts_resume(struct alerts *alerts, size_t index, int64_t began_ns);
/* A connection that was told, at the time of the last tick. One told again is not counted again, nor one that has
 * ended after it was counted for a finding while it was open. */
void alerts_take(struct alerts *alerts, const struct verdict *verdict);
/* Now it is so late: to be called at least every second. Where time goes back, or on by more than a
 * window, windows begin anew. */
void alerts_tick(struct alerts *alerts, int64_t now_ns);

#endif
