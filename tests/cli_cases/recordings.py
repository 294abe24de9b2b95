"""Standard input appends, the same file replaces, joined captures go on from file to file."""
import gzip
import os
import shutil
import subprocess

from cli_cases import pcap

IDS = ("connection_id", "capture")


def case_stdin(t):
	"""- reads pcap, pcapng, gzip and zstd from a pipe"""
	for name in ("four_way.pcap", "container_pcapng.pcapng", "container_gzip.pcap.gz",
			"container_zstd.pcap.zst", "container_nanoseconds.pcap", "sample.pcap"):
		t.analyze("-", input=t.read(t.capture(name)), db=name + ".db")
		t.analyze(t.capture(name), db="file.db")
		t.equal(t.rows(name + ".db", IDS),
			t.rows("file.db", IDS, "capture = '%s'" % t.capture(name)), "rows of " + name)
		t.equal(t.sql("SELECT DISTINCT capture FROM teardowns", name + ".db"), [("-",)], "capture")


def case_stdin_appends(t):
	"""standard input always appends"""
	data = t.read(t.capture("four_way.pcap"))
	for times in (1, 2, 3):
		t.analyze("-", input=data)
		t.equal(t.connections(), times, "connections")
	t.equal(t.number("SELECT count(*) FROM recordings"), 3, "recordings")
	t.sound()


def case_stdin_by_name(t):
	"""standard input appends also by the name /dev/stdin, and so does a named pipe"""
	data = t.read(t.capture("four_way.pcap"))
	os.mkfifo(t.path("pipe"))
	for times in (1, 2):
		t.analyze("/dev/stdin", input=data)
		t.equal(t.connections(), 2 * times - 1, "connections")
		process = t.start("analyze", "--format", "none", "--db", "t.db", "pipe")
		with open(t.path("pipe"), "wb") as pipe:
			pipe.write(data)
		t.equal(t.finish(process).code, 0, "exit code")
		t.equal(t.connections(), 2 * times, "connections")


def case_stdin_trickles(t):
	"""standard input that comes in small pieces says the same"""
	data = t.read(t.capture("four_way.pcap"))
	process = t.start("analyze", "--format", "none", "--db", "t.db", "-", stdin=subprocess.PIPE)
	for at in range(0, len(data), 13):
		process.stdin.write(data[at:at + 13])
		process.stdin.flush()
	t.equal(t.finish(process).code, 0, "exit code")
	t.equal(t.sql("SELECT teardown, complete FROM teardowns"), [("four_way", 1)], "rows")


def case_stdin_among_files(t):
	"""- among files is one of several recordings, and only it is not replaced"""
	data = t.read(t.capture("refused.pcap"))
	for times in (1, 2):
		t.analyze(t.capture("four_way.pcap"), "-", input=data)
		t.equal(t.connections(where="teardown = 'four_way'"), 1, "of the file")
		t.equal(t.connections(where="teardown = 'refused'"), times, "of standard input")


def case_replaces(t):
	"""the same file again replaces its rows and leaves other recordings alone"""
	others = [t.capture("refused.pcap"), t.capture("bad_fin_moved.pcap")]
	shutil.copy(t.capture("sample.pcap"), t.path("a.pcap"))
	t.analyze(others[0], "a.pcap", others[1])
	before = t.rows(where="capture <> 'a.pcap'")
	findings = "SELECT f.* FROM findings AS f JOIN teardowns USING (connection_id) WHERE capture %s"
	told = t.sql(findings % "<> 'a.pcap'")
	wanted = t.rows(without=IDS, where="capture = 'a.pcap'")
	count = t.number("SELECT count(*) FROM findings")
	for _ in range(2):
		t.analyze("a.pcap")
		t.equal(t.rows(without=IDS, where="capture = 'a.pcap'"), wanted, "rows of the file")
		t.equal(t.rows(where="capture <> 'a.pcap'"), before, "rows of the others")
		t.equal(t.sql(findings % "<> 'a.pcap'"), told, "findings of the others")
		t.equal(t.number("SELECT count(*) FROM findings"), count, "findings")
		t.equal(t.number("SELECT count(*) FROM recordings"), 3, "recordings")
		t.equal(t.number("SELECT count(*) FROM captures"), 3, "captures")
		t.sound()


