#!/usr/bin/env python3
"""The long runs of lastack monitor, by hand, as root; each prints its figures.

    long.py --lastack BIN closes [SECONDS]     nginx, wrk and clients that close in every way, beside tcpdump
    long.py --lastack BIN kills [COUNT]        kill -9 at random moments: what was lost
    long.py --lastack BIN locked [SECONDS]     another program holds the database
    long.py --lastack BIN rate CAPTURE         tcpreplay as fast as it goes: drops and CPU, and of peers
    long.py --lastack BIN memory CAPTURE LOOPS [MIB [KEEP]]  a capture again and again, as if live: is memory flat?
    long.py --lastack BIN clocks CAPTURE       the clock set by an hour both ways, and a suspend
"""
import argparse
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

import scene
from scene import Scene, differences, one

NGINX = """
worker_processes 1; error_log stderr crit; pid {folder}/nginx.pid; daemon off;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_timeout 2s; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen {address}:8000; return 200 "as it should be\\n"; }} }}
"""


def start_nginx(stage):
    configuration = stage.folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=stage.folder, address=scene.SERVER))
    nginx = stage.start("nginx", stage.right, "nginx", "-c", configuration, "-p", stage.folder)
    time.sleep(1)
    assert nginx.process.poll() is None, nginx.log.read_text()


def wrk(stage, seconds, *headers):
    subprocess.run(["ip", "netns", "exec", stage.left, "wrk", "-t1", "-c4", f"-d{seconds}s", *headers,
                    f"http://{scene.SERVER}:8000/"], check=True, stdout=subprocess.DEVNULL)


def closes(stage, seconds=600):
    database, capture = stage.folder / "live.db", stage.folder / "beside.pcap"
    stage.serve()
    start_nginx(stage)
    dump, monitor = stage.tcpdump(capture), stage.monitor(database)
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        wrk(stage, 1, "-H", "Connection: close")
        wrk(stage, 1)
        stage.close(70)
        time.sleep(8)
    stage.close(7)  # what is watched ends with the last packet
    time.sleep(0.3)
    assert monitor.end(seconds=120) == 0, monitor.log.read_text()
    dump.end()
    stage.analyze(stage.folder / "analyzed.db", capture)
    found = differences(database, stage.folder / "analyzed.db", within_ns=50_000_000)
    print(monitor.log.read_text().strip().splitlines()[-1])
    print("tcpdump:", dump.log.read_text().strip().replace("\n", "; "))
    print("classes:", dict(sqlite3.connect(database).execute(
        "SELECT teardown, count(*) FROM teardowns GROUP BY 1").fetchall()))
    print("rows equal analyze's" if not found else "\n".join(found))


def kills(stage, count=20):
    """Each run serves clients until it is killed; who had ended a commit before must be there."""
    database = stage.folder / "live.db"
    stage.serve()
    missing = []
    for number in range(int(count)):
        capture = stage.folder / f"beside-{number}.pcap"
        dump, monitor = stage.tcpdump(capture, name=f"tcpdump-{number}"), \
            stage.monitor(database, name=f"monitor-{number}")
        before, = one(database, "SELECT count(*) FROM connections")
        clients = stage.start("clients", stage.left, sys.executable, scene.HERE / "traffic.py", "close",
                              scene.SERVER, scene.PORT, 1000)
        time.sleep(random.uniform(2, 6))
        killed = time.time_ns()
        monitor.kill_group()
        clients.kill_group()
        time.sleep(0.3)
        dump.end()
        stored, = one(database, "SELECT count(*) FROM connections")
        analyzed = stage.folder / f"analyzed-{number}.db"
        stage.analyze(analyzed, capture)
        ended, = one(analyzed, "SELECT count(*) FROM teardowns WHERE end_reason IN ('closed', 'reset') AND"
                               f" end_ns < {killed}")
        old, = one(analyzed, "SELECT count(*) FROM teardowns WHERE end_reason IN ('closed', 'reset') AND"
                             f" last_ns < {killed - 3_000_000_000}")
        missing.append((ended, stored - before, old))
        integrity, = one(database, "PRAGMA integrity_check")
        assert integrity == "ok", integrity
        print(f"{number + 1}: {ended} had ended, {stored - before} were stored; of {old} that had ended 3 s "
              f"before none is missing: {stored - before >= old}", flush=True)
    after = stage.monitor(database, name="after")
    said = [line for line in after.log.read_text().splitlines() if "interrupted" in line]
    assert after.end() == 0
    print("the next start:", said[-1] if said else "said nothing")
    print("interrupted recordings:", one(database, "SELECT count(*) FROM recordings WHERE interrupted")[0])
    lost = sum(e - s for e, s, _ in missing)
    print(f"lost in {len(missing)} kills: {lost} of {sum(e for e, _, _ in missing)} connections that had ended")


