#!/usr/bin/env python3
"""What becomes of lastack monitor and its database when one call fails, in any of its processes.

    check_monitor_faults.py --lastack PROGRAM --library INJECT [--every N | --samples N] [--kills N] [--valgrind N]
                            [--jobs N] [--mode PART] [-k PART]

INJECT (tests/faults/inject.c) is preloaded and makes one call fail: an allocation, or a read, write, sync, open, lock,
truncation or deletion of the database's files. A run is a mode of monitor (lines,
JSON, full screen, metrics, alerts ...) on a replayed capture, or on a loopback of its own with connections that the
test makes there, which needs root and is left out elsewhere. --every N takes each Nth allocation of each process,
from a random one on; --samples N that many, spread over all.

A run may end as if nothing had been: exit code 0 with the rows, lines and answers of a run without a fault. It may
say what went wrong and go on, or end with one message and exit code 1. The database passes SQLite's own check and
can be read; no process is left, none hangs. --kills N kills runs at random moments; --valgrind N looks for leaks in N runs of each process and mode.
Prints a table, then 'N passed, N failed'.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import ctypes
import errno
import fcntl
import http.client
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from check_faults import CAPTURES, Fault, print_table, rows

# A call that fails, how, and where: of memory in a process, else with files whose path has that in it.
What = collections.namedtuple("What", "title call how part")
What.fault = lambda self, at: (self.call, at, self.how, self.part)
MEMORY = [What(process, "malloc", errno.ENOMEM, process) for process in
	("lastack", "lastack-capture", "lastack-analyse")]
FILES = [What("%s: %s" % (name, os.strerror(how)), call, how, "m.db") for name, call, how in (
	("read", "read", errno.EIO), ("written", "write", errno.EIO), ("written", "write", errno.ENOSPC),
	("synced", "sync", errno.EIO), ("opened", "open", errno.EMFILE), ("locked", "lock", errno.EAGAIN),
	("cut", "truncate", errno.EIO), ("deleted", "unlink", errno.EIO))]
# Modes in which the database's files are used differently.
FILE_MODES = "new database|live|hangup"
KILLED = ("new database", "live", "hangup")
CAPTURE = "rst_injected.pcap"
PATIENCE = 60  # seconds, for what takes one
VALGRIND = ("valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--soname-synonyms=somalloc=nouserintercepts",
	"--errors-for-leak-kinds=definite,indirect")
CLONE_NEWNET = 0x40000000
# What is said where the run goes on: it names what is not as it should be.
GOES_ON = re.compile(r"ended early .*starting it anew|capturing ended .*starting it anew|[Oo]ut of memory|"
	r"Cannot allocate memory|[Nn]o memory|not enough memory|rows lost: [1-9]")
REASON = re.compile(r"memory|allocat", re.IGNORECASE)
# libpcap's scanner of filters ends the process, or has it crash.
DATABASE = re.compile(r"m\.db: (disk I/O error|unable to open|is in use|database or disk is full|attempt to write a readonly|"
	r"is damaged|cannot be created|Input/output error|Too many open files)")
# What the library of the screen says itself, before it ends the process.
SCREEN = re.compile(r'^"\?", line 0, col 0: Out of memory\n', re.MULTILINE)
SCANNER = re.compile(r"lo: capturing ended early \((status 2|signal 11)\)$")
# Lines that are other ones in each run.
VOLATILE = re.compile(r'^.*(?:\bsummary of |"event":"summary"| packets, | info sockets ).*\n', re.MULTILINE)
MOVING = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|127\.0\.0\.1:\d+|(?<=_port\":)\d+|\"ts_ns\":\d+|#\d+|SEQ \d+|"
	r"(?<=port )\d+|\d+\.\d+ m?s")


def own_network():
	"""A loopback of this process' own. False where there may be none."""
	if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
		return False
	with socket.socket() as any_socket:
		request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
		fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
	return True


def listen(port):
	"""Another thread's child may hold an earlier listener until it runs its program."""
	until = time.monotonic() + PATIENCE
	while True:
		listener = socket.socket()
		listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
			listener.bind(("127.0.0.1", port))
			listener.listen()
			return listener
		except OSError:
			listener.close()
			if time.monotonic() > until:
				raise
			time.sleep(0.01)


