"""monitor: what people are told of a run; here of a capture that is replayed, so that nobody needs rights."""
import json
import os
import pty
import re
import subprocess
import termios

from cli_cases.bench import Skip

ALERT = "share(rst_abort) > 1% over 10m min 5"


def replay(t, *words, **options):
	return t.run("monitor", "-i", "file:" + t.capture("sample.pcap"), "--db", "t.db", "--interval", "0",
		*words, **options)


def case_lines(t):
	"""each finding of the database is a line, with the id that show takes"""
	told = replay(t)
	t.equal(told.code, 0, "exit code", told)
	lines = re.findall(r"^\S+Z (?:info|warning|error) ([a-z0-9-]+) \S+ > \S+ #(\d+) \S", told.out, re.M)
	t.equal(sorted((code, int(connection)) for code, connection in lines),
		sorted(t.sql("SELECT code, connection_id FROM findings")), "findings told", told)
	shown = t.run("show", "--db", "t.db", lines[0][1])
	t.expect(lines[0][0] in shown.out, "the finding is in what show says", shown)


def case_json_lines_and_alert(t):
	"""an alert is an object, a row, and the environment of a program"""
	script = t.write("tell me", b"#!/bin/sh\nenv | grep ^LASTACK_ALERT_ >told\n")
	os.chmod(script, 0o700)
	told = replay(t, "--format", "json", "--alert", ALERT, "--alert-command", script)
	t.equal(told.code, 0, "exit code", told)
	objects = [json.loads(line) for line in told.out.splitlines()]
	alert, = [o for o in objects if o["event"] == "alert"]
	t.equal((alert["condition"], alert["state"], alert["connections"]), (ALERT, "began", 89), "alert", told)
	rows = t.sql("SELECT condition, ended_ns, matching, connections, responder_port FROM alerts")
	t.equal([tuple(row) for row in rows],
		[(ALERT, None, alert["matching"], 89, alert["responder_port"])], "rows", told)
	values = t.read(t.path("told")).decode()
	for value in ("CONDITION=" + ALERT, "STATE=began", "CONNECTIONS=89", "WINDOW_SECONDS=600"):
		t.expect("LASTACK_ALERT_%s\n" % value in values, value + " is in the environment", values)


def case_misuse(t):
	"""a wrong condition, address or command is told before anything is made"""
	for code, words, pattern in (
			(2, ("--alert", "share(foo) > 1% over 1m"), r"'share\( >>> foo\)"),
			(2, ("--alert-command", "/bin/true"), "without --alert"),
			(1, ("--alert", ALERT, "--alert-command", "/nonexistent"), "cannot be run"),
			(1, ("--metrics", "nowhere"), "no address|without libmicrohttpd")):
		t.fails(replay(t, *words), code, pattern)
	t.expect(not os.path.exists(t.path("t.db")), "no database was made")


def case_screen(t):
	"""on a terminal the screen is taken and given back; with --no-view and --format json it is not"""
	for words, taken in (((), True), (("--no-view",), False), (("--format", "json"), False)):
		leader, follower = pty.openpty()
		termios.tcsetwinsize(follower, (24, 80))
		process = t.start("monitor", "-i", "file:" + t.capture("sample.pcap"), "--db", "t.db", *words,
			stdin=follower, stdout=follower, stderr=subprocess.PIPE)
		os.close(follower)
		out = b""
		while True:
			try:
				piece = os.read(leader, 65536)
			except OSError:
				break
			out += piece
			if not piece:
				break
		os.close(leader)
		t.equal(process.wait(60), 0, "exit code")
		if taken and b"summary of" in out:
			raise Skip("built without ncurses, or no terminfo")
		t.equal((b"\x1b[?1049h" in out, b"\x1b[?1049l" in out), (taken, taken), "screen of %s" % (words,), out)