def case_replaces_other_names(t):
	"""the same file by another name (symbolic link, relative, absolute) replaces its rows"""
	os.mkdir(t.path("sub"))
	path = t.path("sub/a.pcap")
	shutil.copy(t.capture("sample.pcap"), path)
	os.symlink("sub/a.pcap", t.path("link.pcap"))
	os.symlink("sub", t.path("way"))
	t.analyze(t.capture("four_way.pcap"), path)
	for name in ("sub/a.pcap", "./sub/../sub/a.pcap", "link.pcap", "way/a.pcap", path):
		t.analyze(name)
		t.equal(t.connections(), 90, "connections after " + name)
		t.equal(t.connections(where="capture = '%s'" % name), 89, "connections named as given")
	t.analyze("a.pcap", cwd=t.path("sub"), db="../t.db")
	t.equal(t.connections(), 90, "connections from another folder")
	shutil.copy(path, t.path("copy.pcap"))
	t.analyze("copy.pcap")
	t.equal(t.connections(), 179, "connections with a copy")


def case_replaces_within_run(t):
	"""the same file twice in one run is there once"""
	file = t.capture("refused.pcap")
	t.analyze(file, file)
	t.equal(t.connections(), 1, "connections")
	t.sound()


def case_replaces_changed(t):
	"""a file that has changed is replaced by what it holds now, down to nothing"""
	header, records = pcap.read(t.capture("sample.pcap"))
	for count in (1075, 300, 0, 700):
		pcap.write(t.path("a.pcap"), header, records[:count])
		t.analyze("a.pcap")
		t.analyze("a.pcap", db="%d.db" % count)
		t.equal(t.rows(without=IDS), t.rows("%d.db" % count, IDS), "rows of %d packets" % count)
	t.sound()


def case_failed_keeps(t):
	"""a file that cannot be read any more keeps its earlier rows"""
	shutil.copy(t.capture("sample.pcap"), t.path("a.pcap"))
	t.analyze("a.pcap")
	t.write("a.pcap", b"no capture any more\n" * 10)
	t.analyze("a.pcap", code=1)
	t.equal(t.connections(), 89, "connections after it is no capture")
	os.unlink(t.path("a.pcap"))
	t.analyze("a.pcap", code=1)
	t.equal(t.connections(), 89, "connections after it is gone")


def halves(t, at=500):
	"""sample.pcap in two files, cut behind packet at."""
	header, records = pcap.read(t.capture("sample.pcap"))
	pcap.write(t.path("one.pcap"), header, records[:at])
	pcap.write(t.path("two.pcap"), header, records[at:])
	t.analyze("--ladders", "all", t.capture("sample.pcap"), db="whole.db")


def findings(t, db, second_starts=0):
	"""Findings with their connection's start; packet numbers as in the uncut capture."""
	return t.sql("SELECT t.first_ns, t.initiator_port, f.code, f.severity, f.side, f.ts_ns, "
		"f.count, f.detail, r.packet + CASE p.position WHEN 0 THEN 0 ELSE %d END "
		"FROM finding_rows AS r JOIN finding_codes AS k ON k.id = r.code_id "
		"JOIN captures AS p ON p.id = r.capture_id JOIN teardowns AS t USING (connection_id) "
		"JOIN findings AS f "
		"ON f.connection_id = r.connection_id AND f.code = k.code AND f.ts_ns = r.ts_ns "
		"ORDER BY 1, 2, 3, 5, 6, 8" % second_starts, db)


