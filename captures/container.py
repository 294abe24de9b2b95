"""Writes what the tap saw as pcap (libpcap's format) or pcapng, and compresses it."""
import ctypes
import ctypes.util
import gzip
import struct

LINKTYPE_ETHERNET = 1
SNAPLEN = 65535


def pcap(packets, nanoseconds=False):
	"""The bytes of a pcap file; packets are (time in ns, frame)."""
	magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
	out = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, SNAPLEN, LINKTYPE_ETHERNET)]
	for time_ns, frame in packets:
		seconds, rest = divmod(time_ns, 10**9)
		out.append(struct.pack("<IIII", seconds, rest // unit, len(frame), len(frame)) + frame)
	return b"".join(out)


def block(kind, body):
	"""A pcapng block in big-endian order, body padded to four bytes."""
	body += b"\0" * (-len(body) % 4)
	length = struct.pack(">I", len(body) + 12)
	return struct.pack(">I", kind) + length + body + length


def option(code, value):
	return struct.pack(">HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def pcapng(packets):
	"""The bytes of a pcapng file, big-endian, with two interfaces: one in nanoseconds, one in units
	of 2^-20 s, which take turns."""
	out = [block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))]
	for name, resolution in ((b"wire0", 9), (b"wire1", 0x80 | 20)):
		options = option(2, name) + option(9, bytes([resolution])) + option(0, b"")
		out.append(block(1, struct.pack(">HHI", LINKTYPE_ETHERNET, 0, SNAPLEN) + options))
	for number, (time_ns, frame) in enumerate(packets):
		ticks = time_ns if number % 2 == 0 else (time_ns << 20) // 10**9
		head = struct.pack(">IIIII", number % 2, ticks >> 32, ticks & 0xFFFFFFFF, len(frame),
			len(frame))
		out.append(block(6, head + frame))
	return b"".join(out)


def zstd(data):
	"""One Zstandard frame, by the system's libzstd."""
	name = ctypes.util.find_library("zstd")
	if not name:
		raise RuntimeError("libzstd is needed to write .zst captures")
	lib = ctypes.CDLL(name)
	lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
	lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
	lib.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p,
		ctypes.c_size_t, ctypes.c_int]
	lib.ZSTD_isError.argtypes = [ctypes.c_size_t]
	out = ctypes.create_string_buffer(lib.ZSTD_compressBound(len(data)))
	size = lib.ZSTD_compress(out, len(out), data, len(data), 9)
	if lib.ZSTD_isError(size):
		raise RuntimeError("libzstd could not compress")
	return out.raw[:size]


KINDS = {  # of capture files: the end of the name, and what makes the bytes
	"pcap": ("pcap", pcap),
	"nanoseconds": ("pcap", lambda packets: pcap(packets, nanoseconds=True)),
	"pcapng": ("pcapng", pcapng),
	"gzip": ("pcap.gz", lambda packets: gzip.compress(pcap(packets), mtime=0)),
	"zstd": ("pcap.zst", lambda packets: zstd(pcap(packets))),
	"cut": ("pcap", lambda packets: pcap(packets)[:-9]),
}
