#!/usr/bin/env python3
"""Changes of a capture that must not change its verdicts, or only in one known way.

    check_metamorphic.py --lastack PROGRAM --run-ladders PROGRAM [--every N] [-k CHANGE] FOLDER...

FOLDER holds ladders or captures (pcap, Ethernet, raw IP or Linux cooked). Each capture is changed in
every way of CHANGES below, analysed before and after, and all columns of the view teardowns and the
findings are compared, but for those that the change is about. Splitting takes only every Nth capture
(default 1); it leaves out those whose time runs backwards, as joined captures go by time. The last lines tell the cases of each change and 'N passed, N failed'.
"""
import argparse
import collections
import os
import pathlib
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile

ETHERNET, RAW, COOKED = 1, 101, 113
SHIFT = 0x9e3779b9
EXCEPTIONS = {
	("wrap-rst-at-zero", "numbers shifted"): "its reset is at 0, and that is its place in the stream",
	("duplicate-no-id-bare", "split and joined"): "two files are two interfaces, a sign of two taps",
	("duplicate-no-id-other-ttl", "split and joined"): "the same",
}
# ARP, RARP, EAPOL, LLDP, PPPoE discovery, loopback tests
BARE = (b"\x08\x06", b"\x80\x35", b"\x88\x8e", b"\x88\xcc", b"\x88\x63", b"\x90\x00")
LATER_S = 86400 * 365
LARGE = 2**23

Record = collections.namedtuple("Record", "seconds fraction length data")


# ---- captures ----

class Capture:
	"""A pcap file as records, to be changed and written again."""

	def __init__(self, path):
		data = path.read_bytes()
		magic = data[:4]
		self.order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
		if magic not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\xc3\xd4",
				b"\xa1\xb2\x3c\x4d"):
			raise ValueError("no pcap")
		self.header = data[:24]
		self.linktype = struct.unpack(self.order + "I", data[20:24])[0] & 0xffff
		if self.linktype not in (ETHERNET, RAW, COOKED):
			raise ValueError("link type %d" % self.linktype)
		self.records, at = [], 24
		while at + 16 <= len(data):
			seconds, fraction, captured, length = struct.unpack(self.order + "IIII", data[at:at + 16])
			if at + 16 + captured > len(data):
				raise ValueError("cut")
			self.records.append(Record(seconds, fraction, length, data[at + 16:at + 16 + captured]))
			at += 16 + captured
		if at != len(data) or not self.records:
			raise ValueError("cut, or empty")
		if max(r.fraction for r in self.records) >= 10**9:
			raise ValueError("a time that one packet alone has is not believed, of two it is")

	def write(self, path, records):
		with open(path, "wb") as out:
			out.write(self.header)
			for r in records:
				out.write(struct.pack(self.order + "IIII", r.seconds, r.fraction, len(r.data), r.length))
				out.write(r.data)

	def ip(self, data):
		"""Where the IP header begins and which version it has; None where there is none."""
		if self.linktype == RAW:
			at, version = 0, data[:1] and data[0] >> 4
			return (0, version) if version in (4, 6) else None
		at = 12 if self.linktype == ETHERNET else 14
		while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
			at += 4
		kind = data[at:at + 2]
		self.kind, self.inside = kind, data[at + 2:at + 5]
		return {b"\x08\x00": (at + 2, 4), b"\x86\xdd": (at + 2, 6)}.get(kind)

	def is_bare(self, data):
		"""Whether a frame without IP has none deeper inside either, as PPPoE or MPLS would."""
		if self.linktype == RAW or self.ip(data):
			return False
		return self.kind in BARE or (len(self.kind) == 2 and self.kind < b"\x06\x00" and self.inside != b"\xaa\xaa\x03")


