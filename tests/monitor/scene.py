"""Two network namespaces with a link between them, a monitor in one of them, and what is said of it."""
import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
CLIENT, SERVER = "10.99.0.1", "10.99.0.2"
SILENT = "10.99.0.77"
PORT = 8080

VIEWS = {
    "teardowns": "SELECT * FROM teardowns",
    "findings": "SELECT t.initiator_ip, t.initiator_port, t.responder_ip, t.responder_port, t.first_ns,"
                " f.* FROM findings AS f JOIN teardowns AS t USING (connection_id)",
    "timeline": "SELECT t.initiator_ip, t.initiator_port, t.responder_ip, t.responder_port, t.first_ns,"
                " l.* FROM timeline AS l JOIN teardowns AS t USING (connection_id)",
}
OURS = ("connection_id", "capture")


def wait_until(true, seconds=10, what="it"):
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come in {seconds} s")
        time.sleep(0.02)


def is_time(name):
    return "_ns" in name


def plain(value):
    """None sorts with nothing else; a sentence's seconds are times."""
    if value is None:
        return ""
    return re.sub(r"\d+\.\d+ s", "N s", value) if isinstance(value, str) else value


def rows(database, view="teardowns", leave=OURS):
    """Names, and rows as (all but times, times), sorted."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        cursor = db.execute(VIEWS[view])
        names = [c[0] for c in cursor.description]
        others = [i for i, n in enumerate(names) if n not in leave and not is_time(n)]
        times = [i for i, n in enumerate(names) if n not in leave and is_time(n)]
        both = sorted((tuple(plain(row[i]) for i in others), tuple(plain(row[i]) for i in times))
                      for row in cursor)
        return [names[i] for i in others], [names[i] for i in times], both


def apart(here, there, within_ns):
    if isinstance(here, str) or isinstance(there, str):
        return here != there
    return abs(here - there) > within_ns


def one(database, sql):
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as db:
        return db.execute(sql).fetchone()


def differences(here, there, leave=OURS, within_ns=0):
    """Sentences about rows of two databases that are not the same. within_ns: two sockets may stamp a packet
    one after the other."""
    found = []
    for view in VIEWS:
        names, times, left = rows(here, view, leave)
        _, _, right = rows(there, view, leave)
        only = [collections.Counter(r[0] for r in left) - collections.Counter(r[0] for r in right),
                collections.Counter(r[0] for r in right) - collections.Counter(r[0] for r in left)]
        if only[0] or only[1]:
            found.append(f"{view}: {only[0].total()} rows only in {here}, {only[1].total()} only in {there}")
            for a, b in list(zip(sorted(only[0]), sorted(only[1])))[:3]:
                found.append(f"  {a[:4]}: " + ", ".join(
                    f"{n} {x!r} {y!r}" for n, x, y in zip(names, a, b) if x != y))
            continue
        for a, b in zip(left, right):
            wrong = [f"{n} {x!r} {y!r}" for n, x, y in zip(times, a[1], b[1]) if apart(x, y, within_ns)]
            if wrong:
                found.append(f"{view}: {a[0][:4]}: " + ", ".join(wrong))
    return found[:20]


def hear_hangups():
    """Tests may be run by nohup, whose children ignore them."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Process:
    """A program with what it says in a file."""

    def __init__(self, arguments, log):
        self.log = pathlib.Path(log)
        with open(log, "w") as out:
            self.process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, start_new_session=True,
                                            preexec_fn=hear_hangups)

    def says(self, text):
        return text in self.log.read_text()

    def wait_for(self, text, seconds=20):
        wait_until(lambda: self.says(text) or self.process.poll() is not None, seconds, repr(text))
        if not self.says(text):
            raise AssertionError(f"ended without {text!r}: {self.log.read_text()}")

    def send(self, number):
        self.process.send_signal(number)

    def kill_group(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self, number=signal.SIGTERM, seconds=30):
        if self.process.poll() is None:
            self.send(number)
        return self.process.wait(seconds)


