"""What attackers put into captures, names and folders does nothing to terminals, sheets, pages and files."""
import json
import os
import re
import shutil
import stat
import struct

from cli_cases import bench, tcp
from cli_cases.applications import need_ndpi
from cli_cases.output import CONTROL

FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1")
EVIL_HOST = b"\x1b]0;owned\x07\x1b[31m\xc2\x9b31m<script>alert(1)</script>|`x`.example"


def modes(t, folder):
	return {name: oct(stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode))
		for name in os.listdir(folder)}


def without_umask(t, *words):
	return t.run(*words, preexec_fn=lambda: os.umask(0))


def case_modes(t):
	"""what is written can be read by its owner alone: databases, streams, packets, pictures"""
	shutil.copy(t.capture("bad_fin_moved.pcap"), t.path("c.pcap"))
	os.chmod(t.path("c.pcap"), 0o600)
	for words in (["analyze", "--format", "none", "--db", "t.db", "c.pcap"],
			["extract", "--streams", "out", "c.pcap"], ["extract", "--pcap", "out.pcap", "c.pcap"],
			["show", "t.db", "1", "--svg", "a.svg"]):
		done = without_umask(t, *words)
		t.equal(done.code, 0, "exit code", done)
	t.equal(modes(t, t.folder), {"c.pcap": "0o600", "t.db": "0o600", "out": "0o700",
		"out.pcap": "0o600", "a.svg": "0o600"}, "modes")
	t.equal(set(modes(t, t.path("out")).values()), {"0o600"}, "modes of streams")


def case_umask(t):
	"""a umask that takes more away is heeded"""
	done = t.run("extract", "--pcap", "out.pcap", t.capture("four_way.pcap"),
		preexec_fn=lambda: os.umask(0o277))
	t.equal(done.code, 0, "exit code", done)
	t.equal(modes(t, t.folder), {"out.pcap": "0o400"}, "mode")


def case_links(t):
	"""no link at a name that is written to is followed"""
	t.write("mine", b"mine")
	for target in ("mine", "nowhere"):
		for name, words in (("l.pcap", ["extract", "--pcap", "l.pcap", t.capture("four_way.pcap")]),
				("l.pcap", ["extract", "--overwrite", "--pcap", "l.pcap", t.capture("four_way.pcap")]),
				("l.db", ["analyze", "--db", "l.db", t.capture("four_way.pcap")]),
				("t.db-journal", ["analyze", "--db", "t.db", t.capture("four_way.pcap")])):
			os.symlink(target, t.path(name))
			t.run(*words)
			t.equal(t.read(t.path("mine")), b"mine", "what a link led to, " + " ".join(words[:3]))
			t.expect(not os.path.exists(t.path("nowhere")), "nothing where a link led", words)
			if os.path.lexists(t.path(name)):
				os.remove(t.path(name))
			if os.path.exists(t.path("t.db")):
				os.remove(t.path("t.db"))


def case_links_in_folder(t):
	"""extract --overwrite takes the place of links in its folder, and leaves where they led"""
	t.write("mine", b"mine")
	os.mkdir(t.path("out"))
	for name in ("index.tsv", "gaps.tsv"):
		os.symlink(t.path("mine"), t.path("out/" + name))
	done = t.run("extract", "--overwrite", "--streams", "out", t.capture("four_way.pcap"))
	t.equal(done.code, 0, "exit code", done)
	t.equal(t.read(t.path("mine")), b"mine", "what the links led to")
	t.expect(not os.path.islink(t.path("out/index.tsv")), "the index is a file")


def case_folder_link(t):
	"""names of streams hold nothing of the capture but addresses, ports and times"""
	done = t.run("extract", "--streams", "out", t.capture("sample.pcap"))
	t.equal(done.code, 0, "exit code", done)
	names = [n for n in os.listdir(t.path("out")) if not n.endswith(".tsv")]
	t.expect(names and all(re.fullmatch(r"[0-9A-Za-z.:_\-]+", n) and not n.startswith(".")
		for n in names), "names", names[:3])


def case_formulas(t):
	"""a cell of CSV that a spreadsheet would take for a formula begins with an apostrophe, quoted"""
	t.analyze(t.capture("four_way.pcap"))
	for text in FORMULAS:
		done = t.run("query", "--format", "csv", "--sql", "SELECT '%s' AS x" % text, "t.db")
		t.equal(done.code, 0, "exit code", done)
		t.expect('"\'' + text.strip("\r\n") in done.out.replace("\r\n", "\n") or
			'"\'' + text in done.out, "the cell", repr(done.out))
		shutil.copy(t.capture("four_way.pcap"), t.path(text))
		done = t.run("analyze", "--format", "none", "--db", "f.db", "--", text)
		t.equal(done.code, 0, "exit code", done)
	done = t.run("query", "--format", "csv", "f.db")
	t.expect(not re.search(r'(^|,)"?[=+@\t\r-][^,\d]', done.out.replace("\r\n", "\n"), re.M),
		"no cell that begins a formula", repr(done.out))


