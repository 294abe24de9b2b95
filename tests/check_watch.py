#!/usr/bin/env python3
"""What people see of a live run, from outside: the screen on a terminal, lines, metrics, alert commands,
the host's own sockets; and that the Grafana dashboard asks for metrics there are.

    check_watch.py --demo WATCH_DEMO [--dashboard FILE] [-k REGEX]

Prints a line a case, skips what cannot be tried here. Exit status: 0 all well, 1 not, 77 all skipped.
"""
import argparse
import contextlib
import fcntl
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time


PATIENCE = 40  # seconds, for what comes at once on a machine that does nothing else


class Skip(Exception):
	pass


class Terminal:
	"""A program on a terminal of its own. What it draws is kept as a grid of characters: what a
	program for an xterm-like terminal sends is understood as far as ncurses uses it."""

	def __init__(self, command, columns, rows, **environment):
		self.columns, self.rows = columns, rows
		self.cells = {}
		self.row = self.column = self.top = 0
		self.end = None  # of the scrolling region
		self.raw = b""
		self.rest = ""
		self.pid, self.master = pty.fork()
		if self.pid == 0:
			try:
				os.environ.pop("NO_COLOR", None)
				os.environ.update(environment)
				os.execv(command[0], command)
			finally:
				os._exit(127)
		self.resize(columns, rows)

	def resize(self, columns, rows):
		self.columns, self.rows = columns, rows
		fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

	def read(self, seconds):
		end = time.monotonic() + seconds
		while True:
			left = end - time.monotonic()
			if left <= 0 or not select.select([self.master], [], [], left)[0]:
				return
			try:
				data = os.read(self.master, 65536)
			except OSError:
				return
			if not data:
				return
			self.raw += data
			self.draw(data.decode("utf-8", "replace"))

	def draw(self, text):
		text = self.rest + text
		pattern = re.compile(
			r"\x1b\[([?>]?[0-9;]*)([A-Za-z@`])|\x1b[()][A-Z0-9]|\x1b[=>78MDE]|[\r\n\b\x0e\x0f\x07]|[^\x1b]")
		at = 0
		while at < len(text):
			match = pattern.match(text, at)
			if not match:
				break
			at = match.end()
			self.act(match)
		self.rest = text[at:]

	def act(self, match):
		whole = match.group(0)
		numbers = [int(n) if n.isdigit() else 0 for n in (match.group(1) or "").split(";")]
		first = numbers[0] or 1
		final = match.group(2)
		if whole == "\r":
			self.column = 0
		elif whole == "\n" or whole == "\x1bD":
			self.scroll(1) if self.row == self.bottom() else self.down()
		elif whole == "\x1bM":
			if self.row == self.top:
				self.scroll(-1)
			else:
				self.row -= 1
		elif final == "r":
			self.top, self.end = first - 1, numbers[1] - 1 if len(numbers) > 1 else None
			self.row = self.column = 0
		elif final in ("S", "T"):
			self.scroll(first if final == "S" else -first)
		elif final in ("L", "M"):
			self.scroll(first if final == "M" else -first, self.row)
		elif whole == "\b":
			self.column = max(0, self.column - 1)
		elif final in ("H", "f"):
			self.row, self.column = first - 1, (numbers[1] if len(numbers) > 1 else 1) - 1
		elif final == "d":
			self.row = first - 1
		elif final in ("G", "`"):
			self.column = first - 1
		elif final == "A":
			self.row -= first
		elif final == "B":
			self.row += first
		elif final == "C":
			self.column += first
		elif final == "D":
			self.column -= first
		elif final == "J":
			here = (self.row, self.column)
			self.cells = {k: v for k, v in self.cells.items() if numbers[0] == 0 and k < here}
		elif final == "K":
			# to the end, or from the beginning
			self.cells = {k: v for k, v in self.cells.items() if k[0] != self.row or
				(k[1] < self.column if numbers[0] == 0 else k[1] > self.column)}
		elif final == "X":
			for i in range(first):
				self.cells.pop((self.row, self.column + i), None)
		elif final == "b":
			for i in range(first):
				self.put(self.last)
		elif len(whole) == 1 and whole >= " ":
			self.put(whole)

	def bottom(self):
		return self.rows - 1 if self.end is None else self.end

	def down(self):
		self.row += 1

	def scroll(self, lines, top=None):
		"""Moves the lines of the scrolling region, from top on, up by so many."""
		top = self.top if top is None else top
		moved = {}
		for (row, column), character in self.cells.items():
			inside = top <= row <= self.bottom()
			target = row - lines if inside else row
			if not inside or top <= target <= self.bottom():
				moved[target, column] = character
		self.cells = moved

	def put(self, character):
		self.cells[self.row, self.column] = self.last = character
		self.column += 1

	def screen(self):
		return "\n".join("".join(self.cells.get((row, column), " ") for column in
			range(self.columns)).rstrip() for row in range(self.rows))

	def wait_for(self, text, seconds=PATIENCE):
		self.wait_until(lambda: text in self.screen(), "'%s' did not come" % text, seconds)

	def wait_until(self, holds, what, seconds=PATIENCE):
		end = time.monotonic() + seconds
		while not holds():
			if time.monotonic() > end:
				raise AssertionError("%s; the screen:\n%s" % (what, self.screen()))
			self.read(0.1)

	def drawn_outside(self):
		"""Whether anything was drawn outside just now."""
		self.cells = {k: v for k, v in self.cells.items() if k[0] < self.rows and k[1] < self.columns}
		self.read(0.4)
		return any(row >= self.rows or column >= self.columns for row, column in self.cells)

	def type(self, keys):
		os.write(self.master, keys.encode())

	def left(self, seconds=PATIENCE):
		"""Waits until the program has ended; its exit status."""
		end = time.monotonic() + seconds
		while time.monotonic() < end:
			self.read(0.05)
			pid, status = os.waitpid(self.pid, os.WNOHANG)
			if pid:
				self.pid = 0
				return os.waitstatus_to_exitcode(status)
		raise AssertionError("it did not end; the screen:\n" + self.screen())

	def close(self):
		if self.pid:
			os.kill(self.pid, signal.SIGKILL)
			os.waitpid(self.pid, 0)
		os.close(self.master)


