"""The database as others see it: columns, values, soundness, rights, locks."""
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import threading
import time

from cli_cases import bench, pcap

TEARDOWNS = """
	connection_id capture initiator_ip initiator_port responder_ip responder_port vlan midstream
	first_ns last_ns packets_initiator packets_responder duplicates bytes_initiator bytes_responder
	retransmitted_initiator retransmitted_responder missing_initiator missing_responder
	teardown complete closer end_reason half_close_bytes
	fin_check_initiator fin_check_responder fin_seq_initiator fin_seq_responder
	fin_payload_initiator fin_payload_responder
	fin_retransmissions_initiator fin_retransmissions_responder
	fin_acked_after_ns_initiator fin_acked_after_ns_responder
	time_wait_holder time_wait_check time_wait_entry_ns time_wait_observed_ns time_wait_restarts
	reuse_delay_ns reuse_by reuse_rule reuse_answer
	close_wait_ns fin_wait_1_ns fin_wait_2_ns last_ack_ns
	rst_by rst_stage rst_cause rst_silence_ns rst_injected rst_in_window rst_out_of_window
	application application_category conn_state history tunnel
	handshake_rtt_ns fin_ns_initiator fin_ns_responder rst_ns end_ns closing_ns
	application_guessed server_name""".split()
FINDINGS = "connection_id code severity side ts_ns packet count detail".split()

FIN_CHECKS = {"ok", "violated", "unverified", "none"}
VALUES = {
	"teardown": {"four_way", "three_segment", "simultaneous", "rst_abort", "rst_after_fin",
		"half_closed", "fin_unanswered", "open", "refused", "unanswered", "handshake_aborted",
		"handshake_incomplete", "stray"},
	"closer": {"initiator", "responder", "both", "none"},
	"end_reason": {"closed", "reset", "superseded", "idle_timeout", "evicted", "capture_end"},
	"fin_check_initiator": FIN_CHECKS,
	"fin_check_responder": FIN_CHECKS,
	"time_wait_holder": {"initiator", "responder", "both", "none"},
	"time_wait_check": {"held", "unverified", "reused_ok", "reused_early", "cut_short",
		"assassinated", "not_applicable"},
	"reuse_by": {"holder", "peer", None},
	"reuse_rule": {"timestamp_newer", "timestamp_equal_isn_greater", "isn_greater",
		"timestamps_added", "none", None},
	"reuse_answer": {"syn_ack", "ack", "rst", "syn", "none", None},
	"rst_by": {"initiator", "responder", None},
	"rst_stage": {"syn", "established_no_data", "after_first_data", "established", "fin_wait_1",
		"fin_wait_2", "close_wait", "closing", "last_ack", None},
	"rst_cause": {"port_closed", "half_open", "data_after_close", "no_such_connection",
		"retransmission_failure", "keepalive_failure", "idle_timeout", "unread_data",
		"application_abort", None},
	"conn_state": {"S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH",
		"SHR", "OTH"},
	"midstream": {0, 1},
	"complete": {0, 1},
	"rst_injected": {0, 1},
}
COUNTS = [c for c in TEARDOWNS if re.match(
	"packets_|bytes_|retransmitted_|missing_|duplicates|half_close_bytes|fin_retrans|rst_in_window"
	"|rst_out_of|time_wait_restarts", c)]
DURATIONS = [c for c in TEARDOWNS if re.search("_after_ns_|_wait_(1_|2_)?ns|last_ack_ns|closing_ns|"
	"_rtt_ns|silence_ns|observed_ns|delay_ns", c)]


def case_columns(t):
	"""teardowns and findings have the contract's columns, in its order, for sqlite3 alone"""
	db = t.library()
	for name, columns in (("teardowns", TEARDOWNS), ("findings", FINDINGS)):
		with contextlib.closing(t.connect(db)) as connection:
			cursor = connection.execute("SELECT * FROM " + name)
			t.equal([d[0] for d in cursor.description][:len(columns)], columns, name)
	shell = shutil.which("sqlite3")
	if not shell:
		raise bench.Skip("there is no sqlite3 shell")
	for name, columns in (("teardowns", TEARDOWNS), ("findings", FINDINGS)):
		done = subprocess.run([shell, "-readonly", "-header", "-separator", "|", db,
			"SELECT * FROM " + name], capture_output=True, text=True, timeout=bench.TIMEOUT)
		t.equal((done.returncode, done.stderr), (0, ""), "exit code and complaint of sqlite3")
		lines = done.stdout.splitlines()
		t.equal(lines[0].split("|")[:len(columns)], columns, name + " in the shell")
		t.equal(len(lines) - 1, t.number("SELECT count(*) FROM " + name, db), "rows of " + name)