def evil_capture(t):
	c = tcp.Connection()
	c.open()
	c.segment(0, b"GET / HTTP/1.1\r\nHost: " + EVIL_HOST + b"\r\nUser-Agent: " + EVIL_HOST + b"\r\n\r\n")
	c.segment(1, b"HTTP/1.1 200 OK\r\nServer: " + EVIL_HOST + b"\r\nContent-Length: 0\r\n\r\n")
	c.close()
	return tcp.capture(t.path("evil.pcap"), c)


def case_evil_payload(t):
	"""a server's name with escape sequences and markup in it is harmless in every output"""
	need_ndpi(t)
	evil_capture(t)
	t.analyze("--ladders", "all", "--mark", "owned\x07\x1b[31m", "evil.pcap")
	t.expect("script" in repr(t.sql("SELECT server_name FROM teardowns")), "the name in the database",
		t.sql("SELECT server_name FROM teardowns"))
	for words in (["report", "t.db"], ["report", "--format", "md", "t.db"], ["query", "t.db"],
			["report", "--format", "json", "t.db"], ["query", "--format", "json", "t.db"],
			["query", "--by", "server-name", "t.db"], ["show", "t.db", "1"],
			["query", "--sql", "SELECT server_name FROM teardowns", "t.db"],
			["query", "--sql", "SELECT * FROM found", "t.db"], ["show", "--format", "json", "t.db", "1"],
			["query", "--server-name", "owned", "t.db"], ["show", "--ladder", "t.db", "1"], ["query", "--format", "csv", "t.db"]):
		done = t.run(*words)
		if done.code == 2:
			continue  # no such way of grouping
		t.equal(done.code, 0, "exit code", done)
		t.expect(not CONTROL.search((done.out + done.err).replace("\r\n", "\n")), "no control characters from %s" % words,
			repr(done.out))
	page = t.run("report", "--format", "html", "t.db").out
	t.expect("<script>alert" not in page, "no markup of the name in the page")
	t.expect(not CONTROL.search(page.replace("\r", "")), "no control characters in the page")


# What would be SQL if it became part of a statement; each fits a file's name but for the last ones.
SQL_TEXTS = ("'", '"', "''", "';DROP TABLE connections;--", "' OR 1=1 --", "x' OR '1'='1", "\") OR (\"\"=\"", "%", "_", "?1",
	":host", "@x", "$y", "\\", "`", "[a]", "%s%n", "x'41'", "NULL", "\x01", "\u00e4' --", "\udcff'")
LONG = "';" * 5120


def told(t, done):
	t.equal(done.code, 0, "exit code", done)
	return [json.loads(line) for line in done.out.splitlines()]


def case_sql_in_options(t):
	"""text of any option that could be SQL matches as it stands, or is refused; the database stays"""
	shutil.copy(t.library(), t.path("t.db"))
	before, rows = t.read(t.path("t.db")), t.rows()
	holding = {"--server-name": "server_name", "--tunnel": "tunnel"}
	for text in (*SQL_TEXTS, LONG):
		for option in ("--server-name", "--tunnel", "--capture", "--application", "--community-id"):
			found = told(t, t.run("query", "--format", "json", option, text, "t.db"))
			wanted = [r for r in rows if text.lower() in (r[holding[option]] or "").lower()] \
				if option in holding else []
			t.equal(len(found), len(wanted), "connections with %s %r" % (option, text))
	for text in (*SQL_TEXTS[::4], LONG):
		for option in ("--teardown", "--closer", "--end-reason", "--cause", "--stage", "--reset-by", "--time-wait",
				"--state", "--finding", "--severity", "--host", "--client", "--server", "--port", "--vlan",
				"--since", "--until", "--min-duration", "--by", "--limit", "--format"):
			t.fails(t.run("query", option, text, "t.db"), 2)
		t.fails(t.run("query", "--contains", text, "t.db"), 2, "no recording")
		t.fails(t.run("show", "t.db", text), 2)
		t.fails(t.run("report", "--against", text, "t.db"), 1)
		t.fails(t.run("report", text), 1)
		t.expect(t.run("extract", "--connection", text, "--db", "t.db", "--streams", "out").code in (1, 2), "refused")
		done = t.run("extract", "--overwrite", "--streams", "out", "--server-name", text,
			"--db", "t.db", t.capture("sample.pcap"))
		t.equal(done.code, 0, "exit code", done)
		t.equal([n for n in os.listdir(t.path("out")) if n.endswith(".stream")], [], "streams of %r" % text)
	t.fails(t.run("query", "--contains", "hex:00273b00", "t.db"), 2, "no recording")
	t.equal(t.read(t.path("t.db")), before, "the database, byte by byte")
	t.equal(sorted(os.listdir(t.folder)), ["out", "t.db"], "files")


