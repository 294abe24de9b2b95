"""The report: as text and as JSON, whose figures are those of the database."""
import json
import re
import shlex

COUNTED = (  # member of the document, column of the view
	("teardown", "teardown"),
	("closer", "closer"),
	("end_reason", "end_reason"),
	("time_wait check", "time_wait_check"),
	("time_wait holder", "time_wait_holder"),
	("time_wait reuse_rule", "reuse_rule"),
	("time_wait reuse_answer", "reuse_answer"),
	("resets by", "rst_by"),
	("resets cause", "rst_cause"),
)
SUMS = (  # member, expression over the view
	("connections total", "count(*)"),
	("connections complete", "sum(complete)"),
	("connections midstream", "sum(midstream)"),
	("connections payload_bytes", "sum(bytes_initiator + bytes_responder)"),
	("connections retransmitted_segments",
		"sum(retransmitted_initiator + retransmitted_responder)"),
	("connections missing_bytes", "sum(missing_initiator + missing_responder)"),
	("time_wait restarts", "sum(time_wait_restarts)"),
	("resets accepted", "count(rst_by)"),
	("resets injected", "sum(rst_injected)"),
	("resets in_window", "sum(rst_in_window)"),
	("resets out_of_window", "sum(rst_out_of_window)"),
	("segments duplicates", "sum(duplicates)"),
)


def member(document, path):
	for name in path.split():
		document = document[name]
	return document


def compare(t, document, db):
	"""Each figure of the document with the database's."""
	for path, column in COUNTED:
		told = {k: v for k, v in member(document, path).items() if v}
		wanted = dict(t.sql("SELECT {0}, count(*) FROM teardowns WHERE {0} IS NOT NULL GROUP BY 1"
			.format(column), db))
		t.equal(told, wanted, path)
	for path, expression in SUMS:
		t.equal(member(document, path), t.number("SELECT %s FROM teardowns" % expression, db), path)
	checks = {}
	for side in ("initiator", "responder"):
		for value, count in t.sql("SELECT {0}, count(*) FROM teardowns WHERE {0} <> 'none' "
				"GROUP BY 1".format("fin_check_" + side), db):
			checks[value] = checks.get(value, 0) + count
	t.equal({k: v for k, v in document["fin_check"].items() if v}, checks, "fin_check")
	t.equal(document["connections"]["clean"], t.number("SELECT count(*) FROM connections AS c JOIN "
		"outcomes AS o ON o.id = c.outcome_id WHERE o.clean", db), "clean connections")
	t.equal({k: v for k, v in document["packets"].items() if v}, dict(t.sql("SELECT reason, "
		"sum(packets) FROM decode_counts GROUP BY 1 HAVING sum(packets) > 0", db)), "packets")
	t.equal(sum(document["packets"].values()), sum(c["packets"] - c["packets_filtered_out"]
		for c in document["captures"]), "packets of all captures")
	t.equal([(c["path"], c["packets"], c["problem"]) for c in document["captures"]],
		t.sql("SELECT path, packets, problem FROM captures ORDER BY id", db), "captures")
	t.equal(sorted((f["code"], f["severity"], f["connections"], f["occurrences"])
		for f in document["findings"]),
		t.sql("SELECT code, severity, count(DISTINCT connection_id), sum(count) FROM findings "
		"GROUP BY 1, 2 ORDER BY 1, 2", db), "findings")
	order = ["error", "warning", "info"]
	severities = [order.index(f["severity"]) for f in document["findings"]]
	t.equal(severities, sorted(severities), "worst first")
	for finding in document["findings"]:
		example = finding["example"]
		t.expect(t.sql("SELECT 1 FROM findings WHERE connection_id = %d AND code = '%s' "
			"AND ts_ns = %d" % (example["connection_id"], finding["code"], example["ts_ns"]), db),
			"the example of " + finding["code"], example)


def case_json(t):
	"""--format json: one document whose figures are the database's"""
	done = t.run("analyze", "--db", "t.db", "--format", "json", *t.all_captures())
	t.equal(done.code, 3, "exit code: one capture is cut", done.err)
	document = json.loads(done.out)
	t.equal(document["version"], 1, "version")
	t.equal(document["database"], "t.db", "database")
	t.expect(document["connections"]["total"] > 150, "connections", document["connections"])
	t.expect(len(document["findings"]) >= 10, "findings", len(document["findings"]))
	compare(t, document, "t.db")
	again = t.run("report", "--format", "json", "t.db")
	t.equal(json.loads(again.out), document, "report says the same")


