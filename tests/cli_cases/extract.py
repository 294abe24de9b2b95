"""extract: streams and packets out of captures, and what becomes of the files."""
import csv
import os
import resource
import shutil
import signal
import subprocess

from cli_cases import bench, pcap, tcp
from cli_cases.interruption import wait_for_sleep


def extract(t, *words, code=0, **options):
	done = t.run("extract", *words, **options)
	t.equal(done.code, code, "exit code", done)
	return done


def table(t, name, folder="out"):
	with open(os.path.join(t.folder, folder, name), encoding="utf-8", newline="") as file:
		return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def streams(t, folder="out"):
	"""{(source, target): bytes} by the index; parts after one another."""
	found = {}
	for row in table(t, "index.tsv", folder):
		ends = (row["initiator"], row["responder"])
		key = ends if row["side"] == "initiator" else ends[::-1]
		if row["file"] != "-":
			data = t.read(os.path.join(t.folder, folder, row["file"]))
			found[key] = found.get(key, b"") + data
	return found


def files(t, folder="out"):
	return sorted(os.listdir(os.path.join(t.folder, folder)))


def limit_files(size):
	"""Files may grow to this size in the process that is started with it."""
	return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


A, B = "192.0.2.1:40000", "192.0.2.2:80"


def simple(t, name="simple.pcap", **changes):
	"""One connection; returns the capture and what each end sent."""
	c = tcp.Connection(**changes)
	c.open()
	c.segment(0, b"GET / HTTP/1.1\r\n\r\n")
	c.segment(1, b"HTTP/1.1 200 OK\r\n\r\nhello")
	c.close()
	return tcp.capture(t.path(name), c)


def case_streams(t):
	"""a file a direction, named by time, first packet and both ends, and an index"""
	done = extract(t, "--streams", "out", simple(t))
	t.equal(done.out, "", "standard output")
	t.equal(files(t), ["20260105T090000.001000000Z-p1-192.0.2.1.40000-192.0.2.2.80.stream",
		"20260105T090000.001000000Z-p1-192.0.2.2.80-192.0.2.1.40000.stream", "gaps.tsv",
		"index.tsv"], "files")
	t.equal(streams(t), {(A, B): b"GET / HTTP/1.1\r\n\r\n", (B, A): b"HTTP/1.1 200 OK\r\n\r\nhello"},
		"streams")
	rows = table(t, "index.tsv")
	t.equal([(r["connection"], r["side"], r["bytes"], r["gaps"], r["teardown"], r["complete"])
		for r in rows], [("1", "initiator", "18", "0", "three_segment", "1"),
		("1", "responder", "24", "0", "three_segment", "1")], "index")


def case_streams_sample(t):
	"""as many bytes as the database counts, on a capture of real stacks"""
	t.analyze(t.capture("sample.pcap"))
	extract(t, "--streams", "out", t.capture("sample.pcap"))
	wanted = {}
	for row in t.rows():
		for side in ("initiator", "responder"):
			wanted[row["first_ns"], row["initiator_port"], side] = row["bytes_" + side]
	t.equal(sum(int(r["bytes"]) for r in table(t, "index.tsv")), sum(wanted.values()), "bytes")
	t.equal(len(table(t, "index.tsv")), len(wanted), "directions")
	t.equal(len(files(t)), 2 + sum(1 for size in wanted.values() if size), "files")


def case_order(t):
	"""wrap, reordering, retransmission, overlap and IPv6 come out as sent"""
	c = tcp.Connection("2001:db8::1", "2001:db8::2", isn=0xfffffff0)
	c.open()
	first = c.next[0]
	sent = bytes(range(65, 91)) * 2
	for start, end in ((26, 40), (0, 10), (5, 26), (0, 26), (40, 52), (30, 45)):
		c.segment(0, sent[start:end], seq=first + start, advance=False)
	c.next[0] = first + len(sent)
	c.segment(1)
	c.close()
	extract(t, "--streams", "out", tcp.capture(t.path("c.pcap"), c))
	t.equal(streams(t), {("[2001:db8::1]:40000", "[2001:db8::2]:80"): sent}, "streams")
	t.expect(files(t)[0].endswith("-p1-2001_db8__1.40000-2001_db8__2.80.stream"), "a name",
		files(t))


