"""The expected row of the view `teardowns` for a connection, from how it was made to end.

row("four_way", "initiator", bytes_responder=3007) fills in what follows from the class of the
teardown (docs: the semantics of each column) and from the stage's usual exchange; what is given
wins. ANY takes a column out: it has no value known by construction.
"""
from stage import CLIENT, CLIENT_PORT, SERVER, SERVER_PORT

ANY = object()
INITIATOR, RESPONDER = "initiator", "responder"
SIDES = (INITIATOR, RESPONDER)
SECOND = 10**9

USUAL = {
	"initiator_ip": CLIENT, "initiator_port": CLIENT_PORT,
	"responder_ip": SERVER, "responder_port": SERVER_PORT,
	"vlan": None, "tunnel": None, "midstream": 0, "duplicates": 0,
	"bytes_initiator": 5, "bytes_responder": 7,
	"retransmitted_initiator": 0, "retransmitted_responder": 0,
	"missing_initiator": 0, "missing_responder": 0,
	"half_close_bytes": 0,
	"fin_check_initiator": "none", "fin_check_responder": "none",
	"time_wait_holder": "none", "time_wait_check": "not_applicable", "time_wait_restarts": 0,
	"reuse_delay_ns": None, "reuse_by": None, "reuse_rule": None, "reuse_answer": None,
	"rst_by": None, "rst_stage": None, "rst_cause": None, "rst_silence_ns": None,
	"rst_injected": 0, "rst_in_window": 0, "rst_out_of_window": 0,
}
NO_BYTES = {"bytes_initiator": 0, "bytes_responder": 0}
UNENDED = {"complete": 0, "end_reason": "capture_end"}
IN_HANDSHAKE = {**NO_BYTES, "complete": 1, "end_reason": "reset", "rst_stage": "syn"}
IMPLIED = {
	"refused": {**IN_HANDSHAKE, "rst_cause": "port_closed", "conn_state": "REJ"},
	"unanswered": {**NO_BYTES, **UNENDED, "conn_state": "S0"},
	"handshake_aborted": IN_HANDSHAKE,
	"handshake_incomplete": {**NO_BYTES, **UNENDED, "conn_state": "S1"},
	"half_closed": UNENDED,
	"fin_unanswered": UNENDED,
	"open": {**UNENDED, "conn_state": "S1"},
	"stray": NO_BYTES,
}
ORDERLY = ("four_way", "three_segment", "simultaneous")
RESETS = ("refused", "handshake_aborted", "rst_abort", "rst_after_fin")


def with_fin(columns, side, check):
	columns["fin_check_" + side] = check
	columns["fin_payload_" + side] = 0
	columns["fin_retransmissions_" + side] = 0


def implied(teardown, closer):
	"""The columns that a class of teardown and its closer bring with them."""
	columns = {"teardown": teardown, "closer": closer, **IMPLIED.get(teardown, {})}
	if teardown in ORDERLY:
		columns.update(complete=1, end_reason="closed", conn_state="SF", time_wait_holder=closer,
			time_wait_check="unverified")
		for side in SIDES:
			with_fin(columns, side, "ok")
	if teardown in ("half_closed", "fin_unanswered"):
		with_fin(columns, closer, "ok" if teardown == "half_closed" else "unverified")
		columns["conn_state"] = "S2" if closer == INITIATOR else "S3"
	if teardown in ("rst_abort", "rst_after_fin"):
		columns.update(complete=1, end_reason="reset")
	if teardown == "rst_abort":
		columns["conn_state"] = "RSTO" if closer == INITIATOR else "RSTR"
	if teardown == "rst_after_fin":
		with_fin(columns, closer, "ok")
	if teardown in RESETS:
		columns["rst_by"] = closer
		columns.update(rst_silence_ns=ANY, rst_cause=columns.get("rst_cause", ANY),
			rst_stage=columns.get("rst_stage", ANY))
	return columns


def row(teardown, closer="none", ranges=None, findings=(), no_findings=(), matches=None, **columns):
	"""An expected row. ranges: column to (least, most), seconds; matches: column to a regular
	expression; findings: codes that must be there; no_findings: codes that must not."""
	expected = {**USUAL, **implied(teardown, closer), **columns}
	expected = {name: value for name, value in expected.items() if value is not ANY}
	for name in (*(ranges or {}), *(matches or {})):
		expected.pop(name, None)
	made = {"columns": expected}
	if ranges:
		made["ranges"] = {name: [round(end * SECOND) for end in both]
			for name, both in ranges.items()}
	if matches:
		made["matches"] = matches
	if findings:
		made["findings"] = list(findings)
	made["no_findings"] = sorted(set(no_findings) | absent(expected, findings))
	return made


def absent(expected, findings):
	"""Findings that would contradict what was made: violations of an ok FIN, resets never sent."""
	codes = set()
	if "violated" not in (expected.get("fin_check_" + side) for side in SIDES):
		codes |= {"fin-not-consumed", "fin-over-acked", "fin-sender-not-advanced", "data-after-fin",
			"fin-moved", "fin-below-data"}
	if expected.get("rst_injected") == 0:
		codes.add("rst-injected")
	if expected.get("rst_in_window") == 0:
		codes.add("rst-in-window")
	if expected.get("rst_out_of_window") == 0:
		codes.add("rst-out-of-window")
	return codes - set(findings)


def measured(made, stage):
	"""Adds to the one row of a capture what the relay counted: packets, times, and where each FIN
	lies when all the bytes before it are known (ISN + 1 + bytes)."""
	columns = made["columns"]
	seen = stage.relay.segments
	times = stage.relay.segments_ns
	if not columns.get("duplicates"):
		times = [t for t, _ in stage.relay.captured]
	ranges = made.setdefault("ranges", {})
	ranges["first_ns"] = [min(times) - 1000, min(times) + 1000]
	ranges["last_ns"] = [max(times) - 1000, max(times) + 1000]
	for side, from_a in ((INITIATOR, True), (RESPONDER, False)):
		sent = [s for a, s in seen if a == from_a]
		columns.setdefault("packets_" + side, len(sent))
		isn = next((s.seq for s in sent if "S" in s.token()), None)
		size = columns.get("bytes_" + side)
		if columns.get("fin_check_" + side, "none") == "none":
			continue
		if isn is not None and size is not None:
			columns.setdefault("fin_seq_" + side, (isn + 1 + size) % 2**32)