def case_json_options(t):
	"""--format json with options: filter, bound, duplicates"""
	for words in (["--filter", "tcp port 80"], ["--max-flows", "1"], ["--keep-duplicates"],
			["--filter", "udp"]):
		done = t.run("analyze", "--db", "t.db", "--format", "json", *words,
			t.capture("sample.pcap"))
		t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
		document = json.loads(done.out)
		if "udp" not in words:
			compare(t, document, "t.db")
		t.equal(document["connections"]["total"], t.connections(), "connections")
		if "--max-flows" in words:
			evicted = document["evicted"]
			t.equal(evicted["total"], evicted["unanswered"] + evicted["ended"] + evicted["alive"],
				"evicted")


def case_json_run(t):
	"""analyze reports its own recordings, report all that the database holds"""
	t.analyze(t.capture("sample.pcap"))
	done = t.run("analyze", "--db", "t.db", "--format", "json", t.capture("refused.pcap"))
	t.equal(json.loads(done.out)["connections"]["total"], 1, "connections of the run")
	done = t.run("report", "--format", "json", "t.db")
	t.equal(json.loads(done.out)["connections"]["total"], 90, "connections of the database")


def case_json_memory(t):
	"""--format json with :memory: names no database"""
	done = t.run("analyze", "--db", ":memory:", "--format", "json", t.capture("four_way.pcap"))
	t.equal(json.loads(done.out)["database"], None, "database", done)


def case_json_strict(t):
	"""the document is strict JSON: no NaN, no repeated names, every documented member"""
	def unique(pairs):
		t.equal(len({k for k, _ in pairs}), len(pairs), "names that occur once", pairs)
		return dict(pairs)

	def refuse(word):
		t.expect(False, "no constants like NaN", word)
	t.write("none.pcap", t.read(t.capture("sample.pcap"))[:24])
	for file in ("none.pcap", t.capture("sample.pcap")):
		done = t.run("analyze", "--db", ":memory:", "--format", "json", file)
		document = json.loads(done.out, object_pairs_hook=unique, parse_constant=refuse)
		for name in ("version", "lastack", "database", "settings", "recordings", "captures",
				"packets", "segments", "fragments", "evicted", "connections", "teardown", "closer",
				"end_reason", "fin_check", "time_wait", "resets", "findings", "diagnoses", "aborts",
				"time_wait_load", "effective_msl", "rst_silence", "teardown_over_time"):
			t.expect(name in document, "the member " + name, sorted(document))


def case_text(t):
	"""the text report has the figures, the findings and where to look next"""
	done = t.run("analyze", "--db", "t.db", t.capture("sample.pcap"))
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	for teardown, count in t.sql("SELECT teardown, count(*) FROM teardowns GROUP BY 1"):
		t.expect(re.search(r"^ *%s +%d +%s %%" % (teardown, count,
			re.escape("%.1f" % (100 * count / 89))), done.out, re.M), "the line of " + teardown,
			done.out)
	for code, in t.sql("SELECT DISTINCT code FROM findings WHERE severity <> 'info'"):
		t.expect(code in done.out, "the finding " + code, done.out)
	for heading in ("What was read", "How the connections ended", "Who closed first",
			"FIN sequence checks", "TIME_WAIT", "Findings", "Where to look next"):
		t.expect(re.search("^" + heading, done.out, re.M), heading, done.out)
	t.expect("1,075 packets" in done.out, "packets", done.out)
	widest = max(len(line) for line in done.out.splitlines() if t.folder not in line
		and "ip.addr" not in line and "/" not in line)
	t.expect(widest <= 80, "lines that fit 80 columns", widest)


def case_next_steps(t):
	"""the commands that the report suggests work"""
	done = t.run("analyze", "--db", "a b's.db", t.capture("sample.pcap"))
	lines = done.out.split("Where to look next\n")[1].replace("\\\n", " ").splitlines()
	commands = [line.strip() for line in lines if line.startswith("  lastack ")]
	t.expect(len(commands) >= 2, "commands", done.out)
	for command in commands:
		again = t.run(*shlex.split(command)[1:])
		t.equal((again.code, again.err), (0, ""), "exit code and complaint of " + command)
		t.expect(again.out.count("\n") > 1, "rows of " + command, again)


def case_none(t):
	"""--format none prints nothing"""
	done = t.run("analyze", "--db", "t.db", "--format", "none", t.capture("sample.pcap"))
	t.equal((done.code, done.out, done.err), (0, "", ""), "silence", done)
	t.equal(t.connections(), 89, "connections")
