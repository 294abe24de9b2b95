"""Where output goes: terminals, pipes, full devices; names that would trick a terminal."""
import json
import os
import re
import resource
import shutil
import signal
import time

from cli_cases import bench

EVIL = "evil\x1b[31m\nname\u202e\x07.pcap"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202e]")


def writers(t):
	"""Every command and format that writes to standard output."""
	sample = t.capture("sample.pcap")
	t.analyze("--no-dpi", "--ladders", "all", sample, t.capture("bad_fin_moved.pcap"))
	words = [["analyze", "--no-dpi", "--db", ":memory:", "--format", f, sample] for f in ("text", "json")]
	words += [["report", "--format", f, "t.db"] for f in ("text", "json", "md", "html")]
	words += [["report", "--format", f, "t.db", "--against", "t.db"] for f in ("text", "json", "md")]
	for f in ("table", "json", "csv"):
		words += [["query", "--format", f, *more, "t.db"] for more in ([], ["--limit", "1"], ["--by", "server"],
			["--sql", "SELECT * FROM findings"])]
	words += [["show", "t.db", "1", *more] for more in ([], ["--format", "json"], ["--ladder"], ["--svg", "-"])]
	words += [["extract", "--pcap", "-", sample], ["monitor", "--list"], ["--version"], ["--help"]]
	return words + [[c, "--help"] for c in ("analyze", "extract", "monitor", "query", "report", "show")]


def closed_pipe(t, *words, **options):
	"""A run whose reader has gone."""
	reading, writing = os.pipe()
	os.close(reading)
	process = t.start(*words, stdout=writing, **options)
	os.close(writing)
	return t.finish(process)


def case_closed_pipe(t):
	"""a closed output pipe ends it silently, whatever it writes"""
	for words in writers(t):
		done = closed_pipe(t, *words)
		t.equal((done.code, done.err), (-signal.SIGPIPE, ""), "end and complaint", done)


def case_closed_pipe_stored(t):
	"""what was analysed is stored before the report meets a closed pipe"""
	closed_pipe(t, "analyze", "--db", "t.db", t.capture("sample.pcap"))
	t.equal(t.connections(), 89, "connections")


def case_closed_pipe_ignored(t):
	"""the same where SIGPIPE comes ignored from the parent"""
	t.analyze(t.capture("sample.pcap"))
	done = closed_pipe(t, "query", "--format", "csv", "t.db", restore_signals=False,
		preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
	t.equal((done.code, done.err), (-signal.SIGPIPE, ""), "end and complaint", done)


def fails_to_write(t, done, reason):
	t.equal(done.code, 1, "exit code", done)
	t.says(done, "standard output(: cannot| could not) be written", reason)
	t.equal(done.err.count("\n"), 1, "lines of complaint", done)


def case_full_output(t):
	"""standard output that cannot be written, whatever is written: exit code 1 and one message"""
	for words in writers(t):
		with open("/dev/full", "wb") as full:
			fails_to_write(t, t.run(*words, stdout=full), "No space left on device")


def case_closed_output(t):
	"""the same where standard output is closed; what is opened does not get its number"""
	for words in writers(t):
		fails_to_write(t, t.run(*words, preexec_fn=lambda: os.close(1)), "Bad file descriptor")


def case_closed_errors(t):
	"""closed standard error and input: the outcome is as ever"""
	cut = t.capture("container_cut.pcap")
	wanted = t.run("analyze", "--no-dpi", "--db", "t.db", cut)
	t.equal(wanted.code, 3, "exit code", wanted)
	for descriptors in ([2], [0, 2], [0, 1, 2]):
		done = t.run("analyze", "--no-dpi", "--db", "u.db", cut,
			preexec_fn=lambda: [os.close(fd) for fd in descriptors])
		t.equal((done.code, done.err), (1 if 1 in descriptors else 3, ""), "end", done)
		t.equal(t.rows("u.db"), t.rows(), "rows")
		t.sound("u.db")
	done = t.run("analyze", "--db", ":memory:", t.capture("four_way.pcap"), "-", preexec_fn=lambda: os.close(0))
	t.equal(done.code, 3, "exit code", done)
	t.says(done, "standard input.*Bad file descriptor")


def limit_files():
	resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))