@contextlib.contextmanager
def terminal(demo, columns, rows, *arguments, **environment):
	environment = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}
	it = Terminal([demo, "view", "seconds=60", *arguments], columns, rows, **environment)
	try:
		it.wait_until(lambda: it.raw, "nothing was drawn")
		it.read(0.2)
		if b"\x1b[" not in it.raw:  # lines
			raise Skip("built without ncurses, or no terminfo")
		yield it
	finally:
		it.close()


def expect(condition, what):
	if not condition:
		raise AssertionError(what)


def case_screen_keys(demo):
	"""the screen draws, answers keys, and gives the terminal back"""
	with terminal(demo, 80, 24) as it:
		it.wait_for("lastack monitor  eth0 eth1")
		it.wait_for("As they end")
		it.wait_for("q quit  ? help")
		it.type("?")
		it.wait_for("any key goes back")
		it.type("x")
		it.wait_for("Servers by bad endings")
		it.type("p")
		it.wait_for("PAUSED")
		it.type("p")
		it.type("/rst_abort\r")
		it.wait_for("/rst_abort")
		it.wait_for("rst_abort        10.0.")
		it.type("\x1b")
		it.wait_until(lambda: "/rst_abort" not in it.screen(), "Escape did not clear the filter")
		it.type("\x1b[B\r")  # down, and its ladder: there is no database
		it.wait_for("nothing is stored")
		it.type("s")
		it.wait_for("worst first")
		it.type("q")
		expect(it.left() == 0, "exit status")
		expect(b"\x1b[?1049l" in it.raw, "the terminal was not given back")
		expect("left" in it.raw.decode("utf-8", "replace").splitlines()[-1], "not left by the key")


