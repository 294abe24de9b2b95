"""show: one connection in words, as picture, as JSON; finding it; the ladder's states."""
import json
import os
import re
import stat
import unicodedata
import xml.etree.ElementTree as ElementTree

from cli_cases.diagnosis import ACK, CLIENT, FIN, SERVER, Maker

ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
STATES = ("SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT",
	"CLOSE_WAIT", "LAST_ACK", "CLOSED", "LISTEN", "?")
EVIL = "evil\x1b[31m\nname\u202e&<svg onload=x>\x07.pcap"


def ids(t, where="1"):
	return [key for key, in t.sql("SELECT connection_id FROM teardowns WHERE %s ORDER BY 1" % where,
		t.library())]


def show(t, *words, **options):
	done = t.run("show", "--db", t.library(), *[str(w) for w in words], **options)
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	return done.out


def one(t, code, where="1"):
	return t.number("SELECT f.connection_id FROM findings AS f JOIN teardowns USING (connection_id) "
		"WHERE code = '%s' AND %s LIMIT 1" % (code, where), t.library())


def columns(line):
	return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def case_text(t):
	"""the text: verdict in words, states with dwells, findings with what to do, the ladder"""
	out = show(t, one(t, "close-wait-stuck", "teardown = 'four_way'"))
	for pattern in (r"^Connection \d+: \S+ to \S+$", r"^  Community ID 1:\S{28}$", r"^Verdict: four_way$", r"Closed by FIN, ACK, FIN, ACK",
			r"^  initiator +FIN_WAIT_1 .* → FIN_WAIT_2 .* → TIME_WAIT", r"^  responder +CLOSE_WAIT",
			r"^  warning close-wait-stuck$", r"What to do: ", r"^ +[\d.]+ +FIN_WAIT_1 │─.*FIN\|ACK",
			r"▲ close-wait-stuck", r"later +┊ CLOSE_WAIT$"):
		t.expect(re.search(pattern, out, re.M), "a line like " + pattern, out)


def case_every_connection(t):
	"""every connection of every capture is shown: no escape, nothing wider than a terminal"""
	for key in ids(t)[::3]:
		out = show(t, key)
		t.expect(not ESCAPES.search(out), "no control character", out)
		for line in out.splitlines():
			t.expect(columns(line) <= 80 or line.startswith(("  lastack analyze", "Connection ")),
				"at most 80 columns", line)


def case_numbers(t):
	"""an arrow without room for all numbers keeps SEQ, where the violation shows"""
	m = Maker()
	client, server = (CLIENT, 40000), (SERVER, 80)
	m.open(0, client, server)
	for n in range(20):
		m.send(1 + .01 * n, client, server, ACK, 101 + 60000 * n, 501, 60000)
		m.send(1.005 + .01 * n, server, client, ACK, 501, 101 + 60000 * (n + 1))
	m.send(2, client, server, FIN | ACK, 1200101, 501)
	m.send(2.1, client, server, ACK, 1200102, 501, 60000)
	t.write("made.pcap", m.bytes())
	t.analyze("made.pcap", "--ladders", "all")
	out = t.run("show", "t.db", "1").out
	t.expect(re.search(r"ACK seq 1200002 len 60000 .*\n.*▲ data-after-fin", out), "SEQ", out)


def case_reset_in_state(t):
	"""who sent the reset, and in which state"""
	t.analyze(t.capture("rst_in_close_wait.pcap"))
	out = " ".join(t.run("show", "t.db", "1").out.split())
	t.expect(re.search(r"Reset Sent by the (initiator|responder) in CLOSE_WAIT", out), "the words", out)


def case_ascii(t):
	"""in a locale without Unicode everything is ASCII"""
	out = show(t, one(t, "close-wait-stuck"), env=t.environment(LC_ALL="C"))
	t.expect(out.isascii(), "ASCII", out)
	t.expect("-> FIN_WAIT_2" in out and "^ close-wait-stuck" in out, "ladder", out)


def case_json(t):
	"""--format json: the row, timeline, findings and ladder, in one line"""
	for key in ids(t)[::5]:
		lines = show(t, key, "--format", "json").splitlines()
		t.equal(len(lines), 1, "lines")
		told = json.loads(lines[0])
		row = next(r for r in t.rows(t.library()) if r["connection_id"] == key) if key < 30 else {}
		t.equal({k: told[k] for k in row}, row, "columns")
		t.equal([(s["side"], s["state"], s["entry_ns"], s["dwell_ns"]) for s in told["timeline"]],
			t.sql("SELECT side, state, entry_ns, dwell_ns FROM timeline WHERE connection_id = %d "
				"ORDER BY position" % key, t.library()), "timeline")
		t.equal(sorted((f["code"], f["detail"]) for f in told["findings"]),
			sorted(t.sql("SELECT code, detail FROM findings WHERE connection_id = %d" % key, t.library())),
			"findings")


