/* Tables.
 *
 * A connection is one row of connections: only what nearly every connection has, times as distances
 * from its own first or last segment, so that most of it takes one to four bytes. What repeats is in
 * dictionaries (hosts, paths, outcomes, histories), what is rare in side tables with the connection's key. */
#include "db/schema_tables.h"

const struct schema_table schema_tables[] = {
	{1, "CREATE TABLE recordings("
	    " id INTEGER PRIMARY KEY,"
	    " identity TEXT UNIQUE,"
	    " joined INTEGER NOT NULL,"
	    " filter TEXT,"
	    " msl_ns INTEGER NOT NULL,"
	    " idle_timeout_ns INTEGER NOT NULL,"
	    " stuck_ns INTEGER NOT NULL,"
	    " keep_duplicates INTEGER NOT NULL,"
	    " verify_checksums INTEGER NOT NULL,"
	    " watched_until_ns INTEGER,"
	    " first_connection INTEGER,"
	    " last_connection INTEGER,"
	    " segments INTEGER NOT NULL DEFAULT 0,"
	    " duplicates INTEGER NOT NULL DEFAULT 0,"
	    " connections INTEGER NOT NULL DEFAULT 0,"
	    " evicted INTEGER NOT NULL DEFAULT 0,"
	    " evicted_unanswered INTEGER NOT NULL DEFAULT 0,"
	    " evicted_ended INTEGER NOT NULL DEFAULT 0,"
	    " evicted_alive INTEGER NOT NULL DEFAULT 0,"
	    " peak_connections INTEGER NOT NULL DEFAULT 0,"
	    " peak_memory INTEGER NOT NULL DEFAULT 0,"
	    " fragments INTEGER NOT NULL DEFAULT 0,"
	    " datagrams_reassembled INTEGER NOT NULL DEFAULT 0,"
	    " fragments_expired INTEGER NOT NULL DEFAULT 0,"
	    " tunnelled INTEGER NOT NULL DEFAULT 0,"
	    " bad_options INTEGER NOT NULL DEFAULT 0,"
	    /* live: of a monitor; finished: it ended as it should; interrupted: it did not */
	    " live INTEGER NOT NULL DEFAULT 0,"
	    " finished INTEGER NOT NULL DEFAULT 1,"
	    " interrupted INTEGER NOT NULL DEFAULT 0,"
	    " started_ns INTEGER,"
	    " updated_ns INTEGER,"
	    " rows_lost INTEGER NOT NULL DEFAULT 0,"
	    " rows_expired INTEGER NOT NULL DEFAULT 0,"
	    " clock_steps INTEGER NOT NULL DEFAULT 0"
	    ") STRICT"},

	{1, "CREATE TABLE captures("
	    " id INTEGER PRIMARY KEY,"
	    " recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	    " position INTEGER NOT NULL,"
	    " path TEXT NOT NULL,"
	    " real_path TEXT,"
	    " format TEXT,"
	    " problem TEXT,"
	    " opened INTEGER NOT NULL,"
	    " is_capture INTEGER NOT NULL,"
	    " file_bytes INTEGER,"
	    " modified_ns INTEGER,"
	    " interfaces INTEGER NOT NULL,"
	    " packets INTEGER NOT NULL,"
	    " packets_filtered_out INTEGER NOT NULL,"
	    " bytes INTEGER NOT NULL,"
	    " wire_bytes INTEGER NOT NULL,"
	    " backwards INTEGER NOT NULL,"
	    " first_ns INTEGER,"
	    " last_ns INTEGER,"
	    " drops_kernel INTEGER NOT NULL DEFAULT 0,"
	    " drops_interface INTEGER NOT NULL DEFAULT 0,"
	    " drops_own INTEGER NOT NULL DEFAULT 0,"
	    " UNIQUE(recording_id, position)"
	    ") STRICT"},

	{1, "CREATE TABLE capture_linktypes("
	    " capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	    " linktype INTEGER NOT NULL,"
	    " name TEXT NOT NULL,"
	    " PRIMARY KEY(capture_id, linktype)"
	    ") STRICT, WITHOUT ROWID"},

	{1, "CREATE TABLE decode_counts("
	    " recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	    " reason TEXT NOT NULL,"
	    " packets INTEGER NOT NULL,"
	    " PRIMARY KEY(recording_id, reason)"
	    ") STRICT, WITHOUT ROWID"},

	{1, "CREATE TABLE hosts("
	    " id INTEGER PRIMARY KEY,"
	    " address TEXT NOT NULL,"
	    " version INTEGER NOT NULL CHECK(version IN (4, 6)),"
	    " key BLOB NOT NULL CHECK(length(key) = 16),"
	    " UNIQUE(key, version)"
	    ") STRICT"},

	{1, "CREATE TABLE paths("
	    " id INTEGER PRIMARY KEY,"
	    " key TEXT NOT NULL UNIQUE,"
	    " vlan INTEGER,"
	    " vlans_initiator TEXT,"
	    " vlans_responder TEXT,"
	    " tunnel TEXT"
	    ") STRICT"},

	{1, "CREATE TABLE outcomes("
	    " id INTEGER PRIMARY KEY,"
	    " key INTEGER NOT NULL UNIQUE,"
	    " teardown TEXT NOT NULL,"
	    " complete INTEGER NOT NULL,"
	    " closer TEXT NOT NULL,"
	    " end_reason TEXT NOT NULL,"
	    " clean INTEGER NOT NULL,"
	    " midstream INTEGER NOT NULL,"
	    " fin_check_initiator TEXT NOT NULL,"
	    " fin_check_responder TEXT NOT NULL,"
	    " time_wait_holder TEXT NOT NULL,"
	    " time_wait_check TEXT NOT NULL,"
	    " reuse_by TEXT,"
	    " reuse_rule TEXT,"
	    " reuse_answer TEXT,"
	    " rst_by TEXT,"
	    " rst_stage TEXT,"
	    " rst_cause TEXT,"
	    " rst_injected INTEGER NOT NULL,"
	    " conn_state TEXT NOT NULL,"
	    " seen_initiator INTEGER NOT NULL,"
	    " seen_responder INTEGER NOT NULL,"
	    " isn_known_initiator INTEGER NOT NULL,"
	    " isn_known_responder INTEGER NOT NULL,"
	    " timeline INTEGER NOT NULL,"
	    " rst_form TEXT,"
	    " open_stage TEXT"
	    ") STRICT"},

	{1, "CREATE TABLE connections" SCHEMA_CONNECTION_COLUMNS},

	{1, "CREATE TABLE losses("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " duplicates INTEGER NOT NULL,"
	    " retransmitted_initiator INTEGER NOT NULL,"
	    " retransmitted_responder INTEGER NOT NULL,"
	    " missing_initiator INTEGER NOT NULL,"
	    " missing_responder INTEGER NOT NULL,"
	    " fin_retransmissions_initiator INTEGER NOT NULL,"
	    " fin_retransmissions_responder INTEGER NOT NULL"
	    ") STRICT"},

	{1, "CREATE TABLE resets("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " rst_back_ns INTEGER,"
	    " silence_ns INTEGER,"
	    " in_window INTEGER NOT NULL,"
	    " out_of_window INTEGER NOT NULL,"
	    " ttl INTEGER,"
	    " sender_ttl INTEGER,"
	    " idle_ns INTEGER"
	    ") STRICT"},

	{1, "CREATE TABLE reuses("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " delay_ns INTEGER,"
	    " restarts INTEGER NOT NULL"
	    ") STRICT"},

	{1, "CREATE TABLE dwells("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " time_wait_entry_ns INTEGER,"
	    " close_wait_ns INTEGER,"
	    " fin_wait_1_ns INTEGER,"
	    " fin_wait_2_ns INTEGER,"
	    " last_ack_ns INTEGER,"
	    " closing_ns INTEGER,"
	    " end_back_ns INTEGER"
	    ") STRICT"},

	{1, "CREATE TABLE states("
	    " connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
	    " position INTEGER NOT NULL,"
	    " side INTEGER NOT NULL,"
	    " state INTEGER NOT NULL,"
	    " entry_ns INTEGER NOT NULL,"
	    " dwell_ns INTEGER,"
	    " PRIMARY KEY(connection_id, position)"
	    ") STRICT, WITHOUT ROWID"},

	{1, "CREATE TABLE ladders("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " segments BLOB NOT NULL"
	    ") STRICT"},

	{1, "CREATE TABLE finding_codes("
	    " id INTEGER PRIMARY KEY,"
	    " code TEXT NOT NULL UNIQUE,"
	    " severity TEXT NOT NULL,"
	    " title TEXT NOT NULL,"
	    " advice TEXT NOT NULL,"
	    " basis TEXT NOT NULL"
	    ") STRICT"},

	{1, "CREATE TABLE finding_rows("
	    " connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
	    " position INTEGER NOT NULL,"
	    " code_id INTEGER NOT NULL REFERENCES finding_codes(id),"
	    " severity INTEGER NOT NULL,"
	    " side INTEGER,"
	    " ts_ns INTEGER NOT NULL,"
	    " packet INTEGER,"
	    " capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	    " count INTEGER NOT NULL,"
	    " detail TEXT NOT NULL,"
	    " detail_id INTEGER REFERENCES finding_details(id),"
	    " PRIMARY KEY(connection_id, position)"
	    ") STRICT, WITHOUT ROWID"},

	{2, "CREATE TABLE applications("
	    " id INTEGER PRIMARY KEY,"
	    " name TEXT NOT NULL,"
	    " category TEXT,"
	    " guessed INTEGER NOT NULL,"
	    " server_name TEXT,"
	    " UNIQUE(name, category, guessed, server_name)"
	    ") STRICT"},

	{2, "CREATE TABLE silences("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " fin_ms INTEGER NOT NULL"
	    ") STRICT"},

	{2, "CREATE TABLE marks("
	    " id INTEGER PRIMARY KEY,"
	    " text TEXT NOT NULL,"
	    " bytes BLOB NOT NULL UNIQUE"
	    ") STRICT"},

	{2, "CREATE TABLE recording_marks("
	    " recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	    " mark_id INTEGER NOT NULL REFERENCES marks(id),"
	    " PRIMARY KEY(recording_id, mark_id)"
	    ") STRICT, WITHOUT ROWID"},

	{2, "CREATE TABLE mark_hits("
	    " connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
	    " position INTEGER NOT NULL,"
	    " mark_id INTEGER NOT NULL REFERENCES marks(id),"
	    " side INTEGER NOT NULL,"
	    " stream_offset INTEGER NOT NULL,"
	    " ts_ns INTEGER NOT NULL,"
	    " packet INTEGER NOT NULL,"
	    " capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"
	    " count INTEGER NOT NULL,"
	    " PRIMARY KEY(connection_id, position)"
	    ") STRICT, WITHOUT ROWID"},

	{5, "CREATE TABLE open_connections("
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
	    " bytes_responder INTEGER NOT NULL,"
	    " since_initiator_ns INTEGER,"
	    " since_responder_ns INTEGER"
	    ") STRICT"},

	{4, "CREATE TABLE summaries("
	    " recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	    " hour INTEGER NOT NULL,"
	    " outcome_id INTEGER NOT NULL REFERENCES outcomes(id),"
	    " connections INTEGER NOT NULL,"
	    " bytes INTEGER NOT NULL,"
	    " retransmitted INTEGER NOT NULL,"
	    " missing INTEGER NOT NULL,"
	    " rst_in_window INTEGER NOT NULL,"
	    " rst_out_of_window INTEGER NOT NULL,"
	    " time_wait_restarts INTEGER NOT NULL,"
	    " PRIMARY KEY(recording_id, hour, outcome_id)"
	    ") STRICT, WITHOUT ROWID"},

	{4, "CREATE TABLE finding_summaries("
	    " recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,"
	    " hour INTEGER NOT NULL,"
	    " code_id INTEGER NOT NULL REFERENCES finding_codes(id),"
	    " severity INTEGER NOT NULL,"
	    " connections INTEGER NOT NULL,"
	    " occurrences INTEGER NOT NULL,"
	    " PRIMARY KEY(recording_id, hour, code_id, severity)"
	    ") STRICT, WITHOUT ROWID"},

	{4, "CREATE TABLE finding_details("
	    " id INTEGER PRIMARY KEY,"
	    " text TEXT NOT NULL UNIQUE"
	    ") STRICT"},

	{6, "CREATE TABLE blocks("
	    " id INTEGER PRIMARY KEY,"
	    " first_ns INTEGER NOT NULL,"
	    " first_max_ns INTEGER NOT NULL,"
	    " last_ns INTEGER NOT NULL,"
	    " duration_min_ns INTEGER NOT NULL,"
	    " duration_max_ns INTEGER NOT NULL,"
	    " places BLOB"
	    ") STRICT"},

	{6, "CREATE TABLE block_values("
	    " kind INTEGER NOT NULL,"
	    " block_id INTEGER NOT NULL REFERENCES blocks(id) ON DELETE CASCADE,"
	    " list BLOB NOT NULL,"
	    " PRIMARY KEY(kind, block_id)"
	    ") STRICT, WITHOUT ROWID"},

	{7, "CREATE TABLE histories("
	    " id INTEGER PRIMARY KEY,"
	    " text TEXT NOT NULL UNIQUE"
	    ") STRICT"},

	{7, "CREATE TABLE fins("
	    " connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,"
	    " half_close_bytes INTEGER NOT NULL,"
	    " shift_initiator INTEGER NOT NULL,"
	    " shift_responder INTEGER NOT NULL"
	    ") STRICT"},
};

const size_t schema_table_count = sizeof(schema_tables) / sizeof(schema_tables[0]);
