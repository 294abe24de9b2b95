"""Captures that cannot be opened, are cut, damaged or not decoded; packets that are malformed."""
import gzip
import os
import struct

from cli_cases import bench, pcap


def sample(t):
	return pcap.read(t.capture("sample.pcap"))


def offset_of(records, number):
	"""Of the record of packet number, as a capture's readers count: from 1."""
	return pcap.HEADER_SIZE + sum(len(r) for r in records[:number - 1])


def case_nothing_opened(t):
	"""no input could be opened: exit code 1, a message for each, no database"""
	t.write("empty.pcap", b"")
	t.write("text.pcap", b"This is no capture, but a text of some length.\n" * 4)
	t.write("zeros.pcap", bytes(4096))
	t.write("short.pcap", pcap.MAGIC)
	t.write("bad.pcap.gz", b"\x1f\x8b\x08\x00" + b"\xff" * 60)
	t.write("text.pcap.gz", gzip.compress(b"This is no capture, but a compressed text.\n" * 4))
	os.mkdir(t.path("folder"))
	names = ["missing.pcap", "empty.pcap", "text.pcap", "zeros.pcap", "short.pcap", "folder",
		"bad.pcap.gz", "text.pcap.gz"]
	messages = set()
	for name in names:
		done = t.run("analyze", "--db", "t.db", name)
		t.fails(done, 1, "lastack: %s: ." % name)
		t.equal(done.err.count("\n"), 1, "messages", done)
		messages.add(done.err.replace(name, ""))
	t.expect(len(messages) >= 6, "messages that differ by reason", messages)
	done = t.run("analyze", "--db", "t.db", *names)
	t.fails(done, 1, *names)
	t.expect(not os.path.exists(t.path("t.db")), "no database")


def case_unreadable(t):
	"""a capture without the right to read it: exit code 1, naming it"""
	path = t.write("secret.pcap", t.read(t.capture("four_way.pcap")))
	os.chmod(path, 0)
	t.fails(t.run("analyze", "--db", ":memory:", path, **as_other_user(t)), 1, path, "ermission")


def as_other_user(t):
	"""Options of run() for a user whom file permissions bind."""
	if os.geteuid() != 0:
		return {}
	folder = t.folder
	while folder != "/":  # the way to the case's folder
		if not os.stat(folder).st_mode & 0o001:
			os.chmod(folder, os.stat(folder).st_mode | 0o011)
		if folder == t.shared.folder.name:
			break
		folder = os.path.dirname(folder)
	try:
		done = t.run("--version", user=65534, group=65534, extra_groups=[])
	except (OSError, ValueError) as failure:
		raise bench.Skip("nobody cannot run the program: %s" % failure)
	t.equal(done.code, 0, "exit code", done)
	return {"user": 65534, "group": 65534, "extra_groups": []}


def case_link_type(t):
	"""no link type that is decoded: exit code 1, naming file and type; beside others: 3"""
	header, records = sample(t)
	pcap.write(t.path("user.pcap"), pcap.with_link_type(header, 147), records)
	done = t.run("analyze", "--db", "t.db", "user.pcap")
	t.fails(done, 1, "user.pcap", "link type 147")
	t.expect(not os.path.exists(t.path("t.db")), "no database")
	done = t.analyze("user.pcap", t.capture("four_way.pcap"), code=3)
	t.says(done, "user.pcap", "link type 147")
	t.equal(t.sql("SELECT capture FROM teardowns"), [(t.capture("four_way.pcap"),)], "captures")


def case_one_of_several(t):
	"""one of several files cannot be opened: exit code 3, the others are stored"""
	done = t.analyze(t.capture("four_way.pcap"), "missing.pcap", t.capture("refused.pcap"), code=3)
	t.says(done, "missing.pcap: .*No such file")
	t.equal(t.sql("SELECT teardown FROM teardowns ORDER BY connection_id"),
		[("four_way",), ("refused",)], "stored")
	done = t.analyze("--join", t.capture("four_way.pcap"), "missing.pcap", db="j.db", code=3)
	t.says(done, "missing.pcap")
	t.equal(t.connections("j.db"), 1, "connections of the joined")


