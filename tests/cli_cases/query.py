"""query: filters, formats, limits, statements of one's own."""
import contextlib
import csv
import io
import ipaddress
import json
import os
import re

from cli_cases.database import VALUES


def keys(t, *words):
	"""Ids of the connections that query gives with these words."""
	done = t.run("query", "--format", "json", *words, t.library())
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	return [json.loads(line)["connection_id"] for line in done.out.splitlines()]


def wanted(t, where):
	return [key for key, in t.sql("SELECT connection_id FROM teardowns WHERE %s "
		"ORDER BY first_ns, connection_id" % where, t.library())]


def same(t, words, where, some=True):
	found = keys(t, *words)
	t.equal(found, wanted(t, where), "connections of " + " ".join(words))
	if some:
		t.expect(0 < len(found) < t.connections(t.library()), "some connections", len(found))


def case_teardown(t):
	"""--teardown: each class, as in the database"""
	for value in VALUES["teardown"]:
		same(t, ["--teardown", value], "teardown = '%s'" % value, some=False)
	t.expect(keys(t, "--teardown", "four_way"), "four_way connections")


def case_closer(t):
	"""--closer: each value, as in the database"""
	for value in VALUES["closer"]:
		same(t, ["--closer", value], "closer = '%s'" % value)


def case_finding(t):
	"""--finding: each code, as in the database; a connection is listed once"""
	codes = [c for c, in t.sql("SELECT code FROM finding_codes", t.library())]
	for code in codes:
		same(t, ["--finding", code], "connection_id IN (SELECT connection_id FROM findings "
			"WHERE code = '%s')" % code, some=False)
	same(t, ["--finding", "close-wait-stuck"], "connection_id IN (SELECT connection_id FROM "
		"findings WHERE code = 'close-wait-stuck')")


def with_host(t, prefix, port=None):
	"""Ids by ipaddress, which knows nothing of how the database stores addresses."""
	net = ipaddress.ip_network(prefix, strict=False)
	found = []
	for key, one, one_port, other, other_port in t.sql("SELECT connection_id, initiator_ip, "
			"initiator_port, responder_ip, responder_port FROM teardowns "
			"ORDER BY first_ns, connection_id", t.library()):
		for address, its_port in ((one, one_port), (other, other_port)):
			ip = ipaddress.ip_address(address)
			if ip.version == net.version and ip in net and port in (None, its_port):
				found.append(key)
				break
	return found


def case_host(t):
	"""--host: an address or a prefix, IPv4 and IPv6"""
	v6 = t.number("SELECT initiator_ip FROM teardowns WHERE initiator_ip LIKE '%:%' LIMIT 1",
		t.library())
	wide = str(ipaddress.ip_network(v6 + "/32", strict=False))
	spelled = ipaddress.ip_address(v6).exploded
	for prefix in ("192.168.10.24", "192.168.10.0/24", "192.168.20.80/32", "192.168.0.0/16",
			"192.168.10.77/25", "0.0.0.0/0", "10.0.0.0/8", "203.0.113.99", v6, v6 + "/128", wide,
			spelled, spelled.upper(), "::/0"):
		t.equal(keys(t, "--host", prefix), with_host(t, prefix.lower()), "connections of " + prefix)
	t.expect(keys(t, "--host", v6) and keys(t, "--host", "192.168.10.24"), "some of both kinds")


def case_port(t):
	"""--port: either end's; with --host, that end's"""
	same(t, ["--port", "8443"], "8443 IN (initiator_port, responder_port)")
	t.equal(keys(t, "--port", "0"), [], "connections of port 0")
	for host, port in (("192.168.20.80", 8443), ("192.168.10.24", 8443), ("192.168.20.80", 80)):
		t.equal(keys(t, "--host", host, "--port", str(port)), with_host(t, host, port),
			"connections of %s port %d" % (host, port))