class Packet:
	"""TCP directly in IP, not in fragments; ValueError where it is something else."""

	def __init__(self, capture, data):
		found = capture.ip(data)
		if not found:
			raise ValueError("no IP")
		self.ip, self.version = found
		at = self.ip
		if self.version == 4:
			if len(data) < at + 20 or data[at + 9] != 6 or struct.unpack(">H", data[at + 6:at + 8])[0] & 0x3fff:
				raise ValueError("no TCP")
			self.tcp = at + (data[at] & 15) * 4
			self.addresses = (at + 12, 4)
		else:
			if len(data) < at + 40 or data[at + 6] != 6:
				raise ValueError("no TCP")
			self.tcp = at + 40
			self.addresses = (at + 8, 16)
		if len(data) < self.tcp + 20:
			raise ValueError("cut")
		self.payload = self.tcp + (data[self.tcp + 12] >> 4) * 4
		self.flags = data[self.tcp + 13]


def checksum_fix(data, at, old, new):
	"""RFC 1624: the checksum at this place, after 16-bit words were changed."""
	value = ~struct.unpack(">H", data[at:at + 2])[0] & 0xffff
	for i in range(0, len(old), 2):
		value += (~struct.unpack(">H", old[i:i + 2])[0] & 0xffff) + struct.unpack(">H", new[i:i + 2])[0]
	while value >> 16:
		value = (value & 0xffff) + (value >> 16)
	data[at:at + 2] = struct.pack(">H", ~value & 0xffff)


def only_tcp(capture):
	"""ValueError unless all of it is TCP in IP that Packet knows, or cannot have IP inside."""
	for record in capture.records:
		if capture.ip(record.data):
			Packet(capture, record.data)
		elif not capture.is_bare(record.data):
			raise ValueError("something that may carry IP")


# ---- changes ----

def each_packet(capture, change):
	only_tcp(capture)
	out = []
	for record in capture.records:
		data = bytearray(record.data)
		if capture.ip(record.data):
			change(data, Packet(capture, record.data))
		out.append(record._replace(data=bytes(data)))
	return out


def shifted(capture):
	def change(data, p):
		at = p.tcp + 4
		before = bytes(data[at:at + 8])
		seq, ack = struct.unpack(">II", before)
		if not (p.flags & 4 and p.flags & 16 and seq == 0):  # a reset at 0 answers a SYN
			seq = (seq + SHIFT) & 0xffffffff
		if p.flags & 16:
			ack = (ack + SHIFT) & 0xffffffff
		data[at:at + 8] = struct.pack(">II", seq, ack)
		checksum_fix(data, p.tcp + 16, before, bytes(data[at:at + 8]))
	return each_packet(capture, change)


def swapped(capture):
	def change(data, p):
		at, size = p.addresses
		data[at:at + 2 * size] = data[at + size:at + 2 * size] + data[at:at + size]
		data[p.tcp:p.tcp + 4] = data[p.tcp + 2:p.tcp + 4] + data[p.tcp:p.tcp + 2]
	return each_packet(capture, change)


def tagged(capture):
	if capture.linktype != ETHERNET:
		raise ValueError("no Ethernet")
	return [r._replace(length=r.length + 4, data=r.data[:12] + b"\x81\x00\x00\x4d" + r.data[12:])
		for r in capture.records]


def moved(capture):
	if any(r.seconds + LATER_S >= 1 << 32 for r in capture.records):
		raise ValueError("no later time")
	return [r._replace(seconds=r.seconds + LATER_S) for r in capture.records]


def cut(capture):
	only_tcp(capture)
	return [r._replace(data=r.data[:Packet(capture, r.data).payload] if capture.ip(r.data) else r.data)
		for r in capture.records]


def doubled(capture):
	"""Every TCP segment comes again from another tap, one hop later, at the same time."""
	only_tcp(capture)
	out = []
	for record in capture.records:
		out.append(record)
		if not capture.ip(record.data):
			continue
		data = bytearray(record.data)
		p = Packet(capture, record.data)
		ttl = p.ip + (8 if p.version == 4 else 7)
		if data[ttl] < 2:
			raise ValueError("no hop left")
		before = bytes(data[p.ip + 8:p.ip + 10])
		data[ttl] -= 1
		if p.version == 4:
			checksum_fix(data, p.ip + 10, before, bytes(data[p.ip + 8:p.ip + 10]))
		out.append(record._replace(data=bytes(data)))
	return out


# ---- what is compared ----