def case_screen_sizes(demo):
	"""the screen follows the terminal from 200x60 to 40x10 and 1x1, and back"""
	with terminal(demo, 200, 60, "trouble") as it:
		it.wait_for("mostly")
		it.wait_for("STORE full")
		for columns, rows, text in ((40, 10, "q quit"), (1, 1, ""), (12, 3, ""), (80, 24, "Servers")):
			it.resize(columns, rows)
			it.wait_until(lambda: not it.drawn_outside(), "drawn outside %dx%d" % (columns, rows))
			it.wait_for(text)
		it.type("\x03")
		expect(it.left() == 0, "Ctrl-C did not leave")


def case_screen_plain(demo):
	"""without colours, without Unicode and on a vt100 the screen says the same"""
	for environment in ({"NO_COLOR": "1"}, {"TERM": "vt100"}, {"LC_ALL": "C"},
			{"TERM": "linux", "LC_ALL": "C"}):
		with terminal(demo, 80, 24, "trouble", **environment) as it:
			it.wait_for("Teardowns by count")
			it.wait_for("STORE full")
			if "LC_ALL" in environment:
				expect(all(byte < 0x80 for byte in it.raw), "bytes beyond ASCII with %s" % environment)
			if "NO_COLOR" in environment or environment.get("TERM") == "vt100":
				expect(not re.search(rb"\x1b\[(?:[0-9]+;)*[34][0-7](?:;[0-9]+)*m", it.raw),
					"colours with %s" % environment)
			expect(b"\x1b[2J\x1b[2J" not in it.raw, "captured text reached the terminal")
			it.type("q")
			it.left()


def case_screen_gone(demo):
	"""a terminal that goes away ends the screen"""
	with terminal(demo, 80, 24) as it:
		it.wait_for("lastack monitor")
		pid, it.pid = it.pid, 0
		os.close(it.master)
		it.master = os.open("/dev/null", os.O_RDONLY)
		end = time.monotonic() + PATIENCE
		while os.waitpid(pid, os.WNOHANG)[0] == 0:
			if time.monotonic() > end:
				os.kill(pid, signal.SIGKILL)
				os.waitpid(pid, 0)
				raise AssertionError("it went on")
			time.sleep(0.05)


def run(demo, *arguments, timeout=2 * PATIENCE):
	return subprocess.run([demo, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
		stdin=subprocess.DEVNULL, timeout=timeout, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})


def case_dumb_terminal(demo):
	"""a terminal that can do nothing gets lines"""
	it = Terminal([demo, "view", "seconds=2", "interval=0.5"], 80, 24, TERM="dumb", LC_ALL="C.UTF-8")
	try:
		it.left()
		expect(b"summary of" in it.raw, "no lines: %r" % it.raw[:500])
	finally:
		it.close()


def case_lines(demo):
	"""without a terminal there is a line a finding and a summary every interval"""
	told = run(demo, "trouble", "seconds=2", "interval=0.5").stdout
	expect(re.search(r"^\S+Z warning close-wait-stuck \S+ > \S+ #\d+ The responder", told, re.M), told)
	expect(re.search(r"^\S+Z error alert Alert: 12.5 %", told, re.M), told)
	expect(len(re.findall(r"^\S+Z summary of ", told, re.M)) >= 2, told)
	expect("\x1b" not in told, "captured text was not cleaned")


def case_json_lines(demo):
	"""the same as JSON, an object a line; what came too fast is counted"""
	told = run(demo, "json", "flood", "seconds=1", "interval=0.5").stdout
	objects = [json.loads(line) for line in told.splitlines()]
	expect({o["event"] for o in objects} == {"finding", "summary"}, told[:2000])
	findings = sum(o["event"] == "finding" for o in objects)
	missed = sum(o["missed_events"] for o in objects if o["event"] == "summary")
	summed = sum(o["findings"] for o in objects if o["event"] == "summary")
	expect(missed > 0 and findings == summed, "%d told, %d summed, %d missed" % (findings, summed, missed))
	expect(500000 <= findings + missed < 501000, "%d and %d" % (findings, missed))


