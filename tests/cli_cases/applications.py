"""Applications by nDPI, and what streams contain; in a build without nDPI, that they are absent."""
from cli_cases import bench


def need_ndpi(t):
	if "without nDPI" in t.run("--version").out:
		raise bench.Skip("built without nDPI")


def applications(t, db="t.db"):
	return t.sql("SELECT application, application_category, application_guessed, server_name,"
		" count(*) FROM teardowns GROUP BY 1, 2, 3, 4 ORDER BY 1", db)


def case_named(t):
	"""every connection of sample.pcap has its application, category and server name"""
	need_ndpi(t)
	t.analyze(t.capture("sample.pcap"))
	t.equal(applications(t), [
		(None, None, None, None, 4),
		("HTTP", "Web", 0, "intranet.example", 75),
		("IMAP", "Email", 0, None, 8),
		("SMBv23", "System", 1, None, 2)], "applications")
	t.equal(t.sql("SELECT DISTINCT responder_port FROM teardowns WHERE application_guessed"),
		[(445,)], "ports of the guessed")
	t.sound()


def case_risks(t):
	"""nDPI's risks are findings of severity info at a packet of the connection"""
	need_ndpi(t)
	t.analyze(t.capture("sample.pcap"))
	rows = t.sql("SELECT severity, side, detail, count(*) FROM findings WHERE code = 'dpi-risk'"
		" GROUP BY 1, 2, 3 ORDER BY 3")
	t.equal(rows, [
		("info", None, "nDPI reports a risk of HTTP: Known Protocol on Non Standard Port.", 8),
		("info", None, "nDPI reports a risk of IMAP: Clear-Text Credentials.", 8),
		("info", None, "nDPI reports a risk of IMAP: Unsafe Protocol.", 8)], "risks")
	t.equal(t.number("SELECT count(*) FROM findings AS f JOIN teardowns AS t USING (connection_id)"
		" WHERE f.code = 'dpi-risk' AND (f.packet IS NULL OR f.ts_ns NOT BETWEEN t.first_ns AND"
		" t.last_ns)"), 0, "risks at no packet of their connection")


def case_without(t):
	"""--no-dpi, and a build without nDPI: no application, no risk, all else the same"""
	t.analyze("--no-dpi", t.capture("sample.pcap"))
	t.equal(applications(t), [(None, None, None, None, 89)], "applications")
	t.equal(t.number("SELECT count(*) FROM findings WHERE code = 'dpi-risk'"), 0, "risks")
	t.analyze(t.capture("sample.pcap"), db="with.db")
	named = ("application", "application_category", "application_guessed", "server_name")
	t.equal(t.rows(without=named), t.rows("with.db", without=named), "rows")


def case_filters(t):
	"""query --application: whole or in part, whatever the case; --server-name: part of it"""
	need_ndpi(t)
	t.analyze(t.capture("sample.pcap"))
	for words, count in ((["--application", "http"], 75), (["--application", "IMAP"], 8),
			(["--application", "HTT"], 0), (["--server-name", "INTRANET"], 75),
			(["--application", "http", "--server-name", "example", "--port", "8080"], 8),
			(["--application", "imap", "--server-name", "example"], 0)):
		done = t.run("query", "--db", "t.db", "--format", "csv", *words)
		t.equal((done.code, len(done.out.splitlines()) - 1), (0, count), " ".join(words), done)


def case_contains_unsearched(t):
	"""query --contains where nobody looked: exit code 2, saying how to look"""
	t.analyze(t.capture("four_way.pcap"))
	t.fails(t.run("query", "--db", "t.db", "--contains", "id-1"), 2, "id-1", "--mark 'id-1'")
	t.fails(t.run("query", "--db", "t.db", "--contains", "hex:0"), 2, "--contains", "hex:0")
	t.fails(t.run("query", "--db", "t.db", "--contains", "hex:0g"), 2, "--contains", "hex:0g")
	t.fails(t.run("query", "--db", "t.db", "--contains", ""), 2, "--contains")
