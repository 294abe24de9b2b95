/* Makes a database one of schema version 6, as lastack wrote it before rows of connections were narrowed, from
 * what the views of this version say. Its own views are of no use afterwards. */
#ifndef LASTACK_TESTS_VERSION_6_H
#define LASTACK_TESTS_VERSION_6_H

#define TO_VERSION_6                                                                               \
	"CREATE TEMP TABLE was AS SELECT c.id, c.outcome_id, c.first_ns, c.duration_ns,"           \
	" c.initiator_id, c.responder_id, t.responder_port, c.fin_back_ns_initiator,"              \
	" c.fin_back_ns_responder, c.application_id, c.path_id, c.capture_id, t.initiator_port,"   \
	" c.bytes_initiator, c.bytes_responder, c.first_packet, t.history, c.packets_initiator,"   \
	" c.packets_responder, c.isns >> 32, c.isns << 32 >> 32,"                                  \
	" CASE WHEN t.fin_ns_initiator IS NOT NULL THEN coalesce(f.shift_initiator, 0) END,"       \
	" CASE WHEN t.fin_ns_responder IS NOT NULL THEN coalesce(f.shift_responder, 0) END,"       \
	" t.fin_payload_initiator, t.fin_payload_responder, c.fin_acked_ns_initiator,"             \
	" c.fin_acked_ns_responder, t.half_close_bytes, c.handshake_rtt_ns,"                       \
	" t.last_ns - t.end_ns, c.time_wait_observed_ns"                                           \
	" FROM connections AS c JOIN teardowns AS t ON t.connection_id = c.id"                     \
	" LEFT JOIN fins AS f ON f.connection_id = c.id ORDER BY c.id;"                            \
	"DROP VIEW teardowns; DROP VIEW findings; DROP VIEW timeline; DROP VIEW regular_closes;"   \
	"DROP VIEW found;"                                                                         \
	"DROP TABLE connections; DROP TABLE histories; DROP TABLE fins;"                           \
	"CREATE TABLE connections( id INTEGER PRIMARY KEY,"                                        \
	" outcome_id INTEGER NOT NULL REFERENCES outcomes(id), first_ns INTEGER NOT NULL,"         \
	" duration_ns INTEGER NOT NULL, initiator_id INTEGER NOT NULL REFERENCES hosts(id),"       \
	" responder_id INTEGER NOT NULL REFERENCES hosts(id), responder_port INTEGER NOT NULL,"    \
	" fin_back_ns_initiator INTEGER, fin_back_ns_responder INTEGER,"                           \
	" application_id INTEGER REFERENCES applications(id),"                                     \
	" path_id INTEGER REFERENCES paths(id),"                                                   \
	" capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE,"                  \
	" initiator_port INTEGER NOT NULL, bytes_initiator INTEGER NOT NULL,"                      \
	" bytes_responder INTEGER NOT NULL, first_packet INTEGER NOT NULL, history TEXT NOT NULL," \
	" packets_initiator INTEGER NOT NULL, packets_responder INTEGER NOT NULL,"                 \
	" isn_initiator INTEGER NOT NULL, isn_responder INTEGER NOT NULL,"                         \
	" fin_shift_initiator INTEGER, fin_shift_responder INTEGER,"                               \
	" fin_payload_initiator INTEGER, fin_payload_responder INTEGER,"                           \
	" fin_acked_ns_initiator INTEGER, fin_acked_ns_responder INTEGER,"                         \
	" half_close_bytes INTEGER NOT NULL, handshake_rtt_ns INTEGER, end_back_ns INTEGER,"       \
	" time_wait_observed_ns INTEGER) STRICT;"                                                  \
	"INSERT INTO connections SELECT * FROM temp.was; DROP TABLE temp.was;"                     \
	"ALTER TABLE dwells DROP COLUMN end_back_ns;"                                              \
	"DELETE FROM dwells WHERE coalesce(time_wait_entry_ns, close_wait_ns, fin_wait_1_ns,"      \
	" fin_wait_2_ns, last_ack_ns, closing_ns) IS NULL;"                                        \
	"CREATE VIEW teardowns AS SELECT 1; CREATE VIEW findings AS SELECT 1;"                     \
	"CREATE VIEW timeline AS SELECT 1; CREATE VIEW regular_closes AS SELECT 1;"                \
	"CREATE VIEW found AS SELECT 1;"                                                           \
	"PRAGMA user_version = 6;"

#endif
