#!/usr/bin/env python3
"""Measures lastack beside the programs that are installed, and prints the table of docs/performance.md.

    run.py --lastack BIN --generate BIN --pcap-loop BIN [--capture FILE] [--runs N] [--short]

Whole processes, page cache warm, the database on disk. All programs take turns in every round, so that
what else the machine does falls on all of them; told are medians, and the spread as (lowest to highest).
Ratios are of the same round. Without --capture one is generated. Scaling, report and query are measured
on generated captures; --short takes small ones and few rounds.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

Run = namedtuple("Run", "wall cpu memory")

QUERIES = {
    "--teardown": "rst_abort",
    "--finding": "rst-injected",
    "--closer": "both",
    "--host": "10.1.0.7",
    "--port": "443",
    "--since": "2026-02-02T03:39:00Z",
    "--until": "2026-02-02T02:40:05Z",
    "--end-reason": "closed",
    "--cause": "unread_data",
    "--stage": "syn",
    "--reset-by": "responder",
    "--time-wait": "held",
    "--state": "OTH",
    "--severity": "warning",
    "--client": "10.0.0.0/8",
    "--server-port": "22",
    "--application": "TLS",
    "--vlan": "103",
    "--tunnel": "vni",
    "--min-duration": "5m",
}


def measured(command):
    """One run; its output is thrown away. Exits where it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def spread(values, form="{:.2f}"):
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{form.format(median)} ({form.format(low)} to {form.format(high)})"