def case_states(t):
	"""the ladder's states are those of the timeline, at the segments that enter them"""
	seen = set()
	t.analyze("--ladders", "all", *t.all_captures(), code=3)
	for key, in t.sql("SELECT connection_id FROM teardowns WHERE teardown <> 'stray'"):
		done = t.run("show", "t.db", str(key), "--format", "json")
		told = json.loads(done.out)
		for side in ("initiator", "responder"):
			states = [s[side + "_state"] for s in told["ladder"]]
			entered = {s["ts_ns"]: s[side + "_state"] for s in told["ladder"]}
			seen.update(states)
			t.expect(set(states) <= set(STATES), "states", states)
			if told["rst_ns"] is None:
				for entry in told["timeline"]:
					if entry["side"] == side and entry["dwell_ns"] != 0:
						t.equal(entered.get(entry["entry_ns"], entry["state"]), entry["state"],
							"connection %d: %s at its entry" % (key, side))
			elif told["ladder"]:
				t.equal(states[-1], "CLOSED", "connection %d: %s after the reset" % (key, side))
	t.expect(seen >= set(STATES) - {"?"}, "every state somewhere", sorted(seen))


def case_tuple(t):
	"""ADDRESS:PORT-ADDRESS:PORT finds all incarnations, whichever end comes first, IPv6 in brackets"""
	t.analyze(t.capture("time_wait_reuse_isn.pcap"), t.capture("four_way_v6.pcap"))
	ends = t.sql("SELECT initiator_ip, initiator_port, responder_ip, responder_port, count(*) "
		"FROM teardowns GROUP BY 1, 2, 3, 4")
	t.expect({e[4] for e in ends} == {1, 2}, "one and two incarnations", ends)
	for ip, port, other_ip, other_port, count in ends:
		texts = ["%s:%d" % ("[%s]" % a if ":" in a else a, p) for a, p in ((ip, port), (other_ip, other_port))]
		for text in ("-".join(texts), "-".join(reversed(texts))):
			done = t.run("show", "--db", "t.db", "--format", "json", text)
			t.equal((done.code, len(done.out.splitlines())), (0, count), "incarnations of " + text, done)
			t.equal(len(re.findall("^Verdict: ", t.run("show", "t.db", text).out, re.M)), count, "texts")
			if count > 1:
				t.fails(t.run("show", "t.db", text, "--svg", "-"), 2, "2 connections .* by its id: 1, 2")


def case_errors(t):
	"""what is no connection, or not there, is told with the right exit code"""
	for code, words, *patterns in (
			(2, [], "no connection is given"),
			(2, ["seven"], "'seven' names no connection", r"192\.0\.2\.1:40000"),
			(2, ["10.0.0.1:1-10.0.0.2"], "names no connection"),
			(2, ["2001:db8::1:80-[::1]:80"], "names no connection"),
			(2, ["10.0.0.0/8:1-10.0.0.2:2"], "names no connection"),
			(2, ["-1"], "unknown option '-1'"),
			(1, ["999999"], "there is no connection 999999"),
			(1, ["99999999999999999999999"], "there is no connection 9999"),
			(1, ["10.0.0.1:1-10.0.0.2:2"], "there is no connection between", "lastack query"),
			(2, ["1", "--svg", "-", "--ladder"], "--svg and --ladder exclude"),
			(2, ["1", "--format", "xml"], "xml")):
		t.fails(t.run("show", "--db", t.library(), *words), code, *patterns)
	t.fails(t.run("show", "missing.db", "1"), 1, "missing.db")
	t.fails(t.run("show", "1"), 1, "lastack.db")


def case_not_stored(t):
	"""a clean connection's segments are not stored: said, with the way to get them"""
	t.analyze(t.capture("four_way.pcap"))
	done = t.run("show", "t.db", "1")
	t.expect(done.code == 0 and "were not stored" in done.out and "lastack analyze --ladders all" in done.out,
		"a hint", done)
	for word in ("--svg=-", "--ladder"):
		t.fails(t.run("show", "t.db", "1", word), 1, "not stored", "analyze --ladders all")
	t.analyze("--ladders", "all", t.capture("four_way.pcap"))
	t.expect("were not stored" not in t.run("show", "t.db", "1").out, "the ladder")


