"""analyze --mark and query --contains: strings in streams, and where; --check-streams."""
import re

from cli_cases import pcap


def found(t, db="t.db"):
	return t.sql("SELECT t.first_ns, f.mark, f.side, f.stream_offset, f.count FROM found AS f"
		" JOIN teardowns AS t USING (connection_id) ORDER BY 1, 2, 3, 4", db)


def case_found(t):
	"""--mark stores where a string is, --contains lists the connections"""
	t.analyze("--mark", "GET /", "--mark", "hex:0d0a0d0a", "--no-dpi", t.capture("sample.pcap"))
	rows = found(t)
	t.expect(len(rows) > 100, "many hits")
	t.equal({r[2] for r in rows if r[1] == "GET /"}, {"initiator"}, "sides of requests")
	t.equal({r[2] for r in rows if r[1] == "hex:0d0a0d0a"}, {"initiator", "responder"},
		"sides of empty lines")
	listed = t.run("query", "--db", t.path("t.db"), "--contains", "GET /", "--format", "csv").out
	t.equal(len(listed.splitlines()) - 1, len({r[0] for r in rows if r[1] == "GET /"}), "rows listed")
	t.sound()


def case_across_segments(t):
	"""a string is found across the boundary of segments, and in segments out of order"""
	header, records = pcap.read(t.capture("sample.pcap"))
	with_payload = [i for i, r in enumerate(records) if len(pcap.frame(r)) > 120]
	t.expect(with_payload, "segments with payload")
	whole = records[with_payload[0]]
	frame = pcap.frame(whole)
	headers = 14 + 20 + (frame[46] >> 4) * 4
	text = frame[headers + 30:headers + 50]
	first, second = split(whole, headers, 40)
	cut = records[:with_payload[0]] + [second, first] + records[with_payload[0] + 1:]
	pcap.write(t.path("cut.pcap"), header, cut)
	mark = "hex:" + text.hex()
	t.analyze("--mark", mark, "--no-dpi", t.capture("sample.pcap"), db="whole.db")
	t.analyze("--mark", mark, "--no-dpi", "cut.pcap", db="cut.db")
	t.expect(found(t, "whole.db"), "found in the whole one")
	t.equal(found(t, "cut.db"), found(t, "whole.db"), "hits")


def split(record, headers, at):
	"""The segment as two, with their IP lengths and sequence numbers."""
	frame = pcap.frame(record)
	parts = []
	for start, end in ((0, at), (at, len(frame) - headers)):
		data = bytearray(frame[:headers] + frame[headers + start:headers + end])
		data[16:18] = (len(data) - 14).to_bytes(2, "big")
		seq = int.from_bytes(frame[38:42], "big") + start
		data[38:42] = (seq & 0xffffffff).to_bytes(4, "big")
		parts.append(pcap.with_frame(record, bytes(data)))
	return parts


def case_joined(t):
	"""a string is found across files that --join makes one recording"""
	header, records = pcap.read(t.capture("sample.pcap"))
	pcap.write(t.path("one.pcap"), header, records[:500])
	pcap.write(t.path("two.pcap"), header, records[500:])
	t.analyze("--mark", "HTTP/1.1", "--no-dpi", t.capture("sample.pcap"), db="whole.db")
	t.analyze("--mark", "HTTP/1.1", "--no-dpi", "--join", "two.pcap", "one.pcap", db="joined.db")
	t.equal(found(t, "joined.db"), found(t, "whole.db"), "hits")


def case_counted(t):
	"""of a string and a side four rows, the last of which counts the rest"""
	t.analyze("--mark", "e", "--no-dpi", t.capture("sample.pcap"))
	t.equal(t.number("SELECT max(n) FROM (SELECT count(*) AS n FROM found GROUP BY"
		" connection_id, mark, side)"), 4, "rows")
	t.expect(t.number("SELECT max(count) FROM found") > 1, "the rest is counted")


def case_not_searched(t):
	"""--contains refuses what nobody looked for, and says how to look"""
	t.analyze("--mark", "GET", "--no-dpi", t.capture("sample.pcap"))
	done = t.run("query", "--db", t.path("t.db"), "--contains", "POST")
	t.equal(done.code, 2, "exit code", done)
	t.expect("--mark 'POST'" in done.err, "advice", done)


def case_misuse(t):
	"""strings that cannot be looked for are refused, quoting them"""
	for word, says in (("hex:0", "odd number"), ("hex:zz", "hex:zz"), ("", "''"),
			("x" * 300, "300 bytes")):
		done = t.run("analyze", "--mark", word, t.capture("sample.pcap"))
		t.equal(done.code, 2, "exit code for %r" % word, done)
		t.expect(says in done.err, "message for %r: %s" % (word, done.err), done)
	many = [w for i in range(65) for w in ("--mark", "m%d" % i)]
	t.equal(t.run("analyze", *many, t.capture("sample.pcap")).code, 2, "exit code for 65")


def case_check_streams(t):
	"""--check-streams finds conflicting copies also where nothing else reads the streams"""
	header, records = pcap.read(t.capture("sample.pcap"))
	at = [i for i, r in enumerate(records) if len(pcap.frame(r)) > 120][0]
	frame = bytearray(pcap.frame(records[at]))
	frame[-1] ^= 1
	frame[18] ^= 1  # IP identification: no capture duplicate
	records.insert(at + 1, pcap.with_frame(records[at], bytes(frame)))
	pcap.write(t.path("conflict.pcap"), header, records)
	for options, rows in (([], 0), (["--check-streams"], 1)):
		t.analyze("--no-dpi", *options, "conflict.pcap")
		details = t.sql("SELECT detail FROM findings WHERE code = 'overlap-conflict'")
		t.equal(len(details), rows, "findings with %s" % options)
	t.expect(re.search(r"sends 1 byte differently", details[0][0]), "detail: %s" % details)