def case_sql_in_contents(t):
	"""names of files, servers and marks that could be SQL are stored and found as they stand"""
	names = [text for text in SQL_TEXTS if text != "\udcff'"]
	marks, connections = [], []
	for number, text in enumerate(names):
		data = text.encode("utf-8")
		c = tcp.Connection(sport=41000 + number, at=number * 10000)
		c.open()
		c.segment(0, b"GET / HTTP/1.1\r\nHost: a" + data + b"b.example\r\n\r\n")
		c.segment(1, b"\0<" + data + b">\0" + data + b"\0;\xff" + data)
		c.close()
		connections.append(c)
		marks += ["--mark", "<" + text + ">"]
		shutil.copy(t.capture("four_way.pcap"), t.path(text))
	tcp.capture(t.path("evil.pcap"), *connections)
	for again in range(2):  # the second time what is there is looked for and replaced
		t.analyze("--", *names)
		t.analyze("--ladders", "all", *marks, "evil.pcap")
		t.equal(t.connections(), 2 * len(names), "connections, run %d" % again)
		t.sound()
	before = t.read(t.path("t.db"))
	for number, text in enumerate(names):
		found = told(t, t.run("query", "--format", "json", "--capture", text, "t.db"))
		t.equal([r["capture"] for r in found], [text], "capture %r" % text)
		for wanted in ("<" + text + ">", "hex:3c" + text.encode("utf-8").hex() + "3e"):
			found = told(t, t.run("query", "--format", "json", "--contains", wanted, "t.db"))
			t.equal([r["initiator_port"] for r in found], [41000 + number], "contains %r" % wanted)
	for row in t.rows(where="server_name IS NOT NULL"):
		found = told(t, t.run("query", "--format", "json", "--server-name", row["server_name"], "t.db"))
		t.expect(row["initiator_port"] in [r["initiator_port"] for r in found], "server %r" % row["server_name"])
	for words in (["report", "t.db"], ["report", "--format", "html", "t.db"], ["report", "--format", "json", "t.db"],
			["query", "--by", "application", "t.db"], ["show", "t.db", str(found[0]["connection_id"])]):
		t.equal(t.run(*words).code, 0, "exit code of %s" % words)
	t.equal(t.read(t.path("t.db")), before, "the database, byte by byte")


def fan_out(t, table, deep=6, wide=600):
	"""The table's root page becomes one that leads to another 600 times, which leads to a third one ..., so that its
	rows are there 600^7 times."""
	root = t.number("SELECT rootpage FROM sqlite_schema WHERE name = '%s'" % table)
	data = bytearray(t.read(t.path("t.db")))
	size = struct.unpack(">H", data[16:18])[0]
	page = data[(root - 1) * size:root * size]

	def leading_to(child):
		cell = struct.pack(">IB", child, 0x7f)
		head = struct.pack(">BHHHBI", 5, 0, wide, size - len(cell), 0, child)
		return (head + struct.pack(">H", size - len(cell)) * wide).ljust(size - len(cell), b"\0") + cell

	t.expect(page[0] in (5, 13), "a table with rowids")
	first = len(data) // size + 1  # the new pages: the rows, then one above the other
	data += page + b"".join(leading_to(first + i) for i in range(deep))
	data[(root - 1) * size:root * size] = leading_to(first + deep)
	struct.pack_into(">I", data, 28, len(data) // size)
	t.write("t.db", bytes(data))


def case_endless_pages(t):
	"""pages that lead to the same page many times: what reads them ends, and says that the database is damaged"""
	for table, words in (("recordings", ["report", "t.db"]), ("blocks", ["query", "t.db"]),
			("connections", ["query", "--limit", "0", "--format", "csv", "t.db"])):
		t.analyze(t.capture("sample.pcap"), db="whole.db")
		shutil.copy(t.path("whole.db"), t.path("t.db"))
		fan_out(t, table)
		done = t.run(*words)
		t.equal(done.code, 1, "exit code", done)
		t.says(done, "t.db: is damaged .there is more to read in it than a file of its size can hold")


def case_endless_pages_spared(t):
	"""a statement of the user's may read as much as it likes"""
	t.analyze(t.capture("four_way.pcap"))
	done = t.run("query", "t.db", "--format", "csv", "--sql", "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL"
		" SELECT n + 1 FROM counted LIMIT 2000000) SELECT count(*) AS n FROM counted")
	t.equal((done.code, done.out), (0, "n\r\n2000000\r\n"), "answer")
