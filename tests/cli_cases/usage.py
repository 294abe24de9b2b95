"""Help, version, and words that cannot be understood."""
import os
import re

COMMANDS = ("analyze", "extract", "query", "report", "show")
OPTIONS = ("--db", "--msl", "--filter", "--format", "--fail-on", "--no-dpi", "--idle-timeout",
	"--keep-duplicates", "--join", "--max-flows", "--max-memory", "--quiet")


def case_help(t):
	"""--help, of the program and of each command, goes to standard output"""
	for words in (["--help"], ["-h"], *[[c, "--help"] for c in COMMANDS],
			*[[c, "-h"] for c in COMMANDS]):
		done = t.run(*words)
		t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
		t.expect(done.out.startswith("Usage: lastack"), "a usage", done)
		widest = max(len(line) for line in done.out.splitlines())
		t.expect(widest < 80, "lines that fit a terminal", widest)


def case_version(t):
	"""--version goes to standard output"""
	done = t.run("--version")
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	t.expect(re.fullmatch(r"lastack \d+\.\d+\.\d+\S* \((nDPI \d\S*|without nDPI)\)\n"
		r"sandbox: (none|Landlock; no seccomp|seccomp(; no| and) Landlock)\n", done.out), "name and version", done)


def case_help_lists_commands(t):
	"""--help names every command, each command's help every option that all versions keep"""
	out = t.run("--help").out
	for command in COMMANDS:
		t.expect(re.search(r"^  %s " % command, out, re.M), "the command " + command, out)
	out = t.run("analyze", "--help").out
	for option in OPTIONS:
		t.expect(re.search(r"%s\b" % option, out), "the option " + option, out)


def case_help_wins(t):
	"""--help is given even beside other words, and opens nothing"""
	done = t.run("analyze", "--db", "t.db", "no-such-file", "--help")
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)


def case_no_command(t):
	"""no command: exit code 2, the usage on standard error"""
	t.fails(t.run(), 2, "no command", "Usage: lastack")


def case_unknown_command(t):
	"""an unknown command: exit code 2, naming it and the one that may be meant"""
	t.fails(t.run("analyse", "x.pcap"), 2, "'analyse'", "'analyze'")
	t.fails(t.run("frobnicate"), 2, "'frobnicate'")
	t.fails(t.run("--frobnicate"), 2, "'--frobnicate'")
	t.fails(t.run(t.capture("four_way.pcap")), 2, "four_way.pcap", "lastack analyze")


def case_usage_errors(t):
	"""usage errors: exit code 2, naming the word, nothing on standard output"""
	file = t.capture("four_way.pcap")
	for words, named in (
			(["--frobnicate", file], "--frobnicate"),
			(["--fromat", "json", file], "--format"),
			(["-z", file], "-z"),
			(["--db"], "--db"),
			(["--msl"], "--msl"),
			(["--msl", "soon", file], "soon"),
			(["--msl", "-1", file], "-1"),
			(["--msl", "1,5", file], "1,5"),
			(["--msl", "0", file], "0"),
			(["--msl=", file], "--msl"),
			(["--msl", "1e9", file], "1e9"),
			(["--idle-timeout", "x", file], "x"),
			(["--max-flows", "-5", file], "-5"),
			(["--max-flows", "many", file], "many"),
			(["--max-flows", "99999999999999999999", file], "99999999999999999999"),
			(["--max-memory", "12Q", file], "12Q"),
			(["--max-memory", "", file], "--max-memory"),
			(["--format", "xml", file], "xml"),
			(["--format", "", file], "--format"),
			(["--ladders", "some", file], "some"),
			(["--quiet=yes", file], "--quiet=yes"),
			(["--join=yes", file], "--join=yes"),
			(["--filter", "tcp prot 80", file], "tcp prot 80"),
			([], "capture"),
			([""], "''"),
			(["-", "-"], "-")):
		done = t.run("analyze", *words)
		t.fails(done, 2, re.escape(named))
	t.equal(os.listdir(t.folder), [], "files left")
	for words, named in (
			(["--frobnicate"], "--frobnicate"),
			(["a.db", "b.db"], "b.db"),
			(["--db", "a.db", "b.db"], "b.db"),
			(["--format", "xml"], "xml"),
			(["--format", "text"], "text")):
		t.fails(t.run("query", *words), 2, re.escape(named))
	for words, named in ((["--format", "csv"], "csv"), (["a.db", "b.db"], "b.db")):
		t.fails(t.run("report", *words), 2, re.escape(named))


def case_option_spellings(t):
	"""values in the next word or after =; options after operands; -- ends options"""
	file = t.write("--odd.pcap", t.read(t.capture("four_way.pcap")))
	for number, words in enumerate((
			["--db=%d.db", "--format=none", file],
			["--db", "%d.db", "--format", "none", file],
			[file, "--format", "none", "--db", "%d.db"],
			["--format", "none", "--db", "%d.db", "--", "--odd.pcap"])):
		db = "%d.db" % number
		done = t.run("analyze", *[w.replace("%d.db", db) for w in words])
		t.equal((done.code, done.out, done.err), (0, "", ""), "silent success", done)
		t.equal(t.connections(db), 1, "connections")


def case_default_database(t):
	"""without --db the database is lastack.db in the current folder, for all commands"""
	done = t.run("analyze", t.capture("four_way.pcap"))
	t.equal(done.code, 0, "exit code", done)
	t.equal(t.connections("lastack.db"), 1, "connections")
	t.expect("four_way" in t.run("query").out, "the connection in query")
	t.expect("four_way" in t.run("report").out, "the connection in report")


def case_memory_database(t):
	"""--db :memory: reports and keeps nothing"""
	done = t.run("analyze", "--db", ":memory:", t.capture("four_way.pcap"))
	t.equal(done.code, 0, "exit code", done)
	t.expect("four_way" in done.out, "a report", done)
	t.equal(os.listdir(t.folder), [], "files left")


def case_no_dpi(t):
	"""--no-dpi: the columns of applications are NULL"""
	t.analyze("--no-dpi", t.capture("four_way.pcap"))
	t.equal(t.sql("SELECT application, application_category FROM teardowns"), [(None, None)],
		"applications")
