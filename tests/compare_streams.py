#!/usr/bin/env python3
"""Holds the streams of `lastack extract` against those of other programs, byte by byte.

    compare_streams.py --lastack PROGRAM [--peer tshark|tcpflow] [--jobs N] [--list] FOLDER...

tshark (-z follow,tcp,raw) and tcpflow are asked about every capture in the folders. Compared are the
directions without gaps of connections that both know: tshark's by the first packet, tcpflow's by both
ends and their order in time. tcpflow takes what stands behind an IP packet in its frame (the padding of
short Ethernet frames, trailers) for payload: where it differs it is asked again, about the same packets
without that. Prints a table for each peer, and with --list a line a direction that is not equal, to be
looked into. Exit status: 1 where a capture could not be compared, 2 usage, 77 neither peer is installed.
"""
import argparse
import collections
import concurrent.futures
import csv
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

FOLLOWS_A_RUN = 200  # streams that tshark is asked for at once
TIMEOUT = 300


def captures(folders):
	for folder in folders:
		for root, dirs, files in os.walk(folder):
			dirs.sort()
			for name in sorted(files):
				if not name.endswith((".tsv", ".md", ".txt", ".jsonl", ".py", ".json")):
					yield os.path.join(root, name)


def read(path):
	with open(path, "rb") as file:
		return file.read()


class Direction:
	"""What one end sent in one connection, by lastack's account."""

	def __init__(self, row, folder):
		self.first_packet = int(row["connection"])
		self.time = row["first_time"]
		self.side = row["side"]
		self.ends = [split_end(row["initiator"]), split_end(row["responder"])]
		if self.side == "responder":
			self.ends.reverse()
		self.gaps = int(row["gaps"])
		self.midstream = row["midstream"] == "1"
		self.teardown = row["teardown"]
		self.data = b"" if row["file"] == "-" else read(os.path.join(folder, row["file"]))

	def __str__(self):
		return "packet %d, %s (%s.%s to %s.%s, %s%s)" % (self.first_packet, self.side,
			*self.ends[0], *self.ends[1], self.teardown, ", midstream" if self.midstream else "")


def split_end(text):
	address, _, port = text.rpartition(":")
	return address.strip("[]"), int(port)


def by_lastack(program, capture, folder):
	done = subprocess.run([program, "extract", "--quiet", "--streams", folder, capture],
		stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
	if done.returncode not in (0, 1, 3):
		raise RuntimeError("%s: exit status %d: %s" % (capture, done.returncode,
			done.stderr.decode("utf-8", "replace")))
	index = os.path.join(folder, "index.tsv")
	if not os.path.exists(index):
		return []
	with open(index, encoding="utf-8", errors="surrogateescape", newline="") as file:
		rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
		return [Direction(row, folder) for row in rows]


def run(command, **options):
	done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		stderr=subprocess.DEVNULL, timeout=TIMEOUT, **options)
	return done.stdout


# -- tshark

def tshark_streams(capture, packets):
	"""{packet: (stream, (source, port))}; of packets in tunnels what is innermost."""
	wanted = set(packets)
	out = run(["tshark", "-r", capture, "-Y", "tcp", "-T", "fields", "-E", "occurrence=l",
		"-e", "frame.number", "-e", "tcp.stream", "-e", "ip.src", "-e", "ipv6.src",
		"-e", "tcp.srcport"]).decode("utf-8", "replace")
	found = {}
	for line in out.splitlines():
		number, stream, ip4, ip6, port = (line.split("\t") + [""] * 5)[:5]
		if int(number) in wanted and stream and port:
			found[int(number)] = int(stream)
	return found


def tshark_follow(capture, streams):
	"""{stream: {(address, port): bytes}}"""
	followed = {}
	for start in range(0, len(streams), FOLLOWS_A_RUN):
		command = ["tshark", "-r", capture, "-q"]
		for stream in streams[start:start + FOLLOWS_A_RUN]:
			command += ["-z", "follow,tcp,raw,%d" % stream]
		parse_follow(run(command).decode("ascii", "replace"), followed)
	return followed


