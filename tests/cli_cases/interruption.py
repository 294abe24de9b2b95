"""Signals at any moment: the old rows or the new ones, never a mixture."""
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import termios
import time

from cli_cases import bench
from cli_cases.database import wait_for_writer

KILLS = 8


def start_on_pipe(t, part=60000):
	"""A run in the middle of its transaction that waits for more input."""
	process = t.start("analyze", "--format", "none", "--db", "t.db", "-", stdin=subprocess.PIPE)
	process.stdin.write(t.read(t.capture("sample.pcap"))[:part])
	process.stdin.flush()
	wait_for_writer(t)
	wait_for_sleep(process)
	return process


def wait_for_sleep(process, seconds=20):
	"""Until the program has read all there is and waits for more."""
	with open("/proc/%d/stat" % process.pid, encoding="ascii", errors="replace") as stat:
		until = time.monotonic() + seconds
		asleep = 0
		while asleep < 3 and time.monotonic() < until:
			time.sleep(0.01)
			stat.seek(0)
			waiting = stat.read().rsplit(")", 1)[1].split()[0] == "S"
			unread = struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4))[0]
			asleep = asleep + 1 if waiting and unread == 0 else 0
	if asleep < 3:
		raise bench.Failure("the run does not come to wait for input")


def interrupt(t, number):
	t.analyze(t.capture("four_way.pcap"))
	before = t.rows()
	process = start_on_pipe(t)
	process.send_signal(number)
	code = process.wait(20)
	err = process.stderr.read()
	t.equal(code, -number, "ended by the signal", err)
	t.equal((process.stdout.read(), err), (b"", b""), "output and complaint")
	t.equal(t.rows(), before, "rows")
	t.equal(os.listdir(t.folder), ["t.db"], "files left")
	t.sound()


def case_interrupted(t):
	"""SIGINT: dies by it, rolls back"""
	interrupt(t, signal.SIGINT)


def case_terminated(t):
	"""SIGTERM: dies by it, rolls back"""
	interrupt(t, signal.SIGTERM)


def case_interrupted_first(t):
	"""SIGINT in the first run of all leaves no rows"""
	process = start_on_pipe(t)
	process.send_signal(signal.SIGINT)
	t.equal(process.wait(20), -signal.SIGINT, "ended by the signal")
	t.equal(os.listdir(t.folder), [], "files left")


def case_interrupted_before_wait(t):
	"""SIGINT that comes while input is at hand ends the run also when no more input follows"""
	data = t.read(t.large_capture(bench.LARGE_OLD))
	for _ in range(8):
		process = t.start("analyze", "--format", "none", "--db", "t.db", "-",
			stdin=subprocess.PIPE)
		feed_busily(process, data, 0.1 + 0.05 * random.random())
		process.send_signal(signal.SIGINT)
		try:
			code = process.wait(4)
		except subprocess.TimeoutExpired:
			raise bench.Failure("still waiting for input 4 s after SIGINT")
		t.equal(code, -signal.SIGINT, "ended by the signal")
		t.equal(os.listdir(t.folder), [], "files left")


def feed_busily(process, data, seconds):
	"""Writes so much that the program always has something to read."""
	descriptor, at = process.stdin.fileno(), 0
	os.set_blocking(descriptor, False)
	until = time.monotonic() + seconds
	while time.monotonic() < until:
		try:
			at += os.write(descriptor, data[at:at + 65536])
		except BlockingIOError:
			time.sleep(0.0002)