def case_values(t):
	"""every value is one of its enumeration's; counts, times and durations are integers"""
	rows = t.rows(t.library())
	t.expect(len(rows) > 150, "rows of all captures", len(rows))
	for row in rows:
		for column, values in VALUES.items():
			t.expect(row[column] in values, "%s of its enumeration" % column, row[column])
		for column in COUNTS:
			t.expect(isinstance(row[column], int) and row[column] >= 0, column + ", a count", row)
		for column in DURATIONS:
			t.expect(row[column] is None or (isinstance(row[column], int) and row[column] >= 0),
				column + ", a duration", row)
		t.expect(row["first_ns"] <= row["last_ns"], "first before last", row)
		t.expect(0 <= row["initiator_port"] <= 65535, "a port", row)
		for side in ("initiator", "responder"):
			none = row["fin_check_" + side] == "none"
			for column in ("fin_seq_", "fin_payload_", "fin_ns_"):
				t.equal(row[column + side] is None, none, column + side + " without FIN", row)
		t.equal(row["rst_by"] is None, row["rst_ns"] is None, "rst_by and rst_ns", row)
		t.equal(row["reuse_by"] is None, row["reuse_rule"] is None, "reuse columns", row)
		t.expect(re.fullmatch(r"[A-Za-z^]*", row["history"]), "a history", row["history"])


def case_finding_values(t):
	"""findings: severities, sides, a sentence each; at most four rows a code, side, connection"""
	db = t.library()
	for key, code, severity, side, ts, packet, count, detail in t.sql("SELECT * FROM findings", db):
		t.expect(severity in ("info", "warning", "error"), "a severity", severity)
		t.expect(side in ("initiator", "responder", None), "a side", side)
		t.expect(isinstance(ts, int) and (packet is None or packet > 0) and count > 0,
			"time, packet and count", (ts, packet, count))
		t.expect(detail and detail[-1] == "." and "\n" not in detail, "a sentence", detail)
	t.equal(t.sql("SELECT connection_id, code FROM findings GROUP BY connection_id, code, side "
		"HAVING count(*) > 4", db), [], "more than four rows")
	t.equal(t.sql("SELECT connection_id FROM findings EXCEPT SELECT connection_id FROM teardowns",
		db), [], "findings without a connection")


def case_soundness(t):
	"""integrity and foreign keys hold; STRICT tables, application_id and user_version are set"""
	db = t.library()
	t.sound(db)
	t.expect(t.number("PRAGMA application_id", db) != 0, "an application_id", 0)
	t.expect(t.number("PRAGMA user_version", db) >= 1, "a user_version", 0)
	loose = t.sql("SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict "
		"AND name NOT LIKE 'sqlite_%'", db)
	t.equal(loose, [], "tables that are not STRICT")
	t.expect(t.sql("SELECT 1 FROM sqlite_schema WHERE sql LIKE '%REFERENCES%'", db), "foreign keys")


def case_packet_numbers(t):
	"""a finding's packet is the one, counted from 1, that has its time"""
	for name in ("bad_data_after_fin.pcap", "bad_fin_moved.pcap", "rst_blind_in_window.pcap"):
		t.analyze(t.capture(name))
		_, records = pcap.read(t.capture(name))
		found = t.sql("SELECT packet, ts_ns FROM findings JOIN teardowns USING (connection_id) "
			"WHERE packet IS NOT NULL AND capture = '%s'" % t.capture(name))
		t.expect(found, "findings of " + name, found)
		for packet, ts in found:
			seconds, micros, _, _ = pcap.RECORD.unpack_from(records[packet - 1])
			t.equal(ts, seconds * 10**9 + micros * 1000, "time of packet %d" % packet)


def case_mode(t):
	"""a new database can be read by its owner alone; an old one keeps its mode"""
	t.analyze(t.capture("four_way.pcap"), preexec_fn=lambda: os.umask(0))
	t.equal(oct(os.stat(t.path("t.db")).st_mode & 0o777), "0o600", "mode")
	os.chmod(t.path("t.db"), 0o640)
	t.analyze(t.capture("refused.pcap"))
	t.equal(oct(os.stat(t.path("t.db")).st_mode & 0o777), "0o640", "mode")
	t.equal(os.listdir(t.folder), ["t.db"], "files left")


def case_locked(t):
	"""a database that another program holds: exit code 1, saying so; and the rows stay"""
	t.analyze(t.capture("four_way.pcap"))
	with contextlib.closing(t.connect(isolation_level=None)) as connection:
		connection.execute("BEGIN EXCLUSIVE")
		done = t.run("analyze", "--db", "t.db", t.capture("refused.pcap"))
		connection.execute("ROLLBACK")
	t.fails(done, 1, "t.db: ", "in use|locked")
	t.equal(t.sql("SELECT teardown FROM teardowns"), [("four_way",)], "rows")


def case_lock_waited_for(t):
	"""a run waits for a reader that is done soon"""
	t.analyze(t.capture("four_way.pcap"))
	with contextlib.closing(t.connect(isolation_level=None, check_same_thread=False)) as reader:
		reader.execute("BEGIN")
		reader.execute("SELECT count(*) FROM connections").fetchall()
		timer = threading.Timer(0.7, lambda: reader.execute("COMMIT"))
		timer.start()
		started = time.monotonic()
		t.analyze(t.capture("refused.pcap"))
		timer.join()
		t.expect(time.monotonic() - started > 0.5, "a commit that waited", "")
	t.equal(t.connections(), 2, "connections")