class Table:
    """The rows, printed as they come."""

    def __init__(self):
        print(f"{'measure':58}{'goal':>10}  measured")

    def row(self, name, goal, values, form="{:.2f}"):
        met = "" if goal is None else ("met" if statistics.median(values) <= goal else "not met")
        told = "" if goal is None else f"{goal:g}"
        print(f"{name:58}{told:>10}  {spread(values, form)}  {met}", flush=True)


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.table = Table()
        self.rounds = 2 if options.short else options.runs

    def path(self, name):
        return os.path.join(self.folder, name)

    def generate(self, name, connections, seconds, *more):
        path = self.path(name)
        subprocess.run([self.options.generate, "--connections", str(connections), "--seconds",
                        str(seconds), *more, path], check=True, stdout=subprocess.DEVNULL)
        return path

    def analyze(self, capture, database, *more):
        if os.path.exists(database):
            os.remove(database)
        return measured([self.options.lastack, "analyze", "--quiet", "--format", "none", "--db",
                         database, *more, capture])

    def programs(self, capture):
        """Name to a function that runs it once."""
        programs = {
            "lastack": lambda: self.analyze(capture, self.path("bench.db"), "--no-dpi"),
            "pcap_loop": lambda: measured([self.options.pcap_loop, capture]),
        }
        if shutil.which("softflowd"):
            # an exporter nobody listens to; flows are made all the same
            programs["softflowd"] = lambda: measured(
                ["softflowd", "-r", capture, "-n", "127.0.0.1:9", "-d"])
        if shutil.which("ndpiReader") and self.names_applications(capture):
            programs["lastack, nDPI"] = lambda: self.analyze(capture, self.path("dpi.db"))
            programs["ndpiReader"] = lambda: measured(["ndpiReader", "-q", "-i", capture])
        return programs

    def names_applications(self, capture):
        self.analyze(capture, self.path("dpi.db"))
        with sqlite3.connect(self.path("dpi.db")) as db:
            return db.execute("SELECT count(*) FROM applications").fetchone()[0] > 0

    def beside_peers(self, capture):
        programs = self.programs(capture)
        runs = {name: [] for name in programs}
        for run in programs.values():  # the page cache
            run()
        for _ in range(self.rounds):
            for name, run in programs.items():
                runs[name].append(run())
        for name, taken in runs.items():
            self.table.row(f"{name}: wall s", None, [run.wall for run in taken])
            self.table.row(f"{name}: user + system s", None, [run.cpu for run in taken])
        own = runs["lastack"]

        def ratio(name, goal, one, other, field):
            if one in runs and other in runs:
                pairs = zip(runs[one], runs[other])
                self.table.row(name, goal, [getattr(x, field) / getattr(y, field) for x, y in pairs])

        ratio("analyze --no-dpi / softflowd, wall", 0.5, "lastack", "softflowd", "wall")
        ratio("analyze --no-dpi / empty pcap_loop, wall", 2.5, "lastack", "pcap_loop", "wall")
        ratio("analyze / ndpiReader, wall", 0.9, "lastack, nDPI", "ndpiReader", "wall")
        ratio("analyze --no-dpi / softflowd, user + system", 1.0, "lastack", "softflowd", "cpu")
        self.table.row("peak memory MB, --no-dpi", 64, [run.memory for run in own], "{:.1f}")

    def database_size(self):
        clean = self.generate("clean.pcap", 20000, 10, "--loss", "0", "--again", "0", "--snaplen", "96")
        self.analyze(clean, self.path("clean.db"), "--no-dpi")
        for name in ("bench.db", "clean.db"):
            with sqlite3.connect(self.path(name)) as db:
                count = db.execute("SELECT count(*) FROM connections").fetchone()[0]
            size = os.path.getsize(self.path(name)) / max(count, 1)
            # the goal is that of clean closes, as the bench capture holds them
            given = name == "bench.db" and self.options.capture
            told = "of the capture above" if name == "bench.db" else "generated, all classes"
            self.table.row(f"database bytes a connection, {told}", 160 if given else None, [size],
                           "{:.0f}")

    def scaling(self):
        count = 5000 if self.options.short else 60000
        one = self.generate("one.pcap", count, 120, "--snaplen", "96")
        ten = self.generate("ten.pcap", 10 * count, 1200, "--snaplen", "96")
        ones, tens = [], []
        for _ in range(self.rounds):
            ones.append(self.analyze(one, self.path("one.db"), "--no-dpi"))
            tens.append(self.analyze(ten, self.path("ten.db"), "--no-dpi"))
        self.table.row("ten times the connections, wall", 10.5,
                       [y.wall / x.wall for x, y in zip(ones, tens)])
        self.table.row("ten times the connections, user + system", 10.5,
                       [y.cpu / x.cpu for x, y in zip(ones, tens)])
        self.table.row("ten times the connections, peak memory MB", None,
                       [run.memory for run in tens], "{:.1f}")
        for path in (one, ten):
            os.remove(path)

    def reading(self):
        """Report and query on a large database."""
        count = 20000 if self.options.short else 2000000
        capture = self.generate("large.pcap", count, 3600, "--packets", "8", "--snaplen", "96",
                                "--clients", "2000")
        database = self.path("large.db")
        self.analyze(capture, database, "--no-dpi")
        os.remove(capture)
        lastack = self.options.lastack
        runs = [measured([lastack, "report", "--format", "text", "--db", database])
                for _ in range(self.rounds)]
        self.table.row(f"report --format text, {count:,} connections, s", 2,
                       [run.wall for run in runs])
        self.table.row("the same, peak memory MB", 200, [run.memory for run in runs], "{:.1f}")
        for option, value in QUERIES.items():
            runs = [measured([lastack, "query", "--db", database, option, value, "--limit", "100"])
                    for _ in range(self.rounds)]
            self.table.row(f"query {option} {value} --limit 100, s", 0.1, [run.wall for run in runs],
                           "{:.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lastack", required=True)
    parser.add_argument("--generate", required=True)
    parser.add_argument("--pcap-loop", required=True)
    parser.add_argument("--capture")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--folder", help="for databases and captures; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bench = Bench(options, folder)
        capture = options.capture
        if not capture:
            capture = bench.generate("bench.pcap", 10000 if options.short else 200000, 60)
        bench.beside_peers(os.path.realpath(capture))
        bench.database_size()
        bench.scaling()
        bench.reading()


if __name__ == "__main__":
    main()
