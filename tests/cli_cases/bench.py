"""What the cases stand on: the program, a folder of their own, databases, expectations."""
import contextlib
import os
import pty
import re
import select
import sqlite3
import subprocess
import tempfile
import termios

from cli_cases import pcap

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CAPTURES = os.path.join(ROOT, "captures")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior")
TIMEOUT = 60  # seconds a run
CONNECTIONS = 16000  # of the two large captures

# The addresses of the connections of the two large captures begin with these.
LARGE_OLD, LARGE_NEW = 10, 11


class Failure(Exception):
	pass


class Skip(Exception):
	pass


class Done:
	"""A run that has ended: its exit code (negative: the signal) and what it wrote."""

	def __init__(self, command, code, out, err):
		self.command, self.code, self.out, self.err = command, code, out, err

	def __str__(self):
		return "%r\n  ended with %s\n  wrote %s\n  complained %s" % (self.command, self.code,
			shorten(self.out), shorten(self.err))


def shorten(value, most=600):
	text = value if isinstance(value, str) else repr(value)
	return text if len(text) <= most else text[:most] + "..."


class Shared:
	"""What cases share and none changes: made when first asked for."""

	def __init__(self, program):
		self.program = program
		self.folder = tempfile.TemporaryDirectory(prefix="test_cli.")
		self.made = {}

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.folder.cleanup()

	@contextlib.contextmanager
	def bench(self):
		with tempfile.TemporaryDirectory(prefix="case.", dir=self.folder.name) as folder:
			place = Bench(self, folder)
			try:
				yield place
			finally:
				place.end()

	def path(self, name):
		return os.path.join(self.folder.name, name)

	def once(self, key, make):
		if key not in self.made:
			self.made[key] = make()
		return self.made[key]


