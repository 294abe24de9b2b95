#!/usr/bin/env python3
"""`lastack query` finds what a plain SELECT over the view teardowns finds, whatever is asked.

    check_queries.py --lastack PROGRAM [--rounds N] [--seed N] [-v] FOLDER

Captures are made and analysed into one database, next to those of FOLDER; some are joined, some analysed
again with more connections or fewer, so that the ids of recordings lie side by side, have gaps and are
given anew. After each step, filters with values from the database and others, alone and together, are
held against conditions that go through all rows. The last line is 'N passed, N failed'.
"""
import argparse
import ipaddress
import json
import pathlib
import random
import sqlite3
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MARKS = ("GET", "hello")
CHOICES = {  # option: column
	"--teardown": "teardown", "--closer": "closer", "--end-reason": "end_reason", "--cause": "rst_cause",
	"--stage": "rst_stage", "--reset-by": "rst_by", "--time-wait": "time_wait_check",
	"--state": "conn_state"}
FLAGS = {
	"--incomplete": "complete = 0", "--complete": "complete = 1", "--injected": "rst_injected = 1",
	"--midstream": "midstream = 1"}
SEVERITIES = {"info": "('info', 'warning', 'error')", "warning": "('warning', 'error')", "error": "('error')"}
SECOND = 10**9


def run(*words):
	return subprocess.run([str(w) for w in words], capture_output=True, text=True)


def must(*words):
	done = run(*words)
	if done.returncode != 0:
		sys.exit("%s\n%s" % (" ".join(map(str, words)), done.stderr))
	return done.stdout


# ---- captures ----

def tagged(frame, number):
	"""Every third connection, by its ports, in one of three VLANs."""
	which = sum(frame[34:38]) % 9
	return frame[:12] + struct.pack(">HH", 0x8100, 100 + which) + frame[12:] if which < 3 else frame


def rewrite(path, out, change=None, keep=lambda n: True):
	"""A pcap file's packets, changed one by one; only those that keep wants."""
	data = path.read_bytes()
	at, number, written = 24, 0, [data[:24]]
	while at + 16 <= len(data):
		seconds, fraction, length, _ = struct.unpack("<IIII", data[at:at + 16])
		frame = data[at + 16:at + 16 + length]
		if keep(number):
			frame = change(frame, number) if change else frame
			written.append(struct.pack("<IIII", seconds, fraction, len(frame), len(frame)) + frame)
		at += 16 + length
		number += 1
	out.write_bytes(b"".join(written))


def make(folder, name, connections):
	path = folder / name
	must(sys.executable, HERE / "make_many.py", connections, path)
	return path


# ---- what is asked ----

def in_network(text, network):
	address, net = ipaddress.ip_address(text), ipaddress.ip_network(network, strict=False)
	return address.version == net.version and address in net


def has_part(name, category, wanted):
	if name is None:
		return False
	return "." + wanted.lower() + "." in "." + name.lower() + "." or (category or "").lower() == wanted.lower()