def case_overlap(t):
	"""--overlap says which of two copies a stream has"""
	c = tcp.Connection()
	c.open()
	first = c.next[0]
	c.segment(0, b"BBBB", seq=first + 4, advance=False)
	c.segment(0, b"CC", seq=first + 5, advance=False)
	c.segment(0, b"AAAA", seq=first, advance=False)
	c.next[0] = first + 8
	c.segment(1)
	c.close()
	path = tcp.capture(t.path("c.pcap"), c)
	for words, wanted in (((), b"AAAABBBB"), (("--overlap", "last"), b"AAAABCCB")):
		extract(t, "--streams", "out", "--overwrite", *words, path)
		t.equal(streams(t)[A, B], wanted, "stream")
	extract(t, "--streams", "conflicts", "--finding", "overlap-conflict", path)
	t.equal(len(table(t, "index.tsv", "conflicts")), 2, "directions with the finding")


def with_gap(t):
	c = tcp.Connection()
	c.open()
	c.segment(0, b"before")
	c.next[0] += 10
	c.segment(1)
	c.segment(0, b"after")
	c.segment(1)
	c.close()
	return tcp.capture(t.path("gap.pcap"), c)


def case_gaps(t):
	"""--gaps skip, zero, split; gaps.tsv tells where"""
	path = with_gap(t)
	for mode, wanted in ((None, b"beforeafter"), ("skip", b"beforeafter"),
			("zero", b"before" + bytes(10) + b"after"), ("split", b"beforeafter")):
		out = "out-%s" % mode
		extract(t, "--streams", out, *(("--gaps", mode) if mode else ()), path)
		t.equal(streams(t, out), {(A, B): wanted}, "streams with --gaps %s" % mode)
		gaps = table(t, "gaps.tsv", out)
		t.equal([(g["connection"], g["side"], g["offset"], g["length"]) for g in gaps],
			[("1", "initiator", "6", "10")], "gaps")
		rows = [r for r in table(t, "index.tsv", out) if r["side"] == "initiator"]
		t.equal([(r["offset"], r["bytes"], r["gaps"], r["gap_bytes"]) for r in rows],
			[("0", "6", "0", "0"), ("16", "5", "1", "10")] if mode == "split"
			else [("0", "11", "1", "10")], "index")
	t.expect(any("-at000000000016.stream" in name for name in files(t, "out-split")), "a part's name",
		files(t, "out-split"))


def case_join(t):
	"""a capture cut in two gives with --join what the whole gives"""
	header, records = pcap.read(t.capture("sample.pcap"))
	pcap.write(t.path("a.pcap"), header, records[:500])
	pcap.write(t.path("b.pcap"), header, records[500:])
	extract(t, "--streams", "whole", t.capture("sample.pcap"))
	extract(t, "--streams", "joined", "--join", t.path("a.pcap"), t.path("b.pcap"))
	extract(t, "--streams", "apart", t.path("a.pcap"), t.path("b.pcap"))

	def content(folder):
		"""What tells of names and numbers of the captures left out."""
		return sorted((r["first_time"], r["initiator"], r["side"], r["bytes"], r["teardown"],
			b"" if r["file"] == "-" else t.read(os.path.join(t.folder, folder, r["file"])))
			for r in table(t, "index.tsv", folder))
	t.equal(content("joined"), content("whole"), "joined and whole")
	t.expect(content("apart") != content("whole"), "other streams where the files stand alone")
	t.expect(any("-c2-p" in name for name in files(t, "apart")), "names that tell the capture",
		files(t, "apart"))
	t.equal({r["capture"] for r in table(t, "index.tsv", "apart")},
		{t.path("a.pcap"), t.path("b.pcap")}, "captures in the index")


