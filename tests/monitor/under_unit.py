#!/usr/bin/env python3
"""Runs ExecStart of systemd/lastack-monitor.service under the unit's limits, without systemd, as root.

    under_unit.py --lastack BIN

For machines that cannot boot a container. Limits come from the unit: capabilities and securebits
(setpriv), file system, devices, /proc and private folders (mounts), umask and core limit, system calls,
address families, namespaces and writable code (libseccomp). What needs cgroups or a manager is left out,
and named. Prints what the run could and could not do.
"""
import argparse
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve()
UNIT = HERE.parents[2] / "systemd" / "lastack-monitor.service"
LEFT_OUT = ("DevicePolicy", "IPAddressDeny", "ProtectClock", "ProtectHostname", "RestrictRealtime", "RestrictSUIDSGID",
            "KeyringMode", "RemoveIPC")
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_PACKET": 17}
USER = 64321
CLONE_NEWNS, CLONE_NEWIPC = 0x20000, 0x8000000
NAMESPACES = 0x7e020000 | 0x80
WRITE_EXEC, EXEC = 6, 4
ALLOW, EPERM, NOT_THERE = 0x7fff0000, 0x00050001, 0x00050026
EQUAL, MASKED = 4, 7


def unit_values():
    values = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            values.setdefault(key, []).append(value)
    return values


def calls_of_set(name):
    if not name.startswith("@"):
        return {name}
    out = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    found = set()
    for line in out.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            found |= calls_of_set(word)
    return found


def allowed_calls(filters):
    allowed = set()
    for line in filters:
        taken = line.startswith("~")
        for name in line.lstrip("~").split():
            allowed = allowed - calls_of_set(name) if taken else allowed | calls_of_set(name)
    return allowed


class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def load_filter(calls):
    """Of this process and what it becomes; only what is listed goes."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(EPERM)))

    def rule(action, name, *compares):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        array = (Compare * max(len(compares), 1))(*compares)
        result = library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(compares), array)
        assert result == 0, (name, result)

    special = {
        "socket": [[Compare(0, EQUAL, FAMILIES[f], 0)] for f in unit_values()["RestrictAddressFamilies"][0].split()],
        "mmap": [[Compare(2, MASKED, WRITE_EXEC, bits)] for bits in (0, 2, 4)],
        "mprotect": [[Compare(2, MASKED, EXEC, 0)]],
        "clone": [[Compare(0, MASKED, NAMESPACES, 0)]],
        "unshare": [],
        "setns": [],
    }
    for name in sorted(set(calls) - {"clone3"}):
        for compares in special.get(name, [[]]):
            rule(ALLOW, name, *compares)
    rule(NOT_THERE, "clone3")
    assert library.seccomp_load(context) == 0


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def private_devices():
    mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/mnt")
    for name in ("null", "zero", "full", "random", "urandom"):
        place = pathlib.Path("/mnt") / name
        place.touch()
        mount("--bind", f"/dev/{name}", place)
    mount("--rbind", "/mnt", "/dev")


def private_files(lastack, state):
    """ProtectSystem=strict and what goes with it; BIN becomes /opt/lastack."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", "/opt")
    shutil.copy(lastack, "/opt/lastack")
    os.makedirs("/opt/tests/monitor")
    shutil.copy(HERE, "/opt/tests/monitor")
    shutil.copytree(UNIT.parent, "/opt/systemd")
    mount("-t", "tmpfs", "tmpfs", "/var/lib")
    os.mkdir("/var/lib/lastack")
    mount("--bind", state, "/var/lib/lastack")
    private_devices()
    for folder in ("/tmp", "/var/tmp"):
        mount("-t", "tmpfs", "tmpfs", folder)
    for folder in ("/home", "/root", "/run/user"):
        if os.path.isdir(folder):
            mount("-t", "tmpfs", "-o", "mode=000,ro", "tmpfs", folder)
    mount("-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", "/proc")
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        places = [line.split()[4] for line in table]
    for place in places:
        if place.startswith(("/proc", "/dev", "/var/lib/lastack", "/tmp", "/var/tmp")):
            continue
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=False, capture_output=True)


