/* What live runs add to the schema, new in version 3. */
#include "db/alert_rows.h"
#include "db/schema.h"

#include <stddef.h>

static const char *const live_sql[] = {
	/* live: of a monitor; finished: it ended as it should; interrupted: it did not */
	"ALTER TABLE recordings ADD COLUMN live INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE recordings ADD COLUMN finished INTEGER NOT NULL DEFAULT 1",
	"ALTER TABLE recordings ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE recordings ADD COLUMN started_ns INTEGER",
	"ALTER TABLE recordings ADD COLUMN updated_ns INTEGER",
	"ALTER TABLE recordings ADD COLUMN rows_lost INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE recordings ADD COLUMN rows_expired INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE recordings ADD COLUMN clock_steps INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE captures ADD COLUMN drops_kernel INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE captures ADD COLUMN drops_interface INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE captures ADD COLUMN drops_own INTEGER NOT NULL DEFAULT 0",

	"CREATE TABLE open_connections("
	" recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	" as_of_ns INTEGER NOT NULL,"
	" capture TEXT NOT NULL,"
	" initiator_ip TEXT NOT NULL,"
	" initiator_port INTEGER NOT NULL,"
	" responder_ip TEXT NOT NULL,"
	" responder_port INTEGER NOT NULL,"
	" vlan INTEGER,"
	" tunnel TEXT,"
	" midstream INTEGER NOT NULL,"
	" first_ns INTEGER NOT NULL,"
	" last_ns INTEGER NOT NULL,"
	" state_initiator TEXT,"
	" state_responder TEXT,"
	" teardown TEXT NOT NULL,"
	" packets_initiator INTEGER NOT NULL,"
	" packets_responder INTEGER NOT NULL,"
	" bytes_initiator INTEGER NOT NULL,"
	" bytes_responder INTEGER NOT NULL"
	") STRICT",
};

bool schema_create_live(sqlite3 *db, struct error *err)
{
	for (size_t i = 0; i < sizeof(live_sql) / sizeof(live_sql[0]); i++)
		if (!schema_run(db, live_sql[i], err))
			return false;
	return alert_rows_create(db, err);
}
