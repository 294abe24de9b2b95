/* Reading connections back: filtered, grouped, or by a statement of the user's own.
 *
 * Each gives a statement ready to step; the caller finalizes it before store_close. Rows come from
 * the view `teardowns`, whose columns are the contract. Where connections are filtered or grouped, all that is
 * read of the store from then on is of one moment (store_hold). */
#ifndef LASTACK_DB_QUERY_H
#define LASTACK_DB_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/store.h"

/* Which connections are wanted. A zeroed filter wants them all; what is set must all hold. Names are
 * the contract's. */
struct query_filter {
	const char *teardown;   /* "four_way" */
	const char *closer;     /* "initiator", "responder", "both", "none" */
	const char *end_reason; /* "closed", "reset", ... */
	const char *time_wait;  /* time_wait_check: "held", ... */
	const char *rst_by;     /* "initiator", "responder" */
	const char *rst_stage;  /* "established", ... */
	const char *rst_cause;  /* "application_abort", ... */
	const char *conn_state; /* Zeek's: "SF", ... */
	const char *finding;    /* a code: has at least one such finding */
	const char *severity;   /* has a finding of this severity or a worse one */
	const char *host; /* an address, or a prefix "10.0.0.0/8", "2001:db8::/32"; either end */
	const char *client, *server; /* the same, of the initiator, of the responder */
	const char
		*application; /* "TLS.Google", one part of it, or its category; whatever the case */
	const char *server_name; /* part of it; whatever the case */
	const char *contains;    /* as the user wrote it: a stream holds these bytes: */
	const uint8_t *contains_bytes;
	size_t contains_length;
	const char *capture;      /* as named when it was analysed */
	const char *tunnel;       /* part of the tunnel's text; "": in any tunnel */
	const char *community_id; /* "1:..." */
	bool has_port, has_server_port, has_vlan, incomplete, complete, midstream, injected;
	uint16_t port; /* of either end; with host, of that host's end */
	uint16_t server_port, vlan;
	bool has_since, has_until, has_min_duration, has_max_duration;
	int64_t since_ns;        /* first segment at or after */
	int64_t until_ns;        /* first segment before */
	int64_t min_duration_ns; /* first to last segment, this long or longer */
	int64_t max_duration_ns; /* and not longer than that */
	uint64_t limit;          /* the earliest so many; 0: all */
	uint64_t rare_max; /* what fewer connections fit is looked up by index; 0: the default */
};

/* All columns of `teardowns` and community_id, in order of first_ns, then connection_id. NULL with err
 * that quotes a value that is no name, code, address or prefix, or that no recording was searched
 * for. */
sqlite3_stmt *query_prepare(struct store *store, const struct query_filter *filter,
			    struct error *err);

enum query_group {
	GROUP_HOST,        /* each connection counts for both of its ends */
	GROUP_CLIENT,      /* initiator_ip */
	GROUP_SERVER,      /* responder_ip and port */
	GROUP_APPLICATION, /* NULL: not identified */
	GROUP_TEARDOWN,
	GROUP_CLOSER,
	GROUP_CAUSE, /* of resets; connections without one are left out */
	GROUP_STATE, /* Zeek's */
	GROUP_HOUR,  /* of the first segment, UTC: "2024-05-01T10:00:00Z" */
	QUERY_GROUPS
};

/* One row a group, the largest first (hours in their order): the group's name and value, then
 * connections, complete, resets, findings (connections with one above info), bytes, and of the
 * durations duration_p50_ns, duration_p90_ns, duration_p99_ns (nearest rank) and duration_max_ns. */
sqlite3_stmt *query_prepare_groups(struct store *store, const struct query_filter *filter,
				   enum query_group group, struct error *err);

/* One statement that only reads: SELECT, VALUES, WITH, EXPLAIN and the pragmas that describe the
 * database; the function community_id(ip, port, ip, port) is there. All else (writing, ATTACH,
 * load_extension, a second statement) gives NULL with err. From then on the store's handle refuses all
 * else too, whoever prepares it. */
sqlite3_stmt *query_prepare_sql(struct store *store, const char *sql, struct error *err);

#endif
