#!/usr/bin/env python3
"""lastack monitor on links of its own making, beside tcpdump, and through faults.

    test_monitor.py --lastack BIN [-k REGEX] [--keep FOLDER]

Prints TAP. Needs root for network namespaces; what needs them is skipped elsewhere. The long runs are in
long.py."""
import argparse
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import frames
import scene
from scene import Scene, differences, one, wait_until

CAPTURES = scene.HERE.parent.parent / "captures"
cases = []


def case(needs_root=True):
    def add(function):
        cases.append((function.__name__, function, needs_root))
        return function
    return add


def same(stage, monitor_database, capture, *options):
    stage.analyze(stage.folder / "analyzed.db", capture, *options)
    found = differences(monitor_database, stage.folder / "analyzed.db", within_ns=20_000_000)
    assert not found, "\n".join(found)


def all_rows(database, sql):
    with sqlite3.connect(database) as db:
        return db.execute(sql).fetchall()


def settle():
    """The last packets are handed over, 50 ms late at the most."""
    time.sleep(0.3)


@case()
def rows_are_those_of_analyze(stage):
    database, capture = stage.folder / "live.db", stage.folder / "beside.pcap"
    stage.serve()
    dump, monitor = stage.tcpdump(capture), stage.monitor(database)
    held = stage.hold(3, 60)
    stage.close(140)
    settle()
    assert monitor.end() == 0, monitor.log.read_text()
    dump.end()
    held.kill_group()
    connections, = one(database, "SELECT count(*) FROM teardowns")
    assert connections >= 150, connections
    classes, = one(database, "SELECT count(DISTINCT teardown) FROM teardowns")
    assert classes >= 5, classes
    same(stage, database, capture)
    live, finished, interrupted = one(database, "SELECT live, finished, interrupted FROM recordings")
    assert (live, finished, interrupted) == (1, 1, 0)


@case()
def several_workers_give_the_same_rows(stage):
    database, capture = stage.folder / "live.db", stage.folder / "beside.pcap"
    stage.serve()
    dump, monitor = stage.tcpdump(capture), stage.monitor(database, "--workers", "3")
    stage.close(70)
    settle()
    assert monitor.end() == 0, monitor.log.read_text()
    dump.end()
    same(stage, database, capture)


@case()
def tags_and_tunnels_pass_the_default_filter(stage):
    database, capture = stage.folder / "live.db", stage.folder / "sent.pcap"
    plain = frames.read(CAPTURES / "close_wait_at_end.pcap")
    sent = frames.in_every_wrapping(plain)
    frames.write(capture, sent)
    monitor = stage.monitor(database)
    stage.inject(capture)
    settle()
    assert monitor.end() == 0
    stage.analyze(stage.folder / "analyzed.db", capture)
    # packets are sent one behind the other, whatever their times were
    columns = "vlan, tunnel, initiator_ip, initiator_port, teardown, packets_initiator, packets_responder"
    sql = f"SELECT {columns} FROM teardowns ORDER BY {columns}"
    here, there = all_rows(database, sql), all_rows(stage.folder / "analyzed.db", sql)
    assert here == there, f"{here} is not {there}"
    assert len({row[:2] for row in here}) >= 8, here


@case()
def a_filter_takes_the_default_ones_place(stage):
    database = stage.folder / "live.db"
    stage.serve()
    monitor = stage.monitor(database, "--filter", f"tcp port {scene.PORT + 1}")
    stage.close(20)
    settle()
    assert monitor.end() == 0
    assert one(database, "SELECT DISTINCT responder_port FROM teardowns") == (scene.PORT + 1,)


@case()
def open_connections_are_listed(stage):
    database = stage.folder / "live.db"
    stage.serve()
    monitor = stage.monitor(database)
    held = stage.hold(4, 60)
    wait_until(lambda: one(database, "SELECT count(*) FROM open_connections") == (4,), 15)
    out = subprocess.run([stage.lastack, "query", "--open", "--format", "csv", database], check=True,
                         capture_output=True, text=True).stdout
    assert out.count("ESTABLISHED,ESTABLISHED") == 4, out
    held.kill_group()
    wait_until(lambda: one(database, "SELECT count(*) FROM open_connections") == (0,), 15)
    assert monitor.end() == 0