class Scene:
    def __init__(self, lastack, folder, name="lsk"):
        self.lastack = str(pathlib.Path(lastack).resolve())
        self.folder = pathlib.Path(folder)
        self.left, self.right = f"{name}l{os.getpid()}", f"{name}r{os.getpid()}"
        self.running = []

    def ip(self, *words, namespace=None):
        command = ["ip"] + (["-n", namespace] if namespace else []) + list(words)
        subprocess.run(command, check=True, capture_output=True)

    def __enter__(self):
        for namespace in (self.left, self.right):
            self.ip("netns", "add", namespace)
            # no packets but the test's own
            subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c",
                            "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"], check=True)
            self.ip("link", "set", "lo", "up", namespace=namespace)
        self.link()
        return self

    def link(self):
        self.ip("link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", self.right,
                namespace=self.left)
        self.ip("addr", "add", f"{CLIENT}/24", "dev", "va", namespace=self.left)
        self.ip("addr", "add", f"{SERVER}/24", "dev", "vb", namespace=self.right)
        for namespace, device in ((self.left, "va"), (self.right, "vb")):
            self.ip("link", "set", device, "up", namespace=namespace)
        self.ip("neigh", "replace", SILENT, "lladdr", "02:00:00:00:00:77", "dev", "va",
                namespace=self.left)

    def __exit__(self, *_):
        for process in self.running:
            process.kill_group()
        for namespace in (self.left, self.right):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)

    def start(self, name, namespace, *arguments):
        process = Process(["ip", "netns", "exec", namespace, *map(str, arguments)],
                          self.folder / f"{name}.log")
        self.running.append(process)
        return process

    def serve(self, address=SERVER, name="server"):
        server = self.start(name, self.right, sys.executable, HERE / "traffic.py", "serve", address, PORT)
        server.wait_for("serving")
        return server

    def monitor(self, database, *options, interface="va", name="monitor"):
        monitor = self.start(name, self.left, self.lastack, "monitor", "-i", interface, "--db", database,
                             "--interval", "0", *options)
        monitor.wait_for("watching")
        return monitor

    def tcpdump(self, capture, interface="va", name="tcpdump"):
        """What monitor's default filter leaves out is left out: the last packet of all ends the watching."""
        words = ("not", "arp", "and", "not", "igmp", "and", "not", "(icmp6 and ip6[40] >= 128)")
        dump = self.start(name, self.left, "tcpdump", "--nano", "-B", "65536", "-U", "-s", "0", "-i",
                          interface, "-Z", "root", "-w", capture, *words)
        dump.wait_for("listening on")
        return dump

    def close(self, count, address=SERVER, silent=True):
        subprocess.run(["ip", "netns", "exec", self.left, sys.executable, HERE / "traffic.py", "close",
                        address, str(PORT), str(count), *([SILENT] if silent else [])],
                       check=True, timeout=600)

    def inject(self, capture):
        """The frames of a capture, as they are, from the far end of the link."""
        subprocess.run(["ip", "netns", "exec", self.right, sys.executable, HERE / "frames.py", "send", "vb",
                        capture], check=True, timeout=60)

    def hold(self, count, seconds, name="hold"):
        held = self.start(name, self.left, sys.executable, HERE / "traffic.py", "hold", SERVER, PORT,
                          count, seconds)
        held.wait_for("held")
        return held

    def analyze(self, database, capture, *options):
        run = subprocess.run([self.lastack, "analyze", "-q", "--no-dpi", "--db", database, *options,
                              capture], timeout=600, stderr=subprocess.DEVNULL)
        assert run.returncode in (0, 3), run.returncode  # 3: the capture is damaged at its end


def can_make_namespaces():
    if os.geteuid() != 0 or not shutil.which("ip"):
        return "not root, or no ip"
    probe = f"lskp{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    return None if made.returncode == 0 else made.stderr.strip()