class Run:
	"""lastack monitor with one fault at most."""

	def __init__(self, bench, mode, slot, fault=None, before=()):
		self.fault = fault
		self.bench, self.mode, self.slot, self.ports = bench, mode, slot, (20000 + slot, 21000 + slot)
		self.folder = bench.folder / ("%d" % slot)
		self.out, self.bodies, self.output = b"", [], b""
		shutil.rmtree(self.folder, ignore_errors=True)
		self.folder.mkdir()
		shutil.copy(CAPTURES / CAPTURE, self.folder)
		if mode.filled:
			shutil.copy(bench.filled, self.folder / "m.db")
		environment = dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm", TZ="UTC")
		if fault:
			environment.update(LASTACK_FAULT="%s:%d:%d:%s" % fault,
				LASTACK_FAULT_LOG=str(bench.folder / ("hit%d" % slot)),
				LASTACK_FAULT_COUNT=str(bench.folder / ("count%d" % slot)),
				LD_PRELOAD=bench.arguments.library)
		for name in ("hit", "count"):
			(bench.folder / ("%s%d" % (name, slot))).unlink(missing_ok=True)
		self.master = None
		words = [*before, bench.arguments.lastack, "monitor", "--no-sandbox", *mode.words(self)]
		with open(self.folder / "stdout", "wb") as out, open(self.folder / "stderr", "wb") as err:
			self.begin(words, environment, out, err)

	def begin(self, words, environment, out, err):
		slave = subprocess.DEVNULL
		if self.mode.screen:
			self.master, slave = pty.openpty()
			fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
			out = slave
		self.process = subprocess.Popen(words, cwd=self.folder, env=environment, stdin=slave, stdout=out,
			stderr=err, start_new_session=True)
		if self.master is not None:
			os.close(slave)

	@property
	def hit(self):
		return (self.bench.folder / ("hit%d" % self.slot)).exists()

	@property
	def count(self):
		return struct.unpack("q", (self.bench.folder / ("count%d" % self.slot)).read_bytes())[0]

	def said(self):
		return (self.folder / "stderr").read_text(errors="replace")

	def printed(self):
		return (self.folder / "stdout").read_text(errors="replace")

	# ---- what modes do meanwhile; all of it may meet a run that has ended ----

	def read_screen(self, seconds):
		until = time.monotonic() + seconds
		while (left := until - time.monotonic()) > 0 and select.select([self.master], [], [], left)[0]:
			try:
				data = os.read(self.master, 65536)
			except OSError:
				data = b""
			if not data:
				time.sleep(max(0, until - time.monotonic()))
				return
			self.output += data

	def pause(self, seconds):
		if self.master is not None:
			self.read_screen(seconds)
		else:
			time.sleep(seconds)

	def wait_for(self, true):
		"""False: it has ended before."""
		until = time.monotonic() + PATIENCE
		while not true():
			if self.process.poll() is not None:
				return False
			if time.monotonic() > until:
				raise Fault("hangs: %s" % self.said())
			self.pause(0.02)
		return True

	def ready(self):
		return self.wait_for(lambda: "watching" in self.said())

	def connect(self):
		"""A close in order, a reset, a refusal."""
		with listen(self.ports[0]) as listener:
			for linger in (b"", struct.pack("ii", 1, 0)):
				with socket.create_connection(listener.getsockname()) as client:
					server, _ = listener.accept()
					client.sendall(b"question")
					server.recv(100)
					if linger:
						client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
					client.close()
					server.close()
		with socket.socket() as client:
			client.connect_ex(("127.0.0.1", self.ports[1]))
		self.pause(0.15)  # the kernel hands packets over 50 ms late

	def scrape(self):
		"""Asks for the metrics; an answer that is not there is none, but what is there is whole."""
		port = re.search(r"metrics are served at port (\d+)", self.said())
		if not port:
			return
		for path in ("/metrics", "/", "/nothing"):
			connection = http.client.HTTPConnection("127.0.0.1", int(port.group(1)), timeout=10)
			with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
				connection.request("GET", path)
				answer = connection.getresponse()
				self.bodies.append((path, answer.status, answer.read().decode()))

	def keys(self, text):
		for key in text:
			with contextlib.suppress(OSError):
				os.write(self.master, key.encode())
			self.read_screen(0.06)

	def hang_up(self):
		with contextlib.suppress(ProcessLookupError):
			self.process.send_signal(signal.SIGHUP)
		self.wait_for(lambda: "opened anew" in self.said() or "starting it anew" in self.said())
		self.pause(0.3)  # until the interface is open again

	def end(self):
		with contextlib.suppress(ProcessLookupError):
			self.process.send_signal(signal.SIGTERM)

	# ---- its end ----

	def finish(self):
		"""The exit code. Fault where it does not end, or leaves processes behind."""
		try:
			self.mode.drive(self)
			self.wait_for(lambda: False)
			if self.master is not None:
				self.read_screen(0)
			until = time.monotonic() + PATIENCE
			while left := self.others():
				if time.monotonic() > until:
					raise Fault("processes are left: %s" % left)
				time.sleep(0.02)
		finally:
			self.tidy()
		return self.process.returncode

	def others(self):
		"""Processes of the run's session, but for those that are only still to be waited for."""
		found = []
		for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
			with contextlib.suppress(OSError):
				name, rest = stat.read_text().rsplit(")", 1)
				words = rest.split()
				if int(words[3]) == self.process.pid and words[0] not in "ZX":
					found.append(name)
		return found

	def kill_all(self):
		with contextlib.suppress(ProcessLookupError):
			os.killpg(self.process.pid, signal.SIGKILL)

	def tidy(self):
		if self.process.poll() is None or self.others():  # else the number may be another group's by now
			self.kill_all()
		self.process.wait()
		if self.master is not None:
			os.close(self.master)