@case()
def who_is_stuck_is_told_while_it_is(stage):
    database, capture = stage.folder / "live.db", stage.folder / "beside.pcap"
    stage.serve()
    dump, monitor = stage.tcpdump(capture), stage.monitor(
        database, "--stuck", "2s", "--workers", "2", "--metrics", "9477",
        "--alert", "count(finding:close-wait-stuck) > 0 over 1m")
    client = stage.start("forgotten", stage.left, sys.executable, scene.HERE / "traffic.py", "forgotten",
                         scene.SERVER, scene.PORT)
    for words in ("close-wait-stuck", "fin-wait-2-stuck", "Alert:"):
        monitor.wait_for(words, 19)
    assert client.process.poll() is None, "it was over before it was told"
    assert one(database, "SELECT count(*) FROM connections") == (0,)
    wait_until(lambda: one(database, "SELECT state_responder FROM open_connections") == ("CLOSE_WAIT",))
    assert metric(stage, r'lastack_open_connections\{state="CLOSE_WAIT"\}') == 1
    out = subprocess.run([stage.lastack, "query", "--open", "--format", "json", database], check=True,
                         capture_output=True, text=True).stdout
    dwell = json.loads(out.splitlines()[0])["dwell_responder_ns"]
    assert 2e9 <= dwell <= 60e9, dwell  # it was told after 2 s, and lasts for less than a minute
    assert client.process.wait(40) == 0
    wait_until(lambda: one(database, "SELECT count(*) FROM connections") == (1,))
    settle()
    assert monitor.end() == 0, monitor.log.read_text()
    dump.end()
    said = monitor.log.read_text()
    assert [said.count(f" warning {c}-stuck ") + said.count(f" info {c}-stuck ")
            for c in ("close-wait", "fin-wait-2")] == [1, 1], said
    assert said.count("Alert:") == 1, said
    same(stage, database, capture, "--stuck", "2s")


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def metric(stage, name):
    out = subprocess.run(["ip", "netns", "exec", stage.left, sys.executable, "-c",
                          "import urllib.request as u;"
                          "print(u.urlopen('http://127.0.0.1:9477/metrics', timeout=5).read().decode())"],
                         check=True, capture_output=True, text=True).stdout
    return sum(float(line.split()[-1]) for line in out.splitlines() if re.match(name + "[ {]", line))


@case()
def a_new_analysis_goes_on(stage):
    database = stage.folder / "live.db"
    stage.serve()
    monitor = stage.monitor(database, "--metrics", "9477", "--alert", "count(connections) > 10 over 6s")
    stage.close(14, silent=False)
    monitor.wait_for("Alert:")
    names = ("lastack_packets_total", "lastack_connections_total", "lastack_store_commits_total",
             "lastack_store_rows_total", "lastack_segments_total")
    wait_until(lambda: metric(stage, names[3]) >= 14)
    before = [metric(stage, name) for name in names]
    os.kill(max(children(monitor.process.pid)), signal.SIGKILL)
    monitor.wait_for("starting it anew")
    monitor.wait_for("Alert over:")
    assert monitor.log.read_text().count("Alert:") == 1
    after = [metric(stage, name) for name in names]
    assert all(b >= a > 0 for a, b in zip(before, after)), (before, after)
    stage.close(7, silent=False)
    wait_until(lambda: metric(stage, names[1]) >= before[1] + 7)
    assert monitor.end() == 0, monitor.log.read_text()
    assert one(database, "SELECT count(*) FROM alerts WHERE ended_ns IS NULL") == (0,)
    assert one(database, "SELECT count(*) FROM findings WHERE code = 'capture-loss'") == (0,)


@case()
def a_killed_front_takes_all_with_it(stage):
    database = stage.folder / "live.db"
    stage.serve()
    monitor = stage.monitor(database)
    stage.close(14, silent=False)
    settle()
    others = children(monitor.process.pid)
    assert len(others) == 2, others
    monitor.send(signal.SIGKILL)
    monitor.process.wait()
    wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}/exe").exists() for pid in others), 10,
               "the end of the others")
    assert one(database, "SELECT finished, interrupted FROM recordings") == (1, 0)
    assert one(database, "SELECT count(*) FROM connections")[0] >= 14


@case()
def rows_come_soon_after_the_end(stage):
    database = stage.folder / "live.db"
    stage.serve()
    monitor = stage.monitor(database)
    stage.close(7)
    wait_until(lambda: one(database, "SELECT count(*) FROM teardowns WHERE end_reason IN"
                                     " ('closed', 'reset')")[0] >= 7, 10)
    monitor.kill_group()  # and are there, whatever happens
    assert one(database, "SELECT count(*) FROM teardowns")[0] >= 7
    again = stage.monitor(database, name="again")
    assert again.says("was interrupted"), again.log.read_text()
    assert again.end() == 0
    assert one(database, "SELECT interrupted FROM recordings ORDER BY id LIMIT 1") == (1,)