def case_limited_files(t):
	"""files that may not grow: exit code 1 and one message, no signal; nothing is left of them"""
	sample = t.capture("sample.pcap")
	t.analyze("--no-dpi", "--ladders", "all", sample)
	with open(t.path("page.html"), "wb") as page:
		done = t.run("report", "--format", "html", "t.db", stdout=page, preexec_fn=limit_files)
	fails_to_write(t, done, "File too large")
	os.unlink(t.path("page.html"))
	for words, reason in ((["show", "t.db", "1", "--svg", "a.svg"], "a.svg: File too large"),
			(["extract", "--pcap", "a.pcap", sample], "a.pcap: cannot be written: File too large"),
			(["extract", "--streams", "streams", sample], "streams.*File too large"),
			(["analyze", "--no-dpi", "--db", "a.db", sample], "a.db")):
		done = t.run(*words, preexec_fn=limit_files)
		t.fails(done, 1, reason)
		t.equal(done.err.count("\n"), 1, "lines of complaint", done)
		t.equal(os.listdir(t.folder), ["t.db"], "files")


def case_colour(t):
	"""colours on a terminal; never with NO_COLOR, TERM=dumb, or into a pipe"""
	t.analyze(t.capture("sample.pcap"), t.capture("bad_fin_moved.pcap"))
	for words in (["report", "t.db"], ["analyze", "--db", "t.db", t.capture("sample.pcap")]):
		code, out = t.run_on_terminal(*words)
		t.equal(code, 0, "exit code")
		t.expect(re.search("\x1b\\[[0-9;]*m", out), "colours on a terminal", out)
		for changes in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
			code, out = t.run_on_terminal(*words, env=t.environment(**changes))
			t.equal((code, "\x1b" in out), (0, False), "no colours with %s" % changes)
		t.expect("\x1b" not in t.run(*words).out, "no colours into a pipe")
	code, out = t.run_on_terminal("query", "t.db")
	t.expect("four_way" in out, "rows", out)
	for words in (["query", "t.db"], ["query", "--format", "json", "t.db"], ["query", "--help"]):
		t.expect("\x1b" not in t.run(*words).out, "no colours into a pipe")
	for form in ("csv", "json"):
		_, out = t.run_on_terminal("query", "--format", form, "t.db")
		t.expect("\x1b" not in out, "no colours in " + form, out)


def feed_slowly(t):
	"""Input that takes longer than short runs do, with packets enough to look at the clock."""
	data = t.read(t.large_capture(bench.LARGE_OLD))
	parts = [data[:8000000], data[8000000:16000000]]

	def feed(stream):
		stream.write(parts[0])
		stream.flush()
		time.sleep(0.7)
		stream.write(parts[1])
	return feed


def case_progress(t):
	"""progress shows on a terminal only, and not with --quiet"""
	words = ["analyze", "--db", ":memory:", "--format", "none"]
	_, out = t.run_on_terminal(*words, "-", feed=feed_slowly(t), env=t.environment(NO_COLOR="1"))
	t.expect("\r" in out and "packets" in out, "progress", out)
	_, quiet = t.run_on_terminal(*words, "--quiet", "-", feed=feed_slowly(t))
	t.expect("packets/s" not in quiet and "\r\x1b[K" not in quiet, "no progress", quiet)
	process = t.start(*words, "-", stdin=-1)
	feed_slowly(t)(process.stdin)
	done = t.finish(process)
	t.expect("packets/s" not in done.err and "\r" not in done.err, "no progress into a pipe", done)


