"""A network namespace with one TAP device, held by file descriptors only.

The namespace has no name and no process: when its descriptors are closed, or the program ends in
whatever way, the kernel takes it away with its devices and sockets.
"""
import contextlib
import ctypes
import fcntl
import os
import struct
import subprocess

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
DEVICE = "wire"
OWN = "/proc/thread-self/ns/net"

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
	if result != 0:
		number = ctypes.get_errno()
		raise OSError(number, "%s: %s" % (what, os.strerror(number)))


class Namespace:
	"""One end of the wire.

	`with namespace:` makes the calling thread live in it; what it opens there (sockets, TAP) stays
	there, usable from everywhere.
	"""

	def __init__(self, mac, addresses, peer_mac, peer_addresses, sysctls):
		self.back = []
		home = os.open(OWN, os.O_RDONLY)
		try:
			check(libc.unshare(CLONE_NEWNET), "unshare")
			self.fd = os.open(OWN, os.O_RDONLY)
		finally:
			check(libc.setns(home, CLONE_NEWNET), "setns")
			os.close(home)
		with self:
			self.tap = self.open_tap()
			self.set_up(mac, addresses, peer_mac, peer_addresses, sysctls)

	def __enter__(self):
		self.back.append(os.open(OWN, os.O_RDONLY))
		check(libc.setns(self.fd, CLONE_NEWNET), "setns")
		return self

	def __exit__(self, *_):
		home = self.back.pop()
		check(libc.setns(home, CLONE_NEWNET), "setns")
		os.close(home)

	@staticmethod
	def open_tap():
		tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
		fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TAP | IFF_NO_PI))
		return tap

	def set_up(self, mac, addresses, peer_mac, peer_addresses, sysctls):
		v6 = any(":" in a for a in addresses)
		self.sysctl("net/ipv6/conf/all/disable_ipv6", int(not v6))
		lines = ["link set lo up", "link set %s address %s mtu 1500" % (DEVICE, mac),
			"link set %s up" % DEVICE]
		for address in addresses:
			lines.append("addr add %s/%s dev %s%s" % (
				address, 64 if ":" in address else 24, DEVICE, " nodad" if ":" in address else ""))
		for address in peer_addresses:
			lines.append("neigh add %s lladdr %s dev %s nud permanent" % (
				address, peer_mac, DEVICE))
		self.ip(*lines)
		for name, value in sysctls.items():
			self.sysctl("net/ipv4/" + name, value)

	def ip(self, *lines):
		"""Runs commands of ip(8) in this namespace."""
		with self:
			done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True,
				capture_output=True, timeout=10)
		if done.returncode != 0:
			raise RuntimeError("ip: " + done.stderr.strip())

	def sysctl(self, name, value):
		with self, open("/proc/sys/" + name, "w") as file:
			file.write(str(value))

	def close(self):
		for fd in (self.tap, self.fd):
			with contextlib.suppress(OSError):
				os.close(fd)
