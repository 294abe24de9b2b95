"""What attackers put into captures, names and folders does nothing to terminals, sheets, pages and files."""
import os
import re
import shutil
import stat

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