def case_time(t):
	"""--since and --until: ISO 8601 and seconds, half-open"""
	first = t.sql("SELECT first_ns FROM teardowns WHERE capture LIKE '%sample.pcap' "
		"ORDER BY first_ns LIMIT 1 OFFSET 40", t.library())[0][0]
	seconds = "%d.%09d" % divmod(first, 10**9)
	same(t, ["--since", seconds], "first_ns >= %d" % first)
	same(t, ["--until", seconds], "first_ns < %d" % first)
	same(t, ["--since", "2026-01-05T09:10:00Z", "--until", "2026-01-05T10:20:00+01:00"],
		"first_ns >= 1767604200000000000 AND first_ns < 1767604800000000000")
	same(t, ["--since", "2026-01-05 09:10:00.5"], "first_ns >= 1767604200500000000")
	same(t, ["--until", "2026-01-05"], "first_ns < 1767571200000000000", some=False)
	t.equal(keys(t, "--since", "2099-01-01"), [], "connections of the future")


def case_filters_together(t):
	"""all filters given must hold"""
	same(t, ["--teardown", "rst_abort", "--closer", "responder", "--host", "192.168.0.0/16",
		"--until", "2026-01-05T09:20:00Z"], "teardown = 'rst_abort' AND closer = 'responder' AND "
		"(initiator_ip LIKE '192.168.%' OR responder_ip LIKE '192.168.%') AND "
		"first_ns < 1767604800000000000")
	t.equal(keys(t, "--teardown", "four_way", "--closer", "none"), [], "connections")


def case_nonsense(t):
	"""values that make no sense: exit code 2, naming them"""
	db = t.library()
	for option, value in (("teardown", "fourway"), ("teardown", ""), ("closer", "client"),
			("finding", "no-such-code"), ("finding", ""), ("host", "example.org"),
			("host", "10.0.0.0/33"), ("host", "10.0.0"), ("host", "1.2.3.4/"), ("host", ""),
			("host", "fe80::/129"), ("host", "::1%lo"), ("host", "10.0.0.0/8/8"), ("port", "65536"),
			("port", "http"), ("port", "-1"), ("since", "yesterday"), ("since", "2026-13-01"),
			("since", "2026-02-30"), ("until", "25:00"), ("until", ""), ("limit", "-1"),
			("limit", "few"), ("format", "yaml")):
		named = re.escape(value) if value else option + "|''|\"\""
		t.fails(t.run("query", "--" + option, value, db), 2, named)


def case_json(t):
	"""--format json: one object a line, all columns, the values of the database"""
	done = t.run("query", "--format", "json", t.library())
	found = [json.loads(line) for line in done.out.splitlines()]
	t.equal([r["connection_id"] for r in found], wanted(t, "1"), "order")
	by_key = {r["connection_id"]: r for r in t.rows(t.library())}
	for row in found:
		t.expect(re.fullmatch(r"1:[A-Za-z0-9+/]{27}=", row.pop("community_id")), "a Community ID", row)
		t.equal(row, by_key[row["connection_id"]], "row")
		t.equal(list(row), list(by_key[row["connection_id"]]), "columns")


def case_csv(t):
	"""--format csv: a line of names, all columns, the values of the database"""
	done = t.run("query", "--format", "csv", t.library())
	lines = list(csv.reader(io.StringIO(done.out), strict=True))
	with contextlib.closing(t.connect(t.library())) as connection:
		cursor = connection.execute("SELECT * FROM teardowns ORDER BY first_ns, connection_id")
		t.equal(lines[0], [d[0] for d in cursor.description] + ["community_id"], "names")
		rows = [["" if v is None else str(v) for v in row] for row in cursor]
	t.equal([line[:-1] for line in lines[1:]], rows, "rows")


