/* Alerts of live runs, table `alerts`: one row each, written when it begins and again when it ends. */
#ifndef LASTACK_DB_ALERT_ROWS_H
#define LASTACK_DB_ALERT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "parsers/segment.h"

struct alert_row {
	const char *condition;      /* as the user wrote it; borrowed */
	int64_t began_ns, ended_ns; /* ended: NONE_NS while it holds */
	double value;               /* when it began */
	uint64_t matching, connections;
	uint8_t ip_version; /* of a connection that matched; 0: none */
	struct ip_address initiator, responder;
	uint16_t initiator_port, responder_port;
};

/* Makes the table; inside the caller's transaction, as all here. New in version 3. */
bool alert_rows_create(sqlite3 *db, struct error *err);
/* Adds the row, or tells its end where there is one of this recording, condition and beginning. */
bool alert_rows_put(sqlite3 *db, int64_t recording_id, const struct alert_row *row,
		    struct error *err);

#endif
