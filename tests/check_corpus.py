#!/usr/bin/env python3
"""Runs lastack over a folder of captures and looks for what must never happen.

    check_corpus.py --lastack PROGRAM [--seconds N] [--jobs N] [--list] FOLDER

Every file must end with exit status 0, 1 or 3, without a signal, a sanitizer's report or a leak; 1 and
3 must come with a message that names the file. Prints the files with 1 and 3 by reason (all of them
with --list), then the counts. A file that takes more than N seconds (default 120) hangs. N files run at a time,
by default as many as there are processors.
Exit status: 0 all well, 1 not, 2 usage.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import time

REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior|ThreadSanitizer")


def captures(folder):
    for root, dirs, files in os.walk(folder):
        dirs.sort()
        for name in sorted(files):
            if not name.endswith((".tsv", ".md", ".txt")):
                yield os.path.join(root, name)


def reason(message, path):
    """The message without what differs from file to file."""
    text = message.replace(path, "FILE").strip().splitlines()
    return re.sub(r"0x[0-9a-f]+|\d+", "N", text[-1] if text else "")


def analyze(program, path, seconds):
    """The ended run, or None where there was no end."""
    try:
        return subprocess.run([program, "analyze", "--no-dpi", "--format", "none", "--db", ":memory:", path],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lastack", required=True)
    ap.add_argument("--seconds", type=float, default=120)
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--list", action="store_true")
    ap.add_argument("folder")
    args = ap.parse_args()
    program = os.path.abspath(args.lastack)
    codes = collections.Counter()
    reasons = collections.defaultdict(list)
    bad = []
    start = time.monotonic()
    paths = list(captures(args.folder))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = list(pool.map(lambda path: analyze(program, path, args.seconds), paths))
    for path, run in zip(paths, runs):
        if run is None:
            bad.append("%s: no end after %.0f s" % (path, args.seconds))
            continue
        message = run.stderr.decode("utf-8", "replace")
        codes[run.returncode] += 1
        if REPORT.search(message):
            bad.append("%s: %s" % (path, message[:2000]))
        elif run.returncode not in (0, 1, 3):
            bad.append("%s: exit status %d: %s" % (path, run.returncode, message.strip()[-300:]))
        elif run.returncode:
            if path not in message:
                bad.append("%s: exit status %d, but no message names it: %r" % (path, run.returncode, message))
            reasons[run.returncode, reason(message, path)].append(path)
    took = time.monotonic() - start
    for (code, why), paths in sorted(reasons.items(), key=lambda item: (item[0][0], -len(item[1]))):
        print("%4d  exit status %d: %s" % (len(paths), code, why))
        for path in paths if args.list else ():
            print("        %s" % path)
    for line in bad:
        print("FAULT %s" % line)
    print("%d files in %.1f s; exit status %s; %d faults" % (
        sum(codes.values()), took, ", ".join("%d: %d" % c for c in sorted(codes.items())), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
