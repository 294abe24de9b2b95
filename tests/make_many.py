#!/usr/bin/env python3
"""Writes a capture of many TCP connections that end in every way there is, always the same for a count.

    make_many.py COUNT FILE.pcap

For the tests of the HTML report: about an hour of clients at six services, one of which forgets to
close, one behind a proxy that resets idle connections, and one that restarts in the middle.
"""
import random
import struct
import sys

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
EPOCH_NS = 1767603600 * 10**9  # 2026-01-05 09:00:00 UTC
HOUR = 3600.0
WEIGHTS = (  # how often a way of ending is taken
	("three_segment", 420), ("four_way", 280), ("rst_abort", 60), ("idle_reset", 45), ("refused", 40),
	("unanswered", 35), ("half_closed", 25), ("close_wait", 20), ("rst_after_fin", 20), ("open", 15),
	("simultaneous", 12), ("fin_unanswered", 10), ("handshake_aborted", 6),
	("handshake_incomplete", 5), ("not_consumed", 4), ("stray", 3))


class Connection:
	"""Packets of one connection: (time, bytes), with the sequence numbers kept."""

	def __init__(self, rng, start, client, server, v6):
		self.rng, self.now, self.v6 = rng, start, v6
		self.ends = (client, server)
		self.rtt = rng.choice((0.0004, 0.012, 0.045)) * rng.uniform(0.8, 1.5)
		self.next = [rng.getrandbits(32), rng.getrandbits(32)]
		self.ident = rng.getrandbits(15) + 1
		self.packets = []

	def send(self, side, flags, payload=0, wait=None, seq=None, ack=None):
		self.now += self.rtt / 2 if wait is None else wait
		seq = self.next[side] if seq is None else seq
		ack = (self.next[1 - side] if ack is None else ack) if flags & ACK else 0
		self.ident = self.ident % 65535 + 1
		tcp = struct.pack(">HHIIBBHHH", self.ends[side][1], self.ends[1 - side][1], seq & 0xffffffff,
			ack & 0xffffffff, 5 << 4, flags, 64240, self.rng.getrandbits(16), 0) + bytes(payload)
		if self.v6:
			ip = struct.pack(">IHBB", 6 << 28, len(tcp), 6, 60 + side) + self.ends[side][0] + self.ends[1 - side][0]
		else:
			ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), self.ident, 0, 60 + side, 6, 0) \
				+ self.ends[side][0] + self.ends[1 - side][0]
		frame = b"\2\0\0\0\0\1\2\0\0\0\0\2" + (b"\x86\xdd" if self.v6 else b"\x08\0") + ip + tcp
		self.packets.append((EPOCH_NS + int(self.now * 1e9), frame))
		if not flags & RST:
			self.next[side] = seq + payload + bool(flags & SYN) + bool(flags & FIN)

	def open(self):
		self.send(0, SYN, wait=0)
		self.send(1, SYN | ACK)
		self.send(0, ACK)

	def talk(self):
		for _ in range(self.rng.choice((1, 1, 2))):
			self.send(0, PSH | ACK, self.rng.randrange(40, 300), wait=self.rng.expovariate(20))
			self.send(1, PSH | ACK, self.rng.randrange(100, 900), wait=self.rng.expovariate(10))
			self.send(0, ACK)

	def close(self, x, wait, merged):
		self.send(x, FIN | ACK)
		if not merged:
			self.send(1 - x, ACK)
		self.send(1 - x, FIN | ACK, wait=wait)
		self.send(x, ACK)

	def end(self, way):
		rng = self.rng
		x = rng.random() < 0.35
		if way == "three_segment":
			self.close(x, self.rtt / 2, True)
		elif way == "four_way":
			self.close(x, rng.expovariate(3), False)
		elif way == "close_wait":
			self.send(0, FIN | ACK)
			self.send(1, ACK)
			if rng.random() < 0.5:
				self.send(1, FIN | ACK, wait=rng.uniform(70, 240))
				self.send(0, ACK)
		elif way == "half_closed":
			self.send(0, FIN | ACK)
			self.send(1, ACK)
		elif way == "simultaneous":
			ack = self.next[0]
			self.send(0, FIN | ACK)
			self.send(1, FIN | ACK, ack=ack)
			self.send(0, ACK)
			self.send(1, ACK)
		elif way == "fin_unanswered":
			self.send(0, FIN | ACK)
			for wait in (0.2, 0.4, 0.8):
				self.send(0, FIN | ACK, wait=wait, seq=self.next[0] - 1)
		elif way == "not_consumed":
			fin = self.next[0]
			self.send(0, FIN | ACK)
			for wait in (0.2, 0.4, 0.8):
				self.send(1, ACK, ack=fin)
				self.send(0, FIN | ACK, wait=wait, seq=fin)
		elif way == "rst_abort":
			self.send(x, RST | ACK, wait=rng.expovariate(2))
		elif way == "idle_reset":
			self.send(1, RST | ACK, wait=rng.choice((60, 60, 60, 300)) + rng.uniform(0, 0.4))
		elif way == "rst_after_fin":
			self.send(0, FIN | ACK)
			self.send(1, ACK)
			self.send(1, PSH | ACK, 200, wait=0.05)
			self.send(0, RST, seq=self.next[0])

	def run(self, way):
		if way == "unanswered":
			for wait in (0, 1, 2):
				self.send(0, SYN, wait=wait, seq=self.next[0] - (wait > 0))
		elif way == "refused":
			self.send(0, SYN, wait=0)
			self.send(1, RST | ACK, seq=0)
		elif way == "handshake_aborted":
			self.send(0, SYN, wait=0)
			self.send(1, SYN | ACK)
			self.send(0, RST)
		elif way == "handshake_incomplete":
			self.send(0, SYN, wait=0)
			self.send(1, SYN | ACK)
		elif way == "stray":
			self.send(1, RST, wait=0)
		else:
			self.open()
			self.talk()
			self.end(way)


def address(v6, net, host):
	if v6:
		return bytes.fromhex("20010db8") + struct.pack(">HHII", net, 0, 0, host)
	return bytes((10, net, host >> 8 & 255, host & 255))


def connections(count):
	rng = random.Random(count)
	ways = [way for way, _ in WEIGHTS]
	weights = [weight for _, weight in WEIGHTS]
	ports = (80, 443, 443, 8080, 5432, 6379)
	for n in range(count):
		way = ways[n] if n < len(ways) else rng.choices(ways, weights)[0]
		service = 3 if way in ("close_wait", "half_closed") else 1 if way == "idle_reset" else rng.randrange(6)
		start = rng.random() * HOUR
		if way in ("rst_abort", "refused") and rng.random() < 0.6:  # a restart
			start = HOUR * 0.6 + rng.random() * 120
		v6 = service == 2
		client = address(v6, 1, 10 + n // 20000 * 40 + rng.randrange(40)), 20000 + n % 40000
		c = Connection(rng, start, client, (address(v6, 2, 80 + service), ports[service]), v6)
		c.run(way)
		yield from c.packets


def main():
	if len(sys.argv) != 3 or not sys.argv[1].isdigit():
		sys.exit(__doc__.split("\n\n")[1].strip())
	packets = sorted(connections(int(sys.argv[1])), key=lambda packet: packet[0])
	with open(sys.argv[2], "wb") as out:
		out.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
		for ns, frame in packets:
			out.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)


main()