class Mode:
	"""loose: rows and lines are not the same in each run."""

	def __init__(self, name, *options, drive=None, live=True, database="m.db", filled=True, screen=False,
			loose=False):
		self.name, self.options, self.live, self.database = name, options, live, database
		self.filled, self.screen, self.loose = filled, screen, loose or screen
		self.drive = drive or (lambda run: None)

	def words(self, run):
		source = ["-i", "lo", "--filter", "tcp port %d or tcp port %d" % run.ports] if self.live else \
			["-i", "file:" + CAPTURE]
		return [*source, *(["--db", self.database] if self.database else []),
			*([] if self.screen else ["--no-view"]), *self.options]

	@property
	def scrapes(self):
		return 2 if "--metrics" in self.options else 0


def connections(run, *then):
	if run.ready():
		run.connect()
		for step in then:
			step(run)
	run.end()


def screen(run):
	if run.wait_for(lambda: b"\x1b[?1049h" in run.output or "watching" in run.said()):
		run.ready()
		run.connect()
		run.pause(1.2)  # until the rows are stored
		run.keys("\tj\r\x1b/rst\rs?\x1b\t\t\t\rq")
	run.end()


def modes(folder):
	command = folder / "told"
	command.write_text("#!/bin/sh\necho \"$LASTACK_ALERT_STATE\" >>told.txt\n")
	command.chmod(0o700)
	return [
		Mode("new database", live=False, filled=False),
		Mode("lines", live=False),
		Mode("json, workers", "--format", "json", "--workers", "2", live=False),
		Mode("no database", database=":memory:", live=False),
		Mode("nDPI", "--dpi", live=False, database=":memory:"),
		Mode("alerts", "--alert", "count(connections) > 0 over 1m", "--alert-command", str(command), live=False),
		Mode("live", "--keep", "1h", "--keep-size", "1MiB", drive=connections),
		Mode("metrics", "--metrics", "0", drive=lambda run: connections(run, Run.scrape, Run.scrape)),
		Mode("hangup", loose=True, drive=lambda run: connections(run, Run.hang_up, Run.connect)),
		Mode("open", "--stuck", "1s", drive=lambda run: connections(run, hold)),
		Mode("owners", "--owners", "--stuck", "1s", drive=lambda run: connections(run, lambda r: r.pause(0.2))),
		Mode("screen", "--owners", screen=True, drive=screen),
		Mode("list", "--list", database=None),
	]


def hold(run):
	"""A connection that is stuck in CLOSE_WAIT until its row among the open ones is written."""
	with listen(run.ports[0]) as listener:
		client = socket.create_connection(listener.getsockname())
		server, _ = listener.accept()
		client.shutdown(socket.SHUT_WR)
		run.pause(3)
		server.close()
		client.close()
	run.pause(0.15)