def case_quiet(t):
	"""--quiet leaves nothing on standard error but errors"""
	done = t.run("analyze", "--quiet", "--db", "t.db", t.capture("sample.pcap"))
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	done = t.run("analyze", "-q", "--format", "none", "--db", "t.db", t.capture("sample.pcap"))
	t.equal((done.code, done.out, done.err), (0, "", ""), "silence", done)
	done = t.run("analyze", "--quiet", "--db", "t.db", "missing.pcap")
	t.fails(done, 1, "missing.pcap")


def case_hostile_name(t):
	"""control characters in a capture's name do not reach the terminal"""
	name = t.path(EVIL)
	shutil.copy(t.capture("close_wait_stuck.pcap"), name)
	done = t.run("analyze", "--db", "t.db", name)
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	for words in (["report", "t.db"], ["query", "t.db"],
			["query", "--sql", "SELECT capture FROM teardowns", "t.db"]):
		out = t.run(*words).out
		t.expect(not CONTROL.search(out), "no control characters from " + words[0], repr(out))
		t.expect("\nname" not in out, "no line that the name begins", repr(out))
	t.expect(not CONTROL.search(done.out) and "evil" in done.out, "the report", repr(done.out))
	t.equal(t.sql("SELECT capture FROM teardowns"), [(name,)], "the name as given, in the database")


def case_hostile_name_machines(t):
	"""JSON gives such a name back as it is"""
	name = t.path(EVIL)
	shutil.copy(t.capture("close_wait_stuck.pcap"), name)
	done = t.run("analyze", "--db", "t.db", "--format", "json", name)
	t.equal(json.loads(done.out)["captures"][0]["path"], name, "path in the report")
	t.expect(not CONTROL.search(done.out), "no control characters in JSON", repr(done.out))
	done = t.run("query", "--format", "json", "t.db")
	t.equal(json.loads(done.out)["capture"], name, "capture in query")


def case_hostile_name_errors(t):
	"""messages do not pass control characters on, in whatever word they came"""
	for words in (["analyze", EVIL], ["analyze", "--db", ":memory:", t.path(EVIL)],
			["analyze", "--" + EVIL, "x"], ["query", EVIL], [EVIL], ["query", "--host", EVIL],
			["query", "--sql", "SELECT '" + EVIL], ["analyze", "--filter", EVIL, "x"],
			["analyze", "--db", EVIL, t.capture("four_way.pcap"), "--msl", EVIL]):
		done = t.run(*words)
		t.expect(done.code in (1, 2), "exit code 1 or 2", done)
		t.expect(not CONTROL.search(done.err), "no control characters", repr(done.err))
		t.equal(done.err.count("\n"), 1, "lines of complaint", done)
	name = t.path(EVIL)
	t.write(EVIL, t.read(t.capture("sample.pcap"))[:5000])
	done = t.run("analyze", "--db", ":memory:", name)
	t.equal(done.code, 3, "exit code", done)
	t.expect(not CONTROL.search(done.err + done.out), "no control characters", repr(done.err))


def case_bytes_name(t):
	"""a name that is not UTF-8 is stored, told and valid JSON"""
	name = os.fsdecode(os.fsencode(t.path("caf")) + b"\xe9\xff.pcap")
	shutil.copy(t.capture("four_way.pcap"), name)
	for form in ("text", "json"):
		done = t.run("analyze", "--db", "t.db", "--format", form, name)
		t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
		done.out.encode("utf-8")  # fails where it is not UTF-8
		t.expect("caf" in done.out, "the name", done)
	for form in ("csv", "json", "table"):
		t.equal(t.run("query", "--format", form, "t.db").code, 0, "exit code of " + form)
	t.equal(t.number("SELECT count(*) FROM connections"), 1, "connections")


def case_ascii_locale(t):
	"""where the locale is not UTF-8 the report is plain ASCII"""
	done = t.run("analyze", "--db", ":memory:", t.capture("sample.pcap"),
		env=t.environment(LC_ALL="C"))
	t.equal((done.code, done.err), (0, ""), "exit code and complaint", done)
	t.expect(done.out.isascii(), "ASCII", done)
