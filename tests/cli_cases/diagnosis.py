"""Diagnoses: captures made for one each, held against what the report says."""
import json
import os
import re
import struct

from cli_cases import bench

FIN, SYN, RST, ACK = 1, 2, 4, 16
START = 1767603600
CLIENT, SERVER = "192.0.2.10", "198.51.100.20"


class Maker:
	"""A capture of raw IPv4 packets, in order of time."""

	def __init__(self):
		self.records = []

	def send(self, at, source, target, flags, seq, ack=0, payload=0, ttl=64):
		(a, p), (b, q) = source, target
		tcp = struct.pack(">HHIIBBHHH", p, q, seq & 0xffffffff, ack & 0xffffffff, 80, flags, 65000, 0,
			0) + b"x" * payload
		ip = struct.pack(">BBHHHBBH4s4s", 69, 0, 20 + len(tcp), len(self.records) & 0xffff, 0, ttl, 6, 0,
			bytes(map(int, a.split("."))), bytes(map(int, b.split("."))))
		self.records.append((at, ip + tcp))

	def open(self, at, client, server):
		"""The handshake; data of the client then begins at 101, of the server at 501."""
		self.send(at, client, server, SYN, 100)
		self.send(at + .01, server, client, SYN | ACK, 500, 101)
		self.send(at + .02, client, server, ACK, 101, 501)

	def exchange(self, at, client, server, request=10, answer=100):
		self.send(at, client, server, ACK, 101, 501, request)
		self.send(at + .01, server, client, ACK, 501, 101 + request, answer)
		self.send(at + .02, client, server, ACK, 101 + request, 501 + answer)

	def bytes(self):
		out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
		for at, data in sorted(self.records, key=lambda r: r[0]):
			micros = round(at * 1000000)
			out += struct.pack("<IIII", START + micros // 1000000, micros % 1000000, len(data), len(data))
			out += data
		return out


def diagnoses(t, maker, *words):
	"""{code: [diagnoses]} and the whole document."""
	t.write("made.pcap", maker.bytes())
	done = t.run("analyze", "--db", "t.db", "--format", "json", *words, "made.pcap")
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	document = json.loads(done.out)
	found = {}
	for d in document["diagnoses"]:
		found.setdefault(d["code"], []).append(d)
	return found, document


def only(t, found, code):
	t.equal(len(found.get(code, [])), 1, "diagnoses of " + code, sorted(found))
	return found[code][0]


def race(maker, at, port, timeout):
	"""The server closes after its timeout while the next request is on its way, and resets."""
	client, server = (CLIENT, port), (SERVER, 8080)
	maker.open(at, client, server)
	maker.exchange(at + 1, client, server)
	end = at + 1.01 + timeout
	maker.send(end, server, client, FIN | ACK, 601, 111)
	maker.send(end + .001, client, server, ACK, 111, 601, 10)
	maker.send(end + .02, server, client, RST, 601)


def case_keepalive_race(t):
	"""a server that closes idle connections while requests are on their way: its timeout is named"""
	m = Maker()
	for n in range(4):
		race(m, 100 * n, 40000 + n, 5 + .004 * n)
	found, _ = diagnoses(t, m)
	d = only(t, found, "keepalive-race")
	t.equal((d["connections"], d["severity"]), (4, "error"), "count and severity", d)
	t.expect(abs(d["silence_ns"] - 5e9) < 5e7, "the timeout", d["silence_ns"])
	t.expect("after 5 s" in d["sentence"] and "Node.js" in d["sentence"], "the sentence", d)
	t.expect("about 5 s" in d["advice"] and "longer than" in d["advice"], "whose must be longer", d)
	t.equal((d["parties"][0]["address"], d["parties"][0]["port"]), (SERVER, 8080), "who")
	t.equal(len(d["examples"]), 3, "examples")
	t.expect("reset-after-close" not in found, "told once", sorted(found))


def idle_reset(maker, at, port, silence):
	client, server = (CLIENT, port), (SERVER, 443)
	maker.open(at, client, server)
	maker.exchange(at + 1, client, server)
	maker.send(at + 1.02 + silence, server, client, RST | ACK, 601, 111)


def case_reset_on_idle(t):
	"""silences before resets cluster: two timers, two diagnoses; the rest apart"""
	m = Maker()
	for n in range(5):
		idle_reset(m, 10 * n, 41000 + n, 60 + .01 * n)
	for n in range(4):
		idle_reset(m, 10 * n, 42000 + n, 350 + .01 * n)
	idle_reset(m, 1, 43000, 17)
	m.send(5, (SERVER, 443), (CLIENT, 43100), RST, 601)  # stray: no silence before it
	found, document = diagnoses(t, m)
	peaks = {round(d["silence_ns"] / 1e9): d["connections"] for d in found["reset-on-idle"]
		if d["silence_ns"] is not None}
	t.equal(peaks, {60: 5, 350: 4}, "peaks", found["reset-on-idle"])
	rest = [d for d in found["reset-on-idle"] if d["silence_ns"] is None]
	t.equal([d["connections"] for d in rest], [1], "the rest")
	t.expect("17 s" in rest[0]["sentence"], "its silence", rest[0]["sentence"])
	t.equal(sum(b["count"] for b in document["rst_silence"]), 10, "silences in the histogram")


def case_one_sided_silence(t):
	"""a reset in a capture of one direction: the other end's packets are missing, not a silence"""
	m = Maker()
	client, server = (CLIENT, 43001), (SERVER, 443)
	for at, seq in ((0, 601), (.1, 701), (17, 801)):
		m.send(at, server, client, ACK, seq, 111, 100)
	m.send(34, server, client, RST | ACK, 901, 111)
	found, _ = diagnoses(t, m)
	t.equal(sorted(found), ["reset-in-transfer"], "diagnoses")


def case_reset_on_resume(t):
	"""a reset that answers the first data after a silence: the silence before that data counts"""
	m = Maker()
	client, server = (CLIENT, 44000), (SERVER, 443)
	m.open(0, client, server)
	m.exchange(1, client, server)
	m.send(421.02, client, server, ACK, 111, 601, 10)
	m.send(421.03, server, client, RST, 601)
	found, _ = diagnoses(t, m)
	d = only(t, found, "reset-on-resume")
	t.expect("silent for 7 min" in d["sentence"], "the silence", d["sentence"])


def case_reset_knows_the_data(t):
	"""a reset that acknowledges the data after a silence: its sender had forgotten nothing"""
	m = Maker()
	client, server = (CLIENT, 44001), (SERVER, 554)
	m.open(0, client, server)
	m.exchange(1, client, server)
	m.send(421.02, client, server, ACK, 111, 601, 10)
	m.send(421.03, server, client, RST | ACK, 601, 121)
	found, _ = diagnoses(t, m)
	only(t, found, "reset-unread-data")
	t.equal(sorted(found), ["reset-unread-data"], "nothing else")


def case_injected(t):
	"""a reset whose TTL no router has touched: who, and the evidence's packet"""
	m = Maker()
	client, server = (CLIENT, 45000), (SERVER, 443)
	m.open(0, client, server)
	m.exchange(1, client, server)
	m.send(1.1, server, client, RST | ACK, 601, 111, ttl=255)
	found, _ = diagnoses(t, m)
	d = only(t, found, "reset-injected")
	t.equal(d["severity"], "error", "severity")
	t.equal(d["examples"][0]["packet"], 7, "packet", d["examples"])
	t.equal(t.sql("SELECT rst_ttl, rst_sender_ttl, rst_form FROM teardowns"), [(255, 64, "rst_ack")],
		"columns")


def case_scan(t):
	"""many services in vain are one scan; a refused port of others stays apart"""
	m = Maker()
	for n in range(20):
		m.send(n, (CLIENT, 46000 + n), (SERVER, 1000 + n), SYN, 100)
		m.send(n + .01, (SERVER, 1000 + n), (CLIENT, 46000 + n), RST | ACK, 0, 101)
	m.send(50, ("192.0.2.77", 5000), (SERVER, 25), SYN, 100)
	m.send(50.01, (SERVER, 25), ("192.0.2.77", 5000), RST | ACK, 0, 101)
	found, document = diagnoses(t, m)
	t.equal(only(t, found, "port-scan")["parties"][0]["address"], CLIENT, "the scanner")
	t.equal(found["port-scan"][0]["connections"], 20, "attempts")
	t.equal(only(t, found, "port-refused")["connections"], 1, "the refused port")
	t.equal(document["aborts"]["after_syn"], {"rst": 0, "rst_ack": 21, "several": 0, "silence": 0},
		"the table of aborts")


def case_opening_at_the_end(t):
	"""handshakes that the end of the capture cut off are no failures; 3 s later they are"""
	for rest, codes in ((2.9, []), (3.1, ["handshake-unfinished", "port-unanswered"])):
		m = Maker()
		m.send(.5, (CLIENT, 46100), (SERVER, 25), SYN, 100)
		m.send(.5, (CLIENT, 46101), (SERVER, 26), SYN, 100)
		m.send(.5, (SERVER, 26), (CLIENT, 46101), SYN | ACK, 500, 101)
		close(m, .5 + rest - .12, (CLIENT, 46102), (SERVER, 80))
		m.send(.4 + rest, (CLIENT, 46103), (SERVER, 25), SYN, 100)
		found, _ = diagnoses(t, m)
		t.equal(sorted(found), codes, "%g s before the end" % rest)
		t.equal([d["connections"] for c in codes for d in found[c]], [1] * len(codes), "of each")


def close(maker, at, client, server, by_client=True):
	"""A three-segment close by one end: it holds TIME_WAIT."""
	maker.open(at, client, server)
	one, other = ((client, 101), (server, 501)) if by_client else ((server, 501), (client, 101))
	maker.send(at + .1, one[0], other[0], FIN | ACK, one[1], other[1])
	maker.send(at + .11, other[0], one[0], FIN | ACK, other[1], one[1] + 1)
	maker.send(at + .12, one[0], other[0], ACK, one[1] + 1, other[1] + 1)


def case_time_wait_load(t):
	"""TIME_WAITs at once: they end after 2MSL, or when the tuple is taken again"""
	m = Maker()
	for n in range(30):
		close(m, 10 * n, (CLIENT, 47000 + n), (SERVER, 80))
	found, document = diagnoses(t, m, "--msl", "30")
	load = document["time_wait_load"][0]
	t.equal((load["address"], load["held"], load["peak"], load["peak_ports"], load["peak_60s"]),
		(CLIENT, 30, 6, 6, 6), "the load", load)
	t.equal(max(load["at_once"]["count"]), 6, "the series", load["at_once"])
	t.expect("time-wait-pressure" not in found, "no pressure", sorted(found))
	m = Maker()
	for n in range(1500):
		close(m, .01 * n, (CLIENT, 20000 + n), (SERVER, 80))
	found, _ = diagnoses(t, m)
	d = only(t, found, "time-wait-pressure")
	t.expect("up to 1,500 TIME_WAITs at once" in d["sentence"] and "the server should close" in
		d["sentence"], "the sentence", d["sentence"])
	t.expect("let the server close first" in d["advice"], "the advice to a client", d["advice"])
	m = Maker()
	for n in range(1500):
		close(m, .01 * n, (CLIENT, 20000 + n), (SERVER, 80), by_client=False)
	found, _ = diagnoses(t, m)
	d = only(t, found, "time-wait-pressure")
	t.equal((d["parties"][0]["address"], d["severity"]), (SERVER, "info"), "the server")
	t.expect("mostly as the server" in d["sentence"], "the sentence", d["sentence"])
	t.expect("the clients close first" in d["advice"] and "server close" not in d["advice"],
		"the advice to a server", d["advice"])
	m = Maker()
	for n in range(5):
		close(m, 10 * n, (CLIENT, 48000), (SERVER, 80))
	_, document = diagnoses(t, m)
	t.equal(document["time_wait_load"][0]["peak"], 1, "reused tuples are no more than one",
		document["time_wait_load"])


# A capture of captures/ in which each shows; those that need many connections have cases above.
CAPTURED = {
	"reset-on-idle": "rst_idle",
	"reset-after-accept": "rst_no_data",
	"reset-in-transfer": "rst_linger_server",
	"reset-unread-data": "rst_unread_data",
	"reset-state-lost": "state_lost",
	"keepalive-failed": "keepalive_failure",
	"retransmission-failed": "retransmission_failure",
	"reset-after-close": "rst_data_after_close",
	"reset-injected": "rst_injected",
	"blind-reset": "rst_blind_in_window",
	"close-wait-held": "close_wait_stuck",
	"half-closed": "half_closed",
	"fin-unanswered": "fin_unanswered",
	"last-ack-missing": "last_ack_never_captured",
	"fell-silent": "sample",
	"fin-violated": "bad_fin_over_acked",
	"port-refused": "refused",
	"port-unanswered": "unanswered_forgotten",
	"handshake-unfinished": "handshake_aborted",
	"path-refused": "icmp_prohibited",
	"reused-early": "time_wait_reused_early",
	"time-wait-cut-short": "time_wait_cut_short",
	"time-wait-assassinated": "time_wait_assassinated",
	"effective-msl": "time_wait_reuse_isn",
}
BUILT = ["keepalive-race", "reset-on-resume", "fin-wait-2-held", "port-scan", "time-wait-pressure"]


def kinds():
	with open(os.path.join(bench.ROOT, "report", "diagnosis_kinds.c"), encoding="utf-8") as file:
		return re.findall(r'\{\{\s*"([a-z0-9-]+)",', file.read())


def case_every_code(t):
	"""every diagnosis shows in a capture of real stacks, or in one built for it"""
	t.equal(sorted([*CAPTURED, *BUILT]), sorted(kinds()), "codes with a test")
	for code, name in CAPTURED.items():
		done = t.run("analyze", "--db", name + code + ".db", "--format", "json",
			t.capture(name + ".pcap"))
		found = [d for d in json.loads(done.out)["diagnoses"] if d["code"] == code]
		t.expect(found, "%s in %s" % (code, name), done.out)
		for d in found:
			t.expect(d["connections"] >= 1 and d["parties"] and d["examples"] and
				not re.search("[{}]", d["sentence"] + d["advice"]), "a whole diagnosis", d)


def case_fin_wait_2(t):
	"""a client that does not close after the server has: told of the server that waits"""
	m = Maker()
	client, server = (CLIENT, 49000), (SERVER, 80)
	m.open(0, client, server)
	m.exchange(1, client, server)
	m.send(2, server, client, FIN | ACK, 601, 111)
	m.send(2.01, client, server, ACK, 111, 602)
	close(m, 200, (CLIENT, 49001), server)
	found, _ = diagnoses(t, m)
	d = only(t, found, "fin-wait-2-held")
	t.equal((d["parties"][0]["address"], d["connections"]), (SERVER, 1), "who")


def case_documented(t):
	"""every code is in docs/diagnoses.md with its severity, RFC and advice"""
	with open(os.path.join(bench.ROOT, "docs", "diagnoses.md"), encoding="utf-8") as file:
		text = file.read()
	codes = kinds()
	t.expect(len(codes) >= 25, "codes", codes)
	t.equal(re.findall(r"^### (.*)$", text, re.M), codes, "sections of docs/diagnoses.md")


def case_markdown(t):
	"""--format md: tables and diagnoses; names cannot become markup"""
	name = "x|<img src=x>[l](http-e)_*`.pcap"
	t.write(name, t.read(t.capture("sample.pcap")))
	t.analyze(name)
	done = t.run("report", "--format", "md", "t.db")
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	t.expect(done.out.startswith("# Teardown report\n"), "the title", done)
	t.expect("### error: a server does not close its sockets (`close-wait-held`)" in done.out,
		"a diagnosis", done)
	t.expect("x\\|\\<img src=x\\>\\[l\\](http-e)\\_\\*\\`.pcap" in done.out, "the name, escaped", done)
	t.expect("<img" not in done.out.replace("\\<img", ""), "no markup", done)
	for line in done.out.splitlines():
		if line.startswith("|"):
			t.expect(line.endswith("|"), "whole rows", line)


def case_compare_empty(t):
	"""--against a database without connections: there is nothing to compare"""
	m = Maker()
	idle_reset(m, 1, 43000, 17)
	t.write("made.pcap", m.bytes())
	t.write("empty.pcap", Maker().bytes())
	t.analyze("made.pcap")
	t.analyze("empty.pcap", db="empty.db")
	for now, before in (("t.db", "empty.db"), ("empty.db", "t.db")):
		done = t.run("report", now, "--against", before)
		t.equal(done.code, 0, "exit code", done)
		t.expect("There is nothing to compare: empty.db holds no connection." in done.out, "said", done)
		t.expect("chance" not in done.out and "0 of 0" not in done.out, "no judgement", done)
		for form in ("json", "md"):
			done = t.run("report", now, "--against", before, "--format", form)
			t.expect("Nothing to compare it with" in done.out and "chance" not in done.out, form, done)


def case_widths(t):
	"""the report fits its terminal, but for what is to be pasted"""
	t.analyze(t.capture("sample.pcap"))
	for width in (60, 80, 100):
		code, out = t.run_on_terminal("report", "t.db", columns=width)
		t.equal(code, 0, "exit code", out)
		for line in re.sub(r"\x1b\[[\d;]*m", "", out).splitlines():
			t.expect(len(line) <= width or "ip.addr==" in line or "SELECT" in line,
				"at most %d columns" % width, line)


def case_html_shares(t):
	"""--format html: a share of less than a tenth of a percent is text, no tag"""
	m = Maker()
	for n in range(1200):
		close(m, .01 * n, (CLIENT, 20000 + n), (SERVER, 80))
	idle_reset(m, 1, 43000, 17)
	t.write("made.pcap", m.bytes())
	t.analyze("made.pcap")
	page = t.run("report", "--format", "html", "t.db").out
	t.expect("&lt;0.1 %" in page and "&gt;99.9 %" in page, "both shares, escaped")
	t.expect(not re.search(r"<0\.1|>>99\.9", page), "no bare sign")


def case_compare(t):
	"""--against: what the counts support is told from what they do not"""
	before, after = Maker(), Maker()
	for n in range(200):
		close(before, n, (CLIENT, 20000 + n), (SERVER, 80))
		close(after, n, (CLIENT, 20000 + n), (SERVER, 80))
	for n in range(60):
		idle_reset(after, 300 + n, 30000 + n, 60)
	idle_reset(before, 300, 30000, 20)
	t.write("before.pcap", before.bytes())
	t.write("after.pcap", after.bytes())
	t.analyze("before.pcap", db="before.db")
	t.analyze("after.pcap", db="after.db")
	done = t.run("report", "after.db", "--against", "before.db", "--format", "json")
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	document = json.loads(done.out)
	rows = {(r["group"], r["name"]): r for r in document["changes"]}
	row = rows["diagnosis", "reset-on-idle"]
	t.equal((row["before"], row["now"], row["judgement"]), (1, 60, "more"), "resets", row)
	t.expect(row["p"] < 1e-9 and "More often" in row["sentence"], "its test", row)
	done = t.run("report", "after.db", "--against", "before.db")
	t.expect(re.search(r"the counts support it\n.*reset-on-idle", done.out, re.S), "the text", done)
	done = t.run("report", "after.db", "--against", "after.db")
	t.expect(re.search(r"the counts support it\n  Nothing\.", done.out), "nothing against itself", done)
	done = t.run("report", "after.db", "--against", "before.db", "--format", "md")
	t.expect("| diagnosis | `reset-on-idle` | 1 (0.5 %) | 60 (23.1 %) | More often than before |" in
		done.out, "the table", done)
	t.fails(t.run("report", "after.db", "--against", "none.db"), 1, "none.db")