class Asking:
	"""Filters, each as words of the command line and as a condition with its values."""

	def __init__(self, db, rng):
		self.db, self.rng = db, rng
		self.known = {}

	def value(self, column, table="teardowns"):
		"""One that is there; NULL where there is none."""
		key = table, column
		if key not in self.known:
			self.known[key] = [row[0] for row in self.db.execute(
				"SELECT DISTINCT %s FROM %s WHERE %s IS NOT NULL ORDER BY 1" % (column, table, column))]
		return self.rng.choice(self.known[key]) if self.known[key] else None

	def address(self, column):
		address = self.value(column)
		how = self.rng.randrange(6)
		if how == 0:
			return self.rng.choice(("192.0.2.77", "2001:db8::77", "0.0.0.0/0", "::/0", "10.1.0.0/28"))
		if how < 3:
			most = 128 if ":" in address else 32
			return "%s/%d" % (ipaddress.ip_network("%s/%d" % (address, bits := self.rng.randint(8, most)),
				strict=False).network_address, bits)
		return address

	def port(self, column):
		return self.rng.randrange(65536) if self.rng.randrange(5) == 0 else self.value(column)

	def choice(self):
		option, column = self.rng.choice(sorted(CHOICES.items()))
		value = self.value(column)
		return ([option, value], "%s = ?" % column, [value]) if value is not None else None

	def flag(self):
		option, condition = self.rng.choice(sorted(FLAGS.items()))
		return [option], condition, []

	def either(self):
		column = self.rng.choice(("initiator", "responder"))
		how = self.rng.randrange(3)
		words, conditions, values = [], {"initiator": [], "responder": []}, []
		host = self.address(column + "_ip") if how != 1 else None
		port = self.port(column + "_port") if how != 0 else None
		for end in conditions:
			if host is not None:
				conditions[end].append("in_network(%s_ip, ?)" % end)
				values.append(host)
			if port is not None:
				conditions[end].append("%s_port = ?" % end)
				values.append(port)
		words += ["--host", host] if host is not None else []
		words += ["--port", port] if port is not None else []
		return words, "(%s)" % " OR ".join(" AND ".join(c) for c in conditions.values()), values

	def one_end(self):
		how = self.rng.randrange(3)
		if how == 0:
			client = self.address("initiator_ip")
			return ["--client", client], "in_network(initiator_ip, ?)", [client]
		if how == 1:
			server = self.address("responder_ip")
			return ["--server", server], "in_network(responder_ip, ?)", [server]
		port = self.port("responder_port")
		return ["--server-port", port], "responder_port = ?", [port]

	def application(self):
		name = self.value("application")
		if name is None:
			return None
		name = self.rng.choice((name, name.split(".")[0], name.split(".")[-1].swapcase(), "Nonsense",
			self.value("application_category")))
		return ["--application", name], "has_part(application, application_category, ?)", [name]

	def server_name(self):
		name = self.value("server_name") or "example"
		start = self.rng.randrange(len(name))
		part = name[start:start + self.rng.randint(1, 6)]
		if part.startswith("-"):
			return None
		return ["--server-name", part.upper()], "instr(lower(server_name), lower(?)) > 0", [part]

	def path(self):
		if self.rng.randrange(2):
			vlan = self.rng.choice((self.value("vlan"), 7))
			return (["--vlan", vlan], "vlan = ?", [vlan]) if vlan else None
		tunnel = self.value("tunnel")
		if tunnel is None:
			return None
		tunnel = tunnel[:self.rng.randint(1, len(tunnel))]
		return ["--tunnel", tunnel], "instr(tunnel, ?) > 0", [tunnel]

	def finding(self):
		if self.rng.randrange(2):
			severity = self.rng.choice(sorted(SEVERITIES))
			return (["--severity", severity], "connection_id IN (SELECT connection_id FROM findings"
				" WHERE severity IN %s)" % SEVERITIES[severity], [])
		code = self.value("code", self.rng.choice(("findings", "finding_codes")))
		return ["--finding", code], "connection_id IN (SELECT connection_id FROM findings WHERE code = ?)", [code]

	def contains(self):
		mark = self.rng.choice(MARKS)
		return ["--contains", mark], "connection_id IN (SELECT connection_id FROM found WHERE mark = ?)", [mark]

	def capture(self):
		path = self.value("capture")
		return ["--capture", path], "capture = ?", [path]

	def times(self):
		option, condition = self.rng.choice((("--since", "first_ns >= ?"), ("--until", "first_ns < ?")))
		if self.rng.randrange(3) == 0:  # a bound that one of them is at
			first = self.value("first_ns")
			return [option, "%d.%09d" % divmod(first, SECOND)], condition, [first]
		seconds = self.value("first_ns") // SECOND + self.rng.randint(-60, 60)
		return [option, seconds], condition, [seconds * SECOND]

	def duration(self):
		option, condition = self.rng.choice((("--min-duration", "last_ns - first_ns >= ?"),
			("--max-duration", "last_ns - first_ns <= ?")))
		ms = self.rng.choice((0, 1, 10, 50, 100, 500, 1000, 5000, 60000, 100000))
		return [option, "%dms" % ms], condition, [ms * 10**6]

	def asked(self):
		kinds = (self.choice, self.choice, self.flag, self.either, self.either, self.one_end, self.one_end,
			self.application, self.server_name, self.path, self.finding, self.contains, self.capture,
			self.times, self.duration)
		words, conditions, values = [], ["1"], []
		for kind in self.rng.sample(kinds, self.rng.choice((0, 1, 1, 1, 2, 2, 3))):
			part = kind()
			if part is None or any(w in words for w in part[0] if str(w).startswith("--")):
				continue
			if "--complete" in words + part[0] and "--incomplete" in words + part[0]:
				continue
			words += part[0]
			conditions.append(part[1])
			values += part[2]
		return words, " AND ".join(conditions), values


# ---- holding one against the other ----

