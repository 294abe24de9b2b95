"""The options of analyze that change what is analysed and stored."""
import os
import struct

from cli_cases import bench, pcap

END_REASONS = "SELECT end_reason, count(*) FROM teardowns GROUP BY 1"


def case_fail_on(t):
	"""--fail-on: exit code 4 where a finding has the code or at least the severity, else 0"""
	for name, what, code in (
			("bad_fin_not_consumed.pcap", "fin-not-consumed", 4),
			("bad_fin_not_consumed.pcap", "error", 4),
			("bad_fin_not_consumed.pcap", "warning", 4),
			("bad_fin_not_consumed.pcap", "data-after-fin", 0),
			("close_wait_stuck.pcap", "close-wait-stuck", 4),
			("close_wait_stuck.pcap", "warning", 4),
			("close_wait_stuck.pcap", "info", 4),
			("close_wait_stuck.pcap", "error", 0),
			("four_way.pcap", "info", 0),
			("four_way.pcap", "fin-not-consumed", 0)):
		done = t.analyze("--fail-on", what, t.capture(name), code=code)
		t.equal(done.err, "", "complaint", done)
		found = t.sql("SELECT DISTINCT code, severity FROM findings")
		worse = ("info", "warning", "error")
		if what in worse:
			expected = any(worse.index(s) >= worse.index(what) for _, s in found)
		else:
			expected = any(c == what for c, _ in found)
		t.equal(expected, code == 4, "such a finding in the database of " + name, found)
		os.unlink(t.path("t.db"))


def case_fail_on_stores(t):
	"""--fail-on stores and reports all the same, and does not see earlier recordings"""
	done = t.run("analyze", "--db", "t.db", "--fail-on", "error",
		t.capture("bad_fin_not_consumed.pcap"))
	t.equal(done.code, 4, "exit code", done)
	t.expect("fin-not-consumed" in done.out, "the report", done)
	t.equal(t.connections(), 1, "connections")
	t.analyze("--fail-on", "error", t.capture("four_way.pcap"), code=0)
	t.analyze("--fail-on", "error", t.capture("four_way.pcap"),
		t.capture("bad_fin_not_consumed.pcap"), code=4)


def case_fail_on_unknown(t):
	"""--fail-on with an unknown code: exit code 2, naming it and one that may be meant"""
	t.fails(t.run("analyze", "--fail-on", "fin-not-consume", t.capture("four_way.pcap")), 2,
		"'fin-not-consume'", "fin-not-consumed")
	t.fails(t.run("analyze", "--fail-on", "fatal", t.capture("four_way.pcap")), 2, "'fatal'")


def case_filter(t):
	"""--filter: only matching packets are analysed, the others counted"""
	t.analyze(t.capture("sample.pcap"), db="all.db")
	where = "8443 IN (initiator_port, responder_port)"
	wanted = t.rows("all.db", ("connection_id", "time_wait_observed_ns", "time_wait_check"), where)
	t.expect(0 < len(wanted) < 89, "some connections of port 8443", len(wanted))
	t.analyze("--filter", "tcp port 8443", t.capture("sample.pcap"))
	t.equal(t.rows(without=("connection_id", "time_wait_observed_ns", "time_wait_check")), wanted,
		"rows")
	packets = sum(r["packets_initiator"] + r["packets_responder"] + r["duplicates"] for r in wanted)
	t.equal(t.sql("SELECT packets, packets - packets_filtered_out FROM captures"),
		[(1075, packets)], "packets read, packets analysed")


def case_filter_link_types(t):
	"""--filter is compiled for each file's link type"""
	header, records = pcap.read(t.capture("four_way.pcap"))
	pcap.write(t.path("raw.pcap"), pcap.with_link_type(header, 101),
		[pcap.with_frame(r, pcap.frame(r)[14:]) for r in records])
	t.analyze("--filter", "tcp port 8000", t.capture("four_way.pcap"), "raw.pcap")
	t.equal(t.connections(), 2, "connections")


def case_msl(t):
	"""--msl, with a fraction and as a duration, sets 2MSL"""
	file = t.capture("time_wait_held_msl_30.pcap")
	t.analyze(file)
	t.equal(t.sql("SELECT time_wait_check FROM teardowns WHERE teardown = 'four_way'"),
		[("unverified",)], "with 120 s")
	for value, ns in (("30", 30 * 10**9), ("0.5", 5 * 10**8), ("0.25", 25 * 10**7),
			("1.5", 15 * 10**8), ("500ms", 5 * 10**8), ("0.001", 10**6)):
		t.analyze("--msl", value, file)
		t.equal(t.number("SELECT msl_ns FROM recordings"), ns, "MSL of " + value)
		t.equal(t.sql("SELECT time_wait_check, time_wait_observed_ns FROM teardowns "
			"WHERE teardown = 'four_way'"), [("held", 2 * ns)], "TIME_WAIT with " + value)


def case_keep_duplicates(t):
	"""--keep-duplicates judges packets that were captured twice"""
	file = t.capture("capture_duplicates.pcap")
	facts = "SELECT duplicates, packets_initiator + packets_responder FROM teardowns"
	t.analyze(file)
	[(duplicates, packets)] = t.sql(facts)
	t.expect(duplicates > 0, "duplicates", duplicates)
	t.analyze("--keep-duplicates", file)
	t.equal(t.sql(facts), [(0, packets + duplicates)], "duplicates and packets")


