#!/usr/bin/env python3
"""End-to-end tests of the program: what users and scripts may rely on.

    test_cli.py --lastack PROGRAM [-k REGEX]

Runs every case of cli_cases/ and prints a line each (ok, not ok, or ok with # SKIP and why), the
reason below what is not ok, and as the last line 'N passed, N failed'. A case is a function case_*
whose docstring is the line that is printed; it gets a bench with a folder of its own.
Exit status: 0 all well, 1 not, 2 usage.
"""
import argparse
import os
import re
import sys
import time

from cli_cases import applications, bench, damage, database, diagnosis, documents, extract
from cli_cases import hostile, input_options, interruption, marks, output, query, recordings, refusal
from cli_cases import report, sandbox, show, usage, watch

MODULES = (usage, documents, applications, marks, damage, input_options, recordings, refusal,
	database, interruption, report, output, hostile, query, extract, diagnosis, show, sandbox, watch)


def cases(pattern):
	for module in MODULES:
		for name, function in vars(module).items():
			if name.startswith("case_") and re.search(pattern, name):
				yield module.__name__.split(".")[-1] + ": " + function.__doc__.strip(), function


def run(number, title, function, shared):
	"""Runs one case and prints its line; 'passed', 'failed' or 'skipped'."""
	try:
		with shared.bench() as place:
			function(place)
	except bench.Skip as why:
		print("ok %d - %s # SKIP %s" % (number, title, why))
		return "skipped"
	except Exception as failure:  # whatever goes wrong fails this case alone
		what = str(failure) if isinstance(failure, bench.Failure) else repr(failure)
		line = failure.__traceback__
		while line.tb_next and "cli_cases/bench" not in line.tb_next.tb_frame.f_code.co_filename:
			line = line.tb_next
		print("not ok %d - %s" % (number, title))
		print("  line %d of %s" % (line.tb_lineno,
			os.path.basename(line.tb_frame.f_code.co_filename)))
		print("  " + what.replace("\n", "\n  "))
		return "failed"
	print("ok %d - %s" % (number, title))
	return "passed"


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True, metavar="PROGRAM")
	parser.add_argument("-k", default="", metavar="REGEX", help="only cases whose name matches")
	parser.add_argument("--times", action="store_true", help="tell the seconds each case took")
	arguments = parser.parse_args()
	if not os.access(arguments.lastack, os.X_OK):
		parser.error("%s: no such program" % arguments.lastack)
	chosen = list(cases(arguments.k))
	if not chosen:
		parser.error("no case matches " + arguments.k)
	count = {"passed": 0, "failed": 0, "skipped": 0}
	with bench.Shared(os.path.abspath(arguments.lastack)) as shared:
		for number, (title, function) in enumerate(chosen, 1):
			started = time.monotonic()
			count[run(number, title, function, shared)] += 1
			if arguments.times:
				print("  %.2f s" % (time.monotonic() - started))
			sys.stdout.flush()
	print("1..%d" % len(chosen))
	print("%d passed, %d failed" % (count["passed"], count["failed"])
		+ (", %d skipped" % count["skipped"] if count["skipped"] else ""))
	return 1 if count["failed"] else 0


if __name__ == "__main__":
	sys.exit(main())