def case_reader_while_writing(t):
	"""readers see the old rows while a run writes, and the new ones when it is done"""
	t.analyze(t.capture("four_way.pcap"))
	data = t.read(t.capture("sample.pcap"))
	process = t.start("analyze", "--format", "none", "--db", "t.db", "-", stdin=subprocess.PIPE)
	process.stdin.write(data[:100000])
	process.stdin.flush()
	wait_for_writer(t)
	t.equal(t.sql("SELECT teardown FROM teardowns"), [("four_way",)], "rows while it writes")
	done = t.run("query", "--format", "csv", "t.db")
	t.equal((done.code, done.out.count("\n")), (0, 2), "query while it writes", done)
	t.equal(t.finish(process, data[100000:]).code, 0, "exit code")
	t.equal(t.connections(), 90, "connections")
	t.sound()


def wait_for_writer(t, seconds=20):
	"""Until a run has begun its transaction on t.db."""
	until = time.monotonic() + seconds
	while time.monotonic() < until:
		time.sleep(0.01)
		if not os.path.exists(t.path("t.db")):
			continue
		with contextlib.closing(t.connect(timeout=0, isolation_level=None)) as connection:
			try:
				connection.execute("BEGIN IMMEDIATE")
				connection.execute("ROLLBACK")
			except sqlite3.OperationalError:
				return
	raise bench.Failure("the run has not begun to write")


def case_two_runs(t):
	"""two runs at once on one database: each succeeds or says that it is in use, none is half"""
	old, new = t.large_capture(bench.LARGE_OLD), t.large_capture(bench.LARGE_NEW)
	for fresh in (True, False):
		runs = [t.start("analyze", "--format", "none", "--db", "t.db", path) for path in (old, new)]
		ends = [t.finish(process) for process in runs]
		for done, first in zip(ends, (bench.LARGE_OLD, bench.LARGE_NEW)):
			rows = t.connections(where="initiator_ip LIKE '%d.%%'" % first)
			if done.code == 0:
				t.equal(rows, bench.CONNECTIONS, "connections of a run that succeeded")
			else:
				t.fails(done, 1, "t.db: ", "in use|locked")
				t.expect(not fresh or rows == 0, "no rows of a run that failed", rows)
		t.expect(0 in [done.code for done in ends], "one that succeeded", [str(d) for d in ends])
		t.sound()


def without_moments(text):
	"""What the report says of when it was made and how large the file is left out."""
	return re.sub(r"(?m)^.*(database|written|version).*\n", "", text)


def case_columns_of_others(t):
	"""columns that a user adds to lastack's tables stay: rows are written, replaced and read as without them"""
	sample, small = t.capture("sample.pcap"), t.capture("rst_injected.pcap")

	def fill(name):
		t.analyze("--mark", "GET", small, sample, db=name)
		t.analyze("--mark", "GET", sample, db=name)
		return [t.run(*words).out for words in (["report", name], ["query", "--limit", "0", name],
			["query", "--format", "csv", name], ["show", name, "3"])]

	for name in ("plain.db", "t.db"):
		t.analyze(t.capture("four_way.pcap"), db=name)
	with contextlib.closing(t.connect("t.db")) as connection:
		tables = [name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
		for table in tables:
			connection.execute("ALTER TABLE %s ADD COLUMN mine TEXT" % table)
		connection.execute("ALTER TABLE connections ADD COLUMN hers INTEGER DEFAULT 7")
		connection.commit()
	t.expect(len(tables) > 20, "tables", tables)
	t.equal([without_moments(out.replace("t.db", "plain.db")) for out in fill("t.db")],
		[without_moments(out) for out in fill("plain.db")], "outputs")
	t.equal(t.rows("t.db"), t.rows("plain.db"), "rows")
	t.equal(t.sql("SELECT DISTINCT mine, hers FROM connections")[0][:], (None, 7), "values of the user's columns")
	t.sound()


def case_required_column_of_others(t):
	"""a user's column that must have a value and has none: exit code 1, SQLite's reason, the file as before"""
	t.analyze(t.capture("four_way.pcap"))
	with contextlib.closing(t.connect()) as connection:
		connection.executescript("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql,"
			" 'time_wait_observed_ns INTEGER', 'time_wait_observed_ns INTEGER, mine TEXT NOT NULL')"
			" WHERE name = 'connections'")
	before = t.read(t.path("t.db"))
	t.fails(t.run("analyze", "--db", "t.db", t.capture("rst_injected.pcap")), 1,
		"t.db: NOT NULL constraint failed: connections.mine")
	t.equal(t.read(t.path("t.db")), before, "the database")
