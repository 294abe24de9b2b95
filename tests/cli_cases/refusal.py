"""Databases that cannot be written, and those that are not lastack's: refused, left untouched."""
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess

from cli_cases import bench
from cli_cases.damage import as_other_user


def foreign(t, name, *statements):
	with contextlib.closing(sqlite3.connect(t.path(name))) as connection:
		connection.executescript(";".join(statements))
	return t.path(name)


def untouched(t, name, code, *patterns):
	"""analyze, query and report refuse the file with the code and leave the folder as it was."""
	before = {n: t.read(t.path(n)) for n in os.listdir(t.folder)}
	for words in (["analyze", "--db", name, t.capture("four_way.pcap")], ["query", name],
			["report", name], ["query", "--sql", "SELECT 1", name]):
		t.fails(t.run(*words), code, name, *patterns)
		t.equal({n: t.read(t.path(n)) for n in os.listdir(t.folder)}, before, "files", words)


def case_foreign_database(t):
	"""another program's database: exit code 1, left byte for byte as it is"""
	foreign(t, "notes.db", "CREATE TABLE notes(text)", "INSERT INTO notes VALUES('mine')")
	untouched(t, "notes.db", 1, "not one of lastack's")


def case_foreign_views(t):
	"""another program's database that has a view teardowns is still not lastack's"""
	foreign(t, "other.db", "CREATE TABLE findings(code)", "CREATE VIEW teardowns AS SELECT 1 AS a",
		"PRAGMA user_version = 1")
	untouched(t, "other.db", 1, "not one of lastack's")


def case_foreign_application(t):
	"""a database with another application_id is refused"""
	foreign(t, "geo.db", "PRAGMA application_id = 0x47504B47", "CREATE TABLE a(b)")
	untouched(t, "geo.db", 1, "not one of lastack's")


def case_other_version(t):
	"""a database of a newer or unknown schema version: exit code 1, saying so"""
	t.analyze(t.capture("four_way.pcap"), db="version.db")
	version = t.number("PRAGMA user_version", "version.db")
	for other in (version + 1, 9999, 0):
		with contextlib.closing(t.connect("version.db")) as connection:
			connection.execute("PRAGMA user_version = %d" % other)
		untouched(t, "version.db", 1, "version|newer", str(other))


def case_no_database(t):
	"""a file that is no database: exit code 1, left as it is"""
	t.write("text.db", b"Dear diary\n" * 100)
	untouched(t, "text.db", 1, "not a database")
	t.write("short.db", b"SQLite format 3\0")
	untouched(t, "short.db", 1)
	shutil.copy(t.capture("four_way.pcap"), t.path("capture.db"))
	untouched(t, "capture.db", 1, "not a database")


def case_damaged_database(t):
	"""a database with damaged pages: exit code 1, saying so, no crash"""
	t.analyze(t.capture("sample.pcap"))
	data = bytearray(t.read(t.path("t.db")))
	for at in range(4096, len(data)):
		data[at] = (data[at] * 7 + at) & 0xff
	t.write("t.db", bytes(data))
	for words in (["analyze", "--db", "t.db", t.capture("four_way.pcap")], ["query", "t.db"],
			["report", "t.db"]):
		t.fails(t.run(*words), 1, "t.db: ")


def case_missing_table(t):
	"""a database without one of its tables: exit code 1; 2 where a statement of the user's asks for what is not there"""
	t.analyze(t.capture("four_way.pcap"))
	with contextlib.closing(t.connect("t.db")) as connection:
		connection.executescript("DROP TABLE paths; DROP TABLE open_connections")
	for words in (["query", "t.db"], ["query", "--open", "t.db"], ["show", "t.db", "1"]):
		t.fails(t.run(*words), 1, "t.db: is not as lastack makes it .no such table")
	t.fails(t.run("query", "t.db", "--sql", "SELECT * FROM teardowns, nowhere"), 2,
		"t.db: SQLite: no such table: ")
	t.fails(t.run("query", "t.db", "--host", "nowhere.example"), 2)


READERS = (["report", "--format", "html", "t.db"], ["query", "t.db"], ["query", "--open", "t.db"], ["show", "t.db", "1"])
# The same tables on other ways.
MORE_READERS = (["report", "t.db"], ["report", "--against", "whole.db", "t.db"], ["query", "--by", "teardown", "t.db"],
	["query", "--contains", "GET", "t.db"], ["query", "--host", "192.0.2.10", "t.db"],
	["query", "--finding", "rst-injected", "t.db"], ["show", "--svg", "-", "t.db", "1"],
	["show", "t.db", "192.0.2.10:40001-192.0.2.20:8000"])


def case_each_table_missing(t):
	"""whichever table is missing: what needs it fails with one message that names the database, what does not works"""
	capture = t.capture("rst_injected.pcap")
	t.analyze("--mark", "GET", capture, db="whole.db")
	refused = set()
	for table, in t.sql("SELECT name FROM sqlite_schema WHERE type = 'table'", "whole.db"):
		shutil.copy(t.path("whole.db"), t.path("t.db"))
		with contextlib.closing(t.connect("t.db")) as connection:
			connection.execute("DROP TABLE " + table)
		more = MORE_READERS if table in ("connections", "hosts", "marks", "recordings") else ()
		for words in (*READERS, *more, ["extract", "--pcap", "-", "--connection", "1", "--db", "t.db", capture],
				["analyze", "--format", "none", "--db", "t.db", capture]):
			done = t.run(*words)
			if done.code == 0:
				continue
			refused.add((table, words[0]))
			t.equal(done.code, 1, "exit code", done)
			t.says(done, r"\Alastack: (\w+: )?t\.db: .*no such table: (main\.)?\w+.*\n\Z")
	for command in ("report", "query", "show", "extract", "analyze"):
		t.expect(("connections", command) in refused, "%s needs connections" % command)
	t.expect(len({table for table, _ in refused}) > 20, "tables that are needed", sorted(refused))