class Bench:
	def __init__(self, arguments, folder):
		self.arguments, self.folder = arguments, folder
		self.table = collections.defaultdict(collections.Counter)
		self.good, self.filled = {}, folder / "filled.db"
		subprocess.run([arguments.lastack, "analyze", "--no-dpi", "--format", "none", "--db", self.filled,
			CAPTURES / "four_way.pcap"], check=True)

	def result(self, run):
		"""What does not change from run to run: rows, lines, what the alert command was told."""
		lines = sorted(MOVING.sub("*", VOLATILE.sub("", run.printed())).splitlines())
		command = run.folder / "told.txt"
		return self.verdicts(run), lines, command.read_text() if command.exists() else ""

	def verdicts(self, run):
		database = run.folder / "m.db"
		if not database.exists() or database.stat().st_size == 0:
			return None
		rows(database)
		# live, the kernel chooses whether a FIN is acknowledged by itself
		what = "complete, end_reason, rst_cause, fin_check_initiator, fin_check_responder"
		if not run.mode.live:
			what += ", teardown, packets_initiator, packets_responder"
		with contextlib.closing(sqlite3.connect(database)) as db:
			return sorted(db.execute("SELECT %s FROM teardowns" % what), key=repr)

	def well(self, mode, slot):
		run = Run(self, mode, slot)
		code = run.finish()
		if code != 0:
			raise SystemExit("%s fails by itself: %s" % (mode.name, run.said()))
		return self.result(run)

	def check(self, run, code):
		"""How it ended; Fault where it must not end so."""
		error = SCREEN.sub("", run.said())
		if code < 0:
			raise Fault("signal %d: %s" % (-code, error[-300:]))
		if code not in (0, 1):
			raise Fault("exit code %d: %s" % (code, error))
		if not re.fullmatch(r"(lastack: [^\n]+\n)*", error):
			raise Fault("says %r" % error)
		result = self.result(run)  # looks at the database
		self.check_bodies(run, code)
		if code == 1 and error != run.said():
			return "told"
		if code == 1:
			last = error.splitlines()[-1] if error else ""
			if not last.startswith("lastack: monitor: ") or not (REASON.search(error) or
					SCANNER.search(last) or DATABASE.search(last)):
				raise Fault("exit code 1 with the message %r" % error)
			return "told"
		left = {p.name for p in run.folder.iterdir()} - {"m.db", "stdout", "stderr", CAPTURE, "told.txt"}
		if left and run.fault[0] != "unlink":
			raise Fault("left behind: %s" % left)
		if GOES_ON.search(error + run.printed()):
			return "told, goes on"
		if not run.mode.loose and result != self.good[run.mode.name]:
			raise Fault("another result: %r is not %r (%s)" % (result, self.good[run.mode.name], error))
		return "none the worse"

	@staticmethod
	def check_bodies(run, code):
		"""One answer may be missing, but none is cut off."""
		wanted = [("/metrics", 200), ("/", 200), ("/nothing", 404)] * run.mode.scrapes
		for path, status, body in run.bodies:
			if (path, status) not in wanted:
				raise Fault("%s is answered by %d, %r" % (path, status, body))
			if path == "/metrics" and "lastack_build_info{" not in body.splitlines()[-1]:
				raise Fault("metrics are cut off: %r" % body[-200:])
		if code == 0 and len(run.bodies) < len(wanted) - 1:
			raise Fault("%d answers instead of %d" % (len(run.bodies), len(wanted)))

	def settle(self, mode, process, what, check):
		row = self.table[mode.name + ", " + {"lastack": "front"}.get(process, process.replace("lastack-", ""))]
		row["faults"] += 1
		try:
			row[check()] += 1
		except Fault as lost:
			row["lost"] += 1
			print("%s, %s, %s: %s" % (mode.name, process, what, lost), flush=True)

	def fault(self, mode, what, at, slot):
		run = Run(self, mode, slot, what.fault(at))
		self.settle(mode, what.title, "call %d" % at, lambda: self.check(run, run.finish()))

	def count(self, mode, what, slot):
		run = Run(self, mode, slot, what.fault(1 << 40))
		run.finish()
		return run.count

	def kill(self, mode, seconds, slot):
		"""All processes at once; whoever opens the database next finds it sound."""
		run = Run(self, mode, slot)
		timer = threading.Timer(seconds, run.kill_all)
		timer.start()
		try:
			run.finish()
		finally:
			timer.cancel()
		self.settle(mode, "kill -9", "after %.3f s" % seconds, lambda: self.after_kill(run))

	def after_kill(self, run):
		database = run.folder / "m.db"
		if database.exists() and database.stat().st_size > 0:
			done = subprocess.run([self.arguments.lastack, "query", "--format", "csv", database],
				capture_output=True, text=True)
			if done.returncode != 0 and "is empty" not in done.stderr:
				raise Fault(done.stderr)
			if done.returncode == 0:
				self.verdicts(run)
		again = subprocess.run([self.arguments.lastack, "monitor", "--no-view", "--interval", "0", "-i",
			"file:" + CAPTURE, "--db", "m.db"], cwd=run.folder, capture_output=True, text=True)
		if again.returncode != 0 or not self.verdicts(run):
			raise Fault("the next run: %s" % again.stderr)
		return "none the worse"

	def leak(self, mode, what, at, slot):
		run = Run(self, mode, slot, what.fault(at), VALGRIND)
		self.settle(mode, what.title, "call %d under valgrind" % at, lambda: self.no_leak(run))

	@staticmethod
	def no_leak(run):
		run.finish()
		said = run.said()
		for complaint in re.findall(r"(?:^==\d+== \S.*\n(?:==\d+== {2,}.*\n)*)", said, re.MULTILINE):
			if "setlocale" not in complaint:  # the C library's own
				raise Fault(complaint[:3000])
		return "no leak"


