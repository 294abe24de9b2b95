"""What the program gives up before it reads, and what still works then."""
import os
import re
import subprocess
import time


def words_of(t):
	"""What --version says of the sandbox."""
	return re.search(r"^sandbox: (.*)$", t.run("--version").out, re.M).group(1)


def status_of(process):
	with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
		return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.M))


def status_while_reading(t, *words):
	"""The lines of /proc/PID/status of a run that waits for input."""
	process = t.start(*words, stdin=subprocess.PIPE)
	process.stdin.write(t.read(t.capture("four_way.pcap"))[:200])
	process.stdin.flush()
	for _ in range(500):
		if os.path.exists(t.path("t.db")):  # made once a capture's header is read
			break
		time.sleep(0.02)
	found = status_of(process)
	process.kill()
	process.wait()
	return found


def case_analyze_confined(t):
	"""analyze reads without new privileges and under a filter of system calls, unless --no-sandbox"""
	words = words_of(t)
	found = status_while_reading(t, "analyze", "--db", "t.db", "-")
	if words != "none":
		t.equal(found["NoNewPrivs"], "1", "NoNewPrivs")
	t.equal(found["Seccomp"], "2" if words.startswith("seccomp") else "0", "Seccomp")
	os.remove(t.path("t.db"))
	found = status_while_reading(t, "analyze", "--no-sandbox", "--db", "t.db", "-")
	t.equal((found["NoNewPrivs"], found["Seccomp"]), ("0", "0"), "walls with --no-sandbox")


def case_same_rows(t):
	"""with and without the sandbox: the same report"""
	files = [t.capture("sample.pcap"), t.capture("four_way.pcap")]
	first = t.run("analyze", "--db", ":memory:", *files)
	second = t.run("analyze", "--db", ":memory:", "--no-sandbox", *files)
	t.equal(first.out, second.out, "report")
	t.equal((first.code, first.err), (0, ""), "exit code and complaint", first)


def case_host_names(t):
	"""names in --filter are looked up before the network is given up, for any link type"""
	for file in ("four_way.pcap", "sample.pcap"):
		done = t.run("analyze", "--db", ":memory:", "--format", "none", "--filter",
			"not host localhost and tcp port http", t.capture(file))
		t.expect(done.code in (0, 3) and "localhost" not in done.err, "no complaint of the name", done)


def case_ways_to_files(t):
	"""captures and databases behind links, in other folders and in pipes are reached as ever"""
	os.mkdir(t.path("far"))
	os.symlink(t.capture("four_way.pcap"), t.path("link.pcap"))
	os.symlink("far/real.db", t.path("link.db"))
	t.analyze("--ladders", "all", "link.pcap", db="far/real.db")
	t.analyze("--ladders", "all", "link.pcap", t.capture("sample.pcap"), db="link.db")
	t.equal(sorted(os.listdir(t.path("far"))), ["real.db"], "files beside the database")
	with open(t.capture("four_way.pcap"), "rb") as file:
		t.analyze("/dev/stdin", stdin=file)
	with subprocess.Popen(["cat", t.capture("four_way.pcap")], stdout=subprocess.PIPE) as cat:
		t.analyze("/dev/fd/0", stdin=cat.stdout)
	done = t.run("show", "--db", "far/real.db", "--svg", "far/one.svg", "1")
	t.equal(done.code, 0, "exit code", done)
	done = t.run("extract", "--streams", "far/streams", "--db", "link.db", "--connection", "1", "link.pcap")
	t.equal(done.code, 0, "exit code", done)
