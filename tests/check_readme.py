#!/usr/bin/env python3
"""Runs the commands README.md shows and compares what they print.

    check_readme.py --lastack PROGRAM [--write] [--root FOLDER] DOCUMENT

In a fenced block of type `console`, a line that begins with `$ ` is a command and the lines behind it
are its output. They run in one folder that holds nothing but the project's captures. --write puts the
output of today into the file. Closing line: N passed, N failed.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)


def parts(block):
    """[(command, shown output)] of one block."""
    found = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append([line[2:].rstrip("\n"), ""])
        elif found:
            found[-1][1] += line
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lastack", required=True)
    ap.add_argument("--write", action="store_true")
    ap.add_argument("--root", help="the checkout, where that is not the document's folder")
    ap.add_argument("readme")
    args = ap.parse_args()
    with open(args.readme, encoding="utf-8") as f:
        text = f.read()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="readme.") as folder:
        os.mkdir(os.path.join(folder, "bin"))
        os.symlink(os.path.abspath(args.lastack), os.path.join(folder, "bin", "lastack"))
        os.symlink(os.path.join(os.path.abspath(args.root or os.path.dirname(args.readme) or "."), "captures"),
                   os.path.join(folder, "captures"))
        env = dict(os.environ, PATH=os.path.join(folder, "bin") + ":" + os.environ["PATH"], LC_ALL="C.UTF-8",
                   COLUMNS="80")

        def again(match):
            nonlocal passed, failed
            out = ""
            for command, shown in parts(match.group(1)):
                run = subprocess.run(["sh", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
                got = run.stdout.decode("utf-8")
                if got == shown:
                    passed += 1
                else:
                    failed += 1
                    print("$ %s\n--- shown\n%s--- today\n%s" % (command, shown, got))
                out += "$ %s\n%s" % (command, got)
            return "```console\n%s```" % out

        new = BLOCK.sub(again, text)
    if args.write:
        with open(args.readme, "w", encoding="utf-8") as f:
            f.write(new)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed and not args.write else 0


if __name__ == "__main__":
    sys.exit(main())