def chosen(total, arguments, source, what):
	"""Of files there are few calls: fewer are chosen where samples are asked for, and more of all."""
	if arguments.samples:
		count = arguments.samples if what.call == "malloc" else max(1, arguments.samples // 2)
		step = total / count
		return sorted({1 + int((i + source.random()) * step) for i in range(count)})
	every = arguments.every if what.call == "malloc" else max(1, arguments.every // 8)
	return range(1 + source.randrange(min(total, every)), total + 1, every)


class Slots:
	"""A folder and ports for each run that goes on at the same time."""

	def __init__(self, count):
		self.free = list(range(count))
		self.pool = concurrent.futures.ThreadPoolExecutor(count)

	def map(self, work, tasks):
		def one(task):
			slot = self.free.pop()
			try:
				return work(*task, slot)
			finally:
				self.free.append(slot)
		return list(self.pool.map(one, tasks))


def run_all(bench, every, kinds):
	slots, source = Slots(bench.arguments.jobs), random.Random(bench.arguments.seed)
	bench.good = dict(zip([m.name for m in every], slots.map(bench.well, [(m,) for m in every])))
	pairs = [(m, k) for m in every for k in kinds if k.call == "malloc" or re.match(FILE_MODES, m.name)]
	totals = slots.map(bench.count, pairs)
	if re.search(bench.arguments.k, "kill -9"):
		slots.map(bench.kill, [(m, source.random() * 0.9) for m in every if m.name in KILLED
			for _ in range(bench.arguments.kills)])
	for work, samples in ((bench.fault, True), (bench.leak, False)):
		tasks = []
		for (mode, what), total in zip(pairs, totals):
			many = []
			if total and samples:
				many = chosen(total, bench.arguments, source, what)
			elif total and what.call == "malloc":
				many = [1 + source.randrange(total) for _ in range(bench.arguments.valgrind)]
			tasks += [(mode, what, at) for at in many]
		slots.map(work, tasks)


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True, type=os.path.abspath)
	parser.add_argument("--library", required=True, type=os.path.abspath)
	parser.add_argument("--every", type=int, default=1, metavar="N")
	parser.add_argument("--samples", type=int, default=0, metavar="N")
	parser.add_argument("--kills", type=int, default=0, metavar="N", help="kill N runs of each of a few modes")
	parser.add_argument("--valgrind", type=int, default=0, metavar="N")
	parser.add_argument("--jobs", type=int, default=8, metavar="N", help="runs at once, which mostly wait")
	parser.add_argument("--seed", type=int, default=7, metavar="N")
	parser.add_argument("--mode", default="", metavar="PART", help="only modes so named")
	parser.add_argument("-k", default="", metavar="PART", help="only what is so named: a process, a call")
	arguments = parser.parse_args()
	memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
	live = own_network()
	with tempfile.TemporaryDirectory(dir=memory) as place:
		bench = Bench(arguments, pathlib.Path(place))
		every = [m for m in modes(bench.folder) if re.search(arguments.mode, m.name) and (live or not m.live)]
		run_all(bench, every, [what for what in MEMORY + FILES if re.search(arguments.k, what.title)])
	print_table(bench.table)
	lost = sum(row["lost"] for row in bench.table.values())
	print("%d passed, %d failed" % (sum(row["faults"] for row in bench.table.values()) - lost, lost))
	return 1 if lost or not bench.table else 0


if __name__ == "__main__":
	sys.exit(main())