class Check:
	def __init__(self, lastack, database, rounds, seed, verbose):
		self.lastack, self.database, self.rounds, self.verbose = lastack, database, rounds, verbose
		self.rng = random.Random(seed)
		self.passed = self.failed = self.rows = 0

	def tell(self, good, text):
		self.passed += good
		self.failed += not good
		if self.verbose or not good:
			print("%s %s" % ("ok    " if good else "FAILED", text))

	def query(self, *words):
		out = must(self.lastack, "query", "-q", "--db", self.database, "--format", "json", *words)
		return [json.loads(line) for line in out.splitlines()]

	def rows_of(self, db, step, asking):
		words, condition, values = asking.asked()
		limit = self.rng.choice((0, 0, 1, 7, 100, 1500))
		wanted = [row[0] for row in db.execute("SELECT connection_id FROM teardowns WHERE %s ORDER BY"
			" first_ns, connection_id LIMIT ?" % condition, values + [limit or -1])]
		found = [row["connection_id"] for row in self.query("--limit", limit, *words)]
		self.rows += len(wanted)
		self.tell(found == wanted, "%s: --limit %d %s: %d rows, %d wanted" % (step, limit,
			" ".join(map(str, words)), len(found), len(wanted)))

	def groups_of(self, db, step, asking):
		words, condition, values = asking.asked()
		wanted = dict(db.execute("SELECT teardown, count(*) FROM teardowns WHERE %s GROUP BY 1" % condition,
			values))
		found = {row["teardown"]: row["connections"] for row in self.query("--by", "teardown", *words)}
		self.tell(found == wanted, "%s: --by teardown %s" % (step, " ".join(map(str, words))))

	def community_id(self, db, step):
		"""One that query tells, and the connections between those ends."""
		row = self.rng.choice(self.query("--limit", 500))
		ends = [row[c] for c in ("initiator_ip", "initiator_port", "responder_ip", "responder_port")]
		wanted = [r[0] for r in db.execute("SELECT connection_id FROM teardowns WHERE (initiator_ip,"
			" initiator_port, responder_ip, responder_port) IN (VALUES(?1, ?2, ?3, ?4), (?3, ?4, ?1, ?2))"
			" ORDER BY first_ns, connection_id", ends)]
		found = [r["connection_id"] for r in self.query("--community-id", row["community_id"])]
		self.tell(found == wanted, "%s: --community-id %s" % (step, row["community_id"]))
		shown = json.loads("[%s]" % ",".join(must(self.lastack, "show", "--db", self.database, "--format",
			"json", "%s:%d-%s:%d" % tuple("[%s]" % e if ":" in str(e) else e for e in ends)).splitlines()))
		self.tell([c["connection_id"] for c in shown] == wanted, "%s: show %s" % (step, ends))

	def step(self, step, *words):
		must(self.lastack, "analyze", "-q", "--format", "none", "--db", self.database,
			*(w for mark in MARKS for w in ("--mark", mark)), *words)
		db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True)
		db.create_function("in_network", 2, in_network, deterministic=True)
		db.create_function("has_part", 3, has_part, deterministic=True)
		asking = Asking(db, self.rng)
		for number in range(self.rounds):
			self.rows_of(db, step, asking)
			if number % 8 == 0:
				self.groups_of(db, step, asking)
		self.community_id(db, step)
		db.close()


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	parser.add_argument("--lastack", required=True)
	parser.add_argument("--rounds", type=int, default=80)
	parser.add_argument("--seed", type=int, default=1)
	parser.add_argument("-v", action="store_true")
	parser.add_argument("folder", type=pathlib.Path)
	arguments = parser.parse_args()
	with tempfile.TemporaryDirectory(prefix="lastack-queries-") as folder:
		folder = pathlib.Path(folder)
		check = Check(arguments.lastack, folder / "q.db", arguments.rounds, arguments.seed, arguments.v)
		one, two, three = make(folder, "one.pcap", 700), make(folder, "two.pcap", 901), make(folder, "three.pcap", 300)
		tags, halves = folder / "tags.pcap", [folder / "half-0.pcap", folder / "half-1.pcap"]
		rewrite(two, tags, tagged)
		for i, half in enumerate(halves):
			rewrite(make(folder, "whole.pcap", 650), half, keep=lambda n, i=i: n % 2 == i)
		real = [p for n, p in enumerate(sorted(arguments.folder.glob("*.pcap")))
			if n % 6 == 0 or "tunnel" in p.name or "vlan" in p.name]
		check.step("one", one)
		check.step("many captures", tags, *real)
		check.step("joined", "--join", *halves)
		make(folder, "one.pcap", 1100)
		check.step("replaced by more", one)
		check.step("further", three)
		make(folder, "three.pcap", 40)
		check.step("the last replaced by less", three)
		check.step("all again", *real, tags)
	print("%d passed, %d failed" % (check.passed, check.failed))
	if check.rows == 0:
		sys.exit("nothing was found at all: that tells nothing")
	return 1 if check.failed or not check.passed else 0


sys.exit(main())
