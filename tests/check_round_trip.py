#!/usr/bin/env python3
"""`lastack show --ladder` tells a fully stored connection so that run_ladders gives its verdict.

    check_round_trip.py --lastack PROGRAM --run-ladders PROGRAM [-v] FOLDER...

FOLDER holds ladders or captures. Each connection of each case is stored with its segments, printed in
the test notation and run again. Exceptions are listed here, with the reason why the notation cannot
hold them. The last line is 'N passed, N failed, N not fully stored'.
"""
import argparse
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

EXCEPTIONS = {
	"older-found-after-newer-forgotten": "the newer row was forgotten by a packet of another kind",
}
CAPTURES = (".pcap", ".pcapng", ".gz", ".zst")


def run(*words, **more):
	return subprocess.run([str(w) for w in words], capture_output=True, text=True, **more)


def connections(database):
	db = sqlite3.connect("file:%s?mode=ro" % database, uri=True)
	try:
		return [row[0] for row in db.execute("SELECT connection_id FROM teardowns ORDER BY 1")]
	finally:
		db.close()


class Check:
	def __init__(self, lastack, run_ladders, verbose):
		self.lastack, self.run_ladders, self.verbose = lastack, run_ladders, verbose
		self.passed = self.failed = self.cut = 0

	def capture(self, path, options, folder):
		database = folder / "round-trip.db"
		done = run(self.lastack, "analyze", "-q", "--format", "none", "--ladders", "all", "--db",
			database, *options, path)
		if done.returncode != 0 or not database.exists():
			if "container_cut" in path.name or done.returncode == 0:
				return
			self.fail(path, 0, done.stderr)
			return
		with tempfile.TemporaryDirectory(dir=folder) as ladders:
			ladders = pathlib.Path(ladders)
			for connection in connections(database):
				self.connection(path, database, connection, ladders)
			self.again(path, ladders)
		database.unlink()

	def connection(self, path, database, connection, ladders):
		told = run(self.lastack, "show", database, connection, "--ladder")
		if told.returncode != 0:
			self.fail(path, connection, told.stderr)
		elif "\nexpect: " not in told.stdout:
			self.cut += 1
		else:
			(ladders / ("%d.ladder" % connection)).write_text(told.stdout)

	def again(self, path, ladders):
		"""All of a capture at once; one by one where it matters which."""
		files = sorted(ladders.iterdir())
		if not files or run(self.run_ladders, *files).returncode == 0:
			self.passed += len(files)
			return
		for ladder in files:
			again = run(self.run_ladders, ladder)
			if again.returncode == 0:
				self.passed += 1
			else:
				self.fail(path, int(ladder.stem), again.stdout)

	def fail(self, path, connection, why):
		self.failed += 1
		print("%s: connection %d:\n  %s" % (path.name, connection, why.strip().replace("\n", "\n  ")))


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True)
	parser.add_argument("--run-ladders", required=True)
	parser.add_argument("-v", action="store_true")
	parser.add_argument("folders", nargs="+", type=pathlib.Path)
	arguments = parser.parse_args()
	check = Check(os.path.abspath(arguments.lastack), os.path.abspath(arguments.run_ladders),
		arguments.v)
	with tempfile.TemporaryDirectory() as place:
		place = pathlib.Path(place)
		for folder in arguments.folders:
			source = folder
			if any(folder.glob("*.ladder")):
				source = place / "cases"
				source.mkdir()
				made = run(check.run_ladders, "--pcap", source, folder)
				if made.returncode != 0:
					sys.exit(made.stdout)
				for name in EXCEPTIONS:
					(source / (name + ".pcap")).unlink()
			for path in sorted(p for p in source.iterdir() if p.name.endswith(CAPTURES)):
				options = path.with_suffix(".options")
				check.capture(path, options.read_text().split() if options.exists() else [], place)
	print("%d passed, %d failed, %d not fully stored" % (check.passed, check.failed, check.cut))
	return 1 if check.failed or check.passed == 0 else 0


sys.exit(main())
