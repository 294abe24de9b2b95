/* Reading connections back: filtered, or by a statement of the user's own.
 *
 * Both give a statement ready to step; the caller finalizes it before store_close. Rows come from
 * the view `teardowns`, whose columns are the contract. */
#ifndef LASTACK_DB_QUERY_H
#define LASTACK_DB_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/store.h"

/* Which connections are wanted. A zeroed filter wants them all; what is set must all hold. */
struct query_filter {
	const char *teardown; /* "four_way"; names as in the contract */
	const char *closer;   /* "initiator", "responder", "both", "none" */
	const char *finding;  /* a code: has at least one such finding */
	const char *host; /* an address, or a prefix "10.0.0.0/8", "2001:db8::/32"; either end */
	const char *application; /* "TLS.Google", or one part of it; whatever the case */
	const char *server_name; /* part of it; whatever the case */
	const char *contains;    /* as the user wrote it: a stream holds these bytes: */
	const uint8_t *contains_bytes;
	size_t contains_length;
	bool has_port;
	uint16_t port; /* of either end; with host, of that host's end */
	bool has_since, has_until;
	int64_t since_ns; /* first segment at or after */
	int64_t until_ns; /* first segment before */
	uint64_t limit;   /* the earliest so many; 0: all */
};

/* All columns of `teardowns`, in order of first_ns, then connection_id. NULL with err that quotes a
 * value that is no name, code, address or prefix, or that no recording was searched for. */
sqlite3_stmt *query_prepare(struct store *store, const struct query_filter *filter,
			    struct error *err);

/* One statement that only reads: SELECT, VALUES, WITH, EXPLAIN and the pragmas that describe the
 * database. All else (writing, ATTACH, load_extension, a second statement) gives NULL with err. From
 * then on the store's handle refuses all else too, whoever prepares it. */
sqlite3_stmt *query_prepare_sql(struct store *store, const char *sql, struct error *err);

#endif
