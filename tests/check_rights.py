#!/usr/bin/env python3
"""A live run in a network namespace of its own: what rights each of its processes has left.

    check_rights.py --lastack PROGRAM

Started as root, on the namespace's loopback, without traffic. Exit status 77 (skipped) where that is not possible:
no root, no ip, or a build without its sandbox.
"""
import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

NONE, FILES, RAW = "0000000000000000", "0000000000000002", "0000000000002000"
BOTH = "0000000000002002"
NOBODY = "65534"


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", file.read(), re.M))


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def wait_for(what, look):
    for _ in range(200):
        with contextlib.suppress(OSError):
            if look():
                return
        time.sleep(0.05)
    sys.exit("never came true: " + what)


def expect(who, pid, wanted):
    found = status_of(pid)
    for name, value in wanted.items():
        if found.get(name) != value:
            sys.exit("%s: %s is %r, not %r" % (who, name, found.get(name), value))


def rights(user, capabilities):
    return {"Uid": "\t".join([user] * 4), "CapEff": capabilities, "CapPrm": capabilities, "CapInh": NONE,
            "CapBnd": NONE, "CapAmb": NONE, "NoNewPrivs": "1", "Seccomp": "2"}


def settled(front):
    return len(children_of(front)) == 2 and all(status_of(pid)["Seccomp"] == "2" for pid in
                                                [front, *children_of(front)])


def check_run(program, namespace, folder, words, front_rights, capture_rights, analysis_rights):
    database = os.path.join(folder, "t.db")
    run = subprocess.Popen(["ip", "netns", "exec", namespace, program, "monitor", "--quiet", "-i", "lo",
                            "--db", database, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True)
    try:
        wait_for("three processes with filters: " + " ".join(words), lambda: settled(run.pid))
        capture, analysis = sorted(children_of(run.pid))
        expect("front", run.pid, front_rights)
        expect("capture", capture, capture_rights)
        expect("analysis", analysis, analysis_rights)
        os.kill(capture, signal.SIGKILL)  # another one opens the socket again, and gives up as much
        wait_for("a new capture process", lambda: capture not in children_of(run.pid) and settled(run.pid)
                 and status_of(max(children_of(run.pid)))["CapEff"] == NONE)
        expect("new capture", max(children_of(run.pid)), capture_rights)
        run.send_signal(signal.SIGTERM)
        errors = run.communicate(timeout=30)[1]
    finally:
        if run.poll() is None:
            for pid in [*children_of(run.pid), run.pid]:
                os.kill(pid, signal.SIGKILL)
            run.wait()
    if run.returncode != 0:
        sys.exit("ended with %d: %s" % (run.returncode, errors))
    if os.stat(database).st_uid != int(analysis_rights["Uid"].split()[0]):
        sys.exit("the database belongs to somebody else")
    os.unlink(database)


def skip(why):
    print("# SKIP " + why)
    sys.exit(77)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lastack", required=True)
    program = os.path.abspath(parser.parse_args().lastack)
    if os.geteuid() != 0 or not shutil.which("ip"):
        skip("needs root and ip")
    if "sandbox: seccomp" not in subprocess.run([program, "--version"], capture_output=True, text=True).stdout:
        skip("this build has no filter of system calls")
    namespace = "lastack-rights-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", namespace], capture_output=True).returncode != 0:
        skip("no network namespaces here")
    try:
        subprocess.run(["ip", "-n", namespace, "link", "set", "lo", "up"], check=True)
        with tempfile.TemporaryDirectory(prefix="lastack-rights.") as folder:
            os.chown(folder, int(NOBODY), -1)
            check_run(program, namespace, folder, ["--user", NOBODY], rights(NOBODY, RAW),
                      rights(NOBODY, NONE), rights(NOBODY, NONE))
            check_run(program, namespace, folder, [], rights("0", BOTH), rights("0", NONE), rights("0", FILES))
    finally:
        subprocess.run(["ip", "netns", "del", namespace], check=True)
    print("each process has what docs/monitor.md says")


if __name__ == "__main__":
    main()
