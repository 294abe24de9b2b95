"""Where a scenario plays: client A and server B in namespaces of their own, the relay between them.

A scenario is a function that gets the stage and makes sockets and relay do things; when it returns,
the capture is over. What the sockets still hold is closed afterwards and does not show.
"""
import contextlib
import select
import socket
import struct
import time

from frames import ACK, FIN, PSH, RST, SYN  # the scenarios take all they need from here
from namespaces import Namespace
from relay import Relay

MAC_A, MAC_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
CLIENT, SERVER = "192.0.2.10", "192.0.2.20"
CLIENT_V6, SERVER_V6 = "2001:db8::10", "2001:db8::20"
CLIENT_PORT, SERVER_PORT = 40001, 8000
PATIENCE = 6.0  # seconds any one call on a socket may take
TCP_REPAIR = 19


class Stage:
	def __init__(self, tap="A", v6=False, sysctls=None, tapped=None, clients=None, servers=None):
		self.family = socket.AF_INET6 if v6 else socket.AF_INET
		self.clients = clients or [CLIENT_V6 if v6 else CLIENT]
		self.servers = servers or [SERVER_V6 if v6 else SERVER]
		self.ends, self.sockets, self.listeners, self.relay = [], [], {}, None
		try:
			self.a = Namespace(MAC_A, self.clients, MAC_B, self.servers, sysctls or {})
			self.ends.append(self.a)
			self.b = Namespace(MAC_B, self.servers, MAC_A, self.clients, sysctls or {})
			self.ends.append(self.b)
			self.relay = Relay(self.a.tap, self.b.tap, near=tap, tapped=tapped)
			self.relay.start()
		except BaseException:
			self.close()
			raise

	def close(self):
		"""Ends the capture, then everything else."""
		try:
			if self.relay:
				self.relay.stop()
		finally:
			for one in self.sockets + self.ends:
				one.close()

	# Sockets

	def socket(self, end, address, port, reuse=True):
		with end:
			made = socket.socket(self.family, socket.SOCK_STREAM)
		self.sockets.append(made)
		made.settimeout(PATIENCE)
		if reuse:
			made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		made.bind((address, port))
		return made

	def client(self, port=CLIENT_PORT, address=None):
		"""A socket at A, not connected yet."""
		return self.socket(self.a, address or self.clients[0], port)

	def listen(self, port=SERVER_PORT, address=None):
		"""The listening socket at B; made when it is asked for first."""
		address = address or self.servers[0]
		if (address, port) not in self.listeners:
			made = self.socket(self.b, address, port)
			made.listen(16)
			self.listeners[address, port] = made
		return self.listeners[address, port]

	def connect(self, port=CLIENT_PORT, to=SERVER_PORT, client=None, server=None):
		"""A connection as (socket at A, socket at B); nothing moves any more when it returns."""
		listener = self.listen(to, server)
		at_a = self.client(port, client)
		at_a.connect((server or self.servers[0], to))
		at_b, _ = listener.accept()
		at_b.settimeout(PATIENCE)
		self.sockets.append(at_b)
		self.quiet()
		return at_a, at_b

	def try_to_connect(self, port=CLIENT_PORT, to=SERVER_PORT, seconds=PATIENCE, server=None):
		"""A connection attempt that is to fail; the socket is closed then."""
		made = self.client(port)
		made.settimeout(seconds)
		with contextlib.suppress(OSError):
			made.connect((server or self.servers[0], to))
		made.close()

	def exchange(self, at_a, at_b, ask=5, answer=7):
		"""A sends, B reads and answers, A reads; B's kernel has acknowledged before it answers."""
		at_a.sendall(b"q" * ask)
		read(at_b, ask)
		time.sleep(0.06)
		at_b.sendall(b"r" * answer)
		read(at_a, answer)
		self.quiet()

	def talk(self, **ports):
		"""A connection with one exchange behind it: 5 bytes there, 7 bytes back."""
		at_a, at_b = self.connect(**ports)
		self.exchange(at_a, at_b)
		return at_a, at_b

	# Time

	def quiet(self, seconds=0.12):
		self.relay.quiet(seconds)

	@staticmethod
	def wait(seconds):
		time.sleep(seconds)

	# The wire

	def newest(self, from_a):
		"""An empty segment as that side would send it now: its next number, all acknowledged."""
		mine = [s for side, s in self.relay.segments if side == from_a]
		theirs = [s for side, s in self.relay.segments if side != from_a]
		return mine[-1].bare(seq=mine[-1].end, ack=theirs[-1].end)

	def shape(self):
		"""What the tap saw, one token a segment: `>` from A, `<` from B."""
		return " ".join("<>"[from_a] + s.token() for from_a, s in self.relay.segments)


# What sockets are made to do


def read(sock, count):
	"""Reads exactly count bytes."""
	while count > 0:
		data = sock.recv(count)
		if not data:
			raise RuntimeError("the peer closed early")
		count -= len(data)


def read_to_end(sock):
	"""Reads until the peer's FIN."""
	while sock.recv(65536):
		pass


def wait_readable(sock):
	"""Waits until data has arrived, without reading it."""
	select.select([sock], [], [], PATIENCE)


def finish(sock):
	"""Says FIN and goes on reading."""
	sock.shutdown(socket.SHUT_WR)


def abort(sock):
	"""Closes with SO_LINGER 0: the kernel sends RST."""
	sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	sock.close()


def forget(sock):
	"""The kernel drops the connection without a word, as a host that lost power would."""
	sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
	sock.close()


def close_four_way(stage, first, second, pause=0.3):
	"""first closes; second's kernel acknowledges, its program closes a little later."""
	first.close()
	read_to_end(second)
	stage.wait(pause)
	second.close()
	stage.quiet()


def close_three_segment(stage, first, second):
	"""second closes as soon as it reads the end: its ACK and FIN share a segment."""
	first.close()
	read_to_end(second)
	second.close()
	stage.quiet()


# What the relay is made to look for


def sent_by(a, flag=None, data=False, pure_ack=False, skip_syn=True):
	"""A condition for rules: the sender, and a flag, payload, or nothing but an ACK."""

	def fits(from_a, segment):
		if from_a != a or (flag is None and skip_syn and segment.has(SYN)):
			return False
		if flag is not None and not segment.has(flag):
			return False
		return (not data or bool(segment.payload)) and (not pure_ack or segment.is_pure_ack)

	return fits


def when(condition, fate):
	"""A rule: this fate for segments that fit."""
	return lambda from_a, segment: fate if condition(from_a, segment) else None


BY_A, BY_B = True, False
__all__ = [name for name in dir() if not name.startswith("_")]