class Bench:
	def __init__(self, shared, folder):
		self.shared, self.folder, self.program = shared, folder, shared.program
		self.started = []

	# -- files

	def path(self, name):
		return os.path.join(self.folder, name)

	def capture(self, name):
		return os.path.join(CAPTURES, name)

	def write(self, name, data):
		path = self.path(name)
		with open(path, "wb") as file:
			file.write(data)
		return path

	def read(self, path):
		with open(path, "rb") as file:
			return file.read()

	def all_captures(self):
		names = sorted(os.listdir(CAPTURES))
		return [self.capture(n) for n in names if re.search(r"\.pcap(ng)?(\.gz|\.zst)?$", n)]

	def large_capture(self, first_byte):
		"""CONNECTIONS connections whose initiators' addresses begin with first_byte."""
		path = self.shared.path("large-%d.pcap" % first_byte)

		def make():
			header, records = pcap.read(self.capture("four_way.pcap"))
			pcap.write_many(path, header, records, CONNECTIONS, first_byte)
			return path
		return self.shared.once(path, make)

	def library(self):
		"""A database of all captures, for cases that only read."""
		path = self.shared.path("library.db")

		def make():
			done = self.run("analyze", "--format", "none", "--db", path, *self.all_captures())
			self.equal(done.code, 3, "exit code: one of the captures is cut", done)
			return path
		return self.shared.once(path, make)

	# -- runs

	def environment(self, **changes):
		kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
		kept.update({"LC_ALL": "C.UTF-8", "TERM": "xterm"})
		kept.update(changes)
		return {k: v for k, v in kept.items() if v is not None}

	def start(self, *words, **options):
		"""A running program; it is killed with the case, should it still run then."""
		options.setdefault("stdin", subprocess.DEVNULL)
		options.setdefault("stdout", subprocess.PIPE)
		options.setdefault("stderr", subprocess.PIPE)
		options.setdefault("cwd", self.folder)
		options.setdefault("env", self.environment())
		process = subprocess.Popen([self.program, *words], **options)
		self.started.append(process)
		return process

	def finish(self, process, input=None):
		out, err = process.communicate(input, timeout=TIMEOUT)
		return self.done(process, out or b"", err or b"")

	def done(self, process, out, err):
		done = Done([os.path.basename(self.program), *process.args[1:]], process.returncode,
			out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape"))
		self.expect(not SANITIZER.search(done.err), "no sanitizer report", done.err)
		return done

	def run(self, *words, input=None, **options):
		if input is not None:
			options["stdin"] = subprocess.PIPE
		return self.finish(self.start(*words, **options), input)

	def analyze(self, *words, db="t.db", code=0, **options):
		"""Analyses into db without a report; fails unless the exit code is as expected."""
		done = self.run("analyze", "--format", "none", "--db", db, *words, **options)
		return self.equal(done.code, code, "exit code", done) and done

	def run_on_terminal(self, *words, env=None, feed=None, columns=None, **options):
		"""(exit code, what it wrote) with output and errors on a terminal; feed gives the input."""
		leader, follower = pty.openpty()
		if columns:
			termios.tcsetwinsize(follower, (50, columns))
		process = self.start(*words, stdout=follower, stderr=follower,
			stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
			env=env or self.environment(), **options)
		os.close(follower)
		try:
			if feed:
				feed(process.stdin)
				process.stdin.close()
			written = drain(leader)
		finally:
			os.close(leader)
		return process.wait(TIMEOUT), written.decode("utf-8", "surrogateescape")

	def end(self):
		for process in self.started:
			if process.poll() is None:
				process.kill()
				process.wait()
			for stream in (process.stdin, process.stdout, process.stderr):
				if stream:
					with contextlib.suppress(OSError):
						stream.close()

	# -- databases

	def connect(self, db="t.db", **options):
		connection = sqlite3.connect(os.path.join(self.folder, db), **options)
		connection.row_factory = sqlite3.Row
		return connection

	def sql(self, statement, db="t.db"):
		with contextlib.closing(self.connect(db)) as connection:
			return [tuple(row) for row in connection.execute(statement)]

	def number(self, statement, db="t.db"):
		return self.sql(statement, db)[0][0]

	def connections(self, db="t.db", where="1"):
		return self.number("SELECT count(*) FROM teardowns WHERE " + where, db)

	def rows(self, db="t.db", without=(), where="1"):
		"""The view's rows in order of time, as dictionaries."""
		with contextlib.closing(self.connect(db)) as connection:
			found = connection.execute("SELECT * FROM teardowns WHERE %s ORDER BY first_ns, "
				"initiator_ip, initiator_port, connection_id" % where)
			return [{k: r[k] for k in r.keys() if k not in without} for r in found]

	def sound(self, db="t.db"):
		"""SQLite finds nothing wrong with the database."""
		self.equal(self.sql("PRAGMA integrity_check", db), [("ok",)], "integrity_check")
		self.equal(self.sql("PRAGMA foreign_key_check", db), [], "foreign_key_check")

	# -- expectations: each returns True or fails the case

	def expect(self, condition, what, found=""):
		if not condition:
			raise Failure("expected: %s\nfound: %s" % (what, shorten(str(found), 1500)))
		return True

	def equal(self, found, wanted, what, more=""):
		if found == wanted:
			return True
		text = "%s\nexpected: %s\nfound:    %s" % (what, shorten(wanted), shorten(found))
		raise Failure(text + ("\nof %s" % more if more else ""))

	def says(self, done, *patterns):
		"""Its complaint matches each pattern and is one of lastack's own."""
		self.expect(done.err.startswith("lastack: "), "a message that begins with lastack:", done)
		for pattern in patterns:
			self.expect(re.search(pattern, done.err), "a message that matches " + pattern, done)
		return True

	def fails(self, done, code, *patterns):
		"""Failed with this code, a message, and nothing on standard output."""
		self.equal(done.code, code, "exit code", done)
		self.equal(done.out, "", "standard output", done)
		return self.says(done, *patterns)


def drain(descriptor):
	"""What a terminal's program writes until it ends."""
	written = b""
	while select.select([descriptor], [], [], TIMEOUT)[0]:
		try:
			part = os.read(descriptor, 65536)
		except OSError:  # EIO: nobody has the other end open any more
			break
		if not part:
			break
		written += part
	return written