def case_select(t):
	"""the filters of query, over a first pass or a database, and --connection"""
	sample = t.capture("sample.pcap")
	t.analyze(sample, db="lastack.db")
	wanted = t.rows("lastack.db", where="teardown = 'rst_abort'")
	ports = sorted(r["initiator_port"] for r in wanted)

	def selected(*words):
		shutil.rmtree(t.path("out"), ignore_errors=True)
		extract(t, "--streams", "out", *words, sample)
		rows = table(t, "index.tsv")
		return sorted({int(r["initiator"].rpartition(":")[2]) for r in rows}), {r["id"] for r in rows}
	by_pass, ids = selected("--teardown", "rst_abort")
	t.equal((by_pass, ids), (ports, {"-"}), "connections by a first pass")
	by_database, ids = selected("--teardown", "rst_abort", "--db", "lastack.db")
	t.equal((by_database, ids), (ports, {str(r["connection_id"]) for r in wanted}),
		"connections by the database")
	words = [w for r in wanted[:3] for w in ("--connection", str(r["connection_id"]))]
	by_id, ids = selected(*words)
	t.equal(ids, {str(r["connection_id"]) for r in wanted[:3]}, "connections by id")
	worse, _ = selected("--severity", "warning", "--server", "192.168.20.81")
	t.equal(worse, sorted(r["initiator_port"] for r in t.rows("lastack.db", where="connection_id IN"
		" (SELECT connection_id FROM findings WHERE severity <> 'info') AND responder_ip ="
		" '192.168.20.81'")), "connections by severity and server")
	by_host, _ = selected("--host", "192.168.20.81", "--port", "8080")
	t.equal(by_host, sorted(r["initiator_port"] for r in t.rows("lastack.db",
		where="responder_ip = '192.168.20.81' AND responder_port = 8080")), "connections by host")


def case_select_nothing(t):
	"""nothing selected: says so, 0; a connection that is not there: 1"""
	path = simple(t)
	done = extract(t, "--streams", "out", "--port", "9", path)
	t.says(done, "no connection matches")
	done = extract(t, "--pcap", "none.pcap", "--port", "9", path)
	t.says(done, "no connection matches")
	t.expect(not os.path.exists(t.path("none.pcap")), "no file")
	t.analyze(path, db="lastack.db")
	t.fails(t.run("extract", "--streams", "o2", "--connection", "77", path), 1,
		"lastack.db has no connection 77")
	other = simple(t, "other.pcap", sport=5)
	t.fails(t.run("extract", "--streams", "o3", "--connection", "1", other), 1,
		"connection 1 is not in the captures")
	t.equal(table(t, "index.tsv", "o3"), [], "index")


def case_pcap(t):
	"""--pcap: byte for byte, in order, handshake to late segments, duplicates and fragments"""
	c = tcp.Connection()
	c.open()
	c.segment(0, bytes(range(256)) * 12, mtu=1000)
	c.records.append(tcp.record(pcap.frame(c.records[-1]), c.at + 5))  # a fragment again
	c.segment(1, b"x")
	c.records.append(tcp.record(pcap.frame(c.records[-1]), c.at + 1))  # a capture duplicate
	c.close()
	c.segment(0, flags=tcp.RST, seq=c.next[0])  # late
	other = tcp.Connection("192.0.2.7", at=500)
	other.open()
	other.close()
	path = tcp.capture(t.path("c.pcap"), c, other)
	extract(t, "--pcap", "one.pcap", "--host", "192.0.2.1", path)
	_, records = pcap.read(t.path("one.pcap"))
	wanted = [r for r in sorted(c.records, key=lambda r: pcap.RECORD.unpack_from(r)[:2])]
	# the fragment that came when its datagram was whole waits for another one, in vain
	alone = [r for r in wanted if r not in records]
	t.equal(len(alone), 1, "records left out")
	t.equal(records, [r for r in wanted if r not in alone], "records")
	extract(t, "--pcap", "all.pcap", t.capture("sample.pcap"))
	t.equal(pcap.read(t.path("all.pcap"))[1], pcap.read(t.capture("sample.pcap"))[1],
		"all packets of a capture of TCP alone")
	piped = t.run("extract", "--pcap", "-", t.capture("sample.pcap"), stdout=subprocess.PIPE)
	t.equal(piped.code, 0, "exit code", piped)
	t.expect(len(piped.out) > 100000, "packets on standard output")