def case_csv_quoting(t):
	"""CSV quotes what needs it; NULL and an empty text differ"""
	done = t.run("query", "--format", "csv", "--sql", "SELECT 'a,b' AS \"x\"\"y\", "
		"'say \"hi\"' AS b, 'two' || char(10) || 'lines' AS c, NULL AS d, '' AS e, 1.5 AS f, "
		"x'00ff' AS g", t.library())
	t.equal(done.code, 0, "exit code", done)
	lines = list(csv.reader(io.StringIO(done.out), strict=True))
	t.equal(lines[0], ['x"y', "b", "c", "d", "e", "f", "g"], "names")
	t.equal(lines[1][:6], ["a,b", 'say "hi"', "two\nlines", "", "", "1.5"], "values")
	t.expect(',,"",' in done.out, "NULL is nothing, an empty text is quoted", done.out)


def case_table(t):
	"""--format table: a line of names and a line a connection, 100 unless --limit says otherwise"""
	total = t.connections(t.library())
	for words, count, cut in (([], 100, True), (["--limit", "0"], total, False),
			(["--limit", "3"], 3, True), (["--limit", "1"], 1, True),
			(["--limit", "%d" % total], total, False), (["--teardown", "simultaneous"],
			t.connections(t.library(), "teardown = 'simultaneous'"), False)):
		done = t.run("query", *words, t.library())
		t.equal(done.code, 0, "exit code", done)
		t.equal(len(done.out.splitlines()), count + 1, "lines of " + " ".join(words), done)
		t.equal("more than" in done.err, cut, "a hint that there are more", done)
		t.equal(len({len(line.rstrip()) > 200 for line in done.out.splitlines()}), 1, "width", done)


def case_limit(t):
	"""--limit gives the earliest rows, in every format; 0 gives all"""
	total = t.connections(t.library())
	every = wanted(t, "1")
	for limit in (1, 7, total, total + 1):
		t.equal(limited(t, limit), every[:limit], "ids with --limit %d" % limit)
	t.equal(limited(t, 0), every, "ids with --limit 0")
	done = t.run("query", "--format", "csv", "--limit", "5", t.library())
	t.equal(len(done.out.splitlines()), 6, "lines of CSV", done)


def limited(t, limit):
	done = t.run("query", "--format", "json", "--limit", str(limit), t.library())
	t.equal(done.code, 0, "exit code", done)
	return [json.loads(line)["connection_id"] for line in done.out.splitlines()]


def case_nothing_matches(t):
	"""no row: exit code 0, CSV has its names, JSON nothing"""
	for form, lines in (("csv", 1), ("json", 0)):
		done = t.run("query", "--format", form, "--host", "203.0.113.99", t.library())
		t.equal((done.code, len(done.out.splitlines())), (0, lines), "exit code and lines", done)
	t.equal(t.run("query", "--host", "203.0.113.99", t.library()).code, 0, "exit code of a table")


def case_sql(t):
	"""--sql: the rows of a statement that reads, in every format"""
	statement = "SELECT teardown, count(*) AS n FROM teardowns GROUP BY 1 ORDER BY 1"
	rows = t.sql(statement, t.library())
	done = t.run("query", "--format", "json", "--sql", statement, t.library())
	t.equal([tuple(json.loads(line).values()) for line in done.out.splitlines()], rows, "JSON")
	done = t.run("query", "--format", "csv", "--sql", statement + ";", t.library())
	t.equal(list(csv.reader(io.StringIO(done.out)))[1:], [[a, str(b)] for a, b in rows], "CSV")
	done = t.run("query", "--sql", statement, t.library())
	t.equal([tuple(line.split()) for line in done.out.splitlines()][-len(rows):],
		[(a, str(b)) for a, b in rows], "table")
	for other in ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", "VALUES (1), (2)",
			"PRAGMA table_info(connections)", "EXPLAIN QUERY PLAN SELECT * FROM teardowns",
			"SELECT * FROM findings LIMIT 1", "SELECT * FROM timeline LIMIT 1",
			"SELECT 1 -- with a comment"):
		done = t.run("query", "--format", "csv", "--sql", other, t.library())
		if not other.startswith("EXPLAIN"):
			t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)


