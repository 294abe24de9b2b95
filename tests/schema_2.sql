-- A database of schema version 2 with one connection, as lastack wrote it before it kept summaries.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE recordings( id INTEGER PRIMARY KEY, identity TEXT UNIQUE, joined INTEGER NOT NULL, filter TEXT, msl_ns INTEGER NOT NULL, idle_timeout_ns INTEGER NOT NULL, stuck_ns INTEGER NOT NULL, keep_duplicates INTEGER NOT NULL, verify_checksums INTEGER NOT NULL, watched_until_ns INTEGER, first_connection INTEGER, last_connection INTEGER, segments INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, connections INTEGER NOT NULL DEFAULT 0, evicted INTEGER NOT NULL DEFAULT 0, evicted_unanswered INTEGER NOT NULL DEFAULT 0, evicted_ended INTEGER NOT NULL DEFAULT 0, evicted_alive INTEGER NOT NULL DEFAULT 0, peak_connections INTEGER NOT NULL DEFAULT 0, peak_memory INTEGER NOT NULL DEFAULT 0, fragments INTEGER NOT NULL DEFAULT 0, datagrams_reassembled INTEGER NOT NULL DEFAULT 0, fragments_expired INTEGER NOT NULL DEFAULT 0, tunnelled INTEGER NOT NULL DEFAULT 0, bad_options INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO recordings VALUES(1,'/captures/four_way.pcap',0,NULL,120000000000,0,60000000000,0,0,1767603600686437000,1,1,11,0,1,0,0,0,0,1,756800,0,0,0,0,0);
CREATE TABLE captures( id INTEGER PRIMARY KEY, recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE, position INTEGER NOT NULL, path TEXT NOT NULL, real_path TEXT, format TEXT, problem TEXT, opened INTEGER NOT NULL, is_capture INTEGER NOT NULL, file_bytes INTEGER, modified_ns INTEGER, interfaces INTEGER NOT NULL, packets INTEGER NOT NULL, packets_filtered_out INTEGER NOT NULL, bytes INTEGER NOT NULL, wire_bytes INTEGER NOT NULL, backwards INTEGER NOT NULL, first_ns INTEGER, last_ns INTEGER, UNIQUE(recording_id, position)) STRICT;
INSERT INTO captures VALUES(1,1,0,'four_way.pcap','/captures/four_way.pcap','pcap',NULL,1,1,954,1795690734593378959,1,11,0,754,754,0,1767603600000258000,1767603600686437000);
CREATE TABLE capture_linktypes( capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE, linktype INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(capture_id, linktype)) STRICT, WITHOUT ROWID;
INSERT INTO capture_linktypes VALUES(1,1,'Ethernet');
CREATE TABLE decode_counts( recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE, reason TEXT NOT NULL, packets INTEGER NOT NULL, PRIMARY KEY(recording_id, reason)) STRICT, WITHOUT ROWID;
INSERT INTO decode_counts VALUES(1,'segment',11);
CREATE TABLE hosts( id INTEGER PRIMARY KEY, address TEXT NOT NULL, version INTEGER NOT NULL CHECK(version IN (4, 6)), key BLOB NOT NULL CHECK(length(key) = 16), UNIQUE(key, version)) STRICT;
INSERT INTO hosts VALUES(1,'192.0.2.10',4,X'00000000000000000000ffffc000020a');
INSERT INTO hosts VALUES(2,'192.0.2.20',4,X'00000000000000000000ffffc0000214');
CREATE TABLE paths( id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, vlan INTEGER, vlans_initiator TEXT, vlans_responder TEXT, tunnel TEXT) STRICT;
CREATE TABLE outcomes( id INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, teardown TEXT NOT NULL, complete INTEGER NOT NULL, closer TEXT NOT NULL, end_reason TEXT NOT NULL, clean INTEGER NOT NULL, midstream INTEGER NOT NULL, fin_check_initiator TEXT NOT NULL, fin_check_responder TEXT NOT NULL, time_wait_holder TEXT NOT NULL, time_wait_check TEXT NOT NULL, reuse_by TEXT, reuse_rule TEXT, reuse_answer TEXT, rst_by TEXT, rst_stage TEXT, rst_cause TEXT, rst_injected INTEGER NOT NULL, conn_state TEXT NOT NULL, seen_initiator INTEGER NOT NULL, seen_responder INTEGER NOT NULL, isn_known_initiator INTEGER NOT NULL, isn_known_responder INTEGER NOT NULL, timeline INTEGER NOT NULL, rst_form TEXT, open_stage TEXT) STRICT;
INSERT INTO outcomes VALUES(1,548657913418775,'four_way',1,'initiator','closed',1,0,'ok','ok','initiator','unverified',NULL,NULL,NULL,NULL,NULL,NULL,0,'SF',1,1,1,1,1,NULL,NULL);
CREATE TABLE connections( id INTEGER PRIMARY KEY, capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE, first_packet INTEGER NOT NULL, first_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, initiator_id INTEGER NOT NULL REFERENCES hosts(id), initiator_port INTEGER NOT NULL, responder_id INTEGER NOT NULL REFERENCES hosts(id), responder_port INTEGER NOT NULL, path_id INTEGER REFERENCES paths(id), outcome_id INTEGER NOT NULL REFERENCES outcomes(id), application_id INTEGER REFERENCES applications(id), history TEXT NOT NULL, packets_initiator INTEGER NOT NULL, packets_responder INTEGER NOT NULL, bytes_initiator INTEGER NOT NULL, bytes_responder INTEGER NOT NULL, isn_initiator INTEGER NOT NULL, isn_responder INTEGER NOT NULL, fin_shift_initiator INTEGER, fin_shift_responder INTEGER, fin_payload_initiator INTEGER, fin_payload_responder INTEGER, fin_back_ns_initiator INTEGER, fin_back_ns_responder INTEGER, fin_acked_ns_initiator INTEGER, fin_acked_ns_responder INTEGER, half_close_bytes INTEGER NOT NULL, handshake_rtt_ns INTEGER, end_back_ns INTEGER, time_wait_observed_ns INTEGER) STRICT;
INSERT INTO connections VALUES(1,1,1,1767603600000258000,686179000,1,40001,2,8000,NULL,1,NULL,'ShADadFf',6,5,5,7,274343850,-745648167,0,0,0,0,258617000,0,62167000,142000,0,23696000,0,NULL);
CREATE TABLE losses( connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE, duplicates INTEGER NOT NULL, retransmitted_initiator INTEGER NOT NULL, retransmitted_responder INTEGER NOT NULL, missing_initiator INTEGER NOT NULL, missing_responder INTEGER NOT NULL, fin_retransmissions_initiator INTEGER NOT NULL, fin_retransmissions_responder INTEGER NOT NULL) STRICT;
CREATE TABLE resets( connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE, rst_back_ns INTEGER, silence_ns INTEGER, in_window INTEGER NOT NULL, out_of_window INTEGER NOT NULL, ttl INTEGER, sender_ttl INTEGER, idle_ns INTEGER) STRICT;
CREATE TABLE reuses( connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE, delay_ns INTEGER, restarts INTEGER NOT NULL) STRICT;
CREATE TABLE dwells( connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE, time_wait_entry_ns INTEGER, close_wait_ns INTEGER, fin_wait_1_ns INTEGER, fin_wait_2_ns INTEGER, last_ack_ns INTEGER, closing_ns INTEGER) STRICT;
CREATE TABLE states( connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE, position INTEGER NOT NULL, side INTEGER NOT NULL, state INTEGER NOT NULL, entry_ns INTEGER NOT NULL, dwell_ns INTEGER, PRIMARY KEY(connection_id, position)) STRICT, WITHOUT ROWID;
CREATE TABLE ladders( connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE, segments BLOB NOT NULL) STRICT;
CREATE TABLE finding_codes( id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, severity TEXT NOT NULL, title TEXT NOT NULL, advice TEXT NOT NULL, basis TEXT NOT NULL) STRICT;
INSERT INTO finding_codes VALUES(0,'fin-not-consumed','error','a FIN was received but never acknowledged as one','Look for a middlebox or TCP stack at the acknowledging end that does not count the FIN''s sequence number; connections to it will end by timeout.','RFC 9293, 3.10.7.4');
INSERT INTO finding_codes VALUES(1,'fin-over-acked','error','more was acknowledged than the FIN''s sender sent','Look for a device that rewrites sequence numbers or acknowledges on behalf of the end, and check whether the capture misses segments of the FIN''s sender.','RFC 9293, 3.10.7.4');
INSERT INTO finding_codes VALUES(2,'fin-sender-not-advanced','error','the FIN''s sender did not count its own FIN in what it sent next','Check the TCP stack or proxy at the FIN''s sender: its last ACK carries an old sequence number that the peer may discard.','RFC 9293, 3.4');
INSERT INTO finding_codes VALUES(3,'data-after-fin','error','payload was sent beyond the sender''s own FIN','Suspect injected segments or a broken proxy at that end; the receiver discards these bytes, so treat the transfer as incomplete.','RFC 9293, 3.6');
INSERT INTO finding_codes VALUES(4,'fin-moved','error','a later FIN has another sequence number than the first','Suspect an injected FIN or a device that closes on behalf of the end: compare the TTL and the IP identification of the two segments.','RFC 9293, 3.4');
INSERT INTO finding_codes VALUES(5,'fin-below-data','error','the FIN lies below payload that its sender had already sent','Suspect a forged FIN or a proxy that closes too early: the payload above it is cut off from the stream.','RFC 9293, 3.4');
INSERT INTO finding_codes VALUES(6,'fin-beyond-gap','info','bytes before the FIN are missing in the capture','Check the capture for drops before you trust byte counts; if nothing was dropped, the bytes were lost on the path before the capture point.','RFC 9293, 3.10.7.4');
INSERT INTO finding_codes VALUES(7,'fin-unacceptable','warning','a FIN that its receiver has to ignore','Suspect a forged or very late segment if its number fits nothing else in the connection: trace where it enters the network.','RFC 9293, 3.10.7.4');
INSERT INTO finding_codes VALUES(8,'rst-in-window','warning','a reset inside the window but not at the expected number, not accepted','Expect a challenge ACK in answer; many of these point to a blind reset attack or to a device that resets with stale numbers.','RFC 5961, 3.2');
INSERT INTO finding_codes VALUES(9,'rst-out-of-window','warning','a reset outside the window, ignored','Find out who sends it: a blind attacker, a firewall with outdated state, or a host that still answers an earlier connection.','RFC 5961, 3.2');
INSERT INTO finding_codes VALUES(10,'rst-injected','error','a reset that the end itself probably did not send','Compare its TTL with the end''s other segments and look for a firewall, proxy or censor on the path that resets connections.','RFC 5961, 3');
INSERT INTO finding_codes VALUES(11,'stray-syn','info','a SYN with another initial number on a living connection','Check whether the initiator crashed and reuses the port, or whether a scanner or a NAT maps two hosts onto the same address and port.','RFC 5961, 4.2');
INSERT INTO finding_codes VALUES(12,'time-wait-reused-early','warning','the tuple was reused within 2MSL without the proof that makes it safe','Turn on TCP timestamps at both ends or widen the port range, and avoid settings or NATs that recycle ports too soon.','RFC 6191, 2');
INSERT INTO finding_codes VALUES(13,'time-wait-cut-short','warning','the end in TIME_WAIT had forgotten it already','Look for a shortened TIME_WAIT, a zero linger time or a load balancer that drops state at once: late segments are now answered by resets.','RFC 9293, 3.6.1');
INSERT INTO finding_codes VALUES(14,'time-wait-assassinated','warning','a reset of the peer may have ended TIME_WAIT early','Turn on protection against it where the stack has it (Linux: net.ipv4.tcp_rfc1337) and find out which old segment provoked the reset.','RFC 1337');
INSERT INTO finding_codes VALUES(15,'close-wait-stuck','warning','the peer has closed, but the application does not close its socket','Look in the application at this end for a socket that is not closed after end of file: such sockets leak until it restarts.','RFC 9293, 3.3.2');
INSERT INTO finding_codes VALUES(16,'fin-wait-2-stuck','warning','this end has closed and waits for the peer to close too','Look at the peer''s application, which keeps its socket open, and see that this end has a timeout for orphaned sockets.','RFC 9293, 3.3.2');
INSERT INTO finding_codes VALUES(17,'last-ack-missing','info','both ends sent FIN, but one of them was never acknowledged','Check whether the capture stopped early or dropped packets; if not, a firewall may forget the connection at the second FIN.','RFC 9293, 3.6');
INSERT INTO finding_codes VALUES(18,'fin-unanswered','warning','a FIN was sent again and never acknowledged','Check whether the peer is gone or a firewall on the path has forgotten the connection and drops it silently.','RFC 9293, 3.8.3');
INSERT INTO finding_codes VALUES(19,'icmp-unreachable','warning','the network reported the peer as unreachable','Check the route, the host and the service at the address that was reported, seen from the router that sent the report.','RFC 9293, 3.9.2.2');
INSERT INTO finding_codes VALUES(20,'icmp-prohibited','warning','a filter reported that the traffic is prohibited','Check the rules of the firewall that sent the report: it names itself by its address.','RFC 1812, 5.2.7.1');
INSERT INTO finding_codes VALUES(21,'icmp-too-big','warning','a packet was too big for the path','See that these reports reach the sender, and lower the MTU or clamp the MSS where large transfers stall.','RFC 9293, 3.7.2');
INSERT INTO finding_codes VALUES(22,'icmp-time-exceeded','warning','a packet was dropped because its TTL ran out','Look for a routing loop near the router that sent the report, unless someone was tracing the route.','RFC 9293, 3.9.2.2');
INSERT INTO finding_codes VALUES(23,'icmp-other','info','another ICMP error about this connection','Read type and code in the detail; nothing needs to be done unless it coincides with a failure.','RFC 9293, 3.9.2.2');
INSERT INTO finding_codes VALUES(24,'tracking-limit','info','the connection exceeded what is kept of one connection','Read in the detail which bound was hit, and take the numbers that depend on it as lower bounds.','lastack''s bounds');
INSERT INTO finding_codes VALUES(25,'overlap-conflict','warning','the same sequence numbers were sent with different bytes','Suspect injected data or an evasion: compare TTL and IP identification of the two segments. Where both are genuine, a proxy or a stack that retransmits other data is at fault.','RFC 9293, 3.4');
INSERT INTO finding_codes VALUES(26,'data-beyond-window','info','data beyond the receiver''s window, never acknowledged','Suspect a forged segment or a sender that ignores the window, unless the capture misses window updates; the receiver drops these bytes.','RFC 9293, 3.10.7.4');
INSERT INTO finding_codes VALUES(27,'data-after-rst','info','data came after the reset that ended the connection','As a rule these bytes were on their way when the reset was sent: the receiver never had them, so treat the transfer as incomplete.','RFC 9293, 3.5.2');
INSERT INTO finding_codes VALUES(28,'urgent-data','info','segments with urgent data','New applications should not use it, and middleboxes clear it: the bytes stand in line in the stream.','RFC 6093, 5');
INSERT INTO finding_codes VALUES(29,'dpi-risk','info','nDPI finds something risky in what the connection carries','Read in the detail which risk it is, and decide whether this application may do that in your network.','nDPI 4.2, flow risks');
CREATE TABLE finding_rows( connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE, position INTEGER NOT NULL, code_id INTEGER NOT NULL REFERENCES finding_codes(id), severity INTEGER NOT NULL, side INTEGER, ts_ns INTEGER NOT NULL, packet INTEGER, capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE, count INTEGER NOT NULL, detail TEXT NOT NULL, PRIMARY KEY(connection_id, position)) STRICT, WITHOUT ROWID;
CREATE TABLE applications( id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT, guessed INTEGER NOT NULL, server_name TEXT, UNIQUE(name, category, guessed, server_name)) STRICT;
CREATE TABLE silences( connection_id INTEGER PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE, fin_ms INTEGER NOT NULL) STRICT;
CREATE TABLE marks( id INTEGER PRIMARY KEY, text TEXT NOT NULL, bytes BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE recording_marks( recording_id INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE, mark_id INTEGER NOT NULL REFERENCES marks(id), PRIMARY KEY(recording_id, mark_id)) STRICT, WITHOUT ROWID;
CREATE TABLE mark_hits( connection_id INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE, position INTEGER NOT NULL, mark_id INTEGER NOT NULL REFERENCES marks(id), side INTEGER NOT NULL, stream_offset INTEGER NOT NULL, ts_ns INTEGER NOT NULL, packet INTEGER NOT NULL, capture_id INTEGER NOT NULL REFERENCES captures(id) ON DELETE CASCADE, count INTEGER NOT NULL, PRIMARY KEY(connection_id, position)) STRICT, WITHOUT ROWID;
CREATE VIEW teardowns AS SELECT
 c.id AS connection_id,
 p.path AS capture,
 hi.address AS initiator_ip,
 c.initiator_port AS initiator_port,
 hr.address AS responder_ip,
 c.responder_port AS responder_port,
 w.vlan AS vlan,
 o.midstream AS midstream,
 c.first_ns AS first_ns,
 c.first_ns + c.duration_ns AS last_ns,
 c.packets_initiator AS packets_initiator,
 c.packets_responder AS packets_responder,
 coalesce(l.duplicates, 0) AS duplicates,
 c.bytes_initiator AS bytes_initiator,
 c.bytes_responder AS bytes_responder,
 coalesce(l.retransmitted_initiator, 0) AS retransmitted_initiator,
 coalesce(l.retransmitted_responder, 0) AS retransmitted_responder,
 coalesce(l.missing_initiator, 0) AS missing_initiator,
 coalesce(l.missing_responder, 0) AS missing_responder,
 o.teardown AS teardown,
 o.complete AS complete,
 o.closer AS closer,
 o.end_reason AS end_reason,
 c.half_close_bytes AS half_close_bytes,
 o.fin_check_initiator AS fin_check_initiator,
 o.fin_check_responder AS fin_check_responder,
 (c.isn_initiator + 1 + c.bytes_initiator + c.fin_shift_initiator) & 4294967295 AS fin_seq_initiator,
 (c.isn_responder + 1 + c.bytes_responder + c.fin_shift_responder) & 4294967295 AS fin_seq_responder,
 c.fin_payload_initiator AS fin_payload_initiator,
 c.fin_payload_responder AS fin_payload_responder,
 coalesce(l.fin_retransmissions_initiator, 0) AS fin_retransmissions_initiator,
 coalesce(l.fin_retransmissions_responder, 0) AS fin_retransmissions_responder,
 c.fin_acked_ns_initiator AS fin_acked_after_ns_initiator,
 c.fin_acked_ns_responder AS fin_acked_after_ns_responder,
 o.time_wait_holder AS time_wait_holder,
 o.time_wait_check AS time_wait_check,
 CASE o.timeline WHEN 0 THEN d.time_wait_entry_ns ELSE c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END END AS time_wait_entry_ns,
 coalesce(c.time_wait_observed_ns, CASE o.time_wait_check WHEN 'held' THEN 2 * r.msl_ns WHEN 'unverified' THEN r.watched_until_ns - (CASE o.timeline WHEN 0 THEN d.time_wait_entry_ns ELSE c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END END) WHEN 'reused_ok' THEN u.delay_ns WHEN 'reused_early' THEN u.delay_ns END) AS time_wait_observed_ns,
 coalesce(u.restarts, 0) AS time_wait_restarts,
 u.delay_ns AS reuse_delay_ns,
 o.reuse_by AS reuse_by,
 o.reuse_rule AS reuse_rule,
 o.reuse_answer AS reuse_answer,
 CASE o.timeline WHEN 0 THEN d.close_wait_ns ELSE CASE o.teardown WHEN 'four_way' THEN CASE o.closer WHEN 'responder' THEN c.fin_back_ns_responder ELSE c.fin_back_ns_initiator END - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END - CASE o.closer WHEN 'responder' THEN c.fin_acked_ns_initiator ELSE c.fin_acked_ns_responder END END END AS close_wait_ns,
 CASE o.timeline WHEN 0 THEN d.fin_wait_1_ns ELSE CASE o.closer WHEN 'responder' THEN c.fin_acked_ns_responder ELSE c.fin_acked_ns_initiator END + CASE o.teardown WHEN 'three_segment' THEN CASE o.closer WHEN 'responder' THEN c.fin_back_ns_responder ELSE c.fin_back_ns_initiator END - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END ELSE 0 END END AS fin_wait_1_ns,
 CASE o.timeline WHEN 0 THEN d.fin_wait_2_ns ELSE CASE o.teardown WHEN 'four_way' THEN CASE o.closer WHEN 'responder' THEN c.fin_back_ns_responder ELSE c.fin_back_ns_initiator END - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END END END AS fin_wait_2_ns,
 CASE o.timeline WHEN 0 THEN d.last_ack_ns ELSE CASE o.closer WHEN 'responder' THEN c.fin_acked_ns_initiator ELSE c.fin_acked_ns_responder END END AS last_ack_ns,
 o.rst_by AS rst_by,
 o.rst_stage AS rst_stage,
 o.rst_cause AS rst_cause,
 s.silence_ns AS rst_silence_ns,
 o.rst_injected AS rst_injected,
 coalesce(s.in_window, 0) AS rst_in_window,
 coalesce(s.out_of_window, 0) AS rst_out_of_window,
 a.name AS application,
 a.category AS application_category,
 o.conn_state AS conn_state,
 c.history AS history,
 w.tunnel AS tunnel,
 c.handshake_rtt_ns AS handshake_rtt_ns,
 c.first_ns + c.duration_ns - c.fin_back_ns_initiator - coalesce(c.fin_acked_ns_initiator, 0) AS fin_ns_initiator,
 c.first_ns + c.duration_ns - c.fin_back_ns_responder - coalesce(c.fin_acked_ns_responder, 0) AS fin_ns_responder,
 c.first_ns + c.duration_ns - s.rst_back_ns AS rst_ns,
 c.first_ns + c.duration_ns - c.end_back_ns AS end_ns,
 d.closing_ns AS closing_ns,
 a.guessed AS application_guessed,
 a.server_name AS server_name,
 q.fin_ms * 1000000 AS fin_silence_ns,
 o.rst_form AS rst_form,
 s.ttl AS rst_ttl,
 s.sender_ttl AS rst_sender_ttl,
 coalesce(s.idle_ns, CASE WHEN s.silence_ns >= 1000000000 THEN s.silence_ns END) AS rst_idle_ns
FROM connections AS c
 LEFT JOIN outcomes AS o ON o.id = c.outcome_id
 LEFT JOIN captures AS p ON p.id = c.capture_id
 LEFT JOIN recordings AS r ON r.id = p.recording_id
 LEFT JOIN hosts AS hi ON hi.id = c.initiator_id
 LEFT JOIN hosts AS hr ON hr.id = c.responder_id
 LEFT JOIN paths AS w ON w.id = c.path_id
 LEFT JOIN applications AS a ON a.id = c.application_id
 LEFT JOIN losses AS l ON l.connection_id = c.id
 LEFT JOIN resets AS s ON s.connection_id = c.id
 LEFT JOIN silences AS q ON q.connection_id = c.id
 LEFT JOIN reuses AS u ON u.connection_id = c.id
 LEFT JOIN dwells AS d ON d.connection_id = c.id;
CREATE VIEW regular_closes AS SELECT
 c.id AS connection_id,
 o.teardown AS teardown,
 CASE o.closer WHEN 'responder' THEN 1 ELSE 0 END AS x,
 CASE o.closer WHEN 'responder' THEN 0 ELSE 1 END AS y,
 c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_responder ELSE c.fin_back_ns_initiator END - CASE o.closer WHEN 'responder' THEN c.fin_acked_ns_responder ELSE c.fin_acked_ns_initiator END AS fx,
 c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_responder ELSE c.fin_back_ns_initiator END AS ax,
 c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END - CASE o.closer WHEN 'responder' THEN c.fin_acked_ns_initiator ELSE c.fin_acked_ns_responder END AS fy,
 c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END AS ay,
 coalesce(c.time_wait_observed_ns, CASE o.time_wait_check WHEN 'held' THEN 2 * r.msl_ns WHEN 'unverified' THEN r.watched_until_ns - (c.first_ns + c.duration_ns - CASE o.closer WHEN 'responder' THEN c.fin_back_ns_initiator ELSE c.fin_back_ns_responder END) WHEN 'reused_ok' THEN u.delay_ns WHEN 'reused_early' THEN u.delay_ns END) AS time_wait_ns
FROM connections AS c
 JOIN outcomes AS o ON o.id = c.outcome_id
 JOIN captures AS p ON p.id = c.capture_id
 JOIN recordings AS r ON r.id = p.recording_id
 LEFT JOIN reuses AS u ON u.connection_id = c.id
WHERE o.timeline = 1;
CREATE VIEW findings AS SELECT
 f.connection_id AS connection_id,
 k.code AS code,
 CASE f.severity WHEN 0 THEN 'info' WHEN 1 THEN 'warning' WHEN 2 THEN 'error' END AS severity,
 CASE f.side WHEN 0 THEN 'initiator' WHEN 1 THEN 'responder' END AS side,
 f.ts_ns AS ts_ns,
 f.packet AS packet,
 f.count AS count,
 f.detail AS detail
FROM finding_rows AS f
 LEFT JOIN finding_codes AS k ON k.id = f.code_id;
CREATE VIEW found AS SELECT
 h.connection_id AS connection_id,
 m.text AS mark,
 CASE h.side WHEN 0 THEN 'initiator' WHEN 1 THEN 'responder' END AS side,
 h.stream_offset AS stream_offset,
 h.ts_ns AS ts_ns,
 h.packet AS packet,
 h.count AS count
FROM mark_hits AS h
 LEFT JOIN marks AS m ON m.id = h.mark_id;
CREATE VIEW timeline AS SELECT
 connection_id,
 CASE side WHEN 0 THEN 'initiator' WHEN 1 THEN 'responder' END AS side,
 CASE state WHEN 0 THEN 'ESTABLISHED' WHEN 1 THEN 'FIN_WAIT_1' WHEN 2 THEN 'FIN_WAIT_2' WHEN 3 THEN 'CLOSING' WHEN 4 THEN 'TIME_WAIT' WHEN 5 THEN 'CLOSE_WAIT' WHEN 6 THEN 'LAST_ACK' WHEN 7 THEN 'CLOSED' END AS state,
 entry_ns,
 dwell_ns,
 position
FROM (SELECT connection_id, side, state, entry_ns, dwell_ns, position FROM states
 UNION ALL SELECT connection_id, x, 1, fx, CASE teardown WHEN 'four_way' THEN ax ELSE ay END - fx, x * 5 + 0 FROM regular_closes WHERE 1
 UNION ALL SELECT connection_id, x, 2, ax, ay - ax, x * 5 + 1 FROM regular_closes WHERE teardown = 'four_way'
 UNION ALL SELECT connection_id, x, 4, ay, time_wait_ns, x * 5 + 2 FROM regular_closes WHERE 1
 UNION ALL SELECT connection_id, y, 5, ax, fy - ax, y * 5 + 0 FROM regular_closes WHERE teardown = 'four_way'
 UNION ALL SELECT connection_id, y, 6, fy, ay - fy, y * 5 + 1 FROM regular_closes WHERE 1
 UNION ALL SELECT connection_id, y, 7, ay, NULL, y * 5 + 2 FROM regular_closes WHERE 1
);
CREATE INDEX connections_first ON connections(first_ns);
CREATE INDEX connections_outcome ON connections(outcome_id);
CREATE INDEX connections_initiator ON connections(initiator_id, initiator_port);
CREATE INDEX connections_responder ON connections(responder_id, responder_port);
CREATE INDEX findings_code ON finding_rows(code_id);
CREATE INDEX hosts_address ON hosts(address);
CREATE INDEX mark_hits_mark ON mark_hits(mark_id);
COMMIT;
PRAGMA application_id = 1280529473;
PRAGMA user_version = 2;
