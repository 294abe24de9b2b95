"""The manual page, the help and the documents agree with the program; the installation works."""
import os
import re
import shutil
import subprocess

from cli_cases import bench

COMMANDS = ("analyze", "extract", "monitor", "query", "report", "show")
MANUAL = os.path.join(bench.ROOT, "docs", "lastack.1")


def help_options(t, command):
	"""{long option: its help} as the command's --help lists them."""
	out = t.run(command, "--help").out
	blocks = re.findall(r"^  (?:-\w, |    )--([\w-]+)(.*(?:\n {10,}.*)*)", out, re.M)
	return {name: " ".join(text.split()) for name, text in blocks}


def manual_section(command):
	with open(MANUAL, encoding="utf-8") as file:
		text = file.read()
	found = re.search(r"^\.Ss %s\n(.*?)(?=^\.S[sh] )" % command, text, re.M | re.S)
	return found.group(1) if found else ""


def manual_options(section):
	"""{long option: its entry's first line}."""
	options = {}
	for line in re.findall(r"^\.It (Fl .*)$", section, re.M):
		for name in re.findall(r"Fl -([\w-]+)", line):
			options[name] = line
	return options


def case_manual_options(t):
	"""every option of every command's --help is in the manual page, and the reverse"""
	for command in COMMANDS:
		shown = help_options(t, command)
		t.expect(len(shown) >= 3, "options in %s --help" % command, sorted(shown))
		t.expect(shown.pop("help", None), "--help in the help of " + command, sorted(shown))
		manual = manual_options(manual_section(command))
		t.equal(sorted(manual), sorted(shown), "options of %s: manual page, help" % command)
	with open(MANUAL, encoding="utf-8") as file:
		text = file.read()
	t.expect(re.search(r"^\.Fl -help \| -version$", text, re.M), "--help and --version there")


def case_manual_choices(t):
	"""an option's choices are in the manual page as the program takes them"""
	for command, option, wanted in (
			("analyze", "format", ["text", "json", "none"]),
			("analyze", "ladders", ["unclean", "all", "none"]),
			("analyze", "overlap", ["first", "last"]),
			("extract", "gaps", ["skip", "zero", "split"]),
			("query", "format", ["table", "json", "csv"]),
			("query", "closer", ["initiator", "responder", "both", "none"]),
			("report", "format", ["text", "json", "md", "html"]),
			("show", "format", ["text", "json"])):
		done = t.run(command, "--" + option, "?")
		t.equal(done.code, 2, "exit code", done)
		for choice in wanted:
			t.expect(re.search(r"\b%s\b" % choice, done.err), "the choice " + choice, done)
		line = manual_options(manual_section(command))[option]
		words = re.sub(r".*? Cm ", "", line, count=1).split(" | ")
		t.equal(words, wanted, "choices of %s --%s in the manual page" % (command, option))


def case_manual_defaults(t):
	"""defaults that the help tells are those of the manual page"""
	shown = help_options(t, "analyze")
	manual = " ".join(manual_section("analyze").split())
	for option, told, text in (("msl", "(120)", "by default 120"),
			("stuck", "(60)", "60 by default"), ("max-memory", "at most 1G;", "at most 1G;"),
			("stream-memory", "(64M)", "by default 64M"),
			("db", "(lastack.db)", "lastack.db")):
		t.expect(told in shown[option], "%s in the help of --%s" % (told, option), shown[option])
		t.expect(text in manual, text + " in the manual page")


def case_manual_classes(t):
	"""the manual page lists every teardown class"""
	done = t.run("query", "--teardown", "?")
	classes = re.findall(r"\w+(?=,|$)", done.err.split(" is none of ")[1].strip())
	t.equal(len(classes), 13, "classes", done)
	with open(MANUAL, encoding="utf-8") as file:
		text = file.read()
	t.equal(sorted(re.findall(r"^\.It Cm (\w+)\n[^.]", text.split("TEARDOWN CLASSES\n")[-1], re.M)),
		sorted(classes), "classes of the manual page")


def case_findings_documented(t):
	"""every finding's code has its place in docs/findings.md, with its RFC section"""
	with open(os.path.join(bench.ROOT, "docs", "findings.md"), encoding="utf-8") as file:
		text = file.read()
	codes = t.sql("SELECT code, title, advice, basis FROM finding_codes", t.library())
	t.expect(len(codes) >= 20, "the codes of finding_codes", len(codes))
	for code, title, advice, basis in codes:
		t.expect(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code), "a stable code", code)
		t.expect(re.search(r"^#+ .*\b%s$" % code, text, re.M), code + " in docs/findings.md")
		t.expect(title and advice and basis, "title, advice and basis of " + code)
	used = {c for c, in t.sql("SELECT DISTINCT code FROM findings", t.library())}
	t.expect(used and used <= {c[0] for c in codes}, "codes that are in finding_codes", used)


def case_columns_documented(t):
	"""docs/database.md names every table and view of a database"""
	with open(os.path.join(bench.ROOT, "docs", "database.md"), encoding="utf-8") as file:
		text = file.read()
	names = [n for n, in t.sql("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
		"AND name NOT LIKE 'sqlite_%'", t.library())]
	t.expect("teardowns" in names, "the view teardowns", names)
	for name in names:
		t.expect(re.search(r"\b%s\b" % name, text), "%s in docs/database.md" % name)


def case_install(t):
	"""meson install: the installed program and its manual page work"""
	build = os.path.dirname(t.program)
	meson = shutil.which("meson")
	if not meson or not os.access(os.path.join(build, "meson-private"), os.W_OK):
		raise bench.Skip("there is no meson, or no build folder to write to")
	done = subprocess.run([meson, "install", "-C", build, "--no-rebuild", "--destdir",
		t.path("dest")], capture_output=True, text=True, timeout=bench.TIMEOUT)
	t.equal(done.returncode, 0, "exit code of meson install", done.stdout + done.stderr)
	files = {name: os.path.join(folder, name)
		for folder, _, names in os.walk(t.path("dest")) for name in names}
	t.expect("lastack" in files and "lastack.1" in files, "the program and its page", sorted(files))
	t.equal(t.read(files["lastack.1"]), t.read(MANUAL), "the manual page")
	done = subprocess.run([files["lastack"], "analyze", "--db", "t.db",
		t.capture("four_way.pcap")], cwd=t.folder, capture_output=True, text=True,
		timeout=bench.TIMEOUT)
	t.equal((done.returncode, done.stderr), (0, ""), "exit code and complaint")
	t.expect("four_way" in done.stdout, "a report", done.stdout)
	if shutil.which("mandoc"):
		page = subprocess.run(["mandoc", "-Tascii", "-W", "error,stop", files["lastack.1"]],
			capture_output=True, text=True, timeout=bench.TIMEOUT)
		t.equal(page.returncode, 0, "exit code of mandoc", page.stderr)