def confined(lastack, state, words, calls):
    """Becomes ExecStart."""
    unit = unit_values()
    private_files(lastack, state)
    os.umask(int(unit["UMask"][0], 8))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir("/var/lib/lastack")
    raw = unit["CapabilityBoundingSet"][0].lower().replace("cap_", "+").replace(" ", ",")
    os.execvp("setpriv", ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
                          f"--inh-caps=-all,{raw}", f"--ambient-caps=-all,{raw}", f"--bounding-set=-all,{raw}",
                          "--securebits=+noroot,+noroot_locked", "--no-new-privs",
                          "/usr/bin/python3", "/opt/tests/monitor/under_unit.py", "--filtered", ",".join(calls), *words])


def try_file_system():
    """What the process itself could do: printed before it becomes the monitor."""
    for place in ("/etc/x", "/usr/x", "/var/x", "/home/x", "/dev/sda", "/proc/sys/kernel/x", "/var/lib/lastack/x"):
        try:
            with open(place, "w", encoding="utf-8"):
                print(f"{place}: written", flush=True)
            os.unlink(place)
        except OSError as error:
            print(f"{place}: {error.strerror}", flush=True)


def filtered(calls, words):
    try_file_system()
    load_filter(calls)
    os.execv("/opt/lastack", ["lastack", *words])


def run(lastack, folder):
    from scene import Scene, wait_until
    unit, state = unit_values(), pathlib.Path(folder) / "state"
    state.mkdir(mode=0o750)
    (state / "lastack.db").touch(mode=0o640)
    for path in (state, state / "lastack.db"):
        os.chown(path, USER, USER)
    os.chmod(state / "lastack.db", 0o640)
    exec_start = unit["ExecStart"][0].split()[1:]
    words = [w for w in exec_start if not w.startswith("$")] + ["-i", "va"]
    calls = sorted(allowed_calls(unit["SystemCallFilter"]))
    print("left out:", ", ".join(f"{k}={unit[k][0]}" for k in LEFT_OUT if k in unit))
    print(f"{len(calls)} system calls; ExecStart: lastack {' '.join(words)}")
    with Scene(lastack, folder, name="lsu") as stage:
        stage.serve()
        monitor = stage.start("unit", stage.left, "/usr/bin/python3", HERE, "--confined", lastack, state,
                              ",".join(calls), *words)
        wait_until(lambda: (state / "lastack.db").stat().st_size > 0 or monitor.process.poll() is not None, 20, "a table")
        time.sleep(1)
        stage.close(70)
        time.sleep(2)
        monitor.send(signal.SIGHUP)
        time.sleep(1)
        stage.close(70)
        time.sleep(2)
        status = monitor.end(seconds=60)
        print(monitor.log.read_text().strip())
    rows, = sqlite3.connect(state / "lastack.db").execute("SELECT count(*) FROM teardowns").fetchone()
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in state.iterdir()}
    print(f"exit status {status}, {rows} connections stored, files {modes}")
    return 0 if status == 0 and rows > 0 else 1


def main():
    if sys.argv[1:2] == ["--confined"]:
        confined(sys.argv[2], sys.argv[3], sys.argv[5:], sys.argv[4].split(","))
    if sys.argv[1:2] == ["--filtered"]:
        filtered(sys.argv[2].split(","), sys.argv[3:])
    parser = argparse.ArgumentParser()
    parser.add_argument("--lastack", required=True)
    with tempfile.TemporaryDirectory(prefix="lastack-unit-") as folder:
        sys.exit(run(str(pathlib.Path(parser.parse_args().lastack).resolve()), folder))


if __name__ == "__main__":
    main()
