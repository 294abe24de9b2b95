#!/usr/bin/env python3
"""Adds up what ./check ran and prints the closing line.

    summary.py FOLDER

FOLDER holds meson's testlog.json of each build (one JSON object a test) as NAME.json, and extra.tsv
with the checks that meson does not run. A test that tells of its cases (TAP lines, or a closing line
'N passed, N failed') counts as that many; any other as one. Exit status 1 if anything failed.
"""
import glob
import json
import os
import re
import sys

TAP = re.compile(r"^(not )?ok\b(?:.*# *(SKIP))?", re.M | re.I)
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", re.M)
SKIPPED = re.compile(r"^.*# *SKIP.*$", re.M | re.I)


def cases(test):
    """(passed, failed, skipped) of one entry of testlog.json."""
    out = test.get("stdout") or ""
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if test["result"] == "SKIP":
        return 0, 0, 1
    closing = CLOSING.findall(out)
    if closing:
        passed, failed, skipped = (int(n or 0) for n in closing[-1])
    else:
        found = TAP.findall(out)
        skipped = sum(1 for bad, skip in found if skip)
        failed = sum(1 for bad, skip in found if bad and not skip)
        passed = len(found) - failed - skipped
        if found:
            return passed, failed + (0 if good or failed else 1), skipped
        passed, failed = 1, 0
        skipped = 0
    if good:
        return passed, failed, skipped
    return (passed if closing else 0), max(failed, 1), skipped


def main():
    folder = sys.argv[1]
    passed = failed = skipped = 0
    for name in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(name, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                for skip in SKIPPED.findall(test.get("stdout") or ""):
                    print("%s: %s" % (test["name"], skip))
                p, f, s = cases(test)
                passed, failed, skipped = passed + p, failed + f, skipped + s
    with open(os.path.join(folder, "extra.tsv"), encoding="utf-8") as extra:
        for line in extra:
            verdict = line.split("\t")[0]
            passed += verdict == "OK"
            failed += verdict == "FAIL"
            skipped += verdict == "SKIP"
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