def case_sql_only_reads(t):
	"""--sql refuses what would write, attach or set: a message, exit code 1 or 2"""
	t.analyze(t.capture("four_way.pcap"))
	before = t.read(t.path("t.db"))
	for statement in ("INSERT INTO hosts DEFAULT VALUES", "UPDATE connections SET history = ''",
			"DELETE FROM connections", "DROP TABLE connections", "DROP VIEW teardowns",
			"CREATE TABLE a(b)", "CREATE TEMP TABLE a(b)", "CREATE VIEW v AS SELECT 1",
			"ATTACH 'other.db' AS other", "ATTACH ':memory:' AS m", "DETACH main", "VACUUM",
			"VACUUM INTO 'copy.db'", "REINDEX", "ANALYZE", "BEGIN", "COMMIT", "SAVEPOINT a",
			"PRAGMA user_version = 7", "PRAGMA application_id = 7", "PRAGMA writable_schema = 1",
			"PRAGMA journal_mode = WAL", "PRAGMA query_only = 0", "PRAGMA main.user_version(7)",
			"PRAGMA wal_checkpoint", "PRAGMA incremental_vacuum", "PRAGMA optimize",
			"WITH x AS (SELECT 1) INSERT INTO hosts SELECT * FROM x",
			"SELECT load_extension('x')", "SELECT 1; DELETE FROM connections", "SELECT 1; SELECT 2",
			"/* SELECT */ DELETE FROM connections", "", "  ", "-- nothing", "SELEC 1",
			"SELECT * FROM no_such_table", "SELECT 'open"):
		done = t.run("query", "--sql", statement, "t.db")
		t.expect(done.code in (1, 2), "exit code 1 or 2", done)
		t.fails(done, done.code)
		t.equal(t.read(t.path("t.db")), before, "the database after " + statement)
	t.equal(os.listdir(t.folder), ["t.db"], "files left")


def case_sql_fails_late(t):
	"""a statement that fails while it runs: a message and exit code 1"""
	done = t.run("query", "--format", "csv", "--sql",
		"SELECT abs(-9223372036854775808)", t.library())
	t.equal(done.code, 1, "exit code", done)
	t.says(done, "overflow")


def case_sql_with_filters(t):
	"""--sql beside a filter: exit code 2"""
	t.fails(t.run("query", "--sql", "SELECT 1", "--port", "80", t.library()), 2, "--sql")


def case_outcome_filters(t):
	"""filters by cause, stage, end, state, TIME_WAIT, end reason: each value, as in the database"""
	for option, column in (("cause", "rst_cause"), ("stage", "rst_stage"), ("reset-by", "rst_by"),
			("state", "conn_state"), ("time-wait", "time_wait_check"),
			("end-reason", "end_reason")):
		values = [v for v, in t.sql("SELECT DISTINCT %s FROM teardowns WHERE %s IS NOT NULL" % (
			column, column), t.library())]
		t.expect(len(values) >= 2, "values of " + column, values)
		for value in values:
			same(t, ["--" + option, value], "%s = '%s'" % (column, value))
	same(t, ["--incomplete"], "complete = 0")
	same(t, ["--complete"], "complete = 1")
	same(t, ["--midstream"], "midstream = 1")
	same(t, ["--injected"], "rst_injected = 1")


