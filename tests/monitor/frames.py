"""Ethernet frames of a capture, put into tags and tunnels, and sent into a link.

    frames.py send INTERFACE CAPTURE
"""
import socket
import struct
import sys
import time

ETHERNET, IP4 = 14, 0x0800
OUTER_FROM, OUTER_TO = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])


def read(path):
    """(seconds, nanoseconds, bytes) of each packet of a little-endian pcap file."""
    data = open(path, "rb").read()
    magic, = struct.unpack_from("<I", data)
    scale = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    at, out = 24, []
    while at + 16 <= len(data):
        seconds, fraction, size, _ = struct.unpack_from("<IIII", data, at)
        out.append((seconds, fraction * scale, data[at + 16:at + 16 + size]))
        at += 16 + size
    return out


def write(path, packets):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for seconds, nanoseconds, data in packets:
            out.write(struct.pack("<IIII", seconds, nanoseconds, len(data), len(data)) + data)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(protocol, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, OUTER_FROM,
                       OUTER_TO)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(next_header, payload):
    return struct.pack(">IHBB", 6 << 28, len(payload), next_header, 64) + bytes(15) + b"\1" + \
        bytes(15) + b"\2" + payload


def udp(port, payload):
    return ip4(17, struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload)


def tagged(frame, *tags):
    return frame[:12] + b"".join(struct.pack(">HH", kind, tag) for kind, tag in tags) + frame[12:]


def carried(frame, ethertype, payload):
    return frame[:12] + struct.pack(">H", ethertype) + payload


WRAPPINGS = {
    "plain": lambda f: f,
    "tag": lambda f: tagged(f, (0x8100, 42)),
    "two tags": lambda f: tagged(f, (0x88A8, 100), (0x8100, 43)),
    "three tags": lambda f: tagged(f, (0x88A8, 101), (0x8100, 44), (0x8100, 45)),
    "vxlan": lambda f: carried(f, IP4, udp(4789, struct.pack(">II", 0x08000000, 99 << 8) + f)),
    "vxlan in a tag": lambda f: tagged(
        carried(f, IP4, udp(4789, struct.pack(">II", 0x08000000, 98 << 8) + f)), (0x8100, 46)),
    "geneve": lambda f: carried(f, IP4, udp(6081, struct.pack(">HHI", 0, 0x6558, 97 << 8) + f)),
    "gre": lambda f: carried(f, IP4, ip4(47, struct.pack(">HH", 0, IP4) + f[ETHERNET:])),
    "ipip": lambda f: carried(f, IP4, ip4(4, f[ETHERNET:])),
    "4in6": lambda f: carried(f, 0x86DD, ip6(4, f[ETHERNET:])),
    "mpls": lambda f: tagged(carried(f, 0x8847, struct.pack(">I", 16 << 12 | 0x140) + f[ETHERNET:]),
                             (0x8100, 47)),
}


def in_every_wrapping(packets):
    """One behind the other: at one time they would be duplicates of each other."""
    return [(s + 1000 * i, n, wrap(frame)) for i, wrap in enumerate(WRAPPINGS.values())
            for s, n, frame in packets]


def send(interface, path):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    for _, _, frame in read(path):
        out.send(frame)
        time.sleep(0.0005)


if __name__ == "__main__":
    send(sys.argv[2], sys.argv[3])
