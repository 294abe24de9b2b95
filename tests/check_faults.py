#!/usr/bin/env python3
"""What becomes of lastack and its database when one call fails.

    check_faults.py --lastack PROGRAM --library INJECT [--every N] [--kills N] [--valgrind N] [-k PART]
                    [--command PART]

INJECT (tests/faults/inject.c) is preloaded and makes one call fail: each allocation, each read, write,
sync, open, lock, unlink and truncation of the database and its journal (as I/O error, full disk, busy),
each read of the capture, each read of the database with a byte turned over, each file of extract and
show as it gets its name; outputs may grow up to a random size only. --every N takes each
Nth call, from a random one on. A run may end with a message and exit code 1 (3 where the capture could
not be read to its end), or as if nothing had happened: then output and rows are those of a run without
a fault. The database passes SQLite's own check and holds the old rows or the new ones. --kills N also
kills N runs at random moments, --valgrind N looks for leaks in N runs with a failing allocation.
Prints a table, then 'N passed, N failed'.
"""
import argparse
import collections
import errno
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

CAPTURES = pathlib.Path(__file__).resolve().parent.parent / "captures"
SMALL = ("bad_fin_moved.pcap", "rst_injected.pcap", "four_way.pcap")
LEAKING = ("analyze, again", "report", "query, table", "show", "extract")
MESSAGE = re.compile(r"lastack: [^\n]+\n(lastack: [^\n]+\n)*\Z")


class Fault(Exception):
	pass


def rows(database):
	"""All verdicts and findings; Fault where the database is not sound."""
	db = sqlite3.connect(str(database), timeout=10)
	try:
		if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
			raise Fault("integrity_check")
		if db.execute("PRAGMA foreign_key_check").fetchall():
			raise Fault("foreign_key_check")
		return (sorted(map(repr, db.execute("SELECT * FROM teardowns"))),
			sorted(map(repr, db.execute("SELECT * FROM findings"))))
	except sqlite3.DatabaseError as error:
		raise Fault("database: %s" % error) from error
	finally:
		db.close()


def without_ids(told):
	"""Rows that do not depend on how often a recording was replaced."""
	return tuple(sorted(re.sub(r"^\(\d+", "(", row) for row in part) for part in told)


def whole_recordings(now, new):
	"""Whether each capture has all of its rows or none."""
	for name in SMALL:
		rows_now, rows_new = ([r for r in told[0] if name in r] for told in (now, new))
		if rows_now not in (rows_new, []):
			return False
	return len(now[0]) <= len(new[0])


class Command:
	"""A command line, with the database it starts from and what it says when all is well."""

	def __init__(self, name, words, writes=False):
		# libseccomp 2.5 makes filters of what is left where memory runs out: it is not what is tried here
		self.name, self.words, self.writes = name, [words[0], "--no-sandbox", *words[1:]], writes


def commands(folder):
	small = [str(folder / name) for name in SMALL]
	pcap = str(folder / "four_way.pcap")
	return [
		Command("analyze, new", ["analyze", "--no-dpi", "--db", "t.db", *small], True),
		Command("analyze, again", ["analyze", "--no-dpi", "--ladders", "all", "--db", "t.db", *small], True),
		Command("analyze, nDPI", ["analyze", "--mark", "GET", "--db", ":memory:", pcap]),
		Command("report", ["report", "t.db"]),
		Command("report, html", ["report", "--format", "html", "t.db"]),
		Command("query", ["query", "--format", "csv", "t.db"]),
		Command("query, table", ["query", "--limit", "2", "t.db"]),
		Command("query, json", ["query", "--format", "json", "--host", "192.0.2.0/24", "t.db"]),
		Command("query, groups", ["query", "--by", "teardown", "t.db"]),
		Command("analyze, json", ["analyze", "--no-dpi", "--format", "json", "--db", ":memory:", pcap]),
		Command("report, json", ["report", "--format", "json", "t.db"]),
		Command("report, md", ["report", "--format", "md", "t.db"]),
		Command("compare", ["report", "--against", "old.db", "t.db"]),
		Command("compare, json", ["report", "--against", "old.db", "--format", "json", "t.db"]),
		Command("compare, md", ["report", "--against", "old.db", "--format", "md", "t.db"]),
		Command("query, open", ["query", "--open", "t.db"]),
		Command("query, sql", ["query", "--sql", "SELECT upper(tunnel || teardown), 1.5 * bytes_initiator,"
			" teardown || ' and what makes it long', zeroblob(40) FROM teardowns", "t.db"]),
		Command("show", ["show", "t.db", "1"]),
		Command("show, json", ["show", "--format", "json", "t.db", "1"]),
		Command("show, ladder", ["show", "--ladder", "t.db", "1"]),
		Command("show, svg", ["show", "--svg", "out.svg", "t.db", "1"]),
		Command("extract", ["extract", "--overwrite", "--streams", "out", pcap]),
		Command("extract, pcap", ["extract", "--overwrite", "--pcap", "out.pcap", pcap]),
		Command("extract, stdout", ["extract", "--pcap", "-", pcap]),
	]


