#!/usr/bin/env python3
"""Counts the instructions lastack takes for a small generated capture, and compares with a budget.

    instructions.py --lastack BIN --generate BIN [--update] BUDGET

Times on shared machines vary by half and more, instruction counts by a thousandth. BUDGET is a file with
one number, instructions a packet; more than MARGIN above it fails. --update writes what was counted: do
so on purpose, and say in the commit what is bought with it. Exit status 77 (skipped) without valgrind.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

MARGIN = 0.05
CONNECTIONS = 1500


def count(options, folder):
    capture = os.path.join(folder, "small.pcap")
    made = subprocess.run([options.generate, "--connections", str(CONNECTIONS), "--clients", "5",
                           "--snaplen", "96", capture], check=True, capture_output=True, text=True)
    packets = int(made.stdout.split()[0])
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          options.lastack, "analyze", "--quiet", "--format", "none", "--no-dpi",
                          "--no-sandbox",  # valgrind would stand inside, too
                          "--hash-seed", "1", "--db", ":memory:", capture],
                         capture_output=True, text=True,
                         env={**os.environ, "MALLOC_PERTURB_": "0"})  # meson sets it
    collected = re.search(r"Collected *: *([0-9]+)", run.stderr)
    if run.returncode != 0 or not collected:
        sys.exit(run.stderr)
    return int(collected.group(1)) / packets


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lastack", required=True)
    parser.add_argument("--generate", required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("budget")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("# SKIP no valgrind")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        taken = count(options, folder)
    if options.update:
        with open(options.budget, "w", encoding="ascii") as file:
            file.write(f"{taken:.0f}\n")
    with open(options.budget, encoding="ascii") as file:
        budget = int(file.read())
    print(f"{taken:.0f} instructions a packet, {budget} are in the budget")
    sys.exit(taken > budget * (1 + MARGIN))


if __name__ == "__main__":
    main()
