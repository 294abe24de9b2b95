#!/usr/bin/env python3
"""Holds lastack against the captures made with real sockets.

Runs `lastack analyze` on each capture of captures/expected.json and compares the view `teardowns`
and the table `findings` with what must come out. One expectation is: the exit code; the number of
rows; each row's being there; each of its columns; each finding that must or must not be there.
Prints each expectation that is not met; the last line is "N of M expectations met". Exits with 0
when all are met, 1 when not, 2 on usage errors.
"""
import argparse
import collections
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.join(HERE, os.pardir, "captures")
TUPLE = ("initiator_ip", "initiator_port", "responder_ip", "responder_port")
TIMEOUT = 60  # seconds a capture


class Tally:
	def __init__(self):
		self.met = self.all = 0

	def expect(self, met, where, what, wanted, got):
		self.all += 1
		self.met += bool(met)
		if not met:
			print("%s: %s: expected %s, got %s" % (where, what, wanted, got))
		return met


def analyze(program, capture, options, folder):
	"""(exit code, rows, their findings by connection, what the program said)."""
	database = os.path.join(folder, "check.db")
	command = [program, "analyze", "--quiet", "--no-dpi", "--format", "none", "--db", database]
	done = subprocess.run([*command, *options, capture], stdin=subprocess.DEVNULL, text=True,
		capture_output=True, timeout=TIMEOUT)
	rows, findings = [], collections.defaultdict(set)
	if os.path.exists(database):
		connection = sqlite3.connect("file:%s?mode=ro" % database, uri=True)
		try:
			connection.row_factory = sqlite3.Row
			order = "ORDER BY first_ns, connection_id"
			rows = [dict(r) for r in connection.execute("SELECT * FROM teardowns " + order)]
			for key, code in connection.execute("SELECT connection_id, code FROM findings"):
				findings[key].add(code)
		finally:
			connection.close()
	return done.returncode, rows, findings, done.stderr.strip()


def take(rows, wanted):
	"""Takes the first row of the expected tuple (and VLAN) out of rows; None when there is none."""
	keys = [k for k in TUPLE + ("vlan",) if k in wanted["columns"]]
	for row in rows:
		if all(row.get(k) == wanted["columns"][k] for k in keys):
			rows.remove(row)
			return row
	return None


def check_row(tally, where, row, wanted, findings):
	for column, value in wanted["columns"].items():
		got = row.get(column, "no such column")
		tally.expect(got == value, where, column, value, got)
	for column, (least, most) in wanted.get("ranges", {}).items():
		got = row.get(column)
		tally.expect(isinstance(got, int) and least <= got <= most, where, column,
			"%d to %d" % (least, most), got)
	for column, pattern in wanted.get("matches", {}).items():
		got = row.get(column)
		tally.expect(isinstance(got, str) and re.search(pattern, got), where, column, pattern, got)
	for code in wanted.get("findings", []):
		tally.expect(code in findings, where, "findings", code, sorted(findings))
	for code in wanted.get("no_findings", []):
		tally.expect(code not in findings, where, "findings", "no " + code, sorted(findings))


def check_capture(tally, program, folder, entry):
	where = " ".join([entry["capture"], *entry["options"]])
	capture = os.path.join(folder, entry["capture"])
	with tempfile.TemporaryDirectory(prefix="check_captures.") as scratch:
		try:
			code, rows, findings, said = analyze(program, capture, entry["options"], scratch)
		except (subprocess.TimeoutExpired, sqlite3.Error) as failure:
			tally.expect(False, where, "analyze", "a database", failure)
			return
	tally.expect(code == entry["exit"], where, "exit code", entry["exit"], "%d %s" % (code, said))
	tally.expect(len(rows) == len(entry["rows"]), where, "rows", len(entry["rows"]), len(rows))
	for number, wanted in enumerate(entry["rows"], 1):
		row = take(rows, wanted)
		name = "%s row %d" % (where, number) if len(entry["rows"]) > 1 else where
		names = ["%s=%s" % (k, wanted["columns"].get(k)) for k in TUPLE]
		if tally.expect(row is not None, name, "row", " ".join(names), "none"):
			check_row(tally, name, row, wanted, findings[row["connection_id"]])


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawTextHelpFormatter)
	parser.add_argument("--lastack", default="lastack", metavar="PROGRAM")
	parser.add_argument("--captures", default=CAPTURES, metavar="FOLDER")
	parser.add_argument("-k", default="", metavar="REGEX", help="captures whose name matches only")
	arguments = parser.parse_args()
	with open(os.path.join(arguments.captures, "expected.json")) as file:
		entries = [e for e in json.load(file) if re.search(arguments.k, e["capture"])]
	if not entries:
		parser.error("no capture matches " + arguments.k)
	tally = Tally()
	try:
		for entry in entries:
			check_capture(tally, arguments.lastack, arguments.captures, entry)
	except OSError as failure:
		parser.error("%s: %s" % (arguments.lastack, failure))
	print("%d of %d expectations met" % (tally.met, tally.all))
	return 0 if tally.met == tally.all else 1


if __name__ == "__main__":
	sys.exit(main())