def case_closed_output(demo):
	"""an output that is closed ends the run with an error"""
	process = subprocess.Popen([demo, "seconds=20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
		preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
	process.stdout.close()
	told = process.communicate(timeout=PATIENCE)[1].decode()
	expect("could not be written: Broken pipe" in told, told)


def case_full_output(demo):
	"""a full device ends it, too, in either format; where the last summary is the first line that reason is told, too"""
	for words in (["seconds=20"], ["json", "seconds=20"], ["seconds=0"], ["json", "seconds=0"]):
		with open("/dev/full", "wb") as full:
			told = subprocess.run([demo, *words], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE)
		expect(told.stderr.count(b"could not be written: No space left on device") == 1, told.stderr)


def case_alert_command(demo):
	"""an alert's command gets its values, cleaned, and no shell sees them"""
	with tempfile.TemporaryDirectory() as folder:
		script = os.path.join(folder, "tell; touch hacked")
		with open(script, "w") as out:
			out.write("#!/bin/sh\nenv | grep ^LASTACK_ALERT_ | sort >>'%s/told'\n" % folder)
		os.chmod(script, 0o700)
		condition = "share(rst_abort) > 5% over 1m"
		run(demo, "trouble", "seconds=2", "condition=" + condition, "command=" + script)
		with open(os.path.join(folder, "told")) as told:
			values = told.read()
		expect(sorted(os.listdir(folder)) == ["tell; touch hacked", "told"], "a shell ran")
		for line in ("CONDITION=" + condition, "STATE=began", "STATE=ended", "VALUE=12.5", "LIMIT=5",
				"MATCHING=8", "CONNECTIONS=64", "WINDOW_SECONDS=60", "INITIATOR_IP=10.0.0.9",
				"RESPONDER_PORT=443", "DETAIL=Alert: 12.5 %, 8 of 64 connections?[2J"):
			expect("LASTACK_ALERT_%s\n" % line in values, "%s is not in\n%s" % (line, values))
	refused = run(demo, "condition=" + condition, "command=/nonexistent/program")
	expect(refused.returncode == 1 and "/nonexistent/program cannot be run" in refused.stderr, refused)


def fetch(port, path="/metrics", method="GET", accept=None, host="127.0.0.1", body=None):
	connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
	connection.request(method, path, body=body, headers={"Accept": accept} if accept else {})
	answer = connection.getresponse()
	text = answer.read().decode()
	connection.close()
	return answer.status, answer.getheader("Content-Type"), text


@contextlib.contextmanager
def served(demo, address, *arguments):
	process = subprocess.Popen([demo, "seconds=30", "quiet", "metrics=" + address, *arguments],
		stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
	try:
		line = process.stderr.readline()
		if "built without" in line:
			raise Skip(line.strip())
		expect(line.startswith("port "), line)
		yield int(line.split()[1])
	finally:
		process.kill()
		process.wait()
		process.stderr.close()


OPEN = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"


def case_metrics(demo):
	"""metrics come in both formats, only to GET, with bounds"""
	with served(demo, "0") as port:
		status, kind, text = fetch(port, accept=OPEN)
		expect(status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0"), kind)
		expect(text.endswith("# EOF\n"), text[-200:])
		status, kind, text = fetch(port)
		expect(status == 200 and kind.startswith("text/plain; version=0.0.4"), kind)
		expect("# EOF" not in text and "lastack_teardowns_total{" in text, text[:500])
		expect(fetch(port, "/")[0] == 200 and fetch(port, "/other")[0] == 404, "paths")
		expect(fetch(port, method="HEAD")[::2] == (200, ""), "HEAD")
		for method in ("POST", "PUT", "DELETE"):
			expect(fetch(port, method=method)[0] == 405, method)
		idle = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(40)]
		for one in idle:
			one.close()
		time.sleep(0.5)
		expect(fetch(port)[0] == 200, "not served after many connections")
	if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
		with served(demo, "[::1]:0") as port:
			expect(fetch(port, host="::1")[0] == 200, "IPv6")
	for wrong in ("nowhere:80", "70000", "::1:80", "[::1:80", "127.0.0.1:", "1.2.3.4.5:80", "9x"):
		refused = run(demo, "metrics=" + wrong)
		expect(refused.returncode == 1 and "no address to serve metrics at" in refused.stderr, refused)


def case_metrics_parse(demo):
	"""Prometheus' own parsers take both formats"""
	try:
		from prometheus_client import parser
		from prometheus_client.openmetrics import parser as openmetrics
	except ImportError:
		raise Skip("no python3-prometheus-client")
	with served(demo, "127.0.0.1:0") as port:
		families = list(openmetrics.text_string_to_metric_families(fetch(port, accept=OPEN)[2]))
		expect(len(families) > 25 and all(f.documentation for f in families), len(families))
		expect(next(f for f in families if f.name == "lastack_bytes").unit == "bytes", "unit")
		older = list(parser.text_string_to_metric_families(fetch(port)[2]))
		expect({s.name for f in families for s in f.samples} == {s.name for f in older for s in f.samples},
			"other samples in the older format")


def case_dashboard(demo, dashboard=None):
	"""the Grafana dashboard asks only for metrics and labels that there are"""
	if not dashboard:
		raise Skip("no dashboard given")
	with open(dashboard) as file:
		board = json.load(file)
	with served(demo, "0") as port:
		text = fetch(port)[2]
	there = set(re.findall(r"^(lastack_\w+)", text, re.M))
	places = set()
	asked = set()
	for panel in board["panels"]:
		grid = panel["gridPos"]
		for x in range(grid["x"], grid["x"] + grid["w"]):
			for y in range(grid["y"], grid["y"] + grid["h"]):
				expect(x < 24 and (x, y) not in places, "panels overlap at %s" % panel["title"])
				places.add((x, y))
		for target in panel["targets"]:
			names = re.findall(r"lastack_\w+", target["expr"])
			expect(names, target["expr"])
			asked.update(names)
			for label in re.findall(r"by \(([^)]*)\)", target["expr"]):
				for one in label.split(", "):
					expect(re.search(r"^%s\{.*%s=" % (names[0], one), text, re.M),
						"%s has no label %s" % (names[0], one))
			for label, values in re.findall(r'[,{](\w+)=~"([^"$]+)"', target["expr"]):
				for value in values.split("|"):
					expect(re.search(r'^%s\{.*%s="%s"' % (names[0], label, value), text, re.M),
						"%s has no %s %s" % (names[0], label, value))
	expect(asked <= there, "there is no %s" % ", ".join(asked - there))


def case_owners(demo):
	"""a socket of this host that stays in CLOSE_WAIT is told with its process"""
	listener = socket.create_server(("127.0.0.1", 0))
	client = socket.create_connection(listener.getsockname())
	kept, _ = listener.accept()
	client.close()
	try:
		told = run(demo, "owners", "stuck=0", "seconds=1", "json")
		if "cannot" in told.stderr or "cannot be read" in told.stdout:
			raise Skip(told.stderr.strip())
		details = [json.loads(line)["detail"] for line in told.stdout.splitlines()
			if '"sockets"' in line]
		with open("/proc/self/comm") as comm:
			wanted = "%s (%d) holds " % (comm.read().strip(), os.getpid())
		expect(any(d.startswith(wanted) and "in CLOSE_WAIT" in d for d in details),
			"%s is not in %s" % (wanted, details))
		told = run(demo, "owners", "stuck=3600", "seconds=1", "json")
		expect('"sockets"' not in told.stdout, told.stdout)
	finally:
		kept.close()
		listener.close()


def main():
	options = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	options.add_argument("--demo", required=True)
	options.add_argument("--dashboard")
	options.add_argument("-k", default="")
	options = options.parse_args()
	counts = {"ok": 0, "not ok": 0, "skip": 0}
	for name, function in list(globals().items()):
		if not name.startswith("case_") or not re.search(options.k, name):
			continue
		why = ""
		try:
			if name == "case_dashboard":
				function(options.demo, options.dashboard)
			else:
				function(options.demo)
			result = "ok"
		except Skip as skip:
			result, why = "skip", " # SKIP %s" % skip
		except Exception as failure:
			result, why = "not ok", "\n  %s" % str(failure or repr(failure)).replace("\n", "\n  ")
		counts[result] += 1
		print("%s - %s%s" % ("ok" if result == "skip" else result, function.__doc__, why))
	if counts["not ok"]:
		return 1
	return 0 if counts["ok"] else 77


if __name__ == "__main__":
	sys.exit(main())
