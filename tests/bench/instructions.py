#!/usr/bin/env python3
"""Counts the instructions lastack takes for a small generated capture, and compares with a budget.

    instructions.py --lastack BIN --generate BIN [--update] BUDGET

Times on shared machines vary by half and more, instruction counts by a thousandth. BUDGET is a file with
two numbers: instructions that an empty capture takes (starting, making a database), and those a packet
takes beyond that. More than MARGIN above either fails: a small capture would hide what packets cost behind
the start, and a large one the start. --update writes what was counted: do so on purpose, and say in the
commit what is bought with it. Exit status 77 (skipped) without valgrind.
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
FILE_HEADER = 24  # bytes of a pcap file before its first packet


def count(options, capture):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          options.lastack, "analyze", "--quiet", "--format", "none", "--no-dpi",
                          "--no-sandbox",  # valgrind would stand inside, too
                          "--hash-seed", "1", "--db", ":memory:", capture],
                         capture_output=True, text=True,
                         env={**os.environ, "MALLOC_PERTURB_": "0"})  # meson sets it
    collected = re.search(r"Collected *: *([0-9]+)", run.stderr)
    if run.returncode != 0 or not collected:
        sys.exit(run.stderr)
    return int(collected.group(1))


def measure(options, folder):
    """Instructions to start, and a packet."""
    capture, empty = (os.path.join(folder, name) for name in ("small.pcap", "empty.pcap"))
    made = subprocess.run([options.generate, "--connections", str(CONNECTIONS), "--clients", "5",
                           "--snaplen", "96", capture], check=True, capture_output=True, text=True)
    packets = int(made.stdout.split()[0])
    with open(capture, "rb") as full, open(empty, "wb") as file:
        file.write(full.read(FILE_HEADER))
    start = count(options, empty)
    return start, (count(options, capture) - start) / packets


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
        taken = measure(options, folder)
    if options.update:
        with open(options.budget, "w", encoding="ascii") as file:
            file.write("".join(f"{number:.0f}\n" for number in taken))
    with open(options.budget, encoding="ascii") as file:
        budget = [int(line) for line in file]
    for number, limit, what in zip(taken, budget, ("to start", "a packet"), strict=True):
        print(f"{number:.0f} instructions {what}, {limit} are in the budget")
    sys.exit(any(number > limit * (1 + MARGIN) for number, limit in zip(taken, budget)))


if __name__ == "__main__":
    main()