def case_verify_checksums(t):
	"""--verify-checksums drops and counts packets with a wrong checksum; else they are analysed"""
	header, records = pcap.read(t.capture("sample.pcap"))
	frame = bytearray(pcap.frame(records[50]))
	struct.pack_into(">H", frame, 14 + 20 + 16, struct.unpack_from(">H", frame, 50)[0] ^ 0x5555)
	records[50] = pcap.with_frame(records[50], bytes(frame))
	pcap.write(t.path("wrong.pcap"), header, records)
	counted = "SELECT coalesce(sum(packets), 0) FROM decode_counts WHERE reason = 'bad-checksum'"
	t.analyze("wrong.pcap")
	t.equal(t.number(counted), 0, "dropped without the option")
	t.analyze("--verify-checksums", "wrong.pcap")
	t.equal(t.number(counted), 1, "dropped")
	t.analyze("--verify-checksums", t.capture("sample.pcap"), db="right.db")
	t.equal(t.number(counted, "right.db"), 0, "dropped of correct ones")


def case_max_flows(t):
	"""--max-flows 1: connections are given up early, counted and told; none is lost"""
	done = t.run("analyze", "--db", "t.db", "--max-flows", "1", t.capture("sample.pcap"))
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	reasons = dict(t.sql(END_REASONS))
	t.expect(reasons.get("evicted", 0) > 0, "evicted connections", reasons)
	t.expect("Memory bound:" in done.out, "the bound in the report", done)
	t.expect(t.connections() >= 89, "at least as many rows as without", t.connections())
	t.equal(t.number("SELECT sum(packets_initiator + packets_responder + duplicates) "
		"FROM teardowns"), 1075, "packets")
	t.analyze("--max-flows", "1000", t.capture("sample.pcap"))
	t.expect("evicted" not in dict(t.sql(END_REASONS)), "none evicted with room for all",
		t.sql(END_REASONS))


def case_max_memory(t):
	"""--max-memory, small: connections are given up early, no packet is lost"""
	t.analyze("--max-memory", "1", t.capture("sample.pcap"))
	t.expect(dict(t.sql(END_REASONS)).get("evicted", 0) > 0, "evicted connections",
		t.sql(END_REASONS))
	t.equal(t.number("SELECT sum(packets_initiator + packets_responder + duplicates) "
		"FROM teardowns"), 1075, "packets")
	done = t.run("analyze", "--db", ":memory:", "--max-memory", "256K", "--ladders", "none",
		t.large_capture(bench.LARGE_OLD))
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	t.expect("Memory bound:" in done.out, "the bound in the report", done.out)


def case_idle_timeout(t):
	"""--idle-timeout ends silent connections; files have none by default"""
	file = t.capture("close_wait_stuck.pcap")
	t.analyze(file)
	t.expect("idle_timeout" not in dict(t.sql(END_REASONS)), "no idle end", t.sql(END_REASONS))
	t.analyze("--idle-timeout", "10", file)
	t.equal(t.sql("SELECT end_reason, midstream FROM teardowns ORDER BY first_ns")[0],
		("idle_timeout", 0), "the connection's end before the silence")
	t.equal(t.connections(), 2, "rows: before the silence, and behind it")
	t.equal(t.sql("SELECT idle_timeout_ns FROM recordings"), [(10 * 10**9,)], "settings")


def case_stuck(t):
	"""--stuck sets what a lasting CLOSE_WAIT is"""
	file = t.capture("close_wait_stuck.pcap")
	stuck = "SELECT count(*) FROM findings WHERE code = 'close-wait-stuck'"
	t.analyze(file)
	t.equal(t.number(stuck), 1, "findings with 60 s")
	t.analyze("--stuck", "1h", file)
	t.equal(t.number(stuck), 0, "findings with an hour")


def case_ladders(t):
	"""--ladders all, none and unclean store the segments of these connections"""
	files = [t.capture("sample.pcap"), t.capture("bad_fin_moved.pcap"), t.capture("refused.pcap")]
	kept = "SELECT connection_id FROM ladders"
	unclean = ("SELECT c.id FROM connections AS c JOIN outcomes AS o ON o.id = c.outcome_id "
		"WHERE NOT o.clean")
	t.analyze("--ladders", "none", *files)
	t.equal(t.sql(kept), [], "with none")
	t.analyze("--ladders", "all", *files)
	t.equal(len(t.sql(kept)), t.connections(), "with all")
	for words in (["--ladders", "unclean"], []):
		t.analyze(*words, *files)
		t.equal(sorted(t.sql(kept)), sorted(t.sql(unclean)), "with %s" % (words or "the default"))
		t.expect(0 < len(t.sql(kept)) < t.connections(), "some but not all", len(t.sql(kept)))
	clean = ("SELECT connection_id FROM teardowns WHERE complete AND "
		"fin_check_initiator = 'ok' AND fin_check_responder = 'ok' AND "
		"teardown IN ('four_way', 'three_segment', 'simultaneous') AND "
		"NOT EXISTS (SELECT 1 FROM findings AS f WHERE severity <> 'info' AND "
		"f.connection_id = teardowns.connection_id)")
	t.equal(sorted(t.sql(kept)), sorted(set(t.sql("SELECT connection_id FROM teardowns"))
		- set(t.sql(clean))), "all but the clean ones")


def case_hash_seed(t):
	"""the hash key does not change any row or their order"""
	rows = []
	for number, words in enumerate((["--hash-seed", "1"], ["--hash-seed", "2"], [])):
		t.analyze(*words, t.capture("sample.pcap"), db="%d.db" % number)
		rows.append(t.rows("%d.db" % number))
	t.equal(rows[0], rows[1], "rows with another key")
	t.equal(rows[0], rows[2], "rows with a random key")
