#!/usr/bin/env python3
"""Compares lastack's applications with those of ndpiReader, which must be of the same nDPI version.

For developers: needs ndpiReader (Debian: libndpi-bin), and is skipped, exit status 77, without it.

ndpiReader keeps one flow for all connections of an address and port pair; it is held against the first
of them. Connections inside tunnels that it does not look into have no flow there and are counted apart.
"""
import argparse
import collections
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

FLOW = re.compile(r"^\t\d+\tTCP (\S+) <?->? (\S+) (.*)$")
SECONDS = 120


def end_of(text):
	"""("10.0.0.1", 80) of "10.0.0.1:80" or "[2001:db8::1]:80"."""
	address, port = text.rsplit(":", 1)
	return address.strip("[]"), int(port)


def field(text, name):
	found = re.search(r"\[%s: ([^\]]*)\]" % re.escape(name), text)
	return found.group(1) if found else None


def reader_flows(reader, capture, folder):
	"""{both ends: (application, confidence, server name, risks)}; None where it cannot read it."""
	out = os.path.join(folder, "flows.txt")
	try:
		done = subprocess.run([reader, "-v", "2", "-w", out, "-i", capture],
			stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
	except subprocess.TimeoutExpired:
		return None
	if done.returncode != 0 or not os.path.exists(out):
		return None
	flows = {}
	with open(out, encoding="utf-8", errors="replace") as file:
		for line in file:
			found = FLOW.match(line)
			if not found:
				continue
			ends = frozenset((end_of(found.group(1)), end_of(found.group(2))))
			rest = found.group(3)
			name = field(rest, "proto").split("/", 1)[1]
			risks = re.findall(r"\*\* (.*?) \*\*", field(rest, "Risk") or "")
			flows.setdefault(ends, (None if name == "Unknown" else name,
				field(rest, "Confidence"), field(rest, "Hostname/SNI"), frozenset(risks)))
	os.remove(out)
	return flows


def connections(lastack, capture, folder):
	"""The first connection of each pair of ends: (ends, application, guessed, server name, risks, ...)."""
	path = os.path.join(folder, "lastack.db")
	if os.path.exists(path):
		os.remove(path)
	done = subprocess.run([lastack, "analyze", "--quiet", "--db", path, capture],
		stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
	if done.returncode not in (0, 3):
		return []
	db = sqlite3.connect(path)
	risks = collections.defaultdict(set)
	for number, detail in db.execute(
			"SELECT connection_id, detail FROM findings WHERE code = 'dpi-risk'"):
		risks[number].add(detail.rsplit(": ", 1)[1].rstrip("."))
	rows = []
	seen = set()
	for row in db.execute("SELECT connection_id, initiator_ip, initiator_port, responder_ip,"
			" responder_port, application, application_guessed, server_name, midstream,"
			" bytes_initiator + bytes_responder, retransmitted_initiator + retransmitted_responder,"
			" missing_initiator + missing_responder, tunnel FROM teardowns ORDER BY first_ns, 1"):
		ends = frozenset(((row[1], row[2]), (row[3], row[4])))
		if ends not in seen:
			seen.add(ends)
			rows.append((ends,) + row[5:] + (frozenset(risks[row[0]]), row[0]))
	db.close()
	return rows


def kind_of(ours, guessed, theirs, confidence):
	if ours == theirs:
		return "same"
	if ours is None or theirs is None:
		return "ours unknown" if ours is None else "theirs unknown"
	told = "guess" if guessed else "bytes"
	return "ours by %s, theirs by %s" % (told, "bytes" if confidence == "DPI" else "guess")


def captures_of(places):
	for place in places:
		if os.path.isfile(place):
			yield place
		for folder, _, names in sorted(os.walk(place)):
			for name in sorted(names):
				if not name.endswith((".tsv", ".json", ".md", ".txt")):
					yield os.path.join(folder, name)


def main():
	parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
	parser.add_argument("--lastack", required=True)
	parser.add_argument("--reader", default="ndpiReader")
	parser.add_argument("--details", action="store_true", help="a line for each difference")
	parser.add_argument("captures", nargs="+", help="files or folders")
	options = parser.parse_args()
	if not shutil.which(options.reader):
		print("no %s: skipped" % options.reader)
		return 77
	kinds = collections.Counter()
	files = 0
	with tempfile.TemporaryDirectory() as folder:
		for capture in captures_of(options.captures):
			ours = connections(options.lastack, capture, folder)
			flows = reader_flows(options.reader, capture, folder) if ours else None
			if flows is None:
				continue
			files += 1
			for ends, name, guessed, server, midstream, size, again, missing, tunnel, risks, number in ours:
				if ends not in flows:
					kinds["in a tunnel" if tunnel else "no flow there"] += 1
					continue
				theirs, confidence, their_server, their_risks = flows[ends]
				kind = kind_of(name, guessed, theirs, confidence)
				kinds[kind] += 1
				kinds["same, with payload"] += kind == "same" and size > 0
				kinds["with payload"] += size > 0
				if kind == "same":
					kinds["same, server name differs"] += server != their_server
					kinds["same, risks differ"] += risks != their_risks
					kinds["same, guess differs"] += bool(guessed) != (confidence != "DPI") and \
						name is not None
				if options.details and (kind != "same" or risks != their_risks or
						(server or None) != (their_server or None)):
					print("%s #%d: %s: %s%s/%s, ndpiReader %s (%s)/%s; risks %s, %s; %d bytes,"
						" %d again, %d missing%s" % (capture, number, kind, name,
						" (guess)" if guessed else "", server, theirs, confidence, their_server,
						sorted(risks - their_risks), sorted(their_risks - risks), size, again,
						missing, ", midstream" if midstream else ""))
	compared = sum(kinds[k] for k in kinds if k == "same" or "unknown" in k or " by " in k)
	print("%d captures, %d connections compared" % (files, compared))
	for kind, count in sorted(kinds.items(), key=lambda k: -k[1]):
		share = " %5.1f %%" % (100 * count / compared) if compared and not kind.startswith(("in", "no")) \
			else ""
		print("%8d%s  %s" % (count, share, kind))
	return 0


if __name__ == "__main__":
	sys.exit(main())
