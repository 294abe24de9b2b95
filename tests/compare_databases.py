#!/usr/bin/env python3
"""Do two databases tell the same of the same captures?

Compares what lastack says (recordings, teardowns, findings, timelines, ladders), whatever the ids, the
order of the rows and the way they are stored, and prints the first differences. For work on speed and
size: analyse with the program before and after, compare. Exit status 0: the same.

    tests/compare_databases.py before.db after.db
"""

import sqlite3
import sys

SHOWN = 10

RECORDINGS = """
    SELECT identity, joined, filter, msl_ns, idle_timeout_ns, stuck_ns, keep_duplicates,
           verify_checksums, segments, duplicates, connections, evicted, evicted_unanswered,
           evicted_ended, evicted_alive, peak_connections, fragments, datagrams_reassembled,
           fragments_expired, tunnelled, bad_options
    FROM recordings ORDER BY id"""

CAPTURES = """
    SELECT path, format, problem, opened, is_capture, file_bytes, interfaces, packets,
           packets_filtered_out, bytes, wire_bytes, backwards, first_ns, last_ns
    FROM captures ORDER BY id"""

DECODED = """
    SELECT r.identity, d.reason, d.packets
    FROM decode_counts AS d JOIN recordings AS r ON r.id = d.recording_id ORDER BY 1, 2"""

# Of one connection: all that is told beside its row, as text.
FINDINGS = """
    SELECT connection_id, code, severity, side, ts_ns, packet, count, detail
    FROM findings ORDER BY connection_id, ts_ns, packet, code, side, detail"""
TIMELINE = """
    SELECT connection_id, side, state, entry_ns, dwell_ns
    FROM timeline ORDER BY connection_id, position"""
LADDERS = """
    SELECT l.connection_id, c.first_packet, {isns}, hex(l.segments)
    FROM ladders AS l JOIN connections AS c ON c.id = l.connection_id ORDER BY 1"""
ISNS = "c.isns >> 32 & 4294967295, c.isns & 4294967295"
ISNS_BEFORE_7 = "c.isn_initiator & 4294967295, c.isn_responder & 4294967295"


def by_connection(db, sql):
    cursor = db.execute(sql)
    row = cursor.fetchone()

    def take(connection_id):
        nonlocal row
        rows = []
        while row is not None and row[0] == connection_id:
            rows.append(row[1:])
            row = cursor.fetchone()
        return tuple(rows)

    return take


def connections(db):
    version, = db.execute("PRAGMA user_version").fetchone()
    ladders = LADDERS.format(isns=ISNS if version >= 7 else ISNS_BEFORE_7)
    beside = [by_connection(db, sql) for sql in (FINDINGS, TIMELINE, ladders)]
    rows = []
    for row in db.execute("SELECT * FROM teardowns ORDER BY connection_id"):
        rows.append(repr((row[1:], *(take(row[0]) for take in beside))))
    rows.sort()
    return rows


def compare(name, one, other):
    if one == other:
        return True
    only_one, only_other = set(one) - set(other), set(other) - set(one)
    print(f"{name}: {len(one)} and {len(other)} rows, {len(only_one)} and {len(only_other)} differ")
    for mark, rows in (("-", only_one), ("+", only_other)):
        for row in sorted(rows)[:SHOWN]:
            print(mark, row)
    return False


def main(paths):
    one, other = (sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in paths)
    same = True
    for name, sql in (("recordings", RECORDINGS), ("captures", CAPTURES), ("decoded", DECODED)):
        same &= compare(name, *([repr(row) for row in db.execute(sql)] for db in (one, other)))
    same &= compare("connections", connections(one), connections(other))
    return 0 if same else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