def case_pcap_read_by_others(t):
	"""tshark and tcpdump read what is written"""
	extract(t, "--pcap", "p.pcap", "--teardown", "rst_abort", t.capture("sample.pcap"))
	readers = {"tshark": ["tshark", "-r", "p.pcap"], "tcpdump": ["tcpdump", "-nr", "p.pcap"]}
	there = {name: command for name, command in readers.items() if shutil.which(name)}
	if not there:
		raise bench.Skip("neither tshark nor tcpdump is installed")
	count = len(pcap.read(t.path("p.pcap"))[1])
	for name, command in there.items():
		done = subprocess.run(command, cwd=t.folder, stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL, timeout=bench.TIMEOUT)
		t.equal((done.returncode, done.stdout.count(b"\n")), (0, count), "packets by " + name)


def case_pcap_link_types(t):
	"""packets of two link types do not go into one file; the message names them"""
	header, records = pcap.read(simple(t))
	raw = [pcap.with_frame(r, pcap.frame(r)[14:]) for r in records]
	pcap.write(t.path("raw.pcap"), pcap.with_link_type(header, 101), raw)
	done = t.run("extract", "--pcap", "p.pcap", t.path("simple.pcap"), t.path("raw.pcap"))
	t.fails(done, 1, r"packet 1 of .*simple.pcap is Ethernet \(1\).*raw.pcap is .*\(101\)")
	t.equal(sorted(os.listdir(t.folder)), ["raw.pcap", "simple.pcap"], "files")


def case_taken(t):
	"""files that are there stay as they are, unless --overwrite is given; links are not followed"""
	path = simple(t)
	extract(t, "--streams", "out", path)
	names = files(t)
	os.remove(t.path("out/index.tsv"))
	os.remove(t.path("out/gaps.tsv"))
	os.remove(os.path.join(t.folder, "out", names[1]))
	t.write("target", b"mine")
	os.symlink("../target", os.path.join(t.folder, "out", names[1]))
	before = t.read(os.path.join(t.folder, "out", names[0]))
	t.write(os.path.join("out", names[0]), b"kept")
	done = t.run("extract", "--streams", "out", path)
	t.fails(done, 1, names[0] + " is there already; --overwrite")
	t.equal(files(t), names[:2], "files")
	t.equal(t.read(os.path.join(t.folder, "out", names[0])), b"kept", "the file that was there")
	extract(t, "--streams", "out", "--overwrite", path)
	t.equal(files(t), names, "files")
	t.equal(t.read(os.path.join(t.folder, "out", names[0])), before, "the file that was there")
	t.equal(t.read(t.path("target")), b"mine", "what the link led to")
	t.expect(not os.path.islink(os.path.join(t.folder, "out", names[1])), "no link any more")
	t.write("p.pcap", b"mine")
	t.fails(t.run("extract", "--pcap", "p.pcap", path), 1, "p.pcap is there already")
	t.equal(t.read(t.path("p.pcap")), b"mine", "the file that was there")
	extract(t, "--pcap", "p.pcap", "--overwrite", path)
	t.equal(len(pcap.read(t.path("p.pcap"))[1]), 8, "packets")


def case_full(t):
	"""no room: a clear error, and no file stays"""
	c = tcp.Connection()
	c.open()
	for number in range(200):
		c.segment(0, bytes([number]) * 1000)
	c.close()
	small = tcp.Connection("192.0.2.9")
	small.open()
	small.segment(0, b"small")
	small.segment(0, flags=tcp.RST)
	path = tcp.capture(t.path("c.pcap"), c, small)
	for words in (("--streams", "out"), ("--pcap", "p.pcap")):
		done = t.run("extract", *words, path, preexec_fn=limit_files(100000))
		t.fails(done, 1, "File too large")
		t.equal(os.listdir(t.folder), ["c.pcap"], "files")


def case_full_disk(t):
	"""a full disk: a clear error, and no file stays"""
	disk = t.path("disk")
	os.mkdir(disk)
	mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", disk],
		stderr=subprocess.DEVNULL) if shutil.which("mount") else None
	if not mounted or mounted.returncode:
		raise bench.Skip("a small file system cannot be mounted here")
	try:
		for words in (("--streams", disk + "/out"), ("--pcap", disk + "/p.pcap")):
			done = t.run("extract", *words, t.capture("sample.pcap"))
			t.fails(done, 1, "No space left on device")
			t.equal(os.listdir(disk), [], "files")
	finally:
		subprocess.run(["umount", disk], check=True)


