"""Ethernet frames with a TCP segment in them: taken apart, changed, put together again.

Nothing here touches the network. Sequence arithmetic is modulo 2^32.
"""
import ipaddress
import struct
from dataclasses import dataclass, replace

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FLAG_LETTERS = ((SYN, "S"), (FIN, "F"), (RST, "R"), (ACK, "A"))
IPPROTO_TCP = 6
SEQ_SPACE = 1 << 32


def ones_sum(data):
	"""The Internet checksum of data (RFC 1071)."""
	if len(data) % 2:
		data += b"\0"
	total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	while total >> 16:
		total = (total & 0xFFFF) + (total >> 16)
	return ~total & 0xFFFF


@dataclass(frozen=True)
class Segment:
	"""One TCP segment and the headers around it. src and dst are ipaddress objects."""

	ethernet: bytes  # destination, source, type: 14 bytes
	ip: bytes  # the IP header as it came; lengths and checksum are renewed by frame()
	ttl: int
	src: object
	dst: object
	sport: int
	dport: int
	seq: int
	ack: int
	flags: int
	window: int
	options: bytes
	payload: bytes

	@property
	def length(self):
		"""SEG.LEN: payload, and one each for SYN and FIN."""
		return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

	@property
	def end(self):
		return (self.seq + self.length) % SEQ_SPACE

	def has(self, flag):
		return bool(self.flags & flag)

	@property
	def is_pure_ack(self):
		return self.flags & (SYN | FIN | RST | ACK) == ACK and not self.payload

	def changed(self, **fields):
		"""The same segment with other fields; sequence numbers are folded into 32 bits."""
		for name in ("seq", "ack"):
			if name in fields:
				fields[name] %= SEQ_SPACE
		return replace(self, **fields)

	def bare(self, **fields):
		"""A segment of the same sender without options, payload and flags but those given."""
		return self.changed(**{"options": b"", "payload": b"", "flags": ACK, **fields})

	def frame(self):
		"""The bytes, all lengths and checksums renewed."""
		offset = 20 + len(self.options)
		tcp = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq, self.ack,
			offset // 4 << 4, self.flags, self.window, 0, 0) + self.options + self.payload
		pseudo = self.src.packed + self.dst.packed + struct.pack("!II", len(tcp), IPPROTO_TCP)
		tcp = tcp[:16] + struct.pack("!H", ones_sum(pseudo + tcp)) + tcp[18:]
		return self.ethernet + self.ip_header(len(tcp)) + tcp

	def ip_header(self, payload_length):
		ip = bytearray(self.ip)
		if self.src.version == 6:
			struct.pack_into("!HBB", ip, 4, payload_length, IPPROTO_TCP, self.ttl)
			return bytes(ip)
		struct.pack_into("!H", ip, 2, len(ip) + payload_length)
		ip[8] = self.ttl
		ip[10:12] = b"\0\0"
		struct.pack_into("!H", ip, 10, ones_sum(bytes(ip)))
		return bytes(ip)

	def token(self):
		"""The segment in short, as the scenarios' shapes have it: S, SA, A, 5, 100F, F, RA."""
		letters = "".join(letter for flag, letter in FLAG_LETTERS if self.has(flag))
		plain = letters in ("A", "FA")
		if self.payload:
			return "%d%s" % (len(self.payload), letters[:-1] if plain else letters)
		return "F" if letters == "FA" else letters


def parse(frame):
	"""The Segment of an untagged Ethernet frame, or None where it holds no unfragmented TCP."""
	kind = frame[12:14]
	if kind == b"\x08\x00" and frame[23] == IPPROTO_TCP:
		end = 14 + struct.unpack_from("!H", frame, 16)[0]
		ip = frame[14 : 14 + (frame[14] & 15) * 4]
		ttl, src, dst = ip[8], ipaddress.ip_address(ip[12:16]), ipaddress.ip_address(ip[16:20])
	elif kind == b"\x86\xdd" and frame[20] == IPPROTO_TCP:
		end = 54 + struct.unpack_from("!H", frame, 18)[0]
		ip = frame[14:54]
		ttl, src, dst = ip[7], ipaddress.ip_address(ip[8:24]), ipaddress.ip_address(ip[24:40])
	else:
		return None
	tcp = frame[14 + len(ip) : end]
	sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", tcp)
	header = (offset >> 4) * 4
	return Segment(frame[:14], ip, ttl, src, dst, sport, dport, seq, ack, flags, window,
		tcp[20:header], tcp[header:])


# What a tap elsewhere in the network would have shown of the same frame.


def tagged(frame, *tags):
	"""802.1Q tags (TPID, VLAN id) put in, outermost first."""
	return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


def outer_ipv4(protocol, payload):
	"""An IPv4 packet between two tunnel ends of a provider's network."""
	head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0,
		bytes((203, 0, 113, 1)), bytes((203, 0, 113, 2)))
	return head[:10] + struct.pack("!H", ones_sum(head)) + head[12:] + payload


def outer_ethernet(kind, payload):
	return bytes.fromhex("0200000000f2" "0200000000f1") + struct.pack("!H", kind) + payload


def in_ipv4(frame, protocol, header=b""):
	return outer_ethernet(0x0800, outer_ipv4(protocol, header + frame))


def ethertype(frame):
	return frame[12:14]


def in_gre(frame, key):
	"""GRE with a key (RFC 2890) around the IP packet."""
	return in_ipv4(frame[14:], 47, b"\x20\x00" + ethertype(frame) + struct.pack("!I", key))


def in_gre_bridge(frame):
	"""GRE around the whole Ethernet frame."""
	return in_ipv4(frame, 47, b"\x00\x00\x65\x58")


def in_ip(frame):
	"""IP in IPv4: protocol 4 (RFC 2003), or 41 for IPv6 (RFC 4213)."""
	return in_ipv4(frame[14:], 41 if ethertype(frame) == b"\x86\xdd" else 4)


def in_udp(frame, port, header):
	length = 8 + len(header) + len(frame)
	return in_ipv4(frame, 17, struct.pack("!HHHH", 51000, port, length, 0) + header)


def in_vxlan(frame, vni):
	"""VXLAN (RFC 7348)."""
	return in_udp(frame, 4789, struct.pack("!II", 0x08000000, vni << 8))


def in_geneve(frame, vni):
	"""GENEVE (RFC 8926) with one option of four bytes."""
	option = bytes.fromhex("ff00000101020304")
	return in_udp(frame, 6081, b"\x02\x00\x65\x58" + struct.pack("!I", vni << 8) + option)
