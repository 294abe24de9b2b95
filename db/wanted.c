#include "db/wanted.h"

#include <arpa/inet.h>
#include <string.h>

#include "db/path.h"
#include "db/row_step.h"
#include "db/sql_error.h"

enum column {
	COLUMN_ID,
	COLUMN_INITIATOR_IP,
	COLUMN_INITIATOR_PORT,
	COLUMN_RESPONDER_IP,
	COLUMN_RESPONDER_PORT,
	COLUMN_VLAN,
	COLUMN_FIRST_NS,
	COLUMN_TUNNEL,
	COLUMNS
};

static const char *const names[COLUMNS] = {
	"connection_id",  "initiator_ip", "initiator_port", "responder_ip",
	"responder_port", "vlan",         "first_ns",       "tunnel",
};

/* Where each column is in the rows. */
static bool find_columns(sqlite3_stmt *rows, int place[COLUMNS], struct error *err)
{
	for (int column = 0; column < COLUMNS; column++) {
		place[column] = -1;
		for (int i = 0; i < sqlite3_column_count(rows); i++)
			if (strcmp(sqlite3_column_name(rows, i), names[column]) == 0)
				place[column] = i;
		if (place[column] < 0)
			return error_set(err, "the database tells no %s", names[column]);
	}
	return true;
}

/* 4 or 6; 0 where the text is no address. */
static uint8_t read_address(sqlite3_stmt *rows, int column, struct ip_address *address)
{
	const char *text = (const char *)sqlite3_column_text(rows, column);

	memset(address, 0, sizeof(*address));
	if (text && inet_pton(AF_INET, text, address->bytes) == 1)
		return 4;
	return text && inet_pton(AF_INET6, text, address->bytes) == 1 ? 6 : 0;
}

static bool read_row(sqlite3_stmt *rows, const int place[COLUMNS], struct wanted *wanted)
{
	const char *tunnel = (const char *)sqlite3_column_text(rows, place[COLUMN_TUNNEL]);

	*wanted = (struct wanted){
		.id = sqlite3_column_int64(rows, place[COLUMN_ID]),
		.port = {(uint16_t)sqlite3_column_int(rows, place[COLUMN_INITIATOR_PORT]),
			 (uint16_t)sqlite3_column_int(rows, place[COLUMN_RESPONDER_PORT])},
		.vlan = (unsigned)sqlite3_column_int(rows, place[COLUMN_VLAN]),
		.first_ns = sqlite3_column_int64(rows, place[COLUMN_FIRST_NS]),
	};
	wanted->ip_version = read_address(rows, place[COLUMN_INITIATOR_IP],
					  &wanted->address[SIDE_INITIATOR]);
	return wanted->ip_version != 0 &&
	       read_address(rows, place[COLUMN_RESPONDER_IP], &wanted->address[SIDE_RESPONDER]) ==
		       wanted->ip_version &&
	       tunnel_parse(tunnel ? tunnel : "", &wanted->tunnel);
}

bool wanted_rows(sqlite3_stmt *rows, bool ids, struct selection *selection, struct error *err)
{
	int place[COLUMNS], result;
	struct wanted wanted;

	if (!find_columns(rows, place, err))
		return false;
	while ((result = row_step(rows)) == SQLITE_ROW) {
		if (!read_row(rows, place, &wanted))
			return error_set(err, "connection %lld of the database cannot be read",
					 (long long)sqlite3_column_int64(rows, place[COLUMN_ID]));
		if (!ids)
			wanted.id = 0;
		if (!selection_add(selection, &wanted, err))
			return false;
	}
	return result == SQLITE_DONE || sql_error(sqlite3_db_handle(rows), err);
}

bool wanted_connection(struct store *store, int64_t id, struct selection *selection, bool *there,
		       struct error *err)
{
	static const char sql[] = "SELECT connection_id, initiator_ip, initiator_port,"
				  " responder_ip, responder_port, vlan, first_ns, tunnel"
				  " FROM teardowns WHERE connection_id = ?";
	size_t before = selection_count(selection);
	sqlite3_stmt *rows = NULL;
	bool ok;

	if (sqlite3_prepare_v2(store_handle(store), sql, -1, &rows, NULL) != SQLITE_OK)
		return sql_error(store_handle(store), err);
	sqlite3_bind_int64(rows, 1, id);
	ok = wanted_rows(rows, true, selection, err);
	sqlite3_finalize(rows);
	*there = selection_count(selection) > before;
	return ok;
}