def case_ignored_interrupt(t):
	"""SIGINT that the shell ignores (nohup, &) stays ignored"""
	data = t.read(t.capture("sample.pcap"))
	process = t.start("analyze", "--format", "none", "--db", "t.db", "-", stdin=subprocess.PIPE,
		preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
	process.stdin.write(data[:60000])
	process.stdin.flush()
	wait_for_writer(t)
	wait_for_sleep(process)
	process.send_signal(signal.SIGINT)
	done = t.finish(process, data[60000:])
	t.equal(done.code, 0, "exit code", done)
	t.equal(t.connections(), 89, "connections")


def state(t):
	"""{first byte of the addresses: connections} of the large capture in t.db."""
	return dict(t.sql("SELECT CAST(initiator_ip AS INTEGER), count(*) FROM teardowns "
		"WHERE capture = 'large.pcap' GROUP BY 1"))


def put(t, first_byte):
	"""Makes large.pcap the capture with these addresses, under the same real path."""
	other = t.path("other")
	os.link(t.large_capture(first_byte), other)
	os.replace(other, t.path("large.pcap"))


def prepare(t):
	"""The old rows and a recording beside them; returns that one's rows and a run's seconds."""
	t.analyze(t.capture("refused.pcap"))
	put(t, bench.LARGE_OLD)
	t.analyze("--ladders", "all", "large.pcap")
	shutil.copy(t.path("t.db"), t.path("old.db"))
	put(t, bench.LARGE_NEW)
	started = time.monotonic()
	t.analyze("--ladders", "all", "large.pcap")
	seconds = time.monotonic() - started
	t.equal(state(t), {bench.LARGE_NEW: bench.CONNECTIONS}, "the new rows")
	return t.rows(where="capture <> 'large.pcap'"), seconds


def check_after(t, process, others, what):
	"""True where the new rows are there, False where the old ones are; else fails."""
	now = state(t)
	old, new = {bench.LARGE_OLD: bench.CONNECTIONS}, {bench.LARGE_NEW: bench.CONNECTIONS}
	t.expect(now in (old, new), "the old or the new rows, " + what, now)
	t.expect(process.returncode != 0 or now == new, "the new rows of a run that succeeded", now)
	t.equal(t.rows(where="capture <> 'large.pcap'"), others, "the other recording")
	t.equal(t.number("SELECT count(*) FROM ladders") >= bench.CONNECTIONS, True, "ladders")
	t.sound()
	return now == new


def case_killed(t):
	"""kill -9 at any moment: a sound database with the old rows or the new ones"""
	others, seconds = prepare(t)
	killed = 0
	for number in range(KILLS):
		shutil.copy(t.path("old.db"), t.path("t.db"))
		moment = seconds * (number + random.random()) / KILLS
		process = t.start("analyze", "--format", "none", "--db", "t.db", "--ladders", "all",
			"large.pcap")
		time.sleep(moment)
		process.kill()
		process.wait()
		killed += process.returncode == -signal.SIGKILL
		what = "killed %.3f s after the start of %.3f" % (moment, seconds)
		if number % 2:  # who comes next rolls back what is left: here lastack, else sqlite3
			done = t.run("query", "--limit", "1", "--format", "csv", "t.db")
			t.equal((done.code, done.out.count("\n")), (0, 2), "query after it was " + what, done)
		if not check_after(t, process, others, what) and number == KILLS - 1:
			t.analyze("--ladders", "all", "large.pcap")
			t.expect(check_after(t, t.started[-1], others, what), "the new rows after another run")
	t.expect(killed > KILLS / 2, "runs that were killed", killed)


def case_interrupted_while_writing(t):
	"""SIGINT in the middle of a large file: dies by it at once, the old rows stay"""
	others, seconds = prepare(t)
	for part in (0.3, 0.6):
		for slower in (1, 0.5, 0.25):
			shutil.copy(t.path("old.db"), t.path("t.db"))
			process = t.start("analyze", "--format", "none", "--db", "t.db", "--ladders", "all",
				"large.pcap")
			time.sleep(seconds * part * slower)
			process.send_signal(signal.SIGINT)
			done = t.finish(process)
			stored = check_after(t, process, others, "interrupted")
			if done.code != 0 and not stored:
				break  # else it was faster than the first time: it had committed
		t.equal(done.code, -signal.SIGINT, "ended by the signal", done)
		t.equal((done.out, done.err), ("", ""), "output and complaint")
		t.equal(stored, False, "the new rows")


def case_killed_first(t):
	"""kill -9 in the first run of all: the next one works as if nothing had been"""
	large = t.large_capture(bench.LARGE_OLD)
	for moment in (0.02, 0.05, 0.1, 0.2):
		process = t.start("analyze", "--format", "none", "--db", "t.db", "--ladders", "all", large)
		time.sleep(moment)
		process.kill()
		process.wait()
		if process.returncode == 0:
			break
		if os.path.exists(t.path("t.db")):
			done = t.run("query", "t.db")
			t.fails(done, 1, "t.db: ", "empty|no such")
	t.analyze(t.capture("four_way.pcap"))
	t.expect(t.connections(where="teardown = 'four_way'") >= 1, "the rows of the next run")
	t.sound()