def damaged(t, name, data, packets, patterns):
	"""Exit code 3, the message, and all packets before the damage stored."""
	header, records = sample(t)
	pcap.write(t.path("before.pcap"), header, records[:packets])
	t.analyze("before.pcap", db="before.db")
	t.write(name, data)
	done = t.run("analyze", "--db", name + ".db", name)
	t.equal(done.code, 3, "exit code", done)
	t.says(done, "lastack: %s: " % name, *patterns)
	t.expect("Damage:" in done.out and name in done.out.split("Damage:")[1],
		"the damage in the report", done.out)
	t.equal(t.sql("SELECT packets FROM captures", name + ".db"), [(packets,)], "packets")
	t.expect(t.number("SELECT problem FROM captures", name + ".db"), "the problem in the database")
	t.equal(t.rows(name + ".db", without=("capture",)), t.rows("before.db", without=("capture",)),
		"rows")


def case_cut(t):
	"""a cut capture: exit code 3, a message with packet and byte, what came before is stored"""
	header, records = sample(t)
	data = pcap.join(header, records)
	at = offset_of(records, 401)
	for name, size in (("cut-data.pcap", at + 30), ("cut-header.pcap", at + 7)):
		damaged(t, name, data[:size], 400, [r"packet 401\b", r"byte %d\b" % at])


def case_cut_between(t):
	"""a capture that ends behind a packet is whole: exit code 0"""
	header, records = sample(t)
	pcap.write(t.path("whole.pcap"), header, records[:400])
	t.equal(t.analyze("whole.pcap").err, "", "complaint")


def case_bad_record(t):
	"""a record length that cannot be: exit code 3, a message with packet and byte"""
	header, records = sample(t)
	data = bytearray(pcap.join(header, records))
	at = offset_of(records, 201)
	for name, length in (("huge.pcap", 0xffffffff), ("large.pcap", 0x10000000)):
		struct.pack_into("<I", data, at + 8, length)
		damaged(t, name, bytes(data), 200, [r"packet 201\b", r"byte %d\b" % at])