IGNORED = {"connection_id", "capture", "application", "application_category", "server_name",
	"application_guessed", "capture_id", "first_packet", "file", "rst_ttl", "rst_sender_ttl"}
SHIFTED = ("fin_seq_initiator", "fin_seq_responder")


class Change:
	def __init__(self, make, back=None, comparable=None, findings=True):
		self.make, self.back = make, back or (lambda row: None)
		self.comparable = comparable or (lambda rows: rows)
		self.findings = findings


def back_shifted(row):
	for name in SHIFTED:
		if row[name] is not None:
			row[name] = (row[name] - SHIFT) & 0xffffffff


def back_swapped(row):
	for what in ("ip", "port"):
		one, other = "initiator_" + what, "responder_" + what
		row[one], row[other] = row[other], row[one]


def back_moved(row):
	for name, value in row.items():
		if value is not None and (name in ("first_ns", "last_ns", "rst_ns", "end_ns", "ts_ns",
				"time_wait_entry_ns") or name.startswith("fin_ns_")):
			row[name] = value - LATER_S * 10**9


def back_tagged(row):
	if row["vlan"] == 77:
		row["vlan"] = None


def back_doubled(row):
	row["duplicates"] = None


def with_syn(rows):
	"""Who the initiator is follows from SYNs alone."""
	return None if any(row["midstream"] for row in rows) else rows


def untagged(rows):
	return None if any(row["vlan"] is not None for row in rows) else rows


def single(rows):
	return None if any(row["duplicates"] for row in rows) else rows


CHANGES = {
	"numbers shifted": Change(shifted, back_shifted),
	"ends swapped": Change(swapped, back_swapped, with_syn),
	"a VLAN tag added": Change(tagged, back_tagged, untagged),
	"times moved": Change(moved, back_moved),
	"payload cut off": Change(cut),
	"every segment twice": Change(doubled, back_doubled, single),
}


def table(db, query):
	cursor = db.execute(query)
	names = [c[0] for c in cursor.description]
	return [dict(zip(names, row)) for row in cursor]


def told(database):
	"""{capture's name: (rows, findings)}; a finding with its connection's first_ns and ports."""
	rows, findings, of = collections.defaultdict(list), collections.defaultdict(list), {}
	db = sqlite3.connect("file:%s?mode=ro" % database, uri=True)
	for row in table(db, "SELECT * FROM teardowns"):
		name = os.path.basename(row["capture"])
		of[row["connection_id"]] = name, row
		rows[name].append(row)
	for f in table(db, "SELECT * FROM findings"):
		name, row = of[f["connection_id"]]
		findings[name].append(dict(code=f["code"], severity=f["severity"], side=f["side"],
			ts_ns=f["ts_ns"], count=f["count"], first_ns=row["first_ns"]))
	db.close()
	return {name: (rows[name], findings[name]) for name in rows}


def comparable(row):
	return tuple(sorted((k, repr(v)) for k, v in row.items() if k not in IGNORED))


def difference(before, after):
	one, other = collections.Counter(map(comparable, before)), collections.Counter(map(comparable, after))
	if one == other:
		return None
	gone, new = list((one - other).elements()), list((other - one).elements())
	if len(gone) == len(new) and gone:
		gone.sort()
		new.sort()
		return "; ".join("%s %s -> %s" % (k, dict(gone[0])[k], dict(new[0]).get(k))
			for k in sorted(dict(gone[0])) if dict(gone[0])[k] != dict(new[0]).get(k))
	return "%d rows are others than the %d before" % (len(new), len(gone))