def case_interrupted(t):
	"""SIGINT and SIGTERM: dies by it, and no file stays"""
	data = t.read(t.capture("sample.pcap"))
	for number in (signal.SIGINT, signal.SIGTERM):
		process = t.start("extract", "--streams", "out", "-", stdin=subprocess.PIPE)
		process.stdin.write(data[:150000])
		process.stdin.flush()
		wait_for_sleep(process)
		process.send_signal(number)
		t.equal(process.wait(20), -number, "ended by the signal")
		t.equal(process.stderr.read(), b"", "complaint")
		t.equal(os.listdir(t.folder), [], "files left")


def case_damaged(t):
	"""what came before the damage is written, and 3 says that more is missing"""
	data = t.read(t.capture("sample.pcap"))
	path = t.write("cut.pcap", data[:100000])
	done = extract(t, "--streams", "out", path, code=3)
	t.says(done, "cut.pcap")
	t.expect(len(streams(t)) > 20, "streams before the damage", len(streams(t)))
	extract(t, "--pcap", "p.pcap", path, code=3)
	count = len(pcap.read(t.path("p.pcap"))[1])
	t.equal(pcap.read(t.path("p.pcap"))[1], pcap.read(t.capture("sample.pcap"))[1][:count], "packets")
	t.fails(t.run("extract", "--streams", "o2", t.path("none.pcap")), 1, "none.pcap")
	t.expect(not os.path.exists(t.path("o2")), "no folder")


def case_standard_input(t):
	"""standard input gives streams, and is refused where it would be read twice"""
	data = t.read(t.capture("sample.pcap"))
	extract(t, "--streams", "whole", t.capture("sample.pcap"))
	extract(t, "--streams", "out", "-", input=data)
	t.equal(streams(t), streams(t, "whole"), "streams")
	for words in (("--pcap", "p.pcap"), ("--streams", "o2", "--closer", "both")):
		t.fails(t.run("extract", *words, "-", input=data), 2, "'-' can be read only once")


def case_usage(t):
	"""what does not go together is refused with 2 and the next step"""
	path = simple(t)
	for words, pattern in (
			((path,), "--streams DIR or --pcap FILE"),
			(("--streams", "o", "--pcap", "p", path), "cannot be had at once"),
			(("--streams", "o"), "no capture file"),
			(("--pcap", "p", "--gaps", "zero", path), "--gaps is for --streams"),
			(("--streams", "o", "--gaps", "none", path), "none of skip, zero, split"),
			(("--streams", "o", "--connection", "1", "--port", "80", path), "takes no filters"),
			(("--streams", "o", "--db", "x.db", path), "--connection, or a filter"),
			(("--streams", "o", "--connection", "one", path), "--connection: 'one'"),
			(("--streams", "o", "--host", "nowhere", path), "nowhere"),
			(("--streams", "o", "--filter", "tcp prot 1", path), "tcp prot 1"),
			(("--pcap", path, "--overwrite", path), "is one of the captures"),
			(("--streams", "", path), "is empty"),
			(("--streems", "o", path), "did you mean '--streams'"),
			(("--streams", "o", "--finding", "close-wait-stack", path), "did you mean")):
		t.fails(t.run("extract", *words), 2, pattern)
	t.equal(os.listdir(t.folder), ["simple.pcap"], "files")


def case_many(t):
	"""thousands of streams at once; a handful of descriptors is enough"""
	header, records = pcap.read(simple(t))
	pcap.write_many(t.path("many.pcap"), header, records, 1000, 10)
	started = resource.getrlimit(resource.RLIMIT_NOFILE)
	extract(t, "--streams", "out", t.path("many.pcap"),
		preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (160, started[1])))
	t.equal(len(files(t)), 2 * 1000 + 2, "files")
	t.equal(set(streams(t).values()), {b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello"},
		"what streams hold")