def case_directory_as_database(t):
	"""a folder as --db: exit code 1, naming it"""
	os.mkdir(t.path("folder"))
	for words in (["analyze", "--db", "folder", t.capture("four_way.pcap")], ["query", "folder"],
			["report", "folder"]):
		t.fails(t.run(*words), 1, "folder: .*directory")


def case_no_folder(t):
	"""--db in a folder that is not there: exit code 1, naming it"""
	done = t.run("analyze", "--db", "no/t.db", t.capture("four_way.pcap"))
	t.fails(done, 1, "no/t.db", "No such")


def case_special_file(t):
	"""a device as --db: exit code 1"""
	t.fails(t.run("analyze", "--db", "/dev/null", t.capture("four_way.pcap")), 1, "/dev/null")
	t.fails(t.run("analyze", "--db", "/dev/full", t.capture("four_way.pcap")), 1, "/dev/full")


def case_query_without_database(t):
	"""query and report of a database that is not there: exit code 1, nothing is created"""
	for words in (["query", "none.db"], ["report", "none.db"], ["query"]):
		t.fails(t.run(*words), 1, r"(none|lastack)\.db", "lastack analyze")
	t.write("empty.db", b"")
	t.fails(t.run("query", "empty.db"), 1, "empty.db")
	t.equal(os.listdir(t.folder), ["empty.db"], "files left")


def case_empty_file(t):
	"""an empty file becomes a database"""
	t.write("t.db", b"")
	t.analyze(t.capture("four_way.pcap"))
	t.equal(t.connections(), 1, "connections")


def case_read_only_folder(t):
	"""a folder without the right to write: exit code 1, naming the database"""
	user = as_other_user(t)
	os.mkdir(t.path("locked"))
	os.chmod(t.path("locked"), 0o555)
	t.fails(t.run("analyze", "--db", "locked/t.db", t.capture("four_way.pcap"), **user), 1,
		"locked/t.db", "ermission")
	t.equal(os.listdir(t.path("locked")), [], "files left")


def case_read_only_database(t):
	"""a database without the right to write: analyze fails with 1, query reads it"""
	user = as_other_user(t)
	os.mkdir(t.path("locked"))
	t.analyze(t.capture("four_way.pcap"), db="locked/t.db")
	os.chmod(t.path("locked/t.db"), 0o444)
	os.chmod(t.path("locked"), 0o555)
	before = t.read(t.path("locked/t.db"))
	t.fails(t.run("analyze", "--db", "locked/t.db", t.capture("refused.pcap"), **user), 1,
		"locked/t.db")
	t.equal(t.read(t.path("locked/t.db")), before, "the database")
	done = t.run("query", "locked/t.db", **user)
	t.equal((done.code, done.err), (0, ""), "exit code and complaint of query", done)
	t.expect("four_way" in done.out, "the connection", done)
	os.chmod(t.path("locked"), 0o755)


def limit_files():
	signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
	resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))


def case_file_too_large(t):
	"""a database that may not grow: exit code 1, naming it, the old rows stay"""
	done = t.run("analyze", "--db", "new.db", t.capture("sample.pcap"), preexec_fn=limit_files)
	t.fails(done, 1, "new.db")
	t.analyze(t.capture("four_way.pcap"))
	before = t.rows()
	done = t.run("analyze", "--db", "t.db", t.capture("sample.pcap"), preexec_fn=limit_files)
	t.fails(done, 1, "t.db")
	t.equal(t.rows(), before, "rows")
	t.sound()


def case_full_device(t):
	"""a full device: exit code 1, naming the database, the old rows stay"""
	os.mkdir(t.path("small"))
	script = ("mount -t tmpfs -o size=260k tmpfs small || exit 99\n"
		"'{0}' analyze --format none --db small/t.db '{1}' || exit 98\n"
		"'{0}' analyze --format none --db small/t.db --ladders all '{2}'; echo $?\n"
		"'{0}' query --format csv small/t.db").format(t.program, t.capture("four_way.pcap"),
		t.large_capture(bench.LARGE_OLD))
	unshare = shutil.which("unshare")
	if os.geteuid() != 0 or not unshare:
		raise bench.Skip("only root may mount a small device")
	done = subprocess.run([unshare, "-m", "sh", "-c", script], cwd=t.folder, text=True,
		capture_output=True, timeout=bench.TIMEOUT)
	if done.returncode in (1, 99) and "lastack" not in done.stderr:
		raise bench.Skip("a small device cannot be mounted here")
	lines = done.stdout.splitlines()
	t.equal((done.returncode, lines[:1]), (0, ["1"]), "exit codes", done)
	t.expect("lastack: small/t.db: " in done.stderr, "a message with the database", done.stderr)
	t.expect(len(lines) == 3 and "four_way" in lines[2], "the old row", lines)
