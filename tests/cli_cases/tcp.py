"""Makes captures of TCP connections: Ethernet, IPv4 (fragments, too) or IPv6."""
import ipaddress
import struct

from cli_cases import pcap

HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
START = 1767603600  # 2026-01-05T09:00:00Z


def record(frame, micros):
	return pcap.RECORD.pack(START + micros // 1000000, micros % 1000000, len(frame),
		len(frame)) + frame


def ethernet(packet):
	kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
	return b"\2\0\0\0\0\2" b"\2\0\0\0\0\1" + struct.pack(">H", kind) + packet


def ip4(source, target, payload, number, protocol=6, offset=0, more=False):
	header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number, (more << 13) | offset // 8,
		64, protocol, 0) + source.packed + target.packed
	return header + payload


def ip(source, target, payload, number):
	if source.version == 4:
		return ip4(source, target, payload, number)
	return struct.pack(">IHBB", 6 << 28, len(payload), 6, 64) + source.packed + target.packed + payload


class Connection:
	"""Segments of one connection, as frames with times; ISNs are free to wrap."""

	def __init__(self, source="192.0.2.1", target="192.0.2.2", sport=40000, dport=80, isn=1000,
			peer_isn=2000, at=0):
		self.ends = [(ipaddress.ip_address(source), sport), (ipaddress.ip_address(target), dport)]
		self.next = [isn, peer_isn]
		self.at, self.number = at, sport
		self.records = []

	def segment(self, side, data=b"", flags=ACK, seq=None, ack=None, advance=True, mtu=None):
		"""Sends data at seq (default: the next number)."""
		seq = self.next[side] if seq is None else seq
		ack = self.next[1 - side] if ack is None else ack
		if advance:
			self.next[side] = seq + len(data) + bool(flags & SYN) + bool(flags & FIN)
		self.at += 1000
		self.number += 1
		(source, sport), (target, dport) = self.ends[side], self.ends[1 - side]
		tcp = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff,
			ack & 0xffffffff if flags & ACK else 0, 0x50, flags, 65535, 0, 0) + data
		if mtu is None:
			self.records.append(record(ethernet(ip(source, target, tcp, self.number & 0xffff)), self.at))
			return
		for start in range(0, len(tcp), mtu):
			part = ip4(source, target, tcp[start:start + mtu], self.number & 0xffff, offset=start,
				more=start + mtu < len(tcp))
			self.records.append(record(ethernet(part), self.at + start // mtu))

	def open(self):
		self.segment(0, flags=SYN)
		self.segment(1, flags=SYN | ACK)
		self.segment(0)

	def close(self):
		self.segment(0, flags=FIN | ACK)
		self.segment(1, flags=FIN | ACK)
		self.segment(0)


def capture(path, *connections):
	"""All their records in the order of time."""
	records = [r for c in connections for r in c.records]
	records.sort(key=lambda r: pcap.RECORD.unpack_from(r)[:2])
	return pcap.write(path, HEADER, records)