@case()
def a_locked_database_is_waited_for(stage):
    database, capture = stage.folder / "live.db", stage.folder / "beside.pcap"
    stage.serve()
    dump, monitor = stage.tcpdump(capture), stage.monitor(database)
    locker = sqlite3.connect(database, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    stage.close(35)
    time.sleep(2.5)
    assert one(database, "SELECT count(*) FROM connections") == (0,)
    locker.execute("COMMIT")
    locker.close()
    wait_until(lambda: one(database, "SELECT count(*) FROM connections")[0] >= 35, 10)
    assert monitor.end() == 0
    dump.end()
    same(stage, database, capture)


@case()
def a_full_disk_is_waited_for(stage):
    disk, capture = stage.folder / "disk", stage.folder / "beside.pcap"
    disk.mkdir()
    database, filler = disk / "live.db", disk / "filler"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    try:
        stage.serve()
        dump, monitor = stage.tcpdump(capture), stage.monitor(database)
        with open(filler, "wb", buffering=0) as out:
            try:
                while out.write(bytes(4096)):
                    pass
            except OSError:
                pass
        stage.close(140)
        time.sleep(2)
        assert one(database, "SELECT count(*) FROM connections")[0] < 140
        filler.unlink()
        wait_until(lambda: one(database, "SELECT count(*) FROM connections")[0] >= 140, 15)
        assert monitor.end() == 0, monitor.log.read_text()
        dump.end()
        same(stage, database, capture)
    finally:
        stage.__exit__()
        subprocess.run(["umount", disk], check=True)


@case()
def an_interface_may_go_and_come_back(stage):
    database = stage.folder / "live.db"
    server = stage.serve()
    monitor = stage.monitor(database)
    stage.close(7)
    stage.ip("link", "set", "va", "down", namespace=stage.left)
    time.sleep(1.2)
    stage.ip("link", "set", "va", "up", namespace=stage.left)
    time.sleep(1.5)
    stage.close(7, silent=False)
    wait_until(lambda: one(database, "SELECT count(*) FROM teardowns WHERE end_reason IN"
                                     " ('closed', 'reset')")[0] >= 14, 10)
    stage.ip("link", "del", "va", namespace=stage.left)
    monitor.wait_for("is gone")
    server.kill_group()
    stage.link()
    stage.serve(name="server-2")
    time.sleep(2.5)
    stage.close(7, silent=False)
    wait_until(lambda: one(database, "SELECT count(*) FROM teardowns WHERE end_reason IN"
                                     " ('closed', 'reset')")[0] >= 21, 10)
    assert monitor.end() == 0, monitor.log.read_text()


@case()
def hangup_reopens_the_database(stage):
    database, moved = stage.folder / "live.db", stage.folder / "live.db.1"
    stage.serve()
    monitor = stage.monitor(database)
    stage.close(7, silent=False)
    wait_until(lambda: one(database, "SELECT count(*) FROM connections")[0] >= 7)
    database.rename(moved)
    for suffix in ("-wal", "-shm"):
        beside = pathlib.Path(f"{database}{suffix}")
        if beside.exists():
            beside.rename(f"{moved}{suffix}")
    held = stage.hold(3, 60)
    settle()
    monitor.send(signal.SIGHUP)
    monitor.wait_for("opened anew")
    time.sleep(0.5)
    stage.close(14, silent=False)
    held.kill_group()
    settle()
    assert monitor.end() == 0
    assert one(moved, "SELECT finished FROM recordings") == (1,)
    assert one(moved, "SELECT count(*) FROM connections")[0] >= 7
    assert one(database, "SELECT count(*) FROM connections")[0] >= 14
    counts = "SELECT packets, first_ns, last_ns, (SELECT segments FROM recordings) FROM captures"
    before, after = one(moved, counts), one(database, counts)
    packets = int(re.search(r"lastack: (\d+) packets", monitor.log.read_text()).group(1))
    assert before[0] > 0 and after[0] > 0 and before[0] + after[0] == packets, (before, after, packets)
    assert before[3] + after[3] == packets and before[2] <= after[1] <= after[2], (before, after, packets)
    # the interface was closed for a moment: what was open then may lack something
    assert one(database, "SELECT count(*) FROM findings WHERE code = 'capture-loss'") == (3,)


@case()
def two_monitors_need_two_databases(stage):
    database = stage.folder / "live.db"
    monitor = stage.monitor(database)
    second = stage.start("second", stage.left, stage.lastack, "monitor", "-i", "va", "--db", database)
    assert second.process.wait(20) == 1
    assert second.says("another lastack monitor"), second.log.read_text()
    assert monitor.end() == 0


@case()
def any_is_every_interface(stage):
    database = stage.folder / "live.db"
    stage.serve()
    monitor = stage.monitor(database, interface="any")
    stage.close(14, silent=False)
    settle()
    assert monitor.end() == 0
    assert one(database, "SELECT count(*) FROM teardowns WHERE complete")[0] >= 14


def replay(stage, database, words, *options):
    database.parent.mkdir(exist_ok=True)
    run = subprocess.run([stage.lastack, "monitor", "-i", words, "--db", database, "--interval", "0",
                          "--no-view", *options], capture_output=True, text=True, timeout=120,
                         stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stderr
    return run.stderr


TIMES = scene.OURS + ("first_ns", "last_ns", "fin_ns_initiator", "fin_ns_responder", "rst_ns", "end_ns",
                      "time_wait_entry_ns", "ts_ns", "entry_ns", "position")


@case(needs_root=False)
def a_replayed_file_gives_the_rows_of_analyze(stage):
    for capture in sorted(CAPTURES.rglob("*.pcap"))[::6]:
        database = stage.folder / f"{capture.stem}.db"
        replay(stage, database, f"file:{capture}")
        analyzed = stage.folder / f"{capture.stem}-analyzed.db"
        stage.analyze(analyzed, capture)
        found = differences(database, analyzed)
        assert not found, f"{capture}: " + "\n".join(found)


@case(needs_root=False)
def clock_steps_change_no_verdict(stage):
    capture = max(CAPTURES.rglob("*.pcap"), key=os.path.getsize)
    plain = stage.folder / "plain.db"
    replay(stage, plain, f"file:{capture}")
    for words in ("step=3600@20", "step=-3600@20", "step=3600@10,step=-7200@30"):
        database = stage.folder / f"{words}.db"
        replay(stage, database, f"file:{capture},{words}")
        found = differences(database, plain, leave=TIMES)
        assert not found, f"{words}: " + "\n".join(found)
        assert one(database, "SELECT clock_steps FROM recordings")[0] > 0
    # what is told is the clock's time as it is now
    first, = one(plain, "SELECT min(first_ns) FROM teardowns")
    later, = one(stage.folder / "step=3600@20.db", "SELECT min(first_ns) FROM teardowns")
    assert later - first == 3600 * 10**9, later - first


@case(needs_root=False)
def time_passes_while_the_machine_sleeps(stage):
    capture = max(CAPTURES.rglob("*.pcap"), key=os.path.getsize)
    plain, slept = stage.folder / "plain.db", stage.folder / "slept.db"
    replay(stage, plain, f"file:{capture},loops=2")
    replay(stage, slept, f"file:{capture},loops=2,suspend=86400@20")
    span = "SELECT max(last_ns) - min(first_ns) FROM teardowns"
    assert one(slept, span)[0] - one(plain, span)[0] >= 86399 * 10**9


def run_case(function, lastack, folder):
    folder.mkdir(parents=True)
    if function in [f for _, f, root in cases if root]:
        with Scene(lastack, folder) as stage:
            function(stage)
        return
    stage = Scene(lastack, folder)
    function(stage)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lastack", required=True)
    parser.add_argument("-k", default="")
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    chosen = [c for c in cases if re.search(arguments.k, c[0])]
    without = scene.can_make_namespaces()
    failed = 0
    print(f"1..{len(chosen)}")
    with tempfile.TemporaryDirectory(prefix="lastack-monitor-") as temporary:
        base = pathlib.Path(arguments.keep or temporary)
        for number, (name, function, needs_root) in enumerate(chosen, 1):
            started = time.monotonic()
            if needs_root and without:
                print(f"ok {number} - {name} # SKIP {without}", flush=True)
                continue
            try:
                run_case(function, arguments.lastack, base / name)
                print(f"ok {number} - {name} # {time.monotonic() - started:.1f} s", flush=True)
            except Exception as problem:  # one line a case, and on
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                for line in f"{type(problem).__name__}: {problem}".splitlines()[:20]:
                    print(f"# {line}", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