def case_join(t):
	"""--join of a split capture gives the rows of the whole one, in any order of the files"""
	halves(t)
	wanted = t.rows("whole.db", IDS)
	for number, files in enumerate((["one.pcap", "two.pcap"], ["two.pcap", "one.pcap"])):
		db = "%d.db" % number
		t.analyze("--join", "--ladders", "all", *files, db=db)
		t.equal(t.rows(db, IDS), wanted, "rows of " + " ".join(files))
		t.equal(t.number("SELECT count(*) FROM ladders", db), len(wanted), "ladders")
		t.equal(t.number("SELECT count(*) FROM findings", db),
			t.number("SELECT count(*) FROM findings", "whole.db"), "findings")
	t.expect(len(findings(t, "whole.db")) >= 6, "findings to compare", "")
	t.equal(findings(t, "0.db", 500), findings(t, "whole.db"), "findings")
	t.equal({c for c, in t.sql("SELECT DISTINCT capture FROM teardowns", "0.db")},
		{"one.pcap", "two.pcap"}, "the file of each first segment")


def case_no_join(t):
	"""without --join each file stands alone: connections across the cut are two rows"""
	halves(t)
	t.analyze("one.pcap", "two.pcap")
	whole = t.rows("whole.db")
	both = t.rows()
	t.expect(len(both) > len(whole), "more rows", len(both))
	t.expect(t.connections(where="midstream = 1 AND capture = 'two.pcap'") > 0,
		"midstream connections in the second file")
	t.equal(t.number("SELECT count(*) FROM recordings"), 2, "recordings")


def case_join_replaces(t):
	"""a joined set is one recording: again, in another order, by other names, it is replaced"""
	halves(t)
	t.analyze(t.capture("four_way.pcap"))
	os.symlink("two.pcap", t.path("link.pcap"))
	for files in (["one.pcap", "two.pcap"], ["two.pcap", "one.pcap"], ["one.pcap", "link.pcap"],
			[t.path("one.pcap"), "./two.pcap"]):
		t.analyze("--join", *files)
		t.equal(t.connections(), 90, "connections after " + " ".join(files))
		t.equal(t.sql("SELECT count(*) FROM recordings"), [(2,)], "recordings")
	t.analyze("one.pcap")
	t.equal(t.number("SELECT count(*) FROM recordings"), 3, "recordings with one on its own")
	t.expect(t.connections() > 90, "a file on its own beside the set", t.connections())
	t.sound()


def case_join_interleaved(t):
	"""--join merges captures whose times overlap"""
	header, records = pcap.read(t.capture("sample.pcap"))
	pcap.write(t.path("even.pcap"), header, records[0::2])
	pcap.write(t.path("odd.pcap"), header, records[1::2])
	t.analyze(t.capture("sample.pcap"), db="whole.db")
	times = [pcap.RECORD.unpack_from(r)[:2] for r in records]
	t.equal(len(set(times)), len(times), "different times")
	t.analyze("--join", "odd.pcap", "even.pcap")
	t.equal(t.rows(without=IDS), t.rows("whole.db", IDS), "rows")


def case_join_containers(t):
	"""--join takes captures of different formats"""
	header, records = pcap.read(t.capture("sample.pcap"))
	t.write("one.pcap.gz", gzip.compress(pcap.join(header, records[:500])))
	raw = [pcap.with_frame(r, pcap.frame(r)[14:]) for r in records[500:]]
	pcap.write(t.path("two.pcap"), pcap.with_link_type(header, 101), raw)
	t.analyze(t.capture("sample.pcap"), db="whole.db")
	t.analyze("--join", "one.pcap.gz", "two.pcap")
	t.equal(t.rows(without=IDS), t.rows("whole.db", IDS), "rows")


def case_several_files(t):
	"""several files say the same as each on its own"""
	names = ["four_way.pcap", "container_gzip.pcap.gz", "sample.pcap", "vlan_twins.pcap"]
	t.analyze(*[t.capture(n) for n in names])
	alone = []
	for name in names:
		t.analyze(t.capture(name), db=name + ".db")
		alone += t.rows(name + ".db", ("connection_id",))
	t.equal(sorted(map(str, t.rows(without=("connection_id",)))), sorted(map(str, alone)), "rows")