def case_cut_gzip(t):
	"""a cut gzip file: exit code 3, what came before is stored"""
	packed = gzip.compress(t.read(t.capture("sample.pcap")))
	t.write("cut.pcap.gz", packed[:len(packed) // 2])
	t.says(t.analyze("cut.pcap.gz", code=3), "cut.pcap.gz: .*packet \\d+")
	t.expect(t.number("SELECT packets FROM captures") > 50, "packets before the cut")
	t.expect(t.connections() > 5, "connections before the cut")


def case_bad_gzip(t):
	"""a gzip file with a wrong checksum: exit code 3"""
	packed = bytearray(gzip.compress(t.read(t.capture("sample.pcap"))))
	packed[-8] ^= 1
	t.write("bad.pcap.gz", bytes(packed))
	t.says(t.analyze("bad.pcap.gz", code=3), "bad.pcap.gz")
	t.equal(t.connections(), 89, "connections")


def case_cut_zstd(t):
	"""a cut zstd file: exit code 3 or, when nothing came before, 1, naming it"""
	packed = t.read(t.capture("container_zstd.pcap.zst"))
	t.write("cut.pcap.zst", packed[:-20])
	done = t.run("analyze", "--format", "none", "--db", "t.db", "cut.pcap.zst")
	t.expect(done.code in (1, 3), "exit code 1 or 3", done)
	t.says(done, "cut.pcap.zst")


def case_cut_pcapng(t):
	"""a cut pcapng file: exit code 3, a message with packet and byte"""
	data = t.read(t.capture("container_pcapng.pcapng"))
	starts, at, order = [], 0, "<"
	while at < len(data):
		if data[at:at + 4] == b"\n\r\r\n":  # a section of its own byte order
			order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
		kind, length = struct.unpack_from(order + "II", data, at)
		if kind == 6:  # an enhanced packet block
			starts.append(at)
		at += length
	t.equal(len(starts), 11, "packets of the whole capture")
	for before in (1, 4, 10):
		at = starts[before]
		t.write("cut.pcapng", data[:at + 40])
		done = t.analyze("cut.pcapng", code=3)
		t.says(done, "cut.pcapng: ", r"packet %d\b" % (before + 1), r"byte %d\b" % at)
		t.equal(t.number("SELECT packets FROM captures"), before, "packets")


def case_cut_stdin(t):
	"""standard input that ends inside a packet: exit code 3"""
	data = t.read(t.capture("sample.pcap"))
	t.says(t.analyze("-", input=data[:20000], code=3), "packet \\d+", "byte \\d+")
	t.says(t.run("analyze", "--db", ":memory:", "-", input=b""), "empty")


def case_malformed_packets(t):
	"""malformed packets and other protocols are counted and leave exit code 0"""
	header, records = sample(t)
	frames = [bytearray(pcap.frame(r)) for r in records]
	frames[10][14] = 0x42  # an IPv4 header of 8 bytes
	frames[20][46] = 0x10  # a TCP header of 4 bytes
	frames[30][23] = 17  # UDP
	frames[40][12:14] = b"\x08\x06"  # ARP
	frames[50][30:34] = frames[50][26:30]  # the same address
	frames[50][36:38] = frames[50][34:36]  # and port
	changed = [pcap.with_frame(r, bytes(f)) for r, f in zip(records, frames)]
	changed[60] = pcap.cut_to(records[60], 30)
	changed[70] = pcap.cut_to(records[70], 40)
	pcap.write(t.path("odd.pcap"), header, changed)
	t.equal(t.analyze("odd.pcap").err, "", "complaint")
	counts = dict(t.sql("SELECT reason, packets FROM decode_counts WHERE packets > 0"))
	t.equal(counts.pop("segment", 0), len(records) - 7, "segments")
	t.equal(counts, {"bad-ip": 1, "bad-tcp": 1, "udp": 1, "not-ip": 1, "land": 1,
		"truncated-ip": 1, "truncated-tcp": 1}, "skipped packets")


def case_snaplen(t):
	"""packets cut behind the TCP header say the same as whole ones, but for what payload tells"""
	header, records = sample(t)
	pcap.write(t.path("cut.pcap"), header, [pcap.cut_to(r, 14 + 20 + 60) for r in records])
	t.equal(t.analyze("cut.pcap").err, "", "complaint")
	t.analyze(t.capture("sample.pcap"), db="whole.db")
	payload = ("capture", "application", "application_category", "application_guessed",
		"server_name")
	t.equal(t.rows(without=payload), t.rows("whole.db", without=payload), "rows")


def case_backwards(t):
	"""time stamps that go backwards are counted and leave exit code 0"""
	header, records = sample(t)
	seconds, micros, _, _ = pcap.RECORD.unpack_from(records[99])
	records[100] = pcap.with_time(records[100], seconds - 5, micros)
	pcap.write(t.path("back.pcap"), header, records)
	t.equal(t.analyze("back.pcap").err, "", "complaint")
	t.equal(t.number("SELECT backwards FROM captures"), 1, "packets backwards")


def case_no_packets(t):
	"""a capture without packets is stored as such: exit code 0"""
	header, _ = sample(t)
	pcap.write(t.path("none.pcap"), header, [])
	done = t.run("analyze", "--db", "t.db", "none.pcap")
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	t.equal(t.sql("SELECT path, packets FROM captures"), [("none.pcap", 0)], "captures")
	t.equal(t.connections(), 0, "connections")