def check_svg(t, text):
	"""Well-formed, and nothing in it that acts or asks."""
	root = ElementTree.fromstring(text)
	t.equal(root.tag, "{http://www.w3.org/2000/svg}svg", "root")
	for element in root.iter():
		tag = element.tag.split("}")[1]
		t.expect(tag in ("svg", "title", "desc", "style", "rect", "line", "path", "text", "tspan", "g"), "tag", tag)
		for name, value in element.attrib.items():
			t.expect(not name.startswith("on") and name != "style" and "href" not in name
				and "url(" not in value, "attribute", name)
	style = "".join(e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}style"))
	t.expect("url(" not in style and "@import" not in style, "style", style)
	t.expect(root.get("role") == "img" and root.get("aria-labelledby"), "accessible", root.attrib)
	return "\n".join(root.itertext())


def case_svg(t):
	"""--svg -: every stored ladder is well-formed, with states, numbers and findings"""
	for key in ids(t, "connection_id IN (SELECT connection_id FROM ladders)")[::3]:
		told = json.loads(show(t, key, "--format", "json"))
		text = check_svg(t, show(t, key, "--svg", "-"))
		packets = {s["packet"] for s in told["ladder"]}
		for s in told["ladder"]:
			t.expect("#%d" % s["packet"] in text, "packet", s)
			t.expect(all(s[side + "_state"] in text for side in ("initiator", "responder")
				if s[side + "_state"] != "?"), "states", s)
		for f in told["findings"]:
			t.expect(f["code"] in text, "finding", f["code"])
			t.expect(f["packet"] not in packets or text.count(f["code"]) >= 2, "marked on its arrow", f)


def case_svg_file(t):
	"""--svg FILE: for its owner alone, never over another file, nothing left where it fails"""
	t.analyze(t.capture("close_wait_stuck.pcap"))
	umask = os.umask(0o027)
	try:
		done = t.run("show", "t.db", "1", "--svg", "a.svg")
	finally:
		os.umask(umask)
	t.equal((done.code, done.out), (0, ""), "exit code and output", done)
	t.says(done, "the ladder of connection 1 is in a.svg")
	t.equal(stat.S_IMODE(os.stat(t.path("a.svg")).st_mode), 0o600, "mode")
	check_svg(t, t.read(t.path("a.svg")).decode())
	t.write("b.svg", b"mine")
	t.fails(t.run("show", "t.db", "1", "--svg", "b.svg"), 1, "b.svg: exists already")
	t.equal(t.read(t.path("b.svg")), b"mine", "the other file")
	os.symlink("nowhere", t.path("c.svg"))
	t.fails(t.run("show", "t.db", "1", "--svg", "c.svg"), 1, "c.svg: exists already")
	t.fails(t.run("show", "t.db", "1", "--svg", "none/d.svg"), 1, "none/d.svg: No such file")
	t.equal(sorted(n for n in os.listdir(t.folder) if "svg" in n), ["a.svg", "b.svg", "c.svg"], "files")
	if os.path.exists("/dev/full"):
		t.fails(t.run("show", "t.db", "1", "--svg", "/dev/full"), 1, "/dev/full: No space left")
	t.equal(t.run("show", "-q", "t.db", "1", "--svg", "e.svg").err, "", "quiet")


def case_hostile(t):
	"""a hostile file name reaches neither terminal nor markup"""
	os.symlink(t.capture("close_wait_stuck.pcap"), t.path(EVIL))
	t.analyze(EVIL)
	for words in ([], ["--ladder"], ["--format", "json"], ["--svg", "-"]):
		done = t.run("show", "t.db", "1", *words)
		t.expect(done.code == 0 and not ESCAPES.search(done.out) and "\u202e" not in done.out, "safe", done)
	page = t.run("report", "--format", "html", "t.db").out
	t.expect("<svg onload" not in page and "&lt;svg onload=x&gt;" in page and "\x1b" not in page
		and "\u202e" not in page, "safe HTML", page[:2000])


def case_colours(t):
	"""colours on a terminal only"""
	t.analyze(t.capture("close_wait_stuck.pcap"))
	code, out = t.run_on_terminal("show", "t.db", "1")
	t.expect(code == 0 and "\x1b[33m" in out, "colours", out)
	for changes in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
		code, out = t.run_on_terminal("show", "t.db", "1", env=t.environment(**changes))
		t.expect("\x1b" not in out, "no colours with %s" % changes, out)


def case_html_full_output(t):
	"""a page that cannot be written whole fails"""
	if not os.path.exists("/dev/full"):
		return
	t.analyze(t.capture("close_wait_stuck.pcap"))
	with open("/dev/full", "wb") as full:
		done = t.run("report", "--format", "html", "t.db", stdout=full)
	t.equal(done.code, 1, "exit code", done)