def parse_follow(text, followed):
	stream, nodes, parts = None, {}, None
	for line in text.splitlines():
		if line.startswith("Filter: tcp.stream eq "):
			stream = int(line.rsplit(" ", 1)[1])
		elif line.startswith("Node "):
			number, _, end = line[5:].partition(": ")
			nodes[int(number)] = split_end(end)
			parts = [bytearray(), bytearray()]
		elif line.startswith("====") and parts is not None:
			followed[stream] = {nodes[0]: bytes(parts[0]), nodes[1]: bytes(parts[1])}
			parts = None
		elif parts is not None and line.strip():
			parts[line.startswith("\t")] += bytes.fromhex(line.strip())
	return followed


def by_tshark(capture, directions, folder):
	"""The peer's bytes for each direction; None where it knows no such connection."""
	streams = tshark_streams(capture, [d.first_packet for d in directions])
	followed = tshark_follow(capture, sorted(set(streams.values())))
	for d in directions:
		ends = followed.get(streams.get(d.first_packet), {})
		yield d, ends.get(d.ends[0])


# -- tcpflow

def by_tcpflow(capture, directions, folder):
	out = tempfile.mkdtemp(prefix="tcpflow.", dir=folder)
	run(["tcpflow", "-q", "-x", "http", "-o", out, "-T", "%A;%a;%B;%b;%#", "-r", capture],
		cwd=folder)
	found = collections.defaultdict(list)
	for name in os.listdir(out):
		parts = name.split(";")
		if len(parts) != 5:
			continue
		key = (plain(parts[0]), int(parts[1])), (plain(parts[2]), int(parts[3]))
		found[key].append((int(re.sub(r"\D.*", "", parts[4]) or 0), os.path.join(out, name)))
	seen = collections.Counter()
	for d in sorted(directions, key=lambda d: d.time):
		if not d.data:
			continue
		key = tuple(d.ends)
		files = sorted(found.get(key, []))
		number = seen[key]
		seen[key] += 1
		yield d, read(files[number][1]) if number < len(files) else None


def plain(address):
	"""tcpflow pads the numbers of an IPv4 address with zeros."""
	if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address):
		return ".".join(str(int(n)) for n in address.split("."))
	import ipaddress
	try:
		return str(ipaddress.ip_address(address))
	except ValueError:
		return address


def without_padding(program, capture, folder):
	"""A copy of the capture's TCP packets whose Ethernet frames end where their IP packets do."""
	path = os.path.join(folder, "trimmed.pcap")
	subprocess.run([program, "extract", "--quiet", "--overwrite", "--pcap", path, capture],
		stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT)
	if not os.path.exists(path):
		return None
	data = read(path)
	if struct.unpack_from("<I", data, 20)[0] != 1:
		return path
	out, at = [data[:24]], 24
	while at < len(data):
		seconds, fraction, size, wire = struct.unpack_from("<IIII", data, at)
		frame = data[at + 16:at + 16 + size]
		end = ip_end(frame)
		if end and end < len(frame):
			frame, wire = frame[:end], end
		out.append(struct.pack("<IIII", seconds, fraction, len(frame), wire) + frame)
		at += 16 + size
	with open(path, "wb") as file:
		file.write(b"".join(out))
	return path


def ip_end(frame):
	"""Where the IP packet of an Ethernet frame ends; None: it has none, or does not tell."""
	at = 12
	while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
		at += 4
	kind, at = frame[at:at + 2], at + 2
	if kind == b"\x08\x00" and len(frame) >= at + 20:
		length = struct.unpack_from(">H", frame, at + 2)[0]
		return at + length if length else None
	if kind == b"\x86\xdd" and len(frame) >= at + 40:
		length = struct.unpack_from(">H", frame, at + 4)[0]
		return at + 40 + length if length else None
	return None


PEERS = {"tshark": by_tshark, "tcpflow": by_tcpflow}