def case_side_filters(t):
	"""--client, --server, --server-port, durations, VLAN, tunnel, severity, capture"""
	same(t, ["--client", "192.168.10.0/24"], "initiator_ip LIKE '192.168.10.%'")
	same(t, ["--server", "192.168.20.81"], "responder_ip = '192.168.20.81'")
	same(t, ["--server", "192.168.20.80", "--server-port", "8443"],
		"responder_ip = '192.168.20.80' AND responder_port = 8443")
	same(t, ["--server-port", "80"], "responder_port = 80")
	same(t, ["--min-duration", "5"], "last_ns - first_ns >= 5000000000")
	same(t, ["--max-duration", "500ms"], "last_ns - first_ns <= 500000000")
	same(t, ["--vlan", "10"], "vlan = 10")
	same(t, ["--tunnel", "vni 42"], "tunnel LIKE '%vni 42%'")
	same(t, ["--tunnel", ""], "tunnel IS NOT NULL")
	same(t, ["--severity", "error"],
		"connection_id IN (SELECT connection_id FROM findings WHERE severity = 'error')")
	same(t, ["--capture", t.sql("SELECT capture FROM teardowns LIMIT 1", t.library())[0][0]],
		"capture = (SELECT capture FROM teardowns LIMIT 1)")
	t.equal(keys(t, "--application", "TLS"), [], "no application is known")


def case_community_id(t):
	"""--community-id finds the rows that print it; the same function is there for --sql"""
	done = t.run("query", "--format", "json", "--limit", "1", "--server-port", "8080", t.library())
	row = json.loads(done.out)
	found = keys(t, "--community-id", row["community_id"])
	t.expect(row["connection_id"] in found, "the row", (row["connection_id"], found))
	done = t.run("query", "--format", "json", "--sql", "SELECT community_id('128.232.110.120', 34855,"
		" '66.35.250.204', 80) AS c, community_id('x', 1, 'y', 2) AS n", t.library())
	t.equal(json.loads(done.out), {"c": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "n": None}, "values")


def case_groups(t):
	"""--by: counts, sums and nearest-rank quantiles are those of the rows"""
	for group, column in (("teardown", "teardown"), ("closer", "closer"), ("cause", "rst_cause"),
			("state", "conn_state"), ("client", "initiator_ip"), ("application", "application")):
		done = t.run("query", "--by", group, "--format", "json", t.library())
		t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
		rows = [json.loads(line) for line in done.out.splitlines()]
		groups = {}
		for value, duration, complete, size in t.sql("SELECT %s, last_ns - first_ns, complete, "
				"bytes_initiator + bytes_responder FROM teardowns" % column, t.library()):
			if value is not None or group != "cause":
				groups.setdefault(value, []).append((duration, complete, size))
		t.equal({r[group] for r in rows}, set(groups), "groups of " + group)
		for row in rows:
			of = groups[row[group]]
			durations = sorted(d for d, _, _ in of)
			t.equal(row["connections"], len(of), "connections", row)
			t.equal(row["complete"], sum(c for _, c, _ in of), "complete", row)
			t.equal(row["bytes"], sum(b for _, _, b in of), "bytes", row)
			for percent in (50, 90, 99):
				rank = -(-len(of) * percent // 100)
				t.equal(row["duration_p%d_ns" % percent], durations[rank - 1], "quantile", row)
			t.equal(row["duration_max_ns"], durations[-1], "the longest", row)
		t.equal([r["connections"] for r in rows], sorted((r["connections"] for r in rows),
			reverse=True), "the largest first")
	done = t.run("query", "--by", "hour", "--host", "192.168.20.81", t.library())
	t.expect(re.search(r"^hour +connections +complete.*\n2026-01-05T09:00:00Z +8 ", done.out), "hours", done)
	done = t.run("query", "--by", "server", "--limit", "2", t.library())
	t.equal(len(done.out.splitlines()), 3, "lines", done)
	t.fails(t.run("query", "--by", "server", "--sql", "SELECT 1", t.library()), 2, "--by")
	t.fails(t.run("query", "--by", "colour", t.library()), 2, "'colour'")


def case_csv_formulas(t):
	"""CSV: text that a spreadsheet would run is made harmless; numbers and short marks stay"""
	done = t.run("query", "--format", "csv", "--sql", "SELECT '=1+1' AS a, '@x' AS b, '-' AS c, -5 AS d, "
		"'+cmd|x' AS e", t.library())
	t.equal(done.out.splitlines()[1], "\"'=1+1\",\"'@x\",-,-5,\"'+cmd|x\"", "the row")
