/* The tables of a new database; of schema.c's family only. */
#ifndef LASTACK_DB_SCHEMA_TABLES_H
#define LASTACK_DB_SCHEMA_TABLES_H

#include <stddef.h>

struct schema_table {
	int since; /* the version that brought it */
	const char *sql;
};

/* In the order they are made. The alerts of live runs are alert_rows.c's. */
extern const struct schema_table schema_tables[];
extern const size_t schema_table_count;

/* What a report visits of each connection comes first in its row: SQLite steps over every column that
 * stands before the one it is asked for. */
#define SCHEMA_CONNECTION_COLUMNS                                                 \
	"( id INTEGER PRIMARY KEY,"                                               \
	" outcome_id INTEGER NOT NULL REFERENCES outcomes(id),"                   \
	" first_ns INTEGER NOT NULL,"                                             \
	" duration_ns INTEGER NOT NULL,"                                          \
	" initiator_id INTEGER NOT NULL REFERENCES hosts(id),"                    \
	" responder_id INTEGER NOT NULL REFERENCES hosts(id),"                    \
	" ports INTEGER NOT NULL,"                                                \
	" fin_back_ns_initiator INTEGER,"                                         \
	" fin_back_ns_responder INTEGER,"                                         \
	" application_id INTEGER REFERENCES applications(id),"                    \
	" path_id INTEGER REFERENCES paths(id),"                                  \
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE," \
	" bytes_initiator INTEGER NOT NULL,"                                      \
	" bytes_responder INTEGER NOT NULL,"                                      \
	" first_packet INTEGER NOT NULL,"                                         \
	" history_id INTEGER NOT NULL REFERENCES histories(id),"                  \
	" packets_initiator INTEGER NOT NULL,"                                    \
	" packets_responder INTEGER NOT NULL,"                                    \
	" isns INTEGER NOT NULL,"                                                 \
	" fin_payloads INTEGER NOT NULL,"                                         \
	" fin_acked_ns_initiator INTEGER,"                                        \
	" fin_acked_ns_responder INTEGER,"                                        \
	" handshake_rtt_ns INTEGER,"                                              \
	" time_wait_observed_ns INTEGER"                                          \
	") STRICT"

#endif