def kind_of(mine, theirs):
	if b" bytes missing in capture file]" in theirs:
		return "peer tells of missing bytes"
	if not theirs:
		return "peer has nothing"
	if not mine:
		return "only peer has bytes"
	if mine.startswith(theirs):
		return "peer's ends early"
	if theirs.startswith(mine):
		return "peer's goes on"
	if mine.endswith(theirs):
		return "peer's begins later"
	if theirs.endswith(mine):
		return "peer's begins earlier"
	if len(mine) == len(theirs):
		return "same length, other bytes"
	return "other bytes"


def first_difference(mine, theirs):
	for at, (a, b) in enumerate(zip(mine, theirs)):
		if a != b:
			return at
	return min(len(mine), len(theirs))


def compare(program, capture, peers):
	"""[(peer, kind, bytes, line)] of one capture."""
	results = []
	with tempfile.TemporaryDirectory(prefix="compare_streams.") as folder:
		mine = os.path.join(folder, "lastack")
		directions = by_lastack(program, capture, mine)
		whole = [d for d in directions if d.gaps == 0]
		results += [("*", "with gaps", len(d.data), "") for d in directions if d.gaps]
		if not any(d.data for d in directions):
			return results
		for peer in peers:
			answers = list(PEERS[peer](capture, whole, folder))
			if peer == "tcpflow" and any(theirs != d.data for d, theirs in answers):
				trimmed = without_padding(program, capture, folder)
				again = {id(d): theirs for d, theirs in by_tcpflow(trimmed, whole, folder)} if trimmed else {}
			else:
				again = {}
			for d, theirs in answers:
				padded = theirs != d.data and again.get(id(d)) == d.data
				results.append(result(capture, d, peer, theirs, padded))
	return results


def result(capture, d, peer, theirs, padded):
	"""(peer, kind, bytes, line) of one direction."""
	if theirs == d.data:
		kind = "equal" if d.data else "both empty"
	elif padded:
		kind = "equal but for padding"
	elif theirs is None:
		kind = "no counterpart" if d.data else "both empty"
	else:
		kind = kind_of(d.data, theirs)
	line = "%s: %s: %d bytes, %s %s%s" % (capture, d, len(d.data), peer,
		"none" if theirs is None else len(theirs),
		"" if theirs is None else ", first at %d" % first_difference(d.data, theirs))
	return peer, kind, len(d.data), line


def main():
	parser = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--lastack", required=True, metavar="PROGRAM")
	parser.add_argument("--peer", action="append", choices=sorted(PEERS))
	parser.add_argument("--jobs", type=int, default=2)
	parser.add_argument("--list", action="store_true", help="a line a direction that is not equal")
	parser.add_argument("folder", nargs="+")
	arguments = parser.parse_args()
	peers = [p for p in arguments.peer or sorted(PEERS) if shutil.which(p)]
	if not peers:
		print("neither tshark nor tcpflow is installed # SKIP")
		return 77
	program = os.path.abspath(arguments.lastack)
	counts = collections.defaultdict(lambda: [0, 0])
	files, lines, faults = 0, [], []
	with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
		paths = list(captures(arguments.folder))
		for path, future in [(p, pool.submit(compare, program, p, peers)) for p in paths]:
			files += 1
			try:
				results = future.result()
			except Exception as failure:
				faults.append("%s: %r" % (path, failure))
				continue
			for peer, kind, size, line in results:
				counts[peer, kind][0] += 1
				counts[peer, kind][1] += size
				if kind not in ("equal", "both empty", "with gaps", "equal but for padding"):
					lines.append((peer, kind, line))
	print("%d captures" % files)
	for (peer, kind), (directions, size) in sorted(counts.items()):
		print("%-8s %-30s %8d directions %12d bytes" % (peer, kind, directions, size))
	if arguments.list:
		for peer, kind, line in sorted(lines):
			print("%s: %s: %s" % (peer, kind, line))
	for fault in faults:
		print("FAULT " + fault)
	return 1 if faults else 0


if __name__ == "__main__":
	sys.exit(main())