class Bench:
	def __init__(self, arguments, folder):
		self.arguments, self.folder = arguments, folder
		self.table = collections.defaultdict(collections.Counter)
		self.random = random.Random(7)
		for name in SMALL:
			shutil.copy(CAPTURES / name, folder / name)
		self.old = folder / "old.db"
		subprocess.run([arguments.lastack, "analyze", "--no-dpi", "--format", "none", "--db", self.old,
			*[folder / name for name in SMALL]], check=True)
		self.old_rows = without_ids(rows(self.old))
		self.good = {}

	def prepare(self, command):
		for name in ("t.db", "t.db-journal", "out.pcap", "out.svg", "hit"):
			(self.folder / name).unlink(missing_ok=True)
		shutil.rmtree(self.folder / "out", ignore_errors=True)
		if command.name != "analyze, new":
			shutil.copy(self.old, self.folder / "t.db")

	def run(self, command, fault=None, before=(), limit=None):
		self.prepare(command)
		environment = dict(os.environ, LC_ALL="C.UTF-8")
		if fault:
			environment.update(LASTACK_FAULT=fault, LASTACK_FAULT_LOG=str(self.folder / "hit"),
				LD_PRELOAD=self.arguments.library)
		words = [*before, self.arguments.lastack, *command.words]
		if limit is None:
			done = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, timeout=300,
				stdin=subprocess.DEVNULL)
		else:
			with open(self.folder / "stdout", "w+b") as out:
				done = subprocess.run(words, cwd=self.folder, env=environment, stdout=out,
					stderr=subprocess.PIPE, timeout=300, stdin=subprocess.DEVNULL,
					preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
				out.seek(0)
				done.stdout = out.read()
		return done, (self.folder / "hit").exists()

	def result(self, command):
		"""What the command has left behind, output apart."""
		if command.writes:
			return without_ids(rows(self.folder / "t.db"))
		return sorted((p.name, p.read_bytes()) for p in [*self.folder.glob("out/*"),
			*self.folder.glob("out.*")] if p.is_file())

	def well(self, command):
		if command.name not in self.good:
			done, _ = self.run(command)
			if done.returncode != 0:
				raise Fault("%s fails by itself: %s" % (command.name, done.stderr))
			self.good[command.name] = done.stdout, self.result(command)
		return self.good[command.name]

	def check(self, command, done, capture, flipped):
		"""How it ended: 'told', 'none the worse'; Fault where it must not end so."""
		out, left = self.well(command)
		error = done.stderr.decode("utf-8", "replace")
		if done.returncode < 0:
			raise Fault("signal %d: %s" % (-done.returncode, error[-300:]))
		if done.returncode not in ((0, 1, 3) if capture or flipped else (0, 1)):
			raise Fault("exit code %d: %s" % (done.returncode, error))
		if done.returncode != 0 and not MESSAGE.match(error):
			raise Fault("exit code %d with the message %r" % (done.returncode, error))
		database = self.folder / "t.db"
		if command.writes and not flipped and database.exists() and database.stat().st_size > 0:
			now = without_ids(rows(database))
			allowed = [left[0] and left] if done.returncode == 0 else [left, self.old_rows, ([], [])]
			if done.returncode != 3 and now not in allowed and not (command.name == "analyze, new"
					and done.returncode == 1 and whole_recordings(now, left)):
				raise Fault("neither the old rows nor the new ones, exit code %d" % done.returncode)
		elif not command.writes and not flipped and database.exists() and \
				database.read_bytes() != self.old.read_bytes():
			raise Fault("the database was changed")
		plain = done.stdout.isascii() and not out.isascii()  # no locale, so it draws with ASCII
		if done.returncode == 0 and not flipped and ((done.stdout != out and not plain) or (not command.writes and
				self.result(command) != left)):
			raise Fault("exit code 0 with another result: %s" % error)
		parts = [p.name for p in self.folder.rglob("*") if p.name.endswith(".part") or p.name.startswith(".")]
		if parts and done.returncode != 0 and not capture and "unlink" not in command.name:
			raise Fault("left behind: %s" % parts)
		return "told" if done.returncode else "none the worse"

	def every_call(self, command, kind, how, part, title):
		step = self.arguments.every if kind == "malloc" else max(1, self.arguments.every // 8)
		at = 1 + self.random.randrange(step)
		capture, flipped = part.endswith(".pcap"), how == "flip"
		while True:
			done, hit = self.run(command, "%s:%d:%s:%s" % (kind, at, how, part))
			if not hit:
				break
			self.settle(title, command, "%s %d" % (kind, at),
				lambda: self.check(command, done, capture, flipped))
			at += step

	def cut_off(self, command, title):
		"""Outputs that may not grow beyond some size: all of them are told, and what is there is right."""
		out, left = self.well(command)
		sizes = [len(out), *(len(data) for _, data in left)]
		for _ in range(max(4, 200 // self.arguments.every)):
			limit = self.random.randrange(max(sizes))
			done, _ = self.run(command, limit=limit)
			self.settle(title, command, "%d bytes" % limit, lambda: self.check_cut(command, done, limit))

	def check_cut(self, command, done, limit):
		out, left = self.well(command)
		if done.returncode == 0:
			raise Fault("exit code 0")
		if not out.startswith(done.stdout) or len(done.stdout) > limit:
			raise Fault("another output")
		if any(pair not in left for pair in self.result(command)):
			raise Fault("part of a file")
		return self.check(command, done, False, False)

	def settle(self, title, command, what, check):
		row = self.table[title]
		row["faults"] += 1
		try:
			row[check()] += 1
		except Fault as lost:
			row["lost"] += 1
			print("%s, %s, %s: %s" % (title, command.name, what, lost))

	def kill(self, command, count):
		started = time.monotonic()
		self.run(command)
		seconds = time.monotonic() - started
		for _ in range(count):
			self.prepare(command)
			process = subprocess.Popen([self.arguments.lastack, *command.words], cwd=self.folder,
				stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
			time.sleep(self.random.random() * seconds)
			process.kill()
			process.wait()
			self.settle("kill -9", command, "killed", lambda: self.after_kill(command))

	def after_kill(self, command):
		database = self.folder / "t.db"
		if not database.exists() or (command.name == "analyze, new" and
				subprocess.run([self.arguments.lastack, "query", "--format", "csv", database],
				capture_output=True).returncode):
			return "old rows"
		now = without_ids(rows(database))
		if command.name == "analyze, new" and whole_recordings(now, self.well(command)[1]):
			return "whole recordings"
		if now not in (self.old_rows, self.well(command)[1]):
			raise Fault("neither the old rows nor the new ones")
		return "old or new rows"

	def leaks(self, command, count):
		"""Spread over the run, up to an allocation that it surely gets to."""
		most = 1 << 14
		while count and not self.run(command, "malloc:%d:12" % most)[1]:
			most = most * 3 // 4
		for number in range(count):
			at = 1 + int(most * (number + self.random.random()) / count)
			# valgrind watches what libc's malloc() gives, which is the one behind INJECT's
			done, hit = self.run(command, "malloc:%d:12" % at, ["valgrind", "-q", "--leak-check=full",
				"--soname-synonyms=somalloc=nouserintercepts",
				"--errors-for-leak-kinds=definite,indirect", "--error-exitcode=77"])
			if hit or at < most:
				self.settle("leaks (valgrind)", command, "malloc %d" % at, lambda: self.no_leak(done, hit))

	@staticmethod
	def no_leak(done, hit):
		if not hit:
			raise Fault("no allocation failed")
		if done.returncode == 77 or b"definitely lost" in done.stderr:
			raise Fault(done.stderr.decode("utf-8", "replace")[:3000])
		return "none the worse" if done.returncode == 0 else "told"


KINDS = (
	("malloc", errno.ENOMEM, "", "allocations", ".*"),
	("read", errno.EIO, ".pcap", "reads of the capture: I/O error", "analyze, new|extract"),
	("read", errno.EIO, "t.db", "database reads: I/O error", "analyze, again|report$|query|show"),
	("read", "flip", "t.db", "database reads: a byte turned over", "analyze, again|report$|query|show"),
	("write", errno.EIO, "t.db", "database writes: I/O error", "analyze, (new|again)"),
	("write", errno.ENOSPC, "t.db", "database writes: disk full", "analyze, (new|again)"),
	("sync", errno.EIO, "t.db", "database syncs: I/O error", "analyze, (new|again)"),
	("open", errno.EMFILE, "t.db", "database opens: no descriptor", "analyze, (new|again)|query"),
	("lock", errno.EAGAIN, "t.db", "database locks: busy", "analyze, (new|again)|query"),
	("unlink", errno.EIO, "t.db", "journal deletion: I/O error", "analyze, (new|again)"),
	("truncate", errno.EIO, "t.db", "truncations: I/O error", "analyze, (new|again)"),
	("write", errno.ENOSPC, "out", "extract's files: disk full", "extract"),
	("open", errno.EMFILE, "out", "extract's files: no descriptor", "extract"),
	("move", errno.EIO, "out", "outputs: no name", "extract|show, svg"),
	("sync", errno.EIO, "out", "outputs: not kept by the disk", "extract|show, svg"),
)
CUT = "report|compare|query(?!, open)|show|extract|analyze, json"


def print_table(table):
	columns = ("faults", "told", "none the worse", "lost")
	print("%-38s %8s %8s %15s %6s" % ("", *columns))
	for title, row in table.items():
		well = sum(n for what, n in row.items() if what not in ("faults", "told", "lost"))
		print("%-38s %8d %8d %15d %6d" % (title, row["faults"], row["told"], well, row["lost"]))


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True, type=os.path.abspath)
	parser.add_argument("--library", required=True, type=os.path.abspath)
	parser.add_argument("--every", type=int, default=1, metavar="N")
	parser.add_argument("--kills", type=int, default=0, metavar="N")
	parser.add_argument("--valgrind", type=int, default=0, metavar="N")
	parser.add_argument("-k", default="", metavar="PART", help="only kinds of fault whose title matches")
	parser.add_argument("--command", default="", metavar="PART", help="only commands so named")
	arguments = parser.parse_args()
	memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
	with tempfile.TemporaryDirectory(dir=memory) as place:
		bench = Bench(arguments, pathlib.Path(place))
		every = commands(bench.folder)
		for kind, how, part, title, which in KINDS:
			for command in every:
				if re.match(which, command.name) and re.search(arguments.k, title) and \
						re.search(arguments.command, command.name):
					bench.every_call(command, kind, str(how), part, title)
		title = "outputs: no larger than N bytes"
		for command in every:
			if re.match(CUT, command.name) and re.search(arguments.k, title) and \
					re.search(arguments.command, command.name):
				bench.cut_off(command, title)
		if re.search(arguments.k, "kill -9"):
			for command in every[:2]:
				bench.kill(command, arguments.kills)
		if re.search(arguments.k, "leaks"):
			for command in [c for c in every if c.name in LEAKING and re.search(arguments.command, c.name)]:
				bench.leaks(command, arguments.valgrind)
		print_table(bench.table)
	lost = sum(row["lost"] for row in bench.table.values())
	print("%d passed, %d failed" % (sum(row["faults"] for row in bench.table.values()) - lost, lost))
	return 1 if lost or not bench.table else 0


if __name__ == "__main__":
	sys.exit(main())