def locked(stage, seconds=30):
    database, capture = stage.folder / "live.db", stage.folder / "beside.pcap"
    stage.serve()
    dump, monitor = stage.tcpdump(capture), stage.monitor(database)
    locker = sqlite3.connect(database, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        stage.close(70)
    locker.execute("COMMIT")
    locker.close()
    time.sleep(2)
    assert monitor.end() == 0
    dump.end()
    stage.analyze(stage.folder / "analyzed.db", capture)
    found = differences(database, stage.folder / "analyzed.db", within_ns=50_000_000)
    print(monitor.log.read_text().strip().splitlines()[-1])
    print("rows equal analyze's" if not found else "\n".join(found))


def cpu_of(group):
    """By name: seconds (user, system) of the processes of a group that run."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = status.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        fields = fields.split()
        if int(fields[2]) == group:
            before = found.get(name, (0, 0))
            found[name] = tuple(t + int(f) / os.sysconf("SC_CLK_TCK") for t, f in zip(before, fields[11:13]))
    return found


def say_cpu(name, found, seconds):
    total = sum(user + system for user, system in found.values())
    for process, (user, system) in sorted(found.items()):
        print(f"{name}: {process}: {user:.1f} s user, {system:.1f} s system")
    print(f"{name}: {total:.1f} s of CPU, {total / seconds:.2f} cores while {seconds:.1f} s were sent", flush=True)


def replay_into(stage, capture, *options):
    """What tcpreplay says, and for how many seconds it sent."""
    out = subprocess.run(["ip", "netns", "exec", stage.right, "tcpreplay", "-q", "-i", "vb", *options, capture],
                         capture_output=True, text=True)
    said = [line.strip() for line in (out.stdout + out.stderr).splitlines() if "pps" in line or "Actual" in line]
    return said, float(re.search(r"sent in ([\d.]+) seconds", " ".join(said)).group(1))


def rate(stage, capture):
    stage.ip("link", "set", "vb", "txqueuelen", "10000", namespace=stage.right)
    for name, start in (
            ("nobody", None),
            ("tcpdump", lambda: stage.tcpdump("/dev/null", name="tcpdump-rate")),
            ("softflowd", lambda: stage.start("softflowd", stage.left, "softflowd", "-d", "-i", "va", "-p",
                                              stage.folder / "sf.pid", "-c", stage.folder / "sf.ctl")),
            ("monitor", lambda: stage.monitor(stage.folder / "live.db", "--buffer", "256M"))):
        process = start() if start else None
        time.sleep(1.5)
        said, seconds = replay_into(stage, capture, "--topspeed", "--preload-pcap")
        for line in said:
            print(f"{name}: {line}", flush=True)
        if process:
            time.sleep(2)  # what is stored a second later counts, too
            say_cpu(name, cpu_of(process.process.pid), seconds)
            process.end(seconds=300)
            print(f"{name}:", process.log.read_text().strip()[-400:].replace("\n", "; "), flush=True)
    print("drops:", one(stage.folder / "live.db", "SELECT packets, drops_kernel, drops_interface, drops_own FROM"
                                                  " captures"))
    print("rows:", one(stage.folder / "live.db", "SELECT count(*) FROM connections"))


def resident(group):
    """MiB of all processes of a group, shared memory left out."""
    total = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            if os.getpgid(int(status.parent.name)) != group:
                continue
            for line in status.read_text().splitlines():
                if line.startswith("RssAnon"):
                    total += int(line.split()[1])
        except (OSError, ProcessLookupError):
            continue
    return total / 1024


def say_rows(database, seconds, now):
    try:
        seen, rows = one(database, "SELECT coalesce(max(id), 0), count(*) FROM connections")
    except sqlite3.Error:
        return
    print(f"{seconds:.0f} s: {seen} connections seen, {rows} kept, {now:.0f} MiB, database "
          f"{os.path.getsize(database) / 2**20:.0f} MiB", flush=True)


def memory(stage, capture, loops="50", bound="256", keep="10m"):
    """Time is the capture's: what it lasts, LOOPS times."""
    database, seen = stage.folder / "live.db", []
    run = scene.Process([stage.lastack, "monitor", "-i", f"file:{capture},loops={loops}", "--db", database,
                         "--interval", "0", "--keep", keep, "--max-memory", f"{bound}M"],
                        stage.folder / "memory.log")
    began = said = time.monotonic()
    while run.process.poll() is None:
        time.sleep(0.5)
        now = resident(run.process.pid)
        if now > 0:
            seen.append(now)
        if time.monotonic() - said >= 5:
            said = time.monotonic()
            say_rows(database, said - began, now)
    print(run.log.read_text().strip().splitlines()[-1])
    third = len(seen) // 3
    first, last = max(seen[:third]), max(seen[-third:])
    print(f"highest in the first third {first:.0f} MiB, in the last {last:.0f} MiB, --max-memory {bound} MiB: "
          f"{'flat' if last <= 1.05 * first else 'grows'}")


def clocks(stage, capture):
    import test_monitor
    plain = stage.folder / "plain.db"
    test_monitor.replay(stage, plain, f"file:{capture}")
    count, = one(plain, "SELECT count(*) FROM connections")
    for words in ("step=3600@1000", "step=-3600@1000", "step=3600@500,step=-3600@2000"):
        database = stage.folder / f"{words}.db"
        test_monitor.replay(stage, database, f"file:{capture},{words}")
        found = differences(database, plain, leave=test_monitor.TIMES)
        print(f"{words}: {len(found)} differences in {count} connections", *found[:3], sep="\n")
    slept = stage.folder / "slept.db"
    test_monitor.replay(stage, slept, f"file:{capture},suspend=7200@1000")
    print("suspend of two hours:", one(slept, "SELECT count(*), sum(end_reason = 'idle_timeout') FROM teardowns"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lastack", required=True)
    parser.add_argument("--folder")
    parser.add_argument("what", choices=("closes", "kills", "locked", "rate", "memory", "clocks"))
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lastack-long-", dir=arguments.folder) as folder:
        stage = Scene(arguments.lastack, folder, name="lsl")
        run = globals()[arguments.what]
        if arguments.what in ("memory", "clocks"):
            run(stage, *arguments.words)
        else:
            with stage:
                run(stage, *arguments.words)


if __name__ == "__main__":
    main()