class Check:
	def __init__(self, lastack, folder):
		self.lastack, self.folder = lastack, folder
		self.passed, self.failed = collections.Counter(), collections.Counter()

	def analyze(self, paths, *options):
		database = self.folder / "m.db"
		if database.exists():
			database.unlink()
		done = subprocess.run([self.lastack, "analyze", "--no-dpi", "--quiet", "--format", "none",
			"--ladders", "none", "--hash-seed", "1", "--db", str(database), *options, *map(str, paths)],
			capture_output=True, text=True)
		if done.returncode not in (0, 3):  # 3: one of them is damaged, before the change as after it
			raise RuntimeError("analyze: exit %d: %s" % (done.returncode, done.stderr))
		return told(database)

	def settle(self, name, what, change, before, after):
		rows = change.comparable(before[0])
		if rows is None:
			return
		for row in after[0]:
			change.back(row)
		for row in before[0]:
			if change.back is back_doubled:
				change.back(row)
		for f in after[1]:
			if change.back is back_moved:
				back_moved(f)
		found = difference(before[0], after[0]) or difference(before[1], after[1])
		if found:
			self.failed[what] += 1
			print("%s, %s: %s" % (name, what, found))
		else:
			self.passed[what] += 1

	def change_all(self, what, change, captures):
		out = self.folder / "changed"
		out.mkdir(exist_ok=True)
		originals, paths = [], []
		for name, capture in captures.items():
			if (name.split("-", 1)[1].split(".")[0], what) in EXCEPTIONS:
				continue
			try:
				records = change.make(capture)
			except ValueError:
				continue
			originals.append(self.folder / name)
			paths.append(out / name)
			capture.write(originals[-1], capture.records)
			capture.write(paths[-1], records)
		before, after = self.analyze(originals), self.analyze(paths)
		for path in originals:
			nothing = ([], [])
			self.settle(path.name, what, change, before.get(path.name, nothing),
				after.get(path.name, nothing))
		for path in paths + originals:
			path.unlink()

	def split(self, name, capture):
		"""In three parts of one recording."""
		if (name.split("-", 1)[1].split(".")[0], "split and joined") in EXCEPTIONS:
			return
		n, out = len(capture.records), self.folder / "split"
		times = [(r.seconds, r.fraction) for r in capture.records]
		if n < 3 or times != sorted(times):
			return
		out.mkdir(exist_ok=True)
		path, parts = self.folder / name, []
		capture.write(path, capture.records)
		for i in range(3):
			parts.append(out / ("%d-%s" % (i, name)))
			capture.write(parts[-1], capture.records[n * i // 3:n * (i + 1) // 3])
		whole, joined = self.analyze([path]), self.analyze(parts, "--join")
		rows = [row for name in joined for row in joined[name][0]]
		findings = [f for name in joined for f in joined[name][1]]
		self.settle(path.name, "split and joined", Change(None), whole.get(path.name, ([], [])),
			(rows, findings))
		for part in [path] + parts:
			part.unlink()


def gather(arguments, folder):
	paths = []
	for given in arguments.folders:
		if any(given.glob("*.ladder")):
			ladders = folder / "ladders"
			ladders.mkdir(exist_ok=True)
			subprocess.run([arguments.run_ladders, "--pcap", ladders, given], check=False,
				stdout=subprocess.DEVNULL)
			given = ladders
		paths += sorted(p for p in given.rglob("*") if p.is_file() and p.stat().st_size < LARGE)
	captures = {}
	for path in paths:
		try:
			captures["%d-%s" % (len(captures), path.name)] = Capture(path)
		except ValueError:
			pass
	return captures


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True)
	parser.add_argument("--run-ladders", required=True)
	parser.add_argument("--every", type=int, default=1, metavar="N")
	parser.add_argument("-k", default="", metavar="CHANGE")
	parser.add_argument("folders", nargs="+", type=pathlib.Path)
	arguments = parser.parse_args()
	memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # many small databases
	with tempfile.TemporaryDirectory(dir=memory) as place:
		folder = pathlib.Path(place)
		check = Check(arguments.lastack, folder)
		captures = gather(arguments, folder)
		for what, change in CHANGES.items():
			if re.search(arguments.k, what):
				check.change_all(what, change, captures)
		if re.search(arguments.k, "split and joined"):
			for name in list(captures)[::arguments.every]:
				check.split(name, captures[name])
	for what in sorted(check.passed | check.failed):
		print("%-20s %5d cases, %d failed" % (what, check.passed[what] + check.failed[what],
			check.failed[what]))
	print("%d passed, %d failed" % (sum(check.passed.values()), sum(check.failed.values())))
	return 1 if check.failed or not check.passed else 0


if __name__ == "__main__":
	sys.exit(main())
