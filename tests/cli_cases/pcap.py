"""Reads and writes pcap files: little-endian, microseconds, as the captures here are."""
import struct

HEADER_SIZE = 24
RECORD = struct.Struct("<IIII")  # seconds, microseconds, captured, on the wire
MAGIC = b"\xd4\xc3\xb2\xa1"


def split(data):
	"""(file header, records); a record is its header and its bytes."""
	assert data[:4] == MAGIC
	records, at = [], HEADER_SIZE
	while at < len(data):
		end = at + RECORD.size + RECORD.unpack_from(data, at)[2]
		records.append(data[at:end])
		at = end
	return data[:HEADER_SIZE], records


def read(path):
	with open(path, "rb") as file:
		return split(file.read())


def join(header, records):
	return header + b"".join(records)


def write(path, header, records):
	with open(path, "wb") as file:
		file.write(join(header, records))
	return path


def with_link_type(header, link_type):
	return header[:20] + struct.pack("<I", link_type)


def frame(record):
	return record[RECORD.size:]


def with_frame(record, data):
	seconds, micros, _, wire = RECORD.unpack_from(record)
	return RECORD.pack(seconds, micros, len(data), max(wire, len(data))) + data


def cut_to(record, size):
	"""The record as a capture with this snaplen holds it."""
	seconds, micros, captured, wire = RECORD.unpack_from(record)
	size = min(size, captured)
	return RECORD.pack(seconds, micros, size, wire) + frame(record)[:size]


def with_time(record, seconds, micros):
	_, _, captured, wire = RECORD.unpack_from(record)
	return RECORD.pack(seconds, micros, captured, wire) + frame(record)


def many(header, records, count, first_byte):
	"""The one connection of records (Ethernet, IPv4) count times: each a millisecond after the one
	before, its initiator's address one above; the addresses begin with first_byte."""
	first = RECORD.unpack_from(records[0])
	address = frame(records[0])[26:30]
	once = bytearray(b"".join(records))
	places, at = [], 0
	for record in records:
		seconds, micros, _, _ = RECORD.unpack_from(record)
		places.append((at, (seconds - first[0]) * 1000000 + micros))
		at += len(record)
	parts = [header]
	for number in range(count):
		for at, micros in places:
			micros += number * 1000
			struct.pack_into("<II", once, at, first[0] + micros // 1000000, micros % 1000000)
		mine = bytes([first_byte]) + struct.pack(">I", number + 1)[1:]
		parts.append(bytes(once).replace(address, mine))
	return b"".join(parts)


def write_many(path, header, records, count, first_byte):
	with open(path, "wb") as file:
		file.write(many(header, records, count, first_byte))
	return path
